#include "passes/lower/tile.h"
#include "ir/core/checked.h"

static int registers_per_vector(const LowerTarget *t) { return 64 / t->vector_bytes; }

static bool fits(const LowerTarget *t, int mr, int nr) {
  int v = registers_per_vector(t), usable = t->vector_registers - (t->vector_registers == 32);
  return mr * nr * v + (v > 2 ? v : nr * v) + 1 <= usable;
}

// Cycles a step of one tile of `rows` rows.
static double step_cost(const LowerTarget *t, int rows, int nr) {
  int v = registers_per_vector(t);
  double arithmetic = rows * nr * v / 2.0, loads = (rows + nr * v) / 2.0;
  double cost = arithmetic > loads ? arithmetic : loads;
  return cost > 4 ? cost : 4;
}

static double cost(const LowerTarget *t, int64_t rows, int64_t panels, int mr, int nr) {
  if (!rows) return step_cost(t, mr, nr) * (double)ceil_div(panels, nr) / mr;
  int64_t n = ceil_div(rows, mr), small = rows / n, big = rows - n * small; // `big` tiles have one row more
  double total = 0;
  for (int part = 0; part < 2; part++) {
    int64_t count = part ? panels % nr != 0 : panels / nr;
    int width = part ? (int)(panels % nr) : nr;
    if (!count) continue;
    total += (double)count *
             ((double)big * step_cost(t, (int)small + 1, width) + (double)(n - big) * step_cost(t, (int)small, width));
  }
  return total;
}

TileShape tile_choose(const LowerTarget *t, int64_t rows, int64_t panels) {
  TileShape best = {1, 1};
  double least = 1e300;
  for (int nr = 1; nr <= 8 && nr <= panels; nr++)
    for (int mr = 1; fits(t, mr, nr) && mr <= 30; mr++) {
      if (rows && mr > rows) break;
      double c = cost(t, rows, panels, mr, nr);
      if (c > least * 1.001 || (c >= least * 0.999 && mr * nr <= best.mr * best.nr)) continue;
      least = c;
      best = (TileShape){mr, nr};
    }
  return best;
}

int tile_rows_single(const LowerTarget *t, int64_t rows, int extra) {
  int most = t->vector_registers / registers_per_vector(t) - extra;
  if (most < 1) most = 1;
  if (most > 14) most = 14;
  if (!rows) return most;
  return (int)ceil_div(rows, ceil_div(rows, most));
}

LVar *tile_accumulators(Kernel *k, TileShape s) {
  return loop_local(k->b, "acc", L_F32X(BLOCK), 2, (int[]){s.mr, s.nr});
}

// Each step asks for one line of b's vectors, and for one (or two) of a's next rows: within 16 steps all of them.
static void prefetch_next(LBuilder *b, const TileOperands *o, LExpr *step, LExpr *at, int rows, int nr) {
  for (int j = 0; o->b_ahead && j < nr; j++)
    loop_prefetch(b, o->b, lx_addi(b, lx_add(b, at, lx_muli(b, o->b_panel, j)), o->b_ahead), 3);
  for (int i = 0; o->a_next && i < rows; i += BLOCK)
    loop_prefetch(b, o->a, lx_add(b, o->a_next, lx_mul(b, lx_addi(b, step, i), o->a_row)), 3);
}

void tile_multiply(Kernel *k, LVar *acc, int first, int rows, int nr, const TileOperands *o, LExpr *count) {
  LBuilder *b = k->b;
  if (rows <= 0 || (count->op == LOOP_INT && count->i <= 0)) return;
  LExpr *step = loop_for(b, "k", lx_int(b, 0), count, 1);
  LVar *row_of_b = loop_local(b, "bv", L_F32X(BLOCK), 1, (int[]){nr});
  LExpr *at = lx_mul(b, step, o->b_step);
  LExpr *j = loop_unroll(b, "j", 0, nr);
  LExpr *offset = lx_add(b, at, lx_mul(b, j, o->b_panel));
  loop_set(b, row_of_b, o->b_lanes ? lx_load_n(b, o->b, offset, BLOCK, o->b_lanes) : lx_load(b, o->b, offset, BLOCK),
           j);
  loop_end_for(b);
  prefetch_next(b, o, step, at, rows, nr);
  LExpr *i = loop_unroll(b, "i", 0, rows);
  LExpr *a = loop_let(
      b, "a", lx_splat(b, BLOCK, lx_load(b, o->a, lx_add(b, lx_mul(b, i, o->a_row), lx_mul(b, step, o->a_step)), 1)));
  j = loop_unroll(b, "j", 0, nr);
  LExpr *r = lx_addi(b, i, first);
  loop_set(b, acc, lx_fma(b, a, lx_local(b, row_of_b, j), lx_local(b, acc, r, j)), r, j);
  loop_end_for(b);
  loop_end_for(b);
  loop_end_for(b);
}

void tile_start(Kernel *k, LVar *acc, TileShape s, LExpr *bias, LExpr *offset) {
  LBuilder *b = k->b;
  LExpr *j = loop_unroll(b, "j", 0, s.nr);
  LExpr *v = bias ? lx_load(b, bias, lx_add(b, offset, lx_muli(b, j, BLOCK)), BLOCK) : lx_const(b, L_F32X(BLOCK), 0);
  v = loop_let(b, "start", v);
  LExpr *i = loop_unroll(b, "i", 0, s.mr);
  loop_set(b, acc, v, i, j);
  loop_end_for(b);
  loop_end_for(b);
}

void tile_for_rows(Kernel *k, LExpr *total, int mr, TileBody body, void *context) {
  LBuilder *b = k->b;
  if (total->op != LOOP_INT) {
    LExpr *whole = loop_let(b, "whole", lx_sub(b, total, lx_op(b, LOOP_MOD, total, lx_int(b, mr))));
    body(context, loop_for(b, "row", lx_int(b, 0), whole, mr), mr);
    loop_end_for(b);
    if (mr == 1) return;
    body(context, loop_for(b, "row", whole, total, 1), 1);
    loop_end_for(b);
    return;
  }
  int64_t rows = total->i, n = ceil_div(rows, mr);
  if (!n) return;
  int64_t small = rows / n, big = rows - n * small, split = big * (small + 1);
  for (int part = 0; part < 2; part++) {
    int64_t lo = part ? split : 0, hi = part ? rows : split, size = part ? small : small + 1;
    if (hi - lo == size)
      body(context, lx_int(b, lo), (int)size);
    else if (hi > lo) {
      body(context, loop_for(b, "row", lx_int(b, lo), lx_int(b, hi), size), (int)size);
      loop_end_for(b);
    }
  }
}
