#include "frontend/onnx/wire.h"
#include "frontend/weights/formats.h"

static bool fail(Wire *w, const char *problem) {
  w->problem = problem;
  return false;
}

bool wire_varint(Wire *w, uint64_t *v) {
  *v = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (w->p == w->end) return fail(w, "it ends within a number");
    uint8_t byte = *w->p++;
    *v |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return fail(w, "a number has more than 64 bits");
}

bool wire_fixed32(Wire *w, uint32_t *v) {
  if (w->end - w->p < 4) return fail(w, "it ends within a number");
  *v = load_u32(w->p);
  w->p += 4;
  return true;
}

bool wire_fixed64(Wire *w, uint64_t *v) {
  if (w->end - w->p < 8) return fail(w, "it ends within a number");
  *v = load_u64(w->p);
  w->p += 8;
  return true;
}

static bool bytes(Wire *w, WireField *f) {
  uint64_t n;
  if (!wire_varint(w, &n)) return false;
  if (n > (uint64_t)(w->end - w->p)) return fail(w, "a field is longer than what holds it");
  f->data = w->p;
  f->size = (size_t)n;
  w->p += n;
  return true;
}

bool wire_next(Wire *w, WireField *f) {
  uint64_t key;
  uint32_t v;
  if (w->problem || w->p == w->end || !wire_varint(w, &key)) return false;
  *f = (WireField){.number = (uint32_t)(key >> 3), .type = (WireType)(key & 7)};
  if (key >> 3 == 0 || key >> 32) return fail(w, "a field has no valid number");
  switch (f->type) {
  case WIRE_VARINT: return wire_varint(w, &f->value);
  case WIRE_FIXED64: return wire_fixed64(w, &f->value);
  case WIRE_BYTES: return bytes(w, f);
  case WIRE_FIXED32:
    if (!wire_fixed32(w, &v)) return false;
    f->value = v;
    return true;
  }
  return fail(w, "a field is of an unknown kind");
}
