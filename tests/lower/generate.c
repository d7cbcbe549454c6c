#include "tests/lower/generator.h"
#include <math.h>
#include <string.h>

enum { MOST_NODES = 30, TRIES = 400 };

// ---- values

// A constant of that type: one that is there already, or a new one. `spread`: the largest magnitude; `least`: 0 or the
// smallest.
static Value *constant(Generator *g, int rank, const Dim *dims, double spread, double least) {
  const Type *t = type_get(g->m, DT_F32, rank, dims);
  for (size_t i = 0; least == 0 && i < g->m->weights.len; i++)
    if (g->m->weights.data[i]->type == t && chance(g, 25)) return g->m->weights.data[i]->value;
  int64_t n = 1;
  for (int i = 0; i < rank; i++) n *= dims[i];
  Blob *b = blob_malloc((size_t)n * sizeof(float));
  for (int64_t i = 0; i < n; i++) {
    double v = noise(&g->state) * spread;
    ((float *)(void *)b->data)[i] = (float)(least > 0 ? fabs(v) + least : v);
  }
  return graph_dense(g->m, "w", t, b)->value;
}

Value *generator_any(Generator *g) {
  size_t n = g->pool.len, recent = n < 4 ? n : 4;
  return g->pool.data[chance(g, 60) ? n - 1 - (size_t)below(g, (int64_t)recent) : (size_t)below(g, (int64_t)n)];
}

// x if it is a picture, else the latest picture that there is; NULL: none.
static Value *picture(Generator *g, Value *x) {
  if (x->type->rank == 4) return x;
  for (size_t i = g->pool.len; i-- > 0;)
    if (g->pool.data[i]->type->rank == 4) return g->pool.data[i];
  return NULL;
}

// ---- nodes

Attr *generator_defaults(Generator *g, OpKind op) {
  Attr *a = arena_array(g->m->arena, Attr, op_info(op)->n_attrs + 1);
  for (int i = 0; i < op_info(op)->n_attrs; i++) a[i] = op_attr(op, i)->fallback;
  return a;
}

static bool fits(const Generator *g, const Type *t) {
  int64_t n = 1;
  for (int i = 0; i < t->rank; i++) {
    int64_t s = size_of(g, t->dims[i]);
    if (s < 1) return false;
    n *= s;
  }
  return n <= GENERATOR_ELEMENTS;
}

// The node's first result; NULL where shape inference refuses it, for these sizes too, or its result is too large.
Value *generator_add(Generator *g, OpKind op, int n, Value *const *operands, const Attr *attrs) {
  NodeSpec spec = {.op = op, .n_operands = n, .operands = operands, .attrs = attrs};
  size_t assertions = g->m->assertions.len;
  Node *node = graph_node(g->m, &spec);
  diag_clear(g->m->diag);
  bool ok = node;
  for (size_t i = assertions; ok && i < g->m->assertions.len; i++)
    ok = dim_eval(g->m->dims, g->m->assertions.data[i].condition, g->symbols);
  for (int i = 0; ok && i < node->n_results; i++) ok = fits(g, node->results[i]->type);
  if (!ok && node) graph_remove(g->m, node);
  if (!ok) return g->m->assertions.len = assertions, NULL;
  g->n_nodes++;
  for (int i = 0; i < node->n_results; i++) vec_push(&g->pool, node->results[i]);
  return result(node);
}
Value *generator_weight(Generator *g, int rank, const Dim *dims, double spread, double least) {
  Value *w = constant(g, rank, dims, spread, least), *y = NULL;
  if (!chance(g, 8)) return w;
  Value *gate = add_unary(g, OP_MEAN, any(g), NULL);
  if (gate) gate = add_unary(g, OP_SIGMOID, gate, NULL);
  if (gate) y = add(g, OP_MUL, 2, (Value *[]){w, gate}, NULL);
  return y ? y : w;
}

static Value *matrix(Generator *g, int64_t rows, int64_t columns) {
  return generator_weight(g, 2, (Dim[]){rows, columns}, 1.7 / sqrt((double)columns), 0);
}
static Value *vector(Generator *g, int64_t n) { return generator_weight(g, 1, (Dim[]){n}, 1, 0); }
static Value *maybe_vector(Generator *g, int64_t n) { return chance(g, 70) ? vector(g, n) : NULL; }

