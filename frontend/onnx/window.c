#include "frontend/onnx/window.h"
#include <string.h>

static bool list(Call *c, const char *name, int rank, int64_t *to) {
  const int64_t *ints;
  int n = call_ints(c, name, &ints);
  for (int i = 0; i < rank; i++) to[i] = n ? ints[n == rank ? i : 0] : 1;
  if (n && n != rank) return call_fail(c, "`%s` has %d numbers for %d dimensions", name, n, rank);
  for (int i = 0; i < rank; i++)
    if (to[i] < 1 || to[i] > INT32_MAX) return call_fail(c, "`%s` is not positive", name);
  return true;
}

// SAME_UPPER and SAME_LOWER: ceil(size / stride) windows; an odd element of padding stands behind or before.
static void same(Call *c, const OnnxWindow *w, const Type *x, bool upper, Dim *before, Dim *after) {
  DimTable *t = c->im->m->dims;
  for (int i = 0; i < w->rank; i++) {
    Dim size = x->dims[2 + i], windows = dim_floordiv(t, dim_add(t, size, w->stride[i] - 1), w->stride[i]);
    int64_t extent = (w->kernel[i] - 1) * w->dilation[i] + 1;
    Dim all = dim_max(t, 0, dim_sub(t, dim_add(t, dim_mul(t, dim_sub(t, windows, 1), w->stride[i]), extent), size));
    Dim less = dim_floordiv(t, all, 2), more = dim_sub(t, all, less);
    before[i] = upper ? less : more;
    after[i] = upper ? more : less;
  }
}

bool window_read(Call *c, int rank, const Dim *kernel, const Type *x, OnnxWindow *w) {
  *w = (OnnxWindow){.rank = rank};
  if (!x || x->rank != rank + 2) return call_fail(c, "its operand is not of %d dimensions", rank + 2);
  if (!list(c, "strides", rank, w->stride) || !list(c, "dilations", rank, w->dilation) ||
      !list(c, "kernel_shape", rank, w->kernel))
    return false;
  if (kernel) memcpy(w->kernel, kernel, sizeof *kernel * (size_t)rank);
  const char *automatic = call_text(c, "auto_pad", "NOTSET");
  if (!strncmp(automatic, "SAME_", 5)) {
    same(c, w, x, !strcmp(automatic, "SAME_UPPER"), w->before, w->after);
    return true;
  }
  const int64_t *pads;
  int n = strcmp(automatic, "VALID") ? call_ints(c, "pads", &pads) : 0;
  if (n && n != 2 * rank) return call_fail(c, "`pads` has %d numbers for %d dimensions", n, rank);
  for (int i = 0; n && i < rank; i++) w->before[i] = pads[i], w->after[i] = pads[rank + i];
  return true;
}

Attr window_padding(Call *c, const OnnxWindow *w) {
  return call_list(c, ATTR_PADDING, 4, (Dim[]){w->before[0], w->before[1], w->after[0], w->after[1]});
}
