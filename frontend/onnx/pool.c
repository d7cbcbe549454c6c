// Pools.
#include "frontend/onnx/nodes.h"
#include "frontend/onnx/window.h"
#include <math.h>

// The border as elements of their own, where the graph's pools do not take that much padding.
static Value *bordered(Call *c, Value *x, OnnxWindow *w, double v) {
  int64_t before[MAX_RANK] = {0}, after[MAX_RANK] = {0};
  for (int i = 0; i < w->rank; i++) {
    if (!dim_is_const(w->before[i]) || !dim_is_const(w->after[i]))
      return call_fail(c, "the size of its padding is open"), NULL;
    before[2 + i] = w->before[i];
    after[2 + i] = w->after[i];
    w->before[i] = w->after[i] = 0;
  }
  return call_pad(c, x, before, after, "constant", v);
}

static bool has_large_border(const OnnxWindow *w) {
  for (int i = 0; i < w->rank; i++) {
    int64_t extent = (w->kernel[i] - 1) * w->dilation[i] + 1;
    Dim before = w->before[i], after = w->after[i], most = before == after ? extent / 2 : extent - 1;
    if ((dim_is_const(before) && before > most) || (dim_is_const(after) && after > most)) return true;
  }
  return false;
}

// Pictures and volumes have attributes of the same order.
_Static_assert((int)ATTR_MAX_POOL2D_kernel == (int)ATTR_MAX_POOL3D_kernel &&
                   (int)ATTR_MAX_POOL2D_stride == (int)ATTR_MAX_POOL3D_stride &&
                   (int)ATTR_MAX_POOL2D_padding == (int)ATTR_MAX_POOL3D_padding &&
                   (int)ATTR_MAX_POOL2D_dilation == (int)ATTR_MAX_POOL3D_dilation &&
                   (int)ATTR_MAX_POOL2D_ceil_mode == (int)ATTR_MAX_POOL3D_ceil_mode,
               "one list for both");
_Static_assert((int)ATTR_AVG_POOL2D_kernel == (int)ATTR_AVG_POOL3D_kernel &&
                   (int)ATTR_AVG_POOL2D_stride == (int)ATTR_AVG_POOL3D_stride &&
                   (int)ATTR_AVG_POOL2D_padding == (int)ATTR_AVG_POOL3D_padding &&
                   (int)ATTR_AVG_POOL2D_dilation == (int)ATTR_AVG_POOL3D_dilation &&
                   (int)ATTR_AVG_POOL2D_ceil_mode == (int)ATTR_AVG_POOL3D_ceil_mode &&
                   (int)ATTR_AVG_POOL2D_count_include_pad == (int)ATTR_AVG_POOL3D_count_include_pad,
               "one list for both");

// `places`: NULL, or set to where the maxima lie in their planes.
static Value *maxima(Call *c, Value *x, OnnxWindow w, Value **places) {
  bool large = has_large_border(&w);
  if (places && (large || w.rank != 2))
    return call_fail(c, "indices of maxima are known of pictures with small borders only"), NULL;
  if (large && !(x = bordered(c, x, &w, -INFINITY))) return NULL;
  OpKind op = w.rank == 2 ? OP_MAX_POOL2D : OP_MAX_POOL3D;
  Attr *a = call_attrs(c, op);
  a[ATTR_MAX_POOL2D_kernel] = window_list(c, &w, w.kernel);
  a[ATTR_MAX_POOL2D_stride] = window_list(c, &w, w.stride);
  a[ATTR_MAX_POOL2D_padding] = window_padding(c, &w);
  a[ATTR_MAX_POOL2D_dilation] = window_list(c, &w, w.dilation);
  a[ATTR_MAX_POOL2D_ceil_mode] = ATTR_B(call_int(c, "ceil_mode", 0) != 0);
  if (places) a[ATTR_MAX_POOL2D_return_indices] = ATTR_B(1);
  Node *n = call_make(c, op, 1, &x, a);
  if (n && places) *places = n->results[1];
  return n ? result(n) : NULL;
}

// Places in their planes as places in the tensor; `columns`: counted column by column, as storage_order says.
static Value *in_tensor(Call *c, Value *places, const Type *x, bool columns) {
  DimTable *t = c->im->m->dims;
  Value *width = call_dim(c, x->dims[3]), *height = call_dim(c, x->dims[2]);
  if (columns) {
    Value *row = call_binary(c, OP_DIV, places, width);
    Value *column = call_binary(c, OP_SUB, places, call_binary(c, OP_MUL, row, width));
    places = call_binary(c, OP_ADD, call_binary(c, OP_MUL, column, height), row);
  }
  Value *plane = call_arange(c, DT_I64, 0, dim_mul(t, x->dims[0], x->dims[1]), 1);
  plane = call_binary(c, OP_MUL, plane, call_binary(c, OP_MUL, width, height));
  return call_binary(c, OP_ADD, places, call_reshape(c, plane, 4, (Dim[]){x->dims[0], x->dims[1], 1, 1}));
}

