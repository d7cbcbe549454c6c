// Group norm of [N, C, ...] in blocks of 16 channels, in three phases: the mean and the sum of squared deviations of
// every channel, one lane each; from these, a group's mean and scale, again a lane a channel; then every element. A
// group may be part of a block or begin within one. Sums of squares are taken about each channel's own mean, so that
// nothing cancels, and lanes past the last channel enter no group.
#include "passes/lower/pack.h"
#include "passes/lower/planes.h"

typedef struct GroupNorm {
  Lower *lw;
  Node *n;
  Dim images, blocks, pixels;
  int64_t groups, in_group;
  LBuffer *means, *squares; // [images][blocks][16]
} GroupNorm;

static LExpr *at_block(Kernel *k, const GroupNorm *g, LExpr *const *t) {
  return loop_let(k->b, "block",
                  lx_muli(k->b, lx_add(k->b, lx_mul(k->b, t[0], kernel_dim(k, g->blocks)), t[1]), BLOCK));
}

// ---- each channel

static void channel_statistics(const GroupNorm *g) {
  Kernel k = kernel_begin(g->lw, "channel_statistics");
  LBuilder *b = k.b;
  LExpr *px = kernel_in(&k, "x", operand(g->n, 0)), *pm = kernel_buffer(&k, "means", g->means, ACCESS_OUT),
        *ps = kernel_buffer(&k, "squares", g->squares, ACCESS_OUT), *t[2];
  Dim tasks = kernel_tasks(&k, 2, (Dim[]){g->images, g->blocks}, t);
  LExpr *at = at_block(&k, g, t), *pixels = kernel_dim(&k, g->pixels);
  LExpr *row = loop_let(b, "row", lx_add(b, px, lx_mul(b, at, pixels)));
  LVar *sums = planes_sums(&k, NULL), *squares = loop_local(b, "squares", L_F32X(BLOCK), 0, NULL);
  planes_add(&k, sums, row, lx_int(b, 0), pixels);
  LExpr *count = lx_splat(b, BLOCK, lx_cast(b, DT_F32, pixels));
  LExpr *mean = loop_let(b, "mean", lx_op(b, LOOP_DIV, planes_total(&k, sums), count));
  loop_set(b, squares, lx_const(b, squares->type, 0));
  LExpr *i = loop_for(b, "i", lx_int(b, 0), pixels, 1);
  LExpr *d = loop_let(b, "d", lx_sub(b, lx_load(b, row, lx_muli(b, i, BLOCK), BLOCK), mean));
  loop_set(b, squares, lx_fma(b, d, d, lx_local(b, squares)));
  loop_end_for(b);
  loop_store(b, pm, at, mean);
  loop_store(b, ps, at, lx_local(b, squares));
  kernel_finish(&k, g->n, tasks, 0, "C16");
}

// ---- each group; a task is one, its channels are visited one by one

static LVar *scalar_local(Kernel *k, const char *name) {
  LVar *v = loop_local(k->b, name, L_F32, 0, NULL);
  loop_set(k->b, v, lx_const(k->b, L_F32, 0));
  return v;
}

// var = (sum of a channel's squares + pixels (its mean - the group's)^2) / (pixels channels).
static void group_statistics(const GroupNorm *g) {
  Kernel k = kernel_begin(g->lw, "group_statistics");
  LBuilder *b = k.b;
  LExpr *pm = kernel_buffer(&k, "means", g->means, ACCESS_INOUT),
        *ps = kernel_buffer(&k, "squares", g->squares, ACCESS_INOUT);
  LExpr *t[2], *eps = lx_const(b, L_F32, NODE_ATTR(g->n, GROUP_NORM, eps)->f), *one = lx_const(b, L_F32, 1);
  Dim tasks = kernel_tasks(&k, 2, (Dim[]){g->images, g->groups}, t);
  LExpr *image = lx_mul(b, t[0], kernel_dim(&k, dim_mul(g->lw->m->dims, g->blocks, BLOCK)));
  LExpr *base = loop_let(b, "base", lx_add(b, image, lx_muli(b, t[1], g->in_group)));
  LVar *sum = scalar_local(&k, "sum");
  LExpr *c = loop_for(b, "c", lx_int(b, 0), lx_int(b, g->in_group), 1);
  loop_set(b, sum, lx_add(b, lx_local(b, sum), lx_load(b, pm, lx_add(b, base, c), 1)));
  loop_end_for(b);
  LExpr *channels = lx_const(b, L_F32, (double)g->in_group);
  LExpr *mean = loop_let(b, "mean", lx_op(b, LOOP_DIV, lx_local(b, sum), channels));
  LExpr *pixels = loop_let(b, "pixels", lx_cast(b, DT_F32, kernel_dim(&k, g->pixels)));
  LVar *squares = scalar_local(&k, "squares");
  c = loop_for(b, "c", lx_int(b, 0), lx_int(b, g->in_group), 1);
  LExpr *at = lx_add(b, base, c);
  LExpr *d = loop_let(b, "d", lx_sub(b, lx_load(b, pm, at, 1), mean));
  LExpr *more = lx_fma(b, lx_mul(b, d, pixels), d, lx_load(b, ps, at, 1));
  loop_set(b, squares, lx_add(b, lx_local(b, squares), more));
  loop_end_for(b);
  LExpr *var = lx_op(b, LOOP_DIV, lx_local(b, squares), lx_mul(b, pixels, channels));
  LExpr *scale = loop_let(b, "scale", lx_op(b, LOOP_DIV, one, lx_unary(b, LOOP_SQRT, lx_add(b, var, eps))));
  c = loop_for(b, "c", lx_int(b, 0), lx_int(b, g->in_group), 1);
  loop_store(b, pm, lx_add(b, base, c), mean);
  loop_store(b, ps, lx_add(b, base, c), scale);
  loop_end_for(b);
  kernel_finish(&k, g->n, tasks, 0, "");
}

