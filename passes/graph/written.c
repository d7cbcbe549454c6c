// What a model writes out in small operations, found by what is computed rather than by how it is spelt:
//
//   0.5 x (1 + erf(x / sqrt(2)))                                  gelu
//   0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))             gelu {approximate="tanh"}
//   (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps), w * ... + b  layer_norm
//   permute(reshape(conv2d(x) with a window as large as its step))  patch_embed
#include "passes/graph/written.h"
#include "passes/graph/constant.h"
#include "passes/graph/rewrite.h"
#include <math.h>
#include <string.h>

static Node *producer(const Value *v, OpKind op) {
  return v && v->kind == VALUE_RESULT && v->node->op == op ? v->node : NULL;
}

bool written_become(PassContext *c, Node *n, Value *made, const char *what) {
  const char *was = pass_label(n);
  rewrite_supersede(c->module, n, made);
  pass_count(c, what, 1);
  if (made->kind == VALUE_RESULT)
    pass_remark(c, made->node, false, "%s becomes %s", was, op_info(made->node->op)->name);
  return true;
}

// ---- GELU

enum { DEGREE = 3, DEPTH = 7, CANDIDATES = 8 };

// The sum of c[i][j] e^i x^j.
typedef struct Form {
  double c[2][DEGREE + 1];
} Form;

static bool multiply(const Form *a, const Form *b, Form *out) {
  *out = (Form){0};
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < (DEGREE + 1) * (DEGREE + 1); j++) {
      int e = i / 2 + i % 2, x = j / (DEGREE + 1) + j % (DEGREE + 1);
      double product = a->c[i / 2][j / (DEGREE + 1)] * b->c[i % 2][j % (DEGREE + 1)];
      if (!product) continue;
      if (e > 1 || x > DEGREE) return false;
      out->c[e][x] += product;
    }
  return true;
}

// v as a form of x and e, within `steps` operations. e may be NULL.
static bool form_of(const Value *v, const Value *x, const Value *e, int steps, Form *out) {
  double number;
  *out = (Form){0};
  if (v == e) return out->c[1][0] = 1, true;
  if (v == x) return out->c[0][1] = 1, true;
  if (constant_uniform(v, &number)) return out->c[0][0] = number, true;
  if (v->kind != VALUE_RESULT || !steps || v->type != x->type) return false;
  const Node *n = v->node;
  Form a, b;
  if (n->op != OP_ADD && n->op != OP_SUB && n->op != OP_MUL && n->op != OP_DIV) return false;
  if (n->op == OP_DIV && (!constant_uniform(operand(n, 1), &number) || !number)) return false;
  if (!form_of(operand(n, 0), x, e, steps - 1, &a) || !form_of(operand(n, 1), x, e, steps - 1, &b)) return false;
  if (n->op == OP_MUL) return multiply(&a, &b, out);
  for (int i = 0; i < 2 * (DEGREE + 1); i++) {
    int row = i / (DEGREE + 1), column = i % (DEGREE + 1);
    double p = a.c[row][column], q = b.c[row][column];
    out->c[row][column] = n->op == OP_DIV ? p / number : n->op == OP_ADD ? p + q : p - q;
  }
  return true;
}

static bool is_form(const Form *f, const Form *wanted) {
  for (int i = 0; i < 2; i++)
    for (int j = 0; j <= DEGREE; j++)
      if (fabs(f->c[i][j] - wanted->c[i][j]) > 1e-6 * fabs(wanted->c[i][j])) return false;
  return true;
}

static bool is_arithmetic(const Value *v) {
  return producer(v, OP_ADD) || producer(v, OP_SUB) || producer(v, OP_MUL) || producer(v, OP_DIV);
}

// The erf or tanh that v is made with, a few steps before it.
static Node *sigmoid_within(const Value *v, int steps) {
  Node *n = producer(v, OP_ERF);
  if (!n) n = producer(v, OP_TANH);
  if (n || !steps || !is_arithmetic(v)) return n;
  n = sigmoid_within(operand(v->node, 0), steps - 1);
  return n ? n : sigmoid_within(operand(v->node, 1), steps - 1);
}