// softmax makes absolute errors of its operand relative ones of its result: what it sees is kept within -1 and 1, so
// that a difference is a mistake and not rounding.
static Value *add_softmax(Generator *g, Value *x, int64_t dim) {
  Value *small = add_unary(g, OP_TANH, x, NULL);
  Attr *a = defaults(g, OP_SOFTMAX);
  SET(a, SOFTMAX, dim, number(dim));
  return small ? add_unary(g, OP_SOFTMAX, small, a) : NULL;
}

// ---- one maker a kind of layer; each may decline

static Value *conv(Generator *g, Value *x, int64_t out, int64_t groups, int64_t kh, int64_t kw, Attr *a) {
  int64_t each = x->type->dims[1] / groups;
  SET(a, CONV2D, groups, number(groups));
  Value *w = generator_weight(g, 4, (Dim[]){out, each, kh, kw}, 1.7 / sqrt((double)(each * kh * kw)), 0);
  return add(g, OP_CONV2D, 3, (Value *[]){x, w, maybe_vector(g, out)}, a);
}

static Value *make_conv(Generator *g, Value *x) {
  if (!(x = picture(g, x)) || !known(x->type, 1)) return NULL;
  int64_t c = x->type->dims[1], kh = chance(g, 10) ? 7 : between(g, 1, 4), kw = chance(g, 10) ? 6 : between(g, 1, 4),
          groups = 1;
  bool depthwise = chance(g, 25);
  if (depthwise || chance(g, 25)) groups = depthwise ? c : between(g, 1, c);
  if (c % groups) return NULL;
  int64_t out = depthwise && chance(g, 80) ? c : groups * between(g, 1, groups > 8 ? 3 : 40 / groups);
  Attr *a = defaults(g, OP_CONV2D);
  if (chance(g, 40)) SET(a, CONV2D, stride, pair(g, 1, 3));
  if (chance(g, 60)) SET(a, CONV2D, padding, padding(g, 3));
  if (chance(g, 20)) SET(a, CONV2D, dilation, pair(g, 1, 3));
  return conv(g, x, out, groups, kh, kw, a);
}

// What lowering may compute row by row: a pointwise convolution, a depthwise one, a pointwise one.
static Value *make_inverted_residual(Generator *g, Value *x) {
  if (!(x = picture(g, x)) || !known(x->type, 1)) return NULL;
  int64_t wide = between(g, 2, 60), k = between(g, 1, 5);
  if (chance(g, 50)) x = conv(g, x, between(g, 1, 40), 1, 1, 1, defaults(g, OP_CONV2D)); // makes it blocked
  if (x) x = conv(g, x, wide, 1, 1, 1, defaults(g, OP_CONV2D));
  if (x && chance(g, 50)) x = add_unary(g, chance(g, 50) ? OP_RELU6 : OP_SILU, x, NULL);
  if (!x) return NULL;
  Attr *a = defaults(g, OP_CONV2D);
  if (chance(g, 40)) SET(a, CONV2D, stride, pair(g, 1, 3));
  if (chance(g, 70)) SET(a, CONV2D, padding, padding(g, 3));
  if (!(x = conv(g, x, wide, wide, k, k, a))) return NULL;
  if (chance(g, 50)) x = add_unary(g, chance(g, 50) ? OP_RELU6 : OP_SILU, x, NULL);
  return x ? conv(g, x, between(g, 1, 40), 1, 1, 1, defaults(g, OP_CONV2D)) : NULL;
}

static Value *make_transposed(Generator *g, Value *x) {
  if (!(x = picture(g, x)) || !known(x->type, 1)) return NULL;
  int64_t c = x->type->dims[1], groups = chance(g, 30) ? between(g, 1, c) : 1, kh = between(g, 1, 4),
          kw = between(g, 1, 4);
  if (c % groups) return NULL;
  int64_t each = between(g, 1, groups > 8 ? 3 : 40 / groups), out = groups * each;
  Attr *a = defaults(g, OP_CONV_TRANSPOSE2D);
  if (chance(g, 70)) SET(a, CONV_TRANSPOSE2D, stride, pair(g, 1, 3));
  if (chance(g, 50)) SET(a, CONV_TRANSPOSE2D, padding, pair(g, 0, 2));
  if (chance(g, 40)) SET(a, CONV_TRANSPOSE2D, output_padding, pair(g, 0, 2));
  if (chance(g, 20)) SET(a, CONV_TRANSPOSE2D, dilation, pair(g, 1, 3));
  SET(a, CONV_TRANSPOSE2D, groups, number(groups));
  Value *w = generator_weight(g, 4, (Dim[]){c, each, kh, kw}, 1.7 / sqrt((double)(c / groups)), 0);
  return add(g, OP_CONV_TRANSPOSE2D, 3, (Value *[]){x, w, maybe_vector(g, out)}, a);
}

