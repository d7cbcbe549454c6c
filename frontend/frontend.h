// The language's frontend: a .nn file and what it uses become a module of the graph IR.
#pragma once
#include "ir/graph/graph.h"

typedef struct FrontendOptions {
  const char *model;          // NULL: the only one
  const char *const *defines; // "classes=10": values of `param`s
  int n_defines;
  const char *const *shapes; // "image=8,3,224,224": fixes an input's symbolic dimensions; `_` leaves one open
  int n_shapes;
  const char *weights; // overrides the model's weights file; NULL: as the model says
  int max_errors;      // 0: 50
} FrontendOptions;

// Reads a .nn file ("-": stdin) and what it uses into a module; NULL after diagnostics. `weights_file` gets the path of
// the model's weights, resolved beside the .nn, or NULL; it lives in the module's arena. Weights are declared
// WEIGHT_MISSING with their names and types, a `parameter` with an `init` as WEIGHT_SPLAT; frontend/weights fills them.
//
// `meta` goes to the module's entries as written; `labels = "file.txt"` as the file's lines. An input's channel order
// (`u8[N, H, W, 3] rgb`) is the entry "order.<input>".
Module *frontend_compile(Diag *d, const char *path, const FrontendOptions *o, const char **weights_file);

// What follows `=` in a shape as above: its rank, 0 for an open dimension; -1: it is none. dims: MAX_RANK of them.
int frontend_parse_shape(const char *option, int64_t *dims);

// Syntax only: the file itself, not what it uses.
bool frontend_parse_only(Diag *d, const char *path);
