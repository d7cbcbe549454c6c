// Folding: nodes whose operands are all known are computed while the model is read. Each folded_ function sees such a
// node; NULL: it declines.
#pragma once
#include "frontend/onnx/import.h"

typedef struct Fold {
  Call *c;
  Module *m;
  const Known **in; // NULL: absent
  int n;
} Fold;

typedef const Known *FoldFn(const Fold *f, OpKind op);

static inline const Known *folded_operand(const Fold *f, int i) { return i < f->n ? f->in[i] : NULL; }
static inline bool known_is_real(const Known *k) { return dtype_is_float(k->dtype); }

// As its type keeps it: wraps integers, rounds floats. A symbolic dimension stays as it is.
KnownElement known_fitted(DType t, KnownElement e);
// The dimensions of both, broadcast. False where they do not fit.
bool known_broadcast(const Known *a, const Known *b, int *rank, int64_t *dims);
// The element of k that stands at element `i` of a tensor of these dimensions.
KnownElement known_spread(const Known *k, int rank, const int64_t *dims, int64_t i);

// ---- elementwise (folded.c)
FoldFn folded_binary, folded_unary, folded_cast, folded_where;
// ---- shape (folded_shape.c)
FoldFn folded_same, folded_squeeze, folded_unsqueeze, folded_reshape, folded_concat, folded_gather, folded_slice,
    folded_range, folded_expand, folded_reduced, folded_transpose, folded_tile;
// ---- real numbers of which one at least is open, or may be (folded_ratio.c); false: not known, or no such number
bool ratio_binary(DimTable *t, OpKind op, KnownElement x, KnownElement y, KnownElement *r);
bool ratio_unary(DimTable *t, OpKind op, KnownElement x, KnownElement *r);
KnownElement ratio_from(Dim size);
bool ratio_truncated(DimTable *t, KnownElement e, Dim *i); // to an integer
bool ratio_whole(KnownElement e, Dim *i);                  // one that is an integer
