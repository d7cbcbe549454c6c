#include "passes/graph/factor_cache.h"

// Multiplications, some hundred million of which take a second's tenth.
#define LAYER_MOST 2e10
#define ALL_MOST 2e11

enum { FITS = 10 }; // that methods other than `channel` make to find a rank

FactorCache *factor_cache_create(void) { return xcalloc(1, sizeof(FactorCache)); }

void factor_cache_destroy(FactorCache *c) {
  if (!c) return;
  for (size_t i = 0; i < c->list.len; i++) factor_chain_free(&c->list.data[i].chain), free(c->list.data[i].what);
  vec_free(&c->list);
  free(c);
}

const FactorEntry *factor_cache_find(const FactorCache *c, const Node *n, const Factorization *asked) {
  for (size_t i = 0; c && i < c->list.len; i++) {
    const FactorEntry *e = &c->list.data[i];
    if (e->node == n->id && e->asked.method == asked->method && e->asked.error == asked->error) return e;
  }
  return NULL;
}

const FactorEntry *factor_cache_add(FactorCache *c, FactorEntry *e) {
  FactorEntry kept = *e;
  kept.what = xstrdup(e->what);
  e->chain = (Chain){0};
  vec_push(&c->list, kept);
  return &c->list.data[c->list.len - 1];
}

// Of a decomposition of the weights as a matrix, and with data of products with the inputs' covariance.
static double effort_of(const FactorLayer *l, FactorizeMethod method) {
  double out = (double)l->whole.out, n = (double)l->n, rows = out, columns = n;
  if (method == FACTORIZE_SPATIAL) rows = out * (double)l->whole.kw, columns = n / (double)l->whole.kw;
  if (method == FACTORIZE_TUCKER2) columns = (double)l->whole.in;
  double least = rows < columns ? rows : columns, most = rows < columns ? columns : rows;
  double effort = 10 * least * least * least + least * least * most;
  if (l->data) effort += n * n * n / 3 + (method == FACTORIZE_CHANNEL ? 1 : FITS) * out * n * n;
  return effort;
}

bool factor_cache_spend(FactorCache *c, const FactorLayer *l, const Factorization *asked, StrBuf *what) {
  double effort = effort_of(l, asked->method);
  bool fits = effort <= LAYER_MOST && c->effort + effort <= ALL_MOST;
  if (fits)
    c->effort += effort;
  else if (effort > LAYER_MOST)
    strbuf_puts(what, "its matrix is too large to decompose in a search");
  else
    strbuf_puts(what, "the search has decomposed as much as it may");
  return fits;
}
