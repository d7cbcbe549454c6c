// Semantic analysis: expands the chosen model into graph IR. This header is private to the folder; one section a file.
// An error is reported once and becomes a poisoned value, which silences what depends on it, so that one run finds all.
#pragma once
#include "frontend/ast.h"
#include "frontend/frontend.h"
#include "frontend/map.h"
#include "ir/core/checked.h"
#include "ir/core/vec.h"

typedef enum ValKind {
  VAL_POISON, // the result of an error that was reported
  VAL_INT,    // `i`: a constant, or an expression in dimensions open at run time
  VAL_FLOAT,
  VAL_BOOL, // `i`: 0, 1, or a condition on open dimensions
  VAL_STRING,
  VAL_DTYPE,
  VAL_LIST,
  VAL_CALLABLE,
  VAL_TENSOR,
} ValKind;

typedef enum Builtin {
  BUILTIN_IDENTITY,
  BUILTIN_PARAMETER,
  BUILTIN_CONSTANT,
  BUILTIN_MIN,
  BUILTIN_MAX,
  BUILTIN_ABS,
  BUILTIN_FLOOR,
  BUILTIN_CEIL,
  BUILTIN_ROUND,
  BUILTIN_SQRT,
  BUILTIN_POW,
  BUILTIN_EXP,
  BUILTIN_LOG,
  BUILTIN_COUNT
} Builtin;

typedef enum CallableKind { CALLABLE_OP, CALLABLE_BUILTIN, CALLABLE_BLOCK } CallableKind;

typedef struct Callable {
  CallableKind kind;
  union {
    OpKind op;
    Builtin builtin;
    const Item *block;
  };
} Callable;

// A value while the model is expanded.
typedef struct Val {
  ValKind kind;
  union {
    Dim i;
    double f;
    const char *s;
    DType dtype;
    struct {
      const struct Val *items;
      int n;
      short depth;  // of lists within lists
      bool tensors; // holds some
    } list;
    Callable callable;
    Value *tensor;
  };
} Val;

typedef struct Binding {
  Val val;
  Span span; // where it was bound
  bool bound, loop;
} Binding;

// A `param` or `let` of a file, evaluated when first asked for.
typedef struct Global {
  const Item *item;
  const char *name;
  int index; // among the let's targets
  struct SourceFile *file;
  enum { GLOBAL_NEW, GLOBAL_BUSY, GLOBAL_DONE } state;
  Val val;
} Global;

typedef struct SourceFile {
  uint32_t id; // of its spans
  const char *path, *real;
  const Item *items;
  Map globals, blocks; // name -> Global *, const Item *; those of used files too
  bool loading;
} SourceFile;

// One expansion of a block or model; def NULL: the values of a file.
typedef struct Frame {
  struct Frame *caller;
  const Item *def;
  const SourceFile *file;
  Span call;
  const char *prefix; // of the paths inside; "": none
  bool tied;
  bool damaged; // a statement was skipped after an error, so names may be missing
  int depth;
  Map locals; // name -> Binding *
} Frame;

typedef struct WeightUse {
  Weight *weight;
  Span span;
} WeightUse;

typedef struct Sema {
  Diag *diag;
  Arena *arena; // of syntax trees and values
  Interner *names;
  Module *m;
  const FrontendOptions *o;
  Vec(SourceFile *) files;
  Frame *frame;
  Map weights;              // name -> WeightUse *, names of m->names
  const char *weights_file; // as written
  Span weights_span;
  int depth, reports;
  int64_t steps;
  bool stopped;
} Sema;

// One argument of a call, its value and where it stands.
typedef struct ArgVal {
  const Name *name; // NULL: positional
  Val val;
  Span span;
} ArgVal;
typedef Vec(ArgVal) Args;

enum {
  MAX_EVAL_DEPTH = 1500,
  MAX_EXPANSION = 64,
  MAX_LIST = 100000,
  MAX_NODES = 1000000,
  MAX_PATH = 1000,
  MAX_REPORTS = 1000
};
#define MAX_SOURCE ((size_t)16 << 20)
#define MAX_STEPS INT64_C(4000000)
#define POISON ((Val){.kind = VAL_POISON})

