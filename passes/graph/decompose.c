// decompose: every composite op (TRAIT_COMPOSITE) becomes primitive ones, so that layouts, lowering and fusion know
// few. Scale and shift of batch_norm and normalize are computed in double. Weights stay as they are, except that
// separate q, k and v of an attention are joined, and positions learned for another grid are resampled. Layers whose
// weights are computed become products and sums too (computed.h): what is left reads constants.
//
//   %1 = attention %x, _, @qkv.weight, @qkv.bias, ..., @proj.weight, @proj.bias {heads=3} : f32[1, 197, 192]
// becomes
//   %1 = linear %x, @qkv.weight, @qkv.bias : f32[1, 197, 576]
//   %2 = attention_core %1 {heads=3} : f32[1, 197, 192]
//   %3 = linear %2, @proj.weight, @proj.bias : f32[1, 197, 192]
#include "ir/core/check.h"
#include "ir/core/checked.h"
#include "ir/ref/ref.h"
#include "passes/graph/affine.h"
#include "passes/graph/computed.h"
#include "passes/graph/open_attention.h"
#include "passes/graph/quantization.h"
#include "passes/graph/recurrence.h"
#include "passes/graph/rewrite.h"
#include "passes/graph/volume.h"
#include <string.h>

// ---- batch_norm, normalize

// A constant [C, 1, ..., 1] that broadcasts over dimension 1 of `t`.
static Value *channel_constant(Module *m, const Node *n, const Type *t, const char *what, const double *v) {
  Dim dims[MAX_RANK];
  for (int i = 1; i < t->rank; i++) dims[i - 1] = i == 1 ? t->dims[1] : 1;
  return constant_dense(m, rewrite_name(m, n->name, what), type_get(m, t->dtype, t->rank - 1, dims), v)->value;
}

static bool decompose_affine(Module *m, Diag *d, Node *n) {
  Affine a;
  const Type *t = result(n)->type;
  if (!affine_read(n, 1, &a)) {
    diag_error(d, n->span, "%s needs known weights and a fixed number of channels", op_info(n->op)->name);
    return false;
  }
  Value *x = rewrite_cast(m, n, a.x, t->dtype);
  Value *scaled = rewrite_before(m, n, OP_MUL, 2, (Value *[]){x, channel_constant(m, n, t, "scale", a.scale)}, NULL);
  Value *sum = rewrite_before(m, n, OP_ADD, 2, (Value *[]){scaled, channel_constant(m, n, t, "shift", a.shift)}, NULL);
  rewrite_replace(m, n, sum);
  affine_free(&a);
  return true;
}

// ---- shapes

static bool decompose_transpose(Module *m, Node *n) {
  Value *x = operand(n, 0);
  int64_t dims[MAX_RANK], a = NODE_ATTR(n, TRANSPOSE, dim0)->i, b = NODE_ATTR(n, TRANSPOSE, dim1)->i;
  a += a < 0 ? x->type->rank : 0;
  b += b < 0 ? x->type->rank : 0;
  for (int i = 0; i < x->type->rank; i++) dims[i] = i == a ? b : i == b ? a : i;
  rewrite_replace(m, n, rewrite_permute(m, n, x, dims));
  return true;
}

// Dimensions [first, first + count) of the picture in other factors, those in another order, and as the result has it.
// `factors` and `order`: of these dimensions; order counts from `first`.
static bool shuffle(Module *m, Node *n, int first, int count, int factors_n, const Dim *factors, const int *order) {
  Value *x = operand(n, 0);
  const Type *t = x->type;
  Dim dims[MAX_RANK];
  int64_t moved[MAX_RANK];
  int rank = t->rank - count + factors_n;
  for (int i = 0; i < rank; i++) {
    bool inside = i >= first && i < first + factors_n;
    dims[i] = inside ? factors[i - first] : t->dims[i < first ? i : i - factors_n + count];
    moved[i] = inside ? first + order[i - first] : i;
  }
  Value *parted = rewrite_reshape(m, n, x, type_get(m, t->dtype, rank, dims));
  rewrite_replace(m, n, rewrite_reshape(m, n, rewrite_permute(m, n, parted, moved), result(n)->type));
  return true;
}

