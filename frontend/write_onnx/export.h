// What the writers of the op families (rows.def) make nodes with. A node of the IR becomes one or more ONNX nodes;
// these are kept until the last of them is known, so that its result can take the name of the IR's.
#pragma once
#include "frontend/map.h"
#include "frontend/onnx/onnx.h"
#include <math.h>
#include <string.h>

// A value of the ONNX graph. Named when the node that makes it is written.
typedef struct Term {
  const char *name;
} Term;

// A node to be written.
typedef struct ExportNode {
  const char *op, *domain;
  int n_inputs;
  Term **inputs; // NULL: absent
  Vec(Term *) outputs;
  StrBuf attributes;
} ExportNode;

typedef struct Export Export;
typedef void (*ExportWriter)(Export *e);

typedef struct ExportRow {
  OpKind ir;
  ExportWriter write;
  const char *op; // ONNX's, that of the node which has the layer's name
  unsigned types; // a bit for each element type that it takes
} ExportRow;

typedef struct ExportDim {
  Dim dim;
  Term *term;
} ExportDim;

struct Export {
  Module *m;
  Diag *d;
  Map values, layers;  // names of values and of nodes that are taken
  Term **terms;        // of the IR's values, by id
  StrBuf nodes;        // fields of the graph
  StrBuf constants;    // the same: initializers that are no weights
  Map known;           // constants by their bytes
  Vec(ExportDim) dims; // symbolic dimensions that are computed already
  bool custom;         // there is a node of the domain "nncc"
  bool failed;         // a diagnostic says why

  // of the node that is being written
  const Node *node;
  const ExportRow *row;
  DType dtype; // what it is computed in
  Vec(ExportNode) pending;
};

#define ROW(ID, writer, onnx, types) void write_##writer(Export *e);
#include "frontend/write_onnx/rows.def"
const ExportRow *export_row(OpKind op); // rows.c

// `outputs`: by the id of a value its name where it is an output, else NULL.
void export_node(Export *e, const Node *n, const char *const *outputs);
// Valid UTF-8 without control bytes.
const char *export_clean(Export *e, const char *s);
// A name that no value, or no node, has, made from `hint`.
const char *export_name(Export *e, const char *hint);
const char *export_node_name(Export *e, const char *hint);
void export_free(Export *e);

// ---- operands and results of the IR's node
static inline const Type *export_type(const Export *e, int i) { return operand(e->node, i)->type; }
static inline const Type *export_result_type(const Export *e) { return result(e->node)->type; }
Term *export_operand(Export *e, int i);        // as it is; NULL: absent
Term *export_in(Export *e, int i);             // the same, cast to e->dtype where the ONNX op does not take its type
void export_result(Export *e, int i, Term *t); // of the result's own type
void export_out(Export *e, Term *t);           // the first result, in e->dtype: cast where that is not its own
#define EXPORT_ATTR(e, OP, name) NODE_ATTR((e)->node, OP, name)

// ---- nodes: attributes and further results are added to the last one
Term *export_op(Export *e, const char *op, int n, Term *const *inputs);
#define EXPORT(e, op, ...) export_op(e, op, sizeof((Term *[]){__VA_ARGS__}) / sizeof(Term *), (Term *[]){__VA_ARGS__})
Term *export_further(Export *e);
void export_int(Export *e, const char *name, int64_t v);
void export_float(Export *e, const char *name, double v);
void export_text(Export *e, const char *name, const char *s);
void export_ints(Export *e, const char *name, int n, const int64_t *v);
void export_floats(Export *e, const char *name, int n, const double *v);
void export_texts(Export *e, const char *name, int n, const char *const *v);
Term *export_cast(Export *e, Term *x, DType to);
// The IR's node as one of the domain "nncc", which says so: nothing of ONNX computes it.
void export_custom(Export *e);

// ---- constants
Term *export_tensor(Export *e, DType dtype, int rank, const int64_t *dims, const double *v);
Term *export_scalar(Export *e, DType dtype, double v);
Term *export_integer(Export *e, int64_t v);                       // i64[]
Term *export_list(Export *e, int n, const int64_t *v);            // i64[n]
Term *export_filled(Export *e, DType dtype, int64_t n, double v); // [n]

// ---- dimensions as values (dims.c)
Term *dims_list(Export *e, int n, const Dim *dims); // i64[n]
Term *dims_number(Export *e, Dim d);                // i64[]
void dims_found(Export *e, Dim d, Term *t);         // t, i64[1], is what d is from now on

// ---- shapes (shape.c)
Term *shape_reshape(Export *e, Term *x, int rank, const Dim *dims);
Term *shape_permute(Export *e, Term *x, int rank, const int64_t *order);
Term *shape_slice(Export *e, Term *x, int64_t axis, Dim start, Dim end);
Term *shape_concat(Export *e, int n, Term *const *parts, int64_t axis);
Term *shape_pad(Export *e, Term *x, int rank, const Dim *before, const Dim *after, double value);
Term *shape_per_channel(Export *e, DType dtype, int rank, int n,
                        const double *v); // [n, 1, ...]: over dimension 1 of rank

// ---- what follows a convolution or a linear layer (elementwise.c)
Term *elementwise_epilogue(Export *e, Term *x, Term *residual, const Attr *act);
