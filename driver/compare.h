// Native values beside the reference's.
#pragma once
#include "ir/ref/ref.h"

typedef struct Difference {
  double max_abs, rel_l2, nmse; // nmse = sum (x - r)^2 / sum r^2
  bool finite;                  // all of the native values
  bool constant;                // the native values are all equal, the reference's are not
} Difference;

// Elements of a value of `type` with these extents, in its memory layout at `data`, as row-major doubles in `out`.
void compare_unpack(const Type *type, const int64_t *extents, const void *data, double *out);
Difference compare_values(const double *native, const RefTensor *reference);

// The same a pair at a time: begin with {0}.
typedef struct Comparison {
  double max_abs, errors, squares, first, first_expected; // the latter: the first native and reference value
  bool infinite, varied, expected_varied;
  int64_t n;
} Comparison;

void compare_add(Comparison *c, double native, double reference);
Difference compare_end(const Comparison *c);
