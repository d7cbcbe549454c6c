// Which channels of a network can only be removed together, and which cannot be removed at all.
//
// Every index along an axis of a value that layers made carries a number, its channel; what computes channel by channel
// hands the numbers on, and numbers that meet (in sums, products, depthwise convolutions, weights that layers share)
// are joined into classes. A class lives or dies as one. Where a class reaches something that mixes or needs all
// channels, it is fixed, and the node and the reason are kept.
#pragma once
#include "passes/graph/product.h"

typedef struct FixedBy {
  const Node *node; // NULL: the module itself
  const char *why;  // "layer_norm `norm` needs all its channels"
} FixedBy;

typedef struct Channels {
  Module *m;
  Arena *arena;
  int ***axes; // [value id][axis]: the numbers along it; NULL: it stays as it is
  uint32_t n_values;
  Vec(int) parent; // of each number, in its class
  Vec(int) fixed;  // of each class's first number: 0, or 1 + an index into `reasons`
  Vec(FixedBy) reasons;
} Channels;

// A layer, and which axes of its weights count outputs and inputs.
typedef struct ChannelLayer {
  Product p;
  int out, in;
} ChannelLayer;

Channels *channels_create(Module *m); // m must not change as long as it is used
void channels_free(Channels *c);
// The numbers along an axis, as many as it is long; NULL: it stays as it is.
const int *channels_along(const Channels *c, const Value *v, int axis);
int channels_class(Channels *c, int number);
const FixedBy *channels_fixed(Channels *c, int number); // NULL: it may be removed
bool channels_layer(Node *n, ChannelLayer *l);          // false: it is none, or its weights are computed
