// What moves elements and computes nothing.
#include "frontend/onnx/nodes.h"
#include <string.h>

// The shape, which until opset 4 is an attribute.
static const Known *reshape_list(Call *c) {
  const int64_t *list;
  if (!call_attr(c, "shape")) return call_need_ints(c, 1);
  int n = call_ints(c, "shape", &list);
  return known_ints(c->im->m, DT_I64, n, list);
}

// 0: the operand's dimension, -1: what is left.
bool convert_reshape(Call *c, OpKind op) {
  const Known *k = reshape_list(c);
  if (k && call_is_empty(c, 0)) return known_fold(c) || call_fail(c, "its shape does not fit a tensor of no elements");
  Value *x = call_value(c, 0);
  if (!k || !x) return false;
  Dim dims[MAX_RANK];
  if (k->n > MAX_RANK) return call_fail(c, "it has more than %d dimensions", MAX_RANK);
  for (int i = 0; i < k->n; i++) {
    dims[i] = k->e[i].i;
    if (dims[i] == 0 && i < x->type->rank && !call_int(c, "allowzero", 0)) dims[i] = x->type->dims[i];
  }
  Attr *a = call_attrs(c, op);
  a[ATTR_RESHAPE_shape] = call_list(c, ATTR_DIMS, (int)k->n, dims);
  return call_result(c, 0, call_unary(c, op, x, a));
}

bool convert_flatten(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0);
  int64_t axis = call_int(c, "axis", 1);
  if (!x || (axis != x->type->rank && !call_axis(c, &axis, x->type->rank))) return false;
  Dim dims[2] = {1, 1};
  for (int i = 0; i < x->type->rank; i++) dims[i >= axis] = dim_mul(c->im->m->dims, dims[i >= axis], x->type->dims[i]);
  return call_result(c, 0, call_reshape(c, x, 2, dims));
}

bool convert_transpose(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0);
  const int64_t *perm;
  int n = call_ints(c, "perm", &perm);
  if (!x) return false;
  int64_t dims[MAX_RANK];
  if (n && n != x->type->rank) return call_fail(c, "`perm` does not name each dimension once");
  for (int i = 0; i < x->type->rank; i++) dims[i] = n ? perm[i] : x->type->rank - 1 - i;
  return call_result(c, 0, call_permute(c, x, dims));
}

bool convert_concat(Call *c, OpKind op) {
  Value **operands = arena_array(c->im->m->arena, Value *, c->n_in);
  int n = 0;
  for (int i = 0; i < c->n_in; i++)
    if (call_has(c, i) && !(c->in[i]->known && !c->in[i]->known->n)) operands[n++] = call_value(c, i);
  if (n == 1) return call_result(c, 0, operands[0]);
  Attr *a = call_attrs(c, op);
  a[ATTR_CONCAT_dim] = ATTR_I(call_int(c, "axis", 0));
  return call_result(c, 0, call_node(c, op, n, operands, a));
}

// Parts one of which has no elements; so has the operand, perhaps.
static bool split_apart(Call *c, const Type *t, int64_t axis, int n, const int64_t *sizes) {
  bool empty = call_is_empty(c, 0);
  Value *x = empty ? NULL : call_value(c, 0);
  Dim dims[MAX_RANK], at = 0;
  if (!empty && !x) return false;
  memcpy(dims, t->dims, sizeof *dims * (size_t)t->rank);
  for (int i = 0; i < n && i < c->n_out; i++) {
    dims[axis] = sizes[i];
    bool ok = empty || !sizes[i] ? call_result_empty(c, i, t->dtype, t->rank, dims)
                                 : call_result(c, i, call_slice(c, x, axis, at, dim_add(c->im->m->dims, at, sizes[i])));
    if (!ok) return false;
    at = dim_add(c->im->m->dims, at, sizes[i]);
  }
  return n >= c->n_out || call_fail(c, "it has %d parts for %d results", n, c->n_out);
}

static const int64_t *equal_parts(Call *c, int64_t size, int n) {
  int64_t *sizes = arena_array(c->im->m->arena, int64_t, n), each = ceil_div(size, n);
  for (int i = 0; i < n; i++) sizes[i] = max_i64(0, min_i64(each, size - i * each));
  return sizes;
}

