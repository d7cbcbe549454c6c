// Activations, and the functions that are made of other ops.
#include "frontend/onnx/nodes.h"
#include <math.h>
#include <string.h>

bool convert_leaky_relu(Call *c, OpKind op) {
  Attr *a = call_attrs(c, op);
  a[ATTR_LEAKY_RELU_negative_slope] = ATTR_F(call_float(c, "alpha", 0.01));
  return call_result(c, 0, call_unary(c, op, call_value(c, 0), a));
}

static Value *elu(Call *c, OpKind op, Value *x, double alpha) {
  Attr *a = call_attrs(c, op);
  a[0] = ATTR_F(alpha); // of elu and celu
  return call_unary(c, op, x, a);
}

bool convert_elu(Call *c, OpKind op) {
  return call_result(c, 0, elu(c, op, call_value(c, 0), call_float(c, "alpha", 1)));
}

bool convert_selu(Call *c, OpKind op) {
  Value *x = call_value(c, 0);
  float alpha = (float)call_float(c, "alpha", 1.6732632423543772),
        gamma = (float)call_float(c, "gamma", 1.0507009873554805);
  if (alpha == 1.6732632423543772f && gamma == 1.0507009873554805f)
    return call_result(c, 0, call_unary(c, op, x, NULL));
  return call_result(c, 0, call_with(c, OP_MUL, elu(c, OP_ELU, x, (double)alpha), (double)gamma));
}

bool convert_gelu(Call *c, OpKind op) {
  Attr *a = call_attrs(c, op);
  a[ATTR_GELU_approximate] = call_word(c, call_text(c, "approximate", "none"));
  return call_result(c, 0, call_unary(c, op, call_value(c, 0), a));
}

// clamp(alpha x + beta, 0, 1)
bool convert_hard_sigmoid(Call *c, OpKind op) {
  Value *x = call_value(c, 0);
  double alpha = call_float(c, "alpha", 0.2), beta = call_float(c, "beta", 0.5);
  if (fabs(alpha - 1.0 / 6) < 1e-7 && beta == 0.5) return call_result(c, 0, call_unary(c, op, x, NULL));
  Value *y = call_with(c, OP_ADD, call_with(c, OP_MUL, x, alpha), beta);
  return call_result(c, 0, call_clamp(c, y, 0, 1));
}

// Until opset 6 a list of slopes is one a channel.
bool convert_prelu(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0), *slope = call_value(c, 1);
  if (x && slope && c->opset < 7 && slope->type->rank == 1 && slope->type->dims[0] != 1)
    slope = call_insert_dims(c, slope, 1, max_i64(0, x->type->rank - 2));
  Value *below = call_binary(c, OP_MUL, x, slope);
  return call_result(c, 0, call_where(c, call_with(c, OP_LT, x, 0), below, x));
}

bool convert_softsign(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0);
  return call_result(c, 0, call_binary(c, OP_DIV, x, call_with(c, OP_ADD, call_unary(c, OP_ABS, x, NULL), 1)));
}

bool convert_swish(Call *c, OpKind op) {
  Value *x = call_value(c, 0);
  double alpha = call_float(c, "alpha", 1);
  if (alpha == 1) return call_result(c, 0, call_unary(c, op, x, NULL));
  Value *gate = call_unary(c, OP_SIGMOID, call_with(c, OP_MUL, x, alpha), NULL);
  return call_result(c, 0, call_binary(c, OP_MUL, x, gate));
}

bool convert_thresholded_relu(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0);
  if (!x) return false;
  Value *above = call_with(c, OP_GT, x, call_float(c, "alpha", 1));
  return call_result(c, 0, call_where(c, above, x, call_scalar(c, x->type->dtype, 0)));
}

bool convert_shrink(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0);
  if (!x) return false;
  double bias = call_float(c, "bias", 0), bound = call_float(c, "lambd", 0.5);
  Value *wide =
      dtype_is_unsigned(x->type->dtype) ? call_cast(c, x, DT_I64) : x; // so that -lambd is a number of its type
  Value *above = call_where(c, call_with(c, OP_GT, wide, bound), call_with(c, OP_SUB, wide, bias),
                            call_scalar(c, wide->type->dtype, 0));
  Value *y = call_where(c, call_with(c, OP_LT, wide, -bound), call_with(c, OP_ADD, wide, bias), above);
  return call_result(c, 0, call_cast(c, y, x->type->dtype));
}

// ---- hyperbolic functions, right for small angles too

static Value *cosh_of(Call *c, Value *x) {
  Value *up = call_unary(c, OP_EXP, x, NULL), *down = call_unary(c, OP_EXP, call_unary(c, OP_NEG, x, NULL), NULL);
  return call_with(c, OP_MUL, call_binary(c, OP_ADD, up, down), 0.5);
}

