// Elementwise ops, with broadcasting, in any layout that the operands share. A result that only one other such op reads
// is never stored: the op computes it where it needs it.
#include "ir/core/check.h"
#include "passes/lower/pack.h"
#include "passes/lower/pointwise.h"
#include "passes/lower/strided.h"

// The memory of operand v of a result of type y, as strides along y's physical dimensions.
static LExpr *operand_view(Kernel *k, Value *v, const Type *y, Phys *view) {
  Lower *lw = k->lw;
  if (v->kind == VALUE_WEIGHT) return kernel_buffer(k, "x", pack_broadcast(lw, v->weight, y, view), ACCESS_IN);
  phys_of(lw, y, view);
  int shift = y->rank - v->type->rank, at = 0;
  Phys own;
  phys_of_value(lw, v, &own);
  CHECK(y->blocked_axis < 0 || shift == 0, "a blocked operand of lower rank");
  for (int i = 0; i < view->rank; i++) {
    bool present = i >= shift;
    view->strides[i] = present && own.dims[at] != 1 ? own.strides[at] : 0;
    if (present && own.dims[at] == 1 && view->dims[i] == 1) view->strides[i] = own.strides[at];
    at += present;
  }
  // Only an operand that is read exactly where the result is written may give its memory.
  return v->kind == VALUE_RESULT && v->type == y ? kernel_in_place(k, "x", v) : kernel_in(k, "x", v);
}

// ---- trees of ops

// Of a tree that another op computes: its leaves, so that those of three fit into one kernel; its ops, because LLVM and
// the walks below take time that grows faster than a tree, while beside so many ops a load and a store cost nothing.
enum { MOST_LEAVES = MAX_STRIDED - 1, MOST_DEFERRED = MOST_LEAVES / 3, MOST_OPS = 128 };

typedef struct Tree {
  Value *leaves[MOST_LEAVES];
  int n, ops;
} Tree;

// A constant that is the same for all elements costs no memory: a splat, or one element.
static bool is_number(const Value *v, double *number) {
  Weight *w = v->weight;
  if (v->kind != VALUE_WEIGHT || (w->source != WEIGHT_SPLAT && weight_count(w) != 1) || w->source == WEIGHT_MISSING)
    return false;
  *number = w->source == WEIGHT_SPLAT ? w->splat : weight_at(w, 0);
  return dtype_holds(v->type->dtype, *number);
}

static void add_leaves(const Lower *lw, const Node *n, Tree *t) {
  t->ops++;
  for (int i = 0; i < n->n_operands; i++) {
    Value *v = operand(n, i);
    if (v->kind == VALUE_RESULT && lw->deferred[v->id]) {
      add_leaves(lw, v->node, t);
      continue;
    }
    double number;
    bool known = is_number(v, &number);
    for (int j = 0; j < t->n; j++) known |= t->leaves[j] == v;
    if (!known) t->leaves[t->n++] = v;
  }
}

static const Value *memory_of(const Lower *lw, const Value *v) {
  while (lw->places[v->id].in) v = lw->places[v->id].in;
  return v;
}

// Whether the one reader of n's result may compute it. Its kernel may not write to memory that n reads.
static bool defers(const Lower *lw, const Node *n) {
  const Value *y = result(n);
  const Use *use = y->uses;
  if (!use || use->next || !use->user || !op_is_elementwise(use->user->op)) return false;
  if (lw->buffers[y->id] || lw->places[y->id].in) return false;
  const Value *to = result(use->user);
  if (to->type->rank != y->type->rank || to->type->blocked_axis != y->type->blocked_axis) return false;
  for (int i = 0; i < y->type->rank; i++)
    if (to->type->dims[i] != y->type->dims[i]) return false;
  Tree t = {0};
  add_leaves(lw, n, &t);
  for (int i = 0; i < t.n; i++)
    if (memory_of(lw, t.leaves[i]) == memory_of(lw, to)) return false;
  return t.n <= MOST_DEFERRED && t.ops <= MOST_OPS;
}

typedef struct Computation {
  const Lower *lw;
  const Node *node;
  const Tree *tree;
} Computation;

static LExpr *compute(Kernel *k, const Computation *c, const Node *n, int lanes, LExpr *const *leaves) {
  LExpr *v[3];
  for (int i = 0; i < n->n_operands; i++) {
    const Value *x = operand(n, i);
    double number;
    if (is_number(x, &number))
      v[i] = lx_const(k->b, (LType){x->type->dtype, (uint8_t)lanes, false}, number);
    else if (x->kind == VALUE_RESULT && c->lw->deferred[x->id])
      v[i] = loop_let(k->b, "v", compute(k, c, x->node, lanes, leaves));
    else
      for (int j = 0; j < c->tree->n; j++)
        if (c->tree->leaves[j] == x) v[i] = leaves[j];
  }
  return pointwise(k, n, v);
}

