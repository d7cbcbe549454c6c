// Channels taken out of a module: weights, and the nodes whose values become smaller.
#pragma once
#include "passes/graph/channels.h"

// `removed`: by class. Every axis must keep an index. Returns the node in each one's place, by id, in the module's
// arena; NULL for those that are as they were. `c` describes the module before.
Node **cut_channels(Module *m, Channels *c, const bool *removed);
// How many of the first n of these numbers stay.
int64_t cut_kept(Channels *c, const bool *removed, int64_t n, const int *numbers);
