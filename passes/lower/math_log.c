// Logarithms, and what is made of them. Products that must be exact are of halves of 12 bits, so that a target without
// fused multiply-add computes the same.
#include "passes/lower/math_f64.h"
#include "passes/lower/math_parts.h"
#include <float.h>
#include <math.h>

// x = 2^e m for positive normal x, e a float; m's bits are those from `least` on, a number's in [1/2, 2).
static LExpr *split_exponent(LBuilder *b, LExpr *x, int least, LExpr **e) {
  LExpr *bits = lx_bitcast(b, DT_I32, x);
  LExpr *t = loop_let(b, "t", lx_add(b, bits, lx_const(b, bits->type, (128 << 23) - (double)least)));
  LExpr *exponent = lx_sub(b, lx_op(b, LOOP_SHR, t, lx_const(b, t->type, 23)), lx_const(b, t->type, 128));
  *e = loop_let(b, "e", lx_cast(b, DT_F32, exponent));
  LExpr *fraction = lx_op(b, LOOP_AND, t, lx_const(b, t->type, (1 << 23) - 1));
  return loop_let(b, "m", lx_bitcast(b, DT_F32, lx_add(b, fraction, lx_const(b, t->type, least))));
}

// log x = e ln 2 + f - f^2 / 2 + f^3 P(f), f = m - 1, m in [sqrt(1/2), sqrt(2)).
LExpr *math_log(LBuilder *b, LExpr *x) {
  if (is_f64(x)) return math_f64_log(b, x);
  static const double c[] = {0.333333135,  -0.250000089, 0.200021192,  -0.166679963, 0.142195508,
                             -0.124055862, 0.118881673,  -0.116756707, 0.0674665198};
  x = loop_let(b, "x", x);
  LExpr *e, *f = loop_let(b, "f", add(b, split_exponent(b, x, 0x3f3504f3, &e), -1)),
            *z = loop_let(b, "z", lx_mul(b, f, f));
  LExpr *rest = lx_fma(b, lx_mul(b, z, f), polynomial(b, f, 9, c), mul(b, e, -2.12194440e-4));
  rest = lx_fma(b, z, constant(b, x, -0.5), rest);
  LExpr *log = lx_add(b, lx_add(b, f, rest), mul(b, e, 0.693359375));
  log = lx_select(b, less(b, x, INFINITY), log, x); // infinity and NaN are their own
  LExpr *bottom = lx_select(b, less(b, x, 0), constant(b, x, NAN), constant(b, x, -INFINITY));
  return lx_select(b, less(b, x, (double)FLT_MIN), bottom, log);
}

// max(x, 0) + log(1 + t), t = e^-|x|; log(1 + t) = 2 artanh(s), s = t / (2 + t).
LExpr *math_softplus(LBuilder *b, LExpr *x) {
  if (is_f64(x)) return math_f64_softplus(b, x);
  static const double c[] = {0.333333373, 0.199994445, 0.143082976, 0.107153706, 0.121447787};
  x = loop_let(b, "x", x);
  LExpr *t = loop_let(b, "t", math_exp(b, lx_unary(b, LOOP_NEG, lx_unary(b, LOOP_ABS, x))));
  LExpr *s = loop_let(b, "s", lx_op(b, LOOP_DIV, t, add(b, t, 2))), *z = loop_let(b, "z", lx_mul(b, s, s));
  LExpr *half = lx_fma(b, lx_mul(b, z, s), polynomial(b, z, 5, c), s);
  return lx_fma(b, half, constant(b, x, 2), lx_max(b, constant(b, x, 0), x));
}

// ---- powers: x^y = 2^(y log2 x), with log2 x as the sum of two floats, right to about 2^-31 of itself

static LExpr *top_half(LBuilder *b, LExpr *x) {
  LExpr *bits = lx_bitcast(b, DT_I32, x);
  return loop_let(b, "top", lx_bitcast(b, DT_F32, lx_op(b, LOOP_AND, bits, lx_const(b, bits->type, -4096))));
}

