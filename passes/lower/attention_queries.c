// One task takes a tile of query rows of one head. Its scores go to a small buffer that stays in the first-level cache,
// are made probabilities there, and are multiplied by V. The sum of each row is divided out at the end.
#include "ir/core/checked.h"
#include "passes/lower/attention.h"
#include "passes/lower/rows.h"
#include <math.h>
#include <stdio.h>

typedef struct Attention {
  Kernel *k;
  const Heads *h;
  Matrix q, v, y;
  LExpr *mask, *mask_row, *mask_column; // strides; NULL: no mask
  LExpr *n, *panels, *panel_size;       // keys; their panels
  LExpr *query;                         // the tile's rows of q times the scale, [rows][query_pitch]
  int64_t query_pitch;
  LExpr *lowest; // kernel_tail of -inf
  Scores scores;
  bool clamped; // rows of a tile that are behind the last one repeat it, and are not stored
} Attention;

// ---- queries

// Row i of a tile of rows from `start` on.
static LExpr *query_row(Attention *a, LExpr *start, LExpr *i) {
  LBuilder *b = a->k->b;
  LExpr *row = lx_add(b, start, i);
  return a->clamped ? lx_min(b, row, lx_addi(b, kernel_dim(a->k, a->h->queries), -1)) : row;
}

static void scale_block(Attention *a, LExpr *from, LExpr *to, LExpr *block, LExpr *lanes) {
  LBuilder *b = a->k->b;
  LExpr *v = row_load(a->k, from, lx_mul(b, block, a->q.block), lanes, NULL);
  loop_store(b, to, lx_muli(b, block, BLOCK), lx_mul(b, v, lx_const(b, v->type, a->h->scale)));
}

static void scale_queries(Attention *a, LExpr *start, int rows) {
  LBuilder *b = a->k->b;
  int64_t whole = a->h->width / BLOCK, rest = a->h->width % BLOCK;
  LExpr *i = loop_for(b, "r", lx_int(b, 0), lx_int(b, rows), 1);
  LExpr *from = loop_let(b, "from", lx_add(b, a->q.p, lx_mul(b, query_row(a, start, i), a->q.row)));
  LExpr *to = loop_let(b, "to", lx_add(b, a->query, lx_muli(b, i, a->query_pitch)));
  LExpr *block = loop_unroll(b, "block", 0, whole);
  scale_block(a, from, to, block, NULL);
  loop_end_for(b);
  if (rest) scale_block(a, from, to, lx_int(b, whole), lx_int(b, rest));
  loop_end_for(b);
}

// ---- scores

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

// Scores of `rows` queries from `start` against the `nr` panels from number `panel` on. `last`: not all keys of these
// may exist.
static void score_tile(Attention *a, LExpr *start, int rows, LExpr *panel, int nr, bool last) {
  LBuilder *b = a->k->b;
  TileShape s = {rows, nr};
  LVar *acc = tile_accumulators(a->k, s);
  tile_start(a->k, acc, s, NULL, NULL);
  TileOperands o = {.a = a->query,
                    .a_row = lx_int(b, a->query_pitch),
                    .a_step = lx_int(b, 1),
                    .b = loop_let(b, "kp", lx_add(b, a->panels, lx_mul(b, panel, a->panel_size))),
                    .b_step = lx_int(b, BLOCK),
                    .b_panel = a->panel_size};
  tile_multiply(a->k, acc, 0, rows, nr, &o, lx_int(b, a->h->width));
  bool causal = a->h->causal;
  LExpr *i = loop_unroll(b, "i", 0, rows), *query = query_row(a, start, i);
  LExpr *length = causal ? loop_let(b, "length", lx_min(b, a->n, lx_addi(b, query, 1))) : a->n;
  for (int j = 0; j < nr; j++) {
    LExpr *v = lx_local(b, acc, i, lx_int(b, j));
    LExpr *column = loop_let(b, "column", lx_muli(b, lx_addi(b, panel, j), BLOCK));
    if (a->mask) v = masked(a, v, query, column);
    if (a->lowest && (causal || last)) v = bounded(a, v, column, length);
    loop_store(b, a->scores.p, lx_add(b, lx_mul(b, i, a->scores.pitch), column), v);
  }
  loop_end_for(b);
}

