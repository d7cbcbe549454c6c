// What finds the first elements in an order: a stable insertion into the list of those found so far.
#include "ir/ref/ref_ops.h"
#include <math.h>

typedef struct Order {
  bool largest, nan_first;
} Order;

// Whether element i of x stands before element j whatever their indices.
static bool ahead(const RefTensor *x, Order o, int64_t i, int64_t j) {
  if (x->i) return o.largest ? ref_key(x, i) > ref_key(x, j) : ref_key(x, i) < ref_key(x, j);
  bool nan_i = isnan(x->f[i]), nan_j = isnan(x->f[j]);
  if (nan_i || nan_j) return nan_i != nan_j && (o.nan_first ? nan_i : nan_j);
  return o.largest ? x->f[i] > x->f[j] : x->f[i] < x->f[j];
}

// The first `rounds` elements of x seen as [outer, size, inner], as [outer, rounds, inner].
static bool search(RefCall *c, Order o, int64_t size, int64_t inner, int64_t rounds, RefTensor *values,
                   RefTensor *indices) {
  const RefTensor *x = c->in[0];
  int64_t *found = xcalloc((size_t)rounds + 1, sizeof *found);
  for (int64_t row = 0; row < x->count / size; row++) {
    int64_t first = row / inner * size * inner + row % inner, out = row / inner * rounds * inner + row % inner, n = 0;
    for (int64_t k = 0; k < size; k++) {
      int64_t at = n < rounds ? n++ : rounds;
      for (; at > 0 && ahead(x, o, first + k * inner, first + found[at - 1] * inner); at--)
        if (at < rounds) found[at] = found[at - 1];
      if (at < rounds) found[at] = k;
    }
    for (int64_t k = 0; k < rounds; k++) {
      indices->i[out + k * inner] = found[k];
      if (values) ref_move(values, out + k * inner, x, first + found[k] * inner);
    }
  }
  free(found);
  return true;
}

static bool search_along(RefCall *c, Order o, int64_t dim, int64_t rounds, RefTensor *values, RefTensor *indices) {
  const RefTensor *x = c->in[0];
  int axis = ref_axis(dim, x->rank);
  int64_t inner = ref_product(x->dims + axis + 1, x->rank - axis - 1);
  return search(c, o, x->dims[axis], inner, rounds, values, indices);
}

static bool arg(RefCall *c, const Attr *dim, bool largest) {
  Order o = {largest, .nan_first = true};
  if (dim->n) return search_along(c, o, dim->ints[0], 1, NULL, c->out);
  return search(c, o, c->in[0]->count, 1, 1, NULL, c->out);
}

bool ref_argmax(RefCall *c) { return arg(c, NODE_ATTR(c->node, ARGMAX, dim), true); }
bool ref_argmin(RefCall *c) { return arg(c, NODE_ATTR(c->node, ARGMIN, dim), false); }

bool ref_topk(RefCall *c) {
  bool largest = NODE_ATTR(c->node, TOPK, largest)->i;
  return search_along(c, (Order){largest, .nan_first = largest}, NODE_ATTR(c->node, TOPK, dim)->i,
                      ref_dim(c, NODE_ATTR(c->node, TOPK, k)->ints[0]), &c->out[0], &c->out[1]);
}

bool ref_sort(RefCall *c) {
  bool largest = NODE_ATTR(c->node, SORT, descending)->i;
  int64_t dim = NODE_ATTR(c->node, SORT, dim)->i;
  return search_along(c, (Order){largest, .nan_first = largest}, dim, c->in[0]->dims[ref_axis(dim, c->in[0]->rank)],
                      &c->out[0], &c->out[1]);
}