// a + c where |a| >= |c| or both are short: the rounded sum, and in *low what rounding lost (Dekker's two-sum).
static LExpr *two_sum(LBuilder *b, LExpr *a, LExpr *c, LExpr **low) {
  LExpr *sum = loop_let(b, "sum", lx_add(b, a, c));
  *low = loop_let(b, "low", lx_add(b, lx_sub(b, a, sum), c));
  return sum;
}

// log2 x of a positive normal x. m is brought near 1 by one of 16 factors of 7 bits: f = m factor - 1.
static LExpr *log2_of(LBuilder *b, LExpr *x, LExpr **low) {
  static const float factors[] = {1,          0.9140625f, 0.8671875f, 0.8203125f, 0.78125f,   0.7421875f,
                                  0.7109375f, 0.6796875f, 0.65625f,   0.625f,     0.6015625f, 0.578125f,
                                  0.5625f,    0.5390625f, 0.5234375f, 0.5f};
  // -log2 of the factors, to 12 bits and what they leave.
  static const float tops[] = {0,
                               0.129638672f,
                               0.205566406f,
                               0.285644531f,
                               0.356201172f,
                               0.430175781f,
                               0.4921875f,
                               0.557128906f,
                               0.607666016f,
                               0.677978516f,
                               0.733154297f,
                               0.790527344f,
                               0.830078125f,
                               0.891357422f,
                               0.933837891f,
                               1};
  static const float rests[] = {0,
                                -3.39145845e-06f,
                                1.77273996e-05f,
                                0.000109951085f,
                                -5.73616489e-05f,
                                -3.13895798e-05f,
                                1.7859802e-05f,
                                -7.24021011e-05f,
                                1.65615966e-05f,
                                9.33894844e-05f,
                                5.91624303e-05f,
                                1.92906209e-05f,
                                -3.12644238e-06f,
                                0.000118121345f,
                                7.29189196e-05f,
                                0};
  static const double c[] = {0.333333313, -0.24999997, 0.200024813, -0.166858822, 0.132976726};
  const double log2e_top = 1.4423828125, log2e_rest = 0.0003122283889634074;
  LExpr *e, *m = split_exponent(b, x, 0x3f800000, &e), *lost, *carry;
  LExpr *bits = lx_bitcast(b, DT_I32, m);
  LExpr *which = loop_let(b, "which", lx_op(b, LOOP_SHR, bits, lx_const(b, bits->type, 19)));
  LExpr *factor = loop_let(b, "factor", lx_lookup(b, which, 16, factors)), *top = top_half(b, m);
  LExpr *f = two_sum(b, add(b, lx_mul(b, top, factor), -1), lx_mul(b, lx_sub(b, m, top), factor), &lost);
  LExpr *ft = top_half(b, f), *fr = loop_let(b, "fr", lx_add(b, lx_sub(b, f, ft), lost));
  // u = f - f^2 / 2 + f^3 P(f)
  LExpr *u = two_sum(b, ft, mul(b, lx_mul(b, ft, ft), -0.5), &carry);
  LExpr *square = lx_fma(b, lx_unary(b, LOOP_NEG, fr), lx_fma(b, fr, constant(b, f, 0.5), ft), fr);
  LExpr *small = lx_fma(b, lx_mul(b, lx_mul(b, f, f), f), polynomial(b, f, 5, c), lx_add(b, carry, square));
  LExpr *ut = top_half(b, u), *ur = loop_let(b, "ur", lx_add(b, lx_sub(b, u, ut), small));
  LExpr *rest = lx_fma(b, ut, constant(b, f, log2e_rest), mul(b, ur, log2e_top + log2e_rest));
  LExpr *whole = loop_let(b, "whole", lx_add(b, e, lx_lookup(b, which, 16, tops)));
  // The larger of the two stands first: where `whole` is not 0 it is over 1/8, and |u| under 1/8.
  LExpr *high = two_sum(b, whole, mul(b, ut, log2e_top), low);
  *low = loop_let(b, "low", lx_add(b, *low, lx_add(b, rest, lx_lookup(b, which, 16, rests))));
  return high;
}

