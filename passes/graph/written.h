// Ops that a model writes out in small ones. Each function looks at one node, replaces it where its value is that of
// such an op, and returns whether it did.
#pragma once
#include "passes/pass.h"

bool written_gelu(PassContext *c, Node *n);
bool written_layer_norm(PassContext *c, Node *n);
bool written_patch_embed(PassContext *c, Node *n);
// n gives way to `made`, with what it alone was computed from; counted as `what`, and said where anybody listens. True.
bool written_become(PassContext *c, Node *n, Value *made, const char *what);
