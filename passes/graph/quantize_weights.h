// Weights as 8-bit integers: symmetric, a scale for each output channel.
#pragma once
#include "passes/graph/product.h"

// The weights of p as dequantized integers, before its node: -127 to 127, so that the negative of each is one too and
// no pair of products with a byte overflows 17 bits. Name and span are the layer's.
Value *quantize_weights(PassContext *c, const Product *p);
// What the rounding of the weights changes on average in each output, where each input channel has its mean, taken back
// from the bias (Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction, 2019). `means`:
// of as many channels as the layer has inputs. NULL: nothing worth it.
Weight *quantize_corrected_bias(PassContext *c, const Product *p, const double *means, int64_t channels);
