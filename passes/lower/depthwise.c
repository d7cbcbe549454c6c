#include "passes/lower/depthwise.h"
#include "ir/core/checked.h"
#include "passes/lower/math.h"
#include "passes/lower/pack.h"
#include "passes/lower/planes.h"
#include <stdio.h>

enum {
  UNROLLED_TAPS = 9,    // windows of at most this many taps are one piece of code
  LONG_ACTIVATION = 20, // vector operations
  WIDEST_TILE = 14,
};

typedef struct Depthwise {
  Kernel *k;
  const Window *w;
  const char *act;
  int lanes; // of a machine vector: a block holds one, two or four
  int tile;  // output columns whose sums are in registers
  LExpr *x, *weights, *y,
      *residual; // x: of the task's plane; y, residual: of its output row; all at the vector's lanes
  LExpr *start;  // the vector's bias
  LExpr *row, *kh_lo, *kh_hi;
  bool all_rows; // no kernel row is outside the picture
  LVar *sums;    // of the outputs; NULL: nobody asks for them
} Depthwise;

static LExpr *pixel(Depthwise *d, LExpr *p, LExpr *column) {
  return lx_load(d->k->b, p, lx_muli(d->k->b, column, BLOCK), d->lanes);
}

// acc[i] += the taps of kernel row kh for tiles whose columns are known up to `start`, input column after input column:
// each is read once for all the outputs that it touches. A border tile leaves out columns that the picture has not.
static void row_taps(Depthwise *d, LVar *acc, LExpr *start, int size, const ColumnRun *border, LExpr *kh) {
  LBuilder *b = d->k->b;
  const Window *w = d->w;
  LExpr *row_at = lx_mul(b, window_row(d->k, w, d->row, kh), lx_muli(b, kernel_dim(d->k, w->in_w), BLOCK));
  LExpr *column = window_column(d->k, w, start, lx_int(b, 0));
  LExpr *x = loop_let(b, "xr", lx_add(b, d->x, lx_add(b, row_at, lx_muli(b, column, BLOCK))));
  LExpr **tap = arena_array(d->k->lw->p->arena, LExpr *, w->kw);
  for (int64_t kw = 0; kw < w->kw; kw++)
    tap[kw] = loop_let(b, "w", pixel(d, d->weights, lx_addi(b, lx_muli(b, kh, w->kw), kw)));
  for (int64_t c = 0; c <= (size - 1) * w->sw + (w->kw - 1) * w->dw; c++) {
    int64_t at = border ? border->start * w->sw - w->left + c : 0;
    if (border && (at < 0 || at >= w->in_w)) continue;
    LExpr *v = NULL;
    for (int64_t kw = 0; kw < w->kw && kw * w->dw <= c; kw++) {
      int64_t i = (c - kw * w->dw) / w->sw;
      if (i >= size || i * w->sw + kw * w->dw != c) continue;
      if (!v) v = loop_let(b, "v", pixel(d, x, lx_int(b, c)));
      loop_set(b, acc, lx_fma(b, v, tap[kw], lx_local(b, acc, lx_int(b, i))), lx_int(b, i));
    }
  }
}

// The same for one output column of which nothing is known.
static void bounded_taps(Depthwise *d, LVar *acc, LExpr *start, LExpr *kh) {
  LBuilder *b = d->k->b;
  const Window *w = d->w;
  LExpr *lo, *hi, *zero = lx_int(b, 0);
  window_columns(d->k, w, start, &lo, &hi);
  LExpr *kw = loop_for(b, "kw", lo, hi, 1);
  LExpr *row_at = lx_mul(b, window_row(d->k, w, d->row, kh), lx_muli(b, kernel_dim(d->k, w->in_w), BLOCK));
  LExpr *v = pixel(d, lx_add(b, d->x, row_at), window_column(d->k, w, start, kw));
  LExpr *tap = pixel(d, d->weights, lx_add(b, lx_muli(b, kh, w->kw), kw));
  loop_set(b, acc, lx_fma(b, v, tap, lx_local(b, acc, zero)), zero);
  loop_end_for(b);
}

static void store(Depthwise *d, LVar *acc, LExpr *start, int size) {
  LBuilder *b = d->k->b;
  LExpr *i = loop_unroll(b, "i", 0, size), *at = lx_add(b, start, i), *v = lx_local(b, acc, i);
  if (d->residual) v = lx_add(b, v, pixel(d, d->residual, at));
  loop_store(b, d->y, lx_muli(b, at, BLOCK), math_is_long(d->act) ? v : math_activation(b, d->act, v));
  loop_end_for(b);
}

