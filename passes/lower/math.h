// Elementary functions of f32 scalars and vectors as loop IR. Accuracy: exp, tanh, sigmoid within 4 ULP; GELU and SiLU
// within max(4 ULP, 1e-7 absolute); denormals count as zero. NaN comes out where it went in. Results are the same on
// every target but for the fusing of multiply and add. Coefficients are minimax fits (Lawson iteration on Chebyshev
// nodes, in double).
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

// The larger one; a NaN of either stays.
LExpr *math_max(LBuilder *b, LExpr *x, LExpr *y);

// The activation of an epilogue by its name in ops.def; "none" is x.
LExpr *math_activation(LBuilder *b, const char *name, LExpr *x);
// Whether it takes more than a few instructions and registers: all but none, ReLUs and the hard ones.
bool math_is_long(const char *name);
