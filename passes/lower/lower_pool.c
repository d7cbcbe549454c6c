// Pooling of pictures in blocks of channels: one output vector at a time, borders by loop bounds.
#include "passes/lower/window.h"
#include <math.h>

typedef struct Pool {
  Kernel k;
  Window w;
  LExpr *plane, *y;    // input plane of the task's channel block; pointer to its output row
  LExpr *row, *column; // output position
  LExpr *lo_y, *hi_y;  // input rows, or kernel rows of a window
  LVar *acc;
} Pool;

typedef LExpr *(*Combine)(LBuilder *b, LExpr *acc, LExpr *v);

static LExpr *sum(LBuilder *b, LExpr *acc, LExpr *v) { return lx_add(b, acc, v); }

// The maximum; a NaN stays.
static LExpr *maximum(LBuilder *b, LExpr *acc, LExpr *v) {
  LExpr *takes = lx_op(b, LOOP_OR, lx_op(b, LOOP_LT, acc, v), lx_op(b, LOOP_NE, v, v));
  return lx_select(b, takes, v, acc);
}

static Dim pool_begin(Pool *p, Lower *lw, Node *n) {
  DimTable *dims = lw->m->dims;
  Value *x = operand(n, 0), *y = result(n);
  p->k = kernel_begin(lw, op_info(n->op)->name);
  p->w.in_h = x->type->dims[2], p->w.in_w = x->type->dims[3];
  p->w.out_h = y->type->dims[2], p->w.out_w = y->type->dims[3];
  LBuilder *b = p->k.b;
  LExpr *px = kernel_in(&p->k, "x", x), *py = kernel_out(&p->k, "y", y), *t[3];
  Dim blocks = dim_floordiv(dims, dim_add(dims, x->type->dims[1], BLOCK - 1), BLOCK);
  Dim tasks = kernel_tasks(&p->k, 3, (Dim[]){x->type->dims[0], blocks, p->w.out_h}, t);
  LExpr *plane = lx_add(b, lx_mul(b, t[0], kernel_dim(&p->k, blocks)), t[1]);
  Dim in_plane = dim_mul(dims, dim_mul(dims, p->w.in_h, p->w.in_w), BLOCK), out_row = dim_mul(dims, p->w.out_w, BLOCK);
  p->plane = loop_let(b, "xp", lx_add(b, px, lx_mul(b, plane, kernel_dim(&p->k, in_plane))));
  p->row = t[2];
  LExpr *row = lx_add(b, lx_mul(b, plane, kernel_dim(&p->k, p->w.out_h)), p->row);
  p->y = loop_let(b, "yr", lx_add(b, py, lx_mul(b, row, kernel_dim(&p->k, out_row))));
  return tasks;
}

static LVar *accumulator(Pool *p, double start) {
  LVar *acc = loop_local(p->k.b, "acc", L_F32X(BLOCK), 0, NULL);
  loop_set(p->k.b, acc, lx_const(p->k.b, acc->type, start));
  return acc;
}

static void accumulate(Pool *p, Combine combine, LExpr *row, LExpr *column) {
  LBuilder *b = p->k.b;
  LExpr *at = lx_muli(b, lx_add(b, lx_mul(b, row, kernel_dim(&p->k, p->w.in_w)), column), BLOCK);
  LExpr *v = loop_let(b, "v", lx_load(b, p->plane, at, BLOCK));
  loop_set(b, p->acc, combine(b, lx_local(b, p->acc), v));
}

static void emit(Pool *p, LExpr *v) { loop_store(p->k.b, p->y, lx_muli(p->k.b, p->column, BLOCK), v); }

static LExpr *divide(Pool *p, LExpr *v, LExpr *count) {
  LBuilder *b = p->k.b;
  return lx_op(b, LOOP_DIV, v, lx_splat(b, BLOCK, lx_cast(b, DT_F32, count)));
}

// All taps of the window at the current position that lie inside the picture; *count: how many.
static void window_taps(Pool *p, Combine combine, LExpr **count) {
  LBuilder *b = p->k.b;
  LExpr *lo, *hi;
  window_columns(&p->k, &p->w, p->column, &lo, &hi);
  *count = lx_mul(b, lx_sub(b, p->hi_y, p->lo_y), lx_sub(b, hi, lo));
  LExpr *kh = loop_for(b, "kh", p->lo_y, p->hi_y, 1);
  LExpr *kw = loop_for(b, "kw", lo, hi, 1);
  accumulate(p, combine, window_row(&p->k, &p->w, p->row, kh), window_column(&p->k, &p->w, p->column, kw));
  loop_end_for(b);
  loop_end_for(b);
}

static LExpr *columns(Pool *p) {
  return p->column = loop_for(p->k.b, "x", lx_int(p->k.b, 0), kernel_dim(&p->k, p->w.out_w), 1);
}

