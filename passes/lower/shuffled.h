// Copies where the operands are contiguous along different dimensions, as between pixels side by side and channels in
// blocks: tiles of up to 16 vectors are loaded along the one's memory, turned in registers by shuffles, and stored
// along the other's. Every dimension of a tile has a power of two of elements. Tiles narrower than a line of the
// cache go in groups of a line, where it would be gone before the walk comes to its other half.
#pragma once
#include "passes/lower/strided.h"

typedef struct Shuffled {
  int lanes, log_lanes;
  int pieces[MAX_RANK + 2];  // by dimension: how many of its elements a tile has
  Dim extents[MAX_RANK + 2]; // of the copy
  Dim strides[2][MAX_RANK + 2];
  int grouped;             // the dimension along which tiles are grouped
  int64_t group;           // tiles in a group
  int run[2][4], n_run[2]; // by operand: the dimensions along which a vector lies in memory, innermost first
  int rank;
} Shuffled;

// Whether the copy s can go by tiles of *t. If so, s becomes what counts groups of tiles.
bool shuffled_plan(const Kernel *k, Strided *s, Shuffled *t);
int64_t shuffled_elements(const Shuffled *t); // of a group
// One group of tiles: `base` are the addresses of its first elements, `index` its number along each dimension.
void shuffled_copy(Kernel *k, const Shuffled *t, LExpr *const *base, LExpr *const *index);
// The square matrix whose BLOCK rows are v: afterwards v[i] is column i.
void shuffled_transpose(LBuilder *b, LExpr **v);
