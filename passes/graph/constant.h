// Weights seen as constants of arithmetic.
#pragma once
#include "passes/pass.h"

Weight *constant_weight(const Value *v); // NULL: not a weight with known data
// All elements equal `*out`. Looks into data of up to 64 elements only.
bool constant_uniform(const Value *v, double *out);
// Broadcast to `t`, the value varies along dimension `axis` only: element of channel i is constant_channel(w, i).
bool constant_along(const Value *v, const Type *t, int axis);
double constant_channel(Weight *w, int64_t i);
// A weight of this type with these elements.
Weight *constant_dense(Module *m, const char *hint, const Type *t, const double *elements);
