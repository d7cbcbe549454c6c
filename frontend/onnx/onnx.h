// ONNX's frontend: a .onnx file becomes a module of the graph IR, its weights with it.
#pragma once
#include "ir/core/checked.h"
#include "ir/graph/graph.h"

// A tensor with its elements, row-major, which the blob holds (and keeps, where it is not copied, their file mapped).
typedef struct OnnxArray {
  const char *name;
  DType dtype;
  int rank;
  int64_t dims[MAX_RANK];
  Blob *blob;
} OnnxArray;

typedef struct OnnxOptions {
  const char *const *shapes; // as FrontendOptions
  int n_shapes;
  const OnnxArray *values; // of inputs: used where what is computed depends on their elements, as shapes do
  int n_values;
  bool *frozen; // of each of `values`: set where it was used so; the model then still has that input
} OnnxOptions;

// NULL after diagnostics. What the model holds that nncc cannot compile is reported all at once.
Module *onnx_import(Diag *d, const char *path, const OnnxOptions *o);

// Reads a TensorProto that is a file of its own, as ONNX's test suite has them; its blob is to be unreferenced. The
// name lives in `a`.
bool onnx_read_array(Diag *d, const char *path, Arena *a, OnnxArray *array);

// ONNX's number of an element type (TensorProto.DataType).
int64_t onnx_data_type(DType dtype);
