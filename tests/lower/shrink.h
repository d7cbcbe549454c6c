// A failing module made smaller as long as it fails.
#pragma once
#include "ir/graph/graph.h"

// Whether the module still shows the failure. `symbols`: the sizes at which it is to be run.
typedef bool (*ShrinkFails)(void *user, Module *m, const int64_t *symbols);

int shrink_count_nodes(const Module *m);

// Tries, again and again: an output or a node less, a node's operand or an input of the model in its place, a weight of
// one number, a smaller input, a smaller symbolic size (in `symbols`). Takes `m`; the module returned fails and is no
// larger.
Module *shrink(Module *m, int64_t *symbols, ShrinkFails fails, void *user);
