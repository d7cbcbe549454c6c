#include "passes/lower/winograd.h"
#include "ir/core/checked.h"
#include "passes/lower/math.h"
#include <stdio.h>

enum { LINES_A_PRODUCT = 4 }; // of weights, 9 * 16 a panel's block over 36 products of F(4,3); too many for F(2,3)

// Everything that the parts of one kernel share. Strides are in elements.
typedef struct Body {
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
} Body;

static int64_t panel_size(const Body *o) { return o->c->channels_in * TOOM_TAPS * TOOM_TAPS * BLOCK; }
static LExpr *dim(Body *o, Dim d) { return kernel_dim(o->k, d); }
static LExpr *vectors(Body *o, int64_t n) { return lx_int(o->k->b, n * BLOCK); }

// A loop over the elements of vectors [lo, hi), a machine vector at a time.
static LExpr *for_lanes(Body *o, LExpr *lo, LExpr *hi) {
  LBuilder *b = o->k->b;
  return loop_for(b, "e", lx_muli(b, lo, BLOCK), lx_muli(b, hi, BLOCK), o->lanes);
}
// The parts of one vector.
static LExpr *lanes_loop(Body *o, bool *opened) {
  *opened = o->lanes < BLOCK;
  return *opened ? loop_for(o->k->b, "h", lx_int(o->k->b, 0), lx_int(o->k->b, BLOCK), o->lanes) : lx_int(o->k->b, 0);
}

static void split(LBuilder *b, LExpr *e, int64_t n, LExpr **quotient, LExpr **rest) {
  if (n == 1) {
    *quotient = e;
    *rest = lx_int(b, 0);
    return;
  }
  *quotient = loop_let(b, "t", lx_op(b, LOOP_DIV, e, lx_int(b, n)));
  *rest = loop_let(b, "t", lx_op(b, LOOP_MOD, e, lx_int(b, n)));
}

typedef struct Place {         // of a segment
  LExpr *image, *row, *across; // the picture, the row of tiles, the segment in it
} Place;

static Place locate(Body *o, LExpr *segment) {
  LBuilder *b = o->k->b;
  Place p;
  LExpr *rows;
  split(b, segment, o->w->across, &rows, &p.across);
  if (o->c->images == 1)
    p.image = lx_int(b, 0), p.row = rows;
  else
    split(b, rows, o->w->tiles_y, &p.image, &p.row);
  if (o->w->tiles_y == 1) p.row = lx_int(b, 0);
  return p;
}

// ---- 1. inputs

// Columns [lo, hi) of a segment's input: `rows` gets the sums along the columns. Element e of row r at x[r * x_row +
// e].
static void transform_columns(Body *o, LExpr *x, int64_t x_row, LExpr *lo, LExpr *hi) {
  LBuilder *b = o->k->b;
  const Toom *t = &o->w->toom;
  LExpr *in[TOOM_MOST], *out[TOOM_MOST], *e = for_lanes(o, lo, hi);
  for (int r = 0; r < t->n; r++) in[r] = loop_let(b, "d", lx_load(b, x, lx_addi(b, e, r * x_row), o->lanes));
  toom_inputs(b, t, in, out);
  for (int r = 0; r < t->n; r++) loop_store(b, o->rows, lx_addi(b, e, r * o->columns * BLOCK), out[r]);
  loop_end_for(b);
}

static void zero_columns(Body *o, LExpr *p, LExpr *lo, LExpr *hi) {
  LBuilder *b = o->k->b;
  if (lo->op == LOOP_INT && hi->op == LOOP_INT && lo->i >= hi->i) return;
  LExpr *e = for_lanes(o, lo, hi);
  loop_store(b, p, e, lx_const(b, L_F32X(o->lanes), 0));
  loop_end_for(b);
}

// Rows of input that are not in the picture become zeros in `copy`.
static void copy_rows(Body *o, LExpr *x, LExpr *y0, LExpr *lo, LExpr *hi) {
  LBuilder *b = o->k->b;
  LExpr *r = loop_for(b, "r", lx_int(b, 0), lx_int(b, o->w->toom.n), 1), *y = loop_let(b, "y", lx_add(b, y0, r));
  LExpr *to = loop_let(b, "to", lx_add(b, o->copy, lx_muli(b, r, o->columns * BLOCK)));
  LExpr *from = loop_let(b, "from", lx_add(b, x, lx_mul(b, r, dim(o, o->c->in_row))));
  loop_if(b, lx_op(b, LOOP_AND, lx_op(b, LOOP_LE, lx_int(b, 0), y), lx_op(b, LOOP_LT, y, dim(o, o->c->window.in_h))));
  LExpr *e = for_lanes(o, lo, hi);
  loop_store(b, to, e, lx_load(b, from, e, o->lanes));
  loop_end_for(b);
  loop_else(b);
  zero_columns(o, to, lo, hi);
  loop_end_if(b);
  loop_end_for(b);
}

