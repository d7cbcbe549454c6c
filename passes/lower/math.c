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

// ---- powers by a table of eight

// Adding this to y rounds it to eighths: the sum's low bits are the number of eighths, the last three which eighth.
static const double to_eighths = 1.5 * (1 << 20);

// 2^n for n = s - to_eighths. The table is of the fraction's bits, without what the shift adds there. Below the normal
// numbers the exponent becomes 0, and what has that counts as zero.
static LExpr *power_of_eighths(LBuilder *b, LExpr *s) {
  static const float fractions[] = {1,           0.982753873f, 0.969603539f, 0.960919797f,
                                    0.95710677f, 0.958605409f, 0.965896428f, 0.979504049f};
  LExpr *bits = loop_let(b, "bits", lx_bitcast(b, DT_I32, s));
  LExpr *moved = lx_op(b, LOOP_SHL, bits, lx_const(b, bits->type, 20));
  return lx_bitcast(b, DT_F32, lx_add(b, lx_bitcast(b, DT_I32, lx_lookup(b, bits, 8, fractions)), moved));
}

// power (1 + f (c0 + c1 f + c2 f^2)).
static LExpr *times_one_plus(LBuilder *b, LExpr *power, LExpr *f, const double *c) {
  power = loop_let(b, "power", power);
  return lx_fma(b, polynomial(b, f, 3, c), lx_mul(b, power, f), power);
}

// x = n ln 2 + f, n in eighths, |f| <= ln 2 / 16. Returns f and what n became in *s, for |x| < 120. `exact`: ln 2 in
// two parts (Cody and Waite); without, f is wrong by up to |x| 2^-24.
static LExpr *split_eighths(LBuilder *b, LExpr *x, bool exact, LExpr **s) {
  *s = loop_let(b, "s", lx_fma(b, x, constant(b, x, 1.44269504088896341), constant(b, x, to_eighths)));
  LExpr *n = loop_let(b, "n", add(b, *s, -to_eighths));
  if (!exact) return loop_let(b, "f", lx_fma(b, n, constant(b, x, -0.69314718055994531), x));
  LExpr *f = lx_fma(b, n, constant(b, x, -0.693359375), x);
  return loop_let(b, "f", lx_fma(b, n, constant(b, x, 2.12194440e-4), f));
}

static const double e_to_the[] = {1, 0.50006479, 0.166688785}; // (e^f - 1) / f

// The order of operands lets NaN through.
static LExpr *between(LBuilder *b, double lowest, LExpr *x, double highest) {
  x = loop_let(b, "above", lx_max(b, constant(b, x, lowest), x));
  return loop_let(b, "in", lx_min(b, constant(b, x, highest), x));
}

// Where the result's exponent has no room in the table's sum, half of it is computed and doubled.
LExpr *math_exp(LBuilder *b, LExpr *x) {
  LExpr *s, *inside = between(b, -88, x, 89), *f = split_eighths(b, inside, true, &s);
  LExpr *large = loop_let(b, "large", lx_op(b, LOOP_LT, constant(b, x, 88), inside));
  LExpr *power = power_of_eighths(b, loop_let(b, "s", lx_select(b, large, add(b, s, -1), s)));
  LExpr *e = loop_let(b, "e", times_one_plus(b, power, f, e_to_the));
  return lx_select(b, large, mul(b, e, 2), e);
}

// 1 / (1 + e^-x). From 88.5 on, the reciprocal is no normal number: 0.
static LExpr *logistic(LBuilder *b, LExpr *x, bool exact) {
  LExpr *s, *f = split_eighths(b, between(b, -88, lx_unary(b, LOOP_NEG, x), 88.5), exact, &s);
  LExpr *e = times_one_plus(b, power_of_eighths(b, s), f, e_to_the);
  return lx_op(b, LOOP_DIV, constant(b, x, 1), add(b, e, 1));
}

LExpr *math_sigmoid(LBuilder *b, LExpr *x) { return logistic(b, x, true); }

LExpr *math_silu(LBuilder *b, LExpr *x) {
  x = loop_let(b, "x", x);
  return lx_mul(b, x, logistic(b, x, false));
}

LExpr *math_exp_difference(LBuilder *b, LExpr *d, double scale) {
  static const double two_to_the[] = {0.693147182, 0.240257636, 0.0555114746}; // (2^f - 1) / f
  double slope = scale * 1.44269504088896341;
  d = loop_let(b, "d", lx_max(b, constant(b, d, -127 / slope), d));
  LExpr *s = loop_let(b, "s", lx_fma(b, d, constant(b, d, slope), constant(b, d, to_eighths)));
  LExpr *n = add(b, s, -to_eighths);
  LExpr *f = loop_let(b, "f", lx_fma(b, d, constant(b, d, slope), lx_unary(b, LOOP_NEG, n)));
  return times_one_plus(b, power_of_eighths(b, s), f, two_to_the);
}

// An odd polynomial near 0; else 1 - 2 / (e^2|x| + 1), with x's sign.
LExpr *math_tanh(LBuilder *b, LExpr *x) {
  static const double c[] = {-0.333332629, 0.133308997, -0.0536929645, 0.0204833066, -0.00552862465};
  x = loop_let(b, "x", x);
  LExpr *a = loop_let(b, "a", lx_unary(b, LOOP_ABS, x)), *z = loop_let(b, "z", lx_mul(b, x, x));
  LExpr *near = lx_fma(b, lx_mul(b, z, x), polynomial(b, z, 5, c), x);
  LExpr *s, *f = split_eighths(b, loop_let(b, "in", lx_min(b, constant(b, x, 20), mul(b, a, 2))), false, &s);
  LExpr *e = times_one_plus(b, power_of_eighths(b, s), f, e_to_the);
  LExpr *far = loop_let(b, "far", lx_sub(b, constant(b, x, 1), lx_op(b, LOOP_DIV, constant(b, x, 2), add(b, e, 1))));
  LExpr *with_sign = lx_select(b, less(b, x, 0), lx_unary(b, LOOP_NEG, far), far);
  return lx_select(b, less(b, a, 0.65), near, with_sign);
}