static void tile(Depthwise *d, LExpr *start, int size, const ColumnRun *border, bool bounded) {
  LBuilder *b = d->k->b;
  const Window *w = d->w;
  LVar *acc = loop_local(b, "acc", L_F32X(d->lanes), 1, (int[]){size});
  LExpr *i = loop_unroll(b, "i", 0, size);
  loop_set(b, acc, d->start, i);
  loop_end_for(b);
  if (d->all_rows && !bounded && w->kh * w->kw <= UNROLLED_TAPS)
    for (int64_t kh = 0; kh < w->kh; kh++) row_taps(d, acc, start, size, border, lx_int(b, kh));
  else {
    LExpr *kh = loop_for(b, "kh", d->kh_lo, d->kh_hi, 1);
    if (bounded)
      bounded_taps(d, acc, start, kh);
    else
      row_taps(d, acc, start, size, border, kh);
    loop_end_for(b);
  }
  store(d, acc, start, size);
}

static void static_row(Depthwise *d) {
  LBuilder *b = d->k->b;
  ColumnRun *runs;
  int n = window_runs(d->k->lw, d->w, d->tile, &runs);
  for (int r = 0; r < n; r++) {
    LExpr *start = lx_int(b, runs[r].start);
    int64_t end = runs[r].start + (int64_t)runs[r].size * runs[r].repeat;
    if (runs[r].repeat > 1) start = loop_for(b, "x", start, lx_int(b, end), runs[r].size);
    tile(d, start, runs[r].size, runs[r].interior ? NULL : &runs[r], false);
    if (runs[r].repeat > 1) loop_end_for(b);
  }
}

static void single_columns(Depthwise *d, LExpr *from, LExpr *to) {
  tile(d, loop_for(d->k->b, "x", from, to, 1), 1, NULL, true);
  loop_end_for(d->k->b);
}

// Columns whose number is known at run time only: tiles where every tap is valid, single columns around them.
static void dynamic_row(Depthwise *d) {
  Kernel *k = d->k;
  LBuilder *b = k->b;
  LExpr *first, *whole;
  window_inside(k, d->w, d->tile, &first, &whole);
  single_columns(d, lx_int(b, 0), first);
  tile(d, loop_for(b, "x", first, whole, d->tile), d->tile, NULL, false);
  loop_end_for(b);
  single_columns(d, whole, kernel_dim(k, d->w->out_w));
}

static void columns(Depthwise *d) {
  if (window_is_static(d->w))
    static_row(d);
  else
    dynamic_row(d);
}

// Windows that are one piece of code have another for rows at the picture's border.
static void window_of_row(Depthwise *d) {
  LBuilder *b = d->k->b;
  int64_t kh = d->w->kh;
  bool always = d->kh_lo->op == LOOP_INT && d->kh_hi->op == LOOP_INT;
  bool branches = !always && kh * d->w->kw <= UNROLLED_TAPS;
  d->all_rows = always;
  if (branches) {
    d->all_rows = true;
    loop_if(b, lx_op(b, LOOP_EQ, lx_sub(b, d->kh_hi, d->kh_lo), lx_int(b, kh)));
    columns(d);
    loop_else(b);
    d->all_rows = false;
  }
  columns(d);
  if (branches) loop_end_if(b);
}

// The output row, machine vector after machine vector of the block's lanes.
static void output_row(Depthwise *d, LExpr *bias) {
  LBuilder *b = d->k->b;
  Depthwise part = *d;
  bool opened;
  LExpr *at = kernel_loop(d->k, "part", lx_int(b, 0), lx_int(b, BLOCK / d->lanes), &opened);
  at = lx_muli(b, at, d->lanes);
  part.x = loop_let(b, "xp", lx_add(b, d->x, at));
  part.weights = loop_let(b, "wp", lx_add(b, d->weights, at));
  part.y = loop_let(b, "yp", lx_add(b, d->y, at));
  if (d->residual) part.residual = loop_let(b, "rp", lx_add(b, d->residual, at));
  part.start = bias ? lx_load(b, bias, at, d->lanes) : lx_const(b, L_F32X(d->lanes), 0);
  part.start = loop_let(b, "start", part.start);
  window_of_row(&part);
  kernel_end_loop(d->k, opened);
}

// Long activations run over the stored row: repeated for every register of a tile they would spill them all.
static void activate_row(Depthwise *d) {
  LBuilder *b = d->k->b;
  LExpr *end = lx_muli(b, kernel_dim(d->k, d->w->out_w), BLOCK);
  LExpr *at = loop_for(b, "i", lx_int(b, 0), end, d->lanes);
  loop_store(b, d->y, at, math_activation(b, d->act, lx_load(b, d->y, at, d->lanes)));
  loop_end_for(b);
}

