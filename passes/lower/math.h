// Elementary functions of f32 scalars and vectors as loop IR, and of f64 all but erf, gelu and pow (math_f64.h).
// Accuracy: GELU and SiLU within max(4 ULP, 1e-7 absolute), all others within 4 ULP; denormals count as zero, on the
// way too. NaN comes out where it went in. Results are the same on every target but for the fusing of multiply and add.
// Coefficients are minimax fits (Lawson iteration on Chebyshev nodes, in double).
#pragma once
#include "ir/loop/loop.h"

LExpr *math_exp(LBuilder *b, LExpr *x);
// e^(scale d) for d <= 0 and scale > 0, as softmax needs it: the relative error grows as scale d 2^-24.
LExpr *math_exp_difference(LBuilder *b, LExpr *d, double scale);
LExpr *math_sigmoid(LBuilder *b, LExpr *x);
LExpr *math_tanh(LBuilder *b, LExpr *x);
LExpr *math_gelu(LBuilder *b, LExpr *x);      // x Phi(x)
LExpr *math_gelu_tanh(LBuilder *b, LExpr *x); // its approximation by tanh
LExpr *math_silu(LBuilder *b, LExpr *x);
LExpr *math_mish(LBuilder *b, LExpr *x);
LExpr *math_selu(LBuilder *b, LExpr *x);
LExpr *math_elu(LBuilder *b, LExpr *x, double scale, double slope); // x > 0 ? x : scale (e^(x slope) - 1)
LExpr *math_expm1_negative(LBuilder *b, LExpr *x);                  // e^x - 1 for x <= 0
LExpr *math_erf(LBuilder *b, LExpr *x);

// ---- math_log.c
LExpr *math_log(LBuilder *b, LExpr *x);
LExpr *math_softplus(LBuilder *b, LExpr *x);      // log(1 + e^x)
LExpr *math_pow(LBuilder *b, LExpr *x, LExpr *y); // special cases as C's powf

// ---- math_trig.c: for |x| up to 10^4; beyond, the phase loses digits, and from 5 10^6 on it is arbitrary.
LExpr *math_sin(LBuilder *b, LExpr *x);
LExpr *math_cos(LBuilder *b, LExpr *x);
LExpr *math_atan(LBuilder *b, LExpr *x); // of any x

// The larger or smaller one; a NaN of either stays.
LExpr *math_max(LBuilder *b, LExpr *x, LExpr *y);
LExpr *math_min(LBuilder *b, LExpr *x, LExpr *y);

// The activation of an epilogue by its name in ops.def; "none" is x.
LExpr *math_activation(LBuilder *b, const char *name, LExpr *x);
// Whether it takes more than a few instructions and registers: all but none, ReLUs and the hard ones.
bool math_is_long(const char *name);
