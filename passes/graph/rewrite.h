// What rewriting passes share: nodes that take another's place, attribute lists, names.
#pragma once
#include "passes/pass.h"

// Room for the op's attributes, in the module's arena; those left alone take their defaults.
Attr *rewrite_attrs(Module *m, OpKind op);
Attr rewrite_ints(Module *m, AttrKind kind, int n, const int64_t *list); // copied
// Dimensions of the type as the attribute of reshape.
Attr rewrite_shape(Module *m, const Type *t);

// A new node before `old`, of old's name and span, and its first result. Types are right by construction: a failure of
// shape inference is a bug.
Value *rewrite_before(Module *m, Node *old, OpKind op, int n_operands, Value *const *operands, const Attr *attrs);
// The same under another name; NULL: none.
Value *rewrite_named(Module *m, Node *old, const char *name, OpKind op, int n_operands, Value *const *operands,
                     const Attr *attrs);
// x as another type, converted before `old`; x itself where it is of that type.
Value *rewrite_cast(Module *m, Node *old, Value *x, DType dtype);
// Elements [start, end) of x along one dimension.
Value *rewrite_slice(Module *m, Node *old, Value *x, int64_t dim, Dim start, Dim end);
// x in another shape, with its dimensions in another order, and the parts joined along one; x itself, or the only part,
// where that changes nothing.
Value *rewrite_reshape(Module *m, Node *old, Value *x, const Type *t);
Value *rewrite_permute(Module *m, Node *old, Value *x, const int64_t *dims);
Value *rewrite_concat(Module *m, Node *old, int n, Value *const *parts, int64_t dim);
// Puts `with` where the result of `old` was, and removes `old`.
void rewrite_replace(Module *m, Node *old, Value *with);
// The same of all results, by those of another node.
void rewrite_replace_node(Module *m, Node *old, Node *with);
// The same, and removes what `old` alone was computed from.
void rewrite_supersede(Module *m, Node *old, Value *with);
// "base.suffix", or the suffix alone where there is no base.
const char *rewrite_name(Module *m, const char *base, const char *suffix);
