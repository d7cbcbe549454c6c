// What is computed element by element, but for activations and what integers alone have.
#include "frontend/onnx/nodes.h"
#include <math.h>

bool convert_unary(Call *c, OpKind op) { return call_result(c, 0, call_unary(c, op, call_value(c, 0), NULL)); }

bool convert_identity(Call *c, OpKind op) {
  (void)op;
  if (!call_has(c, 0)) return call_fail(c, "it has no operand");
  c->out[0] = *c->in[0];
  return true;
}

// Since opset 7 both operands broadcast; until then, where `broadcast` says so, the second one stands along the
// dimensions of the first from `axis` on.
bool convert_binary(Call *c, OpKind op) {
  Value *a = call_value(c, 0), *b = call_value(c, 1);
  if (!a || !b) return false;
  int64_t axis = c->opset < 7 && call_int(c, "broadcast", 0) ? call_int(c, "axis", -1) : -1;
  int behind = a->type->rank - b->type->rank - (int)axis;
  if (axis >= 0 && axis < MAX_RANK && behind > 0) b = call_insert_dims(c, b, b->type->rank, behind);
  return call_result(c, 0, call_binary(c, op, a, b));
}

bool convert_several(Call *c, OpKind op) {
  Value *y = call_value(c, 0);
  for (int i = 1; y && i < c->n_in; i++) y = call_binary(c, op == OP_MEAN ? OP_ADD : op, y, call_value(c, i));
  if (y && op == OP_MEAN) y = call_with(c, OP_DIV, y, c->n_in);
  return call_result(c, 0, y);
}

bool convert_where(Call *c, OpKind op) {
  (void)op;
  return call_result(c, 0, call_where(c, call_value(c, 0), call_value(c, 1), call_value(c, 2)));
}

bool convert_cast(Call *c, OpKind op) {
  (void)op;
  DType to;
  int64_t wanted = call_int(c, "to", 0);
  if (!tensor_dtype(wanted, &to)) return call_fail(c, "nncc has no elements of type %s", tensor_type_name(wanted));
  return call_result(c, 0, call_cast(c, call_value(c, 0), to));
}

bool convert_cast_like(Call *c, OpKind op) {
  (void)op;
  const Type *like = call_type(c, 1);
  if (!like) return call_fail(c, "its second operand is missing");
  return call_result(c, 0, call_cast(c, call_value(c, 0), like->dtype));
}

// Bounds are attributes until opset 10, then operands. False: it is an operand that is not known.
static bool bound(Call *c, const char *name, int i, double fallback, double *v) {
  *v = call_float(c, name, fallback);
  if (!call_has(c, i)) return true;
  const Known *k = call_known(c, i);
  if (!k || k->n != 1 || !known_is_const(k)) return false;
  *v = dtype_is_float(k->dtype) ? k->e->f : (double)k->e->i;
  return true;
}

bool convert_clip(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0);
  double low, high;
  if (bound(c, "min", 1, -INFINITY, &low) && bound(c, "max", 2, INFINITY, &high) && low <= high)
    return call_result(c, 0, call_clamp(c, x, low, high));
  if (call_has(c, 1))
    x = call_binary(c, OP_MAXIMUM, x, call_value(c, 1)); // where the bounds cross, the upper one holds
  if (call_has(c, 2)) x = call_binary(c, OP_MINIMUM, x, call_value(c, 2));
  return call_result(c, 0, x);
}

// In inference the identity; the mask is then true everywhere.
bool convert_dropout(Call *c, OpKind op) {
  (void)op;
  const Known *training = call_need_known(c, 2);
  if (call_has(c, 2) && !training) return false;
  if (training && training->n && training->e->i) {
    const Known *ratio = call_need_known(c, 1);
    if (call_has(c, 1) && !ratio) return false;
    if (!ratio || !ratio->n || ratio->e->f != 0) return call_fail(c, "dropout in training is not known");
  }
  if (!convert_identity(c, OP_COUNT)) return false;
  if (c->n_out < 2 || !*c->node->output.data[1]) return true;
  const Type *t = call_type(c, 0);
  Value *one = call_scalar(c, c->opset < 10 ? t->dtype : DT_BOOL, 1);
  return call_result(c, 1, call_expand(c, one, t->rank, t->dims));
}

// ---- questions of floats

bool convert_is_nan(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0);
  return call_result(c, 0, call_binary(c, OP_NE, x, x));
}

bool convert_is_inf(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0);
  bool above = call_int(c, "detect_positive", 1), below = call_int(c, "detect_negative", 1);
  if (above && below) return call_result(c, 0, call_with(c, OP_EQ, call_unary(c, OP_ABS, x, NULL), INFINITY));
  if (above || below) return call_result(c, 0, call_with(c, OP_EQ, x, above ? INFINITY : -INFINITY));
  return call_result(c, 0, call_binary(c, OP_LOGICAL_AND, call_binary(c, OP_NE, x, x), call_binary(c, OP_EQ, x, x)));
}

// NaN is its own sign.
bool convert_sign(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0);
  if (!x) return false;
  DType t = x->type->dtype;
  Value *below = call_where(c, call_with(c, OP_LT, x, 0), call_scalar(c, t, -1), x);
  return call_result(c, 0, call_where(c, call_with(c, OP_GT, x, 0), call_scalar(c, t, 1), below));
}

// ---- remainders

static Value *truncated(Call *c, Value *x) {
  if (!x || !dtype_is_float(x->type->dtype)) return x;
  Value *up = call_unary(c, OP_CEIL, x, NULL), *down = call_unary(c, OP_FLOOR, x, NULL);
  return call_where(c, call_with(c, OP_LT, x, 0), up, down);
}

// x with y added where x and `like` have different signs and x is not 0.
static Value *turned_towards(Call *c, Value *x, Value *like, Value *y) {
  Value *below = call_with(c, OP_LT, x, 0), *wanted = call_with(c, OP_LT, like, 0);
  Value *differs = call_binary(c, OP_LOGICAL_XOR, below, wanted);
  Value *turns = call_binary(c, OP_LOGICAL_AND, differs, call_with(c, OP_NE, x, 0));
  return call_where(c, turns, call_binary(c, OP_ADD, x, y), x);
}

// fmod: the remainder has the sign of the dividend, else of the divisor, as Python's. Division rounds, so that of
// floats the quotient may be one too large.
bool convert_mod(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0), *y = call_value(c, 1);
  if (!x || !y) return false;
  Value *quotient = truncated(c, call_binary(c, OP_DIV, x, y));
  Value *rest = call_binary(c, OP_SUB, x, call_binary(c, OP_MUL, quotient, y));
  DType t = x->type->dtype;
  if (dtype_is_float(t)) {
    Value *size = call_unary(c, OP_ABS, y, NULL);
    Value *back = call_where(c, call_with(c, OP_LT, x, 0), call_unary(c, OP_NEG, size, NULL), size);
    rest = turned_towards(c, rest, x, back);
  }
  if (!call_int(c, "fmod", 0)) rest = turned_towards(c, rest, y, y);
  return call_result(c, 0, rest);
}
