// Matrix products and attention.
#include "frontend/write_onnx/export.h"

static Term *transposed(Export *e, Term *x, int rank) {
  int64_t order[MAX_RANK];
  for (int i = 0; i < rank; i++) order[i] = i < rank - 2 ? i : 2 * rank - 3 - i;
  return shape_permute(e, x, rank, order);
}

// x W^T + b over the last dimension: Gemm of a matrix, else a product and a sum.
static Term *affine(Export *e, Term *x, int rank, Term *weight, Term *bias) {
  if (rank == 2) {
    Term *y = EXPORT(e, "Gemm", x, weight, bias);
    export_int(e, "transB", 1);
    return y;
  }
  Term *product = EXPORT(e, "MatMul", x, transposed(e, weight, 2));
  return bias ? EXPORT(e, "Add", product, bias) : product;
}

void write_linear(Export *e) {
  Term *x = export_in(e, IN_LINEAR_x), *weight = export_in(e, IN_LINEAR_weight), *bias = export_in(e, IN_LINEAR_bias);
  Term *y = affine(e, x, export_type(e, IN_LINEAR_x)->rank, weight, bias), *residual = export_in(e, IN_LINEAR_residual);
  export_out(e, elementwise_epilogue(e, y, residual, EXPORT_ATTR(e, LINEAR, act)));
}

void write_matmul(Export *e) {
  Term *a = export_in(e, IN_MATMUL_a), *b = export_in(e, IN_MATMUL_b);
  export_out(e, EXPORT(e, "MatMul", a, b));
}

// ---- attention

static bool may_mask_rows(const Value *mask) {
  if (mask->kind != VALUE_WEIGHT) return true;
  for (int64_t i = 0, n = weight_count(mask->weight); i < n; i++)
    if (isinf(weight_at(mask->weight, i))) return true;
  return false;
}

// Rows whose every score is masked are zeros, which Softmax makes NaN.
static Term *without_empty_rows(Export *e, Term *weights) {
  Term *empty = EXPORT(e, "IsNaN", weights);
  return EXPORT(e, "Where", empty, export_scalar(e, e->dtype, 0), weights);
}

// softmax(q k^T scale + mask) v; k: already transposed. `mask`: an operand, -1: none; `allowed`: a mask of bool or
// NULL.
static Term *attend(Export *e, Term *q, Term *k, Term *v, double scale, int mask, Term *allowed) {
  Term *scores = EXPORT(e, "MatMul", EXPORT(e, "Mul", q, export_scalar(e, e->dtype, scale)), k);
  const Value *given = mask >= 0 ? operand(e->node, mask) : NULL;
  if (given && given->type->dtype == DT_BOOL) allowed = export_operand(e, mask);
  if (allowed)
    scores = EXPORT(e, "Where", allowed, scores, export_scalar(e, e->dtype, -INFINITY));
  else if (given)
    scores = EXPORT(e, "Add", scores, export_in(e, mask));
  Term *weights = EXPORT(e, "Softmax", scores);
  export_int(e, "axis", -1);
  if (given && may_mask_rows(given)) weights = without_empty_rows(e, weights);
  return EXPORT(e, "MatMul", weights, v);
}

// Whether query t sees key s: s <= t.
static Term *causal(Export *e, Dim T, Dim S) {
  Term *count_t = dims_number(e, T), *count_s = dims_number(e, S), *zero = export_integer(e, 0),
       *one = export_integer(e, 1);
  Term *t = EXPORT(e, "Range", zero, count_t, one), *s = EXPORT(e, "Range", zero, count_s, one);
  Term *rows = EXPORT(e, "Unsqueeze", t, export_list(e, 1, (int64_t[]){1}));
  return EXPORT(e, "LessOrEqual", s, rows);
}