static bool decompose_pixel_shuffle(Module *m, Node *n) {
  const Type *x = operand(n, 0)->type;
  int c = x->rank - 3;
  int64_t r = NODE_ATTR(n, PIXEL_SHUFFLE, upscale_factor)->i;
  Dim factors[] = {result(n)->type->dims[c], r, r, x->dims[c + 1], x->dims[c + 2]};
  return shuffle(m, n, c, 3, 5, factors, (int[]){0, 3, 1, 4, 2});
}

static bool decompose_pixel_unshuffle(Module *m, Node *n) {
  const Type *x = operand(n, 0)->type, *y = result(n)->type;
  int c = x->rank - 3;
  int64_t r = NODE_ATTR(n, PIXEL_UNSHUFFLE, downscale_factor)->i;
  Dim factors[] = {x->dims[c], y->dims[c + 1], r, y->dims[c + 2], r};
  return shuffle(m, n, c, 3, 5, factors, (int[]){0, 2, 4, 1, 3});
}

static bool decompose_channel_shuffle(Module *m, Node *n) {
  int64_t groups = NODE_ATTR(n, CHANNEL_SHUFFLE, groups)->i;
  Dim factors[] = {groups, dim_floordiv(m->dims, operand(n, 0)->type->dims[1], groups)};
  return shuffle(m, n, 1, 1, 2, factors, (int[]){1, 0});
}

static bool decompose_stack(Module *m, Node *n) {
  Value **parts = arena_array(m->arena, Value *, n->n_operands);
  int64_t dim = NODE_ATTR(n, STACK, dim)->i;
  const Type *y = result(n)->type;
  Dim dims[MAX_RANK];
  for (int i = 0; i < y->rank; i++) dims[i] = i == dim ? 1 : y->dims[i];
  for (int i = 0; i < n->n_operands; i++)
    parts[i] = rewrite_reshape(m, n, operand(n, i), type_get(m, y->dtype, y->rank, dims));
  rewrite_replace(m, n, rewrite_concat(m, n, n->n_operands, parts, dim));
  return true;
}

static bool decompose_embedding(Module *m, Node *n) {
  Value *index = operand(n, IN_EMBEDDING_index), *table = operand(n, IN_EMBEDDING_table);
  Dim count = type_elements(m, index->type);
  Value *list = rewrite_reshape(m, n, index, type_get(m, index->type->dtype, 1, &count));
  Attr *attrs = rewrite_attrs(m, OP_INDEX_SELECT);
  attrs[ATTR_INDEX_SELECT_dim] = (Attr){.kind = ATTR_INT, .i = 0};
  Value *rows = rewrite_before(m, n, OP_INDEX_SELECT, 2, (Value *[]){table, list}, attrs);
  rewrite_replace(m, n, rewrite_reshape(m, n, rows, result(n)->type));
  return true;
}

static bool decompose_compress(Module *m, Node *n) {
  Attr *positions = rewrite_attrs(m, OP_NONZERO), *attrs = rewrite_attrs(m, OP_INDEX_SELECT);
  positions[ATTR_NONZERO_count] = *NODE_ATTR(n, COMPRESS, count);
  attrs[ATTR_INDEX_SELECT_dim] = *NODE_ATTR(n, COMPRESS, dim);
  Value *condition = operand(n, IN_COMPRESS_condition),
        *list = rewrite_before(m, n, OP_NONZERO, 1, &condition, positions);
  list = rewrite_reshape(m, n, list, type_get(m, DT_I64, 1, list->type->dims));
  rewrite_replace(m, n, rewrite_before(m, n, OP_INDEX_SELECT, 2, (Value *[]){operand(n, 0), list}, attrs));
  return true;
}

static bool decompose_parts(Module *m, Node *n, int64_t dim) {
  Value *x = operand(n, 0);
  dim += dim < 0 ? x->type->rank : 0;
  Dim start = 0;
  for (int i = 0; i < n->n_results; i++) {
    Dim end = dim_add(m->dims, start, n->results[i]->type->dims[dim]);
    Value *part = rewrite_slice(m, n, x, dim, start, end);
    graph_replace_uses(m, n->results[i], rewrite_reshape(m, n, part, n->results[i]->type)); // of an open dimension
    start = end;
  }
  graph_remove(m, n);
  return true;
}

