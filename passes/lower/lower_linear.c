// Linear layers through contract.c; products of two computed matrices here.
#include "ir/core/checked.h"
#include "passes/lower/contract.h"
#include "passes/lower/rows.h"
#include "passes/lower/sparse.h"
#include "passes/lower/tile.h"

// Rows of features: a row-major tensor is `rows` rows of K; a blocked one pictures of pixels, as a 1 x 1 convolution.
static void rows_in(Lower *lw, const Type *t, Contraction *c) {
  DimTable *dims = lw->m->dims;
  int last = t->rank - 1;
  c->channels_in = t->dims[last];
  Dim pixels = lower_product(lw, t->dims, 1, last);
  if (t->blocked_axis >= 0) {
    c->block = c->in_pixel = BLOCK;
    c->in_block = dim_mul(dims, pixels, BLOCK);
    c->in_image = dim_mul(dims, c->in_block, ceil_div(c->channels_in, BLOCK));
  } else {
    c->block = c->in_pixel = c->channels_in;
    c->in_block = 0;
    c->in_image = dim_mul(dims, pixels, c->channels_in);
  }
}

static void rows_out(Lower *lw, const Type *t, Contraction *c) {
  DimTable *dims = lw->m->dims;
  int last = t->rank - 1;
  c->channels_out = t->dims[last];
  Dim pixels = lower_product(lw, t->dims, 1, last);
  if (t->blocked_axis >= 0) {
    c->out_pixel = BLOCK;
    c->out_panel = dim_mul(dims, pixels, BLOCK);
    c->out_image = dim_mul(dims, c->out_panel, ceil_div(c->channels_out, BLOCK));
  } else {
    c->out_pixel = c->channels_out;
    c->out_panel = BLOCK;
    c->out_image = dim_mul(dims, pixels, c->channels_out);
    c->out_tail = c->channels_out % BLOCK != 0;
  }
}

// Integers by fours. A row-major row must hold whole ones: `quantize-products` sees to it.
static void quads(Lower *lw, Contraction *c) {
  enum { QUAD = 4 };
  c->channels_in = ceil_div(c->channels_in, QUAD);
  c->block /= QUAD;
  Dim *strides[] = {&c->in_image, &c->in_pixel, &c->in_block};
  for (int i = 0; i < 3; i++) *strides[i] = dim_floordiv(lw->m->dims, *strides[i], QUAD);
}

static void rows(Lower *lw, const Node *n, Contraction *c) {
  const Type *x = c->x->type, *y = c->y->type;
  rows_in(lw, x, c);
  rows_out(lw, y, c);
  if (c->scaling) quads(lw, c);
  bool row_major_all = x->blocked_axis < 0 && y->blocked_axis < 0; // one picture of all rows
  c->images = row_major_all ? 1 : x->dims[0];
  Dim pixels = lower_product(lw, x->dims, row_major_all ? 0 : 1, x->rank - 1);
  Sparse by_nonzeros;
  if (sparse_choose(lw, n, c, pixels, &by_nonzeros)) return sparse(lw, n, c, pixels, &by_nonzeros);
  contract_flatten(lw, c, pixels);
  contract(lw, n, c);
}

bool lower_linear(Lower *lw, Node *n) {
  Contraction c = {.groups = 1,
                   .x = operand(n, IN_LINEAR_x),
                   .y = result(n),
                   .weight = weight_operand(n, IN_LINEAR_weight),
                   .bias = weight_operand(n, IN_LINEAR_bias),
                   .residual = operand(n, IN_LINEAR_residual),
                   .act = NODE_ATTR(n, LINEAR, act)->s};
  rows(lw, n, &c);
  return true;
}

bool lower_quantized_linear(Lower *lw, Node *n) {
  Scaling s = scaled_read(n);
  Contraction c = {.groups = 1,
                   .x = operand(n, IN_QUANTIZED_LINEAR_x),
                   .y = result(n),
                   .weight = weight_operand(n, IN_QUANTIZED_LINEAR_weight),
                   .residual = s.residual,
                   .act = "none",
                   .scaling = &s};
  rows(lw, n, &c);
  return true;
}

// ---- matmul

typedef struct MatMul {
  Kernel *k;
  LExpr *a, *b, *y;              // of the task's matrices; b and y at the first column
  LExpr *inner, *columns, *left; // K, N, columns left
  int nr;
  bool tail;
} MatMul;

