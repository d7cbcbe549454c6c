// Convolutions.
#include "frontend/onnx/nodes.h"
#include "frontend/onnx/window.h"
#include <string.h>

// Pictures and volumes have attributes of the same order.
_Static_assert((int)ATTR_CONV2D_stride == (int)ATTR_CONV3D_stride &&
                   (int)ATTR_CONV2D_padding == (int)ATTR_CONV3D_padding &&
                   (int)ATTR_CONV2D_dilation == (int)ATTR_CONV3D_dilation &&
                   (int)ATTR_CONV2D_groups == (int)ATTR_CONV3D_groups,
               "one list for both");
_Static_assert((int)ATTR_CONV_TRANSPOSE2D_stride == (int)ATTR_CONV_TRANSPOSE3D_stride &&
                   (int)ATTR_CONV_TRANSPOSE2D_padding == (int)ATTR_CONV_TRANSPOSE3D_padding &&
                   (int)ATTR_CONV_TRANSPOSE2D_output_padding == (int)ATTR_CONV_TRANSPOSE3D_output_padding &&
                   (int)ATTR_CONV_TRANSPOSE2D_groups == (int)ATTR_CONV_TRANSPOSE3D_groups &&
                   (int)ATTR_CONV_TRANSPOSE2D_dilation == (int)ATTR_CONV_TRANSPOSE3D_dilation,
               "one list for both");

Value *call_conv(Call *c, Value *x, Value *w, Value *bias) {
  int rank = w ? window_rank(c, w->type) : 0;
  OnnxWindow win;
  if (!x || !rank || !window_read(c, rank, w->type->dims + 2, x->type, &win)) return NULL;
  window_widen(&win);
  OpKind op = win.rank == 2 ? OP_CONV2D : OP_CONV3D;
  Attr *a = call_attrs(c, op);
  a[ATTR_CONV2D_stride] = window_list(c, &win, win.stride);
  a[ATTR_CONV2D_dilation] = window_list(c, &win, win.dilation);
  a[ATTR_CONV2D_padding] = window_padding(c, &win);
  a[ATTR_CONV2D_groups] = ATTR_I(call_int(c, "group", 1));
  Value *operands[] = {window_widened(c, x, rank), window_widened(c, w, rank), bias};
  return window_narrowed(c, call_node(c, op, 3, operands, a), rank);
}

bool convert_conv(Call *c, OpKind op) {
  (void)op;
  if (!call_has(c, 1)) return call_fail(c, "it has no weight");
  return call_result(c, 0, call_conv(c, call_value(c, 0), call_value(c, 1), call_value(c, 2)));
}

// ---- transposed

typedef struct Transposed {
  OnnxWindow w;
  int64_t more[WINDOW_RANK];               // output_padding
  Dim size[WINDOW_RANK], all[WINDOW_RANK]; // of the result, and before padding is taken off
} Transposed;

