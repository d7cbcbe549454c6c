// Python's pickle as data. A pickle is a program for a small stack machine, whose instructions import names and call
// them; here nothing is imported and nothing is called: what would be is written down as PICKLED_CALL. The machine is
// a loop, so that nesting costs no stack, and what it allocates is bounded by the bytes that it reads. Neighbour:
// torch.c, which finds tensors in what is read.
#pragma once
#include "ir/core/vec.h"
#include <stdbool.h>
#include <stdint.h>

enum { PICKLE_MAX = 1 << 24 }; // bytes; a large network's is some 100 KB

typedef enum PickledKind {
  PICKLED_NONE,
  PICKLED_INT,  // bool too
  PICKLED_TEXT, // str or bytes
  PICKLED_LIST, // or tuple
  PICKLED_DICT,
  PICKLED_GLOBAL,     // an imported name
  PICKLED_CALL,       // of a function or class
  PICKLED_PERSISTENT, // an object outside the pickle
  PICKLED_OTHER,      // nothing that tensors are made of: floats, sets, integers of more than 64 bits
} PickledKind;

typedef struct Pickled Pickled;
struct Pickled {
  PickledKind kind;
  uint32_t n, cap;
  union {
    int64_t number;          // INT
    const char *text;        // TEXT, n bytes; GLOBAL: "torch._utils._rebuild_tensor_v2"
    const Pickled *callee;   // CALL
    const Pickled *identity; // PERSISTENT
  };
  const Pickled *arguments; // CALL: a LIST
  const Pickled *state;     // CALL: what the object was given afterwards, or NULL
  Pickled **items;          // LIST: n of them; DICT and CALL: key and value in turn, n of both
};

typedef struct Pickle {
  Arena *arena;               // of all that is below
  const Pickled *value;       // may refer to itself
  Vec(Pickled *) persistents; // in order of appearance
  size_t size;                // bytes up to the end of the pickle, which may not be that of the data
} Pickle;

// Reads the pickle at the start of `data`. NULL, or what is wrong with it; pickle_free is due either way.
const char *pickle_read(const uint8_t *data, size_t size, Pickle *out);
void pickle_free(Pickle *p);
