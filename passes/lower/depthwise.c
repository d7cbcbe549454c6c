#include "passes/lower/depthwise.h"
#include "ir/core/checked.h"
#include "passes/lower/math.h"
#include "passes/lower/pack.h"
#include "passes/lower/planes.h"
#include <stdio.h>

enum {
  UNROLLED_TAPS = 9,       // windows of at most this many taps are one piece of code
  UNROLLED_COLUMNS = 64,   // kernel rows of at most this many taps are too
  MOST_BORDER_TAPS = 2048, // of border columns; kernels of 31 taps stay below this
  LONG_ACTIVATION = 20,    // vector operations
  WIDEST_TILE = 14,
};

// What a row's parts share.
typedef struct Row {
  const Depthwise *d;
  Kernel *k;
  const Window *w;
  LExpr *x, *weights, *y,
      *residual;        // x: of the block's plane; y, residual: of its output row; all at the vector's lanes
  LExpr *start;         // the vector's bias
  LExpr *scale, *shift; // of integers
  LExpr *row, *kh_lo, *kh_hi;
  bool all_rows; // no kernel row is outside the picture
} Row;

static LExpr *pixel(Row *r, LExpr *p, LExpr *column) {
  return lx_load(r->k->b, p, lx_muli(r->k->b, column, BLOCK), r->d->lanes);
}

// The same of the input, whose integers become floats less their zero point.
static LExpr *input(Row *r, LExpr *p, LExpr *column) {
  LBuilder *b = r->k->b;
  LExpr *v = lx_cast(b, DT_F32, pixel(r, p, column));
  int64_t zero = r->d->integers ? r->d->scaling.zero_point : 0;
  return zero ? lx_sub(b, v, lx_const(b, v->type, (double)zero)) : v;
}

// Where the input row of kernel row kh begins in its plane.
static LExpr *input_row(Row *r, LExpr *kh) {
  LBuilder *b = r->k->b;
  LExpr *row = window_row(r->k, r->w, r->row, kh);
  if (r->d->ring) row = lx_op(b, LOOP_AND, row, lx_int(b, r->d->ring - 1));
  return lx_mul(b, row, lx_muli(b, kernel_dim(r->k, r->w->in_w), BLOCK));
}

// acc[i] += the taps of kernel row kh for tiles whose columns are known up to `start`, input column after input column:
// each is read once for all the outputs that it touches. A border tile leaves out columns that the picture has not.
static void row_taps(Row *r, LVar *acc, LExpr *start, int size, const ColumnRun *border, LExpr *kh) {
  LBuilder *b = r->k->b;
  const Window *w = r->w;
  LExpr *row_at = input_row(r, kh);
  LExpr *column = window_column(r->k, w, start, lx_int(b, 0));
  LExpr *x = loop_let(b, "xr", lx_add(b, r->x, lx_add(b, row_at, lx_muli(b, column, BLOCK))));
  LExpr **tap = arena_array(r->k->lw->p->arena, LExpr *, w->kw);
  for (int64_t kw = 0; kw < w->kw; kw++)
    tap[kw] = loop_let(b, "w", pixel(r, r->weights, lx_addi(b, lx_muli(b, kh, w->kw), kw)));
  for (int64_t c = 0; c <= (size - 1) * w->sw + (w->kw - 1) * w->dw; c++) {
    int64_t at = border ? border->start * w->sw - w->left + c : 0;
    if (border && (at < 0 || at >= w->in_w)) continue;
    LExpr *v = NULL;
    for (int64_t kw = 0; kw < w->kw && kw * w->dw <= c; kw++) {
      int64_t i = (c - kw * w->dw) / w->sw;
      if (i >= size || i * w->sw + kw * w->dw != c) continue;
      if (!v) v = loop_let(b, "v", input(r, x, lx_int(b, c)));
      loop_set(b, acc, lx_fma(b, v, tap[kw], lx_local(b, acc, lx_int(b, i))), lx_int(b, i));
    }
  }
}

typedef struct LoopedTaps {
  Row *r;
  LVar *acc;
  LExpr *start, *kh;
} LoopedTaps;

