// What ONNX Runtime's optimizer and its exporters leave in models: ops of com.microsoft, fused from others.
#include "frontend/onnx/attend.h"
#include "frontend/onnx/nodes.h"
#include <math.h>
#include <string.h>

static Value *plus(Call *c, Value *a, Value *b) { return a && b ? call_binary(c, OP_ADD, a, b) : a; }

static Value *gelu(Call *c, Value *x, const char *how) {
  Attr *a = call_attrs(c, OP_GELU);
  a[ATTR_GELU_approximate] = call_word(c, how);
  return call_unary(c, OP_GELU, x, a);
}

// Of x and a bias that may be absent; FastGelu's is by tanh.
bool convert_bias_gelu(Call *c, OpKind op) {
  (void)op;
  bool fast = !strcmp(c->node->op_type, "FastGelu");
  return call_result(c, 0, gelu(c, plus(c, call_value(c, 0), call_value(c, 1)), fast ? "tanh" : "none"));
}

// x sigmoid(alpha x)
bool convert_quick_gelu(Call *c, OpKind op) {
  Value *x = call_value(c, 0);
  double alpha = call_float(c, "alpha", 1.702);
  if (!x) return false;
  if (alpha == 1) return call_result(c, 0, call_unary(c, op, x, NULL));
  Value *s = call_unary(c, OP_SIGMOID, call_with(c, OP_MUL, x, alpha), NULL);
  return call_result(c, 0, call_binary(c, OP_MUL, x, s));
}

// ---- products

static Value *activated(Call *c, Value *y) {
  static const struct {
    const char *name;
    OpKind op;
  } plain[] = {{"Relu", OP_RELU}, {"Sigmoid", OP_SIGMOID}, {"Tanh", OP_TANH}};
  const char *name = call_text(c, "activation", "");
  const double *p;
  int n = call_floats(c, "activation_params", &p);
  if (!*name || !y) return y;
  for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
    if (!strcmp(plain[i].name, name)) return call_unary(c, plain[i].op, y, NULL);
  bool clip = !strcmp(name, "Clip") && n == 2, leaky = !strcmp(name, "LeakyRelu") && n == 1;
  if (!clip && !leaky) return call_fail(c, "its activation `%s` is not known", name), NULL;
  if (clip) return call_clamp(c, y, p[0], p[1]);
  Attr *a = call_attrs(c, OP_LEAKY_RELU);
  a[ATTR_LEAKY_RELU_negative_slope] = ATTR_F(p[0]);
  return call_unary(c, OP_LEAKY_RELU, y, a);
}

bool convert_fused_conv(Call *c, OpKind op) {
  (void)op;
  if (!call_has(c, 1)) return call_fail(c, "it has no weight");
  Value *y = call_conv(c, call_value(c, 0), call_value(c, 1), call_value(c, 2));
  return call_result(c, 0, activated(c, plus(c, y, call_value(c, 3))));
}

// The last two dimensions exchanged; `batch`: the first one moved before the last first, as transBatch says.
static Value *turned(Call *c, Value *x, bool turn, bool batch) {
  int64_t order[MAX_RANK];
  int rank = x ? x->type->rank : 0;
  if (rank < 2 || (batch && rank < 3)) return x;
  for (int i = 0; i < rank; i++) order[i] = i;
  if (batch) {
    for (int i = 0; i < rank - 2; i++) order[i] = i + 1;
    order[rank - 2] = 0;
  }
  if (turn) {
    int64_t last = order[rank - 1];
    order[rank - 1] = order[rank - 2];
    order[rank - 2] = last;
  }
  bool known = rank == 2 && turn && x->kind == VALUE_WEIGHT;
  return known ? tensor_transposed(c->im, x) : call_permute(c, x, order);
}

bool convert_fused_matmul(Call *c, OpKind op) {
  (void)op;
  Value *a = turned(c, call_value(c, 0), call_int(c, "transA", 0), call_int(c, "transBatchA", 0));
  Value *b = turned(c, call_value(c, 1), call_int(c, "transB", 0), call_int(c, "transBatchB", 0));
  double alpha = call_float(c, "alpha", 1);
  Value *y = call_matmul(c, a, b);
  if (alpha != 1) y = call_with(c, OP_MUL, y, alpha);
  return call_result(c, 0, y);
}

// ---- norms

// The norm of x + skip + bias, which is a result, too.
bool convert_skip_norm(Call *c, OpKind op) {
  (void)op;
  bool simple = !strcmp(c->node->op_type, "SkipSimplifiedLayerNormalization");
  Value *x = plus(c, call_value(c, 0), call_value(c, 1)), *scale = call_value(c, 2);
  double eps = call_float(c, "epsilon", simple ? 1e-6 : 1e-12);
  x = plus(c, x, call_value(c, simple ? 3 : 4));
  if (!x || !x->type->rank) return call_fail(c, "it needs a value and a scale");
  for (int i = 1; i < 3 && i < c->n_out; i++)
    if (*c->node->output.data[i]) return call_fail(c, "its statistics as results are not known");
  int64_t axis = x->type->rank - 1;
  Value *y = simple ? call_rms_norm(c, x, scale, axis, eps) : call_layer_norm(c, x, scale, call_value(c, 3), axis, eps);
  return call_result(c, 0, y) && (c->n_out < 4 || call_result(c, 3, x));
}