static void task(Depthwise *d, const Planes *p, LExpr *bias, LExpr *y, LExpr *residual) {
  LBuilder *b = d->k->b;
  d->row = loop_for(b, "row", p->lo, p->hi, 1);
  window_rows(d->k, d->w, d->row, &d->kh_lo, &d->kh_hi);
  LExpr *at = lx_mul(b, d->row, lx_muli(b, kernel_dim(d->k, d->w->out_w), BLOCK));
  d->y = loop_let(b, "yr", lx_add(b, y, at));
  if (residual) d->residual = loop_let(b, "rr", lx_add(b, residual, at));
  output_row(d, bias);
  if (math_is_long(d->act)) activate_row(d);
  if (d->sums) planes_add(d->k, d->sums, d->y, lx_int(b, 0), kernel_dim(d->k, d->w->out_w));
  loop_end_for(b);
}

// A vector of sums for each task, from which a pool that follows makes the mean.
static LExpr *sums_buffer(Kernel *k, Value *y, Dim tasks) {
  Lower *lw = k->lw;
  const char *name = arena_printf(lw->p->arena, "v%u.sums", y->id);
  Dim bytes = dim_mul(lw->m->dims, tasks, BLOCK * sizeof(float));
  lw->sums[y->id].buffer = lower_new_buffer(lw, BUFFER_ARENA, name, DT_F32, bytes);
  return kernel_buffer(k, "sums", lw->sums[y->id].buffer, ACCESS_OUT);
}

static int lanes(const LowerTarget *t) { return t->vector_bytes / 4 < BLOCK ? t->vector_bytes / 4 : BLOCK; }

// Sums, a kernel row's weights and an input pixel are in registers.
static int tile_size(const LowerTarget *t, const Window *w) {
  int64_t room = t->vector_registers - w->kw - 2;
  return (int)max_i64(4, min_i64(room, WIDEST_TILE));
}

static int64_t row_cost(Lower *lw, const Window *w, const char *act) {
  return lower_estimate(lw, w->out_w) * (w->kh * w->kw + (math_is_long(act) ? LONG_ACTIVATION : 2));
}

void depthwise(Lower *lw, const Node *n, const Window *w) {
  Value *x = operand(n, IN_CONV2D_x), *y = result(n), *residual = operand(n, IN_CONV2D_residual);
  Weight *bias = weight_operand(n, IN_CONV2D_bias);
  Kernel k = kernel_begin(lw, "depthwise");
  LBuilder *b = k.b;
  Depthwise d = {.k = &k, .w = w, .act = NODE_ATTR(n, CONV2D, act)->s, .lanes = lanes(lw->target)};
  d.tile = tile_size(lw->target, w);
  bool summed = planes_summed(y), read_back = math_is_long(d.act) || summed, in_place = residual && !read_back;
  LExpr *px = kernel_in(&k, "x", x), *pr = NULL;
  LExpr *pw = kernel_buffer(&k, "w", pack_depthwise(lw, weight_operand(n, IN_CONV2D_weight)), ACCESS_IN);
  LExpr *pb = bias ? kernel_buffer(&k, "bias", pack_vector(lw, bias), ACCESS_IN) : NULL;
  if (residual) pr = in_place ? kernel_in_place(&k, "residual", residual) : kernel_in(&k, "residual", residual);
  LExpr *py = in_place    ? kernel_out_in_place(&k, "y", y)
              : read_back ? kernel_inout(&k, "y", y)
                          : kernel_out(&k, "y", y);
  Planes p = planes_begin(&k, y->type, row_cost(lw, w, d.act));
  d.x = loop_let(b, "xb", lx_add(b, px, planes_origin(&k, &p, x)));
  d.weights = loop_let(b, "wb", lx_add(b, pw, lx_muli(b, p.block, w->kh * w->kw * BLOCK)));
  if (bias) pb = loop_let(b, "bb", lx_add(b, pb, lx_muli(b, p.block, BLOCK)));
  if (residual) pr = loop_let(b, "rb", lx_add(b, pr, planes_origin(&k, &p, residual)));
  if (summed) d.sums = planes_sums(&k);
  task(&d, &p, pb, loop_let(b, "yb", lx_add(b, py, planes_origin(&k, &p, y))), pr);
  if (summed) {
    lw->sums[y->id].bands = p.bands;
    LExpr *to = lx_muli(b, p.task, BLOCK);
    loop_store(b, sums_buffer(&k, y, p.tasks), to, planes_total(&k, d.sums));
    pass_remark(lw->pass, n, false, "sums for the mean of its result are taken as it is computed");
  }
  int64_t outputs = lower_estimate(lw, type_elements(lw->m, y->type));
  char detail[32];
  snprintf(detail, sizeof detail, "C16 %dx%d", d.tile, d.lanes);
  kernel_finish(&k, n, p.tasks, outputs * w->kh * w->kw, detail);
}
