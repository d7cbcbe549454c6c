// Unary and binary ops on every element, with broadcasting, in any layout that the operands share.
#include "ir/core/check.h"
#include "passes/lower/math.h"
#include "passes/lower/pack.h"
#include "passes/lower/strided.h"
#include <string.h>

// The memory of operand v of a result of type y, as strides along y's physical dimensions.
static LBuffer *operand_view(Lower *lw, Value *v, const Type *y, Phys *view) {
  if (v->kind == VALUE_WEIGHT) return pack_broadcast(lw, v->weight, y, view);
  phys_of(lw, y, view);
  int shift = y->rank - v->type->rank, at = 0;
  Phys own;
  phys_of(lw, v->type, &own);
  CHECK(y->blocked_axis < 0 || shift == 0, "a blocked operand of lower rank");
  for (int i = 0; i < view->rank; i++) {
    bool present = i >= shift;
    view->strides[i] = present && own.dims[at] != 1 ? own.strides[at] : 0;
    if (present && own.dims[at] == 1 && view->dims[i] == 1) view->strides[i] = own.strides[at];
    at += present;
  }
  return lower_buffer(lw, v);
}

static void elementwise(Lower *lw, Node *n, int n_operands, StridedBody body, int64_t flops) {
  Value *y = result(n);
  Phys out, views[MAX_STRIDED];
  phys_of(lw, y->type, &out);
  Kernel k = kernel_begin(lw, op_info(n->op)->name);
  Strided s = {.n_operands = n_operands + 1};
  LExpr *p[MAX_STRIDED];
  for (int o = 0; o < n_operands; o++) {
    Value *v = operand(n, o);
    LBuffer *buffer = operand_view(lw, v, y->type, &views[o]);
    // Only an operand that is read exactly where the result is written may give its memory.
    bool in_place = v->kind == VALUE_RESULT && v->type == y->type;
    p[o] = in_place ? kernel_in_place(&k, "x", v) : kernel_buffer(&k, "x", buffer, ACCESS_IN);
  }
  p[n_operands] = kernel_out_in_place(&k, "y", y);
  for (int d = 0; d < out.rank; d++) {
    Dim strides[MAX_STRIDED];
    for (int o = 0; o < n_operands; o++) strides[o] = views[o].strides[d];
    strides[n_operands] = out.strides[d];
    strided_add_dim(&s, out.dims[d], strides);
  }
  Dim tasks = strided_loops(&k, &s, p, body, n);
  kernel_finish(&k, n, tasks, flops, "");
}

static LExpr *activation(Kernel *k, void *context, LExpr *const *v) {
  const Node *n = context;
  const char *name = op_info(n->op)->name;
  if (n->op == OP_GELU && !strcmp(NODE_ATTR(n, GELU, approximate)->s, "tanh")) name = "gelu_tanh";
  return math_activation(k->b, name, v[0]);
}

#define ACTIVATION(name)                                                                                               \
  bool lower_##name(Lower *lw, Node *n) {                                                                              \
    elementwise(lw, n, 1, activation, 0);                                                                              \
    return true;                                                                                                       \
  }
ACTIVATION(relu)
ACTIVATION(relu6)
ACTIVATION(gelu)
ACTIVATION(silu)
ACTIVATION(sigmoid)
ACTIVATION(tanh)

static LExpr *convert(Kernel *k, void *context, LExpr *const *v) {
  const Node *n = context;
  DType from = operand(n, 0)->type->dtype, to = result(n)->type->dtype;
  if (from == to) return v[0];
  LType zero = v[0]->type;
  if (to == DT_BOOL) return lx_op(k->b, LOOP_NE, v[0], lx_const(k->b, zero, 0));
  return lx_cast(k->b, to, v[0]);
}

bool lower_cast(Lower *lw, Node *n) {
  elementwise(lw, n, 1, convert, 0);
  return true;
}

static LExpr *arithmetic(Kernel *k, void *context, LExpr *const *v) {
  const Node *n = context;
  LOp op = n->op == OP_ADD ? LOOP_ADD : n->op == OP_SUB ? LOOP_SUB : n->op == OP_MUL ? LOOP_MUL : LOOP_DIV;
  return lx_op(k->b, op, v[0], v[1]);
}

#define ARITHMETIC(name)                                                                                               \
  bool lower_##name(Lower *lw, Node *n) {                                                                              \
    elementwise(lw, n, 2, arithmetic, 0);                                                                              \
    return true;                                                                                                       \
  }
ARITHMETIC(add)
ARITHMETIC(sub)
ARITHMETIC(mul)
ARITHMETIC(div)
