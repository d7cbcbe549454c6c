// Messages of protobuf as their fields, to change files whose schema is not asked.
#pragma once
#include "frontend/onnx/wire.h"
#include "ir/core/strbuf.h"
#include "ir/core/vec.h"

typedef struct Part {
  const uint8_t *begin, *value, *end; // of the field; `value`: behind its key
  WireField field;
} Part;

typedef Vec(Part) Parts;

// The fields of a message; none where it is malformed, as most texts are. To be freed.
Parts parts_of(const uint8_t *data, size_t size);
// A field of bytes with other content, its length put right.
void part_write(StrBuf *out, const Part *p, const StrBuf *content);
