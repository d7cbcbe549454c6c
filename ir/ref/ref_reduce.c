// Reductions.
#include "ir/ref/ref_ops.h"

// Each element is added to the result element that its kept dimensions name.
bool ref_mean(RefCall *c) {
  const RefTensor *x = ref_in(c, IN_MEAN_x);
  const Attr *dims = NODE_ATTR(c->node, MEAN, dim);
  bool reduced[MAX_RANK] = {0};
  for (int k = 0; k < x->rank; k++) reduced[k] = dims->n == 0;
  for (int k = 0; k < dims->n; k++) reduced[ref_axis(dims->ints[k], x->rank)] = true;
  RefWalk w = ref_walk(x->rank, x->dims);
  int64_t stride = 1, n = 1;
  for (int k = x->rank - 1; k >= 0; k--) {
    w.stride[0][k] = reduced[k] ? 0 : stride;
    *(reduced[k] ? &n : &stride) *= x->dims[k];
  }
  for (int64_t k = 0; k < x->count; k++, ref_walk_next(&w)) c->out->f[w.offset[0]] += x->f[k];
  for (int64_t k = 0; k < c->out->count; k++) c->out->f[k] /= (double)n;
  return true;
}