static LExpr *body(Kernel *k, void *context, LExpr *const *leaves, int lanes) {
  const Computation *c = context;
  return compute(k, c, c->node, lanes, leaves);
}

static bool elementwise(Lower *lw, Node *n) {
  Value *y = result(n);
  if (defers(lw, n)) {
    lw->deferred[y->id] = true;
    pass_remark(lw->pass, n, false, "%s is computed by %s, which alone reads it", pass_label(n),
                pass_label(y->uses->user));
    return true;
  }
  Tree t = {0};
  add_leaves(lw, n, &t);
  Phys out, views[MAX_STRIDED];
  phys_of_value(lw, y, &out);
  Kernel k = kernel_begin(lw, op_info(n->op)->name);
  Strided s = {.n_operands = t.n + 1};
  LExpr *p[MAX_STRIDED];
  for (int o = 0; o < t.n; o++) p[o] = operand_view(&k, t.leaves[o], y->type, &views[o]);
  p[t.n] = kernel_out_in_place(&k, "y", y);
  for (int d = 0; d < out.rank; d++) {
    Dim strides[MAX_STRIDED];
    for (int o = 0; o < t.n; o++) strides[o] = views[o].strides[d];
    strides[t.n] = out.strides[d];
    strided_add_dim(&s, out.dims[d], strides);
  }
  Dim tasks = strided_loops(&k, &s, p, body, &(Computation){lw, n, &t});
  kernel_finish(&k, n, tasks, 0, "");
  return true;
}

static bool is_weight(const OpInfo *info, int i) {
  return info->operands[i].kind == OPERAND_WEIGHT || info->operands[i].kind == OPERAND_WEIGHT_IF;
}

// Halves that products alone read as their weights: these widen them.
static bool products_widen(const Module *m, const Value *y) {
  bool all = weight_behind(y) && !graph_is_output(m, y);
  for (const Use *u = y->uses; u && all; u = u->next) {
    const OpInfo *info = op_info(u->user->op);
    for (int i = 0; i < u->user->n_operands; i++)
      if (operand(u->user, i) == y) all = all && op_has(u->user->op, TRAIT_EPILOGUE) && is_weight(info, i);
  }
  return all;
}

bool lower_cast(Lower *lw, Node *n) {
  if (!products_widen(lw->m, result(n))) return elementwise(lw, n);
  return lw->deferred[result(n)->id] = true;
}

#define ELEMENTWISE(name)                                                                                              \
  bool lower_##name(Lower *lw, Node *n) { return elementwise(lw, n); }
ELEMENTWISE(relu)
ELEMENTWISE(relu6)
ELEMENTWISE(gelu)
ELEMENTWISE(silu)
ELEMENTWISE(sigmoid)
ELEMENTWISE(tanh)
ELEMENTWISE(hardswish)
ELEMENTWISE(hardsigmoid)
ELEMENTWISE(mish)
ELEMENTWISE(selu)
ELEMENTWISE(elu)
ELEMENTWISE(celu)
ELEMENTWISE(leaky_relu)
ELEMENTWISE(softplus)
ELEMENTWISE(clamp)
ELEMENTWISE(exp)
ELEMENTWISE(log)
ELEMENTWISE(sqrt)
ELEMENTWISE(rsqrt)
ELEMENTWISE(reciprocal)
ELEMENTWISE(erf)
ELEMENTWISE(sin)
ELEMENTWISE(cos)
ELEMENTWISE(atan)
ELEMENTWISE(abs)
ELEMENTWISE(floor)
ELEMENTWISE(ceil)
ELEMENTWISE(round)
ELEMENTWISE(logical_not)
ELEMENTWISE(bitwise_not)
ELEMENTWISE(add)
ELEMENTWISE(sub)
ELEMENTWISE(mul)
ELEMENTWISE(div)
ELEMENTWISE(pow)
ELEMENTWISE(minimum)
ELEMENTWISE(maximum)
ELEMENTWISE(eq)
ELEMENTWISE(ne)
ELEMENTWISE(lt)
ELEMENTWISE(le)
ELEMENTWISE(logical_and)
ELEMENTWISE(logical_or)
ELEMENTWISE(logical_xor)
ELEMENTWISE(bitwise_and)
ELEMENTWISE(bitwise_or)
ELEMENTWISE(bitwise_xor)
ELEMENTWISE(where)
