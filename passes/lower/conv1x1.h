// Rows of a pointwise convolution, for kernels that make its input or take its output while they are at hand.
#pragma once
#include "passes/lower/tile.h"

typedef struct Conv1x1 {
  Kernel *k;
  int64_t channels_in, panels; // panels: of 16 output channels
  Dim pixels;                  // of a row
  const char *act;
  TileShape tile;
  LExpr *weights, *bias; // parameters
  LExpr *wide;           // where weights that are halves are widened to; NULL: they are f32
} Conv1x1;

// Adds the parameters for weights and bias to the kernel. n is a convolution whose input and output are blocked.
Conv1x1 conv1x1_begin(Kernel *k, const Node *n, int64_t panels, Dim pixels);
// Before the loop over tasks, once all parameters are there: what they share.
void conv1x1_prepare(Conv1x1 *p);
// Its tile, where at most `panels` panels are computed together (0: all), rows have so many pixels; DIM_INVALID: where
// tiles do not end with rows.
TileChoice conv1x1_tile(const LowerTarget *t, const Node *n, int64_t panels, Dim pixels);

// Rows of pixels, one of each of some blocks of channels.
typedef struct PixelRows {
  LExpr *p;  // the first block's
  Dim block; // elements from one block's to the next's
} PixelRows;
// One row: `count` panels from number `panel` on; x: of all input channels, y: of those panels, as
// far apart as those of `residual` (NULL: none).
void conv1x1_row(const Conv1x1 *p, LExpr *panel, int count, PixelRows x, PixelRows y, LExpr *residual);
