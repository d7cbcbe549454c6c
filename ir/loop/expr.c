// Building expressions. Index arithmetic on constants is folded here, so that lowering may write formulas plainly and
// the text stays readable; x + c + d becomes x + (c + d). Folding what was folded changes nothing: the reader relies on
// it.
#include "ir/core/check.h"
#include "ir/core/checked.h"
#include "ir/loop/builder.h"
#include <stdarg.h>
#include <string.h>

LExpr *expr_new(LBuilder *b, LOp op, LType t, int n, LExpr *const *args) {
  LExpr *e = arena_alloc(b->arena, sizeof *e + sizeof e->args[0] * (size_t)(n < 3 ? 3 : n));
  e->op = op;
  e->type = t;
  e->n = n;
  for (int i = 0; i < n; i++) e->args[i] = args[i];
  return e;
}

static LExpr *checked(LBuilder *b, LExpr *e) {
  const char *problem = loop_expr_problem(e);
  if (problem) builder_fail(b, problem);
  return e;
}

static bool is_index(const LExpr *e) { return ltype_equal(e->type, L_INDEX); }

static bool is_bool(const LExpr *e) { return ltype_equal(e->type, L_BOOL); }

static bool is_int(const LExpr *e, int64_t v) { return e->op == LOOP_INT && e->i == v; }

LExpr *lx_int(LBuilder *b, int64_t v) {
  LExpr *e = expr_new(b, LOOP_INT, L_INDEX, 0, NULL);
  e->i = v;
  return e;
}

static LExpr *bool_const(LBuilder *b, bool v) { return lx_const(b, L_BOOL, v); }

LExpr *lx_const(LBuilder *b, LType t, double v) {
  if (t.dtype == DT_I64 && t.lanes == 1) {
    bool fits = v >= -0x1p63 && v < 0x1p63;
    if (!fits) builder_fail(b, "an integer is too large");
    return lx_int(b, fits ? (int64_t)v : 0);
  }
  LExpr *e = expr_new(b, LOOP_FLOAT, t, 0, NULL);
  e->f = v;
  return checked(b, e);
}

LExpr *lx_var(LBuilder *b, LVar *v) {
  LExpr *e = expr_new(b, LOOP_VAR, v->type, 0, NULL);
  e->var = v;
  return checked(b, e);
}

LExpr *expr_local(LBuilder *b, LVar *v, LExpr *const *index) {
  LExpr *e = expr_new(b, LOOP_LOCAL, v->type, v->rank, index);
  e->var = v;
  return checked(b, e);
}

LExpr *lx_local(LBuilder *b, LVar *v, ...) {
  LExpr *index[MAX_LOCAL_RANK] = {0};
  va_list ap;
  va_start(ap, v);
  for (int i = 0; i < v->rank; i++) index[i] = va_arg(ap, LExpr *);
  va_end(ap);
  return expr_local(b, v, index);
}

static bool fold_ints(LOp op, int64_t a, int64_t c, int64_t *r) {
  switch (op) {
  case LOOP_ADD: return checked_add(a, c, r);
  case LOOP_SUB: return checked_sub(a, c, r);
  case LOOP_MUL: return checked_mul(a, c, r);
  case LOOP_DIV:
    if (c <= 0) return false;
    *r = a / c;
    return true;
  case LOOP_MOD:
    if (c <= 0) return false;
    *r = a % c;
    return true;
  case LOOP_MIN: *r = min_i64(a, c); return true;
  case LOOP_MAX: *r = max_i64(a, c); return true;
  default: return false;
  }
}

static LExpr *fold_comparison(LBuilder *b, LOp op, int64_t a, int64_t c) {
  switch (op) {
  case LOOP_EQ: return bool_const(b, a == c);
  case LOOP_NE: return bool_const(b, a != c);
  case LOOP_LT: return bool_const(b, a < c);
  case LOOP_LE: return bool_const(b, a <= c);
  default: return NULL;
  }
}

// x op c, or NULL when there is nothing to gain.
static LExpr *fold_right(LBuilder *b, LOp op, LExpr *x, int64_t c) {
  switch (op) {
  case LOOP_ADD: {
    int64_t sum;
    if (c == 0) return x;
    if (x->op == LOOP_ADD && x->args[1]->op == LOOP_INT && checked_add(x->args[1]->i, c, &sum))
      return lx_op(b, LOOP_ADD, x->args[0], lx_int(b, sum));
    return NULL;
  }
  case LOOP_SUB: return c == 0 ? x : c > INT64_MIN ? lx_op(b, LOOP_ADD, x, lx_int(b, -c)) : NULL;
  case LOOP_MUL: return c == 1 ? x : c == 0 ? lx_int(b, 0) : NULL;
  case LOOP_DIV: return c == 1 ? x : NULL;
  case LOOP_MOD: return c == 1 ? lx_int(b, 0) : NULL;
  default: return NULL;
  }
}

// A pointer moved by c, forwards or back.
static LExpr *fold_moved(LBuilder *b, LOp op, LExpr *a, LExpr *c) {
  if (op != LOOP_ADD && op != LOOP_SUB) return NULL;
  if (is_int(c, 0)) return a;
  return op == LOOP_SUB && c->op == LOOP_INT && c->i > INT64_MIN ? lx_op(b, LOOP_ADD, a, lx_int(b, -c->i)) : NULL;
}

static LExpr *fold_and(LExpr *a, LExpr *c) {
  if (c->op == LOOP_FLOAT) return c->f ? a : c;
  return a->op == LOOP_FLOAT ? fold_and(c, a) : NULL;
}

