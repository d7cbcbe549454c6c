// Writes protobuf's wire format, field by field: of ONNX's messages the numbers are FIELD_<Message>_<name> (proto.h).
// Source: protobuf.dev/programming-guides/encoding
#pragma once
#include "ir/core/strbuf.h"
#include <stdint.h>

void encode_varint(StrBuf *out, uint64_t v);
void encode_int(StrBuf *out, int field, int64_t v);
void encode_float(StrBuf *out, int field, float v);
void encode_bytes(StrBuf *out, int field, const void *data, size_t size);
void encode_text(StrBuf *out, int field, const char *s);
void encode_part(StrBuf *out, int field, StrBuf *part); // a message within; freed
// What stands before `size` bytes that follow elsewhere.
void encode_head(StrBuf *out, int field, uint64_t size);