bool written_gelu(PassContext *c, Node *n) {
  Value *y = result(n);
  Node *inner =
      y->type->dtype == DT_F32 && (n->op == OP_MUL || n->op == OP_ADD || n->op == OP_DIV) ? sigmoid_within(y, 4) : NULL;
  if (!inner) return false;
  bool by_erf = inner->op == OP_ERF;
  double slope = sqrt(2 / M_PI);
  Form whole = {{{0, 0.5}, {0, 0.5}}}, argument = {{{0, by_erf ? M_SQRT1_2 : slope, 0, by_erf ? 0 : 0.044715 * slope}}};
  Value *x = operand(inner, 0); // every way back from it that is no constant ends at the x of the formula
  for (int i = 0; i < CANDIDATES; i++) {
    Form f;
    double number;
    bool found = x->type == y->type && form_of(operand(inner, 0), x, NULL, DEPTH, &f) && is_form(&f, &argument) &&
                 form_of(y, x, result(inner), DEPTH, &f) && is_form(&f, &whole);
    if (found) {
      Attr *attrs = rewrite_attrs(c->module, OP_GELU);
      if (!by_erf) attrs[ATTR_GELU_approximate] = (Attr){.kind = ATTR_ENUM, .s = intern(c->module->names, "tanh")};
      return written_become(c, n, rewrite_before(c->module, n, OP_GELU, 1, &x, attrs), "GELUs recognized");
    }
    if (!is_arithmetic(x)) return false;
    x = operand(x->node, constant_uniform(operand(x->node, 0), &number) ? 1 : 0);
  }
  return false;
}

// ---- layer norm

// Whether v is the mean of `of` over the last dimension, which stays.
static bool is_mean(const Value *v, const Value *of) {
  const Node *n = producer(v, OP_MEAN);
  if (!n || operand(n, 0) != of) return false;
  const Attr *dim = NODE_ATTR(n, MEAN, dim);
  return dim->n == 1 && dim->ints[0] == of->type->rank - 1 && NODE_ATTR(n, MEAN, keepdim)->i &&
         !NODE_ATTR(n, MEAN, correction)->i;
}

// v = variance + eps, where `centred` less its mean is what the variance is of.
static bool is_variance(const Value *v, const Value *centred, double *eps) {
  const Node *sum = producer(v, OP_ADD);
  if (!sum || !constant_uniform(operand(sum, 1), eps) || *eps < 0) return false;
  const Node *mean = producer(operand(sum, 0), OP_MEAN), *square = mean ? producer(operand(mean, 0), OP_MUL) : NULL;
  return square && operand(square, 0) == centred && operand(square, 1) == centred &&
         is_mean(operand(sum, 0), result(square));
}

// The x of a normalized n; NULL: n is something else.
static Value *normalized(const Node *n, double *eps) {
  if (n->op != OP_DIV && n->op != OP_MUL) return NULL;
  for (int i = 0; i < (n->op == OP_MUL ? 2 : 1); i++) {
    Value *centred = operand(n, i), *scale = operand(n, 1 - i);
    const Node *difference = producer(centred, OP_SUB), *inverse = producer(scale, OP_RECIPROCAL),
               *root = n->op == OP_MUL && !inverse ? producer(scale, OP_RSQRT)
                                                   : producer(inverse ? operand(inverse, 0) : scale, OP_SQRT);
    if (!difference || !root || (n->op == OP_DIV && inverse)) continue;
    Value *x = operand(difference, 0);
    if (x->type == result(n)->type && is_mean(operand(difference, 1), x) && is_variance(operand(root, 0), centred, eps))
      return x;
  }
  return NULL;
}

static bool is_row(const Value *v, const Type *t) {
  return v->kind == VALUE_WEIGHT && v->type->rank == 1 && v->type->dtype == t->dtype &&
         v->type->dims[0] == t->dims[t->rank - 1];
}

