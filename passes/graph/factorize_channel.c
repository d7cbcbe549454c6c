// Fewer channels, then all of them: a convolution as one of the same window to r channels and a window of one pixel
// behind it (Zhang et al. 2016), a linear layer or a window of one pixel as two of them. The best of each rank is known
// in closed form, with data and without.
#include "ir/core/checked.h"
#include "passes/graph/factorize.h"
#include "passes/graph/low_rank.h"

static double loss(void *user, int64_t rank) { return low_rank_loss(user, rank); }

bool factorize_channel(const FactorLayer *l, double allowed, Chain *c, StrBuf *what) {
  const Stage *w = &l->whole;
  bool point = w->kh * w->kw == 1;
  *c = (Chain){2,
               {{"down", 0, w->in, w->kh, w->kw, {w->along[0], w->along[1]}, NULL},
                {"up", w->out, 0, 1, 1, {false, false}, NULL}}};
  LowRank *low = low_rank_create(w->out, l->n, w->w, l->covariance);
  int64_t rank = factorize_rank(l, allowed, c, min_i64(w->out, l->n), loss, low, what);
  if (rank) {
    c->stages[0].w = xmalloc(sizeof(double) * (size_t)(rank * l->n));
    c->stages[1].w = xmalloc(sizeof(double) * (size_t)(rank * w->out));
    low_rank_factors(low, rank, c->stages[1].w, c->stages[0].w);
    if (point)
      strbuf_printf(what, "two of rank %lld", (long long)rank);
    else
      strbuf_printf(what, "%lld x %lld to %lld channels and 1 x 1", (long long)w->kh, (long long)w->kw,
                    (long long)rank);
  }
  low_rank_free(low);
  return rank;
}
