// --input-format=u8,nhwc,bgr: pictures as the program that calls the model has them.
#pragma once
#include "ir/graph/graph.h"

typedef struct InputFormat {
  bool given, bytes, nhwc;
  enum { ORDER_OWN, ORDER_RGB, ORDER_BGR } order; // of channels; ORDER_OWN: as the model says
} InputFormat;

// False where the text is no such format.
bool input_format_parse(const char *text, InputFormat *f);
// Gives every input f32[N, C, H, W] of 1 or 3 channels that format; what turns it into the old one (layout, order of
// channels, and for bytes the scale, mean and std of `meta`) becomes part of the model. False after a diagnostic.
bool input_format_apply(Module *m, const InputFormat *f, Diag *d);
