// Attention: softmax(scale q k^T + mask) v for each head, bare and with its projections.
#include "ir/ref/ref_ops.h"
#include <math.h>

// One head of one batch element. Row t of the result begins at out + t * out_row.
typedef struct Head {
  int64_t queries, keys, depth, values; // T, S, elements of a query and key, of a value
  RefMatrix q, k, v;
  double scale;
  bool causal;
  const RefTensor *mask; // bool: true takes part; otherwise added to the scores
  int64_t mask_at, mask_row, mask_col;
  double *out;
  int64_t out_row;
} Head;

static double masked(const Head *h, double score, int64_t t, int64_t s) {
  if (h->causal && s > t) return -INFINITY;
  if (!h->mask) return score;
  int64_t k = h->mask_at + t * h->mask_row + s * h->mask_col;
  if (h->mask->type->dtype == DT_BOOL) return h->mask->i[k] ? score : -INFINITY;
  return score + ref_at(h->mask, k);
}

// Softmax of a row; a row whose every score is masked yields zeros, as PyTorch's attention does.
static void soften(double *row, int64_t n) {
  double max = -INFINITY, sum = 0;
  for (int64_t s = 0; s < n; s++) max = row[s] > max ? row[s] : max;
  for (int64_t s = 0; s < n; s++) sum += row[s] = isinf(row[s]) && row[s] < 0 ? 0 : exp(row[s] - max);
  for (int64_t s = 0; s < n && sum != 0; s++) row[s] /= sum;
}

static void attend(const Head *h) {
  int64_t T = h->queries, S = h->keys;
  double *scores = xcalloc((size_t)max_i64(T * S, 1), sizeof *scores);
  ref_gemm(T, S, h->depth, h->q, (RefMatrix){h->k.data, h->k.col, h->k.row}, scores, S);
  for (int64_t t = 0; t < T; t++) {
    for (int64_t s = 0; s < S; s++) scores[t * S + s] = masked(h, scores[t * S + s] * h->scale, t, s);
    soften(scores + t * S, S);
  }
  ref_gemm(T, h->values, S, (RefMatrix){scores, S, 1}, h->v, h->out, h->out_row);
  free(scores);
}

// Sets up the mask, broadcast to [walk..., T, S], as the walk's view 0.
static bool set_mask(RefCall *c, Head *h, const RefTensor *mask, RefWalk *w) {
  if (!mask) return true;
  int64_t T = mask->rank > 1 ? mask->dims[mask->rank - 2] : 1, S = mask->rank > 0 ? mask->dims[mask->rank - 1] : 1;
  if ((T != 1 && T != h->queries) || (S != 1 && S != h->keys))
    return ref_fail(c, "a mask of %ld x %ld does not broadcast to %ld queries and %ld keys", (long)T, (long)S,
                    (long)h->queries, (long)h->keys);
  h->mask = mask;
  h->mask_row = T == 1 ? 0 : S;
  h->mask_col = S == 1 ? 0 : 1;
  return ref_walk_broadcast(w, 0, c, mask, 2);
}

bool ref_scaled_dot_product_attention(RefCall *c) {
  const RefTensor *q = ref_in(c, IN_SCALED_DOT_PRODUCT_ATTENTION_q), *k = ref_in(c, IN_SCALED_DOT_PRODUCT_ATTENTION_k);
  const RefTensor *v = ref_in(c, IN_SCALED_DOT_PRODUCT_ATTENTION_v);
  RefTensor *out = &c->out[0];
  int64_t T = q->dims[q->rank - 2], S = k->dims[k->rank - 2], D = q->dims[q->rank - 1], V = v->dims[v->rank - 1];
  double scale = NODE_ATTR(c->node, SCALED_DOT_PRODUCT_ATTENTION, scale)->f;
  Head h = {.queries = T,
            .keys = S,
            .depth = D,
            .values = V,
            .out_row = V,
            .scale = scale != 0 ? scale : 1 / sqrt((double)D),
            .causal = NODE_ATTR(c->node, SCALED_DOT_PRODUCT_ATTENTION, is_causal)->i};
  if (k->dims[k->rank - 1] != D || v->dims[v->rank - 2] != S) return ref_fail(c, "q, k and v do not fit together");
  RefWalk w = ref_walk(out->rank - 2, out->dims);
  if (!set_mask(c, &h, ref_in(c, IN_SCALED_DOT_PRODUCT_ATTENTION_mask), &w) || !ref_walk_broadcast(&w, 1, c, q, 2) ||
      !ref_walk_broadcast(&w, 2, c, k, 2) || !ref_walk_broadcast(&w, 3, c, v, 2))
    return false;
  for (int64_t at = 0; at < out->count; at += T * V, ref_walk_next(&w)) {
    h.mask_at = w.offset[0];
    h.q = (RefMatrix){q->f + w.offset[1], D, 1};
    h.k = (RefMatrix){k->f + w.offset[2], D, 1};
    h.v = (RefMatrix){v->f + w.offset[3], V, 1};
    h.out = out->f + at;
    attend(&h);
  }
  return true;
}

