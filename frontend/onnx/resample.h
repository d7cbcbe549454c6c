// Resampling along one axis as ONNX's Resize states it: for each result the positions that it reads and their weights.
#pragma once
#include "ir/core/arena.h"
#include <stdbool.h>
#include <stdint.h>

typedef enum ResampleMode { RESAMPLE_NEAREST, RESAMPLE_LINEAR, RESAMPLE_CUBIC } ResampleMode;

typedef struct Resample {
  ResampleMode mode;
  const char *transform; // coordinate_transformation_mode
  const char *nearest;   // nearest_mode
  double cubic_a;
  bool antialias, exclude_outside;
} Resample;

typedef struct ResampleAxis {
  int64_t in, out;
  double scale;
  double start, end; // the region that is read, of tf_crop_and_resize
} ResampleAxis;

// Where result `i` lies in the operand's coordinates.
double resample_position(const Resample *r, const ResampleAxis *a, int64_t i);
// The element that result `i` takes, of mode nearest.
int64_t resample_nearest(const Resample *r, const ResampleAxis *a, int64_t i);
// [out][in] of the other modes, in `arena`.
double *resample_matrix(const Resample *r, const ResampleAxis *a, Arena *arena);
