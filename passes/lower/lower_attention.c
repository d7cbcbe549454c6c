// Attention in two phases. First the keys of every head are turned into panels of 16, by shuffles. Then each task takes
// one tile of query rows of one head: its scores go to a small buffer that stays in the first-level cache, are made
// probabilities there, and are multiplied by V. The sum of each row is divided out at the end.
#include "ir/core/checked.h"
#include "passes/lower/math.h"
#include "passes/lower/rows.h"
#include "passes/lower/tile.h"
#include <float.h>
#include <math.h>
#include <stdio.h>

// A matrix [rows, width]: element (r, c) at p[r * row + c / 16 * block + c % 16].
typedef struct Matrix {
  LExpr *p, *row, *block;
} Matrix;

// What both phases know: `leading` extents count the matrices; behind them is room for what is counted within one.
typedef struct Heads {
  int leading;
  Dim extents[MAX_RANK + 1];
  Dim queries, keys;
  int64_t width, v_width; // of q and k; of v and y
  LBuffer *panels;        // K by panels: [matrices][keys / 16][width][16]
} Heads;

typedef struct Attention {
  Kernel *k;
  const Heads *h;
  Matrix q, v, y;
  LExpr *mask, *mask_row, *mask_column; // strides; NULL: no mask
  double scale;
  bool causal, scale_later;   // later: with the exponential
  LExpr *n, *vectors;         // number of keys, of vectors of them
  LExpr *panels, *panel_size; // of this matrix
  LExpr *scores, *pitch;      // [rows of a tile][pitch]
  LExpr *inverse;             // 1 / sum of each row of the tile
  LExpr *lowest;              // kernel_tail of -inf
  TileShape tile;
  // of the row that becomes probabilities:
  LExpr *row, *highest;
  LVar *acc;
} Attention;

// ---- K by panels

static Dim panels_of(Lower *lw, const Heads *h) {
  return dim_floordiv(lw->m->dims, dim_add(lw->m->dims, h->keys, BLOCK - 1), BLOCK);
}

static void make_panels(Lower *lw, Heads *h) {
  Dim size = dim_mul(lw->m->dims, panels_of(lw, h), h->width * BLOCK),
      matrices = lower_product(lw, h->extents, 0, h->leading);
  Dim bytes = dim_mul(lw->m->dims, dim_mul(lw->m->dims, matrices, size), 4);
  h->panels = lower_new_buffer(lw, BUFFER_ARENA, "panels", DT_F32, bytes);
}

// The panels of the matrix with these indices.
static LExpr *panels_at(Kernel *k, const Heads *h, LExpr *panels, LExpr *const *index) {
  LBuilder *b = k->b;
  LExpr *number = lx_int(b, 0);
  for (int d = 0; d < h->leading; d++) number = lx_add(b, lx_mul(b, number, kernel_dim(k, h->extents[d])), index[d]);
  Dim size = dim_mul(k->lw->m->dims, panels_of(k->lw, h), h->width * BLOCK);
  return loop_let(b, "of", lx_add(b, panels, lx_mul(b, number, kernel_dim(k, size))));
}

// Groups of `unit` lanes of a and c in turns. Of units of one or two lanes: the lower or the upper half of every four;
// of four: the first or the second of every eight, those of c behind those of a.
static LExpr *interleave(LBuilder *b, LExpr *a, LExpr *c, int unit, bool upper) {
  int lanes[BLOCK];
  for (int i = 0; i < BLOCK; i++) {
    if (unit == 4)
      lanes[i] = i / 8 * BLOCK + i % 8 / 4 * 8 + upper * 4 + i % 4;
    else
      lanes[i] = i / unit % 2 * BLOCK + i / 4 * 4 + upper * 2 + i % 4 / (2 * unit) * unit + i % unit;
  }
  return loop_let(b, "t", lx_shuffle(b, a, c, BLOCK, lanes));
}

// Transposes the 16 x 16 matrix of rows v: afterwards v[i] is the column whose number is i with its last two bits
// exchanged. Every shuffle is one instruction on 4, 8 or 16 lanes.
static void transpose(LBuilder *b, LExpr **v) {
  for (int step = 1; step < BLOCK; step *= 2)
    for (int i = 0; i < BLOCK; i++) {
      if (i & step) continue;
      LExpr *lower = interleave(b, v[i], v[i + step], step < 4 ? step : 4, false);
      v[i + step] = interleave(b, v[i], v[i + step], step < 4 ? step : 4, true);
      v[i] = lower;
    }
}

