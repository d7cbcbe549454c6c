// What one elementwise node computes, in scalars or vectors.
#pragma once
#include "passes/lower/kernel.h"

// The node's result from its operands' values.
LExpr *pointwise(Kernel *k, const Node *n, LExpr *const *v);
