// Tasks of kernels that work on pictures in blocks of channels: a task is a band of output rows of one plane (a block
// of 16 channels of one image). Bands are as high as makes a task worth its while, whatever the machine, so that sums
// kept a band are the same everywhere.
#pragma once
#include "passes/lower/kernel.h"

typedef struct Planes {
  int64_t rows;                // a band; the last may be lower
  Dim blocks, bands;           // of an image; of a plane
  Dim tasks;                   // for kernel_finish
  LExpr *task, *image, *block; // of the task at hand
  LExpr *band, *lo, *hi;
} Planes;

// Rows a band at most, as planes_begin chooses them.
int64_t planes_rows(const Type *y, int64_t row_cost);
// Opens the loop over tasks for outputs of type y (blocked, [N, C, H, W]); `row_cost`: vector operations a row.
Planes planes_begin(Kernel *k, const Type *y, int64_t row_cost);
// Sums of vectors, some side by side so that one does not wait for the other; their order is the same on every machine.
// They start as they lie at p, zero if that is NULL.
enum { PLANES_SUMS = 4 }; // vectors
LVar *planes_sums(Kernel *k, LExpr *p);
void planes_keep_sums(Kernel *k, LVar *sums, LExpr *p); // stores them
// Adds the vectors [lo, hi) of a row.
void planes_add(Kernel *k, LVar *sums, LExpr *row, LExpr *lo, LExpr *hi);
LExpr *planes_total(Kernel *k, LVar *sums);
// Where a vector of sums for each of `tasks` goes, `bands` of them a plane of n's result, for the mean that follows.
LExpr *planes_sums_buffer(Kernel *k, const Node *n, Dim tasks, Dim bands);
// Whether the mean of each of y's planes is asked for.
bool planes_summed(const Value *y);

// The element of v's plane (its type is [N, C, H, W]) from which rows are counted: of the task's image and block.
LExpr *planes_origin(Kernel *k, const Planes *p, Value *v);
