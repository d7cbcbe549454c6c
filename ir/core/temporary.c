#include "ir/core/temporary.h"
#include "ir/core/check.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SLOTS = 8 }; // a library to load, an output, a folder for the linker

static _Atomic(const char *) paths[SLOTS];
static _Atomic(pid_t) child, ending; // `ending`: the thread that ends the process

void temporary_add(const char *path) {
  for (int i = 0; i < SLOTS; i++) {
    const char *none = NULL;
    if (atomic_compare_exchange_strong(&paths[i], &none, path)) return;
  }
  UNREACHABLE("more than %d temporary files: %s", SLOTS, path);
}

void temporary_forget(const char *path) {
  for (int i = 0; i < SLOTS; i++) {
    const char *found = path;
    if (atomic_compare_exchange_strong(&paths[i], &found, NULL)) return;
  }
}

// Without opendir, which allocates.
static bool remove_folder(const char *path) {
  _Alignas(struct dirent64) char entries[2048];
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  for (ssize_t n; fd >= 0 && (n = getdents64(fd, entries, sizeof entries)) > 0;)
    for (ssize_t at = 0; at < n; at += ((struct dirent64 *)(entries + at))->d_reclen) {
      const char *name = ((struct dirent64 *)(entries + at))->d_name;
      if (strcmp(name, ".") && strcmp(name, "..")) unlinkat(fd, name, 0);
    }
  if (fd >= 0) close(fd);
  return !rmdir(path);
}

static bool remove_path(const char *path) { return !unlink(path) || (errno == EISDIR && remove_folder(path)); }

bool temporary_remove(const char *path) {
  bool removed = remove_path(path) || errno == ENOENT;
  temporary_forget(path);
  return removed;
}

void temporary_child(pid_t pid) { atomic_store(&child, pid); }

void temporary_end(void) {
  pid_t first = 0, self = gettid();
  if (!atomic_compare_exchange_strong(&ending, &first, self) && first != self)
    for (;;) pause(); // else this thread would end the process before the first one is done
  pid_t running = atomic_exchange(&child, 0);
  if (running > 0 && !kill(running, SIGTERM)) waitpid(running, NULL, 0);
  for (int i = 0; i < SLOTS; i++) {
    const char *path = atomic_exchange(&paths[i], NULL);
    if (path) remove_path(path);
  }
}
