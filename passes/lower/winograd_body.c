#include "passes/lower/winograd_body.h"

int64_t winograd_body_panel(const WinogradBody *o) { return o->c->channels_in * TOOM_TAPS * TOOM_TAPS * BLOCK; }

int64_t winograd_body_line(const WinogradBody *o) { return dtype_is_half(o->weights->type.dtype) ? 2 : 1; }

LExpr *winograd_body_for_lanes(WinogradBody *o, LExpr *lo, LExpr *hi) {
  LBuilder *b = o->k->b;
  return loop_for(b, "e", lx_muli(b, lo, BLOCK), lx_muli(b, hi, BLOCK), o->lanes);
}

LExpr *winograd_body_lanes(WinogradBody *o, bool *opened) {
  *opened = o->lanes < BLOCK;
  return *opened ? loop_for(o->k->b, "h", lx_int(o->k->b, 0), lx_int(o->k->b, BLOCK), o->lanes) : lx_int(o->k->b, 0);
}

static void split(LBuilder *b, LExpr *e, int64_t n, LExpr **quotient, LExpr **rest) {
  if (n == 1) {
    *quotient = e;
    *rest = lx_int(b, 0);
    return;
  }
  *quotient = loop_let(b, "t", lx_op(b, LOOP_DIV, e, lx_int(b, n)));
  *rest = loop_let(b, "t", lx_op(b, LOOP_MOD, e, lx_int(b, n)));
}

WinogradPlace winograd_body_place(WinogradBody *o, LExpr *segment) {
  LBuilder *b = o->k->b;
  WinogradPlace p;
  LExpr *rows;
  split(b, segment, o->w->across, &rows, &p.across);
  if (o->c->images == 1)
    p.image = lx_int(b, 0), p.row = rows;
  else
    split(b, rows, o->w->tiles_y, &p.image, &p.row);
  if (o->w->tiles_y == 1) p.row = lx_int(b, 0);
  return p;
}