// A convolution that keeps the shape, and its operand added: what fuse-epilogue looks for.
static Value *make_residual(Generator *g, Value *x) {
  const Type *t = x->type;
  bool picture = t->rank == 4 && known(t, 1);
  if (!picture && !known(t, t->rank - 1)) return NULL;
  Value *y;
  if (picture) {
    int64_t c = t->dims[1], groups = chance(g, 30) ? c : 1, k = chance(g, 50) ? 1 : 3;
    Attr *a = defaults(g, OP_CONV2D);
    SET(a, CONV2D, padding, ints(g, ATTR_PADDING, 4, (int64_t[]){k / 2, k / 2, k / 2, k / 2}));
    y = conv(g, x, c, groups, k, k, a);
  } else
    y = add(
        g, OP_LINEAR, 3,
        (Value *[]){x, matrix(g, t->dims[t->rank - 1], t->dims[t->rank - 1]), maybe_vector(g, t->dims[t->rank - 1])},
        NULL);
  if (!y) return NULL;
  y = add(g, OP_ADD, 2, chance(g, 50) ? (Value *[]){x, y} : (Value *[]){y, x}, NULL);
  return y && chance(g, 50) ? add_unary(g, OP_RELU, y, NULL) : y;
}

static Value *make_patch_embed(Generator *g, Value *x) {
  if (!(x = picture(g, x)) || !known(x->type, 1)) return NULL;
  int64_t patch = between(g, 1, 4), c = x->type->dims[1], out = between(g, 1, 40);
  Value *w = generator_weight(g, 4, (Dim[]){out, c, patch, patch}, 1.7 / sqrt((double)(c * patch * patch)), 0);
  return add(g, OP_PATCH_EMBED, 3, (Value *[]){x, w, maybe_vector(g, out)}, NULL);
}

static Value *make_pool(Generator *g, Value *x) {
  if (!(x = picture(g, x))) return NULL;
  Attr *a;
  switch (below(g, 7)) {
  case 4:
    a = defaults(g, OP_ADAPTIVE_MAX_POOL2D);
    SET(a, ADAPTIVE_MAX_POOL2D, output_size, pair(g, 1, 6));
    return add_unary(g, OP_ADAPTIVE_MAX_POOL2D, x, a);
  case 5: return add_unary(g, OP_GLOBAL_MAX_POOL, x, NULL);
  case 6: return generate_resized(g, x);
  case 0:
    a = defaults(g, OP_MAX_POOL2D);
    SET(a, MAX_POOL2D, kernel, pair(g, 1, 4));
    if (chance(g, 70)) SET(a, MAX_POOL2D, stride, pair(g, 1, 3));
    if (chance(g, 50)) SET(a, MAX_POOL2D, padding, padding(g, 1));
    if (chance(g, 30)) SET(a, MAX_POOL2D, dilation, pair(g, 1, 2));
    SET(a, MAX_POOL2D, ceil_mode, flag(chance(g, 40)));
    return add_unary(g, OP_MAX_POOL2D, x, a);
  case 1:
    a = defaults(g, OP_AVG_POOL2D);
    SET(a, AVG_POOL2D, kernel, pair(g, 1, 4));
    if (chance(g, 70)) SET(a, AVG_POOL2D, stride, pair(g, 1, 3));
    if (chance(g, 50)) SET(a, AVG_POOL2D, padding, padding(g, 1));
    SET(a, AVG_POOL2D, ceil_mode, flag(chance(g, 40)));
    SET(a, AVG_POOL2D, count_include_pad, flag(chance(g, 50)));
    if (chance(g, 20)) SET(a, AVG_POOL2D, dilation, pair(g, 1, 2));
    return add_unary(g, OP_AVG_POOL2D, x, a);
  case 2:
    a = defaults(g, OP_ADAPTIVE_AVG_POOL2D);
    SET(a, ADAPTIVE_AVG_POOL2D, output_size, pair(g, 1, 6));
    return add_unary(g, OP_ADAPTIVE_AVG_POOL2D, x, a);
  default: return add_unary(g, OP_GLOBAL_AVG_POOL, x, NULL);
  }
}