// Keys from `first` on, in the matrix's `block`-th 16 columns, of which `width` exist. Keys behind the last one repeat
// it, so that every lane of the panels is a number that K holds.
static void transpose_block(Kernel *k, const Matrix *keys, LExpr *to, LExpr *first, LExpr *n, LExpr *block, int width) {
  LBuilder *b = k->b;
  LExpr *v[BLOCK], *from = loop_let(b, "from", lx_add(b, keys->p, lx_mul(b, block, keys->block)));
  for (int i = 0; i < BLOCK; i++) {
    LExpr *row = lx_min(b, lx_addi(b, first, i), lx_addi(b, n, -1));
    v[i] = row_load(k, from, lx_mul(b, row, keys->row), width < BLOCK ? lx_int(b, width) : NULL, NULL);
    v[i] = loop_let(b, "r", v[i]);
  }
  transpose(b, v);
  to = loop_let(b, "to", lx_add(b, to, lx_muli(b, block, BLOCK * BLOCK)));
  for (int i = 0; i < BLOCK; i++) {
    int column = (i & ~3) | (i & 1) << 1 | (i & 2) >> 1;
    if (column < width) loop_store(b, to, lx_int(b, column * BLOCK), v[i]);
  }
}

static void transpose_keys(Kernel *k, const Heads *h, const Matrix *keys, LExpr *panels, LExpr *panel) {
  LBuilder *b = k->b;
  LExpr *n = kernel_dim(k, h->keys), *first = loop_let(b, "first", lx_muli(b, panel, BLOCK));
  LExpr *to = loop_let(b, "panel", lx_add(b, panels, lx_muli(b, panel, h->width * BLOCK)));
  int64_t whole = h->width / BLOCK, rest = h->width % BLOCK;
  if (whole) {
    bool opened;
    LExpr *block = kernel_loop(k, "block", lx_int(b, 0), lx_int(b, whole), &opened);
    transpose_block(k, keys, to, first, n, block, BLOCK);
    kernel_end_loop(k, opened);
  }
  if (rest) transpose_block(k, keys, to, first, n, lx_int(b, whole), (int)rest);
}

// ---- scores

// acc += q rows from `start` times `nr` panels from b.
static void query_products(Attention *a, LVar *acc, int rows, int nr, LExpr *start, LExpr *panels) {
  LBuilder *b = a->k->b;
  int64_t whole = a->h->width / BLOCK, rest = a->h->width % BLOCK;
  TileOperands o = {.a_row = a->q.row, .a_step = lx_int(b, 1), .b_step = lx_int(b, BLOCK), .b_panel = a->panel_size};
  LExpr *q = lx_add(b, a->q.p, lx_mul(b, start, a->q.row));
  if (whole) {
    LExpr *block = loop_for(b, "block", lx_int(b, 0), lx_int(b, whole), 1);
    o.a = loop_let(b, "qb", lx_add(b, q, lx_mul(b, block, a->q.block)));
    o.b = loop_let(b, "kb", lx_add(b, panels, lx_muli(b, block, BLOCK * BLOCK)));
    tile_multiply(a->k, acc, 0, rows, nr, &o, lx_int(b, BLOCK));
    loop_end_for(b);
  }
  if (!rest) return;
  o.a = loop_let(b, "qb", lx_add(b, q, lx_mul(b, lx_int(b, whole), a->q.block)));
  o.b = loop_let(b, "kb", lx_addi(b, panels, whole * BLOCK * BLOCK));
  tile_multiply(a->k, acc, 0, rows, nr, &o, lx_int(b, rest));
}

// Scores v with the mask applied: booleans choose, numbers are added.
static LExpr *masked(Attention *a, LExpr *v, LExpr *row, LExpr *column) {
  LBuilder *b = a->k->b;
  LExpr *at = lx_add(b, lx_mul(b, row, a->mask_row), lx_mul(b, column, a->mask_column)), *m;
  if (a->mask_column->op == LOOP_INT && a->mask_column->i == 0)
    m = lx_splat(b, BLOCK, lx_load(b, a->mask, at, 1));
  else
    m = lx_load_n(b, a->mask, at, BLOCK, loop_let(b, "lanes", lx_min(b, lx_int(b, BLOCK), lx_sub(b, a->n, column))));
  return m->type.dtype == DT_BOOL ? lx_select(b, m, v, lx_const(b, v->type, -INFINITY)) : lx_add(b, v, m);
}

