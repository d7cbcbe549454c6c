// What kind of convolution a node is: for lower_conv.c, which chooses its kernel, and chain.c, which joins some.
#pragma once
#include "passes/lower/window.h"

Window conv_window(const Node *n);
// A window of one pixel that moves by one and sees no border: sums over channels alone (of a group, if grouped).
bool conv_is_pointwise(const Node *n);
// Each output channel is a sum over one input channel, the only one that reads that.
bool conv_is_depthwise(const Node *n);
