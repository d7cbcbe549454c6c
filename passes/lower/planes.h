// Tasks of kernels that work on pictures in blocks of channels: a task is a band of output rows of one plane (a block
// of 16 channels of one image). Bands are as high as makes a task worth its while, whatever the machine, so that sums
// kept a band are the same everywhere.
#pragma once
#include "passes/lower/kernel.h"

typedef struct Planes {
  int64_t rows;         // a band; the last may be lower
  Dim blocks, bands;    // of an image; of a plane
  Dim tasks;            // for kernel_finish
  LExpr *image, *block; // of the task at hand
  LExpr *band, *lo, *hi;
} Planes;

// Opens the loop over tasks for outputs of type y (blocked, [N, C, H, W]); `row_cost`: vector operations a row.
Planes planes_begin(Kernel *k, const Type *y, int64_t row_cost);
// The element of v's plane (its type is [N, C, H, W]) from which rows are counted: of the task's image and block.
LExpr *planes_origin(Kernel *k, const Planes *p, Value *v);
