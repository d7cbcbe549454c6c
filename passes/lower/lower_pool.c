// Pooling of pictures in blocks of channels, a row of outputs after the other. The windows of a run of outputs are
// walked side by side, so that several vectors are in flight; borders are loop bounds and code for the taps that are.
#include "ir/core/checked.h"
#include "passes/lower/math.h"
#include "passes/lower/planes.h"
#include "passes/lower/stem.h"
#include "passes/lower/window.h"
#include <math.h>

enum { TILE = 8 };

typedef LExpr *(*Combine)(LBuilder *b, LExpr *acc, LExpr *v);

typedef struct Pool {
  Kernel k;
  Window w;
  Planes planes;
  Combine combine;
  double start;       // of what is combined
  Dim padded[2];      // average: the padded picture's height and width where padding counts; 0: taps are counted
  LExpr *x, *y;       // the task's input plane, its output row
  LExpr *row;         // output row
  LExpr *lo_y, *hi_y; // input rows, or kernel rows of a window
} Pool;

static LExpr *sum(LBuilder *b, LExpr *acc, LExpr *v) { return lx_add(b, acc, v); }

static LExpr *larger(LBuilder *b, LExpr *acc, LExpr *v) {
  return dtype_is_float(v->type.dtype) ? math_max(b, acc, v) : lx_max(b, acc, v);
}

// Opens the loops over tasks and over a task's rows. `taps`: of one output.
static Pool pool_begin(Lower *lw, Node *n, Combine combine, double start, const Window *w, int64_t taps) {
  Value *x = operand(n, 0), *y = result(n);
  Pool p = {.w = *w, .combine = combine, .start = start, .k = kernel_begin(lw, op_info(n->op)->name)};
  p.w.in_h = x->type->dims[2], p.w.in_w = x->type->dims[3];
  p.w.out_h = y->type->dims[2], p.w.out_w = y->type->dims[3];
  LBuilder *b = p.k.b;
  LExpr *px = kernel_in(&p.k, "x", x), *py = kernel_out(&p.k, "y", y);
  p.planes = planes_begin(&p.k, y->type, lower_estimate(lw, p.w.out_w) * (taps + 1));
  p.x = loop_let(b, "xp", lx_add(b, px, planes_origin(&p.k, &p.planes, x)));
  py = loop_let(b, "yp", lx_add(b, py, planes_origin(&p.k, &p.planes, y)));
  p.row = loop_for(b, "row", p.planes.lo, p.planes.hi, 1);
  p.y = loop_let(b, "yr", lx_add(b, py, lx_mul(b, p.row, lx_muli(b, kernel_dim(&p.k, p.w.out_w), BLOCK))));
  return p;
}

static void pool_finish(Pool *p, Node *n) {
  loop_end_for(p->k.b);
  kernel_finish(&p->k, n, p->planes.tasks, 0, "C16");
}

static LVar *accumulators(Pool *p, int size) {
  LBuilder *b = p->k.b;
  LVar *acc = loop_local(b, "acc", (LType){p->x->type.dtype, BLOCK, false}, 1, (int[]){size});
  LExpr *i = loop_unroll(b, "i", 0, size);
  loop_set(b, acc, lx_const(b, acc->type, p->start), i);
  loop_end_for(b);
  return acc;
}

static LExpr *input_row(Pool *p, LExpr *row) {
  LBuilder *b = p->k.b;
  LExpr *at = lx_mul(b, row, lx_muli(b, kernel_dim(&p->k, p->w.in_w), BLOCK));
  return loop_let(b, "xr", lx_add(b, p->x, at));
}

static void accumulate(Pool *p, LVar *acc, LExpr *i, LExpr *x_row, LExpr *column) {
  LBuilder *b = p->k.b;
  LExpr *v = loop_let(b, "v", lx_load(b, x_row, lx_muli(b, column, BLOCK), BLOCK));
  loop_set(b, acc, p->combine(b, lx_local(b, acc, i), v), i);
}

