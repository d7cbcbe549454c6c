#include "passes/lower/math.h"
#include "ir/core/check.h"
#include <math.h>
#include <string.h>

static LExpr *constant(LBuilder *b, LExpr *like, double v) { return lx_const(b, like->type, v); }
static LExpr *add(LBuilder *b, LExpr *x, double v) { return lx_add(b, x, constant(b, x, v)); }
static LExpr *mul(LBuilder *b, LExpr *x, double v) { return lx_mul(b, x, constant(b, x, v)); }
static LExpr *less(LBuilder *b, LExpr *x, double v) { return lx_op(b, LOOP_LT, x, constant(b, x, v)); }

// c[0] + c[1] x + ... + c[n-1] x^(n-1), Horner's way.
static LExpr *polynomial(LBuilder *b, LExpr *x, int n, const double *c) {
  LExpr *p = constant(b, x, c[n - 1]);
  for (int i = n - 2; i >= 0; i--) p = lx_fma(b, p, x, constant(b, x, c[i]));
  return p;
}

// x = n ln 2 + r, |r| <= ln 2 / 2 (ln 2 in two parts: Cody and Waite); e^r by a polynomial; 2^n added to the exponent.
LExpr *math_exp(LBuilder *b, LExpr *x) {
  static const double c[] = {0.499999934, 0.1666652, 0.0416683958, 0.00836879689, 0.0013814431};
  const double lowest = -87.336544, highest = 88.72283; // where e^x leaves the normal numbers
  x = loop_let(b, "x", x);
  // The operand order of min and max lets NaN through.
  LExpr *inside = lx_min(b, constant(b, x, highest), lx_max(b, constant(b, x, lowest), x));
  inside = loop_let(b, "in", inside);
  LExpr *n = loop_let(b, "n", lx_unary(b, LOOP_RINT, mul(b, inside, 1.44269504088896341)));
  LExpr *r = lx_fma(b, n, constant(b, x, -0.693359375), inside);
  r = loop_let(b, "r", lx_fma(b, n, constant(b, x, 2.12194440e-4), r));
  LExpr *p = lx_fma(b, lx_mul(b, r, r), polynomial(b, r, 5, c), add(b, r, 1));
  LExpr *ni = lx_cast(b, DT_I32, n);
  LExpr *bits = lx_add(b, lx_bitcast(b, DT_I32, p), lx_op(b, LOOP_SHL, ni, lx_const(b, ni->type, 23)));
  LExpr *e = loop_let(b, "e", lx_select(b, less(b, x, lowest), constant(b, x, 0), lx_bitcast(b, DT_F32, bits)));
  return lx_select(b, lx_op(b, LOOP_LT, constant(b, x, highest), x), constant(b, x, INFINITY), e);
}

LExpr *math_sigmoid(LBuilder *b, LExpr *x) {
  LExpr *e = math_exp(b, lx_unary(b, LOOP_NEG, x));
  return lx_op(b, LOOP_DIV, constant(b, x, 1), add(b, e, 1));
}

LExpr *math_silu(LBuilder *b, LExpr *x) {
  x = loop_let(b, "x", x);
  return lx_op(b, LOOP_DIV, x, add(b, math_exp(b, lx_unary(b, LOOP_NEG, x)), 1));
}

// An odd polynomial near 0; else 1 - 2 / (e^2|x| + 1), with x's sign.
LExpr *math_tanh(LBuilder *b, LExpr *x) {
  static const double c[] = {-0.333332629, 0.133308997, -0.0536929645, 0.0204833066, -0.00552862465};
  x = loop_let(b, "x", x);
  LExpr *a = loop_let(b, "a", lx_unary(b, LOOP_ABS, x)), *z = loop_let(b, "z", lx_mul(b, x, x));
  LExpr *near = lx_fma(b, lx_mul(b, z, x), polynomial(b, z, 5, c), x);
  LExpr *e = math_exp(b, mul(b, a, 2));
  LExpr *far = loop_let(b, "far", lx_sub(b, constant(b, x, 1), lx_op(b, LOOP_DIV, constant(b, x, 2), add(b, e, 1))));
  LExpr *with_sign = lx_select(b, less(b, x, 0), lx_unary(b, LOOP_NEG, far), far);
  return lx_select(b, less(b, a, 0.65), near, with_sign);
}