void write_dot_product_attention(Export *e) {
  Term *q = export_in(e, 0), *k = export_in(e, 1), *v = export_in(e, 2);
  const Type *t = export_type(e, 0), *keys = export_type(e, 1);
  double scale = EXPORT_ATTR(e, SCALED_DOT_PRODUCT_ATTENTION, scale)->f;
  Dim T = t->dims[t->rank - 2], S = keys->dims[keys->rank - 2], depth = t->dims[t->rank - 1];
  Term *allowed = EXPORT_ATTR(e, SCALED_DOT_PRODUCT_ATTENTION, is_causal)->i ? causal(e, T, S) : NULL;
  if (scale == 0 && !dim_is_const(depth)) { // 1 / sqrt(depth), applied to the queries beforehand
    Term *root = EXPORT(e, "Sqrt", export_cast(e, dims_number(e, depth), e->dtype));
    q = EXPORT(e, "Div", q, root);
    scale = 1;
  } else if (scale == 0)
    scale = 1 / sqrt((double)depth);
  export_out(e, attend(e, q, transposed(e, k, keys->rank), v, scale, IN_SCALED_DOT_PRODUCT_ATTENTION_mask, allowed));
}

// x of [..., T, count D] -> the parts, [..., heads, T, depth] each.
static void split_heads(Export *e, Term *x, const Type *t, int count, int64_t width, int64_t heads, Term **parts) {
  int lead = t->rank - 2;
  Dim dims[MAX_RANK + 2];
  int64_t order[MAX_RANK + 2];
  memcpy(dims, t->dims, sizeof *dims * (size_t)(lead + 1));
  dims[lead + 1] = heads;
  dims[lead + 2] = width / heads;
  for (int i = 0; i < lead; i++) order[i] = i;
  order[lead] = lead + 1;
  order[lead + 1] = lead;
  order[lead + 2] = lead + 2;
  for (int i = 0; i < count; i++) {
    Term *part = count == 1 ? x : shape_slice(e, x, lead + 1, i * width, (i + 1) * width);
    parts[i] = shape_permute(e, shape_reshape(e, part, lead + 3, dims), lead + 3, order);
  }
}

// Heads [..., heads, T, depth] of what `parts` holds, as [..., T, D].
static Term *attend_heads(Export *e, Term *const parts[3], const Type *t, int64_t width, int64_t heads, int mask) {
  int lead = t->rank - 2;
  int64_t order[MAX_RANK + 2];
  Dim dims[MAX_RANK];
  Term *keys = transposed(e, parts[1], lead + 3);
  Term *mixed = attend(e, parts[0], keys, parts[2], 1 / sqrt((double)(width / heads)), mask, NULL);
  for (int i = 0; i < lead; i++) order[i] = i;
  order[lead] = lead + 1;
  order[lead + 1] = lead;
  order[lead + 2] = lead + 2;
  memcpy(dims, t->dims, sizeof *dims * (size_t)(lead + 1));
  dims[lead + 1] = width;
  return shape_reshape(e, shape_permute(e, mixed, lead + 3, order), lead + 2, dims);
}

void write_attention_core(Export *e) {
  const Type *t = export_type(e, IN_ATTENTION_CORE_qkv);
  int64_t heads = EXPORT_ATTR(e, ATTENTION_CORE, heads)->i, width = t->dims[t->rank - 1] / 3;
  Term *parts[3];
  split_heads(e, export_in(e, IN_ATTENTION_CORE_qkv), t, 3, width, heads, parts);
  export_out(e, attend_heads(e, parts, t, width, heads, IN_ATTENTION_CORE_mask));
}

void write_attention(Export *e) {
  const Type *t = export_type(e, IN_ATTENTION_x);
  int64_t heads = EXPORT_ATTR(e, ATTENTION, heads)->i, width = t->dims[t->rank - 1];
  Term *x = export_in(e, IN_ATTENTION_x), *fused = export_in(e, IN_ATTENTION_qkv_weight), *parts[3];
  if (fused)
    split_heads(e, affine(e, x, t->rank, fused, export_in(e, IN_ATTENTION_qkv_bias)), t, 3, width, heads, parts);
  for (int i = 0; i < 3 && !fused; i++) {
    Term *weight = export_in(e, IN_ATTENTION_q_weight + 2 * i), *bias = export_in(e, IN_ATTENTION_q_bias + 2 * i);
    split_heads(e, affine(e, x, t->rank, weight, bias), t, 1, width, heads, &parts[i]);
  }
  Term *mixed = attend_heads(e, parts, t, width, heads, IN_ATTENTION_mask);
  Term *weight = export_in(e, IN_ATTENTION_proj_weight), *bias = export_in(e, IN_ATTENTION_proj_bias);
  export_out(e, affine(e, mixed, t->rank, weight, bias));
}
