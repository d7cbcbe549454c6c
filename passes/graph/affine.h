// Nodes that scale and shift each channel: batch_norm, normalize, and arithmetic with per-channel constants.
#pragma once
#include "passes/graph/constant.h"

// y = scale[c] x + shift[c], c the index along one dimension of x.
typedef struct Affine {
  Value *x;
  int64_t channels;
  double *scale, *shift; // owned; freed by affine_free
} Affine;

// Whether `n` is such a node over dimension `axis`; computed in double. Only where x has the type of the result.
bool affine_read(const Node *n, int axis, Affine *a);
void affine_free(Affine *a);