// What lowering computes in one: a convolution of an input and the maxima of what it gives.
static Value *make_stem(Generator *g, Value *x) {
  if (x->kind != VALUE_INPUT) x = g->pool.data[0];
  if (x->type->rank != 4 || !(x = make_conv(g, x))) return NULL;
  if (chance(g, 60)) x = add_unary(g, OP_RELU, x, NULL);
  Attr *a = defaults(g, OP_MAX_POOL2D);
  SET(a, MAX_POOL2D, kernel, pair(g, 2, 3));
  if (chance(g, 70)) SET(a, MAX_POOL2D, stride, pair(g, 1, 2));
  if (chance(g, 50)) SET(a, MAX_POOL2D, padding, padding(g, 1));
  return x ? add_unary(g, OP_MAX_POOL2D, x, a) : NULL;
}

static Value *make_linear(Generator *g, Value *x) {
  int last = x->type->rank - 1;
  if (!known(x->type, last)) return NULL;
  int64_t out = between(g, 1, 40);
  return add(g, OP_LINEAR, 3, (Value *[]){x, matrix(g, out, x->type->dims[last]), maybe_vector(g, out)}, NULL);
}

static Value *make_matmul(Generator *g, Value *x) {
  int last = x->type->rank - 1;
  if (last < 1) return NULL;
  if (chance(g, 50) && known(x->type, last))
    return add(g, OP_MATMUL, 2, (Value *[]){x, matrix(g, x->type->dims[last], between(g, 1, 40))}, NULL);
  if (!(x = add_unary(g, OP_TANH, x, NULL))) return NULL; // products of large values are known less exactly
  Attr *a = defaults(g, OP_TRANSPOSE);
  SET(a, TRANSPOSE, dim0, number(last - 1));
  SET(a, TRANSPOSE, dim1, number(last));
  Value *t = add_unary(g, OP_TRANSPOSE, x, a);
  t = t ? add(g, OP_MATMUL, 2, (Value *[]){x, t}, NULL) : NULL;
  return t ? add_softmax(g, t, last) : NULL;
}

static Value *make_attention(Generator *g, Value *x) {
  int rank = x->type->rank;
  if (rank < 2 || !known(x->type, rank - 1)) return NULL;
  int64_t d = x->type->dims[rank - 1], heads = between(g, 1, d < 4 ? d : 4);
  Value *mask = chance(g, 30) ? any(g) : NULL;
  if (!(x = add_unary(g, OP_TANH, x, NULL))) return NULL; // as for softmax
  if (chance(g, 30)) {
    Attr *a = defaults(g, OP_SCALED_DOT_PRODUCT_ATTENTION);
    SET(a, SCALED_DOT_PRODUCT_ATTENTION, is_causal, flag(!mask && chance(g, 40)));
    return add(g, OP_SCALED_DOT_PRODUCT_ATTENTION, 4, (Value *[]){x, x, x, mask}, a);
  }
  if (d % heads || d > 40) return NULL;
  Attr *a = defaults(g, OP_ATTENTION);
  SET(a, ATTENTION, heads, number(heads));
  Value *o[IN_ATTENTION_proj_bias + 1] = {x, mask};
  o[IN_ATTENTION_qkv_weight] = matrix(g, 3 * d, d);
  o[IN_ATTENTION_qkv_bias] = maybe_vector(g, 3 * d);
  o[IN_ATTENTION_proj_weight] = matrix(g, d, d);
  o[IN_ATTENTION_proj_bias] = maybe_vector(g, d);
  return add(g, OP_ATTENTION, IN_ATTENTION_proj_bias + 1, o, a);
}

static Value *make_norm(Generator *g, Value *x) {
  int last = x->type->rank - 1;
  Attr *a;
  if (chance(g, 40) && known(x->type, 1)) {
    int64_t c = x->type->dims[1];
    Value *var = generator_weight(g, 1, &c, 1, 0.3);
    return add(g, OP_BATCH_NORM, 5, (Value *[]){x, vector(g, c), vector(g, c), vector(g, c), var}, NULL);
  }
  if (chance(g, 60) && known(x->type, last)) {
    a = defaults(g, OP_LAYER_NORM);
    SET(a, LAYER_NORM, eps, real(0.01));
    return add(g, OP_LAYER_NORM, 3, (Value *[]){x, vector(g, x->type->dims[last]), vector(g, x->type->dims[last])}, a);
  }
  return last < 0 ? NULL : add_softmax(g, x, below(g, last + 1));
}

static Value *make_group_norm(Generator *g, Value *x) {
  if (!known(x->type, 1)) return NULL;
  int64_t c = x->type->dims[1], groups = between(g, 1, c);
  Attr *a = defaults(g, OP_GROUP_NORM);
  SET(a, GROUP_NORM, num_groups, number(c % groups ? 1 : groups));
  SET(a, GROUP_NORM, eps, real(0.01));
  return add(g, OP_GROUP_NORM, 3, (Value *[]){x, maybe_vector(g, c), maybe_vector(g, c)}, a);
}

