// A module of the graph IR, after whatever passes, as an ONNX model that computes the same. Layouts are not written: a
// blocked value has its logical shape, and where it is reordered stands an Identity whose doc_string says the layout.
#pragma once
#include "ir/graph/graph.h"

typedef struct WriteOnnxOptions {
  bool external_data; // the weights' elements go to a file of their own, PATH.data, as they do where they exceed 2 GB
} WriteOnnxOptions;

// Writes `path` ("-": stdout). False after a diagnostic; each file is whole or as it was.
bool write_onnx(Module *m, const char *path, const WriteOnnxOptions *o, Diag *d);
