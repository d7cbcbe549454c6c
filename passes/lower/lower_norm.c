// Layer norm and softmax: two or three sweeps over each row, sums in 16 lanes.
#include "passes/lower/math.h"
#include "passes/lower/pack.h"
#include "passes/lower/rows.h"
#include <math.h>

typedef struct Norm {
  Kernel *k;
  RowOf row;
  LExpr *y, *gamma, *beta; // y: the output row
  LExpr *lowest;           // kernel_tail of -inf
  LExpr *mean, *scale;     // vectors
  LVar *acc;
} Norm;

static void start(Norm *n, double v) {
  n->acc = loop_local(n->k->b, "acc", L_F32X(BLOCK), 0, NULL);
  loop_set(n->k->b, n->acc, lx_const(n->k->b, n->acc->type, v));
}

static LExpr *everywhere(Norm *n, const char *name, LExpr *scalar) {
  return loop_let(n->k->b, name, lx_splat(n->k->b, BLOCK, scalar));
}

// ---- layer norm

static void add_up(void *context, LExpr *offset, LExpr *number, LExpr *lanes) {
  Norm *n = context;
  (void)number;
  LExpr *v = row_load(n->k, n->row.p, offset, lanes, NULL);
  loop_set(n->k->b, n->acc, lx_add(n->k->b, lx_local(n->k->b, n->acc), v));
}

// Squares of the deviations. Lanes that do not count read 0 and would add mean^2 each: they are taken as the mean.
static void add_squares(void *context, LExpr *offset, LExpr *number, LExpr *lanes) {
  Norm *n = context;
  LBuilder *b = n->k->b;
  (void)number;
  LExpr *d = lx_sub(b, row_load(n->k, n->row.p, offset, lanes, NULL), n->mean);
  if (lanes) { // kernel_tail's table holds -inf where a lane does not count
    LExpr *tail = lx_load(b, n->lowest, lx_sub(b, lx_int(b, BLOCK), lanes), BLOCK);
    d = lx_select(b, lx_op(b, LOOP_LT, tail, lx_const(b, tail->type, 0)), lx_const(b, tail->type, 0), d);
  }
  d = loop_let(b, "d", d);
  loop_set(b, n->acc, lx_fma(b, d, d, lx_local(b, n->acc)));
}

static void normalise(void *context, LExpr *offset, LExpr *number, LExpr *lanes) {
  Norm *n = context;
  LBuilder *b = n->k->b;
  LExpr *v = lx_mul(b, lx_sub(b, row_load(n->k, n->row.p, offset, lanes, NULL), n->mean), n->scale);
  LExpr *at = lx_muli(b, number, BLOCK);
  LExpr *beta = n->beta ? lx_load(b, n->beta, at, BLOCK) : lx_const(b, v->type, 0);
  if (n->gamma)
    v = lx_fma(b, v, lx_load(b, n->gamma, at, BLOCK), beta);
  else if (n->beta)
    v = lx_add(b, v, beta);
  row_store(n->k, n->y, offset, v, lanes);
}

