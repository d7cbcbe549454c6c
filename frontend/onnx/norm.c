// Norms and softmax.
#include "frontend/onnx/nodes.h"

bool convert_batch_norm(Call *c, OpKind op) {
  if (call_int(c, "training_mode", 0)) return call_fail(c, "batch norm in training is not known");
  Attr *a = call_attrs(c, op);
  a[ATTR_BATCH_NORM_eps] = ATTR_F(call_float(c, "epsilon", 1e-5));
  Value *operands[] = {call_value(c, 0), call_value(c, 1), call_value(c, 2), call_value(c, 3), call_value(c, 4)};
  return call_result(c, 0, call_node(c, op, 5, operands, a));
}

// Over the dimensions from `axis` on, as one.
bool convert_layer_norm(Call *c, OpKind op) {
  Value *x = call_value(c, 0), *scale = call_value(c, 1), *bias = call_value(c, 2);
  if (!x || !scale) return false;
  int64_t axis = call_int(c, "axis", -1);
  if (!call_axis(c, &axis, x->type->rank)) return false;
  const Type *t = x->type;
  Dim all = 1, dims[MAX_RANK];
  for (int i = 0; i < t->rank; i++) {
    dims[i] = t->dims[i];
    if (i >= axis) all = dim_mul(c->im->m->dims, all, t->dims[i]);
  }
  dims[axis] = all;
  Attr *a = call_attrs(c, op);
  a[ATTR_LAYER_NORM_eps] = ATTR_F(call_float(c, "epsilon", 1e-5));
  Value *operands[] = {call_reshape(c, x, (int)axis + 1, dims), call_reshape(c, scale, 1, &all),
                       bias ? call_reshape(c, bias, 1, &all) : NULL};
  return call_result(c, 0, call_reshape(c, call_node(c, op, 3, operands, a), t->rank, t->dims));
}

// Until opset 12 over all dimensions from `axis` on, as one.
bool convert_softmax(Call *c, OpKind op) {
  Value *x = call_value(c, 0);
  if (!x) return false;
  int64_t axis = call_int(c, "axis", c->opset < 13 ? 1 : -1);
  int rank = x->type->rank;
  if (!call_axis(c, &axis, rank)) return false;
  Attr *a = call_attrs(c, op);
  a[op == OP_SOFTMAX ? (int)ATTR_SOFTMAX_dim : (int)ATTR_LOG_SOFTMAX_dim] = ATTR_I(axis);
  if (c->opset >= 13 || axis == rank - 1) return call_result(c, 0, call_unary(c, op, x, a));
  Dim dims[MAX_RANK], all = 1;
  for (int i = 0; i < rank; i++) {
    dims[i] = x->type->dims[i];
    if (i >= axis) all = dim_mul(c->im->m->dims, all, dims[i]);
  }
  dims[axis] = all;
  Value *y = call_unary(c, op, call_reshape(c, x, (int)axis + 1, dims), a);
  return call_result(c, 0, call_reshape(c, y, rank, x->type->dims));
}
