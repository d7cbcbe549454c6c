#include "passes/lower/chain.h"
#include "ir/core/checked.h"
#include "passes/lower/conv1x1.h"
#include "passes/lower/depthwise.h"
#include "passes/lower/math.h"
#include "passes/lower/planes.h"
#include <stdio.h>

typedef struct Body {
  Kernel *k;
  const Chain *c;
  Conv1x1 expand, project;
  Depthwise middle;
  LExpr *x, *y, *middle_residual, *project_residual; // parameters
  LExpr *ring, *line, *sums;                         // memory of the task
  Dim ring_plane, line_plane;                        // elements from one block's rows to the next's
  // Of the task at hand:
  LExpr *image, *lo, *hi; // panels
  LExpr *first, *row;     // output rows: the band's first, the one at hand
} Body;

static LExpr *dim(Body *o, Dim d) { return kernel_dim(o->k, d); }

// A row of v in memory: of block `block`, and how far the next block's is.
static PixelRows rows_of(Body *o, Value *v, LExpr *p, LExpr *block, LExpr *row) {
  LBuilder *b = o->k->b;
  Phys phys;
  phys_of_value(o->k->lw, v, &phys);
  LExpr *at = lx_add(b, lx_mul(b, o->image, dim(o, phys.strides[0])), lx_mul(b, block, dim(o, phys.strides[1])));
  at = lx_add(b, at, lx_mul(b, row, dim(o, phys.strides[2])));
  return (PixelRows){loop_let(b, "row", lx_add(b, p, at)), phys.strides[1]};
}

// Of n's residual; NULL: there is none.
static LExpr *residual_row(Body *o, const Node *n, LExpr *p, LExpr *block) {
  return p ? rows_of(o, operand(n, IN_CONV2D_residual), p, block, o->row).p : NULL;
}

// How many panels there may be from a multiple of `nr` on; at most three answers.
static int part_sizes(const Chain *c, int nr, int *sizes) {
  int64_t whole = min_i64(nr, c->group), candidates[] = {whole, c->group % nr, c->panels % c->group % nr};
  int n = 0;
  for (int i = 0; i < 3; i++) {
    bool known = candidates[i] == 0;
    for (int j = 0; j < n; j++) known |= sizes[j] == candidates[i];
    if (!known) sizes[n++] = (int)candidates[i];
  }
  return n;
}

static void expand_row(Body *o, LExpr *panel, LExpr *row, int count) {
  LBuilder *b = o->k->b;
  const Chain *c = o->c;
  PixelRows x = rows_of(o, operand(chain_first(c), IN_CONV2D_x), o->x, lx_int(b, 0), row);
  LExpr *slot = lx_op(b, LOOP_AND, row, lx_int(b, c->ring - 1));
  LExpr *plane = lx_mul(b, lx_sub(b, panel, o->lo), dim(o, o->ring_plane));
  LExpr *to = lx_add(b, plane, lx_mul(b, slot, lx_muli(b, dim(o, c->w.in_w), BLOCK)));
  PixelRows y = {loop_let(b, "to", lx_add(b, o->ring, to)), o->ring_plane};
  conv1x1_row(&o->expand, panel, count, x, y, NULL);
}

// The rows of the expansion that the output row at hand is the first of its task to see.
static void expand_rows(Body *o, LExpr *panel, LExpr *count) {
  LBuilder *b = o->k->b;
  const Window *w = &o->c->w;
  LExpr *top = lx_sub(b, lx_muli(b, o->row, w->sh), dim(o, w->top)), *bottom = lx_addi(b, top, o->c->extent);
  LExpr *seen = lx_select(b, lx_op(b, LOOP_EQ, o->row, o->first), lx_int(b, 0), lx_addi(b, bottom, -w->sh));
  LExpr *lo = loop_let(b, "lo", lx_max(b, lx_max(b, lx_int(b, 0), top), seen));
  LExpr *hi = loop_let(b, "hi", lx_min(b, bottom, dim(o, w->in_h)));
  int sizes[3], n = part_sizes(o->c, o->expand.tile.nr, sizes);
  for (int i = 0; i < n; i++) {
    if (i + 1 < n) loop_if(b, lx_op(b, LOOP_EQ, count, lx_int(b, sizes[i])));
    expand_row(o, panel, loop_for(b, "r", lo, hi, 1), sizes[i]);
    loop_end_for(b);
    if (i + 1 < n) loop_else(b);
  }
  for (int i = 0; i + 1 < n; i++) loop_end_if(b);
}

