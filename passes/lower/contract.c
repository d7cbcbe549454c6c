#include "passes/lower/contract.h"
#include "ir/core/checked.h"
#include "passes/lower/choose.h"
#include "passes/lower/contract_choice.h"
#include "passes/lower/halves.h"
#include "passes/lower/math.h"
#include "passes/lower/pack_integers.h"
#include "passes/lower/tile.h"
#include <stdio.h>

// Everything that the parts of one kernel share.
typedef struct Body {
  Kernel *k;
  const Contraction *c;
  Grouping group;
  int64_t panel_size; // elements of weights a panel
  TileShape tile;
  int columns;                             // of a line of the tile
  int64_t passes, blocks_a_pass;           // the input channels are summed in so many passes
  LExpr *x, *w, *bias, *residual, *y;      // parameters
  LExpr *wide;                             // where halves are widened to; NULL: they are f32, or widened by each tile
  LVar *widened;                           // the first of the panels that are there; NULL: all are
  bool by_tile;                            // the first tile of the panels widens them
  LExpr *pass, *first_number, *end_number; // the pass at hand; its blocks of input channels
  // Of the task at hand:
  LExpr *row, *panel;       // first output row; first panel
  LExpr *image, *band;      // number of the picture; of the row, or group of rows
  LExpr *x_image, *w_panel; // pointers
  LExpr *w_tile, *w_wide;   // what the tile reads: w_panel or `wide`; where it widens that to, or NULL
  LExpr *out;               // element offset of the row in y and residual
  int lines;                // output rows of each tile
  LExpr *kh_lo[MAX_LINES], *kh_hi[MAX_LINES]; // bounds of the kernel rows, for each
  LExpr *first_block;                         // grouped: first input block of the panel
  bool bands_outside;                         // all panels pass over a row before the next row
  int later_step; // elements of the next panels that each step brings into the second-level cache; 0: none
  LExpr *later;   // where the tile's share of them begins
  LExpr *scale;   // of integers: the parameter; `bias` is then where sums start
  LExpr *table;   // of the scaling; NULL: none
  LExpr *shift;   // what is added to scaled integers; NULL: nothing
  LExpr *inside;  // of integers where x has a zero point and the picture a border: what each tap adds if it is inside
} Body;

// Weights are read this far ahead of their use, in elements: 32 steps of a panel, about as long as the second-level
// cache takes to answer many times over; further gains nothing.
enum { WEIGHTS_AHEAD = 32 * BLOCK };

// Elements of a panel's weights for one block of input channels.
static int64_t weights_a_block(const Contraction *c) {
  return (c->groups > 1 ? BLOCK : c->block) * BLOCK * c->window.kh * c->window.kw;
}

// Steps of the inner loop for one tap of one block of input channels.
static int64_t steps_a_tap(const Contraction *c) { return c->scaling ? c->block : BLOCK; }

static LExpr *dim(Body *o, Dim d) { return kernel_dim(o->k, d); }
static LExpr *times(Body *o, LExpr *e, Dim d) { return lx_mul(o->k->b, e, dim(o, d)); }

// One kernel row of one block of input channels, for some of a tile's lines.
typedef struct KernelRow {
  LExpr *x, *w;     // its first pixel, its first weights
  LExpr *wide;      // where these are widened to, of a 1 x 1 window; NULL: nowhere
  LExpr *later;     // its share of the next panels
  LExpr *inside;    // what its taps add beside their products, in the first block of channels; NULL: nothing
  LExpr *block;     // the block's number
  LExpr *count;     // channels
  int64_t tap_size; // elements of weights a tap
  int first, lines; // lines of the tile
  int size;         // pixels of a line of the tile
} KernelRow;

// acc += what tap `kw` adds where it is inside the picture, once for all blocks of channels.
static void add_inside(Body *o, LVar *acc, int nr, int first, int pixels, const KernelRow *row, LExpr *kw) {
  LBuilder *b = o->k->b;
  int64_t panel = o->c->window.kh * o->c->window.kw * BLOCK;
  LExpr *is_first = lx_op(b, LOOP_EQ, row->block, lx_int(b, 0));
  bool always = row->block->op == LOOP_INT;
  if (always && row->block->i > 0) return;
  if (!always) loop_if(b, is_first);
  LExpr *j = loop_unroll(b, "j", 0, nr);
  LExpr *v = lx_load(b, row->inside, lx_add(b, lx_muli(b, kw, BLOCK), lx_muli(b, j, panel)), BLOCK);
  v = loop_let(b, "tap", v);
  LExpr *l = loop_unroll(b, "l", 0, row->lines), *i = loop_unroll(b, "i", 0, pixels);
  LExpr *at = lx_add(b, lx_addi(b, i, first), lx_muli(b, l, row->size));
  loop_set(b, acc, lx_add(b, lx_local(b, acc, at, j), v), at, j);
  for (int k = 0; k < 3; k++) loop_end_for(b);
  if (!always) loop_end_if(b);
}

