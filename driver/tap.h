// --tap=NAME: inner values of a model as further outputs of it.
#pragma once
#include "ir/graph/graph.h"

// A name is the path of a layer, or of a block's call that has one result. The outputs follow the model's own, in the
// order of the names; those that are outputs already stay. False after diagnostics.
bool tap_outputs(Module *m, const char *const *names, size_t n, Diag *d);
