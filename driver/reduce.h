// nncc reduce: a model that fails, made as small as it can be while it fails in the same way. reduce.c chooses what to
// leave out, reduce_edit.c makes a module of what is left, reduce_check.c says whether that still fails.
#pragma once
#include "driver/build.h"

// ---- what fails (reduce_check.c)

typedef struct ReduceCheck {
  const char *command;       // of the shell, which gets a file's path as its last argument, or in place of {}, and
                             // leaves with 0 where that still fails; NULL: nncc's own compiling and verifying
  const BuildOptions *build; // of those; how the model is read is not among them
  double nmse;               // for verifying, as of VerifyOptions
  int timeout;               // seconds for one check; to take longer is a way to fail, too
} ReduceCheck;

// How the model of that path fails, in words without its names and numbers, in `how`; false where it does not.
bool reduce_check(const ReduceCheck *c, const char *path, StrBuf *how);

// ---- what is left out (reduce_edit.c)

// A change of a module; what is 0 or NULL leaves it as it is. Nodes are counted from 0 in their order, from 1 where 0
// means none.
typedef struct ReduceEdit {
  int drop_from, drop_to;       // nodes [from, to): what others read of them becomes an input
  int bypass, through;          // this node's (counted from 1) result becomes its operand `through`
  Dim from, to;                 // this extent, wherever it stands in inputs, weights and attributes, becomes `to`;
  int input, axis;              // of this input only (counted from 1)
  int node, attr;               // this node's (counted from 1) attribute becomes its default
  int output;                   // is no output any more (counted from 1)
  int weights_from, weights_to; // weights [from, to) lose their data: seeded values instead, of integers zeros
} ReduceEdit;

// A new module, without metadata and without the symbols that nothing needs; NULL where the change makes none, with
// nothing said of it. `diag` is borrowed by the new module.
Module *reduce_edit(const Module *m, const ReduceEdit *e, Diag *diag);

// ---- the search (reduce.c)

typedef struct ReduceOptions {
  ReduceCheck check;
  int seconds; // for all of it
} ReduceOptions;

typedef struct Reduction {
  Module *module; // the smallest that fails; the caller's
  StrBuf how;     // in which way
  int nodes_before, nodes, checks;
  bool out_of_time;
} Reduction;

// Takes `m` over. False, after a diagnostic, where it does not fail at all or cannot be tried. The result is the same
// each time, unless time runs out.
bool reduce_model(Module *m, const char *path, const ReduceOptions *o, Reduction *r, Diag *d);
