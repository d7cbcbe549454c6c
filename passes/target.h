// What lowering must know of the machine, so that tiles fit its registers. The driver fills it from code generation's
// answer; passes do not see code generation.
#pragma once
#include <stdbool.h>

typedef struct LowerTarget {
  int vector_bytes;     // 16, 32 or 64
  int vector_registers; // 16 or 32
  bool has_fma;
  bool no_winograd;  // the user forbids algorithms that change how sums are formed
  bool reproducible; // results must not depend on the instruction set: choices may not depend on the fields above
} LowerTarget;
