// Integers to the numbers they stand for and back, for the ops that state both about an op between.
#pragma once
#include "frontend/onnx/import.h"

// Operands i, i + 1 and i + 2: integers, scale and zero point (or none), lists of these along dimension `axis`.
Value *call_dequantized(Call *c, int i, int axis);
// The bias of a product that is an operand of i32, by the scales of both factors.
Value *call_dequantized_bias(Call *c, int bias, int scale, int other_scale);
// Result 0: y by the scale and zero point that are operands i and i + 1, of operand 0's type where there is none.
bool call_quantized(Call *c, Value *y, int i);
