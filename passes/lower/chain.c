#include "passes/lower/chain.h"
#include "ir/core/checked.h"
#include "passes/lower/choose.h"
#include "passes/lower/conv.h"
#include "passes/lower/conv1x1.h"
#include "passes/lower/depthwise.h"
#include "passes/lower/math.h"
#include "passes/lower/place.h"
#include "passes/lower/planes.h"
#include "passes/lower/stem.h"
#include <stdio.h>

// What is computed at once; expand or project may be missing. Rows of the expansion are in a ring: each is there from
// the first output row that sees it to the last. Tasks are bands of output rows (of some panels, where nothing sums
// over them all), and the expansion's rows that two bands see are computed by both.
typedef struct Chain {
  const Node *expand, *middle, *project;
  Window w; // of the middle one
  Dim images;
  int64_t panels; // of the middle one
  int64_t extent; // rows that a window sees
  int64_t ring;   // rows that are kept: a power of two
  int64_t group;  // panels of a task
  int64_t rows;   // of a band
  Dim bands;
} Chain;

static Value *input(const Chain *c) { return operand(c->expand ? c->expand : c->middle, IN_CONV2D_x); }
static const Node *last(const Chain *c) { return c->project ? c->project : c->middle; }

// ---- which nodes

static bool is_blocked(const Value *v) { return v->type->blocked_axis == 1 && v->type->dtype == DT_F32; }
static bool is_constant(const Value *v) { return !v || v->kind == VALUE_WEIGHT; }

// A convolution between pictures in blocks of channels.
static bool takes_part(const Node *n) {
  return n && n->op == OP_CONV2D && is_blocked(operand(n, IN_CONV2D_x)) && is_blocked(result(n)) &&
         is_constant(operand(n, IN_CONV2D_weight)) && is_constant(operand(n, IN_CONV2D_bias)) && !stem_takes(n);
}
static bool is_pointwise(const Node *n) {
  return takes_part(n) && conv_is_pointwise(n) && NODE_ATTR(n, CONV2D, groups)->i == 1;
}
static bool is_depthwise(const Node *n) { return takes_part(n) && conv_is_depthwise(n); }

// The node that alone reads n's result, as its first operand; NULL: the result must be stored.
static const Node *next_of(const Lower *lw, const Node *n) {
  const Value *y = result(n);
  const Use *u = y->uses;
  bool alone = u && !u->next && u->user && !graph_is_output(lw->m, y) && !lw->places[y->id].in;
  return alone && operand(u->user, 0) == y ? u->user : NULL;
}

static const Node *deferred_before(const Lower *lw, const Node *n) {
  const Value *x = operand(n, IN_CONV2D_x);
  return x->kind == VALUE_RESULT && lw->deferred[x->id] ? x->node : NULL;
}

// ---- how it is divided

enum {
  TASKS = 8,        // at least
  UNKNOWN_ROWS = 8, // of a band, where the picture's height is not known
};

static Chain chain_of(Lower *lw, const Node *expand, const Node *middle, const Node *project) {
  Chain c = {.expand = expand, .middle = middle, .project = project};
  c.w = conv_window(c.middle);
  c.images = result(c.middle)->type->dims[0];
  c.panels = ceil_div(result(c.middle)->type->dims[1], BLOCK);
  c.extent = (c.w.kh - 1) * c.w.dh + 1;
  for (c.ring = 1; c.ring < c.extent;) c.ring *= 2;
  c.group = c.panels;
  if (!c.project) // the same for every instruction set: sums are kept a band
    c.group = conv1x1_tile(&choose_reference, c.expand, c.w.in_w).shape.nr;
  c.rows = UNKNOWN_ROWS;
  int64_t tasks = lower_estimate(lw, c.images) * ceil_div(c.panels, c.group);
  if (dim_is_const(c.w.out_h)) {
    int64_t bands = ceil_div(TASKS, tasks), most = bands + 3;
    while (tasks * bands % 4 && bands < most) bands++; // two or four threads get as many tasks each
    c.rows = max_i64(1, ceil_div(c.w.out_h, bands));
  }
  c.bands = dim_floordiv(lw->m->dims, dim_add(lw->m->dims, c.w.out_h, c.rows - 1), c.rows);
  return c;
}

static int64_t padded_channels(const Value *v) { return round_up(v->type->dims[1], BLOCK); }
static int64_t weights_of(const Node *n) {
  return padded_channels(operand(n, IN_CONV2D_x)) * padded_channels(result(n)) * (int64_t)sizeof(float);
}

// Bytes that a task passes over again and again.
static int64_t near_bytes(Lower *lw, const Chain *c) {
  int64_t bytes = 0, vector = BLOCK * sizeof(float);
  if (c->expand)
    bytes += c->group * c->ring * lower_estimate(lw, c->w.in_w) * vector + weights_of(c->expand) * c->group / c->panels;
  if (c->project) bytes += c->panels * lower_estimate(lw, c->w.out_w) * vector + weights_of(c->project);
  return bytes;
}

