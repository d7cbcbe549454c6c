// Pointwise and depthwise convolutions that follow each other, row by row: an expansion, a depthwise convolution and a
// projection, or two of them. What lies between is a few rows in a thread's memory and is never written out.
#pragma once
#include "passes/lower/lower.h"

// Takes convolution n if it is computed together with its neighbours. False: it is lowered alone.
bool chain_takes(Lower *lw, Node *n);