static void clear_outside(Body *o, LExpr *lo, LExpr *hi) {
  LBuilder *b = o->k->b;
  LExpr *r = loop_for(b, "r", lx_int(b, 0), lx_int(b, o->w->toom.n), 1);
  LExpr *row = loop_let(b, "row", lx_add(b, o->rows, lx_muli(b, r, o->columns * BLOCK)));
  zero_columns(o, row, lx_int(b, 0), lo);
  zero_columns(o, row, hi, lx_int(b, o->columns));
  loop_end_for(b);
}

// The columns of segment `across` that are in the picture.
static void valid_columns(Body *o, LExpr *across, LExpr **lo, LExpr **hi) {
  LBuilder *b = o->k->b;
  const Window *win = &o->c->window;
  LExpr *x0 = lx_addi(b, lx_muli(b, across, o->w->segment * o->w->toom.m), -win->left);
  *lo = lx_max(b, lx_int(b, 0), lx_sub(b, lx_int(b, 0), x0));
  *hi = lx_min(b, lx_int(b, o->columns), lx_sub(b, dim(o, win->in_w), x0));
  if (across->op != LOOP_INT) *lo = loop_let(b, "lo", *lo), *hi = loop_let(b, "hi", *hi);
}

// Where all segments have the same columns, what is outside stays zero from one to the next.
static void prepare_rows(Body *o) {
  LExpr *lo, *hi;
  if (o->w->across > 1) return;
  valid_columns(o, lx_int(o->k->b, 0), &lo, &hi);
  clear_outside(o, lo, hi);
}

// The tiles of a segment, along their rows: from `rows` to v.
static void transform_rows(Body *o, LExpr *v) {
  LBuilder *b = o->k->b;
  const Toom *t = &o->w->toom;
  LExpr *in[TOOM_MOST], *out[TOOM_MOST];
  LExpr *r = loop_for(b, "r", lx_int(b, 0), lx_int(b, t->n), 1);
  LExpr *row = loop_let(b, "row", lx_add(b, o->rows, lx_muli(b, r, o->columns * BLOCK)));
  LExpr *to = loop_let(b, "to", lx_add(b, v, lx_mul(b, r, lx_muli(b, o->v_product, t->n))));
  LExpr *tile = loop_for(b, "tile", lx_int(b, 0), lx_int(b, o->w->segment), 1);
  bool opened;
  LExpr *h = lanes_loop(o, &opened);
  for (int i = 0; i < t->n; i++) {
    LExpr *at = lx_add(b, lx_muli(b, lx_addi(b, lx_muli(b, tile, t->m), i), BLOCK), h);
    in[i] = loop_let(b, "d", lx_load(b, row, at, o->lanes));
  }
  toom_inputs(b, t, in, out);
  LExpr *at = lx_add(b, lx_muli(b, tile, BLOCK), h);
  for (int i = 0; i < t->n; i++) loop_store(b, to, lx_add(b, at, lx_muli(b, o->v_product, i)), out[i]);
  kernel_end_loop(o->k, opened);
  loop_end_for(b);
  loop_end_for(b);
}

// Input block `block` of a segment; v: the place of its first tile in the first product's first block.
static void transform_segment(Body *o, LExpr *segment, LExpr *block, LExpr *v) {
  LBuilder *b = o->k->b;
  const Window *win = &o->c->window;
  const Toom *t = &o->w->toom;
  Place p = locate(o, segment);
  LExpr *lo, *hi;
  valid_columns(o, p.across, &lo, &hi);
  LExpr *y0 = loop_let(b, "y0", lx_addi(b, lx_muli(b, p.row, t->m), -win->top));
  LExpr *x0 = lx_addi(b, lx_muli(b, p.across, o->w->segment * t->m), -win->left);
  LExpr *plane = lx_add(b, lx_mul(b, p.image, dim(o, o->c->in_image)), lx_mul(b, block, dim(o, o->c->in_block)));
  LExpr *at = lx_add(b, plane, lx_add(b, lx_mul(b, y0, dim(o, o->c->in_row)), lx_muli(b, x0, BLOCK)));
  LExpr *x = loop_let(b, "xs", lx_add(b, o->x, at));
  if (o->w->across > 1) clear_outside(o, lo, hi);
  LExpr *above = lx_op(b, LOOP_LE, lx_int(b, 0), y0);
  LExpr *below = lx_op(b, LOOP_LE, lx_addi(b, y0, t->n), dim(o, win->in_h));
  loop_if(b, lx_op(b, LOOP_AND, above, below));
  transform_columns(o, x, o->c->in_row, lo, hi);
  loop_else(b);
  copy_rows(o, x, y0, lo, hi);
  transform_columns(o, o->copy, o->columns * BLOCK, lo, hi);
  loop_end_if(b);
  transform_rows(o, loop_let(b, "vs", lx_add(b, v, lx_mul(b, block, o->v_block))));
}