// log(1 + x) for x >= 0, as softplus of the logarithm.
static Value *log1p_of(Call *c, Value *x) { return call_unary(c, OP_SOFTPLUS, call_unary(c, OP_LOG, x, NULL), NULL); }

static Value *signed_as(Call *c, Value *x, Value *like) {
  return call_where(c, call_with(c, OP_LT, like, 0), call_unary(c, OP_NEG, x, NULL), x);
}

// From where on log(2 x) is near enough; its square is a number of the type.
static double far_of(const Value *x) { return x && x->type->dtype == DT_F16 ? 100 : 1e4; }

bool convert_cosh(Call *c, OpKind op) {
  (void)op;
  return call_result(c, 0, cosh_of(c, call_value(c, 0)));
}

bool convert_sinh(Call *c, OpKind op) {
  Value *x = call_value(c, 0);
  return call_result(c, 0, call_binary(c, OP_MUL, call_unary(c, op, x, NULL), cosh_of(c, x))); // op: tanh
}

bool convert_tan(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0);
  return call_result(c, 0, call_binary(c, OP_DIV, call_unary(c, OP_SIN, x, NULL), call_unary(c, OP_COS, x, NULL)));
}

// sign(x) log1p(|x| + x^2 / (1 + sqrt(x^2 + 1)))
bool convert_asinh(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0), *size = call_unary(c, OP_ABS, x, NULL);
  if (!size) return false;
  Value *small = call_clamp(c, size, 0, far_of(x)), *square = call_binary(c, OP_MUL, small, small);
  Value *root = call_unary(c, OP_SQRT, call_with(c, OP_ADD, square, 1), NULL);
  Value *rest = call_binary(c, OP_DIV, square, call_with(c, OP_ADD, root, 1));
  Value *near = log1p_of(c, call_binary(c, OP_ADD, small, rest));
  Value *far = call_with(c, OP_ADD, call_unary(c, OP_LOG, size, NULL), 0.6931471805599453);
  return call_result(c, 0, signed_as(c, call_where(c, call_with(c, OP_GT, size, far_of(x)), far, near), x));
}

// log1p(t + sqrt(t^2 + 2 t)), t = x - 1; below 1 it is NaN.
bool convert_acosh(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0), *t = call_with(c, OP_SUB, x, 1);
  Value *near = call_clamp(c, t, -INFINITY, far_of(x));
  Value *root = call_unary(c, OP_SQRT, call_binary(c, OP_MUL, near, call_with(c, OP_ADD, near, 2)), NULL);
  Value *far = call_with(c, OP_ADD, call_unary(c, OP_LOG, x, NULL), 0.6931471805599453);
  Value *y = call_where(c, call_with(c, OP_GT, t, far_of(x)), far, log1p_of(c, call_binary(c, OP_ADD, near, root)));
  return call_result(c, 0, y);
}

// sign(x) log1p(2 |x| / (1 - |x|)) / 2
bool convert_atanh(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0), *size = call_unary(c, OP_ABS, x, NULL);
  if (!size) return false;
  Value *rest = call_binary(c, OP_SUB, call_scalar(c, size->type->dtype, 1), size);
  Value *ratio = call_binary(c, OP_DIV, call_with(c, OP_MUL, size, 2), rest);
  return call_result(c, 0, signed_as(c, call_with(c, OP_MUL, log1p_of(c, ratio), 0.5), x));
}

// 2 atan(x / (1 + sqrt((1 - x)(1 + x)))) and 2 atan(sqrt((1 - x) / (1 + x))), beyond 1 NaN.
bool convert_asin(Call *c, OpKind op) {
  Value *x = call_value(c, 0);
  if (!x) return false;
  Value *above = call_with(c, OP_ADD, x, 1), *below = call_binary(c, OP_SUB, call_scalar(c, x->type->dtype, 1), x);
  Value *root = call_unary(c, OP_SQRT, call_binary(c, OP_MUL, below, above), NULL);
  Value *half = call_unary(c, op, call_binary(c, OP_DIV, x, call_with(c, OP_ADD, root, 1)), NULL);
  return call_result(c, 0, call_with(c, OP_MUL, half, 2));
}

bool convert_acos(Call *c, OpKind op) {
  Value *x = call_value(c, 0);
  if (!x) return false;
  Value *above = call_with(c, OP_ADD, x, 1), *below = call_binary(c, OP_SUB, call_scalar(c, x->type->dtype, 1), x);
  Value *half = call_unary(c, op, call_unary(c, OP_SQRT, call_binary(c, OP_DIV, below, above), NULL), NULL);
  return call_result(c, 0, call_with(c, OP_MUL, half, 2));
}