// The products of tap `kw`: `pixels` of each line from `first`, the input column of the first at `column`.
static void products(Body *o, LVar *acc, int nr, int first, int pixels, const KernelRow *row, LExpr *column,
                     LExpr *kw) {
  LBuilder *b = o->k->b;
  const Contraction *c = o->c;
  bool blocked = !c->scaling && c->block == BLOCK && row->count->op == LOOP_INT && row->count->i == BLOCK;
  TileOperands t = {
      .a = loop_let(b, "px", lx_add(b, row->x, times(o, column, c->in_pixel))),
      .a_row = lx_muli(b, dim(o, c->in_pixel), c->window.sw),
      .a_step = lx_int(b, 1),
      .a_next = blocked ? dim(o, c->in_block) : NULL,
      .b = loop_let(b, "pw", lx_add(b, row->w, lx_muli(b, kw, row->tap_size))),
      .b_step = lx_int(b, BLOCK),
      .b_panel = lx_int(b, o->panel_size),
      .b_wide = row->wide,
      .b_ahead = WEIGHTS_AHEAD,
      .later_step = o->later_step,
      .lines = row->lines,
      .acc_line = row->size,
      .a_line = lx_muli(b, dim(o, c->in_row), c->window.sh),
      .flip = c->scaling && c->scaling->is_signed,
  };
  if (o->later_step)
    t.later = loop_let(b, "later", lx_add(b, row->later, lx_muli(b, kw, steps_a_tap(c) * o->later_step)));
  if (row->inside) add_inside(o, acc, nr, row->first * row->size + first, pixels, row, kw);
  tile_multiply(o->k, acc, row->first * row->size + first, pixels, nr, &t, row->count);
}

// How the taps of one kernel row are visited: all valid for the whole tile (a loop), some only for part of a tile at a
// known column (one piece of code a tap), or for parts that are found at run time (loops with bounds).
typedef struct Columns {
  LExpr *start; // output column of the tile's first pixel
  int size;
  const ColumnRun *border; // NULL: every tap is valid, or bounded
  bool bounded;
} Columns;

// Taps of border columns that are code of their own. LLVM takes a millisecond for each; kernels of 15 taps, and of 3
// taps far apart, stay below this.
enum { MOST_BORDER_TAPS = 1024 };

typedef struct RowTaps {
  Body *o;
  LVar *acc;
  int nr;
  const Columns *at;
  const KernelRow *row;
} RowTaps;

static void row_taps(void *context, int first, int pixels, LExpr *lo, LExpr *hi) {
  const RowTaps *t = context;
  Kernel *k = t->o->k;
  bool opened;
  LExpr *kw = kernel_loop(k, "kw", lo, hi, &opened);
  LExpr *column = window_column(k, &t->o->c->window, lx_addi(k->b, t->at->start, first), kw);
  products(t->o, t->acc, t->nr, first, pixels, t->row, column, kw);
  kernel_end_loop(k, opened);
}

static void kernel_row(Body *o, LVar *acc, int nr, const Columns *at, const KernelRow *row) {
  LBuilder *b = o->k->b;
  const Window *win = &o->c->window;
  RowTaps taps = {o, acc, nr, at, row};
  if (at->bounded) return window_bounded(o->k, win, at->start, at->size, row_taps, &taps);
  if (!at->border) return row_taps(&taps, 0, at->size, lx_int(b, 0), lx_int(b, win->kw));
  for (int64_t kw = 0; kw < win->kw; kw++) {
    int from, to;
    window_valid(win, at->border, kw, &from, &to);
    LExpr *column = lx_int(b, (at->border->start + from) * win->sw - win->left + kw * win->dw);
    if (to > from) products(o, acc, nr, from, to - from, row, column, lx_int(b, kw));
  }
}

