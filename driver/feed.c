#include "driver/feed.h"
#include "driver/build.h"
#include "driver/image.h"
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static int find_input(const Loaded *l, const char *name, size_t n) {
  for (int i = 0; i < l->info->n_inputs; i++)
    if (strlen(l->info->inputs[i].name) == n && !strncmp(l->info->inputs[i].name, name, n)) return i;
  return -1;
}

static bool take(Feed *f, int input, Archive *a, const ArchiveEntry *e, Diag *d) {
  const nncc_tensor_info *t = &f->loaded->info->inputs[input];
  DType wanted = loaded_dtype(t);
  bool narrows = e->dtype == DT_F64 && wanted == DT_F32; // numpy's own type of numbers
  if (!e->unsupported && e->dtype != wanted && !narrows) {
    diag_error_file(d, a->name, "input `%s` is of type %s, but this array of %s", t->name, dtype_name(wanted),
                    dtype_name(e->dtype));
    return false;
  }
  if (!loaded_bind(f->loaded, t, a->name, e->rank, e->dims, f->dims, d)) return false;
  blob_unref(f->arrays[input]);
  f->arrays[input] = archive_blob_as(a, e, wanted, d);
  return f->arrays[input];
}

// A lone array without a name is for `input`, or for the only input there is.
static bool take_archive(Feed *f, const char *path, int input, Diag *d) {
  Archive *a = archive_open(path, d);
  if (!a) return false;
  const nncc_model_info *info = f->loaded->info;
  bool ok = true;
  int found = 0;
  if (input < 0 && info->n_inputs == 1 && a->entries.len == 1 && !*a->entries.data[0].name) input = 0;
  bool lone = input >= 0 && a->entries.len == 1;
  if (lone) {
    ok = take(f, input, a, &a->entries.data[0], d);
    found++;
  }
  for (int i = 0; ok && !lone && i < info->n_inputs; i++) {
    const ArchiveEntry *e = archive_find(a, info->inputs[i].name);
    if (!e || (input >= 0 && i != input)) continue;
    ok = take(f, i, a, e, d);
    found++;
  }
  if (ok && !found) {
    const char *wanted = info->n_inputs ? info->inputs[input > 0 ? input : 0].name : "";
    if (a->entries.len == 1 && !*a->entries.data[0].name)
      diag_error_file(d, path, "say which input it is for: --input %s=%s", wanted, path);
    else
      diag_error_file(d, path, "holds no array named after an input, such as `%s`", wanted);
  }
  archive_unref(a);
  return ok && found;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static bool take_folder(Feed *f, const char *path, Diag *d) {
  DIR *dir = opendir(path);
  if (!dir) return diag_error_file(d, path, "cannot be read: %s", strerror(errno)), false;
  size_t first = f->pictures.len;
  struct dirent *e;
  while (errno = 0, (e = readdir(dir)))
    if (image_is_picture(e->d_name)) vec_push(&f->pictures, xprintf("%s/%s", path, e->d_name));
  int error = errno;
  closedir(dir);
  if (error) return diag_error_file(d, path, "cannot be read: %s", strerror(error)), false;
  size_t n = f->pictures.len - first;
  if (n)
    qsort(f->pictures.data + first, n, sizeof(char *), by_name);
  else
    diag_error_file(d, path, "holds no .png, .jpg or .jpeg");
  return n;
}

static bool take_arg(Feed *f, const char *arg, Diag *d) {
  const char *equals = strchr(arg, '=');
  int input = equals ? find_input(f->loaded, arg, (size_t)(equals - arg)) : -1;
  const char *path = input >= 0 ? equals + 1 : arg;
  struct stat st;
  if (!stat(path, &st) && S_ISDIR(st.st_mode)) return take_folder(f, path, d);
  if (!image_is_picture(path)) return take_archive(f, path, input, d);
  vec_push(&f->pictures, xstrdup(path));
  return true;
}

bool feed_open(Feed *f, const Loaded *l, const char *const *args, size_t n, Diag *d) {
  *f = (Feed){.loaded = l};
  f->arrays = xcalloc((size_t)l->info->n_inputs + 1, sizeof *f->arrays);
  f->dims = xcalloc((size_t)l->info->n_dims + 1, sizeof *f->dims);
  bool ok = true;
  for (size_t i = 0; i < n; i++) ok = take_arg(f, args[i], d) && ok;
  return ok;
}

bool feed_take_named(Feed *f, Archive *a, Diag *d) {
  bool ok = true;
  for (int i = 0; i < f->loaded->info->n_inputs; i++) {
    const ArchiveEntry *e = archive_find(a, f->loaded->info->inputs[i].name);
    if (e && !f->arrays[i]) ok = take(f, i, a, e, d) && ok;
  }
  return ok;
}

int feed_missing(const Feed *f, int except) {
  for (int i = 0; i < f->loaded->info->n_inputs; i++)
    if (!f->arrays[i] && i != except) return i;
  return -1;
}

void feed_close(Feed *f) {
  for (int i = 0; f->arrays && i < f->loaded->info->n_inputs; i++) blob_unref(f->arrays[i]);
  for (size_t i = 0; i < f->pictures.len; i++) free(f->pictures.data[i]);
  vec_free(&f->pictures);
  free(f->arrays);
  free(f->dims);
  *f = (Feed){0};
}
