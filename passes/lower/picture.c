#include "passes/lower/picture.h"
#include "ir/core/checked.h"
#include "passes/lower/pack.h"
#include "passes/lower/stem.h"
#include "passes/lower/strided.h"
#include <string.h>

static bool all_equal(const Attr *list, double to) {
  for (int i = 0; i < list->n; i++)
    if (list->floats[i] != to) return false;
  return true;
}

Picture picture_of(Value *v) {
  if (v->kind != VALUE_RESULT || v->node->op != OP_PICTURE) return (Picture){.x = v, .channels = v->type->dims[1]};
  const Node *n = v->node;
  const Attr *scale = NODE_ATTR(n, PICTURE, scale), *shift = NODE_ATTR(n, PICTURE, shift);
  Picture p = {.x = operand(n, IN_PICTURE_x), .channels = v->type->dims[1]};
  p.interleaved = !strcmp(NODE_ATTR(n, PICTURE, layout)->s, "nhwc");
  if (all_equal(scale, 1) && all_equal(shift, 0)) return p;
  p.scale = scale->floats;
  p.shift = shift->floats;
  return p;
}

// Scales, then shifts: 16 rounds of the channels each, so that whole vectors of either order can be loaded.
static Weight *constants(Kernel *k, const Picture *from) {
  Module *m = k->lw->m;
  int64_t n = from->channels * BLOCK;
  Blob *blob = blob_malloc(2 * (size_t)n * sizeof(float));
  float *to = (void *)blob->data;
  for (int64_t i = 0; i < n; i++) {
    to[i] = (float)from->scale[i % from->channels];
    to[n + i] = (float)from->shift[i % from->channels];
  }
  return graph_dense(m, "picture.scale", type_get(m, DT_F32, 1, (Dim[]){2 * n}), blob);
}

LExpr *picture_constants(Kernel *k, const Picture *from) {
  return from->scale ? kernel_buffer(k, "channel", pack_row_major(k->lw, constants(k, from)), ACCESS_IN) : NULL;
}

Staged picture_stage(Kernel *k, const Picture *from, const Window *w, int64_t rows) {
  DimTable *d = k->lw->m->dims;
  Staged s = {.planes = from->interleaved ? 1 : from->channels, .step = from->interleaved ? from->channels : 1};
  s.used = dim_mul(d, dim_add(d, dim_mul(d, dim_sub(d, w->out_w, 1), w->sw), w->kw), s.step);
  Dim copied = dim_mul(d, dim_add(d, w->left, w->in_w), s.step), longer = dim_max(d, s.used, copied);
  // An odd number of cache lines, so that the rows of one column lie in different sets.
  Dim lines = dim_floordiv(d, dim_add(d, longer, 2 * BLOCK - 1), 2 * BLOCK);
  s.pitch = dim_add(d, dim_mul(d, lines, 2 * BLOCK), BLOCK);
  Dim elements = dim_add(d, dim_mul(d, s.pitch, rows * s.planes), BLOCK);
  s.p = kernel_scratch(k, "rows", DT_F32, dim_mul(d, elements, (int64_t)sizeof(float)));
  return s;
}

static void zeros(Kernel *k, LExpr *p, LExpr *from, LExpr *to) {
  LBuilder *b = k->b;
  if (from->op == LOOP_INT && to->op == LOOP_INT && from->i >= to->i) return;
  loop_store(b, p, loop_for(b, "z", from, to, BLOCK), lx_const(b, L_F32X(BLOCK), 0));
  loop_end_for(b);
}

// `lanes` elements at x[at] as f32, scaled and shifted by the constants at `c` (splat where the row is of one channel).
static LExpr *element(Kernel *k, const Picture *from, LExpr *constants, LExpr *x, LExpr *at, LExpr *c, int lanes) {
  LBuilder *b = k->b;
  LExpr *v = lx_load(b, x, at, lanes);
  if (v->type.dtype != DT_F32) v = lx_cast(b, DT_F32, v);
  if (!constants) return v;
  LExpr *other = lx_addi(b, c, from->channels * BLOCK);
  bool spread = !from->interleaved && lanes > 1;
  int width = spread ? 1 : lanes;
  LExpr *scale = lx_load(b, constants, c, width), *shift = lx_load(b, constants, other, width);
  return lx_fma(b, v, spread ? lx_splat(b, lanes, scale) : scale, spread ? lx_splat(b, lanes, shift) : shift);
}

