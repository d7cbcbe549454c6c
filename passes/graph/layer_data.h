// What calibration says of the inputs of layers, for the passes that fit weights to it.
#pragma once
#include "passes/pass.h"

typedef struct LayerData { // of a module as it is when the pass begins
  const Calibration *calibration;
  const char **names; // by id of values
  uint32_t n_values;
} LayerData;

LayerData layer_data_of(const PassContext *c); // free with layer_data_free
void layer_data_free(LayerData *d);
// Of a layer of n inputs. NULL: nothing is known; where there is data but not of this layer, a remark says so.
const CalibrationLayer *layer_data_find(const LayerData *d, PassContext *c, const Node *layer, int64_t n);
// The covariance of the inputs, n x n, positive definite because of what *prior is added to its diagonal: the fewer
// positions were seen for an input, the more its directions are taken for alike.
double *layer_covariance(const CalibrationLayer *l, double *prior);
