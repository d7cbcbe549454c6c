#include "passes/lower/planes.h"
#include "ir/core/checked.h"

enum { TASK_COST = 1 << 14 }; // vector operations: a few microseconds

// Balanced, so that threads share planes evenly.
static int64_t band_rows(Dim rows, int64_t row_cost) {
  int64_t wanted = max_i64(1, TASK_COST / max_i64(1, row_cost));
  if (!dim_is_const(rows)) return min_i64(wanted, 8);
  return rows <= wanted ? rows : ceil_div(rows, ceil_div(rows, wanted));
}

Planes planes_begin(Kernel *k, const Type *y, int64_t row_cost) {
  DimTable *dims = k->lw->m->dims;
  LBuilder *b = k->b;
  Dim rows = y->dims[2];
  Planes p = {.rows = band_rows(rows, row_cost)};
  p.blocks = dim_floordiv(dims, dim_add(dims, y->dims[1], BLOCK - 1), BLOCK);
  p.bands = dim_floordiv(dims, dim_add(dims, rows, p.rows - 1), p.rows);
  LExpr *t[3];
  p.tasks = kernel_tasks(k, 3, (Dim[]){y->dims[0], p.blocks, p.bands}, t);
  p.image = t[0], p.block = t[1], p.band = t[2];
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
