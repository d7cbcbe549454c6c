// Lowering: graph IR to loop IR, one function an op (`lower_<op>`, bound by name in lower.c), one file a family.
// Every value that is computed lives in a buffer; every node becomes one or more phases. Neighbours: kernel.h (building
// one kernel), tile.h (register tiles), pack.h (weights in the order kernels read them), math.h (exp and its kin).
#pragma once
#include "ir/core/checked.h"
#include "ir/graph/graph.h"
#include "ir/loop/loop.h"
#include "passes/pass.h"

// A value that lies in another's memory, `at` elements from its begin.
typedef struct Within {
  Value *in; // NULL: it has memory of its own
  Dim at;
} Within;

// Sums over the pixels of a picture in blocks of channels that its producer left behind: one vector for each band of
// rows, [N][blocks][bands][16].
typedef struct BandSums {
  LBuffer *buffer; // NULL: none
  Dim bands;
} BandSums;

typedef struct Lower {
  Module *m;
  LProgram *p;
  const LowerTarget *target;
  PassContext *pass; // for pass_remark: choices are explained where they are made
  Diag *diag;
  LBuffer **buffers; // by value id: where the value lives; NULL: nowhere yet, or in another's
  Within *places;    // by value id
  BandSums *sums;    // by value id
  bool *deferred;    // by value id: a result that is never stored: its reader computes it, or reads what it moves
} Lower;

// Lowers c->module into c->program. The layouts must be assigned. False after diagnostics.
bool lower_run(PassContext *c);

// The buffer that holds v: of a weight, its row-major elements; of a result, made when first asked for.
LBuffer *lower_buffer(Lower *lw, Value *v);
// Elements from the begin of that buffer to v's first.
Dim lower_offset(Lower *lw, const Value *v);
// A new buffer; its name gets a number where another buffer has it already: users name weights, inputs and outputs.
LBuffer *lower_new_buffer(Lower *lw, LBufferKind kind, const char *name, DType dtype, Dim bytes);
// The weight that is operand i, or NULL where there is none: of products it may be of f16 or bf16, for its elements to
// be widened where they are read.
Weight *weight_operand(const Node *n, int i);
// Says that v is another name for the bytes of `as` (views).
void lower_alias(Lower *lw, Value *v, Value *as);

// ---- physical shapes: dims and strides in elements, of a value's memory
typedef struct Phys {
  int rank;
  Dim dims[MAX_RANK + 1], strides[MAX_RANK + 1];
} Phys;

void phys_of(Lower *lw, const Type *t, Phys *out);
// The same of v's memory: images of a value in another's memory lie further apart.
void phys_of_value(Lower *lw, const Value *v, Phys *out);
// The physical dimension that holds logical dimension i (of the blocked axis: its blocks; its lanes are the last).
int phys_index(const Type *t, int i);
// Whether a reorder moves nothing: both layouts are the same bytes.
bool lower_reorder_is_view(const Node *n);
// Strides of the logical dimensions of a row-major type.
void row_major(Lower *lw, const Type *t, Dim *strides);
Dim lower_product(Lower *lw, const Dim *dims, int from, int to); // of dims[from .. to)
// The value of d where every symbol is 1, or its minimum: for estimates. What is over all sizes is a large number.
int64_t lower_estimate(Lower *lw, Dim d);

#define OP(ID, name, family, traits, help) bool lower_##name(Lower *lw, Node *n);
#define IN(...)
#define OPT(...)
#define VARIADIC(...)
#define WEIGHT(...)
#define WEIGHT_IF(...)
#define ATTR(...)
#define ARG(...)
#define IRATTR(...)
#include "ir/graph/ops.def"
