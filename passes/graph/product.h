// Convolutions and linear layers seen alike: the ops with TRAIT_EPILOGUE, y = act(W x + bias + residual).
#pragma once
#include "passes/graph/affine.h"
#include "passes/graph/rewrite.h"

typedef struct Product {
  Node *node;
  Weight *weight, *bias; // bias NULL: none
  Value *residual;
  const char *act;
  int axis; // of the result's channels
  bool takes_residual;
} Product;

// False where `v` is not the result of such an op, or its weights are computed.
bool product_of(const Value *v, Product *p);
bool product_of_node(Node *n, Product *p);
int product_operand(OpKind op, const char *name); // the place of weight, bias or residual among operands; -1: none
int product_act(OpKind op);                       // the place of the activation among attributes
bool product_has_act(const Product *p);
OpKind product_activation(Module *m, const char *act, Attr **attrs); // the op that computes `act`, which is not "none"
Value *product_activate(Module *m, Node *before, Value *y, const char *act); // y itself where it is "none"
// The product again, with p's weight, bias, residual and act, before `before`; its name and span are kept.
Node *product_rebuild(Module *m, const Product *p, Node *before);

// Both replace weight and bias of *p by new ones: `a` applied to the result, or to the input.
void product_apply_after(Module *m, Product *p, const Affine *a);
void product_apply_before(Module *m, Product *p, const Affine *a);

// Whether nothing but `user` reads v. If not and remarks are wanted, `*why` says who else does, in the module's arena.
bool product_only_use(PassContext *c, const Value *v, const Node *user, const char **why);
