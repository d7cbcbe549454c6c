#include "passes/lower/planes.h"
#include "ir/core/checked.h"

enum { TASK_COST = 1 << 14 }; // vector operations: a few microseconds

// Balanced, so that threads share planes evenly.
int64_t planes_rows(const Type *y, int64_t row_cost) {
  Dim rows = y->dims[2];
  int64_t wanted = max_i64(1, TASK_COST / max_i64(1, row_cost));
  if (!dim_is_const(rows)) return min_i64(wanted, 8);
  return even_part(rows, wanted);
}

Planes planes_begin(Kernel *k, const Type *y, int64_t row_cost) {
  DimTable *dims = k->lw->m->dims;
  LBuilder *b = k->b;
  Dim rows = y->dims[2];
  Planes p = {.rows = planes_rows(y, row_cost)};
  p.blocks = dim_floordiv(dims, dim_add(dims, y->dims[1], BLOCK - 1), BLOCK);
  p.bands = dim_floordiv(dims, dim_add(dims, rows, p.rows - 1), p.rows);
  LExpr *t[3];
  p.tasks = kernel_tasks(k, 3, (Dim[]){y->dims[0], p.blocks, p.bands}, t);
  p.image = t[0], p.block = t[1], p.band = t[2];
  LExpr *plane = lx_add(b, lx_mul(b, p.image, kernel_dim(k, p.blocks)), p.block);
  p.task = lx_add(b, lx_mul(b, plane, kernel_dim(k, p.bands)), p.band);
  p.lo = lx_muli(b, p.band, p.rows);
  p.hi = kernel_dim(k, rows);
  if (p.bands != 1) {
    p.lo = loop_let(b, "first", p.lo);
    p.hi = loop_let(b, "end", lx_min(b, lx_addi(b, p.lo, p.rows), p.hi));
  }
  return p;
}

LExpr *planes_origin(Kernel *k, const Planes *p, Value *v) {
  LBuilder *b = k->b;
  Phys phys;
  phys_of_value(k->lw, v, &phys);
  return lx_add(b, lx_mul(b, p->image, kernel_dim(k, phys.strides[0])),
                lx_mul(b, p->block, kernel_dim(k, phys.strides[1])));
}

LVar *planes_sums(Kernel *k, LExpr *p) {
  LBuilder *b = k->b;
  LVar *sums = loop_local(b, "sums", L_F32X(BLOCK), 1, (int[]){PLANES_SUMS});
  LExpr *i = loop_unroll(b, "i", 0, PLANES_SUMS);
  loop_set(b, sums, p ? lx_load(b, p, lx_muli(b, i, BLOCK), BLOCK) : lx_const(b, sums->type, 0), i);
  loop_end_for(b);
  return sums;
}

void planes_keep_sums(Kernel *k, LVar *sums, LExpr *p) {
  LBuilder *b = k->b;
  LExpr *i = loop_unroll(b, "i", 0, PLANES_SUMS);
  loop_store(b, p, lx_muli(b, i, BLOCK), lx_local(b, sums, i));
  loop_end_for(b);
}

static void add(LBuilder *b, LVar *sums, LExpr *i, LExpr *row, LExpr *column) {
  LExpr *v = lx_load(b, row, lx_muli(b, column, BLOCK), BLOCK);
  loop_set(b, sums, lx_add(b, lx_local(b, sums, i), v), i);
}

void planes_add(Kernel *k, LVar *sums, LExpr *row, LExpr *lo, LExpr *hi) {
  LBuilder *b = k->b;
  LExpr *whole = lx_sub(b, hi, lx_op(b, LOOP_MOD, lx_sub(b, hi, lo), lx_int(b, PLANES_SUMS)));
  if (whole->op != LOOP_INT) whole = loop_let(b, "whole", whole);
  LExpr *column = loop_for(b, "col", lo, whole, PLANES_SUMS), *i = loop_unroll(b, "i", 0, PLANES_SUMS);
  add(b, sums, i, row, lx_add(b, column, i));
  loop_end_for(b);
  loop_end_for(b);
  add(b, sums, lx_int(b, 0), row, loop_for(b, "col", whole, hi, 1));
  loop_end_for(b);
}

LExpr *planes_total(Kernel *k, LVar *sums) {
  LExpr *t[PLANES_SUMS];
  for (int i = 0; i < PLANES_SUMS; i++) t[i] = lx_local(k->b, sums, lx_int(k->b, i));
  for (int n = PLANES_SUMS / 2; n; n /= 2)
    for (int i = 0; i < n; i++) t[i] = lx_add(k->b, t[i], t[i + n]);
  return t[0];
}

LExpr *planes_sums_buffer(Kernel *k, const Node *n, Dim tasks, Dim bands) {
  Lower *lw = k->lw;
  const Value *y = result(n);
  const char *name = arena_printf(lw->p->arena, "v%u.sums", y->id);
  Dim bytes = dim_mul(lw->m->dims, tasks, BLOCK * sizeof(float));
  lw->sums[y->id] = (BandSums){lower_new_buffer(lw, BUFFER_ARENA, name, DT_F32, bytes), bands};
  pass_remark(lw->pass, n, false, "sums for the mean of its result are taken as it is computed");
  return kernel_buffer(k, "sums", lw->sums[y->id].buffer, ACCESS_OUT);
}

bool planes_summed(const Value *y) {
  for (const Use *u = y->uses; u; u = u->next) {
    const Type *t = u->user && u->user->op == OP_ADAPTIVE_AVG_POOL2D ? result(u->user)->type : NULL;
    if (t && t->dims[2] == 1 && t->dims[3] == 1) return true;
  }
  return false;
}
