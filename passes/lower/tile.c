#include "passes/lower/tile.h"
#include "ir/core/checked.h"
#include "passes/lower/halves.h"
#include "passes/lower/math.h"
#include "passes/lower/rows.h"

enum { LATENCY = 5 }; // cycles from one sum to the next: four, and what scheduling loses where they bind

static int registers_per_vector(const LowerTarget *t) { return 64 / t->vector_bytes; }

static bool fits(const LowerTarget *t, int mr, int nr) {
  int v = registers_per_vector(t), usable = t->vector_registers - (t->vector_registers == 32);
  return mr * nr * v + (v > 2 ? v : nr * v) + 1 <= usable;
}

int tile_rows(const LowerTarget *t, int nr) {
  int mr = 1;
  while (fits(t, mr + 1, nr)) mr++;
  return mr;
}

// Cycles of one tile of `rows` rows and nr vectors. Constants were measured in plain C with intrinsics, on data in the
// first-level cache (loads, latency) and streamed from the second (lines), and rounded.
static double tile_cost(const LowerTarget *t, const TileWork *w, int rows, int nr) {
  int v = registers_per_vector(t);
  double arithmetic = rows * nr * v / 2.0, loads = rows + nr * v; // two of either a cycle
  double step = arithmetic > loads / 2 ? arithmetic : loads / 2;
  if (step < LATENCY) step = LATENCY;
  double line = 0.15, share = 16 * 1024.0 * t->vector_bytes / 2; // half of a second-level cache: 512 KB with AVX-512
  double panels = (double)w->steps * nr * BLOCK * sizeof(float);
  if (panels > share) line += 1.5 * (1 - share / panels); // the next tile reads them from the third level
  step += 0.05 * loads + line * (nr + rows / (double)BLOCK);
  return step * (double)w->steps + 20 + 1.5 * rows * nr * v; // beginning and end
}

TileSplit tile_split(int64_t rows, int64_t mr) {
  TileSplit s = {.tiles = ceil_div(rows, mr)};
  if (s.tiles) s.small = rows / s.tiles, s.big = rows % s.tiles;
  return s;
}

static int lines_of(const TileWork *w) { return w->lines > 1 ? w->lines : 1; }
static bool allowed(const TileWork *w, int mr) {
  return mr % lines_of(w) == 0 && (!w->rows || mr <= w->rows * lines_of(w));
}

// Of all tiles of one line of the work (or of those that are joined), by row.
static double cost(const LowerTarget *t, const TileWork *w, int mr, int nr) {
  int lines = lines_of(w), columns = mr / lines;
  TileSplit s = tile_split(w->rows ? w->rows : columns, columns);
  double total = 0;
  for (int part = 0; part < 2; part++) {
    int64_t count = part ? w->panels % nr != 0 : w->panels / nr;
    int width = part ? (int)(w->panels % nr) : nr;
    if (!count) continue;
    double tiles = (double)(s.tiles - s.big) * tile_cost(t, w, lines * (int)s.small, width);
    if (s.big) tiles += (double)s.big * tile_cost(t, w, lines * (int)(s.small + 1), width);
    total += (double)count * tiles;
  }
  return total / (double)(w->rows ? w->rows * lines : mr);
}

double tile_efficiency(const LowerTarget *t, const TileWork *w, TileShape s) {
  double ideal = (double)w->panels * registers_per_vector(t) / 2.0 * (double)w->steps;
  return ideal / cost(t, w, s.mr, s.nr);
}

int tile_list(const LowerTarget *t, const TileWork *w, int most, TileShape *out) {
  double costs[8];
  int n = 0;
  for (int nr = 1; nr <= 8 && nr <= w->panels; nr++) {
    int best = 0, at = n;
    for (int mr = 1; fits(t, mr, nr) && mr <= 30; mr++)
      if (allowed(w, mr) && (!best || cost(t, w, mr, nr) < cost(t, w, best, nr))) best = mr;
    if (!best) continue;
    double c = cost(t, w, best, nr);
    while (at > 0 && costs[at - 1] > c) at--;
    if (at >= most) continue;
    if (n < most) n++;
    for (int i = n - 1; i > at; i--) costs[i] = costs[i - 1], out[i] = out[i - 1];
    costs[at] = c;
    out[at] = (TileShape){best, nr};
  }
  return n;
}

TileChoice tile_compare(const LowerTarget *t, const TileWork *w) {
  TileShape best[2];
  int n = tile_list(t, w, 2, best);
  TileChoice c = {0};
  if (n > 0) c.shape = best[0], c.efficiency = tile_efficiency(t, w, best[0]);
  if (n > 1) c.second = best[1], c.second_efficiency = tile_efficiency(t, w, best[1]);
  return c;
}

TileShape tile_choose(const LowerTarget *t, int64_t rows, int64_t panels) {
  return tile_compare(t, &(TileWork){.rows = rows, .panels = panels, .steps = 256}).shape;
}

