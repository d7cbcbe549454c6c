// What the files of the importer share. A name of the ONNX model stands for an OnnxValue; `convert` functions, one a
// row of nodes.def, turn a node into nodes of the graph. Numbers that decide shapes are followed as they are known
// (known.h), symbolic dimensions among them.
#pragma once
#include "frontend/map.h"
#include "frontend/onnx/known.h"
#include "frontend/onnx/onnx.h"
#include "frontend/onnx/proto.h"
#include "frontend/weights/mapped.h"
#include "ir/core/index.h"

typedef struct OnnxValue {
  Value *value;                // NULL: not in the graph yet
  const Known *known;          // NULL: its elements are not known
  const struct OnnxList *list; // it is a list of tensors: another kind of value, which only folds away
  int frozen;                  // of an input: 1 + its number among the values given; 0: none
} OnnxValue;                   // all NULL: an error was reported where it should have been made

typedef struct OnnxList {
  int n;
  OnnxValue *items;
} OnnxList;

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
  Index functions; // of the model's, by domain, name and overload
  Module *m;
  Mapped *file;
  Vec(struct OnnxExternal {
    const char *name;
    Mapped *file;
  }) externals;
  Scope *scope;
  int nesting, nodes; // of functions and branches; converted so far, bodies and long lists among them
  bool *freeze;       // of each of the values given: its input is known from the start
  bool again;         // more of them were found to be needed: everything is read once more
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
bool call_fail(const Call *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *call_name(const Call *c); // conv1 (Conv), for messages

// ---- what a node has (call.c)
Value *call_value(Call *c, int i);            // the operand in the graph; NULL: absent
const Type *call_type(Call *c, int i);        // its type, not put into the graph
const Known *call_known(Call *c, int i);      // NULL: absent or not known
const Known *call_need_known(Call *c, int i); // NULL after a diagnostic, or where it is absent
const Known *call_need_ints(Call *c, int i);  // the same; of integers or booleans
bool call_has(const Call *c, int i);
const OnnxAttribute *call_attr(const Call *c, const char *name); // NULL: absent
// Those of a wrong kind are reported, and as if absent.
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
// `op` over the dimensions: one of mean, sum, prod, amax, amin.
Value *call_reduced(Call *c, OpKind op, Value *x, int n, const int64_t *dims, bool keep);
// By the window that the node states; `bias` may be NULL.
Value *call_conv(Call *c, Value *x, Value *w, Value *bias);
// As NumPy's matmul: a vector is a row on the left and a column on the right, and its dimension goes.
Value *call_matmul(Call *c, Value *a, Value *b);
// Over the dimensions from `axis` on, as one; `bias` may be NULL.
Value *call_layer_norm(Call *c, Value *x, Value *scale, Value *bias, int64_t axis, double eps);
Value *call_rms_norm(Call *c, Value *x, Value *scale, int64_t axis, double eps);
// ---- what several conversions make (make.c)
Value *call_with(Call *c, OpKind op, Value *x, double v); // x op v, a number of x's type
Value *call_where(Call *c, Value *condition, Value *a, Value *b);
Value *call_clamp(Call *c, Value *x, double low, double high);
Value *call_expand(Call *c, Value *x, int rank, const Dim *dims);
Value *call_slice(Call *c, Value *x, int64_t axis, Dim start, Dim end);
Value *call_flip(Call *c, Value *x, int n, const int64_t *axes);
Value *call_concat(Call *c, int64_t axis, int n, Value *const *values);
Value *call_arange(Call *c, DType dtype, Dim start, Dim end, int64_t step);
Value *call_positions(Call *c, const Type *t, int axis); // i64: of each element of a t its index along the axis
Value *call_index_select(Call *c, Value *x, int64_t axis, Value *index);
Value *call_gather(Call *c, Value *x, int64_t axis, Value *index);
// `reduce`: none, sum, prod, amax or amin.
Value *call_scatter(Call *c, Value *x, int64_t axis, Value *index, Value *src, const char *reduce);
Value *call_arg(Call *c, OpKind op, Value *x, int64_t axis); // argmax or argmin, keeping the dimension
// Borders of each dimension; in mode "constant" negative ones cut.
Value *call_pad(Call *c, Value *x, const int64_t *before, const int64_t *after, const char *mode, double value);
// Indices that may count from the end, as ones that count from the front, i64.
Value *call_wrapped(Call *c, Value *index, Dim size);
Value *call_wrapped_index(Call *c, int i, Dim size); // of operand i
// The slices along `axis` that `index`, of any rank, names, with its dimensions in place of that.
Value *call_slices(Call *c, Value *x, int64_t axis, Value *index);
Value *call_vector(Call *c, int n, const Dim *list);                            // i64[n]
Value *call_flat_index(Call *c, Value *index, const Type *t, int first, int n); // index.c

// ---- results
bool call_result(Call *c, int i, Value *v); // false where v is NULL
bool call_result_known(Call *c, int i, const Known *k);
bool call_result_empty(Call *c, int i, DType dtype, int rank, const Dim *dims); // one dimension at least is 0
bool call_is_empty(Call *c, int i);                                             // an operand that has no elements

// ---- graphs within (graph.c)
bool import_exists(const OnnxValue *v);
bool import_nodes(Importer *im, const OnnxNode *nodes, size_t n);
OnnxValue *import_find(Importer *im, const char *name);
OnnxValue *import_input(Importer *im, const char *name); // of the model; NULL: none
void import_bind(Importer *im, const char *name, OnnxValue v);
const Known *import_frozen(Importer *im, int value); // an input's elements, from now on part of the model
Value *import_value(Importer *im, OnnxValue *v, const char *hint);
