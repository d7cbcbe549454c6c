// Loops over the elements of several operands with strides: elementwise ops and every kind of copy. Dimensions that all
// operands walk alike are merged; the innermost runs 16 lanes at a time where every operand's stride there is 0 or 1.
// Copies between other orders go by shuffled tiles (shuffled.h). A task has some thousand elements.
#pragma once
#include "passes/lower/kernel.h"

enum { MAX_STRIDED = 10 };

typedef struct Strided {
  int rank, n_operands; // the last operand is written
  Dim dims[MAX_RANK + 2];
  Dim strides[MAX_STRIDED][MAX_RANK + 2];
} Strided;

void strided_add_dim(Strided *s, Dim extent, const Dim *strides); // appends an inner dimension

// Computes one group of `lanes` elements (1 or 16) from the operands' values.
typedef LExpr *(*StridedBody)(Kernel *k, void *context, LExpr *const *values, int lanes);

// A kernel over all elements: y = body(operands). `pointers`: a parameter each, the last the output.
Dim strided_loops(Kernel *k, Strided *s, LExpr *const *pointers, StridedBody body, void *context);

LExpr *strided_identity(Kernel *k, void *context, LExpr *const *values, int lanes); // values[0]

// Copies elements: a phase of its own named after n.
void strided_copy(Lower *lw, const Node *n, Strided *s, Value *from, Dim from_offset, Value *to, Dim to_offset);
// `count` elements from buffer to buffer; the phase is named `name`.
void strided_copy_buffer(Lower *lw, const char *name, LBuffer *from, LBuffer *to, Dim count);
