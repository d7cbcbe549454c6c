// integer-products: convolutions and products of matrices whose operands are dequantized integers are computed with the
// integers, exactly, in i32. What follows up to the next quantize_linear (a bias, a dequantized residual, relu, relu6
// or clamp), within the product's node or behind it, becomes the scaling of the sums; where nothing quantizes, the
// result is f32. Rounding alone may change: the sums are exact, and what was a division by the result's scale is part
// of the factor of each channel.
//
// Needs scales and zero points that are constants: one for the input, one a channel or one in all for the weight, whose
// integers less their zero point fit i8. Grouped convolutions but depthwise ones are left alone, as are rows of a
// row-major matrix that are no whole fours.
//
//   %1 = dequantize_linear %q, @sx, @zx : f32[1, 8, 6, 6]
//   %2 = dequantize_linear @w, @sw {axis=0} : f32[4, 8, 1, 1]
//   %3 = conv2d %1, %2 : f32[1, 4, 6, 6]
//   %4 = relu %3 : f32[1, 4, 6, 6]
//   %5 = quantize_linear %4, @sy, @zy : u8[1, 4, 6, 6]
// becomes
//   %5 = quantized_conv2d %q, @w, @scale, @bias {zero_point=3, low=0.0, high=255.0, dtype=u8} : u8[1, 4, 6, 6]
//
// A matrix each of whose rows has a computed scale of its own, and no zero point, is scaled behind the product, where
// the bias, the residual and the activation follow:
//
//   %1 = dequantize_linear %q, %s {axis=1, block_size=8} : f32[6, 8]
//   %3 = linear %1, %2, @b : f32[6, 4]
// becomes
//   %4 = quantized_linear %q, @w, @sw : f32[6, 4]
//   %5 = mul %4, %s : f32[6, 4]
//   %6 = add %5, @b : f32[6, 4]
//
// integer_sums.h: products of i32 that are written out.
#include "passes/graph/integer_sums.h"
#include "passes/graph/product.h"
#include "passes/graph/quantization.h"
#include <math.h>
#include <string.h>

typedef struct Chain {
  Node *last;    // what the new node replaces
  Node *product; // conv2d, linear or matmul
  QuantizedBy x; // of its input
  IntegerWeight w;
  Value *bias[2]; // constants, NULL: none; the product's own, and one that is added
  QuantizedBy residual;
  bool bounded, quantized;
  double low, high; // of f32 results, before they are quantized
  QuantizedBy y;
} Chain;

static bool is_product(const Node *n) { return n->op == OP_CONV2D || n->op == OP_LINEAR || n->op == OP_MATMUL; }

static Node *producer(const Value *v) { return v && v->kind == VALUE_RESULT ? v->node : NULL; }

static bool bounds_of(const Node *n, double *low, double *high) {
  *low = n->op == OP_CLAMP ? NODE_ATTR(n, CLAMP, min)->f : 0;
  *high = n->op == OP_CLAMP ? NODE_ATTR(n, CLAMP, max)->f : n->op == OP_RELU6 ? 6 : INFINITY;
  return n->op == OP_RELU || n->op == OP_RELU6 || n->op == OP_CLAMP;
}

static int channel_axis(const Node *product) { return product->op == OP_CONV2D ? 1 : result(product)->type->rank - 1; }

// ---- what stands between the product and the quantization, from there backwards

// A constant with one element a channel of the product's result, or one in all.
static bool is_bias(const Value *v, const Type *t, int axis) {
  if (!quantization_is_constant(v) || v->type->rank > t->rank) return false;
  for (int i = 0; i < v->type->rank; i++) {
    int to = i + t->rank - v->type->rank;
    if (v->type->dims[i] != 1 && (to != axis || v->type->dims[i] != t->dims[axis])) return false;
  }
  return true;
}

static bool only_use(PassContext *c, const Value *v) {
  return graph_use_count(c->module, v) == 1 && !graph_is_output(c->module, v);
}