// Whether its result would be written where other tasks still read: into a concatenation that holds an operand.
static bool overwrites(const Lower *lw, const Chain *c) {
  const Node *before[] = {c->expand, c->project ? c->middle : NULL};
  const Value *y = place_root(lw, result(last(c)));
  for (int i = 0; i < 2; i++)
    for (int k = 0; before[i] && k < before[i]->n_operands; k++) {
      const Value *v = operand(before[i], k);
      if (v && place_root(lw, v) == y) return true;
    }
  return false;
}

// ---- whether it pays

enum {
  CACHE = 1 << 20,       // of a second-level cache
  NEAR_MOST = 768 << 10, // bytes of it for rows and weights
  LONG_ACTIVATION = 10,  // cycles a vector
};
#define BYTES_A_CYCLE 16.0 // to and from what lies behind it

static double bytes_of(Lower *lw, const Value *v) {
  const Type *t = v->type;
  return (double)(lower_estimate(lw, t->dims[0]) * lower_estimate(lw, t->dims[2]) * lower_estimate(lw, t->dims[3])) *
         (double)padded_channels(v) * sizeof(float);
}

// Cycles to write v, the result of a kernel, and to read it in the next one, which writes y.
static double transfer(Lower *lw, const Value *v, const Value *y) {
  double bytes = bytes_of(lw, v), all = bytes + bytes_of(lw, y);
  return all > CACHE ? (1 - CACHE / all) * 2 * bytes / BYTES_A_CYCLE : 0;
}

// Cycles of one row of pixels; `together`: in tiles that end with the row.
static double conv1x1_cycles(Lower *lw, const Node *n, Dim width, bool together) {
  int64_t pixels = lower_estimate(lw, width);
  double efficiency = conv1x1_tile(&choose_reference, n, together ? width : DIM_INVALID).efficiency;
  double vectors = (double)(pixels * padded_channels(result(n)) / BLOCK);
  double sums = vectors * (double)operand(n, IN_CONV2D_x)->type->dims[1] / 2 / efficiency;
  return sums + (math_is_long(NODE_ATTR(n, CONV2D, act)->s) ? vectors * LONG_ACTIVATION : 0);
}

// Rows of the expansion that all bands compute.
static double expanded_rows(const Chain *c) {
  const Window *w = &c->w;
  if (!dim_is_const(w->out_h) || !dim_is_const(w->in_h) || !dim_is_const(w->top))
    return (double)((c->rows - 1) * w->sh + c->extent);
  int64_t n = 0;
  for (int64_t first = 0; first < w->out_h; first += c->rows) {
    int64_t end = min_i64(first + c->rows, w->out_h);
    n += max_i64(0, min_i64(w->in_h, (end - 1) * w->sh - w->top + c->extent) - max_i64(0, first * w->sh - w->top));
  }
  return (double)n;
}

// Thousands of cycles that are saved and lost by a chain.
typedef struct Balance {
  double saved, lost;
} Balance;

static Balance balance(Lower *lw, const Chain *c) {
  Balance b = {0};
  double images = (double)lower_estimate(lw, c->images), rows = (double)lower_estimate(lw, c->w.out_h);
  if (c->expand) {
    double before = (double)lower_estimate(lw, c->w.in_h);
    b.saved += transfer(lw, result(c->expand), result(c->middle));
    b.lost += images * (expanded_rows(c) * conv1x1_cycles(lw, c->expand, c->w.in_w, true) -
                        before * conv1x1_cycles(lw, c->expand, c->w.in_w, false));
  }
  if (c->project) {
    b.saved += transfer(lw, result(c->middle), result(c->project));
    b.lost += images * rows *
              (conv1x1_cycles(lw, c->project, c->w.out_w, true) - conv1x1_cycles(lw, c->project, c->w.out_w, false));
  }
  return (Balance){b.saved / 1e3, b.lost / 1e3};
}

static const char *label(Lower *lw, const Chain *c) {
  Arena *a = lw->p->arena;
  const char *text = pass_label(c->expand ? c->expand : c->middle);
  if (c->expand) text = arena_printf(a, "%s, %s", text, pass_label(c->middle));
  return c->project ? arena_printf(a, "%s, %s", text, pass_label(c->project)) : text;
}

// What is gained, in thousands of cycles; nothing where rows and weights are too many for the cache.
static double gain(Lower *lw, const Chain *c) {
  if (overwrites(lw, c)) return 0;
  int64_t near = near_bytes(lw, c);
  Balance b = balance(lw, c);
  bool fits = near <= NEAR_MOST;
  if (lw->target->chains) return fits ? 1 + b.saved + (c->expand != NULL) + (c->project != NULL) : 0;
  double gained = fits ? b.saved - b.lost : 0;
  if (b.saved > 0)
    pass_remark(lw->pass, c->middle, gained <= 0,
                "%s %s row by row: %.0f thousand cycles saved by what is not written and read, %.0f lost by rows "
                "computed twice and shorter tiles, %lld KB of rows and weights (at most %d)",
                label(lw, c), gained > 0 ? "may go" : "not", b.saved, b.lost, (long long)near >> 10, NEAR_MOST >> 10);
  return gained;
}

