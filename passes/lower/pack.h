// Weights in the order in which kernels read them. Each function returns the program's buffer, made once for each
// weight and form. The bytes are produced when the output is written, some panels at a time.
#pragma once
#include "passes/lower/lower.h"

LBuffer *pack_row_major(Lower *lw, Weight *w);

// The weights of a transposed convolution [IC, OC / groups, KH, KW] of which a convolution [OC, IC / groups, ...] is
// made: along each axis `count` taps first, first + step, ..., in reverse.
typedef struct Taps {
  int64_t groups, first[2], step[2], count[2];
} Taps;

// Contraction weights [OC, IC / groups, KH, KW] (missing dimensions are 1) as panels of 16 output channels:
// [OC/16][IC / block][KH][KW][block][16], zero where OC ends; of f32, or as they are where they are f16 or bf16, which
// kernels widen (halves.h). `taps`: NULL, or how to take them from a transposed
// convolution's. `block`: input channels that lie together in memory.
LBuffer *pack_panels(Lower *lw, Weight *w, const Taps *taps, int64_t block);

// Weights [OC, IC, KH, KW] of a stem: [OC/16][KH][IC][KW][16], or [OC/16][KH][KW][IC][16] where a pixel's channels lie
// `together`. Of f32, as all that follows.
LBuffer *pack_stem(Lower *lw, Weight *w, bool together);

// Grouped convolution: panel p sees `blocks` blocks of 16 input channels from block start(p) on (see group_start), zero
// outside its groups: [OC/16][blocks][KH][KW][16][16], of the types that pack_panels has.
typedef struct Grouping {
  int64_t in, out;       // channels a group
  int64_t blocks, total; // blocks of 16 that a panel reads; blocks that the input has
} Grouping;
Grouping pack_grouping(int64_t channels_in, int64_t channels_out, int64_t groups);
LBuffer *pack_grouped(Lower *lw, Weight *w, const Taps *taps, Grouping g);

// Depthwise weights [C, 1, KH, KW] as [C/16][KH][KW][16].
LBuffer *pack_depthwise(Lower *lw, Weight *w);

// A vector (bias, scale) padded to whole blocks.
LBuffer *pack_vector(Lower *lw, Weight *w);

// A constant operand that broadcasts against `like` (rank-aligned), in like's layout. *phys: its dims and strides, with
// stride 0 where it broadcasts.
LBuffer *pack_broadcast(Lower *lw, Weight *w, const Type *like, Phys *phys);
