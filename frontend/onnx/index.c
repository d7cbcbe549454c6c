// Elements by their numbers.
#include "frontend/onnx/folded.h"
#include "frontend/onnx/nodes.h"
#include <math.h>

Value *call_wrapped(Call *c, Value *index, Dim size) {
  index = call_cast(c, index, DT_I64);
  Value *below = call_with(c, OP_LT, index, 0), *n = call_dim(c, size);
  return n ? call_where(c, below, call_binary(c, OP_ADD, index, n), index) : NULL;
}

Value *call_wrapped_index(Call *c, int i, Dim size) {
  const Known *k = call_known(c, i);
  bool negative = !k;
  for (int64_t j = 0; k && j < k->n; j++) negative |= dim_is_const(k->e[j].i) && k->e[j].i < 0;
  Value *index = call_value(c, i);
  return negative ? call_wrapped(c, index, size) : call_cast(c, index, DT_I64);
}

Value *call_slices(Call *c, Value *x, int64_t axis, Value *index) {
  if (!x || !index) return NULL;
  int rank = 0, own = index->type->rank;
  Dim dims[2 * MAX_RANK], count = 1;
  for (int i = 0; i < axis; i++) dims[rank++] = x->type->dims[i];
  for (int i = 0; i < own; i++) {
    count = dim_mul(c->im->m->dims, count, index->type->dims[i]);
    dims[rank++] = index->type->dims[i];
  }
  for (int i = (int)axis + 1; i < x->type->rank; i++) dims[rank++] = x->type->dims[i];
  if (rank > MAX_RANK) return call_fail(c, "it has more than %d dimensions", MAX_RANK), NULL;
  return call_reshape(c, call_index_select(c, x, axis, call_reshape(c, index, 1, &count)), rank, dims);
}

bool convert_gather(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0);
  int64_t axis = call_int(c, "axis", 0);
  if (!x || !call_axis(c, &axis, x->type->rank)) return false;
  return call_result(c, 0, call_slices(c, x, axis, call_wrapped_index(c, 1, x->type->dims[axis])));
}

bool convert_gather_elements(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0);
  int64_t axis = call_int(c, "axis", 0);
  if (!x || !call_axis(c, &axis, x->type->rank)) return false;
  return call_result(c, 0, call_gather(c, x, axis, call_wrapped_index(c, 1, x->type->dims[axis])));
}

Value *call_vector(Call *c, int n, const Dim *list) {
  return known_value(c->im->m, known_ints(c->im->m, DT_I64, n, list), "sizes");
}

// index [..., n]: each last row names an element of dimensions [first, first + n) of a t. Its number among them, [...].
Value *call_flat_index(Call *c, Value *index, const Type *t, int first, int n) {
  DimTable *dims = c->im->m->dims;
  Dim sizes[MAX_RANK], strides[MAX_RANK], stride = 1;
  for (int i = n - 1; i >= 0; i--) {
    sizes[i] = t->dims[first + i];
    strides[i] = stride;
    stride = dim_mul(dims, stride, sizes[i]);
  }
  index = call_cast(c, index, DT_I64);
  Value *all = call_vector(c, n, sizes), *apart = call_vector(c, n, strides);
  if (!index || !all || !apart) return NULL;
  index = call_where(c, call_with(c, OP_LT, index, 0), call_binary(c, OP_ADD, index, all), index);
  int64_t last = index ? index->type->rank - 1 : 0;
  return call_reduced(c, OP_SUM, call_binary(c, OP_MUL, index, apart), 1, &last, false);
}

// x as a list of its slices [batches * elements, inner], whose number within a batch a row of the index names.
bool convert_gather_nd(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0), *index = call_value(c, 1);
  int64_t batch = call_int(c, "batch_dims", 0);
  if (!x || !index) return false;
  const Type *t = x->type, *it = index->type;
  DimTable *table = c->im->m->dims;
  if (batch < 0 || batch >= it->rank || !dim_is_const(it->dims[it->rank - 1]) ||
      it->dims[it->rank - 1] > t->rank - batch)
    return call_fail(c, "its index does not fit its operand");
  int n = (int)it->dims[it->rank - 1], rank = 0;
  Dim batches = 1, elements = 1, dims[2 * MAX_RANK], rows[MAX_RANK];
  for (int i = 0; i < batch; i++) batches = dim_mul(table, batches, t->dims[i]);
  for (int i = 0; i < n; i++) elements = dim_mul(table, elements, t->dims[batch + i]);
  for (int i = 0; i < it->rank - 1; i++) dims[rank++] = it->dims[i];
  rows[0] = dim_mul(table, batches, elements);
  int inner = 1;
  for (int i = (int)batch + n; i < t->rank; i++) rows[inner++] = dims[rank++] = t->dims[i];
  if (rank > MAX_RANK) return call_fail(c, "it has more than %d dimensions", MAX_RANK);
  Value *flat = call_flat_index(c, index, t, (int)batch, n);
  if (batch && flat) { // [batches, rest] + the batch's first
    Dim count = type_elements(c->im->m, flat->type), two[] = {batches, dim_floordiv(table, count, batches)};
    Value *first = call_arange(c, DT_I64, 0, batches, 1), *size = call_dim(c, elements);
    first = call_insert_dims(c, first && size ? call_binary(c, OP_MUL, first, size) : NULL, 1, 1);
    flat = call_binary(c, OP_ADD, call_reshape(c, flat, 2, two), first);
  }
  Value *y = call_slices(c, call_reshape(c, x, inner, rows), 0, flat);
  return call_result(c, 0, call_reshape(c, y, rank, dims));
}

// values: [off, on]; a new dimension of size `depth` at `axis`.
bool convert_one_hot(Call *c, OpKind op) {
  (void)op;
  Value *index = call_value(c, 0), *values = call_value(c, 2);
  const Known *depth = call_need_known(c, 1);
  if (!index || !values || !depth) return false;
  bool real = dtype_is_float(depth->dtype);
  Dim size = depth->e->i;
  if (depth->n != 1 || (real && !ratio_whole(*depth->e, &size)) || values->type->rank != 1 ||
      values->type->dims[0] != 2)
    return call_fail(c, "its depth is not one number, or its values are not two");
  int rank = index->type->rank + 1;
  int64_t axis = call_int(c, "axis", -1);
  if (!call_axis(c, &axis, rank)) return false;
  index = call_insert_dims(c, call_wrapped(c, index, size), (int)axis, 1);
  Value *range = call_insert_dims(c, call_arange(c, DT_I64, 0, size, 1), 1, rank - 1 - (int)axis);
  Value *off = call_reshape(c, call_slice(c, values, 0, 0, 1), 0, NULL),
        *on = call_reshape(c, call_slice(c, values, 0, 1, 2), 0, NULL);
  return call_result(c, 0, call_where(c, call_binary(c, OP_EQ, index, range), on, off));
}
