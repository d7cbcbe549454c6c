// Layers some of whose weights are no weights of the module but computed, or inputs, and products of other types than
// f32: part of decompose. Kernels read constant weights of f32, packed when a model is compiled; others are operands
// of products and elementwise ops instead.
#pragma once
#include "passes/graph/rewrite.h"

// Whether `n` is a primitive op, or batch_norm or instance_norm, with such a weight or of such a type. The other
// composite ops take any.
bool computed_takes(const Node *n);
// Replaces it. False after a diagnostic.
bool computed_decompose(Module *m, Diag *d, Node *n);
