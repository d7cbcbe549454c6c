#include "frontend/onnx/proto.h"
#include "frontend/onnx/wire.h"
#include <string.h>

typedef enum Kind { INT, FLOAT, DOUBLE, TEXT, BYTES, MESSAGE_WITHIN } Kind;

typedef struct FieldInfo {
  uint32_t number;
  Kind kind;
  bool many;
  size_t offset, count; // in the struct: of the value or the list's data, and of the list's length
  const ProtoInfo *of;  // of messages
} FieldInfo;

struct ProtoInfo {
  size_t size;
  const FieldInfo *fields; // the last one has number 0
};

#define MESSAGE(M) extern const ProtoInfo proto_##M;
#define ONE(M, number, name, KIND)
#define MANY(M, number, name, KIND)
#define PART(M, number, name, T)
#define PARTS(M, number, name, T)
#define WRITTEN(M, number, name)
#define END(M)
#include "frontend/onnx/proto.def"

#define MESSAGE(M) static const FieldInfo fields_##M[] = {
#define ONE(M, number, name, KIND) {number, KIND, false, offsetof(Onnx##M, name), 0, NULL},
#define MANY(M, number, name, KIND) {number, KIND, true, offsetof(Onnx##M, name.data), offsetof(Onnx##M, name.n), NULL},
#define PART(M, number, name, T) {number, MESSAGE_WITHIN, false, offsetof(Onnx##M, name), 0, &proto_##T},
#define PARTS(M, number, name, T)                                                                                      \
  {number, MESSAGE_WITHIN, true, offsetof(Onnx##M, name.data), offsetof(Onnx##M, name.n), &proto_##T},
#define WRITTEN(M, number, name)
#define END(M)                                                                                                         \
  { 0 }                                                                                                                \
  }                                                                                                                    \
  ;                                                                                                                    \
  const ProtoInfo proto_##M = {sizeof(Onnx##M), fields_##M};
#include "frontend/onnx/proto.def"

typedef struct Reader {
  Arena *arena;
  const char *problem;
  int depth;
  size_t messages;
} Reader;

static bool fail(Reader *r, const char *problem) {
  r->problem = problem;
  return false;
}

static bool read_into(Reader *r, const ProtoInfo *of, Wire w, char *to);

static const FieldInfo *find(const ProtoInfo *of, uint32_t number) {
  for (const FieldInfo *f = of->fields; f->number; f++)
    if (f->number == number) return f;
  return NULL;
}

static size_t element_size(const FieldInfo *f) {
  static const size_t sizes[] = {sizeof(int64_t), sizeof(float), sizeof(double), sizeof(char *), sizeof(ProtoBytes)};
  return f->kind == MESSAGE_WITHIN ? f->of->size : sizes[f->kind];
}

// ---- numbers: one, or packed behind each other

static WireType wire_type(Kind kind) {
  return kind == INT ? WIRE_VARINT : kind == FLOAT ? WIRE_FIXED32 : kind == DOUBLE ? WIRE_FIXED64 : WIRE_BYTES;
}

static bool is_packed(const FieldInfo *f, const WireField *w) {
  return f->many && f->kind <= DOUBLE && w->type == WIRE_BYTES;
}

static size_t packed_count(Kind kind, const WireField *w) {
  if (kind == FLOAT) return w->size / 4;
  if (kind == DOUBLE) return w->size / 8;
  size_t n = 0;
  for (size_t i = 0; i < w->size; i++) n += w->data[i] < 0x80; // each number's last byte
  return n;
}

static void put_number(Kind kind, uint64_t v, char *to) {
  uint32_t half = (uint32_t)v;
  if (kind == FLOAT)
    memcpy(to, &half, sizeof half);
  else
    memcpy(to, &v, sizeof v);
}

static bool read_packed(Reader *r, Kind kind, const WireField *field, char *to, size_t n) {
  Wire w = {field->data, field->data + field->size, NULL};
  size_t each = kind == FLOAT ? 4 : 8;
  for (size_t i = 0; i < n; i++, to += each) {
    uint64_t v = 0;
    uint32_t half = 0;
    bool ok = kind == INT ? wire_varint(&w, &v) : kind == FLOAT ? wire_fixed32(&w, &half) : wire_fixed64(&w, &v);
    if (!ok) return fail(r, w.problem);
    put_number(kind, kind == FLOAT ? half : v, to);
  }
  return w.p == w.end || fail(r, "a list of numbers ends within one");
}

// ---- fields

static bool read_one(Reader *r, const FieldInfo *f, const WireField *w, char *to) {
  switch (f->kind) {
  case TEXT:
    if (memchr(w->data, 0, w->size)) return fail(r, "a name holds a NUL");
    *(const char **)(void *)to = arena_strndup(r->arena, (const char *)w->data, w->size);
    return true;
  case BYTES: *(ProtoBytes *)(void *)to = (ProtoBytes){w->data, w->size}; return true;
  case MESSAGE_WITHIN: return read_into(r, f->of, (Wire){w->data, w->data + w->size, NULL}, to);
  default: put_number(f->kind, w->value, to); return true;
  }
}

static bool read_field(Reader *r, const FieldInfo *f, const WireField *w, char *message) {
  char *at = message + f->offset;
  if (!f->many && f->kind == MESSAGE_WITHIN) { // one given again goes on with the first, as protobuf has it
    char **part = (char **)(void *)at;
    if (!*part) *part = arena_alloc(r->arena, f->of->size);
    return read_one(r, f, w, *part);
  }
  if (!f->many) return read_one(r, f, w, at);
  char *data = *(char **)(void *)at;
  size_t *n = (size_t *)(void *)(message + f->count), more = is_packed(f, w) ? packed_count(f->kind, w) : 1;
  char *to = data ? data + *n * element_size(f) : NULL; // NULL: packed, and all are empty
  *n += more;
  return is_packed(f, w) ? read_packed(r, f->kind, w, to, more) : read_one(r, f, w, to);
}

// Makes room for the lists, whose lengths a first walk counts.
static bool count_lists(Reader *r, const ProtoInfo *of, Wire w, char *message) {
  WireField field;
  while (wire_next(&w, &field)) {
    const FieldInfo *f = find(of, field.number);
    if (!f) continue;
    if (field.type != wire_type(f->kind) && !is_packed(f, &field)) return fail(r, "a field is of another kind");
    if (f->many) *(size_t *)(void *)(message + f->count) += is_packed(f, &field) ? packed_count(f->kind, &field) : 1;
    if (f->kind == MESSAGE_WITHIN && ++r->messages > PROTO_MESSAGES) return fail(r, "it has too many parts");
  }
  if (w.problem) return fail(r, w.problem);
  for (const FieldInfo *f = of->fields; f->number; f++) {
    if (!f->many) continue;
    size_t *n = (size_t *)(void *)(message + f->count);
    if (*n) *(char **)(void *)(message + f->offset) = arena_alloc(r->arena, *n * element_size(f));
    *n = 0;
  }
  return true;
}

// A message that goes on with what was read before keeps no lists of it: only single parts are split, and no writer
// splits them.
static bool read_into(Reader *r, const ProtoInfo *of, Wire w, char *to) {
  if (++r->depth > PROTO_NESTING) return fail(r, "its parts are nested too deep");
  bool ok = count_lists(r, of, w, to);
  WireField field;
  while (ok && wire_next(&w, &field)) {
    const FieldInfo *f = find(of, field.number);
    ok = !f || read_field(r, f, &field, to);
  }
  r->depth--;
  return ok;
}

void *proto_read(Arena *a, const ProtoInfo *of, const void *data, size_t size, const char **problem) {
  Reader r = {.arena = a};
  char *message = arena_alloc(a, of->size);
  const uint8_t *p = data;
  bool ok = read_into(&r, of, (Wire){p, p + size, NULL}, message);
  *problem = r.problem;
  return ok ? message : NULL;
}
