// recognize: what is written out is replaced by the op that it is, and a concatenation that goes on where another
// stopped starts from it.
//
//   %1 = sigmoid %x : f32[1, 8, 6, 6]
//   %2 = mul %x, %1 : f32[1, 8, 6, 6]              becomes  %2 = silu %x
//   %1 = add %x, @"f32:3.0" : f32[1, 8, 6, 6]
//   %2 = relu6 %1 : f32[1, 8, 6, 6]
//   %3 = div %2, @"f32:6.0" : f32[1, 8, 6, 6]      becomes  %3 = hardsigmoid %x; times %x: hardswish %x
//   GELU, layer norm and patch embedding: see written.c
//   %1 = pow %x, @"f32:2.0"                        becomes  %1 = mul %x, %x; likewise 3, -1, -2, 0.5, -0.5
//   %1 = clamp %x {min=0.0, max=6.0}               becomes  %1 = relu6 %x; maximum(x, 0): relu
//   %3 = mean %c {dim=[2, 3], keepdim=true}        becomes  %3 = adaptive_avg_pool2d %c {output_size=[1, 1]}
//   %4 = concat %a, %b {dim=1}
//   %5 = concat %a, %b, %c {dim=1}                 becomes  %5 = concat %4, %c {dim=1}
#include "passes/graph/rewrite.h"
#include "passes/graph/written.h"
#include <math.h>

static Node *producer(const Value *v, OpKind op) {
  return v->kind == VALUE_RESULT && v->node->op == op ? v->node : NULL;
}

static bool silu(PassContext *c, Node *n) {
  if (n->op != OP_MUL || result(n)->type->dtype != DT_F32) return false;
  for (int i = 0; i < 2; i++) {
    Node *gate = producer(operand(n, i), OP_SIGMOID);
    Value *x = operand(n, 1 - i);
    if (!gate || operand(gate, 0) != x || x->type != result(n)->type) continue;
    return written_become(c, n, rewrite_before(c->module, n, OP_SILU, 1, &x, NULL), "SiLUs recognized");
  }
  return false;
}

// ---- hard sigmoid and hard swish

static bool is_splat(const Value *v, double number) {
  return v->kind == VALUE_WEIGHT && v->weight->source == WEIGHT_SPLAT && fabs(v->weight->splat - number) < 1e-7;
}

// x of relu6(x + 3); NULL: v is something else.
static Value *raised(const Value *v) {
  const Node *clip = producer(v, OP_RELU6), *sum = clip ? producer(operand(clip, 0), OP_ADD) : NULL;
  return sum && is_splat(operand(sum, 1), 3) && operand(sum, 0)->type == v->type ? operand(sum, 0) : NULL;
}

static Value *divided_by_six(const Node *n) {
  bool divides = n->op == OP_DIV && is_splat(operand(n, 1), 6),
       times = n->op == OP_MUL && is_splat(operand(n, 1), 1. / 6);
  return divides || times ? operand(n, 0) : NULL;
}

static bool hard(PassContext *c, Node *n) {
  if (result(n)->type->dtype != DT_F32) return false;
  Value *v = divided_by_six(n), *x = v ? raised(v) : NULL;
  OpKind op = OP_HARDSIGMOID;
  const Node *product = v ? producer(v, OP_MUL) : n->op == OP_MUL ? n : NULL;
  for (int i = 0; product && i < 2 && !x; i++) {
    Value *gate = operand(product, i), *other = operand(product, 1 - i);
    const Node *made = producer(gate, OP_HARDSIGMOID);
    Value *of = v ? raised(gate) : made ? operand(made, 0) : NULL;
    if (of == other) x = of, op = OP_HARDSWISH;
  }
  if (!x || x->type != result(n)->type) return false;
  return written_become(c, n, rewrite_before(c->module, n, op, 1, &x, NULL), "hard sigmoids and swishes recognized");
}

// ---- elementary functions by another name

