// The graph IR: a module is a list of nodes in execution order, each an op of ops.def applied to values.
// Neighbours: op.h (what is known of each op), infer.h (shapes), builder/printer/reader/verifier beside this file.
#pragma once
#include "ir/core/arena.h"
#include "ir/core/diag.h"
#include "ir/core/dim.h"
#include "ir/core/dtype.h"
#include "ir/core/intern.h"
#include "ir/core/vec.h"
#include "ir/graph/op.h"

enum { BLOCK = 16 };              // channels a block of the blocked layout holds
enum { ROI_SAMPLES_MOST = 4096 }; // of a part of a region, each way

// Interned a module: equal types are equal pointers. A value of layout `blocked_axis` = a is stored as
// [dims[0]][ceil(dims[a] / 16)][the other dims in order][16], its last block padded by zeros; -1: row-major.
typedef struct Type {
  DType dtype;
  int rank;
  int blocked_axis;
  Dim dims[];
} Type;

typedef struct Node Node;
typedef struct Value Value;
typedef struct Weight Weight;

// One operand slot, linked into the list of its value's uses. An absent optional operand has value NULL.
typedef struct Use {
  Value *value;
  Node *user;
  struct Use *next, **link;
} Use;

typedef enum ValueKind { VALUE_INPUT, VALUE_RESULT, VALUE_WEIGHT } ValueKind;

struct Value {
  ValueKind kind;
  uint32_t id; // dense, for side tables
  const Type *type;
  const char *name;  // an input's or output's name, or what a reader saw; NULL: printed by number
  const char *alias; // what the model's file calls it where that is no name of ours, as ONNX's tensors; not in texts
  Node *node;        // of a result
  int index;         // of a result among the node's, of an input among the module's
  Weight *weight;    // of a weight
  Use *uses;
  // The value of the module as the frontend built it that this one equals, or, behind lossy passes, stands for; NULL:
  // itself or none.
  Value *origin;
};

struct Node {
  OpKind op;
  uint32_t id;
  Node *prev, *next;
  int n_operands, n_results;
  Use *operands;
  Value **results;
  Attr *attrs;      // op_info(op)->n_attrs of them, defaults filled in
  const char *name; // the layer's path, e.g. layer1.0.conv1; NULL: none
  Span span;
};

// Bytes that weights share; freed with the last reference.
typedef struct Blob {
  int refs;
  const void *data;
  size_t size;
  void (*release)(struct Blob *b); // NULL: nothing to free
  void (*rest)(struct Blob *b);    // lets go of memory that comes back when it is read; NULL: it cannot
  void *owner;
} Blob;
Blob *blob_malloc(size_t size); // zeroed, owned; write through (void *)data before sharing it
void blob_unref(Blob *b);

typedef enum WeightSource {
  WEIGHT_MISSING, // declared, no data known
  WEIGHT_FILE,    // file(path, key): mapped by frontend/weights
  WEIGHT_SPLAT,   // splat(v)
  WEIGHT_DENSE,   // dense[...] up to 64 elements in the text, else side("hash")
  WEIGHT_INIT,    // init(seed, fan_in): seeded values, made when first asked for, the same for the same name and seed
} WeightSource;

struct Weight {
  const char *name; // unique in the module
  const Type *type; // row-major
  Value *value;
  WeightSource source;
  const char *file, *key; // WEIGHT_FILE
  double splat;
  uint64_t seed;
  int64_t fan_in;
  DType stored; // element type in the blob; converted to `type->dtype` by readers of data (f16 and bf16 files)
  Blob *blob;   // FILE, DENSE; of INIT after weight_data
  int numbered; // the last number given to a weight that wanted this name, too
};

typedef struct Output {
  const char *name;
  Value *value;
} Output;

typedef struct MetaEntry {
  const char *key; // labels (strings), mean, std, resize, crop, interpolation, ...
  Attr value;
} MetaEntry;

typedef struct Assertion {
  Dim condition; // holds when not 0
  const char *text;
  Span span;
} Assertion;

typedef struct Module {
  Arena *arena;
  Interner *names;
  DimTable *dims;
  Diag *diag; // borrowed
  const char *name;
  Node *first, *last;
  uint32_t n_values, n_nodes; // ids given so far
  Vec(Value *) inputs;
  Vec(Output) outputs;
  Vec(Weight *) weights;
  Vec(MetaEntry) meta;
  Vec(Assertion) assertions;
  struct TypeTable *types;
  struct WeightIndex *weight_index; // by name; kept by weight.c
} Module;

// ---- modules and types (module.c, type.c)
Module *module_create(Diag *diag);
void module_destroy(Module *m);
Module *module_clone(const Module *m); // deep; weight blobs shared; value ids kept; origins cleared
// A clone for runs in which symbol i is values[i]; 0: it stays a symbol. Symbols keep their numbers (specialize.c).
Module *module_specialize(const Module *m, const int64_t *values);
MetaEntry *module_meta(const Module *m, const char *key); // NULL when absent
Attr attr_clone(Module *m, Attr a);                       // lists and strings copied into m
const Type *type_get(Module *m, DType dtype, int rank, const Dim *dims);
const Type *type_with_dtype(Module *m, const Type *t, DType dtype);
const Type *type_blocked(Module *m, const Type *t, int axis); // axis -1: row-major
Dim type_elements(Module *m, const Type *t);                  // logical elements; DIM_INVALID past MAX_ELEMENTS
Dim type_bytes(Module *m, const Type *t);                     // in memory: blocks padded
void type_print(const Module *m, const Type *t, StrBuf *out); // f32[N, 3, 224, 224], f32[N, 64, 56, 56]{C16@1}
const char *type_str(Module *m, const Type *t);               // the same, in the arena: for messages

