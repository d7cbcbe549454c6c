// Winograd's convolution F(m x m, 3 x 3): 3x3 windows at every position, computed for tiles of m x m outputs as
// (m + 2)^2 matrix products, one for each product of Toom-Cook's algorithm (toom.h) along both axes; 2.25 times (m = 2)
// or 4 times (m = 4) fewer multiplications than direct sums. Neighbours: winograd.c (the kernels, of the parts
// that winograd_body.h lists), winograd_choice.c (whether it pays, how it is divided).
//
//   1. inputs   tiles of x, overlapping by two     -> v[product][IC/16][tile][16]
//   2. taps     of a panel group, as packed for direct sums -> u[product of one row][ic][nr * 16]
//   3. products u times v, register tiles of tile.h          -> m[product][nr][tile][16]
//   4. outputs  m, bias, residual, activation                -> y
//
// Weights stay as direct convolution packs them and are transformed while they are read, a piece at a time that stays
// in the first-level cache. For an input channel and a vector of output channels F(4,3) takes 75 to 200 cycles for
// that, the more the further away the weights are, beside 25 T of products for a block of T tiles. It spares a fourfold
// size of the file and, at batch 1, reading four times the bytes, which for deep layers takes longer than all products.
//
// Error: an output is within (IC + 40) u k sum |w| max |x| of the exact one, u = 2^-24, the sum over its channel's
// weights, the maximum over the tile's inputs; k = 16 for F(2,3) and 189 for F(4,3) is the greatest sum of the products
// of the absolute coefficients, of both axes. Where signs are mixed errors largely cancel: for noise the normalised
// mean squared error is below WINOGRAD_NMSE IC, and a layer of so many channels that it could be over 1e-9, the most
// that `nncc verify` admits, is summed directly. An infinite or NaN input makes the whole tile NaN.
#pragma once
#include "passes/lower/contract.h"
#include "passes/lower/tile.h"
#include "passes/lower/toom.h"

#define WINOGRAD_NMSE 2e-14 // a channel; 1e-14 is measured for F(4,3)

// Tiles are grouped in segments of a row of tiles; a block is up to `block` segments, whatever pictures they lie in.
typedef struct Winograd {
  Toom toom;
  int64_t tiles_x, tiles_y; // of one picture
  int64_t segment, across;  // tiles a segment; segments across a picture
  int64_t block;            // segments a block
  TileShape tile;           // of the products
  int64_t slab;             // blocks of 16 input channels that are gone through for one row of products after the other
  int64_t depth;            // blocks of 16 input channels of a slab whose taps are transformed at a time
  bool apart;               // inputs are transformed in a phase of their own, for all pictures; else block by block
} Winograd;

// Whether the convolution of node n is computed so, and how; says so with a remark.
bool winograd_choose(Lower *lw, const Node *n, const Contraction *c, Winograd *w);
void winograd(Lower *lw, const Node *n, const Contraction *c, const Winograd *w);
