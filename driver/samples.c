#include "driver/samples.h"
#include "driver/build.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

// ---- classes

// The class that a text names: by the model's name for it, else by its number. -1: none.
static int64_t class_of(const SampleClasses *c, const char *text) {
  for (int64_t i = 0; c->names && i < c->n; i++)
    if (!strcmp(c->names[i], text)) return i;
  char *end;
  errno = 0;
  long long v = strtoll(text, &end, 10);
  bool number = end != text && !*end && !errno && isdigit((unsigned char)*text);
  return number && v >= 0 && v < (c->n ? c->n : INT32_MAX) ? v : -1;
}

// ---- folders

typedef Vec(char *) Names;

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void free_names(Names *names) {
  for (size_t i = 0; i < names->len; i++) free(names->data[i]);
  vec_free(names);
}

static bool is_folder(const char *path) {
  struct stat st;
  return !stat(path, &st) && S_ISDIR(st.st_mode);
}

// The pictures, or the folders, of a folder, as whole paths in order of their names.
static bool list_folder(const char *path, bool folders, Names *out, Diag *d) {
  DIR *dir = opendir(path);
  if (!dir) return diag_error_file(d, path, "cannot be read: %s", strerror(errno)), false;
  for (struct dirent *e; (e = readdir(dir));) {
    char *whole;
    if (*e->d_name == '.' || (!folders && !image_is_picture(e->d_name))) continue;
    if (asprintf(&whole, "%s%s%s", path, build_has_suffix(path, "/") ? "" : "/", e->d_name) < 0) abort();
    if (is_folder(whole) == folders)
      vec_push(out, whole);
    else
      free(whole);
  }
  closedir(dir);
  if (out->len) qsort(out->data, out->len, sizeof *out->data, by_name);
  return true;
}