// `output_shape` or auto_pad state the size of the result; the padding is then what is left over.
static bool read_transposed(Call *c, const Type *x, const Type *weight, int rank, Transposed *t) {
  DimTable *dims = c->im->m->dims;
  const int64_t *more, *size, *pads;
  if (!window_shape(c, rank, weight->dims + 2, &t->w)) return false;
  int n_more = call_ints(c, "output_padding", &more), n_size = call_ints(c, "output_shape", &size);
  int n_pads = call_ints(c, "pads", &pads);
  const char *automatic = call_text(c, "auto_pad", "NOTSET");
  bool same = !strncmp(automatic, "SAME_", 5);
  if (!strcmp(automatic, "VALID")) n_pads = 0;
  if ((n_more && n_more != rank) || (n_size && n_size != rank) || (n_pads && n_pads != 2 * rank))
    return call_fail(c, "`output_padding`, `output_shape` or `pads` does not fit %d dimensions", rank);
  for (int i = 0; i < rank; i++) {
    t->more[i] = n_more ? more[i] : 0;
    Dim steps = dim_mul(dims, dim_sub(dims, x->dims[2 + i], 1), t->w.stride[i]);
    t->all[i] = dim_add(dims, steps, (t->w.kernel[i] - 1) * t->w.dilation[i] + 1 + t->more[i]);
    if (n_size || same) {
      t->size[i] = n_size ? size[i] : dim_mul(dims, x->dims[2 + i], t->w.stride[i]);
      Dim off = dim_sub(dims, t->all[i], t->size[i]);
      if (dim_is_const(off) && off < 0) t->more[i] -= off, t->all[i] = t->size[i], off = 0;
      window_share(c, &t->w, i, off, !strcmp(automatic, "SAME_UPPER"));
      continue;
    }
    if (n_pads) t->w.before[i] = pads[i], t->w.after[i] = pads[rank + i];
    if (t->w.before[i] < 0 || t->w.after[i] < 0) return call_fail(c, "`pads` is negative");
    t->size[i] = dim_sub(dims, t->all[i], dim_add(dims, t->w.before[i], t->w.after[i]));
  }
  return true;
}

// Rows and columns off the borders, where the graph's op cannot leave them away: it takes equal, known padding only.
static Value *cut(Call *c, Value *y, const Transposed *t) {
  int64_t axes[WINDOW_RANK];
  Dim ends[WINDOW_RANK];
  for (int i = 0; i < t->w.rank; i++) {
    axes[i] = 2 + i;
    ends[i] = dim_add(c->im->m->dims, t->w.before[i], t->size[i]);
  }
  Attr *a = call_attrs(c, OP_SLICE);
  a[ATTR_SLICE_dims] = call_list(c, ATTR_INTS, t->w.rank, axes);
  a[ATTR_SLICE_starts] = call_list(c, ATTR_DIMS, t->w.rank, t->w.before);
  a[ATTR_SLICE_ends] = call_list(c, ATTR_DIMS, t->w.rank, ends);
  return call_unary(c, OP_SLICE, y, a);
}

bool convert_conv_transpose(Call *c, OpKind op) {
  Value *x = call_value(c, 0), *weight = call_value(c, 1);
  int rank = x && weight ? window_rank(c, x->type) : 0;
  if (!rank || weight->type->rank != rank + 2) return call_fail(c, "its operands do not fit each other");
  Transposed t;
  if (!read_transposed(c, x->type, weight->type, rank, &t)) return false;
  bool even = true;
  for (int i = 0; i < rank; i++) even &= t.w.before[i] == t.w.after[i] && dim_is_const(t.w.before[i]);
  OnnxWindow w = t.w;
  int64_t more[WINDOW_RANK] = {0};
  for (int i = 0; i < rank; i++) more[i + (rank == 1)] = t.more[i];
  window_widen(&w);
  op = w.rank == 2 ? OP_CONV_TRANSPOSE2D : OP_CONV_TRANSPOSE3D;
  Attr *a = call_attrs(c, op);
  a[ATTR_CONV_TRANSPOSE2D_stride] = window_list(c, &w, w.stride);
  a[ATTR_CONV_TRANSPOSE2D_dilation] = window_list(c, &w, w.dilation);
  a[ATTR_CONV_TRANSPOSE2D_padding] = window_list(c, &w, even ? w.before : (int64_t[WINDOW_RANK]){0});
  a[ATTR_CONV_TRANSPOSE2D_output_padding] = window_list(c, &w, more);
  a[ATTR_CONV_TRANSPOSE2D_groups] = ATTR_I(call_int(c, "group", 1));
  Value *operands[] = {window_widened(c, x, rank), window_widened(c, weight, rank), call_value(c, 2)};
  Value *y = window_narrowed(c, call_node(c, op, 3, operands, a), rank);
  return call_result(c, 0, even ? y : cut(c, y, &t));
}
