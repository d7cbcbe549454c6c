// A layer so many of whose weights are to be zero, where the others are made to make up for them on the data (SparseGPT:
// Frantar and Alistarh 2023; optimal brain surgeon, an input at a time).
#pragma once
#include "passes/graph/layer_data.h"

// Of weights w, [out][data->n], `zeros` become 0; what is to be added to each bias goes to `bias`. *error: of the
// outputs on the data, relative, before biases were known. False, with w as it was, where the covariance cannot be
// inverted.
bool prune_sparse(const CalibrationLayer *data, int64_t out, double *w, int64_t zeros, double *bias, double *error);
