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
