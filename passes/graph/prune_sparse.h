// A layer so many of whose weights are to be zero, where the others are made to make up for them on the data: which go
// is chosen together with what the others become, in turns (Boža, Fast and effective weight update for pruned large
// language models, 2024: alternating directions with a mask that grows).
#pragma once
#include "passes/graph/layer_data.h"

// Of weights w, [out][data->n], `zeros` become 0; what is to be added to each bias goes to `bias`. *error: of the
// outputs on the data, relative, before biases were known. False, with w as it was, where the covariance cannot be
// inverted.
bool prune_sparse(const CalibrationLayer *data, int64_t out, double *w, int64_t zeros, double *bias, double *error);
