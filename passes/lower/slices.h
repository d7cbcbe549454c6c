// The slices of a tensor along one of its dimensions.
#pragma once
#include "passes/lower/kernel.h"

// A tensor of type t as [outer][size][inner], size being that of dimension `axis`.
static inline void lower_extents(Lower *lw, const Type *t, int axis, Dim extents[3]) {
  extents[0] = lower_product(lw, t->dims, 0, axis);
  extents[1] = t->dims[axis];
  extents[2] = lower_product(lw, t->dims, axis + 1, t->rank);
}

// The index at `at` of a list, moved into [0, size) (lower_index.c).
LExpr *lower_number(Kernel *k, LExpr *index, LExpr *at, Dim size);
// y = the slices of x that the list `index` names (lower_index.c).
void lower_slices(Lower *lw, Node *n, Value *x, const Dim extents[3], Value *index, Value *y);
