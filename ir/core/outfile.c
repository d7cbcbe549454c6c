#include "ir/core/outfile.h"
#include "ir/core/temporary.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// Where a link leads, which then stays a link: "-o /dev/stdout" must not replace that.
static char *real_path(const char *path) {
  char *real = realpath(path, NULL);
  if (!real && errno == ENOMEM) out_of_memory();
  return real ? real : xstrdup(path);
}

static void forget(OutFile *o) {
  free(o->path);
  free(o->target);
  free(o->temporary);
  *o = (OutFile){0};
}

static void drop(OutFile *o, Diag *d) {
  if (o->temporary && !temporary_remove(o->temporary))
    diag_warning_file(d, o->temporary, "cannot be removed: %s", strerror(errno));
  forget(o);
}

static bool fail(OutFile *o, int error, Diag *d) {
  diag_error_file(d, o->path, "cannot be written: %s", strerror(error));
  drop(o, d);
  return false;
}

// The temporary file; NULL, and errno, where there is none.
static FILE *create(const char *path) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
  FILE *file = fd >= 0 ? fdopen(fd, "wb") : NULL;
  int error = errno;
  if (fd >= 0 && !file) close(fd);
  errno = error;
  return file;
}

bool outfile_open(OutFile *o, const char *path, Diag *d) {
  struct stat st;
  bool to_stdout = !strcmp(path, "-");
  *o = (OutFile){.path = xstrdup(to_stdout ? "stdout" : path)};
  if (to_stdout) {
    o->file = stdout;
  } else if (!stat(path, &st) && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
    o->file = fopen(path, "wb"); // a device or pipe cannot be replaced
  } else {
    o->target = real_path(path);
    o->temporary = xprintf("%s.tmp%ld", o->target, (long)getpid());
    temporary_add(o->temporary);
    o->file = create(o->temporary);
  }
  return o->file || fail(o, errno, d);
}

static bool close_file(OutFile *o) {
  bool ok = !ferror(o->file) && !fflush(o->file);
  int error = errno;
  if (o->file != stdout && fclose(o->file) && ok) ok = false, error = errno;
  errno = error;
  return ok;
}

bool outfile_commit(OutFile *o, Diag *d) {
  if (!close_file(o) || (o->temporary && rename(o->temporary, o->target))) return fail(o, errno, d);
  if (o->temporary) temporary_forget(o->temporary);
  forget(o);
  return true;
}

void outfile_abandon(OutFile *o, Diag *d) {
  if (!o->file) return;
  close_file(o);
  drop(o, d);
}

bool outfile_write(const char *path, const char *bytes, size_t size, Diag *d) {
  OutFile o;
  if (!outfile_open(&o, path, d)) return false;
  if (size) fwrite(bytes, 1, size, o.file); // an error stays in the stream until commit
  return outfile_commit(&o, d);
}
