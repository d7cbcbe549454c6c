#include "passes/lower/pointwise.h"
#include "ir/core/check.h"
#include "passes/lower/math.h"
#include <float.h>
#include <math.h>
#include <string.h>

// Halves are computed in f32 and booleans as integers; the result is converted back.
static LExpr *widen(Kernel *k, LExpr *v) {
  DType d = v->type.dtype;
  if (dtype_is_half(d)) return lx_cast(k->b, DT_F32, v);
  return d == DT_BOOL ? lx_cast(k->b, DT_I32, v) : v;
}

static LExpr *narrow(Kernel *k, const Node *n, LExpr *v) {
  DType d = result(n)->type->dtype;
  return v->type.dtype == d ? v : lx_cast(k->b, d, v);
}

static LExpr *activation(LBuilder *b, const Node *n, LExpr *x) {
  const char *name = op_info(n->op)->name;
  if (n->op == OP_GELU && !strcmp(NODE_ATTR(n, GELU, approximate)->s, "tanh")) name = "gelu_tanh";
  return math_activation(b, name, x);
}

// The largest integer of a type, which a double may not hold.
static LExpr *largest(LBuilder *b, LType t) {
  LExpr *ones = lx_const(b, t, -1);
  return dtype_is_unsigned(t.dtype) ? ones : lx_op(b, LOOP_SHR, ones, lx_const(b, t, 1));
}

// To the nearest integer towards 0 that the type has; NaN to 0. The bounds are the outermost floats inside the type, so
// that the conversion itself is always defined; from `limit` on the result is the type's largest value.
static LExpr *saturate(LBuilder *b, LExpr *v, DType to) {
  LType t = v->type;
  int bits = dtype_value_bits(to), digits = t.dtype == DT_F64 ? DBL_MANT_DIG : FLT_MANT_DIG;
  double limit = ldexp(1, bits), highest = limit - ldexp(1, bits > digits ? bits - digits : 0);
  v = loop_let(b, "v", lx_select(b, lx_op(b, LOOP_EQ, v, v), v, lx_const(b, t, 0)));
  LExpr *inside = lx_min(b, lx_max(b, v, lx_const(b, t, dtype_lowest(to))), lx_const(b, t, highest));
  LExpr *whole = lx_cast(b, to, inside);
  if (bits <= digits) return whole;
  return lx_select(b, lx_op(b, LOOP_LE, lx_const(b, t, limit), v), largest(b, whole->type), whole);
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
  if (dtype_is_unsigned(x->type.dtype))
    return lx_select(b, by_zero, zero, lx_op(b, LOOP_DIV, x, lx_select(b, by_zero, one, y)));
  LExpr *negates = loop_let(b, "negates", lx_op(b, LOOP_EQ, y, lx_const(b, x->type, -1)));
  LExpr *quotient = lx_op(b, LOOP_DIV, x, lx_select(b, lx_op(b, LOOP_OR, by_zero, negates), one, y));
  return lx_select(b, by_zero, zero, lx_select(b, negates, lx_sub(b, zero, x), quotient));
}

// Squares are multiplied where y has a bit. Below 0 it is 1 / x^-y, truncated: 0 but for x = 1 and -1.
static LExpr *integer_power(LBuilder *b, LExpr *x, LExpr *y) {
  LType t = x->type;
  LExpr *zero = lx_const(b, t, 0), *one = lx_const(b, t, 1);
  LVar *r = loop_local(b, "r", t, 0, NULL), *square = loop_local(b, "square", t, 0, NULL),
       *left = loop_local(b, "left", t, 0, NULL);
  loop_set(b, r, one);
  loop_set(b, square, x);
  loop_set(b, left, y);
  loop_for(b, "bit", lx_int(b, 0), lx_int(b, 8 * (int64_t)dtype_size(t.dtype)), 1);
  LExpr *p = loop_let(b, "p", lx_local(b, r)), *s = loop_let(b, "s", lx_local(b, square)),
        *k = loop_let(b, "k", lx_local(b, left));
  LExpr *odd = lx_op(b, LOOP_NE, lx_op(b, LOOP_AND, k, one), zero);
  loop_set(b, r, lx_select(b, odd, lx_mul(b, p, s), p));
  loop_set(b, square, lx_mul(b, s, s));
  loop_set(b, left, lx_op(b, LOOP_SHR, k, one));
  loop_end_for(b);
  LExpr *power = loop_let(b, "power", lx_local(b, r));
  if (dtype_is_unsigned(t.dtype)) return power;
  LExpr *no_unit = lx_op(b, LOOP_NE, lx_unary(b, LOOP_ABS, x), one);
  return lx_select(b, lx_op(b, LOOP_AND, lx_op(b, LOOP_LT, y, zero), no_unit), zero, power);
}

static LExpr *divide(LBuilder *b, LExpr *x, LExpr *y) {
  return dtype_is_float(x->type.dtype) ? lx_op(b, LOOP_DIV, x, y) : divide_integers(b, x, y);
}

// ---- with numbers of their own

// A bound that the type does not reach bounds nothing, or is its outermost value.
static LExpr *clamp(LBuilder *b, const Node *n, LExpr *x) {
  LType t = x->type;
  bool real = dtype_is_float(t.dtype);
  double lowest = dtype_lowest(t.dtype), beyond = real ? INFINITY : ldexp(1, dtype_value_bits(t.dtype));
  double min = NODE_ATTR(n, CLAMP, min)->f, max = NODE_ATTR(n, CLAMP, max)->f;
  // The order of operands lets NaN through.
  if (!real && min >= beyond)
    x = largest(b, t);
  else if (min > lowest)
    x = loop_let(b, "above", lx_max(b, lx_const(b, t, min), x));
  return max < beyond ? lx_min(b, lx_const(b, t, fmax(max, lowest)), x) : x;
}

