// --shape given several times for one input: sizes that get a program of their own beside the one for all sizes.
#pragma once
#include "driver/options.h"

typedef struct Sizes {
  int64_t dims[MAX_SYMBOLS]; // of each symbolic dimension; 0: any
} Sizes;
typedef Vec(Sizes) SizesVec;

// Whether the i-th --shape is one of several for its input. The others fix their inputs for all runs.
bool sizes_repeat(const ModelOptions *o, size_t i);
// The sizes that the i-th shapes of all inputs with several give together, those that fix most first. False after a
// diagnostic.
bool sizes_of(const ModelOptions *o, const Module *m, SizesVec *out, Diag *d);
