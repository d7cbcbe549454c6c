#include "passes/lower/winograd.h"
#include "ir/core/checked.h"
#include "passes/lower/halves.h"
#include "passes/lower/winograd_body.h"
#include <stdio.h>

// The weights that are needed after the slab [begin, end) of a panel group, less what lies before `begin`: the next
// slab's or the next group's.
static LExpr *weights_after(WinogradBody *o, LExpr *panel, LExpr *begin, LExpr *end, int nr) {
  LBuilder *b = o->k->b;
  LExpr *more = lx_op(b, LOOP_LT, end, lx_int(b, o->blocks));
  LExpr *block = lx_select(b, more, end, lx_int(b, 0)), *at = lx_select(b, more, panel, lx_addi(b, panel, nr));
  LExpr *from = lx_muli(b, lx_sub(b, block, begin), TOOM_TAPS * TOOM_TAPS * BLOCK * BLOCK);
  return lx_add(b, o->weights, lx_add(b, lx_muli(b, at, winograd_body_panel(o)), from));
}

// Where the taps of the slab [begin, end) of a panel group are: among the weights, or widened, once for all products.
static void place_taps(WinogradBody *o, LExpr *panel, LExpr *begin, LExpr *end, int nr) {
  LBuilder *b = o->k->b;
  int64_t block = TOOM_TAPS * TOOM_TAPS * BLOCK * BLOCK, whole = winograd_body_panel(o);
  o->taps = loop_let(b, "taps", lx_add(b, o->weights, lx_muli(b, panel, whole)));
  o->taps_block = lx_int(b, 0);
  o->taps_panel = whole;
  if (!o->wide) return;
  LExpr *first = loop_let(b, "first", lx_muli(b, begin, block)),
        *last = lx_min(b, lx_muli(b, end, block), lx_int(b, whole));
  LExpr *count = loop_let(b, "n", lx_sub(b, last, first)), *j = loop_for(b, "j", lx_int(b, 0), lx_int(b, nr), 1);
  LExpr *from = loop_let(b, "from", lx_add(b, o->taps, lx_add(b, lx_muli(b, j, whole), first)));
  halves_widen(o->k, loop_let(b, "to", lx_add(b, o->wide, lx_muli(b, j, o->w->slab * block))), from, count);
  loop_end_for(b);
  o->taps = o->wide;
  o->taps_block = begin;
  o->taps_panel = o->w->slab * block;
}

// A panel group at a block of `count` segments, whose tiles begin at v.
static void panel_group(WinogradBody *o, LExpr *group, int nr, LExpr *first, LExpr *count, LExpr *v) {
  LBuilder *b = o->k->b;
  int n = o->w->toom.n;
  LExpr *panel = loop_let(b, "panel", lx_muli(b, group, o->w->tile.nr));
  LExpr *tiles = lx_addi(b, lx_muli(b, count, o->w->segment), o->w->tile.mr - 1);
  LExpr *calls = loop_let(b, "calls", lx_op(b, LOOP_DIV, tiles, lx_int(b, o->w->tile.mr)));
  LExpr *begin = loop_for(b, "begin", lx_int(b, 0), lx_int(b, o->blocks), o->w->slab);
  LExpr *end = loop_let(b, "end", lx_min(b, lx_addi(b, begin, o->w->slab), lx_int(b, o->blocks)));
  LExpr *ahead = loop_let(b, "ahead", weights_after(o, panel, begin, end, nr));
  place_taps(o, panel, begin, end, nr);
  LExpr *r = loop_for(b, "pr", lx_int(b, 0), lx_int(b, n), 1);
  LExpr *lo = loop_for(b, "lo", begin, end, o->w->depth);
  LExpr *hi = loop_let(b, "hi", lx_min(b, lx_addi(b, lo, o->w->depth), end));
  LExpr *whole = lx_int(b, o->c->channels_in / BLOCK);
  WinogradDepth depth = {lo, loop_let(b, "hi", lx_min(b, hi, whole)), NULL};
  if (o->c->channels_in % BLOCK) depth.last = lx_op(b, LOOP_LT, whole, hi);
  winograd_products_taps(o, r, nr, &depth);
  LExpr *c = loop_for(b, "pc", lx_int(b, 0), lx_int(b, n), 1);
  LExpr *product = loop_let(b, "product", lx_add(b, lx_muli(b, r, n), c));
  LExpr *from = loop_let(b, "vp", lx_add(b, v, lx_mul(b, product, o->v_product)));
  LExpr *u = loop_let(b, "up", lx_add(b, o->u, lx_muli(b, c, o->u_product)));
  LExpr *m = loop_let(b, "mp", lx_add(b, o->m, lx_muli(b, product, o->m_product)));
  LExpr *next = loop_let(b, "np", lx_add(b, ahead, lx_muli(b, product, WINOGRAD_AHEAD * BLOCK)));
  winograd_products_sum(o, from, u, m, next, calls, nr, &depth);
  loop_end_for(b);
  loop_end_for(b);
  loop_end_for(b);
  loop_end_for(b);
  winograd_outputs_write(o, first, count, panel, nr);
}