typedef struct ChannelBlock {
  LExpr *number, *x, *w; // its number, its first pixel, its first weights
  LExpr *wide;           // where these are widened to; NULL: nowhere
  LExpr *count;          // channels that exist
  int64_t tap;           // elements of weights a tap
} ChannelBlock;

// Kernel rows [lo, hi), which are valid for `lines` lines of the tile from `first`.
static void kernel_rows(Body *o, LVar *acc, int nr, const Columns *at, const ChannelBlock *block, LExpr *lo, LExpr *hi,
                        int first, int lines) {
  LBuilder *b = o->k->b;
  const Contraction *c = o->c;
  if (lo->op == LOOP_INT && hi->op == LOOP_INT && lo->i >= hi->i) return;
  KernelRow row = {.wide = block->wide,
                   .count = block->count,
                   .tap_size = block->tap,
                   .first = first,
                   .lines = lines,
                   .size = at->size};
  bool opened;
  LExpr *kh = kernel_loop(o->k, "kh", lo, hi, &opened);
  LExpr *y = window_row(o->k, &c->window, lx_addi(b, o->row, first), kh);
  row.x = loop_let(b, "xr", lx_add(b, block->x, times(o, y, c->in_row)));
  row.w = loop_let(b, "wr", lx_add(b, block->w, lx_muli(b, kh, c->window.kw * block->tap)));
  row.block = block->number;
  if (o->inside) {
    LExpr *taps = lx_add(b, lx_muli(b, o->panel, c->window.kh * c->window.kw), lx_muli(b, kh, c->window.kw));
    row.inside = loop_let(b, "inside", lx_add(b, o->inside, lx_muli(b, taps, BLOCK)));
  }
  if (o->later_step) {
    LExpr *number = lx_sub(b, block->number, o->first_number);
    LExpr *taps = lx_muli(b, lx_add(b, lx_muli(b, number, c->window.kh), kh), c->window.kw);
    row.later = loop_let(b, "lr", lx_add(b, o->later, lx_muli(b, taps, steps_a_tap(c) * o->later_step)));
  }
  kernel_row(o, acc, nr, at, &row);
  kernel_end_loop(o->k, opened);
}

// Blocks [lo, hi) of input channels, `channels` in each.
static void blocks(Body *o, LVar *acc, int nr, const Columns *at, LExpr *lo, LExpr *hi, int64_t channels) {
  if (lo->op == LOOP_INT && hi->op == LOOP_INT && hi->i <= lo->i) return;
  LBuilder *b = o->k->b;
  const Contraction *c = o->c;
  bool grouped = c->groups > 1, opened;
  LExpr *number = kernel_loop(o->k, "block", lo, hi, &opened);
  LExpr *in_block = grouped ? lx_add(b, number, o->first_block) : number;
  ChannelBlock block = {
      .number = number,
      .x = loop_let(b, "xb", lx_add(b, o->x_image, times(o, in_block, c->in_block))),
      .w = loop_let(b, "wb", lx_add(b, o->w_tile, lx_muli(b, number, weights_a_block(c)))),
      .wide = o->w_wide ? loop_let(b, "to", lx_add(b, o->w_wide, lx_muli(b, number, weights_a_block(c)))) : NULL,
      .count = lx_int(b, channels),
      .tap = (grouped ? BLOCK : channels) * BLOCK,
  };
  if (grouped && c->channels_in % BLOCK) { // the input's last block is partly undefined memory
    LExpr *left = lx_sub(b, lx_int(b, c->channels_in), lx_muli(b, in_block, BLOCK));
    block.count = loop_let(b, "count", lx_min(b, block.count, left));
  }
  // From line to line both bounds fall: first the kernel rows that only lower lines have, then those of all, then those
  // of upper lines.
  int n = o->lines;
  for (int l = n - 1; l > 0; l--) kernel_rows(o, acc, nr, at, &block, o->kh_lo[l], o->kh_lo[l - 1], l, n - l);
  kernel_rows(o, acc, nr, at, &block, o->kh_lo[0], o->kh_hi[n - 1], 0, n);
  for (int l = n - 1; l > 0; l--) kernel_rows(o, acc, nr, at, &block, o->kh_hi[l], o->kh_hi[l - 1], 0, l);
  kernel_end_loop(o->k, opened);
}

