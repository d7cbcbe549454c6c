// What lowering must know of the machine, so that tiles fit its registers. The driver fills it from code generation's
// answer; passes do not see code generation.
#pragma once
#include <stdbool.h>

// A choice that measurement may decide.
typedef struct LowerChoice {
  const char *work, *layer; // what is computed, equal for equal work; where
  const char *const *candidates;
  int count; // of candidates, the one that the estimate prefers first
  int phase; // number of the first phase that comes of it
} LowerChoice;

// Decides choices: returns the number of a candidate. The text is the caller's.
typedef struct LowerTuner LowerTuner;
struct LowerTuner {
  int (*choose)(LowerTuner *t, const LowerChoice *c);
};

typedef struct LowerTarget {
  int vector_bytes;     // 16, 32 or 64
  int vector_registers; // 16 or 32
  bool has_fma;
  bool no_winograd;  // the user forbids algorithms that change how sums are formed
  int winograd;      // 2 or 4: F(2,3) or F(4,3) wherever they apply, for tests; 0: where they pay
  bool chains;       // pointwise and depthwise convolutions row by row wherever they may, for tests; else where it pays
  bool sparse;       // kernels for zeros wherever they may, for tests; else where they pay
  bool reproducible; // results must not depend on the instruction set: choices may not depend on the fields above
  LowerTuner *tuner; // NULL: estimates decide
} LowerTarget;