static Value *make_response_norm(Generator *g, Value *x) {
  Attr *a = defaults(g, OP_LOCAL_RESPONSE_NORM);
  SET(a, LOCAL_RESPONSE_NORM, size, number(between(g, 1, 7)));
  SET(a, LOCAL_RESPONSE_NORM, alpha, real(0.5));
  if (chance(g, 50)) SET(a, LOCAL_RESPONSE_NORM, beta, real(0.6));
  return add_unary(g, OP_LOCAL_RESPONSE_NORM, x, a);
}

static Value *make_unary(Generator *g, Value *x) {
  static const OpKind ops[] = {OP_RELU,        OP_RELU6, OP_GELU, OP_SILU, OP_SIGMOID,    OP_TANH,  OP_HARDSWISH,
                               OP_HARDSIGMOID, OP_MISH,  OP_SELU, OP_ELU,  OP_LEAKY_RELU, OP_CELU,  OP_SOFTPLUS,
                               OP_ERF,         OP_SIN,   OP_COS,  OP_ABS,  OP_NEG,        OP_CLAMP, OP_DROPOUT};
  OpKind op = ops[below(g, sizeof ops / sizeof *ops)];
  Attr *a = defaults(g, op);
  if (op == OP_GELU && chance(g, 50)) a[ATTR_GELU_approximate].s = intern(g->m->names, "tanh");
  if (op == OP_CLAMP) SET(a, CLAMP, min, real(-0.5));
  if (op == OP_CELU) SET(a, CELU, alpha, real(0.7));
  if (op == OP_SOFTPLUS) SET(a, SOFTPLUS, beta, real(2));
  return add_unary(g, op, x, a);
}

static Value *splat(Generator *g, double v) {
  return graph_splat(g->m, "s", type_get(g->m, DT_F32, 0, NULL), v)->value;
}
static Value *with_number(Generator *g, OpKind op, Value *x, double v) {
  return x ? add(g, op, 2, (Value *[]){x, splat(g, v)}, NULL) : NULL;
}

// Functions of numbers of 0.5 or more, where they are tame.
static Value *make_function(Generator *g, Value *x) {
  static const OpKind ops[] = {OP_LOG, OP_SQRT, OP_RSQRT, OP_RECIPROCAL};
  static const double exponents[] = {2, 0.5, -1, 0.3, -1.7};
  if (chance(g, 20)) return (x = add_unary(g, OP_TANH, x, NULL)) ? add_unary(g, OP_EXP, x, NULL) : NULL;
  x = with_number(g, OP_ADD, add_unary(g, OP_ABS, x, NULL), 0.5);
  if (x && chance(g, 30)) return with_number(g, OP_POW, x, exponents[below(g, 5)]);
  return x ? add_unary(g, ops[below(g, 4)], x, NULL) : NULL;
}

// What depends on a comparison is continuous, so that rounding does not show: where(x < y, y, x) and the like. Booleans
// stay out of the pool.
static Value *make_choice(Generator *g, Value *x) {
  static const OpKind ops[] = {OP_LT, OP_LE, OP_GT, OP_GE};
  Value *y = chance(g, 50) ? splat(g, 0.25) : any(g);
  if (chance(g, 40)) return add(g, chance(g, 50) ? OP_MINIMUM : OP_MAXIMUM, 2, (Value *[]){x, y}, NULL);
  Value *c = add(g, ops[below(g, 4)], 2, (Value *[]){x, y}, NULL);
  if (!c) return NULL;
  g->pool.len--;
  return add(g, OP_WHERE, 3, chance(g, 50) ? (Value *[]){c, x, y} : (Value *[]){c, y, x}, NULL);
}

// Constants broadcast along random dimensions.
static Value *broadcast_constant(Generator *g, const Type *t, double least) {
  Dim dims[MAX_RANK] = {0};
  int skip = chance(g, 50) ? (int)below(g, t->rank + 1) : 0, rank = t->rank - skip;
  for (int i = 0; i < rank; i++) dims[i] = known(t, i + skip) && chance(g, 60) ? t->dims[i + skip] : 1;
  return constant(g, rank, dims, 1, least);
}

