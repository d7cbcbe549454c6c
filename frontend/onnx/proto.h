// ONNX's messages as C structs, read by the tables of proto.def.
//
// Not by protobuf-c: its unpack recurses as deep as the file says and copies every weight. Here messages nest at most
// PROTO_NESTING deep, what is allocated is bounded by what the file holds, and the bytes of weights stay where they
// were mapped.
#pragma once
#include "ir/core/arena.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PROTO_NESTING = 64, PROTO_MESSAGES = 4 << 20 };

typedef struct ProtoBytes {
  const uint8_t *data;
  size_t size;
} ProtoBytes;

typedef int64_t ProtoINT;
typedef float ProtoFLOAT;
typedef double ProtoDOUBLE;
typedef const char *ProtoTEXT;
typedef ProtoBytes ProtoBYTES;

#define MESSAGE(M) typedef struct Onnx##M Onnx##M;
#define ONE(M, number, name, KIND)
#define MANY(M, number, name, KIND)
#define PART(M, number, name, T)
#define PARTS(M, number, name, T)
#define WRITTEN(M, number, name)
#define END(M)
#include "frontend/onnx/proto.def"

#define MESSAGE(M) struct Onnx##M {
#define ONE(M, number, name, KIND) Proto##KIND name;
#define MANY(M, number, name, KIND)                                                                                    \
  struct {                                                                                                             \
    Proto##KIND *data;                                                                                                 \
    size_t n;                                                                                                          \
  } name;
#define PART(M, number, name, T) Onnx##T *name;
#define PARTS(M, number, name, T)                                                                                      \
  struct {                                                                                                             \
    Onnx##T *data;                                                                                                     \
    size_t n;                                                                                                          \
  } name;
#define WRITTEN(M, number, name)
#define END(M)                                                                                                         \
  }                                                                                                                    \
  ;
#include "frontend/onnx/proto.def"

// The numbers of the fields.
enum {
#define MESSAGE(M)
#define ONE(M, number, name, KIND) FIELD_##M##_##name = number,
#define MANY(M, number, name, KIND) FIELD_##M##_##name = number,
#define PART(M, number, name, T) FIELD_##M##_##name = number,
#define PARTS(M, number, name, T) FIELD_##M##_##name = number,
#define WRITTEN(M, number, name) FIELD_##M##_##name = number,
#define END(M)
#include "frontend/onnx/proto.def"
};

typedef struct ProtoInfo ProtoInfo;
extern const ProtoInfo proto_Model, proto_Tensor;

// Reads a message of the kind into a struct of the arena, whose BYTES lie in `data`. NULL, with *problem, where it is
// malformed: static text.
void *proto_read(Arena *a, const ProtoInfo *of, const void *data, size_t size, const char **problem);
