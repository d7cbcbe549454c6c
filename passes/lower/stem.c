#include "passes/lower/stem.h"
#include "ir/core/checked.h"
#include "passes/lower/choose.h"
#include "passes/lower/math.h"
#include "passes/lower/picture.h"
#include "passes/lower/pooled.h"
#include "passes/lower/rows.h"
#include <stdio.h>
#include <string.h>

// Sums run over `lines` staged rows of `run` elements each: kernel rows and channels of kernel columns, or kernel rows
// of kernel columns and channels.
typedef struct Stem {
  Kernel *k;
  const Contraction *c;
  Picture from;
  Staged staged;
  TileShape tile;
  int64_t lines, run, rows; // rows: output rows a band
  LExpr *x, *w, *bias, *y, *constants;
  Pooled pooled; // if so, y has one band of one group of panels
  Dim out_panel;
  // Of the task at hand:
  LExpr *first, *count; // output rows
  LExpr *panel, *w_panel, *out, *x_row;
} Stem;

static bool is_constant(const Value *v) { return !v || weight_behind(v); }

static bool takes_window(const Node *n) {
  if (n->op == OP_PATCH_EMBED) return true;
  const Attr *dilation = NODE_ATTR(n, CONV2D, dilation), *padding = NODE_ATTR(n, CONV2D, padding);
  const Type *w = operand(n, IN_CONV2D_weight)->type;
  for (int i = 0; i < padding->n; i++)
    if (!dim_is_const(padding->ints[i])) return false;
  return NODE_ATTR(n, CONV2D, groups)->i == 1 && dilation->ints[0] == 1 && dilation->ints[1] == 1 &&
         w->dims[2] * w->dims[3] > 1 && !operand(n, IN_CONV2D_residual);
}

bool stem_takes(const Node *n) {
  if (n->op != OP_CONV2D && n->op != OP_PATCH_EMBED) return false;
  const Type *x = operand(n, 0)->type;
  return x->blocked_axis < 0 && x->dtype == DT_F32 && dim_is_const(x->dims[1]) && x->dims[1] < BLOCK &&
         is_constant(operand(n, 1)) && is_constant(operand(n, 2)) && takes_window(n);
}

static int64_t panel_size(const Stem *s) { return s->lines * s->run * BLOCK; }

// ---- one tile

typedef struct TileContext {
  Stem *s;
  int nr;
} TileContext;

static void tile(void *context, LExpr *start, int rows) {
  TileContext *t = context;
  Stem *s = t->s;
  LBuilder *b = s->k->b;
  int64_t step = s->staged.step * s->c->window.sw;
  TileShape shape = {rows, t->nr};
  LVar *acc = tile_accumulators(s->k, shape);
  tile_start(s->k, acc, shape, s->bias, lx_muli(b, s->panel, BLOCK));
  LExpr *x = loop_let(b, "px", lx_add(b, s->x_row, lx_muli(b, start, step)));
  bool opened;
  LExpr *line = kernel_loop(s->k, "line", lx_int(b, 0), lx_int(b, s->lines), &opened);
  TileOperands o = {
      .a = loop_let(b, "pa", lx_add(b, x, lx_mul(b, line, kernel_dim(s->k, s->staged.pitch)))),
      .a_row = lx_int(b, step),
      .a_step = lx_int(b, 1),
      .b = loop_let(b, "pw", lx_add(b, s->w_panel, lx_muli(b, line, s->run * BLOCK))),
      .b_step = lx_int(b, BLOCK),
      .b_panel = lx_int(b, panel_size(s)),
  };
  tile_multiply(s->k, acc, 0, rows, t->nr, &o, lx_int(b, s->run));
  kernel_end_loop(s->k, opened);
  TileOutput out = {
      .y = s->y,
      .at = loop_let(b, "at", lx_add(b, s->out, lx_muli(b, start, BLOCK))),
      .row = lx_int(b, BLOCK),
      .panel = kernel_dim(s->k, s->out_panel),
      .act = s->c->act,
  };
  tile_store(s->k, acc, shape, &out);
}

// ---- one task

