// The elements that stand first along one dimension: argmax, argmin, topk. An element stands before another where it is
// larger (or smaller), or equal and of a lower index; NaNs equal each other and stand first or last. A round finds the
// first of those behind the round before, so that nothing need be moved or stored on the way.
//
// Along contiguous memory 16 partial results meet in a tree; along another dimension 16 neighbours are searched side by
// side.
#include "passes/lower/rows.h"

typedef struct Order {
  bool largest, nan_first;
} Order;

typedef struct Search {
  Kernel *k;
  Order order;
  LVar *best, *where;     // vectors of 16; `where` is -1 where there is none
  LExpr *last, *last_at;  // the round before's; last_at is -1 where there is none
  LExpr *p, *iota, *tail; // tail: kernel_tail of ones
} Search;

static LExpr *index_const(LBuilder *b, const LExpr *like, double v) {
  return lx_const(b, (LType){DT_I64, like->type.lanes, false}, v);
}

static LExpr *precedes(LBuilder *b, Order o, LExpr *v, LExpr *at, LExpr *w, LExpr *other) {
  LExpr *ahead = o.largest ? lx_op(b, LOOP_LT, w, v) : lx_op(b, LOOP_LT, v, w), *same = lx_op(b, LOOP_EQ, v, w);
  if (dtype_is_float(v->type.dtype)) {
    LExpr *nan_v = loop_let(b, "nan", lx_op(b, LOOP_NE, v, v)), *nan_w = loop_let(b, "nan", lx_op(b, LOOP_NE, w, w));
    LExpr *differ = lx_op(b, LOOP_XOR, nan_v, nan_w);
    ahead = lx_op(b, LOOP_OR, ahead, lx_op(b, LOOP_AND, differ, o.nan_first ? nan_v : nan_w));
    same = lx_op(b, LOOP_OR, same, lx_op(b, LOOP_AND, nan_v, nan_w));
  }
  return lx_op(b, LOOP_OR, ahead, lx_op(b, LOOP_AND, same, lx_op(b, LOOP_LT, at, other)));
}

// The element v at index `at`; `inside`: the lanes that count, NULL for all.
static void consider(Search *s, LExpr *v, LExpr *at, LExpr *inside) {
  LBuilder *b = s->k->b;
  v = loop_let(b, "v", lx_cast(b, s->best->type.dtype, v));
  at = loop_let(b, "at", at);
  LExpr *best = loop_let(b, "best", lx_local(b, s->best)), *where = loop_let(b, "where", lx_local(b, s->where));
  LExpr *none = lx_op(b, LOOP_LT, where, index_const(b, where, 0));
  LExpr *takes = lx_op(b, LOOP_OR, none, precedes(b, s->order, v, at, best, where));
  if (s->last) {
    LExpr *first = lx_op(b, LOOP_LT, s->last_at, index_const(b, s->last_at, 0));
    takes = lx_op(b, LOOP_AND, takes, lx_op(b, LOOP_OR, first, precedes(b, s->order, s->last, s->last_at, v, at)));
  }
  if (inside) takes = lx_op(b, LOOP_AND, takes, inside);
  takes = loop_let(b, "takes", takes);
  loop_set(b, s->best, lx_select(b, takes, v, best));
  loop_set(b, s->where, lx_select(b, takes, at, where));
}

static void consider_row(void *context, LExpr *offset, LExpr *number, LExpr *lanes) {
  Search *s = context;
  LBuilder *b = s->k->b;
  LExpr *at = lx_add(b, s->iota, lx_splat(b, BLOCK, lx_muli(b, number, BLOCK))), *inside = NULL;
  if (lanes) {
    LExpr *tail = lx_load(b, s->tail, lx_sub(b, lx_int(b, BLOCK), lanes), BLOCK);
    inside = lx_op(b, LOOP_EQ, tail, lx_const(b, tail->type, 0));
  }
  consider(s, row_load(s->k, s->p, offset, lanes, NULL), at, inside);
}

static void join_lanes(LBuilder *b, Order o, LExpr **best, LExpr **where) {
  for (int n = BLOCK / 2; n; n /= 2) {
    int low[BLOCK / 2], high[BLOCK / 2];
    for (int i = 0; i < n; i++) low[i] = i, high[i] = n + i;
    LExpr *v = loop_let(b, "low", lx_shuffle(b, *best, *best, n, low)),
          *w = loop_let(b, "high", lx_shuffle(b, *best, *best, n, high));
    LExpr *at = loop_let(b, "at", lx_shuffle(b, *where, *where, n, low)),
          *other = loop_let(b, "at", lx_shuffle(b, *where, *where, n, high)), *zero = index_const(b, at, 0);
    LExpr *stays = lx_op(b, LOOP_AND, lx_op(b, LOOP_LE, zero, at), precedes(b, o, v, at, w, other));
    stays = loop_let(b, "stays", lx_op(b, LOOP_OR, stays, lx_op(b, LOOP_LT, other, zero)));
    *best = loop_let(b, "best", lx_select(b, stays, v, w));
    *where = loop_let(b, "where", lx_select(b, stays, at, other));
  }
}

// x as [outer, size, inner]; `rounds` elements each, whose values (or NULL) and indices are stored as
// [outer, rounds, inner].
typedef struct Shape {
  Dim outer, size, inner;
  Dim rounds;
} Shape;

static LVar *local(LBuilder *b, const char *name, DType t, int lanes, double v) {
  LVar *local = loop_local(b, name, (LType){t, (uint8_t)lanes, false}, 0, NULL);
  loop_set(b, local, lx_const(b, local->type, v));
  return local;
}

