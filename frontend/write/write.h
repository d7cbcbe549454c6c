// A module of the graph IR as a text of the language, for people to read and change: chains of calls, few names that
// are used again, repeated parts as loops. What only passes make cannot be written.
#pragma once
#include "ir/graph/graph.h"

typedef struct WrittenWeight {
  const char *name; // under which the text finds it
  Weight *weight;
} WrittenWeight;

typedef struct Written {
  StrBuf text;
  Vec(WrittenWeight) weights;
} Written;

// `weights_file`: what the text's `weights` names. False after a diagnostic; write_free is due either way.
bool write_module(Module *m, const char *weights_file, Written *out);
void write_free(Written *w);
