// Numbers in order, and elements taken by number. Numbers outside of a dimension are moved to its nearest index, so
// that no input lets a model read what is not its own.
#include "ir/core/check.h"
#include "passes/lower/math.h"
#include "passes/lower/slices.h"
#include "passes/lower/strided.h"
#include <string.h>

enum { CHUNK = 4096 }; // elements a task, about

bool lower_arange(Lower *lw, Node *n) {
  Value *y = result(n);
  Dim count = y->type->dims[0];
  Kernel k = kernel_begin(lw, "arange");
  LBuilder *b = k.b;
  LExpr *py = kernel_out(&k, "y", y), *t, *lo, *hi;
  Dim tasks = kernel_tasks(&k, 1, (Dim[]){kernel_pieces(lw, CHUNK, count)}, &t);
  kernel_piece(&k, t, CHUNK, count, &lo, &hi);
  LExpr *start = kernel_dim(&k, NODE_ATTR(n, ARANGE, start)->ints[0]), *i = loop_for(b, "i", lo, hi, 1);
  LExpr *v = lx_add(b, start, lx_muli(b, i, NODE_ATTR(n, ARANGE, step)->i));
  loop_store(b, py, i, lx_cast(b, y->type->dtype, v));
  loop_end_for(b);
  kernel_finish(&k, n, tasks, 0, "");
  return true;
}

LExpr *lower_number(Kernel *k, LExpr *index, LExpr *at, Dim size) {
  LBuilder *b = k->b;
  LExpr *v = lx_load(b, index, at, 1);
  if (v->type.dtype == DT_U64) v = lx_min(b, v, lx_const(b, v->type, MAX_ELEMENTS)); // no sign as an index
  v = lx_cast(b, DT_I64, v);
  v = lx_min(b, lx_max(b, v, lx_int(b, 0)), lx_addi(b, kernel_dim(k, size), -1));
  return loop_let(b, "number", v);
}

// `count` elements from x to y, which are contiguous.
static void copy_slice(Kernel *k, LExpr *x, LExpr *y, LExpr *count) {
  LBuilder *b = k->b;
  LExpr *whole = loop_let(b, "whole", lx_sub(b, count, lx_op(b, LOOP_MOD, count, lx_int(b, BLOCK))));
  LExpr *i = loop_for(b, "i", lx_int(b, 0), whole, BLOCK);
  loop_store(b, y, i, lx_load(b, x, i, BLOCK));
  loop_end_for(b);
  LExpr *rest = loop_let(b, "rest", lx_sub(b, count, whole));
  loop_if(b, lx_op(b, LOOP_LT, lx_int(b, 0), rest));
  loop_store_n(b, y, whole, lx_load_n(b, x, whole, BLOCK, rest), rest);
  loop_end_if(b);
}

void lower_slices(Lower *lw, Node *n, Value *x, const Dim extents[3], Value *index, Value *y) {
  Dim outer = extents[0], size = extents[1], inner = extents[2], count = index->type->dims[0];
  int64_t chunk = max_i64(1, CHUNK / max_i64(1, lower_estimate(lw, inner)));
  Kernel k = kernel_begin(lw, "index_select");
  LBuilder *b = k.b;
  LExpr *px = kernel_in(&k, "x", x), *pi = kernel_in(&k, "index", index), *py = kernel_out(&k, "y", y);
  LExpr *t[2], *lo, *hi, *length = kernel_dim(&k, inner);
  Dim tasks = kernel_tasks(&k, 2, (Dim[]){outer, kernel_pieces(lw, chunk, count)}, t);
  kernel_piece(&k, t[1], chunk, count, &lo, &hi);
  LExpr *i = loop_for(b, "i", lo, hi, 1), *from = lower_number(&k, pi, i, size);
  from = lx_add(b, lx_mul(b, t[0], kernel_dim(&k, size)), from);
  LExpr *to = lx_add(b, lx_mul(b, t[0], kernel_dim(&k, count)), i);
  from = loop_let(b, "from", lx_add(b, px, lx_mul(b, from, length)));
  to = loop_let(b, "to", lx_add(b, py, lx_mul(b, to, length)));
  if (inner == 1)
    loop_store(b, to, lx_int(b, 0), lx_load(b, from, lx_int(b, 0), 1));
  else
    copy_slice(&k, from, to, length);
  loop_end_for(b);
  kernel_finish(&k, n, tasks, 0, "");
}

bool lower_index_select(Lower *lw, Node *n) {
  Value *x = operand(n, IN_INDEX_SELECT_x);
  Dim extents[3];
  lower_extents(lw, x->type, (int)NODE_ATTR(n, INDEX_SELECT, dim)->i, extents);
  lower_slices(lw, n, x, extents, operand(n, IN_INDEX_SELECT_index), result(n));
  return true;
}

