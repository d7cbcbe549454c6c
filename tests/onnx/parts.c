#include "tests/onnx/parts.h"
#include "frontend/onnx/encode.h"
#include "tests/onnx/writer.h"

Parts parts_of(const uint8_t *data, size_t size) {
  Parts parts = {0};
  Wire w = {data, data + size, NULL};
  Part p = {.begin = data};
  for (; wire_next(&w, &p.field); p.begin = w.p) {
    Wire key = {p.begin, w.p, NULL};
    uint64_t number;
    wire_varint(&key, &number);
    p.value = key.p, p.end = w.p;
    vec_push(&parts, p);
  }
  if (w.problem) vec_free(&parts);
  return parts;
}

void part_write(StrBuf *out, const Part *p, const StrBuf *content) {
  strbuf_write(out, (const char *)p->begin, (size_t)(p->value - p->begin));
  encode_varint(out, content->len);
  strbuf_write(out, strbuf_str(content), content->len);
}
