// The matrix of low rank that is nearest to a layer's weights: by the weights themselves, or by what the layer computes
// of inputs whose covariance is known, where it is the principal components of the outputs (Zhang et al. 2016, reduced
// rank regression).
#pragma once
#include "passes/graph/svd.h"

typedef struct LowRank LowRank;

// Of w, out x n; `covariance`, n x n and positive definite, NULL: all inputs alike. Both are borrowed, for as long as
// this lives. Free with low_rank_free. NULL where the covariance is not positive definite.
LowRank *low_rank_create(int64_t out, int64_t n, const double *w, const double *covariance);
void low_rank_free(LowRank *l);
double low_rank_square(const LowRank *l); // the mean square of the outputs; without data, of all weights the sum
double low_rank_loss(const LowRank *l, int64_t rank); // the same of what the best of this rank misses
// The smallest rank that misses no more than `loss`; most + 1 where that is more than `most`.
int64_t low_rank_of(const LowRank *l, double loss, int64_t most);
// up, out x rank, times down, rank x n, is the best of this rank.
void low_rank_factors(const LowRank *l, int64_t rank, double *up, double *down);
