// The table of dimension expressions: interning, bounds, evaluation. Their normal form is dim_poly.c's.
#include "ir/core/check.h"
#include "ir/core/checked.h"
#include "ir/core/dim_table.h"
#include "ir/core/intern.h"
#include <string.h>

enum { MAX_SIZE = 1024 }; // nodes of an expression: only hostile input comes near

// ---- the table

DimTable *dim_table_create(Arena *a) {
  DimTable *t = arena_new(a, DimTable);
  t->arena = a;
  return t;
}

void dim_table_destroy(DimTable *t) {
  if (!t) return;
  vec_free(&t->exprs);
  free(t->index);
  t->index = NULL;
}

DimTable *dim_table_clone(const DimTable *t, Arena *a) {
  DimTable *c = arena_memdup(a, t, sizeof *t);
  c->arena = a;
  c->index = xcalloc(t->cap ? t->cap : 1, sizeof *c->index);
  if (t->cap) memcpy(c->index, t->index, t->cap * sizeof *c->index);
  memset(&c->exprs, 0, sizeof c->exprs);
  for (size_t i = 0; i < t->exprs.len; i++) {
    const DimExpr *e = t->exprs.data[i];
    vec_push(&c->exprs, arena_memdup(a, e, sizeof *e + sizeof(Dim) * (size_t)e->n));
  }
  for (int i = 0; i < c->n_symbols; i++) c->symbols[i].name = arena_strdup(a, t->symbols[i].name);
  return c;
}

const DimExpr *dim_expr(const DimTable *t, Dim d) {
  CHECK(!dim_is_const(d) && d != DIM_INVALID && (size_t)(d - DIM_SYMBOLIC) < t->exprs.len,
        "not a dimension expression");
  return t->exprs.data[d - DIM_SYMBOLIC];
}

static Dim add_expr(DimTable *t, const DimExpr *proto, const Dim *operands) {
  DimExpr *e = arena_alloc(t->arena, sizeof *e + sizeof(Dim) * (size_t)proto->n);
  *e = *proto;
  if (proto->n) memcpy(e->operands, operands, sizeof(Dim) * (size_t)proto->n);
  vec_push(&t->exprs, e);
  return DIM_SYMBOLIC + (Dim)(t->exprs.len - 1);
}

Dim dim_add_symbol(DimTable *t, Symbol s) {
  int i = t->n_symbols++;
  t->symbols[i] = s;
  t->symbols[i].name = arena_strdup(t->arena, s.name);
  DimExpr proto = {.op = DIM_SYMBOL, .size = 1, .symbol = i, .min = s.min, .max = s.max};
  proto.counts = s.is_count ? UINT64_C(1) << i : 0;
  return t->symbol_dims[i] = add_expr(t, &proto, &(Dim){0});
}

Dim dim_symbol(DimTable *t, const char *name, int64_t max) {
  for (int i = 0; i < t->n_symbols; i++)
    if (!strcmp(t->symbols[i].name, name)) return t->symbol_dims[i];
  if (t->n_symbols == MAX_OPEN || t->n_symbols > dim_open_count(t)) return DIM_INVALID;
  return dim_add_symbol(t, (Symbol){.name = name, .min = 1, .max = max_i64(1, min_i64(max, INT64_MAX / 4))});
}

int dim_symbol_count(const DimTable *t) { return t->n_symbols; }

int dim_open_count(const DimTable *t) {
  int n = 0;
  while (n < t->n_symbols && !t->symbols[n].is_count) n++;
  return n;
}

const Symbol *dim_symbol_at(const DimTable *t, int i) { return &t->symbols[i]; }

int dim_symbol_index(const DimTable *t, Dim d) {
  if (dim_is_const(d) || d == DIM_INVALID) return -1;
  const DimExpr *e = dim_expr(t, d);
  return e->op == DIM_SYMBOL ? e->symbol : -1;
}

DimOp dim_op(const DimTable *t, Dim d, int *n, const Dim **operands) {
  *n = 0;
  *operands = NULL;
  if (dim_is_const(d)) return DIM_CONST;
  const DimExpr *e = dim_expr(t, d);
  *n = e->n;
  *operands = e->operands;
  return e->op;
}

// ---- bounds and values

static int64_t clamp(__int128 v) { return v < -DIM_LIMIT ? -DIM_LIMIT : v > DIM_LIMIT ? DIM_LIMIT : (int64_t)v; }

int64_t dim_apply(DimOp op, int64_t a, int64_t b) {
  switch (op) {
  case DIM_ADD: return clamp((__int128)a + b);
  case DIM_MUL: return clamp((__int128)a * b);
  case DIM_FLOORDIV: return b > 0 ? floor_div(a, b) : b < 0 ? floor_div(-a, -b) : 0;
  case DIM_MOD: return b ? a - b * dim_apply(DIM_FLOORDIV, a, b) : 0;
  case DIM_MIN: return min_i64(a, b);
  case DIM_MAX: return max_i64(a, b);
  case DIM_EQ: return a == b;
  case DIM_LT: return a < b;
  case DIM_LE: return a <= b;
  case DIM_AND: return a && b;
  case DIM_OR: return a || b;
  case DIM_NOT: return !a;
  case DIM_CONST:
  case DIM_SYMBOL: break;
  }
  UNREACHABLE("dimension operator %d", op);
}

