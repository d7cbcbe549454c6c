// The table of the ONNX ops that are known, bound to their convert functions.
#pragma once
#include "frontend/onnx/import.h"

typedef struct NodeRow {
  const char *domain, *name;
  Convert *convert;
  OpKind op; // what `convert` is told
} NodeRow;

const NodeRow *nodes_find(const char *domain, const char *name); // NULL: none

// The nodes of a graph within the node, whose first n_in inputs are `in`. Its outputs go to `out`, at most n_out of
// them. False after a diagnostic.
bool import_body(Call *c, const OnnxGraph *g, int n_in, const OnnxValue *in, int n_out, OnnxValue *out);

#define NODE(domain, name, convert, op) Convert convert_##convert;
#include "frontend/onnx/nodes.def"