// Sizes as stated, or as many equal parts as there are results, the last one smaller.
bool convert_split(Call *c, OpKind op) {
  const Type *t = call_type(c, 0);
  const int64_t *sizes;
  int n;
  if (!t) return call_fail(c, "it has no operand");
  if (!call_int_list(c, "split", 1, &sizes, &n)) return false;
  int64_t axis = call_int(c, "axis", 0), parts = call_int(c, "num_outputs", c->n_out);
  if (!call_axis(c, &axis, t->rank)) return false;
  Dim size = t->dims[axis];
  if (n < 0 && !dim_is_const(size)) return call_fail(c, "it splits a dimension whose size is open");
  if (n < 0 && (parts < 1 || parts > c->n_out)) return call_fail(c, "`num_outputs` is not the number of its results");
  if (n < 0) sizes = equal_parts(c, size, n = (int)parts);
  for (int i = 0; i < n; i++)
    if (!sizes[i] || call_is_empty(c, 0)) return split_apart(c, t, axis, n, sizes);
  Attr *a = call_attrs(c, op);
  a[ATTR_SPLIT_sizes] = call_list(c, ATTR_INTS, n, sizes);
  a[ATTR_SPLIT_dim] = ATTR_I(axis);
  Value *x = call_value(c, 0);
  Node *node = call_make(c, op, 1, &x, a);
  for (int i = 0; node && i < c->n_out && i < node->n_results; i++) call_result(c, i, node->results[i]);
  return node &&
         (node->n_results >= c->n_out || call_fail(c, "it has %d parts for %d results", node->n_results, c->n_out));
}

// A position that may count from the end, within [low, high].
static Dim position(DimTable *t, Dim d, Dim size, Dim low, Dim high) {
  if (!dim_is_const(d)) return dim_max(t, low, dim_min(t, dim_add(t, d, dim_mul(t, size, dim_lt(t, d, 0))), high));
  if (d < 0) d = dim_add(t, size, max_i64(d, -MAX_ELEMENTS));
  return dim_max(t, low, dim_min(t, min_i64(d, DIM_SYMBOLIC / 2), high)); // sums with it stay numbers
}

typedef struct Slices {
  int n;
  int64_t dims[MAX_RANK], steps[MAX_RANK];
  Dim starts[MAX_RANK], ends[MAX_RANK];
  int n_back;
  int64_t back[MAX_RANK]; // those that go backwards: they are flipped first
} Slices;

static void add_slice(DimTable *t, Slices *s, int64_t axis, Dim size, Dim start, Dim end, int64_t step) {
  if (step < 0) {
    Dim last = dim_sub(t, size, 1);
    start = dim_sub(t, last, position(t, start, size, 0, last));
    end = dim_sub(t, last, position(t, end, size, -1, last));
    s->back[s->n_back++] = axis;
    step = -step;
  } else {
    start = position(t, start, size, 0, size);
    end = position(t, end, size, 0, size);
  }
  s->dims[s->n] = axis;
  s->starts[s->n] = start;
  s->ends[s->n] = end;
  s->steps[s->n++] = step;
}

// Whether a result of these dimensions has no elements.
static bool leaves_none(Call *c, const Type *t, const Slices *s, Dim *dims) {
  DimTable *table = c->im->m->dims;
  bool none = false;
  memcpy(dims, t->dims, sizeof *dims * (size_t)t->rank);
  for (int i = 0; i < s->n; i++) {
    Dim length = dim_max(table, 0, dim_sub(table, s->ends[i], s->starts[i]));
    dims[s->dims[i]] = dim_floordiv(table, dim_add(table, length, s->steps[i] - 1), s->steps[i]);
  }
  for (int i = 0; i < t->rank; i++) none |= dims[i] == 0;
  return none;
}

