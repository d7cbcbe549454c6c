// fold-batch-norm: batch_norm, normalize and arithmetic with per-channel constants vanish into the weights and bias of
// the convolution or linear layer before them; batch_norm and normalize also into the one behind them. All of it is
// computed in double.
//
// Needs the product's value to be used once, and no activation or residual in between. Ahead of a convolution only
// without padding: the border is padded with zeros after the shift, which no weight can express.
//
//   %1 = conv2d %x, @w {padding=[1, 1, 1, 1]} : f32[1, 8, 6, 6]
//   %2 = batch_norm %1, @g, @b, @mean, @var : f32[1, 8, 6, 6]
// becomes
//   %1 = conv2d %x, @w.folded, @bias {padding=[1, 1, 1, 1]} : f32[1, 8, 6, 6]
#include "passes/graph/product.h"

// `before`, `behind`: what kept it from the layer there; NULL: there is none.
static void missed(PassContext *c, const Node *n, const char *before, const char *behind) {
  const char *why = before ? before : behind ? behind : "no convolution or linear layer stands before or behind it";
  if (n->op == OP_BATCH_NORM || n->op == OP_NORMALIZE) pass_remark(c, n, true, "%s not folded: %s", pass_label(n), why);
}

static bool scales(const Node *n) {
  return n->op == OP_BATCH_NORM || n->op == OP_NORMALIZE || n->op == OP_MUL || n->op == OP_DIV || n->op == OP_ADD ||
         n->op == OP_SUB;
}

// The product whose result `n` scales, or false with the reason (NULL: none is there).
static bool product_before(PassContext *c, Node *n, Product *p, const char **why) {
  for (int i = 0; i < n->n_operands && i < 2; i++) {
    if (!product_of(operand(n, i), p)) continue;
    *why = "the layer before it has an activation or residual";
    if (product_has_act(p) || p->residual) return false;
    return product_only_use(c, result(p->node), n, why);
  }
  return false;
}

static bool fold_into_producer(PassContext *c, Node *n, const char **why) {
  Product p;
  Affine a;
  if (!product_before(c, n, &p, why)) return false;
  *why = "it does not work on the layer's channels";
  if (!affine_read(n, p.axis, &a)) return false;
  Node *old = p.node;
  product_apply_after(c->module, &p, &a);
  affine_free(&a);
  pass_remark(c, n, false, "%s folded into %s", pass_label(n), pass_label(old));
  rewrite_replace(c->module, n, result(product_rebuild(c->module, &p, n)));
  graph_remove(c->module, old);
  return true;
}

static bool pads_nothing(const Node *n) {
  if (n->op == OP_CONV_TRANSPOSE2D) return false; // its pixels see unequal numbers of taps
  if (n->op != OP_CONV2D) return true;
  const Attr *padding = NODE_ATTR(n, CONV2D, padding);
  for (int i = 0; i < padding->n; i++)
    if (padding->ints[i] != 0) return false;
  return true;
}

// The product that alone reads n's result as its input, or false with the reason (NULL: none is there).
static bool product_behind(PassContext *c, Node *n, Product *p, const char **why) {
  const Use *use = result(n)->uses;
  if (!use || !product_of_node(use->user, p) || operand(p->node, 0) != result(n)) return false;
  *why = "its result is also used elsewhere";
  if (graph_use_count(c->module, result(n)) != 1) return false;
  *why = "the convolution behind it pads with zeros, which its shift would change";
  if (!pads_nothing(p->node)) return false;
  *why = "the layer behind it does not work on its channels";
  return p->node->op != OP_LINEAR || result(n)->type->rank == 2;
}

static bool fold_into_consumer(PassContext *c, Node *n, Node **next, const char **why) {
  Product p;
  Affine a;
  if (n->op != OP_BATCH_NORM && n->op != OP_NORMALIZE) return false;
  if (!product_behind(c, n, &p, why)) return false;
  *why = "its weights are not known";
  if (!affine_read(n, 1, &a)) return false;
  Node *old = p.node;
  Value *x = rewrite_cast(c->module, n, a.x, result(n)->type->dtype);
  product_apply_before(c->module, &p, &a);
  pass_remark(c, n, false, "%s folded into %s behind it", pass_label(n), pass_label(old));
  Node *folded = product_rebuild(c->module, &p, old);
  rewrite_replace(c->module, old, result(folded));
  graph_set_operand(folded, 0, x);
  graph_remove(c->module, n);
  if (*next == old) *next = folded;
  affine_free(&a);
  return true;
}

bool fold_batch_norm_run(PassContext *c) {
  for (Node *n = c->module->first, *next; n; n = next) {
    next = n->next;
    if (!scales(n)) continue;
    const char *before = NULL, *behind = NULL;
    if (fold_into_producer(c, n, &before) || fold_into_consumer(c, n, &next, &behind))
      pass_count(c, "scalings folded into weights", 1);
    else
      missed(c, n, before, behind);
  }
  return true;
}