bool lower_gather(Lower *lw, Node *n) {
  Value *x = operand(n, IN_GATHER_x), *index = operand(n, IN_GATHER_index), *y = result(n);
  int axis = (int)NODE_ATTR(n, GATHER, dim)->i, rank = y->type->rank, last = rank - 1;
  Dim in[MAX_RANK], extents[MAX_RANK];
  row_major(lw, x->type, in);
  for (int d = 0; d < rank; d++) extents[d] = d == last ? 1 : y->type->dims[d];
  Kernel k = kernel_begin(lw, "gather");
  LBuilder *b = k.b;
  LExpr *px = kernel_in(&k, "x", x), *pi = kernel_in(&k, "index", index), *py = kernel_out(&k, "y", y), *t[MAX_RANK];
  Dim tasks = kernel_tasks(&k, rank, extents, t);
  LExpr *width = kernel_dim(&k, y->type->dims[last]), *row = lx_int(b, 0);
  for (int d = 0; d < last; d++) row = lx_add(b, lx_mul(b, row, kernel_dim(&k, y->type->dims[d])), t[d]);
  row = loop_let(b, "row", lx_mul(b, row, width));
  t[last] = loop_for(b, "i", lx_int(b, 0), width, 1);
  LExpr *at = loop_let(b, "at", lx_add(b, row, t[last])), *from = lx_int(b, 0);
  for (int d = 0; d < rank; d++) {
    LExpr *place = d == axis ? lower_number(&k, pi, at, x->type->dims[d]) : t[d];
    from = lx_add(b, from, lx_mul(b, place, kernel_dim(&k, in[d])));
  }
  loop_store(b, py, at, lx_load(b, px, loop_let(b, "from", from), 1));
  loop_end_for(b);
  kernel_finish(&k, n, tasks, 0, "");
  return true;
}

static LExpr *combined(LBuilder *b, const char *how, LExpr *x, LExpr *y) {
  bool real = dtype_is_float(x->type.dtype);
  if (!strcmp(how, "sum")) return lx_add(b, x, y);
  if (!strcmp(how, "prod")) return lx_mul(b, x, y);
  if (!strcmp(how, "amax")) return real ? math_max(b, x, y) : lx_max(b, x, y);
  CHECK(!strcmp(how, "amin"), "scatter by %s", how);
  return real ? math_min(b, x, y) : lx_min(b, x, y);
}

// Halves are joined in f32, booleans as integers.
static LExpr *wide(LBuilder *b, LExpr *v) {
  DType d = v->type.dtype;
  return d == DT_F16 || d == DT_BF16 ? lx_cast(b, DT_F32, v) : d == DT_BOOL ? lx_cast(b, DT_I32, v) : v;
}

// x is copied, then elements are put into the copy. Those of one task may meet, in order; those of two never do, since
// they differ in a dimension before the axis.
bool lower_scatter(Lower *lw, Node *n) {
  Value *x = operand(n, IN_SCATTER_x), *index = operand(n, IN_SCATTER_index), *src = operand(n, IN_SCATTER_src),
        *y = result(n);
  const char *how = NODE_ATTR(n, SCATTER, reduce)->s;
  int axis = (int)NODE_ATTR(n, SCATTER, dim)->i, rank = y->type->rank;
  Strided whole = {.n_operands = 2};
  strided_add_dim(&whole, type_elements(lw->m, y->type), (Dim[]){1, 1});
  strided_copy(lw, n, &whole, x, 0, y, 0);
  Dim out[MAX_RANK], extents[MAX_RANK];
  row_major(lw, y->type, out);
  for (int d = 0; d < rank; d++) extents[d] = d < axis ? index->type->dims[d] : 1;
  Kernel k = kernel_begin(lw, "scatter");
  LBuilder *b = k.b;
  LExpr *pi = kernel_in(&k, "index", index), *ps = kernel_in(&k, "src", src), *py = kernel_inout(&k, "y", y),
        *t[MAX_RANK];
  Dim tasks = kernel_tasks(&k, rank, extents, t);
  for (int d = axis; d < rank; d++) t[d] = loop_for(b, "i", lx_int(b, 0), kernel_dim(&k, index->type->dims[d]), 1);
  LExpr *at = lx_int(b, 0), *to = lx_int(b, 0);
  for (int d = 0; d < rank; d++) at = lx_add(b, lx_mul(b, at, kernel_dim(&k, index->type->dims[d])), t[d]);
  at = loop_let(b, "at", at);
  for (int d = 0; d < rank; d++) {
    LExpr *place = d == axis ? lower_number(&k, pi, at, y->type->dims[d]) : t[d];
    to = lx_add(b, to, lx_mul(b, place, kernel_dim(&k, out[d])));
  }
  to = loop_let(b, "to", to);
  LExpr *v = loop_let(b, "v", lx_load(b, ps, at, 1));
  if (strcmp(how, "none")) {
    LExpr *old = loop_let(b, "old", wide(b, lx_load(b, py, to, 1)));
    v = lx_cast(b, y->type->dtype, combined(b, how, old, loop_let(b, "new", wide(b, v))));
  }
  loop_store(b, py, to, v);
  for (int d = axis; d < rank; d++) loop_end_for(b);
  kernel_finish(&k, n, tasks, 0, "");
  return true;
}
