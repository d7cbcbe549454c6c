// Layers some of whose weights are no weights of the module but computed, or inputs: part of decompose. Kernels read
// constant weights, packed when a model is compiled; computed ones are operands of products and elementwise ops
// instead.
#pragma once
#include "passes/graph/rewrite.h"

// Whether `n` is a primitive op, or batch_norm or instance_norm, with such a weight. The other composite ops take any.
bool computed_takes(const Node *n);
// Replaces it. False after a diagnostic.
bool computed_decompose(Module *m, Diag *d, Node *n);
