#include "frontend/weights/archive.h"
#include "frontend/weights/formats.h"
#include "ir/core/check.h"
#include <string.h>
#include <zlib.h>

bool archive_fail(const Archive *a, Diag *d, const char *fmt, ...) {
  StrBuf b = {0};
  va_list ap;
  va_start(ap, fmt);
  strbuf_vprintf(&b, fmt, ap);
  va_end(ap);
  diag_error_file(d, a->name, "%s", strbuf_str(&b));
  strbuf_free(&b);
  return false;
}

int64_t archive_elements(const ArchiveEntry *e) {
  int64_t n = 1;
  for (int i = 0; i < e->rank; i++)
    if (!checked_mul(n, e->dims[i], &n)) return -1;
  return n <= MAX_ELEMENTS ? n : -1;
}

bool archive_fits(const ArchiveEntry *e) {
  int64_t n = archive_elements(e), needed = n;
  if (n < 0 || e->skip > e->size) return false;
  if (e->strided && n) {
    needed = 1; // up to the last element
    for (int i = 0; i < e->rank; i++) {
      int64_t way;
      if (e->strides[i] < 0 || !checked_mul(e->dims[i] - 1, e->strides[i], &way) || !checked_add(needed, way, &needed))
        return false;
    }
  }
  return (uint64_t)needed <= (e->size - e->skip) / dtype_size(e->dtype);
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const ArchiveEntry *)a)->name, ((const ArchiveEntry *)b)->name);
}

static bool read_zip(Archive *a, Diag *d) {
  ZipMembers members = {0};
  bool ok =
      zip_read(a, &members, d) && (torch_is_zip(&members) ? torch_zip_read(a, &members, d) : npz_read(a, &members, d));
  vec_free(&members);
  return ok;
}

static bool read_entries(Archive *a, Diag *d) {
  const uint8_t *p = a->file->data;
  size_t n = a->file->size;
  bool zip = n >= 4 && (!memcmp(p, "PK\3\4", 4) || !memcmp(p, "PK\5\6", 4));
  bool npy = n >= 6 && !memcmp(p, "\x93NUMPY", 6);
  if (!(zip                     ? read_zip(a, d)
        : npy                   ? npy_read(a, d)
        : torch_is_legacy(p, n) ? torch_legacy_read(a, d)
                                : safetensors_read(a, d)))
    return false;
  if (a->entries.len) qsort(a->entries.data, a->entries.len, sizeof *a->entries.data, by_name);
  for (size_t i = 1; i < a->entries.len; i++)
    if (!by_name(&a->entries.data[i - 1], &a->entries.data[i]))
      return archive_fail(a, d, "holds `%s` twice", a->entries.data[i].name);
  return true;
}

static Archive *open_mapped(Mapped *file, const char *name, Diag *d) {
  if (!file) return NULL;
  Archive *a = xcalloc(1, sizeof *a);
  *a = (Archive){.refs = 1, .arena = arena_create(), .file = file};
  a->name = arena_strdup(a->arena, name);
  if (read_entries(a, d)) return a;
  archive_unref(a);
  return NULL;
}

Archive *archive_open(const char *path, Diag *d) { return open_mapped(mapped_open(path, d), path, d); }

Archive *archive_open_beneath(const char *dir, const char *file, Diag *d) {
  return open_mapped(mapped_open_beneath(dir, file, d), file, d);
}

void archive_unref(Archive *a) {
  if (!a || --a->refs) return;
  mapped_unref(a->file);
  vec_free(&a->entries);
  arena_destroy(a->arena);
  free(a);
}

const ArchiveEntry *archive_find(const Archive *a, const char *name) {
  ArchiveEntry key = {.name = name};
  return a->entries.len ? bsearch(&key, a->entries.data, a->entries.len, sizeof key, by_name) : NULL;
}

void archive_print_type(const ArchiveEntry *e, StrBuf *out) {
  strbuf_printf(out, "%s[", e->unsupported ? e->unsupported : dtype_name(e->dtype));
  for (int i = 0; i < e->rank; i++) strbuf_printf(out, "%s%lld", i ? ", " : "", (long long)e->dims[i]);
  strbuf_putc(out, ']');
}

static void release_memory(Blob *b) { free(b->owner); }

static Blob *wrap(const void *data, size_t size, void *owner) {
  Blob *b = xcalloc(1, sizeof *b);
  *b = (Blob){.refs = 1, .data = data, .size = size, .release = release_memory, .owner = owner};
  return b;
}

// Row-major ones unless the file says otherwise.
static void strides_of(const ArchiveEntry *e, int64_t *strides) {
  int64_t step = 1;
  for (int i = e->rank - 1; i >= 0; i--) {
    strides[i] = e->strided ? e->strides[i] : step;
    step *= e->dims[i];
  }
}

static void copy_element(uint8_t *to, const uint8_t *from, size_t width, bool swap) {
  for (size_t b = 0; b < width; b++) to[b] = from[swap ? width - 1 - b : b];
}

// Elements from `in`, in the file's order, to `out`, row-major.
static void rearrange(const ArchiveEntry *e, const uint8_t *in, uint8_t *out) {
  int64_t index[MAX_RANK] = {0}, strides[MAX_RANK], n = archive_elements(e);
  if (!n) return; // the other dimensions' product may overflow then
  strides_of(e, strides);
  size_t width = dtype_size(e->dtype);
  for (int64_t i = 0, at = 0; i < n; i++) {
    copy_element(out + (size_t)i * width, in + (size_t)at * width, width, e->big_endian);
    for (int axis = e->rank - 1; axis >= 0; axis--) {
      at += strides[axis];
      if (++index[axis] < e->dims[axis]) break;
      at -= strides[axis] * e->dims[axis];
      index[axis] = 0;
    }
  }
}

Blob *archive_blob(Archive *a, const ArchiveEntry *e, Diag *d) {
  if (e->unsupported) {
    archive_fail(a, d, "`%s` holds %s elements, which nncc does not read", e->name, e->unsupported);
    return NULL;
  }
  int errors = diag_errors(d);
  const ZipMember member = {.name = e->name, .offset = e->offset, .stored = e->stored, .size = e->size};
  uint8_t *inflated = e->deflated ? zip_inflate(a, &member, d) : NULL;
  const uint8_t *bytes = e->deflated ? inflated : a->file->data + e->offset;
  if (diag_errors(d) > errors) return NULL;
  if (!bytes || (e->has_crc && crc32_z(0, bytes, e->size) != e->crc)) {
    archive_fail(a, d, "`%s` is damaged", e->name);
    free(inflated);
    return NULL;
  }
  const uint8_t *data = bytes + e->skip;
  size_t size = (size_t)archive_elements(e) * dtype_size(e->dtype);
  bool as_is = !e->strided && !e->big_endian && (uintptr_t)data % dtype_size(e->dtype) == 0;
  if (as_is && inflated) return wrap(data, size, inflated);
  if (as_is) return mapped_blob(a->file, data, size);
  uint8_t *out = xmalloc(size ? size : 1);
  rearrange(e, data, out);
  free(inflated);
  return wrap(out, size, out);
}

Blob *archive_blob_as(Archive *a, const ArchiveEntry *e, DType to, Diag *d) {
  Blob *from = archive_blob(a, e, d);
  if (!from || e->dtype == to) return from;
  int64_t n = archive_elements(e);
  Blob *b = blob_malloc((size_t)n * dtype_size(to));
  for (int64_t i = 0; i < n; i++) dtype_convert(to, (void *)b->data, i, e->dtype, from->data, i);
  blob_unref(from);
  return b;
}
