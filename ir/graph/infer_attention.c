// Shapes of attention.
#include "ir/graph/infer_common.h"
#include <string.h>

// The mask adds to or selects scores of [lead..., T, S].
static bool check_mask(Infer *in, int i, DType dtype, int n_lead, const Dim *lead, Dim T, Dim S) {
  const Type *mask = operand_type(in, i);
  if (!mask) return true;
  Dim scores[MAX_RANK + 2];
  if (n_lead + 2 > MAX_RANK) return infer_fail(in, "%s: too many dimensions", op_info(in->op)->name);
  memcpy(scores, lead, sizeof *lead * (size_t)n_lead);
  scores[n_lead] = T;
  scores[n_lead + 1] = S;
  if (mask->dtype != DT_BOOL && mask->dtype != dtype)
    return infer_fail(in, "%s: `%s` is %s; a mask is of bool or of the operands' type", op_info(in->op)->name,
                      infer_operand_name(in, i), infer_str(in, mask));
  return infer_broadcasts_to(in, i, n_lead + 2, scores);
}

// The mask of self-attention over x: [..., T, *], where scores are [..., heads, T, T].
static bool check_heads_mask(Infer *in, int i, const Type *x, int64_t heads) {
  Dim lead[MAX_RANK + 1], T = x->dims[x->rank - 2];
  memcpy(lead, x->dims, sizeof *lead * (size_t)(x->rank - 2));
  lead[x->rank - 2] = heads;
  return check_mask(in, i, x->dtype, x->rank - 1, lead, T, T);
}

// `width` elements of the last dimension divide into heads.
static bool check_heads(Infer *in, Dim width, int64_t heads) {
  if (heads >= 1 && dim_is_const(width) && width % heads == 0) return true;
  return infer_fail(in, "%s: %s elements of `%s` do not divide into %lld heads", op_info(in->op)->name,
                    infer_dim_str(in, width), infer_operand_name(in, 0), (long long)heads);
}

static bool check_projections(Infer *in, const Type *x, Dim D) {
  static const int weights[3] = {IN_ATTENTION_q_weight, IN_ATTENTION_k_weight, IN_ATTENTION_v_weight};
  static const int biases[3] = {IN_ATTENTION_q_bias, IN_ATTENTION_k_bias, IN_ATTENTION_v_bias};
  bool fused = operand_type(in, IN_ATTENTION_qkv_weight);
  for (int i = 0; i < 3; i++) {
    if (fused == (operand_type(in, weights[i]) != NULL))
      return infer_fail(in, "attention needs either `qkv_weight` or all of `q_weight`, `k_weight` and `v_weight`");
    if (!operand_type(in, weights[i]) && operand_type(in, biases[i]))
      return infer_fail(in, "attention: `%s` stands without its weight", infer_operand_name(in, biases[i]));
    if (!infer_parameter(in, weights[i], x->dtype, 2, (Dim[]){D, D}) ||
        !infer_parameter(in, biases[i], x->dtype, 1, &D))
      return false;
  }
  if (!fused && operand_type(in, IN_ATTENTION_qkv_bias))
    return infer_fail(in, "attention: `qkv_bias` stands without its weight");
  return infer_parameter(in, IN_ATTENTION_qkv_weight, x->dtype, 2, (Dim[]){3 * D, D}) &&
         infer_parameter(in, IN_ATTENTION_qkv_bias, x->dtype, 1, (Dim[]){3 * D}) &&
         infer_parameter(in, IN_ATTENTION_proj_weight, x->dtype, 2, (Dim[]){D, D}) &&
         infer_parameter(in, IN_ATTENTION_proj_bias, x->dtype, 1, &D);
}

bool infer_attention(Infer *in) {
  const Type *x = operand_type(in, IN_ATTENTION_x);
  int64_t heads = INFER_ATTR(in, ATTENTION, heads)->i;
  if (!infer_min_rank(in, IN_ATTENTION_x, 2) || !infer_float(in, IN_ATTENTION_x)) return false;
  Dim D = x->dims[x->rank - 1];
  return check_heads(in, D, heads) && check_projections(in, x, D) &&
         check_heads_mask(in, IN_ATTENTION_mask, x, heads) && infer_same(in, x);
}