static void score_rows(Attention *a, LExpr *start, int rows) {
  LBuilder *b = a->k->b;
  LExpr *total = a->scores.vectors;
  int nr = a->h->tile.nr;
  if (total->op != LOOP_INT) {
    LExpr *last = lx_addi(b, total, -nr);
    score_tile(a, start, rows, loop_for(b, "panel", lx_int(b, 0), last, nr), nr, false);
    loop_end_for(b);
    return score_tile(a, start, rows, last, nr, true);
  }
  nr = (int)min_i64(nr, total->i);
  int64_t whole = (total->i - 1) / nr * nr; // the rest: 1 to nr panels
  if (whole) {
    score_tile(a, start, rows, loop_for(b, "panel", lx_int(b, 0), lx_int(b, whole), nr), nr, false);
    loop_end_for(b);
  }
  score_tile(a, start, rows, lx_int(b, whole), (int)(total->i - whole), true);
}

// ---- values

// y = probabilities times the `nr` vectors of V from vector `first` on; lanes: of a partial last vector, else NULL.
static void value_tile(Attention *a, LExpr *start, int rows, int first, int nr, LExpr *lanes) {
  LBuilder *b = a->k->b;
  TileShape s = {rows, nr};
  LVar *acc = tile_accumulators(a->k, s);
  tile_start(a->k, acc, s, NULL, NULL);
  TileOperands o = {.a = a->scores.p,
                    .a_row = a->scores.pitch,
                    .a_step = lx_int(b, 1),
                    .b = loop_let(b, "vp", lx_add(b, a->v.p, lx_muli(b, a->v.block, first))),
                    .b_step = a->v.row,
                    .b_panel = a->v.block,
                    .b_lanes = lanes};
  tile_multiply(a->k, acc, 0, rows, nr, &o, a->n);
  LExpr *i = loop_unroll(b, "i", 0, rows), *row = lx_add(b, start, i);
  if (a->clamped) loop_if(b, lx_op(b, LOOP_LT, row, kernel_dim(a->k, a->h->queries)));
  LExpr *inverse = loop_let(b, "inverse", lx_splat(b, BLOCK, lx_load(b, a->scores.inverse, i, 1)));
  for (int j = 0; j < nr; j++) {
    LExpr *at = lx_add(b, lx_mul(b, row, a->y.row), lx_muli(b, a->y.block, first + j));
    row_store(a->k, a->y.p, at, lx_mul(b, lx_local(b, acc, i, lx_int(b, j)), inverse), j == nr - 1 ? lanes : NULL);
  }
  if (a->clamped) loop_end_if(b);
  loop_end_for(b);
}

static void query_tile(Attention *a, LExpr *start, int rows) {
  scale_queries(a, start, rows);
  score_rows(a, start, rows);
  attention_softmax(&a->scores, rows);
  int vectors = (int)ceil_div(a->h->v_width, BLOCK), rest = (int)(a->h->v_width % BLOCK), most = a->h->tile.nr;
  for (int j = 0; j < vectors; j += most) {
    bool last = j + most >= vectors;
    value_tile(a, start, rows, j, last ? vectors - j : most, last && rest ? lx_int(a->k->b, rest) : NULL);
  }
}

// ---- tiles as tasks: balanced where their number is known, else of one size, clamped

static void tile_by_number(Attention *a, LExpr *number) {
  LBuilder *b = a->k->b;
  int mr = a->h->tile.mr;
  a->clamped = !dim_is_const(a->h->queries);
  if (a->clamped) return query_tile(a, loop_let(b, "row", lx_muli(b, number, mr)), mr);
  int64_t rows = a->h->queries, n = ceil_div(rows, mr), small = rows / n, big = rows - n * small;
  if (big) {
    loop_if(b, lx_op(b, LOOP_LT, number, lx_int(b, big)));
    query_tile(a, loop_let(b, "row", lx_muli(b, number, small + 1)), (int)small + 1);
    loop_else(b);
  }
  query_tile(a, loop_let(b, "row", lx_addi(b, lx_muli(b, number, small), big)), (int)small);
  if (big) loop_end_if(b);
}

static void next_tile(void *context, LExpr *start, int rows) { query_tile(context, start, rows); }