// ---- 2. taps

// The blocks [lo, hi) of 16 input channels whose taps are in u, and whether the last block, of fewer, is there, too.
typedef struct Depth {
  LExpr *lo, *hi, *last; // last: NULL where all blocks have 16
} Depth;

// Calls for each block of the depth.
typedef struct DepthBody DepthBody;
struct DepthBody {
  Body *o;
  const Depth *depth;
  void (*block)(DepthBody *d, LExpr *block, int64_t channels);
  int product, nr; // taps: the row of products
  int j;
  LExpr *panel;
  LVar *acc; // products
  LExpr *a, *u, *ahead;
};

static void for_depth(DepthBody *d) {
  LBuilder *b = d->o->k->b;
  int64_t whole = d->o->c->channels_in / BLOCK;
  if (whole) {
    LExpr *block = loop_for(b, "block", d->depth->lo, d->depth->hi, 1);
    d->block(d, block, BLOCK);
    loop_end_for(b);
  }
  if (!d->depth->last) return;
  loop_if(b, d->depth->last);
  d->block(d, lx_int(b, whole), d->o->c->channels_in % BLOCK);
  loop_end_if(b);
}

static LExpr *place_of_taps(DepthBody *d, LExpr *u, LExpr *block) {
  LBuilder *b = d->o->k->b;
  return lx_add(b, u, lx_muli(b, lx_sub(b, block, d->depth->lo), (int64_t)d->nr * BLOCK * BLOCK));
}

// One row of products of the taps of `channels` input channels, to u.
static void transform_taps(DepthBody *d, LExpr *block, int64_t channels) {
  Body *o = d->o;
  LBuilder *b = o->k->b;
  const Toom *t = &o->w->toom;
  int64_t tap = channels * BLOCK, block_size = TOOM_TAPS * TOOM_TAPS * BLOCK * BLOCK;
  LExpr *from = lx_add(b, lx_muli(b, lx_addi(b, d->panel, d->j), panel_size(o)), lx_muli(b, block, block_size));
  from = loop_let(b, "g", lx_add(b, o->weights, from));
  LExpr *to = loop_let(b, "to", lx_addi(b, place_of_taps(d, o->u, block), d->j * BLOCK));
  LExpr *ic = loop_for(b, "ic", lx_int(b, 0), lx_int(b, channels), 1);
  bool opened;
  LExpr *h = lanes_loop(o, &opened), *sums[TOOM_TAPS];
  for (int kw = 0; kw < TOOM_TAPS; kw++) {
    LExpr *taps[TOOM_TAPS] = {0};
    for (int kh = 0; kh < TOOM_TAPS; kh++) {
      if ((d->product == 0 && kh > 0) || (d->product == t->n - 1 && kh < TOOM_TAPS - 1)) continue; // not looked at
      LExpr *at = lx_addi(b, lx_add(b, lx_muli(b, ic, BLOCK), h), (kh * TOOM_TAPS + kw) * tap);
      taps[kh] = loop_let(b, "w", lx_load(b, from, at, o->lanes));
    }
    sums[kw] = toom_taps(b, t, d->product, taps);
  }
  LExpr *at = lx_add(b, lx_muli(b, ic, d->nr * BLOCK), h);
  for (int i = 0; i < t->n; i++) loop_store(b, to, lx_addi(b, at, i * o->u_product), toom_taps(b, t, i, sums));
  kernel_end_loop(o->k, opened);
  loop_end_for(b);
}

