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

static bool infer_reduction(Infer *in, Attr *list, bool keepdim) {
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
  return infer_shape(in, x->dtype, rank, dims);
}

bool infer_mean(Infer *in) {
  return infer_float(in, 0) && infer_reduction(in, INFER_ATTR(in, MEAN, dim), INFER_ATTR(in, MEAN, keepdim)->i);
}
