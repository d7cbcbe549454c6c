// A model and the smaller network that is made of it, each compiled with the values that stand for each other as
// further outputs: what the loss of each layer is measured with.
#pragma once
#include "driver/build.h"
#include "driver/loaded.h"

typedef struct Pair {
  const char *name, *op; // the layer in the smaller network, and what the model has there; in their modules
  int outputs[2];        // of the models
} Pair;

typedef struct Pairs {
  BuildOptions options[2];
  Build builds[2];  // the model as it is, then what the options make of it
  Loaded models[2]; // of these; not started
  Vec(Pair) list;   // in the order of the layers
} Pairs;

// False after a diagnostic. pairs_close is due either way.
bool pairs_open(Pairs *p, const char *path, const BuildOptions *o, Diag *d);
void pairs_close(Pairs *p);
// Makes a value an output, unless it is one. Its number among the outputs.
int pairs_tap(Module *m, Value *v);
