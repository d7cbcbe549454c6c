// What the files of elementary functions share: arithmetic with constants, polynomials, and e^x in parts (math.c).
#pragma once
#include "passes/lower/math.h"

static inline bool is_f64(const LExpr *x) { return x->type.dtype == DT_F64; }
static inline LExpr *constant(LBuilder *b, LExpr *like, double v) { return lx_const(b, like->type, v); }
static inline LExpr *add(LBuilder *b, LExpr *x, double v) { return lx_add(b, x, constant(b, x, v)); }
static inline LExpr *mul(LBuilder *b, LExpr *x, double v) { return lx_mul(b, x, constant(b, x, v)); }
static inline LExpr *less(LBuilder *b, LExpr *x, double v) { return lx_op(b, LOOP_LT, x, constant(b, x, v)); }

// c[0] + c[1] x + ... + c[n-1] x^(n-1), Horner's way.
static inline LExpr *polynomial(LBuilder *b, LExpr *x, int n, const double *c) {
  LExpr *p = constant(b, x, c[n - 1]);
  for (int i = n - 2; i >= 0; i--) p = lx_fma(b, p, x, constant(b, x, c[i]));
  return p;
}

// Adding this to y rounds it to eighths: the sum's low bits are the number of eighths, the last three which eighth.
#define TO_EIGHTHS (1.5 * (1 << 20))

// 2^n for n = s - TO_EIGHTHS, -127 <= n < 128. Below the normal numbers it counts as zero.
LExpr *math_power_of_eighths(LBuilder *b, LExpr *s);
// 2^n 2^f for |f| <= 1/16.
LExpr *math_power_of_two(LBuilder *b, LExpr *s, LExpr *f);
// x within bounds; NaN stays.
LExpr *math_between(LBuilder *b, double lowest, LExpr *x, double highest);
