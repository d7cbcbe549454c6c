// Reductions.
#include "ir/ref/ref_ops.h"
#include <math.h>

// For each element of x, by a walk: the result element that its kept dimensions name. The number of elements that meet
// in one goes to *n.
static RefWalk to_results(const RefTensor *x, const Attr *dims, int64_t *n) {
  bool reduced[MAX_RANK] = {0};
  for (int k = 0; k < x->rank; k++) reduced[k] = dims->n == 0;
  for (int k = 0; k < dims->n; k++) reduced[ref_axis(dims->ints[k], x->rank)] = true;
  RefWalk w = ref_walk(x->rank, x->dims);
  int64_t stride = 1;
  *n = 1;
  for (int k = x->rank - 1; k >= 0; k--) {
    w.stride[0][k] = reduced[k] ? 0 : stride;
    *(reduced[k] ? n : &stride) *= x->dims[k];
  }
  return w;
}

static double add(double a, double b) { return a + b; }
static double multiply(double a, double b) { return a * b; }
static double larger(double a, double b) { return isnan(a) || a > b ? a : b; }
static double smaller(double a, double b) { return isnan(a) || a < b ? a : b; }
static int64_t add_integers(int64_t a, int64_t b) { return (int64_t)((uint64_t)a + (uint64_t)b); }
static int64_t multiply_integers(int64_t a, int64_t b) { return (int64_t)((uint64_t)a * (uint64_t)b); }
static int64_t larger_integer(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t smaller_integer(int64_t a, int64_t b) { return a < b ? a : b; }

// `bias`: added to the bits of integers while they are combined.
static void reduce(RefCall *c, const Attr *dims, double empty, int64_t empty_integer, RefFloats floats,
                   RefIntegers integers, int64_t bias) {
  const RefTensor *x = c->in[0];
  int64_t n;
  RefWalk w = to_results(x, dims, &n);
  for (int64_t k = 0; k < c->out->count; k++)
    if (x->f)
      c->out->f[k] = empty;
    else
      c->out->i[k] = empty_integer;
  for (int64_t k = 0; k < x->count; k++, ref_walk_next(&w))
    if (x->f)
      c->out->f[w.offset[0]] = floats(c->out->f[w.offset[0]], x->f[k]);
    else
      c->out->i[w.offset[0]] = integers(c->out->i[w.offset[0]], x->i[k] ^ bias);
  for (int64_t k = 0; x->i && k < c->out->count; k++) c->out->i[k] ^= bias;
}

static int64_t bias_of(const RefCall *c) { return ref_bias(c->in[0]->type->dtype); }

bool ref_sum(RefCall *c) { return reduce(c, NODE_ATTR(c->node, SUM, dim), 0, 0, add, add_integers, 0), true; }
bool ref_prod(RefCall *c) {
  return reduce(c, NODE_ATTR(c->node, PROD, dim), 1, 1, multiply, multiply_integers, 0), true;
}
bool ref_amax(RefCall *c) {
  return reduce(c, NODE_ATTR(c->node, AMAX, dim), -INFINITY, INT64_MIN, larger, larger_integer, bias_of(c)), true;
}
bool ref_amin(RefCall *c) {
  return reduce(c, NODE_ATTR(c->node, AMIN, dim), INFINITY, INT64_MAX, smaller, smaller_integer, bias_of(c)), true;
}

bool ref_mean(RefCall *c) {
  const Attr *dims = NODE_ATTR(c->node, MEAN, dim);
  int64_t n, correction = NODE_ATTR(c->node, MEAN, correction)->i;
  to_results(c->in[0], dims, &n);
  reduce(c, dims, 0, 0, add, NULL, 0);
  for (int64_t k = 0; k < c->out->count; k++) c->out->f[k] /= fmax((double)(n - correction), 0);
  return true;
}

static bool variance(RefCall *c, const Attr *dims, int64_t correction, bool root) {
  const RefTensor *x = c->in[0];
  int64_t n;
  RefWalk w = to_results(x, dims, &n);
  double *mean = xcalloc((size_t)c->out->count, sizeof *mean);
  for (int64_t k = 0; k < x->count; k++, ref_walk_next(&w)) mean[w.offset[0]] += x->f[k] / (double)n;
  w = to_results(x, dims, &n);
  for (int64_t k = 0; k < x->count; k++, ref_walk_next(&w)) {
    double d = x->f[k] - mean[w.offset[0]];
    c->out->f[w.offset[0]] += d * d;
  }
  for (int64_t k = 0; k < c->out->count; k++) {
    double v = c->out->f[k] / fmax((double)(n - correction), 0);
    c->out->f[k] = root ? sqrt(v) : v;
  }
  free(mean);
  return true;
}

bool ref_var(RefCall *c) {
  return variance(c, NODE_ATTR(c->node, VAR, dim), NODE_ATTR(c->node, VAR, correction)->i, false);
}
bool ref_std(RefCall *c) {
  return variance(c, NODE_ATTR(c->node, STD, dim), NODE_ATTR(c->node, STD, correction)->i, true);
}
