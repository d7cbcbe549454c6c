// Pictures as a network's first layer finds them: [N, C, H, W] of f32, or as cameras and decoders give them, bytes or
// [N, H, W, C], to be scaled and shifted channel by channel. Rows are brought into a thread's memory as f32 with the
// borders that a window asks for, which are zeros after scale and shift, as the network's padding is.
#pragma once
#include "passes/lower/window.h"

typedef struct Picture {
  Value *x; // u8 or f32
  int64_t channels;
  bool interleaved;            // [N, H, W, C]
  const double *scale, *shift; // a channel's each; NULL: none
} Picture;

// The picture that v is, seen through a `picture` operation.
Picture picture_of(Value *v);

// Rows in a thread's memory: `planes` of them a picture row (the channels of a planar picture; else 1), each `pitch`
// elements from the next.
typedef struct Staged {
  int64_t planes, step; // step: elements from one pixel to the next
  Dim pitch, used;      // used: elements of a row that the window reads
  LExpr *p;
} Staged;

// Memory for `rows` picture rows as the window's columns read them.
Staged picture_stage(Kernel *k, const Picture *from, const Window *w, int64_t rows);
// The constants that `picture_row` needs, as a parameter of the kernel; NULL: none.
LExpr *picture_constants(Kernel *k, const Picture *from);
// Fills staged row `to` (its number) from row `row` of the image at x; rows outside the picture are zeros.
void picture_row(Kernel *k, const Picture *from, const Window *w, const Staged *s, LExpr *constants, LExpr *x,
                 LExpr *to, LExpr *row);
