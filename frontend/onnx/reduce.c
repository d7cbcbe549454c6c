// Reductions.
#include "frontend/onnx/nodes.h"

Value *call_reduced(Call *c, OpKind op, Value *x, int n, const int64_t *dims, bool keep) {
  Attr *a = call_attrs(c, op); // `dim` and `keepdim` are the first two of each of them
  a[0] = call_list(c, ATTR_INTS, n, dims);
  a[1] = ATTR_B(keep);
  return call_unary(c, op, x, a);
}

bool call_reduce_axes(Call *c, Value *x, int *n, int64_t *dims, bool *none) {
  const int64_t *list;
  *none = false;
  if (!call_int_list(c, "axes", 1, &list, n)) return false;
  int rank = x->type->rank;
  if (*n <= 0 && call_int(c, "noop_with_empty_axes", 0)) return *none = true;
  if (*n <= 0) { // all of them
    *n = rank;
    for (int i = 0; i < rank; i++) dims[i] = i;
    return true;
  }
  if (*n > MAX_RANK) return call_fail(c, "it reduces too many dimensions");
  for (int i = 0; i < *n; i++) {
    dims[i] = list[i];
    if (!call_axis(c, &dims[i], rank)) return false;
  }
  return true;
}

bool convert_reduce(Call *c, OpKind op) {
  Value *x = call_value(c, 0);
  int64_t dims[MAX_RANK];
  int n;
  bool none;
  if (!x || !call_reduce_axes(c, x, &n, dims, &none)) return false;
  if (none || !n) return call_result(c, 0, x);
  Value *y = call_reduced(c, op, x, n, dims, call_int(c, "keepdims", 1));
  return call_result(c, 0, call_cast(c, y, x->type->dtype));
}
