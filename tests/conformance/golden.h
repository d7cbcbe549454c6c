// The golden arrays of one op: several cases, each a model's text, its inputs, weights and expected outputs.
// goldens/README.md states the format.
#pragma once
#include "frontend/weights/archive.h"
#include "ir/ref/ref.h"

// Opens FOLDER/OP.safetensors; NULL after a diagnostic.
Archive *golden_open(const char *folder, const char *op, Diag *d);
int golden_count(const Archive *a); // cases from 0 without gaps
// The case's model, compiled, its weights attached; NULL after a diagnostic.
Module *golden_module(Archive *a, int number, Diag *d);

typedef struct Golden {
  int64_t symbols[MAX_SYMBOLS];
  RefTensor *inputs, *expected; // one for each of the module's
} Golden;
// Reads the arrays of a case; false after a diagnostic. Free it in any case.
bool golden_read(Golden *g, Archive *a, int number, Module *m, Diag *d);
void golden_free(Golden *g, const Module *m);
