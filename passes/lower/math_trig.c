// Arc tangent. Sine and cosine: x = n pi / 2 + r, |r| <= pi / 4, and a polynomial of r that n's last two bits choose.
#include "passes/lower/math_f64.h"
#include "passes/lower/math_parts.h"
#include <math.h>

// pi / 2 in parts of 9, 10, 11 and 24 bits, so that n times one of the first three is exact for n < 2^13.
static LExpr *reduce(LBuilder *b, LExpr *x, LExpr **n) {
  static const double parts[] = {0x1.92p+0, 0x1.fb8p-12, -0x1.5dcp-23, -0x1.e973dcp-35};
  LExpr *s = loop_let(b, "s", lx_fma(b, x, constant(b, x, M_2_PI), constant(b, x, 1.5 * (1 << 23))));
  LExpr *whole = loop_let(b, "whole", add(b, s, -1.5 * (1 << 23))), *r = x;
  for (int i = 0; i < 4; i++) r = lx_fma(b, whole, constant(b, x, -parts[i]), r);
  *n = loop_let(b, "n", lx_bitcast(b, DT_I32, s));
  return loop_let(b, "r", math_between(b, -0.8, r, 0.8)); // huge x: no worse than any number of this size
}

// sin(x + quarters pi / 2).
static LExpr *sine(LBuilder *b, LExpr *x, int quarters) {
  if (is_f64(x)) return math_f64_sine(b, x, quarters);
  static const double odd[] = {-0.166666672, 0.00833332911, -0.000198393085, 2.71808403e-06},
                      even[] = {0.0416666679, -0.00138888834, 2.47995158e-05, -2.7209893e-07};
  LExpr *n, *r = reduce(b, loop_let(b, "x", x), &n), *z = loop_let(b, "z", lx_mul(b, r, r));
  LExpr *sin = lx_fma(b, lx_mul(b, z, r), polynomial(b, z, 4, odd), r);
  LExpr *cos =
      lx_fma(b, lx_mul(b, z, z), polynomial(b, z, 4, even), lx_fma(b, z, constant(b, z, -0.5), constant(b, z, 1)));
  LExpr *zero = lx_const(b, n->type, 0);
  n = loop_let(b, "n", lx_add(b, n, lx_const(b, n->type, quarters)));
  LExpr *swaps = lx_op(b, LOOP_NE, lx_op(b, LOOP_AND, n, lx_const(b, n->type, 1)), zero);
  LExpr *turns = lx_op(b, LOOP_NE, lx_op(b, LOOP_AND, n, lx_const(b, n->type, 2)), zero);
  LExpr *v = loop_let(b, "v", lx_select(b, swaps, cos, sin));
  return lx_select(b, turns, lx_unary(b, LOOP_NEG, v), v);
}

LExpr *math_sin(LBuilder *b, LExpr *x) { return sine(b, x, 0); }
LExpr *math_cos(LBuilder *b, LExpr *x) { return sine(b, x, 1); }

// atan t = t + t r(t^2) for |t| <= tan(pi / 8), of the type's precision. Source: Cephes' atanf
static LExpr *small_atan(LBuilder *b, LExpr *t) {
  static const double c[] = {-3.33329491539e-1, 1.99777106478e-1, -1.38776856032e-1, 8.05374449538e-2};
  if (is_f64(t)) return math_f64_small_atan(b, t);
  LExpr *z = loop_let(b, "z", lx_mul(b, t, t));
  return lx_fma(b, lx_mul(b, z, t), polynomial(b, z, 4, c), t);
}

// With a = |x|: of a itself, of (a - 1) / (a + 1) about pi / 4 and of -1 / a about pi / 2.
LExpr *math_atan(LBuilder *b, LExpr *x) {
  x = loop_let(b, "x", x);
  LExpr *a = loop_let(b, "a", lx_unary(b, LOOP_ABS, x)), *zero = constant(b, x, 0);
  LExpr *near = loop_let(b, "near", less(b, a, 0.41421356237309503)),
        *mid = loop_let(b, "mid", less(b, a, 2.414213562373095));
  LExpr *above = lx_select(b, mid, add(b, a, -1), constant(b, x, -1)), *below = lx_select(b, mid, add(b, a, 1), a);
  LExpr *t = loop_let(b, "t", lx_select(b, near, a, lx_op(b, LOOP_DIV, above, below)));
  LExpr *about = lx_select(b, near, zero, lx_select(b, mid, constant(b, x, M_PI_4), constant(b, x, M_PI_2)));
  LExpr *angle = loop_let(b, "angle", lx_add(b, about, small_atan(b, t)));
  angle = lx_select(b, lx_op(b, LOOP_LT, x, zero), lx_unary(b, LOOP_NEG, angle), angle);
  return lx_select(b, lx_op(b, LOOP_EQ, x, zero), x, angle); // -0 is its own
}
