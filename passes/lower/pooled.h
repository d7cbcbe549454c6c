// Max-pooling of rows of blocks while they are in a thread's memory, so that what is pooled is never written out.
#pragma once
#include "passes/lower/window.h"

typedef struct Pooled {
  const Node *node; // NULL: nothing is pooled
  Window w;
  int64_t rows, source_rows; // pooled rows a band, and at most so many rows to pool for them
  LExpr *y, *line;           // the result; one row with what stands for its borders
  LExpr *first, *count;      // pooled rows of the task at hand
  LExpr *source_first;       // the first of the rows that they are taken from
} Pooled;

// The max-pool that alone reads v, [N, C, H, W] of known sizes, and can be taken so; NULL: there is none.
const Node *pooled_after(const Lower *lw, const Value *v);
Pooled pooled_begin(Kernel *k, const Node *n);
// In a task for band number `band`: sets first, count and source_first; *source_count: rows to pool.
void pooled_band(Kernel *k, Pooled *p, LExpr *band, LExpr **source_count);
// Pools one panel, number `panel` of image `image`: its rows lie one behind the other at `from`.
void pooled_panel(Kernel *k, const Pooled *p, LExpr *from, LExpr *image, LExpr *panel);