// x Phi(x) = max(x, 0) - a Q(a), a = |x|, Q(a) = erfc(a / sqrt 2) / 2: a polynomial for each of eight intervals around
// multiples of 0.75. The last one ends in 0. The maximum is written so that minus infinity gives NaN, as 0 inf does.
LExpr *math_gelu(LBuilder *b, LExpr *x) {
  static const float q[7][8] = {
      {0.5f, 0.22662735f, 0.066807203f, 0.0122244721f, 0.00134989829f, 8.84172841e-05f, 3.39765438e-06f,
       6.67562361e-08f},
      {-0.398942322f, -0.301137537f, -0.129517764f, -0.0317395739f, -0.00443182234f, -0.000352604606f, -1.59867268e-05f,
       -4.13128276e-07f},
      {1.49815378e-06f, 0.11292623f, 0.0971383825f, 0.0357071459f, 0.00664772606f, 0.000661116501f, 3.59667356e-05f,
       1.0841942e-06f},
      {0.0664661676f, 0.0219635777f, -0.0269733034f, -0.0214948058f, -0.00591061404f, -0.000767119753f, -5.1111514e-05f,
       -1.81178757e-06f},
      {0.000186778067f, -0.0229290575f, -0.00607657991f, 0.00613609003f, 0.00332526537f, 0.000609477458f,
       5.15992542e-05f, 2.20438278e-06f},
      {-0.0107167866f, 6.54617688e-05f, 0.00573272631f, 0.00052520301f, -0.00108693377f, -0.000349264854f,
       -4.12405134e-05f, -2.27913347e-06f},
      {0.0014809214f, 0.00294900616f, -0.000603656576f, -0.000981031335f, 9.71655827e-05f, 0.000132382018f,
       2.32002785e-05f, 1.63778554e-06f},
  };
  const double step = 0.75, to_integers = 1.5 * (1 << 23);
  x = loop_let(b, "x", x);
  LExpr *a = loop_let(b, "a", lx_min(b, constant(b, x, 5.6249995), lx_unary(b, LOOP_ABS, x)));
  LExpr *s = loop_let(b, "s", lx_fma(b, a, constant(b, x, 1 / step), constant(b, x, to_integers)));
  LExpr *interval = loop_let(b, "interval", lx_bitcast(b, DT_I32, s));
  LExpr *t = loop_let(b, "t", lx_fma(b, add(b, s, -to_integers), constant(b, x, -step), a));
  LExpr *p = lx_lookup(b, interval, 8, q[6]);
  for (int i = 5; i >= 0; i--) p = lx_fma(b, p, t, lx_lookup(b, interval, 8, q[i]));
  LExpr *positive = lx_sub(b, x, lx_min(b, x, constant(b, x, 0)));
  return lx_fma(b, lx_unary(b, LOOP_NEG, a), p, positive);
}

// x (1 + tanh u) / 2 = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3).
LExpr *math_gelu_tanh(LBuilder *b, LExpr *x) {
  x = loop_let(b, "x", x);
  LExpr *scale = lx_fma(b, lx_mul(b, x, x), constant(b, x, 2 * 0.79788456080286536 * 0.044715),
                        constant(b, x, 2 * 0.79788456080286536));
  return lx_mul(b, x, logistic(b, lx_mul(b, x, scale), false));
}

static LExpr *relu(LBuilder *b, LExpr *x) { return lx_select(b, less(b, x, 0), constant(b, x, 0), x); }

static LExpr *relu6(LBuilder *b, LExpr *x) { return lx_min(b, constant(b, x, 6), loop_let(b, "x", relu(b, x))); }

static LExpr *hardsigmoid(LBuilder *b, LExpr *x) { return mul(b, relu6(b, loop_let(b, "x", add(b, x, 3))), 1.0 / 6); }

LExpr *math_max(LBuilder *b, LExpr *x, LExpr *y) {
  LExpr *takes = lx_op(b, LOOP_OR, lx_op(b, LOOP_LT, x, y), lx_op(b, LOOP_NE, y, y));
  return lx_select(b, takes, y, x);
}

LExpr *math_activation(LBuilder *b, const char *name, LExpr *x) {
  if (!strcmp(name, "none")) return x;
  x = loop_let(b, "x", x);
  if (!strcmp(name, "relu")) return relu(b, x);
  if (!strcmp(name, "relu6")) return relu6(b, x);
  if (!strcmp(name, "hardswish")) return lx_mul(b, x, hardsigmoid(b, x));
  if (!strcmp(name, "hardsigmoid")) return hardsigmoid(b, x);
  if (!strcmp(name, "gelu")) return math_gelu(b, x);
  if (!strcmp(name, "gelu_tanh")) return math_gelu_tanh(b, x);
  if (!strcmp(name, "silu")) return math_silu(b, x);
  if (!strcmp(name, "sigmoid")) return math_sigmoid(b, x);
  if (!strcmp(name, "tanh")) return math_tanh(b, x);
  UNREACHABLE("activation `%s`", name);
}

bool math_is_long(const char *name) {
  static const char *const brief[] = {"none", "relu", "relu6", "hardswish", "hardsigmoid"};
  for (size_t i = 0; i < sizeof brief / sizeof *brief; i++)
    if (!strcmp(name, brief[i])) return false;
  return true;
}