static void one_round(Search *s, const Shape *shape, LExpr *lanes) {
  Kernel *k = s->k;
  LBuilder *b = k->b;
  loop_set(b, s->where, lx_const(b, s->where->type, -1));
  if (!lanes) return row_for(k, &(RowOf){s->p, kernel_dim(k, shape->size), lx_int(b, BLOCK)}, consider_row, s);
  LExpr *i = loop_for(b, "i", lx_int(b, 0), kernel_dim(k, shape->size), 1);
  LExpr *v = row_load(k, s->p, lx_mul(b, i, kernel_dim(k, shape->inner)), lanes, NULL);
  consider(s, v, lx_splat(b, BLOCK, i), NULL);
  loop_end_for(b);
}

static bool search(Lower *lw, Node *n, Order order, Shape shape, Value *values, Value *indices) {
  DimTable *dims = lw->m->dims;
  DType dtype = operand(n, 0)->type->dtype, held = kernel_computed_in(dtype);
  bool along = shape.inner == 1;
  Kernel k = kernel_begin(lw, op_info(n->op)->name);
  LBuilder *b = k.b;
  Search s = {.k = &k, .order = order};
  LExpr *px = kernel_in(&k, "x", operand(n, 0)), *pv = values ? kernel_out(&k, "values", values) : NULL,
        *pi = kernel_out(&k, "indices", indices), *iota = along ? kernel_iota(&k, "iota") : NULL;
  if (along) s.tail = kernel_tail(&k, "tail", 1);
  Dim groups = dim_floordiv(dims, dim_add(dims, shape.inner, BLOCK - 1), BLOCK);
  LExpr *t[2], *inner = kernel_dim(&k, shape.inner), *lanes = NULL;
  Dim tasks = kernel_tasks(&k, 2, (Dim[]){shape.outer, groups}, t);
  LExpr *first = lx_muli(b, t[1], BLOCK);
  if (!along) lanes = loop_let(b, "lanes", lx_min(b, lx_int(b, BLOCK), lx_sub(b, inner, first)));
  LExpr *plane = kernel_dim(&k, dim_mul(dims, shape.size, shape.inner));
  s.p = loop_let(b, "xr", lx_add(b, px, lx_add(b, lx_mul(b, t[0], plane), first)));
  LExpr *out = loop_let(b, "out", lx_add(b, lx_mul(b, t[0], lx_mul(b, inner, kernel_dim(&k, shape.rounds))), first));
  if (along) s.iota = loop_let(b, "lane", lx_cast(b, DT_I64, lx_load(b, iota, lx_int(b, 0), BLOCK)));
  s.best = local(b, "best", held, BLOCK, 0);
  s.where = local(b, "where", DT_I64, BLOCK, -1);
  LVar *last = local(b, "last", held, BLOCK, 0), *last_at = local(b, "last_at", DT_I64, BLOCK, -1);
  bool opened;
  LExpr *round = kernel_loop(&k, "round", lx_int(b, 0), kernel_dim(&k, shape.rounds), &opened);
  if (opened) {
    s.last = loop_let(b, "last", lx_local(b, last));
    s.last_at = loop_let(b, "last_at", lx_local(b, last_at));
  }
  one_round(&s, &shape, lanes);
  LExpr *best = loop_let(b, "best", lx_local(b, s.best)), *where = loop_let(b, "where", lx_local(b, s.where));
  if (along) join_lanes(b, order, &best, &where);
  LExpr *at = lx_add(b, out, lx_mul(b, round, inner));
  if (pv) row_store(&k, pv, at, lx_cast(b, dtype, best), lanes);
  row_store(&k, pi, at, where, lanes);
  if (opened) {
    loop_set(b, last, along ? lx_splat(b, BLOCK, best) : best);
    loop_set(b, last_at, along ? lx_splat(b, BLOCK, where) : where);
  }
  kernel_end_loop(&k, opened);
  kernel_finish(&k, n, tasks, 0, "");
  return true;
}

static Shape shape_along(Lower *lw, const Type *t, int64_t dim, Dim rounds) {
  return (Shape){lower_product(lw, t->dims, 0, (int)dim), t->dims[dim],
                 lower_product(lw, t->dims, (int)dim + 1, t->rank), rounds};
}

static bool lower_arg(Lower *lw, Node *n, const Attr *dim, bool largest) {
  const Type *t = operand(n, 0)->type;
  Shape s = dim->n ? shape_along(lw, t, dim->ints[0], 1) : (Shape){1, lower_product(lw, t->dims, 0, t->rank), 1, 1};
  return search(lw, n, (Order){largest, .nan_first = true}, s, NULL, result(n));
}

bool lower_argmax(Lower *lw, Node *n) { return lower_arg(lw, n, NODE_ATTR(n, ARGMAX, dim), true); }
bool lower_argmin(Lower *lw, Node *n) { return lower_arg(lw, n, NODE_ATTR(n, ARGMIN, dim), false); }

bool lower_topk(Lower *lw, Node *n) {
  bool largest = NODE_ATTR(n, TOPK, largest)->i;
  Shape s = shape_along(lw, operand(n, 0)->type, NODE_ATTR(n, TOPK, dim)->i, NODE_ATTR(n, TOPK, k)->ints[0]);
  return search(lw, n, (Order){largest, .nan_first = largest}, s, n->results[0], n->results[1]);
}
