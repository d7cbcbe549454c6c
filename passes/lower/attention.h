// Scaled dot-product attention, head by head. Neighbours: lower_attention.c (where the ops' operands lie),
// attention_keys.c (K by panels), attention_queries.c (tiles of query rows), attention_softmax.c (what happens to a
// tile's scores in between).
#pragma once
#include "passes/lower/tile.h"

// A value that holds a matrix [rows, width] for each index of the leading dimensions: element (r, c) at
// at + sum of index[d] leading[d] + r row + c / 16 block + c % 16. A leading stride of 0 broadcasts.
typedef struct HeadsOf {
  Value *v;
  Dim at, leading[MAX_RANK + 1], row, block;
} HeadsOf;

typedef struct Heads {
  int leading; // extents that count the heads; behind them is room for what is counted within one
  Dim extents[MAX_RANK + 1];
  Dim queries, keys;
  int64_t width, v_width; // of q and k; of v and y
  HeadsOf q, k, v, y;
  Value *mask; // NULL: none
  double scale;
  bool causal;
  TileShape tile;
  LBuffer *panels; // K by panels: [heads][panels][width][16]; NULL: a task has a whole head, and makes its own
} Heads;

// One of the matrices.
typedef struct Matrix {
  LExpr *p, *row, *block;
} Matrix;
Matrix attention_matrix(Kernel *k, const Heads *h, const HeadsOf *of, LExpr *p, LExpr *const *index);

// Phases: turns the keys of every head into panels of 16; computes y from them.
void attention_keys(Lower *lw, const Node *n, Heads *h);
void attention_queries(Lower *lw, const Node *n, Heads *h);

// The number of panels: of keys that are counted when the model runs, whole groups of as many as a tile has.
Dim attention_panels(Lower *lw, const Heads *h);
// The panels of the head with these indices; the same in memory of the task's own, which are made there.
LExpr *attention_panels_at(Kernel *k, const Heads *h, LExpr *panels, LExpr *const *index);
LExpr *attention_own_panels(Kernel *k, const Heads *h, const Matrix *keys);

// Scores of a tile of rows, [rows][pitch], in a task's own memory.
typedef struct Scores {
  Kernel *k;
  LExpr *p, *pitch, *vectors; // vectors: of 16 scores, in a row
  LExpr *highest, *inverse;   // of each row: its maximum, 1 / the sum of its exponentials
} Scores;
// Scores of `rows` rows become e^(score - maximum).
void attention_softmax(Scores *s, int rows);