// ---- each element

static void normalise(const GroupNorm *g) {
  Kernel k = kernel_begin(g->lw, "normalise_groups");
  LBuilder *b = k.b;
  Weight *w = weight_operand(g->n, IN_GROUP_NORM_weight), *bias = weight_operand(g->n, IN_GROUP_NORM_bias);
  LExpr *px = kernel_in_place(&k, "x", operand(g->n, 0)), *pm = kernel_buffer(&k, "means", g->means, ACCESS_IN),
        *ps = kernel_buffer(&k, "scales", g->squares, ACCESS_IN);
  LExpr *gamma = w ? kernel_buffer(&k, "gamma", pack_vector(g->lw, w), ACCESS_IN) : NULL;
  LExpr *beta = bias ? kernel_buffer(&k, "beta", pack_vector(g->lw, bias), ACCESS_IN) : NULL;
  LExpr *py = kernel_out_in_place(&k, "y", result(g->n)), *t[2];
  Dim tasks = kernel_tasks(&k, 2, (Dim[]){g->images, g->blocks}, t);
  LExpr *at = at_block(&k, g, t), *own = lx_muli(b, t[1], BLOCK), *pixels = kernel_dim(&k, g->pixels);
  LExpr *mean = loop_let(b, "mean", lx_load(b, pm, at, BLOCK)), *scale = lx_load(b, ps, at, BLOCK);
  if (gamma) scale = lx_mul(b, scale, lx_load(b, gamma, own, BLOCK));
  scale = loop_let(b, "scale", scale);
  LExpr *shift = loop_let(b, "shift", beta ? lx_load(b, beta, own, BLOCK) : lx_const(b, L_F32X(BLOCK), 0));
  LExpr *begin = loop_let(b, "begin", lx_mul(b, at, pixels)), *i = loop_for(b, "i", lx_int(b, 0), pixels, 1);
  LExpr *offset = lx_add(b, begin, lx_muli(b, i, BLOCK));
  loop_store(b, py, offset, lx_fma(b, lx_sub(b, lx_load(b, px, offset, BLOCK), mean), scale, shift));
  loop_end_for(b);
  kernel_finish(&k, g->n, tasks, 0, "C16");
}

bool lower_group_norm(Lower *lw, Node *n) {
  DimTable *dims = lw->m->dims;
  const Type *t = operand(n, 0)->type;
  GroupNorm g = {.lw = lw, .n = n, .images = t->dims[0]};
  g.groups = NODE_ATTR(n, GROUP_NORM, num_groups)->i;
  g.in_group = t->dims[1] / g.groups;
  g.blocks = (t->dims[1] + BLOCK - 1) / BLOCK;
  g.pixels = lower_product(lw, t->dims, 2, t->rank);
  Dim bytes = dim_mul(dims, g.images, g.blocks * BLOCK * (int64_t)sizeof(float));
  g.means = lower_new_buffer(lw, BUFFER_ARENA, arena_printf(lw->p->arena, "means%u", result(n)->id), DT_F32, bytes);
  g.squares = lower_new_buffer(lw, BUFFER_ARENA, arena_printf(lw->p->arena, "scales%u", result(n)->id), DT_F32, bytes);
  channel_statistics(&g);
  group_statistics(&g);
  normalise(&g);
  return true;
}
