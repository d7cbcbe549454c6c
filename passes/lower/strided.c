#include "passes/lower/strided.h"
#include "ir/core/check.h"
#include "ir/core/checked.h"
#include "passes/lower/shuffled.h"

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

typedef struct Walk {
  Kernel *k;
  const Strided *s;
  StridedBody body;
  void *context;
  const Shuffled *tile;       // NULL: by rows
  bool vector;                // whether rows go 16 lanes at a time
  int split;                  // a task has all indices of the dimensions behind this one,
  LExpr *lo, *hi;             // and these of its own
  LExpr *index[MAX_RANK + 2]; // by dimension
  LExpr *base[MAX_STRIDED];   // of the row
} Walk;

static void group(Walk *w, LExpr *i, int lanes, LExpr *count) {
  LBuilder *b = w->k->b;
  int inner = w->s->rank - 1, out = w->s->n_operands - 1;
  LExpr *values[MAX_STRIDED];
  for (int o = 0; o < out; o++) {
    Dim stride = w->s->strides[o][inner];
    if (stride == 0 && lanes > 1)
      values[o] = lx_splat(b, lanes, lx_load(b, w->base[o], lx_int(b, 0), 1));
    else {
      LExpr *at = lx_mul(b, i, kernel_dim(w->k, stride));
      values[o] = count ? lx_load_n(b, w->base[o], at, lanes, count) : lx_load(b, w->base[o], at, lanes);
    }
    values[o] = loop_let(b, "v", values[o]);
  }
  LExpr *v = w->body(w->k, w->context, values, lanes), *at = lx_mul(b, i, kernel_dim(w->k, w->s->strides[out][inner]));
  if (count)
    loop_store_n(b, w->base[out], at, v, count);
  else
    loop_store(b, w->base[out], at, v);
}

static void row(Walk *w, LExpr *lo, LExpr *hi) {
  LBuilder *b = w->k->b;
  if (!w->vector) {
    group(w, loop_for(b, "i", lo, hi, 1), 1, NULL);
    return loop_end_for(b);
  }
  LExpr *length = lx_sub(b, hi, lo);
  if (length->op == LOOP_INT && length->i == BLOCK) return group(w, lo, BLOCK, NULL);
  LExpr *whole = loop_let(b, "whole", lx_sub(b, hi, lx_op(b, LOOP_MOD, length, lx_int(b, BLOCK))));
  group(w, loop_for(b, "i", lo, whole, BLOCK), BLOCK, NULL);
  loop_end_for(b);
  if (length->op == LOOP_INT && length->i % BLOCK == 0) return;
  loop_if(b, lx_op(b, LOOP_LT, whole, hi));
  group(w, whole, BLOCK, lx_sub(b, hi, whole));
  loop_end_if(b);
}

// Dimensions from d on; `base`: the operands' elements at the indices before.
static void walk(Walk *w, int d, LExpr *const *base) {
  LBuilder *b = w->k->b;
  LExpr *lo = d == w->split ? w->lo : lx_int(b, 0), *hi = d == w->split ? w->hi : NULL;
  if (w->tile && d == w->s->rank) return shuffled_copy(w->k, w->tile, base, w->index);
  if (!hi) hi = kernel_dim(w->k, w->s->dims[d]);
  if (!w->tile && d == w->s->rank - 1) {
    for (int o = 0; o < w->s->n_operands; o++) w->base[o] = base[o];
    return row(w, lo, hi);
  }
  bool opened;
  LExpr *next[MAX_STRIDED];
  w->index[d] = kernel_loop(w->k, "i", lo, hi, &opened);
  for (int o = 0; o < w->s->n_operands; o++)
    next[o] = loop_let(b, "p", lx_add(b, base[o], lx_mul(b, w->index[d], kernel_dim(w->k, w->s->strides[o][d]))));
  walk(w, d + 1, next);
  kernel_end_loop(w->k, opened);
}

