// What can be read off a graph: parameters, multiply-accumulates and the receptive field of each node.
// Symbolic dimensions count as their least value, so that the figures are for one picture.
#pragma once
#include "ir/graph/graph.h"

typedef struct Field { // what part of the picture a value sees: size and stride by height and width, in pixels
  double size[2], stride[2];
  bool everything; // it mixes all positions
} Field;

typedef struct Layer {
  const Node *node;
  int64_t params; // 0 where an earlier layer has them (tied); running statistics are no parameters
  double macs;
  Field field;
} Layer;

typedef struct Layers {
  Layer *layers; // one a node, in order
  int n;
  int64_t params;
  double macs, param_bytes;
  double peak_bytes; // of activations, were every operation but views and elementwise ones to have its own output
  Field field; // the largest that is not everything; everything where positions see all of it and are not yet pooled
} Layers;

void layers_compute(Layers *out, Module *m);
void layers_free(Layers *l);
// Whether it belongs into a table: it has a name, parameters or work, or changes what is seen.
bool layers_shown(const Layer *l);
