// What channels are on average, without data: batch norm states it of what it makes.
#pragma once
#include "passes/graph/channels.h"

// The expected value of each index along an axis of `v`, to be freed; NULL where that is not known. A batch norm's
// result is taken as normal, of its bias and scale; rectifiers, pools and flattening behind it are followed.
double *expect_means(const Channels *c, const Value *v, int axis);