// The other operand of a splat, in *v its number; NULL: there is none.
static Value *beside_splat(const Node *n, double *v) {
  if (operand(n, 1)->kind != VALUE_WEIGHT || operand(n, 1)->weight->source != WEIGHT_SPLAT) return NULL;
  *v = operand(n, 1)->weight->splat;
  return operand(n, 0)->type == result(n)->type ? operand(n, 0) : NULL;
}

static Value *applied(PassContext *c, Node *n, OpKind op, Value *x) {
  return rewrite_before(c->module, n, op, 1, &x, NULL);
}

static Value *product(PassContext *c, Node *n, Value *a, Value *b) {
  return rewrite_before(c->module, n, OP_MUL, 2, (Value *[]){a, b}, NULL);
}

// Whether v holds no number below 0, as far as few steps tell.
static bool never_negative(const Value *v, int steps) {
  if (v->kind == VALUE_WEIGHT) return v->weight->source == WEIGHT_SPLAT && v->weight->splat >= 0;
  if (v->kind != VALUE_RESULT || !steps) return false;
  const Node *n = v->node;
  switch (n->op) {
  case OP_ABS:
  case OP_EXP:
  case OP_RELU:
  case OP_RELU6:
  case OP_SIGMOID:
  case OP_SQRT: return true;
  case OP_MEAN:
  case OP_SUM: return never_negative(operand(n, 0), steps - 1);
  case OP_MUL:
    if (operand(n, 0) == operand(n, 1)) return true; // a square
    return never_negative(operand(n, 0), steps - 1) && never_negative(operand(n, 1), steps - 1);
  case OP_ADD: return never_negative(operand(n, 0), steps - 1) && never_negative(operand(n, 1), steps - 1);
  default: return false;
  }
}

// Exponents that products, roots and reciprocals serve better than logarithms; roots where x is not minus
// infinity, whose root is no number, but whose powers are. NULL: another one.
static Value *power(PassContext *c, Node *n, Value *x, double exponent) {
  if (exponent == 1) return x;
  if (exponent == 2) return product(c, n, x, x);
  if (exponent == 3) return product(c, n, product(c, n, x, x), x);
  if (!dtype_is_float(x->type->dtype)) return NULL;
  if (exponent == 0.5 && never_negative(x, 4)) return applied(c, n, OP_SQRT, x);
  if (exponent == -0.5 && never_negative(x, 4)) return applied(c, n, OP_RSQRT, x);
  if (exponent == -1) return applied(c, n, OP_RECIPROCAL, x);
  if (exponent == -2) return applied(c, n, OP_RECIPROCAL, product(c, n, x, x));
  return NULL;
}

static Value *clipped(PassContext *c, Node *n, double min, double max) {
  if (min != 0 || (max != 6 && max != INFINITY)) return NULL;
  return applied(c, n, max == 6 ? OP_RELU6 : OP_RELU, operand(n, 0));
}

static bool elementary(PassContext *c, Node *n) {
  Value *x, *y = NULL;
  double v;
  if (n->op == OP_POW && (x = beside_splat(n, &v))) y = power(c, n, x, v);
  if (n->op == OP_MAXIMUM && (x = beside_splat(n, &v)) && v == 0) y = applied(c, n, OP_RELU, x);
  if (n->op == OP_CLAMP) y = clipped(c, n, NODE_ATTR(n, CLAMP, min)->f, NODE_ATTR(n, CLAMP, max)->f);
  if (!y) return false;
  return written_become(c, n, y, "elementary functions recognized");
}

// Whether v is kept in blocks of channels, because a convolution or a pool made it.
static bool is_picture(const Value *v) {
  while (v->kind == VALUE_RESULT && op_is_elementwise(v->node->op))
    v = operand(v->node, 0); // a constant stands on the right
  if (v->kind != VALUE_RESULT) return false;
  OpKind op = v->node->op;
  return op == OP_CONV2D || op == OP_CONV_TRANSPOSE2D || op == OP_MAX_POOL2D || op == OP_AVG_POOL2D || op == OP_CONCAT;
}

