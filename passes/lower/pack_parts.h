// The insides of packing, for pack.c, pack_integers.c and pack_sparse.c.
#pragma once
#include "passes/lower/pack.h"

// What a fill needs to know, kept in the program's arena.
typedef struct Packing {
  Weight *w;
  const char *form;     // suffix of the buffer's name, the same for the same bytes of one weight
  int64_t oc, ic, taps; // output channels, input channels a group, kernel height times width
  int64_t block;        // input channels that lie together
  int64_t part;         // output channels of a part of the buffer, whose elements lie together in the weight
  Grouping group;
  Taps from;      // groups 0: the weight is a convolution's
  int64_t zero;   // of zero sums: the zero point
  int rank, axis; // of the broadcast form; axis -1: row-major
  int64_t dims[MAX_RANK];
} Packing;

// Of a contraction's weight: its extents. `taps`: NULL, or those of a transposed convolution.
Packing packing_of(Weight *w, const Taps *taps);
// The buffer of panels of 16 output channels, each of which has `row` elements there.
LBuffer *packed_panels(Lower *lw, const char *form, DType dtype, int64_t row, LFill fill, Packing p);
// The buffer of so many elements in equal parts, made once for each weight and form.
LBuffer *packed_buffer(Lower *lw, const char *form, DType dtype, int64_t elements, int64_t parts, LFill fill,
                       Packing packing);
