// Numbers as small integers: (integer - zero point) * scale. Quantized products are computed in i32, which is exact.
#include "frontend/onnx/nodes.h"
#include <math.h>

// ---- scales and zero points

// One for all, one for each place along `axis`, or one for each `block` of places, as values that broadcast over x.
// NULL after a diagnostic, or where `v` is.
static Value *spread(Call *c, Value *v, const Type *x, int64_t axis, int64_t block) {
  if (!v) return NULL;
  int rank = v->type->rank;
  Dim dims[MAX_RANK];
  if (!rank || (rank == 1 && v->type->dims[0] == 1 && !block)) return call_reshape(c, v, 0, NULL);
  if (!call_axis(c, &axis, x->rank)) return NULL;
  if (!block) {
    if (rank != 1) return call_fail(c, "its scales are of %d dimensions", rank), NULL;
    for (int i = 0; i < x->rank; i++) dims[i] = i == axis ? v->type->dims[0] : 1;
    return call_reshape(c, v, x->rank, dims);
  }
  if (rank != x->rank || rank == MAX_RANK || block < 1 || block > INT32_MAX)
    return call_fail(c, "its scales do not fit its blocks"), NULL;
  for (int i = 0; i <= rank; i++) dims[i] = i == axis + 1 ? block : v->type->dims[i > axis ? i - 1 : i];
  v = call_expand(c, call_insert_dims(c, v, (int)axis + 1, 1), rank + 1, dims);
  for (int i = 0; i < rank; i++) dims[i] = x->dims[i];
  if (!v) return NULL;
  dims[axis] = dim_mul(c->im->m->dims, v->type->dims[axis], block);
  return call_slice(c, call_reshape(c, v, rank, dims), axis, 0, x->dims[axis]);
}

typedef struct Range {
  double low, high;
} Range;

static Range range_of(DType t) {
  double size = exp2(dtype_value_bits(t));
  return (Range){dtype_is_unsigned(t) ? 0 : -size, size - 1};
}

// The nearest integer to x, of two the even one; with `zero` added, moved into the range of `to`.
static Value *rounded(Call *c, Value *x, Value *zero, DType to) {
  Value *y = call_unary(c, OP_ROUND, x, NULL);
  if (zero && y) y = call_binary(c, OP_ADD, y, call_cast(c, zero, y->type->dtype));
  Range r = range_of(to);
  return call_cast(c, call_clamp(c, y, r.low, r.high), to);
}

// x less its zero point, exact, as i32.
static Value *centered(Call *c, Value *x, Value *zero) {
  x = call_cast(c, x, DT_I32);
  return zero ? call_binary(c, OP_SUB, x, call_cast(c, zero, DT_I32)) : x;
}

static bool is_quantized(const Type *t) { return !dtype_is_float(t->dtype) && dtype_size(t->dtype) < 4; }

// ---- quantize, dequantize

// The type of a result: output_dtype, else that of operand `i`, else `fallback`.
static bool result_type(Call *c, int i, DType fallback, DType *to) {
  int64_t stated = call_int(c, "output_dtype", 0);
  *to = call_has(c, i) ? call_type(c, i)->dtype : fallback;
  return !stated || tensor_dtype(stated, to) ||
         call_fail(c, "nncc has no elements of type %s", tensor_type_name(stated));
}

bool convert_quantize(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0), *scale = call_value(c, 1);
  DType to;
  if (!x || !scale || !result_type(c, 2, DT_U8, &to)) return false;
  if (dtype_is_float(to)) return call_fail(c, "it quantizes to %s", dtype_name(to));
  int64_t axis = call_int(c, "axis", 1), block = call_int(c, "block_size", 0);
  DType in = dtype_is_float(x->type->dtype) ? x->type->dtype : DT_F32;
  Value *zero = spread(c, call_value(c, 2), x->type, axis, block);
  scale = call_cast(c, spread(c, scale, x->type, axis, block), in);
  if (call_has(c, 2) && !zero) return false;
  return call_result(c, 0, rounded(c, call_binary(c, OP_DIV, call_cast(c, x, in), scale), zero, to));
}

bool convert_dequantize(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0), *scale = call_value(c, 1);
  DType to;
  if (!x || !scale || !result_type(c, 1, DT_F32, &to)) return false;
  if (dtype_is_float(x->type->dtype) || !dtype_is_float(to))
    return call_fail(c, "it makes %s of %s", dtype_name(to), dtype_name(x->type->dtype));
  int64_t axis = call_int(c, "axis", 1), block = call_int(c, "block_size", 0);
  Value *zero = spread(c, call_value(c, 2), x->type, axis, block);
  scale = spread(c, scale, x->type, axis, block);
  if (!scale || (call_has(c, 2) && !zero)) return false;
  DType exact = is_quantized(x->type) && dtype_is_float(scale->type->dtype) ? DT_F32 : DT_I32;
  Value *y = call_cast(c, x, exact);
  if (zero) y = call_binary(c, OP_SUB, y, call_cast(c, zero, exact));
  y = call_binary(c, OP_MUL, call_cast(c, y, DT_F32), call_cast(c, scale, DT_F32));
  return call_result(c, 0, call_cast(c, y, to));
}

