// Calibration as the driver makes it, by the reference interpreter in place of native code.
#pragma once
#include "ir/ref/ref.h"
#include "passes/calibration.h"

// Moments of all layers of the module on so many samples: sample k is inputs[k * m->inputs.len] and what follows.
// NULL where the module cannot be evaluated.
Calibration *observe_moments(Module *m, const int64_t *symbols, size_t samples, const RefTensor *inputs);
// The same on made-up values of both signs.
Calibration *observe_made_up(Module *m, const int64_t *symbols, size_t samples);