static LExpr *softplus(LBuilder *b, const Node *n, LExpr *x) {
  double beta = NODE_ATTR(n, SOFTPLUS, beta)->f, threshold = NODE_ATTR(n, SOFTPLUS, threshold)->f;
  LExpr *z = loop_let(b, "z", lx_mul(b, x, lx_const(b, x->type, beta)));
  LExpr *soft = lx_mul(b, math_softplus(b, z), lx_const(b, x->type, 1 / beta));
  return lx_select(b, lx_op(b, LOOP_LT, lx_const(b, x->type, threshold), z), x, soft);
}

static LExpr *leaky_relu(LBuilder *b, const Node *n, LExpr *x) {
  LExpr *below = lx_mul(b, x, lx_const(b, x->type, NODE_ATTR(n, LEAKY_RELU, negative_slope)->f));
  return lx_select(b, lx_op(b, LOOP_LT, lx_const(b, x->type, 0), x), x, below);
}

// ---- by op

static LExpr *unary(LBuilder *b, const Node *n, LExpr *x) {
  LExpr *one = dtype_is_float(x->type.dtype) ? lx_const(b, x->type, 1) : NULL;
  switch (n->op) {
  case OP_EXP: return math_exp(b, x);
  case OP_LOG: return math_log(b, x);
  case OP_ERF: return math_erf(b, x);
  case OP_SIN: return math_sin(b, x);
  case OP_COS: return math_cos(b, x);
  case OP_ATAN: return math_atan(b, x);
  case OP_SQRT: return lx_unary(b, LOOP_SQRT, x);
  case OP_RSQRT: return lx_op(b, LOOP_DIV, one, lx_unary(b, LOOP_SQRT, x));
  case OP_RECIPROCAL: return lx_op(b, LOOP_DIV, one, x);
  case OP_ABS: return lx_unary(b, LOOP_ABS, x);
  case OP_FLOOR: return lx_unary(b, LOOP_FLOOR, x);
  case OP_CEIL: return lx_unary(b, LOOP_NEG, lx_unary(b, LOOP_FLOOR, lx_unary(b, LOOP_NEG, x)));
  case OP_ROUND: return lx_unary(b, LOOP_RINT, x);
  case OP_LEAKY_RELU: return leaky_relu(b, n, x);
  case OP_ELU: return math_elu(b, x, NODE_ATTR(n, ELU, alpha)->f, 1);
  case OP_CELU: return math_elu(b, x, NODE_ATTR(n, CELU, alpha)->f, 1 / NODE_ATTR(n, CELU, alpha)->f);
  case OP_SOFTPLUS: return softplus(b, n, x);
  case OP_CLAMP: return clamp(b, n, x);
  case OP_LOGICAL_NOT: return lx_op(b, LOOP_EQ, x, lx_const(b, x->type, 0));
  case OP_BITWISE_NOT: return lx_op(b, LOOP_XOR, x, lx_sub(b, lx_const(b, x->type, 0), lx_const(b, x->type, 1)));
  default: return activation(b, n, x);
  }
}

static LExpr *holds(LBuilder *b, LExpr *x) { return lx_op(b, LOOP_NE, x, lx_const(b, x->type, 0)); }

static LExpr *binary(LBuilder *b, const Node *n, LExpr *x, LExpr *y) {
  bool real = dtype_is_float(x->type.dtype);
  switch (n->op) {
  case OP_ADD: return lx_add(b, x, y);
  case OP_SUB: return lx_sub(b, x, y);
  case OP_MUL: return lx_mul(b, x, y);
  case OP_DIV: return divide(b, x, y);
  case OP_POW: return real ? math_pow(b, x, y) : integer_power(b, x, y);
  case OP_MINIMUM: return real ? math_min(b, x, y) : lx_min(b, x, y);
  case OP_MAXIMUM: return real ? math_max(b, x, y) : lx_max(b, x, y);
  case OP_EQ: return lx_op(b, LOOP_EQ, x, y);
  case OP_NE: return lx_op(b, LOOP_NE, x, y);
  case OP_LT: return lx_op(b, LOOP_LT, x, y);
  case OP_LE: return lx_op(b, LOOP_LE, x, y);
  case OP_BITWISE_AND: return lx_op(b, LOOP_AND, x, y);
  case OP_BITWISE_OR: return lx_op(b, LOOP_OR, x, y);
  case OP_BITWISE_XOR: return lx_op(b, LOOP_XOR, x, y);
  case OP_LOGICAL_AND: return lx_op(b, LOOP_AND, holds(b, x), holds(b, y));
  case OP_LOGICAL_OR: return lx_op(b, LOOP_OR, holds(b, x), holds(b, y));
  case OP_LOGICAL_XOR: return lx_op(b, LOOP_XOR, holds(b, x), holds(b, y));
  default: UNREACHABLE("%s of two values", op_info(n->op)->name);
  }
}

LExpr *pointwise(Kernel *k, const Node *n, LExpr *const *v) {
  if (n->op == OP_CAST) return convert(k, n, v);
  if (n->op == OP_WHERE) return lx_select(k->b, v[IN_WHERE_condition], v[IN_WHERE_a], v[IN_WHERE_b]);
  LExpr *x = loop_let(k->b, "x", widen(k, v[0]));
  if (op_has(n->op, TRAIT_UNARY)) return narrow(k, n, unary(k->b, n, x));
  return narrow(k, n, binary(k->b, n, x, loop_let(k->b, "y", widen(k, v[1]))));
}
