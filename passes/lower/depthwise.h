// Depthwise convolution: one window of weights a channel, a vector of 16 channels at a time, sums of a run of output
// columns in registers.
#pragma once
#include "passes/lower/window.h"

// n: a conv2d of as many groups as input and output channels, its weights constant.
void depthwise(Lower *lw, const Node *n, const Window *w);
