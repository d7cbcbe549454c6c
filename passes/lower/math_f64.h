// Elementary functions in f64, for math.c and its neighbours: within 4 ULP. What is below e^-708 counts as zero.
// Products and sums are apart, so that every target computes the same.
#pragma once
#include "ir/loop/loop.h"

LExpr *math_f64_exp(LBuilder *b, LExpr *x);
LExpr *math_f64_expm1(LBuilder *b, LExpr *x); // for x <= 700
LExpr *math_f64_log(LBuilder *b, LExpr *x);
LExpr *math_f64_sigmoid(LBuilder *b, LExpr *x);
LExpr *math_f64_tanh(LBuilder *b, LExpr *x);
LExpr *math_f64_mish(LBuilder *b, LExpr *x);
LExpr *math_f64_softplus(LBuilder *b, LExpr *x);
LExpr *math_f64_gelu_tanh(LBuilder *b, LExpr *x);
// sin(x + quarters pi / 2); for |x| up to 10^6.
LExpr *math_f64_sine(LBuilder *b, LExpr *x, int quarters);
// atan t for |t| <= tan(pi / 8)
LExpr *math_f64_small_atan(LBuilder *b, LExpr *t);
