// A column of taps, then a row of taps (spatial singular value decomposition: Jaderberg, Vedaldi and Zisserman 2014, in
// the closed form of Tai et al. 2016).
//
// The weights are seen as a matrix, output channel and column of taps by input channel and row of taps; its best
// approximation of rank r is r rows of taps for each side. Each half takes the stride, padding and dilation of its
// direction, which is exact: the zeros of a border stay zeros in between. With data the first half comes from what the
// columns of the input are, those of one window taken for independent; the second is then fitted to the outputs with
// all that is known of windows.
#include "ir/core/checked.h"
#include "passes/graph/dense.h"
#include "passes/graph/factorize.h"
#include "passes/graph/low_rank.h"

typedef struct Spatial {
  const FactorLayer *layer;
  double *matrix, *columns; // out kw x in kh; covariance of in kh, NULL without data
  LowRank *low;
  Chain *chain;
} Spatial;

static double *matrix_of(const FactorLayer *l) {
  const Stage *s = &l->whole;
  int64_t columns = s->in * s->kh, at = 0;
  double *a = dense_room(s->out * s->kw, columns);
  for (int64_t o = 0; o < s->out; o++)
    for (int64_t k = 0; k < columns; k++)
      for (int64_t x = 0; x < s->kw; x++, at++) a[(o * s->kw + x) * columns + k] = s->w[at];
  return a;
}

// The second half, [out][rank][kw]: fitted to inputs that are columns at each place of the row.
static double *fitted(const FactorLayer *l, int64_t rank, const double *down) {
  int64_t columns = l->whole.in * l->whole.kh, kw = l->whole.kw;
  double *b = xcalloc((size_t)(rank * kw * l->n), sizeof *b);
  for (int64_t r = 0; r < rank; r++)
    for (int64_t x = 0; x < kw; x++)
      for (int64_t k = 0; k < columns; k++) b[(r * kw + x) * l->n + k * kw + x] = down[r * columns + k];
  double *fit = factor_fit(l, rank * kw, b, NULL);
  free(b);
  return fit;
}

static void make_halves(const Spatial *s, int64_t rank) {
  const FactorLayer *l = s->layer;
  int64_t out = l->whole.out, kw = l->whole.kw;
  Stage *first = &s->chain->stages[0], *second = &s->chain->stages[1];
  double *up = dense_room(out * kw, rank);
  free(first->w), free(second->w);
  first->out = second->in = rank;
  first->w = dense_room(rank, first->in * first->kh);
  low_rank_factors(s->low, rank, up, first->w);
  if (l->covariance) {
    second->w = fitted(l, rank, first->w);
  } else {
    second->w = dense_room(out, rank * kw);
    for (int64_t o = 0; o < out; o++)
      for (int64_t r = 0; r < rank; r++)
        for (int64_t x = 0; x < kw; x++) second->w[(o * rank + r) * kw + x] = up[(o * kw + x) * rank + r];
  }
  free(up);
}

static double loss(void *user, int64_t rank) {
  const Spatial *s = user;
  if (!s->layer->covariance) return low_rank_loss(s->low, rank);
  make_halves(s, rank);
  double *w = factor_composed(s->layer, s->chain), sum = factor_loss(s->layer, w, true);
  free(w);
  return sum;
}

bool factorize_spatial(const FactorLayer *l, double allowed, Chain *c, StrBuf *what) {
  const Stage *w = &l->whole;
  if (w->kh == 1 || w->kw == 1) return strbuf_puts(what, "its window has a single row or column"), false;
  *c = (Chain){2,
               {{"vertical", 0, w->in, w->kh, 1, {true, false}, NULL},
                {"horizontal", w->out, 0, 1, w->kw, {false, true}, NULL}}};
  int64_t columns = w->in * w->kh, rows = w->out * w->kw;
  Spatial s = {.layer = l, .matrix = matrix_of(l), .chain = c};
  if (l->covariance) s.columns = factor_tap_covariance(l, l->whole.kw);
  s.low = low_rank_create(rows, columns, s.matrix, s.columns);
  int64_t rank = factorize_rank(l, allowed, c, min_i64(rows, columns), loss, &s, what);
  if (rank) make_halves(&s, rank);
  if (rank)
    strbuf_printf(what, "%lld x 1 and 1 x %lld of rank %lld", (long long)w->kh, (long long)w->kw, (long long)rank);
  low_rank_free(s.low);
  free(s.matrix), free(s.columns);
  return rank;
}