static const char *last_part(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

// The class of each folder: those whose names say it, else, where there are as many as classes, those of their order.
static bool folder_classes(const Names *folders, const SampleClasses *c, int64_t *classes, const char *path, Diag *d) {
  const char *unknown = NULL;
  for (size_t i = 0; i < folders->len; i++) {
    classes[i] = class_of(c, last_part(folders->data[i]));
    if (classes[i] < 0 && !unknown) unknown = last_part(folders->data[i]);
  }
  if (!unknown) return true;
  if (!c->n || (int64_t)folders->len == c->n) {
    for (size_t i = 0; i < folders->len; i++) classes[i] = (int64_t)i;
    return true;
  }
  diag_error_file(d, path,
                  "its folder `%s` is no class of the model, and there are %zu folders for %lld classes, so that their "
                  "order does not say either",
                  unknown, folders->len, (long long)c->n);
  return false;
}

static bool take_classes(Samples *s, const char *path, const Names *folders, const SampleClasses *c, Diag *d) {
  int64_t *classes = xcalloc(folders->len + 1, sizeof *classes);
  bool ok = folder_classes(folders, c, classes, path, d);
  for (size_t i = 0; ok && i < folders->len; i++) {
    Names pictures = {0};
    ok = list_folder(folders->data[i], false, &pictures, d);
    for (size_t k = 0; k < pictures.len; k++)
      vec_push(&s->list, (Sample){.path = pictures.data[k], .label = classes[i]});
    vec_free(&pictures);
  }
  free(classes);
  return ok;
}

static bool take_folder(Samples *s, const char *path, const SampleClasses *c, Diag *d) {
  Names pictures = {0}, folders = {0};
  bool ok = list_folder(path, false, &pictures, d);
  for (size_t k = 0; k < pictures.len; k++) vec_push(&s->list, (Sample){.path = pictures.data[k], .label = -1});
  if (ok && !pictures.len) ok = list_folder(path, true, &folders, d) && take_classes(s, path, &folders, c, d);
  if (ok && !s->list.len) {
    diag_error_file(d, path, "holds no .png, .jpg or .jpeg, nor folders of them");
    ok = false;
  }
  free_names(&folders);
  vec_free(&pictures);
  return ok;
}

// ---- arrays

// The first of these arrays that there is, by the names that people give them.
static const char *const row_names[] = {"x", "pictures", "images", NULL}, *const label_names[] = {"y", "labels", NULL};

static const ArchiveEntry *find_any(const Archive *a, const char *const *names) {
  const ArchiveEntry *e = NULL;
  for (; *names && !e; names++) e = archive_find(a, *names);
  return e;
}

static int64_t row_elements(const Samples *s) {
  int64_t n = 1;
  for (int i = 1; i < s->rank; i++) n *= s->dims[i];
  return n;
}

// Of u8 [N, ...]: where the channels of a row lie.
static bool row_format(const Samples *s, int64_t *height, int64_t *width, int64_t *channels, bool *planes) {
  bool last = s->rank == 4 && (s->dims[3] == 1 || s->dims[3] == 3);
  *planes = s->rank == 4 && !last;
  *channels = s->rank == 3 ? 1 : s->dims[*planes ? 1 : 3];
  *height = s->dims[*planes ? 2 : 1];
  *width = s->dims[*planes ? 3 : 2];
  return *channels == 1 || *channels == 3;
}

static bool check_rows(const Samples *s, const char *path, const ArchiveEntry *x, Diag *d) {
  int64_t h, w, c;
  bool planes;
  StrBuf type = {0};
  archive_print_type(x, &type);
  bool ok = s->dtype == DT_F32 ? s->rank >= 1
                               : (s->rank == 3 || s->rank == 4) && row_format(s, &h, &w, &c, &planes) &&
                                     h <= IMAGE_MAX_SIDE && w <= IMAGE_MAX_SIDE && h * w <= IMAGE_MAX_PIXELS;
  if (!ok)
    diag_error_file(
        d, path,
        "`%s` is %s: neither pictures (u8, [N, H, W], [N, H, W, C] or [N, C, H, W] with 1 or 3 channels) nor "
        "rows of floats",
        *x->name ? x->name : "x", strbuf_str(&type));
  strbuf_free(&type);
  return ok;
}

static bool take_labels(Samples *s, const char *path, Archive *a, const SampleClasses *c, Diag *d) {
  const ArchiveEntry *y = find_any(a, label_names);
  if (!y) return true;
  if (y->unsupported || dtype_is_float(y->dtype) || y->rank != 1 || y->dims[0] != s->dims[0]) {
    diag_error_file(d, path, "`%s` must be whole numbers, one for each of the %lld pictures or inputs", y->name,
                    (long long)s->dims[0]);
    return false;
  }
  Blob *b = archive_blob(a, y, d);
  bool ok = b;
  for (size_t i = 0; ok && i < s->list.len; i++) {
    int64_t label = (int64_t)dtype_load(y->dtype, b->data, (int64_t)i);
    ok = label >= 0 && label < (c->n ? c->n : INT32_MAX);
    if (!ok)
      diag_error_file(d, path, "`%s` has the class %lld, which the model does not know", y->name, (long long)label);
    s->list.data[i].label = label;
  }
  blob_unref(b);
  return ok;
}

static bool take_archive(Samples *s, const char *path, const SampleClasses *c, Diag *d) {
  Archive *a = archive_open(path, d);
  if (!a) return false;
  const ArchiveEntry *x = find_any(a, row_names);
  if (!x && a->entries.len == 1 && !*a->entries.data[0].name) x = &a->entries.data[0]; // an npy file
  if (!x) diag_error_file(d, path, "holds no array `x` of pictures or of inputs (and `y` of their labels)");
  bool ok = x;
  if (ok) {
    s->dtype = !x->unsupported && dtype_is_float(x->dtype) ? DT_F32 : DT_U8;
    s->rank = x->rank;
    for (int i = 0; i < x->rank; i++) s->dims[i] = x->dims[i];
    if (s->dtype == DT_U8 && (x->unsupported || x->dtype != DT_U8)) s->rank = 0; // which check_rows refuses
    ok = check_rows(s, path, x, d);
  }
  s->array = ok ? archive_blob_as(a, x, s->dtype, d) : NULL;
  ok = ok && s->array;
  for (int64_t i = 0; ok && i < s->dims[0]; i++) vec_push(&s->list, (Sample){.row = i, .label = -1});
  ok = ok && take_labels(s, path, a, c, d);
  archive_unref(a);
  return ok;
}

// ---- a text of labels

// Cuts "name label" at the first tab, else at the first space. NULL: there is no label.
static char *cut(char *line) {
  char *at = strchr(line, '\t');
  if (!at) at = strchr(line, ' ');
  if (!at) return NULL;
  *at++ = 0;
  while (*at == ' ' || *at == '\t') at++;
  return *at ? at : NULL;
}

static bool apply_labels(Samples *s, const char *path, const SampleClasses *c, Diag *d) {
  size_t size;
  char *text = build_read_text(path, &size, d), *save = NULL;
  if (!text) return false;
  Names lines = {0}; // of those that are right, cut in two
  bool ok = true;
  int number = 0;
  for (char *line = text; line && *line; line = save) {
    save = strchr(line, '\n');
    if (save) *save++ = 0;
    number++;
    size_t n = strlen(line);
    while (n && (line[n - 1] == '\r' || line[n - 1] == ' ')) line[--n] = 0;
    if (!n || *line == '#') continue;
    char *label = cut(line);
    if (label && class_of(c, label) >= 0) {
      vec_push(&lines, line);
      continue;
    }
    if (label)
      diag_error_file(d, path, "line %d: `%s` is no class of the model", number, label);
    else
      diag_error_file(d, path, "line %d: a line is the name of a picture, a space and its label, not `%s`", number,
                      line);
    ok = false;
  }
  if (lines.len) qsort(lines.data, lines.len, sizeof *lines.data, by_name);
  for (size_t i = 0; ok && i < s->list.len; i++) {
    Sample *sample = &s->list.data[i];
    const char *name = sample->path ? last_part(sample->path) : NULL;
    char **found = name && lines.len ? bsearch(&name, lines.data, lines.len, sizeof *lines.data, by_name) : NULL;
    if (!found) {
      StrBuf what = {0};
      samples_name(s, i, &what);
      diag_error_file(d, path, "has no label for `%s`", strbuf_str(&what));
      strbuf_free(&what);
      ok = false;
    } else {
      const char *label = *found + strlen(*found) + 1;
      while (*label == ' ' || *label == '\t') label++;
      sample->label = class_of(c, label);
    }
  }
  vec_free(&lines);
  free(text);
  return ok;
}

// ---- opening

bool samples_open(Samples *s, const char *data, const char *labels, const SampleClasses *classes, Diag *d) {
  *s = (Samples){0};
  bool ok;
  if (is_folder(data)) {
    ok = take_folder(s, data, classes, d);
  } else if (image_is_picture(data)) {
    vec_push(&s->list, (Sample){.path = strdup(data), .label = -1});
    ok = true;
  } else {
    ok = take_archive(s, data, classes, d);
  }
  ok = ok && (!labels || apply_labels(s, labels, classes, d));
  if (ok && !s->list.len) {
    diag_error_file(d, data, "there is nothing in it");
    ok = false;
  }
  s->labelled = ok;
  for (size_t i = 0; i < s->list.len; i++) s->labelled = s->labelled && s->list.data[i].label >= 0;
  return ok;
}

void samples_close(Samples *s) {
  for (size_t i = 0; i < s->list.len; i++) free(s->list.data[i].path);
  vec_free(&s->list);
  blob_unref(s->array);
  *s = (Samples){0};
}

void samples_limit(Samples *s, size_t n) {
  size_t all = s->list.len;
  if (n >= all) return;
  for (size_t i = 0, next = 0; i < all; i++) {
    bool kept = next < n && i == next * all / n;
    if (kept)
      s->list.data[next++] = s->list.data[i];
    else
      free(s->list.data[i].path);
  }
  s->list.len = n;
}

void samples_part(Samples *s, size_t n, Samples *other) {
  *other = *s;
  other->list.data = NULL, other->list.len = other->list.cap = 0;
  if (s->array) s->array->refs++;
  size_t kept = 0;
  for (size_t i = 0; i < s->list.len; i++)
    if (i % n == n - 1)
      vec_push(&other->list, s->list.data[i]);
    else
      s->list.data[kept++] = s->list.data[i];
  s->list.len = kept;
}

void samples_hold_out(Samples *s, size_t n, Samples *held) {
  enum { MOST = 1024 };
  samples_limit(s, MOST);
  samples_part(s, n, held);
}

void samples_copy(Samples *to, const Samples *from, size_t n) {
  *to = *from;
  to->list.data = NULL, to->list.len = to->list.cap = 0;
  if (to->array) to->array->refs++;
  for (size_t i = 0; i < from->list.len; i += n) {
    Sample copy = from->list.data[i];
    if (copy.path) copy.path = xstrdup(copy.path);
    vec_push(&to->list, copy);
  }
}

void samples_repeat(Samples *s, size_t n) {
  Samples all = *s;
  s->list.data = NULL, s->list.len = s->list.cap = 0;
  for (size_t i = 0; i < all.list.len; i++)
    for (size_t k = 0; k < n; k++) {
      Sample copy = all.list.data[i];
      if (k && copy.path) copy.path = strdup(copy.path);
      vec_push(&s->list, copy);
    }
  vec_free(&all.list);
}

// ---- each

bool samples_are_pictures(const Samples *s) { return !s->array || s->dtype == DT_U8; }

static void picture_of_row(const Samples *s, int64_t row, Image *im) {
  int64_t h, w, c;
  bool planes;
  row_format(s, &h, &w, &c, &planes);
  *im = (Image){(int)w, (int)h, (int)c, xmalloc((size_t)(h * w * c))};
  const uint8_t *from = (const uint8_t *)s->array->data + row * row_elements(s);
  for (int64_t i = 0; i < h * w; i++)
    for (int64_t k = 0; k < c; k++) im->pixels[i * c + k] = from[planes ? k * h * w + i : i * c + k];
}

bool samples_picture(const Samples *s, size_t i, Image *im, Diag *d) {
  const Sample *sample = &s->list.data[i];
  if (sample->path) return image_read(sample->path, im, d);
  picture_of_row(s, sample->row, im);
  return true;
}

const float *samples_row(const Samples *s, size_t i) {
  return (const float *)s->array->data + s->list.data[i].row * row_elements(s);
}

void samples_name(const Samples *s, size_t i, StrBuf *out) {
  const Sample *sample = &s->list.data[i];
  if (sample->path)
    strbuf_puts(out, last_part(sample->path));
  else
    strbuf_printf(out, "x[%lld]", (long long)sample->row);
}
