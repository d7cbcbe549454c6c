// Unary and binary ops on every element, with broadcasting, in any layout that the operands share.
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

static void elementwise(Lower *lw, Node *n, int n_operands, StridedBody body, int64_t flops) {
  Value *y = result(n);
  Phys out, views[MAX_STRIDED];
  phys_of_value(lw, y, &out);
  Kernel k = kernel_begin(lw, op_info(n->op)->name);
  Strided s = {.n_operands = n_operands + 1};
  LExpr *p[MAX_STRIDED];
  for (int o = 0; o < n_operands; o++) p[o] = operand_view(&k, operand(n, o), y->type, &views[o]);
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

static LExpr *activation(Kernel *k, void *context, LExpr *const *v) {
  const Node *n = context;
  const char *name = op_info(n->op)->name;
  if (n->op == OP_GELU && !strcmp(NODE_ATTR(n, GELU, approximate)->s, "tanh")) name = "gelu_tanh";
  return narrow(k, n, math_activation(k->b, name, widen(k, v[0])));
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

static LExpr *convert(Kernel *k, void *context, LExpr *const *v) {
  const Node *n = context;
  DType from = operand(n, 0)->type->dtype, to = result(n)->type->dtype;
  if (from == to) return v[0];
  if (!dtype_is_float(from) || dtype_is_float(to) || to == DT_BOOL) return lx_cast(k->b, to, v[0]);
  return saturate(k->b, widen(k, v[0]), to);
}

bool lower_cast(Lower *lw, Node *n) {
  elementwise(lw, n, 1, convert, 0);
  return true;
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

static LExpr *arithmetic(Kernel *k, void *context, LExpr *const *v) {
  const Node *n = context;
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

#define ARITHMETIC(name)                                                                                               \
  bool lower_##name(Lower *lw, Node *n) {                                                                              \
    elementwise(lw, n, 2, arithmetic, 0);                                                                              \
    return true;                                                                                                       \
  }
ARITHMETIC(add)
ARITHMETIC(sub)
ARITHMETIC(mul)
ARITHMETIC(div)