// Row `row` of products of the taps of a panel group.
static void transform_weights(Body *o, LExpr *row, LExpr *panel, int nr, const Depth *depth) {
  LBuilder *b = o->k->b;
  for (int product = 0; product < o->w->toom.n; product++) {
    loop_if(b, lx_op(b, LOOP_EQ, row, lx_int(b, product)));
    for (int j = 0; j < nr; j++)
      for_depth(&(DepthBody){o, depth, transform_taps, .product = product, .nr = nr, .j = j, .panel = panel});
    loop_end_if(b);
  }
}

// ---- 3. products

// Each product of a block asks for its part of the weights of the next slab: there are four lines a product and panel.
static void read_ahead(DepthBody *d, LExpr *block) {
  LBuilder *b = d->o->k->b;
  int64_t lines = ceil_div(LINES_A_PRODUCT, d->o->calls);
  LExpr *line = lx_muli(b, block, d->o->w->toom.n * d->o->w->toom.n * LINES_A_PRODUCT);
  LExpr *from = loop_let(b, "next", lx_add(b, d->ahead, lx_muli(b, line, BLOCK)));
  for (int j = 0; j < d->nr; j++)
    for (int64_t i = 0; i < lines; i++) loop_prefetch(b, from, lx_int(b, j * panel_size(d->o) + i * BLOCK), 2);
}

static void multiply_block(DepthBody *d, LExpr *block, int64_t channels) {
  LBuilder *b = d->o->k->b;
  int mr = d->o->w->tile.mr;
  read_ahead(d, block);
  TileOperands t = {
      .a = loop_let(b, "pa", lx_add(b, d->a, lx_mul(b, block, d->o->v_block))),
      .a_row = lx_int(b, BLOCK),
      .a_step = lx_int(b, 1),
      .b = loop_let(b, "pb", place_of_taps(d, d->u, block)),
      .b_step = lx_int(b, d->nr * BLOCK),
      .b_panel = lx_int(b, BLOCK),
  };
  tile_multiply(d->o->k, d->acc, 0, mr, d->nr, &t, lx_int(b, channels)); // lanes past `channels` are not looked at
}

// The element of m that accumulator i, j of the register tile at `tile` is.
static LExpr *place_of_sum(Body *o, LExpr *tile, LExpr *i, LExpr *j) {
  LBuilder *b = o->k->b;
  return lx_muli(b, lx_add(b, lx_muli(b, j, o->tiles), lx_add(b, tile, i)), BLOCK);
}

// One product: m of `tiles` tiles += v times u; m begins with the first depth.
static void multiply(Body *o, LExpr *v, LExpr *u, LExpr *m, LExpr *ahead, LExpr *calls, int nr, const Depth *depth) {
  LBuilder *b = o->k->b;
  TileShape shape = {o->w->tile.mr, nr};
  LExpr *call = loop_for(b, "call", lx_int(b, 0), calls, 1), *tile = loop_let(b, "tile", lx_muli(b, call, shape.mr));
  LVar *acc = tile_accumulators(o->k, shape);
  loop_if(b, lx_op(b, LOOP_EQ, depth->lo, lx_int(b, 0)));
  tile_start(o->k, acc, shape, NULL, NULL);
  loop_else(b);
  LExpr *j = loop_unroll(b, "j", 0, nr), *i = loop_unroll(b, "i", 0, shape.mr);
  loop_set(b, acc, lx_load(b, m, place_of_sum(o, tile, i, j), BLOCK), i, j);
  loop_end_for(b);
  loop_end_for(b);
  loop_end_if(b);
  LExpr *a = loop_let(b, "a", lx_add(b, v, lx_muli(b, tile, BLOCK)));
  LExpr *next = loop_let(b, "next", lx_add(b, ahead, lx_muli(b, call, ceil_div(LINES_A_PRODUCT, o->calls) * BLOCK)));
  for_depth(&(DepthBody){o, depth, multiply_block, .nr = nr, .acc = acc, .a = a, .u = u, .ahead = next});
  j = loop_unroll(b, "j", 0, nr), i = loop_unroll(b, "i", 0, shape.mr);
  loop_store(b, m, place_of_sum(o, tile, i, j), lx_local(b, acc, i, j));
  loop_end_for(b);
  loop_end_for(b);
  loop_end_for(b);
}

// ---- 4. outputs

