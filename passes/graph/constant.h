// Weights seen as constants of arithmetic.
#pragma once
#include "passes/pass.h"

Weight *constant_weight(const Value *v); // NULL: not a weight with known data
// All elements equal `*out`. Looks into data of up to 64 elements only.
bool constant_uniform(const Value *v, double *out);
// Broadcast to `t`, the value varies along dimension `axis` only: element of channel i is constant_channel(w, i).
bool constant_along(const Value *v, const Type *t, int axis);
double constant_channel(Weight *w, int64_t i);
// A node that reads nothing but weights with data, or nothing, and few of them.
bool constant_reads_weights(const Node *n);
// Computes such a node, whose results are of constant shapes, by the reference, rounded to its type: its results become
// weights, and it is removed. False after a diagnostic.
bool constant_fold(Module *m, Diag *d, Node *n);
// A weight of this type with these elements.
Weight *constant_dense(Module *m, const char *hint, const Type *t, const double *elements);