static Value *means(Call *c, Value *x, const OnnxWindow *w, bool with_border) {
  OpKind op = w->rank == 2 ? OP_AVG_POOL2D : OP_AVG_POOL3D;
  Attr *a = call_attrs(c, op);
  a[ATTR_AVG_POOL2D_kernel] = window_list(c, w, w->kernel);
  a[ATTR_AVG_POOL2D_stride] = window_list(c, w, w->stride);
  a[ATTR_AVG_POOL2D_padding] = window_padding(c, w);
  a[ATTR_AVG_POOL2D_dilation] = window_list(c, w, w->dilation);
  a[ATTR_AVG_POOL2D_ceil_mode] = ATTR_B(call_int(c, "ceil_mode", 0) != 0);
  a[ATTR_AVG_POOL2D_count_include_pad] = ATTR_B(with_border);
  return call_unary(c, op, x, a);
}

static Value *ones(Call *c, const Type *like) {
  Dim dims[MAX_RANK];
  for (int i = 0; i < like->rank; i++) dims[i] = i < 2 ? 1 : like->dims[i];
  return call_expand(c, call_scalar(c, like->dtype, 1), like->rank, dims);
}

static Value *averages(Call *c, Value *x, OnnxWindow w, bool with_border) {
  if (!has_large_border(&w)) return means(c, x, &w, with_border);
  OnnxWindow same = w;
  Value *count = with_border || !x ? NULL : bordered(c, ones(c, x->type), &same, 0);
  Value *y = bordered(c, x, &w, 0);
  if (!y || (!with_border && !count)) return NULL;
  y = means(c, y, &w, true);
  return with_border ? y : call_binary(c, OP_DIV, y, means(c, count, &w, true));
}

// x as the graph's pools take it: of rank 2 or 3, and of f32 where that holds its numbers.
static bool read_pool(Call *c, Value **x, int *rank, OnnxWindow *w) {
  *x = call_value(c, 0);
  *rank = *x ? window_rank(c, (*x)->type) : 0;
  if (!*rank || !window_read(c, *rank, NULL, (*x)->type, w)) return false;
  if (!call_attr(c, "kernel_shape")) return call_fail(c, "`kernel_shape` is missing");
  window_widen(w);
  *x = window_widened(c, *x, *rank);
  if (*x && dtype_size((*x)->type->dtype) < 4) *x = call_cast(c, *x, DT_F32);
  return *x != NULL;
}

static bool give(Call *c, Value *y, int rank) {
  return call_result(c, 0, call_cast(c, window_narrowed(c, y, rank), call_type(c, 0)->dtype));
}

bool convert_max_pool(Call *c, OpKind op) {
  (void)op;
  Value *x;
  int rank;
  OnnxWindow w;
  bool indexed = c->n_out > 1 && *c->node->output.data[1];
  if (!read_pool(c, &x, &rank, &w)) return false;
  Value *places = NULL, *y = maxima(c, x, w, indexed ? &places : NULL);
  if (places) places = in_tensor(c, places, x->type, call_int(c, "storage_order", 0));
  return give(c, y, rank) && (!indexed || call_result(c, 1, window_narrowed(c, places, rank)));
}

bool convert_average_pool(Call *c, OpKind op) {
  (void)op;
  Value *x;
  int rank;
  OnnxWindow w;
  return read_pool(c, &x, &rank, &w) && give(c, averages(c, x, w, call_int(c, "count_include_pad", 0)), rank);
}