// ---- building (builder.c)
Value *graph_input(Module *m, const char *name, const Type *type);
void graph_output(Module *m, const char *name, Value *v);
// A weight of a new unique name; `name` taken already is an invariant broken (callers check with graph_find_weight).
Weight *graph_weight(Module *m, const char *name, const Type *type, WeightSource source);
Weight *graph_find_weight(const Module *m, const char *name);
Weight *graph_dense(Module *m, const char *hint, const Type *type, Blob *blob); // name made unique from the hint
Weight *graph_splat(Module *m, const char *hint, const Type *type, double v);
// Whether a checkpoint may hold it: the names of a text's literals have a colon, which no path has.
bool weight_is_parameter(const Weight *w);

// What a new node is made of. Operands in ops.def's order, NULL for absent ones, trailing absent ones may be left out.
// `attrs`: op_info(op)->n_attrs of them, or NULL for the defaults; copied, then normalised by shape inference.
typedef struct NodeSpec {
  OpKind op;
  int n_operands;
  Value *const *operands;
  const Attr *attrs;
  const char *name;
  Span span;
} NodeSpec;
// Appends a node (or inserts it before `before`), its result types inferred; NULL after a diagnostic.
Node *graph_node(Module *m, const NodeSpec *spec);
Node *graph_node_before(Module *m, Node *before, const NodeSpec *spec);
// A node with one result in place of `old`: name and span are old's, origin kept when results are replaced.
void graph_set_operand(Node *n, int i, Value *v);
void graph_replace_uses(Module *m, Value *old,
                        Value *with);  // operands and outputs; with->origin = old's unless it has one
void graph_remove(Module *m, Node *n); // its results must be unused
void graph_move_before(Module *m, Node *n, Node *before); // NULL: to the end
bool graph_is_output(const Module *m, const Value *v);
// The count that a run of the node finds; DIM_INVALID where it finds none.
Dim graph_count(const Node *n);
// Those that its attributes and the types of its results have, as dim_counts.
uint64_t graph_counts(const Module *m, const Node *n);
// Whether a type, an attribute or an assertion has the node's count, so that it must stay though nothing reads it.
bool graph_count_used(const Module *m, const Node *n);
int graph_use_count(const Module *m, const Value *v); // operands and outputs

static inline Value *operand(const Node *n, int i) { return i < n->n_operands ? n->operands[i].value : NULL; }
static inline Value *result(const Node *n) { return n->results[0]; }
#define NODE_ATTR(n, OP, name) (&(n)->attrs[ATTR_##OP##_##name])

// ---- weights' data (weight.c)
// Elements of a weight that is made, SPLAT or INIT: a small text must not ask for more.
#define WEIGHT_MADE_MAX (INT64_C(1) << 30)
// Elements in row-major order in w->stored's type; made on demand for SPLAT and INIT; NULL for MISSING.
const void *weight_data(Weight *w, DType *stored);
// The weight that v is, or that the cast which made v widens from f16 or bf16 to f32; NULL: v is computed otherwise.
Weight *weight_behind(const Value *v);
double weight_at(Weight *w, int64_t i);
int64_t weight_count(const Weight *w);                               // elements; weights' dims are constants
void weight_to_f32(Weight *w, int64_t first, int64_t n, float *out); // n elements
uint64_t weight_hash(Weight *w);                                     // of dtype, dims and content
void weight_rest(Weight *w);                                         // its bytes are not read soon: see Blob.rest
void weight_drop_cache(Weight *w);                                   // forgets data that weight_data made
void graph_drop_unused_weights(Module *m);

// ---- text (printer.c, reader.c); grammar in docs/IR.md
typedef struct PrintOptions {
  const char *side_file; // safetensors that weights above 64 elements go to; NULL: only their hash is printed
  bool spans;
} PrintOptions;
void graph_print(Module *m, StrBuf *out, const PrintOptions *o);
// NULL after diagnostics. `dir`: where relative files are looked up. Weight files are opened through `open_weight`.
typedef Blob *(*WeightOpener)(void *user, Diag *d, const char *dir, const char *file, const char *key, DType *stored,
                              int *rank, Dim *dims);
Module *graph_read(Diag *diag, const char *name, const char *text, size_t size, const char *dir, WeightOpener open,
                   void *user);
// A WeightOpener that answers from another module (`user`): by file and key, or by the hash of what a side file holds.
Blob *graph_open_like(void *user, Diag *d, const char *dir, const char *file, const char *key, DType *stored, int *rank,
                      Dim *dims);
bool graph_verify(Module *m, StrBuf *problems);             // the invariants are listed at the top of verify.c
bool graph_equal(Module *a, Module *b, StrBuf *difference); // structure, types, attributes, weight hashes; not spans
void graph_dot(Module *m, StrBuf *out);
