// Random valid graphs for differential tests, the same for the same seed.
#pragma once
#include "ir/ref/ref.h"

typedef struct Generated {
  Module *m;
  int64_t symbols[MAX_SYMBOLS]; // sizes at which the graph is to be run
} Generated;

// LAYERS: what networks are made of, all of it f32, and so that differences are mistakes and not rounding: rounding
// errors do not grow. ANY: every op on every element type that it takes, layers between them; room.h says what rounding
// does.
typedef enum GeneratedKind { GENERATED_LAYERS, GENERATED_ANY } GeneratedKind;

// 1 to 30 nodes over pictures, tokens and rows; odd sizes; some of them symbolic; several outputs.
Generated generate(GeneratedKind kind, uint64_t seed, Diag *d);
// Values for the inputs of a module. `special`: some of them NaN, infinite, huge, denormal or 0.
RefTensor *generate_inputs(const Module *m, const int64_t *symbols, uint64_t seed, bool special);
void generated_inputs_free(RefTensor *in, const Module *m);