static bool mean_of_picture(PassContext *c, Node *n) {
  if (n->op != OP_MEAN || NODE_ATTR(n, MEAN, correction)->i) return false;
  Value *x = operand(n, 0);
  const Attr *dim = NODE_ATTR(n, MEAN, dim);
  bool both = dim->n == 2 && dim->ints[0] + dim->ints[1] == 5 && (dim->ints[0] == 2 || dim->ints[0] == 3);
  if (!both || x->type->rank != 4 || x->type->dtype != DT_F32 || !is_picture(x)) return false;
  Attr *attrs = rewrite_attrs(c->module, OP_ADAPTIVE_AVG_POOL2D);
  attrs[ATTR_ADAPTIVE_AVG_POOL2D_output_size] = rewrite_ints(c->module, ATTR_INTS, 2, (int64_t[]){1, 1});
  Value *y = rewrite_before(c->module, n, OP_ADAPTIVE_AVG_POOL2D, 1, &x, attrs);
  if (result(n)->type != y->type) {
    attrs = rewrite_attrs(c->module, OP_RESHAPE);
    attrs[ATTR_RESHAPE_shape] = rewrite_shape(c->module, result(n)->type);
    y = rewrite_before(c->module, n, OP_RESHAPE, 1, &y, attrs);
  }
  return written_become(c, n, y, "means of pictures recognized");
}

static bool begins_with(const Node *n, const Node *prefix) {
  if (prefix->op != OP_CONCAT || prefix->n_operands < 2 || prefix->n_operands >= n->n_operands) return false;
  if (NODE_ATTR(n, CONCAT, dim)->i != NODE_ATTR(prefix, CONCAT, dim)->i) return false;
  for (int i = 0; i < prefix->n_operands; i++)
    if (operand(n, i) != operand(prefix, i)) return false;
  return true;
}

// Nodes are visited from the last to the first: of the first n_nodes, those that were not yet are before n, and still
// written out.
static bool continues(PassContext *c, Node *n, const bool *visited, uint32_t n_nodes) {
  if (n->op != OP_CONCAT) return false;
  Module *m = c->module;
  Node *from = NULL;
  for (Use *u = operand(n, 0)->uses; u; u = u->next) {
    if (!u->user || u->user->id >= n_nodes || visited[u->user->id] || !begins_with(n, u->user)) continue;
    if (!from || u->user->n_operands > from->n_operands) from = u->user;
  }
  if (!from) return false;
  int rest = n->n_operands - from->n_operands;
  Value **operands = arena_array(m->arena, Value *, rest + 1);
  operands[0] = result(from);
  for (int i = 0; i < rest; i++) operands[1 + i] = operand(n, from->n_operands + i);
  Attr *attrs = rewrite_attrs(m, OP_CONCAT);
  attrs[ATTR_CONCAT_dim] = *NODE_ATTR(n, CONCAT, dim);
  pass_remark(c, n, false, "%s goes on where %s stopped", pass_label(n), pass_label(from));
  rewrite_replace(m, n, rewrite_before(m, n, OP_CONCAT, rest + 1, operands, attrs));
  pass_count(c, "concatenations continued", 1);
  return true;
}

bool recognize_run(PassContext *c) {
  Module *m = c->module;
  for (Node *n = m->first, *next; n; n = next) {
    next = n->next;
    if (silu(c, n) || hard(c, n) || elementary(c, n) || mean_of_picture(c, n)) continue;
    if (!written_gelu(c, n) && !written_layer_norm(c, n)) written_patch_embed(c, n);
  }
  uint32_t n_nodes = m->n_nodes;
  bool *visited = arena_array(m->arena, bool, n_nodes);
  for (Node *n = m->last, *prev; n; n = prev) {
    prev = n->prev;
    visited[n->id] = true;
    continues(c, n, visited, n_nodes);
  }
  return true;
}