// The products of a pass over the channels, of the weights at w_tile.
static void pass_products(Body *o, LVar *acc, int nr, const Columns *at) {
  LBuilder *b = o->k->b;
  const Contraction *c = o->c;
  int64_t whole = c->channels_in / c->block, rest = c->channels_in % c->block;
  if (c->groups > 1) return blocks(o, acc, nr, at, o->first_number, o->end_number, BLOCK);
  blocks(o, acc, nr, at, o->first_number, o->end_number, c->block);
  if (rest) blocks(o, acc, nr, at, lx_int(b, whole), lx_int(b, whole + 1), rest);
}

static void pass_blocks(Body *o, LVar *acc, int nr, const Columns *at) {
  LBuilder *b = o->k->b;
  if (!o->by_tile) return pass_products(o, acc, nr, at);
  loop_if(b, lx_op(b, LOOP_NE, lx_local(b, o->widened), o->panel));
  o->w_tile = o->w_panel, o->w_wide = o->wide;
  pass_products(o, acc, nr, at);
  loop_set(b, o->widened, o->panel);
  loop_else(b);
  o->w_tile = o->wide, o->w_wide = NULL;
  pass_products(o, acc, nr, at);
  loop_end_if(b);
}

// Sums are begun, summed and stored; of a sum in several passes, all but the first continue with what is stored, and
// the last alone does what follows the sum.
static void tile(Body *o, int nr, const Columns *at) {
  const Contraction *c = o->c;
  LBuilder *b = o->k->b;
  TileShape s = {o->lines * at->size, nr};
  LVar *acc = c->scaling ? tile_integers(o->k, s) : tile_accumulators(o->k, s);
  TileOutput out = {
      .y = o->y,
      .at = loop_let(b, "at", lx_add(b, o->out, times(o, at->start, c->out_pixel))),
      .row = dim(o, c->out_pixel),
      .panel = dim(o, c->out_panel),
      .residual = o->residual,
      .lines = o->lines,
      .line = dim(o, c->out_row),
      .act = c->act,
      .scaling = c->scaling,
      .scale = o->scale,
      .bias = o->shift,
      .table = o->table,
      .channel = lx_muli(b, o->panel, BLOCK),
  };
  if (c->out_tail) out.lanes = lx_sub(b, lx_int(b, c->channels_out), lx_muli(b, o->panel, BLOCK));
  bool several = o->passes > 1;
  if (several) loop_if(b, lx_op(b, LOOP_LT, lx_int(b, 0), o->pass));
  if (several) tile_load(o->k, acc, s, &out);
  if (several) loop_else(b);
  tile_start(o->k, acc, s, o->bias, lx_muli(b, o->panel, BLOCK));
  if (several) loop_end_if(b);
  pass_blocks(o, acc, nr, at);
  if (several) loop_if(b, lx_op(b, LOOP_LT, o->pass, lx_int(b, o->passes - 1)));
  TileOutput unfinished = out;
  unfinished.residual = NULL;
  unfinished.act = "none";
  if (several) tile_store(o->k, acc, s, &unfinished);
  if (several) loop_else(b);
  tile_store(o->k, acc, s, &out);
  if (several) loop_end_if(b);
}

typedef struct RowContext {
  Body *o;
  int nr;
  bool bounded;
} RowContext;

static void open_tile(void *context, LExpr *start, int rows) {
  RowContext *r = context;
  tile(r->o, r->nr, &(Columns){.start = start, .size = rows, .bounded = r->bounded});
}

// While a tile is multiplied, its share of the next panels' weights comes into the second-level cache: what only starts
// to be read when it is needed comes too slowly. `tiles` of the panels' tiles pass in all; 0: unknown.
static void plan_later(Body *o, int nr, int64_t tiles) {
  int64_t step = ceil_div((int64_t)nr * BLOCK, tiles ? tiles : 1);
  bool pays = tiles >= 2 && tiles <= 2 * nr * BLOCK && !o->bands_outside;
  o->later_step = pays ? (int)step : 0;
}

// Where the share of tile number `tile` begins: shares follow each other within the pass's part of each panel.
static void later_share(Body *o, int nr, LExpr *tile) {
  LBuilder *b = o->k->b;
  int64_t part = o->passes > 1 ? o->blocks_a_pass * weights_a_block(o->c) : o->panel_size;
  LExpr *at = lx_muli(b, tile, ceil_div(part, BLOCK * BLOCK) * BLOCK * o->later_step);
  if (o->passes > 1) {
    LExpr *panel = lx_op(b, LOOP_DIV, at, lx_int(b, part));
    at = lx_add(b, at, lx_muli(b, panel, o->panel_size - part));
    at = lx_add(b, at, lx_muli(b, o->first_number, weights_a_block(o->c)));
  }
  o->later = loop_let(b, "later", lx_add(b, o->w_panel, lx_addi(b, at, o->panel_size * nr)));
}

