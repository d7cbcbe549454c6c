// Layer norm, softmax and its logarithm: two or three sweeps over a few rows at once, sums in 16 lanes.
#include "passes/lower/math.h"
#include "passes/lower/pack.h"
#include "passes/lower/rows.h"
#include <math.h>

typedef struct Norm {
  Kernel *k;
  LExpr *x, *y, *length, *image, *step, *stride; // step: from a row to the next; stride: from a vector to the next
  LExpr *gamma, *beta;
  LExpr *lowest; // kernel_tail of -inf
  double eps;
  RowOf row; // the first row of the group
  LExpr *to; // that row of y
  int rows;
  bool log_of;                // of softmax: its logarithm
  LVar *acc, *center, *scale; // vectors, one a row
} Norm;

static LVar *vectors(Norm *n, const char *name) {
  return loop_local(n->k->b, name, L_F32X(BLOCK), 1, (int[]){n->rows});
}

static void begin_group(Norm *n, LExpr *image, LExpr *first, int rows) {
  LBuilder *b = n->k->b;
  LExpr *at = loop_let(b, "at", lx_add(b, lx_mul(b, image, n->image), lx_mul(b, first, n->step)));
  n->row = (RowOf){loop_let(b, "xr", lx_add(b, n->x, at)), n->length, n->stride};
  n->to = loop_let(b, "yr", lx_add(b, n->y, at));
  n->rows = rows;
  n->acc = vectors(n, "acc");
  n->center = vectors(n, "center");
  n->scale = vectors(n, "scale");
}

static LExpr *each_row(Norm *n) { return loop_unroll(n->k->b, "r", 0, n->rows); }

// Sweeps over the rows with the sums at `start`.
static void sweep(Norm *n, double start, RowBody body) {
  LBuilder *b = n->k->b;
  LExpr *r = each_row(n);
  loop_set(b, n->acc, lx_const(b, L_F32X(BLOCK), start), r);
  loop_end_for(b);
  row_for(n->k, &n->row, body, n);
}

static LExpr *of_row(Norm *n, LExpr *offset, LExpr *r) { return lx_add(n->k->b, offset, lx_mul(n->k->b, r, n->step)); }

static void set_all(Norm *n, LVar *v, LExpr *scalar, LExpr *r) {
  loop_set(n->k->b, v, lx_splat(n->k->b, BLOCK, scalar), r);
}

// ---- layer norm

static void add_up(void *context, LExpr *offset, LExpr *number, LExpr *lanes) {
  Norm *n = context;
  LBuilder *b = n->k->b;
  (void)number;
  LExpr *r = each_row(n), *v = row_load(n->k, n->row.p, of_row(n, offset, r), lanes, NULL);
  loop_set(b, n->acc, lx_add(b, lx_local(b, n->acc, r), v), r);
  loop_end_for(b);
}

// Squares of the deviations. Lanes that do not count read 0 and would add mean^2 each: they are taken as the mean.
static void add_squares(void *context, LExpr *offset, LExpr *number, LExpr *lanes) {
  Norm *n = context;
  LBuilder *b = n->k->b;
  (void)number;
  LExpr *r = each_row(n), *v = row_load(n->k, n->row.p, of_row(n, offset, r), lanes, NULL);
  LExpr *d = lx_sub(b, v, lx_local(b, n->center, r));
  if (lanes) { // kernel_tail's table holds -inf where a lane does not count
    LExpr *tail = lx_load(b, n->lowest, lx_sub(b, lx_int(b, BLOCK), lanes), BLOCK);
    d = lx_select(b, lx_op(b, LOOP_LT, tail, lx_const(b, tail->type, 0)), lx_const(b, tail->type, 0), d);
  }
  d = loop_let(b, "d", d);
  loop_set(b, n->acc, lx_fma(b, d, d, lx_local(b, n->acc, r)), r);
  loop_end_for(b);
}

