#include "frontend/write_onnx/padding.h"

// ONNX's SAME_UPPER: as much as makes ceil(size / stride) windows, the odd one behind.
static bool is_same(Export *e, const Windows *w) {
  DimTable *t = e->m->dims;
  for (int i = 0; i < w->sides; i++) {
    Dim size = export_type(e, 0)->dims[2 + i], n = dim_floordiv(t, dim_add(t, size, w->stride[i] - 1), w->stride[i]);
    Dim reach = dim_add(t, dim_mul(t, dim_sub(t, n, 1), w->stride[i]), w->dilation[i] * (w->kernel[i] - 1) + 1);
    Dim all = dim_max(t, dim_sub(t, reach, size), 0), before = dim_floordiv(t, all, 2);
    if (w->padding[i] != before || w->padding[w->sides + i] != dim_sub(t, all, before)) return false;
  }
  return true;
}

Term *padding_settle(Export *e, Term *x, const Windows *w, double value, Padding *p) {
  static const int64_t zeros[2 * MAX_RANK];
  Dim before[MAX_RANK] = {0}, after[MAX_RANK] = {0};
  bool open = false;
  for (int i = 0; i < w->sides; i++) {
    before[2 + i] = w->padding[i];
    after[2 + i] = w->padding[w->sides + i];
    open |= !dim_is_const(before[2 + i]) || !dim_is_const(after[2 + i]);
  }
  *p = (Padding){.pads = w->padding, .same = open && is_same(e, w)};
  if (!open || p->same) return x;
  *p = (Padding){.pads = zeros, .apart = true};
  return shape_pad(e, x, 2 + w->sides, before, after, value);
}

void padding_attributes(Export *e, const Windows *w, const Padding *p) {
  if (p->same)
    export_text(e, "auto_pad", "SAME_UPPER");
  else
    export_ints(e, "pads", 2 * w->sides, p->pads);
}
