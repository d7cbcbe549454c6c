// Sliding windows as values: a picture or volume [N, C, s1, ...] with a dimension for the taps of each side.
// Convolutions whose weights are computed, and those of volumes, are matrix products with them; made of primitive ops
// alone.
#pragma once
#include "passes/graph/rewrite.h"

typedef struct WindowSide {
  int64_t kernel, stride, dilation;
  Dim before, after; // border; negative: cut off
} WindowSide;

// All of these make their nodes before `n`, for which they stand; NULL after a diagnostic there: the border is no
// constant, or what lies between is too large.

// [N, C, k1, ..., o1, ...]: tap k of window o, of `sides` sides. `counts`: how many windows a side has; they must lie
// in x and its border, which holds `border`.
Value *windows_of(Module *m, Diag *d, Node *n, Value *x, int sides, const WindowSide *side, const Dim *counts,
                  double border);

// A convolution with weight [O, C / groups, k1, ...], which gives n's result.
Value *windows_convolve(Module *m, Diag *d, Node *n, Value *weight, int64_t groups, const WindowSide *side);
// A transposed one, with weight [C, O / groups, k1, ...]; the borders are taken off the result: `after` is the border
// less what is added to the result.
Value *windows_convolve_transposed(Module *m, Diag *d, Node *n, Value *weight, int64_t groups, const WindowSide *side);
