#include "frontend/weights/mapped.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static Mapped *fail(Diag *d, const char *name, const char *why) {
  diag_error_file(d, name, "cannot be read: %s", why);
  return NULL;
}

// Takes the descriptor over.
static Mapped *map(int fd, const char *name, Diag *d) {
  struct stat st;
  if (fstat(fd, &st)) {
    int error = errno;
    close(fd);
    return fail(d, name, strerror(error));
  }
  if (!S_ISREG(st.st_mode)) {
    close(fd);
    return fail(d, name, S_ISDIR(st.st_mode) ? "it is a folder" : "it is not a regular file");
  }
  void *p = "";
  if (st.st_size) p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
  int error = errno;
  close(fd);
  if (p == MAP_FAILED) return fail(d, name, strerror(error));
  Mapped *m = xmalloc(sizeof *m);
  *m = (Mapped){1, p, (size_t)st.st_size};
  return m;
}

Mapped *mapped_open(const char *path, Diag *d) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a named pipe must not make us wait
  return fd < 0 ? fail(d, path, strerror(errno)) : map(fd, path, d);
}

Mapped *mapped_open_beneath(const char *dir, const char *file, Diag *d) {
  if (file[0] == '/') return fail(d, file, "a model may only name files below its own folder");
  int at = open(*dir ? dir : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  const char *s = file;
  while (at >= 0) {
    char part[256];
    size_t n = strcspn(s, "/");
    if ((n == 2 && s[0] == '.' && s[1] == '.') || n >= sizeof part) {
      close(at);
      return fail(d, file, "a model may only name files below its own folder");
    }
    memcpy(part, n ? s : ".", n ? n : 1);
    part[n ? n : 1] = 0;
    bool last = !s[n];
    int next = openat(at, part, (last ? O_RDONLY | O_NONBLOCK : O_PATH | O_DIRECTORY) | O_NOFOLLOW | O_CLOEXEC);
    int error = errno;
    close(at);
    errno = error;
    at = next;
    if (last) break;
    s += n + 1;
  }
  if (at < 0) return fail(d, file, errno == ELOOP ? "it is a symbolic link" : strerror(errno));
  return map(at, file, d);
}

Mapped *mapped_ref(Mapped *m) {
  m->refs++;
  return m;
}

void mapped_unref(Mapped *m) {
  if (!m || --m->refs) return;
  if (m->size) munmap((void *)m->data, m->size);
  free(m);
}

static void release(Blob *b) { mapped_unref(b->owner); }

// Whole pages: others may have neighbours in use.
static void rest(Blob *b) {
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = ((uintptr_t)b->data + page - 1) & ~(page - 1),
            end = ((uintptr_t)b->data + b->size) & ~(page - 1);
  if (begin < end) madvise((void *)begin, end - begin, MADV_DONTNEED);
}

Blob *mapped_blob(Mapped *m, const void *data, size_t size) {
  Blob *b = xcalloc(1, sizeof *b);
  *b = (Blob){.refs = 1, .data = data, .size = size, .release = release, .rest = rest, .owner = mapped_ref(m)};
  return b;
}