// Calls panel_group for whole groups and, where group `whole` is narrower, for that.
static void some_group(WinogradBody *o, LExpr *group, LExpr *first, LExpr *count, LExpr *v) {
  LBuilder *b = o->k->b;
  int64_t panels = ceil_div(o->c->channels_out, BLOCK), whole = panels / o->w->tile.nr, tail = panels % o->w->tile.nr;
  if (tail) loop_if(b, lx_op(b, LOOP_LT, group, lx_int(b, whole)));
  panel_group(o, group, o->w->tile.nr, first, count, v);
  if (!tail) return;
  loop_else(b);
  panel_group(o, group, (int)tail, first, count, v);
  loop_end_if(b);
}

static WinogradBody body(Kernel *k, const Contraction *c, const Winograd *w) {
  WinogradBody o = {.k = k, .c = c, .w = w, .lanes = (int)min_i64(BLOCK, k->lw->target->vector_bytes / 4)};
  o.blocks = ceil_div(c->channels_in, BLOCK);
  o.columns = w->segment * w->toom.m + TOOM_TAPS - 1;
  o.tiles = round_up(w->block * w->segment, w->tile.mr);
  o.calls = ceil_div(min_i64(w->block, w->tiles_y * w->across) * w->segment, w->tile.mr);
  o.u_product = w->depth * w->tile.nr * BLOCK * BLOCK + BLOCK;
  o.m_product =
      o.tiles * w->tile.nr * BLOCK + BLOCK; // a line more, lest all products fall into the same sets of a cache
  return o;
}

static LExpr *scratch(WinogradBody *o, const char *name, int64_t elements) {
  return kernel_scratch(o->k, name, DT_F32, elements * (int64_t)sizeof(float));
}

static void input_parameters(WinogradBody *o) {
  int64_t row = o->columns * BLOCK;
  o->x = kernel_in(o->k, "x", o->c->x);
  o->copy = scratch(o, "copy", o->w->toom.n * row);
}

static void output_parameters(WinogradBody *o) {
  Lower *lw = o->k->lw;
  const Contraction *c = o->c;
  int64_t n = o->w->toom.n;
  o->weights = kernel_buffer(o->k, "w", pack_panels(lw, c->weight, NULL, BLOCK), ACCESS_IN);
  o->wide = halves_scratch(o->k, o->weights, o->w->slab * o->w->tile.nr * TOOM_TAPS * TOOM_TAPS * BLOCK * BLOCK);
  if (c->bias) o->bias = kernel_buffer(o->k, "bias", pack_vector(lw, c->bias), ACCESS_IN);
  if (c->residual) o->residual = kernel_in_place(o->k, "residual", c->residual);
  o->y = c->residual ? kernel_out_in_place(o->k, "y", c->y) : kernel_out(o->k, "y", c->y);
  o->u = scratch(o, "u", n * o->u_product);
  o->m = scratch(o, "m", n * n * o->m_product);
}

// Half transformed tiles, of inputs or of outputs.
static void rows_parameter(WinogradBody *o) {
  const Toom *t = &o->w->toom;
  o->rows = scratch(o, "rows", t->n * max_i64(o->columns, t->m * o->w->segment) * BLOCK);
}

static Dim segments_of(Lower *lw, const Contraction *c, const Winograd *w) {
  return dim_mul(lw->m->dims, c->images, w->tiles_y * w->across);
}

// One phase: tasks are segments. A range of them is worked off in blocks; where it is cut does not touch any sum.
static void together(Lower *lw, const Node *n, const Contraction *c, const Winograd *w, const char *detail) {
  Kernel k = kernel_begin(lw, "winograd");
  LBuilder *b = k.b;
  WinogradBody o = body(&k, c, w);
  int64_t groups = ceil_div(ceil_div(c->channels_out, BLOCK), w->tile.nr), products = w->toom.n * w->toom.n;
  o.v_block = lx_int(b, BLOCK * o.tiles);
  o.v_product = lx_int(b, BLOCK * (o.tiles * o.blocks + 1));
  input_parameters(&o);
  output_parameters(&o);
  rows_parameter(&o);
  o.v = scratch(&o, "v", products * (o.tiles * o.blocks + 1) * BLOCK);
  LExpr *first = loop_for(b, "t", loop_begin(b), loop_end(b), w->block);
  LExpr *count = loop_let(b, "count", lx_min(b, lx_int(b, w->block), lx_sub(b, loop_end(b), first)));
  winograd_inputs_prepare(&o); // each time: outputs go through `rows`, too
  LExpr *segment = loop_for(b, "s", lx_int(b, 0), count, 1),
        *block = loop_for(b, "block", lx_int(b, 0), lx_int(b, o.blocks), 1);
  LExpr *v = loop_let(b, "vt", lx_add(b, o.v, lx_muli(b, segment, w->segment * BLOCK)));
  winograd_inputs_segment(&o, lx_add(b, first, segment), block, v);
  loop_end_for(b);
  loop_end_for(b);
  bool opened;
  LExpr *group = kernel_loop(&k, "group", lx_int(b, 0), lx_int(b, groups), &opened);
  some_group(&o, group, first, count, o.v);
  kernel_end_loop(&k, opened);
  kernel_finish(&k, n, segments_of(lw, c, w), contract_macs(lw, c), detail);
}