static void matmul_tile(void *context, LExpr *start, int rows) {
  MatMul *m = context;
  LBuilder *b = m->k->b;
  TileShape s = {rows, m->nr};
  LVar *acc = tile_accumulators(m->k, s);
  tile_start(m->k, acc, s, NULL, NULL);
  TileOperands t = {
      .a = loop_let(b, "ar", lx_add(b, m->a, lx_mul(b, start, m->inner))),
      .a_row = m->inner,
      .a_step = lx_int(b, 1),
      .b = m->b,
      .b_step = m->columns,
      .b_panel = lx_int(b, BLOCK),
      .b_lanes = m->tail ? m->left : NULL,
  };
  tile_multiply(m->k, acc, 0, rows, m->nr, &t, m->inner);
  LExpr *i = loop_unroll(b, "i", 0, rows), *j = loop_unroll(b, "j", 0, m->nr);
  LExpr *at = lx_add(b, lx_mul(b, lx_add(b, start, i), m->columns), lx_muli(b, j, BLOCK));
  if (m->tail)
    loop_store_n(b, m->y, at, lx_local(b, acc, i, j), m->left);
  else
    loop_store(b, m->y, at, lx_local(b, acc, i, j));
  loop_end_for(b);
  loop_end_for(b);
}

// The matrix of operand t that belongs to output matrix `batch`, as an element offset: broadcast dimensions count once.
static LExpr *matrix_offset(Kernel *k, const Type *t, const Type *y, LExpr *batch) {
  LBuilder *b = k->b;
  DimTable *dims = k->lw->m->dims;
  Dim stride = dim_mul(dims, t->dims[t->rank - 1], t->dims[t->rank - 2]);
  LExpr *offset = lx_int(b, 0), *left = batch;
  for (int i = y->rank - 3; i >= 0; i--) {
    int from = i - (y->rank - t->rank);
    LExpr *extent = kernel_dim(k, y->dims[i]), *index = i ? lx_op(b, LOOP_MOD, left, extent) : left;
    if (i) left = loop_let(b, "batch", lx_op(b, LOOP_DIV, left, extent));
    if (from < 0) continue;
    if (t->dims[from] != 1) offset = lx_add(b, offset, lx_mul(b, index, kernel_dim(k, stride)));
    stride = dim_mul(dims, stride, t->dims[from]);
  }
  return offset;
}

// A vector is a matrix of one row (a) or one column (b): the types with those dimensions put back.
typedef struct Matrices {
  const Type *a, *b, *y;
  Dim batch, rows, columns, inner;
  int64_t macs;
} Matrices;

static Matrices matrices(Lower *lw, const Node *n) {
  const Type *tx = operand(n, IN_MATMUL_a)->type, *tz = operand(n, IN_MATMUL_b)->type, *ty = result(n)->type;
  Dim xd[MAX_RANK + 1], zd[MAX_RANK + 1], yd[MAX_RANK + 2];
  int rx = 0, rz = 0, ry = 0;
  if (tx->rank == 1) xd[rx++] = 1;
  for (int i = 0; i < tx->rank; i++) xd[rx++] = tx->dims[i];
  for (int i = 0; i < tz->rank; i++) zd[rz++] = tz->dims[i];
  if (tz->rank == 1) zd[rz++] = 1;
  int batch_rank = ty->rank - (tx->rank > 1) - (tz->rank > 1);
  for (int i = 0; i < batch_rank; i++) yd[ry++] = ty->dims[i];
  yd[ry++] = xd[rx - 2];
  yd[ry++] = zd[rz - 1];
  Matrices m = {.a = type_get(lw->m, ty->dtype, rx, xd),
                .b = type_get(lw->m, ty->dtype, rz, zd),
                .y = type_get(lw->m, ty->dtype, ry, yd),
                .batch = lower_product(lw, yd, 0, ry - 2),
                .rows = yd[ry - 2],
                .columns = yd[ry - 1],
                .inner = xd[rx - 1]};
  Dim all[] = {m.batch, m.rows, m.columns, m.inner};
  m.macs = lower_estimate(lw, lower_product(lw, all, 0, 4));
  return m;
}

// ---- of other types than f32: 16 columns of a row at a time

typedef struct PlainRow {
  Kernel *k;
  LExpr *a, *b, *y; // the row of a, the matrix b, the row of y
  LExpr *inner, *columns;
} PlainRow;

static void plain_columns(void *context, LExpr *first, LExpr *number, LExpr *lanes) {
  const PlainRow *r = context;
  LBuilder *b = r->k->b;
  (void)number;
  DType own = r->y->type.dtype, in = kernel_computed_in(own);
  LVar *acc = loop_local(b, "acc", (LType){in, BLOCK, false}, 0, NULL);
  loop_set(b, acc, lx_const(b, acc->type, 0));
  LExpr *i = loop_for(b, "k", lx_int(b, 0), r->inner, 1);
  LExpr *av = lx_splat(b, BLOCK, lx_cast(b, in, lx_load(b, r->a, i, 1)));
  LExpr *bv = lx_cast(b, in, row_load(r->k, r->b, lx_add(b, lx_mul(b, i, r->columns), first), lanes, NULL));
  loop_set(b, acc, lx_add(b, lx_local(b, acc), lx_mul(b, av, bv)));
  loop_end_for(b);
  row_store(r->k, r->y, first, lx_cast(b, own, lx_local(b, acc)), lanes);
}