static Value *make_layer_norm(Module *m, Node *n, Value *x, Value *weight, Value *bias, double eps) {
  Attr *attrs = rewrite_attrs(m, OP_LAYER_NORM);
  attrs[ATTR_LAYER_NORM_eps] = (Attr){.kind = ATTR_FLOAT, .f = eps};
  return rewrite_before(m, n, OP_LAYER_NORM, 3, (Value *[]){x, weight, bias}, attrs);
}

// n = layer_norm(x) * weight + bias.
static bool takes_weights(PassContext *c, Node *n) {
  const Node *product = n->op == OP_ADD ? producer(operand(n, 0), OP_MUL) : NULL,
             *norm = product ? producer(operand(product, 0), OP_LAYER_NORM) : NULL;
  if (!norm || operand(norm, IN_LAYER_NORM_weight) || operand(norm, IN_LAYER_NORM_bias)) return false;
  Value *x = operand(norm, 0), *weight = operand(product, 1), *bias = operand(n, 1);
  if (!is_row(weight, x->type) || !is_row(bias, x->type)) return false;
  Value *made = make_layer_norm(c->module, n, x, weight, bias, NODE_ATTR(norm, LAYER_NORM, eps)->f);
  return written_become(c, n, made, "layer norms given their weights");
}

bool written_layer_norm(PassContext *c, Node *n) {
  const Type *t = result(n)->type;
  double eps;
  if (t->dtype != DT_F32 || t->rank < 1 || !dim_is_const(t->dims[t->rank - 1])) return false;
  Value *x = normalized(n, &eps);
  if (!x) return takes_weights(c, n);
  return written_become(c, n, make_layer_norm(c->module, n, x, NULL, NULL, eps), "layer norms recognized");
}

// ---- patch embedding

static bool all(const Attr *list, int64_t wanted) {
  for (int i = 0; i < list->n; i++)
    if (list->ints[i] != wanted) return false;
  return true;
}

// Whether windows cover the picture once, with nothing left over.
static bool takes_patches(const Node *conv) {
  const Type *x = operand(conv, IN_CONV2D_x)->type, *w = operand(conv, IN_CONV2D_weight)->type;
  int64_t side = w->dims[2];
  return w->dims[3] == side && all(NODE_ATTR(conv, CONV2D, stride), side) && all(NODE_ATTR(conv, CONV2D, padding), 0) &&
         all(NODE_ATTR(conv, CONV2D, dilation), 1) && NODE_ATTR(conv, CONV2D, groups)->i == 1 &&
         !operand(conv, IN_CONV2D_residual) && dim_is_const(x->dims[2]) && dim_is_const(x->dims[3]) &&
         x->dims[2] % side == 0 && x->dims[3] % side == 0;
}

bool written_patch_embed(PassContext *c, Node *n) {
  static const int64_t order[] = {0, 2, 1};
  if (n->op != OP_PERMUTE || NODE_ATTR(n, PERMUTE, dims)->n != 3 ||
      memcmp(NODE_ATTR(n, PERMUTE, dims)->ints, order, sizeof order))
    return false;
  const Node *flat = producer(operand(n, 0), OP_RESHAPE), *conv = flat ? producer(operand(flat, 0), OP_CONV2D) : NULL;
  if (!conv || graph_use_count(c->module, result(conv)) != 1 || graph_use_count(c->module, result(flat)) != 1)
    return false;
  const Type *from = result(conv)->type, *to = result(flat)->type;
  if (to->dims[0] != from->dims[0] || to->dims[1] != from->dims[1] || !takes_patches(conv)) return false;
  Value *operands[] = {operand(conv, IN_CONV2D_x), operand(conv, IN_CONV2D_weight), operand(conv, IN_CONV2D_bias)};
  Attr *attrs = rewrite_attrs(c->module, OP_PATCH_EMBED);
  attrs[ATTR_PATCH_EMBED_act] = *NODE_ATTR(conv, CONV2D, act);
  Value *made = rewrite_named(c->module, n, conv->name, OP_PATCH_EMBED, 3, operands, attrs);
  return written_become(c, n, made, "patch embeddings recognized");
}
