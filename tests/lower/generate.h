// Random valid graphs for differential tests, the same for the same seed.
#pragma once
#include "ir/ref/ref.h"

typedef struct Generated {
  Module *m;
  int64_t symbols[MAX_SYMBOLS]; // sizes at which the graph is to be run
} Generated;

// 1 to 30 nodes over pictures, tokens and rows; every op but those of other types than f32; odd sizes; several outputs.
Generated generate(uint64_t seed, Diag *d);
// Values for the inputs of a module.
RefTensor *generate_inputs(const Module *m, const int64_t *symbols, uint64_t seed);