// The same tap after tap, for taps that are found at run time or too many to unroll.
static void looped_taps(void *context, int first, int pixels, LExpr *lo, LExpr *hi) {
  const LoopedTaps *t = context;
  Row *r = t->r;
  LBuilder *b = r->k->b;
  const Window *w = r->w;
  LExpr *kw = loop_for(b, "kw", lo, hi, 1);
  LExpr *row = lx_add(b, r->x, input_row(r, t->kh));
  LExpr *tap = pixel(r, r->weights, lx_add(b, lx_muli(b, t->kh, w->kw), kw));
  for (int i = first; i < first + pixels; i++) {
    LExpr *v = input(r, row, window_column(r->k, w, lx_addi(b, t->start, i), kw)), *at = lx_int(b, i);
    loop_set(b, t->acc, lx_fma(b, v, tap, lx_local(b, t->acc, at)), at);
  }
  loop_end_for(b);
}

static LExpr *finished(Row *r, LExpr *sum, LExpr *residual) {
  LBuilder *b = r->k->b;
  if (r->d->integers) return scaled_value(b, &r->d->scaling, sum, r->scale, r->shift, residual, r->d->table);
  if (residual) sum = lx_add(b, sum, residual);
  return math_is_long(r->d->act) ? sum : math_activation(b, r->d->act, sum);
}

static void store(Row *r, LVar *acc, LExpr *start, int size) {
  LBuilder *b = r->k->b;
  LExpr *i = loop_unroll(b, "i", 0, size), *at = lx_add(b, start, i);
  LExpr *v = finished(r, lx_local(b, acc, i), r->residual ? pixel(r, r->residual, at) : NULL);
  loop_store(b, r->y, lx_muli(b, at, BLOCK), v);
  loop_end_for(b);
}

static void tile(Row *r, LExpr *start, int size, const ColumnRun *border, bool bounded) {
  LBuilder *b = r->k->b;
  const Window *w = r->w;
  LVar *acc = loop_local(b, "acc", L_F32X(r->d->lanes), 1, (int[]){size});
  LExpr *i = loop_unroll(b, "i", 0, size);
  loop_set(b, acc, r->start, i);
  loop_end_for(b);
  if (r->all_rows && !bounded && w->kh * w->kw <= UNROLLED_TAPS)
    for (int64_t kh = 0; kh < w->kh; kh++) row_taps(r, acc, start, size, border, lx_int(b, kh));
  else {
    LExpr *kh = loop_for(b, "kh", r->kh_lo, r->kh_hi, 1);
    LoopedTaps taps = {r, acc, start, kh};
    if (bounded)
      window_bounded(r->k, w, start, size, looped_taps, &taps);
    else if (w->kw > UNROLLED_COLUMNS)
      looped_taps(&taps, 0, size, lx_int(b, 0), lx_int(b, w->kw));
    else
      row_taps(r, acc, start, size, border, kh);
    loop_end_for(b);
  }
  store(r, acc, start, size);
}

static void static_row(Row *r) {
  LBuilder *b = r->k->b;
  ColumnRun *runs;
  int64_t most = r->w->kw > UNROLLED_COLUMNS ? 0 : MOST_BORDER_TAPS;
  int n = window_runs(r->k->lw, r->w, r->d->tile, most, &runs);
  for (int i = 0; i < n; i++) {
    const ColumnRun *run = &runs[i];
    LExpr *start = lx_int(b, run->start);
    int64_t end = run->start + (int64_t)run->size * run->repeat;
    if (run->repeat > 1) start = loop_for(b, "x", start, lx_int(b, end), run->size);
    tile(r, start, run->size, run->interior ? NULL : run, run->bounded);
    if (run->repeat > 1) loop_end_for(b);
  }
}

static void single_columns(Row *r, LExpr *from, LExpr *to) {
  tile(r, loop_for(r->k->b, "x", from, to, 1), 1, NULL, true);
  loop_end_for(r->k->b);
}

// Columns whose number is known at run time only: tiles where every tap is valid, single columns around them.
static void dynamic_row(Row *r) {
  Kernel *k = r->k;
  LBuilder *b = k->b;
  LExpr *first, *whole;
  window_inside(k, r->w, r->d->tile, &first, &whole);
  single_columns(r, lx_int(b, 0), first);
  tile(r, loop_for(b, "x", first, whole, r->d->tile), r->d->tile, NULL, false);
  loop_end_for(b);
  single_columns(r, whole, kernel_dim(k, r->w->out_w));
}

