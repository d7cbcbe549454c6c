// Convolutions and pools of volumes [N, C, D, H, W], and maxima of pictures that no kernel finds: parts of decompose.
#pragma once
#include "passes/graph/rewrite.h"

// All false after a diagnostic.
bool volume_convolve(Module *m, Diag *d, Node *n);            // conv3d
bool volume_convolve_transposed(Module *m, Diag *d, Node *n); // conv_transpose3d
bool volume_pool(Module *m, Diag *d, Node *n);                // max_pool3d, avg_pool3d

// Whether `n` is a max_pool2d that gives indices, or of another type than f32.
bool volume_takes(const Node *n);
bool volume_max_pool2d(Module *m, Diag *d, Node *n);
