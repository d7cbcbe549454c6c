// The syntax tree of one .nn file. Nodes live in an arena, names and strings are interned, lists are linked through
// `next`. parser.y calls one constructor per rule; sema reads the tree and never changes it.
#pragma once
#include "ir/core/arena.h"
#include "ir/core/diag.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct Expr Expr;
typedef struct Stmt Stmt;

// An identifier where it stands.
typedef struct Name {
  const char *text;
  Span span;
  struct Name *next;
} Name;

// `blocks.{i + 1}`: texts and expressions in turn.
typedef struct PathPart {
  const char *text; // NULL: an expression
  Expr *expr;
  struct PathPart *next;
} PathPart;

// Behind a call: [tied] [@path].
typedef struct Suffix {
  bool tied;
  PathPart *path; // NULL: none
  Span span;
} Suffix;

typedef struct Arg {
  Name *name; // NULL: positional
  Expr *value;
  struct Arg *next;
} Arg;

typedef struct Subscript {
  bool is_slice;            // otherwise `begin` is the index
  Expr *begin, *end, *step; // NULL: left out
  Span span;
  struct Subscript *next;
} Subscript;

typedef struct Call {
  Name *name;
  Expr *piped; // the left side of |>, or NULL
  Arg *args;
  Suffix suffix;
} Call;

typedef enum Operator {
  OPER_OR,
  OPER_AND,
  OPER_EQ,
  OPER_NE,
  OPER_LT,
  OPER_GT,
  OPER_LE,
  OPER_GE,
  OPER_ADD,
  OPER_SUB,
  OPER_MUL,
  OPER_DIV,
  OPER_FLOORDIV,
  OPER_MOD,
  OPER_NEG,
  OPER_NOT
} Operator;

typedef enum ExprKind {
  EXPR_INT,
  EXPR_FLOAT,
  EXPR_BOOL,
  EXPR_STRING,
  EXPR_NAME,
  EXPR_LIST,
  EXPR_CALL,
  EXPR_INDEX,
  EXPR_FIELD,
  EXPR_UNARY,
  EXPR_BINARY,
  EXPR_TERNARY
} ExprKind;

struct Expr {
  ExprKind kind;
  Span span;
  Expr *next;
  union {
    int64_t integer;
    double real;
    bool truth;
    const char *text; // NAME, STRING
    Expr *items;      // LIST
    Call call;
    struct {
      Expr *value;
      Subscript *subscripts; // INDEX
      Name *name;            // FIELD
    } of;
    struct {
      Operator op;
      Span op_span;
      Expr *a, *b; // b: NULL in UNARY
    } oper;
    struct {
      Expr *cond, *yes, *no;
    } ternary;
  };
};

// A loop's variable, or a tuple of patterns.
typedef struct Pattern {
  Name *name; // NULL: a tuple
  struct Pattern *items;
  Span span;
  struct Pattern *next;
} Pattern;

typedef struct MetaItem {
  Name *name;
  Expr *value;
  struct MetaItem *next;
} MetaItem;

typedef enum StmtKind { STMT_ASSIGN, STMT_LET, STMT_FOR, STMT_IF, STMT_ASSERT, STMT_WEIGHTS, STMT_META } StmtKind;

struct Stmt {
  StmtKind kind;
  Span span;
  Stmt *next;
  union {
    struct {
      Name *targets;
      Expr *value;
    } bind; // ASSIGN, LET
    struct {
      Pattern *pattern;
      Expr *from, *to; // to: NULL when `from` is a list
      Stmt *body;
    } loop;
    struct {
      Expr *cond;
      Stmt *yes, *no;
    } branch;
    struct {
      Expr *cond, *text; // text: NULL when there is none
    } check;
    Expr *weights;
    MetaItem *meta;
  };
};

// f32[N<=32, H, W, 3] rgb
typedef struct TypeExpr {
  Name *dtype; // NULL: any
  Expr *dims;
  Name *order; // NULL: none
  Span span;
} TypeExpr;

// A parameter or a result of a block or model.
typedef struct Param {
  Name *name;
  TypeExpr *type; // NULL: any value
  Expr *fallback; // NULL: required
  struct Param *next;
} Param;