// Where the sums of a panel are between its rows.
static LExpr *sums_of(Body *o, LExpr *block) {
  LBuilder *b = o->k->b;
  LExpr *at = lx_muli(b, lx_sub(b, block, o->lo), PLANES_SUMS * BLOCK);
  return loop_let(b, "sp", lx_add(b, o->sums, at));
}

static void middle_row(Body *o, LExpr *block) {
  LBuilder *b = o->k->b;
  const Chain *c = o->c;
  DepthwiseRow at = {.block = block, .row = o->row, .residual = residual_row(o, c->middle, o->middle_residual, block)};
  if (c->expand)
    at.x = loop_let(b, "xp", lx_add(b, o->ring, lx_mul(b, lx_sub(b, block, o->lo), dim(o, o->ring_plane))));
  else
    at.x = rows_of(o, operand(chain_first(c), IN_CONV2D_x), o->x, block, lx_int(b, 0)).p;
  if (c->project)
    at.y = loop_let(b, "yp", lx_add(b, o->line, lx_mul(b, block, dim(o, o->line_plane))));
  else
    at.y = rows_of(o, result(c->middle), o->y, block, o->row).p;
  depthwise_row(&o->middle, &at);
  if (!o->sums) return;
  LExpr *kept = sums_of(o, block);
  LVar *sums = planes_sums(o->k, kept);
  planes_add(o->k, sums, at.y, lx_int(b, 0), dim(o, c->w.out_w));
  planes_keep_sums(o->k, sums, kept);
}

static void project_panels(Body *o, LExpr *panel, int count) {
  const Node *n = o->c->project;
  PixelRows y = rows_of(o, result(n), o->y, panel, o->row);
  LExpr *residual = residual_row(o, n, o->project_residual, panel);
  conv1x1_row(&o->project, panel, count, (PixelRows){o->line, o->line_plane}, y, residual);
}

static void project_row(Body *o) {
  LBuilder *b = o->k->b;
  int nr = o->project.tile.nr, tail = (int)(o->project.panels % nr);
  int64_t whole = o->project.panels - tail;
  if (whole) {
    project_panels(o, loop_for(b, "panel", lx_int(b, 0), lx_int(b, whole), nr), nr);
    loop_end_for(b);
  }
  if (tail) project_panels(o, lx_int(b, whole), tail);
}

static void output_row(Body *o) {
  LBuilder *b = o->k->b;
  LExpr *lo = o->lo, *hi = o->hi;
  if (o->c->expand) {
    int nr = o->expand.tile.nr;
    lo = loop_for(b, "part", o->lo, o->hi, nr);
    LExpr *count = loop_let(b, "count", lx_min(b, lx_int(b, nr), lx_sub(b, o->hi, lo)));
    expand_rows(o, lo, count);
    hi = loop_let(b, "end", lx_add(b, lo, count));
  }
  middle_row(o, loop_for(b, "block", lo, hi, 1));
  loop_end_for(b);
  if (o->c->expand) loop_end_for(b);
  if (o->c->project) project_row(o);
}

static void clear_sums(Body *o) {
  LBuilder *b = o->k->b;
  LExpr *block = loop_for(b, "block", o->lo, o->hi, 1);
  planes_keep_sums(o->k, planes_sums(o->k, NULL), sums_of(o, block));
  loop_end_for(b);
}

static void store_sums(Body *o, LExpr *band) {
  LBuilder *b = o->k->b;
  const Chain *c = o->c;
  DimTable *dims = o->k->lw->m->dims;
  Dim tasks = dim_mul(dims, dim_mul(dims, c->images, c->panels), c->bands);
  LExpr *to = planes_sums_buffer(o->k, c->middle, tasks, c->bands);
  LExpr *block = loop_for(b, "block", o->lo, o->hi, 1);
  LExpr *plane = lx_add(b, lx_muli(b, o->image, c->panels), block);
  LExpr *at = lx_muli(b, lx_add(b, lx_mul(b, plane, dim(o, c->bands)), band), BLOCK);
  loop_store(b, to, at, planes_total(o->k, planes_sums(o->k, sums_of(o, block))));
  loop_end_for(b);
}

// ---- parameters and tasks

// The rows of `panels` panels, `rows` of each, a vector apart so that they do not fall on the same lines of a cache.
static LExpr *rows_in_memory(Body *o, const char *name, int64_t panels, int64_t rows, Dim width, Dim *plane) {
  DimTable *dims = o->k->lw->m->dims;
  *plane = dim_add(dims, dim_mul(dims, width, rows * BLOCK), BLOCK);
  return kernel_scratch(o->k, name, DT_F32, dim_mul(dims, *plane, panels * (int64_t)sizeof(float)));
}