// The product that v comes from, its chain filled in; NULL: none.
static Node *walk(PassContext *c, Chain *chain, Value *v) {
  Node *n = producer(v);
  if (!n || !only_use(c, v)) return NULL;
  if (is_product(n)) return n;
  if (!chain->bounded && !chain->bias[1] && !chain->residual.integers && bounds_of(n, &chain->low, &chain->high))
    return chain->bounded = true, walk(c, chain, operand(n, 0));
  if (n->op != OP_ADD) return NULL;
  for (int i = 0; i < 2; i++) {
    Value *other = operand(n, 1 - i);
    Node *before = producer(operand(n, i));
    if (!before || operand(n, i)->type != result(n)->type) continue;
    bool sums = is_product(before) || before->op == OP_ADD;
    if (!chain->bias[1] && is_product(before) && is_bias(other, result(n)->type, channel_axis(before))) {
      chain->bias[1] = other;
      return walk(c, chain, operand(n, i));
    }
    if (!chain->residual.integers && sums && other->type == result(n)->type &&
        quantized_by(c, other, &chain->residual)) {
      Node *found = walk(c, chain, operand(n, i));
      if (found) return found;
      chain->residual.integers = NULL;
    }
  }
  return NULL;
}

// ---- whether the product can be computed in integers

// The weights of a product of matrices stand with their output channels last, or are the transpose of some that do not.
static bool weights_of(PassContext *c, Chain *chain) {
  const Node *n = chain->product, *turned = producer(operand(n, 1));
  if (n->op != OP_MATMUL) return integer_weight(c, operand(n, 1), 0, &chain->w);
  if (turned && turned->op == OP_PERMUTE && NODE_ATTR(turned, PERMUTE, dims)->ints[0] == 1)
    return integer_weight(c, operand(turned, 0), 0, &chain->w);
  return integer_weight(c, operand(n, 1), 1, &chain->w);
}

// What fuse-epilogue left in a convolution or linear layer: its residual and activation come before all that was found
// behind it.
static const char *epilogue_obstacle(PassContext *c, Chain *chain) {
  const Node *n = chain->product;
  bool conv = n->op == OP_CONV2D, sums = chain->bias[1] || chain->residual.integers;
  Value *residual = operand(n, conv ? IN_CONV2D_residual : IN_LINEAR_residual);
  const char *act = conv ? NODE_ATTR(n, CONV2D, act)->s : NODE_ATTR(n, LINEAR, act)->s;
  if (strcmp(act, "none")) {
    bool six = !strcmp(act, "relu6");
    if (sums) return "its activation stands before a sum";
    if (!six && strcmp(act, "relu")) return "its activation is more than a bound";
    chain->low = chain->bounded ? fmax(chain->low, 0) : 0;
    chain->high = fmin(chain->bounded ? chain->high : INFINITY, six ? 6 : INFINITY);
    chain->bounded = true;
  }
  if (!residual) return NULL;
  if (chain->residual.integers) return "it has two residuals";
  return quantized_by(c, residual, &chain->residual) ? NULL : "its residual is not quantized by one known scale";
}

static const char *obstacle(PassContext *c, Chain *chain) {
  const Node *n = chain->product;
  bool conv = n->op == OP_CONV2D, matrix = n->op == OP_MATMUL;
  if (!quantized_by(c, operand(n, 0), &chain->x)) return "its input is not quantized by one known scale";
  const Type *x = operand(n, 0)->type;
  if (matrix && operand(n, 1)->type->rank != 2) return "its second operand is no matrix";
  if (!conv && x->rank < 3 && (x->rank < 1 || x->dims[x->rank - 1] % 4)) return "its rows are no whole fours";
  if (conv) {
    int64_t groups = NODE_ATTR(n, CONV2D, groups)->i;
    const Dim *w = operand(n, 1)->type->dims;
    bool depthwise = groups == x->dims[1] && groups == w[0];
    if (groups > 1 && (!depthwise || w[2] * w[3] > 512)) return "it is grouped";
  }
  const char *why = matrix ? NULL : epilogue_obstacle(c, chain);
  if (why) return why;
  chain->bias[0] = matrix ? NULL : operand(n, IN_CONV2D_bias);
  if (chain->bias[0] && !quantization_is_constant(chain->bias[0])) return "its bias is computed";
  return weights_of(c, chain) ? NULL : "its weights are not integers of 8 bits";
}

// ---- the new node

