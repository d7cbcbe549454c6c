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

typedef struct Pool {
  const Attr *kernel;
  Attr *stride;
  const Attr *padding, *dilation;
  bool ceil_mode;
} Pool;

static bool infer_pool(Infer *in, int sides, const Pool *p) {
  const Type *x = operand_type(in, 0);
  if (!p->stride->n) infer_set_ints(in, p->stride, p->kernel->n, p->kernel->ints);
  if (!infer_rank(in, 0, 2 + sides) || !infer_positive(in, "kernel", p->kernel) ||
      !infer_positive(in, "stride", p->stride) || !infer_positive(in, "dilation", p->dilation) ||
      !infer_padding(in, 2 * sides, p->padding->ints))
    return false;
  Dim dims[MAX_RANK] = {x->dims[0], x->dims[1]};
  for (int k = 0; k < sides; k++) {
    const int64_t *padding = p->padding->ints;
    Window w = {p->kernel->ints[k], p->stride->ints[k], p->dilation->ints[k],
                padding[k],         padding[sides + k], p->ceil_mode};
    if (!check_padding(in, w)) return false;
    dims[2 + k] = infer_windows(in, infer_side_name(sides, k), x->dims[2 + k], w);
    if (dims[2 + k] == DIM_INVALID) return false;
  }
  return infer_shape(in, x->dtype, 2 + sides, dims);
}

bool infer_max_pool2d(Infer *in) {
  Pool p = {INFER_ATTR(in, MAX_POOL2D, kernel), INFER_ATTR(in, MAX_POOL2D, stride), INFER_ATTR(in, MAX_POOL2D, padding),
            INFER_ATTR(in, MAX_POOL2D, dilation), INFER_ATTR(in, MAX_POOL2D, ceil_mode)->i};
  if (!infer_pool(in, 2, &p)) return false;
  if (INFER_ATTR(in, MAX_POOL2D, return_indices)->i) infer_result(in, type_with_dtype(in->m, in->results[0], DT_I64));
  return true;
}

bool infer_max_pool3d(Infer *in) {
  Pool p = {INFER_ATTR(in, MAX_POOL3D, kernel), INFER_ATTR(in, MAX_POOL3D, stride), INFER_ATTR(in, MAX_POOL3D, padding),
            INFER_ATTR(in, MAX_POOL3D, dilation), INFER_ATTR(in, MAX_POOL3D, ceil_mode)->i};
  return infer_borders(in, 3, INFER_ATTR(in, MAX_POOL3D, padding)) && infer_pool(in, 3, &p);
}

bool infer_avg_pool2d(Infer *in) {
  Pool p = {INFER_ATTR(in, AVG_POOL2D, kernel), INFER_ATTR(in, AVG_POOL2D, stride), INFER_ATTR(in, AVG_POOL2D, padding),
            INFER_ATTR(in, AVG_POOL2D, dilation), INFER_ATTR(in, AVG_POOL2D, ceil_mode)->i};
  return infer_float(in, 0) && infer_pool(in, 2, &p);
}

bool infer_avg_pool3d(Infer *in) {
  Pool p = {INFER_ATTR(in, AVG_POOL3D, kernel), INFER_ATTR(in, AVG_POOL3D, stride), INFER_ATTR(in, AVG_POOL3D, padding),
            INFER_ATTR(in, AVG_POOL3D, dilation), INFER_ATTR(in, AVG_POOL3D, ceil_mode)->i};
  return infer_float(in, 0) && infer_borders(in, 3, INFER_ATTR(in, AVG_POOL3D, padding)) && infer_pool(in, 3, &p);
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