static LExpr *residual_of(Body *o, const Node *n) {
  Value *v = n ? operand(n, IN_CONV2D_residual) : NULL;
  return v ? kernel_in(o->k, "residual", v) : NULL;
}

static void parameters(Body *o) {
  const Chain *c = o->c;
  Kernel *k = o->k;
  o->x = kernel_in(k, "x", operand(chain_first(c), IN_CONV2D_x));
  if (c->expand) {
    o->expand = conv1x1_begin(k, c->expand, c->group, c->w.in_w);
    o->ring = rows_in_memory(o, "ring", c->group, c->ring, c->w.in_w, &o->ring_plane);
  }
  o->middle = depthwise_begin(k, c->middle, &c->w);
  if (c->expand) o->middle.ring = c->ring;
  if (c->project) {
    o->line = rows_in_memory(o, "line", c->panels, 1, c->w.out_w, &o->line_plane);
    o->project = conv1x1_begin(k, c->project, 0, c->w.out_w);
  }
  o->middle_residual = residual_of(o, c->middle);
  o->project_residual = residual_of(o, c->project);
  bool summed = !c->project && planes_summed(result(c->middle));
  if (summed)
    o->sums = kernel_scratch(k, "panel_sums", DT_F32, c->group * PLANES_SUMS * BLOCK * (int64_t)sizeof(float));
  bool read_back = summed || math_is_long(NODE_ATTR(chain_last(c), CONV2D, act)->s);
  o->y = read_back ? kernel_inout(k, "y", result(chain_last(c))) : kernel_out(k, "y", result(chain_last(c)));
}

static int64_t macs_of(Lower *lw, const Node *n) {
  const Dim *w = operand(n, IN_CONV2D_weight)->type->dims;
  return lower_estimate(lw, type_elements(lw->m, result(n)->type)) * w[1] * w[2] * w[3];
}

static void finish(Body *o, Dim tasks) {
  const Chain *c = o->c;
  Lower *lw = o->k->lw;
  const Node *first[] = {c->expand, c->project ? c->middle : NULL};
  int64_t macs = macs_of(lw, chain_last(c));
  for (int i = 0; i < 2; i++)
    if (first[i]) {
      macs += macs_of(lw, first[i]);
      vec_push(&o->k->before, first[i]);
    }
  char detail[64];
  snprintf(detail, sizeof detail, "C16 bands of %lld", (long long)c->rows);
  kernel_finish(o->k, chain_last(c), tasks, macs, detail);
}

static void lower_chain(Lower *lw, const Chain *c) {
  const char *stem = !c->project ? "expand_depthwise" : c->expand ? "inverted_residual" : "depthwise_project";
  Kernel k = kernel_begin(lw, stem);
  LBuilder *b = k.b;
  Body o = {.k = &k, .c = c};
  parameters(&o);
  if (c->expand) conv1x1_prepare(&o.expand);
  if (c->project) conv1x1_prepare(&o.project);
  LExpr *t[3];
  Dim tasks = kernel_tasks(&k, 3, (Dim[]){c->images, ceil_div(c->panels, c->group), c->bands}, t);
  o.image = t[0];
  o.lo = lx_muli(b, t[1], c->group);
  o.hi = lx_min(b, lx_addi(b, o.lo, c->group), lx_int(b, c->panels));
  if (c->group < c->panels) o.lo = loop_let(b, "panels", o.lo), o.hi = loop_let(b, "panels_end", o.hi);
  o.first = loop_let(b, "first", lx_muli(b, t[2], c->rows));
  LExpr *end = loop_let(b, "last", lx_min(b, lx_addi(b, o.first, c->rows), kernel_dim(&k, c->w.out_h)));
  if (o.sums) clear_sums(&o);
  o.row = loop_for(b, "y", o.first, end, 1);
  output_row(&o);
  loop_end_for(b);
  if (o.sums) store_sums(&o, t[2]);
  pass_remark(lw->pass, chain_last(c), false,
              "%s are computed row by row, in bands of %lld rows: nothing between them is stored", chain_label(lw, c),
              (long long)c->rows);
  finish(&o, tasks);
}

bool chain_takes(Lower *lw, Node *n) {
  if (lw->deferred[result(n)->id]) return true;
  Chain c;
  if (chain_ends(lw, n, &c)) return lower_chain(lw, &c), true;
  if (!chain_choose(lw, n, &c)) return false;
  if (c.expand) lw->deferred[result(c.expand)->id] = true;
  if (c.project) lw->deferred[result(c.middle)->id] = true;
  return true;
}
