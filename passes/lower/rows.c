#include "passes/lower/rows.h"

void row_for(Kernel *k, const RowOf *r, RowBody body, void *context) {
  LBuilder *b = k->b;
  LExpr *block = lx_int(b, BLOCK), *whole = lx_op(b, LOOP_DIV, r->length, block),
        *rest = lx_op(b, LOOP_MOD, r->length, block);
  if (whole->op != LOOP_INT) whole = loop_let(b, "whole", whole), rest = loop_let(b, "rest", rest);
  if (whole->op != LOOP_INT || whole->i > 0) {
    LExpr *v = loop_for(b, "v", lx_int(b, 0), whole, 1);
    body(context, lx_mul(b, v, r->stride), v, NULL);
    loop_end_for(b);
  }
  if (rest->op == LOOP_INT && rest->i == 0) return;
  bool known = rest->op == LOOP_INT;
  if (!known) loop_if(b, lx_op(b, LOOP_LT, lx_int(b, 0), rest));
  body(context, lx_mul(b, whole, r->stride), whole, rest);
  if (!known) loop_end_if(b);
}

// Eight rows keep three vectors each in registers, where there are 32 of 64 bytes.
static int64_t rows_at_once(const LowerTarget *t) { return t->vector_bytes < 64 ? 4 : 8; }

Dim row_groups(Kernel *k, Dim images, Dim rows, RowGroup body, void *context) {
  LBuilder *b = k->b;
  DimTable *dims = k->lw->m->dims;
  int64_t most = rows_at_once(k->lw->target);
  if (dim_is_const(rows)) most = even_part(rows, most);
  LExpr *i[2], *total = kernel_dim(k, rows);
  Dim groups = dim_floordiv(dims, dim_add(dims, rows, most - 1), most);
  Dim tasks = kernel_tasks(k, 2, (Dim[]){images, groups}, i);
  LExpr *first = loop_let(b, "first", lx_muli(b, i[1], most));
  if (dim_is_const(rows) && rows % most == 0) return body(context, i[0], first, (int)most), tasks;
  loop_if(b, lx_op(b, LOOP_LE, lx_addi(b, first, most), total));
  body(context, i[0], first, (int)most);
  loop_else(b);
  if (dim_is_const(rows))
    body(context, i[0], first, (int)(rows % most));
  else {
    body(context, i[0], loop_for(b, "row", first, total, 1), 1);
    loop_end_for(b);
  }
  loop_end_if(b);
  return tasks;
}

LExpr *row_load(Kernel *k, LExpr *p, LExpr *offset, LExpr *lanes, LExpr *fill) {
  LBuilder *b = k->b;
  if (!lanes) return lx_load(b, p, offset, BLOCK);
  LExpr *v = lx_load_n(b, p, offset, BLOCK, lanes);
  return fill ? lx_add(b, v, lx_load(b, fill, lx_sub(b, lx_int(b, BLOCK), lanes), BLOCK)) : v;
}

void row_store(Kernel *k, LExpr *p, LExpr *offset, LExpr *v, LExpr *lanes) {
  if (lanes)
    loop_store_n(k->b, p, offset, v, lanes);
  else
    loop_store(k->b, p, offset, v);
}
