// Nodes whose results are as long as the data makes them: how long is known where the data is, else a run finds it.
#include "frontend/onnx/nodes.h"

static bool holds(const Known *k, int64_t i) { return dtype_is_float(k->dtype) ? k->e[i].f != 0 : k->e[i].i != 0; }

// ---- Compress

static bool compress_known(Call *c, Value *x, int64_t axis, const Known *condition) {
  Dim *chosen = arena_array(c->im->m->arena, Dim, condition->n), dims[MAX_RANK];
  int n = 0;
  for (int64_t i = 0; i < condition->n; i++)
    if (holds(condition, i)) chosen[n++] = i;
  if (n) return call_result(c, 0, call_slices(c, x, axis, call_vector(c, n, chosen)));
  for (int i = 0; i < x->type->rank; i++) dims[i] = i == axis ? 0 : x->type->dims[i];
  return call_result_empty(c, 0, x->type->dtype, x->type->rank, dims);
}

// The slices along the axis (or the elements, in order) whose condition holds.
bool convert_compress(Call *c, OpKind op) {
  Value *x = call_value(c, 0);
  int64_t axis = call_int(c, "axis", 0);
  if (x && !call_attr(c, "axis")) {
    Dim count = type_elements(c->im->m, x->type);
    x = call_reshape(c, x, 1, &count);
  }
  if (!x || !call_axis(c, &axis, x->type->rank)) return false;
  const Known *condition = call_known(c, 1);
  if (condition && known_is_const(condition)) return compress_known(c, x, axis, condition);
  Attr *a = call_attrs(c, op);
  a[ATTR_COMPRESS_dim] = ATTR_I(axis);
  return call_result(c, 0, call_node(c, op, 2, (Value *[]){x, call_value(c, 1)}, a));
}

// ---- NonZero

static bool nonzero_known(Call *c, const Known *x) {
  int64_t count = 0, at = 0;
  for (int64_t i = 0; i < x->n; i++) count += holds(x, i);
  Known *y = known_new(c->im->m, DT_I64, 2, (int64_t[]){x->rank ? x->rank : 1, count});
  if (!y) return call_fail(c, "it makes too many positions");
  for (int64_t i = 0; i < x->n; i++) {
    if (!holds(x, i)) continue;
    int64_t rest = i;
    for (int d = x->rank - 1; d >= 0; d--) {
      y->e[d * count + at].i = rest % x->dims[d];
      rest /= x->dims[d];
    }
    at++;
  }
  return call_result_known(c, 0, y);
}

// Of each element that is not 0 its position, a row a dimension.
bool convert_nonzero(Call *c, OpKind op) {
  const Known *known = call_known(c, 0);
  if (known && known_is_const(known)) return nonzero_known(c, known);
  Value *x = call_value(c, 0), *y;
  if (x && !x->type->rank) x = call_reshape(c, x, 1, (Dim[]){1});
  y = call_unary(c, op, x, NULL);
  return call_result(c, 0, y ? call_permute(c, y, (int64_t[]){1, 0}) : NULL);
}

// ---- NonMaxSuppression

// Operand i, one number that is known; `fallback` where it is absent. False after a diagnostic.
static bool number(Call *c, int i, const char *what, KnownElement fallback, KnownElement *e) {
  const Known *k = call_need_known(c, i);
  *e = k && k->n == 1 ? k->e[0] : fallback;
  if (call_has(c, i) && !k) return false;
  return !k || k->n == 1 || call_fail(c, "its %s is not one number", what);
}

bool convert_nms(Call *c, OpKind op) {
  KnownElement most, overlap, score;
  if (!number(c, 2, "max_output_boxes_per_class", (KnownElement){.i = 0}, &most) ||
      !number(c, 3, "iou_threshold", (KnownElement){.f = 0}, &overlap) ||
      !number(c, 4, "score_threshold", (KnownElement){.f = 0}, &score))
    return false;
  if (dim_is_const(most.i) && most.i <= 0) return call_result_empty(c, 0, DT_I64, 2, (Dim[]){0, 3});
  Attr *a = call_attrs(c, op);
  a[ATTR_NMS_max_output] = call_list(c, ATTR_DIMS, 1, &most.i);
  a[ATTR_NMS_iou_threshold] = ATTR_F(overlap.f);
  if (call_has(c, 4)) a[ATTR_NMS_score_threshold] = call_reals(c, 1, &score.f);
  a[ATTR_NMS_center] = ATTR_B(call_int(c, "center_point_box", 0) != 0);
  return call_result(c, 0, call_node(c, op, 2, (Value *[]){call_value(c, 0), call_value(c, 1)}, a));
}

// ---- Unique

bool convert_unique(Call *c, OpKind op) {
  Value *x = call_value(c, 0);
  int64_t axis = call_int(c, "axis", 0);
  if (!x || (call_attr(c, "axis") && !call_axis(c, &axis, x->type->rank))) return false;
  Attr *a = call_attrs(c, op);
  a[ATTR_UNIQUE_sorted] = ATTR_B(call_int(c, "sorted", 1) != 0);
  a[ATTR_UNIQUE_dim] = call_list(c, ATTR_INTS, call_attr(c, "axis") != NULL, &axis);
  Node *n = call_make(c, op, 1, &x, a);
  for (int i = 0; n && i < n->n_results; i++)
    if (!call_result(c, i, n->results[i])) return false;
  return n;
}
