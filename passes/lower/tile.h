// Register tiles: mr rows (pixels, tokens) times nr vectors of 16 output channels, kept in registers while the products
// of one contraction are summed. The batch-reduce core of convolution, linear and attention.
#pragma once
#include "passes/lower/scaled.h"

typedef struct TileShape {
  int mr, nr;
} TileShape;

// Rows in the fewest tiles of at most mr, as even as can be: `big` tiles of small + 1 rows, then the others of `small`.
typedef struct TileSplit {
  int64_t tiles, big, small;
} TileSplit;
TileSplit tile_split(int64_t rows, int64_t mr);

// What tiles are chosen for: `rows` rows (0: unknown) times `panels` vectors of output channels, sums of `steps`
// products.
typedef struct TileWork {
  int64_t rows, panels, steps;
  int lines; // tiles join so many lines of `rows` rows each; 0: one
} TileWork;
typedef struct TileChoice {
  TileShape shape, second;              // the best, and the best of another width (0 x 0: there is none)
  double efficiency, second_efficiency; // estimated, of the FMA peak
} TileChoice;
// By an estimate of cycles: two fused multiply-adds or two loads a cycle, four cycles from one sum to the next, lines
// from the second-level cache, tails in either direction, the tile's beginning and end.
TileChoice tile_compare(const LowerTarget *t, const TileWork *w);
double tile_efficiency(const LowerTarget *t, const TileWork *w, TileShape s);
// The best tile of each width, the best of all first; how many, at most `most`.
int tile_list(const LowerTarget *t, const TileWork *w, int most, TileShape *out);
int tile_rows(const LowerTarget *t, int nr); // the most that fit beside nr vectors; at least 1
TileShape tile_choose(const LowerTarget *t, int64_t rows, int64_t panels); // for sums of a few hundred products

// Where the operands of a tile lie, in elements, of f32; b may be halves. a: row i, step k at a[i * a_row + k *
// a_step]; b: step k, vector j at b[k * b_step + j * b_panel] (16 lanes; of the last vector `b_lanes` are there, NULL:
// all). What is read soon can be asked for early: each step brings in b's vectors `b_ahead` elements on (0: none), a
// line of the rows at a + a_next (NULL: none), where the next 16 steps are, and into the second-level cache the line at
// later + k * later_step (NULL: none).
typedef struct TileOperands {
  LExpr *a, *a_row, *a_step, *a_next;
  LExpr *b, *b_step, *b_panel, *b_lanes;
  LExpr *b_wide; // where halves of b are stored as f32, for other tiles; NULL: nowhere
  int64_t b_ahead;
  LExpr *later;
  int64_t later_step;
  int lines, acc_line;
  LExpr *a_line;
  bool flip; // of integers: a's bytes are signed, and are read 128 higher
} TileOperands;

LVar *tile_accumulators(Kernel *k, TileShape s);
// Of i32: a and b are pointers to i32, each four bytes, of which products are summed (dot4_u8s8).
LVar *tile_integers(Kernel *k, TileShape s);
// acc[first + i, j] += sum over `count` steps, for `rows` rows (of each line).
void tile_multiply(Kernel *k, LVar *acc, int first, int rows, int nr, const TileOperands *o, LExpr *count);
// acc[i, j] = the j-th vector of `bias` (NULL: zero).
void tile_start(Kernel *k, LVar *acc, TileShape s, LExpr *bias, LExpr *offset);

// Where the tile's results go: row i of line l, vector j at y[at + l * line + i * row + j * panel].
typedef struct TileOutput {
  LExpr *y, *at, *row, *panel;
  LExpr *residual; // added, from the same place; NULL: none
  LExpr *lanes;    // that exist from the tile's first on, fewer than nr vectors hold; NULL: all
  int lines;       // of rows / lines rows each; 0: one
  LExpr *line;
  const char *act;             // by its name in ops.def
  const Scaling *scaling;      // of integers, in place of `act`; NULL: none
  LExpr *scale, *bias, *table; // parameters for it, the latter two NULL: none
  LExpr *channel;              // the first of the tile
} TileOutput;
// Stores act(acc + residual), or acc scaled. What long activations read back: y is in and out for them (math_is_long).
void tile_store(Kernel *k, LVar *acc, TileShape s, const TileOutput *o);
// acc = what tile_store stored.
void tile_load(Kernel *k, LVar *acc, TileShape s, const TileOutput *o);

// Calls `body` with the first row and the number of rows of each tile of `total` rows: balanced tiles of at most mr
// rows, in loops; where total is not a constant, whole tiles, then quarters of them, and so on.
typedef void (*TileBody)(void *context, LExpr *start, int rows);
void tile_for_rows(Kernel *k, LExpr *total, int mr, TileBody body, void *context);
