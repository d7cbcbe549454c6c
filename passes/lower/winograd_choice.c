// Whether Winograd's convolution pays, and how it is divided. The estimate counts cycles of a machine that does two
// operations on 16 lanes and one store a cycle; what else takes time, traffic with the second-level cache above all, is
// in the measured constants below. Narrower machines take about the same multiple for both ways: the choice is the same
// for every instruction set.
#include "ir/core/checked.h"
#include "passes/lower/choose.h"
#include "passes/lower/winograd.h"

enum {
  SEGMENT_MOST = 16,            // tiles: half transformed rows stay in the first-level cache
  BLOCK_TILES = 64,             // more do not make the taps' share noticeably smaller
  INPUTS_MOST = 1024 * 1024,    // bytes of a block's transformed inputs: they share a second-level cache with m
  FEW_TILES = 24,               // of a block: transforming taps for them is dear
  APART_MOST = 4 * 1024 * 1024, // bytes of a picture's transformed inputs, to leave that cache for more tiles
  TAPS_MOST = 24 * 1024,        // bytes of u, in the first-level cache
  GROUP_MOST = 2,               // panels: of more, taps and sums leave the first-level cache
  SLAB_TILES = 4                // a slab has a block for so many tiles: m is read and written once a slab, which costs
};                              // with the tiles, weights once a row of products, which does not
#define DIRECT_SHARE 0.85       // of the arithmetic peak that direct sums reach
#define PRODUCTS_SHARE 0.7      // and products: shorter sums, whose operands come from the second-level cache
#define TAPS_CYCLES 2.0         // a product, channel and vector of u
#define TILE_CYCLES 10.0        // a product and vector of inputs, or of sums to outputs
#define BYTES_A_CYCLE 4.0       // that weights come from memory with
#define WORTH 0.95              // of direct's estimate, to be chosen
#define NMSE_MOST 1e-9

static bool applies(const Contraction *c) {
  const Window *w = &c->window;
  bool ones = w->sh == 1 && w->sw == 1 && w->dh == 1 && w->dw == 1 && w->kh == TOOM_TAPS && w->kw == TOOM_TAPS;
  bool known = dim_is_const(w->in_h) && dim_is_const(w->in_w) && dim_is_const(w->out_h) && dim_is_const(w->out_w) &&
               dim_is_const(w->top) && dim_is_const(w->left) && dim_is_const(w->right);
  return ones && known && WINOGRAD_NMSE * (double)c->channels_in <= NMSE_MOST && c->groups == 1 && c->block == BLOCK &&
         w->top <= 2 && w->left <= 2 && w->right <= 2 && w->out_h <= w->in_h + 2;
}

static Winograd divide(const LowerTarget *target, const Contraction *c, int m) {
  Winograd w = {.toom = toom(m)};
  int64_t panels = ceil_div(c->channels_out, BLOCK), inputs = ceil_div(c->channels_in, BLOCK) * BLOCK;
  w.tiles_x = ceil_div(c->window.out_w, m);
  w.tiles_y = ceil_div(c->window.out_h, m);
  w.across = ceil_div(w.tiles_x, SEGMENT_MOST);
  w.segment = ceil_div(w.tiles_x, w.across);
  int64_t picture = w.tiles_y * w.across, bytes_a_tile = w.toom.n * w.toom.n * inputs * (int64_t)sizeof(float);
  int64_t fitting = INPUTS_MOST / bytes_a_tile, tiles_a_picture = picture * w.segment;
  w.apart = tiles_a_picture <= fitting || (fitting < FEW_TILES && tiles_a_picture * bytes_a_tile <= APART_MOST);
  int64_t most = w.apart ? BLOCK_TILES : min_i64(BLOCK_TILES, fitting);
  w.block = max_i64(1, most / w.segment);
  if (dim_is_const(c->images)) w.block = min_i64(w.block, c->images * picture);
  int64_t tiles = min_i64(w.block, picture) * w.segment;
  w.tile = tile_choose(target, tiles, min_i64(panels, GROUP_MOST));
  w.tile.mr = (int)ceil_div(tiles, ceil_div(tiles, w.tile.mr));
  int64_t taps = w.toom.n * w.tile.nr * BLOCK * BLOCK * (int64_t)sizeof(float); // of a block, one row of products
  w.slab = min_i64(inputs / BLOCK, max_i64(1, tiles / SLAB_TILES));
  w.depth = min_i64(w.slab, max_i64(1, TAPS_MOST / taps));
  return w;
}

