// Elements between elements: at each place of the result some taps along each axis, by indices and weights that are
// computed.
#pragma once
#include "frontend/onnx/import.h"

enum { SAMPLE_RANK = 3, SAMPLE_TAPS = 4 };

typedef struct SampleAxis {
  Dim size;
  int n;
  Value *index[SAMPLE_TAPS];  // f32, within [0, size)
  Value *weight[SAMPLE_TAPS]; // f32; NULL: 1
} SampleAxis;

typedef struct Sample {
  Value *x;     // [N, C, axes...]
  Value *batch; // i64, which of N; it broadcasts to the result's places, as all indices and weights do
  int rank;
  SampleAxis axis[SAMPLE_RANK];
  int n_places;
  Dim places[MAX_RANK];
} Sample;

Value *sample(Call *c, const Sample *s); // [C, places...]

// Both elements that x, within [0, size), lies between.
void sample_linear(Call *c, Value *x, Dim size, SampleAxis *a);
// Weights of taps that `inside`, of bool, lets count; the others become 0.
void sample_mask(Call *c, SampleAxis *a, int i, Value *inside);
