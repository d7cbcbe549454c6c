// Nodes of the graph that several conversions make. A NULL operand gives NULL: something was said of it before.
#include "frontend/onnx/import.h"

Value *call_with(Call *c, OpKind op, Value *x, double v) {
  return x ? call_binary(c, op, x, call_scalar(c, x->type->dtype, v)) : NULL;
}

Value *call_where(Call *c, Value *condition, Value *a, Value *b) {
  return call_node(c, OP_WHERE, 3, (Value *[]){condition, a, b}, NULL);
}

Value *call_clamp(Call *c, Value *x, double low, double high) {
  Attr *a = call_attrs(c, OP_CLAMP);
  a[ATTR_CLAMP_min] = ATTR_F(low);
  a[ATTR_CLAMP_max] = ATTR_F(high);
  return call_unary(c, OP_CLAMP, x, a);
}

Value *call_expand(Call *c, Value *x, int rank, const Dim *dims) {
  Attr *a = call_attrs(c, OP_EXPAND);
  a[ATTR_EXPAND_size] = call_list(c, ATTR_DIMS, rank, dims);
  return call_unary(c, OP_EXPAND, x, a);
}

Value *call_slice(Call *c, Value *x, int64_t axis, Dim start, Dim end) {
  if (!x || (start == 0 && end == x->type->dims[axis])) return x;
  Attr *a = call_attrs(c, OP_SLICE);
  a[ATTR_SLICE_dims] = call_list(c, ATTR_INTS, 1, &axis);
  a[ATTR_SLICE_starts] = call_list(c, ATTR_DIMS, 1, &start);
  a[ATTR_SLICE_ends] = call_list(c, ATTR_DIMS, 1, &end);
  return call_unary(c, OP_SLICE, x, a);
}

Value *call_flip(Call *c, Value *x, int n, const int64_t *axes) {
  if (!n) return x;
  Attr *a = call_attrs(c, OP_FLIP);
  a[ATTR_FLIP_dims] = call_list(c, ATTR_INTS, n, axes);
  return call_unary(c, OP_FLIP, x, a);
}

Value *call_concat(Call *c, int64_t axis, int n, Value *const *values) {
  if (n == 1) return values[0];
  Attr *a = call_attrs(c, OP_CONCAT);
  a[ATTR_CONCAT_dim] = ATTR_I(axis);
  return call_node(c, OP_CONCAT, n, values, a);
}

Value *call_arange(Call *c, DType dtype, Dim start, Dim end, int64_t step) {
  Attr *a = call_attrs(c, OP_ARANGE);
  a[ATTR_ARANGE_start] = call_list(c, ATTR_DIMS, 1, &start);
  a[ATTR_ARANGE_end] = call_list(c, ATTR_DIMS, 1, &end);
  a[ATTR_ARANGE_step] = ATTR_I(step);
  a[ATTR_ARANGE_dtype] = (Attr){.kind = ATTR_DTYPE, .i = dtype};
  return call_node(c, OP_ARANGE, 0, NULL, a);
}

Value *call_positions(Call *c, const Type *t, int axis) {
  Value *range = call_arange(c, DT_I64, 0, t->dims[axis], 1);
  return call_insert_dims(c, range, 1, t->rank - 1 - axis);
}

Value *call_index_select(Call *c, Value *x, int64_t axis, Value *index) {
  Attr *a = call_attrs(c, OP_INDEX_SELECT);
  a[ATTR_INDEX_SELECT_dim] = ATTR_I(axis);
  return call_node(c, OP_INDEX_SELECT, 2, (Value *[]){x, index}, a);
}

Value *call_gather(Call *c, Value *x, int64_t axis, Value *index) {
  Attr *a = call_attrs(c, OP_GATHER);
  a[ATTR_GATHER_dim] = ATTR_I(axis);
  return call_node(c, OP_GATHER, 2, (Value *[]){x, index}, a);
}

Value *call_arg(Call *c, OpKind op, Value *x, int64_t axis) {
  Attr *a = call_attrs(c, op); // `dim` and `keepdim` are the first two of either
  a[0] = call_list(c, ATTR_INTS, 1, &axis);
  a[1] = ATTR_B(true);
  return call_unary(c, op, x, a);
}

// Borders (before, after) of each dimension, which a negative one cuts.
Value *call_pad(Call *c, Value *x, const int64_t *before, const int64_t *after, const char *mode, double value) {
  if (!x) return NULL;
  int rank = x->type->rank;
  int64_t list[2 * MAX_RANK];
  bool none = true;
  for (int i = 0; i < rank; i++) {
    list[2 * (rank - 1 - i)] = before[i];
    list[2 * (rank - 1 - i) + 1] = after[i];
    none &= !before[i] && !after[i];
  }
  if (none) return x;
  Attr *a = call_attrs(c, OP_PAD);
  a[ATTR_PAD_pad] = call_list(c, ATTR_INTS, 2 * rank, list);
  a[ATTR_PAD_mode] = call_word(c, mode);
  a[ATTR_PAD_value] = ATTR_F(value);
  return call_unary(c, OP_PAD, x, a);
}
