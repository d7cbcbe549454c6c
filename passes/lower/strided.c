#include "passes/lower/strided.h"
#include "ir/core/check.h"
#include "ir/core/checked.h"

void strided_add_dim(Strided *s, Dim extent, const Dim *strides) {
  CHECK(s->rank < MAX_RANK + 2, "rank %d", s->rank);
  s->dims[s->rank] = extent;
  for (int o = 0; o < s->n_operands; o++) s->strides[o][s->rank] = strides[o];
  s->rank++;
}

// Dimensions of extent 1 are dropped; dimension d is merged into d + 1 where every operand steps through both as one.
static void merge(DimTable *dims, Strided *s) {
  Strided m = {.n_operands = s->n_operands};
  for (int d = 0; d < s->rank; d++) {
    if (s->dims[d] == 1) continue;
    bool joins = m.rank > 0;
    for (int o = 0; o < s->n_operands && joins; o++)
      joins = m.strides[o][m.rank - 1] == dim_mul(dims, s->strides[o][d], s->dims[d]);
    if (!joins) m.rank++;
    int at = m.rank - 1;
    m.dims[at] = joins ? dim_mul(dims, m.dims[at], s->dims[d]) : s->dims[d];
    for (int o = 0; o < s->n_operands; o++) m.strides[o][at] = s->strides[o][d];
  }
  *s = m;
}

// The dimension with the output's unit stride becomes the innermost, so that stores are contiguous.
static void order(Strided *s) {
  int out = s->n_operands - 1, best = s->rank - 1;
  for (int d = 0; d < s->rank; d++)
    if (s->strides[out][d] == 1) best = d;
  for (int d = best; d + 1 < s->rank; d++) {
    Dim extent = s->dims[d];
    s->dims[d] = s->dims[d + 1];
    s->dims[d + 1] = extent;
    for (int o = 0; o < s->n_operands; o++) {
      Dim stride = s->strides[o][d];
      s->strides[o][d] = s->strides[o][d + 1];
      s->strides[o][d + 1] = stride;
    }
  }
}

typedef struct Row {
  Kernel *k;
  const Strided *s;
  LExpr *base[MAX_STRIDED];
  StridedBody body;
  void *context;
} Row;

static void group(Row *r, LExpr *i, int lanes, LExpr *count) {
  LBuilder *b = r->k->b;
  int inner = r->s->rank - 1, out = r->s->n_operands - 1;
  LExpr *values[MAX_STRIDED];
  for (int o = 0; o < out; o++) {
    Dim stride = r->s->strides[o][inner];
    if (stride == 0 && lanes > 1)
      values[o] = lx_splat(b, lanes, lx_load(b, r->base[o], lx_int(b, 0), 1));
    else {
      LExpr *at = lx_mul(b, i, kernel_dim(r->k, stride));
      values[o] = count ? lx_load_n(b, r->base[o], at, lanes, count) : lx_load(b, r->base[o], at, lanes);
    }
    values[o] = loop_let(b, "v", values[o]);
  }
  LExpr *v = r->body(r->k, r->context, values, lanes), *at = lx_mul(b, i, kernel_dim(r->k, r->s->strides[out][inner]));
  if (count)
    loop_store_n(b, r->base[out], at, v, count);
  else
    loop_store(b, r->base[out], at, v);
}

static void row(Row *r, LExpr *lo, LExpr *hi, bool vector) {
  LBuilder *b = r->k->b;
  if (!vector) {
    group(r, loop_for(b, "i", lo, hi, 1), 1, NULL);
    return loop_end_for(b);
  }
  LExpr *length = lx_sub(b, hi, lo);
  LExpr *whole = loop_let(b, "whole", lx_sub(b, hi, lx_op(b, LOOP_MOD, length, lx_int(b, BLOCK))));
  group(r, loop_for(b, "i", lo, whole, BLOCK), BLOCK, NULL);
  loop_end_for(b);
  if (length->op == LOOP_INT && length->i % BLOCK == 0) return;
  loop_if(b, lx_op(b, LOOP_LT, whole, hi));
  group(r, whole, BLOCK, lx_sub(b, hi, whole));
  loop_end_if(b);
}

enum { CHUNK = 4096 }; // elements a task where one dimension is left

Dim strided_loops(Kernel *k, Strided *s, LExpr *const *pointers, StridedBody body, void *context) {
  DimTable *dims = k->lw->m->dims;
  LBuilder *b = k->b;
  merge(dims, s);
  order(s);
  merge(dims, s);
  if (s->rank == 0) strided_add_dim(s, 1, (Dim[MAX_STRIDED]){1, 1, 1, 1, 1, 1, 1, 1});
  int inner = s->rank - 1;
  bool vector = true;
  for (int o = 0; o < s->n_operands; o++)
    vector &= s->strides[o][inner] == 1 || (s->strides[o][inner] == 0 && o < s->n_operands - 1);
  Row r = {.k = k, .s = s, .body = body, .context = context};
  LExpr *t[MAX_RANK + 2];
  Dim extents[MAX_RANK + 2];
  for (int d = 0; d < inner; d++) extents[d] = s->dims[d];
  extents[inner] = dim_floordiv(dims, dim_add(dims, s->dims[inner], CHUNK - 1), CHUNK);
  Dim tasks = kernel_tasks(k, s->rank, extents, t);
  for (int o = 0; o < s->n_operands; o++) {
    LExpr *base = pointers[o];
    for (int d = 0; d < inner; d++) base = lx_add(b, base, lx_mul(b, t[d], kernel_dim(k, s->strides[o][d])));
    r.base[o] = loop_let(b, "p", base);
  }
  LExpr *extent = kernel_dim(k, s->dims[inner]);
  if (extents[inner] == 1)
    row(&r, lx_int(b, 0), extent, vector);
  else {
    LExpr *lo = loop_let(b, "lo", lx_muli(b, t[inner], CHUNK));
    row(&r, lo, loop_let(b, "hi", lx_min(b, lx_addi(b, lo, CHUNK), extent)), vector);
  }
  return tasks;
}

LExpr *strided_identity(Kernel *k, void *context, LExpr *const *values, int lanes) {
  (void)k, (void)context, (void)lanes;
  return values[0];
}

void strided_copy(Lower *lw, const Node *n, Strided *s, Value *from, Dim from_offset, Value *to, Dim to_offset) {
  Kernel k = kernel_begin(lw, "copy");
  LExpr *p[2] = {kernel_in(&k, "x", from), kernel_out(&k, "y", to)};
  p[0] = lx_add(k.b, p[0], kernel_dim(&k, from_offset));
  p[1] = lx_add(k.b, p[1], kernel_dim(&k, to_offset));
  Dim tasks = strided_loops(&k, s, p, strided_identity, NULL);
  kernel_finish(&k, n, tasks, 0, "");
}

void strided_copy_buffer(Lower *lw, const char *name, LBuffer *from, LBuffer *to, Dim count) {
  Kernel k = kernel_begin(lw, "copy");
  LExpr *p[2] = {kernel_buffer(&k, "x", from, ACCESS_IN), kernel_buffer(&k, "y", to, ACCESS_OUT)};
  Strided s = {.n_operands = 2};
  strided_add_dim(&s, count, (Dim[]){1, 1});
  Node named = {.op = OP_REORDER, .name = name};
  kernel_finish(&k, &named, strided_loops(&k, &s, p, strided_identity, NULL), 0, "");
}
