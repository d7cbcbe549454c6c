// Products of integers that a model writes out in i32: part of integer-products.
#pragma once
#include "passes/pass.h"

// `n` casts such a product to f32, as dynamically quantized ONNX models do (MatMulInteger, ConvInteger). Computed from
// the 8-bit integers themselves, which sums of f32 stand for up to rounding:
//
//   %1 = cast %q {dtype=i32} : i32[6, 8]      (q: u8)
//   %2 = sub %1, %zero : i32[6, 8]            (zero: of the whole, or of each row of a matrix)
//   %3 = matmul %2, @w : i32[6, 4]
//   %4 = cast %3 {dtype=f32} : f32[6, 4]
// becomes
//   %3 = quantized_linear %q, @w.int8, @ones : f32[6, 4]
//   %5 = mul %zero', @w.sums : f32[6, 4]
//   %4 = sub %3, %5 : f32[6, 4]
//
// Convolutions that pad, whose border is of zero points then, are computed with f32 in place of i32.
// False where it is no such node, or stays as it is.
bool integer_sums(PassContext *c, Node *n);
