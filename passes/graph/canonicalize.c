// canonicalize: one form for each thing, and nothing that does nothing. Identities go (dropout, x + 0, x * 1, reshape,
// permute, slice, pad, concat and cast that change nothing, relu of relu); a reshape of a reshape and a permute of a
// permute are one; a constant operand stands on the right; x - c is x + -c, x / c is x * 1/c where that is exact.
//
//   %1 = mul @two, %x : f32[4]
//   %2 = reshape %1 {shape=[2, 2]} : f32[2, 2]
//   %3 = reshape %2 {shape=[4]} : f32[4]
// becomes
//   %1 = mul %x, @two : f32[4]
#include "ir/core/checked.h"
#include "passes/graph/constant.h"
#include "passes/graph/rewrite.h"
#include <math.h>

// ---- identities

static bool adds_nothing(const Node *n) {
  double v;
  if (!constant_uniform(operand(n, 1), &v)) return false;
  return (n->op == OP_ADD || n->op == OP_SUB) ? v == 0 : (n->op == OP_MUL || n->op == OP_DIV) && v == 1;
}

static bool is_permutation_identity(const Node *n) {
  const Attr *dims = NODE_ATTR(n, PERMUTE, dims);
  for (int i = 0; i < dims->n; i++)
    if (dims->ints[i] != i) return false;
  return true;
}

static bool all_equal(const Attr *list, int64_t to) {
  for (int i = 0; i < list->n; i++)
    if (list->ints[i] != to) return false;
  return true;
}

static bool is_idempotent(OpKind op) { return op == OP_RELU || op == OP_RELU6; }

// Whether the result, known to be of the operand's type, is the operand.
static bool is_identity(const Node *n) {
  const Value *x = operand(n, 0);
  if (op_has(n->op, TRAIT_IDENTITY) || op_has(n->op, TRAIT_VIEW) || n->op == OP_CAST) return true;
  if (n->op == OP_PERMUTE) return is_permutation_identity(n);
  if (n->op == OP_SLICE) return all_equal(NODE_ATTR(n, SLICE, steps), 1);
  if (n->op == OP_PAD) return all_equal(NODE_ATTR(n, PAD, pad), 0);
  if (n->op == OP_INTERPOLATE) return !NODE_ATTR(n, INTERPOLATE, scale_factor)->n;
  if (n->op == OP_CONCAT) return n->n_operands == 1;
  if (op_has(n->op, TRAIT_BINARY)) return adds_nothing(n);
  return is_idempotent(n->op) && x->kind == VALUE_RESULT && is_idempotent(x->node->op) &&
         (n->op == OP_RELU6 ? x->node->op == OP_RELU6 : true);
}

static bool remove_identity(PassContext *c, Node *n) {
  if (n->n_results != 1 || n->n_operands < 1 || !operand(n, 0)) return false;
  if (result(n)->type != operand(n, 0)->type || !is_identity(n)) return false;
  pass_remark(c, n, false, "%s removed: it changes nothing", pass_label(n));
  rewrite_replace(c->module, n, operand(n, 0));
  pass_count(c, "identities removed", 1);
  return true;
}

// ---- arithmetic with constants

static void constant_to_the_right(PassContext *c, Node *n) {
  if (!op_has(n->op, TRAIT_COMMUTATIVE) || !constant_weight(operand(n, 0)) || constant_weight(operand(n, 1))) return;
  Value *constant = operand(n, 0);
  graph_set_operand(n, 0, operand(n, 1));
  graph_set_operand(n, 1, constant);
  pass_count(c, "constants put right", 1);
}

// Whether 1 / v is exact: v is a power of two whose reciprocal is normal in f32.
static bool has_exact_reciprocal(double v) {
  int exponent;
  return fabs(frexp(v, &exponent)) == 0.5 && exponent > -120 && exponent < 120;
}

