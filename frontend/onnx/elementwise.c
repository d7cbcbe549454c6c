// What is computed element by element.
#include "frontend/onnx/nodes.h"
#include <math.h>
#include <string.h>

bool convert_unary(Call *c, OpKind op) { return call_result(c, 0, call_unary(c, op, call_value(c, 0), NULL)); }

bool convert_identity(Call *c, OpKind op) {
  (void)op;
  c->out[0] = *c->in[0];
  return true;
}

// Until opset 7 one operand stood along dimensions of the other; since then both broadcast.
bool convert_binary(Call *c, OpKind op) {
  return call_result(c, 0, call_binary(c, op, call_value(c, 0), call_value(c, 1)));
}

bool convert_pow(Call *c, OpKind op) {
  Value *a = call_value(c, 0), *b = call_value(c, 1);
  return call_result(c, 0, a && b ? call_binary(c, op, a, call_cast(c, b, a->type->dtype)) : NULL);
}

bool convert_several(Call *c, OpKind op) {
  Value *y = call_value(c, 0);
  for (int i = 1; y && i < c->n_in; i++) y = call_binary(c, op == OP_MEAN ? OP_ADD : op, y, call_value(c, i));
  if (y && op == OP_MEAN) y = call_binary(c, OP_DIV, y, call_scalar(c, y->type->dtype, c->n_in));
  return call_result(c, 0, y);
}

bool convert_where(Call *c, OpKind op) {
  return call_result(c, 0,
                     call_node(c, op, 3, (Value *[]){call_value(c, 0), call_value(c, 1), call_value(c, 2)}, NULL));
}

bool convert_cast(Call *c, OpKind op) {
  (void)op;
  DType to;
  int64_t wanted = call_int(c, "to", 0);
  if (!tensor_dtype(wanted, &to)) return call_fail(c, "nncc has no elements of type %s", tensor_type_name(wanted));
  return call_result(c, 0, call_cast(c, call_value(c, 0), to));
}

// Bounds are attributes until opset 10, then operands.
static bool bound(Call *c, const char *name, int i, double fallback, double *v) {
  *v = call_float(c, name, fallback);
  if (!call_has(c, i)) return true;
  const Known *k = call_known(c, i);
  if (!k || k->n != 1 || !known_is_const(k)) return false;
  *v = dtype_is_float(k->dtype) ? k->e->f : (double)k->e->i;
  return true;
}

bool convert_clip(Call *c, OpKind op) {
  Value *x = call_value(c, 0);
  double low, high;
  if (bound(c, "min", 1, -INFINITY, &low) && bound(c, "max", 2, INFINITY, &high)) {
    Attr *a = call_attrs(c, op);
    a[ATTR_CLAMP_min] = ATTR_F(low);
    a[ATTR_CLAMP_max] = ATTR_F(fmax(low, high)); // where the bounds cross, the upper one holds
    Value *y = low <= high ? call_unary(c, op, x, a) : NULL;
    if (low <= high) return call_result(c, 0, y);
  }
  if (call_has(c, 1)) x = call_binary(c, OP_MAXIMUM, x, call_value(c, 1));
  if (call_has(c, 2)) x = call_binary(c, OP_MINIMUM, x, call_value(c, 2));
  return call_result(c, 0, x);
}

bool convert_leaky_relu(Call *c, OpKind op) {
  Attr *a = call_attrs(c, op);
  a[ATTR_LEAKY_RELU_negative_slope] = ATTR_F(call_float(c, "alpha", 0.01));
  return call_result(c, 0, call_unary(c, op, call_value(c, 0), a));
}

bool convert_elu(Call *c, OpKind op) {
  Attr *a = call_attrs(c, op);
  a[ATTR_ELU_alpha] = ATTR_F(call_float(c, "alpha", 1));
  return call_result(c, 0, call_unary(c, op, call_value(c, 0), a));
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
  if (!x) return false;
  if (fabs(alpha - 1.0 / 6) < 1e-7 && beta == 0.5) return call_result(c, 0, call_unary(c, op, x, NULL));
  DType t = x->type->dtype;
  Value *y = call_binary(c, OP_ADD, call_binary(c, OP_MUL, x, call_scalar(c, t, alpha)), call_scalar(c, t, beta));
  Attr *a = call_attrs(c, OP_CLAMP);
  a[ATTR_CLAMP_min] = ATTR_F(0);
  a[ATTR_CLAMP_max] = ATTR_F(1);
  return call_result(c, 0, call_unary(c, OP_CLAMP, y, a));
}

bool convert_prelu(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0), *slope = call_value(c, 1);
  if (!x || !slope) return false;
  Value *zero = call_scalar(c, x->type->dtype, 0), *below = call_binary(c, OP_MUL, x, slope);
  return call_result(c, 0, call_node(c, OP_WHERE, 3, (Value *[]){call_binary(c, OP_LT, x, zero), below, x}, NULL));
}

// In inference the identity; the mask is then true everywhere.
bool convert_dropout(Call *c, OpKind op) {
  (void)op;
  const Known *training = call_has(c, 2) ? call_need_known(c, 2) : NULL;
  if (call_has(c, 2) && !training) return false;
  if (training && training->e->i) return call_fail(c, "dropout in training is not known");
  c->out[0] = *c->in[0];
  if (c->n_out < 2) return true;
  const Type *t = call_type(c, 0);
  Attr *a = call_attrs(c, OP_EXPAND);
  a[ATTR_EXPAND_size] = call_list(c, ATTR_DIMS, t->rank, t->dims);
  return call_result(c, 1, call_unary(c, OP_EXPAND, call_scalar(c, DT_BOOL, 1), a));
}
