// Unary and binary ops on every element, with broadcasting, in any layout that the operands share. A result that only
// one other such op of its type reads is never stored: the op computes it where it needs it.
#include "ir/core/check.h"
#include "passes/lower/math.h"
#include "passes/lower/pack.h"
#include "passes/lower/strided.h"
#include <string.h>

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

// Halves are computed in f32 and booleans as integers; the result is converted back.
static LExpr *widen(Kernel *k, LExpr *v) {
  DType d = v->type.dtype;
  if (d == DT_F16 || d == DT_BF16) return lx_cast(k->b, DT_F32, v);
  return d == DT_BOOL ? lx_cast(k->b, DT_I32, v) : v;
}

static LExpr *narrow(Kernel *k, const Node *n, LExpr *v) {
  DType d = result(n)->type->dtype;
  return v->type.dtype == d ? v : lx_cast(k->b, d, v);
}

static LExpr *activation(Kernel *k, const Node *n, LExpr *const *v) {
  const char *name = op_info(n->op)->name;
  if (n->op == OP_GELU && !strcmp(NODE_ATTR(n, GELU, approximate)->s, "tanh")) name = "gelu_tanh";
  return narrow(k, n, math_activation(k->b, name, widen(k, v[0])));
}

// To the nearest integer towards 0 that the type has; NaN to 0. The bounds are the outermost floats inside the type, so
// that the conversion itself is always defined.
static LExpr *saturate(LBuilder *b, LExpr *v, DType to) {
  typedef struct Bounds {
    double lo, hi, limit; // from `limit` on the result is the type's largest value; 0: hi is that already
  } Bounds;
  static const Bounds narrow_bounds[] = {{-128, 127, 0}, {0, 255, 0}}, i32 = {-0x1p31, 0x1.fffffep30, 0x1p31},
                      i64 = {-0x1p63, 0x1.fffffep62, 0x1p63};
  const Bounds *at = to == DT_I8 ? &narrow_bounds[0] : to == DT_U8 ? &narrow_bounds[1] : to == DT_I32 ? &i32 : &i64;
  LType t = v->type;
  v = loop_let(b, "v", lx_select(b, lx_op(b, LOOP_EQ, v, v), v, lx_const(b, t, 0)));
  LExpr *inside = lx_min(b, lx_max(b, v, lx_const(b, t, at->lo)), lx_const(b, t, at->hi));
  LExpr *whole = lx_cast(b, to, inside), *ones = lx_const(b, whole->type, -1);
  if (!at->limit) return whole;
  LExpr *most = lx_op(b, LOOP_SHR, ones, lx_const(b, whole->type, 1));
  return lx_select(b, lx_op(b, LOOP_LE, lx_const(b, t, at->limit), v), most, whole);
}

static LExpr *convert(Kernel *k, const Node *n, LExpr *const *v) {
  DType from = operand(n, 0)->type->dtype, to = result(n)->type->dtype;
  if (from == to) return v[0];
  if (!dtype_is_float(from) || dtype_is_float(to) || to == DT_BOOL) return lx_cast(k->b, to, v[0]);
  return saturate(k->b, widen(k, v[0]), to);
}

// The processor traps on division by 0, also in the lanes of a vector that do not count, and of the lowest value by -1:
// what is divided by 0 becomes 0, and division by -1 is negation, which wraps.
static LExpr *divide_integers(LBuilder *b, LExpr *x, LExpr *y) {
  LExpr *zero = lx_const(b, x->type, 0), *one = lx_const(b, x->type, 1);
  LExpr *by_zero = loop_let(b, "by_zero", lx_op(b, LOOP_EQ, y, zero));
  if (x->type.dtype == DT_U8) return lx_select(b, by_zero, zero, lx_op(b, LOOP_DIV, x, lx_select(b, by_zero, one, y)));
  LExpr *negates = loop_let(b, "negates", lx_op(b, LOOP_EQ, y, lx_const(b, x->type, -1)));
  LExpr *quotient = lx_op(b, LOOP_DIV, x, lx_select(b, lx_op(b, LOOP_OR, by_zero, negates), one, y));
  return lx_select(b, by_zero, zero, lx_select(b, negates, lx_sub(b, zero, x), quotient));
}

static LExpr *arithmetic(Kernel *k, const Node *n, LExpr *const *v) {
  LExpr *x = widen(k, v[0]), *y = widen(k, v[1]), *r;
  if (n->op == OP_DIV && !dtype_is_float(x->type.dtype))
    r = divide_integers(k->b, x, y);
  else
    r = lx_op(k->b,
              n->op == OP_ADD   ? LOOP_ADD
              : n->op == OP_SUB ? LOOP_SUB
              : n->op == OP_MUL ? LOOP_MUL
                                : LOOP_DIV,
              x, y);
  return narrow(k, n, r);
}

// ---- trees of ops

enum { MOST_LEAVES = MAX_STRIDED - 1, MOST_DEFERRED = MOST_LEAVES / 2 };

typedef struct Tree {
  Value *leaves[MOST_LEAVES];
  int n;
} Tree;

static bool is_elementwise(const Node *n) { return op_has(n->op, TRAIT_UNARY) || op_has(n->op, TRAIT_BINARY); }

// A constant that is the same for all elements costs no memory.
static bool is_splat(const Value *v) {
  return v->kind == VALUE_WEIGHT && v->weight->source == WEIGHT_SPLAT && v->type->dtype == DT_F32;
}

static void add_leaves(const Lower *lw, const Node *n, Tree *t) {
  for (int i = 0; i < n->n_operands; i++) {
    Value *v = operand(n, i);
    if (v->kind == VALUE_RESULT && lw->deferred[v->id]) {
      add_leaves(lw, v->node, t);
      continue;
    }
    bool known = is_splat(v);
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
  if (!use || use->next || !use->user || !is_elementwise(use->user)) return false;
  if (y->type->dtype != DT_F32 || lw->buffers[y->id] || lw->places[y->id].in) return false;
  const Value *to = result(use->user);
  if (to->type->rank != y->type->rank || to->type->blocked_axis != y->type->blocked_axis) return false;
  for (int i = 0; i < y->type->rank; i++)
    if (to->type->dims[i] != y->type->dims[i]) return false;
  Tree t = {0};
  add_leaves(lw, n, &t);
  for (int i = 0; i < t.n; i++)
    if (memory_of(lw, t.leaves[i]) == memory_of(lw, to)) return false;
  return t.n <= MOST_DEFERRED;
}

typedef struct Computation {
  const Lower *lw;
  const Node *node;
  const Tree *tree;
} Computation;

static LExpr *compute(Kernel *k, const Computation *c, const Node *n, int lanes, LExpr *const *leaves) {
  LExpr *v[2];
  for (int i = 0; i < n->n_operands; i++) {
    const Value *x = operand(n, i);
    if (is_splat(x))
      v[i] = lx_const(k->b, L_F32X(lanes), x->weight->splat);
    else if (x->kind == VALUE_RESULT && c->lw->deferred[x->id])
      v[i] = loop_let(k->b, "v", compute(k, c, x->node, lanes, leaves));
    else
      for (int j = 0; j < c->tree->n; j++)
        if (c->tree->leaves[j] == x) v[i] = leaves[j];
  }
  if (n->op == OP_CAST) return convert(k, n, v);
  return op_has(n->op, TRAIT_BINARY) ? arithmetic(k, n, v) : activation(k, n, v);
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
ELEMENTWISE(cast)
ELEMENTWISE(add)
ELEMENTWISE(sub)
ELEMENTWISE(mul)
ELEMENTWISE(div)
