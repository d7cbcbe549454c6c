// Which convolutions are computed row by row together, how that is divided into tasks, and whether it pays. The
// estimate counts cycles of one machine for all instruction sets: where sums are kept a band, these must be alike.
#include "ir/core/checked.h"
#include "passes/lower/chain.h"
#include "passes/lower/choose.h"
#include "passes/lower/conv.h"
#include "passes/lower/conv1x1.h"
#include "passes/lower/math.h"
#include "passes/lower/place.h"
#include "passes/lower/sparse.h"
#include "passes/lower/stem.h"
#include <math.h>

// ---- which nodes

static bool is_blocked(const Value *v) { return v->type->blocked_axis == 1 && v->type->dtype == DT_F32; }
static bool is_constant(const Value *v) { return !v || weight_behind(v); }

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

// Whether its result would be written where other tasks still read: into a concatenation that holds an operand.
static bool overwrites(const Lower *lw, const Chain *c) {
  const Node *before[] = {c->expand, c->project ? c->middle : NULL};
  const Value *y = place_root(lw, result(chain_last(c)));
  for (int i = 0; i < 2; i++)
    for (int k = 0; before[i] && k < before[i]->n_operands; k++) {
      const Value *v = operand(before[i], k);
      if (v && place_root(lw, v) == y) return true;
    }
  return false;
}

// ---- what it costs

enum {
  TASKS = 8,             // at least
  WIDEST_GROUP = 4,      // panels, where tasks have some of them
  UNKNOWN_ROWS = 8,      // of a band, where the picture's height is not known
  CACHE = 1 << 20,       // of a second-level cache
  NEAR_MOST = 768 << 10, // bytes of it for rows and weights
  LONG_ACTIVATION = 14,  // cycles a vector
  ROW = 100,             // cycles at the beginning and end of a row
};
#define BYTES_A_CYCLE 16.0 // to and from what lies behind that cache

static double vectors(Lower *lw, const Value *v) { // of a row, all channels
  return (double)lower_estimate(lw, v->type->dims[3]) * (double)ceil_div(v->type->dims[1], BLOCK);
}

static double bytes_of(Lower *lw, const Value *v) {
  double rows = (double)lower_estimate(lw, v->type->dims[0]) * (double)lower_estimate(lw, v->type->dims[2]);
  return rows * vectors(lw, v) * BLOCK * sizeof(float);
}

static double weights_of(const Node *n) {
  const Type *x = operand(n, IN_CONV2D_x)->type, *y = result(n)->type;
  return (double)x->dims[1] * (double)round_up(y->dims[1], BLOCK) * sizeof(float);
}

// Bytes that a task passes over again and again.
static double near_bytes(Lower *lw, const Chain *c) {
  double bytes = 0, vector = BLOCK * sizeof(float), panels = (double)c->panels, group = (double)c->group;
  if (c->expand) {
    double row = group * (double)lower_estimate(lw, c->w.in_w) * vector;
    bytes += row * (double)c->ring + weights_of(c->expand) * group / panels;
  }
  if (c->project) bytes += panels * (double)lower_estimate(lw, c->w.out_w) * vector + weights_of(c->project);
  return bytes;
}

static bool is_long(const Node *n) { return math_is_long(NODE_ATTR(n, CONV2D, act)->s); }

// Cycles to write n's result and to read it in `next`. Writing costs nothing beside a long activation.
static double transfer(Lower *lw, const Node *n, const Node *next) {
  double bytes = bytes_of(lw, result(n)), all = bytes + bytes_of(lw, result(next));
  double times = is_long(n) ? 1 : 2;
  return all > CACHE ? (1 - CACHE / all) * times * bytes / BYTES_A_CYCLE : 0;
}

// Cycles of one row of n's pixels: in tiles of some panels (0: any) and so many pixels, which a row begins and ends
// with.
static double conv1x1_cycles(Lower *lw, const Node *n, int64_t panels, Dim pixels) {
  TileChoice tile = conv1x1_tile(&choose_reference, n, panels, pixels);
  double sums = (double)operand(n, IN_CONV2D_x)->type->dims[1] / 2 / tile.efficiency;
  double rows = (double)ceil_div(result(n)->type->dims[1], tile.shape.nr * BLOCK);
  return vectors(lw, result(n)) * (sums + (is_long(n) ? LONG_ACTIVATION : 0)) +
         (pixels == DIM_INVALID ? 0 : rows * ROW);
}

// Rows of the expansion that all bands of an image compute.
static double expanded_rows(Lower *lw, const Chain *c) {
  const Window *w = &c->w;
  if (!dim_is_const(w->out_h) || !dim_is_const(w->in_h) || !dim_is_const(w->top))
    return (double)lower_estimate(lw, c->bands) * (double)((c->rows - 1) * w->sh + c->extent);
  int64_t n = 0;
  for (int64_t first = 0; first < w->out_h; first += c->rows) {
    int64_t end = min_i64(first + c->rows, w->out_h);
    n += max_i64(0, min_i64(w->in_h, (end - 1) * w->sh - w->top + c->extent) - max_i64(0, first * w->sh - w->top));
  }
  return (double)n;
}

