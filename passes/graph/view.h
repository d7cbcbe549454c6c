// Where the elements of a value that was only moved (reshape, permute, slice) lie in the value that it was moved from.
#pragma once
#include "ir/core/checked.h"
#include "ir/graph/graph.h"

enum { MAX_FACTORS = 2 * MAX_RANK };

// An index below `size` that steps by `stride` along one axis of the base.
typedef struct Factor {
  Dim size, stride;
  int axis;
} Factor;

// Dimension i counts through factors begin[i] to begin[i + 1], the last of them fastest; none has size 1. Along the
// base's last axis everything is shifted by `start`.
typedef struct View {
  int rank, last;
  int begin[MAX_RANK + 1];
  Factor factors[MAX_FACTORS];
  int64_t start;
} View;

View view_whole(const Type *base);
bool view_moves(const Node *n); // whether it is one of the ops that view_move knows
// The view of n's result from the view *v of its operand. False: it cannot be stated so.
bool view_move(DimTable *t, View *v, const Node *n);
void view_permute(View *v, const int64_t *dims);
// The same list with factors that continue one another joined; returns how many. `out` may be `in`.
int view_join(DimTable *t, int n, const Factor *in, Factor *out);
bool view_same_factors(int n, const Factor *a, int m, const Factor *b);
