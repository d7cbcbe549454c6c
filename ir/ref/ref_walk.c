// Walks over indices, with broadcasting.
#include "ir/ref/ref_ops.h"
#include <string.h>

RefWalk ref_walk(int rank, const int64_t *dims) {
  RefWalk w = {.rank = rank};
  memcpy(w.dims, dims, sizeof *dims * (size_t)rank);
  return w;
}

bool ref_walk_broadcast(RefWalk *w, int view, const RefCall *c, const RefTensor *t, int skip) {
  int64_t strides[MAX_RANK];
  ref_strides(t, strides);
  int rank = t->rank > skip ? t->rank - skip : 0, lead = w->rank - rank;
  if (lead < 0) return ref_fail(c, "an operand of rank %d does not broadcast to rank %d", t->rank, w->rank + skip);
  for (int k = 0; k < rank; k++) {
    int64_t have = t->dims[k], want = w->dims[lead + k];
    if (have != 1 && have != want)
      return ref_fail(c, "an operand's dimension %d is %ld, which does not broadcast to %ld", k, (long)have,
                      (long)want);
    w->stride[view][lead + k] = have == 1 ? 0 : strides[k];
  }
  return true;
}

void ref_walk_next(RefWalk *w) {
  for (int k = w->rank - 1; k >= 0; k--) {
    bool carry = ++w->at[k] == w->dims[k];
    int64_t steps = carry ? 1 - w->dims[k] : 1;
    for (int v = 0; v < REF_VIEWS; v++) w->offset[v] += w->stride[v][k] * steps;
    if (!carry) return;
    w->at[k] = 0;
  }
}
