// Where packed weights lie behind one another, in one file for all programs of a model.
#pragma once
#include "ir/core/vec.h"
#include "ir/loop/loop.h"

// What the programs planned so far read: a buffer with the same bytes as one of these takes its place.
typedef struct WeightTable {
  Vec(const LBuffer *) buffers;
  uint32_t *slots; // by hash of the content, open addressing: 1 + number
  size_t cap;      // a power of two
  int64_t bytes;
} WeightTable;

void weight_table_free(WeightTable *t);
// Gives every weight of the program its offset; `shared` NULL: the program is alone, then nothing need be compared.
// False after a diagnostic.
bool plan_weights(LProgram *p, WeightTable *shared, Diag *d);
