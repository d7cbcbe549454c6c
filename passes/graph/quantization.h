// Numbers as small integers: quantize_linear and dequantize_linear in terms of other ops, and read by passes.
#pragma once
#include "passes/graph/rewrite.h"

// Replaces such a node by arithmetic: a division, a rounding, a sum, a clamp, a cast; or a difference and a product.
bool quantization_decompose(Module *m, Node *n);

// The range of an integer type.
typedef struct IntegerRange {
  double low, high;
} IntegerRange;
IntegerRange quantization_range(DType t);
