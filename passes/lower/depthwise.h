// Depthwise convolution of pictures in blocks of channels.
#pragma once
#include "passes/lower/scaled.h"
#include "passes/lower/window.h"

void depthwise(Lower *lw, const Node *n, const Window *w);

// Its rows one by one, for kernels that make its input or take its output while they are at hand.
typedef struct Depthwise {
  Kernel *k;
  const Window *w;
  const char *act;
  int lanes;             // of a machine vector: a block holds one, two or four
  int tile;              // output columns whose sums are in registers
  int64_t ring;          // a power of two: input row r lies at r modulo it; 0: where it is
  LExpr *weights, *bias; // parameters
  bool integers;         // x is of integers; their sums, exact in f32, are scaled
  Scaling scaling;
  LExpr *scale, *table;
} Depthwise;

// Adds the parameters for weights and bias to the kernel. `w` must live as long as what is returned.
Depthwise depthwise_begin(Kernel *k, const Node *n, const Window *w);
// Whether rows are read again after they are stored.
bool depthwise_reads_back(const Depthwise *d);
int64_t depthwise_row_cost(Lower *lw, const Node *n, const Window *w); // vector operations

typedef struct DepthwiseRow {
  LExpr *block, *row;      // number of the block of channels; of the output row
  LExpr *x, *y, *residual; // pointers: the block's input plane; the output row; the residual's, or NULL
} DepthwiseRow;
void depthwise_row(const Depthwise *d, const DepthwiseRow *at);