// How many of `outputs` times three taps are in the picture.
static double valid_taps(int64_t outputs, int64_t before, int64_t extent) {
  int64_t n = 0;
  for (int64_t k = 0; k < TOOM_TAPS; k++) {
    int64_t first = max_i64(before - k, 0), end = min_i64(extent + before - k, outputs);
    n += max_i64(end - first, 0);
  }
  return (double)n;
}

// Estimates are for all pictures of a run, or for one where their number is not known.
static int64_t pictures(const Contraction *c) { return dim_is_const(c->images) ? c->images : 1; }

static double direct_cycles(const Contraction *c, double weights) {
  const Window *w = &c->window;
  double taps = valid_taps(w->out_h, w->top, w->in_h) * valid_taps(w->out_w, w->left, w->in_w);
  return (double)pictures(c) * taps * weights / 2 / DIRECT_SHARE;
}

static double winograd_cycles(const Contraction *c, const Winograd *w, double weights) {
  int64_t segments = pictures(c) * w->tiles_y * w->across, block = min_i64(w->block, segments);
  double tiles = (double)(segments * w->segment), products = w->toom.n * w->toom.n;
  double rounded = (double)round_up(block * w->segment, w->tile.mr) / (double)(block * w->segment);
  double multiply = tiles * rounded * products * weights / 2 / PRODUCTS_SHARE;
  double taps = products * weights * TAPS_CYCLES * (double)ceil_div(segments, block);
  double blocks = (double)ceil_div(c->channels_in, BLOCK), panels = (double)ceil_div(c->channels_out, BLOCK);
  return multiply + taps + tiles * products * TILE_CYCLES * (blocks + panels);
}

// What measurement says, of *w, the other size and direct sums.
static bool ask(Lower *lw, const Node *n, const Contraction *c, bool pays, Winograd *w) {
  static const char *const names[] = {"direct", "F(2,3)", "F(4,3)"}; // m is twice the index
  int best = w->toom.m / 2, order[] = {pays ? best : 0, pays ? 3 - best : best, pays ? 0 : 3 - best};
  const char *candidates[] = {names[order[0]], names[order[1]], names[order[2]]};
  int taken = order[choose(lw, n, c, "algorithm", 3, candidates)];
  if (taken && taken != best) *w = divide(lw->target, c, 2 * taken);
  return taken;
}

bool winograd_choose(Lower *lw, const Node *n, const Contraction *c, Winograd *w) {
  if (!applies(c)) return false;
  if (lw->target->no_winograd) {
    pass_remark(lw->pass, n, true, "%s is summed directly: Winograd's algorithm is not allowed", pass_label(n));
    return false;
  }
  double weights = (double)c->channels_in * (double)ceil_div(c->channels_out, BLOCK); // vectors, a tap
  double reading = weights * TOOM_TAPS * TOOM_TAPS * BLOCK * sizeof(float) / BYTES_A_CYCLE;
  double direct = direct_cycles(c, weights), least = 1e300;
  for (int m = 2; m <= 4; m += 2) {
    Winograd option = divide(&choose_reference, c, m); // alike for all, for shared weights
    double cycles = winograd_cycles(c, &option, weights);
    if (cycles < least) least = cycles, *w = divide(lw->target, c, m);
  }
  if (lw->target->winograd) {
    *w = divide(lw->target, c, lw->target->winograd);
    return true;
  }
  bool pays = (least > reading ? least : reading) < WORTH * (direct > reading ? direct : reading);
  pass_remark(lw->pass, n, !pays,
              "%s %s F(%d,3): %.0f thousand cycles estimated, directly %.0f, reading the weights %.0f", pass_label(n),
              pays ? "by" : "not by", w->toom.m, least / 1e3, direct / 1e3, reading / 1e3);
  return lw->target->reproducible ? pays : ask(lw, n, c, pays, w);
}
