#include "passes/graph/layer_data.h"
#include "passes/moments.h"
#include <stdlib.h>

// Of the mean square of an input, times the inputs for each position seen. Without it layers with many inputs would be
// fitted to what happens not to occur in the data.
#define PRIOR 0.05
#define PRIOR_LEAST 1e-9 // so that a factorization in double succeeds

LayerData layer_data_of(const PassContext *c) {
  LayerData d = {.calibration = c->calibration, .n_values = c->module->n_values};
  if (d.calibration && !d.calibration->layers.len) d.calibration = NULL; // it is of ranges
  if (d.calibration) d.names = calibration_names(c->module, c->module->arena);
  return d;
}

void layer_data_free(LayerData *d) { free(d->names); }

const CalibrationLayer *layer_data_find(const LayerData *d, PassContext *c, const Node *layer, int64_t n) {
  if (!d->calibration || result(layer)->id >= d->n_values) return NULL;
  const CalibrationLayer *found = calibration_layer(d->calibration, d->names[result(layer)->id]);
  if (found && found->n == n) return found;
  pass_remark(c, layer, true,
              "%s is judged by its weights alone: of its %lld inputs calibration keeps no moments (of f32, at most %d "
              "inputs, and 2 GB of all layers)",
              pass_label(layer), (long long)n, MOMENTS_SIDE_MOST);
  return NULL;
}

double *layer_covariance(const CalibrationLayer *l, double *prior) {
  int64_t n = l->n;
  double *c = xmalloc(sizeof *c * (size_t)(n * n)), power = 0;
  for (int64_t i = 0; i < n; i++) power += l->second[i * n + i] / (double)n;
  *prior = power * (PRIOR * (double)n / (double)(l->count > 0 ? l->count : 1) + PRIOR_LEAST);
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++)
      c[i * n + j] = l->second[i * n + j] - l->mean[i] * l->mean[j] + (i == j ? *prior : 0);
  return c;
}
