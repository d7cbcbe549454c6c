// Weights of f16 and bf16, which nothing multiplies: widened to f32 as they are read, or once into memory of the task's
// thread, from where many tiles read them.
#pragma once
#include "passes/lower/kernel.h"

// `lanes` weights at `offset`, as f32.
LExpr *halves_load(LBuilder *b, LExpr *weights, LExpr *offset, int lanes);

// Memory of the thread for `elements` widened weights; NULL where `weights` are f32, which need none.
LExpr *halves_scratch(Kernel *k, LExpr *weights, int64_t elements);
// to[0 .. count) = from[0 .. count), widened; count is a multiple of 16.
void halves_widen(Kernel *k, LExpr *to, LExpr *from, LExpr *count);