// The tiles of a segment along their columns: m to `rows`, as [m][n][segment][16].
static void sum_columns(Body *o, LExpr *from) {
  LBuilder *b = o->k->b;
  const Toom *t = &o->w->toom;
  LExpr *in[TOOM_MOST], *out[TOOM_MOST];
  LExpr *column = loop_for(b, "c", lx_int(b, 0), lx_int(b, t->n), 1);
  LExpr *p = loop_let(b, "mc", lx_add(b, from, lx_muli(b, column, o->m_product)));
  LExpr *to = loop_let(b, "to", lx_add(b, o->rows, lx_muli(b, column, o->w->segment * BLOCK)));
  LExpr *e = for_lanes(o, lx_int(b, 0), lx_int(b, o->w->segment));
  for (int r = 0; r < t->n; r++)
    in[r] = loop_let(b, "d", lx_load(b, p, lx_addi(b, e, r * t->n * o->m_product), o->lanes));
  toom_outputs(b, t, in, out);
  for (int r = 0; r < t->m; r++) loop_store(b, to, lx_addi(b, e, r * t->n * o->w->segment * BLOCK), out[r]);
  loop_end_for(b);
  loop_end_for(b);
}

// The first `columns` outputs of a row of a tile, with the epilogue. `at`: the first one's element in y.
static void finish_tile(Body *o, LExpr *row, LExpr *tile, LExpr *at, LExpr *bias, int columns) {
  LBuilder *b = o->k->b;
  const Toom *t = &o->w->toom;
  LExpr *in[TOOM_MOST], *out[TOOM_MOST];
  bool opened;
  LExpr *h = lanes_loop(o, &opened);
  for (int i = 0; i < t->n; i++) {
    LExpr *from = lx_add(b, lx_muli(b, lx_addi(b, tile, i * o->w->segment), BLOCK), h);
    in[i] = loop_let(b, "d", lx_load(b, row, from, o->lanes));
  }
  toom_outputs(b, t, in, out);
  LExpr *start = bias ? loop_let(b, "bias", lx_load(b, bias, h, o->lanes)) : NULL;
  for (int i = 0; i < columns; i++) {
    LExpr *to = lx_addi(b, lx_add(b, at, h), i * BLOCK), *y = out[i];
    if (start) y = lx_add(b, y, start);
    if (o->residual) y = lx_add(b, y, lx_load(b, o->residual, to, o->lanes));
    loop_store(b, o->y, to, math_activation(b, o->c->act, loop_let(b, "y", y)));
  }
  kernel_end_loop(o->k, opened);
}

// The tiles of a segment along their rows: `rows` to y. `out`: the first output's element.
static void sum_rows(Body *o, const Place *p, LExpr *out, LExpr *bias) {
  LBuilder *b = o->k->b;
  const Winograd *w = o->w;
  const Window *win = &o->c->window;
  int m = w->toom.m, partial = (int)(win->out_w % m);
  LExpr *left = lx_sub(b, dim(o, win->out_h), lx_muli(b, p->row, m));
  LExpr *r = loop_for(b, "r", lx_int(b, 0), lx_min(b, lx_int(b, m), left), 1);
  LExpr *row = loop_let(b, "row", lx_add(b, o->rows, lx_muli(b, r, w->toom.n * w->segment * BLOCK)));
  LExpr *at = loop_let(b, "at", lx_add(b, out, lx_mul(b, r, dim(o, o->c->out_row))));
  LExpr *whole = lx_sub(b, lx_int(b, win->out_w / m), lx_muli(b, p->across, w->segment));
  LExpr *tile = loop_for(b, "tile", lx_int(b, 0), lx_min(b, lx_int(b, w->segment), whole), 1);
  finish_tile(o, row, tile, loop_let(b, "to", lx_add(b, at, lx_muli(b, tile, m * BLOCK))), bias, m);
  loop_end_for(b);
  if (partial) {
    int64_t last = w->tiles_x - 1 - (w->across - 1) * w->segment;
    if (w->across > 1) loop_if(b, lx_op(b, LOOP_EQ, p->across, lx_int(b, w->across - 1)));
    finish_tile(o, row, lx_int(b, last), lx_addi(b, at, last * m * BLOCK), bias, partial);
    if (w->across > 1) loop_end_if(b);
  }
  loop_end_for(b);
}

