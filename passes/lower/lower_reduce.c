// Sums, products, maxima, minima and means over any set of dimensions. Where the innermost dimension stays, 16 of its
// elements are taken side by side (of a blocked axis: one block); where it goes, 16 partial results run along it and
// meet in a tree. The blocked axis itself is never reduced here: assign-layouts sees to that.
#include "ir/core/check.h"
#include "passes/lower/math.h"
#include "passes/lower/rows.h"
#include <math.h>

typedef struct Reduction {
  Kernel *k;
  OpKind op;
  LVar *acc;
  LExpr *p;
  LExpr *outside; // kernel_tail of ones
} Reduction;

// What partial results are kept in: wide enough for sums, which are of i64 where the operand is of integers.
static DType kept_in(OpKind op, DType x) {
  bool sums = op == OP_SUM || op == OP_PROD;
  return sums && !dtype_is_float(x) ? DT_I64 : kernel_computed_in(x);
}

// Of no elements. The largest i64 is no double: all bits but the sign, as the lowest one's complement.
static LExpr *neutral(LBuilder *b, OpKind op, LType t) {
  bool real = dtype_is_float(t.dtype);
  double lowest = dtype_lowest(t.dtype);
  switch (op) {
  case OP_AMAX: return lx_const(b, t, lowest);
  case OP_AMIN: return real ? lx_const(b, t, INFINITY) : lx_op(b, LOOP_XOR, lx_const(b, t, lowest), lx_const(b, t, -1));
  default: return lx_const(b, t, op == OP_PROD);
  }
}

static LExpr *combine(LBuilder *b, OpKind op, LExpr *x, LExpr *y) {
  bool real = dtype_is_float(x->type.dtype);
  switch (op) {
  case OP_PROD: return lx_mul(b, x, y);
  case OP_AMAX: return real ? math_max(b, x, y) : lx_max(b, x, y);
  case OP_AMIN: return real ? math_min(b, x, y) : lx_min(b, x, y);
  default: return lx_add(b, x, y);
  }
}

static void take(void *context, LExpr *offset, LExpr *number, LExpr *lanes) {
  Reduction *r = context;
  LBuilder *b = r->k->b;
  (void)number;
  LExpr *v = loop_let(b, "v", lx_cast(b, r->acc->type.dtype, row_load(r->k, r->p, offset, lanes, NULL)));
  if (lanes && r->outside) { // what load leaves 0 counts as nothing
    LExpr *outside = lx_load(b, r->outside, lx_sub(b, lx_int(b, BLOCK), lanes), BLOCK);
    v = loop_let(
        b, "v", lx_select(b, lx_op(b, LOOP_NE, outside, lx_const(b, outside->type, 0)), neutral(b, r->op, v->type), v));
  }
  loop_set(b, r->acc, combine(b, r->op, loop_let(b, "so_far", lx_local(b, r->acc)), v));
}

// Halves are joined until one lane is left.
static LExpr *join_lanes(LBuilder *b, OpKind op, LExpr *v) {
  for (int n = BLOCK / 2; n; n /= 2) {
    int low[BLOCK / 2], high[BLOCK / 2];
    for (int i = 0; i < n; i++) low[i] = i, high[i] = n + i;
    LExpr *a = loop_let(b, "low", lx_shuffle(b, v, v, n, low)), *c = loop_let(b, "high", lx_shuffle(b, v, v, n, high));
    v = loop_let(b, "joined", combine(b, op, a, c));
  }
  return v;
}

// The physical dimensions of the operand: which go, and how far apart in the result are those that stay.
typedef struct Plan {
  Phys x, y;
  bool gone[MAX_RANK + 1];
  Dim out[MAX_RANK + 1], count;
} Plan;

static Plan plan(Lower *lw, const Node *n, const Attr *over, bool keepdim) {
  const Type *x = operand(n, 0)->type, *y = result(n)->type;
  Plan p = {.count = 1};
  phys_of(lw, x, &p.x);
  phys_of(lw, y, &p.y);
  bool gone[MAX_RANK] = {false};
  for (int i = 0; i < over->n; i++) gone[over->ints[i]] = true;
  for (int i = 0, j = 0; i < x->rank; i++) {
    int at = phys_index(x, i);
    p.gone[at] = gone[i];
    if (gone[i])
      p.count = dim_mul(lw->m->dims, p.count, x->dims[i]);
    else
      p.out[at] = p.y.strides[phys_index(y, j)];
    j += !gone[i] || keepdim;
  }
  if (x->blocked_axis >= 0) p.out[p.x.rank - 1] = 1;
  CHECK(x->blocked_axis < 0 || !gone[x->blocked_axis], "a blocked axis is reduced");
  return p;
}