bool lower_layer_norm(Lower *lw, Node *n) {
  DimTable *dims = lw->m->dims;
  Value *x = operand(n, IN_LAYER_NORM_x), *w = operand(n, IN_LAYER_NORM_weight), *bias = operand(n, IN_LAYER_NORM_bias);
  const Type *t = x->type;
  int last = t->rank - 1;
  bool blocked = t->blocked_axis >= 0;
  Kernel k = kernel_begin(lw, "layer_norm");
  LBuilder *b = k.b;
  Norm m = {.k = &k};
  LExpr *px = kernel_in_place(&k, "x", x);
  if (w) m.gamma = kernel_buffer(&k, "gamma", pack_vector(lw, w->weight), ACCESS_IN);
  if (bias) m.beta = kernel_buffer(&k, "beta", pack_vector(lw, bias->weight), ACCESS_IN);
  if (t->dims[last] % BLOCK) m.lowest = kernel_tail(&k, "tail", -INFINITY);
  LExpr *py = kernel_out_in_place(&k, "y", result(n)), *i[2];
  Dim pixels = lower_product(lw, t->dims, 1, last), width = t->dims[last];
  Dim image =
      blocked ? dim_mul(dims, pixels, dim_mul(dims, dim_floordiv(dims, dim_add(dims, width, BLOCK - 1), BLOCK), BLOCK))
              : dim_mul(dims, pixels, width);
  Dim tasks = kernel_tasks(&k, 2, (Dim[]){last > 0 ? t->dims[0] : 1, pixels}, i);
  LExpr *step = blocked ? lx_int(b, BLOCK) : kernel_dim(&k, width);
  LExpr *at = loop_let(b, "at", lx_add(b, lx_mul(b, i[0], kernel_dim(&k, image)), lx_mul(b, i[1], step)));
  m.row = (RowOf){loop_let(b, "xr", lx_add(b, px, at)), kernel_dim(&k, width),
                  blocked ? kernel_dim(&k, dim_mul(dims, pixels, BLOCK)) : lx_int(b, BLOCK)};
  m.y = loop_let(b, "yr", lx_add(b, py, at));
  LExpr *count = loop_let(b, "count", lx_cast(b, DT_F32, m.row.length));
  start(&m, 0);
  row_for(&k, &m.row, add_up, &m);
  m.mean = everywhere(&m, "mean", lx_op(b, LOOP_DIV, lx_unary(b, LOOP_REDUCE_ADD, lx_local(b, m.acc)), count));
  start(&m, 0);
  row_for(&k, &m.row, add_squares, &m);
  LExpr *var = lx_op(b, LOOP_DIV, lx_unary(b, LOOP_REDUCE_ADD, lx_local(b, m.acc)), count);
  LExpr *deviation = lx_unary(b, LOOP_SQRT, lx_add(b, var, lx_const(b, L_F32, NODE_ATTR(n, LAYER_NORM, eps)->f)));
  m.scale = everywhere(&m, "scale", lx_op(b, LOOP_DIV, lx_const(b, L_F32, 1), deviation));
  row_for(&k, &m.row, normalise, &m);
  kernel_finish(&k, n, tasks, 0, blocked ? "C16" : "");
  return true;
}

// ---- softmax over a dimension whose elements are neighbours

static void take_maximum(void *context, LExpr *offset, LExpr *number, LExpr *lanes) {
  Norm *n = context;
  (void)number;
  LExpr *v = row_load(n->k, n->row.p, offset, lanes, n->lowest);
  loop_set(n->k->b, n->acc, lx_max(n->k->b, lx_local(n->k->b, n->acc), v));
}

static void exponentials(void *context, LExpr *offset, LExpr *number, LExpr *lanes) {
  Norm *n = context;
  LBuilder *b = n->k->b;
  (void)number;
  LExpr *e = loop_let(
      b, "e", math_exp_difference(b, lx_sub(b, row_load(n->k, n->row.p, offset, lanes, n->lowest), n->mean), 1));
  loop_set(b, n->acc, lx_add(b, lx_local(b, n->acc), e));
  row_store(n->k, n->y, offset, e, lanes);
}

static void rescale(void *context, LExpr *offset, LExpr *number, LExpr *lanes) {
  Norm *n = context;
  (void)number;
  row_store(n->k, n->y, offset, lx_mul(n->k->b, row_load(n->k, n->y, offset, lanes, NULL), n->scale), lanes);
}

static Dim softmax_rows(Norm *m, Dim outer, LExpr *width, LExpr *px, LExpr *py) {
  Kernel *k = m->k;
  LBuilder *b = k->b;
  LExpr *i;
  Dim tasks = kernel_tasks(k, 1, &outer, &i);
  LExpr *at = loop_let(b, "at", lx_mul(b, i, width));
  m->row = (RowOf){loop_let(b, "xr", lx_add(b, px, at)), width, lx_int(b, BLOCK)};
  m->y = loop_let(b, "yr", lx_add(b, py, at));
  start(m, -INFINITY);
  row_for(k, &m->row, take_maximum, m);
  m->mean = everywhere(m, "highest", lx_unary(b, LOOP_REDUCE_MAX, lx_local(b, m->acc)));
  start(m, 0);
  row_for(k, &m->row, exponentials, m);
  LExpr *sum = lx_unary(b, LOOP_REDUCE_ADD, lx_local(b, m->acc));
  m->scale = everywhere(m, "scale", lx_op(b, LOOP_DIV, lx_const(b, L_F32, 1), sum));
  row_for(k, &m->row, rescale, m);
  return tasks;
}