// qkv: [..., T, 3 D] -> out: [..., T, D], where lead (of n_lead dimensions) stands for `...`.
static bool attend_heads(RefCall *c, const double *qkv, int n_lead, const int64_t *lead, int64_t T, int64_t D,
                         int64_t heads, const RefTensor *mask, double *out) {
  int64_t depth = D / heads, dims[MAX_RANK + 1];
  for (int k = 0; k < n_lead; k++) dims[k] = lead[k];
  dims[n_lead] = heads;
  Head h = {.queries = T, .keys = T, .depth = depth, .values = depth, .out_row = D, .scale = 1 / sqrt((double)depth)};
  RefWalk w = ref_walk(n_lead + 1, dims);
  if (!set_mask(c, &h, mask, &w)) return false;
  for (int64_t n = 0, batches = ref_product(lead, n_lead); n < batches; n++)
    for (int64_t i = 0; i < heads; i++, ref_walk_next(&w)) {
      const double *at = qkv + n * T * 3 * D + i * depth;
      h.mask_at = w.offset[0];
      h.q = (RefMatrix){at, 3 * D, 1};
      h.k = (RefMatrix){at + D, 3 * D, 1};
      h.v = (RefMatrix){at + 2 * D, 3 * D, 1};
      h.out = out + n * T * D + i * depth;
      attend(&h);
    }
  return true;
}

bool ref_attention_core(RefCall *c) {
  const RefTensor *qkv = ref_in(c, IN_ATTENTION_CORE_qkv);
  int lead = qkv->rank - 2;
  return attend_heads(c, qkv->f, lead, qkv->dims, qkv->dims[lead], qkv->dims[lead + 1] / 3,
                      NODE_ATTR(c->node, ATTENTION_CORE, heads)->i, ref_in(c, IN_ATTENTION_CORE_mask), c->out->f);
}

bool ref_attention(RefCall *c) {
  static const int weights[3] = {IN_ATTENTION_q_weight, IN_ATTENTION_k_weight, IN_ATTENTION_v_weight};
  static const int biases[3] = {IN_ATTENTION_q_bias, IN_ATTENTION_k_bias, IN_ATTENTION_v_bias};
  const RefTensor *x = ref_in(c, IN_ATTENTION_x), *fused = ref_in(c, IN_ATTENTION_qkv_weight);
  int lead = x->rank - 2;
  int64_t T = x->dims[lead], D = x->dims[lead + 1], rows = ref_product(x->dims, lead + 1);
  double *qkv = xcalloc((size_t)max_i64(rows * D, 1) * 3, sizeof *qkv);
  double *mixed = xcalloc((size_t)max_i64(rows * D, 1), sizeof *mixed);
  if (fused) ref_affine(rows, x->f, fused, ref_in(c, IN_ATTENTION_qkv_bias), qkv, 3 * D);
  for (int k = 0; k < 3 && !fused; k++)
    ref_affine(rows, x->f, ref_in(c, weights[k]), ref_in(c, biases[k]), qkv + k * D, 3 * D);
  bool ok = attend_heads(c, qkv, lead, x->dims, T, D, NODE_ATTR(c->node, ATTENTION, heads)->i,
                         ref_in(c, IN_ATTENTION_mask), mixed);
  if (ok) ref_affine(rows, mixed, ref_in(c, IN_ATTENTION_proj_weight), ref_in(c, IN_ATTENTION_proj_bias), c->out->f, D);
  free(mixed);
  free(qkv);
  return ok;
}