static bool decompose_token(Module *m, Node *n) {
  Value *x = operand(n, 0);
  Dim index = NODE_ATTR(n, TOKEN, index)->i;
  if (index < 0) index = dim_add(m->dims, x->type->dims[1], index);
  Value *row = rewrite_slice(m, n, x, 1, index, dim_add(m->dims, index, 1));
  rewrite_replace(m, n, rewrite_reshape(m, n, row, result(n)->type));
  return true;
}

// `size_attr`: that of the adaptive op for its size.
static bool decompose_global_pool(Module *m, Node *n, OpKind adaptive, int size_attr) {
  Attr *attrs = rewrite_attrs(m, adaptive);
  attrs[size_attr] = rewrite_ints(m, ATTR_INTS, 2, (int64_t[]){1, 1});
  Value *x = operand(n, 0);
  rewrite_replace(m, n, rewrite_before(m, n, adaptive, 1, &x, attrs));
  return true;
}

// The embedding as a weight of the new grid's shape; NULL after a diagnostic.
static Value *resampled(Module *m, Diag *d, Node *n) {
  Value *old = operand(n, IN_POSITION_EMBEDDING_embedding);
  RefTensor x;
  if (!constant_weight(old) || !ref_tensor_from_weight(&x, m, old->weight)) {
    diag_error(d, n->span, "position_embedding needs a known weight to resample it");
    return NULL;
  }
  Dim D = old->type->dims[2], dims[] = {1, operand(n, 0)->type->dims[1], D};
  const int64_t *new_size = NODE_ATTR(n, POSITION_EMBEDDING, new_size)->ints,
                prefix = NODE_ATTR(n, POSITION_EMBEDDING, num_prefix_tokens)->i;
  dims[1] = new_size[0] * new_size[1] + prefix; // an open number of tokens is asserted to be that
  double *to = xmalloc(sizeof *to * (size_t)(dims[1] * D));
  ref_resample_positions(x.f, NODE_ATTR(n, POSITION_EMBEDDING, old_size)->ints, new_size, prefix, D, to);
  Value *made =
      constant_dense(m, rewrite_name(m, old->weight->name, "resampled"), type_get(m, old->type->dtype, 3, dims), to)
          ->value;
  free(to);
  ref_tensor_free(&x);
  return made;
}

static bool decompose_position_embedding(Module *m, Diag *d, Node *n) {
  const Attr *old_size = NODE_ATTR(n, POSITION_EMBEDDING, old_size),
             *new_size = NODE_ATTR(n, POSITION_EMBEDDING, new_size);
  bool other_grid = !attr_equal(old_size, new_size);
  Value *operands[] = {operand(n, 0), other_grid ? resampled(m, d, n) : operand(n, IN_POSITION_EMBEDDING_embedding)};
  if (!operands[1]) return false;
  rewrite_replace(m, n, rewrite_before(m, n, OP_ADD, 2, operands, NULL));
  return true;
}

// ---- elementwise

static Value *splat(Module *m, const char *hint, DType dtype, double v) {
  return graph_splat(m, hint, type_get(m, dtype, 0, NULL), v)->value;
}

// -0 is no 0 - 0, so floats are multiplied; unsigned integers have no -1.
static bool decompose_neg(Module *m, Node *n) {
  Value *x = operand(n, 0);
  DType dtype = x->type->dtype;
  if (dtype_is_unsigned(dtype))
    rewrite_replace(m, n, rewrite_before(m, n, OP_SUB, 2, (Value *[]){splat(m, "zero", dtype, 0), x}, NULL));
  else
    rewrite_replace(m, n, rewrite_before(m, n, OP_MUL, 2, (Value *[]){x, splat(m, "minus_one", dtype, -1)}, NULL));
  return true;
}

