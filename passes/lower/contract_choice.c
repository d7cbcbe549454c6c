// How contract.c divides its work: which loop is outside, passes over the channels, output rows that share a tile.
#include "passes/lower/contract_choice.h"
#include "ir/core/checked.h"

// Of the input's pixels those that are read: a 1 x 1 window that strides touches few of them.
static int64_t pixels_read(const Contraction *c, int64_t pixels) {
  const Window *w = &c->window;
  return w->kh * w->kw == 1 ? pixels / (w->sh * w->sw) : pixels;
}

// Which passes under the other. Where activations are more than weights, and these stay in the second-level cache
// beside a band of rows, all panels pass over a band before the next: activations come from afar once, and threads
// share them as they do the pictures before and after, by rows. Else all rows pass under a few panels before the next.
bool contract_bands_outside(const Contraction *c, Dim pixels) {
  const Window *w = &c->window;
  int64_t taps = w->kh * w->kw, weights = c->channels_in / c->groups * c->channels_out * taps;
  bool many = !dim_is_const(pixels) || pixels_read(c, pixels) * c->channels_in > weights;
  return many && weights <= 160 << 10; // elements: 640 KB
}

// The largest divisor of n that is at most `limit`.
static int64_t divisor(int64_t n, int64_t limit) {
  int64_t best = 1;
  for (int64_t d = 1; d * d <= n; d++) {
    if (n % d) continue;
    if (d <= limit && d > best) best = d;
    if (n / d <= limit && n / d > best) best = n / d;
  }
  return best;
}

// Into how many equal bands pixels are cut: few enough pixels each for the second-level cache, and tasks enough for a
// few threads to share them evenly, but no band of less than a tile.
static int64_t count_bands(const Contraction *c, int64_t pixels) {
  enum { PIXELS = 512, BYTES = 256 << 10, TASKS = 12, LEAST = 13 };
  bool outside = contract_bands_outside(c, pixels);
  int64_t room = outside ? min_i64(PIXELS, BYTES / (c->channels_in * (int64_t)sizeof(float))) : PIXELS;
  int64_t groups = outside ? 1 : ceil_div(c->channels_out, 3 * BLOCK); // about: tiles are not chosen yet
  int64_t width = divisor(pixels, min_i64(room, pixels / ceil_div(TASKS, groups)));
  if (width < LEAST) width = divisor(pixels, room);
  return width < LEAST ? 1 : pixels / width;
}

// In how many passes the input channels are summed. While all panels pass over the pixels, these are read again and
// again: so many channels at a time that they stay in the second-level cache. What is summed so far waits in the
// output, to the bit as it would in registers.
int64_t contract_passes(const Contraction *c, Dim pixels, bool outside) {
  enum { FIT = 1 << 20, BYTES = 640 << 10, LEAST = 16 }; // what needs no passes; of a pass; blocks of a pass
  if (outside || c->scaling || !dim_is_const(pixels) || c->groups > 1 || c->block != BLOCK || c->channels_in % BLOCK)
    return 1;
  int64_t blocks = c->channels_in / BLOCK, bytes = pixels_read(c, pixels) * c->channels_in * (int64_t)sizeof(float);
  return bytes <= FIT ? 1 : max_i64(min_i64(ceil_div(bytes, BYTES), blocks / LEAST), 1);
}

void contract_flatten(Lower *lw, Contraction *c, Dim pixels) {
  c->window.kh = c->window.kw = c->window.sh = c->window.sw = 1;
  Dim rows = dim_is_const(pixels) ? count_bands(c, pixels) : 1;
  Dim width = dim_floordiv(lw->m->dims, pixels, rows);
  c->window = (Window){rows, width, rows, width, 1, 1, 1, 1, 1, 1, 0, 0, 0};
  c->in_row = dim_mul(lw->m->dims, width, c->in_pixel);
  c->out_row = dim_mul(lw->m->dims, width, c->out_pixel);
}

int64_t contract_macs(Lower *lw, const Contraction *c) {
  int64_t outputs =
      lower_estimate(lw, c->images) * lower_estimate(lw, c->window.out_h) * lower_estimate(lw, c->window.out_w);
  int64_t inputs = c->channels_in / c->groups * (c->scaling ? 4 : 1);
  return outputs * c->channels_out * inputs * c->window.kh * c->window.kw;
}

void contract_explain(Lower *lw, const Node *n, const Contraction *c, const TileWork *w, const TileChoice *t) {
  double lanes = (double)c->channels_out / (double)(ceil_div(c->channels_out, BLOCK) * BLOCK);
  pass_remark(lw->pass, n, false,
              "%s: tile of %d rows x %d vectors, %.0f%% of the FMA peak estimated (%lld rows, %lld channels, sums of "
              "%lld)",
              pass_label(n), t->shape.mr, t->shape.nr, 100 * t->efficiency * lanes, (long long)w->rows,
              (long long)c->channels_out, (long long)w->steps);
  if (t->second.mr)
    pass_remark(lw->pass, n, true,
                "%s: no tile of %d rows x %d vectors, %.0f%% of the FMA peak estimated; %d x %d has %.0f%%",
                pass_label(n), t->second.mr, t->second.nr, 100 * t->second_efficiency * lanes, t->shape.mr, t->shape.nr,
                100 * t->efficiency * lanes);
}

// Where rows are so short that several fill a tile better than one: how many, and *tile has all of them; else 1.
int contract_join_lines(Lower *lw, const Node *n, const Contraction *c, const TileWork *w, TileShape *tile) {
  int best = 1;
  double alone = tile_efficiency(lw->target, w, *tile), most = 1.02 * alone;
  for (int lines = 2; lines <= MAX_LINES && w->rows; lines++) {
    if (!window_joins_rows(&c->window, lines) || c->window.out_h < lines) break;
    TileWork joined = {w->rows, w->panels, w->steps, lines}, last = joined;
    TileChoice choice = tile_compare(lw->target, &joined);
    if (!choice.shape.mr) break;
    last.lines = (int)(c->window.out_h % lines);
    double cycles = (double)(c->window.out_h - last.lines) / choice.efficiency;
    TileShape shape = {choice.shape.mr / lines * last.lines, choice.shape.nr};
    if (last.lines) cycles += last.lines / tile_efficiency(lw->target, &last, shape);
    double efficiency = (double)c->window.out_h / cycles;
    if (efficiency <= most) continue;
    best = lines;
    most = efficiency;
    *tile = choice.shape;
  }
  if (best > 1)
    pass_remark(lw->pass, n, false,
                "tiles of %d output rows, %d x %d: %.0f%% of the FMA peak estimated, %.0f%% by single rows", best,
                tile->mr, tile->nr, 100 * most, 100 * alone);
  return best;
}
