#include "passes/lower/math_f64.h"
#include "passes/lower/math_parts.h"
#include <float.h>
#include <math.h>

// Adding this to a number rounds it to an integer, which the sum's low bits hold.
#define TO_INTEGERS 0x1.8p52

static LExpr *horner(LBuilder *b, LExpr *x, int n, const double *c) {
  LExpr *p = constant(b, x, c[n - 1]);
  for (int i = n - 2; i >= 0; i--) p = add(b, lx_mul(b, p, x), c[i]);
  return p;
}

// x = n ln 2 + r, |r| <= ln 2 / 2, with ln 2 in two parts of which the first is of 33 bits, so that n times it is
// exact; s holds n. Returns e^r - 1 by its Taylor series, whose next term is below 2^-57.
static LExpr *split(LBuilder *b, LExpr *x, LExpr **s) {
  static const double c[] = {1.0 / 2,       1.0 / 6,        1.0 / 24,        1.0 / 120,
                             1.0 / 720,     1.0 / 5040,     1.0 / 40320,     1.0 / 362880,
                             1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800};
  *s = loop_let(b, "s", add(b, mul(b, x, 1.44269504088896341), TO_INTEGERS));
  LExpr *n = loop_let(b, "n", add(b, *s, -TO_INTEGERS));
  LExpr *r = lx_sub(b, lx_sub(b, x, mul(b, n, 0x1.62e42feep-1)), mul(b, n, 1.90821492927058770002e-10));
  r = loop_let(b, "r", r);
  return loop_let(b, "p", lx_add(b, r, lx_mul(b, lx_mul(b, r, r), horner(b, r, 12, c))));
}

// 2^(n - 1) of a normal number.
static LExpr *half_power(LBuilder *b, LExpr *s) {
  LExpr *bits = lx_bitcast(b, DT_I64, s);
  bits = lx_op(b, LOOP_SHL, lx_add(b, bits, lx_const(b, bits->type, 1022)), lx_const(b, bits->type, 52));
  return loop_let(b, "half", lx_bitcast(b, DT_F64, bits));
}

LExpr *math_f64_exp(LBuilder *b, LExpr *x) {
  x = loop_let(b, "x", x);
  LExpr *s, *p = split(b, math_between(b, -708, x, 710), &s);
  LExpr *e = mul(b, lx_mul(b, add(b, p, 1), half_power(b, s)), 2);
  return lx_select(b, less(b, x, -708), constant(b, x, 0), e);
}

LExpr *math_f64_expm1(LBuilder *b, LExpr *x) {
  LExpr *s, *p = split(b, math_between(b, -50, x, 700), &s);
  LExpr *power = loop_let(b, "power", mul(b, half_power(b, s), 2));
  return lx_add(b, lx_mul(b, power, p), add(b, power, -1));
}

// x = 2^e m, m in [sqrt(1/2), sqrt(2)), f = m - 1, s = f / (2 + f): log m = f - (f^2 / 2 - s (f^2 / 2 + R(s^2))), as
// in Sun's fdlibm, whose coefficients these are.
LExpr *math_f64_log(LBuilder *b, LExpr *x) {
  static const double c[] = {6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01,
                             2.222219843214978396e-01, 1.818357216161805012e-01, 1.531383769920937332e-01,
                             1.479819860511658591e-01};
  const double root = 0x3fe6a09ep32; // the bits of sqrt(1/2), the first half
  x = loop_let(b, "x", x);
  LExpr *bits = lx_bitcast(b, DT_I64, x);
  LExpr *t = loop_let(b, "t", lx_add(b, bits, lx_const(b, bits->type, 0x3ffp52 - root)));
  LExpr *exponent = lx_sub(b, lx_op(b, LOOP_SHR, t, lx_const(b, t->type, 52)), lx_const(b, t->type, 0x3ff));
  LExpr *e = loop_let(b, "e", lx_cast(b, DT_F64, exponent));
  LExpr *fraction = lx_op(b, LOOP_AND, t, lx_const(b, t->type, 0x1p52 - 1));
  LExpr *m = lx_bitcast(b, DT_F64, lx_add(b, fraction, lx_const(b, t->type, root)));
  LExpr *f = loop_let(b, "f", add(b, m, -1)), *s = loop_let(b, "s", lx_op(b, LOOP_DIV, f, add(b, f, 2)));
  LExpr *z = loop_let(b, "z", lx_mul(b, s, s)), *square = loop_let(b, "square", mul(b, lx_mul(b, f, f), 0.5));
  LExpr *rest = lx_mul(b, s, lx_add(b, square, lx_mul(b, z, horner(b, z, 7, c))));
  rest = lx_add(b, rest, mul(b, e, 1.90821492927058770002e-10));
  LExpr *log = lx_sub(b, mul(b, e, 0x1.62e42feep-1), lx_sub(b, lx_sub(b, square, rest), f));
  log = lx_select(b, less(b, x, INFINITY), log, x); // infinity and NaN are their own
  LExpr *bottom = lx_select(b, less(b, x, 0), constant(b, x, NAN), constant(b, x, -INFINITY));
  return lx_select(b, less(b, x, DBL_MIN), bottom, log);
}

LExpr *math_f64_sigmoid(LBuilder *b, LExpr *x) {
  LExpr *e = math_f64_exp(b, lx_unary(b, LOOP_NEG, x));
  return lx_op(b, LOOP_DIV, constant(b, x, 1), add(b, e, 1));
}