static Value *make_binary(Generator *g, Value *x) {
  Value *y = chance(g, 35) ? broadcast_constant(g, x->type, 0) : any(g);
  switch (below(g, 5)) {
  case 0: return add(g, OP_DIV, 2, (Value *[]){x, broadcast_constant(g, x->type, 0.5)}, NULL);
  case 1: { // a gate, so that products do not grow
    Value *gate = add_unary(g, OP_SIGMOID, chance(g, 50) ? x : any(g), NULL);
    return gate ? add(g, OP_MUL, 2, chance(g, 50) ? (Value *[]){x, gate} : (Value *[]){gate, x}, NULL) : NULL;
  }
  case 2: // of constants only: what is left of x - mean(x) in a mean is rounding alone
    return add(g, OP_SUB, 2,
               chance(g, 50) ? (Value *[]){x, broadcast_constant(g, x->type, 0)}
                             : (Value *[]){broadcast_constant(g, x->type, 0), x},
               NULL);
  default: return add(g, OP_ADD, 2, chance(g, 50) ? (Value *[]){x, y} : (Value *[]){y, x}, NULL);
  }
}

// Squeeze and excite: a picture times a gate of its channels.
static Value *make_excite(Generator *g, Value *x) {
  if (!(x = picture(g, x)) || !known(x->type, 1)) return NULL;
  int64_t c = x->type->dims[1];
  Value *s = add_unary(g, OP_GLOBAL_AVG_POOL, x, NULL);
  if (s)
    s = add(g, OP_CONV2D, 3,
            (Value *[]){s, constant(g, 4, (Dim[]){c, c, 1, 1}, 1.7 / sqrt((double)c), 0), maybe_vector(g, c)}, NULL);
  if (s) s = add_unary(g, OP_SIGMOID, s, NULL);
  return s ? add(g, OP_MUL, 2, (Value *[]){x, s}, NULL) : NULL;
}

static Value *make_reduction(Generator *g, Value *x) {
  static const OpKind ops[] = {OP_MEAN, OP_MEAN, OP_AMAX, OP_AMIN};
  OpKind op = ops[below(g, 4)];
  int64_t dims[MAX_RANK];
  int n = 0;
  for (int i = 0; i < x->type->rank; i++)
    if (chance(g, 40)) dims[n++] = i;
  Attr *a = defaults(g, op);
  SET(a, MEAN, dim, ints(g, ATTR_INTS, n, dims)); // every reduction's first two
  SET(a, MEAN, keepdim, flag(chance(g, 50)));
  return add_unary(g, op, x, a);
}

// Values only: rounding decides between indices of elements that are nearly equal.
static Value *make_topk(Generator *g, Value *x) {
  if (!x->type->rank) return NULL;
  int64_t dim = below(g, x->type->rank);
  Attr *a = defaults(g, OP_TOPK);
  int64_t k = known(x->type, (int)dim) ? between(g, 1, x->type->dims[dim]) : 1;
  SET(a, TOPK, k, ints(g, ATTR_DIMS, 1, &k));
  SET(a, TOPK, dim, number(dim));
  SET(a, TOPK, largest, flag(chance(g, 50)));
  Value *v = add_unary(g, OP_TOPK, x, a);
  if (v) g->pool.len--;
  return v;
}

static Value *make_permute(Generator *g, Value *x) {
  int64_t order[MAX_RANK];
  int n = x->type->rank;
  for (int i = 0; i < n; i++) order[i] = i;
  for (int i = n - 1; i > 0; i--) {
    int64_t j = below(g, i + 1), t = order[i];
    order[i] = order[j];
    order[j] = t;
  }
  Attr *a = defaults(g, OP_PERMUTE);
  SET(a, PERMUTE, dims, ints(g, ATTR_INTS, n, order));
  return add_unary(g, OP_PERMUTE, x, a);
}

// Two neighbouring dimensions become one, or one becomes two.
static Value *make_reshape(Generator *g, Value *x) {
  const Type *t = x->type;
  Attr *a;
  if (chance(g, 50) && t->rank > 1) {
    int64_t first = below(g, t->rank - 1);
    a = defaults(g, OP_FLATTEN);
    SET(a, FLATTEN, start_dim, number(first));
    SET(a, FLATTEN, end_dim, number(between(g, first, t->rank - 1)));
    return add_unary(g, OP_FLATTEN, x, a);
  }
  int64_t at = below(g, t->rank + 1), part = between(g, 2, 4), dims[MAX_RANK + 1];
  if (!known(t, (int)at) || t->dims[at] % part || t->rank > 5) return NULL;
  for (int i = 0; i <= t->rank; i++)
    dims[i] = i < at ? t->dims[i] : i == at ? part : i == at + 1 ? t->dims[at] / part : t->dims[i - 1];
  a = defaults(g, OP_RESHAPE);
  SET(a, RESHAPE, shape, ints(g, ATTR_DIMS, t->rank + 1, dims));
  return add_unary(g, OP_RESHAPE, x, a);
}

