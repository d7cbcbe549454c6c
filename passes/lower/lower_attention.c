// Attention, a head a task. K is turned once into panels of 16 keys; then, for a tile of query rows at a time, scores
// go to a small buffer that stays in the first-level cache, are made probabilities there, and are multiplied by V. The
// sum of each row is divided out at the end.
#include "ir/core/checked.h"
#include "passes/lower/math.h"
#include "passes/lower/rows.h"
#include "passes/lower/tile.h"
#include <float.h>
#include <math.h>

// A matrix [rows, width]: element (r, c) at p[r * row + c / 16 * block + c % 16].
typedef struct Matrix {
  LExpr *p, *row, *block;
} Matrix;

typedef struct Attention {
  Kernel *k;
  Matrix q, keys, v, y;
  LExpr *mask, *mask_row, *mask_column; // strides; NULL: no mask
  Dim queries, n_keys;
  int64_t width, v_width; // of q and k; of v and y
  double scale;
  bool causal;
  LExpr *n;                   // number of keys
  LExpr *panels, *panel_size; // K by panels: [keys / 16][width][16]
  LExpr *scores, *pitch;      // [rows of a tile][pitch]
  LExpr *inverse;             // 1 / sum of each row of the tile
  LExpr *lowest;              // kernel_tail of -inf
  TileShape tile;
  // of the row that becomes probabilities:
  RowOf row;
  LExpr *highest;
  LVar *acc;
} Attention;

static LExpr *element(LBuilder *b, const Matrix *m, LExpr *r, LExpr *c) {
  LExpr *sixteen = lx_int(b, BLOCK), *block = lx_mul(b, lx_op(b, LOOP_DIV, c, sixteen), m->block);
  return lx_add(b, lx_mul(b, r, m->row), lx_add(b, block, lx_op(b, LOOP_MOD, c, sixteen)));
}

// ---- K by panels

static void transpose_keys(Attention *a) {
  LBuilder *b = a->k->b;
  LExpr *last = loop_let(b, "last", lx_op(b, LOOP_DIV, lx_addi(b, a->n, -1), lx_int(b, BLOCK)));
  LExpr *clear = loop_for(b, "c", lx_int(b, 0), lx_int(b, a->width), 1);
  loop_store(b, a->panels, lx_add(b, lx_mul(b, last, a->panel_size), lx_muli(b, clear, BLOCK)),
             lx_const(b, L_F32X(BLOCK), 0));
  loop_end_for(b);
  LExpr *t = loop_for(b, "t", lx_int(b, 0), a->n, 1);
  LExpr *panel = lx_mul(b, lx_op(b, LOOP_DIV, t, lx_int(b, BLOCK)), a->panel_size);
  LExpr *to = loop_let(b, "to", lx_add(b, panel, lx_op(b, LOOP_MOD, t, lx_int(b, BLOCK))));
  LExpr *c = loop_for(b, "c", lx_int(b, 0), lx_int(b, a->width), 1);
  loop_store(b, a->panels, lx_add(b, to, lx_muli(b, c, BLOCK)), lx_load(b, a->keys.p, element(b, &a->keys, t, c), 1));
  loop_end_for(b);
  loop_end_for(b);
}

// ---- scores