// The best chain that begins with n. False: none pays.
static bool best_from(Lower *lw, const Node *n, Chain *best) {
  const Node *expand = is_pointwise(n) && !operand(n, IN_CONV2D_residual) ? n : NULL,
             *middle = expand ? next_of(lw, n) : n;
  if (!is_depthwise(middle)) return false;
  const Node *project = next_of(lw, middle);
  if (!is_pointwise(project)) project = NULL;
  double most = 0;
  bool begins = false; // with n: what begins later is found later
  for (int joined = 1; joined < 4; joined++) {
    bool first = joined & 1, second = joined & 2;
    if ((first && !expand) || (second && !project)) continue;
    Chain c = chain_of(lw, first ? expand : NULL, middle, second ? project : NULL);
    double gained = gain(lw, &c);
    if (gained <= most) continue;
    most = gained;
    begins = c.expand == expand;
    *best = c;
  }
  return begins;
}

// ---- the kernel

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
  PixelRows x = rows_of(o, input(c), o->x, lx_int(b, 0), row);
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
    at.x = rows_of(o, input(c), o->x, block, lx_int(b, 0)).p;
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
  o->x = kernel_in(k, "x", input(c));
  if (c->expand) {
    o->expand = conv1x1_begin(k, c->expand, c->w.in_w);
    o->ring = rows_in_memory(o, "ring", c->group, c->ring, c->w.in_w, &o->ring_plane);
  }
  o->middle = depthwise_begin(k, c->middle, &c->w);
  if (c->expand) o->middle.ring = c->ring;
  if (c->project) {
    o->line = rows_in_memory(o, "line", c->panels, 1, c->w.out_w, &o->line_plane);
    o->project = conv1x1_begin(k, c->project, c->w.out_w);
  }
  o->middle_residual = residual_of(o, c->middle);
  o->project_residual = residual_of(o, c->project);
  bool summed = !c->project && planes_summed(result(c->middle));
  if (summed)
    o->sums = kernel_scratch(k, "panel_sums", DT_F32, c->group * PLANES_SUMS * BLOCK * (int64_t)sizeof(float));
  bool read_back = summed || math_is_long(NODE_ATTR(last(c), CONV2D, act)->s);
  o->y = read_back ? kernel_inout(k, "y", result(last(c))) : kernel_out(k, "y", result(last(c)));
}

static int64_t macs_of(Lower *lw, const Node *n) {
  const Dim *w = operand(n, IN_CONV2D_weight)->type->dims;
  return lower_estimate(lw, type_elements(lw->m, result(n)->type)) * w[1] * w[2] * w[3];
}

static void finish(Body *o, Dim tasks) {
  const Chain *c = o->c;
  Lower *lw = o->k->lw;
  const Node *first[] = {c->expand, c->project ? c->middle : NULL};
  int64_t macs = macs_of(lw, last(c));
  for (int i = 0; i < 2; i++)
    if (first[i]) {
      macs += macs_of(lw, first[i]);
      vec_push(&o->k->before, first[i]);
    }
  char detail[64];
  snprintf(detail, sizeof detail, "C16 bands of %lld", (long long)c->rows);
  kernel_finish(o->k, last(c), tasks, macs, detail);
}

static void lower_chain(Lower *lw, const Chain *c) {
  const char *stem = !c->project ? "expand_depthwise" : c->expand ? "inverted_residual" : "depthwise_project";
  Kernel k = kernel_begin(lw, stem);
  LBuilder *b = k.b;
  Body o = {.k = &k, .c = c};
  parameters(&o);
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
  pass_remark(lw->pass, last(c), false,
              "%s are computed row by row, in bands of %lld rows: nothing between them is stored", label(lw, c),
              (long long)c->rows);
  finish(&o, tasks);
}

// The chain whose last node is n and whose others were deferred.
static Chain chain_to(Lower *lw, const Node *n) {
  const Node *before = deferred_before(lw, n);
  if (is_depthwise(n)) return chain_of(lw, before, n, NULL);
  return chain_of(lw, deferred_before(lw, before), before, n);
}

bool chain_takes(Lower *lw, Node *n) {
  if (lw->deferred[result(n)->id]) return true;
  Chain c;
  if (deferred_before(lw, n)) {
    c = chain_to(lw, n);
    lower_chain(lw, &c);
    return true;
  }
  if (!best_from(lw, n, &c)) return false;
  if (c.expand) lw->deferred[result(c.expand)->id] = true;
  if (c.project) lw->deferred[result(c.middle)->id] = true;
  return true;
}
