// Shapes of reductions.
#include "ir/graph/infer_common.h"

// Dimensions are stored in order; none stated means all.
static void normalise_dims(Infer *in, Attr *list, int rank) {
  bool reduced[MAX_RANK];
  int64_t dims[MAX_RANK];
  int n = 0;
  for (int i = 0; i < rank; i++) reduced[i] = list->n == 0;
  for (int i = 0; i < list->n; i++) reduced[list->ints[i]] = true;
  for (int i = 0; i < rank; i++)
    if (reduced[i]) dims[n++] = i;
  infer_set_ints(in, list, n, dims);
}

static bool infer_reduction(Infer *in, Attr *list, bool keepdim, DType dtype) {
  const Type *x = operand_type(in, 0);
  if (!infer_axes(in, "dim", x->rank, list)) return false;
  normalise_dims(in, list, x->rank);
  Dim dims[MAX_RANK];
  int rank = 0, next = 0;
  for (int i = 0; i < x->rank; i++) {
    bool reduced = next < list->n && list->ints[next] == i;
    next += reduced;
    if (!reduced || keepdim) dims[rank++] = reduced ? 1 : x->dims[i];
  }
  return infer_shape(in, dtype, rank, dims);
}

static DType dtype_of(const Infer *in) { return operand_type(in, 0)->dtype; }
static DType summed(const Infer *in) { return dtype_is_float(dtype_of(in)) ? dtype_of(in) : DT_I64; }

#define DIMS(OP) INFER_ATTR(in, OP, dim), INFER_ATTR(in, OP, keepdim)->i
bool infer_mean(Infer *in) { return infer_float(in, 0) && infer_reduction(in, DIMS(MEAN), dtype_of(in)); }
bool infer_sum(Infer *in) { return infer_reduction(in, DIMS(SUM), summed(in)); }
bool infer_prod(Infer *in) { return infer_reduction(in, DIMS(PROD), summed(in)); }
bool infer_amax(Infer *in) { return infer_reduction(in, DIMS(AMAX), dtype_of(in)); }
bool infer_amin(Infer *in) { return infer_reduction(in, DIMS(AMIN), dtype_of(in)); }

static bool infer_variance(Infer *in, Attr *dim, int64_t correction, bool keepdim) {
  if (correction < 0 || correction > INT32_MAX)
    return infer_fail(in, "%s: `correction` is 0 or positive, not %lld", op_info(in->op)->name, (long long)correction);
  return infer_float(in, 0) && infer_reduction(in, dim, keepdim, dtype_of(in));
}

bool infer_var(Infer *in) {
  return infer_variance(in, INFER_ATTR(in, VAR, dim), INFER_ATTR(in, VAR, correction)->i,
                        INFER_ATTR(in, VAR, keepdim)->i);
}
bool infer_std(Infer *in) {
  return infer_variance(in, INFER_ATTR(in, STD, dim), INFER_ATTR(in, STD, correction)->i,
                        INFER_ATTR(in, STD, keepdim)->i);
}
