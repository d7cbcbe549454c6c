// The window of a convolution or pool as ONNX's attributes state it.
#pragma once
#include "frontend/onnx/import.h"

enum { WINDOW_RANK = 3 };

typedef struct OnnxWindow {
  int rank; // of the picture: 1 to 3
  int64_t kernel[WINDOW_RANK], stride[WINDOW_RANK], dilation[WINDOW_RANK];
  Dim before[WINDOW_RANK], after[WINDOW_RANK]; // padding
} OnnxWindow;

// `kernel`: of the weights, NULL: as kernel_shape says. x: [N, C, picture...]. False after a diagnostic.
bool window_read(Call *c, int rank, const Dim *kernel, const Type *x, OnnxWindow *w);
Attr window_padding(Call *c, const OnnxWindow *w); // of a window of rank 2