static void columns(Row *r) {
  if (window_is_static(r->w))
    static_row(r);
  else
    dynamic_row(r);
}

// Windows that are one piece of code have another for rows at the picture's border.
static void window_of_row(Row *r) {
  LBuilder *b = r->k->b;
  int64_t kh = r->w->kh;
  bool always = r->kh_lo->op == LOOP_INT && r->kh_hi->op == LOOP_INT;
  bool branches = !always && kh * r->w->kw <= UNROLLED_TAPS;
  r->all_rows = always;
  if (branches) {
    r->all_rows = true;
    loop_if(b, lx_op(b, LOOP_EQ, lx_sub(b, r->kh_hi, r->kh_lo), lx_int(b, kh)));
    columns(r);
    loop_else(b);
    r->all_rows = false;
  }
  columns(r);
  if (branches) loop_end_if(b);
}

// The output row, machine vector after machine vector of the block's lanes.
static void output_row(Row *r, LExpr *bias, LExpr *scale) {
  LBuilder *b = r->k->b;
  Row part = *r;
  int lanes = r->d->lanes;
  bool opened;
  LExpr *at = kernel_loop(r->k, "part", lx_int(b, 0), lx_int(b, BLOCK / lanes), &opened);
  at = lx_muli(b, at, lanes);
  part.x = loop_let(b, "xp", lx_add(b, r->x, at));
  part.weights = loop_let(b, "wp", lx_add(b, r->weights, at));
  part.y = loop_let(b, "yp", lx_add(b, r->y, at));
  if (r->residual) part.residual = loop_let(b, "rp", lx_add(b, r->residual, at));
  LExpr *none = lx_const(b, L_F32X(lanes), 0);
  bias = bias ? loop_let(b, "bias", lx_load(b, bias, at, lanes)) : NULL;
  part.start = bias && !r->d->integers ? bias : loop_let(b, "start", none);
  part.shift = bias;
  if (scale) part.scale = loop_let(b, "scale", lx_load(b, scale, at, lanes));
  window_of_row(&part);
  kernel_end_loop(r->k, opened);
}

// Long activations run over the stored row: repeated for every register of a tile they would spill them all.
static void activate_row(Row *r) {
  LBuilder *b = r->k->b;
  LExpr *end = lx_muli(b, kernel_dim(r->k, r->w->out_w), BLOCK);
  LExpr *at = loop_for(b, "i", lx_int(b, 0), end, r->d->lanes);
  loop_store(b, r->y, at, math_activation(b, r->d->act, lx_load(b, r->y, at, r->d->lanes)));
  loop_end_for(b);
}

void depthwise_row(const Depthwise *d, const DepthwiseRow *at) {
  LBuilder *b = d->k->b;
  Row r = {.d = d, .k = d->k, .w = d->w, .x = at->x, .y = at->y, .residual = at->residual, .row = at->row};
  r.weights = loop_let(b, "wb", lx_add(b, d->weights, lx_muli(b, at->block, d->w->kh * d->w->kw * BLOCK)));
  LExpr *bias = d->bias ? loop_let(b, "bb", lx_add(b, d->bias, lx_muli(b, at->block, BLOCK))) : NULL;
  window_rows(d->k, d->w, at->row, &r.kh_lo, &r.kh_hi);
  LExpr *scale = d->scale ? loop_let(b, "sb", lx_add(b, d->scale, lx_muli(b, at->block, BLOCK))) : NULL;
  output_row(&r, bias, scale);
  if (math_is_long(d->act)) activate_row(&r);
}

static int lanes(const LowerTarget *t) { return t->vector_bytes / 4 < BLOCK ? t->vector_bytes / 4 : BLOCK; }

// Sums, a kernel row's weights and an input pixel are in registers.
static int tile_size(const LowerTarget *t, const Window *w, bool integers) {
  int64_t room = t->vector_registers - w->kw - (integers ? 6 : 2);
  return (int)max_i64(4, min_i64(room, WIDEST_TILE));
}

