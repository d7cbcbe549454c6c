// How much work a graph is, with symbolic dimensions at their least, so that the figures are for one picture.
#pragma once
#include "ir/graph/graph.h"

double macs_extent(const Module *m, Dim d);
double macs_product(const Module *m, const Type *t, int from, int to); // of dimensions `from` to `to` - 1
double macs_of(const Module *m, const Node *n);                        // multiply-accumulates of a node
