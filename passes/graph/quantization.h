// Numbers as small integers: quantize_linear and dequantize_linear in terms of other ops, and read by passes.
#pragma once
#include "ir/ref/ref.h"
#include "passes/graph/constant.h"
#include "passes/graph/rewrite.h"

// Replaces such a node by arithmetic: a division, a rounding, a sum, a clamp, a cast; or a difference and a product.
bool quantization_decompose(Module *m, Node *n);

// The range of an integer type.
typedef struct IntegerRange {
  double low, high;
} IntegerRange;
IntegerRange quantization_range(DType t);

// ---- constants

// Whether v follows from weights of known data alone, through a few nodes.
bool quantization_is_constant(const Value *v);
// Its elements; false after a diagnostic, or where memory or data is missing.
bool quantization_evaluate(PassContext *c, const Value *v, RefTensor *t);

// One scale and zero point, both constants.
typedef struct QuantizedBy {
  Value *integers; // NULL: none
  double scale;
  int64_t zero;
} QuantizedBy;
// Whether v is a dequantize_linear of u8 or i8 so described; `integers` is its operand.
bool quantized_by(PassContext *c, const Value *v, QuantizedBy *q);
// The same of a quantize_linear or dequantize_linear node; `integers` is its operand or result.
bool quantized_by_node(PassContext *c, const Node *n, QuantizedBy *q);

// The weights of a product as integers less their zero point, one scale an output channel.
typedef struct IntegerWeight {
  Weight *weight; // i8 [channels, ...]
  int64_t channels;
  double *scale; // owned; freed by integer_weight_free
} IntegerWeight;
// Whether v is a dequantize_linear of constants whose integers, less their zero points, fit i8. `axis`: that of output
// channels; 1: v is a matrix, and the weight is its transpose.
bool integer_weight(PassContext *c, const Value *v, int axis, IntegerWeight *w);
void integer_weight_free(IntegerWeight *w);
