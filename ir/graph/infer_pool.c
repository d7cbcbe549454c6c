// Shapes of pooling.
#include "ir/graph/infer_common.h"

// PyTorch's bound on equal padding, and for padding of one side that each window still sees the picture.
static bool check_padding(Infer *in, Window w) {
  int64_t extent = w.dilation * (w.kernel - 1) + 1;
  Dim most = w.before == w.after ? extent / 2 : extent - 1;
  DimTable *t = in->m->dims;
  Dim fits = dim_and(t, dim_le(t, w.before, most), dim_le(t, w.after, most));
  if (infer_hold(in, fits, "its padding must be at most %lld", (long long)most)) return true;
  return infer_fail(in, "%s: padding of %s and %s is too large for a window of %lld, at most %lld",
                    op_info(in->op)->name, infer_dim_str(in, w.before), infer_dim_str(in, w.after), (long long)extent,
                    (long long)most);
}

static bool infer_pool(Infer *in, const Attr *kernel, Attr *stride, const Attr *padding, const int64_t *dilation,
                       bool ceil_mode) {
  const Type *x = operand_type(in, 0);
  if (!stride->n) infer_set_ints(in, stride, kernel->n, kernel->ints);
  if (!infer_rank(in, 0, 4) || !infer_positive(in, "kernel", kernel) || !infer_positive(in, "stride", stride) ||
      !infer_padding(in, padding->ints))
    return false;
  Dim dims[4] = {x->dims[0], x->dims[1]};
  for (int k = 0; k < 2; k++) {
    Window w = {kernel->ints[k], stride->ints[k], dilation[k], padding->ints[k], padding->ints[2 + k], ceil_mode};
    if (!check_padding(in, w)) return false;
    dims[2 + k] = infer_windows(in, k ? "width" : "height", x->dims[2 + k], w);
    if (dims[2 + k] == DIM_INVALID) return false;
  }
  return infer_shape(in, x->dtype, 4, dims);
}

bool infer_max_pool2d(Infer *in) {
  const Attr *dilation = INFER_ATTR(in, MAX_POOL2D, dilation);
  return infer_positive(in, "dilation", dilation) &&
         infer_pool(in, INFER_ATTR(in, MAX_POOL2D, kernel), INFER_ATTR(in, MAX_POOL2D, stride),
                    INFER_ATTR(in, MAX_POOL2D, padding), dilation->ints, INFER_ATTR(in, MAX_POOL2D, ceil_mode)->i);
}

bool infer_avg_pool2d(Infer *in) {
  return infer_float(in, 0) && infer_pool(in, INFER_ATTR(in, AVG_POOL2D, kernel), INFER_ATTR(in, AVG_POOL2D, stride),
                                          INFER_ATTR(in, AVG_POOL2D, padding), (const int64_t[]){1, 1},
                                          INFER_ATTR(in, AVG_POOL2D, ceil_mode)->i);
}

static bool infer_adaptive(Infer *in, const int64_t *size) {
  const Type *x = operand_type(in, 0);
  return infer_rank(in, 0, 4) && infer_shape(in, x->dtype, 4, (Dim[]){x->dims[0], x->dims[1], size[0], size[1]});
}

bool infer_adaptive_avg_pool2d(Infer *in) {
  const Attr *size = INFER_ATTR(in, ADAPTIVE_AVG_POOL2D, output_size);
  return infer_float(in, 0) && infer_positive(in, "output_size", size) && infer_adaptive(in, size->ints);
}

bool infer_adaptive_max_pool2d(Infer *in) {
  const Attr *size = INFER_ATTR(in, ADAPTIVE_MAX_POOL2D, output_size);
  return infer_positive(in, "output_size", size) && infer_adaptive(in, size->ints);
}

bool infer_global_avg_pool(Infer *in) { return infer_float(in, 0) && infer_adaptive(in, (const int64_t[]){1, 1}); }
bool infer_global_max_pool(Infer *in) { return infer_adaptive(in, (const int64_t[]){1, 1}); }
