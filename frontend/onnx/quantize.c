// Numbers as small integers: (integer - zero point) * scale.
#include "frontend/onnx/quantize.h"
#include "frontend/onnx/nodes.h"

static Value *quantize(Call *c, Value *x, Value *scale, Value *zero, int64_t axis, int64_t block, DType to) {
  Attr *a = call_attrs(c, OP_QUANTIZE_LINEAR);
  a[ATTR_QUANTIZE_LINEAR_axis] = ATTR_I(axis);
  a[ATTR_QUANTIZE_LINEAR_block_size] = ATTR_I(block);
  a[ATTR_QUANTIZE_LINEAR_dtype] = (Attr){.kind = ATTR_DTYPE, .i = to};
  return call_node(c, OP_QUANTIZE_LINEAR, 3, (Value *[]){x, scale, zero}, a);
}

static Value *dequantize(Call *c, Value *x, Value *scale, Value *zero, int64_t axis, int64_t block, DType to) {
  Attr *a = call_attrs(c, OP_DEQUANTIZE_LINEAR);
  a[ATTR_DEQUANTIZE_LINEAR_axis] = ATTR_I(axis);
  a[ATTR_DEQUANTIZE_LINEAR_block_size] = ATTR_I(block);
  a[ATTR_DEQUANTIZE_LINEAR_dtype] = (Attr){.kind = ATTR_DTYPE, .i = to};
  return call_node(c, OP_DEQUANTIZE_LINEAR, 3, (Value *[]){x, scale, zero}, a);
}

static bool is_quantized(const Type *t) { return !dtype_is_float(t->dtype) && dtype_size(t->dtype) < 4; }

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
  DType in = dtype_is_float(x->type->dtype) ? x->type->dtype : DT_F32;
  return call_result(c, 0,
                     quantize(c, call_cast(c, x, in), call_cast(c, scale, in), call_value(c, 2), call_int(c, "axis", 1),
                              call_int(c, "block_size", 0), to));
}

bool convert_dequantize(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0), *scale = call_value(c, 1);
  DType to;
  if (!x || !scale || !result_type(c, 1, DT_F32, &to)) return false;
  if (dtype_is_float(x->type->dtype) || !dtype_is_float(to))
    return call_fail(c, "it makes %s of %s", dtype_name(to), dtype_name(x->type->dtype));
  return call_result(
      c, 0, dequantize(c, x, scale, call_value(c, 2), call_int(c, "axis", 1), call_int(c, "block_size", 0), to));
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
  Value *zero = quantize(c, call_unary(c, OP_NEG, low, NULL), scale, NULL, 0, 0, DT_U8);
  Value *y = quantize(c, x, scale, zero, 0, 0, DT_U8);
  return call_result(c, 0, y) && call_result(c, 1, scale) && call_result(c, 2, zero);
}

// ---- products in i32, which are exact

// x less its zero point. A list of zero points is along dimension `axis`.
static Value *centered(Call *c, Value *x, Value *zero, int axis) {
  if (!is_quantized(x->type)) return call_fail(c, "an operand is %s", dtype_name(x->type->dtype)), NULL;
  Value *y = call_cast(c, x, DT_I32);
  if (!zero) return y;
  if (zero->type->rank == 1 && axis < x->type->rank) zero = call_insert_dims(c, zero, 1, x->type->rank - 1 - axis);
  return call_binary(c, OP_SUB, y, call_cast(c, zero, DT_I32));
}

bool convert_matmul_integer(Call *c, OpKind op) {
  (void)op;
  Value *a = call_value(c, 0), *b = call_value(c, 1);
  if (!a || !b) return call_fail(c, "an operand is missing");
  int rows = a->type->rank < 2 ? 0 : a->type->rank - 2, columns = b->type->rank - 1;
  a = centered(c, a, call_value(c, 2), rows);
  return a && call_result(c, 0, call_matmul(c, a, centered(c, b, call_value(c, 3), columns)));
}

bool convert_conv_integer(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0), *w = call_value(c, 1);
  if (!x || !w) return call_fail(c, "an operand is missing");
  x = centered(c, x, call_value(c, 2), x->type->rank);
  return x && call_result(c, 0, call_conv(c, x, centered(c, w, call_value(c, 3), 0), NULL));
}

// ---- quantized products: those of dequantized operands, quantized. The passes find the integers in them.

Value *call_dequantized(Call *c, int i, int axis) {
  Value *x = call_value(c, i), *scale = call_value(c, i + 1), *zero = call_value(c, i + 2);
  if (!x || !scale) return call_fail(c, "an operand is missing"), NULL;
  if (scale->type->rank <= 1) return dequantize(c, x, scale, zero, axis, 0, DT_F32);
  return call_binary(c, OP_MUL, call_cast(c, centered(c, x, zero, axis), DT_F32), call_cast(c, scale, DT_F32));
}

Value *call_dequantized_bias(Call *c, int bias, int scale, int other_scale) {
  Value *by = call_binary(c, OP_MUL, call_value(c, scale), call_value(c, other_scale));
  return by ? dequantize(c, call_value(c, bias), by, NULL, 0, 0, DT_F32) : NULL;
}

bool call_quantized(Call *c, Value *y, int i) {
  Value *scale = call_value(c, i), *zero = call_value(c, i + 1);
  if (!y) return false;
  if (!scale) return call_fail(c, "an operand is missing");
  DType to = zero ? zero->type->dtype : call_type(c, 0)->dtype;
  return call_result(c, 0, quantize(c, y, call_cast(c, scale, DT_F32), zero, 0, 0, to));
}

bool convert_qlinear_matmul(Call *c, OpKind op) {
  (void)op;
  const Type *a = call_type(c, 0), *b = call_type(c, 3);
  if (!a || !b) return call_fail(c, "an operand is missing");
  int rows = a->rank < 2 ? 0 : a->rank - 2;
  return call_quantized(c, call_matmul(c, call_dequantized(c, 0, rows), call_dequantized(c, 3, b->rank - 1)), 6);
}

bool convert_qlinear_conv(Call *c, OpKind op) {
  (void)op;
  Value *x = call_dequantized(c, 0, 1), *w = call_dequantized(c, 3, 0), *bias = NULL;
  if (!x || !w) return false;
  if (call_has(c, 8) && !(bias = call_dequantized_bias(c, 8, 1, 4))) return false;
  return call_quantized(c, call_conv(c, x, w, bias), 6);
}
