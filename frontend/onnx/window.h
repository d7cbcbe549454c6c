// The window of a convolution or pool as ONNX's attributes state it.
#pragma once
#include "frontend/onnx/import.h"

enum { WINDOW_RANK = 3 };

typedef struct OnnxWindow {
  int rank; // of the picture: 1 to 3
  int64_t kernel[WINDOW_RANK], stride[WINDOW_RANK], dilation[WINDOW_RANK];
  Dim before[WINDOW_RANK], after[WINDOW_RANK]; // padding
} OnnxWindow;

// How many dimensions x has behind the channels; 0 after a diagnostic where that is not 1 to 3.
int window_rank(Call *c, const Type *x);
// Kernel, strides and dilations. `kernel`: of the weights, NULL: as kernel_shape says. False after a diagnostic.
bool window_shape(Call *c, int rank, const Dim *kernel, OnnxWindow *w);
// All of it. x: [N, C, picture...].
bool window_read(Call *c, int rank, const Dim *kernel, const Type *x, OnnxWindow *w);
// Half of all padding on either side, the odd element as SAME_UPPER or as SAME_LOWER has it.
void window_share(Call *c, OnnxWindow *w, int i, Dim all, bool upper);
// The graph has windows of rank 2 and 3: one of rank 1 as one of rank 2, whose picture has one row.
void window_widen(OnnxWindow *w);
Value *window_widened(Call *c, Value *x, int rank);  // that picture, or a weight; x itself of other ranks
Value *window_narrowed(Call *c, Value *y, int rank); // back
Attr window_list(Call *c, const OnnxWindow *w, const int64_t *list); // one of its lists as an attribute
Attr window_padding(Call *c, const OnnxWindow *w);
