// Winograd's convolution, 4. outputs: m to y, with the epilogue.
#include "passes/lower/math.h"
#include "passes/lower/winograd_body.h"

// The tiles of a segment along their columns: m to `rows`, as [m][n][segment][16].
static void sum_columns(WinogradBody *o, LExpr *from) {
  LBuilder *b = o->k->b;
  const Toom *t = &o->w->toom;
  LExpr *in[TOOM_MOST], *out[TOOM_MOST];
  LExpr *column = loop_for(b, "c", lx_int(b, 0), lx_int(b, t->n), 1);
  LExpr *p = loop_let(b, "mc", lx_add(b, from, lx_muli(b, column, o->m_product)));
  LExpr *to = loop_let(b, "to", lx_add(b, o->rows, lx_muli(b, column, o->w->segment * BLOCK)));
  LExpr *e = winograd_body_for_lanes(o, lx_int(b, 0), lx_int(b, o->w->segment));
  for (int r = 0; r < t->n; r++)
    in[r] = loop_let(b, "d", lx_load(b, p, lx_addi(b, e, r * t->n * o->m_product), o->lanes));
  toom_outputs(b, t, in, out);
  for (int r = 0; r < t->m; r++) loop_store(b, to, lx_addi(b, e, r * t->n * o->w->segment * BLOCK), out[r]);
  loop_end_for(b);
  loop_end_for(b);
}

// The first `columns` outputs of a row of a tile, with the epilogue. `at`: the first one's element in y.
static void finish_tile(WinogradBody *o, LExpr *row, LExpr *tile, LExpr *at, LExpr *bias, int columns) {
  LBuilder *b = o->k->b;
  const Toom *t = &o->w->toom;
  LExpr *in[TOOM_MOST], *out[TOOM_MOST];
  bool opened;
  LExpr *h = winograd_body_lanes(o, &opened);
  for (int i = 0; i < t->n; i++) {
    LExpr *from = lx_add(b, lx_muli(b, lx_addi(b, tile, i * o->w->segment), BLOCK), h);
    in[i] = loop_let(b, "d", lx_load(b, row, from, o->lanes));
  }
  toom_outputs(b, t, in, out);
  LExpr *start = bias ? loop_let(b, "bias", lx_load(b, bias, h, o->lanes)) : NULL;
  for (int i = 0; i < columns; i++) {
    LExpr *to = lx_addi(b, lx_add(b, at, h), i * BLOCK), *y = out[i];
    if (start) y = lx_add(b, y, start);
    if (o->residual) y = lx_add(b, y, lx_load(b, o->residual, to, o->lanes));
    loop_store(b, o->y, to, math_activation(b, o->c->act, loop_let(b, "y", y)));
  }
  kernel_end_loop(o->k, opened);
}

// The tiles of a segment along their rows: `rows` to y. `out`: the first output's element.
static void sum_rows(WinogradBody *o, const WinogradPlace *p, LExpr *out, LExpr *bias) {
  LBuilder *b = o->k->b;
  const Winograd *w = o->w;
  const Window *win = &o->c->window;
  int m = w->toom.m, partial = (int)(win->out_w % m);
  LExpr *left = lx_sub(b, kernel_dim(o->k, win->out_h), lx_muli(b, p->row, m));
  LExpr *r = loop_for(b, "r", lx_int(b, 0), lx_min(b, lx_int(b, m), left), 1);
  LExpr *row = loop_let(b, "row", lx_add(b, o->rows, lx_muli(b, r, w->toom.n * w->segment * BLOCK)));
  LExpr *at = loop_let(b, "at", lx_add(b, out, lx_mul(b, r, kernel_dim(o->k, o->c->out_row))));
  LExpr *whole = lx_sub(b, lx_int(b, win->out_w / m), lx_muli(b, p->across, w->segment));
  LExpr *tile = loop_for(b, "tile", lx_int(b, 0), lx_min(b, lx_int(b, w->segment), whole), 1);
  finish_tile(o, row, tile, loop_let(b, "to", lx_add(b, at, lx_muli(b, tile, m * BLOCK))), bias, m);
  loop_end_for(b);
  if (partial) {
    int64_t last = w->tiles_x - 1 - (w->across - 1) * w->segment;
    if (w->across > 1) loop_if(b, lx_op(b, LOOP_EQ, p->across, lx_int(b, w->across - 1)));
    finish_tile(o, row, lx_int(b, last), lx_addi(b, at, last * m * BLOCK), bias, partial);
    if (w->across > 1) loop_end_if(b);
  }
  loop_end_for(b);
}

void winograd_outputs_write(WinogradBody *o, LExpr *first, LExpr *count, LExpr *panel, int nr) {
  LBuilder *b = o->k->b;
  const Winograd *w = o->w;
  LExpr *segment = loop_for(b, "s", lx_int(b, 0), count, 1);
  WinogradPlace p = winograd_body_place(o, lx_add(b, first, segment));
  LExpr *j = loop_for(b, "j", lx_int(b, 0), lx_int(b, nr), 1), *channel = loop_let(b, "panel", lx_add(b, panel, j));
  LExpr *tile = lx_add(b, lx_muli(b, j, o->tiles), lx_muli(b, segment, w->segment));
  sum_columns(o, loop_let(b, "ms", lx_add(b, o->m, lx_muli(b, tile, BLOCK))));
  LExpr *out = lx_add(b, lx_mul(b, p.image, kernel_dim(o->k, o->c->out_image)),
                      lx_mul(b, channel, kernel_dim(o->k, o->c->out_panel)));
  out = lx_add(b, out, lx_mul(b, p.row, lx_muli(b, kernel_dim(o->k, o->c->out_row), w->toom.m)));
  out = lx_add(b, out, lx_muli(b, p.across, w->segment * w->toom.m * BLOCK));
  LExpr *bias = o->bias ? loop_let(b, "bp", lx_add(b, o->bias, lx_muli(b, channel, BLOCK))) : NULL;
  sum_rows(o, &p, loop_let(b, "out", out), bias);
  loop_end_for(b);
  loop_end_for(b);
}
