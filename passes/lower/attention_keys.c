// The keys of every head as panels of 16: [panels][width][16], turned by shuffles. Few keys are turned by the task that
// reads them, and stay in its first-level cache.
#include "ir/core/checked.h"
#include "passes/lower/attention.h"
#include "passes/lower/rows.h"
#include "passes/lower/shuffled.h"

Dim attention_panels(Lower *lw, const Heads *h) {
  DimTable *dims = lw->m->dims;
  int group = dim_is_const(h->keys) ? 1 : h->tile.nr;
  return dim_mul(dims, dim_floordiv(dims, dim_add(dims, h->keys, BLOCK * group - 1), BLOCK * group), group);
}

static Dim panels_size(Lower *lw, const Heads *h) {
  return dim_mul(lw->m->dims, attention_panels(lw, h), h->width * BLOCK);
}

LExpr *attention_panels_at(Kernel *k, const Heads *h, LExpr *panels, LExpr *const *index) {
  LBuilder *b = k->b;
  LExpr *number = lx_int(b, 0);
  for (int d = 0; d < h->leading; d++) number = lx_add(b, lx_mul(b, number, kernel_dim(k, h->extents[d])), index[d]);
  return loop_let(b, "of", lx_add(b, panels, lx_mul(b, number, kernel_dim(k, panels_size(k->lw, h)))));
}

// Keys from `first` on, in the matrix's `block`-th 16 columns, of which `width` exist. Keys behind the last one repeat
// it, so that every lane of the panels is a number that K holds.
static void transpose_block(Kernel *k, const Matrix *keys, LExpr *to, LExpr *first, LExpr *n, LExpr *block, int width) {
  LBuilder *b = k->b;
  LExpr *v[BLOCK], *from = loop_let(b, "from", lx_add(b, keys->p, lx_mul(b, block, keys->block)));
  for (int i = 0; i < BLOCK; i++) {
    LExpr *row = lx_min(b, lx_addi(b, first, i), lx_addi(b, n, -1));
    v[i] = row_load(k, from, lx_mul(b, row, keys->row), width < BLOCK ? lx_int(b, width) : NULL, NULL);
    v[i] = loop_let(b, "r", v[i]);
  }
  shuffled_transpose(b, v);
  to = loop_let(b, "to", lx_add(b, to, lx_muli(b, block, BLOCK * BLOCK)));
  for (int i = 0; i < width; i++) loop_store(b, to, lx_int(b, i * BLOCK), v[i]);
}

static void turn_keys(Kernel *k, const Heads *h, const Matrix *keys, LExpr *panels, LExpr *panel) {
  LBuilder *b = k->b;
  LExpr *n = kernel_dim(k, h->keys), *first = loop_let(b, "first", lx_muli(b, panel, BLOCK));
  LExpr *to = loop_let(b, "panel", lx_add(b, panels, lx_muli(b, panel, h->width * BLOCK)));
  int64_t whole = h->width / BLOCK, rest = h->width % BLOCK;
  if (whole) {
    bool opened;
    LExpr *block = kernel_loop(k, "block", lx_int(b, 0), lx_int(b, whole), &opened);
    transpose_block(k, keys, to, first, n, block, BLOCK);
    kernel_end_loop(k, opened);
  }
  if (rest) transpose_block(k, keys, to, first, n, lx_int(b, whole), (int)rest);
}

LExpr *attention_own_panels(Kernel *k, const Heads *h, const Matrix *keys) {
  LBuilder *b = k->b;
  LExpr *panels = kernel_scratch(k, "panels", DT_F32, panels_size(k->lw, h) * (Dim)sizeof(float));
  LExpr *panel = loop_for(b, "panel", lx_int(b, 0), kernel_dim(k, attention_panels(k->lw, h)), 1);
  turn_keys(k, h, keys, panels, panel);
  loop_end_for(b);
  return panels;
}

void attention_keys(Lower *lw, const Node *n, Heads *h) {
  DimTable *dims = lw->m->dims;
  Dim heads = lower_product(lw, h->extents, 0, h->leading);
  Dim bytes = dim_mul(dims, dim_mul(dims, heads, panels_size(lw, h)), (Dim)sizeof(float));
  h->panels = lower_new_buffer(lw, BUFFER_ARENA, "panels", DT_F32, bytes);
  Kernel k = kernel_begin(lw, "keys");
  LExpr *from = kernel_in(&k, "k", h->k.v), *panels = kernel_buffer(&k, "panels", h->panels, ACCESS_OUT),
        *i[MAX_RANK + 1];
  h->extents[h->leading] = attention_panels(lw, h);
  Dim tasks = kernel_tasks(&k, h->leading + 1, h->extents, i);
  Matrix keys = attention_matrix(&k, h, &h->k, from, i);
  turn_keys(&k, h, &keys, attention_panels_at(&k, h, panels, i), i[h->leading]);
  kernel_finish(&k, n, tasks, 0, "");
}