// Scores v of the keys from `column` on, of which the first `length` count: -inf where a key does not.
static LExpr *bounded(Attention *a, LExpr *v, LExpr *column, LExpr *length) {
  LBuilder *b = a->k->b;
  LExpr *left = lx_max(b, lx_int(b, 0), lx_min(b, lx_int(b, BLOCK), lx_sub(b, length, column)));
  return lx_add(b, v, lx_load(b, a->lowest, loop_let(b, "tail", lx_sub(b, lx_int(b, BLOCK), left)), BLOCK));
}

// Scores of `rows` queries from `start` against the `nr` panels from number `panel` on. `last`: the last of them may be
// filled in part.
static void score_tile(Attention *a, LExpr *start, int rows, LExpr *panel, int nr, bool last) {
  LBuilder *b = a->k->b;
  TileShape s = {rows, nr};
  LVar *acc = tile_accumulators(a->k, s);
  tile_start(a->k, acc, s, NULL, NULL);
  query_products(a, acc, rows, nr, start, loop_let(b, "kp", lx_add(b, a->panels, lx_mul(b, panel, a->panel_size))));
  LExpr *i = loop_unroll(b, "i", 0, rows);
  LExpr *query = lx_add(b, start, i), *length = a->causal ? lx_min(b, a->n, lx_addi(b, query, 1)) : a->n;
  if (a->causal) length = loop_let(b, "length", length);
  for (int j = 0; j < nr; j++) {
    LExpr *v = lx_local(b, acc, i, lx_int(b, j));
    if (!a->scale_later) v = lx_mul(b, v, lx_const(b, L_F32X(BLOCK), a->scale));
    LExpr *column = loop_let(b, "column", lx_muli(b, lx_addi(b, panel, j), BLOCK));
    if (a->mask) v = masked(a, v, query, column);
    if (a->lowest && (a->causal || (last && j == nr - 1))) v = bounded(a, v, column, length);
    loop_store(b, a->scores, lx_add(b, lx_mul(b, i, a->pitch), column), v);
  }
  loop_end_for(b);
}

static void score_rows(Attention *a, LExpr *start, int rows) {
  LBuilder *b = a->k->b;
  LExpr *total = a->vectors, *last = lx_addi(b, total, -1);
  if (total->op != LOOP_INT) {
    score_tile(a, start, rows, loop_for(b, "panel", lx_int(b, 0), last, 1), 1, false);
    loop_end_for(b);
    return score_tile(a, start, rows, last, 1, true);
  }
  int64_t nr = min_i64(a->tile.nr, total->i), whole = (total->i - 1) / nr * nr; // the rest: 1 to nr panels
  if (whole) {
    score_tile(a, start, rows, loop_for(b, "panel", lx_int(b, 0), lx_int(b, whole), nr), (int)nr, false);
    loop_end_for(b);
  }
  score_tile(a, start, rows, lx_int(b, whole), (int)(total->i - whole), true);
}

// ---- probabilities

enum { SUMS = 4 }; // so that a vector need not wait for the one before it

typedef void (*VectorBody)(Attention *a, LExpr *offset, LExpr *sum);

