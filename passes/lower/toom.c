#include "passes/lower/toom.h"
#include "ir/core/check.h"
#include <math.h>

Toom toom(int m) {
  CHECK(m == 2 || m == 4, "F(%d,3)", m);
  if (m == 2) return (Toom){2, 4, 1, {1}};
  return (Toom){4, 6, 2, {sqrt(0.5), sqrt(2)}};
}

// The even polynomial that is zero at every pair but `skip`, as coefficients of 1, x^2, x^4.
static int vanishing(const Toom *t, int skip, double *c) {
  int degree = 0;
  c[0] = 1;
  for (int k = 0; k < t->pairs; k++) {
    if (k == skip) continue;
    double square = t->point[k] * t->point[k];
    c[degree + 1] = c[degree];
    for (int i = degree; i > 0; i--) c[i] = c[i - 1] - square * c[i];
    c[0] *= -square;
    degree++;
  }
  return degree;
}

// Lagrange's denominators: of the pair k, or of 0 where k is -1.
static double denominator(const Toom *t, int k) {
  double c[3], square = k < 0 ? 0 : t->point[k] * t->point[k], value = 0;
  for (int i = vanishing(t, k, c); i >= 0; i--) value = value * square + c[i];
  return k < 0 ? value : 2 * square * value;
}

static LExpr *constant(LBuilder *b, LType t, double v) { return lx_const(b, t, (float)v); }

// sum + f x; sum NULL: none
static LExpr *plus(LBuilder *b, LExpr *sum, double f, LExpr *x) {
  if (!sum) return f == 1 ? x : lx_mul(b, constant(b, x->type, f), x);
  return f == 1 ? lx_add(b, sum, x) : f == -1 ? lx_sub(b, sum, x) : lx_fma(b, constant(b, x->type, f), x, sum);
}

// sum of c[i] * in[2 i], from the last, whose coefficient is 1
static LExpr *evens(LBuilder *b, const double *c, int degree, LExpr *const *in) {
  LExpr *sum = in[2 * degree];
  for (int i = 0; i < degree; i++) sum = plus(b, sum, c[i], in[2 * i]);
  return loop_let(b, "s", sum);
}

void toom_inputs(LBuilder *b, const Toom *t, LExpr *const *in, LExpr **out) {
  double c[3];
  int degree = vanishing(t, -1, c);
  out[0] = evens(b, c, degree, in);
  out[t->n - 1] = evens(b, c, degree, in + 1);
  for (int k = 0; k < t->pairs; k++) {
    degree = vanishing(t, k, c);
    LExpr *even = evens(b, c, degree, in + 2), *odd = evens(b, c, degree, in + 1);
    out[2 * k + 1] = loop_let(b, "s", plus(b, even, t->point[k], odd));
    out[2 * k + 2] = loop_let(b, "s", plus(b, even, -t->point[k], odd));
  }
}

LExpr *toom_taps(LBuilder *b, const Toom *t, int product, LExpr *const *taps) {
  if (product == 0) return taps[0];
  if (product == t->n - 1) return taps[2];
  double p = t->point[(product - 1) / 2];
  LExpr *even = plus(b, taps[0], p * p, taps[2]);
  return loop_let(b, "g", plus(b, even, product % 2 ? p : -p, taps[1]));
}

void toom_outputs(LBuilder *b, const Toom *t, LExpr *const *products, LExpr **out) {
  LExpr *halves[2][2];
  for (int k = 0; k < t->pairs; k++) {
    LExpr *plus_p = products[2 * k + 1], *minus_p = products[2 * k + 2];
    halves[0][k] = loop_let(b, "e", lx_add(b, plus_p, minus_p));
    halves[1][k] = loop_let(b, "o", lx_sub(b, plus_p, minus_p));
  }
  for (int j = 0; j < t->m; j++) {
    LExpr *sum = j == 0          ? plus(b, NULL, 1 / denominator(t, -1), products[0])
                 : j == t->m - 1 ? products[t->n - 1]
                                 : NULL;
    for (int k = 0; k < t->pairs; k++) sum = plus(b, sum, pow(t->point[k], j) / denominator(t, k), halves[j % 2][k]);
    out[j] = loop_let(b, "y", sum);
  }
}
