// One kernel for everything that multiplies by a constant matrix: convolution (any window, grouped or not), patch
// embedding, linear layers. Sums are kept in register tiles over taps and input channels; bias, residual and activation
// are applied before the one store.
#pragma once
#include "passes/lower/pack.h"
#include "passes/lower/scaled.h"
#include "passes/lower/window.h"

typedef struct Contraction {
  Window window; // a linear layer: 1 x 1, its rows as columns of pictures one row high
  Dim images;
  int64_t channels_in, channels_out, groups;
  // Input: `block` channels lie together; strides in elements. An input channel c is at c / block * in_block + c %
  // block.
  int64_t block;
  Dim in_image, in_row, in_pixel, in_block;
  // Output: vectors of 16 channels out_panel apart.
  Dim out_image, out_row, out_pixel, out_panel;
  bool out_tail; // the last vector must not be written past channels_out (row-major output)
  Value *x, *y, *residual;
  Dim y_first; // where in y the first output goes
  Weight *weight, *bias;
  const Taps *taps; // NULL, or those of a transposed convolution's weight
  const char *act;
  // Of integers (NULL: of f32): input channels are counted by fours, each an i32, in channels_in, block and strides.
  const Scaling *scaling;
} Contraction;

void contract(Lower *lw, const Node *n, const Contraction *c);

// Parameters for the residual (NULL where there is none) and the result, for tile_store; `read_back`: a kernel reads
// what it stored of its own accord.
void contract_results(Kernel *k, const Contraction *c, bool read_back, LExpr **residual, LExpr **y);

// Multiply-adds of direct sums, for profiles: with symbolic dimensions at their minimum.
int64_t contract_macs(Lower *lw, const Contraction *c);

// A picture without taps and borders as rows of a convenient width: sets out_h, out_w and in_h, in_w of the window.
void contract_flatten(Lower *lw, Contraction *c, Dim pixels);
