// Shapes of what finds the first elements in an order.
#include "ir/graph/infer_common.h"

// At most one dimension; none is the flattened operand.
static bool infer_extreme(Infer *in, Attr *dim, bool keepdim) {
  const Type *x = operand_type(in, 0);
  if (dim->n > 1) return infer_fail(in, "%s: `dim` is one dimension, not %d", op_info(in->op)->name, dim->n);
  if (!infer_number(in, 0) || !infer_axes(in, "dim", x->rank, dim)) return false;
  Dim dims[MAX_RANK];
  int rank = 0;
  for (int i = 0; i < x->rank; i++) {
    bool gone = !dim->n || dim->ints[0] == i;
    if (!gone || keepdim) dims[rank++] = gone ? 1 : x->dims[i];
  }
  return infer_shape(in, DT_I64, rank, dims);
}

bool infer_argmax(Infer *in) {
  return infer_extreme(in, INFER_ATTR(in, ARGMAX, dim), INFER_ATTR(in, ARGMAX, keepdim)->i);
}
bool infer_argmin(Infer *in) {
  return infer_extreme(in, INFER_ATTR(in, ARGMIN, dim), INFER_ATTR(in, ARGMIN, keepdim)->i);
}

static bool infer_values_and_indices(Infer *in, int rank, const Dim *dims) {
  return infer_shape(in, operand_type(in, 0)->dtype, rank, dims) && infer_shape(in, DT_I64, rank, dims);
}

bool infer_topk(Infer *in) {
  const Type *x = operand_type(in, 0);
  Dim k = INFER_ATTR(in, TOPK, k)->ints[0];
  int64_t *dim = &INFER_ATTR(in, TOPK, dim)->i;
  if (!infer_number(in, 0) || !infer_min_rank(in, 0, 1) || !infer_axis(in, "dim", x->rank, dim)) return false;
  Dim least = dim_counts(in->m->dims, k) ? 0 : 1;
  if (!infer_hold(in, dim_le(in->m->dims, least, k), "`k` must be positive"))
    return infer_fail(in, "topk: `k` must be positive, not %s", infer_dim_str(in, k));
  if (!infer_hold(in, dim_le(in->m->dims, k, x->dims[*dim]), "`k` is at most the size of dimension %d", (int)*dim))
    return infer_fail(in, "topk: `k` is %s, but dimension %d of `%s` has %s (%s)", infer_dim_str(in, k), (int)*dim,
                      infer_operand_name(in, 0), infer_dim_str(in, x->dims[*dim]), infer_str(in, x));
  Dim dims[MAX_RANK];
  for (int i = 0; i < x->rank; i++) dims[i] = i == *dim ? k : x->dims[i];
  return infer_values_and_indices(in, x->rank, dims);
}

bool infer_sort(Infer *in) {
  const Type *x = operand_type(in, 0);
  int64_t *dim = &INFER_ATTR(in, SORT, dim)->i;
  if (!infer_number(in, 0) || !infer_min_rank(in, 0, 1) || !infer_axis(in, "dim", x->rank, dim)) return false;
  if (!dim_is_const(x->dims[*dim]))
    return infer_fail(in, "sort: dimension %d of `%s` (%s) must be known", (int)*dim, infer_operand_name(in, 0),
                      infer_str(in, x));
  return infer_values_and_indices(in, x->rank, x->dims);
}