// The weight with f applied to each element, or NULL: f does not suit one of them, or there are too many to look at.
static Weight *mapped(Module *m, Weight *w, bool negate) {
  enum { MOST = 4096 };
  const char *hint = rewrite_name(m, w->name, negate ? "negated" : "reciprocal");
  bool splat = w->source == WEIGHT_SPLAT;
  int64_t n = splat ? 1 : weight_count(w);
  if (n > MOST) return NULL;
  double v[MOST];
  for (int64_t i = 0; i < n; i++) {
    v[i] = splat ? w->splat : weight_at(w, i);
    if (!negate && !has_exact_reciprocal(v[i])) return NULL;
    v[i] = negate ? -v[i] : 1 / v[i];
  }
  return splat ? graph_splat(m, hint, w->type, v[0]) : constant_dense(m, hint, w->type, v);
}

static bool simplify_inverse(PassContext *c, Node *n) {
  Weight *w = constant_weight(operand(n, 1));
  if ((n->op != OP_SUB && n->op != OP_DIV) || !w || !dtype_is_float(w->type->dtype)) return false;
  Weight *inverse = mapped(c->module, w, n->op == OP_SUB);
  if (!inverse) return false;
  Value *operands[] = {operand(n, 0), inverse->value};
  OpKind op = n->op == OP_SUB ? OP_ADD : OP_MUL;
  rewrite_replace(c->module, n, rewrite_before(c->module, n, op, 2, operands, NULL));
  pass_count(c, "subtractions and divisions turned round", 1);
  return true;
}

// ---- shapes

static Node *producer(const Value *v, OpKind op) {
  return v && v->kind == VALUE_RESULT && v->node->op == op ? v->node : NULL;
}

static bool join_reshapes(PassContext *c, Node *n) {
  Node *first = n->op == OP_RESHAPE ? producer(operand(n, 0), OP_RESHAPE) : NULL;
  if (!first) return false;
  Value *x = operand(first, 0);
  Attr *attrs = rewrite_attrs(c->module, OP_RESHAPE);
  attrs[ATTR_RESHAPE_shape] = rewrite_shape(c->module, result(n)->type);
  Value *joined = x->type == result(n)->type ? x : rewrite_before(c->module, n, OP_RESHAPE, 1, &x, attrs);
  rewrite_replace(c->module, n, joined);
  return true;
}

static bool join_permutes(PassContext *c, Node *n) {
  Node *first = n->op == OP_PERMUTE ? producer(operand(n, 0), OP_PERMUTE) : NULL;
  if (!first) return false;
  const Attr *outer = NODE_ATTR(n, PERMUTE, dims), *inner = NODE_ATTR(first, PERMUTE, dims);
  int64_t dims[MAX_RANK];
  bool identity = true;
  for (int i = 0; i < outer->n; i++) {
    dims[i] = inner->ints[outer->ints[i]];
    identity = identity && dims[i] == i;
  }
  Value *x = operand(first, 0);
  Attr *attrs = rewrite_attrs(c->module, OP_PERMUTE);
  attrs[ATTR_PERMUTE_dims] = rewrite_ints(c->module, ATTR_INTS, outer->n, dims);
  rewrite_replace(c->module, n, identity ? x : rewrite_before(c->module, n, OP_PERMUTE, 1, &x, attrs));
  return true;
}

// The first of two joined nodes goes when nothing else reads it.
static bool join(PassContext *c, Node *n) {
  Node *first = operand(n, 0) && operand(n, 0)->kind == VALUE_RESULT ? operand(n, 0)->node : NULL;
  if (!join_reshapes(c, n) && !join_permutes(c, n)) return false;
  if (!graph_use_count(c->module, result(first))) graph_remove(c->module, first);
  pass_count(c, "reshapes and permutes joined", 1);
  return true;
}

bool canonicalize_run(PassContext *c) {
  for (Node *n = c->module->first, *next; n; n = next) {
    next = n->next;
    constant_to_the_right(c, n);
    if (!remove_identity(c, n) && !simplify_inverse(c, n)) join(c, n);
  }
  return true;
}