static Value *make_concat(Generator *g, Value *x) {
  if (!x->type->rank) return NULL;
  Value *parts[4] = {x};
  int n = (int)between(g, 2, 4);
  for (int i = 1; i < n; i++)
    parts[i] = chance(g, 40) ? x : chance(g, 10) && known(x->type, 0) ? broadcast_constant(g, x->type, 0) : any(g);
  Attr *a = defaults(g, OP_CONCAT);
  SET(a, CONCAT, dim, number(below(g, x->type->rank)));
  return add(g, OP_CONCAT, n, parts, a);
}

static Value *make_slice(Generator *g, Value *x) {
  int64_t axis = below(g, x->type->rank + 1);
  if (!known(x->type, (int)axis)) return NULL;
  int64_t size = x->type->dims[axis], start = chance(g, 30) ? size / 16 * 16 : below(g, size),
          step = chance(g, 30) ? 2 : 1;
  if (chance(g, 25)) {
    int64_t first = between(g, 1, size);
    Attr *a = defaults(g, OP_SPLIT);
    SET(a, SPLIT, sizes, ints(g, ATTR_INTS, 1, &first));
    SET(a, SPLIT, dim, number(axis));
    return add_unary(g, OP_SPLIT, x, a);
  }
  Attr *a = defaults(g, OP_SLICE);
  SET(a, SLICE, dims, ints(g, ATTR_INTS, 1, &axis));
  SET(a, SLICE, starts, ints(g, ATTR_DIMS, 1, &start));
  SET(a, SLICE, ends, ints(g, ATTR_DIMS, 1, (int64_t[]){between(g, start, size)}));
  SET(a, SLICE, steps, ints(g, ATTR_INTS, 1, &step));
  return add_unary(g, OP_SLICE, x, a);
}

static Value *make_pad(Generator *g, Value *x) {
  static const char *const modes[] = {"constant", "reflect", "replicate"};
  int64_t pad[2 * MAX_RANK];
  int n = 2 * (int)below(g, x->type->rank + 1), mode = (int)below(g, 3);
  for (int i = 0; i < n; i++) pad[i] = mode || chance(g, 80) ? below(g, 3) : -1;
  Attr *a = defaults(g, OP_PAD);
  SET(a, PAD, pad, ints(g, ATTR_INTS, n, pad));
  a[ATTR_PAD_mode].s = intern(g->m->names, modes[mode]);
  SET(a, PAD, value, real(chance(g, 50) ? 0 : 0.75));
  return add_unary(g, OP_PAD, x, a);
}

static Value *make_token(Generator *g, Value *x) {
  if (x->type->rank != 3 || !known(x->type, 2)) return NULL;
  int64_t d = x->type->dims[2];
  Attr *a = defaults(g, OP_TOKEN);
  switch (below(g, 3)) {
  case 0: return add(g, OP_CLASS_TOKEN, 2, (Value *[]){x, generator_weight(g, 3, (Dim[]){1, 1, d}, 1, 0)}, NULL);
  case 1:
    if (!known(x->type, 1)) return NULL;
    if (chance(g, 30)) { // resampled from another grid to one row
      int64_t grid[] = {between(g, 1, 3), between(g, 1, 4)};
      a = defaults(g, OP_POSITION_EMBEDDING);
      SET(a, POSITION_EMBEDDING, old_size, ints(g, ATTR_INTS, 2, grid));
      SET(a, POSITION_EMBEDDING, new_size, ints(g, ATTR_INTS, 2, (int64_t[]){1, x->type->dims[1]}));
      SET(a, POSITION_EMBEDDING, num_prefix_tokens, number(0));
      Value *old = constant(g, 3, (Dim[]){1, grid[0] * grid[1], d}, 1, 0);
      return add(g, OP_POSITION_EMBEDDING, 2, (Value *[]){x, old}, a);
    }
    return add(g, OP_POSITION_EMBEDDING, 2, (Value *[]){x, constant(g, 3, (Dim[]){1, x->type->dims[1], d}, 1, 0)},
               NULL);
  default: SET(a, TOKEN, index, number(0)); return add_unary(g, OP_TOKEN, x, a);
  }
}

// ---- graphs

