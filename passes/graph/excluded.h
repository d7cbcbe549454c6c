// Layers that --exclude keeps from being quantized or stored in fewer bits.
#pragma once
#include "passes/pass.h"

// Whether a pattern of --exclude fits n's path or the name of its op.
bool excluded(const PassContext *c, const Node *n);
// False after a diagnostic: a pattern fits no layer and no op of the network.
bool excluded_check(PassContext *c);
