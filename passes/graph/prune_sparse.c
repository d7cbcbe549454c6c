// Inputs are scaled to variance 1. With H their covariance and W the weights, directions alternate: Z are the weights Q
// with the smallest of them zero, V those that lose least of the outputs while a penalty rho draws them to Z - U, where
// U is what Z has missed so far; then Q = V + U. U is Q where Z is zero and zero elsewhere, so that
//
//   V = (W H + rho (Z - U)) (H + rho)^-1,  Z - U = Q where weights are kept, -Q where they are not
//
// and a weight made zero comes back where the gradient by it, which is rho U in the end, is large beside the weights
// kept. The zeros become more from round to round. The last choice stands, and conjugate gradients find the weights
// that lose least with it.
#include "passes/graph/prune_sparse.h"
#include "passes/graph/dense.h"
#include "passes/graph/smallest.h"
#include <math.h>
#include <string.h>

enum { ROUNDS_LEAST = 10, ROUNDS_MOST = 30 };
#define WORK_MOST 0x1p34 // products of all rounds, for layers that take more than ROUNDS_LEAST

typedef struct Sparse {
  int64_t out, n;
  int rounds;
  double rho, *scale;   // of each input
  double *h, *inverse;  // the covariance of scaled inputs; (h + rho)^-1
  double *target;       // W H
  double *q, *v, *seen; // [out][n]; seen: what a product gives
  bool *kept;           // the same
} Sparse;

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

// ---- the layer with inputs of variance 1

// rho: the geometric mean of the standard deviations that inputs have when those before them are known. It is 1 where
// none says anything of another: then the choice is by size.
static bool invert(Sparse *s) {
  int64_t n = s->n, size = n * n;
  double sum = 0, *factor = dense_room(n, n);
  memcpy(factor, s->h, sizeof *factor * (size_t)size);
  bool ok = dense_factor(n, factor, 0);
  for (int64_t i = 0; ok && i < n; i++) sum += log(factor[i * n + i]);
  s->rho = exp(sum / (double)n);
  memcpy(factor, s->h, sizeof *factor * (size_t)size);
  for (int64_t i = 0; i < n; i++) factor[i * n + i] += s->rho;
  ok = ok && dense_factor(n, factor, 0);
  if (ok) dense_inverse(n, factor, s->inverse);
  free(factor);
  return ok;
}

static bool sparse_open(Sparse *s, const CalibrationLayer *data, int64_t out, const double *w) {
  int64_t n = data->n;
  double prior, work = (double)out * (double)n * (double)n;
  *s = (Sparse){.out = out, .n = n, .h = layer_covariance(data, &prior), .inverse = dense_room(n, n)};
  s->rounds = (int)fmin(fmax(WORK_MOST / work, ROUNDS_LEAST), ROUNDS_MOST);
  s->scale = dense_room(1, n);
  s->target = dense_room(out, n), s->q = dense_room(out, n), s->v = dense_room(out, n);
  s->seen = dense_room(out, n);
  s->kept = xcalloc((size_t)(out * n) + 1, sizeof *s->kept);
  for (int64_t i = 0; i < n; i++) s->scale[i] = sqrt(s->h[i * n + i]);
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++) s->h[i * n + j] /= s->scale[i] * s->scale[j];
  if (!invert(s)) return false;
  for (int64_t k = 0; k < out * n; k++) s->q[k] = w[k] * s->scale[k % n];
  dense_product_turned(out, n, n, s->q, s->h, s->target);
  return true;
}

static void sparse_close(Sparse *s) {
  free(s->scale), free(s->h), free(s->inverse), free(s->target), free(s->q), free(s->v), free(s->seen);
  free(s->kept);
}

// ---- which go

static void keep_all_but(Sparse *s, int64_t zeros) {
  int64_t size = s->out * s->n;
  Smallest goes;
  smallest_begin(&goes, zeros);
  while (smallest_again(&goes))
    for (int64_t k = 0; k < size; k++) smallest_see(&goes, s->q[k]);
  for (int64_t k = 0; k < size; k++) s->kept[k] = !smallest_takes(&goes, s->q[k]);
  smallest_end(&goes);
}

static void choose(Sparse *s, int64_t zeros) {
  int64_t size = s->out * s->n;
  for (int round = 1; round < s->rounds; round++) {
    double left = 1 - (double)round / s->rounds;
    keep_all_but(s, llround((double)zeros * (1 - left * left * left)));
    for (int64_t k = 0; k < size; k++) s->v[k] = s->target[k] + (s->kept[k] ? s->rho : -s->rho) * s->q[k];
    dense_product_turned(s->out, s->n, s->n, s->v, s->inverse, s->seen);
    for (int64_t k = 0; k < size; k++) s->q[k] = s->seen[k] + (s->kept[k] ? 0 : s->q[k]);
  }
  keep_all_but(s, zeros);
}

// ---- and what the others become

// One step of each row along v. target: what the rows miss, and squares: its squares.
static void step(Sparse *s, double *squares) {
  int64_t n = s->n;
  dense_product(s->out, n, n, s->v, s->h, s->seen);
  for (int64_t o = 0; o < s->out; o++) {
    double *v = s->v + o * n, *seen = s->seen + o * n, *missing = s->target + o * n, before = squares[o];
    double curvature = dense_dot(n, v, seen), along = curvature > 0 ? before / curvature : 0;
    dense_add(n, along, v, s->q + o * n);
    for (int64_t i = 0; i < n; i++) missing[i] -= s->kept[o * n + i] ? along * seen[i] : 0;
    squares[o] = dense_dot(n, missing, missing);
    for (int64_t i = 0; i < n; i++) v[i] = missing[i] + (before > 0 ? squares[o] / before : 0) * v[i];
  }
}

static void solve(Sparse *s, double *w) {
  int64_t n = s->n, size = s->out * n;
  double *squares = dense_room(1, s->out);
  for (int64_t k = 0; k < size; k++) s->q[k] = s->kept[k] ? s->q[k] : 0;
  dense_product(s->out, n, n, s->q, s->h, s->seen);
  for (int64_t k = 0; k < size; k++) s->v[k] = s->target[k] = s->kept[k] ? s->target[k] - s->seen[k] : 0;
  for (int64_t o = 0; o < s->out; o++) squares[o] = dense_dot(n, s->target + o * n, s->target + o * n);
  for (int round = 0; round < s->rounds; round++) step(s, squares);
  for (int64_t k = 0; k < size; k++) w[k] = s->kept[k] ? s->q[k] / s->scale[k % n] : 0;
  free(squares);
}

bool prune_sparse(const CalibrationLayer *data, int64_t out, double *w, int64_t zeros, double *bias, double *error) {
  int64_t n = data->n, size = out * n;
  Sparse s;
  bool ok = sparse_open(&s, data, out, w);
  double *change = dense_room(out, n), square = variance(data, out, w);
  memcpy(change, w, sizeof *change * (size_t)size);
  if (ok && zeros > 0) choose(&s, zeros), solve(&s, w);
  sparse_close(&s);
  for (int64_t k = 0; k < size; k++) change[k] -= w[k];
  for (int64_t o = 0; o < out; o++) bias[o] = dense_dot(n, change + o * n, data->mean);
  *error = square > 0 ? sqrt(variance(data, out, change) / square) : 0;
  free(change);
  return ok;
}