static void static_row(Body *o, int nr, int mr) {
  LBuilder *b = o->k->b;
  ColumnRun *runs;
  int n = window_runs(o->k->lw, &o->c->window, mr, MOST_BORDER_TAPS, &runs);
  int64_t tiles = 0, before = 0;
  for (int r = 0; r < n; r++) tiles += runs[r].repeat;
  plan_later(o, nr, dim_is_const(o->c->window.out_h) ? tiles * ceil_div(o->c->window.out_h, o->lines) : 0);
  for (int r = 0; r < n; before += runs[r++].repeat) {
    bool alone = !runs[r].interior && !runs[r].bounded;
    Columns at = {.size = runs[r].size, .border = alone ? &runs[r] : NULL, .bounded = runs[r].bounded};
    bool opened;
    LExpr *i = kernel_loop(o->k, "i", lx_int(b, 0), lx_int(b, runs[r].repeat), &opened);
    at.start = lx_addi(b, lx_muli(b, i, at.size), runs[r].start);
    if (o->later_step) later_share(o, nr, lx_add(b, lx_muli(b, o->band, tiles), lx_addi(b, i, before)));
    tile(o, nr, &at);
    kernel_end_loop(o->k, opened);
  }
}

// Columns whose number is known at run time only: without borders tiles of whole size; with borders single pixels.
static void dynamic_row(Body *o, int nr, int mr) {
  RowContext context = {o, nr, window_has_borders(&o->c->window)};
  tile_for_rows(o->k, dim(o, o->c->window.out_w), context.bounded ? 1 : mr, open_tile, &context);
}

// Whether some tap of some output is outside the picture.
static bool sees_border(const Window *w) {
  if (w->top != 0 || w->left != 0 || w->right != 0) return true;
  if (!dim_is_const(w->in_h) || !dim_is_const(w->out_h)) return w->kh > 1;
  return (w->out_h - 1) * w->sh + (w->kh - 1) * w->dh >= w->in_h;
}

// ---- weights that are halves

enum { WIDE_MOST = 1 << 20 }; // bytes of widened weights that stay in the second-level cache

// How many tiles of an image read each weight: at least, where that is known at run time only.
static int64_t tiles_a_weight(Lower *lw, const Contraction *c, int columns, int lines) {
  int64_t across = ceil_div(lower_estimate(lw, c->window.out_w), columns);
  return across * ceil_div(lower_estimate(lw, c->window.out_h), lines);
}

// Where one tile alone reads a weight, it widens it. Else the first tile of some panels leaves what it widened to the
// others, while its products are formed; larger windows leave out taps at the border, so that panels are widened
// before. Where all panels pass over a band before the next, all are widened first.
static void plan_widening(Body *o, int lines) {
  const Contraction *c = o->c;
  bool all = o->bands_outside && o->passes == 1;
  int64_t panels = all ? ceil_div(c->channels_out, BLOCK) : o->tile.nr, elements = panels * o->panel_size;
  if (!dtype_is_half(o->w->type.dtype) || tiles_a_weight(o->k->lw, c, o->columns, lines) < 2) return;
  if (elements * (int64_t)sizeof(float) > WIDE_MOST) return;
  o->wide = halves_scratch(o->k, o->w, elements);
  if (all) return halves_widen(o->k, o->wide, o->w, lx_int(o->k->b, elements));
  o->widened = kernel_index(o->k->b, "widened", lx_int(o->k->b, -1));
  o->by_tile = c->window.kh * c->window.kw == 1 && !sees_border(&c->window);
}

