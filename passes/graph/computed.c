#include "passes/graph/computed.h"
#include "ir/core/check.h"
#include "ir/core/checked.h"
#include "passes/graph/product.h"
#include "passes/graph/windows.h"
#include <string.h>

// ---- what products share

static Value *binary(Module *m, Node *n, OpKind op, Value *a, Value *b) {
  return rewrite_before(m, n, op, 2, (Value *[]){a, b}, NULL);
}

// A value of each channel as [C, 1, ..., 1], which broadcasts over dimension 1 of `rank`.
static Value *per_channel(Module *m, Node *n, Value *v, int rank) {
  Dim dims[MAX_RANK] = {v->type->dims[0]};
  for (int i = 1; i < rank - 1; i++) dims[i] = 1;
  return rewrite_reshape(m, n, v, type_get(m, v->type->dtype, rank - 1, dims));
}

// act(y + bias + residual) takes n's place; bias and residual may be NULL.
static bool finish(Module *m, Node *n, Value *y, Value *bias, Value *residual, const Attr *act) {
  if (bias) y = binary(m, n, OP_ADD, y, bias);
  if (residual) y = binary(m, n, OP_ADD, y, residual);
  rewrite_replace(m, n, product_activate(m, n, y, act->s));
  return true;
}

// ---- products

static bool decompose_linear(Module *m, Node *n) {
  Value *w = rewrite_permute(m, n, operand(n, IN_LINEAR_weight), (int64_t[]){1, 0});
  Value *y = binary(m, n, OP_MATMUL, operand(n, IN_LINEAR_x), w);
  return finish(m, n, y, operand(n, IN_LINEAR_bias), operand(n, IN_LINEAR_residual), NODE_ATTR(n, LINEAR, act));
}

static bool decompose_conv2d(Module *m, Diag *d, Node *n) {
  Value *w = operand(n, IN_CONV2D_weight), *bias = operand(n, IN_CONV2D_bias);
  const Attr *padding = NODE_ATTR(n, CONV2D, padding);
  WindowSide side[2];
  for (int i = 0; i < 2; i++)
    side[i] = (WindowSide){w->type->dims[2 + i], NODE_ATTR(n, CONV2D, stride)->ints[i],
                           NODE_ATTR(n, CONV2D, dilation)->ints[i], padding->ints[i], padding->ints[2 + i]};
  Value *y = windows_convolve(m, d, n, w, NODE_ATTR(n, CONV2D, groups)->i, side);
  return y && finish(m, n, y, bias ? per_channel(m, n, bias, 4) : NULL, operand(n, IN_CONV2D_residual),
                     NODE_ATTR(n, CONV2D, act));
}

static bool decompose_conv_transpose2d(Module *m, Diag *d, Node *n) {
  Value *w = operand(n, IN_CONV_TRANSPOSE2D_weight), *bias = operand(n, IN_CONV_TRANSPOSE2D_bias);
  WindowSide side[2];
  for (int i = 0; i < 2; i++) {
    int64_t padding = NODE_ATTR(n, CONV_TRANSPOSE2D, padding)->ints[i];
    side[i] = (WindowSide){w->type->dims[2 + i], NODE_ATTR(n, CONV_TRANSPOSE2D, stride)->ints[i],
                           NODE_ATTR(n, CONV_TRANSPOSE2D, dilation)->ints[i], padding,
                           padding - NODE_ATTR(n, CONV_TRANSPOSE2D, output_padding)->ints[i]};
  }
  Value *y = windows_convolve_transposed(m, d, n, w, NODE_ATTR(n, CONV_TRANSPOSE2D, groups)->i, side);
  return y && finish(m, n, y, bias ? per_channel(m, n, bias, 4) : NULL, NULL, NODE_ATTR(n, CONV_TRANSPOSE2D, act));
}

// A convolution whose stride is its kernel, then pixels as tokens.
static bool decompose_patch_embed(Module *m, Node *n) {
  Value *operands[] = {operand(n, 0), operand(n, IN_PATCH_EMBED_weight), operand(n, IN_PATCH_EMBED_bias)};
  const Type *w = operands[1]->type, *t = result(n)->type;
  Attr *attrs = rewrite_attrs(m, OP_CONV2D);
  attrs[ATTR_CONV2D_stride] = rewrite_ints(m, ATTR_INTS, 2, w->dims + 2);
  Value *y = rewrite_before(m, n, OP_CONV2D, 3, operands, attrs);
  Dim dims[] = {t->dims[0], t->dims[2], t->dims[1]};
  y = rewrite_reshape(m, n, y, type_get(m, t->dtype, 3, dims));
  y = rewrite_permute(m, n, y, (int64_t[]){0, 2, 1});
  return finish(m, n, y, NULL, NULL, NODE_ATTR(n, PATCH_EMBED, act));
}

