// Borders.
#include "frontend/onnx/nodes.h"
#include <string.h>

typedef struct Borders {
  int64_t before[MAX_RANK], after[MAX_RANK];
} Borders;

// `pads`, of all dimensions or (since opset 18) of `axes`: before each of them, then behind each.
static bool read_borders(Call *c, int rank, Borders *b) {
  const int64_t *pads, *axes;
  int n, n_axes;
  *b = (Borders){0};
  if (!call_int_list(c, "pads", 1, &pads, &n) || !call_int_list(c, NULL, 3, &axes, &n_axes)) return false;
  int sides = n_axes >= 0 ? n_axes : rank;
  if (n != 2 * sides || sides > rank) return call_fail(c, "`pads` has %d numbers for %d dimensions", n, sides);
  for (int i = 0; i < sides; i++) {
    int64_t axis = n_axes >= 0 ? axes[i] : i;
    if (!call_axis(c, &axis, rank)) return false;
    if (!dim_is_const(pads[i]) || !dim_is_const(pads[sides + i]))
      return call_fail(c, "a border's size is not known when it is compiled");
    b->before[axis] = pads[i];
    b->after[axis] = pads[sides + i];
  }
  return true;
}

// Takes off what negative borders say.
static Value *cut(Call *c, Value *x, Borders *b) {
  for (int i = 0; x && i < x->type->rank; i++) {
    Dim end = x->type->dims[i];
    if (b->after[i] < 0) end = dim_add(c->im->m->dims, end, max_i64(b->after[i], -MAX_ELEMENTS)), b->after[i] = 0;
    int64_t start = max_i64(0, -max_i64(b->before[i], -MAX_ELEMENTS));
    b->before[i] = max_i64(0, b->before[i]);
    x = call_slice(c, x, i, start, end);
  }
  return x;
}

// What leaves at one end enters at the other, as often as the border needs it.
static Value *wrapped(Call *c, Value *x, const Borders *b) {
  enum { PARTS_MAX = 64 };
  for (int i = 0; x && i < x->type->rank; i++) {
    Dim size = x->type->dims[i];
    Value *parts[PARTS_MAX];
    int n = 0;
    if (!b->before[i] && !b->after[i]) continue;
    if (!dim_is_const(size)) return call_fail(c, "it wraps a dimension whose size is open"), NULL;
    int64_t rounds = b->before[i] / size + b->after[i] / size, head = b->before[i] % size, tail = b->after[i] % size;
    if (rounds > PARTS_MAX - 3)
      return call_fail(c, "a border is more than %d times its dimension", PARTS_MAX - 3), NULL;
    if (head) parts[n++] = call_slice(c, x, i, size - head, size);
    for (int64_t k = 0; k <= rounds; k++) parts[n++] = x;
    if (tail) parts[n++] = call_slice(c, x, i, 0, tail);
    x = call_concat(c, i, n, parts);
  }
  return x;
}

// A value that is not known until the model runs is put where a padded mask says that nothing was.
static Value *bordered_by(Call *c, Value *x, const Borders *b, Value *value) {
  if (!value || !x) return NULL;
  Value *inside = call_expand(c, call_scalar(c, DT_BOOL, 1), x->type->rank, x->type->dims);
  inside = call_pad(c, inside, b->before, b->after, "constant", 0);
  Value *y = call_pad(c, x, b->before, b->after, "constant", 0);
  return call_where(c, inside, y, call_reshape(c, value, 0, NULL));
}

bool convert_pad(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0);
  Borders b;
  if (!x || !read_borders(c, x->type->rank, &b)) return false;
  const char *mode = call_text(c, "mode", "constant");
  if (!strcmp(mode, "constant")) {
    const Known *value = call_known(c, 2);
    if (call_has(c, 2) && !(value && value->n == 1 && known_is_const(value)))
      return call_result(c, 0, bordered_by(c, x, &b, call_value(c, 2)));
    double v = call_float(c, "value", 0);
    if (value) v = dtype_is_float(value->dtype) ? value->e->f : (double)value->e->i;
    return call_result(c, 0, call_pad(c, x, b.before, b.after, mode, v));
  }
  x = cut(c, x, &b);
  if (!strcmp(mode, "wrap")) return call_result(c, 0, wrapped(c, x, &b));
  if (!strcmp(mode, "edge")) return call_result(c, 0, call_pad(c, x, b.before, b.after, "replicate", 0));
  if (!strcmp(mode, "reflect")) return call_result(c, 0, call_pad(c, x, b.before, b.after, mode, 0));
  return call_fail(c, "`mode` \"%s\" is not known", mode);
}

// Each dimension of `axes` cut or bordered by zeros to the stated size, at both ends; an odd element goes behind.
bool convert_center_crop_pad(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0);
  const int64_t *sizes, *axes;
  int n, n_axes;
  if (!x || !call_int_list(c, NULL, 1, &sizes, &n) || !call_int_list(c, "axes", c->n_in, &axes, &n_axes)) return false;
  int rank = x->type->rank;
  if (n != (n_axes >= 0 ? n_axes : rank)) return call_fail(c, "its sizes do not fit its axes");
  Borders b = {0};
  for (int i = 0; i < n; i++) {
    int64_t axis = n_axes >= 0 ? axes[i] : i;
    if (!call_axis(c, &axis, rank)) return false;
    Dim size = x->type->dims[axis];
    if (!dim_is_const(size) || !dim_is_const(sizes[i]) || sizes[i] < 1)
      return call_fail(c, "a size is not known when it is compiled");
    int64_t more = sizes[i] - size;
    b.before[axis] = more / 2;
    b.after[axis] = more - more / 2;
  }
  return call_result(c, 0, call_pad(c, x, b.before, b.after, "constant", 0));
}