// Open dimensions that an assertion holds equal are named as the first operand names them: then as they were.
static bool decompose_swapped(Module *m, Node *n, OpKind op) {
  Value *swapped = rewrite_before(m, n, op, 2, (Value *[]){operand(n, 1), operand(n, 0)}, NULL);
  rewrite_replace(m, n, rewrite_reshape(m, n, swapped, result(n)->type));
  return true;
}

static bool decompose_prelu(Module *m, Node *n) {
  Value *x = operand(n, 0), *w = operand(n, IN_PRELU_weight);
  const Type *t = w->type;
  Dim dims[MAX_RANK] = {t->dims[0]};
  int rank = x->type->rank < 2 ? x->type->rank : x->type->rank - 1;
  for (int i = 1; i < rank; i++) dims[i] = 1;
  if (rank != 1) w = rewrite_reshape(m, n, w, type_get(m, t->dtype, rank, dims));
  Value *zero = splat(m, "zero", t->dtype, 0);
  Value *positive = rewrite_before(m, n, OP_LT, 2, (Value *[]){zero, x}, NULL);
  Value *below = rewrite_before(m, n, OP_MUL, 2, (Value *[]){x, w}, NULL);
  rewrite_replace(m, n, rewrite_before(m, n, OP_WHERE, 3, (Value *[]){positive, x, below}, NULL));
  return true;
}

// ---- statistics and order

static bool decompose_instance_norm(Module *m, Node *n) {
  Attr *attrs = rewrite_attrs(m, OP_GROUP_NORM);
  attrs[ATTR_GROUP_NORM_num_groups] = (Attr){ATTR_INT, 0, {.i = result(n)->type->dims[1]}};
  attrs[ATTR_GROUP_NORM_eps] = *NODE_ATTR(n, INSTANCE_NORM, eps);
  Value *operands[] = {operand(n, 0), operand(n, IN_INSTANCE_NORM_weight), operand(n, IN_INSTANCE_NORM_bias)};
  rewrite_replace(m, n, rewrite_before(m, n, OP_GROUP_NORM, 3, operands, attrs));
  return true;
}

static Value *mean_of(Module *m, Node *n, Value *x, const Attr *dim, bool keepdim, int64_t correction) {
  Attr *attrs = rewrite_attrs(m, OP_MEAN);
  attrs[ATTR_MEAN_dim] = *dim;
  attrs[ATTR_MEAN_keepdim] = (Attr){ATTR_BOOL, 0, {.i = keepdim}};
  attrs[ATTR_MEAN_correction] = (Attr){ATTR_INT, 0, {.i = correction}};
  return rewrite_before(m, n, OP_MEAN, 1, &x, attrs);
}

static bool decompose_variance(Module *m, Node *n, const Attr *dim, int64_t correction, bool keepdim) {
  Value *x = operand(n, 0), *mean = mean_of(m, n, x, dim, true, 0);
  Value *distance = rewrite_before(m, n, OP_SUB, 2, (Value *[]){x, mean}, NULL);
  Value *square = rewrite_before(m, n, OP_MUL, 2, (Value *[]){distance, distance}, NULL);
  Value *v = mean_of(m, n, square, dim, keepdim, correction);
  rewrite_replace(m, n, n->op == OP_STD ? rewrite_before(m, n, OP_SQRT, 1, &v, NULL) : v);
  return true;
}

static bool decompose_sort(Module *m, Node *n) {
  Value *x = operand(n, 0);
  Attr *attrs = rewrite_attrs(m, OP_TOPK);
  attrs[ATTR_TOPK_k] = (Attr){ATTR_DIMS, 1, .ints = &x->type->dims[NODE_ATTR(n, SORT, dim)->i]};
  attrs[ATTR_TOPK_dim] = *NODE_ATTR(n, SORT, dim);
  attrs[ATTR_TOPK_largest] = *NODE_ATTR(n, SORT, descending);
  rewrite_replace_node(m, n, rewrite_before(m, n, OP_TOPK, 1, &x, attrs)->node);
  return true;
}