// One staged row: `total` elements from x to y. c: where its channel's constants begin.
static void convert(Kernel *k, const Picture *from, LExpr *constants, LExpr *x, LExpr *y, LExpr *c, LExpr *total) {
  LBuilder *b = k->b;
  int64_t vectors = from->interleaved ? from->channels : 1, round = vectors * BLOCK;
  LExpr *whole = loop_let(b, "whole", lx_sub(b, total, lx_op(b, LOOP_MOD, total, lx_int(b, round))));
  LExpr *at = loop_for(b, "at", lx_int(b, 0), whole, round), *v = loop_unroll(b, "v", 0, vectors);
  LExpr *lane = lx_muli(b, v, BLOCK), *i = lx_add(b, at, lane);
  loop_store(b, y, i, element(k, from, constants, x, i, from->interleaved ? lane : c, BLOCK));
  loop_end_for(b);
  loop_end_for(b);
  if (total->op == LOOP_INT && total->i % round == 0) return;
  LExpr *last = loop_for(b, "at", whole, total, 1);
  loop_store(b, y, last, element(k, from, constants, x, last, from->interleaved ? lx_sub(b, last, whole) : c, 1));
  loop_end_for(b);
}

void picture_row(Kernel *k, const Picture *from, const Window *w, const Staged *s, LExpr *constants, LExpr *x,
                 LExpr *to, LExpr *row) {
  LBuilder *b = k->b;
  DimTable *d = k->lw->m->dims;
  bool opened;
  LExpr *c = kernel_loop(k, "c", lx_int(b, 0), lx_int(b, s->planes), &opened);
  LExpr *line = lx_mul(b, lx_add(b, lx_muli(b, to, s->planes), c), kernel_dim(k, s->pitch));
  LExpr *y = loop_let(b, "yr", lx_add(b, s->p, line)), *used = kernel_dim(k, s->used);
  LExpr *left = kernel_dim(k, dim_mul(d, w->left, s->step)), *width = kernel_dim(k, dim_mul(d, w->in_w, s->step));
  LExpr *height = kernel_dim(k, w->in_h);
  loop_if(b, lx_op(b, LOOP_AND, lx_op(b, LOOP_LE, lx_int(b, 0), row), lx_op(b, LOOP_LT, row, height)));
  zeros(k, y, lx_int(b, 0), left);
  LExpr *from_row = lx_add(b, lx_mul(b, c, height), row);
  LExpr *source = loop_let(b, "xr", lx_add(b, x, lx_mul(b, from_row, width)));
  convert(k, from, constants, source, loop_let(b, "inner", lx_add(b, y, left)), c, width);
  zeros(k, y, lx_add(b, left, width), used);
  loop_else(b);
  zeros(k, y, lx_int(b, 0), used);
  loop_end_if(b);
  kernel_end_loop(k, opened);
}

// ---- the operation by itself

static LExpr *scaled(Kernel *k, void *context, LExpr *const *v, int lanes) {
  (void)context, (void)lanes;
  LExpr *x = v[0]->type.dtype == DT_F32 ? v[0] : lx_cast(k->b, DT_F32, v[0]);
  return lx_fma(k->b, x, v[1], v[2]);
}

static LBuffer *channel_constant(Lower *lw, const char *what, const Attr *list) {
  Blob *blob = blob_malloc((size_t)list->n * sizeof(float));
  for (int i = 0; i < list->n; i++) ((float *)(void *)blob->data)[i] = (float)list->floats[i];
  return pack_row_major(lw, graph_dense(lw->m, what, type_get(lw->m, DT_F32, 1, (Dim[]){list->n}), blob));
}

// Whether nobody needs the result itself: stems take the picture as it is.
static bool is_taken(Lower *lw, const Value *v) {
  if (graph_is_output(lw->m, v)) return false;
  for (const Use *u = v->uses; u; u = u->next)
    if (!stem_takes(u->user)) return false;
  return true;
}

bool lower_picture(Lower *lw, Node *n) {
  Value *x = operand(n, IN_PICTURE_x), *y = result(n);
  if (is_taken(lw, y)) return true;
  Picture p = picture_of(y);
  Dim from[4], to[4];
  row_major(lw, x->type, from);
  row_major(lw, y->type, to);
  Kernel k = kernel_begin(lw, "picture");
  LExpr *operands[] = {
      kernel_in(&k, "x", x),
      kernel_buffer(&k, "scale", channel_constant(lw, "picture.scale", NODE_ATTR(n, PICTURE, scale)), ACCESS_IN),
      kernel_buffer(&k, "shift", channel_constant(lw, "picture.shift", NODE_ATTR(n, PICTURE, shift)), ACCESS_IN),
      kernel_out(&k, "y", y)};
  Strided s = {.n_operands = 4};
  for (int i = 0; i < 4; i++) {
    int at = !p.interleaved || i == 0 ? i : i == 1 ? 3 : i - 1; // where x has dimension i
    Dim channel = i == 1;
    strided_add_dim(&s, y->type->dims[i], (Dim[]){from[at], channel, channel, to[i]});
  }
  kernel_finish(&k, n, strided_loops(&k, &s, operands, scaled, NULL), 0, p.interleaved ? "nhwc" : "nchw");
  return true;
}