// ---- sema.c: errors and limits
void sema_error(Sema *s, Span at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void sema_mistake(Sema *s, Span at, const char *fmt, ...) __attribute__((format(printf, 3, 4))); // in every expansion
void sema_chain(Sema *s);                        // closes an error: notes in which expansion it arose, and counts it
bool sema_step(Sema *s, Span at, int64_t count); // false: out of budget or too many errors; stop everything
Node *sema_node(Sema *s, const NodeSpec *spec);  // graph_node with limits and notes

// ---- val.c
Val val_int(Dim i);
Val val_float(double f);
Val val_bool(Dim i);
Val val_list(Sema *s, Span at, const Val *items, int n); // poison when it nests too deeply
Val val_results(Sema *s, const Node *n, bool as_list);
bool val_is_number(Val v);
bool val_has_tensor(Val v);                                             // it is one, or a list that holds one
const char *val_describe(Sema *s, Val v);                               // "the integer 3", "a tensor f32[N, 3]"
bool val_to_int(Sema *s, Val v, Span at, const char *what, int64_t *i); // constant; false after an error or poison
bool val_to_double(Sema *s, Val v, Span at, const char *what, double *f);
bool val_to_bool(Sema *s, Val v, Span at, const char *what, bool *b); // decided; false after an error or poison

// ---- env.c: names
Binding *env_find(const Frame *f, const char *name);
void env_bind(Sema *s, const Name *name, Val v, bool loop);
Val env_value(Sema *s, const Name *name);                  // a name in an expression
bool env_callable(Sema *s, const Name *name, Callable *c); // a name before ( or behind |>
const char *env_callable_name(Callable c);

// ---- fold.c: compile-time values
Val fold_unary(Sema *s, const Expr *e, Val a);
Val fold_binary(Sema *s, const Expr *e, Val a, Val b);
Val fold_call(Sema *s, Builtin fn, Span at, const Args *args);
const char *fold_operator(Operator op); // its spelling
bool builtin_from_name(const char *name, Builtin *b);
const char *builtin_name(Builtin b);

// ---- eval.c: expressions
Val eval(Sema *s, const Expr *e);

// ---- tensor.c: operators and subscripts of tensors
#define TENSOR_EXACT (INT64_C(1) << 53)                        // up to here a double holds all integers
Value *tensor_scalar(Sema *s, double v, DType dtype, Span at); // NULL after an error
Value *tensor_number(Sema *s, Val v, DType dtype, Span at);    // the same of a number of any kind, exactly
Val tensor_unary(Sema *s, const Expr *e, Val a);
Val tensor_binary(Sema *s, const Expr *e, Val a, Val b);
Val tensor_index(Sema *s, const Expr *e, Val tensor);

// ---- call.c
Val call_eval(Sema *s, const Expr *e);
bool call_no_path(Sema *s, const Call *c, const char *what); // a path here is an error

// ---- opcall.c, attr.c: calls of ops
Val opcall(Sema *s, OpKind op, const Call *c, const Args *args);
bool attr_from_val(Sema *s, const OpInfo *op, const AttrInfo *row, Val v, Span at, Attr *out);
bool attr_is_same(Val v); // padding="same", which attr_same computes
bool attr_same(Sema *s, const OpInfo *op, const Attr *args, const Value *x, Attr *out, Span at);

// ---- path.c: paths and weights
const char *path_eval(Sema *s, const Suffix *suffix); // the whole path, prefix included; NULL after an error
Value *path_weight(Sema *s, Span at, const char *name, const Type *type, bool tied);

// ---- block.c
Val block_call(Sema *s, const Item *block, const Call *c, const Args *args);
bool block_check_type(Sema *s, const TypeExpr *type, const char *name, Span at, Val v); // binds unknown dimensions
bool block_results(Sema *s, const Item *def, Val *out);                                 // one for each result
Frame *block_enter(Sema *s, const Item *def, Span call);
void block_leave(Sema *s);

// ---- stmt.c
void stmt_run(Sema *s, const Stmt *list);

// ---- model.c, meta.c
bool model_expand(Sema *s, const Item *model);
void meta_add(Sema *s, const MetaItem *items);

// ---- file.c
char *file_read(const char *path, size_t max, size_t *size, const char **why); // malloc'ed; NULL: why
const char *file_beside(Sema *s, uint32_t source, const char *path);           // resolved beside a source file
SourceFile *file_load(Sema *s, const char *path, const Item *use);             // NULL after errors
SourceFile *file_of(const Sema *s, uint32_t id);
Val file_global(Sema *s, Global *g);
void file_globals(Sema *s); // evaluates all that are left