// ---- norms

static bool decompose_batch_norm(Module *m, Node *n) {
  Value *v[IN_BATCH_NORM_running_var + 1], *x = operand(n, 0);
  DType dtype = x->type->dtype;
  for (int i = 1; i <= IN_BATCH_NORM_running_var; i++)
    v[i] = operand(n, i) ? per_channel(m, n, operand(n, i), x->type->rank) : NULL;
  double small = NODE_ATTR(n, BATCH_NORM, eps)->f;
  Value *eps = graph_splat(m, "eps", type_get(m, dtype, 0, NULL), small)->value;
  Value *deviation = binary(m, n, OP_ADD, v[IN_BATCH_NORM_running_var], eps);
  deviation = rewrite_before(m, n, OP_SQRT, 1, &deviation, NULL);
  Value *y = binary(m, n, OP_SUB, x, v[IN_BATCH_NORM_running_mean]);
  y = binary(m, n, OP_DIV, y, deviation);
  if (v[IN_BATCH_NORM_weight]) y = binary(m, n, OP_MUL, y, v[IN_BATCH_NORM_weight]);
  if (v[IN_BATCH_NORM_bias]) y = binary(m, n, OP_ADD, y, v[IN_BATCH_NORM_bias]);
  rewrite_replace(m, n, y);
  return true;
}

// The norm without its weight and bias, which layer_norm, group_norm and instance_norm have behind x; then these.
static bool decompose_norm(Module *m, Node *n) {
  Value *x = operand(n, 0), *y = rewrite_before(m, n, n->op, 1, &x, n->attrs);
  for (int i = 1; i <= 2; i++) {
    Value *v = operand(n, i);
    if (v && n->op != OP_LAYER_NORM) v = per_channel(m, n, v, x->type->rank);
    if (v) y = binary(m, n, i == 1 ? OP_MUL : OP_ADD, y, v);
  }
  rewrite_replace(m, n, y);
  return true;
}

// ---- tokens

static bool decompose_class_token(Module *m, Node *n) {
  Value *x = operand(n, 0), *token = operand(n, IN_CLASS_TOKEN_token);
  Dim size[] = {x->type->dims[0], 1, x->type->dims[2]};
  Attr *attrs = rewrite_attrs(m, OP_EXPAND);
  attrs[ATTR_EXPAND_size] = rewrite_ints(m, ATTR_DIMS, 3, size);
  Value *first = rewrite_before(m, n, OP_EXPAND, 1, &token, attrs);
  rewrite_replace(m, n, rewrite_concat(m, n, 2, (Value *[]){first, x}, 1));
  return true;
}

// Kernels of products of f32 widen weights that are halves themselves.
static bool is_known(const Node *n, const Value *v) {
  return !v || v->kind == VALUE_WEIGHT || (op_has(n->op, TRAIT_EPILOGUE) && weight_behind(v));
}

static bool has_computed_weight(const Node *n) {
  const OpInfo *info = op_info(n->op);
  for (int i = 0; i < info->n_operands; i++) {
    OperandKind kind = info->operands[i].kind;
    const Value *v = operand(n, i);
    if ((kind == OPERAND_WEIGHT || kind == OPERAND_WEIGHT_IF) && !is_known(n, v)) return true;
  }
  return false;
}

// Products are lowered for f32; those of other types are left to matmul, which takes them all.
static bool is_product_of_other_type(const Node *n) {
  bool product = n->op == OP_CONV2D || n->op == OP_CONV_TRANSPOSE2D || n->op == OP_LINEAR;
  return product && operand(n, 0)->type->dtype != DT_F32;
}

bool computed_takes(const Node *n) {
  bool norm = n->op == OP_BATCH_NORM || n->op == OP_INSTANCE_NORM;
  if (!norm && op_has(n->op, TRAIT_COMPOSITE)) return false;
  return has_computed_weight(n) || is_product_of_other_type(n);
}

bool computed_decompose(Module *m, Diag *d, Node *n) {
  switch (n->op) {
  case OP_CONV2D: return decompose_conv2d(m, d, n);
  case OP_CONV_TRANSPOSE2D: return decompose_conv_transpose2d(m, d, n);
  case OP_PATCH_EMBED: return decompose_patch_embed(m, n);
  case OP_LINEAR: return decompose_linear(m, n);
  case OP_BATCH_NORM: return decompose_batch_norm(m, n);
  case OP_LAYER_NORM:
  case OP_GROUP_NORM:
  case OP_INSTANCE_NORM: return decompose_norm(m, n);
  case OP_CLASS_TOKEN: return decompose_class_token(m, n);
  default: UNREACHABLE("no decomposition of %s with computed weights", op_info(n->op)->name);
  }
}