static LVar *accumulators(Kernel *k, DType t, TileShape s) {
  return loop_local(k->b, "acc", (LType){t, BLOCK, false}, 2, (int[]){s.mr, s.nr});
}

LVar *tile_accumulators(Kernel *k, TileShape s) { return accumulators(k, DT_F32, s); }
LVar *tile_integers(Kernel *k, TileShape s) { return accumulators(k, DT_I32, s); }

// Of a's next rows each step asks for one (or two), so that 16 steps ask for all, and for little that is not of the
// tile.
static void prefetch_rows(LBuilder *b, const TileOperands *o, LExpr *step, LExpr *base, int rows) {
  int64_t span = o->a_row->op == LOOP_INT ? o->a_row->i * rows : BLOCK * BLOCK + 1;
  bool dense = span <= BLOCK * BLOCK / 2; // few rows: by steps shorter than a row, so that 16 touch each and no other
  LExpr *advance = dense ? lx_int(b, span / BLOCK) : o->a_row;
  for (int i = 0; i < rows; i += BLOCK)
    loop_prefetch(b, o->a, lx_add(b, base, lx_mul(b, lx_addi(b, step, i), advance)), 3);
}

static void prefetch_next(LBuilder *b, const TileOperands *o, LExpr *step, LExpr *at, int rows, int nr) {
  for (int j = 0; o->b_ahead && j < nr; j++)
    loop_prefetch(b, o->b, lx_addi(b, lx_add(b, at, lx_muli(b, o->b_panel, j)), o->b_ahead), 3);
  for (int l = 0; o->a_next && (l == 0 || l < o->lines); l++)
    prefetch_rows(b, o, step, l ? lx_add(b, o->a_next, lx_muli(b, o->a_line, l)) : o->a_next, rows);
  if (o->later) loop_prefetch(b, o->later, lx_muli(b, step, o->later_step), 2);
}

void tile_multiply(Kernel *k, LVar *acc, int first, int rows, int nr, const TileOperands *o, LExpr *count) {
  LBuilder *b = k->b;
  if (rows <= 0 || (count->op == LOOP_INT && count->i <= 0)) return;
  LExpr *step = loop_for(b, "k", lx_int(b, 0), count, 1);
  bool integers = acc->type.dtype == DT_I32;
  LVar *row_of_b = loop_local(b, "bv", acc->type, 1, (int[]){nr});
  LExpr *at = lx_mul(b, step, o->b_step);
  int whole = o->b_lanes ? nr - 1 : nr;
  LExpr *j = loop_unroll(b, "j", 0, whole);
  LExpr *vector = lx_add(b, at, lx_mul(b, j, o->b_panel));
  loop_set(b, row_of_b, halves_load(b, o->b, vector, BLOCK), j);
  if (o->b_wide) loop_store(b, o->b_wide, vector, lx_local(b, row_of_b, j));
  loop_end_for(b);
  if (o->b_lanes) {
    LExpr *last = lx_add(b, at, lx_muli(b, o->b_panel, whole));
    loop_set(b, row_of_b, lx_load_n(b, o->b, last, BLOCK, o->b_lanes), lx_int(b, whole));
  }
  prefetch_next(b, o, step, at, rows, nr);
  bool many = o->lines > 1;
  LExpr *l = many ? loop_unroll(b, "l", 0, o->lines) : NULL, *i = loop_unroll(b, "i", 0, rows);
  LExpr *r = lx_addi(b, i, first), *from = lx_add(b, lx_mul(b, i, o->a_row), lx_mul(b, step, o->a_step));
  if (many) r = lx_add(b, r, lx_muli(b, l, o->acc_line)), from = lx_add(b, from, lx_mul(b, l, o->a_line));
  LExpr *a = lx_load(b, o->a, from, 1);
  if (o->flip) a = lx_op(b, LOOP_XOR, a, lx_const(b, a->type, (double)(int32_t)0x80808080));
  a = loop_let(b, "a", lx_splat(b, BLOCK, a));
  j = loop_unroll(b, "j", 0, nr);
  LExpr *v = lx_local(b, row_of_b, j), *sum = lx_local(b, acc, r, j);
  loop_set(b, acc, integers ? lx_dot4(b, a, v, sum) : lx_fma(b, a, v, sum), r, j);
  loop_end_for(b);
  loop_end_for(b);
  if (many) loop_end_for(b);
  loop_end_for(b);
}

void tile_start(Kernel *k, LVar *acc, TileShape s, LExpr *bias, LExpr *offset) {
  LBuilder *b = k->b;
  LExpr *j = loop_unroll(b, "j", 0, s.nr);
  LExpr *v = bias ? lx_load(b, bias, lx_add(b, offset, lx_muli(b, j, BLOCK)), BLOCK) : lx_const(b, acc->type, 0);
  v = loop_let(b, "start", v);
  LExpr *i = loop_unroll(b, "i", 0, s.mr);
  loop_set(b, acc, v, i, j);
  loop_end_for(b);
  loop_end_for(b);
}

