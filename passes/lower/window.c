#include "passes/lower/window.h"
#include "ir/core/checked.h"
#include "passes/lower/tile.h"

// Bounds of one axis: taps t in [0, n) with 0 <= at * stride - pad + t * dilation < extent. Division truncates, which
// for a negative numerator gives at most 0, and the bound is 0 then anyway.
static void bounds(Kernel *k, LExpr *at, int64_t n, int64_t stride, int64_t dilation, Dim pad, Dim extent, Dim outputs,
                   LExpr **lo, LExpr **hi) {
  LBuilder *b = k->b;
  *lo = lx_int(b, 0);
  *hi = lx_int(b, n);
  bool all_static = dim_is_const(pad) && dim_is_const(extent) && dim_is_const(outputs);
  LExpr *first = lx_muli(b, at, stride);
  if (pad != 0) {
    LExpr *before = lx_addi(b, lx_sub(b, kernel_dim(k, pad), first), dilation - 1);
    *lo = loop_let(b, "lo", lx_max(b, *lo, lx_op(b, LOOP_DIV, before, lx_int(b, dilation))));
  }
  if (all_static && (outputs - 1) * stride - pad + (n - 1) * dilation < extent) return;
  LExpr *room = lx_sub(b, lx_add(b, kernel_dim(k, extent), kernel_dim(k, pad)), first);
  *hi = loop_let(b, "hi", lx_min(b, *hi, lx_op(b, LOOP_DIV, lx_addi(b, room, dilation - 1), lx_int(b, dilation))));
}

void window_rows(Kernel *k, const Window *w, LExpr *y, LExpr **lo, LExpr **hi) {
  bounds(k, y, w->kh, w->sh, w->dh, w->top, w->in_h, w->out_h, lo, hi);
}

void window_columns(Kernel *k, const Window *w, LExpr *x, LExpr **lo, LExpr **hi) {
  bounds(k, x, w->kw, w->sw, w->dw, w->left, w->in_w, w->out_w, lo, hi);
}

bool window_joins_rows(const Window *w, int lines) {
  if (!dim_is_const(w->in_h) || !dim_is_const(w->out_h) || !dim_is_const(w->top)) return false;
  for (int64_t y = 0; y < w->out_h && y * w->sh < w->top; y += lines) {
    int64_t last = min_i64(y + lines, w->out_h) - 1, room = w->in_h + w->top - last * w->sh;
    int64_t lo = ceil_div(w->top - y * w->sh, w->dh), hi = room > 0 ? min_i64(ceil_div(room, w->dh), w->kh) : 0;
    if (lo > hi) return false; // below 0 only the end of a loop may be
  }
  return w->in_h + w->top >= (w->out_h - 1) * w->sh;
}

static LExpr *position(Kernel *k, LExpr *at, int64_t stride, LExpr *tap, int64_t dilation, Dim pad) {
  LExpr *p = lx_add(k->b, lx_muli(k->b, at, stride), lx_muli(k->b, tap, dilation));
  return pad == 0 ? p : lx_sub(k->b, p, kernel_dim(k, pad));
}

LExpr *window_row(Kernel *k, const Window *w, LExpr *y, LExpr *kh) { return position(k, y, w->sh, kh, w->dh, w->top); }
LExpr *window_column(Kernel *k, const Window *w, LExpr *x, LExpr *kw) {
  return position(k, x, w->sw, kw, w->dw, w->left);
}

void window_inside(Kernel *k, const Window *w, int size, LExpr **first, LExpr **whole) {
  LBuilder *b = k->b;
  LExpr *width = kernel_dim(k, w->out_w), *left = kernel_dim(k, w->left), *stride = lx_int(b, w->sw);
  *first = lx_min(b, width, lx_op(b, LOOP_DIV, lx_addi(b, left, w->sw - 1), stride));
  if ((*first)->op != LOOP_INT) *first = loop_let(b, "first", *first);
  LExpr *room = lx_addi(b, lx_add(b, kernel_dim(k, w->in_w), left), -(w->kw - 1) * w->dw);
  LExpr *end = lx_op(b, LOOP_DIV, lx_addi(b, lx_max(b, room, lx_int(b, 0)), w->sw - 1), stride);
  LExpr *inside = lx_max(b, lx_int(b, 0), lx_sub(b, lx_min(b, width, end), *first));
  LExpr *tiles = lx_op(b, LOOP_DIV, inside, lx_int(b, size));
  *whole = lx_add(b, *first, lx_muli(b, tiles, size));
  if ((*whole)->op != LOOP_INT) *whole = loop_let(b, "whole", *whole);
}