static void stage(Stem *s, LExpr *image) {
  LBuilder *b = s->k->b;
  const Window *w = &s->c->window;
  LExpr *top = lx_sub(b, lx_muli(b, s->first, w->sh), kernel_dim(s->k, w->top));
  LExpr *rows = lx_addi(b, lx_muli(b, lx_addi(b, s->count, -1), w->sh), w->kh);
  LExpr *x = loop_let(b, "xi", lx_add(b, s->x, lx_mul(b, image, kernel_dim(s->k, s->c->in_image))));
  LExpr *i = loop_for(b, "i", lx_int(b, 0), rows, 1);
  picture_row(s->k, &s->from, w, &s->staged, s->constants, x, i, loop_let(b, "row", lx_add(b, top, i)));
  loop_end_for(b);
}

// All rows of the band for `nr` panels from number `first` on.
static void panels(Stem *s, int nr, LExpr *first, LExpr *image) {
  LBuilder *b = s->k->b;
  const Contraction *c = s->c;
  s->panel = loop_let(b, "panel", first);
  s->w_panel = loop_let(b, "wp", lx_add(b, s->w, lx_muli(b, s->panel, panel_size(s))));
  LExpr *out = lx_int(b, 0), *row = s->first;
  if (s->pooled.node)
    row = lx_int(b, 0);
  else
    out = lx_add(b, lx_mul(b, image, kernel_dim(s->k, c->out_image)),
                 lx_mul(b, s->panel, kernel_dim(s->k, s->out_panel)));
  out = loop_let(b, "out", out);
  LExpr *y = loop_for(b, "y", lx_int(b, 0), s->count, 1);
  s->out = loop_let(b, "out", lx_add(b, out, lx_mul(b, lx_add(b, row, y), kernel_dim(s->k, c->out_row))));
  LExpr *pitch = kernel_dim(s->k, s->staged.pitch);
  s->x_row = loop_let(b, "x", lx_add(b, s->staged.p, lx_mul(b, lx_muli(b, y, c->window.sh * s->staged.planes), pitch)));
  tile_for_rows(s->k, kernel_dim(s->k, c->window.out_w), s->tile.mr, tile, &(TileContext){s, nr});
  loop_end_for(b);
  if (!s->pooled.node) return;
  LExpr *j = loop_for(b, "j", lx_int(b, 0), lx_int(b, nr), 1);
  LExpr *from = loop_let(b, "from", lx_add(b, s->y, lx_mul(b, j, kernel_dim(s->k, s->out_panel))));
  pooled_panel(s->k, &s->pooled, from, image, lx_add(b, s->panel, j));
  loop_end_for(b);
}

// Panels [lo, hi) of the task, whole groups of them and what is left at the end.
static void groups(Stem *s, LExpr *lo, LExpr *hi, int64_t total, LExpr *image) {
  LBuilder *b = s->k->b;
  int nr = s->tile.nr, tail = (int)(total % nr);
  LExpr *whole = loop_let(b, "whole", lx_min(b, hi, lx_int(b, total - tail)));
  panels(s, nr, loop_for(b, "g", lo, whole, nr), image);
  loop_end_for(b);
  if (!tail) return;
  loop_if(b, lx_op(b, LOOP_EQ, hi, lx_int(b, total)));
  panels(s, tail, lx_int(b, total - tail), image);
  loop_end_if(b);
}

// ---- the kernel

// Bytes that stay in a cache beside the rest: weights of a task, its staged rows.
enum { WEIGHTS_MOST = 512 << 10, STAGED_MOST = 256 << 10 };

// Rows of a band: enough that few picture rows are brought in twice, and more where a task's weights would come from
// further away than the rows.
static int64_t band_rows(const Stem *s, int64_t weights) {
  const Window *w = &s->c->window;
  int64_t width = dim_is_const(w->in_w) ? w->in_w : 512, rows = 1;
  int64_t row_bytes = width * w->sh * s->c->channels_in * (int64_t)sizeof(float);
  while (10 * (w->kh - w->sh) > 3 * rows * w->sh || (weights > STAGED_MOST && (rows + 1) * row_bytes <= STAGED_MOST))
    rows++;
  return dim_is_const(w->out_h) ? window_band(w->out_h, rows) : rows;
}