static bool decompose_node(Module *m, Diag *d, Node *n) {
  if (computed_takes(n)) return computed_decompose(m, d, n);
  if (volume_takes(n)) return volume_max_pool2d(m, d, n);
  switch (n->op) {
  case OP_BATCH_NORM:
  case OP_NORMALIZE: return decompose_affine(m, d, n);
  case OP_ATTENTION: return open_attention(m, d, n);
  case OP_LSTM:
  case OP_GRU:
  case OP_RNN: return recurrence_decompose(m, d, n);
  case OP_TRANSPOSE: return decompose_transpose(m, n);
  case OP_SPLIT: return decompose_parts(m, n, NODE_ATTR(n, SPLIT, dim)->i);
  case OP_CHUNK: return decompose_parts(m, n, NODE_ATTR(n, CHUNK, dim)->i);
  case OP_STACK: return decompose_stack(m, n);
  case OP_PIXEL_SHUFFLE: return decompose_pixel_shuffle(m, n);
  case OP_PIXEL_UNSHUFFLE: return decompose_pixel_unshuffle(m, n);
  case OP_CHANNEL_SHUFFLE: return decompose_channel_shuffle(m, n);
  case OP_EMBEDDING: return decompose_embedding(m, n);
  case OP_COMPRESS: return decompose_compress(m, n);
  case OP_TOKEN: return decompose_token(m, n);
  case OP_GLOBAL_AVG_POOL:
    return decompose_global_pool(m, n, OP_ADAPTIVE_AVG_POOL2D, ATTR_ADAPTIVE_AVG_POOL2D_output_size);
  case OP_GLOBAL_MAX_POOL:
    return decompose_global_pool(m, n, OP_ADAPTIVE_MAX_POOL2D, ATTR_ADAPTIVE_MAX_POOL2D_output_size);
  case OP_CONV3D: return volume_convolve(m, d, n);
  case OP_CONV_TRANSPOSE3D: return volume_convolve_transposed(m, d, n);
  case OP_MAX_POOL3D:
  case OP_AVG_POOL3D: return volume_pool(m, d, n);
  case OP_POSITION_EMBEDDING: return decompose_position_embedding(m, d, n);
  case OP_INSTANCE_NORM: return decompose_instance_norm(m, n);
  case OP_VAR:
    return decompose_variance(m, n, NODE_ATTR(n, VAR, dim), NODE_ATTR(n, VAR, correction)->i,
                              NODE_ATTR(n, VAR, keepdim)->i);
  case OP_STD:
    return decompose_variance(m, n, NODE_ATTR(n, STD, dim), NODE_ATTR(n, STD, correction)->i,
                              NODE_ATTR(n, STD, keepdim)->i);
  case OP_SORT: return decompose_sort(m, n);
  case OP_NEG: return decompose_neg(m, n);
  case OP_GT: return decompose_swapped(m, n, OP_LT);
  case OP_GE: return decompose_swapped(m, n, OP_LE);
  case OP_PRELU: return decompose_prelu(m, n);
  case OP_QUANTIZE_LINEAR:
  case OP_DEQUANTIZE_LINEAR: return quantization_decompose(m, n);
  case OP_SQUEEZE:
  case OP_UNSQUEEZE:
  case OP_FLATTEN: return rewrite_replace(m, n, rewrite_reshape(m, n, operand(n, 0), result(n)->type)), true;
  case OP_DROPOUT: return rewrite_replace(m, n, operand(n, 0)), true;
  default: UNREACHABLE("no decomposition of %s", op_info(n->op)->name);
  }
}

// What a node becomes is visited in its turn: it may have composite ones, or layers of computed weights, among it.
bool decompose_run(PassContext *c) {
  Module *m = c->module;
  bool ok = true;
  for (Node *n = m->first, *before, *next; n; n = next) {
    before = n->prev;
    next = n->next;
    if (!op_has(n->op, TRAIT_COMPOSITE) && !computed_takes(n) && !volume_takes(n)) continue;
    pass_remark(c, n, false, "%s is taken apart", pass_label(n));
    bool done = decompose_node(m, c->diag, n);
    if (done) next = before ? before->next : m->first;
    ok = ok && done;
    pass_count(c, "composite operations taken apart", 1);
  }
  return ok;
}