// acc[j] over each vector of the row; returns the four joined by `join`.
static LExpr *over_row(Attention *a, const char *name, double start, VectorBody body, LOp join) {
  LBuilder *b = a->k->b;
  LExpr *whole = lx_sub(b, a->vectors, lx_op(b, LOOP_MOD, a->vectors, lx_int(b, SUMS)));
  a->acc = loop_local(b, name, L_F32X(BLOCK), 1, (int[]){SUMS});
  LExpr *j = loop_unroll(b, "j", 0, SUMS);
  loop_set(b, a->acc, lx_const(b, L_F32X(BLOCK), start), j);
  loop_end_for(b);
  if (whole->op != LOOP_INT || whole->i) {
    LExpr *v = loop_for(b, "v", lx_int(b, 0), whole, SUMS);
    j = loop_unroll(b, "j", 0, SUMS);
    body(a, lx_muli(b, lx_add(b, v, j), BLOCK), j);
    loop_end_for(b);
    loop_end_for(b);
  }
  if (whole->op != LOOP_INT || whole->i < a->vectors->i) {
    body(a, lx_muli(b, loop_for(b, "v", whole, a->vectors, 1), BLOCK), lx_int(b, 0));
    loop_end_for(b);
  }
  LExpr *half[2];
  for (int i = 0; i < 2; i++) {
    LExpr *even = lx_local(b, a->acc, lx_int(b, 2 * i)), *odd = lx_local(b, a->acc, lx_int(b, 2 * i + 1));
    half[i] = loop_let(b, name, lx_op(b, join, even, odd));
  }
  return loop_let(b, name, lx_op(b, join, half[0], half[1]));
}

static void take_maximum(Attention *a, LExpr *offset, LExpr *sum) {
  LBuilder *b = a->k->b;
  loop_set(b, a->acc, lx_max(b, lx_local(b, a->acc, sum), lx_load(b, a->row, offset, BLOCK)), sum);
}

static void exponentials(Attention *a, LExpr *offset, LExpr *sum) {
  LBuilder *b = a->k->b;
  LExpr *d = lx_sub(b, lx_load(b, a->row, offset, BLOCK), a->highest);
  LExpr *e = loop_let(b, "e", math_exp_difference(b, d, a->scale_later ? a->scale : 1));
  loop_set(b, a->acc, lx_add(b, lx_local(b, a->acc, sum), e), sum);
  loop_store(b, a->row, offset, e);
}

// Row i of the tile: scores to probabilities times their sum. A row whose every score is masked becomes zeros: its
// maximum is taken as finite, and its sum of 0 is not divided by.
static void probabilities(Attention *a, LExpr *i) {
  LBuilder *b = a->k->b;
  a->row = loop_let(b, "sr", lx_add(b, a->scores, lx_mul(b, i, a->pitch)));
  LExpr *most = over_row(a, "most", -INFINITY, take_maximum, LOOP_MAX);
  most = lx_max(b, lx_unary(b, LOOP_REDUCE_MAX, most), lx_const(b, L_F32, -FLT_MAX));
  a->highest = loop_let(b, "highest", lx_splat(b, BLOCK, most));
  LExpr *sum = over_row(a, "sum", 0, exponentials, LOOP_ADD), *zero = lx_const(b, L_F32, 0);
  sum = loop_let(b, "sum", lx_unary(b, LOOP_REDUCE_ADD, sum));
  LExpr *inverse = lx_op(b, LOOP_DIV, lx_const(b, L_F32, 1), sum);
  loop_store(b, a->inverse, i, lx_select(b, lx_op(b, LOOP_EQ, sum, zero), zero, inverse));
}

// ---- values

// y = probabilities times the `nr` vectors of V from vector `first` on; lanes: of a partial last vector, else NULL.
static void value_tile(Attention *a, LExpr *start, int rows, LExpr *first, int nr, LExpr *lanes) {
  LBuilder *b = a->k->b;
  TileShape s = {rows, nr};
  LVar *acc = tile_accumulators(a->k, s);
  tile_start(a->k, acc, s, NULL, NULL);
  TileOperands o = {
      .a = a->scores,
      .a_row = a->pitch,
      .a_step = lx_int(b, 1),
      .b = loop_let(b, "vp", lx_add(b, a->v.p, lx_mul(b, first, a->v.block))),
      .b_step = a->v.row,
      .b_panel = a->v.block,
      .b_lanes = lanes,
  };
  tile_multiply(a->k, acc, 0, rows, nr, &o, a->n);
  LExpr *i = loop_unroll(b, "i", 0, rows), *j = loop_unroll(b, "j", 0, nr);
  LExpr *v = lx_mul(b, lx_local(b, acc, i, j), lx_splat(b, BLOCK, lx_load(b, a->inverse, i, 1)));
  LExpr *at = lx_add(b, lx_mul(b, lx_add(b, start, i), a->y.row), lx_mul(b, lx_add(b, first, j), a->y.block));
  row_store(a->k, a->y.p, at, v, lanes);
  loop_end_for(b);
  loop_end_for(b);
}

