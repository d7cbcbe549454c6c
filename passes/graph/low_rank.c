// With data, whichever side is smaller is decomposed. Of the outputs: G = W C W^T with leading eigenvectors U gives
// U (U^T W). Of the inputs: C = L L^T makes white inputs of L^-1 x, whose leading directions for L^T W^T W L are the
// rows of Q; Q L^-1 is what the first factor computes, and W L Q^T fits it.
#include "passes/graph/low_rank.h"
#include "ir/core/arena.h"
#include "passes/graph/dense.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct LowRank {
  int64_t out, n;
  const double *w, *covariance;
  double *factor; // L; NULL: outputs are decomposed, or there is no data
  Svd *svd;
};

static Svd *of_outputs(const LowRank *l) {
  double *wc = dense_room(l->out, l->n), *gram = dense_room(l->out, l->out);
  dense_product(l->out, l->n, l->n, l->w, l->covariance, wc);
  dense_product_turned(l->out, l->n, l->out, wc, l->w, gram);
  Svd *s = svd_create_gram(l->out, gram);
  free(wc), free(gram);
  return s;
}

// L with zeros above its diagonal.
static bool factor_covariance(LowRank *l) {
  l->factor = dense_room(l->n, l->n);
  memcpy(l->factor, l->covariance, sizeof *l->factor * (size_t)(l->n * l->n));
  for (int64_t i = 0; i < l->n; i++)
    for (int64_t j = i + 1; j < l->n; j++) l->factor[i * l->n + j] = 0;
  return dense_factor(l->n, l->factor, 0);
}

static Svd *of_inputs(const LowRank *l) {
  double *white = dense_room(l->out, l->n), *turned = dense_room(l->n, l->out), *gram = dense_room(l->n, l->n);
  dense_product(l->out, l->n, l->n, l->w, l->factor, white);
  dense_transpose(l->out, l->n, white, turned);
  dense_product_turned(l->n, l->out, l->n, turned, turned, gram);
  Svd *s = svd_create_gram(l->n, gram);
  free(white), free(turned), free(gram);
  return s;
}

LowRank *low_rank_create(int64_t out, int64_t n, const double *w, const double *covariance) {
  LowRank *l = xcalloc(1, sizeof *l);
  *l = (LowRank){.out = out, .n = n, .w = w, .covariance = covariance};
  if (!covariance)
    l->svd = svd_create(out, n, w);
  else if (out < n)
    l->svd = of_outputs(l);
  else if (factor_covariance(l))
    l->svd = of_inputs(l);
  if (l->svd) return l;
  low_rank_free(l);
  return NULL;
}

void low_rank_free(LowRank *l) {
  if (!l) return;
  svd_free(l->svd);
  free(l->factor);
  free(l);
}

double low_rank_square(const LowRank *l) { return svd_norm(l->svd) * svd_norm(l->svd); }

double low_rank_loss(const LowRank *l, int64_t rank) {
  double error = svd_error(l->svd, rank);
  return error * error * low_rank_square(l);
}

int64_t low_rank_of(const LowRank *l, double loss, int64_t most) {
  double square = low_rank_square(l);
  return square > 0 ? svd_rank(l->svd, sqrt(fmax(loss, 0) / square), most) : 0;
}

// Signs are free: the rows of `down` have sums that are not negative, so that they do not hang on rounding.
static void settle_signs(const LowRank *l, int64_t rank, double *up, double *down) {
  for (int64_t r = 0; r < rank; r++) {
    double sum = 0;
    for (int64_t i = 0; i < l->n; i++) sum += down[r * l->n + i];
    for (int64_t i = 0; sum < 0 && i < l->n; i++) down[r * l->n + i] *= -1;
    for (int64_t o = 0; sum < 0 && o < l->out; o++) up[o * rank + r] *= -1;
  }
}

void low_rank_factors(const LowRank *l, int64_t rank, double *up, double *down) {
  if (!l->covariance) {
    svd_factors(l->svd, rank, up, down);
  } else if (!l->factor) {
    double *basis = dense_room(rank, l->out);
    svd_basis(l->svd, rank, basis);
    dense_transpose(rank, l->out, basis, up);
    dense_product(rank, l->out, l->n, basis, l->w, down);
    free(basis);
  } else {
    double *white = dense_room(l->out, l->n);
    dense_product(l->out, l->n, l->n, l->w, l->factor, white);
    svd_basis(l->svd, rank, down);
    dense_product_turned(l->out, l->n, rank, white, down, up);
    dense_solve_lower(l->n, l->factor, rank, down);
    free(white);
  }
  settle_signs(l, rank, up, down);
}
