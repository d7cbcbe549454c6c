#include "ir/core/check.h"
#include "passes/lower/math_f64.h"
#include "passes/lower/math_parts.h"
#include <math.h>
#include <string.h>

// ---- powers by a table of eight

// The table is of the fraction's bits, without what the shift adds there. Below the normal numbers the exponent becomes
// 0, and what has that counts as zero.
LExpr *math_power_of_eighths(LBuilder *b, LExpr *s) {
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
  *s = loop_let(b, "s", lx_fma(b, x, constant(b, x, 1.44269504088896341), constant(b, x, TO_EIGHTHS)));
  LExpr *n = loop_let(b, "n", add(b, *s, -TO_EIGHTHS));
  if (!exact) return loop_let(b, "f", lx_fma(b, n, constant(b, x, -0.69314718055994531), x));
  LExpr *f = lx_fma(b, n, constant(b, x, -0.693359375), x);
  return loop_let(b, "f", lx_fma(b, n, constant(b, x, 2.12194440e-4), f));
}

static const double e_to_the[] = {1, 0.50006479, 0.166688785}; // (e^f - 1) / f

// The order of operands lets NaN through.
LExpr *math_between(LBuilder *b, double lowest, LExpr *x, double highest) {
  x = loop_let(b, "above", lx_max(b, constant(b, x, lowest), x));
  return loop_let(b, "in", lx_min(b, constant(b, x, highest), x));
}

// Where the result's exponent has no room in the table's sum, half of it is computed and doubled.
LExpr *math_exp(LBuilder *b, LExpr *x) {
  if (is_f64(x)) return math_f64_exp(b, x);
  LExpr *s, *inside = math_between(b, -88, x, 89), *f = split_eighths(b, inside, true, &s);
  LExpr *large = loop_let(b, "large", lx_op(b, LOOP_LT, constant(b, x, 88), inside));
  LExpr *power = math_power_of_eighths(b, loop_let(b, "s", lx_select(b, large, add(b, s, -1), s)));
  LExpr *e = loop_let(b, "e", times_one_plus(b, power, f, e_to_the));
  return lx_select(b, large, mul(b, e, 2), e);
}

// A polynomial near 0, where e^x - 1 would lose digits.
LExpr *math_expm1_negative(LBuilder *b, LExpr *x) {
  static const double c[] = {0.5, 0.166666403, 0.0416638628, 0.00831943098, 0.00135361787, 0.000153233806};
  if (is_f64(x)) return math_f64_expm1(b, x);
  x = loop_let(b, "x", x);
  LExpr *near = lx_fma(b, lx_mul(b, x, x), polynomial(b, x, 6, c), x);
  return lx_select(b, less(b, x, -0.6), add(b, math_exp(b, x), -1), near);
}

// 1 / (1 + e^-x). From 88.5 on, the reciprocal is no normal number: 0.
static LExpr *logistic(LBuilder *b, LExpr *x, bool exact) {
  LExpr *s, *f = split_eighths(b, math_between(b, -88, lx_unary(b, LOOP_NEG, x), 88.5), exact, &s);
  LExpr *e = times_one_plus(b, math_power_of_eighths(b, s), f, e_to_the);
  return lx_op(b, LOOP_DIV, constant(b, x, 1), add(b, e, 1));
}

LExpr *math_sigmoid(LBuilder *b, LExpr *x) { return is_f64(x) ? math_f64_sigmoid(b, x) : logistic(b, x, true); }

LExpr *math_silu(LBuilder *b, LExpr *x) {
  x = loop_let(b, "x", x);
  return lx_mul(b, x, is_f64(x) ? math_f64_sigmoid(b, x) : logistic(b, x, false));
}

// x tanh(log(1 + e^x)) = x n / (n + 2), n = e^x (e^x + 2), which is 1 to the last bit from 20 on.
LExpr *math_mish(LBuilder *b, LExpr *x) {
  if (is_f64(x)) return math_f64_mish(b, x);
  x = loop_let(b, "x", x);
  LExpr *s, *f = split_eighths(b, math_between(b, -88, x, 20), true, &s);
  LExpr *e = loop_let(b, "e", times_one_plus(b, math_power_of_eighths(b, s), f, e_to_the));
  LExpr *n = loop_let(b, "n", lx_mul(b, e, add(b, e, 2)));
  return lx_mul(b, x, lx_op(b, LOOP_DIV, n, add(b, n, 2)));
}

// e^x - 1 for x >= 0 is e^x (1 - e^-x).
static LExpr *expm1_positive(LBuilder *b, LExpr *x) {
  x = loop_let(b, "x", x);
  LExpr *lost = math_expm1_negative(b, lx_unary(b, LOOP_NEG, x));
  return lx_mul(b, lx_unary(b, LOOP_NEG, lost), math_exp(b, x));
}

// x where it is positive, else scale (e^(x slope) - 1).
LExpr *math_elu(LBuilder *b, LExpr *x, double scale, double slope) {
  x = loop_let(b, "x", x);
  LExpr *z = mul(b, lx_min(b, x, constant(b, x, 0)), slope);
  LExpr *below = mul(b, slope < 0 ? expm1_positive(b, z) : math_expm1_negative(b, z), scale);
  return lx_select(b, lx_op(b, LOOP_LE, x, constant(b, x, 0)), below, x);
}

#define SELU_SCALE 1.0507009873554805
#define SELU_ALPHA 1.6732632423543772
LExpr *math_selu(LBuilder *b, LExpr *x) { return mul(b, math_elu(b, x, SELU_ALPHA, 1), SELU_SCALE); }