static void set_output(Stem *s, const Node *n, const Node *pool) {
  Kernel *k = s->k;
  const Contraction *c = s->c;
  s->out_panel = c->out_panel;
  if (!pool) {
    s->y = math_is_long(c->act) ? kernel_inout(k, "y", c->y) : kernel_out(k, "y", c->y);
    return;
  }
  s->pooled = pooled_begin(k, pool);
  s->rows = s->pooled.source_rows;
  pass_remark(k->lw->pass, pool, false, "%s is taken from %s band by band: %lld rows for %lld, nothing of them written",
              pass_label(pool), pass_label(n), (long long)s->rows, (long long)s->pooled.rows);
  s->out_panel = s->rows * c->window.out_w * BLOCK;
  s->y = kernel_scratch(k, "y", DT_F32, s->tile.nr * s->out_panel * (int64_t)sizeof(float));
}

static void set_rows(Stem *s, LExpr *band) {
  LBuilder *b = s->k->b;
  if (s->pooled.node) {
    pooled_band(s->k, &s->pooled, band, &s->count);
    s->first = s->pooled.source_first;
    return;
  }
  s->first = loop_let(b, "first", lx_muli(b, band, s->rows));
  LExpr *left = lx_sub(b, kernel_dim(s->k, s->c->window.out_h), s->first);
  s->count = loop_let(b, "count", lx_min(b, lx_int(b, s->rows), left));
}

bool stem_pools(const Lower *lw, const Node *pool) {
  const Value *x = operand(pool, 0);
  return x->kind == VALUE_RESULT && x->node->op == OP_CONV2D && stem_takes(x->node) && pooled_after(lw, x) == pool;
}

void stem(Lower *lw, const Node *n, const Contraction *c) {
  Kernel k = kernel_begin(lw, "stem");
  const Window *w = &c->window;
  Stem s = {.k = &k, .c = c, .from = picture_of(c->x)};
  bool together = s.from.interleaved;
  s.lines = together ? w->kh : w->kh * c->channels_in;
  s.run = together ? w->kw * c->channels_in : w->kw;
  int64_t total = ceil_div(c->channels_out, BLOCK);
  TileWork work = {.rows = dim_is_const(w->out_w) ? w->out_w : 0, .panels = total, .steps = s.lines * s.run};
  s.tile = choose_tile(lw, n, c, &work, tile_compare(lw->target, &work).shape);
  s.x = kernel_in(&k, "x", s.from.x);
  s.w = kernel_buffer(&k, "w", pack_stem(lw, c->weight, together), ACCESS_IN);
  if (c->bias) s.bias = kernel_buffer(&k, "bias", pack_vector(lw, c->bias), ACCESS_IN);
  s.constants = picture_constants(&k, &s.from);
  int64_t panel_bytes = panel_size(&s) * (int64_t)sizeof(float);
  int64_t chunk = max_i64(round_up(WEIGHTS_MOST / panel_bytes, s.tile.nr), s.tile.nr);
  s.rows = band_rows(&s, panel_bytes * min_i64(chunk, total));
  set_output(&s, n, pooled_after(lw, c->y));
  s.staged = picture_stage(&k, &s.from, w, (s.rows - 1) * w->sh + w->kh);
  Dim rows = s.pooled.node ? s.pooled.w.out_h : w->out_h, band = s.pooled.node ? s.pooled.rows : s.rows;
  Dim bands = dim_floordiv(lw->m->dims, dim_add(lw->m->dims, rows, band - 1), band);
  LExpr *t[3], *lo, *hi;
  Dim tasks = kernel_tasks(&k, 3, (Dim[]){c->images, ceil_div(total, chunk), bands}, t);
  set_rows(&s, t[2]);
  stage(&s, t[0]);
  lo = loop_let(k.b, "lo", lx_muli(k.b, t[1], chunk));
  hi = loop_let(k.b, "hi", lx_min(k.b, lx_addi(k.b, lo, chunk), lx_int(k.b, total)));
  groups(&s, lo, hi, total, t[0]);
  char detail[64];
  snprintf(detail, sizeof detail, "%s %dx%d, bands of %lld%s", together ? "nhwc" : "nchw", s.tile.mr, s.tile.nr,
           (long long)s.rows, s.pooled.node ? ", pooled" : "");
  kernel_finish(&k, n, tasks, contract_macs(lw, c), detail);
}
