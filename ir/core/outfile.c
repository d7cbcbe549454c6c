#include "ir/core/outfile.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *copy_of(const char *s, const char *suffix) {
  size_t n = strlen(s) + strlen(suffix) + 1;
  char *r = xmalloc(n);
  snprintf(r, n, "%s%s", s, suffix);
  return r;
}

bool outfile_open(OutFile *o, const char *path, Diag *d) {
  *o = (OutFile){0};
  struct stat st;
  bool to_stdout = !strcmp(path, "-");
  if (to_stdout) {
    o->file = stdout;
  } else if (!stat(path, &st) && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
    o->file = fopen(path, "wb"); // a device or pipe cannot be replaced
  } else {
    char suffix[32];
    snprintf(suffix, sizeof suffix, ".tmp%ld", (long)getpid());
    o->temporary = copy_of(path, suffix);
    int fd = open(o->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd >= 0 && !(o->file = fdopen(fd, "wb"))) close(fd);
  }
  if (!o->file) {
    diag_error_file(d, path, "cannot be written: %s", strerror(errno));
    free(o->temporary);
    return false;
  }
  o->path = copy_of(to_stdout ? "stdout" : path, "");
  return true;
}

static void forget(OutFile *o) {
  free(o->path);
  free(o->temporary);
  *o = (OutFile){0};
}

static bool close_file(OutFile *o) {
  bool ok = !ferror(o->file) && !fflush(o->file);
  int error = errno;
  if (o->file != stdout && fclose(o->file) && ok) ok = false, error = errno;
  errno = error;
  return ok;
}

bool outfile_commit(OutFile *o, Diag *d) {
  bool ok = close_file(o) && (!o->temporary || !rename(o->temporary, o->path));
  if (!ok) {
    diag_error_file(d, o->path, "cannot be written: %s", strerror(errno));
    if (o->temporary) unlink(o->temporary);
  }
  forget(o);
  return ok;
}

void outfile_abandon(OutFile *o) {
  if (!o->file) return;
  close_file(o);
  if (o->temporary) unlink(o->temporary);
  forget(o);
}

bool outfile_write(const char *path, const char *bytes, size_t size, Diag *d) {
  OutFile o;
  if (!outfile_open(&o, path, d)) return false;
  if (size) fwrite(bytes, 1, size, o.file); // an error stays in the stream until commit
  return outfile_commit(&o, d);
}