static void write_outputs(Body *o, LExpr *first, LExpr *count, LExpr *panel, int nr) {
  LBuilder *b = o->k->b;
  const Winograd *w = o->w;
  LExpr *segment = loop_for(b, "s", lx_int(b, 0), count, 1);
  Place p = locate(o, lx_add(b, first, segment));
  LExpr *j = loop_for(b, "j", lx_int(b, 0), lx_int(b, nr), 1), *channel = loop_let(b, "panel", lx_add(b, panel, j));
  LExpr *tile = lx_add(b, lx_muli(b, j, o->tiles), lx_muli(b, segment, w->segment));
  sum_columns(o, loop_let(b, "ms", lx_add(b, o->m, lx_muli(b, tile, BLOCK))));
  LExpr *out = lx_add(b, lx_mul(b, p.image, dim(o, o->c->out_image)), lx_mul(b, channel, dim(o, o->c->out_panel)));
  out = lx_add(b, out, lx_mul(b, p.row, lx_muli(b, dim(o, o->c->out_row), w->toom.m)));
  out = lx_add(b, out, lx_muli(b, p.across, w->segment * w->toom.m * BLOCK));
  LExpr *bias = o->bias ? loop_let(b, "bp", lx_add(b, o->bias, lx_muli(b, channel, BLOCK))) : NULL;
  sum_rows(o, &p, loop_let(b, "out", out), bias);
  loop_end_for(b);
  loop_end_for(b);
}

// ---- the kernels

// The weights that are needed after the slab [begin, end) of a panel group, less what lies before `begin`: the next
// slab's or the next group's.
static LExpr *weights_after(Body *o, LExpr *panel, LExpr *begin, LExpr *end, int nr) {
  LBuilder *b = o->k->b;
  LExpr *more = lx_op(b, LOOP_LT, end, lx_int(b, o->blocks));
  LExpr *block = lx_select(b, more, end, lx_int(b, 0)), *at = lx_select(b, more, panel, lx_addi(b, panel, nr));
  LExpr *from = lx_muli(b, lx_sub(b, block, begin), TOOM_TAPS * TOOM_TAPS * BLOCK * BLOCK);
  return lx_add(b, o->weights, lx_add(b, lx_muli(b, at, panel_size(o)), from));
}

// A panel group at a block of `count` segments, whose tiles begin at v.
static void panel_group(Body *o, LExpr *group, int nr, LExpr *first, LExpr *count, LExpr *v) {
  LBuilder *b = o->k->b;
  int n = o->w->toom.n;
  LExpr *panel = loop_let(b, "panel", lx_muli(b, group, o->w->tile.nr));
  LExpr *tiles = lx_addi(b, lx_muli(b, count, o->w->segment), o->w->tile.mr - 1);
  LExpr *calls = loop_let(b, "calls", lx_op(b, LOOP_DIV, tiles, lx_int(b, o->w->tile.mr)));
  LExpr *begin = loop_for(b, "begin", lx_int(b, 0), lx_int(b, o->blocks), o->w->slab);
  LExpr *end = loop_let(b, "end", lx_min(b, lx_addi(b, begin, o->w->slab), lx_int(b, o->blocks)));
  LExpr *ahead = loop_let(b, "ahead", weights_after(o, panel, begin, end, nr));
  LExpr *r = loop_for(b, "pr", lx_int(b, 0), lx_int(b, n), 1);
  LExpr *lo = loop_for(b, "lo", begin, end, o->w->depth);
  LExpr *hi = loop_let(b, "hi", lx_min(b, lx_addi(b, lo, o->w->depth), end));
  LExpr *whole = lx_int(b, o->c->channels_in / BLOCK);
  Depth depth = {lo, loop_let(b, "hi", lx_min(b, hi, whole)), NULL};
  if (o->c->channels_in % BLOCK) depth.last = lx_op(b, LOOP_LT, whole, hi);
  transform_weights(o, r, panel, nr, &depth);
  LExpr *c = loop_for(b, "pc", lx_int(b, 0), lx_int(b, n), 1);
  LExpr *product = loop_let(b, "product", lx_add(b, lx_muli(b, r, n), c));
  LExpr *from = loop_let(b, "vp", lx_add(b, v, lx_mul(b, product, o->v_product)));
  LExpr *u = loop_let(b, "up", lx_add(b, o->u, lx_muli(b, c, o->u_product)));
  LExpr *m = loop_let(b, "mp", lx_add(b, o->m, lx_muli(b, product, o->m_product)));
  LExpr *next = loop_let(b, "np", lx_add(b, ahead, lx_muli(b, product, LINES_A_PRODUCT * BLOCK)));
  multiply(o, from, u, m, next, calls, nr, &depth);
  loop_end_for(b);
  loop_end_for(b);
  loop_end_for(b);
  loop_end_for(b);
  write_outputs(o, first, count, panel, nr);
}