// The range of x, 0 within it, becomes that of u8.
bool convert_dynamic_quantize(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0);
  if (!x || x->type->dtype != DT_F32) return call_fail(c, "it quantizes f32 only");
  Value *none = call_scalar(c, DT_F32, 0), *steps = call_scalar(c, DT_F32, 255);
  Value *low = call_binary(c, OP_MINIMUM, call_reduced(c, OP_AMIN, x, 0, NULL, false), none);
  Value *high = call_binary(c, OP_MAXIMUM, call_reduced(c, OP_AMAX, x, 0, NULL, false), none);
  Value *scale = call_binary(c, OP_DIV, call_binary(c, OP_SUB, high, low), steps);
  Value *zero = rounded(c, call_binary(c, OP_DIV, call_unary(c, OP_NEG, low, NULL), scale), NULL, DT_U8);
  Value *y = rounded(c, call_binary(c, OP_DIV, x, scale), zero, DT_U8);
  return call_result(c, 0, y) && call_result(c, 1, scale) && call_result(c, 2, zero);
}

// ---- products

// The zero points of rows of a matrix on the left, or of columns of one on the right.
static Value *by_line(Call *c, Value *zero, const Type *x, bool rows) {
  if (!zero || zero->type->rank != 1 || x->rank < 2) return zero;
  return rows ? call_insert_dims(c, zero, 1, 1) : zero;
}

static Value *integer_product(Call *c, int a, int b, int zero_a, int zero_b) {
  Value *x = call_value(c, a), *y = call_value(c, b);
  if (!x || !y) return NULL;
  if (!is_quantized(x->type) || !is_quantized(y->type))
    return call_fail(c, "its operands are %s and %s", dtype_name(x->type->dtype), dtype_name(y->type->dtype)), NULL;
  Value *zero_x = by_line(c, call_value(c, zero_a), x->type, true);
  Value *zero_y = by_line(c, call_value(c, zero_b), y->type, false);
  return call_matmul(c, centered(c, x, zero_x), centered(c, y, zero_y));
}

bool convert_matmul_integer(Call *c, OpKind op) {
  (void)op;
  return call_result(c, 0, integer_product(c, 0, 1, 2, 3));
}

// An i32 sum of products of scale_a scale_b, as the type and by the scale of the result.
static bool requantized(Call *c, Value *sum, Value *scale_a, Value *scale_b, int i_scale, int i_zero) {
  Value *zero = call_value(c, i_zero), *scale = call_value(c, i_scale);
  if (!sum || !zero || !scale) return false;
  Value *by = call_binary(c, OP_MUL, call_cast(c, scale_a, DT_F32), call_cast(c, scale_b, DT_F32));
  by = call_binary(c, OP_DIV, by, call_cast(c, call_reshape(c, scale, 0, NULL), DT_F32));
  Value *y = call_binary(c, OP_MUL, call_cast(c, sum, DT_F32), by);
  return call_result(c, 0, rounded(c, y, call_reshape(c, zero, 0, NULL), zero->type->dtype));
}

bool convert_qlinear_matmul(Call *c, OpKind op) {
  (void)op;
  const Type *a = call_type(c, 0), *b = call_type(c, 3);
  if (!a || !b) return call_fail(c, "an operand is missing");
  Value *scale_a = by_line(c, call_value(c, 1), a, true), *scale_b = by_line(c, call_value(c, 4), b, false);
  return requantized(c, integer_product(c, 0, 3, 2, 5), scale_a, scale_b, 6, 7);
}

// Zero points of output channels, beside a weight.
static Value *integer_conv(Call *c, int x, int w, int zero_x, int zero_w, Value *bias) {
  Value *a = call_value(c, x), *b = call_value(c, w), *zero = call_value(c, zero_w);
  if (!a || !b) return call_fail(c, "an operand is missing"), NULL;
  if (!is_quantized(a->type) || !is_quantized(b->type))
    return call_fail(c, "its operands are %s and %s", dtype_name(a->type->dtype), dtype_name(b->type->dtype)), NULL;
  if (zero) zero = spread(c, zero, b->type, 0, 0);
  Value *zero_a = call_value(c, zero_x);
  return call_conv(c, centered(c, a, zero_a), centered(c, b, zero), bias);
}

bool convert_conv_integer(Call *c, OpKind op) {
  (void)op;
  return call_result(c, 0, integer_conv(c, 0, 1, 2, 3, NULL));
}

bool convert_qlinear_conv(Call *c, OpKind op) {
  (void)op;
  Value *scale_x = call_value(c, 1), *scale_w = call_value(c, 4);
  Value *sum = integer_conv(c, 0, 3, 2, 5, call_value(c, 8));
  if (!sum || !scale_x || !scale_w) return false;
  return requantized(c, sum, call_reshape(c, scale_x, 0, NULL), spread(c, scale_w, sum->type, 1, 0), 6, 7);
}