static LExpr *divide(Pool *p, LExpr *v, LExpr *count) {
  LBuilder *b = p->k.b;
  return lx_op(b, LOOP_DIV, v, lx_splat(b, BLOCK, lx_cast(b, DT_F32, count)));
}

// ---- sliding windows

// Elements of the window that lie in the padded picture.
static LExpr *padded_extent(Pool *p, LExpr *at, int64_t kernel, int64_t stride, int64_t dilation, Dim extent) {
  LBuilder *b = p->k.b;
  LExpr *left = lx_sub(b, kernel_dim(&p->k, extent), lx_muli(b, at, stride));
  if (dilation > 1) left = lx_op(b, LOOP_DIV, lx_addi(b, left, dilation - 1), lx_int(b, dilation));
  return lx_min(b, lx_int(b, kernel), left);
}

// Stores the outputs from column `start` on; lo, hi: kernel columns of output `start + i`.
static void emit(Pool *p, LVar *acc, LExpr *i, LExpr *column, LExpr *lo, LExpr *hi) {
  LBuilder *b = p->k.b;
  LExpr *v = lx_local(b, acc, i);
  if (p->combine == sum) {
    LExpr *count;
    if (p->padded[0] != 0)
      count = lx_mul(b, padded_extent(p, p->row, p->w.kh, p->w.sh, p->w.dh, p->padded[0]),
                     padded_extent(p, column, p->w.kw, p->w.sw, p->w.dw, p->padded[1]));
    else
      count = lx_mul(b, lx_sub(b, p->hi_y, p->lo_y), lx_sub(b, hi, lo));
    if (p->w.dh > 1 || p->w.dw > 1) count = lx_max(b, count, lx_int(b, 1)); // all taps may miss the picture
    v = divide(p, v, count);
  }
  loop_store(b, p->y, lx_muli(b, column, BLOCK), v);
}

// A run of outputs whose windows are inside the picture from left to right.
static void inside(Pool *p, LExpr *start, int size) {
  LBuilder *b = p->k.b;
  const Window *w = &p->w;
  LVar *acc = accumulators(p, size);
  LExpr *kh = loop_for(b, "kh", p->lo_y, p->hi_y, 1);
  LExpr *x_row = input_row(p, window_row(&p->k, w, p->row, kh));
  LExpr *kw = loop_for(b, "kw", lx_int(b, 0), lx_int(b, w->kw), 1);
  LExpr *first = loop_let(b, "at", window_column(&p->k, w, start, kw));
  LExpr *i = loop_unroll(b, "i", 0, size);
  accumulate(p, acc, i, x_row, lx_add(b, first, lx_muli(b, i, w->sw)));
  loop_end_for(b);
  loop_end_for(b);
  loop_end_for(b);
  i = loop_unroll(b, "i", 0, size);
  emit(p, acc, i, lx_add(b, start, i), lx_int(b, 0), lx_int(b, w->kw));
  loop_end_for(b);
}

static void single_columns(Pool *p, LExpr *from, LExpr *to) {
  LBuilder *b = p->k.b;
  const Window *w = &p->w;
  LExpr *x = loop_for(b, "x", from, to, 1), *lo, *hi, *zero = lx_int(b, 0);
  window_columns(&p->k, w, x, &lo, &hi);
  LVar *acc = accumulators(p, 1);
  LExpr *kh = loop_for(b, "kh", p->lo_y, p->hi_y, 1);
  LExpr *x_row = input_row(p, window_row(&p->k, w, p->row, kh));
  LExpr *kw = loop_for(b, "kw", lo, hi, 1);
  accumulate(p, acc, zero, x_row, window_column(&p->k, w, x, kw));
  loop_end_for(b);
  loop_end_for(b);
  emit(p, acc, zero, x, lo, hi);
  loop_end_for(b);
}

