// What the files of the importer share. A name of the ONNX model stands for an OnnxValue; `convert` functions, one a
// row of nodes.def, turn a node into nodes of the graph. Numbers that decide shapes are followed as they are known
// (known.h), symbolic dimensions among them.
#pragma once
#include "frontend/map.h"
#include "frontend/onnx/known.h"
#include "frontend/onnx/onnx.h"
#include "frontend/onnx/proto.h"
#include "frontend/weights/mapped.h"

typedef struct OnnxValue {
  Value *value;       // NULL: not in the graph yet
  const Known *known; // NULL: its elements are not known
  int frozen;         // of an input: 1 + its number among the values given; 0: none
} OnnxValue;          // both NULL: an error was reported where it should have been made

// Names are visible in the scope that binds them and in those within.
typedef struct Scope {
  const struct Scope *outer;
  Map names;                    // to OnnxValue
  const OnnxNode *caller;       // of a function's body: whose attributes its nodes may refer to
  const OnnxFunction *function; // NULL: the graph, or a branch
} Scope;

typedef struct Importer {
  Diag *diag;
  const char *path;
  char *folder; // where external data lies
  const OnnxOptions *options;
  const OnnxModel *model;
  Module *m;
  Mapped *file;
  Vec(struct OnnxExternal {
    const char *name;
    Mapped *file;
  }) externals;
  Scope *scope;
  int nesting;
} Importer;

// A node while it is converted.
typedef struct Call {
  Importer *im;
  const OnnxNode *node;
  int opset;      // of the node's domain
  OnnxValue **in; // NULL: absent
  int n_in, n_out;
  OnnxValue *out;
} Call;

typedef bool Convert(Call *c, OpKind op);

// ---- tensors (tensor.c)
// The elements; false after a diagnostic that begins with `what`.
bool tensor_read(Importer *im, const char *what, const OnnxTensor *t, OnnxArray *array);
bool tensor_dtype(int64_t data_type, DType *dtype);                        // false: nncc has no such type
const char *tensor_type_name(int64_t data_type);                           // for messages
Weight *tensor_weight(Importer *im, const char *hint, const OnnxArray *a); // takes the blob over
// The weight [rows, columns] as [columns, rows]; made once.
Value *tensor_transposed(Importer *im, Value *weight);

// ---- messages: each names the node. They return false.
bool call_fail(Call *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *call_name(const Call *c); // conv1 (Conv), for messages

// ---- what a node has (call.c)
Value *call_value(Call *c, int i);            // the operand in the graph; NULL: absent
const Type *call_type(Call *c, int i);        // its type, not put into the graph
const Known *call_known(Call *c, int i);      // NULL: absent or not known
const Known *call_need_known(Call *c, int i); // NULL after a diagnostic
bool call_has(const Call *c, int i);
const OnnxAttribute *call_attr(const Call *c, const char *name); // NULL: absent
int64_t call_int(const Call *c, const char *name, int64_t fallback);
double call_float(const Call *c, const char *name, double fallback);
const char *call_text(const Call *c, const char *name, const char *fallback); // copied into the module
// Copied into the module's arena; n: 0 where it is absent.
int call_ints(const Call *c, const char *name, const int64_t **ints);
int call_floats(const Call *c, const char *name, const double **floats);
// Attribute or (since `opset`) operand `i`: constant integers. False after a diagnostic; *n is -1 where both are
// absent.
bool call_int_list(Call *c, const char *name, int i, const int64_t **ints, int *n);
// The same of constant real numbers.
bool call_real_list(Call *c, const char *name, int i, const double **reals, int *n);
bool call_axis(Call *c, int64_t *axis, int rank); // [-rank, rank) to [0, rank)

// ---- making nodes
Attr *call_attrs(Call *c, OpKind op); // room for them; those left alone take their defaults
Attr call_list(Call *c, AttrKind kind, int n, const int64_t *list); // copied
Attr call_reals(Call *c, int n, const double *list);                // copied
#define ATTR_I(v) ((Attr){.kind = ATTR_INT, .i = (v)})
#define ATTR_B(v) ((Attr){.kind = ATTR_BOOL, .i = (v)})
#define ATTR_F(v) ((Attr){.kind = ATTR_FLOAT, .f = (v)})
Attr call_word(Call *c, const char *word);
// The first result; NULL after a diagnostic. A NULL among the operands where the op needs one: NULL, without another.
Value *call_node(Call *c, OpKind op, int n, Value *const *operands, const Attr *attrs);
Node *call_make(Call *c, OpKind op, int n, Value *const *operands, const Attr *attrs);
static inline Value *call_unary(Call *c, OpKind op, Value *x, const Attr *attrs) {
  return call_node(c, op, 1, &x, attrs);
}
static inline Value *call_binary(Call *c, OpKind op, Value *a, Value *b) {
  return call_node(c, op, 2, (Value *[]){a, b}, NULL);
}
Value *call_scalar(Call *c, DType dtype, double v);
Value *call_constant(Call *c, DType dtype, int rank, const int64_t *dims, const double *elements);
Value *call_reshape(Call *c, Value *x, int rank, const Dim *dims);
Value *call_permute(Call *c, Value *x, const int64_t *dims);
Value *call_cast(Call *c, Value *x, DType dtype);          // x itself where it is of that type
Value *call_insert_dims(Call *c, Value *x, int at, int n); // n dimensions of 1 before number `at`
Value *call_dim(Call *c, Dim d);                           // i64[], what it is at run time
Value *call_range(Call *c, Dim n);                         // i64[n]: 0, 1, ...
// `op` over the dimensions: one of mean, sum, prod, amax, amin.
Value *call_reduced(Call *c, OpKind op, Value *x, int n, const int64_t *dims, bool keep);
// By the window that the node states; `bias` may be NULL.
Value *call_conv(Call *c, Value *x, Value *w, Value *bias);
// As NumPy's matmul: a vector is a row on the left and a column on the right, and its dimension goes.
Value *call_matmul(Call *c, Value *a, Value *b);
// Over the dimensions from `axis` on, as one; `bias` may be NULL.
Value *call_layer_norm(Call *c, Value *x, Value *scale, Value *bias, int64_t axis, double eps);
Value *call_rms_norm(Call *c, Value *x, Value *scale, int64_t axis, double eps);
// ---- results
bool call_result(Call *c, int i, Value *v); // false where v is NULL
bool call_result_known(Call *c, int i, const Known *k);

// ---- graphs within (graph.c)
bool import_nodes(Importer *im, const OnnxNode *nodes, size_t n);
OnnxValue *import_find(Importer *im, const char *name);
void import_bind(Importer *im, const char *name, OnnxValue v);
Value *import_value(Importer *im, OnnxValue *v, const char *hint);
