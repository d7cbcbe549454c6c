// Winograd's convolution, 2. taps and 3. products: weights to u, u times v to m.
#include "ir/core/checked.h"
#include "passes/lower/winograd_body.h"

// ---- 2. taps

// Calls for each block of the depth.
typedef struct DepthWalk DepthWalk;
struct DepthWalk {
  WinogradBody *o;
  const WinogradDepth *depth;
  void (*block)(DepthWalk *d, LExpr *block, int64_t channels);
  int product, nr; // taps: the row of products
  int j;
  LVar *acc; // products
  LExpr *a, *u, *ahead;
};

static void for_depth(DepthWalk *d) {
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

static LExpr *place_of_taps(DepthWalk *d, LExpr *u, LExpr *block) {
  LBuilder *b = d->o->k->b;
  return lx_add(b, u, lx_muli(b, lx_sub(b, block, d->depth->lo), (int64_t)d->nr * BLOCK * BLOCK));
}

// One row of products of the taps of `channels` input channels, to u.
static void transform_taps(DepthWalk *d, LExpr *block, int64_t channels) {
  WinogradBody *o = d->o;
  LBuilder *b = o->k->b;
  const Toom *t = &o->w->toom;
  int64_t tap = channels * BLOCK, block_size = TOOM_TAPS * TOOM_TAPS * BLOCK * BLOCK;
  LExpr *from = lx_addi(b, lx_muli(b, lx_sub(b, block, o->taps_block), block_size), d->j * o->taps_panel);
  from = loop_let(b, "g", lx_add(b, o->taps, from));
  LExpr *to = loop_let(b, "to", lx_addi(b, place_of_taps(d, o->u, block), d->j * BLOCK));
  LExpr *ic = loop_for(b, "ic", lx_int(b, 0), lx_int(b, channels), 1);
  bool opened;
  LExpr *h = winograd_body_lanes(o, &opened), *sums[TOOM_TAPS];
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

void winograd_products_taps(WinogradBody *o, LExpr *row, int nr, const WinogradDepth *depth) {
  LBuilder *b = o->k->b;
  for (int product = 0; product < o->w->toom.n; product++) {
    loop_if(b, lx_op(b, LOOP_EQ, row, lx_int(b, product)));
    for (int j = 0; j < nr; j++)
      for_depth(&(DepthWalk){o, depth, transform_taps, .product = product, .nr = nr, .j = j});
    loop_end_if(b);
  }
}

// ---- 3. products

// Each product of a block asks for its part of the weights of the next slab: there are four vectors a product and
// panel.
static void read_ahead(DepthWalk *d, LExpr *block) {
  LBuilder *b = d->o->k->b;
  int64_t vectors = ceil_div(WINOGRAD_AHEAD, d->o->calls), a_line = winograd_body_line(d->o);
  LExpr *line = lx_muli(b, block, d->o->w->toom.n * d->o->w->toom.n * WINOGRAD_AHEAD);
  LExpr *from = loop_let(b, "next", lx_add(b, d->ahead, lx_muli(b, line, BLOCK)));
  for (int j = 0; j < d->nr; j++)
    for (int64_t i = 0; i < vectors; i += a_line)
      loop_prefetch(b, from, lx_int(b, j * winograd_body_panel(d->o) + i * BLOCK), 2);
}

static void multiply_block(DepthWalk *d, LExpr *block, int64_t channels) {
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
static LExpr *place_of_sum(WinogradBody *o, LExpr *tile, LExpr *i, LExpr *j) {
  LBuilder *b = o->k->b;
  return lx_muli(b, lx_add(b, lx_muli(b, j, o->tiles), lx_add(b, tile, i)), BLOCK);
}

void winograd_products_sum(WinogradBody *o, LExpr *v, LExpr *u, LExpr *m, LExpr *ahead, LExpr *calls, int nr,
                           const WinogradDepth *depth) {
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
  LExpr *next = loop_let(b, "next", lx_add(b, ahead, lx_muli(b, call, ceil_div(WINOGRAD_AHEAD, o->calls) * BLOCK)));
  for_depth(&(DepthWalk){o, depth, multiply_block, .nr = nr, .acc = acc, .a = a, .u = u, .ahead = next});
  j = loop_unroll(b, "j", 0, nr), i = loop_unroll(b, "i", 0, shape.mr);
  loop_store(b, m, place_of_sum(o, tile, i, j), lx_local(b, acc, i, j));
  loop_end_for(b);
  loop_end_for(b);
  loop_end_for(b);
}
