// Weights of i8 in the order in which integer kernels read them.
#pragma once
#include "passes/lower/lower.h"

// Weights [OC, IC, KH, KW] (missing dimensions are 1) as panels of 16 output channels, four input channels an i32:
// [OC/16][IC / (4 block)][KH][KW][block][16][4], zero where OC or IC ends. `block`: i32s that lie together in memory.
LBuffer *pack_quads(Lower *lw, Weight *w, int64_t block);

// What a zero point of the input takes off each sum, -zero times the sum of its weights, as i32 [OC/16][16]; or by
// taps, [OC/16][KH][KW][16].
LBuffer *pack_zero_sums(Lower *lw, Weight *w, int64_t zero, bool by_taps);
