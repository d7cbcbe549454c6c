// safetensors: 8 bytes of little-endian header length, a JSON object {name: {dtype, shape, data_offsets}}, the data.
// Gaps between arrays and arrays that share bytes do no harm to a reader and are let through.
#include "frontend/weights/formats.h"
#include <jansson.h>
#include <string.h>

#define HEADER_MAX (100u << 20)

static void set_dtype(ArchiveEntry *e, const char *name, Arena *arena) {
  for (int t = 0; t < DT_COUNT; t++) {
    if (strcmp(name, dtype_code((DType)t))) continue;
    e->dtype = (DType)t;
    return;
  }
  e->unsupported = arena_strdup(arena, name);
}

static bool read_entry(Archive *a, const char *name, json_t *value, size_t data, Diag *d) {
  const char *dtype = json_string_value(json_object_get(value, "dtype"));
  json_t *shape = json_object_get(value, "shape"), *range = json_object_get(value, "data_offsets");
  if (!dtype || !json_is_array(shape) || json_array_size(range) != 2)
    return archive_fail(a, d, "entry `%s` lacks dtype, shape or data_offsets", name);
  ArchiveEntry e = {.name = arena_strdup(a->arena, name)};
  set_dtype(&e, dtype, a->arena);
  if (json_array_size(shape) > MAX_RANK)
    return archive_fail(a, d, "entry `%s` has more than %d dimensions", name, MAX_RANK);
  e.rank = (int)json_array_size(shape);
  for (int i = 0; i < e.rank; i++) {
    json_t *extent = json_array_get(shape, (size_t)i);
    if (!json_is_integer(extent) || json_integer_value(extent) < 0)
      return archive_fail(a, d, "entry `%s` has a dimension that is not a number of elements", name);
    e.dims[i] = json_integer_value(extent);
  }
  json_t *begin = json_array_get(range, 0), *end = json_array_get(range, 1);
  int64_t b = json_integer_value(begin), n = json_integer_value(end);
  if (!json_is_integer(begin) || !json_is_integer(end) || b < 0 || n < b || (uint64_t)n > a->file->size - data)
    return archive_fail(a, d, "entry `%s` lies outside the file", name);
  e.offset = data + (size_t)b;
  e.stored = e.size = (size_t)(n - b);
  if (!e.unsupported && !archive_fits(&e)) return archive_fail(a, d, "entry `%s` is shorter than its shape says", name);
  vec_push(&a->entries, e);
  return true;
}

bool safetensors_read(Archive *a, Diag *d) {
  if (a->file->size < 8) return archive_fail(a, d, "is too short for safetensors");
  uint64_t length = load_u64(a->file->data);
  if (length > HEADER_MAX || length > a->file->size - 8)
    return archive_fail(a, d, "is cut short, or no safetensors, npz, npy or PyTorch file");
  json_error_t error;
  json_t *header = json_loadb((const char *)a->file->data + 8, (size_t)length, JSON_REJECT_DUPLICATES, &error);
  if (!json_is_object(header)) {
    archive_fail(a, d, "has no valid safetensors header: %s", header ? "it is not an object" : error.text);
    json_decref(header);
    return false;
  }
  bool ok = true;
  const char *name;
  json_t *value;
  json_object_foreach(header, name, value) if (strcmp(name, "__metadata__")) ok =
      ok && read_entry(a, name, value, 8 + (size_t)length, d);
  json_decref(header);
  return ok;
}
