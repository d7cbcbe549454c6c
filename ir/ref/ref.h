// The reference interpreter: plain code for every op, accumulating in double, that everything else is judged by.
// It works on logical row-major values, so memory layouts do not matter to it. Neighbours: ref_ops.h (what the op
// functions see), one file of op functions a family.
#pragma once
#include "ir/core/checked.h"
#include "ir/graph/graph.h"

// A value's elements in row-major order: `f` of float types, `i` of integers and bool, the other NULL. Elements of f16
// and bf16 are rounded to them; those of f32 are kept unrounded, but where they come from another type. Integers lie
// within their type; those of u64 are the int64_t of their bits.
typedef struct RefTensor {
  const Type *type;
  int rank;
  int64_t dims[MAX_RANK];
  int64_t count;
  double *f;
  int64_t *i;
} RefTensor;

// ---- tensors (ref_tensor.c)
// Zeroed elements for `type` where symbol k of the module is symbols[k] (NULL when the type has none). False, with *t
// empty, when there is not enough memory.
bool ref_tensor_create(RefTensor *t, const Module *m, const Type *type, const int64_t *symbols);
void ref_tensor_free(RefTensor *t); // an empty one too; leaves it empty
bool ref_tensor_copy(RefTensor *t, const RefTensor *from);
// From and to a packed row-major array of t->count elements of type `stored`. Conversions are those of `cast`, and to
// a float they round once.
void ref_tensor_unpack(RefTensor *t, DType stored, const void *data);
void ref_tensor_pack(const RefTensor *t, DType stored, void *data);
// The weight's data; false when memory or the data is missing.
bool ref_tensor_from_weight(RefTensor *t, Module *m, Weight *w);
// Element k as a double, whatever its type.
static inline double ref_at(const RefTensor *t, int64_t k) {
  return t->f ? t->f[k] : dtype_int_to_double(t->type->dtype, t->i[k]);
}

// ---- evaluation (ref_run.c)
typedef void (*RefObserver)(void *user, const Value *v, RefTensor *t);

// Evaluates the module. `symbols`: the value of each open dimension. `inputs`: one for each of the module's.
// `outputs`: receives one for each of the module's, to be freed by the caller. `observe` (or NULL) is called with each
// node result and may change its elements; values are freed after their last use. False, with a message in `diag` and
// no outputs, when inputs do not fit, an assertion fails, an integer is divided by zero, a weight has no data, or
// memory runs out.
bool ref_run(Module *m, const int64_t *symbols, const RefTensor *inputs, RefTensor *outputs, RefObserver observe,
             void *user, Diag *diag);

typedef struct RefContext {
  Module *m;
  int64_t
      *symbols; // of open dimensions, and of counts, at their capacity until a node finds them; NULL: there are none
  Diag *diag;
} RefContext;

// A position embedding [prefix + h w, D] learned for one grid, as another needs it: bicubic and antialiased, as timm's
// resample_abs_pos_embed (ref_resize.c).
void ref_resample_positions(const double *x, const int64_t old_size[2], const int64_t new_size[2], int64_t prefix,
                            int64_t D, double *out);

// Evaluates one node, e.g. for constant folding: n->n_operands operands, NULL where absent; n->n_results results,
// created here and freed by the caller.
bool ref_node(const RefContext *ctx, const Node *n, const RefTensor *const *operands, RefTensor *results);
