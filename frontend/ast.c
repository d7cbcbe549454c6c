#include "frontend/ast.h"

Name *ast_name(Arena *a, Span s, const char *text) {
  Name *n = arena_new(a, Name);
  *n = (Name){text, s, NULL};
  return n;
}

static PathPart *path_part(Arena *a, const char *text, Expr *e) {
  PathPart *p = arena_new(a, PathPart);
  *p = (PathPart){text, e, NULL};
  return p;
}
PathPart *ast_path_text(Arena *a, const char *text) { return path_part(a, text, NULL); }
PathPart *ast_path_expr(Arena *a, Expr *e) { return path_part(a, NULL, e); }

Arg *ast_arg(Arena *a, Name *name, Expr *value) {
  Arg *arg = arena_new(a, Arg);
  *arg = (Arg){name, value, NULL};
  return arg;
}

Subscript *ast_index_at(Arena *a, Span s, Expr *at) {
  Subscript *sub = arena_new(a, Subscript);
  *sub = (Subscript){.begin = at, .span = s};
  return sub;
}

Subscript *ast_slice(Arena *a, Span s, Expr *begin, Expr *end, Expr *step) {
  Subscript *sub = arena_new(a, Subscript);
  *sub = (Subscript){.is_slice = true, .begin = begin, .end = end, .step = step, .span = s};
  return sub;
}

static Expr *expr(Arena *a, Expr e) {
  Expr *p = arena_new(a, Expr);
  *p = e;
  return p;
}

Expr *ast_int(Arena *a, Span s, int64_t v) { return expr(a, (Expr){.kind = EXPR_INT, .span = s, .integer = v}); }
Expr *ast_float(Arena *a, Span s, double v) { return expr(a, (Expr){.kind = EXPR_FLOAT, .span = s, .real = v}); }
Expr *ast_bool(Arena *a, Span s, bool v) { return expr(a, (Expr){.kind = EXPR_BOOL, .span = s, .truth = v}); }
Expr *ast_string(Arena *a, Span s, const char *text) {
  return expr(a, (Expr){.kind = EXPR_STRING, .span = s, .text = text});
}
Expr *ast_use_name(Arena *a, Span s, const char *text) {
  return expr(a, (Expr){.kind = EXPR_NAME, .span = s, .text = text});
}
Expr *ast_list(Arena *a, Span s, Expr *items) { return expr(a, (Expr){.kind = EXPR_LIST, .span = s, .items = items}); }

Expr *ast_call(Arena *a, Span s, Name *name, Arg *args, Suffix suffix) {
  return expr(a, (Expr){.kind = EXPR_CALL, .span = s, .call = {.name = name, .args = args, .suffix = suffix}});
}

// `x |> f(y)` is the call f(y) with x before its arguments.
Expr *ast_pipe(Expr *call, Span s, Expr *piped) {
  call->call.piped = piped;
  call->span = s;
  return call;
}

Expr *ast_index(Arena *a, Span s, Expr *value, Subscript *subscripts) {
  return expr(a, (Expr){.kind = EXPR_INDEX, .span = s, .of = {.value = value, .subscripts = subscripts}});
}

Expr *ast_field(Arena *a, Span s, Expr *value, Name *name) {
  return expr(a, (Expr){.kind = EXPR_FIELD, .span = s, .of = {.value = value, .name = name}});
}

Expr *ast_unary(Arena *a, Span s, Operator op, Span op_span, Expr *x) {
  return expr(a, (Expr){.kind = EXPR_UNARY, .span = s, .oper = {op, op_span, x, NULL}});
}

Expr *ast_binary(Arena *a, Span s, Operator op, Span op_span, Expr *x, Expr *y) {
  return expr(a, (Expr){.kind = EXPR_BINARY, .span = s, .oper = {op, op_span, x, y}});
}

Expr *ast_ternary(Arena *a, Span s, Expr *cond, Expr *yes, Expr *no) {
  return expr(a, (Expr){.kind = EXPR_TERNARY, .span = s, .ternary = {cond, yes, no}});
}

Pattern *ast_pattern(Arena *a, Span s, Name *name, Pattern *items) {
  Pattern *p = arena_new(a, Pattern);
  *p = (Pattern){name, items, s, NULL};
  return p;
}

MetaItem *ast_meta_item(Arena *a, Name *name, Expr *value) {
  MetaItem *m = arena_new(a, MetaItem);
  *m = (MetaItem){name, value, NULL};
  return m;
}

static Stmt *stmt(Arena *a, Stmt s) {
  Stmt *p = arena_new(a, Stmt);
  *p = s;
  return p;
}

Stmt *ast_bind(Arena *a, Span s, StmtKind kind, Name *targets, Expr *value) {
  return stmt(a, (Stmt){.kind = kind, .span = s, .bind = {targets, value}});
}

Stmt *ast_for(Arena *a, Span s, Pattern *pattern, Expr *from, Expr *to, Stmt *body) {
  return stmt(a, (Stmt){.kind = STMT_FOR, .span = s, .loop = {pattern, from, to, body}});
}

Stmt *ast_if(Arena *a, Span s, Expr *cond, Stmt *yes, Stmt *no) {
  return stmt(a, (Stmt){.kind = STMT_IF, .span = s, .branch = {cond, yes, no}});
}

Stmt *ast_assert(Arena *a, Span s, Expr *cond, Expr *text) {
  return stmt(a, (Stmt){.kind = STMT_ASSERT, .span = s, .check = {cond, text}});
}

Stmt *ast_weights(Arena *a, Span s, Expr *path) {
  return stmt(a, (Stmt){.kind = STMT_WEIGHTS, .span = s, .weights = path});
}

Stmt *ast_meta(Arena *a, Span s, MetaItem *items) {
  return stmt(a, (Stmt){.kind = STMT_META, .span = s, .meta = items});
}

TypeExpr *ast_type(Arena *a, Span s, Name *dtype, Expr *dims, Name *order) {
  TypeExpr *t = arena_new(a, TypeExpr);
  *t = (TypeExpr){dtype, dims, order, s};
  return t;
}

Param *ast_param(Arena *a, Name *name, TypeExpr *type, Expr *fallback) {
  Param *p = arena_new(a, Param);
  *p = (Param){name, type, fallback, NULL};
  return p;
}

static Item *item(Arena *a, Item i) {
  Item *p = arena_new(a, Item);
  *p = i;
  return p;
}

Item *ast_use(Arena *a, Span s, const char *path) { return item(a, (Item){.kind = ITEM_USE, .span = s, .use = path}); }

Item *ast_global(Arena *a, Span s, ItemKind kind, Name *targets, Expr *value) {
  return item(a, (Item){.kind = kind, .span = s, .name = targets, .value = value});
}

Item *ast_def(Arena *a, Span s, ItemKind kind, Name *name, Param *params, Param *results, Stmt *body) {
  return item(a, (Item){.kind = kind, .span = s, .name = name, .params = params, .results = results, .body = body});
}
