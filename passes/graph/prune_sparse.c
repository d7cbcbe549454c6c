// With H^-1 = U^T U for the covariance H of the inputs, U upper triangular: making weight i of an output zero costs
// (w_i / U_ii)^2, and -w_i / U_ii times row i of U, added to the weights behind it, makes up for it as well as those
// can. Inputs are gone through in order; which weights go is chosen for a block of them at a time, so that the choice
// knows what the blocks before have changed.
#include "passes/graph/prune_sparse.h"
#include "passes/graph/dense.h"
#include <math.h>
#include <string.h>

enum { TOGETHER = 64 }; // inputs whose weights are chosen at once

typedef struct Sparse {
  int64_t out, n;
  double *w, *u; // [out][n]; U, n x n
  double *costs; // of a block's weights, [out][block]
  bool *goes;    // the same
} Sparse;

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

// The `count` cheapest of a block; of equals the first.
static void choose(Sparse *s, int64_t begin, int64_t width, int64_t count) {
  int64_t all = s->out * width, equals = count;
  double *sorted = xmalloc(sizeof *sorted * (size_t)all);
  for (int64_t k = 0; k < all; k++) {
    int64_t i = begin + k % width;
    double share = s->w[k / width * s->n + i] / s->u[i * s->n + i];
    sorted[k] = s->costs[k] = share * share;
  }
  qsort(sorted, (size_t)all, sizeof *sorted, ascending);
  double last = count ? sorted[count - 1] : -1;
  for (int64_t k = 0; k < count; k++) equals -= sorted[k] < last;
  for (int64_t k = 0; k < all; k++) {
    s->goes[k] = s->costs[k] < last || (s->costs[k] == last && equals > 0);
    equals -= s->goes[k] && s->costs[k] == last;
  }
  free(sorted);
}

static void clear(Sparse *s, int64_t begin, int64_t width) {
  for (int64_t o = 0; o < s->out; o++)
    for (int64_t k = 0; k < width; k++) {
      int64_t i = begin + k;
      const double *row = s->u + i * s->n;
      double *w = s->w + o * s->n;
      if (!s->goes[o * width + k]) continue;
      dense_add(s->n - i, -w[i] / row[i], row + i, w + i);
      w[i] = 0; // not up to rounding
    }
}

// U, or NULL.
static double *factor_inverse(const CalibrationLayer *data) {
  int64_t n = data->n;
  double prior, *h = layer_covariance(data, &prior), *inverse = dense_room(n, n);
  bool ok = dense_factor(n, h, 0);
  if (ok) dense_inverse(n, h, inverse);
  ok = ok && dense_factor(n, inverse, 0);
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = i + 1; j < n; j++) inverse[i * n + j] = 0;
  if (ok) dense_transpose(n, n, inverse, h);
  free(inverse);
  if (ok) return h;
  free(h);
  return NULL;
}

// The mean square of what weights make of the inputs, without its mean.
static double variance(const CalibrationLayer *data, int64_t out, const double *w) {
  int64_t n = data->n;
  double sum = 0, *seen = dense_room(out, n);
  dense_product(out, n, n, w, data->second, seen);
  for (int64_t o = 0; o < out; o++) {
    double mean = dense_dot(n, w + o * n, data->mean);
    sum += dense_dot(n, seen + o * n, w + o * n) - mean * mean;
  }
  free(seen);
  return fmax(sum, 0);
}

bool prune_sparse(const CalibrationLayer *data, int64_t out, double *w, int64_t zeros, double *bias, double *error) {
  int64_t n = data->n, size = out * n, gone = 0;
  Sparse s = {.out = out, .n = n, .w = w, .u = factor_inverse(data)};
  if (!s.u) return false;
  double *whole = dense_room(out, n), square = variance(data, out, w);
  memcpy(whole, w, sizeof *whole * (size_t)size);
  s.costs = xmalloc(sizeof *s.costs * (size_t)(out * TOGETHER));
  s.goes = xmalloc(sizeof *s.goes * (size_t)(out * TOGETHER));
  for (int64_t begin = 0; begin < n; begin += TOGETHER) {
    int64_t end = begin + TOGETHER < n ? begin + TOGETHER : n;
    int64_t until = (int64_t)llround((double)zeros * (double)end / (double)n);
    choose(&s, begin, end - begin, until - gone);
    clear(&s, begin, end - begin);
    gone = until;
  }
  for (int64_t k = 0; k < size; k++) whole[k] -= w[k];
  for (int64_t o = 0; o < out; o++) bias[o] = dense_dot(n, whole + o * n, data->mean);
  *error = square > 0 ? sqrt(variance(data, out, whole) / square) : 0;
  free(whole), free(s.u), free(s.costs), free(s.goes);
  return true;
}
