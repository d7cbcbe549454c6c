// --against=FILE: arrays that another framework computed, beside native values and the reference interpreter's.
// Neighbour: verify.c, which has those.
#pragma once
#include "driver/compare.h"
#include "frontend/weights/archive.h"

typedef struct AgainstArray {
  const char *name;
  const Value *value; // of the module that the reference runs
  int output;         // its place among the outputs; -1: an inner value
  DType dtype;
  Blob *data;
  int64_t count;
  Difference native, reference; // each beside the array
  bool has_native;              // fusion leaves no place for some inner values
  bool ok, reference_ok;
} AgainstArray;

typedef struct Against {
  Archive *archive;   // NULL: nothing is compared
  AgainstArray *rows; // in the order in which the values are computed, outputs last
  int n;
  double nmse; // the limit
} Against;

// False after a diagnostic; against_close is due either way.
bool against_open(Against *a, const char *path, double nmse, Diag *d);
// Finds the arrays of outputs and inner values by name. False when there is none, or one has another shape; outputs
// without an array and arrays without a value are warned of.
bool against_bind(Against *a, const Module *m, const int64_t *symbols, Diag *d);
// Values as they become known, of the module that was bound.
void against_reference(Against *a, AgainstArray *row, const RefTensor *t);
void against_native(Against *a, AgainstArray *row, const double *values, int64_t count);
// The first row that differs; NULL: none.
const AgainstArray *against_first_bad(const Against *a);
void against_close(Against *a);