static void normalise(void *context, LExpr *offset, LExpr *number, LExpr *lanes) {
  Norm *n = context;
  LBuilder *b = n->k->b;
  LExpr *at = lx_muli(b, number, BLOCK);
  LExpr *gamma = n->gamma ? loop_let(b, "gamma", lx_load(b, n->gamma, at, BLOCK)) : NULL;
  LExpr *beta = n->beta ? loop_let(b, "beta", lx_load(b, n->beta, at, BLOCK)) : lx_const(b, L_F32X(BLOCK), 0);
  LExpr *r = each_row(n), *v = row_load(n->k, n->row.p, of_row(n, offset, r), lanes, NULL);
  v = lx_mul(b, lx_sub(b, v, lx_local(b, n->center, r)), lx_local(b, n->scale, r));
  if (gamma)
    v = lx_fma(b, v, gamma, beta);
  else if (n->beta)
    v = lx_add(b, v, beta);
  row_store(n->k, n->to, of_row(n, offset, r), v, lanes);
  loop_end_for(b);
}

static void norm_group(void *context, LExpr *image, LExpr *first, int rows) {
  Norm *n = context;
  LBuilder *b = n->k->b;
  begin_group(n, image, first, rows);
  LExpr *count = loop_let(b, "count", lx_cast(b, DT_F32, n->length));
  sweep(n, 0, add_up);
  LExpr *r = each_row(n);
  set_all(n, n->center, lx_op(b, LOOP_DIV, lx_unary(b, LOOP_REDUCE_ADD, lx_local(b, n->acc, r)), count), r);
  loop_end_for(b);
  sweep(n, 0, add_squares);
  r = each_row(n);
  LExpr *var = lx_op(b, LOOP_DIV, lx_unary(b, LOOP_REDUCE_ADD, lx_local(b, n->acc, r)), count);
  LExpr *deviation = lx_unary(b, LOOP_SQRT, lx_add(b, var, lx_const(b, L_F32, n->eps)));
  set_all(n, n->scale, lx_op(b, LOOP_DIV, lx_const(b, L_F32, 1), deviation), r);
  loop_end_for(b);
  row_for(n->k, &n->row, normalise, n);
}

bool lower_layer_norm(Lower *lw, Node *n) {
  DimTable *dims = lw->m->dims;
  Value *x = operand(n, IN_LAYER_NORM_x);
  Weight *w = weight_operand(n, IN_LAYER_NORM_weight), *bias = weight_operand(n, IN_LAYER_NORM_bias);
  const Type *t = x->type;
  int last = t->rank - 1;
  bool blocked = t->blocked_axis >= 0;
  Dim width = t->dims[last], images = blocked ? t->dims[0] : 1, rows = lower_product(lw, t->dims, blocked, last);
  Kernel k = kernel_begin(lw, "layer_norm");
  LBuilder *b = k.b;
  Norm m = {.k = &k, .eps = NODE_ATTR(n, LAYER_NORM, eps)->f, .length = kernel_dim(&k, width)};
  m.x = kernel_in_place(&k, "x", x);
  if (w) m.gamma = kernel_buffer(&k, "gamma", pack_vector(lw, w), ACCESS_IN);
  if (bias) m.beta = kernel_buffer(&k, "beta", pack_vector(lw, bias), ACCESS_IN);
  if (!dim_is_const(width) || width % BLOCK) m.lowest = kernel_tail(&k, "tail", -INFINITY);
  m.y = kernel_out_in_place(&k, "y", result(n));
  m.step = blocked ? lx_int(b, BLOCK) : m.length;
  m.stride = blocked ? kernel_dim(&k, dim_mul(dims, rows, BLOCK)) : lx_int(b, BLOCK);
  m.image = kernel_dim(&k, dim_mul(dims, rows, blocked ? round_up(width, BLOCK) : width));
  Dim tasks = row_groups(&k, images, rows, norm_group, &m);
  kernel_finish(&k, n, tasks, 0, blocked ? "C16" : "");
  return true;
}

