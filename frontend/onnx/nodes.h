// The table of the ONNX ops that are known, bound to their convert functions.
#pragma once
#include "frontend/onnx/import.h"

typedef struct NodeRow {
  const char *domain, *name;
  Convert *convert;
  OpKind op; // what `convert` is told
} NodeRow;

const NodeRow *nodes_find(const char *domain, const char *name); // NULL: none

// The branch's nodes, and its outputs as those of the node. False after a diagnostic.
bool import_branch(Importer *im, Call *c, const OnnxGraph *g);

#define NODE(domain, name, convert, op) Convert convert_##convert;
#include "frontend/onnx/nodes.def"