// ---- attention

static Value *part(Call *c, Value *x, int axis, Dim start, Dim size) {
  return call_slice(c, x, axis, start, dim_add(c->im->m->dims, start, size));
}

// A mask of keys, [N, S] or [N, T, S] of 0 and 1, or how many there are, [N].
static bool read_key_mask(Call *c, int i, Attend *a) {
  if (!call_has(c, i)) return true;
  Value *mask = call_value(c, i);
  int rank = mask ? mask->type->rank : 0;
  const Type *q = a->q->type, *k = a->k->type;
  if (rank < 1 || rank > 3 || mask->type->dims[0] != q->dims[0])
    return call_fail(c, "its mask is of a form that is not known");
  if (rank == 1) {
    mask = call_insert_dims(c, call_cast(c, mask, DT_I64), 1, 3);
    mask = call_binary(c, OP_LT, call_arange(c, DT_I64, 0, k->dims[2], 1), mask);
  } else
    mask = call_cast(c, call_insert_dims(c, mask, 1, 4 - rank), DT_BOOL);
  a->mask = mask;
  return mask != NULL;
}

static bool add_bias_mask(Call *c, int i, Attend *a) {
  if (call_has(c, i)) a->mask = attend_restrict(c, call_value(c, i), a->mask);
  return !call_has(c, i) || a->mask;
}

static bool finish(Call *c, Attend *a) {
  a->causal = call_int(c, "unidirectional", 0);
  a->scale = call_float(c, "scale", 0);
  a->left = a->right = a->shown = -1;
  return call_result(c, 0, attend_join(c, attend(c, a)));
}

// Of x and the weights [D, 3 D] of all three projections.
bool convert_ms_attention(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0), *weight = call_value(c, 1), *bias = call_value(c, 2);
  int64_t heads = call_int(c, "num_heads", 0);
  const int64_t *sizes;
  int n = call_ints(c, "qkv_hidden_sizes", &sizes);
  if (call_has(c, 4) || c->n_out > 1) return call_fail(c, "keys and values of past runs are not known");
  if (!x || !weight || weight->type->rank != 2 || (n && n != 3))
    return call_fail(c, "its operands do not fit each other");
  Dim all = weight->type->dims[1], at = 0;
  if (!dim_is_const(all)) return call_fail(c, "the width of its projections is open");
  Value *qkv = call_matmul(c, x, weight), *parts[3];
  if (bias) qkv = call_binary(c, OP_ADD, qkv, bias);
  if (!qkv || qkv->type->rank != 3) return call_fail(c, "its operand is not of 3 dimensions");
  for (int i = 0; i < 3; i++) {
    Dim size = n ? sizes[i] : all / 3;
    if (size < 1 || size > all - at) return call_fail(c, "its sizes do not fit its weights");
    parts[i] = attend_split(c, part(c, qkv, 2, at, size), heads);
    if (!parts[i]) return false;
    at += size;
  }
  Attend a = {.q = parts[0], .k = parts[1], .v = parts[2]};
  return read_key_mask(c, 3, &a) && add_bias_mask(c, 5, &a) && finish(c, &a);
}

// Part of the bias of all three projections.
static Value *biased(Call *c, Value *x, Value *bias, Dim *at) {
  if (!x || !bias || x->type->rank != 3) return x;
  Dim size = x->type->dims[2], start = *at;
  *at = dim_add(c->im->m->dims, start, size);
  return call_binary(c, OP_ADD, x, part(c, bias, 0, start, size));
}

bool convert_multi_head_attention(Call *c, OpKind op) {
  (void)op;
  int64_t heads = call_int(c, "num_heads", 0);
  Value *q = call_value(c, 0), *k = call_value(c, 1), *v = call_value(c, 2), *bias = call_value(c, 3);
  if (!q || !k || !v) return call_fail(c, "queries, keys and values in one operand are not known");
  Dim at = 0;
  bool split = k->type->rank == 4; // keys and values are of heads already
  q = biased(c, q, bias, &at);
  k = biased(c, k, bias, &at);
  v = biased(c, v, bias, &at);
  Attend a = {.q = attend_split(c, q, heads)};
  a.k = split ? k : attend_split(c, k, heads);
  a.v = split ? v : attend_split(c, v, heads);
  if (!a.q || !a.k || !a.v) return false;
  if (call_has(c, 6)) {
    Value *past = call_value(c, 6);
    if (past && past->type->rank == 4) a.past = past->type->dims[2];
    a.k = call_concat(c, 2, 2, (Value *[]){past, a.k});
    a.v = call_concat(c, 2, 2, (Value *[]){call_value(c, 7), a.v});
    if (!a.k || !a.v) return false;
  }
  if (c->n_out > 3) return call_fail(c, "its scores as a result are not known");
  if (c->n_out > 1) call_result(c, 1, a.k);
  if (c->n_out > 2) call_result(c, 2, a.v);
  return read_key_mask(c, 4, &a) && add_bias_mask(c, 5, &a) && finish(c, &a);
}