// The weights of the panels at hand where tiles read them; of a pass only its share.
static LExpr *tile_weights(Body *o, int nr) {
  LBuilder *b = o->k->b;
  if (!o->wide || o->by_tile) return o->w_panel;
  if (!o->widened) return loop_let(b, "wt", lx_add(b, o->wide, lx_muli(b, o->panel, o->panel_size)));
  loop_if(b, lx_op(b, LOOP_NE, lx_local(b, o->widened), o->panel));
  LExpr *from = lx_int(b, 0), *count = lx_int(b, o->panel_size);
  if (o->passes > 1) {
    from = loop_let(b, "from", lx_muli(b, o->first_number, weights_a_block(o->c)));
    count = loop_let(b, "n", lx_muli(b, lx_sub(b, o->end_number, o->first_number), weights_a_block(o->c)));
  }
  LExpr *j = loop_for(b, "j", lx_int(b, 0), lx_int(b, nr), 1);
  LExpr *at = loop_let(b, "at", lx_add(b, lx_muli(b, j, o->panel_size), from));
  halves_widen(o->k, lx_add(b, o->wide, at), lx_add(b, o->w_panel, at), count);
  loop_end_for(b);
  loop_set(b, o->widened, o->panel);
  loop_end_if(b);
  return o->wide;
}

// ---- tasks

static void panels(Body *o, int nr, int lines, LExpr *group) {
  LBuilder *b = o->k->b;
  const Contraction *c = o->c;
  o->lines = lines;
  for (int l = 0; l < lines; l++) window_rows(o->k, &c->window, lx_addi(b, o->row, l), &o->kh_lo[l], &o->kh_hi[l]);
  o->panel = loop_let(b, "panel", lx_muli(b, group, o->tile.nr));
  o->w_panel = loop_let(b, "wp", lx_add(b, o->w, lx_muli(b, o->panel, o->panel_size)));
  o->w_tile = tile_weights(o, nr);
  o->x_image = loop_let(b, "xi", lx_add(b, o->x, times(o, o->image, c->in_image)));
  LExpr *out = lx_add(b, times(o, o->image, c->out_image), times(o, o->panel, c->out_panel));
  o->out = loop_let(b, "out", lx_add(b, out, times(o, o->row, c->out_row)));
  if (c->groups > 1) {
    LExpr *g = lx_op(b, LOOP_DIV, lx_muli(b, o->panel, BLOCK), lx_int(b, o->group.out));
    LExpr *first = lx_op(b, LOOP_DIV, lx_muli(b, g, o->group.in), lx_int(b, BLOCK));
    o->first_block = loop_let(b, "first", lx_min(b, first, lx_int(b, o->group.total - o->group.blocks)));
  }
  if (window_is_static(&c->window))
    static_row(o, nr, o->columns);
  else
    dynamic_row(o, nr, o->columns);
}

// The rows of one band: `lines` of them, fewer in the last.
static void band(Body *o, int nr, int lines, LExpr *group) {
  LBuilder *b = o->k->b;
  o->row = lx_muli(b, o->band, lines);
  int64_t rest = lines > 1 ? o->c->window.out_h % lines : 0, whole = lines > 1 ? o->c->window.out_h / lines : 0;
  if (rest) loop_if(b, lx_op(b, LOOP_LT, o->band, lx_int(b, whole)));
  panels(o, nr, lines, group);
  if (rest) {
    loop_else(b);
    panels(o, nr, (int)rest, group);
    loop_end_if(b);
  }
}

static void weight_parameters(Body *o) {
  Kernel *k = o->k;
  const Contraction *c = o->c;
  if (c->groups > 1)
    o->w = kernel_buffer(k, "w", pack_grouped(k->lw, c->weight, c->taps, o->group), ACCESS_IN);
  else
    o->w = kernel_buffer(k, "w", pack_panels(k->lw, c->weight, c->taps, c->block), ACCESS_IN);
  if (c->bias) o->bias = kernel_buffer(k, "bias", pack_vector(k->lw, c->bias), ACCESS_IN);
}

static void integer_parameters(Body *o) {
  Kernel *k = o->k;
  const Contraction *c = o->c;
  const Scaling *s = c->scaling;
  int64_t zero = s->zero_point + (s->is_signed ? 128 : 0);
  o->x = loop_let(k->b, "quads", lx_bitcast(k->b, DT_I32, o->x));
  o->w = kernel_buffer(k, "w", pack_quads(k->lw, c->weight, c->block), ACCESS_IN);
  bool bordered = sees_border(&c->window);
  LExpr *zeros = zero ? kernel_buffer(k, "zeros", pack_zero_sums(k->lw, c->weight, zero, bordered), ACCESS_IN) : NULL;
  *(bordered ? &o->inside : &o->bias) = zeros;
  o->scale = kernel_buffer(k, "scale", pack_vector(k->lw, s->scale), ACCESS_IN);
  if (s->table) o->table = kernel_buffer(k, "table", pack_row_major(k->lw, s->table), ACCESS_IN);
  if (s->bias) o->shift = kernel_buffer(k, "bias", pack_vector(k->lw, s->bias), ACCESS_IN);
}

