#include "passes/graph/volume.h"
#include "ir/ref/ref_ops.h"
#include "passes/graph/windows.h"
#include <math.h>
#include <string.h>

enum { SIDES = 3 };

// y NULL: it could not be made.
static bool replace(Module *m, Node *n, Value *y, Value *bias) {
  if (y && bias) {
    Dim dims[] = {bias->type->dims[0], 1, 1, 1};
    bias = rewrite_reshape(m, n, bias, type_get(m, bias->type->dtype, 4, dims));
    y = rewrite_before(m, n, OP_ADD, 2, (Value *[]){y, bias}, NULL);
  }
  if (y) rewrite_replace(m, n, y);
  return y != NULL;
}

bool volume_convolve(Module *m, Diag *d, Node *n) {
  Value *w = operand(n, IN_CONV3D_weight);
  const Attr *padding = NODE_ATTR(n, CONV3D, padding);
  WindowSide side[SIDES];
  for (int i = 0; i < SIDES; i++)
    side[i] = (WindowSide){w->type->dims[2 + i], NODE_ATTR(n, CONV3D, stride)->ints[i],
                           NODE_ATTR(n, CONV3D, dilation)->ints[i], padding->ints[i], padding->ints[SIDES + i]};
  Value *y = windows_convolve(m, d, n, w, NODE_ATTR(n, CONV3D, groups)->i, side);
  return replace(m, n, y, operand(n, IN_CONV3D_bias));
}

bool volume_convolve_transposed(Module *m, Diag *d, Node *n) {
  Value *w = operand(n, IN_CONV_TRANSPOSE3D_weight);
  WindowSide side[SIDES];
  for (int i = 0; i < SIDES; i++) {
    int64_t padding = NODE_ATTR(n, CONV_TRANSPOSE3D, padding)->ints[i];
    side[i] = (WindowSide){w->type->dims[2 + i], NODE_ATTR(n, CONV_TRANSPOSE3D, stride)->ints[i],
                           NODE_ATTR(n, CONV_TRANSPOSE3D, dilation)->ints[i], padding,
                           padding - NODE_ATTR(n, CONV_TRANSPOSE3D, output_padding)->ints[i]};
  }
  Value *y = windows_convolve_transposed(m, d, n, w, NODE_ATTR(n, CONV_TRANSPOSE3D, groups)->i, side);
  return replace(m, n, y, operand(n, IN_CONV_TRANSPOSE3D_bias));
}

// ---- pools: the maximum or mean of a window is that of its slices', first over rows and columns, then over the depth

enum { NONE = -1 }; // in place of a side: windows of a single element

// The list of a volume's attribute for a picture whose sides are those two of the volume.
static Attr of_sides(Module *m, const Attr *a, const int side[2]) {
  bool padding = a->n == 2 * SIDES;
  int64_t list[4];
  for (int i = 0; i < 2; i++) {
    list[i] = side[i] == NONE ? !padding : a->ints[side[i]];
    list[2 + i] = side[i] == NONE || !padding ? 0 : a->ints[SIDES + side[i]];
  }
  return rewrite_ints(m, padding ? ATTR_PADDING : ATTR_INTS, padding ? 4 : 2, list);
}

// x as a picture [N, C, H, W] of these dimensions, pooled as two sides of the volume are.
static Value *pooled(Module *m, Node *n, Value *x, const Dim *dims, const int side[2]) {
  OpKind op = n->op == OP_MAX_POOL3D ? OP_MAX_POOL2D : OP_AVG_POOL2D;
  Attr *attrs = rewrite_attrs(m, op);
  for (int i = 0; i < op_info(n->op)->n_attrs; i++)
    for (int k = 0; k < op_info(op)->n_attrs; k++)
      if (!strcmp(op_attr(n->op, i)->name, op_attr(op, k)->name))
        attrs[k] = n->attrs[i].kind == ATTR_INTS ? of_sides(m, &n->attrs[i], side) : n->attrs[i];
  x = rewrite_reshape(m, n, x, type_get(m, x->type->dtype, 4, dims));
  return rewrite_before(m, n, op, 1, &x, attrs);
}

bool volume_pool(Module *m, Diag *d, Node *n) {
  const Dim *x = operand(n, 0)->type->dims, *y = result(n)->type->dims;
  Dim slices[] = {x[0], dim_mul(m->dims, x[1], x[2]), x[3], x[4]},
      columns[] = {x[0], x[1], x[2], dim_mul(m->dims, y[3], y[4])};
  if (type_elements(m, type_get(m, DT_F32, 5, (Dim[]){x[0], x[1], x[2], y[3], y[4]})) == DIM_INVALID) {
    diag_error(d, n->span, "%s: the pools of all slices hold too many elements", op_info(n->op)->name);
    return false;
  }
  Value *v = pooled(m, n, operand(n, 0), slices, (int[]){1, 2});
  v = pooled(m, n, v, columns, (int[]){0, NONE});
  rewrite_replace(m, n, rewrite_reshape(m, n, v, result(n)->type));
  return true;
}

// ---- where the maximum lies

