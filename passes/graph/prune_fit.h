// A layer some of whose inputs are to go, fitted to what it computes of the data with those that stay (optimal brain
// surgeon: Hassibi and Stork 1993, for whole channels): what each channel is worth, and the weights without it.
#pragma once
#include "passes/graph/layer_data.h"

typedef struct PruneFit PruneFit;

// Of weights [out][channels][taps]; `data` has as many inputs as channels times taps. `bias`, of out, or NULL. Free
// with prune_fit_free. NULL where the covariance cannot be inverted.
PruneFit *prune_fit_create(int64_t out, int64_t channels, int64_t taps, const double *weights, const double *bias,
                           const CalibrationLayer *data);
void prune_fit_free(PruneFit *f);
// The mean square that the outputs lose, of their own, if these channels went as well and all weights that stay were
// fitted again.
double prune_fit_loss(const PruneFit *f, int n, const int *channels);
void prune_fit_remove(PruneFit *f, int n, const int *channels);
bool prune_fit_has(const PruneFit *f, int channel);
// The fitted weight, and what is to be added to the bias.
double prune_fit_weight(const PruneFit *f, int64_t out, int64_t channel, int64_t tap);
double prune_fit_bias(const PruneFit *f, int64_t out);
double prune_fit_error(const PruneFit *f); // of the outputs on the data, relative