void contract_results(Kernel *k, const Contraction *c, bool read_back, LExpr **residual, LExpr **y) {
  read_back |= !c->scaling && math_is_long(c->act);
  bool in_place = c->residual && !read_back && c->residual->type == c->y->type;
  if (c->residual)
    *residual = in_place ? kernel_in_place(k, "residual", c->residual) : kernel_in(k, "residual", c->residual);
  *y = in_place ? kernel_out_in_place(k, "y", c->y) : read_back ? kernel_inout(k, "y", c->y) : kernel_out(k, "y", c->y);
}

static void parameters(Body *o) {
  Kernel *k = o->k;
  const Contraction *c = o->c;
  o->x = kernel_in(k, "x", c->x);
  if (c->scaling)
    integer_parameters(o);
  else
    weight_parameters(o);
  contract_results(k, c, !c->scaling && o->passes > 1, &o->residual, &o->y);
}

void contract(Lower *lw, const Node *n, const Contraction *c) {
  Kernel k = kernel_begin(lw, c->window.kh * c->window.kw > 1 ? "conv" : "gemm");
  int64_t total = ceil_div(c->channels_out, BLOCK), taps = c->window.kh * c->window.kw;
  Body o = {.k = &k, .c = c};
  if (c->groups > 1) o.group = pack_grouping(c->channels_in, c->channels_out, c->groups);
  o.panel_size = (c->groups > 1 ? o.group.blocks * BLOCK : c->channels_in) * taps * BLOCK;
  Dim pixels = dim_mul(lw->m->dims, c->window.in_h, c->window.in_w);
  o.bands_outside = contract_bands_outside(c, pixels);
  int64_t blocks = c->groups > 1 ? o.group.blocks : c->channels_in / c->block;
  o.passes = contract_passes(c, pixels, o.bands_outside);
  o.blocks_a_pass = ceil_div(blocks, o.passes);
  o.passes = o.blocks_a_pass ? ceil_div(blocks, o.blocks_a_pass) : 1;
  int64_t columns = window_is_static(&c->window) ? c->window.out_w : 0;
  TileWork work = {
      .rows = columns, .panels = c->groups > 1 ? 1 : total, .steps = ceil_div(o.panel_size / BLOCK, o.passes)};
  TileChoice choice = tile_compare(lw->target, &work);
  contract_explain(lw, n, c, &work, &choice);
  o.tile = choose_tile(lw, n, c, &work, choice.shape);
  int lines = contract_join_lines(lw, n, c, &work, &o.tile);
  o.columns = o.tile.mr / lines;
  parameters(&o);
  kernel_advance(&k, c->y_first);

  int64_t whole = total / o.tile.nr, tail = total % o.tile.nr;
  Dim groups = whole + (tail > 0), bands = lines > 1 ? ceil_div(c->window.out_h, lines) : c->window.out_h;
  bool outside = o.bands_outside;
  Dim extents[] = {c->images, outside ? bands : groups, outside ? groups : bands};
  o.pass = kernel_passes(&k, o.passes);
  o.first_number = lx_muli(k.b, o.pass, o.blocks_a_pass);
  o.end_number = lx_min(k.b, lx_addi(k.b, o.first_number, o.blocks_a_pass), lx_int(k.b, blocks));
  plan_widening(&o, lines);
  LExpr *t[3];
  Dim tasks = kernel_tasks(&k, 3, extents, t);
  o.image = t[0];
  o.band = t[outside ? 1 : 2];
  LExpr *group = t[outside ? 2 : 1];
  if (whole && tail) loop_if(k.b, lx_op(k.b, LOOP_LT, group, lx_int(k.b, whole)));
  if (whole) band(&o, o.tile.nr, lines, group);
  if (whole && tail) loop_else(k.b);
  if (tail) band(&o, (int)tail, lines, group);
  if (whole && tail) loop_end_if(k.b);
  char detail[64];
  snprintf(detail, sizeof detail, "%s %dx%d", c->block == 1 ? "plain" : "C16", o.tile.mr, o.tile.nr);
  kernel_finish(&k, n, tasks, contract_macs(lw, c), detail);
}