// With z = x / sqrt 2: near 0 erf(z) - z is an odd polynomial, added to z + 1, which is exact where the sum is small;
// else erfc|z| = exp(-z^2 - h(|z|)), which keeps its precision in the tail where 1 + erf(z) would lose it: x Phi(x) =
// x erfc|z| / 2 for negative x, x (1 - erfc|z| / 2) for positive.
LExpr *math_gelu(LBuilder *b, LExpr *x) {
  static const double erf[] = {0.12837917,    -0.376126258,   0.112835851,   -0.0268538118,
                               0.00518832742, -0.00080101914, 7.85385428e-05};
  static const double h[] = {0.000168233527, 1.12826441,      -0.364880246,   0.107116954,     -0.0248698061,
                             0.00428485866,  -0.000517980712, 4.09887392e-05, -1.89016602e-06, 3.82944636e-08};
  x = loop_let(b, "x", x);
  LExpr *z = loop_let(b, "z", mul(b, x, 0.70710678118654752));
  LExpr *a = loop_let(b, "a", lx_min(b, constant(b, x, 9.3), lx_unary(b, LOOP_ABS, z)));
  LExpr *zz = loop_let(b, "zz", lx_mul(b, z, z));
  LExpr *half = loop_let(b, "half", mul(b, x, 0.5));
  LExpr *near = lx_mul(b, half, lx_fma(b, z, polynomial(b, zz, 7, erf), add(b, z, 1)));
  LExpr *exponent = lx_sub(b, lx_unary(b, LOOP_NEG, lx_mul(b, a, a)), polynomial(b, a, 10, h));
  LExpr *tail = loop_let(b, "tail", lx_mul(b, half, math_exp(b, exponent)));
  // A positive x's tail is below 1; at infinity it is NaN, which min turns into 1.
  LExpr *far = lx_select(b, less(b, x, 0), tail, lx_sub(b, x, lx_min(b, tail, constant(b, x, 1))));
  return lx_select(b, less(b, a, 1), near, far);
}

// x (1 + tanh u) / 2 = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3).
LExpr *math_gelu_tanh(LBuilder *b, LExpr *x) {
  x = loop_let(b, "x", x);
  LExpr *scale = lx_fma(b, lx_mul(b, x, x), constant(b, x, 2 * 0.79788456080286536 * 0.044715),
                        constant(b, x, 2 * 0.79788456080286536));
  LExpr *e = math_exp(b, lx_unary(b, LOOP_NEG, lx_mul(b, x, scale)));
  return lx_op(b, LOOP_DIV, x, add(b, e, 1));
}

static LExpr *relu(LBuilder *b, LExpr *x) { return lx_select(b, less(b, x, 0), constant(b, x, 0), x); }

LExpr *math_activation(LBuilder *b, const char *name, LExpr *x) {
  if (!strcmp(name, "none")) return x;
  x = loop_let(b, "x", x);
  if (!strcmp(name, "relu")) return relu(b, x);
  if (!strcmp(name, "relu6")) return lx_min(b, constant(b, x, 6), loop_let(b, "x", relu(b, x)));
  if (!strcmp(name, "gelu")) return math_gelu(b, x);
  if (!strcmp(name, "gelu_tanh")) return math_gelu_tanh(b, x);
  if (!strcmp(name, "silu")) return math_silu(b, x);
  if (!strcmp(name, "sigmoid")) return math_sigmoid(b, x);
  if (!strcmp(name, "tanh")) return math_tanh(b, x);
  UNREACHABLE("activation `%s`", name);
}

bool math_is_long(const char *name) { return strcmp(name, "none") && strcmp(name, "relu") && strcmp(name, "relu6"); }