static void query_tile(Attention *a, LExpr *start, int rows) {
  LBuilder *b = a->k->b;
  score_rows(a, start, rows);
  probabilities(a, loop_for(b, "r", lx_int(b, 0), lx_int(b, rows), 1));
  loop_end_for(b);
  int64_t whole = a->h->v_width / BLOCK, rest = a->h->v_width % BLOCK, nr = min_i64(a->tile.nr, max_i64(whole, 1));
  for (int64_t j = 0; j < whole; j += nr) value_tile(a, start, rows, lx_int(b, j), (int)min_i64(nr, whole - j), NULL);
  if (rest) value_tile(a, start, rows, lx_int(b, whole), 1, lx_int(b, rest));
}

// ---- tiles as tasks: balanced where their number is known, else whole ones and a last one row by row

static Dim tiles_of(Lower *lw, Dim rows, int mr) {
  return dim_floordiv(lw->m->dims, dim_add(lw->m->dims, rows, mr - 1), mr);
}

static void tile_by_number(Attention *a, LExpr *number) {
  LBuilder *b = a->k->b;
  int mr = a->tile.mr;
  if (dim_is_const(a->h->queries)) {
    int64_t rows = a->h->queries, n = ceil_div(rows, mr), small = rows / n, big = rows - n * small;
    if (big) {
      loop_if(b, lx_op(b, LOOP_LT, number, lx_int(b, big)));
      query_tile(a, loop_let(b, "row", lx_muli(b, number, small + 1)), (int)small + 1);
      loop_else(b);
    }
    query_tile(a, loop_let(b, "row", lx_addi(b, lx_muli(b, number, small), big)), (int)small);
    if (big) loop_end_if(b);
    return;
  }
  LExpr *rows = kernel_dim(a->k, a->h->queries), *start = loop_let(b, "row", lx_muli(b, number, mr));
  loop_if(b, lx_op(b, LOOP_LE, lx_addi(b, start, mr), rows));
  query_tile(a, start, mr);
  loop_else(b);
  query_tile(a, loop_for(b, "row", start, rows, 1), 1);
  loop_end_for(b);
  loop_end_if(b);
}

static void attend(Attention *a, LExpr *number) {
  Kernel *k = a->k;
  LBuilder *b = k->b;
  const Heads *h = a->h;
  DimTable *dims = k->lw->m->dims;
  Dim panels = panels_of(k->lw, h), pitch = dim_mul(dims, panels, BLOCK);
  a->n = kernel_dim(k, h->keys);
  a->vectors = kernel_dim(k, panels);
  a->pitch = kernel_dim(k, pitch);
  a->panel_size = lx_int(b, h->width * BLOCK);
  a->scale_later = !a->mask && a->scale > 0;
  a->scores = kernel_scratch(k, "scores", DT_F32, dim_mul(dims, pitch, a->tile.mr * 4));
  a->inverse = kernel_scratch(k, "inverse", DT_F32, a->tile.mr * 4);
  if (a->causal || !dim_is_const(h->keys) || h->keys % BLOCK) a->lowest = kernel_tail(k, "tail", -INFINITY);
  tile_by_number(a, number);
}

static int64_t attention_macs(Lower *lw, const Heads *h) {
  DimTable *dims = lw->m->dims;
  Dim pairs = dim_mul(dims, lower_product(lw, h->extents, 0, h->leading), dim_mul(dims, h->queries, h->keys));
  return lower_estimate(lw, dim_mul(dims, pairs, h->width + h->v_width));
}

// The mask [..., T, T] broadcasts against the leading dimensions, whose indices are given, rows and columns.
static void use_mask(Attention *a, Value *mask, int n_leading, LExpr **index) {
  if (!mask) return;
  Kernel *k = a->k;
  const Type *t = mask->type;
  Dim strides[MAX_RANK];
  row_major(k->lw, t, strides);
  a->mask = kernel_in(k, "mask", mask);
  for (int i = 0; i < t->rank - 2; i++) {
    int at = i + n_leading - (t->rank - 2);
    if (t->dims[i] != 1) a->mask = lx_add(k->b, a->mask, lx_mul(k->b, index[at], kernel_dim(k, strides[i])));
  }
  a->mask = loop_let(k->b, "mask", a->mask);
  a->mask_row = t->rank < 2 || t->dims[t->rank - 2] == 1 ? lx_int(k->b, 0) : kernel_dim(k, strides[t->rank - 2]);
  a->mask_column = t->rank < 1 || t->dims[t->rank - 1] == 1 ? lx_int(k->b, 0) : lx_int(k->b, 1);
}

