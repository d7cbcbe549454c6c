// Winograd's convolution, 1. inputs: tiles of a segment to v.
#include "passes/lower/winograd_body.h"

// Columns [lo, hi) of a segment's input: `rows` gets the sums along the columns. Row r begins at x[r * x_row].
static void transform_columns(WinogradBody *o, LExpr *x, int64_t x_row, LExpr *lo, LExpr *hi) {
  LBuilder *b = o->k->b;
  const Toom *t = &o->w->toom;
  LExpr *in[TOOM_MOST], *out[TOOM_MOST], *e = winograd_body_for_lanes(o, lo, hi);
  for (int r = 0; r < t->n; r++) in[r] = loop_let(b, "d", lx_load(b, x, lx_addi(b, e, r * x_row), o->lanes));
  toom_inputs(b, t, in, out);
  for (int r = 0; r < t->n; r++) loop_store(b, o->rows, lx_addi(b, e, r * o->columns * BLOCK), out[r]);
  loop_end_for(b);
}

static void zero_columns(WinogradBody *o, LExpr *p, LExpr *lo, LExpr *hi) {
  LBuilder *b = o->k->b;
  if (lo->op == LOOP_INT && hi->op == LOOP_INT && lo->i >= hi->i) return;
  LExpr *e = winograd_body_for_lanes(o, lo, hi);
  loop_store(b, p, e, lx_const(b, L_F32X(o->lanes), 0));
  loop_end_for(b);
}

// Rows of input that are not in the picture become zeros in `copy`.
static void copy_rows(WinogradBody *o, LExpr *x, LExpr *y0, LExpr *lo, LExpr *hi) {
  LBuilder *b = o->k->b;
  LExpr *r = loop_for(b, "r", lx_int(b, 0), lx_int(b, o->w->toom.n), 1), *y = loop_let(b, "y", lx_add(b, y0, r));
  LExpr *to = loop_let(b, "to", lx_add(b, o->copy, lx_muli(b, r, o->columns * BLOCK)));
  LExpr *from = loop_let(b, "from", lx_add(b, x, lx_mul(b, r, kernel_dim(o->k, o->c->in_row))));
  loop_if(b, lx_op(b, LOOP_AND, lx_op(b, LOOP_LE, lx_int(b, 0), y),
                   lx_op(b, LOOP_LT, y, kernel_dim(o->k, o->c->window.in_h))));
  LExpr *e = winograd_body_for_lanes(o, lo, hi);
  loop_store(b, to, e, lx_load(b, from, e, o->lanes));
  loop_end_for(b);
  loop_else(b);
  zero_columns(o, to, lo, hi);
  loop_end_if(b);
  loop_end_for(b);
}

static void clear_outside(WinogradBody *o, LExpr *lo, LExpr *hi) {
  LBuilder *b = o->k->b;
  LExpr *r = loop_for(b, "r", lx_int(b, 0), lx_int(b, o->w->toom.n), 1);
  LExpr *row = loop_let(b, "row", lx_add(b, o->rows, lx_muli(b, r, o->columns * BLOCK)));
  zero_columns(o, row, lx_int(b, 0), lo);
  zero_columns(o, row, hi, lx_int(b, o->columns));
  loop_end_for(b);
}

// The columns of segment `across` that are in the picture.
static void valid_columns(WinogradBody *o, LExpr *across, LExpr **lo, LExpr **hi) {
  LBuilder *b = o->k->b;
  const Window *win = &o->c->window;
  LExpr *x0 = lx_addi(b, lx_muli(b, across, o->w->segment * o->w->toom.m), -win->left);
  *lo = lx_max(b, lx_int(b, 0), lx_sub(b, lx_int(b, 0), x0));
  *hi = lx_min(b, lx_int(b, o->columns), lx_sub(b, kernel_dim(o->k, win->in_w), x0));
  if (across->op != LOOP_INT) *lo = loop_let(b, "lo", *lo), *hi = loop_let(b, "hi", *hi);
}

void winograd_inputs_prepare(WinogradBody *o) {
  LExpr *lo, *hi;
  if (o->w->across > 1) return;
  valid_columns(o, lx_int(o->k->b, 0), &lo, &hi);
  clear_outside(o, lo, hi);
}

// The tiles of a segment, along their rows: from `rows` to v.
static void transform_rows(WinogradBody *o, LExpr *v) {
  LBuilder *b = o->k->b;
  const Toom *t = &o->w->toom;
  LExpr *in[TOOM_MOST], *out[TOOM_MOST];
  LExpr *r = loop_for(b, "r", lx_int(b, 0), lx_int(b, t->n), 1);
  LExpr *row = loop_let(b, "row", lx_add(b, o->rows, lx_muli(b, r, o->columns * BLOCK)));
  LExpr *to = loop_let(b, "to", lx_add(b, v, lx_mul(b, r, lx_muli(b, o->v_product, t->n))));
  LExpr *tile = loop_for(b, "tile", lx_int(b, 0), lx_int(b, o->w->segment), 1);
  bool opened;
  LExpr *h = winograd_body_lanes(o, &opened);
  for (int i = 0; i < t->n; i++) {
    LExpr *at = lx_add(b, lx_muli(b, lx_addi(b, lx_muli(b, tile, t->m), i), BLOCK), h);
    in[i] = loop_let(b, "d", lx_load(b, row, at, o->lanes));
  }
  toom_inputs(b, t, in, out);
  LExpr *at = lx_add(b, lx_muli(b, tile, BLOCK), h);
  for (int i = 0; i < t->n; i++) loop_store(b, to, lx_add(b, at, lx_muli(b, o->v_product, i)), out[i]);
  kernel_end_loop(o->k, opened);
  loop_end_for(b);
  loop_end_for(b);
}

void winograd_inputs_segment(WinogradBody *o, LExpr *segment, LExpr *block, LExpr *v) {
  LBuilder *b = o->k->b;
  const Window *win = &o->c->window;
  const Toom *t = &o->w->toom;
  WinogradPlace p = winograd_body_place(o, segment);
  LExpr *lo, *hi;
  valid_columns(o, p.across, &lo, &hi);
  LExpr *y0 = loop_let(b, "y0", lx_addi(b, lx_muli(b, p.row, t->m), -win->top));
  LExpr *x0 = lx_addi(b, lx_muli(b, p.across, o->w->segment * t->m), -win->left);
  LExpr *plane = lx_add(b, lx_mul(b, p.image, kernel_dim(o->k, o->c->in_image)),
                        lx_mul(b, block, kernel_dim(o->k, o->c->in_block)));
  LExpr *at = lx_add(b, plane, lx_add(b, lx_mul(b, y0, kernel_dim(o->k, o->c->in_row)), lx_muli(b, x0, BLOCK)));
  LExpr *x = loop_let(b, "xs", lx_add(b, o->x, at));
  if (o->w->across > 1) clear_outside(o, lo, hi);
  LExpr *above = lx_op(b, LOOP_LE, lx_int(b, 0), y0);
  LExpr *below = lx_op(b, LOOP_LE, lx_addi(b, y0, t->n), kernel_dim(o->k, win->in_h));
  loop_if(b, lx_op(b, LOOP_AND, above, below));
  transform_columns(o, x, o->c->in_row, lo, hi);
  loop_else(b);
  copy_rows(o, x, y0, lo, hi);
  transform_columns(o, o->copy, o->columns * BLOCK, lo, hi);
  loop_end_if(b);
  transform_rows(o, loop_let(b, "vs", lx_add(b, v, lx_mul(b, block, o->v_block))));
}