bool lower_max_pool2d(Lower *lw, Node *n) {
  const int64_t *kernel = NODE_ATTR(n, MAX_POOL2D, kernel)->ints, *stride = NODE_ATTR(n, MAX_POOL2D, stride)->ints;
  const int64_t *dilation = NODE_ATTR(n, MAX_POOL2D, dilation)->ints,
                *padding = NODE_ATTR(n, MAX_POOL2D, padding)->ints;
  Pool p = {
      .w = {.kh = kernel[0], .kw = kernel[1], .sh = stride[0], .sw = stride[1], .dh = dilation[0], .dw = dilation[1]}};
  p.w.top = padding[0], p.w.left = padding[1];
  Dim tasks = pool_begin(&p, lw, n);
  window_rows(&p.k, &p.w, p.row, &p.lo_y, &p.hi_y);
  columns(&p);
  p.acc = accumulator(&p, -INFINITY);
  LExpr *count;
  window_taps(&p, maximum, &count);
  emit(&p, lx_local(p.k.b, p.acc));
  loop_end_for(p.k.b);
  kernel_finish(&p.k, n, tasks, 0, "C16");
  return true;
}

// Elements of the window that lie in the padded picture: the divisor where padding counts.
static LExpr *padded_extent(Pool *p, LExpr *at, int64_t kernel, int64_t stride, Dim before, Dim extent, Dim after) {
  LBuilder *b = p->k.b;
  DimTable *dims = p->k.lw->m->dims;
  LExpr *room =
      lx_sub(b, kernel_dim(&p->k, dim_add(dims, dim_add(dims, extent, before), after)), lx_muli(b, at, stride));
  return lx_min(b, lx_int(b, kernel), room);
}

bool lower_avg_pool2d(Lower *lw, Node *n) {
  const int64_t *kernel = NODE_ATTR(n, AVG_POOL2D, kernel)->ints, *stride = NODE_ATTR(n, AVG_POOL2D, stride)->ints;
  const int64_t *padding = NODE_ATTR(n, AVG_POOL2D, padding)->ints;
  Pool p = {.w = {.kh = kernel[0], .kw = kernel[1], .sh = stride[0], .sw = stride[1], .dh = 1, .dw = 1}};
  p.w.top = padding[0], p.w.left = padding[1];
  Dim tasks = pool_begin(&p, lw, n);
  LBuilder *b = p.k.b;
  window_rows(&p.k, &p.w, p.row, &p.lo_y, &p.hi_y);
  columns(&p);
  p.acc = accumulator(&p, 0);
  LExpr *count;
  window_taps(&p, sum, &count);
  if (NODE_ATTR(n, AVG_POOL2D, count_include_pad)->i)
    count = lx_mul(b, padded_extent(&p, p.row, p.w.kh, p.w.sh, padding[0], p.w.in_h, padding[2]),
                   padded_extent(&p, p.column, p.w.kw, p.w.sw, padding[1], p.w.in_w, padding[3]));
  emit(&p, divide(&p, lx_local(b, p.acc), count));
  loop_end_for(b);
  kernel_finish(&p.k, n, tasks, 0, "C16");
  return true;
}

// The input positions [lo, hi) of output i: floor(i n / out), ceil((i + 1) n / out).
static void adaptive_bounds(Pool *p, LExpr *i, Dim n, Dim out, LExpr **lo, LExpr **hi) {
  LBuilder *b = p->k.b;
  LExpr *extent = kernel_dim(&p->k, n), *outputs = kernel_dim(&p->k, out);
  *lo = loop_let(b, "lo", lx_op(b, LOOP_DIV, lx_mul(b, i, extent), outputs));
  LExpr *end = lx_add(b, lx_mul(b, lx_addi(b, i, 1), extent), lx_addi(b, outputs, -1));
  *hi = loop_let(b, "hi", lx_op(b, LOOP_DIV, end, outputs));
}

bool lower_adaptive_avg_pool2d(Lower *lw, Node *n) {
  Pool p = {0};
  Dim tasks = pool_begin(&p, lw, n);
  LBuilder *b = p.k.b;
  adaptive_bounds(&p, p.row, p.w.in_h, p.w.out_h, &p.lo_y, &p.hi_y);
  columns(&p);
  LExpr *lo, *hi;
  adaptive_bounds(&p, p.column, p.w.in_w, p.w.out_w, &lo, &hi);
  p.acc = accumulator(&p, 0);
  LExpr *row = loop_for(b, "row", p.lo_y, p.hi_y, 1);
  accumulate(&p, sum, row, loop_for(b, "col", lo, hi, 1));
  loop_end_for(b);
  loop_end_for(b);
  emit(&p, divide(&p, lx_local(b, p.acc), lx_mul(b, lx_sub(b, p.hi_y, p.lo_y), lx_sub(b, hi, lo))));
  loop_end_for(b);
  kernel_finish(&p.k, n, tasks, 0, "C16");
  return true;
}
