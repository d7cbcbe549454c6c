// How libFuzzer changes protobuf's messages: it goes down to a field of a field, changes its content or exchanges the
// fields of a message, and puts the lengths of all around it right.
#include "frontend/onnx/encode.h"
#include "tests/fuzz/fuzz.h"
#include "tests/onnx/parts.h"
#include "tests/onnx/writer.h"
#include <string.h>

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

enum { MORE = 64 }; // bytes that a change may add

static unsigned draw(unsigned *seed, unsigned n) {
  *seed = *seed * 1664525 + 1013904223; // of Numerical Recipes
  return (*seed >> 8) % n;
}

static void put(StrBuf *out, const uint8_t *begin, const uint8_t *end) {
  strbuf_write(out, (const char *)begin, (size_t)(end - begin));
}

static void change_bytes(StrBuf *out, const uint8_t *data, size_t size) {
  uint8_t *copy = xmalloc(size + MORE);
  memcpy(copy, data, size);
  strbuf_write(out, (char *)copy, LLVMFuzzerMutate(copy, size, size + MORE));
  free(copy);
}

static void change_number(StrBuf *out, const WireField *f, unsigned *seed) {
  uint64_t v = f->value;
  size_t size = f->type == WIRE_FIXED32 || draw(seed, 2) ? 4 : 8;
  LLVMFuzzerMutate((uint8_t *)&v, draw(seed, 2) ? 1 : size, size);
  if (f->type == WIRE_VARINT)
    encode_varint(out, v);
  else
    strbuf_write(out, (char *)&v, f->type == WIRE_FIXED32 ? 4 : 8);
}

static void change(StrBuf *out, const uint8_t *data, size_t size, unsigned *seed) {
  Parts parts = parts_of(data, size);
  unsigned n = (unsigned)parts.len;
  if (!n) return change_bytes(out, data, size);
  const Part *p = &parts.data[draw(seed, n)], *other = &parts.data[draw(seed, n)];
  put(out, data, p->begin);
  switch (draw(seed, 8)) {
  case 0: break;
  case 1: put(out, p->begin, p->end); // fall through
  case 2: put(out, other->begin, other->end); break;
  default:
    if (p->field.type == WIRE_BYTES) {
      StrBuf within = {0};
      change(&within, p->field.data, p->field.size, seed);
      part_write(out, p, &within);
      strbuf_free(&within);
    } else {
      put(out, p->begin, p->value);
      change_number(out, &p->field, seed);
    }
  }
  put(out, p->end, data + size);
  vec_free(&parts);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
  StrBuf out = {0};
  if (seed % 16) change(&out, data, size, &seed);
  if (out.len && out.len <= max_size)
    memcpy(data, out.s, size = out.len);
  else
    size = LLVMFuzzerMutate(data, size, max_size);
  strbuf_free(&out);
  return size;
}