// ---- softmax over another dimension: 16 neighbours of the inner dimensions at a time

static void softmax_vector(Norm *m, LExpr *px, LExpr *py, LExpr *n, LExpr *step, LExpr *lanes) {
  Kernel *k = m->k;
  LBuilder *b = k->b;
  start(m, -INFINITY);
  LExpr *i = loop_for(b, "i", lx_int(b, 0), n, 1);
  loop_set(b, m->acc, lx_max(b, lx_local(b, m->acc), row_load(k, px, lx_mul(b, i, step), lanes, NULL)));
  loop_end_for(b);
  LExpr *highest = loop_let(b, "highest", lx_local(b, m->acc));
  start(m, 0);
  i = loop_for(b, "i", lx_int(b, 0), n, 1);
  LExpr *e =
      loop_let(b, "e", math_exp_difference(b, lx_sub(b, row_load(k, px, lx_mul(b, i, step), lanes, NULL), highest), 1));
  loop_set(b, m->acc, lx_add(b, lx_local(b, m->acc), e));
  row_store(k, py, lx_mul(b, i, step), e, lanes);
  loop_end_for(b);
  LExpr *scale = loop_let(b, "scale", lx_op(b, LOOP_DIV, lx_const(b, L_F32X(BLOCK), 1), lx_local(b, m->acc)));
  i = loop_for(b, "i", lx_int(b, 0), n, 1);
  row_store(k, py, lx_mul(b, i, step), lx_mul(b, row_load(k, py, lx_mul(b, i, step), lanes, NULL), scale), lanes);
  loop_end_for(b);
}

bool lower_softmax(Lower *lw, Node *n) {
  DimTable *dims = lw->m->dims;
  const Type *t = operand(n, 0)->type;
  int dim = (int)NODE_ATTR(n, SOFTMAX, dim)->i;
  Dim outer = lower_product(lw, t->dims, 0, dim), inner = lower_product(lw, t->dims, dim + 1, t->rank), tasks;
  Kernel k = kernel_begin(lw, "softmax");
  LBuilder *b = k.b;
  Norm m = {.k = &k};
  // The output is read back, which an `out` parameter does not allow.
  LExpr *px = kernel_in(&k, "x", operand(n, 0)),
        *py = kernel_buffer(&k, "y", lower_buffer(lw, result(n)), ACCESS_INOUT);
  if (inner == 1) {
    m.lowest = kernel_tail(&k, "tail", -INFINITY);
    tasks = softmax_rows(&m, outer, kernel_dim(&k, t->dims[dim]), px, py);
  } else {
    Dim groups = dim_floordiv(dims, dim_add(dims, inner, BLOCK - 1), BLOCK), plane = dim_mul(dims, inner, t->dims[dim]);
    LExpr *i[2], *step = kernel_dim(&k, inner), *extent = kernel_dim(&k, t->dims[dim]);
    tasks = kernel_tasks(&k, 2, (Dim[]){outer, groups}, i);
    LExpr *first = lx_muli(b, i[1], BLOCK),
          *at = loop_let(b, "at", lx_add(b, lx_mul(b, i[0], kernel_dim(&k, plane)), first));
    px = loop_let(b, "xr", lx_add(b, px, at));
    py = loop_let(b, "yr", lx_add(b, py, at));
    softmax_vector(&m, px, py, extent, step, loop_let(b, "lanes", lx_min(b, lx_int(b, BLOCK), lx_sub(b, step, first))));
  }
  kernel_finish(&k, n, tasks, 0, "");
  return true;
}
