// What becomes of the sums of quantized products: scaled, a residual added, quantized again or left as f32, before the
// one store. See ops.def for the formula.
#pragma once
#include "passes/lower/kernel.h"

typedef struct Scaling {
  int64_t zero_point;   // of x
  bool is_signed;       // x is i8
  Weight *scale, *bias; // f32, one a channel; bias NULL: none
  Value *residual;
  double residual_scale, low, high;
  int64_t y_zero_point;
  DType y;
  Weight *table; // 256 entries in which y is looked up; NULL: none
} Scaling;

// Of a quantized_conv2d or quantized_linear.
Scaling scaled_read(const Node *n);

// One vector of results; `sum`: of i32 or of f32. `bias`, `residual`: NULL, or vectors too, the latter of any type.
// `table`: the parameter of the scaling's, NULL where it has none.
LExpr *scaled_value(LBuilder *b, const Scaling *s, LExpr *sum, LExpr *scale, LExpr *bias, LExpr *residual,
                    LExpr *table);
