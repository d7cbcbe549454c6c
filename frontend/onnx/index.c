// Elements by their numbers.
#include "frontend/onnx/nodes.h"

// Numbers that count from the end, as ONNX allows, from the front.
Value *call_wrapped_index(Call *c, int i, Dim size) {
  const Known *k = call_known(c, i);
  bool negative = !k;
  for (int64_t j = 0; k && j < k->n; j++) negative |= dim_is_const(k->e[j].i) && k->e[j].i < 0;
  Value *index = call_cast(c, call_value(c, i), DT_I64);
  if (!negative || !index) return index;
  Value *below = call_binary(c, OP_LT, index, call_scalar(c, DT_I64, 0)), *n = call_dim(c, size);
  return call_node(c, OP_WHERE, 3, (Value *[]){below, n ? call_binary(c, OP_ADD, index, n) : NULL, index}, NULL);
}

// The slices along `axis` that `index`, of any rank, names.
bool convert_gather(Call *c, OpKind op) {
  Value *x = call_value(c, 0);
  if (!x) return false;
  int64_t axis = call_int(c, "axis", 0);
  if (!call_axis(c, &axis, x->type->rank)) return false;
  Value *index = call_wrapped_index(c, 1, x->type->dims[axis]);
  if (!index) return false;
  int rank = 0, own = index->type->rank;
  Dim dims[2 * MAX_RANK], count = 1;
  for (int i = 0; i < axis; i++) dims[rank++] = x->type->dims[i];
  for (int i = 0; i < own; i++) {
    count = dim_mul(c->im->m->dims, count, index->type->dims[i]);
    dims[rank++] = index->type->dims[i];
  }
  for (int i = (int)axis + 1; i < x->type->rank; i++) dims[rank++] = x->type->dims[i];
  if (rank > MAX_RANK) return call_fail(c, "it has more than %d dimensions", MAX_RANK);
  Attr *a = call_attrs(c, op);
  a[ATTR_INDEX_SELECT_dim] = ATTR_I(axis);
  Value *y = call_node(c, op, 2, (Value *[]){x, call_reshape(c, index, 1, &count)}, a);
  return call_result(c, 0, call_reshape(c, y, rank, dims));
}
