// fuse-epilogue: what follows a convolution or linear layer element by element is done before its result is stored, in
// the order act(W x + bias + residual): a per-channel constant added, another value of the same shape added, an
// activation. The fused node stands where the last of these stood.
//
// Needs the layer's value to be used once. Where both operands of an addition are such layers, the later one takes the
// other as its residual, so that nothing is computed later than it was.
//
//   %1 = conv2d %x, @w, @b {padding=[1, 1, 1, 1]} : f32[1, 8, 6, 6]
//   %2 = add %1, %x : f32[1, 8, 6, 6]
//   %3 = relu %2 : f32[1, 8, 6, 6]
// becomes
//   %1 = conv2d %x, @w, @b, %x {padding=[1, 1, 1, 1], act="relu"} : f32[1, 8, 6, 6]
#include "passes/graph/product.h"
#include <string.h>

static void replace(PassContext *c, Node *n, Product *p, const char *as) {
  Node *old = p->node;
  Node *fused = product_rebuild(c->module, p, n);
  pass_remark(c, n, false, "%s fused into %s as its %s", pass_label(n), pass_label(old), as);
  rewrite_replace(c->module, n, result(fused));
  graph_remove(c->module, old);
}

static void missed(PassContext *c, const Node *n, const Product *p, const char *why) {
  pass_remark(c, n, true, "%s not fused into %s: %s", pass_label(n), pass_label(p->node), why);
}

// ---- activations

// The name of the activation that `n` computes, as the attribute `act` spells it; NULL: none.
static const char *activation(PassContext *c, const Node *n) {
  if (!op_has(n->op, TRAIT_ACTIVATION)) return NULL;
  bool by_tanh = n->op == OP_GELU && !strcmp(NODE_ATTR(n, GELU, approximate)->s, "tanh");
  return intern(c->module->names, by_tanh ? "gelu_tanh" : op_info(n->op)->name);
}

static bool fuse_activation(PassContext *c, Node *n) {
  Product p;
  const char *why, *act = activation(c, n);
  if (!act || !product_of(operand(n, 0), &p)) return false;
  if (product_has_act(&p)) return missed(c, n, &p, "it has an activation already"), false;
  if (!product_only_use(c, result(p.node), n, &why)) return missed(c, n, &p, why), false;
  p.act = act;
  replace(c, n, &p, "activation");
  pass_count(c, "activations fused", 1);
  return true;
}

// ---- additions

static bool fuse_bias(PassContext *c, Node *n, Product *p) {
  Affine a;
  if ((n->op != OP_ADD && n->op != OP_SUB) || !affine_read(n, p->axis, &a)) return false;
  bool here = a.x == result(p->node);
  if (here) {
    product_apply_after(c->module, p, &a);
    replace(c, n, p, "bias");
    pass_count(c, "biases fused", 1);
  }
  affine_free(&a);
  return here;
}

// Why the addition `n` may not go into the layer *p of its operand i at all; NULL: it may.
static const char *obstacle(PassContext *c, const Node *n, int i, const Product *p) {
  const char *why;
  if (product_has_act(p)) return "its activation comes before the addition";
  if (operand(n, 0) == operand(n, 1)) return "both operands are the same value";
  return product_only_use(c, operand(n, i), n, &why) ? NULL : why;
}

// Why the other operand may not be the layer's residual; NULL: it may.
static const char *residual_obstacle(const Node *n, int i, const Product *p) {
  if (n->op != OP_ADD) return "it is no addition";
  if (!p->takes_residual) return "it takes no residual";
  if (p->residual) return "it has a residual already";
  const Type *t = operand(n, i)->type;
  return operand(n, 1 - i)->type == t && result(n)->type == t ? NULL : "the operands have different shapes";
}

// Nodes in their order at the start; a fused node takes the place of what it replaces. New ones are appended.
typedef Vec(uint32_t) Order;

static uint32_t place(const Order *order, const Node *n) { return n->id < order->len ? order->data[n->id] : 0; }

static void set_place(Order *order, const Node *n, uint32_t at) {
  while (order->len <= n->id) vec_push(order, 0);
  order->data[n->id] = at;
}

static bool fuse_addition(PassContext *c, Node *n, const Order *order) {
  if (n->op != OP_ADD && n->op != OP_SUB) return false;
  Product p[2];
  bool layer[2], can[2];
  const char *why[2];
  for (int i = 0; i < 2; i++) {
    layer[i] = product_of(operand(n, i), &p[i]);
    can[i] = layer[i] && !(why[i] = obstacle(c, n, i, &p[i]));
    if (can[i] && fuse_bias(c, n, &p[i])) return true;
    can[i] = can[i] && !(why[i] = residual_obstacle(n, i, &p[i]));
  }
  if (!can[0] && !can[1]) {
    for (int i = 0; i < 2; i++)
      if (layer[i]) missed(c, n, &p[i], why[i]);
    return false;
  }
  int i = can[0] && can[1] ? place(order, p[1].node) > place(order, p[0].node) : can[1];
  p[i].residual = operand(n, 1 - i);
  replace(c, n, &p[i], "residual");
  pass_count(c, "residuals fused", 1);
  return true;
}

bool fuse_epilogue_run(PassContext *c) {
  Order order = {0};
  uint32_t at = 0;
  for (Node *n = c->module->first; n; n = n->next) set_place(&order, n, ++at);
  for (Node *n = c->module->first, *next; n; n = next) {
    next = n->next;
    uint32_t here = place(&order, n);
    bool fused = fuse_activation(c, n) || fuse_addition(c, n, &order);
    if (fused) set_place(&order, next ? next->prev : c->module->last, here);
  }
  vec_free(&order);
  return true;
}
