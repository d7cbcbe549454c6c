// Building kernels: variables with unique names, and statements in nested blocks.
#include "ir/core/check.h"
#include "ir/core/intern.h"
#include "ir/loop/builder.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool builder_is_reserved(const char *name) {
  static const char *const words[] = {"for", "if",  "else",   "let", "local", "prefetch", "return",  "unroll", "step",
                                      "inf", "nan", "kernel", "in",  "out",   "inout",    "aliases", "index"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (*words[i] == *name && !strcmp(words[i], name)) return true;
  for (int op = 0; op < LOOP_OP_COUNT; op++)
    if (*loop_op_info((LOp)op)->name == *name && !strcmp(loop_op_info((LOp)op)->name, name)) return true;
  return !strncmp(name, "cast_", 5) || !strncmp(name, "bitcast_", 8) ||
         (!strncmp(name, "splat", 5) && isdigit((unsigned char)name[5]));
}

void builder_fail(LBuilder *b, const char *problem) {
  CHECK(b->lenient, "kernel %s: %s", b->kernel->name, problem);
  if (!b->problem) b->problem = problem;
}

static size_t name_slot(const LBuilder *b, const char *name) {
  size_t mask = b->names.cap - 1, i = hash_bytes(name, strlen(name), 0) & mask;
  while (b->names.data[i] && strcmp(b->vars.data[b->names.data[i] - 1]->name, name)) i = (i + 1) & mask;
  return i;
}

LVar *builder_lookup(const LBuilder *b, const char *name) {
  if (!b->names.cap) return NULL;
  uint32_t id = b->names.data[name_slot(b, name)];
  return id ? b->vars.data[id - 1] : NULL;
}

bool builder_in_scope(const LBuilder *b, const LVar *v) { return b->visible.data[v->id]; }

static void rehash(LBuilder *b) {
  size_t cap = b->names.cap ? 2 * b->names.cap : 64;
  free(b->names.data);
  b->names.data = xcalloc(cap, sizeof *b->names.data);
  b->names.cap = cap;
  for (size_t i = 0; i < b->vars.len; i++) b->names.data[name_slot(b, b->vars.data[i]->name)] = (uint32_t)i + 1;
}

// An identifier made of `name`, not yet used in the kernel.
static const char *unique_name(LBuilder *b, const char *name) {
  char *base = arena_strdup(b->arena, *name ? name : "v");
  for (char *c = base; *c; c++)
    if (!isalnum((unsigned char)*c)) *c = '_';
  if (isdigit((unsigned char)*base)) *base = '_';
  const LVar *first = builder_lookup(b, base);
  if (!first && !builder_is_reserved(base)) return base;
  char buffer[128]; // words with numbers are not reserved
  unsigned n = first ? b->next.data[first->id] : 2;
  do snprintf(buffer, sizeof buffer, "%.100s_%u", base, n++);
  while (builder_lookup(b, buffer));
  if (first) b->next.data[first->id] = n;
  return arena_strdup(b->arena, buffer);
}

static LVar *new_var(LBuilder *b, LVarKind kind, const char *name, LType type) {
  LVar *v = arena_new(b->arena, LVar);
  v->kind = kind;
  v->type = type;
  if (2 * (b->vars.len + 1) > b->names.cap) rehash(b);
  v->name = unique_name(b, name);
  v->id = b->kernel->n_vars++;
  b->names.data[name_slot(b, v->name)] = v->id + 1;
  vec_push(&b->vars, v);
  vec_push(&b->visible, true);
  vec_push(&b->next, 2);
  return v;
}

static LStmt *new_stmt(LBuilder *b, LStmtKind kind) {
  LStmt *s = arena_new(b->arena, LStmt);
  s->kind = kind;
  LBlock *block = vec_last(&b->frames).block;
  if (block->last)
    block->last->next = s;
  else
    block->first = s;
  block->last = s;
  return s;
}

static void open_block(LBuilder *b, LStmt *owner, LBlock *block) {
  vec_push(&b->frames, (Frame){owner, block, b->kernel->n_vars});
}