static TileShape tile_of(Lower *lw, const Heads *h) {
  return tile_choose(lw->target, dim_is_const(h->queries) ? h->queries : 0, max_i64(h->v_width / BLOCK, 1));
}

// ---- attention_core: heads side by side in one matrix

// Part `part` of the `parts` that lie in p, [N, ..., T, parts D], for the matrix with these indices. A head's channels
// begin at whole blocks where the layout is blocked.
static Matrix head_at(Kernel *k, LExpr *p, const Type *t, const Heads *h, int part, int parts, LExpr *const *index) {
  LBuilder *b = k->b;
  DimTable *dims = k->lw->m->dims;
  bool blocked = t->blocked_axis >= 0;
  int64_t width = h->width * h->extents[h->leading - 1];
  Dim matrix = dim_mul(dims, h->queries, width);
  LExpr *batch = lx_int(b, 0), *block = blocked ? kernel_dim(k, dim_mul(dims, h->queries, BLOCK)) : lx_int(b, BLOCK);
  for (int d = 0; d < h->leading - 1; d++) batch = lx_add(b, lx_mul(b, batch, kernel_dim(k, h->extents[d])), index[d]);
  LExpr *channel = lx_muli(b, index[h->leading - 1], h->width);
  if (blocked) channel = lx_mul(b, lx_op(b, LOOP_DIV, channel, lx_int(b, BLOCK)), block);
  LExpr *at = lx_add(b, lx_mul(b, batch, kernel_dim(k, dim_mul(dims, matrix, parts))), channel);
  at = lx_add(b, at, kernel_dim(k, dim_mul(dims, blocked ? matrix : width, part)));
  return (Matrix){loop_let(b, "m", lx_add(b, p, at)), lx_int(b, blocked ? BLOCK : parts * width), block};
}

static void core_keys(Lower *lw, const Node *n, Heads *h, Value *x) {
  Kernel k = kernel_begin(lw, "keys");
  LExpr *qkv = kernel_in(&k, "qkv", x), *panels = kernel_buffer(&k, "panels", h->panels, ACCESS_OUT), *i[MAX_RANK + 1];
  h->extents[h->leading] = panels_of(lw, h);
  Dim tasks = kernel_tasks(&k, h->leading + 1, h->extents, i);
  Matrix keys = head_at(&k, qkv, x->type, h, 1, 3, i);
  transpose_keys(&k, h, &keys, panels_at(&k, h, panels, i), i[h->leading]);
  kernel_finish(&k, n, tasks, 0, "");
}

bool lower_attention_core(Lower *lw, Node *n) {
  Value *x = operand(n, IN_ATTENTION_CORE_qkv), *y = result(n);
  const Type *t = y->type;
  int64_t heads = NODE_ATTR(n, ATTENTION_CORE, heads)->i, width = t->dims[t->rank - 1] / heads;
  Dim tokens = t->dims[t->rank - 2];
  Heads h = {.leading = t->rank - 1, .queries = tokens, .keys = tokens, .width = width, .v_width = width};
  for (int d = 0; d < t->rank - 2; d++) h.extents[d] = t->dims[d];
  h.extents[t->rank - 2] = heads;
  make_panels(lw, &h);
  core_keys(lw, n, &h, x);

  Kernel k = kernel_begin(lw, "attention");
  Attention a = {.k = &k, .h = &h, .scale = 1 / sqrt((double)width), .tile = tile_of(lw, &h)};
  LExpr *qkv = kernel_in(&k, "qkv", x), *panels = kernel_buffer(&k, "panels", h.panels, ACCESS_IN),
        *py = kernel_out(&k, "y", y), *i[MAX_RANK + 1];
  h.extents[h.leading] = tiles_of(lw, h.queries, a.tile.mr);
  Dim tasks = kernel_tasks(&k, h.leading + 1, h.extents, i);
  a.q = head_at(&k, qkv, x->type, &h, 0, 3, i);
  a.v = head_at(&k, qkv, x->type, &h, 2, 3, i);
  a.y = head_at(&k, py, t, &h, 0, 1, i);
  a.panels = panels_at(&k, &h, panels, i);
  use_mask(&a, operand(n, IN_ATTENTION_CORE_mask), h.leading, i);
  attend(&a, i[h.leading]);
  char detail[32];
  snprintf(detail, sizeof detail, "%s%dx%d", t->blocked_axis >= 0 ? "C16 " : "", a.tile.mr, a.tile.nr);
  kernel_finish(&k, n, tasks, attention_macs(lw, &h), detail);
  return true;
}

