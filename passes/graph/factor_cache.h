// Factorizations that were computed before: a search compiles one network many times, whose layers have the same
// weights and data each time. It also bounds what a search spends on them.
#pragma once
#include "passes/graph/factorize.h"

typedef struct FactorEntry {
  uint32_t node; // its id, in the network that `factorize` finds
  Factorization asked;
  Chain chain; // owned; no stages: there is none, and `what` says why
  char *what;
  double error; // of the outputs, or of the weights
} FactorEntry;

typedef struct FactorCache {
  Vec(FactorEntry) list;
  double effort; // multiplications spent, about
} FactorCache;

FactorCache *factor_cache_create(void);
void factor_cache_destroy(FactorCache *c); // NULL: nothing happens
// NULL: it was not computed yet. As long as nothing is added.
const FactorEntry *factor_cache_find(const FactorCache *c, const Node *n, const Factorization *asked);
// Takes the chain of *e, which is left without one. The entry, as long as nothing else is added.
const FactorEntry *factor_cache_add(FactorCache *c, FactorEntry *e);
// Counts the effort of a factorization; false, with the reason in *what, where it is too much for a search.
bool factor_cache_spend(FactorCache *c, const FactorLayer *l, const Factorization *asked, StrBuf *what);
