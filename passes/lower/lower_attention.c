// The two ops of attention: where the matrices of their heads lie.
#include "ir/core/checked.h"
#include "passes/lower/attention.h"
#include <math.h>

Matrix attention_matrix(Kernel *k, const Heads *h, const HeadsOf *of, LExpr *p, LExpr *const *index) {
  LBuilder *b = k->b;
  p = lx_add(b, p, kernel_dim(k, of->at));
  for (int d = 0; d < h->leading; d++) p = lx_add(b, p, lx_mul(b, index[d], kernel_dim(k, of->leading[d])));
  return (Matrix){loop_let(b, "m", p), kernel_dim(k, of->row), kernel_dim(k, of->block)};
}

// Whether a task takes a whole head: its keys fit the first-level cache beside V and the scores, and it has not much
// more to do than a task should.
static bool is_small(const Heads *h) {
  const int64_t most = 4096; // elements of K, of V
  if (!dim_is_const(h->queries) || !dim_is_const(h->keys) || ceil_div(h->queries, h->tile.mr) > 4) return false;
  return round_up(h->keys, BLOCK) * max_i64(h->width, h->v_width) <= most;
}

static bool lower_heads(Lower *lw, Node *n, Heads *h) {
  if (h->scale == 0) h->scale = 1 / sqrt((double)h->width);
  int64_t rows = dim_is_const(h->queries) ? h->queries : 0;
  h->tile = tile_choose(lw->target, rows, ceil_div(h->v_width, BLOCK));
  if (!is_small(h)) attention_keys(lw, n, h);
  attention_queries(lw, n, h);
  return true;
}

// ---- attention_core: heads side by side in one matrix

// Part `part` of the `parts` that lie in v, [N, ..., T, parts D]. A head's channels begin at whole blocks where the
// layout is blocked.
static HeadsOf part_of(Lower *lw, const Heads *h, Value *v, int part, int parts) {
  DimTable *dims = lw->m->dims;
  bool blocked = v->type->blocked_axis >= 0;
  int head = h->leading - 1;
  int64_t width = h->width * h->extents[head];
  Dim block = blocked ? dim_mul(dims, h->queries, BLOCK) : BLOCK, matrix = dim_mul(dims, h->queries, width);
  HeadsOf of = {.v = v, .row = blocked ? BLOCK : parts * width, .block = block};
  of.at = dim_mul(dims, blocked ? matrix : width, part);
  of.leading[head] = blocked ? dim_mul(dims, block, h->width / BLOCK) : h->width;
  Dim stride = dim_mul(dims, matrix, parts);
  for (int d = head - 1; d >= 0; d--) {
    of.leading[d] = stride;
    stride = dim_mul(dims, stride, h->extents[d]);
  }
  return of;
}

bool lower_attention_core(Lower *lw, Node *n) {
  Value *x = operand(n, IN_ATTENTION_CORE_qkv), *y = result(n);
  const Type *t = y->type;
  int64_t heads = NODE_ATTR(n, ATTENTION_CORE, heads)->i, width = t->dims[t->rank - 1] / heads;
  Dim tokens = t->dims[t->rank - 2];
  Heads h = {.leading = t->rank - 1, .queries = tokens, .keys = tokens, .width = width, .v_width = width};
  for (int d = 0; d < t->rank - 2; d++) h.extents[d] = t->dims[d];
  h.extents[t->rank - 2] = heads;
  h.mask = operand(n, IN_ATTENTION_CORE_mask);
  h.q = part_of(lw, &h, x, 0, 3);
  h.k = part_of(lw, &h, x, 1, 3);
  h.v = part_of(lw, &h, x, 2, 3);
  h.y = part_of(lw, &h, y, 0, 1);
  return lower_heads(lw, n, &h);
}

// ---- scaled_dot_product_attention: q, k and v apart, row-major

// Leading dimensions of extent 1 broadcast.
static HeadsOf separate(Lower *lw, const Heads *h, Value *v) {
  const Type *t = v->type;
  Dim strides[MAX_RANK];
  row_major(lw, t, strides);
  HeadsOf of = {.v = v, .row = strides[t->rank - 2], .block = BLOCK};
  for (int i = 0; i < t->rank - 2; i++)
    if (t->dims[i] != 1) of.leading[i + h->leading - (t->rank - 2)] = strides[i];
  return of;
}

bool lower_scaled_dot_product_attention(Lower *lw, Node *n) {
  Value *q = operand(n, IN_SCALED_DOT_PRODUCT_ATTENTION_q), *k = operand(n, IN_SCALED_DOT_PRODUCT_ATTENTION_k),
        *y = result(n);
  const Type *t = y->type, *tk = k->type;
  Heads h = {.leading = t->rank - 2, .queries = t->dims[t->rank - 2], .keys = tk->dims[tk->rank - 2]};
  h.width = tk->dims[tk->rank - 1];
  h.v_width = t->dims[t->rank - 1];
  if (!dim_is_const(h.width) || !dim_is_const(h.v_width)) {
    diag_error(lw->diag, n->span, "scaled_dot_product_attention needs a known depth of q, k and v");
    return false;
  }
  for (int d = 0; d < h.leading; d++) h.extents[d] = t->dims[d];
  h.mask = operand(n, IN_SCALED_DOT_PRODUCT_ATTENTION_mask);
  h.scale = NODE_ATTR(n, SCALED_DOT_PRODUCT_ATTENTION, scale)->f;
  h.causal = NODE_ATTR(n, SCALED_DOT_PRODUCT_ATTENTION, is_causal)->i;
  h.q = separate(lw, &h, q);
  h.k = separate(lw, &h, k);
  h.v = separate(lw, &h, operand(n, IN_SCALED_DOT_PRODUCT_ATTENTION_v));
  h.y = separate(lw, &h, y);
  return lower_heads(lw, n, &h);
}
