// With H the covariance of the inputs, W the weights and B what goes: the outputs lose W_B (H^-1_BB)^-1 W_B^T, the
// weights become W - W_B (H^-1_BB)^-1 H^-1_B, which is least squares with the inputs that stay, and the inverse of
// their covariance is H^-1 - H^-1_:B (H^-1_BB)^-1 H^-1_B:.
#include "passes/graph/prune_fit.h"
#include "passes/graph/dense.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct PruneFit {
  int64_t out, channels, taps, n;
  const CalibrationLayer *data;
  double *whole, *now; // weights as they were and as they are, n x out
  double *inverse;     // n x n; zeros where inputs have gone
  bool *gone;          // by channel
  double square;       // of the outputs, on average
};

// The mean square of what weights give, n x out, without their mean.
static double variance(const PruneFit *f, const double *w) {
  double sum = 0, *seen = dense_room(f->n, f->out);
  dense_product(f->n, f->n, f->out, f->data->second, w, seen);
  for (int64_t i = 0; i < f->n * f->out; i++) sum += seen[i] * w[i];
  for (int64_t o = 0; o < f->out; o++) {
    double mean = 0;
    for (int64_t i = 0; i < f->n; i++) mean += w[i * f->out + o] * f->data->mean[i];
    sum -= mean * mean;
  }
  free(seen);
  return fmax(sum, 0);
}

static void measure(PruneFit *f, const double *bias) {
  f->square = variance(f, f->whole);
  for (int64_t o = 0; o < f->out; o++) {
    double mean = bias ? bias[o] : 0;
    for (int64_t i = 0; i < f->n; i++) mean += f->whole[i * f->out + o] * f->data->mean[i];
    f->square += mean * mean;
  }
}

PruneFit *prune_fit_create(int64_t out, int64_t channels, int64_t taps, const double *weights, const double *bias,
                           const CalibrationLayer *data) {
  PruneFit *f = xcalloc(1, sizeof *f);
  *f = (PruneFit){.out = out, .channels = channels, .taps = taps, .n = channels * taps, .data = data};
  f->gone = xcalloc((size_t)channels, sizeof *f->gone);
  f->whole = dense_room(f->n, out), f->now = dense_room(f->n, out), f->inverse = dense_room(f->n, f->n);
  dense_transpose(out, f->n, weights, f->whole);
  memcpy(f->now, f->whole, sizeof *f->now * (size_t)(f->n * out));
  measure(f, bias);
  double prior, *covariance = layer_covariance(data, &prior);
  bool ok = dense_factor(f->n, covariance, 0);
  if (ok) dense_inverse(f->n, covariance, f->inverse);
  free(covariance);
  if (ok) return f;
  prune_fit_free(f);
  return NULL;
}

void prune_fit_free(PruneFit *f) {
  if (!f) return;
  free(f->gone), free(f->whole), free(f->now), free(f->inverse);
  free(f);
}

// ---- a few channels

typedef struct Block { // the inputs of some channels
  int64_t n, *at;
  double *factor; // of their part of the inverse
} Block;

static bool block_of(const PruneFit *f, int n, const int *channels, Block *b) {
  b->n = n * f->taps;
  b->at = xmalloc(sizeof *b->at * (size_t)(b->n + 1));
  b->factor = dense_room(b->n, b->n);
  for (int64_t i = 0; i < b->n; i++) b->at[i] = channels[i / f->taps] * f->taps + i % f->taps;
  for (int64_t i = 0; i < b->n; i++)
    for (int64_t j = 0; j < b->n; j++) b->factor[i * b->n + j] = f->inverse[b->at[i] * f->n + b->at[j]];
  return dense_factor(b->n, b->factor, 1e-12);
}

static void block_free(Block *b) { free(b->at), free(b->factor); }

double prune_fit_loss(const PruneFit *f, int n, const int *channels) {
  Block b;
  double sum = INFINITY, *w = dense_room(f->out, n * f->taps);
  if (block_of(f, n, channels, &b)) {
    sum = 0;
    for (int64_t o = 0; o < f->out; o++)
      for (int64_t i = 0; i < b.n; i++) w[o * b.n + i] = f->now[b.at[i] * f->out + o];
    dense_solve(b.n, b.factor, f->out, w);
    for (int64_t o = 0; o < f->out; o++)
      for (int64_t i = 0; i < b.n; i++) sum += w[o * b.n + i] * f->now[b.at[i] * f->out + o];
  }
  free(w);
  block_free(&b);
  return f->square > 0 ? sum / f->square : 0;
}

// rows of `a`, f->n x cols, less those of the block by `share`, f->n x block.
static void take_off(const PruneFit *f, const Block *b, const double *share, int64_t cols, double *a) {
  double *taken = dense_room(b->n, cols);
  for (int64_t i = 0; i < b->n; i++) memcpy(taken + i * cols, a + b->at[i] * cols, sizeof *a * (size_t)cols);
  for (int64_t j = 0; j < f->n; j++)
    for (int64_t i = 0; i < b->n; i++)
      if (share[j * b->n + i] != 0) dense_add(cols, -share[j * b->n + i], taken + i * cols, a + j * cols);
  for (int64_t i = 0; i < b->n; i++) memset(a + b->at[i] * cols, 0, sizeof *a * (size_t)cols);
  free(taken);
}

void prune_fit_remove(PruneFit *f, int n, const int *channels) {
  Block b;
  double *share = dense_room(f->n, n * f->taps);
  bool ok = block_of(f, n, channels, &b);
  for (int64_t j = 0; j < f->n; j++)
    for (int64_t i = 0; i < b.n; i++) share[j * b.n + i] = ok ? f->inverse[j * f->n + b.at[i]] : 0;
  if (ok) dense_solve(b.n, b.factor, f->n, share);
  take_off(f, &b, share, f->out, f->now);
  take_off(f, &b, share, f->n, f->inverse);
  for (int64_t j = 0; j < f->n; j++)
    for (int64_t i = 0; i < b.n; i++) f->inverse[j * f->n + b.at[i]] = 0;
  for (int i = 0; i < n; i++) f->gone[channels[i]] = true;
  free(share);
  block_free(&b);
}

// ---- what came out

bool prune_fit_has(const PruneFit *f, int channel) { return !f->gone[channel]; }

double prune_fit_weight(const PruneFit *f, int64_t out, int64_t channel, int64_t tap) {
  return f->now[(channel * f->taps + tap) * f->out + out];
}

double prune_fit_bias(const PruneFit *f, int64_t out) {
  double sum = 0;
  for (int64_t i = 0; i < f->n; i++) sum += (f->whole[i * f->out + out] - f->now[i * f->out + out]) * f->data->mean[i];
  return sum;
}

double prune_fit_error(const PruneFit *f) {
  double *change = dense_room(f->n, f->out);
  for (int64_t i = 0; i < f->n * f->out; i++) change[i] = f->whole[i] - f->now[i];
  double missed = variance(f, change);
  free(change);
  return f->square > 0 ? sqrt(missed / f->square) : 0;
}
