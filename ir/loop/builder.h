// The builder's insides, shared by expr.c, build.c and the reader, which builds through the same functions.
#pragma once
#include "ir/loop/loop.h"

typedef struct Frame { // an open block
  LStmt *owner;        // FOR or IF; NULL: the kernel
  LBlock *block;
  uint32_t first_var; // variables from here on go out of scope with the block
} Frame;

struct LBuilder {
  LProgram *program;
  Arena *arena;
  LKernel *kernel;
  Vec(Frame) frames;
  Vec(LVar *) vars;    // by id
  Vec(bool) visible;   // by id
  Vec(unsigned) next;  // by id: the number that the next variable of this name may get
  Vec(uint32_t) names; // hash table of 1 + id, by name; a power of two
  const char *problem; // lenient: the first broken rule, instead of an abort
  bool lenient;
};

bool builder_is_reserved(const char *name);                // words of the text form
LVar *builder_lookup(const LBuilder *b, const char *name); // in scope or not; NULL: none
bool builder_in_scope(const LBuilder *b, const LVar *v);
void builder_fail(LBuilder *b, const char *problem);
void builder_abandon(LBuilder *b);                                // frees a builder whose kernel is not wanted
LKernel *builder_find_equal(const LProgram *p, const LKernel *k); // NULL: none computes the same
void builder_add_kernel(LProgram *p, LKernel *k);
void builder_destroy_kernel(LKernel *k);
LExpr *expr_new(LBuilder *b, LOp op, LType t, int n, LExpr *const *args);
LExpr *expr_local(LBuilder *b, LVar *v, LExpr *const *index);
void build_set(LBuilder *b, LVar *local, LExpr *value, LExpr *const *index);