// The places of a tile's results, one after the other: all unrolled, or only the vectors.
typedef struct Places {
  LExpr *row, *j; // of acc
  LExpr *at, *lanes;
  LExpr *scale, *bias; // of the vector's channels, for integers
  int loops;
} Places;

static LExpr *channels(LBuilder *b, const TileOutput *o, LExpr *from, LExpr *j) {
  return from ? loop_let(b, "channels", lx_load(b, from, lx_add(b, o->channel, lx_muli(b, j, BLOCK)), BLOCK)) : NULL;
}

static Places open_places(LBuilder *b, TileShape s, const TileOutput *o, bool unrolled) {
  int lines = o->lines > 1 ? o->lines : 1, size = s.mr / lines;
  Places p = {.loops = 2 + (lines > 1)};
  LExpr *l = NULL, *i;
  if (unrolled) {
    p.j = loop_unroll(b, "j", 0, s.nr);
    p.scale = channels(b, o, o->scale, p.j);
    if (o->scale) p.bias = channels(b, o, o->bias, p.j);
    if (lines > 1) l = loop_unroll(b, "l", 0, lines);
    i = loop_unroll(b, "i", 0, size);
  } else {
    if (lines > 1) l = loop_for(b, "l", lx_int(b, 0), lx_int(b, lines), 1);
    i = loop_for(b, "i", lx_int(b, 0), lx_int(b, size), 1);
    p.j = loop_unroll(b, "j", 0, s.nr);
  }
  p.row = l ? lx_add(b, i, lx_muli(b, l, size)) : i;
  p.at = lx_add(b, o->at, lx_add(b, lx_mul(b, i, o->row), lx_mul(b, p.j, o->panel)));
  if (l) p.at = lx_add(b, p.at, lx_mul(b, l, o->line));
  if (o->lanes)
    p.lanes = loop_let(b, "lanes", lx_min(b, lx_int(b, BLOCK), lx_sub(b, o->lanes, lx_muli(b, p.j, BLOCK))));
  return p;
}

static void close_places(LBuilder *b, const Places *p) {
  for (int i = 0; i < p->loops; i++) loop_end_for(b);
}

static void store_integers(Kernel *k, LVar *acc, TileShape s, const TileOutput *o) {
  LBuilder *b = k->b;
  Places p = open_places(b, s, o, true);
  LExpr *residual = o->residual ? row_load(k, o->residual, p.at, p.lanes, NULL) : NULL;
  LExpr *v = scaled_value(b, o->scaling, lx_local(b, acc, p.row, p.j), p.scale, p.bias, residual, o->table);
  row_store(k, o->y, p.at, v, p.lanes);
  close_places(b, &p);
}

void tile_store(Kernel *k, LVar *acc, TileShape s, const TileOutput *o) {
  if (o->scaling) return store_integers(k, acc, s, o);
  LBuilder *b = k->b;
  bool later = math_is_long(o->act);
  Places p = open_places(b, s, o, true);
  LExpr *v = lx_local(b, acc, p.row, p.j);
  if (o->residual) v = lx_add(b, v, row_load(k, o->residual, p.at, p.lanes, NULL));
  row_store(k, o->y, p.at, later ? v : math_activation(b, o->act, v), p.lanes);
  close_places(b, &p);
  if (!later) return;
  p = open_places(b, s, o, false); // in a loop: repeated for every register of the tile it would spill them all
  row_store(k, o->y, p.at, math_activation(b, o->act, row_load(k, o->y, p.at, p.lanes, NULL)), p.lanes);
  close_places(b, &p);
}

void tile_load(Kernel *k, LVar *acc, TileShape s, const TileOutput *o) {
  Places p = open_places(k->b, s, o, true);
  loop_set(k->b, acc, row_load(k, o->y, p.at, p.lanes, NULL), p.row, p.j);
  close_places(k->b, &p);
}

void tile_for_rows(Kernel *k, LExpr *total, int mr, TileBody body, void *context) {
  LBuilder *b = k->b;
  if (total->op != LOOP_INT) {
    LExpr *from = lx_int(b, 0);
    for (int size = mr;; size = size > 4 ? (size + 3) / 4 : 1) { // what a large tile leaves costs few smaller ones
      LExpr *rest = lx_op(b, LOOP_MOD, lx_sub(b, total, from), lx_int(b, size));
      LExpr *end = size == 1 ? total : loop_let(b, "whole", lx_sub(b, total, rest));
      body(context, loop_for(b, "row", from, end, size), size);
      loop_end_for(b);
      if (size == 1) return;
      from = end;
    }
  }
  TileSplit s = tile_split(total->i, mr);
  for (int part = 0; part < 2; part++) {
    int64_t border = s.big * (s.small + 1), size = part ? s.small : s.small + 1;
    int64_t lo = part ? border : 0, hi = part ? total->i : border;
    if (hi - lo == size)
      body(context, lx_int(b, lo), (int)size);
    else if (hi > lo) {
      body(context, loop_for(b, "row", lx_int(b, lo), lx_int(b, hi), size), (int)size);
      loop_end_for(b);
    }
  }
}