// ---- softmax over a dimension whose elements are neighbours

static void take_maximum(void *context, LExpr *offset, LExpr *number, LExpr *lanes) {
  Norm *n = context;
  LBuilder *b = n->k->b;
  (void)number;
  LExpr *r = each_row(n), *v = row_load(n->k, n->row.p, of_row(n, offset, r), lanes, n->lowest);
  loop_set(b, n->acc, lx_max(b, lx_local(b, n->acc, r), v), r);
  loop_end_for(b);
}

static void exponentials(void *context, LExpr *offset, LExpr *number, LExpr *lanes) {
  Norm *n = context;
  LBuilder *b = n->k->b;
  (void)number;
  LExpr *r = each_row(n), *v = row_load(n->k, n->row.p, of_row(n, offset, r), lanes, n->lowest);
  LExpr *e = loop_let(b, "e", math_exp_difference(b, lx_sub(b, v, lx_local(b, n->center, r)), 1));
  loop_set(b, n->acc, lx_add(b, lx_local(b, n->acc, r), e), r);
  if (!n->log_of) row_store(n->k, n->to, of_row(n, offset, r), e, lanes);
  loop_end_for(b);
}

static void rescale(void *context, LExpr *offset, LExpr *number, LExpr *lanes) {
  Norm *n = context;
  (void)number;
  LExpr *r = each_row(n), *at = of_row(n, offset, r), *v = row_load(n->k, n->to, at, lanes, NULL);
  row_store(n->k, n->to, at, lx_mul(n->k->b, v, lx_local(n->k->b, n->scale, r)), lanes);
  loop_end_for(n->k->b);
}

// x - highest - log(sum): the first difference is exact near the highest.
static void subtract(void *context, LExpr *offset, LExpr *number, LExpr *lanes) {
  Norm *n = context;
  LBuilder *b = n->k->b;
  (void)number;
  LExpr *r = each_row(n), *at = of_row(n, offset, r), *v = row_load(n->k, n->row.p, at, lanes, NULL);
  v = lx_sub(b, lx_sub(b, v, lx_local(b, n->center, r)), lx_local(b, n->scale, r));
  row_store(n->k, n->to, at, v, lanes);
  loop_end_for(b);
}

// What a row's sum of exponentials makes of each: a factor, or what is subtracted.
static LExpr *by_sum(LBuilder *b, LExpr *sum, bool log_of) {
  return log_of ? math_log(b, sum) : lx_op(b, LOOP_DIV, lx_const(b, sum->type, 1), sum);
}

static void softmax_group(void *context, LExpr *image, LExpr *first, int rows) {
  Norm *n = context;
  LBuilder *b = n->k->b;
  begin_group(n, image, first, rows);
  sweep(n, -INFINITY, take_maximum);
  LExpr *r = each_row(n);
  set_all(n, n->center, lx_unary(b, LOOP_REDUCE_MAX, lx_local(b, n->acc, r)), r);
  loop_end_for(b);
  sweep(n, 0, exponentials);
  r = each_row(n);
  LExpr *sum = lx_unary(b, LOOP_REDUCE_ADD, lx_local(b, n->acc, r));
  set_all(n, n->scale, by_sum(b, sum, n->log_of), r);
  loop_end_for(b);
  row_for(n->k, &n->row, n->log_of ? subtract : rescale, n);
}

// ---- softmax over another dimension: 16 neighbours of the inner dimensions at a time

static LVar *start(Kernel *k, double v) {
  LVar *acc = loop_local(k->b, "acc", L_F32X(BLOCK), 0, NULL);
  loop_set(k->b, acc, lx_const(k->b, acc->type, v));
  return acc;
}

