// Sliding windows (convolution, pooling): which taps of a window lie inside the picture. Borders are never padded in
// memory: kernel rows get bounds, columns are split into an interior where every tap is valid and borders where not.
#pragma once
#include "passes/lower/kernel.h"

typedef struct Window {
  Dim in_h, in_w, out_h, out_w;
  int64_t kh, kw, sh, sw, dh, dw; // kernel, stride, dilation
  Dim top, left, right;           // padding; the bottom follows from the sizes
} Window;

// The kernel rows [lo, hi) whose input row `y * sh - top + kh * dh` exists, for output row y.
void window_rows(Kernel *k, const Window *w, LExpr *y, LExpr **lo, LExpr **hi);
void window_columns(Kernel *k, const Window *w, LExpr *x, LExpr **lo, LExpr **hi);
// The input row of kernel row kh: y * sh - top + kh * dh. Never negative between the bounds.
LExpr *window_row(Kernel *k, const Window *w, LExpr *y, LExpr *kh);
LExpr *window_column(Kernel *k, const Window *w, LExpr *x, LExpr *kw);

// Output columns [*first, *whole) for which every tap is valid, as many tiles of `size` as there are.
void window_inside(Kernel *k, const Window *w, int size, LExpr **first, LExpr **whole);

// A run of `repeat` tiles of `size` columns each, the first at `start`. Border tiles stand alone (repeat 1), or are
// bounded: which taps are valid is computed when the model runs.
typedef struct ColumnRun {
  int64_t start, repeat;
  int size;
  bool interior, bounded;
} ColumnRun;
// Splits the output columns, known when compiled, into balanced tiles of at most mr. Returns the number of runs, at
// most out_w; *runs is in the program's arena. Border tiles are bounded where, standing alone, they would be code for
// more than `most` taps.
int window_runs(Lower *lw, const Window *w, int mr, int64_t most, ColumnRun **runs);
// The valid taps of a bounded tile, in ascending order for each of its pixels: calls `taps` for taps [lo, hi), which
// are valid for `pixels` of the tile's pixels from `first`.
typedef void (*WindowTaps)(void *context, int first, int pixels, LExpr *lo, LExpr *hi);
void window_bounded(Kernel *k, const Window *w, LExpr *start, int size, WindowTaps taps, void *context);
// Whether output rows may be summed together, `lines` of them: then their kernel rows overlap or touch.
bool window_joins_rows(const Window *w, int lines);
bool window_is_static(const Window *w);
// Whether a window may hold columns that are not in the picture.
bool window_has_borders(const Window *w);
// The columns [*from, *to) of a border tile, relative to its start, for which tap kw is valid.
void window_valid(const Window *w, const ColumnRun *r, int64_t kw, int *from, int *to);
// The rows of a band, about `rows` of `total`, such that two or four threads get as many bands each.
int64_t window_band(int64_t total, int64_t rows);
