// Scaled dot-product attention of heads, [N, heads, T, d].
#pragma once
#include "frontend/onnx/import.h"

typedef struct Attend {
  Value *q, *k, *v;
  Value *mask;         // of bool or added; it broadcasts to [N, heads, T, S]; NULL: none
  bool causal;         // a query sees no key behind its own position,
  Dim past;            // which is its number + `past`,
  Value *offsets;      // or + these, [N, 1, 1, 1]; NULL: none
  int64_t left, right; // how far it sees at most; -1: as far as there are keys
  double scale;        // 0: 1 / sqrt(d)
  double softcap;      // 0: none
  int shown;           // of the scores, in `scores`: -1 none, 0 products, 1 capped, 2 masked, 3 softmax
  Value *scores;
} Attend;

// [N, T, heads d] as [N, heads, T, d], and back.
Value *attend_split(Call *c, Value *x, int64_t heads);
Value *attend_join(Call *c, Value *x);
// `mask` where `seen`, a mask of bool, holds; either may be NULL.
Value *attend_restrict(Call *c, Value *mask, Value *seen);
Value *attend(Call *c, Attend *a); // [N, heads, T, d of v]
