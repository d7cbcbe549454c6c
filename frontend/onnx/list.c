// Lists of tensors. They exist only while a model is read: their lengths and positions must be known.
#include "frontend/onnx/nodes.h"

static const OnnxList *list_operand(Call *c, int i) {
  if (call_has(c, i) && c->in[i]->list) return c->in[i]->list;
  call_fail(c, "its operand is no list of tensors");
  return NULL;
}

static OnnxList *list_new(Call *c, int n) {
  OnnxList *list = arena_new(c->im->m->arena, OnnxList);
  list->n = n;
  list->items = arena_array(c->im->m->arena, OnnxValue, n);
  return list;
}

static bool list_result(Call *c, const OnnxList *list) {
  if (c->n_out) c->out[0].list = list;
  return true;
}

// Operand i as a place among n, which may count from the end; `fallback` where it is absent.
static bool position(Call *c, int i, int n, int64_t fallback, int64_t *at) {
  const int64_t *given;
  int count;
  if (!call_int_list(c, NULL, i, &given, &count)) return false;
  *at = count > 0 ? *given : fallback;
  if (*at < 0) *at += n;
  return (*at >= 0 && *at < n) || call_fail(c, "its position is not within the list");
}

bool convert_list_construct(Call *c, OpKind op) {
  (void)op;
  OnnxList *list = list_new(c, c->n_in);
  for (int i = 0; i < c->n_in; i++) {
    if (!call_has(c, i)) return call_fail(c, "a tensor of the list is missing");
    list->items[i] = *c->in[i];
  }
  return list_result(c, list);
}

bool convert_list_at(Call *c, OpKind op) {
  (void)op;
  const OnnxList *list = list_operand(c, 0);
  int64_t at;
  if (!list || !position(c, 1, list->n, list->n, &at)) return false;
  c->out[0] = list->items[at];
  return true;
}

bool convert_list_length(Call *c, OpKind op) {
  (void)op;
  const OnnxList *list = list_operand(c, 0);
  if (!list) return false;
  Known *k = known_new(c->im->m, DT_I64, 0, NULL);
  k->e->i = list->n;
  return call_result_known(c, 0, k);
}

bool convert_list_insert(Call *c, OpKind op) {
  (void)op;
  const OnnxList *old = list_operand(c, 0);
  int64_t at;
  if (!old || !call_has(c, 1) || !position(c, 2, old->n + 1, old->n, &at)) return false;
  const int64_t *given;
  int count;
  if (call_int_list(c, NULL, 2, &given, &count) && count > 0 && *given < 0) at--; // counted among those there were
  if (at < 0) return call_fail(c, "its position is not within the list");
  OnnxList *list = list_new(c, old->n + 1);
  for (int i = 0; i < list->n; i++) list->items[i] = i < at ? old->items[i] : i == at ? *c->in[1] : old->items[i - 1];
  return list_result(c, list);
}

bool convert_list_erase(Call *c, OpKind op) {
  (void)op;
  const OnnxList *old = list_operand(c, 0);
  int64_t at;
  if (!old || !position(c, 1, old->n, old->n - 1, &at)) return false;
  OnnxList *list = list_new(c, old->n - 1);
  for (int i = 0; i < list->n; i++) list->items[i] = old->items[i < at ? i : i + 1];
  return list_result(c, list);
}

// new_axis: the tensors are joined along a dimension of their own.
bool convert_list_concat(Call *c, OpKind op) {
  (void)op;
  const OnnxList *list = list_operand(c, 0);
  if (!list) return false;
  if (!list->n) return call_fail(c, "the list is empty");
  Value **values = arena_array(c->im->m->arena, Value *, list->n);
  int64_t axis = call_int(c, "axis", 0);
  bool own = call_int(c, "new_axis", 0);
  for (int i = 0; i < list->n; i++) {
    Value *v = import_value(c->im, &list->items[i], c->node->input.data[0]);
    if (!v || (!i && !call_axis(c, &axis, v->type->rank + own))) return false;
    if (axis > v->type->rank) return call_fail(c, "the tensors of the list are not of one rank");
    values[i] = own ? call_insert_dims(c, v, (int)axis, 1) : v;
  }
  return call_result(c, 0, call_concat(c, axis, list->n, values));
}

// Parts of one size, the last one smaller, or of the sizes that are listed. Without sizes they are of 1, and that
// dimension goes unless `keepdims`.
bool convert_list_split(Call *c, OpKind op) {
  (void)op;
  enum { PARTS_MAX = 1 << 10 };
  Value *x = call_value(c, 0);
  const int64_t *sizes, one = 1;
  int n;
  if (!x || !call_int_list(c, NULL, 1, &sizes, &n)) return false;
  int64_t axis = call_int(c, "axis", 0);
  if (!call_axis(c, &axis, x->type->rank)) return false;
  Dim size = x->type->dims[axis];
  bool drop = n < 0 && !call_int(c, "keepdims", 1), equal = n < 0 || (call_type(c, 1) && !call_type(c, 1)->rank);
  if (n < 0) sizes = &one;
  if ((equal && !dim_is_const(size)) || !n || sizes[0] < 1) return call_fail(c, "the parts' number is not known");
  int64_t parts = equal ? ceil_div(size, sizes[0]) : n, at = 0;
  if (parts > PARTS_MAX) return call_fail(c, "it has more than %d parts", PARTS_MAX);
  OnnxList *list = list_new(c, (int)parts);
  Dim left[MAX_RANK];
  for (int i = 0, k = 0; i < x->type->rank; i++)
    if (i != axis) left[k++] = x->type->dims[i];
  for (int i = 0; i < parts; i++) {
    int64_t end = at + sizes[equal ? 0 : i];
    if (dim_is_const(size) && end > size && (!equal || i != parts - 1))
      return call_fail(c, "its parts are larger than their dimension");
    Value *part = call_slice(c, x, axis, at, min_i64(end, size));
    if (drop) part = call_reshape(c, part, x->type->rank - 1, left);
    if (!part) return false;
    list->items[i].value = part;
    at = end;
  }
  return list_result(c, list);
}

// Whether there is an operand at all.
bool convert_has_element(Call *c, OpKind op) {
  (void)op;
  Known *k = known_new(c->im->m, DT_BOOL, 0, NULL);
  k->e->i = call_has(c, 0);
  return call_result_known(c, 0, k);
}