// Two phases, so that each weight is read and transformed once: tasks of the second are panel groups times segments.
static LBuffer *inputs_apart(Lower *lw, const Node *n, const Contraction *c, const Winograd *w, Dim v_block,
                             Dim v_product) {
  Kernel k = kernel_begin(lw, "winograd_inputs");
  DimTable *dims = lw->m->dims;
  WinogradBody o = body(&k, c, w);
  int64_t products = w->toom.n * w->toom.n;
  Dim elements = dim_add(dims, dim_mul(dims, v_product, products), w->tile.mr * BLOCK); // the last tile is read whole
  LBuffer *v = lower_new_buffer(lw, BUFFER_ARENA, "tiles", DT_F32, dim_mul(dims, elements, sizeof(float)));
  o.v_block = kernel_dim(&k, v_block);
  o.v_product = kernel_dim(&k, v_product);
  input_parameters(&o);
  rows_parameter(&o);
  o.v = kernel_buffer(&k, "v", v, ACCESS_OUT);
  winograd_inputs_prepare(&o);
  LExpr *t[2];
  Dim tasks = kernel_tasks(&k, 2, (Dim[]){segments_of(lw, c, w), o.blocks}, t);
  LExpr *at = loop_let(k.b, "vt", lx_add(k.b, o.v, lx_muli(k.b, t[0], w->segment * BLOCK)));
  winograd_inputs_segment(&o, t[0], t[1], at);
  kernel_finish(&k, n, tasks, 0, "tiles");
  return v;
}

static void apart(Lower *lw, const Node *n, const Contraction *c, const Winograd *w, const char *detail) {
  DimTable *dims = lw->m->dims;
  Dim segments = segments_of(lw, c, w), v_block = dim_mul(dims, segments, w->segment * BLOCK);
  Dim v_product = dim_add(dims, dim_mul(dims, v_block, ceil_div(c->channels_in, BLOCK)), BLOCK);
  LBuffer *v = inputs_apart(lw, n, c, w, v_block, v_product);
  Kernel k = kernel_begin(lw, "winograd");
  LBuilder *b = k.b;
  WinogradBody o = body(&k, c, w);
  o.v_block = kernel_dim(&k, v_block);
  o.v_product = kernel_dim(&k, v_product);
  o.v = kernel_buffer(&k, "v", v, ACCESS_IN);
  output_parameters(&o);
  rows_parameter(&o);
  int64_t groups = ceil_div(ceil_div(c->channels_out, BLOCK), w->tile.nr);
  LExpr *all = kernel_dim(&k, segments), *begin = loop_begin(b), *end = loop_end(b);
  LExpr *last = lx_op(b, LOOP_DIV, lx_addi(b, lx_add(b, end, all), -1), all);
  LExpr *group = loop_for(b, "group", lx_op(b, LOOP_DIV, begin, all), last, 1);
  LExpr *base = loop_let(b, "base", lx_mul(b, group, all));
  LExpr *lo = loop_let(b, "lo", lx_sub(b, lx_max(b, begin, base), base));
  LExpr *hi = loop_let(b, "hi", lx_min(b, lx_sub(b, end, base), all));
  LExpr *first = loop_for(b, "first", lo, hi, w->block);
  LExpr *count = loop_let(b, "count", lx_min(b, lx_int(b, w->block), lx_sub(b, hi, first)));
  LExpr *at = loop_let(b, "vt", lx_add(b, o.v, lx_muli(b, first, w->segment * BLOCK)));
  some_group(&o, group, first, count, at);
  loop_end_for(b);
  kernel_finish(&k, n, dim_mul(dims, segments, groups), contract_macs(lw, c), detail);
}

void winograd(Lower *lw, const Node *n, const Contraction *c, const Winograd *w) {
  char detail[64];
  snprintf(detail, sizeof detail, "C16 F(%d,3) %dx%d", w->toom.m, w->tile.mr, w->tile.nr);
  if (w->apart)
    apart(lw, n, c, w, detail);
  else
    together(lw, n, c, w, detail);
}
