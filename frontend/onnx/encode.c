#include "frontend/onnx/encode.h"
#include "frontend/onnx/wire.h"
#include <string.h>

void encode_varint(StrBuf *out, uint64_t v) {
  for (; v >= 0x80; v >>= 7) strbuf_putc(out, (char)(v | 0x80));
  strbuf_putc(out, (char)v);
}

static void key(StrBuf *out, int field, WireType type) { encode_varint(out, (uint64_t)field << 3 | type); }

void encode_int(StrBuf *out, int field, int64_t v) {
  key(out, field, WIRE_VARINT);
  encode_varint(out, (uint64_t)v);
}

void encode_float(StrBuf *out, int field, float v) {
  char bytes[4];
  memcpy(bytes, &v, sizeof v);
  key(out, field, WIRE_FIXED32);
  strbuf_write(out, bytes, sizeof bytes);
}

void encode_head(StrBuf *out, int field, uint64_t size) {
  key(out, field, WIRE_BYTES);
  encode_varint(out, size);
}

void encode_bytes(StrBuf *out, int field, const void *data, size_t size) {
  encode_head(out, field, size);
  strbuf_write(out, data, size);
}

void encode_text(StrBuf *out, int field, const char *s) { encode_bytes(out, field, s, strlen(s)); }

void encode_part(StrBuf *out, int field, StrBuf *part) {
  encode_bytes(out, field, strbuf_str(part), part->len);
  strbuf_free(part);
}
