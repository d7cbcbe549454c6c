#include "frontend/onnx/window.h"
#include <string.h>

int window_rank(Call *c, const Type *x) {
  if (x && x->rank >= 3 && x->rank <= 2 + WINDOW_RANK) return x->rank - 2;
  call_fail(c, "its operand is not of 3 to %d dimensions", 2 + WINDOW_RANK);
  return 0;
}

static bool list(Call *c, const char *name, int rank, int64_t *to) {
  const int64_t *ints;
  int n = call_ints(c, name, &ints);
  for (int i = 0; i < rank; i++) to[i] = n == rank ? ints[i] : 1;
  if (n && n != rank) return call_fail(c, "`%s` has %d numbers for %d dimensions", name, n, rank);
  for (int i = 0; i < rank; i++)
    if (to[i] < 1 || to[i] > INT32_MAX) return call_fail(c, "`%s` is not positive", name);
  return true;
}

bool window_shape(Call *c, int rank, const Dim *kernel, OnnxWindow *w) {
  *w = (OnnxWindow){.rank = rank};
  if (!list(c, "strides", rank, w->stride) || !list(c, "dilations", rank, w->dilation) ||
      !list(c, "kernel_shape", rank, w->kernel))
    return false;
  for (int i = 0; kernel && i < rank; i++) {
    w->kernel[i] = kernel[i];
    if (kernel[i] < 1 || kernel[i] > INT32_MAX) return call_fail(c, "the size of its kernel is not known");
  }
  return true;
}

void window_share(Call *c, OnnxWindow *w, int i, Dim all, bool upper) {
  DimTable *t = c->im->m->dims;
  Dim less = dim_floordiv(t, all, 2), more = dim_sub(t, all, less);
  w->before[i] = upper ? less : more;
  w->after[i] = upper ? more : less;
}

// SAME_UPPER and SAME_LOWER: ceil(size / stride) windows.
static void same(Call *c, OnnxWindow *w, const Type *x, bool upper) {
  DimTable *t = c->im->m->dims;
  for (int i = 0; i < w->rank; i++) {
    Dim size = x->dims[2 + i], windows = dim_floordiv(t, dim_add(t, size, w->stride[i] - 1), w->stride[i]);
    int64_t extent = (w->kernel[i] - 1) * w->dilation[i] + 1;
    Dim read = dim_add(t, dim_mul(t, dim_sub(t, windows, 1), w->stride[i]), extent);
    window_share(c, w, i, dim_max(t, 0, dim_sub(t, read, size)), upper);
  }
}

bool window_read(Call *c, int rank, const Dim *kernel, const Type *x, OnnxWindow *w) {
  if (!x || x->rank != rank + 2) return call_fail(c, "its operand is not of %d dimensions", rank + 2);
  if (!window_shape(c, rank, kernel, w)) return false;
  const char *automatic = call_text(c, "auto_pad", "NOTSET");
  if (!strncmp(automatic, "SAME_", 5)) return same(c, w, x, !strcmp(automatic, "SAME_UPPER")), true;
  const int64_t *pads;
  int n = strcmp(automatic, "VALID") ? call_ints(c, "pads", &pads) : 0;
  if (n && n != 2 * rank) return call_fail(c, "`pads` has %d numbers for %d dimensions", n, rank);
  for (int i = 0; n && i < rank; i++) w->before[i] = pads[i], w->after[i] = pads[rank + i];
  return true;
}

// ---- as the graph has them

void window_widen(OnnxWindow *w) {
  if (w->rank != 1) return;
  w->rank = 2;
  w->kernel[1] = w->kernel[0];
  w->stride[1] = w->stride[0];
  w->dilation[1] = w->dilation[0];
  w->before[1] = w->before[0];
  w->after[1] = w->after[0];
  w->kernel[0] = w->stride[0] = w->dilation[0] = 1;
  w->before[0] = w->after[0] = 0;
}

Value *window_widened(Call *c, Value *x, int rank) { return rank == 1 ? call_insert_dims(c, x, 2, 1) : x; }

Value *window_narrowed(Call *c, Value *y, int rank) {
  if (!y || rank != 1) return y;
  return call_reshape(c, y, 3, (Dim[]){y->type->dims[0], y->type->dims[1], y->type->dims[3]});
}

Attr window_list(Call *c, const OnnxWindow *w, const int64_t *list) { return call_list(c, ATTR_INTS, w->rank, list); }

Attr window_padding(Call *c, const OnnxWindow *w) {
  Dim all[2 * WINDOW_RANK];
  for (int i = 0; i < w->rank; i++) all[i] = w->before[i], all[w->rank + i] = w->after[i];
  return call_list(c, w->rank == 2 ? ATTR_PADDING : ATTR_INTS, 2 * w->rank, all);
}