// Calls panel_group for whole groups and, where group `whole` is narrower, for that.
static void some_group(Body *o, LExpr *group, LExpr *first, LExpr *count, LExpr *v) {
  LBuilder *b = o->k->b;
  int64_t panels = ceil_div(o->c->channels_out, BLOCK), whole = panels / o->w->tile.nr, tail = panels % o->w->tile.nr;
  if (tail) loop_if(b, lx_op(b, LOOP_LT, group, lx_int(b, whole)));
  panel_group(o, group, o->w->tile.nr, first, count, v);
  if (!tail) return;
  loop_else(b);
  panel_group(o, group, (int)tail, first, count, v);
  loop_end_if(b);
}

static Body body(Kernel *k, const Contraction *c, const Winograd *w) {
  Body o = {.k = k, .c = c, .w = w, .lanes = (int)min_i64(BLOCK, k->lw->target->vector_bytes / 4)};
  o.blocks = ceil_div(c->channels_in, BLOCK);
  o.columns = w->segment * w->toom.m + TOOM_TAPS - 1;
  o.tiles = round_up(w->block * w->segment, w->tile.mr);
  o.calls = ceil_div(min_i64(w->block, w->tiles_y * w->across) * w->segment, w->tile.mr);
  o.u_product = w->depth * w->tile.nr * BLOCK * BLOCK + BLOCK;
  o.m_product =
      o.tiles * w->tile.nr * BLOCK + BLOCK; // a line more, lest all products fall into the same sets of a cache
  return o;
}

static LExpr *scratch(Body *o, const char *name, int64_t elements) {
  return kernel_scratch(o->k, name, DT_F32, elements * (int64_t)sizeof(float));
}

static void input_parameters(Body *o) {
  int64_t row = o->columns * BLOCK;
  o->x = kernel_in(o->k, "x", o->c->x);
  o->copy = scratch(o, "copy", o->w->toom.n * row);
}

static void output_parameters(Body *o) {
  Lower *lw = o->k->lw;
  const Contraction *c = o->c;
  int64_t n = o->w->toom.n;
  o->weights = kernel_buffer(o->k, "w", pack_panels(lw, c->weight, BLOCK), ACCESS_IN);
  if (c->bias) o->bias = kernel_buffer(o->k, "bias", pack_vector(lw, c->bias), ACCESS_IN);
  if (c->residual) o->residual = kernel_in_place(o->k, "residual", c->residual);
  o->y = c->residual ? kernel_out_in_place(o->k, "y", c->y) : kernel_out(o->k, "y", c->y);
  o->u = scratch(o, "u", n * o->u_product);
  o->m = scratch(o, "m", n * n * o->m_product);
}

// Half transformed tiles, of inputs or of outputs.
static void rows_parameter(Body *o) {
  const Toom *t = &o->w->toom;
  o->rows = scratch(o, "rows", t->n * max_i64(o->columns, t->m * o->w->segment) * BLOCK);
}

static Dim segments_of(Lower *lw, const Contraction *c, const Winograd *w) {
  return dim_mul(lw->m->dims, c->images, w->tiles_y * w->across);
}

// One phase: tasks are segments. A range of them is worked off in blocks; where it is cut does not touch any sum.
static void together(Lower *lw, const Node *n, const Contraction *c, const Winograd *w, const char *detail) {
  Kernel k = kernel_begin(lw, "winograd");
  LBuilder *b = k.b;
  Body o = body(&k, c, w);
  int64_t groups = ceil_div(ceil_div(c->channels_out, BLOCK), w->tile.nr), products = w->toom.n * w->toom.n;
  o.v_block = vectors(&o, o.tiles);
  o.v_product = vectors(&o, o.tiles * o.blocks + 1);
  input_parameters(&o);
  output_parameters(&o);
  rows_parameter(&o);
  o.v = scratch(&o, "v", products * (o.tiles * o.blocks + 1) * BLOCK);
  LExpr *first = loop_for(b, "t", loop_begin(b), loop_end(b), w->block);
  LExpr *count = loop_let(b, "count", lx_min(b, lx_int(b, w->block), lx_sub(b, loop_end(b), first)));
  prepare_rows(&o); // each time: outputs go through `rows`, too
  LExpr *segment = loop_for(b, "s", lx_int(b, 0), count, 1),
        *block = loop_for(b, "block", lx_int(b, 0), lx_int(b, o.blocks), 1);
  LExpr *v = loop_let(b, "vt", lx_add(b, o.v, lx_muli(b, segment, w->segment * BLOCK)));
  transform_segment(&o, lx_add(b, first, segment), block, v);
  loop_end_for(b);
  loop_end_for(b);
  bool opened;
  LExpr *group = kernel_loop(&k, "group", lx_int(b, 0), lx_int(b, groups), &opened);
  some_group(&o, group, first, count, o.v);
  kernel_end_loop(&k, opened);
  kernel_finish(&k, n, segments_of(lw, c, w), contract_macs(lw, c), detail);
}