enum { CHUNK = 4096 }; // elements a task, about

// The dimension that is divided among tasks, and of how many of its indices each has. Those behind it hold less than a
// chunk; where an extent is unknown, it is taken to be large.
static int divide(const Strided *s, int64_t elements, bool rows, int64_t *chunk) {
  int d = s->rank - 1;
  while (d > 0 && dim_is_const(s->dims[d]) && s->dims[d] * elements < CHUNK) elements *= s->dims[d--];
  *chunk = max_i64(1, CHUNK / elements);
  if (!dim_is_const(s->dims[d])) return d;
  *chunk = even_part(s->dims[d], *chunk);
  if (rows && d == s->rank - 1) *chunk = round_up(*chunk, BLOCK);
  return d;
}

static bool goes_by_vectors(const Strided *s) {
  int inner = s->rank - 1, out = s->n_operands - 1;
  for (int o = 0; o < out; o++)
    if (s->strides[o][inner] != 0 && s->strides[o][inner] != 1) return false;
  return s->strides[out][inner] == 1;
}

static Dim by_tasks(Walk *w, LExpr *const *pointers) {
  Kernel *k = w->k;
  const Strided *s = w->s;
  DimTable *dims = k->lw->m->dims;
  LBuilder *b = k->b;
  int64_t chunk;
  w->split = divide(s, w->tile ? shuffled_elements(w->tile) : 1, !w->tile, &chunk);
  LExpr *base[MAX_STRIDED], *extent = kernel_dim(k, s->dims[w->split]);
  Dim extents[MAX_RANK + 2];
  for (int d = 0; d < w->split; d++) extents[d] = s->dims[d];
  extents[w->split] = dim_floordiv(dims, dim_add(dims, s->dims[w->split], chunk - 1), chunk);
  Dim tasks = kernel_tasks(k, w->split + 1, extents, w->index);
  for (int o = 0; o < s->n_operands; o++) {
    base[o] = pointers[o];
    for (int d = 0; d < w->split; d++)
      base[o] = lx_add(b, base[o], lx_mul(b, w->index[d], kernel_dim(k, s->strides[o][d])));
    base[o] = loop_let(b, "p", base[o]);
  }
  w->lo = lx_int(b, 0), w->hi = extent;
  if (extents[w->split] != 1) {
    w->lo = loop_let(b, "lo", lx_muli(b, w->index[w->split], chunk));
    w->hi = loop_let(b, "hi", lx_min(b, lx_addi(b, w->lo, chunk), extent));
  }
  walk(w, w->split, base);
  return tasks;
}

Dim strided_loops(Kernel *k, Strided *s, LExpr *const *pointers, StridedBody body, void *context) {
  DimTable *dims = k->lw->m->dims;
  merge(dims, s);
  order(s);
  merge(dims, s);
  if (s->rank == 0) strided_add_dim(s, 1, (Dim[MAX_STRIDED]){1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
  Shuffled tile;
  Walk w = {.k = k, .s = s, .body = body, .context = context, .vector = goes_by_vectors(s)};
  Dim inner = s->dims[s->rank - 1];
  bool short_rows = !w.vector || (dim_is_const(inner) && inner < BLOCK);
  bool moves = body == strided_identity && s->n_operands == 2 && dtype_size(pointers[0]->type.dtype) == sizeof(float);
  if (short_rows && moves && shuffled_plan(k, s, &tile)) w.tile = &tile;
  return by_tasks(&w, pointers);
}

LExpr *strided_identity(Kernel *k, void *context, LExpr *const *values, int lanes) {
  (void)k, (void)context, (void)lanes;
  return values[0];
}

void strided_copy(Lower *lw, const Node *n, Strided *s, Value *from, Dim from_offset, Value *to, Dim to_offset) {
  for (int d = 0; d < s->rank; d++)
    if (s->dims[d] == 0) return; // a pad may crop everything
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