LExpr *math_power_of_two(LBuilder *b, LExpr *s, LExpr *f) {
  static const double two_to_the[] = {0.693147182, 0.240257636, 0.0555114746}; // (2^f - 1) / f
  return times_one_plus(b, math_power_of_eighths(b, s), f, two_to_the);
}

LExpr *math_exp_difference(LBuilder *b, LExpr *d, double scale) {
  double slope = scale * 1.44269504088896341;
  d = loop_let(b, "d", lx_max(b, constant(b, d, -127 / slope), d));
  LExpr *s = loop_let(b, "s", lx_fma(b, d, constant(b, d, slope), constant(b, d, TO_EIGHTHS)));
  LExpr *n = add(b, s, -TO_EIGHTHS);
  LExpr *f = loop_let(b, "f", lx_fma(b, d, constant(b, d, slope), lx_unary(b, LOOP_NEG, n)));
  return math_power_of_two(b, s, f);
}

// An odd polynomial near 0; else 1 - 2 / (e^2|x| + 1), with x's sign.
LExpr *math_tanh(LBuilder *b, LExpr *x) {
  if (is_f64(x)) return math_f64_tanh(b, x);
  static const double c[] = {-0.333332629, 0.133308997, -0.0536929645, 0.0204833066, -0.00552862465};
  x = loop_let(b, "x", x);
  LExpr *a = loop_let(b, "a", lx_unary(b, LOOP_ABS, x)), *z = loop_let(b, "z", lx_mul(b, x, x));
  LExpr *near = lx_fma(b, lx_mul(b, z, x), polynomial(b, z, 5, c), x);
  LExpr *s, *f = split_eighths(b, loop_let(b, "in", lx_min(b, constant(b, x, 20), mul(b, a, 2))), false, &s);
  LExpr *e = times_one_plus(b, math_power_of_eighths(b, s), f, e_to_the);
  LExpr *far = loop_let(b, "far", lx_sub(b, constant(b, x, 1), lx_op(b, LOOP_DIV, constant(b, x, 2), add(b, e, 1))));
  LExpr *with_sign = lx_select(b, less(b, x, 0), lx_unary(b, LOOP_NEG, far), far);
  return lx_select(b, less(b, a, 0.65), near, with_sign);
}

// Q(a) = erfc(a / sqrt 2) / 2 for 0 <= a <= 5.6249995: a polynomial for each of eight intervals around multiples of
// 0.75. The last one ends in 0.
static LExpr *upper_tail(LBuilder *b, LExpr *a) {
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
  LExpr *s = loop_let(b, "s", lx_fma(b, a, constant(b, a, 1 / step), constant(b, a, to_integers)));
  LExpr *interval = loop_let(b, "interval", lx_bitcast(b, DT_I32, s));
  LExpr *t = loop_let(b, "t", lx_fma(b, add(b, s, -to_integers), constant(b, a, -step), a));
  LExpr *p = lx_lookup(b, interval, 8, q[6]);
  for (int i = 5; i >= 0; i--) p = lx_fma(b, p, t, lx_lookup(b, interval, 8, q[i]));
  return p;
}

#define TAIL_ENDS 5.6249995

// x Phi(x) = max(x, 0) - a Q(a), a = |x|. The maximum is written so that minus infinity gives NaN, as 0 inf does.
LExpr *math_gelu(LBuilder *b, LExpr *x) {
  x = loop_let(b, "x", x);
  LExpr *a = loop_let(b, "a", lx_min(b, constant(b, x, TAIL_ENDS), lx_unary(b, LOOP_ABS, x)));
  LExpr *positive = lx_sub(b, x, lx_min(b, x, constant(b, x, 0)));
  return lx_fma(b, lx_unary(b, LOOP_NEG, a), upper_tail(b, a), positive);
}

// An odd polynomial near 0; else 1 - 2 Q(|x| sqrt 2), with x's sign.
LExpr *math_erf(LBuilder *b, LExpr *x) {
  static const double c[] = {1.12837923,    -0.376126349,    0.112837151,   -0.0268605091,
                             0.00520385895, -0.000817563909, 8.51310397e-05};
  x = loop_let(b, "x", x);
  LExpr *a = loop_let(b, "a", lx_min(b, constant(b, x, TAIL_ENDS), mul(b, lx_unary(b, LOOP_ABS, x), M_SQRT2)));
  LExpr *near = lx_mul(b, x, polynomial(b, lx_mul(b, x, x), 7, c));
  LExpr *far = loop_let(b, "far", lx_fma(b, upper_tail(b, a), constant(b, x, -2), constant(b, x, 1)));
  LExpr *with_sign = lx_select(b, less(b, x, 0), lx_unary(b, LOOP_NEG, far), far);
  return lx_select(b, less(b, a, 0.9 * M_SQRT2), near, with_sign);
}

// x (1 + tanh u) / 2 = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3).
LExpr *math_gelu_tanh(LBuilder *b, LExpr *x) {
  if (is_f64(x)) return math_f64_gelu_tanh(b, x);
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

LExpr *math_min(LBuilder *b, LExpr *x, LExpr *y) {
  LExpr *takes = lx_op(b, LOOP_OR, lx_op(b, LOOP_LT, y, x), lx_op(b, LOOP_NE, y, y));
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
  if (!strcmp(name, "mish")) return math_mish(b, x);
  if (!strcmp(name, "selu")) return math_selu(b, x);
  UNREACHABLE("activation `%s`", name);
}

bool math_is_long(const char *name) {
  static const char *const brief[] = {"none", "relu", "relu6", "hardswish", "hardsigmoid"};
  for (size_t i = 0; i < sizeof brief / sizeof *brief; i++)
    if (!strcmp(name, brief[i])) return false;
  return true;
}