Depthwise depthwise_begin(Kernel *k, const Node *n, const Window *w) {
  Lower *lw = k->lw;
  Depthwise d = {.k = k, .w = w, .act = "none", .lanes = lanes(lw->target), .integers = n->op == OP_QUANTIZED_CONV2D};
  if (d.integers)
    d.scaling = scaled_read(n);
  else
    d.act = NODE_ATTR(n, CONV2D, act)->s;
  Weight *bias = d.integers ? d.scaling.bias : weight_operand(n, IN_CONV2D_bias);
  d.tile = tile_size(lw->target, w, d.integers);
  d.weights = kernel_buffer(k, "dw", pack_depthwise(lw, weight_operand(n, IN_CONV2D_weight)), ACCESS_IN);
  if (d.integers) d.scale = kernel_buffer(k, "dscale", pack_vector(lw, d.scaling.scale), ACCESS_IN);
  if (d.integers && d.scaling.table)
    d.table = kernel_buffer(k, "table", pack_row_major(lw, d.scaling.table), ACCESS_IN);
  if (bias) d.bias = kernel_buffer(k, "dbias", pack_vector(lw, bias), ACCESS_IN);
  return d;
}

bool depthwise_reads_back(const Depthwise *d) { return math_is_long(d->act); }

int64_t depthwise_row_cost(Lower *lw, const Node *n, const Window *w) {
  bool is_long = n->op == OP_CONV2D && math_is_long(NODE_ATTR(n, CONV2D, act)->s);
  return lower_estimate(lw, w->out_w) * (w->kh * w->kw + (is_long ? LONG_ACTIVATION : 2));
}

// ---- the kernel that does nothing else

static void task(const Depthwise *d, const Planes *p, LVar *sums, DepthwiseRow *at) {
  LBuilder *b = d->k->b;
  LExpr *y = at->y, *residual = at->residual;
  at->row = loop_for(b, "row", p->lo, p->hi, 1);
  LExpr *begin = lx_mul(b, at->row, lx_muli(b, kernel_dim(d->k, d->w->out_w), BLOCK));
  at->y = loop_let(b, "yr", lx_add(b, y, begin));
  if (residual) at->residual = loop_let(b, "rr", lx_add(b, residual, begin));
  depthwise_row(d, at);
  if (sums) planes_add(d->k, sums, at->y, lx_int(b, 0), kernel_dim(d->k, d->w->out_w));
  loop_end_for(b);
}

void depthwise(Lower *lw, const Node *n, const Window *w) {
  bool quantized = n->op == OP_QUANTIZED_CONV2D;
  Value *x = operand(n, IN_CONV2D_x), *y = result(n),
        *residual = operand(n, quantized ? (int)IN_QUANTIZED_CONV2D_residual : (int)IN_CONV2D_residual);
  Kernel k = kernel_begin(lw, "depthwise");
  LBuilder *b = k.b;
  LExpr *px = kernel_in(&k, "x", x), *pr = NULL;
  Depthwise d = depthwise_begin(&k, n, w);
  bool summed = !quantized && planes_summed(y), read_back = depthwise_reads_back(&d) || summed;
  bool in_place = residual && !read_back && residual->type == y->type;
  if (residual) pr = in_place ? kernel_in_place(&k, "residual", residual) : kernel_in(&k, "residual", residual);
  LExpr *py = in_place    ? kernel_out_in_place(&k, "y", y)
              : read_back ? kernel_inout(&k, "y", y)
                          : kernel_out(&k, "y", y);
  Planes p = planes_begin(&k, y->type, depthwise_row_cost(lw, n, w));
  DepthwiseRow at = {.block = p.block};
  at.x = loop_let(b, "xb", lx_add(b, px, planes_origin(&k, &p, x)));
  if (residual) at.residual = loop_let(b, "rb", lx_add(b, pr, planes_origin(&k, &p, residual)));
  at.y = loop_let(b, "yb", lx_add(b, py, planes_origin(&k, &p, y)));
  LVar *sums = summed ? planes_sums(&k, NULL) : NULL;
  task(&d, &p, sums, &at);
  if (summed) {
    LExpr *to = lx_muli(b, p.task, BLOCK);
    loop_store(b, planes_sums_buffer(&k, n, p.tasks, p.bands), to, planes_total(&k, sums));
  }
  int64_t outputs = lower_estimate(lw, type_elements(lw->m, y->type));
  char detail[32];
  snprintf(detail, sizeof detail, "C16 %dx%d", d.tile, d.lanes);
  kernel_finish(&k, n, p.tasks, outputs * w->kh * w->kw, detail);
}
