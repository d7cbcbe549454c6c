// Moments of what a layer's outputs are sums over: its input channels at every tap of its window. They say how much of
// an output a change of the weights is worth, for `factorize` and `prune`.
//
// Elements are rounded to whole multiples of a unit, so that all sums are exact in double, whatever their order:
// threads make no difference.
#pragma once
#include "passes/calibration.h"

// Inputs that a layer may have: their moments are as many numbers squared.
enum { MOMENTS_SIDE_MOST = 4096 };
#define MOMENTS_BYTES_MOST (INT64_C(1) << 31) // of all layers together

typedef struct MomentWindow {
  int64_t channels, kernel[2], stride[2], dilation[2];
  int64_t padding[2], behind[2]; // above and to the left; below and to the right
  bool picture;                  // channels lie in front of pixels, else last
} MomentWindow;

typedef struct Moments {
  MomentWindow window;
  int64_t n, count; // inputs; positions seen
  double unit;      // of the sums
  double *sums;     // n, then n x n, of which the lower triangle is not used
} Moments;

// Whether the node is an ungrouped convolution, of patches or not, or a linear layer, of f32, whose inputs are not too
// many.
bool moments_window(const Node *n, MomentWindow *w);
int64_t moments_inputs(const MomentWindow *w);

// `largest`: the largest magnitude of an element that will be seen. Free with moments_free.
void moments_init(Moments *m, const MomentWindow *w, double largest);
void moments_free(Moments *m);
// Adds a layer's input, row-major, of one of so many samples; of its positions no more than what keeps the sums exact
// and the time bounded, spread evenly.
void moments_add(Moments *m, const float *x, int rank, const int64_t *extents, size_t sample, size_t samples);
// Adds what was seen to the calibration under this name.
void moments_finish(const Moments *m, const char *name, Calibration *c);