// Cycles of an image's expansion. With an odd number of tasks, two threads wait for the last one.
static double expansion(Lower *lw, const Chain *c) {
  double tasks =
      (double)(lower_estimate(lw, c->images) * ceil_div(c->panels, c->group)) * (double)lower_estimate(lw, c->bands);
  double shared = fmod(tasks, 2) ? (tasks + 1) / tasks : 1;
  return shared * expanded_rows(lw, c) * conv1x1_cycles(lw, c->expand, c->group, c->w.in_w);
}

// ---- how it is divided

static void divide_rows(Lower *lw, Chain *c) {
  Dim height = c->w.out_h;
  int64_t tasks = lower_estimate(lw, c->images) * ceil_div(c->panels, c->group);
  c->rows = dim_is_const(height) ? max_i64(1, ceil_div(height, ceil_div(TASKS, tasks))) : UNKNOWN_ROWS;
  c->bands = dim_floordiv(lw->m->dims, dim_add(lw->m->dims, height, c->rows - 1), c->rows);
}

static Chain chain_of(Lower *lw, const Node *expand, const Node *middle, const Node *project) {
  Chain c = {.expand = expand, .middle = middle, .project = project};
  c.w = conv_window(c.middle);
  c.images = result(c.middle)->type->dims[0];
  c.panels = ceil_div(result(c.middle)->type->dims[1], BLOCK);
  c.extent = (c.w.kh - 1) * c.w.dh + 1;
  for (c.ring = 1; c.ring < c.extent;) c.ring *= 2;
  c.group = c.panels;
  divide_rows(lw, &c);
  for (int64_t group = 1; !project && group <= min_i64(WIDEST_GROUP, c.panels - 1); group++) {
    Chain other = c;
    other.group = group;
    divide_rows(lw, &other);
    if (expansion(lw, &other) < expansion(lw, &c)) c = other;
  }
  return c;
}

// ---- whether it pays

// Thousands of cycles that are saved and lost by a chain.
typedef struct Balance {
  double saved, lost;
} Balance;

static Balance balance(Lower *lw, const Chain *c) {
  Balance b = {0};
  double images = (double)lower_estimate(lw, c->images) / 1e3;
  if (c->expand) {
    double rows = (double)lower_estimate(lw, c->w.in_h);
    b.saved += transfer(lw, c->expand, c->middle) / 1e3;
    b.lost += images * (expansion(lw, c) - rows * conv1x1_cycles(lw, c->expand, 0, DIM_INVALID));
    b.lost += sparse_gain(lw, c->expand);
  }
  if (c->project) {
    double rows = images * (double)lower_estimate(lw, c->w.out_h);
    b.saved += transfer(lw, c->middle, c->project) / 1e3;
    b.lost += rows * (conv1x1_cycles(lw, c->project, 0, c->w.out_w) - conv1x1_cycles(lw, c->project, 0, DIM_INVALID));
    b.lost += sparse_gain(lw, c->project);
  }
  return b;
}

const char *chain_label(Lower *lw, const Chain *c) {
  Arena *a = lw->p->arena;
  const char *text = pass_label(c->expand ? c->expand : c->middle);
  if (c->expand) text = arena_printf(a, "%s, %s", text, pass_label(c->middle));
  return c->project ? arena_printf(a, "%s, %s", text, pass_label(c->project)) : text;
}

// What is gained, in thousands of cycles; nothing where rows and weights are too many for the cache.
static double gain(Lower *lw, const Chain *c) {
  if (overwrites(lw, c)) return 0;
  double near = near_bytes(lw, c);
  Balance b = balance(lw, c);
  bool fits = near <= NEAR_MOST;
  if (lw->target->chains) return fits ? 1 + b.saved + (c->expand != NULL) + (c->project != NULL) : 0;
  double gained = fits ? b.saved - b.lost : 0;
  if (b.saved > 0)
    pass_remark(lw->pass, c->middle, gained <= 0,
                "%s %s row by row: %.0f thousand cycles saved by what is not written and read, %.0f lost by rows "
                "computed twice, shorter tiles and multiplied zeros, %.0f KB of rows and weights (at most %d)",
                chain_label(lw, c), gained > 0 ? "may go" : "not", b.saved, b.lost, near / 1024, NEAR_MOST >> 10);
  return gained;
}

bool chain_choose(Lower *lw, const Node *n, Chain *best) {
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

bool chain_ends(Lower *lw, const Node *n, Chain *c) {
  const Node *before = deferred_before(lw, n);
  if (!before) return false;
  if (is_depthwise(n))
    *c = chain_of(lw, before, n, NULL);
  else
    *c = chain_of(lw, deferred_before(lw, before), before, n);
  return true;
}
