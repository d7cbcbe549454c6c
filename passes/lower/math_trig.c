// Sine and cosine: x = n pi / 2 + r, |r| <= pi / 4, and a polynomial of r that n's last two bits choose.
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