static void windows(Pool *p) {
  LBuilder *b = p->k.b;
  window_rows(&p->k, &p->w, p->row, &p->lo_y, &p->hi_y);
  LExpr *first, *whole;
  window_inside(&p->k, &p->w, TILE, &first, &whole);
  single_columns(p, lx_int(b, 0), first);
  inside(p, loop_for(b, "x", first, whole, TILE), TILE);
  loop_end_for(b);
  single_columns(p, whole, kernel_dim(&p->k, p->w.out_w));
}

bool lower_max_pool2d(Lower *lw, Node *n) {
  if (stem_pools(lw, n)) return true;
  const int64_t *kernel = NODE_ATTR(n, MAX_POOL2D, kernel)->ints, *stride = NODE_ATTR(n, MAX_POOL2D, stride)->ints;
  const int64_t *dilation = NODE_ATTR(n, MAX_POOL2D, dilation)->ints,
                *padding = NODE_ATTR(n, MAX_POOL2D, padding)->ints;
  Window w = {.kh = kernel[0], .kw = kernel[1], .sh = stride[0], .sw = stride[1], .dh = dilation[0], .dw = dilation[1]};
  w.top = padding[0], w.left = padding[1], w.right = padding[3];
  DType t = operand(n, 0)->type->dtype;
  double lowest = dtype_lowest(t);
  Pool p = pool_begin(lw, n, larger, lowest, &w, w.kh * w.kw);
  windows(&p);
  pool_finish(&p, n);
  return true;
}

bool lower_avg_pool2d(Lower *lw, Node *n) {
  DimTable *dims = lw->m->dims;
  const int64_t *kernel = NODE_ATTR(n, AVG_POOL2D, kernel)->ints, *stride = NODE_ATTR(n, AVG_POOL2D, stride)->ints;
  const int64_t *dilation = NODE_ATTR(n, AVG_POOL2D, dilation)->ints,
                *padding = NODE_ATTR(n, AVG_POOL2D, padding)->ints;
  Window w = {.kh = kernel[0], .kw = kernel[1], .sh = stride[0], .sw = stride[1], .dh = dilation[0], .dw = dilation[1]};
  w.top = padding[0], w.left = padding[1], w.right = padding[3];
  Pool p = pool_begin(lw, n, sum, 0, &w, w.kh * w.kw);
  if (NODE_ATTR(n, AVG_POOL2D, count_include_pad)->i) {
    p.padded[0] = dim_add(dims, p.w.in_h, dim_add(dims, padding[0], padding[2]));
    p.padded[1] = dim_add(dims, p.w.in_w, dim_add(dims, padding[1], padding[3]));
  }
  windows(&p);
  pool_finish(&p, n);
  return true;
}

// ---- windows that follow from the size of the output

// The input positions [lo, hi) of output i: floor(i n / out), ceil((i + 1) n / out).
static void adaptive_bounds(Pool *p, LExpr *i, Dim n, Dim out, LExpr **lo, LExpr **hi) {
  LBuilder *b = p->k.b;
  LExpr *extent = kernel_dim(&p->k, n), *outputs = kernel_dim(&p->k, out);
  *lo = loop_let(b, "lo", lx_op(b, LOOP_DIV, lx_mul(b, i, extent), outputs));
  LExpr *end = lx_add(b, lx_mul(b, lx_addi(b, i, 1), extent), lx_addi(b, outputs, -1));
  *hi = loop_let(b, "hi", lx_op(b, LOOP_DIV, end, outputs));
}

static Pool adaptive_begin(Lower *lw, Node *n, Combine combine, double start) {
  const Dim *in = operand(n, 0)->type->dims, *out = result(n)->type->dims;
  int64_t taps = lower_estimate(lw, in[2]) * lower_estimate(lw, in[3]) /
                 max_i64(1, lower_estimate(lw, out[2]) * lower_estimate(lw, out[3]));
  Pool p = pool_begin(lw, n, combine, start, &(Window){0}, taps);
  adaptive_bounds(&p, p.row, p.w.in_h, p.w.out_h, &p.lo_y, &p.hi_y);
  return p;
}