// Maxima put back where they were, zeros elsewhere. The places are of the size that the window implies; a larger one
// that is stated has zeros behind.
bool convert_max_unpool(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0), *places = call_cast(c, call_value(c, 1), DT_I64);
  int rank = x ? window_rank(c, x->type) : 0;
  OnnxWindow w;
  const int64_t *size;
  int n;
  if (!rank || !places || !window_read(c, rank, NULL, x->type, &w) || !call_int_list(c, NULL, 2, &size, &n))
    return false;
  if (n >= 0 && n != rank + 2) return call_fail(c, "its size has %d numbers for %d dimensions", n, rank + 2);
  DimTable *t = c->im->m->dims;
  Dim dims[2 + WINDOW_RANK] = {x->type->dims[0], x->type->dims[1]}, all = dim_mul(t, dims[0], dims[1]), given = all;
  int64_t none[MAX_RANK] = {0}, more[MAX_RANK] = {0};
  for (int i = 0; i < rank; i++) {
    Dim steps = dim_mul(t, dim_sub(t, x->type->dims[2 + i], 1), w.stride[i]);
    dims[2 + i] = dim_sub(t, dim_add(t, steps, w.kernel[i]), dim_add(t, w.before[i], w.after[i]));
    given = dim_mul(t, given, x->type->dims[2 + i]);
    all = dim_mul(t, all, dims[2 + i]);
    if (n < 0 || size[2 + i] == dims[2 + i]) continue;
    if (!dim_is_const(dims[2 + i]) || !dim_is_const(size[2 + i])) return call_fail(c, "the size of its result is open");
    more[2 + i] = size[2 + i] - dims[2 + i];
  }
  Value *y = call_expand(c, call_scalar(c, x->type->dtype, 0), 1, &all);
  y = call_scatter(c, y, 0, call_reshape(c, places, 1, &given), call_reshape(c, x, 1, &given), "none");
  return call_result(c, 0, call_pad(c, call_reshape(c, y, rank + 2, dims), none, more, "constant", 0));
}

// ---- (sum of |x|^p)^(1/p)

static int64_t power(const Call *c) {
  const OnnxAttribute *a = call_attr(c, "p");
  if (!a || a->i) return a ? a->i : 2;
  return a->f < 0x1p31f ? (int64_t)fmaxf(0, a->f) : 0; // a real number in the first version
}

static Value *raised(Call *c, Value *x, int64_t p) {
  if (!x) return NULL;
  if (p == 2) return call_binary(c, OP_MUL, x, x);
  x = call_unary(c, OP_ABS, x, NULL);
  return p == 1 ? x : call_with(c, OP_POW, x, (double)p);
}

static Value *root(Call *c, Value *x, int64_t p) {
  if (p == 1 || !x) return x;
  return p == 2 ? call_unary(c, OP_SQRT, x, NULL)
                : call_binary(c, OP_POW, x, call_scalar(c, x->type->dtype, 1 / (double)p));
}

// As zeros behind, so that each window is whole and the mean is the sum divided by a constant.
static bool fill_last_windows(Call *c, const Type *x, OnnxWindow *w) {
  for (int i = 0; call_int(c, "ceil_mode", 0) && i < w->rank; i++) {
    int64_t extent = (w->kernel[i] - 1) * w->dilation[i] + 1;
    if (!dim_is_const(x->dims[2 + i])) return call_fail(c, "the size of its operand is open");
    int64_t rest = (x->dims[2 + i] + w->before[i] + w->after[i] - extent) % w->stride[i];
    if (rest > 0) w->after[i] += w->stride[i] - rest;
  }
  return true;
}

bool convert_lp_pool(Call *c, OpKind op) {
  (void)op;
  Value *x;
  int rank;
  OnnxWindow w;
  int64_t p = power(c), count = 1;
  if (p < 1) return call_fail(c, "its `p` is not positive");
  if (!read_pool(c, &x, &rank, &w) || !fill_last_windows(c, x->type, &w)) return false;
  for (int i = 0; i < w.rank; i++) count *= w.kernel[i];
  Value *y = bordered(c, raised(c, x, p), &w, 0);
  y = means(c, y, &w, true);
  return give(c, root(c, call_with(c, OP_MUL, y, (double)count), p), rank);
}

// ---- over all dimensions behind the channels

static int picture(const Value *x, int64_t *dims) {
  int n = 0;
  for (int i = 2; i < x->type->rank; i++) dims[n++] = i;
  return n;
}

bool convert_global_pool(Call *c, OpKind op) {
  Value *x = call_value(c, 0);
  if (!x || x->type->rank < 3) return call_fail(c, "its operand has no picture");
  int64_t dims[MAX_RANK];
  int n = picture(x, dims);
  if (n == 2) return call_result(c, 0, call_unary(c, op == OP_MEAN ? OP_GLOBAL_AVG_POOL : OP_GLOBAL_MAX_POOL, x, NULL));
  return call_result(c, 0, call_reduced(c, op, x, n, dims, true));
}

bool convert_global_lp_pool(Call *c, OpKind op) {
  Value *x = call_value(c, 0);
  int64_t dims[MAX_RANK], p = power(c);
  if (!x || x->type->rank < 3 || p < 1) return call_fail(c, "its operand has no picture, or its `p` is not positive");
  int n = picture(x, dims);
  return call_result(c, 0, root(c, call_reduced(c, op, raised(c, x, p), n, dims, true), p));
}
