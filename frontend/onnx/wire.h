// Protobuf's wire format: the fields of one message, in turn. Nothing is copied and nothing recurses; every length is
// held against what there is.
// Source: protobuf.dev/programming-guides/encoding
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum WireType { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 } WireType;

typedef struct Wire {
  const uint8_t *p, *end;
  const char *problem; // NULL: none yet
} Wire;

typedef struct WireField {
  uint32_t number;
  WireType type;
  uint64_t value;      // of VARINT, FIXED32, FIXED64
  const uint8_t *data; // of BYTES
  size_t size;
} WireField;

// False at the end of the message, and where it is malformed: then `problem` says how.
bool wire_next(Wire *w, WireField *f);
bool wire_varint(Wire *w, uint64_t *v);
bool wire_fixed32(Wire *w, uint32_t *v);
bool wire_fixed64(Wire *w, uint64_t *v);