// ---- scaled_dot_product_attention: q, k and v apart, row-major

// The matrix of v for the task's leading indices; leading dimensions of extent 1 broadcast.
static Matrix matrix_at(Kernel *k, LExpr *p, const Type *t, int n_leading, LExpr **index) {
  Dim strides[MAX_RANK];
  row_major(k->lw, t, strides);
  for (int i = 0; i < t->rank - 2; i++) {
    int at = i + n_leading - (t->rank - 2);
    if (t->dims[i] != 1) p = lx_add(k->b, p, lx_mul(k->b, index[at], kernel_dim(k, strides[i])));
  }
  return (Matrix){loop_let(k->b, "m", p), kernel_dim(k, t->dims[t->rank - 1]), lx_int(k->b, BLOCK)};
}

static void separate_keys(Lower *lw, const Node *n, Heads *h, Value *x) {
  Kernel k = kernel_begin(lw, "keys");
  LExpr *pk = kernel_in(&k, "k", x), *panels = kernel_buffer(&k, "panels", h->panels, ACCESS_OUT), *i[MAX_RANK + 1];
  h->extents[h->leading] = panels_of(lw, h);
  Dim tasks = kernel_tasks(&k, h->leading + 1, h->extents, i);
  Matrix keys = matrix_at(&k, pk, x->type, h->leading, i);
  transpose_keys(&k, h, &keys, panels_at(&k, h, panels, i), i[h->leading]);
  kernel_finish(&k, n, tasks, 0, "");
}

bool lower_scaled_dot_product_attention(Lower *lw, Node *n) {
  Value *q = operand(n, 0), *keys = operand(n, 1), *v = operand(n, 2), *y = result(n);
  const Type *t = y->type, *tk = keys->type;
  Heads h = {.leading = t->rank - 2, .queries = t->dims[t->rank - 2], .keys = tk->dims[tk->rank - 2]};
  h.width = tk->dims[tk->rank - 1];
  h.v_width = t->dims[t->rank - 1];
  for (int d = 0; d < h.leading; d++) h.extents[d] = t->dims[d];
  make_panels(lw, &h);
  separate_keys(lw, n, &h, keys);

  Kernel k = kernel_begin(lw, "attention");
  Attention a = {.k = &k, .h = &h, .tile = tile_of(lw, &h)};
  a.scale = NODE_ATTR(n, SCALED_DOT_PRODUCT_ATTENTION, scale)->f;
  if (a.scale == 0) a.scale = 1 / sqrt((double)h.width);
  a.causal = NODE_ATTR(n, SCALED_DOT_PRODUCT_ATTENTION, is_causal)->i;
  LExpr *pq = kernel_in(&k, "q", q), *panels = kernel_buffer(&k, "panels", h.panels, ACCESS_IN),
        *pv = kernel_in(&k, "v", v), *py = kernel_out(&k, "y", y), *i[MAX_RANK + 1];
  h.extents[h.leading] = tiles_of(lw, h.queries, a.tile.mr);
  Dim tasks = kernel_tasks(&k, h.leading + 1, h.extents, i);
  a.q = matrix_at(&k, pq, q->type, h.leading, i);
  a.v = matrix_at(&k, pv, v->type, h.leading, i);
  a.y = matrix_at(&k, py, t, h.leading, i);
  a.panels = panels_at(&k, &h, panels, i);
  use_mask(&a, operand(n, IN_SCALED_DOT_PRODUCT_ATTENTION_mask), h.leading, i);
  attend(&a, i[h.leading]);
  char detail[32];
  snprintf(detail, sizeof detail, "%dx%d", a.tile.mr, a.tile.nr);
  kernel_finish(&k, n, tasks, attention_macs(lw, &h), detail);
  return true;
}