static void add_inputs(Generator *g) {
  DimTable *t = g->m->dims;
  Dim n = between(g, 1, 3), h = between(g, 1, 12), w = between(g, 1, 14), tokens = between(g, 1, 20);
  Dim *open[] = {&n, &h, &w, &tokens};
  bool symbolic = chance(g, 35);
  for (int i = 0; i < 4; i++) {
    if (!symbolic || !chance(g, 50)) continue;
    g->symbols[dim_symbol_count(t)] = *open[i];
    *open[i] = dim_symbol(t, (const char *[]){"N", "H", "W", "T"}[i], 64);
  }
  int count = (int)between(g, 1, 3);
  for (int i = 0; i < count; i++) {
    int64_t c = chance(g, 30) ? 16 * between(g, 1, 2) : between(g, 1, 24);
    const Type *types[] = {type_get(g->m, DT_F32, 4, (Dim[]){n, c, h, w}),
                           type_get(g->m, DT_F32, 3, (Dim[]){n, tokens, c}), type_get(g->m, DT_F32, 2, (Dim[]){n, c}),
                           type_get(g->m, DT_U8, 4, (Dim[]){n, c, h, w})};
    int64_t kind = below(g, 10);
    const Type *type = types[kind < 5 ? 0 : kind < 8 ? 1 : kind < 9 ? 2 : 3];
    if (!fits(g, type)) type = types[2];
    Value *v = graph_input(g->m, arena_printf(g->m->arena, "x%d", i), type);
    if (type->dtype == DT_F32)
      vec_push(&g->pool, v);
    else {
      Attr *a = defaults(g, OP_CAST);
      SET(a, CAST, dtype, ((Attr){ATTR_DTYPE, 0, {.i = DT_F32}}));
      Value *f = add_unary(g, OP_CAST, v, a);
      g->pool.len--; // up to 255: only what is scaled may be used
      add(g, OP_DIV, 2, (Value *[]){f, constant(g, 1, (Dim[]){1}, 1, 100)}, NULL);
    }
  }
}

// What nothing uses, and some of the rest.
static void add_outputs(Generator *g) {
  int n = 0;
  for (size_t i = 0; i < g->pool.len; i++) {
    Value *v = g->pool.data[i];
    if ((!v->uses && v->kind == VALUE_RESULT) || chance(g, 5))
      graph_output(g->m, arena_printf(g->m->arena, "y%d", n++), v);
  }
  if (!n) graph_output(g->m, "y", g->pool.data[g->pool.len - 1]);
}

static Value *add_layer(Generator *g, Value *x) {
  static const Maker makers[] = {make_conv,          make_conv,      make_conv,          make_transposed,
                                 make_conv,          make_residual,  make_residual,      make_inverted_residual,
                                 make_patch_embed,   make_pool,      make_pool,          make_linear,
                                 make_matmul,        make_attention, make_norm,          make_unary,
                                 make_unary,         make_function,  make_choice,        make_binary,
                                 make_binary,        make_excite,    make_reduction,     make_group_norm,
                                 make_response_norm, make_topk,      make_permute,       make_reshape,
                                 make_concat,        make_concat,    make_slice,         make_pad,
                                 generate_dimension, generate_order, generate_selection, make_token,
                                 generate_volume,    make_stem};
  return makers[below(g, sizeof makers / sizeof *makers)](g, x);
}

Generated generate(GeneratedKind kind, uint64_t seed, Diag *d) {
  Generated out = {.m = module_create(d)};
  Generator g = {.state = seed * 0x9e3779b97f4a7c15u + 1, .m = out.m, .symbols = out.symbols};
  out.m->name = "fuzz";
  for (int i = 0; i < 4; i++) next(&g.state);
  if (kind == GENERATED_LAYERS || chance(&g, 40)) add_inputs(&g);
  if (kind == GENERATED_ANY) generator_any_inputs(&g);
  int wanted = 1 + (int)below(&g, chance(&g, 50) ? 8 : MOST_NODES);
  Tamer tamer = {0};
  if (kind == GENERATED_ANY) tamer_create(&tamer, &g, seed);
  for (int i = 0; i < TRIES && g.n_nodes < wanted; i++) {
    if (kind == GENERATED_LAYERS)
      add_layer(&g, any(&g));
    else
      tamer_keep(&tamer, &g, chance(&g, 70) ? generate_op : add_layer);
  }
  tamer_free(&tamer);
  add_outputs(&g);
  graph_drop_unused_weights(out.m);
  vec_free(&g.pool);
  return out;
}
