// What the parts of Winograd's convolution share: the state of one kernel, its loops over vectors and where a segment
// lies. The parts, as winograd.h numbers them: winograd_inputs.c, winograd_products.c, winograd_outputs.c.
#pragma once
#include "passes/lower/winograd.h"

// A product of a block of input channels asks for so many vectors of the weights that come next: 9 * 16 a panel's block
// over 36 products of F(4,3); too many for F(2,3).
enum { WINOGRAD_AHEAD = 4 };

// Everything that the parts of one kernel share. Strides are in elements.
typedef struct WinogradBody {
  Kernel *k;
  const Contraction *c;
  const Winograd *w;
  int lanes;                                // that are treated at once: a machine vector
  int64_t blocks;                           // of input channels
  int64_t columns;                          // of input a segment
  int64_t tiles;                            // of a block in m, whole register tiles
  int64_t calls;                            // register tiles of a block of one picture
  int64_t u_product, m_product;             // strides
  LExpr *v_product, *v_block;               // strides
  LExpr *x, *weights, *bias, *residual, *y; // parameters
  LExpr *v, *u, *m, *rows, *copy;           // likewise; rows: of half transformed tiles, copy: of input at the border
  LExpr *wide;                              // where a slab's weights are widened to; NULL: they are f32
  LExpr *taps, *taps_block;                 // weights of the slab at hand: of its first panel from this block on
  int64_t taps_panel;                       // and how far the next panel's are
} WinogradBody;

typedef struct WinogradPlace { // of a segment
  LExpr *image, *row, *across; // the picture, the row of tiles, the segment in it
} WinogradPlace;

// The blocks [lo, hi) of 16 input channels whose taps are in u, and whether the last block, of fewer, is there, too.
typedef struct WinogradDepth {
  LExpr *lo, *hi, *last; // last: NULL where all blocks have 16
} WinogradDepth;

// Elements of a panel of weights.
int64_t winograd_body_panel(const WinogradBody *o);
// Vectors of weights that a line of a cache holds: two of halves.
int64_t winograd_body_line(const WinogradBody *o);
// A loop over the elements of vectors [lo, hi), a machine vector at a time.
LExpr *winograd_body_for_lanes(WinogradBody *o, LExpr *lo, LExpr *hi);
// One over the parts of a vector, where a machine vector is shorter: for kernel_end_loop.
LExpr *winograd_body_lanes(WinogradBody *o, bool *opened);
WinogradPlace winograd_body_place(WinogradBody *o, LExpr *segment);

// 1. Zeroes what is outside the picture in `rows`, where that is the same for all segments and so stays from one to the
// next; then one input block of a segment. v: the place of its first tile in the first product's first block.
void winograd_inputs_prepare(WinogradBody *o);
void winograd_inputs_segment(WinogradBody *o, LExpr *segment, LExpr *block, LExpr *v);
// 2. Row `row` of products of the taps of a panel group.
void winograd_products_taps(WinogradBody *o, LExpr *row, int nr, const WinogradDepth *depth);
// 3. One product of a panel group: m of `calls` register tiles += v times u; m begins with the first depth. `ahead`:
// the weights to ask for.
void winograd_products_sum(WinogradBody *o, LExpr *v, LExpr *u, LExpr *m, LExpr *ahead, LExpr *calls, int nr,
                           const WinogradDepth *depth);
// 4. m of `count` segments from `first` on to y.
void winograd_outputs_write(WinogradBody *o, LExpr *first, LExpr *count, LExpr *panel, int nr);