// t / (t + 2), t = e^2|x| - 1, with x's sign.
LExpr *math_f64_tanh(LBuilder *b, LExpr *x) {
  x = loop_let(b, "x", x);
  LExpr *twice = loop_let(b, "twice", lx_min(b, constant(b, x, 44), mul(b, lx_unary(b, LOOP_ABS, x), 2)));
  LExpr *t = loop_let(b, "t", math_f64_expm1(b, twice));
  LExpr *v = loop_let(b, "v", lx_op(b, LOOP_DIV, t, add(b, t, 2)));
  return lx_select(b, less(b, x, 0), lx_unary(b, LOOP_NEG, v), v);
}

// x tanh(log(1 + e^x)) = x n / (n + 2), n = e^x (e^x + 2), which is 1 to the last bit from 20 on.
LExpr *math_f64_mish(LBuilder *b, LExpr *x) {
  x = loop_let(b, "x", x);
  LExpr *e = loop_let(b, "e", math_f64_exp(b, loop_let(b, "in", lx_min(b, constant(b, x, 40), x))));
  LExpr *n = loop_let(b, "n", lx_mul(b, e, add(b, e, 2)));
  return lx_mul(b, x, lx_op(b, LOOP_DIV, n, add(b, n, 2)));
}

// max(x, 0) + log(1 + t), t = e^-|x|; what rounding takes from 1 + t is added to its logarithm.
LExpr *math_f64_softplus(LBuilder *b, LExpr *x) {
  x = loop_let(b, "x", x);
  LExpr *t = loop_let(b, "t", math_f64_exp(b, lx_unary(b, LOOP_NEG, lx_unary(b, LOOP_ABS, x))));
  LExpr *u = loop_let(b, "u", add(b, t, 1));
  LExpr *lost = lx_op(b, LOOP_DIV, lx_sub(b, t, add(b, u, -1)), u);
  return lx_add(b, lx_max(b, constant(b, x, 0), x), lx_add(b, math_f64_log(b, u), lost));
}

// x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3).
LExpr *math_f64_gelu_tanh(LBuilder *b, LExpr *x) {
  x = loop_let(b, "x", x);
  LExpr *scale = add(b, mul(b, lx_mul(b, x, x), 2 * 0.79788456080286536 * 0.044715), 2 * 0.79788456080286536);
  return lx_mul(b, x, math_f64_sigmoid(b, lx_mul(b, x, scale)));
}

// As math_trig.c; pi / 2 in parts of 33, 33 and 53 bits, and fdlibm's coefficients.
LExpr *math_f64_sine(LBuilder *b, LExpr *x, int quarters) {
  static const double odd[] = {-1.66666666666666324348e-01, 8.33333333332248946124e-03,  -1.98412698298579493134e-04,
                               2.75573137070700676789e-06,  -2.50507602534068634195e-08, 1.58969099521155010221e-10};
  static const double even[] = {4.16666666666666019037e-02,  -1.38888888888741095749e-03, 2.48015872894767294178e-05,
                                -2.75573143513906633035e-07, 2.08757232129817482790e-09,  -1.13596475577881948265e-11};
  static const double parts[] = {1.57079632673412561417e+00, 6.07710050630396597660e-11, 2.02226624879595063154e-21};
  x = loop_let(b, "x", x);
  LExpr *s = loop_let(b, "s", add(b, mul(b, x, M_2_PI), TO_INTEGERS));
  LExpr *whole = loop_let(b, "whole", add(b, s, -TO_INTEGERS)), *r = x;
  for (int i = 0; i < 3; i++) r = lx_sub(b, r, mul(b, whole, parts[i]));
  r = loop_let(b, "r", math_between(b, -0.8, r, 0.8)); // huge x: no worse than any number of this size
  LExpr *z = loop_let(b, "z", lx_mul(b, r, r)), *half = loop_let(b, "half", mul(b, z, 0.5));
  LExpr *sin = lx_add(b, r, lx_mul(b, lx_mul(b, z, r), horner(b, z, 6, odd)));
  LExpr *w = loop_let(b, "w", lx_sub(b, constant(b, x, 1), half));
  LExpr *lost = lx_sub(b, lx_sub(b, constant(b, x, 1), w), half);
  LExpr *cos = lx_add(b, w, lx_add(b, lost, lx_mul(b, lx_mul(b, z, z), horner(b, z, 6, even))));
  LExpr *n = lx_bitcast(b, DT_I64, s);
  n = loop_let(b, "n", lx_add(b, n, lx_const(b, n->type, quarters)));
  LExpr *zero = lx_const(b, n->type, 0);
  LExpr *swaps = lx_op(b, LOOP_NE, lx_op(b, LOOP_AND, n, lx_const(b, n->type, 1)), zero);
  LExpr *turns = lx_op(b, LOOP_NE, lx_op(b, LOOP_AND, n, lx_const(b, n->type, 2)), zero);
  LExpr *v = loop_let(b, "v", lx_select(b, swaps, cos, sin));
  return lx_select(b, turns, lx_unary(b, LOOP_NEG, v), v);
}

// Source: Cephes' atan
LExpr *math_f64_small_atan(LBuilder *b, LExpr *t) {
  static const double p[] = {-6.485021904942025371773e1, -1.228866684490136173410e2, -7.500855792314704667340e1,
                             -1.615753718733365076637e1, -8.750608600031904122785e-1},
                      q[] = {1.945506571482613964425e2, 4.853903996359136964868e2, 4.328810604912902668951e2,
                             1.650270098316988542046e2, 2.485846490142306297962e1, 1};
  LExpr *z = loop_let(b, "z", lx_mul(b, t, t));
  LExpr *ratio = loop_let(b, "ratio", lx_op(b, LOOP_DIV, horner(b, z, 5, p), horner(b, z, 6, q)));
  return lx_add(b, lx_mul(b, lx_mul(b, z, t), ratio), t);
}