static LStmt *close_block(LBuilder *b, LStmtKind kind) {
  Frame f = vec_pop(&b->frames);
  CHECK(f.owner && f.owner->kind == kind, "blocks of kernel %s do not match", b->kernel->name);
  for (uint32_t id = f.first_var; id < b->kernel->n_vars; id++) b->visible.data[id] = false;
  return f.owner;
}

LBuilder *loop_begin_kernel(LProgram *p, const char *name) {
  LBuilder *b = xcalloc(1, sizeof *b);
  b->program = p;
  b->arena = arena_create();
  LKernel *k = b->kernel = arena_new(b->arena, LKernel);
  k->arena = b->arena;
  char *id = arena_strdup(b->arena, *name ? name : "kernel");
  for (char *c = id; *c; c++)
    if (!isalnum((unsigned char)*c)) *c = '_';
  k->name = id;
  open_block(b, NULL, &k->body);
  k->begin = new_var(b, LVAR_PARAM, "begin", L_INDEX);
  k->end = new_var(b, LVAR_PARAM, "end", L_INDEX);
  return b;
}

void builder_abandon(LBuilder *b) {
  vec_free(&b->frames);
  vec_free(&b->vars);
  vec_free(&b->visible);
  vec_free(&b->next);
  free(b->names.data);
  free(b);
}

static const char *unique_kernel_name(const LProgram *p, const char *name) {
  LKernel *first = loop_find_kernel(p, name);
  const char *unique = name;
  while (loop_find_kernel(p, unique)) unique = arena_printf(p->arena, "%s_%u", name, first->next++);
  return unique;
}

LKernel *loop_end_kernel(LBuilder *b) {
  LProgram *p = b->program;
  LKernel *k = b->kernel;
  CHECK(b->frames.len == 1, "kernel %s has open blocks", k->name);
  builder_abandon(b);
  StrBuf code = {0};
  loop_kernel_code(k, &code);
  k->hash = hash_bytes(code.s, code.len, 0);
  strbuf_free(&code);
  LKernel *same = builder_find_equal(p, k);
  if (same) {
    builder_destroy_kernel(k);
    return same;
  }
  k->name = unique_kernel_name(p, k->name);
  k->next = 2;
  builder_add_kernel(p, k);
  return k;
}

LVar *loop_param(LBuilder *b, const char *name, LType type, LAccess access) {
  LVar *v = new_var(b, LVAR_PARAM, name, type);
  v->access = access;
  if (type.pointer == (access == ACCESS_NONE))
    builder_fail(b, "pointer parameters, and they alone, say how they are used");
  if (type.lanes != 1) builder_fail(b, "a parameter is a scalar or a pointer");
  vec_push(&b->kernel->params, v);
  return v;
}

LExpr *loop_begin(LBuilder *b) { return lx_var(b, b->kernel->begin); }
LExpr *loop_end(LBuilder *b) { return lx_var(b, b->kernel->end); }

LExpr *loop_let(LBuilder *b, const char *name, LExpr *value) {
  if (value->op == LOOP_INT || value->op == LOOP_FLOAT || value->op == LOOP_VAR) return value;
  LStmt *s = new_stmt(b, STMT_LET);
  s->value = value;
  s->var = new_var(b, LVAR_LET, name, value->type);
  return lx_var(b, s->var);
}

LVar *loop_local(LBuilder *b, const char *name, LType t, int rank, const int *dims) {
  CHECK(rank >= 0 && rank <= MAX_LOCAL_RANK, "rank %d", rank);
  if (t.pointer) builder_fail(b, "a local is no pointer");
  LStmt *s = new_stmt(b, STMT_LOCAL);
  s->var = new_var(b, LVAR_LOCAL, name, t);
  s->var->rank = rank;
  int64_t n = 1;
  for (int i = 0; i < rank; i++) {
    s->var->dims[i] = dims[i];
    if (dims[i] < 1 || (n *= dims[i]) > MAX_LOCAL_ELEMENTS) {
      builder_fail(b, "a local's size is out of range");
      break;
    }
  }
  return s->var;
}