// scale[o] and bias[o], with what the residual's zero point adds, in units of the result's scale.
static bool scales(PassContext *c, const Chain *chain, Value **scale, Value **bias) {
  Module *m = c->module;
  int64_t n = chain->w.channels;
  double *s = xmalloc(sizeof *s * (size_t)n), *b = xcalloc((size_t)n, sizeof *b);
  double unit = chain->quantized ? chain->y.scale : 1;
  bool ok = true, any = false;
  for (int k = 0; k < 2 && ok; k++) {
    RefTensor t = {0};
    if (!chain->bias[k]) continue;
    ok = quantization_evaluate(c, chain->bias[k], &t);
    for (int64_t o = 0; ok && o < n; o++) b[o] += ref_at(&t, t.count == 1 ? 0 : o);
    ref_tensor_free(&t);
    any = true;
  }
  if (chain->residual.integers && chain->residual.zero) any = true;
  for (int64_t o = 0; o < n; o++) {
    s[o] = chain->x.scale * chain->w.scale[o] / unit;
    if (chain->residual.integers) b[o] -= chain->residual.scale * (double)chain->residual.zero;
    b[o] /= unit;
  }
  const Type *t = type_get(m, DT_F32, 1, &n);
  const char *name = chain->product->name;
  *scale = constant_dense(m, rewrite_name(m, name, "scale"), t, s)->value;
  *bias = any ? constant_dense(m, rewrite_name(m, name, "bias"), t, b)->value : NULL;
  free(s);
  free(b);
  return ok;
}

static Attr real(double v) { return (Attr){.kind = ATTR_FLOAT, .f = v}; }
static Attr integer(int64_t v) { return (Attr){.kind = ATTR_INT, .i = v}; }

// In steps of the result from its zero point; f32 as it is.
static double bound(const Chain *chain, double v) {
  if (!chain->quantized || isinf(v)) return v;
  return (double)rintf((float)v / (float)chain->y.scale) + (double)chain->y.zero;
}

