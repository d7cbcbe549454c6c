#include "passes/lower/scaled.h"
#include <math.h>

#define SCALING(OP)                                                                                                    \
  (Scaling) {                                                                                                          \
    .zero_point = NODE_ATTR(n, OP, zero_point)->i, .is_signed = operand(n, IN_##OP##_x)->type->dtype == DT_I8,         \
    .scale = weight_operand(n, IN_##OP##_scale), .bias = weight_operand(n, IN_##OP##_bias),                            \
    .residual = operand(n, IN_##OP##_residual), .residual_scale = NODE_ATTR(n, OP, residual_scale)->f,                 \
    .low = NODE_ATTR(n, OP, low)->f, .high = NODE_ATTR(n, OP, high)->f,                                                \
    .y_zero_point = NODE_ATTR(n, OP, y_zero_point)->i, .y = result(n)->type->dtype,                                    \
    .table = weight_operand(n, IN_##OP##_table)                                                                        \
  }

Scaling scaled_read(const Node *n) {
  return n->op == OP_QUANTIZED_CONV2D ? SCALING(QUANTIZED_CONV2D) : SCALING(QUANTIZED_LINEAR);
}

// Bounds before rounding, which keeps the order of numbers: an integer that a float cannot be is never made.
static LExpr *bounded(LBuilder *b, LExpr *v, double low, double high) {
  if (high < INFINITY) v = lx_min(b, v, lx_const(b, v->type, high));
  return low > -INFINITY ? lx_max(b, v, lx_const(b, v->type, low)) : v;
}

LExpr *scaled_value(LBuilder *b, const Scaling *s, LExpr *sum, LExpr *scale, LExpr *bias, LExpr *residual,
                    LExpr *table) {
  LExpr *v = lx_cast(b, DT_F32, sum);
  v = bias ? lx_fma(b, v, scale, bias) : lx_mul(b, v, scale);
  if (residual) v = lx_fma(b, lx_cast(b, DT_F32, residual), lx_const(b, v->type, s->residual_scale), v);
  double zero = (double)s->y_zero_point;
  v = bounded(b, loop_let(b, "scaled", v), s->low - zero, s->high - zero);
  if (dtype_is_float(s->y)) return s->y_zero_point ? lx_add(b, v, lx_const(b, v->type, zero)) : v;
  v = lx_cast(b, DT_I32, lx_unary(b, LOOP_RINT, v));
  if (s->y_zero_point) v = lx_add(b, v, lx_const(b, v->type, zero));
  return table ? lx_table(b, table, lx_cast(b, DT_U8, v)) : lx_cast(b, s->y, v);
}
