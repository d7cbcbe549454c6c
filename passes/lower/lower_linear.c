// Linear layers through contract.c; products of two computed matrices here.
#include "ir/core/checked.h"
#include "passes/lower/contract.h"
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

bool lower_linear(Lower *lw, Node *n) {
  Value *x = operand(n, IN_LINEAR_x), *y = result(n), *w = operand(n, IN_LINEAR_weight),
        *bias = operand(n, IN_LINEAR_bias);
  if (w->kind != VALUE_WEIGHT || (bias && bias->kind != VALUE_WEIGHT)) {
    diag_error(lw->diag, n->span, "linear needs constant weights; write matmul for a computed matrix");
    return false;
  }
  Contraction c = {.groups = 1, .x = x, .y = y, .weight = w->weight, .residual = operand(n, IN_LINEAR_residual)};
  c.bias = bias ? bias->weight : NULL;
  c.act = NODE_ATTR(n, LINEAR, act)->s;
  rows_in(lw, x->type, &c);
  rows_out(lw, y->type, &c);
  bool row_major_all = x->type->blocked_axis < 0 && y->type->blocked_axis < 0;
  if (row_major_all) { // one picture of all rows
    c.images = 1;
    contract_flatten(lw, &c, lower_product(lw, x->type->dims, 0, x->type->rank - 1));
  } else {
    c.images = x->type->dims[0];
    contract_flatten(lw, &c, lower_product(lw, x->type->dims, 1, x->type->rank - 1));
  }
  contract(lw, n, &c);
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

bool lower_matmul(Lower *lw, Node *n) {
  Value *x = operand(n, IN_MATMUL_a), *z = operand(n, IN_MATMUL_b), *y = result(n);
  const Type *tx = x->type, *tz = z->type, *ty = y->type;
  DimTable *dims = lw->m->dims;
  // A vector is a matrix of one row (a) or one column (b); the shapes with those put back.
  Dim xd[MAX_RANK], zd[MAX_RANK], yd[MAX_RANK];
  int rx = 0, rz = 0, ry = 0;
  if (tx->rank == 1) xd[rx++] = 1;
  for (int i = 0; i < tx->rank; i++) xd[rx++] = tx->dims[i];
  for (int i = 0; i < tz->rank; i++) zd[rz++] = tz->dims[i];
  if (tz->rank == 1) zd[rz++] = 1;
  int batch_rank = ty->rank - (tx->rank > 1) - (tz->rank > 1);
  for (int i = 0; i < batch_rank; i++) yd[ry++] = ty->dims[i];
  yd[ry++] = xd[rx - 2];
  yd[ry++] = zd[rz - 1];
  const Type *mx = type_get(lw->m, DT_F32, rx, xd), *mz = type_get(lw->m, DT_F32, rz, zd),
             *my = type_get(lw->m, DT_F32, ry, yd);

  Kernel k = kernel_begin(lw, "matmul");
  LBuilder *b = k.b;
  MatMul m = {.k = &k};
  m.a = kernel_in(&k, "a", x);
  m.b = kernel_in(&k, "b", z);
  m.y = kernel_out(&k, "y", y);
  Dim rows = yd[ry - 2], columns = yd[ry - 1], batch = lower_product(lw, yd, 0, ry - 2);
  TileShape s =
      tile_choose(lw->target, dim_is_const(rows) ? rows : 0, dim_is_const(columns) ? max_i64(columns / BLOCK, 1) : 4);
  Dim width = (Dim)s.nr * BLOCK, groups = dim_floordiv(dims, dim_add(dims, columns, width - 1), width);
  LExpr *t[2];
  Dim tasks = kernel_tasks(&k, 2, (Dim[]){batch, groups}, t);
  m.inner = kernel_dim(&k, xd[rx - 1]);
  m.columns = kernel_dim(&k, columns);
  LExpr *first = lx_muli(b, t[1], width), *out = lx_mul(b, t[0], kernel_dim(&k, dim_mul(dims, rows, columns)));
  m.a = loop_let(b, "am", lx_add(b, m.a, matrix_offset(&k, mx, my, t[0])));
  LExpr *b_matrix = loop_let(b, "bm", lx_add(b, m.b, matrix_offset(&k, mz, my, t[0])));
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
  int64_t macs = lower_estimate(lw, dim_mul(dims, batch, dim_mul(dims, rows, dim_mul(dims, columns, xd[rx - 1]))));
  kernel_finish(&k, n, tasks, macs, "");
  return true;
}
