// toy.h: a model written by hand against runtime/nncc_rt.h, as codegen would emit it. It has one symbolic dimension N,
// and for inputs x[N], weights w[4]:
//   a[i] = x[i] * w[i % 4];  p = running sums of a;  y[i] = p[i] + a[N - 1 - i];  s = p[N - 1] - 1, computed in two
//   steps
// Some inputs have a meaning beside: see the TOY_ constants.
#ifndef NNCC_TESTS_RUNTIME_TOY_H
#define NNCC_TESTS_RUNTIME_TOY_H

#include "runtime/nncc_rt.h"

#include <stdatomic.h>

enum {
  TOY_MAX = 1000,
  TOY_MULTIPLE = 5, // N % TOY_MULTIPLE == 0 or the model's assertion fails
  TOY_PHASES = 4,
  TOY_GRAIN = 20,        // of the last phase
  TOY_BAD_INDEX = -101,  // an x of this makes the first phase fail with NNCC_E_INDEX
  TOY_BAD_LATE = -102,   // ... the last phase with NNCC_E_ASSERT
  TOY_BAD_STATUS = -103, // ... the first phase with status 200
  TOY_HOLD = -104        // ... its task wait until toy_gate is opened
};

extern const NnccRtModel toy;
extern const nncc_model_info toy_info __attribute__((visibility("default")));
extern const float toy_weights[16];

extern atomic_int toy_held;   // tasks that have come to the gate
extern atomic_int toy_gate;   // 1: open
extern atomic_int toy_floats; // tasks that met an unexpected floating-point state

void toy_expect(const float *x, int64_t n, float *y, float *s);

#endif
