#include "passes/graph/windows.h"
#include "ir/core/checked.h"
#include <string.h>

enum { MOST_TAPS = 4096 }; // of a side: each is a slice

static bool refuse(Diag *d, const Node *n, const char *why) {
  diag_error(d, n->span, "%s cannot be written out window by window: %s", op_info(n->op)->name, why);
  return false;
}

static bool holds(Module *m, int rank, const Dim *dims) {
  return type_elements(m, type_get(m, DT_F32, rank, dims)) != DIM_INVALID;
}

// Whether all that windows_of makes on the way has a type.
static bool fits(Module *m, Diag *d, const Node *n, const Type *x, int sides, const WindowSide *side,
                 const Dim *counts) {
  Dim dims[MAX_RANK] = {x->dims[0], x->dims[1]};
  for (int i = 0; i < sides; i++) {
    Dim before = side[i].before, after = side[i].after;
    if (!dim_is_const(before) || !dim_is_const(after)) return refuse(d, n, "its padding depends on the picture's size");
    if (max_i64(before, after) > INT32_MAX || min_i64(before, after) < -INT32_MAX)
      return refuse(d, n, "its padding is too large");
    if (side[i].kernel > MOST_TAPS) return refuse(d, n, "its window is too large");
    dims[2 + i] = dim_add(m->dims, x->dims[2 + i], before + after);
  }
  for (int i = 0; i <= sides; i++) {
    if (!holds(m, 2 + sides + i, dims)) return refuse(d, n, "they hold too many elements");
    if (i == sides) break;
    memmove(dims + 3 + i, dims + 2 + i, sizeof *dims * (size_t)sides);
    dims[2 + i] = side[i].kernel;
    dims[3 + 2 * i] = counts[i];
  }
  return true;
}

static Value *bordered(Module *m, Node *at, Value *x, int sides, const WindowSide *side, double border) {
  int64_t pad[2 * MAX_RANK];
  bool any = false;
  for (int i = 0; i < sides; i++) { // from the last side backwards
    const WindowSide *s = &side[sides - 1 - i];
    pad[2 * i] = s->before, pad[2 * i + 1] = s->after;
    any = any || s->before || s->after;
  }
  if (!any) return x;
  Attr *attrs = rewrite_attrs(m, OP_PAD);
  attrs[ATTR_PAD_pad] = rewrite_ints(m, ATTR_INTS, 2 * sides, pad);
  attrs[ATTR_PAD_value] = (Attr){.kind = ATTR_FLOAT, .f = border};
  return rewrite_before(m, at, OP_PAD, 1, &x, attrs);
}

// Elements start, start + stride, ... of one dimension, `count` of them.
static Value *every(Module *m, Node *at, Value *x, int64_t axis, int64_t start, int64_t stride, Dim count) {
  if (start == 0 && stride == 1 && count == x->type->dims[axis]) return x;
  Dim end = dim_add(m->dims, dim_mul(m->dims, dim_sub(m->dims, count, 1), stride), start + 1);
  Attr *attrs = rewrite_attrs(m, OP_SLICE);
  attrs[ATTR_SLICE_dims] = rewrite_ints(m, ATTR_INTS, 1, &axis);
  attrs[ATTR_SLICE_starts] = rewrite_ints(m, ATTR_DIMS, 1, &start);
  attrs[ATTR_SLICE_ends] = rewrite_ints(m, ATTR_DIMS, 1, &end);
  attrs[ATTR_SLICE_steps] = rewrite_ints(m, ATTR_INTS, 1, &stride);
  return rewrite_before(m, at, OP_SLICE, 1, &x, attrs);
}

// Side i of [N, C, i dimensions of taps, i of windows, sides i, ...]. The reshape also gives the number of windows of
// an open side the form that the caller knows.
static Value *slide(Module *m, Node *at, Value *x, int i, const WindowSide *s, Dim count) {
  int axis = 2 + 2 * i, taps = 2 + i, rank = x->type->rank + 1;
  Dim dims[MAX_RANK];
  for (int d = 0; d < rank; d++) dims[d] = d == taps ? 1 : x->type->dims[d < taps ? d : d - 1];
  dims[axis + 1] = count;
  Value **tap = arena_array(m->arena, Value *, s->kernel);
  for (int64_t k = 0; k < s->kernel; k++)
    tap[k] = rewrite_reshape(m, at, every(m, at, x, axis, k * s->dilation, s->stride, count),
                             type_get(m, x->type->dtype, rank, dims));
  return rewrite_concat(m, at, (int)s->kernel, tap, taps);
}

Value *windows_of(Module *m, Diag *d, Node *n, Value *x, int sides, const WindowSide *side, const Dim *counts,
                  double border) {
  if (!fits(m, d, n, x->type, sides, side, counts)) return NULL;
  x = bordered(m, n, x, sides, side, border);
  for (int i = 0; i < sides; i++) x = slide(m, n, x, i, &side[i], counts[i]);
  return x;
}

static Dim product(Module *m, const Dim *dims, int from, int to) {
  Dim p = 1;
  for (int i = from; i < to; i++) p = dim_mul(m->dims, p, dims[i]);
  return p;
}

