// Shape inference, one function an op, in one file a family (infer_conv.c, infer_shape.c, ...), bound by name.
#pragma once
#include "ir/graph/graph.h"

// What an inference function sees. It reads operand types and attributes, may normalise attributes in place (negative
// dimensions, default strides), and sets the result types.
typedef struct Infer {
  Module *m;
  OpKind op;
  int n_operands;
  Value *const *operands; // n_operands of them, NULL for absent ones
  Attr *attrs;
  Span span;
  int n_results;
  const Type **results; // grown by infer_result
} Infer;

typedef bool (*InferFn)(Infer *in);

InferFn infer_function(OpKind op);
bool infer_run(Infer *in); // checks arity, attribute kinds and lengths, then calls the op's function
void infer_result(Infer *in, const Type *t);
// Reports at the node's span; returns false, so that `return infer_fail(in, ...)` reads well.
bool infer_fail(Infer *in, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

// The types that the op's weight operands must have, for the language: out[i] for operand row i, NULL where it is
// absent or no weight. `args`: a value for each row of op_info(op)->params (ARG, ATTR and IRATTR alike).
bool infer_weights(Infer *in, const Attr *args, const Type **out);
// The suffix (maybe empty) of weight operand `operand` under these arguments; NULL where the weight is absent.
const char *infer_weight_suffix(Arena *a, OpKind op, int operand, const Attr *args);