static void store(Reduction *r, const Node *n, LExpr *py, LExpr *out, LExpr *lanes, const Plan *p) {
  LBuilder *b = r->k->b;
  DType to = result(n)->type->dtype;
  LExpr *v = lx_local(b, r->acc);
  bool along = !lanes;
  if (along) v = join_lanes(b, r->op, v);
  if (r->op == OP_MEAN) {
    int64_t correction = NODE_ATTR(n, MEAN, correction)->i;
    LExpr *divisor = lx_addi(b, kernel_dim(r->k, p->count), -correction);
    divisor = loop_let(b, "count", lx_cast(b, r->acc->type.dtype, lx_max(b, divisor, lx_int(b, 0))));
    v = lx_op(b, LOOP_DIV, v, along ? divisor : lx_splat(b, BLOCK, divisor));
  }
  row_store(r->k, py, out, lx_cast(b, to, v), lanes);
}

static bool reduce(Lower *lw, Node *n, const Attr *over, bool keepdim) {
  DimTable *dims = lw->m->dims;
  Value *x = operand(n, 0), *y = result(n);
  Plan p = plan(lw, n, over, keepdim);
  int rank = p.x.rank, last = rank - 1;
  bool along = rank == 0 || p.gone[last]; // partial results along the last dimension
  Dim extents[MAX_RANK + 1];
  for (int d = 0; d < rank; d++) extents[d] = p.gone[d] ? 1 : p.x.dims[d];
  if (!along) extents[last] = dim_floordiv(dims, dim_add(dims, p.x.dims[last], BLOCK - 1), BLOCK);

  Kernel k = kernel_begin(lw, op_info(n->op)->name);
  LBuilder *b = k.b;
  Reduction r = {.k = &k, .op = n->op};
  LExpr *px = kernel_in(&k, "x", x), *py = kernel_out(&k, "y", y), *i[MAX_RANK + 1], *in = px, *out = lx_int(b, 0),
        *lanes = NULL;
  bool partial = along && !(rank && dim_is_const(p.x.dims[last]) && p.x.dims[last] % BLOCK == 0);
  if (partial && n->op != OP_SUM && n->op != OP_MEAN) r.outside = kernel_tail(&k, "outside", 1);
  Dim tasks = kernel_tasks(&k, rank, extents, i);
  for (int d = 0; d < rank; d++) {
    if (p.gone[d]) continue;
    if (d == last) { // a group of 16
      i[d] = loop_let(b, "first", lx_muli(b, i[d], BLOCK));
      lanes = loop_let(b, "lanes", lx_min(b, lx_int(b, BLOCK), lx_sub(b, kernel_dim(&k, p.x.dims[d]), i[d])));
    }
    in = lx_add(b, in, lx_mul(b, i[d], kernel_dim(&k, p.x.strides[d])));
    out = lx_add(b, out, lx_mul(b, i[d], kernel_dim(&k, p.out[d])));
  }
  r.acc = loop_local(b, "acc", (LType){kept_in(n->op, x->type->dtype), BLOCK, false}, 0, NULL);
  loop_set(b, r.acc, neutral(b, n->op, r.acc->type));
  out = loop_let(b, "out", out);
  int open = 0;
  for (int d = 0; d < rank; d++) {
    if (!p.gone[d] || d == last) continue;
    LExpr *at = loop_for(b, "r", lx_int(b, 0), kernel_dim(&k, p.x.dims[d]), 1);
    in = lx_add(b, in, lx_mul(b, at, kernel_dim(&k, p.x.strides[d])));
    open++;
  }
  r.p = loop_let(b, "xr", in);
  if (along)
    row_for(&k, &(RowOf){r.p, rank ? kernel_dim(&k, p.x.dims[last]) : lx_int(b, 1), lx_int(b, BLOCK)}, take, &r);
  else
    take(&r, lx_int(b, 0), NULL, lanes);
  for (; open; open--) loop_end_for(b);
  store(&r, n, py, out, lanes, &p);
  kernel_finish(&k, n, tasks, 0, x->type->blocked_axis >= 0 ? "C16" : "");
  return true;
}

#define REDUCTION(ID, name)                                                                                            \
  bool lower_##name(Lower *lw, Node *n) { return reduce(lw, n, NODE_ATTR(n, ID, dim), NODE_ATTR(n, ID, keepdim)->i); }
REDUCTION(MEAN, mean)
REDUCTION(SUM, sum)
REDUCTION(PROD, prod)
REDUCTION(AMAX, amax)
REDUCTION(AMIN, amin)