typedef enum ItemKind { ITEM_USE, ITEM_PARAM, ITEM_LET, ITEM_BLOCK, ITEM_MODEL } ItemKind;

typedef struct Item {
  ItemKind kind;
  Span span;
  struct Item *next;
  Name *name;      // PARAM, BLOCK, MODEL; LET: the first of its targets
  const char *use; // the path in quotes
  Expr *value;     // PARAM, LET
  Param *params, *results;
  Stmt *body;
} Item;

// A list under construction: appended at its end in constant time.
#define AST_LIST(T)                                                                                                    \
  typedef struct T##List {                                                                                             \
    T *first, *last;                                                                                                   \
  } T##List
AST_LIST(Name);
AST_LIST(PathPart);
AST_LIST(Arg);
AST_LIST(Subscript);
AST_LIST(Expr);
AST_LIST(Pattern);
AST_LIST(MetaItem);
AST_LIST(Stmt);
AST_LIST(Param);
AST_LIST(Item);
#undef AST_LIST

// A NULL item leaves the list as it is.
#define ast_append(list, item)                                                                                         \
  ({                                                                                                                   \
    __typeof__(list) list_ = (list);                                                                                   \
    __typeof__(list_.first) item_ = (item);                                                                            \
    if (item_ && list_.last) list_.last->next = item_;                                                                 \
    if (item_ && !list_.first) list_.first = item_;                                                                    \
    if (item_) list_.last = item_;                                                                                     \
    list_;                                                                                                             \
  })

Name *ast_name(Arena *a, Span s, const char *text);
PathPart *ast_path_text(Arena *a, const char *text);
PathPart *ast_path_expr(Arena *a, Expr *e);
Arg *ast_arg(Arena *a, Name *name, Expr *value);
Subscript *ast_index_at(Arena *a, Span s, Expr *at);
Subscript *ast_slice(Arena *a, Span s, Expr *begin, Expr *end, Expr *step);

Expr *ast_int(Arena *a, Span s, int64_t v);
Expr *ast_float(Arena *a, Span s, double v);
Expr *ast_bool(Arena *a, Span s, bool v);
Expr *ast_string(Arena *a, Span s, const char *text);
Expr *ast_use_name(Arena *a, Span s, const char *text);
Expr *ast_list(Arena *a, Span s, Expr *items);
Expr *ast_call(Arena *a, Span s, Name *name, Arg *args, Suffix suffix);
Expr *ast_pipe(Expr *call, Span s, Expr *piped);
Expr *ast_index(Arena *a, Span s, Expr *value, Subscript *subscripts);
Expr *ast_field(Arena *a, Span s, Expr *value, Name *name);
Expr *ast_unary(Arena *a, Span s, Operator op, Span op_span, Expr *x);
Expr *ast_binary(Arena *a, Span s, Operator op, Span op_span, Expr *x, Expr *y);
Expr *ast_ternary(Arena *a, Span s, Expr *cond, Expr *yes, Expr *no);

Pattern *ast_pattern(Arena *a, Span s, Name *name, Pattern *items);
MetaItem *ast_meta_item(Arena *a, Name *name, Expr *value);
Stmt *ast_bind(Arena *a, Span s, StmtKind kind, Name *targets, Expr *value);
Stmt *ast_for(Arena *a, Span s, Pattern *pattern, Expr *from, Expr *to, Stmt *body);
Stmt *ast_if(Arena *a, Span s, Expr *cond, Stmt *yes, Stmt *no);
Stmt *ast_assert(Arena *a, Span s, Expr *cond, Expr *text);
Stmt *ast_weights(Arena *a, Span s, Expr *path);
Stmt *ast_meta(Arena *a, Span s, MetaItem *items);

TypeExpr *ast_type(Arena *a, Span s, Name *dtype, Expr *dims, Name *order);
Param *ast_param(Arena *a, Name *name, TypeExpr *type, Expr *fallback);
Item *ast_use(Arena *a, Span s, const char *path);
Item *ast_global(Arena *a, Span s, ItemKind kind, Name *targets, Expr *value);
Item *ast_def(Arena *a, Span s, ItemKind kind, Name *name, Param *params, Param *results, Stmt *body);