// The mask [..., T, T] broadcasts against the leading dimensions, whose indices are given, rows and columns.
static void use_mask(Attention *a, LExpr *const *index) {
  if (!a->h->mask) return;
  Kernel *k = a->k;
  const Type *t = a->h->mask->type;
  Dim strides[MAX_RANK];
  row_major(k->lw, t, strides);
  a->mask = kernel_in(k, "mask", a->h->mask);
  for (int i = 0; i < t->rank - 2; i++) {
    int at = i + a->h->leading - (t->rank - 2);
    if (t->dims[i] != 1) a->mask = lx_add(k->b, a->mask, lx_mul(k->b, index[at], kernel_dim(k, strides[i])));
  }
  a->mask = loop_let(k->b, "mask", a->mask);
  a->mask_row = t->rank < 2 || t->dims[t->rank - 2] == 1 ? lx_int(k->b, 0) : kernel_dim(k, strides[t->rank - 2]);
  a->mask_column = t->rank < 1 || t->dims[t->rank - 1] == 1 ? lx_int(k->b, 0) : lx_int(k->b, 1);
}

// Rows of scores are an odd number of lines apart: at a power of two they would share few sets of the cache.
static Scores make_scores(Kernel *k, const Heads *h) {
  DimTable *dims = k->lw->m->dims;
  Dim panels = attention_panels(k->lw, h), odd = dim_mul(dims, dim_floordiv(dims, panels, 2), 2);
  Dim pitch = dim_mul(dims, dim_add(dims, odd, 1), BLOCK);
  int64_t mr = h->tile.mr, column = mr * (int64_t)sizeof(float);
  return (Scores){.k = k,
                  .p = kernel_scratch(k, "scores", DT_F32, dim_mul(dims, pitch, column)),
                  .pitch = kernel_dim(k, pitch),
                  .vectors = kernel_dim(k, panels),
                  .highest = kernel_scratch(k, "highest", DT_F32, column),
                  .inverse = kernel_scratch(k, "inverse", DT_F32, column)};
}

static int64_t macs_of(Lower *lw, const Heads *h) {
  DimTable *dims = lw->m->dims;
  Dim pairs = dim_mul(dims, lower_product(lw, h->extents, 0, h->leading), dim_mul(dims, h->queries, h->keys));
  return lower_estimate(lw, dim_mul(dims, pairs, h->width + h->v_width));
}

static LExpr *input(Kernel *k, const char *name, const Heads *h, Value *v, LExpr *q) {
  return v == h->q.v ? q : kernel_in(k, name, v);
}

void attention_queries(Lower *lw, const Node *n, Heads *h) {
  DimTable *dims = lw->m->dims;
  int mr = h->tile.mr;
  Kernel k = kernel_begin(lw, "attention");
  Attention a = {.k = &k, .h = h, .query_pitch = round_up(h->width, BLOCK)};
  LExpr *q = kernel_in(&k, "q", h->q.v), *v = input(&k, "v", h, h->v.v, q), *y = kernel_out(&k, "y", h->y.v),
        *keys = h->panels ? kernel_buffer(&k, "panels", h->panels, ACCESS_IN) : input(&k, "k", h, h->k.v, q),
        *i[MAX_RANK + 1];
  h->extents[h->leading] = h->panels ? dim_floordiv(dims, dim_add(dims, h->queries, mr - 1), mr) : 1;
  Dim tasks = kernel_tasks(&k, h->leading + 1, h->extents, i);
  a.q = attention_matrix(&k, h, &h->q, q, i);
  a.v = attention_matrix(&k, h, &h->v, v, i);
  a.y = attention_matrix(&k, h, &h->y, y, i);
  a.panel_size = lx_int(k.b, h->width * BLOCK);
  a.n = kernel_dim(&k, h->keys);
  a.query = kernel_scratch(&k, "query", DT_F32, mr * a.query_pitch * (int64_t)sizeof(float));
  a.scores = make_scores(&k, h);
  if (h->causal || !dim_is_const(h->keys) || h->keys % BLOCK) a.lowest = kernel_tail(&k, "tail", -INFINITY);
  use_mask(&a, i);
  if (h->panels) {
    a.panels = attention_panels_at(&k, h, keys, i);
    tile_by_number(&a, i[h->leading]);
  } else {
    Matrix of_keys = attention_matrix(&k, h, &h->k, keys, i);
    a.panels = attention_own_panels(&k, h, &of_keys);
    tile_for_rows(&k, kernel_dim(&k, h->queries), mr, next_tile, &a);
  }
  char detail[32];
  snprintf(detail, sizeof detail, "%s%dx%d", h->y.v->type->blocked_axis >= 0 ? "C16 " : "", mr, h->tile.nr);
  kernel_finish(&k, n, tasks, macs_of(lw, h), detail);
}
