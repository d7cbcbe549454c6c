// fold-constants for those that need layers as they are.
#pragma once
#include "passes/pass.h"

// Computes what layers have as their weights, where it depends on weights alone, and nothing else. False after a
// diagnostic.
bool fold_layer_weights(Module *m, Diag *d);
