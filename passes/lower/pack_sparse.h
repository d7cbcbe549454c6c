// Weights of which most are zero, as sparse.c reads them: what is left, and where it stands.
#pragma once
#include "passes/lower/lower.h"

enum { SPARSE_BLOCK_MOST = 256 }; // a channel's number within its block is a byte

// Of a weight [OC, IC], in blocks of input channels: block by block, in each the output channels in turn, of each of
// these the elements that are not zero by ascending input channel.
typedef struct SparseWeights {
  LBuffer *values;   // f32
  LBuffer *channels; // u8: the input channel of each, within its block
  LBuffer *starts;   // i32 [blocks][OC, whole panels of 16] + 1: where an output channel's begin; the next one's are
                     // behind them
} SparseWeights;

// `nonzeros`: how many there are; they fit an i32.
SparseWeights pack_sparse(Lower *lw, Weight *w, int64_t block, int64_t nonzeros);
