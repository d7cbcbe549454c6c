// What ops.def says of each op, as tables.
#pragma once
#include "ir/core/dim.h"
#include "ir/core/dtype.h"
#include <stdbool.h>
#include <stdint.h>

typedef enum OpKind {
#define OP(ID, ...) OP_##ID,
#define IN(...)
#define OPT(...)
#define VARIADIC(...)
#define WEIGHT(...)
#define WEIGHT_IF(...)
#define ATTR(...)
#define ARG(...)
#define IRATTR(...)
#include "ir/graph/ops.def"
  OP_COUNT
} OpKind;

typedef enum Trait {
  TRAIT_UNARY = 1,  // elementwise, one operand, same shape
  TRAIT_BINARY = 2, // elementwise, two operands that broadcast
  TRAIT_COMMUTATIVE = 4,
  TRAIT_ACTIVATION = 8,  // may become an epilogue
  TRAIT_EPILOGUE = 16,   // takes bias, residual, activation
  TRAIT_IDENTITY = 32,   // its result is its operand
  TRAIT_VIEW = 64,       // the same bytes in another shape (row-major)
  TRAIT_COMPOSITE = 128, // `decompose` rewrites it; lowering never sees it
  TRAIT_INTERNAL = 256,  // made by passes; the language does not offer it
  TRAIT_TERNARY = 512,   // elementwise, three operands that broadcast, the first one bool
  TRAIT_COUNTED = 1024,  // its results' length is found by a run: a count, which is the attribute `count`
} Trait;

typedef enum AttrKind {
  ATTR_NONE,
  ATTR_INT,
  ATTR_FLOAT,
  ATTR_BOOL,
  ATTR_ENUM, // `s`, one of the row's choices
  ATTR_STRING,
  ATTR_DTYPE,   // `i`
  ATTR_INTS,    // list
  ATTR_DIMS,    // list of Dim; -1 where the op allows it
  ATTR_PADDING, // four Dims: top, left, bottom, right. The language also takes n, [h, w] and "same"
  ATTR_FLOATS,
  ATTR_STRINGS,
} AttrKind;

// Lists and strings belong to the module's arena (or are static); strings are interned.
typedef struct Attr {
  AttrKind kind;
  int n; // of lists
  union {
    int64_t i;
    double f;
    const char *s;
    const int64_t *ints; // INTS, DIMS, PADDING
    const double *floats;
    const char *const *strings;
  };
} Attr;

typedef enum OperandKind { OPERAND_IN, OPERAND_OPT, OPERAND_VARIADIC, OPERAND_WEIGHT, OPERAND_WEIGHT_IF } OperandKind;

typedef struct OperandInfo {
  const char *name;
  OperandKind kind;
  const char *suffix;    // of weights
  const char *condition; // WEIGHT_IF: the argument's name; "always": where the suffix is not empty
} OperandInfo;

typedef enum AttrRole { ROLE_ATTR, ROLE_ARG, ROLE_IRATTR } AttrRole;

typedef struct AttrInfo {
  const char *name;
  AttrRole role;
  AttrKind kind;
  int length;
  Attr fallback; // kind ATTR_NONE: required
  const char *choices;
  int index; // in Node.attrs; -1 for ROLE_ARG
} AttrInfo;

typedef struct OpInfo {
  const char *name, *id, *family, *help;
  unsigned traits;
  int n_operands; // rows; the last may be variadic
  const OperandInfo *operands;
  int n_params; // ATTR, ARG and IRATTR rows together, in order
  const AttrInfo *params;
  int n_attrs; // stored ones
} OpInfo;

const OpInfo *op_info(OpKind op);
bool op_from_name(const char *name, OpKind *op);
bool op_has(OpKind op, unsigned traits); // all of them
bool op_is_elementwise(OpKind op);       // unary, binary or ternary
// The number of the attribute `count` of an op that has TRAIT_COUNTED.
int op_count_attr(OpKind op);
// The stored attribute `index`'s row.
const AttrInfo *op_attr(OpKind op, int index);
void op_table_markdown(StrBuf *out); // opdoc.c: what the language offers
bool attr_equal(const Attr *a, const Attr *b);
uint64_t attr_hash(const Attr *a);

// ATTR_CONV2D_stride: index in Node.attrs. IN_CONV2D_residual: index among operands.
enum {
#define OP(ID, ...) ATTR_BEGIN_##ID, ATTR_RESET_##ID = -1,
#define IN(...)
#define OPT(...)
#define VARIADIC(...)
#define WEIGHT(...)
#define WEIGHT_IF(...)
#define ATTR(ID, name, ...) ATTR_##ID##_##name,
#define ARG(...)
#define IRATTR(ID, name, ...) ATTR_##ID##_##name,
#include "ir/graph/ops.def"
};
enum {
#define OP(ID, ...) IN_BEGIN_##ID, IN_RESET_##ID = -1,
#define IN(ID, name) IN_##ID##_##name,
#define OPT(ID, name) IN_##ID##_##name,
#define VARIADIC(ID, name) IN_##ID##_##name,
#define WEIGHT(ID, name, ...) IN_##ID##_##name,
#define WEIGHT_IF(ID, name, ...) IN_##ID##_##name,
#define ATTR(...)
#define ARG(...)
#define IRATTR(...)
#include "ir/graph/ops.def"
};
