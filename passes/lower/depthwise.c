#include "passes/lower/depthwise.h"
#include "ir/core/checked.h"
#include "passes/lower/math.h"
#include "passes/lower/pack.h"
#include "passes/lower/tile.h"

typedef struct Depthwise {
  Kernel *k;
  const Window *w;
  LExpr *x, *weights, *y, *residual; // of the task's channel block; y and residual at its output row
  LExpr *start;                      // bias vector
  LExpr *row, *kh_lo, *kh_hi;
  const char *act;
} Depthwise;

static LVar *depthwise_start(Depthwise *d, int size) {
  LBuilder *b = d->k->b;
  LVar *acc = loop_local(b, "acc", L_F32X(BLOCK), 1, (int[]){size});
  LExpr *i = loop_unroll(b, "i", 0, size);
  loop_set(b, acc, d->start, i);
  loop_end_for(b);
  return acc;
}

// acc[from .. to) += w * the input at `column`, + stride, ...
static void depthwise_tap(Depthwise *d, LVar *acc, int from, int to, LExpr *x_row, LExpr *column, LExpr *tap) {
  LBuilder *b = d->k->b;
  LExpr *w = loop_let(b, "w", lx_load(b, d->weights, lx_muli(b, tap, BLOCK), BLOCK));
  LExpr *i = loop_unroll(b, "i", 0, to - from);
  LExpr *at = lx_muli(b, lx_add(b, column, lx_muli(b, i, d->w->sw)), BLOCK), *r = lx_addi(b, i, from);
  loop_set(b, acc, lx_fma(b, lx_load(b, x_row, at, BLOCK), w, lx_local(b, acc, r)), r);
  loop_end_for(b);
}

static void depthwise_tile(Depthwise *d, LExpr *start, int size, const ColumnRun *border, bool bounded) {
  LBuilder *b = d->k->b;
  const Window *w = d->w;
  LVar *acc = depthwise_start(d, size);
  LExpr *lo = lx_int(b, 0), *hi = lx_int(b, w->kw);
  if (bounded) window_columns(d->k, w, start, &lo, &hi);
  LExpr *kh = loop_for(b, "kh", d->kh_lo, d->kh_hi, 1);
  LExpr *row_at = lx_mul(b, window_row(d->k, w, d->row, kh), lx_muli(b, kernel_dim(d->k, w->in_w), BLOCK));
  LExpr *x_row = loop_let(b, "xr", lx_add(b, d->x, row_at)), *taps = lx_muli(b, kh, w->kw);
  if (bounded) {
    LExpr *kw = loop_for(b, "kw", lo, hi, 1);
    depthwise_tap(d, acc, 0, size, x_row, window_column(d->k, w, start, kw), lx_add(b, taps, kw));
    loop_end_for(b);
  }
  for (int64_t kw = 0; !bounded && kw < w->kw; kw++) {
    int from = 0, to = size;
    if (border) window_valid(w, border, kw, &from, &to);
    LExpr *first = lx_addi(b, start, from);
    if (to > from)
      depthwise_tap(d, acc, from, to, x_row, window_column(d->k, w, first, lx_int(b, kw)), lx_addi(b, taps, kw));
  }
  loop_end_for(b);
  LExpr *i = loop_unroll(b, "i", 0, size), *at = lx_muli(b, lx_add(b, start, i), BLOCK), *v = lx_local(b, acc, i);
  if (d->residual) v = lx_add(b, v, lx_load(b, d->residual, at, BLOCK));
  loop_store(b, d->y, at, math_activation(b, d->act, v));
  loop_end_for(b);
}

static void depthwise_row(Depthwise *d) {
  LBuilder *b = d->k->b;
  if (!window_is_static(d->w)) {
    LExpr *x = loop_for(b, "x", lx_int(b, 0), kernel_dim(d->k, d->w->out_w), 1);
    depthwise_tile(d, x, 1, NULL, true);
    return loop_end_for(b);
  }
  ColumnRun *runs;
  int n = window_runs(d->k->lw, d->w, tile_rows_single(d->k->lw->target, d->w->out_w, 2), &runs);
  for (int r = 0; r < n; r++) {
    LExpr *start = lx_int(b, runs[r].start);
    int64_t end = runs[r].start + (int64_t)runs[r].size * runs[r].repeat;
    if (runs[r].repeat > 1) start = loop_for(b, "x", start, lx_int(b, end), runs[r].size);
    depthwise_tile(d, start, runs[r].size, runs[r].interior ? NULL : &runs[r], false);
    if (runs[r].repeat > 1) loop_end_for(b);
  }
}

void depthwise(Lower *lw, const Node *n, const Window *w) {
  DimTable *dims = lw->m->dims;
  Value *x = operand(n, IN_CONV2D_x), *residual = operand(n, IN_CONV2D_residual);
  Weight *bias = weight_operand(n, IN_CONV2D_bias);
  int64_t channels = x->type->dims[1], blocks = ceil_div(channels, BLOCK);
  Kernel k = kernel_begin(lw, "depthwise");
  LBuilder *b = k.b;
  Depthwise d = {.k = &k, .w = w, .act = NODE_ATTR(n, CONV2D, act)->s};
  d.x = kernel_in(&k, "x", x);
  d.weights = kernel_buffer(&k, "w", pack_depthwise(lw, weight_operand(n, IN_CONV2D_weight)), ACCESS_IN);
  LExpr *biases = bias ? kernel_buffer(&k, "bias", pack_vector(lw, bias), ACCESS_IN) : NULL;
  if (residual) d.residual = kernel_in_place(&k, "residual", residual);
  d.y = residual ? kernel_out_in_place(&k, "y", result(n)) : kernel_out(&k, "y", result(n));
  LExpr *t[3];
  Dim tasks = kernel_tasks(&k, 3, (Dim[]){x->type->dims[0], blocks, w->out_h}, t);
  LExpr *plane = lx_add(b, lx_muli(b, t[0], blocks), t[1]);
  Dim in_plane = dim_mul(dims, dim_mul(dims, w->in_h, w->in_w), BLOCK), out_row = dim_mul(dims, w->out_w, BLOCK);
  d.row = t[2];
  d.x = loop_let(b, "xp", lx_add(b, d.x, lx_mul(b, plane, kernel_dim(&k, in_plane))));
  d.weights = loop_let(b, "wp", lx_add(b, d.weights, lx_muli(b, t[1], w->kh * w->kw * BLOCK)));
  d.start = biases ? lx_load(b, biases, lx_muli(b, t[1], BLOCK), BLOCK) : lx_const(b, L_F32X(BLOCK), 0);
  d.start = loop_let(b, "start", d.start);
  LExpr *row = lx_add(b, lx_mul(b, plane, kernel_dim(&k, w->out_h)), d.row);
  LExpr *at = loop_let(b, "out", lx_mul(b, row, kernel_dim(&k, out_row)));
  d.y = loop_let(b, "yr", lx_add(b, d.y, at));
  if (residual) d.residual = loop_let(b, "rr", lx_add(b, d.residual, at));
  window_rows(&k, w, d.row, &d.kh_lo, &d.kh_hi);
  depthwise_row(&d);
  int64_t outputs = lower_estimate(lw, type_elements(lw->m, result(n)->type));
  kernel_finish(&k, n, tasks, outputs * w->kh * w->kw, "C16");
}