// x in another shape of `rank` dimensions; those of 1 among the first `optional` are left out.
static Value *shaped(Module *m, Node *at, Value *x, int optional, int rank, const Dim *dims) {
  Dim kept[MAX_RANK];
  int n = 0;
  for (int i = 0; i < rank; i++)
    if (i >= optional || dims[i] != 1) kept[n++] = dims[i];
  return rewrite_reshape(m, at, x, type_get(m, x->type->dtype, n, kept));
}

// x is convolved. Weights as [groups, outputs a group, taps], windows as [N, groups, taps, pixels].
static Value *convolved(Module *m, Diag *d, Node *n, Value *x, Value *weight, int64_t groups, const WindowSide *side) {
  const Type *y = result(n)->type;
  const Dim *w = weight->type->dims;
  int rank = y->rank;
  Dim taps = product(m, w, 1, rank), pixels = product(m, y->dims, 2, rank);
  Value *windows = windows_of(m, d, n, x, rank - 2, side, y->dims + 2, 0);
  if (!windows) return NULL;
  Value *matrix = shaped(m, n, weight, 1, 3, (Dim[]){groups, w[0] / groups, taps});
  Dim shape[] = {groups, y->dims[0], taps, pixels};
  if (groups > 1) shape[0] = y->dims[0], shape[1] = groups;
  windows = shaped(m, n, windows, groups > 1 ? 0 : 1, 4, shape);
  return rewrite_reshape(m, n, rewrite_before(m, n, OP_MATMUL, 2, (Value *[]){matrix, windows}, NULL), y);
}

Value *windows_convolve(Module *m, Diag *d, Node *n, Value *weight, int64_t groups, const WindowSide *side) {
  return convolved(m, d, n, operand(n, 0), weight, groups, side);
}

// The elements of each side `stride` apart, zeros between and behind them.
static Value *spread(Module *m, Node *at, Value *x, int sides, const WindowSide *side, const Type *whole) {
  Dim dims[MAX_RANK] = {x->type->dims[0], x->type->dims[1]};
  WindowSide zeros[MAX_RANK] = {0};
  bool any = false;
  for (int i = 0; i < sides; i++) {
    dims[2 + 2 * i] = x->type->dims[2 + i];
    dims[3 + 2 * i] = 1;
    zeros[1 + 2 * i].after = side[i].stride - 1;
    any = any || side[i].stride > 1;
  }
  if (!any) return x;
  x = rewrite_reshape(m, at, x, type_get(m, x->type->dtype, 2 + 2 * sides, dims));
  x = bordered(m, at, x, 2 * sides, zeros, 0);
  return rewrite_reshape(m, at, x, whole);
}

// [C, O / groups, k1, ...] as [O, C / groups, k1, ...] with the taps in reverse.
static Value *turned(Module *m, Node *at, Value *weight, int64_t groups) {
  const Type *t = weight->type;
  int64_t sides[MAX_RANK], order[MAX_RANK];
  for (int i = 2; i < t->rank; i++) sides[i - 2] = i;
  Attr *attrs = rewrite_attrs(m, OP_FLIP);
  attrs[ATTR_FLIP_dims] = rewrite_ints(m, ATTR_INTS, t->rank - 2, sides);
  Value *w = rewrite_before(m, at, OP_FLIP, 1, &weight, attrs);
  Dim parted[MAX_RANK] = {groups, t->dims[0] / groups}, whole[MAX_RANK] = {groups * t->dims[1], t->dims[0] / groups};
  memcpy(parted + 2, t->dims + 1, sizeof *parted * (size_t)(t->rank - 1));
  memcpy(whole + 2, t->dims + 2, sizeof *whole * (size_t)(t->rank - 2));
  for (int i = 0; i <= t->rank; i++) order[i] = i == 1 ? 2 : i == 2 ? 1 : i;
  w = rewrite_reshape(m, at, w, type_get(m, t->dtype, t->rank + 1, parted));
  return rewrite_reshape(m, at, rewrite_permute(m, at, w, order), type_get(m, t->dtype, t->rank, whole));
}

// A convolution of stride 1 over the spread elements. Behind the last one there are stride - 1 zeros already.
Value *windows_convolve_transposed(Module *m, Diag *d, Node *n, Value *weight, int64_t groups, const WindowSide *side) {
  Value *x = operand(n, 0);
  int sides = x->type->rank - 2;
  Dim dims[MAX_RANK] = {x->type->dims[0], x->type->dims[1]};
  WindowSide over[MAX_RANK];
  for (int i = 0; i < sides; i++) {
    int64_t reach = (side[i].kernel - 1) * side[i].dilation;
    over[i] = (WindowSide){side[i].kernel, 1, side[i].dilation, reach - side[i].before,
                           reach - side[i].after - (side[i].stride - 1)};
    dims[2 + i] = dim_mul(m->dims, x->type->dims[2 + i], side[i].stride);
  }
  if (!holds(m, 2 + sides, dims)) return refuse(d, n, "its stride is too large"), NULL;
  x = spread(m, n, x, sides, side, type_get(m, x->type->dtype, 2 + sides, dims));
  return convolved(m, d, n, x, turned(m, n, weight, groups), groups, over);
}
