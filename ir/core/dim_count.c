// Counts: dimensions that a run finds, each at most its capacity, which is known before.
#include "ir/core/check.h"
#include "ir/core/checked.h"
#include "ir/core/dim_table.h"
#include <string.h>

_Static_assert(MAX_SYMBOLS <= 64, "dim_counts has a bit for each symbol");

static bool is_taken(const DimTable *t, const char *name) {
  for (int i = 0; i < t->n_symbols; i++)
    if (!strcmp(t->symbols[i].name, name)) return true;
  return false;
}

Dim dim_count(DimTable *t, const char *stem, Dim capacity) {
  const char *name = stem;
  for (int i = 1; is_taken(t, name); i++) name = arena_printf(t->arena, "%s_%d", stem, i);
  capacity = dim_capacity(t, capacity);
  if (capacity == DIM_INVALID || t->n_symbols - dim_open_count(t) == MAX_COUNTS) return DIM_INVALID;
  int64_t max = max_i64(0, min_i64(dim_bounds(t, capacity).max, INT64_MAX / 4));
  return dim_add_symbol(t, (Symbol){.name = name, .max = max, .is_count = true, .capacity = capacity});
}

uint64_t dim_counts(const DimTable *t, Dim d) {
  return dim_is_const(d) || d == DIM_INVALID ? 0 : dim_expr(t, d)->counts;
}

void dim_set_capacity(DimTable *t, int symbol, Dim capacity) {
  CHECK(t->symbols[symbol].is_count && !dim_counts(t, capacity), "a capacity that a run finds");
  t->symbols[symbol].capacity = capacity;
}

void dim_fill_counts(const DimTable *t, int64_t *values) {
  for (int i = 0; i < t->n_symbols; i++)
    if (t->symbols[i].is_count) values[i] = dim_eval(t, t->symbols[i].capacity, values);
}

void dim_least(const DimTable *t, int64_t *values) {
  for (int i = 0; i < t->n_symbols; i++) values[i] = t->symbols[i].min;
  dim_fill_counts(t, values);
}

// ---- bounds that are expressions

static Dim bound(DimTable *t, Dim d, bool upper);

// The operands of an expression, which making others may move.
static int operands_of(DimTable *t, Dim d, Dim **operands) {
  const DimExpr *e = dim_expr(t, d);
  *operands = arena_memdup(t->arena, e->operands, sizeof **operands * (size_t)e->n);
  return e->n;
}

static Dim range_end(const DimTable *t, Dim d, bool upper) {
  DimRange r = dim_bounds(t, d);
  return upper ? r.max : r.min;
}

// k x, with k < 0 or not: its bound is k times x's other or same bound, where x's factors are not negative.
static Dim bound_product(DimTable *t, Dim d, bool upper) {
  Dim *operands, product = 1;
  int n = operands_of(t, d, &operands);
  bool negative = dim_is_const(operands[0]) && operands[0] < 0;
  for (int i = 0; i < n; i++) {
    bool factor = i == 0 && dim_is_const(operands[0]);
    if (!factor && dim_bounds(t, operands[i]).min < 0) return range_end(t, d, upper);
    product = dim_mul(t, product, factor ? operands[0] : bound(t, operands[i], upper != negative));
  }
  return product;
}

static Dim bound_quotient(DimTable *t, Dim d, bool upper) {
  Dim *operands;
  operands_of(t, d, &operands);
  if (dim_bounds(t, operands[1]).min < 1 || dim_counts(t, operands[1])) return range_end(t, d, upper);
  return dim_floordiv(t, bound(t, operands[0], upper), operands[1]);
}

// Minima, maxima and sums grow as their operands do.
static Dim bound_each(DimTable *t, Dim d, bool upper, Dim (*join)(DimTable *, Dim, Dim)) {
  Dim *operands;
  int n = operands_of(t, d, &operands);
  Dim r = bound(t, operands[0], upper);
  for (int i = 1; i < n; i++) r = join(t, r, bound(t, operands[i], upper));
  return r;
}

static Dim bound(DimTable *t, Dim d, bool upper) {
  if (!dim_counts(t, d)) return d;
  const DimExpr *e = dim_expr(t, d);
  switch (e->op) {
  case DIM_SYMBOL: return upper ? t->symbols[e->symbol].capacity : 0;
  case DIM_ADD: return bound_each(t, d, upper, dim_add);
  case DIM_MIN: return bound_each(t, d, upper, dim_min);
  case DIM_MAX: return bound_each(t, d, upper, dim_max);
  case DIM_MUL: return bound_product(t, d, upper);
  case DIM_FLOORDIV: return bound_quotient(t, d, upper);
  default: return range_end(t, d, upper);
  }
}

Dim dim_capacity(DimTable *t, Dim d) { return d == DIM_INVALID ? d : bound(t, d, true); }
