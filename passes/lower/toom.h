// Toom-Cook's algorithm for m outputs of a filter of three taps from m + 2 inputs, by m + 2 products: what Winograd's
// convolution F(m,3) does along either axis of a tile. Inputs, taps and products are values of polynomials at m + 2
// points: 0, pairs of opposite numbers, infinity. Opposite points share their even and their odd half.
//
// Points: F(2,3) 0, 1, -1, inf; F(4,3) 0, +-sqrt(1/2), +-sqrt(2), inf, whose errors are 0.77 of those of +-1, +-2
// (A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks", 2015; on the choice of points B. Barabasz et
// al., "Error Analysis and Improving the Accuracy of Winograd Convolution for DNNs", 2020).
#pragma once
#include "ir/loop/loop.h"

enum { TOOM_TAPS = 3, TOOM_MOST = 6 };

typedef struct Toom {
  int m, n;        // outputs; inputs and products
  int pairs;       // of opposite points
  double point[2]; // the positive one of each
} Toom;

Toom toom(int m); // 2 or 4

// Each takes vectors and appends lets. Products are numbered as the points: 0, +p, -p, +q, -q, infinity.
void toom_inputs(LBuilder *b, const Toom *t, LExpr *const *in, LExpr **out);        // m + 2 to m + 2
LExpr *toom_taps(LBuilder *b, const Toom *t, int product, LExpr *const *taps);      // 3 to the one of a product
void toom_outputs(LBuilder *b, const Toom *t, LExpr *const *products, LExpr **out); // m + 2 to m
