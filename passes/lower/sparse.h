// Pointwise convolutions and linear layers whose weights are mostly zeros: only the others are multiplied. Lanes are
// pixels instead of output channels: a band of pixels is turned, so that each input channel's lie side by side, and an
// output channel's sums of all its pixels stay in registers while its nonzeros are gone through. Neighbours: sparse.c
// (the kernels), sparse_choice.c (whether it pays, how it is divided), pack_sparse.h (the weights).
//
//   for some input channels, whose pixels of the band stay in the first-level cache:
//     x                                                    -> turned[channel][pixel]
//     for each output channel: sums[pixel] += value * turned[its channel][pixel], for each of its nonzeros
//   sums, turned back, with bias, residual, activation     -> y
//
// Sums start with the bias and go by ascending input channel, as contract.c's do, so that they are the same to the bit,
// whatever the bands, on every machine; only what 0 times infinity or NaN gives is not in them.
#pragma once
#include "passes/lower/contract.h"

// The pixels of a picture are counted in vectors of 16, the last of which may be partial.
typedef struct Sparse {
  int64_t nonzeros;
  int width;     // vectors of a band, at most
  int64_t block; // input channels that are turned at a time
  int64_t group; // panels of 16 output channels a task
  bool apart;    // the whole picture is turned in a phase of its own, for tasks of several groups
} Sparse;

// Whether the layer of node n is computed so, of which c says all but how rows are divided (contract_flatten), and how;
// says so with a remark.
bool sparse_choose(Lower *lw, const Node *n, const Contraction *c, Dim pixels, Sparse *s);
// Thousands of cycles by which the pointwise convolution n would be faster so than by the dense kernel, of one machine
// for all; 0 where it would not.
double sparse_gain(Lower *lw, const Node *n);
void sparse(Lower *lw, const Node *n, const Contraction *c, Dim pixels, const Sparse *s);