// The mean of whole planes from the sums of their bands, which the producer of x has left.
static void finish_mean(Lower *lw, Node *n) {
  DimTable *dims = lw->m->dims;
  Value *x = operand(n, 0), *y = result(n);
  const BandSums *left = &lw->sums[x->id];
  Kernel k = kernel_begin(lw, "mean");
  LBuilder *b = k.b;
  LExpr *p = kernel_buffer(&k, "x", left->buffer, ACCESS_IN), *py = kernel_out(&k, "y", y);
  Planes planes = planes_begin(&k, y->type, lower_estimate(lw, left->bands));
  LExpr *bands = kernel_dim(&k, left->bands);
  LExpr *plane = lx_add(b, lx_mul(b, planes.image, kernel_dim(&k, planes.blocks)), planes.block);
  p = loop_let(b, "xp", lx_add(b, p, lx_muli(b, lx_mul(b, plane, bands), BLOCK)));
  LVar *sums = planes_sums(&k, NULL);
  planes_add(&k, sums, p, lx_int(b, 0), bands);
  LExpr *count = lx_cast(b, DT_F32, kernel_dim(&k, dim_mul(dims, x->type->dims[2], x->type->dims[3])));
  loop_store(b, py, planes_origin(&k, &planes, y),
             lx_op(b, LOOP_DIV, planes_total(&k, sums), lx_splat(b, BLOCK, count)));
  kernel_finish(&k, n, planes.tasks, 0, "C16");
}

bool lower_adaptive_max_pool2d(Lower *lw, Node *n) {
  Pool p = adaptive_begin(lw, n, math_max, -INFINITY);
  LBuilder *b = p.k.b;
  LExpr *lo, *hi, *column = loop_for(b, "x", lx_int(b, 0), kernel_dim(&p.k, p.w.out_w), 1);
  adaptive_bounds(&p, column, p.w.in_w, p.w.out_w, &lo, &hi);
  LVar *acc = accumulators(&p, 1);
  LExpr *x_row = input_row(&p, loop_for(b, "line", p.lo_y, p.hi_y, 1));
  accumulate(&p, acc, lx_int(b, 0), x_row, loop_for(b, "col", lo, hi, 1));
  loop_end_for(b);
  loop_end_for(b);
  emit(&p, acc, lx_int(b, 0), column, lo, hi);
  loop_end_for(b);
  pool_finish(&p, n);
  return true;
}

bool lower_adaptive_avg_pool2d(Lower *lw, Node *n) {
  bool whole = result(n)->type->dims[2] == 1 && result(n)->type->dims[3] == 1;
  if (whole && lw->sums[operand(n, 0)->id].buffer) return finish_mean(lw, n), true;
  Pool p = adaptive_begin(lw, n, sum, 0);
  LBuilder *b = p.k.b;
  LExpr *lo, *hi;
  LExpr *column = loop_for(b, "x", lx_int(b, 0), kernel_dim(&p.k, p.w.out_w), 1);
  adaptive_bounds(&p, column, p.w.in_w, p.w.out_w, &lo, &hi);
  LVar *sums = planes_sums(&p.k, NULL);
  planes_add(&p.k, sums, input_row(&p, loop_for(b, "line", p.lo_y, p.hi_y, 1)), lo, hi);
  loop_end_for(b);
  LExpr *mean = divide(&p, planes_total(&p.k, sums), lx_mul(b, lx_sub(b, p.hi_y, p.lo_y), lx_sub(b, hi, lo)));
  loop_store(b, p.y, lx_muli(b, column, BLOCK), mean);
  loop_end_for(b);
  pool_finish(&p, n);
  return true;
}