static LExpr *fold_index(LBuilder *b, LOp op, LExpr *a, LExpr *c) {
  if (a->op == LOOP_INT && c->op == LOOP_INT) {
    int64_t r;
    if (fold_ints(op, a->i, c->i, &r)) return lx_int(b, r);
    return fold_comparison(b, op, a->i, c->i);
  }
  if (c->op == LOOP_INT) return fold_right(b, op, a, c->i);
  if (a->op == LOOP_INT && !c->type.pointer && (op == LOOP_ADD || op == LOOP_MUL)) return lx_op(b, op, c, a);
  return NULL;
}

LExpr *lx_op(LBuilder *b, LOp op, LExpr *a, LExpr *c) {
  CHECK(loop_op_info(op)->arity == 2 && op != LOOP_LOAD && op != LOOP_SHUFFLE && op != LOOP_TABLE, "%s",
        loop_op_info(op)->name);
  LExpr *folded = NULL;
  if (op == LOOP_AND && is_bool(a) && is_bool(c)) folded = fold_and(a, c);
  if (a->type.pointer && is_index(c)) folded = fold_moved(b, op, a, c);
  if (is_index(a) && is_index(c)) folded = fold_index(b, op, a, c);
  if (folded) return folded;
  bool comparison = op == LOOP_EQ || op == LOOP_NE || op == LOOP_LT || op == LOOP_LE;
  LType t = comparison ? (LType){DT_BOOL, a->type.lanes, false} : a->type;
  return checked(b, expr_new(b, op, t, 2, (LExpr *[]){a, c}));
}

LExpr *lx_unary(LBuilder *b, LOp op, LExpr *a) {
  bool reduction = op == LOOP_REDUCE_ADD || op == LOOP_REDUCE_MAX || op == LOOP_REDUCE_MIN;
  CHECK(reduction || (op >= LOOP_NEG && op <= LOOP_RINT), "%s", loop_op_info(op)->name);
  LType t = {a->type.dtype, reduction ? 1 : a->type.lanes, a->type.pointer};
  return checked(b, expr_new(b, op, t, 1, &a));
}

LExpr *lx_fma(LBuilder *b, LExpr *a, LExpr *c, LExpr *d) {
  return checked(b, expr_new(b, LOOP_FMA, a->type, 3, (LExpr *[]){a, c, d}));
}

LExpr *lx_dot4(LBuilder *b, LExpr *a, LExpr *c, LExpr *d) {
  return checked(b, expr_new(b, LOOP_DOT4, a->type, 3, (LExpr *[]){a, c, d}));
}

LExpr *lx_select(LBuilder *b, LExpr *cond, LExpr *yes, LExpr *no) {
  if (cond->op == LOOP_FLOAT && cond->type.lanes == 1) return cond->f != 0 ? yes : no;
  return checked(b, expr_new(b, LOOP_SELECT, yes->type, 3, (LExpr *[]){cond, yes, no}));
}

LExpr *lx_cast(LBuilder *b, DType to, LExpr *a) {
  if (a->type.dtype == to) return a;
  return checked(b, expr_new(b, LOOP_CAST, (LType){to, a->type.lanes, a->type.pointer}, 1, &a));
}

LExpr *lx_bitcast(LBuilder *b, DType to, LExpr *a) {
  if (a->type.dtype == to) return a;
  return checked(b, expr_new(b, LOOP_BITCAST, (LType){to, a->type.lanes, a->type.pointer}, 1, &a));
}

LExpr *lx_splat(LBuilder *b, int lanes, LExpr *a) {
  if (lanes == 1) return a;
  LType t = {a->type.dtype, (uint8_t)(lanes > 64 || lanes < 1 ? 0 : lanes), a->type.pointer};
  return checked(b, expr_new(b, LOOP_SPLAT, t, 1, &a));
}

LExpr *lx_load(LBuilder *b, LExpr *pointer, LExpr *offset, int lanes) {
  return lx_load_n(b, pointer, offset, lanes, NULL);
}

LExpr *lx_load_n(LBuilder *b, LExpr *pointer, LExpr *offset, int lanes, LExpr *count) {
  if (count && count->op == LOOP_INT && count->i >= lanes) count = NULL;
  LType t = {pointer->type.dtype, (uint8_t)(lanes > 64 || lanes < 1 ? 0 : lanes), false};
  return checked(b, expr_new(b, LOOP_LOAD, t, count ? 3 : 2, (LExpr *[]){pointer, offset, count}));
}

LExpr *lx_shuffle(LBuilder *b, LExpr *a, LExpr *c, int n, const int *lanes) {
  LExpr *e = expr_new(b, LOOP_SHUFFLE, (LType){a->type.dtype, (uint8_t)(n > 64 || n < 1 ? 0 : n), false}, 2,
                      (LExpr *[]){a, c});
  e->n = n;
  e->lanes = arena_memdup(b->arena, lanes, sizeof *lanes * (size_t)n);
  return checked(b, e);
}

LExpr *lx_lookup(LBuilder *b, LExpr *index, int n, const float *entries) {
  LExpr *e = expr_new(b, LOOP_LOOKUP, (LType){DT_F32, index->type.lanes, false}, 1, &index);
  e->n = n;
  e->entries = arena_memdup(b->arena, entries, sizeof *entries * (size_t)n);
  return checked(b, e);
}

LExpr *lx_table(LBuilder *b, LExpr *pointer, LExpr *index) {
  LType t = {pointer->type.dtype, index->type.lanes, false};
  return checked(b, expr_new(b, LOOP_TABLE, t, 2, (LExpr *[]){pointer, index}));
}

LExpr *lx_extract(LBuilder *b, LExpr *a, int lane) {
  LExpr *e = expr_new(b, LOOP_EXTRACT, (LType){a->type.dtype, 1, false}, 1, &a);
  e->i = lane;
  return checked(b, e);
}