static bool plain_matmul(Lower *lw, Node *n) {
  Matrices s = matrices(lw, n);
  Kernel k = kernel_begin(lw, "matmul");
  LBuilder *b = k.b;
  LExpr *pa = kernel_in(&k, "a", operand(n, IN_MATMUL_a)), *pb = kernel_in(&k, "b", operand(n, IN_MATMUL_b)),
        *py = kernel_out(&k, "y", result(n)), *t[2];
  Dim tasks = kernel_tasks(&k, 2, (Dim[]){s.batch, s.rows}, t);
  PlainRow r = {.k = &k, .inner = kernel_dim(&k, s.inner), .columns = kernel_dim(&k, s.columns)};
  LExpr *row = lx_add(b, lx_mul(b, t[0], kernel_dim(&k, s.rows)), t[1]);
  r.a = lx_add(b, lx_add(b, pa, matrix_offset(&k, s.a, s.y, t[0])), lx_mul(b, t[1], r.inner));
  r.a = loop_let(b, "ar", r.a);
  r.b = loop_let(b, "bm", lx_add(b, pb, matrix_offset(&k, s.b, s.y, t[0])));
  r.y = loop_let(b, "yr", lx_add(b, py, lx_mul(b, row, r.columns)));
  row_for(&k, &(RowOf){r.y, r.columns, lx_int(b, BLOCK)}, plain_columns, &r);
  kernel_finish(&k, n, tasks, s.macs, "");
  return true;
}

bool lower_matmul(Lower *lw, Node *n) {
  Value *x = operand(n, IN_MATMUL_a), *z = operand(n, IN_MATMUL_b), *y = result(n);
  if (y->type->dtype != DT_F32) return plain_matmul(lw, n);
  DimTable *dims = lw->m->dims;
  Matrices shapes = matrices(lw, n);
  Kernel k = kernel_begin(lw, "matmul");
  LBuilder *b = k.b;
  MatMul m = {.k = &k};
  m.a = kernel_in(&k, "a", x);
  m.b = kernel_in(&k, "b", z);
  m.y = kernel_out(&k, "y", y);
  Dim rows = shapes.rows, columns = shapes.columns;
  TileShape s =
      tile_choose(lw->target, dim_is_const(rows) ? rows : 0, dim_is_const(columns) ? max_i64(columns / BLOCK, 1) : 4);
  Dim width = (Dim)s.nr * BLOCK, groups = dim_floordiv(dims, dim_add(dims, columns, width - 1), width);
  LExpr *t[2];
  Dim tasks = kernel_tasks(&k, 2, (Dim[]){shapes.batch, groups}, t);
  m.inner = kernel_dim(&k, shapes.inner);
  m.columns = kernel_dim(&k, columns);
  LExpr *first = lx_muli(b, t[1], width), *out = lx_mul(b, t[0], kernel_dim(&k, dim_mul(dims, rows, columns)));
  m.a = loop_let(b, "am", lx_add(b, m.a, matrix_offset(&k, shapes.a, shapes.y, t[0])));
  LExpr *b_matrix = loop_let(b, "bm", lx_add(b, m.b, matrix_offset(&k, shapes.b, shapes.y, t[0])));
  LExpr *y_matrix = loop_let(b, "ym", lx_add(b, m.y, out));
  LExpr *end = loop_let(b, "end", lx_min(b, lx_addi(b, first, width), m.columns));
  // Whole groups of vectors, else vector by vector with the last one masked.
  loop_if(b, lx_op(b, LOOP_EQ, lx_sub(b, end, first), lx_int(b, width)));
  m.nr = s.nr;
  m.b = loop_let(b, "bc", lx_add(b, b_matrix, first));
  m.y = loop_let(b, "yc", lx_add(b, y_matrix, first));
  tile_for_rows(&k, kernel_dim(&k, rows), s.mr, matmul_tile, &m);
  loop_else(b);
  LExpr *c = loop_for(b, "c", first, end, BLOCK);
  m.nr = 1;
  m.tail = true;
  m.left = loop_let(b, "left", lx_min(b, lx_int(b, BLOCK), lx_sub(b, end, c)));
  m.b = loop_let(b, "bc", lx_add(b, b_matrix, c));
  m.y = loop_let(b, "yc", lx_add(b, y_matrix, c));
  tile_for_rows(&k, kernel_dim(&k, rows), s.mr, matmul_tile, &m);
  loop_end_for(b);
  loop_end_if(b);
  kernel_finish(&k, n, tasks, shapes.macs, "");
  return true;
}