// acc += q rows from `start` times `nr` panels from b.
static void query_products(Attention *a, LVar *acc, int rows, int nr, LExpr *start, LExpr *panels) {
  LBuilder *b = a->k->b;
  int64_t whole = a->width / BLOCK, rest = a->width % BLOCK;
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

// Scores of `rows` queries from `start` against the `nr` panels from number `panel` on.
static void score_tile(Attention *a, LExpr *start, int rows, LExpr *panel, int nr) {
  LBuilder *b = a->k->b;
  TileShape s = {rows, nr};
  LVar *acc = tile_accumulators(a->k, s);
  tile_start(a->k, acc, s, NULL, NULL);
  query_products(a, acc, rows, nr, start, loop_let(b, "kp", lx_add(b, a->panels, lx_mul(b, panel, a->panel_size))));
  LExpr *i = loop_unroll(b, "i", 0, rows), *j = loop_unroll(b, "j", 0, nr);
  LExpr *v = lx_mul(b, lx_local(b, acc, i, j), lx_const(b, L_F32X(BLOCK), a->scale));
  LExpr *column = loop_let(b, "column", lx_muli(b, lx_add(b, panel, j), BLOCK));
  if (a->mask) v = masked(a, v, lx_add(b, start, i), column);
  loop_store(b, a->scores, lx_add(b, lx_mul(b, i, a->pitch), column), v);
  loop_end_for(b);
  loop_end_for(b);
}

static void score_rows(Attention *a, LExpr *start, int rows) {
  LBuilder *b = a->k->b;
  LExpr *total = lx_op(b, LOOP_DIV, lx_addi(b, a->n, BLOCK - 1), lx_int(b, BLOCK));
  if (total->op != LOOP_INT) {
    score_tile(a, start, rows, loop_for(b, "panel", lx_int(b, 0), total, 1), 1);
    return loop_end_for(b);
  }
  int64_t nr = min_i64(a->tile.nr, total->i), whole = total->i / nr * nr;
  score_tile(a, start, rows, loop_for(b, "panel", lx_int(b, 0), lx_int(b, whole), nr), (int)nr);
  loop_end_for(b);
  if (whole < total->i) score_tile(a, start, rows, lx_int(b, whole), (int)(total->i - whole));
}

// ---- probabilities

// Lanes past the row's end are -inf whatever the buffer holds there.
static LExpr *score_vector(Attention *a, LExpr *offset, LExpr *lanes) {
  return row_load(a->k, a->row.p, offset, lanes, a->lowest);
}

static void take_maximum(void *context, LExpr *offset, LExpr *number, LExpr *lanes) {
  Attention *a = context;
  (void)number;
  loop_set(a->k->b, a->acc, lx_max(a->k->b, lx_local(a->k->b, a->acc), score_vector(a, offset, lanes)));
}

static void exponentials(void *context, LExpr *offset, LExpr *number, LExpr *lanes) {
  Attention *a = context;
  LBuilder *b = a->k->b;
  (void)number;
  LExpr *e = loop_let(b, "e", math_exp(b, lx_sub(b, score_vector(a, offset, lanes), a->highest)));
  loop_set(b, a->acc, lx_add(b, lx_local(b, a->acc), e));
  loop_store(b, a->row.p, offset, e); // whole vectors: the pitch has room, and what lies past the end becomes 0
}

// Row i of the tile, query number `query`: scores to probabilities times their sum. A row whose every score is masked
// becomes zeros: its maximum is taken as finite, and its sum of 0 is not divided by.
static void probabilities(Attention *a, LExpr *i, LExpr *query) {
  LBuilder *b = a->k->b;
  a->row = (RowOf){loop_let(b, "sr", lx_add(b, a->scores, lx_mul(b, i, a->pitch))), a->n, lx_int(b, BLOCK)};
  if (a->causal) a->row.length = loop_let(b, "length", lx_min(b, a->n, lx_addi(b, query, 1)));
  LType t = L_F32X(BLOCK);
  a->acc = loop_local(b, "most", t, 0, NULL);
  loop_set(b, a->acc, lx_const(b, t, -INFINITY));
  row_for(a->k, &a->row, take_maximum, a);
  LExpr *highest = lx_max(b, lx_unary(b, LOOP_REDUCE_MAX, lx_local(b, a->acc)), lx_const(b, L_F32, -FLT_MAX));
  a->highest = loop_let(b, "highest", lx_splat(b, BLOCK, highest));
  a->acc = loop_local(b, "sum", t, 0, NULL);
  loop_set(b, a->acc, lx_const(b, t, 0));
  row_for(a->k, &a->row, exponentials, a);
  LExpr *sum = loop_let(b, "sum", lx_unary(b, LOOP_REDUCE_ADD, lx_local(b, a->acc))), *zero = lx_const(b, L_F32, 0);
  LExpr *inverse = lx_op(b, LOOP_DIV, lx_const(b, L_F32, 1), sum);
  loop_store(b, a->inverse, i, lx_select(b, lx_op(b, LOOP_EQ, sum, zero), zero, inverse));
  if (!a->causal) return;
  LExpr *sixteen = lx_int(b, BLOCK),
        *done = lx_mul(b, lx_op(b, LOOP_DIV, lx_addi(b, a->row.length, BLOCK - 1), sixteen), sixteen);
  LExpr *c = loop_for(b, "c", done, a->pitch, BLOCK);
  loop_store(b, a->row.p, c, lx_const(b, t, 0));
  loop_end_for(b);
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

static void query_tile(void *context, LExpr *start, int rows) {
  Attention *a = context;
  LBuilder *b = a->k->b;
  score_rows(a, start, rows);
  LExpr *i = loop_for(b, "r", lx_int(b, 0), lx_int(b, rows), 1);
  probabilities(a, i, lx_add(b, start, i));
  loop_end_for(b);
  int64_t whole = a->v_width / BLOCK, rest = a->v_width % BLOCK, nr = min_i64(a->tile.nr, max_i64(whole, 1));
  for (int64_t j = 0; j < whole; j += nr) value_tile(a, start, rows, lx_int(b, j), (int)min_i64(nr, whole - j), NULL);
  if (rest) value_tile(a, start, rows, lx_int(b, whole), 1, lx_int(b, rest));
}

static void attend(Attention *a) {
  Kernel *k = a->k;
  LBuilder *b = k->b;
  DimTable *dims = k->lw->m->dims;
  Dim blocks = dim_floordiv(dims, dim_add(dims, a->n_keys, BLOCK - 1), BLOCK), pitch = dim_mul(dims, blocks, BLOCK);
  a->n = kernel_dim(k, a->n_keys);
  a->pitch = kernel_dim(k, pitch);
  a->panel_size = lx_int(b, a->width * BLOCK);
  a->tile = tile_choose(k->lw->target, dim_is_const(a->queries) ? a->queries : 0, max_i64(a->v_width / BLOCK, 1));
  a->panels = kernel_scratch(k, "panels", DT_F32, dim_mul(dims, pitch, a->width * 4));
  a->scores = kernel_scratch(k, "scores", DT_F32, dim_mul(dims, pitch, a->tile.mr * 4));
  a->inverse = kernel_scratch(k, "inverse", DT_F32, a->tile.mr * 4);
  a->lowest = kernel_tail(k, "tail", -INFINITY);
  transpose_keys(a);
  tile_for_rows(k, kernel_dim(k, a->queries), a->tile.mr, query_tile, a);
}

static int64_t attention_macs(Lower *lw, const Attention *a, Dim heads) {
  Dim pairs = dim_mul(lw->m->dims, heads, dim_mul(lw->m->dims, a->queries, a->n_keys));
  return lower_estimate(lw, dim_mul(lw->m->dims, pairs, a->width + a->v_width));
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

bool lower_attention_core(Lower *lw, Node *n) {
  DimTable *dims = lw->m->dims;
  Value *x = operand(n, IN_ATTENTION_CORE_qkv), *y = result(n);
  const Type *t = y->type;
  int rank = t->rank;
  bool blocked = t->blocked_axis >= 0;
  int64_t heads = NODE_ATTR(n, ATTENTION_CORE, heads)->i, width = t->dims[rank - 1], head = width / heads;
  Dim tokens = t->dims[rank - 2], extents[MAX_RANK];
  Kernel k = kernel_begin(lw, "attention");
  LBuilder *b = k.b;
  Attention a = {
      .k = &k, .queries = tokens, .n_keys = tokens, .width = head, .v_width = head, .scale = 1 / sqrt((double)head)};
  LExpr *px = kernel_in(&k, "qkv", x), *py = kernel_out(&k, "y", y), *i[MAX_RANK];
  int leading = rank - 2;
  for (int d = 0; d < leading; d++) extents[d] = t->dims[d];
  extents[leading] = heads;
  Dim tasks = kernel_tasks(&k, leading + 1, extents, i);
  LExpr *batch = lx_int(b, 0), *channel = loop_let(b, "channel", lx_muli(b, i[leading], head));
  for (int d = 0; d < leading; d++) batch = lx_add(b, lx_mul(b, batch, kernel_dim(&k, extents[d])), i[d]);
  Dim matrix = dim_mul(dims, tokens, width);
  LExpr *block = blocked ? kernel_dim(&k, dim_mul(dims, tokens, BLOCK)) : lx_int(b, BLOCK);
  px = lx_add(b, px, lx_mul(b, batch, kernel_dim(&k, dim_mul(dims, matrix, 3))));
  py = lx_add(b, py, lx_mul(b, batch, kernel_dim(&k, matrix)));
  // A head's channels begin at whole blocks where the layout is blocked.
  LExpr *head_at = blocked ? lx_mul(b, lx_op(b, LOOP_DIV, channel, lx_int(b, BLOCK)), block) : channel;
  Dim part = blocked ? matrix : width;
  LExpr *row = lx_int(b, blocked ? BLOCK : 3 * width);
  a.q = (Matrix){loop_let(b, "q", lx_add(b, px, head_at)), row, block};
  a.keys = (Matrix){loop_let(b, "kk", lx_add(b, a.q.p, kernel_dim(&k, part))), row, block};
  a.v = (Matrix){loop_let(b, "vv", lx_add(b, a.q.p, kernel_dim(&k, dim_mul(dims, part, 2)))), row, block};
  a.y = (Matrix){loop_let(b, "yy", lx_add(b, py, head_at)), lx_int(b, blocked ? BLOCK : width), block};
  use_mask(&a, operand(n, IN_ATTENTION_CORE_mask), leading + 1, i);
  attend(&a);
  kernel_finish(&k, n, tasks, attention_macs(lw, &a, tasks), blocked ? "C16" : "");
  return true;
}

// The matrix of v for the task's leading indices; leading dimensions of extent 1 broadcast.
static LExpr *matrix_at(Kernel *k, LExpr *p, const Type *t, int n_leading, LExpr **index) {
  Dim strides[MAX_RANK];
  row_major(k->lw, t, strides);
  for (int i = 0; i < t->rank - 2; i++) {
    int at = i + n_leading - (t->rank - 2);
    if (t->dims[i] != 1) p = lx_add(k->b, p, lx_mul(k->b, index[at], kernel_dim(k, strides[i])));
  }
  return loop_let(k->b, "m", p);
}

bool lower_scaled_dot_product_attention(Lower *lw, Node *n) {
  Value *q = operand(n, 0), *keys = operand(n, 1), *v = operand(n, 2), *y = result(n);
  const Type *t = y->type;
  int leading = t->rank - 2;
  Kernel k = kernel_begin(lw, "attention");
  LBuilder *b = k.b;
  Attention a = {.k = &k, .width = q->type->dims[q->type->rank - 1], .v_width = t->dims[t->rank - 1]};
  a.queries = t->dims[t->rank - 2];
  a.n_keys = keys->type->dims[keys->type->rank - 2];
  a.scale = NODE_ATTR(n, SCALED_DOT_PRODUCT_ATTENTION, scale)->f;
  if (a.scale == 0) a.scale = 1 / sqrt((double)a.width);
  a.causal = NODE_ATTR(n, SCALED_DOT_PRODUCT_ATTENTION, is_causal)->i;
  LExpr *pq = kernel_in(&k, "q", q), *pk = kernel_in(&k, "k", keys), *pv = kernel_in(&k, "v", v),
        *py = kernel_out(&k, "y", y), *i[MAX_RANK];
  Dim tasks = kernel_tasks(&k, leading, t->dims, i);
  LExpr *row = lx_int(b, a.width), *v_row = lx_int(b, a.v_width), *block = lx_int(b, BLOCK);
  a.q = (Matrix){matrix_at(&k, pq, q->type, leading, i), row, block};
  a.keys = (Matrix){matrix_at(&k, pk, keys->type, leading, i), row, block};
  a.v = (Matrix){matrix_at(&k, pv, v->type, leading, i), v_row, block};
  a.y = (Matrix){matrix_at(&k, py, t, leading, i), v_row, block};
  use_mask(&a, operand(n, IN_SCALED_DOT_PRODUCT_ATTENTION_mask), leading, i);
  attend(&a);
  kernel_finish(&k, n, tasks, attention_macs(lw, &a, tasks), "");
  return true;
}