// Two phases, so that each weight is read and transformed once: tasks of the second are panel groups times segments.
static LBuffer *inputs_apart(Lower *lw, const Node *n, const Contraction *c, const Winograd *w, Dim v_block,
                             Dim v_product) {
  Kernel k = kernel_begin(lw, "winograd_inputs");
  DimTable *dims = lw->m->dims;
  Body o = body(&k, c, w);
  int64_t products = w->toom.n * w->toom.n;
  Dim elements = dim_add(dims, dim_mul(dims, v_product, products), w->tile.mr * BLOCK); // the last tile is read whole
  LBuffer *v = lower_new_buffer(lw, BUFFER_ARENA, "tiles", DT_F32, dim_mul(dims, elements, sizeof(float)));
  o.v_block = dim(&o, v_block);
  o.v_product = dim(&o, v_product);
  input_parameters(&o);
  rows_parameter(&o);
  o.v = kernel_buffer(&k, "v", v, ACCESS_OUT);
  prepare_rows(&o);
  LExpr *t[2];
  Dim tasks = kernel_tasks(&k, 2, (Dim[]){segments_of(lw, c, w), o.blocks}, t);
  LExpr *at = loop_let(k.b, "vt", lx_add(k.b, o.v, lx_muli(k.b, t[0], w->segment * BLOCK)));
  transform_segment(&o, t[0], t[1], at);
  kernel_finish(&k, n, tasks, 0, "tiles");
  return v;
}

static void apart(Lower *lw, const Node *n, const Contraction *c, const Winograd *w, const char *detail) {
  DimTable *dims = lw->m->dims;
  Dim segments = segments_of(lw, c, w), v_block = dim_mul(dims, segments, w->segment * BLOCK);
  Dim v_product = dim_add(dims, dim_mul(dims, v_block, ceil_div(c->channels_in, BLOCK)), BLOCK);
  LBuffer *v = inputs_apart(lw, n, c, w, v_block, v_product);
  Kernel k = kernel_begin(lw, "winograd");
  LBuilder *b = k.b;
  Body o = body(&k, c, w);
  o.v_block = dim(&o, v_block);
  o.v_product = dim(&o, v_product);
  o.v = kernel_buffer(&k, "v", v, ACCESS_IN);
  output_parameters(&o);
  rows_parameter(&o);
  int64_t groups = ceil_div(ceil_div(c->channels_out, BLOCK), w->tile.nr);
  LExpr *all = dim(&o, segments), *begin = loop_begin(b), *end = loop_end(b);
  LExpr *last = lx_op(b, LOOP_DIV, lx_addi(b, lx_add(b, end, all), -1), all);
  LExpr *group = loop_for(b, "group", lx_op(b, LOOP_DIV, begin, all), last, 1);
  LExpr *base = loop_let(b, "base", lx_mul(b, group, all));
  LExpr *lo = loop_let(b, "lo", lx_sub(b, lx_max(b, begin, base), base));
  LExpr *hi = loop_let(b, "hi", lx_min(b, lx_sub(b, end, base), all));
  LExpr *first = loop_for(b, "first", lo, hi, w->block);
  LExpr *count = loop_let(b, "count", lx_min(b, lx_int(b, w->block), lx_sub(b, hi, first)));
  LExpr *at = loop_let(b, "vt", lx_add(b, o.v, lx_muli(b, first, w->segment * BLOCK)));
  some_group(&o, group, first, count, at);
  loop_end_for(b);
  kernel_finish(&k, n, dim_mul(dims, segments, groups), contract_macs(lw, c), detail);
}

void winograd(Lower *lw, const Node *n, const Contraction *c, const Winograd *w) {
  char detail[64];
  snprintf(detail, sizeof detail, "C16 F(%d,3) %dx%d", w->toom.m, w->tile.mr, w->tile.nr);
  if (w->apart)
    apart(lw, n, c, w, detail);
  else
    together(lw, n, c, w, detail);
}