DimRange dim_bounds(const DimTable *t, Dim d) {
  if (dim_is_const(d)) return (DimRange){d, d};
  if (d == DIM_INVALID) return (DimRange){-DIM_LIMIT, DIM_LIMIT};
  return (DimRange){dim_expr(t, d)->min, dim_expr(t, d)->max};
}

static DimRange corners(DimOp op, DimRange a, DimRange b) {
  int64_t v[4] = {dim_apply(op, a.min, b.min), dim_apply(op, a.min, b.max), dim_apply(op, a.max, b.min),
                  dim_apply(op, a.max, b.max)};
  DimRange r = {v[0], v[0]};
  for (int i = 1; i < 4; i++) r = (DimRange){min_i64(r.min, v[i]), max_i64(r.max, v[i])};
  return r;
}

static DimRange range_apply(DimOp op, DimRange a, DimRange b) {
  switch (op) {
  case DIM_FLOORDIV:
    if (b.min > 0) return corners(op, a, b);
    return (DimRange){-DIM_LIMIT, DIM_LIMIT};
  case DIM_MOD:
    if (b.min > 0) return (DimRange){0, a.min >= 0 ? min_i64(a.max, b.max - 1) : b.max - 1};
    return (DimRange){-DIM_LIMIT, DIM_LIMIT};
  case DIM_ADD:
  case DIM_MUL:
  case DIM_MIN:
  case DIM_MAX: return corners(op, a, b);
  default: return (DimRange){0, 1};
  }
}

void dim_range(const DimTable *t, Dim d, int64_t *min, int64_t *max) {
  DimRange r = dim_bounds(t, d);
  *min = r.min;
  *max = r.max;
}

int64_t dim_eval(const DimTable *t, Dim d, const int64_t *values) {
  if (dim_is_const(d)) return d;
  const DimExpr *e = dim_expr(t, d);
  if (e->op == DIM_SYMBOL) return values[e->symbol];
  int64_t v = dim_eval(t, e->operands[0], values);
  if (e->op == DIM_NOT) return !v;
  for (int i = 1; i < e->n; i++) v = dim_apply(e->op, v, dim_eval(t, e->operands[i], values));
  return v;
}

// ---- interning

static bool same_expr(const DimExpr *e, DimOp op, int n, const Dim *operands) {
  return e->op == op && e->n == n && !memcmp(e->operands, operands, sizeof(Dim) * (size_t)n);
}

static void grow_index(DimTable *t) {
  t->cap = t->cap ? 2 * t->cap : 64;
  free(t->index);
  t->index = xcalloc(t->cap, sizeof *t->index);
  for (size_t i = 0; i < t->exprs.len; i++) {
    if (t->exprs.data[i]->op == DIM_SYMBOL) continue;
    size_t at = t->exprs.data[i]->hash & (t->cap - 1);
    while (t->index[at]) at = (at + 1) & (t->cap - 1);
    t->index[at] = i + 1;
  }
}

Dim dim_make(DimTable *t, DimOp op, int n, const Dim *operands) {
  if (2 * (t->exprs.len + 1) > t->cap) grow_index(t);
  uint64_t hash = hash_bytes(operands, sizeof(Dim) * (size_t)n, (uint64_t)op);
  size_t at = hash & (t->cap - 1);
  for (; t->index[at]; at = (at + 1) & (t->cap - 1))
    if (same_expr(t->exprs.data[t->index[at] - 1], op, n, operands)) return DIM_SYMBOLIC + (Dim)t->index[at] - 1;
  DimExpr proto = {.op = op, .n = n, .size = 1, .hash = hash};
  DimRange r = dim_bounds(t, operands[0]);
  for (int i = 0; i < n; i++) {
    if (i) r = range_apply(op, r, dim_bounds(t, operands[i]));
    proto.size += dim_is_const(operands[i]) ? 1 : dim_expr(t, operands[i])->size;
    proto.counts |= dim_counts(t, operands[i]);
  }
  if (op == DIM_NOT) r = (DimRange){0, 1};
  if (proto.size > MAX_SIZE) return DIM_INVALID;
  proto.min = r.min;
  proto.max = r.max;
  t->index[at] = t->exprs.len + 1;
  return add_expr(t, &proto, operands);
}

int dim_order(const DimTable *t, Dim a, Dim b) {
  if (a == b) return 0;
  if (dim_is_const(a) || dim_is_const(b)) return !dim_is_const(b) || (dim_is_const(a) && a < b) ? -1 : 1;
  const DimExpr *x = dim_expr(t, a), *y = dim_expr(t, b);
  if (x->op != y->op) return x->op < y->op ? -1 : 1;
  if (x->op == DIM_SYMBOL) return x->symbol < y->symbol ? -1 : 1;
  if (x->n != y->n) return x->n < y->n ? -1 : 1;
  for (int i = 0; i < x->n; i++) {
    int c = dim_order(t, x->operands[i], y->operands[i]);
    if (c) return c;
  }
  return 0;
}