void build_set(LBuilder *b, LVar *local, LExpr *value, LExpr *const *index) {
  LExpr *target = expr_local(b, local, index);
  LType t = target->type, v = value->type;
  if (t.dtype != v.dtype || t.lanes != v.lanes || v.pointer) builder_fail(b, "the value's type is not the local's");
  LStmt *s = new_stmt(b, STMT_SET);
  s->var = local;
  s->value = value;
  for (int i = 0; i < local->rank; i++) s->index[i] = index[i];
}

void loop_set(LBuilder *b, LVar *local, LExpr *value, ...) {
  LExpr *index[MAX_LOCAL_RANK] = {0};
  va_list ap;
  va_start(ap, value);
  for (int i = 0; i < local->rank; i++) index[i] = va_arg(ap, LExpr *);
  va_end(ap);
  build_set(b, local, value, index);
}

void loop_store(LBuilder *b, LExpr *pointer, LExpr *offset, LExpr *value) {
  loop_store_n(b, pointer, offset, value, NULL);
}

static bool is_index(const LExpr *e) { return ltype_equal(e->type, L_INDEX); }

void loop_store_n(LBuilder *b, LExpr *pointer, LExpr *offset, LExpr *value, LExpr *count) {
  if (count && count->op == LOOP_INT && count->i >= value->type.lanes) count = NULL;
  LType p = pointer->type, v = value->type;
  if (!p.pointer || v.pointer || p.dtype != v.dtype) builder_fail(b, "a store's value must be of its pointer's type");
  if (!is_index(offset) || (count && !is_index(count))) builder_fail(b, "an offset or count must be an index");
  LStmt *s = new_stmt(b, STMT_STORE);
  s->pointer = pointer;
  s->offset = offset;
  s->value = value;
  s->count = count;
}

void loop_prefetch(LBuilder *b, LExpr *pointer, LExpr *offset, int locality) {
  if (!pointer->type.pointer || !is_index(offset)) builder_fail(b, "a prefetch takes a pointer and an index");
  if (locality < 0 || locality > 3) builder_fail(b, "locality is 0 to 3");
  LStmt *s = new_stmt(b, STMT_PREFETCH);
  s->pointer = pointer;
  s->offset = offset;
  s->locality = locality;
}

static LStmt *new_for(LBuilder *b, const char *name, LExpr *lo, LExpr *hi, int64_t step) {
  if (!is_index(lo) || !is_index(hi)) builder_fail(b, "a loop's bounds must be indices");
  if (step < 1) builder_fail(b, "a loop's step must be positive");
  LStmt *s = new_stmt(b, STMT_FOR);
  s->lo = lo;
  s->hi = hi;
  s->step = step;
  open_block(b, s, &s->body);
  s->var = new_var(b, LVAR_LOOP, name, L_INDEX);
  return s;
}

LExpr *loop_for(LBuilder *b, const char *name, LExpr *lo, LExpr *hi, int64_t step) {
  return lx_var(b, new_for(b, name, lo, hi, step)->var);
}

LExpr *loop_unroll(LBuilder *b, const char *name, int64_t lo, int64_t hi) {
  LStmt *s = new_for(b, name, lx_int(b, lo), lx_int(b, hi), 1);
  s->unroll = true;
  return lx_var(b, s->var);
}

void loop_end_for(LBuilder *b) { close_block(b, STMT_FOR); }

void loop_if(LBuilder *b, LExpr *cond) {
  if (!ltype_equal(cond->type, L_BOOL)) builder_fail(b, "a condition must be one boolean");
  LStmt *s = new_stmt(b, STMT_IF);
  s->value = cond;
  open_block(b, s, &s->body);
}

void loop_else(LBuilder *b) {
  LStmt *s = close_block(b, STMT_IF);
  open_block(b, s, &s->other);
}

void loop_end_if(LBuilder *b) { close_block(b, STMT_IF); }

void loop_return(LBuilder *b, int status) { new_stmt(b, STMT_RETURN)->status = status; }
