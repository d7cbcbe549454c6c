// Means over any set of dimensions of a row-major tensor. Where the last dimension stays, 16 of its elements are summed
// side by side; where it goes, 16 partial sums run along it.
#include "passes/lower/rows.h"

typedef struct Mean {
  Kernel *k;
  LVar *acc;
  LExpr *p;
} Mean;

static void add_up(void *context, LExpr *offset, LExpr *number, LExpr *lanes) {
  Mean *m = context;
  (void)number;
  loop_set(m->k->b, m->acc, lx_add(m->k->b, lx_local(m->k->b, m->acc), row_load(m->k, m->p, offset, lanes, NULL)));
}

bool lower_mean(Lower *lw, Node *n) {
  DimTable *dims = lw->m->dims;
  Value *x = operand(n, 0), *y = result(n);
  const Type *t = x->type;
  const Attr *over = NODE_ATTR(n, MEAN, dim);
  int rank = t->rank, last = rank - 1;
  bool reduced[MAX_RANK + 1] = {false};
  for (int i = 0; i < over->n; i++) reduced[over->ints[i]] = true;
  for (int i = 0; i < rank && !over->n; i++) reduced[i] = true;
  Dim strides[MAX_RANK], extents[MAX_RANK], count = 1;
  row_major(lw, t, strides);
  bool along = rank == 0 || reduced[last]; // partial sums along the last dimension
  for (int i = 0; i < rank; i++) {
    extents[i] = reduced[i] ? 1 : t->dims[i];
    if (reduced[i]) count = dim_mul(dims, count, t->dims[i]);
  }
  if (!along) extents[last] = dim_floordiv(dims, dim_add(dims, t->dims[last], BLOCK - 1), BLOCK);

  Kernel k = kernel_begin(lw, "mean");
  LBuilder *b = k.b;
  Mean m = {.k = &k};
  LExpr *px = kernel_in(&k, "x", x), *py = kernel_out(&k, "y", y), *i[MAX_RANK], *in = px, *out = lx_int(b, 0),
        *lanes = NULL;
  Dim tasks = kernel_tasks(&k, rank, extents, i);
  for (int d = 0; d < rank; d++) {
    if (reduced[d]) continue;
    if (d == last) { // a group of 16
      i[d] = loop_let(b, "first", lx_muli(b, i[d], BLOCK));
      lanes = loop_let(b, "lanes", lx_min(b, lx_int(b, BLOCK), lx_sub(b, kernel_dim(&k, t->dims[d]), i[d])));
    }
    in = lx_add(b, in, lx_mul(b, i[d], kernel_dim(&k, strides[d])));
    out = lx_add(b, lx_mul(b, out, kernel_dim(&k, t->dims[d])), i[d]);
  }
  m.acc = loop_local(b, "acc", L_F32X(BLOCK), 0, NULL);
  loop_set(b, m.acc, lx_const(b, m.acc->type, 0));
  out = loop_let(b, "out", out);
  int open = 0;
  for (int d = 0; d < rank; d++) {
    if (!reduced[d] || d == last) continue;
    in = lx_add(b, in,
                lx_mul(b, loop_for(b, "r", lx_int(b, 0), kernel_dim(&k, t->dims[d]), 1), kernel_dim(&k, strides[d])));
    open++;
  }
  m.p = loop_let(b, "xr", in);
  if (along)
    row_for(&k, &(RowOf){m.p, rank ? kernel_dim(&k, t->dims[last]) : lx_int(b, 1), lx_int(b, BLOCK)}, add_up, &m);
  else
    add_up(&m, lx_int(b, 0), NULL, lanes);
  for (; open; open--) loop_end_for(b);
  LExpr *total = lx_local(b, m.acc), *divisor = lx_cast(b, DT_F32, kernel_dim(&k, count));
  if (along)
    loop_store(b, py, out, lx_op(b, LOOP_DIV, lx_unary(b, LOOP_REDUCE_ADD, total), divisor));
  else
    row_store(&k, py, out, lx_op(b, LOOP_DIV, total, lx_splat(b, BLOCK, divisor)), lanes);
  kernel_finish(&k, n, tasks, 0, "");
  return true;
}
