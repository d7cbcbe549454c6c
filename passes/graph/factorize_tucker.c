// Fewer channels in, fewer channels out, then all of them: 1x1, the window, 1x1 (Tucker-2 of the weights: Kim et al.
// 2016). The error that is allowed is shared between both sides in a few ways, of which the cheapest is taken.
//
// The first stage is the best for windows of one pixel at each tap (HOSVD of the weights without data). What the layer
// would then have to be is fitted to its outputs, and that layer becomes two as in factorize_channel.c: so the error of
// both sides is counted together.
#include "ir/core/checked.h"
#include "ir/graph/macs.h"
#include "passes/graph/dense.h"
#include "passes/graph/factorize.h"
#include "passes/graph/low_rank.h"
#include <math.h>

static const double SHARES[] = {0.2, 0.4, 0.6, 0.8}; // of the square of the error, for the side of the inputs

typedef struct Inputs { // the side of the inputs: out taps x in
  double *matrix, *covariance;
  LowRank *low;
  double square; // of the outputs, without their mean
} Inputs;

static double *matrix_of(const FactorLayer *l, int64_t taps) {
  double *a = dense_room(l->whole.out * taps, l->whole.in);
  int64_t at = 0;
  for (int64_t o = 0; o < l->whole.out; o++)
    for (int64_t i = 0; i < l->whole.in; i++)
      for (int64_t t = 0; t < taps; t++, at++) a[(o * taps + t) * l->whole.in + i] = l->whole.w[at];
  return a;
}

// The first stage at each tap: what the window sees, rank taps x n.
static double *at_each_tap(const FactorLayer *l, int64_t taps, int64_t rank, const double *down) {
  double *b = xcalloc((size_t)(rank * taps * l->n), sizeof *b);
  for (int64_t r = 0; r < rank; r++)
    for (int64_t t = 0; t < taps; t++)
      for (int64_t i = 0; i < l->whole.in; i++) b[(r * taps + t) * l->n + i * taps + t] = down[r * l->whole.in + i];
  return b;
}

// What the layer is to be of what the first stage makes: out x m. Without data the rows of b are orthonormal.
static double *core_of(const FactorLayer *l, int64_t m, const double *b, double *gram) {
  if (l->covariance) return factor_fit(l, m, b, gram);
  double *turned = dense_room(l->n, l->whole.out), *product = dense_room(m, l->whole.out),
         *core = dense_room(l->whole.out, m);
  dense_transpose(l->whole.out, l->n, l->whole.w, turned);
  dense_product(m, l->n, l->whole.out, b, turned, product);
  dense_transpose(m, l->whole.out, product, core);
  free(turned), free(product);
  return core;
}

static void normalize(int64_t rows, int64_t cols, double *a) {
  for (int64_t r = 0; r < rows; r++) {
    double length = sqrt(dense_dot(cols, a + r * cols, a + r * cols));
    for (int64_t i = 0; length > 0 && i < cols; i++) a[r * cols + i] /= length;
  }
}

// The mean square of what weights, out x m, make of inputs of this covariance; NULL: the sum of their squares.
static double square_of(int64_t out, int64_t m, const double *w, const double *gram) {
  double sum = 0, *seen = gram ? dense_room(out, m) : NULL;
  if (gram) dense_product(out, m, m, w, gram, seen);
  for (int64_t o = 0; o < out; o++) sum += dense_dot(m, w + o * m, (gram ? seen : w) + o * m);
  free(seen);
  return sum;
}

// With this first rank: the smallest second one within `bound`. False where no rank is.
static bool complete(const FactorLayer *l, const Inputs *inputs, int64_t first, double bound, Chain *c) {
  const Stage *w = &l->whole;
  int64_t taps = w->kh * w->kw, m = first * taps;
  double *down = dense_room(first, w->in), *spare = dense_room(w->out * taps, first);
  low_rank_factors(inputs->low, first, spare, down);
  if (!l->covariance) normalize(first, w->in, down); // so that errors of the core are those of the outputs
  double *b = at_each_tap(l, taps, first, down), *gram = l->covariance ? dense_room(m, m) : NULL;
  double *core = core_of(l, m, b, gram), left = bound - inputs->square + square_of(w->out, m, core, gram);
  LowRank *low = left >= 0 ? low_rank_create(w->out, m, core, gram) : NULL;
  int64_t most = min_i64(w->out, m), second = low ? max_i64(low_rank_of(low, left, most), 1) : most + 1;
  bool ok = second <= most;
  if (ok) {
    *c = (Chain){3,
                 {{"down", first, w->in, 1, 1, {false, false}, down},
                  {"core", second, first, w->kh, w->kw, {true, true}, dense_room(second, m)},
                  {"up", w->out, second, 1, 1, {false, false}, dense_room(w->out, second)}}};
    low_rank_factors(low, second, c->stages[2].w, c->stages[1].w);
  }
  low_rank_free(low);
  if (!ok) free(down);
  free(spare), free(b), free(core), free(gram);
  return ok;
}

static void cheapest(const FactorLayer *l, const Inputs *inputs, double bound, Chain *best) {
  int64_t before = 0;
  for (size_t i = 0; i < sizeof SHARES / sizeof *SHARES; i++) {
    Chain c = {0};
    int64_t first = max_i64(low_rank_of(inputs->low, SHARES[i] * bound, l->whole.in), 1);
    if (first > l->whole.in || first == before || !complete(l, inputs, first, bound, &c)) continue;
    before = first;
    bool better = !best->n || factor_cost(l, &c) < factor_cost(l, best);
    factor_chain_free(better ? best : &c);
    if (better) *best = c;
  }
}

bool factorize_tucker(const FactorLayer *l, double allowed, Chain *c, StrBuf *what) {
  const Stage *w = &l->whole;
  int64_t taps = w->kh * w->kw;
  if (taps == 1) return strbuf_puts(what, "its window is one pixel"), false;
  Inputs inputs = {.matrix = matrix_of(l, taps), .covariance = l->covariance ? factor_tap_covariance(l, taps) : NULL};
  inputs.low = low_rank_create(w->out * taps, w->in, inputs.matrix, inputs.covariance);
  inputs.square = square_of(w->out, l->n, w->w, l->covariance);
  cheapest(l, &inputs, allowed * allowed * l->square, c);
  low_rank_free(inputs.low);
  free(inputs.matrix), free(inputs.covariance);
  if (!c->n) return strbuf_printf(what, "no ranks are within %g%%", allowed * 100), false;
  long long first = c->stages[0].out, second = c->stages[1].out;
  double macs = macs_of(l->pass->module, l->p.node) / 1e6,
         now = macs * factor_macs(l, c) / (double)(w->out * w->in * taps);
  if (factor_cost(l, c) < factor_whole_cost(l)) {
    strbuf_printf(what, "1 x 1 to %lld channels, %lld x %lld to %lld, and 1 x 1", first, (long long)w->kh,
                  (long long)w->kw, second);
    return true;
  }
  factor_chain_free(c);
  strbuf_printf(what, "ranks %lld and %lld, which %g%% takes, save no work%s (%.4g of %.4g M MACs)", first, second,
                allowed * 100, factor_beside(l), now, macs);
  return false;
}
