// Building one kernel and the phase that runs it: parameters are made as buffers and dimensions are first used.
#pragma once
#include "passes/lower/lower.h"

typedef struct Kernel {
  Lower *lw;
  LBuilder *b;
  Vec(LArg) args;
  Vec(LVar *) dim_vars; // the parameter of each symbolic dimension used, beside
  Vec(Dim) dims;
  int64_t bytes;            // that parameters point to, for profiles
  int passes;               // loops around that over tasks
  Vec(const Node *) before; // what it computes before the node that kernel_finish is given, for profiles
} Kernel;

// The type that arithmetic on elements of type t is done in: f32 for halves, i32 for what it holds, else t.
DType kernel_computed_in(DType t);

Kernel kernel_begin(Lower *lw, const char *stem);

// Pointers to a value's first element. `kernel_in_place` marks a pointer as one that may be the output's own memory.
LExpr *kernel_in(Kernel *k, const char *name, Value *v);
LExpr *kernel_in_place(Kernel *k, const char *name, Value *v);
LExpr *kernel_out(Kernel *k, const char *name, Value *v);
LExpr *kernel_out_in_place(Kernel *k, const char *name, Value *v);
LExpr *kernel_inout(Kernel *k, const char *name, Value *v);
LExpr *kernel_buffer(Kernel *k, const char *name, LBuffer *buffer, LAccess access);
// Where the node's count is written, an i64.
LExpr *kernel_count(Kernel *k, const char *name, const Node *n);
// The pointer that was made last points so many elements further.
void kernel_advance(Kernel *k, Dim elements);
// Memory of this call alone, `bytes` of it.
LExpr *kernel_scratch(Kernel *k, const char *name, DType dtype, Dim bytes);

// Sixteen zeros, then sixteen times `fill`: loading 16 lanes at 16 - n gives 0 in n lanes and `fill` in the others.
LExpr *kernel_tail(Kernel *k, const char *name, double fill);

// The numbers 0 to 15, as f32.
LExpr *kernel_iota(Kernel *k, const char *name);

LExpr *kernel_dim(Kernel *k, Dim d);

// The task number split by extents, outermost first: out[i] < extents[i]. Returns the number of tasks. Opens the loop
// over tasks; kernel_finish closes it.
Dim kernel_tasks(Kernel *k, int n, const Dim *extents, LExpr **out);

// The part [*lo, *hi) of `total` elements that is piece number t of those of `size` elements, and their number.
void kernel_piece(Kernel *k, LExpr *t, int64_t size, Dim total, LExpr **lo, LExpr **hi);
Dim kernel_pieces(Lower *lw, int64_t size, Dim total);

// Before kernel_tasks: so many passes over the tasks, all tasks of a thread in one before the next; their number. Tasks
// depend on none but themselves.
LExpr *kernel_passes(Kernel *k, int64_t n);

// Ends the kernel and appends its phase, which is named after the node.
void kernel_finish(Kernel *k, const Node *n, Dim tasks, int64_t macs, const char *detail);

// An index that changes, at first `value`.
static inline LVar *kernel_index(LBuilder *b, const char *name, LExpr *value) {
  LVar *v = loop_local(b, name, L_INDEX, 0, NULL);
  loop_set(b, v, value);
  return v;
}

// A loop that is left out where it runs exactly once: returns its variable, or the constant it would have.
LExpr *kernel_loop(Kernel *k, const char *name, LExpr *lo, LExpr *hi, bool *opened);
void kernel_end_loop(Kernel *k, bool opened);
