// TensorProto: its element types, its three ways to hold elements (typed lists, raw bytes, a file of its own).
#include "frontend/onnx/import.h"
#include <stdlib.h>
#include <string.h>

static const struct {
  const char *name;
  int dtype; // -1: nncc has none
} types[] = {
    {"undefined", -1},      {"float", DT_F32},     {"uint8", DT_U8},     {"int8", DT_I8},        {"uint16", DT_U16},
    {"int16", DT_I16},      {"int32", DT_I32},     {"int64", DT_I64},    {"string", -1},         {"bool", DT_BOOL},
    {"float16", DT_F16},    {"double", DT_F64},    {"uint32", DT_U32},   {"uint64", DT_U64},     {"complex64", -1},
    {"complex128", -1},     {"bfloat16", DT_BF16}, {"float8e4m3fn", -1}, {"float8e4m3fnuz", -1}, {"float8e5m2", -1},
    {"float8e5m2fnuz", -1}, {"uint4", -1},         {"int4", -1},         {"float4e2m1", -1},     {"float8e8m0", -1}};
enum { N_TYPES = sizeof types / sizeof *types };

bool tensor_dtype(int64_t data_type, DType *dtype) {
  if (data_type < 0 || data_type >= N_TYPES || types[data_type].dtype < 0) return false;
  *dtype = (DType)types[data_type].dtype;
  return true;
}

int64_t onnx_data_type(DType dtype) {
  int64_t i = 0;
  while (types[i].dtype != (int)dtype) i++;
  return i;
}

const char *tensor_type_name(int64_t data_type) {
  return data_type < 0 || data_type >= N_TYPES ? "of unknown type" : types[data_type].name;
}

static bool fail(Importer *im, const char *what, const char *why) {
  diag_error_file(im->diag, im->path, "%s: %s", what, why);
  return false;
}

// ---- where the bytes are

// Bytes of a mapped file; copied where they do not lie as their type needs it.
static Blob *blob_of(Mapped *file, const uint8_t *data, size_t size, size_t alignment) {
  if ((uintptr_t)data % alignment) {
    Blob *b = blob_malloc(size);
    memcpy((void *)b->data, data, size);
    return b;
  }
  return mapped_blob(file, data, size);
}

static Mapped *external(Importer *im, const char *name) {
  for (size_t i = 0; i < im->externals.len; i++)
    if (!strcmp(im->externals.data[i].name, name)) return im->externals.data[i].file;
  Mapped *file = mapped_open_beneath(im->folder, name, im->diag);
  if (file) vec_push(&im->externals, (struct OnnxExternal){name, file});
  return file;
}

static bool number(const char *s, uint64_t *v) {
  char *end;
  *v = strtoull(s, &end, 10);
  return *s >= '0' && *s <= '9' && !*end;
}

static bool read_external(Importer *im, const char *what, const OnnxTensor *t, size_t bytes, size_t alignment,
                          Blob **blob) {
  const char *location = NULL;
  uint64_t offset = 0, length = bytes;
  for (size_t i = 0; i < t->external_data.n; i++) {
    const OnnxStringEntry *e = &t->external_data.data[i];
    if (!e->key || !e->value) continue;
    if (!strcmp(e->key, "location")) location = e->value;
    if (!strcmp(e->key, "offset") && !number(e->value, &offset)) return fail(im, what, "its `offset` is no number");
    if (!strcmp(e->key, "length") && !number(e->value, &length)) return fail(im, what, "its `length` is no number");
  }
  if (!location) return fail(im, what, "its elements are in another file, whose name is missing");
  if (length != bytes) return fail(im, what, "its elements in another file do not have the length of its shape");
  Mapped *file = external(im, location);
  if (!file) return false;
  if (offset > file->size || bytes > file->size - offset)
    return fail(im, what, "its elements lie behind the end of their file");
  *blob = blob_of(file, file->data + offset, bytes, alignment);
  return true;
}

// ---- typed lists

