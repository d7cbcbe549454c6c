// From a picture to a model's input, as the model's `meta` says: resize, centre crop, normalise.
#pragma once
#include "driver/image.h"
#include "driver/loaded.h"

typedef struct Preprocess {
  const nncc_tensor_info *input;
  int index; // of the input
  bool nhwc; // [N, H, W, C]; else [N, C, H, W]
  bool bgr;
  int channels;
  int height, width; // 0: open
  int resize[2];     // {shorter side, 0}, {height, width}, or {0, 0}: just enough for the crop
  ImageFilter filter;
  double scale, mean[3], std[3]; // bytes become (x / scale - mean) / std; not applied to inputs of bytes
} Preprocess;

// Finds the first input that a picture can be; false after a diagnostic when there is none or `meta` makes no sense.
bool preprocess_init(Preprocess *p, const Loaded *l, Diag *d);
// The input's elements (to be freed) and shape [1, ...]. Consumes the picture. NULL after a diagnostic.
void *preprocess_apply(const Preprocess *p, Image *im, const char *name, int64_t *shape, Diag *d);