bool weights_ATTENTION(Infer *in, const Attr *args, const Type **out) {
  const Type *x = operand_type(in, 0);
  Dim D;
  if (!infer_min_rank(in, 0, 2) || !infer_known_dim(in, x->rank - 1, &D) ||
      !check_heads(in, D, infer_arg(in, args, "heads")->i))
    return false;
  const Type *matrix = type_get(in->m, x->dtype, 2, (Dim[]){D, D}), *vector = type_get(in->m, x->dtype, 1, &D);
  out[IN_ATTENTION_qkv_weight] = type_get(in->m, x->dtype, 2, (Dim[]){3 * D, D});
  out[IN_ATTENTION_qkv_bias] = type_get(in->m, x->dtype, 1, (Dim[]){3 * D});
  out[IN_ATTENTION_q_weight] = out[IN_ATTENTION_k_weight] = out[IN_ATTENTION_v_weight] = matrix;
  out[IN_ATTENTION_q_bias] = out[IN_ATTENTION_k_bias] = out[IN_ATTENTION_v_bias] = vector;
  out[IN_ATTENTION_proj_weight] = matrix;
  out[IN_ATTENTION_proj_bias] = vector;
  return true;
}

bool infer_scaled_dot_product_attention(Infer *in) {
  const Type *q = operand_type(in, 0), *k = operand_type(in, 1), *v = operand_type(in, 2);
  int mask = IN_SCALED_DOT_PRODUCT_ATTENTION_mask;
  for (int i = 0; i < 3; i++)
    if (!infer_min_rank(in, i, 2) || !infer_float(in, i) || !infer_same_dtype(in, i, q)) return false;
  Dim T = q->dims[q->rank - 2], S = k->dims[k->rank - 2];
  if (!infer_may_equal(in, q->dims[q->rank - 1], k->dims[k->rank - 1], "the depth of q and k") ||
      !infer_may_equal(in, S, v->dims[v->rank - 2], "the number of keys and values"))
    return infer_fail(in, "scaled_dot_product_attention: q %s, k %s and v %s do not fit together", infer_str(in, q),
                      infer_str(in, k), infer_str(in, v));
  if (INFER_ATTR(in, SCALED_DOT_PRODUCT_ATTENTION, is_causal)->i && operand_type(in, mask))
    return infer_fail(in, "scaled_dot_product_attention takes `mask` or `is_causal`, not both");
  Dim dims[MAX_RANK], pair[MAX_RANK];
  int rank = infer_broadcast(in, q->rank - 2, q->dims, k->rank - 2, k->dims, pair);
  if (rank >= 0) rank = infer_broadcast(in, rank, pair, v->rank - 2, v->dims, dims);
  if (rank < 0 || !check_mask(in, mask, q->dtype, rank, dims, T, S)) return false;
  dims[rank] = T;
  dims[rank + 1] = v->dims[v->rank - 1];
  return infer_shape(in, q->dtype, rank + 2, dims);
}

bool infer_attention_core(Infer *in) {
  const Type *qkv = operand_type(in, IN_ATTENTION_CORE_qkv);
  int64_t heads = INFER_ATTR(in, ATTENTION_CORE, heads)->i;
  if (!infer_min_rank(in, IN_ATTENTION_CORE_qkv, 2) || !infer_float(in, IN_ATTENTION_CORE_qkv)) return false;
  Dim width = qkv->dims[qkv->rank - 1], dims[MAX_RANK];
  if (!dim_is_const(width) || width % 3)
    return infer_fail(in, "attention_core expects three parts of equal width, but `qkv` is %s", infer_str(in, qkv));
  if (!check_heads(in, width / 3, heads) || !check_heads_mask(in, IN_ATTENTION_CORE_mask, qkv, heads)) return false;
  memcpy(dims, qkv->dims, sizeof *dims * (size_t)qkv->rank);
  dims[qkv->rank - 1] = width / 3;
  return infer_shape(in, qkv->dtype, qkv->rank, dims);
}
