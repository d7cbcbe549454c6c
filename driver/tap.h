// --tap=NAME: inner values of a model as further outputs of it.
#pragma once
#include "ir/graph/graph.h"

// The value of the layer, else of the block, else of the tensor of the ONNX model, of that name. NULL: there is none,
// or the layer has several values, or there are several such *layers.
Value *tap_find(const Module *m, const char *name, int *layers);
// The names are those of tap_find. The outputs follow the model's own, in the
// order of the names; those that are outputs already stay. False after diagnostics.
bool tap_outputs(Module *m, const char *const *names, size_t n, Diag *d);