static void softmax_vector(Kernel *k, LExpr *px, LExpr *py, LExpr *n, LExpr *step, LExpr *lanes, bool log_of) {
  LBuilder *b = k->b;
  LVar *acc = start(k, -INFINITY);
  LExpr *i = loop_for(b, "i", lx_int(b, 0), n, 1);
  loop_set(b, acc, lx_max(b, lx_local(b, acc), row_load(k, px, lx_mul(b, i, step), lanes, NULL)));
  loop_end_for(b);
  LExpr *highest = loop_let(b, "highest", lx_local(b, acc));
  acc = start(k, 0);
  i = loop_for(b, "i", lx_int(b, 0), n, 1);
  LExpr *e =
      loop_let(b, "e", math_exp_difference(b, lx_sub(b, row_load(k, px, lx_mul(b, i, step), lanes, NULL), highest), 1));
  loop_set(b, acc, lx_add(b, lx_local(b, acc), e));
  if (!log_of) row_store(k, py, lx_mul(b, i, step), e, lanes);
  loop_end_for(b);
  LExpr *scale = loop_let(b, "scale", by_sum(b, lx_local(b, acc), log_of));
  i = loop_for(b, "i", lx_int(b, 0), n, 1);
  LExpr *v = row_load(k, log_of ? px : py, lx_mul(b, i, step), lanes, NULL);
  v = log_of ? lx_sub(b, lx_sub(b, v, highest), scale) : lx_mul(b, v, scale);
  row_store(k, py, lx_mul(b, i, step), v, lanes);
  loop_end_for(b);
}

static bool softmax(Lower *lw, Node *n, int dim, bool log_of) {
  DimTable *dims = lw->m->dims;
  const Type *t = operand(n, 0)->type;
  Dim outer = lower_product(lw, t->dims, 0, dim), inner = lower_product(lw, t->dims, dim + 1, t->rank), tasks;
  Kernel k = kernel_begin(lw, op_info(n->op)->name);
  LBuilder *b = k.b;
  // The output is read back, which an `out` parameter does not allow.
  LExpr *px = kernel_in(&k, "x", operand(n, 0)),
        *py = kernel_buffer(&k, "y", lower_buffer(lw, result(n)), ACCESS_INOUT), *extent = kernel_dim(&k, t->dims[dim]);
  if (inner == 1) {
    Norm m = {.k = &k, .x = px, .y = py, .length = extent, .step = extent, .stride = lx_int(b, BLOCK)};
    m.image = lx_int(b, 0);
    m.log_of = log_of;
    m.lowest = kernel_tail(&k, "tail", -INFINITY);
    tasks = row_groups(&k, 1, outer, softmax_group, &m);
  } else {
    Dim groups = dim_floordiv(dims, dim_add(dims, inner, BLOCK - 1), BLOCK), plane = dim_mul(dims, inner, t->dims[dim]);
    LExpr *i[2], *step = kernel_dim(&k, inner);
    tasks = kernel_tasks(&k, 2, (Dim[]){outer, groups}, i);
    LExpr *first = lx_muli(b, i[1], BLOCK),
          *at = loop_let(b, "at", lx_add(b, lx_mul(b, i[0], kernel_dim(&k, plane)), first));
    px = loop_let(b, "xr", lx_add(b, px, at));
    py = loop_let(b, "yr", lx_add(b, py, at));
    LExpr *lanes = loop_let(b, "lanes", lx_min(b, lx_int(b, BLOCK), lx_sub(b, step, first)));
    softmax_vector(&k, px, py, extent, step, lanes, log_of);
  }
  kernel_finish(&k, n, tasks, 0, "");
  return true;
}

bool lower_softmax(Lower *lw, Node *n) { return softmax(lw, n, (int)NODE_ATTR(n, SOFTMAX, dim)->i, false); }
bool lower_log_softmax(Lower *lw, Node *n) { return softmax(lw, n, (int)NODE_ATTR(n, LOG_SOFTMAX, dim)->i, true); }