// u32 and u64 share a list; all other integers but i64, and the bits of halves, are listed as i32.
static bool store_list(const OnnxTensor *t, DType dtype, int64_t n, void *to) {
  bool is_u = dtype == DT_U32 || dtype == DT_U64;
  const int64_t *ints = dtype == DT_I64 ? t->int64_data.data : is_u ? t->uint64_data.data : t->int32_data.data;
  size_t have = dtype == DT_F32   ? t->float_data.n
                : dtype == DT_F64 ? t->double_data.n
                : dtype == DT_I64 ? t->int64_data.n
                : is_u            ? t->uint64_data.n
                                  : t->int32_data.n;
  if (have != (uint64_t)n) return false;
  for (int64_t i = 0; i < n; i++)
    if (dtype == DT_F32)
      ((float *)to)[i] = t->float_data.data[i];
    else if (dtype == DT_F64)
      ((double *)to)[i] = t->double_data.data[i];
    else if (dtype_is_half(dtype))
      ((uint16_t *)to)[i] = (uint16_t)ints[i];
    else
      dtype_store_int(dtype, to, i, ints[i]);
  return true;
}

static bool shape(Importer *im, const char *what, const OnnxTensor *t, OnnxArray *a, int64_t *n) {
  if (t->dims.n > MAX_RANK) return fail(im, what, "it has more than 16 dimensions");
  a->rank = (int)t->dims.n;
  *n = 1;
  for (int i = 0; i < a->rank; i++) {
    a->dims[i] = t->dims.data[i];
    if (a->dims[i] < 0 || !checked_mul(*n, a->dims[i], n) || *n > MAX_ELEMENTS)
      return fail(im, what, "its shape is not possible");
  }
  return true;
}

bool tensor_read(Importer *im, const char *what, const OnnxTensor *t, OnnxArray *a) {
  *a = (OnnxArray){.name = t->name};
  int64_t n;
  if (!tensor_dtype(t->data_type, &a->dtype)) {
    diag_error_file(im->diag, im->path, "%s: nncc has no elements of type %s", what, tensor_type_name(t->data_type));
    return false;
  }
  if (!shape(im, what, t, a, &n)) return false;
  size_t each = dtype_size(a->dtype), bytes = (size_t)n * each;
  if (t->data_location == 1) return read_external(im, what, t, bytes, each, &a->blob);
  if (t->raw_data.data) {
    if (t->raw_data.size != bytes) return fail(im, what, "its raw data does not have the length of its shape");
    a->blob = blob_of(im->file, t->raw_data.data, bytes, each);
    return true;
  }
  size_t listed = t->float_data.n + t->double_data.n + t->int32_data.n + t->int64_data.n + t->uint64_data.n;
  if (listed < (uint64_t)n) return fail(im, what, "it has fewer elements than its shape says"); // before allocating
  a->blob = blob_malloc(bytes);
  if (store_list(t, a->dtype, n, (void *)a->blob->data)) return true;
  blob_unref(a->blob);
  a->blob = NULL;
  return fail(im, what, "the number of its elements is not that of its shape");
}

// ---- as weights

Weight *tensor_weight(Importer *im, const char *hint, const OnnxArray *a) {
  const Type *t = type_get(im->m, a->dtype, a->rank, a->dims);
  if (!hint || !*hint || graph_find_weight(im->m, hint))
    return graph_dense(im->m, hint && *hint ? hint : "c", t, a->blob);
  Weight *w = graph_weight(im->m, hint, t, WEIGHT_DENSE);
  w->blob = a->blob;
  return w;
}

static void transpose(const char *from, char *to, int64_t rows, int64_t columns, size_t each) {
  enum { TILE = 32 }; // both sides within the first-level cache
  for (int64_t i0 = 0; i0 < rows; i0 += TILE)
    for (int64_t j0 = 0; j0 < columns; j0 += TILE)
      for (int64_t i = i0; i < min_i64(rows, i0 + TILE); i++)
        for (int64_t j = j0; j < min_i64(columns, j0 + TILE); j++)
          memcpy(to + (size_t)(j * rows + i) * each, from + (size_t)(i * columns + j) * each, each);
}

Value *tensor_transposed(Importer *im, Value *weight) {
  Weight *w = weight->weight;
  const char *name = arena_printf(im->m->arena, "%s.T", w->name);
  Weight *made = graph_find_weight(im->m, name);
  if (made) return made->value;
  DType stored;
  const char *from = weight_data(w, &stored);
  Blob *b = blob_malloc((size_t)weight_count(w) * dtype_size(stored));
  transpose(from, (char *)b->data, w->type->dims[0], w->type->dims[1], dtype_size(stored));
  Dim dims[] = {w->type->dims[1], w->type->dims[0]};
  made = graph_weight(im->m, name, type_get(im->m, w->type->dtype, 2, dims), WEIGHT_DENSE);
  made->stored = stored;
  made->blob = b;
  return made->value;
}
