// Weights of layers in 16 bits, with a cast in front: for `precision`, which rounds, and `keep-halves`, which does not.
#pragma once
#include "passes/graph/product.h"

// The weight of n, which kernels may read as halves; NULL: there is none, and *why says why, or is NULL where n is no
// convolution or linear layer.
Weight *narrow_weight(Node *n, const char **why);

typedef struct Narrowed {
  Blob *data;   // of the type asked for; NULL: an element is too large for it, or not exact where it must be
  double error; // what rounding changed, relative, by Frobenius
} Narrowed;

Narrowed narrow_elements(Weight *w, DType to, bool exact);

// Puts the elements in the place of w, as "name.type" with a cast to f32, where layers that `takes` says yes to read it
// as their weight. `before`: the first node that does. w's other readers keep it.
void narrow_replace(PassContext *c, Node *before, Weight *w, DType to, Blob *data,
                    bool (*takes)(const PassContext *c, const Node *n, DType to));