#define SCALING(OP)                                                                                                    \
  a[ATTR_##OP##_zero_point] = integer(chain->x.zero);                                                                  \
  if (chain->residual.integers) a[ATTR_##OP##_residual_scale] = real(chain->residual.scale / unit);                    \
  if (chain->quantized) a[ATTR_##OP##_y_zero_point] = integer(chain->y.zero);                                          \
  a[ATTR_##OP##_low] = real(low);                                                                                      \
  a[ATTR_##OP##_high] = real(high);                                                                                    \
  a[ATTR_##OP##_dtype] = (Attr) { .kind = ATTR_DTYPE, .i = result(chain->last)->type->dtype }

static bool rebuild(PassContext *c, const Chain *chain) {
  Module *m = c->module;
  const Node *n = chain->product;
  OpKind op = n->op == OP_CONV2D ? OP_QUANTIZED_CONV2D : OP_QUANTIZED_LINEAR;
  Value *scale, *bias;
  if (!scales(c, chain, &scale, &bias)) return false;
  Value *operands[] = {chain->x.integers, chain->w.weight->value, scale, bias, chain->residual.integers};
  double low = -INFINITY, high = INFINITY, unit = chain->quantized ? chain->y.scale : 1;
  if (chain->quantized) {
    IntegerRange r = quantization_range(result(chain->last)->type->dtype);
    low = r.low, high = r.high;
  }
  if (chain->bounded) low = fmax(low, bound(chain, chain->low)), high = fmin(high, bound(chain, chain->high));
  Attr *a = rewrite_attrs(m, op);
  if (op == OP_QUANTIZED_CONV2D) {
    a[ATTR_QUANTIZED_CONV2D_stride] = *NODE_ATTR(n, CONV2D, stride);
    a[ATTR_QUANTIZED_CONV2D_padding] = *NODE_ATTR(n, CONV2D, padding);
    a[ATTR_QUANTIZED_CONV2D_dilation] = *NODE_ATTR(n, CONV2D, dilation);
    a[ATTR_QUANTIZED_CONV2D_groups] = *NODE_ATTR(n, CONV2D, groups);
    SCALING(QUANTIZED_CONV2D);
  } else {
    SCALING(QUANTIZED_LINEAR);
  }
  const char *name = n->name ? n->name : chain->last->name;
  Value *y = rewrite_named(m, chain->last, name, op, 5, operands, a);
  pass_remark(c, n, false, "%s is computed in integers", pass_label(n));
  pass_count(c, "products computed in integers", 1);
  rewrite_supersede(m, chain->last, y);
  return true;
}

// `chain` has its product. False after a diagnostic.
static bool take(PassContext *c, Chain *chain, bool *done) {
  const char *why = obstacle(c, chain);
  bool ok = true;
  *done = false;
  if (!why) ok = rebuild(c, chain), *done = ok;
  // A product of f32 is nothing to remark on.
  if (why && chain->x.integers)
    pass_remark(c, chain->product, true, "%s is not computed in integers: %s", pass_label(chain->product), why);
  integer_weight_free(&chain->w);
  return ok;
}

// ---- rows with scales of their own

// The scale of each row of a product's input, whose integers are put into *q; NULL: it is quantized otherwise.
static Value *row_scales(const Value *x, Value **q) {
  const Node *n = producer(x);
  int last = x->type->rank - 1;
  if (!n || n->op != OP_DEQUANTIZE_LINEAR || last < 0 || operand(n, IN_DEQUANTIZE_LINEAR_zero_point)) return NULL;
  Value *scale = operand(n, IN_DEQUANTIZE_LINEAR_scale);
  *q = operand(n, IN_DEQUANTIZE_LINEAR_x);
  bool bytes = (*q)->type->dtype == DT_I8 || (*q)->type->dtype == DT_U8;
  bool rows = scale->type->rank == last + 1 && scale->type->dims[last] == 1 && dim_is_const(x->type->dims[last]) &&
              NODE_ATTR(n, DEQUANTIZE_LINEAR, axis)->i == last &&
              NODE_ATTR(n, DEQUANTIZE_LINEAR, block_size)->i == x->type->dims[last];
  return bytes && rows && scale->type->dtype == DT_F32 && x->type->dtype == DT_F32 ? scale : NULL;
}

static Value *followed(Module *m, Node *n, OpKind op, Value *y, Value *with) {
  return with ? rewrite_before(m, n, op, 2, (Value *[]){y, with}, NULL) : y;
}

// False where it is no such product.
static bool scale_rows(PassContext *c, Node *n) {
  Module *m = c->module;
  Value *q, *s = n->op == OP_CONV2D ? NULL : row_scales(operand(n, 0), &q);
  Chain chain = {.last = n, .product = n};
  if (!s || (n->op == OP_MATMUL && operand(n, 1)->type->rank != 2)) return false;
  if (q->type->rank < 3 && q->type->dims[q->type->rank - 1] % 4) {
    pass_remark(c, n, true, "%s is not computed in integers: its rows are no whole fours", pass_label(n));
    return false;
  }
  bool taken = weights_of(c, &chain);
  if (taken) {
    int64_t channels = chain.w.channels;
    const Type *t = type_get(m, DT_F32, 1, &channels);
    Value *scale = constant_dense(m, rewrite_name(m, n->name, "scale"), t, chain.w.scale)->value;
    Value *operands[] = {q, chain.w.weight->value, scale};
    Value *y = rewrite_named(m, n, n->name, OP_QUANTIZED_LINEAR, 3, operands, NULL);
    y = followed(m, n, OP_MUL, y, s);
    if (n->op == OP_LINEAR) {
      y = followed(m, n, OP_ADD, y, operand(n, IN_LINEAR_bias));
      y = followed(m, n, OP_ADD, y, operand(n, IN_LINEAR_residual));
      y = product_activate(m, n, y, NODE_ATTR(n, LINEAR, act)->s);
    }
    pass_remark(c, n, false, "%s is computed in integers, its rows scaled behind it", pass_label(n));
    pass_count(c, "products computed in integers", 1);
    rewrite_supersede(m, n, y);
  }
  integer_weight_free(&chain.w);
  return taken;
}

bool integer_products_run(PassContext *c) {
  Module *m = c->module;
  bool ok = true, done;
  for (Node *n = m->first, *next; n && ok; n = next) {
    next = n->next;
    Chain chain = {.last = n};
    if (n->op != OP_QUANTIZE_LINEAR || !quantized_by_node(c, n, &chain.y)) continue;
    chain.quantized = true;
    chain.product = walk(c, &chain, operand(n, 0));
    if (chain.product) ok = take(c, &chain, &done);
  }
  for (Node *n = m->first, *next; n && ok; n = next) { // those that nothing quantizes
    next = n->next;
    Chain chain = {.last = n, .product = n};
    if (integer_sums(c, n)) continue;
    if (is_product(n) && !scale_rows(c, n)) ok = take(c, &chain, &done);
  }
  return ok;
}