bool convert_slice(Call *c, OpKind op) {
  const Type *t = call_type(c, 0);
  const int64_t *starts, *ends, *axes, *steps;
  int n, n_ends, n_axes, n_steps;
  if (!t || !call_int_list(c, "starts", 1, &starts, &n) || !call_int_list(c, "ends", 2, &ends, &n_ends) ||
      !call_int_list(c, "axes", 3, &axes, &n_axes) || !call_int_list(c, NULL, 4, &steps, &n_steps))
    return false;
  if (n < 0 || n > t->rank || n != n_ends || (n_axes >= 0 && n_axes != n) || (n_steps >= 0 && n_steps != n))
    return call_fail(c, "its starts, ends, axes and steps do not fit each other");
  Slices s = {0};
  for (int i = 0; i < n; i++) {
    int64_t axis = n_axes >= 0 ? axes[i] : i, step = n_steps >= 0 ? steps[i] : 1;
    if (!call_axis(c, &axis, t->rank)) return false;
    if (!step || step < -INT32_MAX) return call_fail(c, "a step is 0 or too large");
    add_slice(c->im->m->dims, &s, axis, t->dims[axis], starts[i], ends[i], min_i64(step, INT32_MAX));
  }
  Dim left[MAX_RANK];
  if (leaves_none(c, t, &s, left)) return call_result_empty(c, 0, t->dtype, t->rank, left);
  Value *x = call_flip(c, call_value(c, 0), s.n_back, s.back);
  Attr *a = call_attrs(c, op);
  a[ATTR_SLICE_dims] = call_list(c, ATTR_INTS, s.n, s.dims);
  a[ATTR_SLICE_starts] = call_list(c, ATTR_DIMS, s.n, s.starts);
  a[ATTR_SLICE_ends] = call_list(c, ATTR_DIMS, s.n, s.ends);
  a[ATTR_SLICE_steps] = call_list(c, ATTR_INTS, s.n, s.steps);
  return call_result(c, 0, call_unary(c, op, x, a));
}

bool convert_squeeze(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0);
  const int64_t *axes;
  int n, rank = 0;
  if (!x || !call_int_list(c, "axes", 1, &axes, &n)) return false;
  bool gone[MAX_RANK] = {false};
  Dim dims[MAX_RANK];
  for (int i = 0; i < n; i++) {
    int64_t axis = axes[i];
    if (!call_axis(c, &axis, x->type->rank)) return false;
    Dim dim = x->type->dims[axis];
    if (dim_is_const(dim) && dim != 1) return call_fail(c, "dimension %d is not 1", (int)axis);
    if (dim != 1) { // an open one, of which the model says that it is 1 in every run
      vec_push(&c->im->m->assertions,
               (Assertion){.condition = dim_eq(c->im->m->dims, dim, 1),
                           .text = arena_printf(c->im->m->arena, "%s: dimension %d is 1", call_name(c), (int)axis)});
      x = call_slice(c, x, axis, 0, 1);
      if (!x) return false;
    }
    gone[axis] = true;
  }
  for (int i = 0; i < x->type->rank; i++)
    if (n >= 0 ? !gone[i] : x->type->dims[i] != 1) dims[rank++] = x->type->dims[i];
  return call_result(c, 0, call_reshape(c, x, rank, dims));
}

bool convert_unsqueeze(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0);
  const int64_t *axes;
  int n;
  if (!x || !call_int_list(c, "axes", 1, &axes, &n)) return false;
  int rank = x->type->rank + n;
  if (n < 0 || rank > MAX_RANK) return call_fail(c, "it has more than %d dimensions", MAX_RANK);
  bool made[MAX_RANK] = {false};
  Dim dims[MAX_RANK];
  for (int i = 0; i < n; i++) {
    int64_t axis = axes[i];
    if (!call_axis(c, &axis, rank)) return false;
    if (made[axis]) return call_fail(c, "its axes name one dimension twice");
    made[axis] = true;
  }
  for (int i = 0, k = 0; i < rank; i++) dims[i] = made[i] ? 1 : x->type->dims[k++];
  return call_result(c, 0, call_reshape(c, x, rank, dims));
}

// Both ways: a dimension of 1 in the shape leaves the operand's.
bool convert_expand(Call *c, OpKind op) {
  Value *x = call_value(c, 0);
  const Known *k = call_need_ints(c, 1);
  if (!x || !k) return false;
  if (k->n > MAX_RANK) return call_fail(c, "it has more than %d dimensions", MAX_RANK);
  int own = x->type->rank, rank = k->n > own ? (int)k->n : own;
  Dim dims[MAX_RANK];
  for (int i = 0; i < rank; i++) {
    int a = i - (rank - own), b = i - (rank - (int)k->n);
    dims[i] = b < 0 || (k->e[b].i == 1 && a >= 0) ? x->type->dims[a] : k->e[b].i;
  }
  Attr *a = call_attrs(c, op);
  a[ATTR_EXPAND_size] = call_list(c, ATTR_DIMS, rank, dims);
  return call_result(c, 0, call_unary(c, op, x, a));
}
