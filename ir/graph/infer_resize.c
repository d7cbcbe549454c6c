// Shapes of ops that resample pictures.
#include "ir/graph/infer_common.h"
#include <math.h>
#include <string.h>

// What `scale_factor` makes of a size, rounded down as PyTorch does. An open size takes only factors that are exact.
static Dim scaled(Infer *in, Dim size, double factor) {
  enum { EXACT = 1024 };
  if (dim_is_const(size)) {
    double n = floor((double)size * factor);
    return n < (double)MAX_ELEMENTS ? (Dim)n : DIM_INVALID;
  }
  if (factor * EXACT == floor(factor * EXACT) && factor < EXACT)
    return divide(in, mul(in, size, (int64_t)(factor * EXACT)), EXACT);
  infer_fail(in, "interpolate: a dimension of %s is open; its factor is a multiple of 1/%d, not %g",
             infer_dim_str(in, size), EXACT, factor);
  return DIM_INVALID;
}

bool infer_interpolate(Infer *in) {
  const Type *x = operand_type(in, 0);
  const Attr *size = INFER_ATTR(in, INTERPOLATE, size), *factor = INFER_ATTR(in, INTERPOLATE, scale_factor);
  bool nearest = !strcmp(INFER_ATTR(in, INTERPOLATE, mode)->s, "nearest");
  if (!infer_rank(in, 0, 4) || !infer_float(in, 0)) return false;
  if (!size->n == !factor->n) return infer_fail(in, "interpolate takes either `size` or `scale_factor`");
  if (nearest && (INFER_ATTR(in, INTERPOLATE, align_corners)->i || INFER_ATTR(in, INTERPOLATE, antialias)->i))
    return infer_fail(in, "interpolate: `align_corners` and `antialias` need `mode` \"bilinear\" or \"bicubic\"");
  Dim dims[4] = {x->dims[0], x->dims[1]};
  for (int side = 0; side < 2; side++) {
    if (factor->n && !(factor->floats[side] > 0 && isfinite(factor->floats[side])))
      return infer_fail(in, "interpolate: a factor of %g", factor->floats[side]);
    int errors = diag_errors(in->m->diag);
    dims[2 + side] = size->n ? size->ints[side] : scaled(in, x->dims[2 + side], factor->floats[side]);
    if (diag_errors(in->m->diag) != errors) return false;
  }
  return infer_shape(in, x->dtype, 4, dims);
}
