// The first elements of an order, and sums along a dimension.
#include "frontend/onnx/nodes.h"

// Of equal elements the first one, or the last one.
static Value *arg_along(Call *c, OpKind op, Value *x, int64_t axis, bool last) {
  if (!last) return call_arg(c, op, x, axis);
  Value *behind = call_arg(c, op, call_flip(c, x, 1, &axis), axis);
  if (!behind) return NULL;
  return call_binary(c, OP_SUB, call_dim(c, dim_sub(c->im->m->dims, x->type->dims[axis], 1)), behind);
}

bool convert_arg(Call *c, OpKind op) {
  Value *x = call_value(c, 0);
  int64_t axis = call_int(c, "axis", 0);
  if (!x || !call_axis(c, &axis, x->type->rank)) return false;
  Value *y = arg_along(c, op, x, axis, call_int(c, "select_last_index", 0));
  if (!y || call_int(c, "keepdims", 1)) return call_result(c, 0, y);
  Dim dims[MAX_RANK];
  int rank = 0;
  for (int i = 0; i < x->type->rank; i++)
    if (i != axis) dims[rank++] = x->type->dims[i];
  return call_result(c, 0, call_reshape(c, y, rank, dims));
}

bool convert_topk(Call *c, OpKind op) {
  Value *x = call_value(c, 0);
  const int64_t *k;
  int n;
  if (!x || !call_int_list(c, NULL, 1, &k, &n)) return false;
  int64_t axis = call_int(c, "axis", -1), one = call_int(c, "k", 0);
  if (n < 0) k = &one, n = 1; // until opset 10
  if (n != 1 || !call_axis(c, &axis, x->type->rank)) return n == 1 ? false : call_fail(c, "its k is not one number");
  Attr *a = call_attrs(c, op);
  a[ATTR_TOPK_k] = call_list(c, ATTR_DIMS, 1, k);
  a[ATTR_TOPK_dim] = ATTR_I(axis);
  a[ATTR_TOPK_largest] = ATTR_B(call_int(c, "largest", 1) != 0);
  Node *node = call_make(c, op, 1, &x, a);
  return node && call_result(c, 0, node->results[0]) && call_result(c, 1, node->results[1]);
}

// 1 where the first largest element is, else 0. Until opset 12 the dimensions from `axis` on are one.
bool convert_hardmax(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0), *y = x;
  if (!x) return false;
  int64_t axis = call_int(c, "axis", c->opset < 13 ? 1 : -1);
  const Type *t = x->type;
  if (!call_axis(c, &axis, t->rank)) return false;
  if (c->opset < 13) {
    Dim dims[MAX_RANK];
    for (int i = 0; i < t->rank; i++) dims[i] = i <= axis ? t->dims[i] : 1;
    for (int i = (int)axis + 1; i < t->rank; i++) dims[axis] = dim_mul(c->im->m->dims, dims[axis], t->dims[i]);
    y = call_reshape(c, x, (int)axis + 1, dims);
  }
  if (!y) return false;
  Value *where = call_arg(c, OP_ARGMAX, y, axis);
  Value *first = call_cast(c, call_binary(c, OP_EQ, call_positions(c, y->type, (int)axis), where), t->dtype);
  return call_result(c, 0, call_reshape(c, first, t->rank, t->dims));
}

// x moved by `by` along the axis, `fill` coming in.
static Value *moved(Call *c, Value *x, int64_t axis, int64_t by, double fill) {
  int64_t before[MAX_RANK] = {0}, after[MAX_RANK] = {0};
  before[axis] = by;
  after[axis] = -by;
  return call_pad(c, x, before, after, "constant", fill);
}

// Sums of the 2, 4, 8, ... elements that end at each. op: add or mul.
bool convert_cumulative(Call *c, OpKind op) {
  Value *x = call_value(c, 0);
  const int64_t *list;
  int n;
  if (!x || !call_int_list(c, NULL, 1, &list, &n)) return false;
  if (n != 1) return call_fail(c, "its axis is not one number");
  int64_t axis = *list;
  if (!call_axis(c, &axis, x->type->rank)) return false;
  Dim size = x->type->dims[axis];
  if (!dim_is_const(size)) return call_fail(c, "it sums along a dimension whose size is open");
  bool reverse = call_int(c, "reverse", 0);
  double none = op == OP_MUL;
  if (reverse) x = call_flip(c, x, 1, &axis);
  if (call_int(c, "exclusive", 0)) x = moved(c, x, axis, 1, none);
  for (int64_t by = 1; by < size && x; by *= 2) x = call_binary(c, op, x, moved(c, x, axis, by, none));
  return call_result(c, 0, reverse ? call_flip(c, x, 1, &axis) : x);
}
