// The first convolution of a network: a window over a picture of so few channels that blocks of 16 would be mostly
// empty. A task brings a band of picture rows into its thread's memory (picture.h), so that bytes, channels last,
// normalisation and borders cost nothing more, and sums over whole runs of memory: kernel columns of one channel, or of
// all where they lie together.
#pragma once
#include "passes/lower/contract.h"

// Whether `stem` computes n, a conv2d or patch_embed.
bool stem_takes(const Node *n);
// Whether the stem that the max-pool `pool` reads also computes it.
bool stem_pools(const Lower *lw, const Node *pool);
void stem(Lower *lw, const Node *n, const Contraction *c);
