#include "passes/lower/conv1x1.h"
#include "ir/core/checked.h"
#include "passes/lower/halves.h"
#include "passes/lower/pack.h"

enum {
  WEIGHTS_AHEAD = 32 * BLOCK, // elements, as contract.c reads them ahead
  WEIGHTS_NEAR = 16 << 10,    // bytes that stay in the first-level cache from one tile to the next
};

// The tile at hand.
typedef struct Tile {
  const Conv1x1 *p;
  LExpr *panel;
  int count; // of panels
  PixelRows x, y;
  LExpr *residual;
} Tile;

TileChoice conv1x1_tile(const LowerTarget *t, const Node *n, int64_t panels, Dim pixels) {
  const Dim *weight = operand(n, IN_CONV2D_weight)->type->dims;
  bool known = pixels != DIM_INVALID && dim_is_const(pixels);
  int64_t all = ceil_div(weight[0], BLOCK);
  TileWork work = {.rows = known ? pixels : 0, .panels = panels ? panels : all, .steps = weight[1]};
  return tile_compare(t, &work);
}

Conv1x1 conv1x1_begin(Kernel *k, const Node *n, int64_t panels, Dim pixels) {
  Lower *lw = k->lw;
  Weight *bias = weight_operand(n, IN_CONV2D_bias);
  Conv1x1 p = {.k = k,
               .channels_in = operand(n, IN_CONV2D_x)->type->dims[1],
               .panels = ceil_div(result(n)->type->dims[1], BLOCK),
               .pixels = pixels,
               .act = NODE_ATTR(n, CONV2D, act)->s,
               .tile = conv1x1_tile(lw->target, n, panels, pixels).shape};
  p.weights = kernel_buffer(k, "w", pack_panels(lw, weight_operand(n, IN_CONV2D_weight), NULL, BLOCK), ACCESS_IN);
  if (bias) p.bias = kernel_buffer(k, "bias", pack_vector(lw, bias), ACCESS_IN);
  p.wide = halves_scratch(k, p.weights, p.panels * p.channels_in * BLOCK);
  return p;
}

void conv1x1_prepare(Conv1x1 *p) {
  if (!p->wide) return;
  halves_widen(p->k, p->wide, p->weights, lx_int(p->k->b, p->panels * p->channels_in * BLOCK));
  p->weights = p->wide;
}

// Blocks [lo, hi) of input channels, `channels` in each.
static void blocks(const Tile *t, LVar *acc, LExpr *start, int rows, int64_t lo, int64_t hi, int64_t channels) {
  if (hi <= lo) return;
  const Conv1x1 *p = t->p;
  LBuilder *b = p->k->b;
  bool opened;
  int64_t panel = p->channels_in * BLOCK;
  LExpr *block = kernel_loop(p->k, "block", lx_int(b, lo), lx_int(b, hi), &opened);
  LExpr *step = kernel_dim(p->k, t->x.block), *pixel = lx_muli(b, start, BLOCK);
  LExpr *w = lx_add(b, lx_muli(b, t->panel, panel), lx_muli(b, block, BLOCK * BLOCK));
  TileOperands o = {
      .a = loop_let(b, "px", lx_add(b, t->x.p, lx_add(b, lx_mul(b, block, step), pixel))),
      .a_row = lx_int(b, BLOCK),
      .a_step = lx_int(b, 1),
      .b = loop_let(b, "pw", lx_add(b, p->weights, w)),
      .b_step = lx_int(b, BLOCK),
      .b_panel = lx_int(b, panel),
      .b_ahead = panel * t->count * (int64_t)sizeof(float) > WEIGHTS_NEAR ? WEIGHTS_AHEAD : 0,
  };
  tile_multiply(p->k, acc, 0, rows, t->count, &o, lx_int(b, channels));
  kernel_end_loop(p->k, opened);
}

static void tile(void *context, LExpr *start, int rows) {
  const Tile *t = context;
  const Conv1x1 *p = t->p;
  TileShape shape = {rows, t->count};
  LVar *acc = tile_accumulators(p->k, shape);
  tile_start(p->k, acc, shape, p->bias, lx_muli(p->k->b, t->panel, BLOCK));
  int64_t whole = p->channels_in / BLOCK, rest = p->channels_in % BLOCK;
  blocks(t, acc, start, rows, 0, whole, BLOCK);
  blocks(t, acc, start, rows, whole, whole + (rest > 0), rest);
  TileOutput out = {.y = t->y.p,
                    .at = loop_let(p->k->b, "at", lx_muli(p->k->b, start, BLOCK)),
                    .row = lx_int(p->k->b, BLOCK),
                    .panel = kernel_dim(p->k, t->y.block),
                    .residual = t->residual,
                    .act = p->act};
  tile_store(p->k, acc, shape, &out);
}

void conv1x1_row(const Conv1x1 *p, LExpr *panel, int count, PixelRows x, PixelRows y, LExpr *residual) {
  Tile t = {p, panel, count, x, y, residual};
  tile_for_rows(p->k, kernel_dim(p->k, p->pixels), p->tile.mr, tile, &t);
}
