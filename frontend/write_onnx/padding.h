// The padding of convolutions and pools, which may depend on the size of the input.
#pragma once
#include "frontend/write_onnx/export.h"

typedef struct Windows {
  int sides; // dimensions behind the first two
  const int64_t *kernel, *stride, *dilation;
  const Dim *padding; // of all first sides, then of all last ones
} Windows;

typedef struct Padding {
  const int64_t *pads;
  bool same;  // it is what ONNX calls SAME_UPPER
  bool apart; // a Pad of `value` stands before the windows, which have none
} Padding;

// What the windows look at: x, or x padded.
Term *padding_settle(Export *e, Term *x, const Windows *w, double value, Padding *p);
// The last node's attributes.
void padding_attributes(Export *e, const Windows *w, const Padding *p);
