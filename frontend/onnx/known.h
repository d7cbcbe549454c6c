// Tensors whose elements are known while a model is read: constants, and what shape arithmetic makes of symbolic
// dimensions. Integers and booleans are Dims, floats doubles that are rounded to their type, or quotients of a Dim.
#pragma once
#include "ir/core/checked.h"
#include "ir/graph/graph.h"

enum { KNOWN_MAX = 1 << 14 }; // elements

typedef struct KnownElement {
  union {
    Dim i;
    double f;
  };
  int64_t den; // > 0: a real number, i / den, with i symbolic (folded_ratio.c); else 0
} KnownElement;

typedef struct Known {
  DType dtype;
  int rank;
  int64_t dims[MAX_RANK], n;
  KnownElement *e;
} Known;

Known *known_new(Module *m, DType dtype, int rank,
                 const int64_t *dims); // zeroed; NULL: too many elements, or an open dimension
const Known *known_ints(Module *m, DType dtype, int n, const Dim *list); // a vector
const Known *known_of_weight(Module *m, Weight *w);                      // NULL: too large, or without data
Dim known_int(int64_t v);                                                // v as an element
bool known_is_open(const Known *k, int64_t i);                           // a symbolic dimension is in element i
bool known_is_const(const Known *k);                                     // no symbolic dimension is in it
// The value in the graph of one that has elements; an open dimension is made from ops. NULL after a diagnostic.
Value *known_value(Module *m, const Known *k, const char *hint);

struct Call;
// Folds a node whose operands are all known: true where it did, and set the results.
bool known_fold(struct Call *c);