bool window_is_static(const Window *w) {
  return dim_is_const(w->in_w) && dim_is_const(w->out_w) && dim_is_const(w->left);
}

bool window_has_borders(const Window *w) { return w->left != 0 || w->right != 0; }

// Interior tiles of one size are one run, border tiles too if they are bounded. Returns the number of runs.
static int split_columns(const Window *w, TileSplit s, bool bounded, ColumnRun *r) {
  int count = 0;
  int64_t room = w->in_w + w->left - (w->kw - 1) * w->dw, end = room > 0 ? ceil_div(room, w->sw) : 0,
          first = ceil_div(w->left, w->sw); // tiles of columns [first, end) are interior
  for (int64_t i = 0, x = 0, n; i < s.tiles; i += n) {
    int size = (int)(s.small + (i < s.big));
    bool interior = x >= first && x + size <= end;
    n = (i < s.big ? s.big : s.tiles) - i;
    if (interior)
      n = min_i64(n, (end - x) / size);
    else if (!bounded)
      n = 1;
    else if (x < first)
      n = min_i64(n, ceil_div(first - x, size));
    ColumnRun *last = count ? &r[count - 1] : NULL;
    if (last && (interior || bounded) && interior == last->interior && last->size == size)
      last->repeat += n;
    else
      r[count++] = (ColumnRun){x, n, size, interior, bounded && !interior};
    x += n * size;
  }
  return count;
}

int window_runs(Lower *lw, const Window *w, int mr, int64_t most, ColumnRun **runs) {
  ColumnRun joined[4]; // large tiles before small ones, interior ones between borders
  TileSplit s = tile_split(w->out_w, mr);
  int n = split_columns(w, s, true, joined);
  int64_t columns = 0, alone = 0;
  for (int i = 0; i < n; i++) {
    if (!joined[i].bounded) continue;
    alone += joined[i].repeat;
    columns += joined[i].repeat * joined[i].size;
  }
  bool bounded = columns > most / (w->kw + 1); // the stores count too
  *runs = arena_array(lw->p->arena, ColumnRun, n + (bounded ? 0 : alone));
  return split_columns(w, s, bounded, *runs);
}

static bool is_int(const LExpr *e, int64_t i) { return e->op == LOOP_INT && e->i == i; }

// From pixel to pixel both bounds fall: first the taps that only later pixels have, then those of all, then those that
// only earlier ones have.
void window_bounded(Kernel *k, const Window *w, LExpr *start, int size, WindowTaps taps, void *context) {
  LBuilder *b = k->b;
  LExpr **lo = arena_array(k->lw->p->arena, LExpr *, size), **hi = arena_array(k->lw->p->arena, LExpr *, size);
  for (int i = 0; i < size; i++) window_columns(k, w, lx_addi(b, start, i), &lo[i], &hi[i]);
  LExpr *first = lo[0], *last = hi[size - 1];
  for (int i = 1; i < size && !is_int(first, 0); i++) taps(context, i, 1, lo[i], lx_min(b, first, hi[i]));
  taps(context, 0, size, first, last);
  for (int i = 0; i < size - 1 && !is_int(last, w->kw); i++) taps(context, i, 1, lx_max(b, first, last), hi[i]);
}

void window_valid(const Window *w, const ColumnRun *r, int64_t kw, int *from, int *to) {
  *from = 0;
  *to = r->size;
  while (*from < *to && (r->start + *from) * w->sw - w->left + kw * w->dw < 0) ++*from;
  while (*to > *from && (r->start + *to - 1) * w->sw - w->left + kw * w->dw >= w->in_w) --*to;
}

int64_t window_band(int64_t total, int64_t rows) {
  int64_t bands = ceil_div(total, max_i64(rows, 1));
  return ceil_div(total, min_i64(round_up(bands, bands > 2 ? 4 : 1), total));
}