static Value *operation(Module *m, Node *n, OpKind op, Value *a, Value *b) {
  return rewrite_before(m, n, op, 2, (Value *[]){a, b}, NULL);
}

// The extreme of each window, of [N, C, k1, k2, o1, o2] over the taps.
static Value *over_taps(Module *m, Node *n, OpKind op, Value *windows) {
  Attr *attrs = rewrite_attrs(m, op);
  attrs[ATTR_AMAX_dim] = rewrite_ints(m, ATTR_INTS, 2, (int64_t[]){2, 3}); // every reduction's first two
  attrs[ATTR_AMAX_keepdim] = (Attr){.kind = ATTR_BOOL, .i = true};
  return rewrite_before(m, n, op, 1, &windows, attrs);
}

// A picture of the numbers of its pixels.
static Value *numbered(Module *m, Node *n, const Type *x) {
  Dim pixels = dim_mul(m->dims, x->dims[2], x->dims[3]), dims[] = {1, 1, x->dims[2], x->dims[3]};
  Attr *attrs = rewrite_attrs(m, OP_ARANGE);
  attrs[ATTR_ARANGE_start] = rewrite_ints(m, ATTR_DIMS, 1, &pixels);
  Value *numbers = rewrite_before(m, n, OP_ARANGE, 0, NULL, attrs);
  return rewrite_reshape(m, n, numbers, type_get(m, DT_I64, 4, dims));
}

// Whether each tap is its window's maximum, or no number.
static Value *is_maximum(Module *m, Node *n, Value *taps, Value *values) {
  const Dim *y = values->type->dims;
  values = rewrite_reshape(m, n, values, type_get(m, values->type->dtype, 6, (Dim[]){y[0], y[1], 1, 1, y[2], y[3]}));
  Value *equal = operation(m, n, OP_EQ, taps, values);
  if (!dtype_is_float(values->type->dtype)) return equal;
  return operation(m, n, OP_LOGICAL_OR, equal, operation(m, n, OP_NE, taps, taps));
}

// Of the maxima of the windows.
static Value *places(Module *m, Diag *d, Node *n, const WindowSide *side, Value *values) {
  Value *x = operand(n, 0);
  const Type *t = n->results[1]->type;
  Value *taps = windows_of(m, d, n, x, 2, side, t->dims + 2, 0);
  Value *numbers = taps ? windows_of(m, d, n, numbered(m, n, x->type), 2, side, t->dims + 2, REF_NO_PLACE) : NULL;
  if (!numbers) return NULL;
  Value *none = graph_splat(m, "none", type_get(m, DT_I64, 0, NULL), REF_NO_PLACE)->value;
  Value *which[] = {is_maximum(m, n, taps, values), numbers, none};
  Value *found = over_taps(m, n, OP_AMIN, rewrite_before(m, n, OP_WHERE, 3, which, NULL));
  return rewrite_reshape(m, n, found, t);
}

// Whether lowering has a kernel for maxima of the type.
static bool has_kernel(DType t) { return t == DT_F32 || t == DT_U8 || t == DT_I8; }

bool volume_takes(const Node *n) {
  return n->op == OP_MAX_POOL2D && (n->n_results > 1 || !has_kernel(operand(n, 0)->type->dtype));
}

// The maxima: by the op itself where kernels are made for the type. NULL after a diagnostic.
static Value *maxima(Module *m, Diag *d, Node *n, const WindowSide *side) {
  Value *x = operand(n, 0);
  const Type *t = result(n)->type;
  if (!has_kernel(t->dtype)) {
    Value *taps = windows_of(m, d, n, x, 2, side, t->dims + 2, dtype_lowest(t->dtype));
    return taps ? rewrite_reshape(m, n, over_taps(m, n, OP_AMAX, taps), t) : NULL;
  }
  Attr *attrs = arena_memdup(m->arena, n->attrs, sizeof *attrs * (size_t)op_info(n->op)->n_attrs);
  attrs[ATTR_MAX_POOL2D_return_indices].i = false;
  return rewrite_before(m, n, OP_MAX_POOL2D, 1, &x, attrs);
}

bool volume_max_pool2d(Module *m, Diag *d, Node *n) {
  WindowSide side[2];
  const Attr *padding = NODE_ATTR(n, MAX_POOL2D, padding);
  bool ceil_mode = NODE_ATTR(n, MAX_POOL2D, ceil_mode)->i;
  for (int i = 0; i < 2; i++) {
    int64_t stride = NODE_ATTR(n, MAX_POOL2D, stride)->ints[i];
    side[i] =
        (WindowSide){NODE_ATTR(n, MAX_POOL2D, kernel)->ints[i], stride, NODE_ATTR(n, MAX_POOL2D, dilation)->ints[i],
                     padding->ints[i], dim_add(m->dims, padding->ints[2 + i], ceil_mode ? stride - 1 : 0)};
  }
  Value *values = maxima(m, d, n, side), *where = NULL;
  if (!values || (n->n_results > 1 && !(where = places(m, d, n, side, values)))) return false;
  if (where) graph_replace_uses(m, n->results[1], where);
  rewrite_replace(m, n, values);
  return true;
}