// 2^(high + low); beyond what a float holds, infinity or 0.
static LExpr *power_of_sum(LBuilder *b, LExpr *high, LExpr *low) {
  LExpr *inside = math_between(b, -126.9, high, 128.45);
  low = loop_let(b, "low", lx_select(b, lx_op(b, LOOP_EQ, inside, high), low, constant(b, high, 0)));
  LExpr *s = loop_let(b, "s", add(b, lx_add(b, inside, low), TO_EIGHTHS));
  LExpr *f = loop_let(b, "f", lx_add(b, lx_sub(b, inside, add(b, s, -TO_EIGHTHS)), low));
  LExpr *large = loop_let(b, "large", lx_op(b, LOOP_LT, constant(b, high, 127), inside));
  LExpr *power = loop_let(b, "power", math_power_of_two(b, loop_let(b, "s", lx_select(b, large, add(b, s, -1), s)), f));
  return lx_select(b, large, mul(b, power, 2), power);
}

// |x|^y for any x and y but NaN. y is kept where its product with a logarithm is finite: |log2 x| > 2^-25 or 0.
static LExpr *power_of_magnitude(LBuilder *b, LExpr *a, LExpr *y) {
  LExpr *low, *high = log2_of(b, a, &low);
  y = math_between(b, -1e12, y, 1e12);
  LExpr *yt = top_half(b, y), *ht = top_half(b, high), *hr = loop_let(b, "hr", lx_add(b, lx_sub(b, high, ht), low));
  LExpr *rest = lx_fma(b, yt, hr, lx_mul(b, lx_sub(b, y, yt), lx_add(b, ht, hr)));
  LExpr *power = power_of_sum(b, loop_let(b, "high", lx_mul(b, yt, ht)), rest);
  LExpr *zero = loop_let(b, "zero", less(b, a, (double)FLT_MIN));
  LExpr *extreme = lx_op(b, LOOP_OR, zero, lx_op(b, LOOP_EQ, a, constant(b, a, INFINITY)));
  LExpr *vanishes = lx_op(b, LOOP_EQ, zero, lx_op(b, LOOP_LT, constant(b, y, 0), y));
  return lx_select(b, extreme, lx_select(b, vanishes, constant(b, a, 0), constant(b, a, INFINITY)), power);
}

LExpr *math_pow(LBuilder *b, LExpr *x, LExpr *y) {
  x = loop_let(b, "x", x);
  y = loop_let(b, "y", y);
  LExpr *a = loop_let(b, "a", lx_unary(b, LOOP_ABS, x)), *half = mul(b, y, 0.5);
  LExpr *power = loop_let(b, "power", power_of_magnitude(b, a, y));
  LExpr *fraction = lx_op(b, LOOP_NE, lx_unary(b, LOOP_FLOOR, y), y);
  LExpr *odd = lx_op(b, LOOP_NE, lx_unary(b, LOOP_FLOOR, half), half); // of whole y
  LExpr *sign =
      lx_op(b, LOOP_AND, lx_bitcast(b, DT_I32, x), lx_const(b, (LType){DT_I32, x->type.lanes, false}, -0x1p31));
  LExpr *with_sign = lx_bitcast(b, DT_F32, lx_op(b, LOOP_OR, lx_bitcast(b, DT_I32, power), sign));
  LExpr *of_whole = lx_select(b, odd, with_sign, power);
  LExpr *negative = lx_op(b, LOOP_AND, less(b, x, 0), less(b, a, INFINITY));
  LExpr *of_fraction = lx_select(b, negative, constant(b, x, NAN), power);
  LExpr *r = lx_select(b, fraction, of_fraction, of_whole);
  LExpr *either = lx_op(b, LOOP_OR, lx_op(b, LOOP_NE, x, x), lx_op(b, LOOP_NE, y, y));
  r = lx_select(b, either, constant(b, x, NAN), r);
  LExpr *one = lx_op(b, LOOP_OR, lx_op(b, LOOP_EQ, y, constant(b, y, 0)), lx_op(b, LOOP_EQ, x, constant(b, x, 1)));
  return lx_select(b, one, constant(b, x, 1), r);
}
