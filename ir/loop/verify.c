// Invariants of the loop IR. Kernels are walked as they will be emitted, unrolled loops repeated and branches on known
// conditions pruned, so that what is judged is what code generation sees.
//
//  1. Names of variables are unique in a kernel, of kernels and buffers in a program; ids are dense.
//  2. Every expression follows the typing rules of type.c; so do bounds, offsets, counts, conditions and stored values.
//  3. A variable is defined before it is used and only used inside the block that defines it.
//  4. Indices of locals are constant once loops are unrolled, and in range. Only locals are set.
//  5. Memory is reached through parameters only; nothing is stored through `in` or loaded through `out`.
//  6. Steps are positive; unrolled loops have constant bounds; nothing stands behind a return.
//  7. A kernel stays within MAX_NODES expressions when unrolled: shared parts of a formula are bound with let.
//  8. A phase gives each parameter of its kernel an argument: pointers a buffer of their element type, others a
//     dimension. Inputs and weights are only read. One buffer given twice, and written, is marked `aliases`.
//  9. Dimensions are valid; planned offsets are multiples of 64, and constant buffers lie inside their base.
// 10. Buffers of inputs and outputs have a tensor's index and its element type.
#include "ir/core/checked.h"
#include "ir/loop/loop.h"
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

enum { MAX_NODES = 1 << 20, MAX_PROBLEMS = 20 };

typedef struct State { // of a variable
  const LVar *var;
  bool defined, known;
  int64_t value;    // known: an index that is constant here
  const LVar *base; // the parameter that a pointer comes from
} State;

typedef struct Verifier {
  const LProgram *program;
  const LKernel *kernel;
  State *states;
  Vec(const LVar *) scope;
  StrBuf *out;
  int problems, nodes;
} Verifier;

__attribute__((format(printf, 2, 3))) static void problem(Verifier *v, const char *fmt, ...) {
  if (++v->problems > MAX_PROBLEMS) return;
  if (v->kernel) strbuf_printf(v->out, "kernel %s: ", v->kernel->name);
  va_list ap;
  va_start(ap, fmt);
  strbuf_vprintf(v->out, fmt, ap);
  va_end(ap);
  strbuf_putc(v->out, '\n');
}

static bool is_index(const LExpr *e) { return ltype_equal(e->type, L_INDEX); }

// ---- expressions

static bool known(const Verifier *v, const LExpr *e, int64_t *r);

static bool known_binary(const Verifier *v, const LExpr *e, int64_t *r) {
  int64_t a, b;
  if (!known(v, e->args[0], &a) || !known(v, e->args[1], &b)) return false;
  switch (e->op) {
  case LOOP_ADD: return checked_add(a, b, r);
  case LOOP_SUB: return checked_sub(a, b, r);
  case LOOP_MUL: return checked_mul(a, b, r);
  case LOOP_DIV: *r = b > 0 ? a / b : 0; return b > 0;
  case LOOP_MOD: *r = b > 0 ? a % b : 0; return b > 0;
  case LOOP_MIN: *r = min_i64(a, b); return true;
  case LOOP_MAX: *r = max_i64(a, b); return true;
  case LOOP_EQ: *r = a == b; return true;
  case LOOP_NE: *r = a != b; return true;
  case LOOP_LT: *r = a < b; return true;
  case LOOP_LE: *r = a <= b; return true;
  case LOOP_AND: *r = a & b; return true;
  case LOOP_OR: *r = a | b; return true;
  default: return false;
  }
}

// The value of an index or condition that is constant here; code generation folds the same ones.
static bool known(const Verifier *v, const LExpr *e, int64_t *r) {
  if (e->type.pointer || e->type.lanes != 1 || (e->type.dtype != DT_I64 && e->type.dtype != DT_BOOL)) return false;
  switch (e->op) {
  case LOOP_INT: *r = e->i; return true;
  case LOOP_FLOAT: *r = e->f != 0; return e->type.dtype == DT_BOOL;
  case LOOP_VAR: *r = v->states[e->var->id].value; return v->states[e->var->id].known;
  case LOOP_SELECT: {
    int64_t c;
    return known(v, e->args[0], &c) && known(v, e->args[c ? 1 : 2], r);
  }
  case LOOP_LOCAL:
  case LOOP_LOAD:
  case LOOP_FMA:
  case LOOP_DOT4:
  case LOOP_SHUFFLE:
  case LOOP_TABLE: return false;
  default: return loop_op_info(e->op)->arity == 2 && known_binary(v, e, r);
  }
}

static bool check_var(Verifier *v, const LVar *var) {
  if (var->id >= v->kernel->n_vars || v->states[var->id].var != var || !v->states[var->id].defined) {
    problem(v, "`%s` is used outside its scope or before its definition", var->name);
    return false;
  }
  return true;
}

static const LVar *base_of(const Verifier *v, const LExpr *pointer) {
  while (pointer->op == LOOP_ADD || pointer->op == LOOP_BITCAST) pointer = pointer->args[0];
  if (pointer->op != LOOP_VAR) return NULL;
  return v->states[pointer->var->id].base;
}

static void check_access(Verifier *v, const LExpr *pointer, LAccess forbidden, const char *what) {
  const LVar *base = base_of(v, pointer);
  if (!base)
    problem(v, "a %s does not go through a parameter", what);
  else if (base->access == forbidden)
    problem(v, "a %s through `%s` is not allowed", what, base->name);
}

static void check_indices(Verifier *v, const LVar *local, LExpr *const *index) {
  for (int i = 0; i < local->rank; i++) {
    int64_t at;
    if (!known(v, index[i], &at))
      problem(v, "an index of `%s` is not constant after unrolling", local->name);
    else if (at < 0 || at >= local->dims[i])
      problem(v, "index %" PRId64 " of `%s` is out of range", at, local->name);
  }
}

static bool check_expr(Verifier *v, const LExpr *e) {
  if (++v->nodes > MAX_NODES) return false;
  int n = e->op == LOOP_LOCAL ? e->var->rank : e->op == LOOP_LOAD ? e->n : loop_op_info(e->op)->arity;
  if ((e->op == LOOP_VAR || e->op == LOOP_LOCAL) && !check_var(v, e->var)) return false;
  for (int i = 0; i < n; i++)
    if (!check_expr(v, e->args[i])) return false;
  const char *wrong = loop_expr_problem(e);
  if (wrong) {
    problem(v, "%s: %s", loop_op_info(e->op)->name, wrong);
    return false;
  }
  if (e->op == LOOP_LOAD || e->op == LOOP_TABLE) check_access(v, e->args[0], ACCESS_OUT, "load");
  if (e->op == LOOP_LOCAL) check_indices(v, e->var, e->args);
  return true;
}

// ---- statements

static void check_block(Verifier *v, const LBlock *block);

static State *define(Verifier *v, const LVar *var, LVarKind kind) {
  if (var->id >= v->kernel->n_vars || (v->states[var->id].var && v->states[var->id].var != var)) {
    problem(v, "the id of `%s` is not its own", var->name);
    return NULL;
  }
  if (var->kind != kind) problem(v, "`%s` is of another kind", var->name);
  State *s = &v->states[var->id];
  if (s->defined) problem(v, "`%s` is defined twice", var->name);
  *s = (State){.var = var, .defined = true};
  vec_push(&v->scope, var);
  return s;
}

static void leave(Verifier *v, size_t depth) {
  while (v->scope.len > depth) v->states[vec_pop(&v->scope)->id].defined = false;
}

static void check_let(Verifier *v, const LStmt *s) {
  if (!check_expr(v, s->value)) return;
  LType a = s->var->type, b = s->value->type;
  if (a.dtype != b.dtype || a.lanes != b.lanes || a.pointer != b.pointer)
    problem(v, "`%s` is not of its value's type", s->var->name);
  State *state = define(v, s->var, LVAR_LET);
  if (!state) return;
  state->known = known(v, s->value, &state->value);
  state->base = b.pointer ? base_of(v, s->value) : NULL;
}

static void check_local(Verifier *v, const LVar *var) {
  int64_t n = 1;
  if (var->rank < 0 || var->rank > MAX_LOCAL_RANK || var->type.pointer) {
    problem(v, "`%s` is no well-formed local", var->name);
    return;
  }
  for (int i = 0; i < var->rank; i++)
    if (var->dims[i] < 1 || (n *= var->dims[i]) > MAX_LOCAL_ELEMENTS) {
      problem(v, "the size of `%s` is out of range", var->name);
      return;
    }
  define(v, var, LVAR_LOCAL);
}

static void check_set(Verifier *v, const LStmt *s) {
  if (s->var->kind != LVAR_LOCAL) {
    problem(v, "`%s` is set but is no local", s->var->name);
    return;
  }
  if (!check_var(v, s->var) || !check_expr(v, s->value)) return;
  LType a = s->var->type, b = s->value->type;
  if (a.dtype != b.dtype || a.lanes != b.lanes || b.pointer)
    problem(v, "`%s` is set to a value of another type", s->var->name);
  for (int i = 0; i < s->var->rank; i++)
    if (!check_expr(v, s->index[i])) return;
  check_indices(v, s->var, s->index);
}

static bool check_place(Verifier *v, const LStmt *s) {
  if (!check_expr(v, s->pointer) || !check_expr(v, s->offset)) return false;
  if (s->pointer->type.pointer && is_index(s->offset)) return true;
  problem(v, "a place in memory is a pointer and an index");
  return false;
}

static void check_store(Verifier *v, const LStmt *s) {
  if (!check_place(v, s) || !check_expr(v, s->value) || (s->count && !check_expr(v, s->count))) return;
  if (s->value->type.pointer || s->value->type.dtype != s->pointer->type.dtype)
    problem(v, "a store's value is not of its pointer's type");
  if (s->count && !is_index(s->count)) problem(v, "a store's count is no index");
  check_access(v, s->pointer, ACCESS_IN, "store");
}

static void check_for(Verifier *v, const LStmt *s) {
  if (!check_expr(v, s->lo) || !check_expr(v, s->hi)) return;
  if (!is_index(s->lo) || !is_index(s->hi) || s->step < 1) {
    problem(v, "the loop over `%s` needs indices as bounds and a positive step", s->var->name);
    return;
  }
  int64_t lo = 0, hi = 0;
  if (s->unroll && (!known(v, s->lo, &lo) || !known(v, s->hi, &hi))) {
    problem(v, "the bounds of the unrolled loop over `%s` are not constant", s->var->name);
    return;
  }
  size_t depth = v->scope.len;
  for (int64_t i = lo; i < (s->unroll ? hi : lo + 1) && v->nodes <= MAX_NODES && v->problems < MAX_PROBLEMS;) {
    v->nodes++;
    State *state = define(v, s->var, LVAR_LOOP);
    if (!state) return;
    state->known = s->unroll;
    state->value = i;
    check_block(v, &s->body);
    leave(v, depth);
    if (!checked_add(i, s->step, &i)) break;
  }
}

static void check_if(Verifier *v, const LStmt *s) {
  int64_t cond = 0;
  if (!check_expr(v, s->value)) return;
  if (!ltype_equal(s->value->type, L_BOOL)) problem(v, "a condition is not one boolean");
  bool fixed = known(v, s->value, &cond);
  size_t depth = v->scope.len;
  if (!fixed || cond) check_block(v, &s->body);
  leave(v, depth);
  if (!fixed || !cond) check_block(v, &s->other);
  leave(v, depth);
}

static void check_stmt(Verifier *v, const LStmt *s) {
  switch (s->kind) {
  case STMT_LET: check_let(v, s); return;
  case STMT_LOCAL: check_local(v, s->var); return;
  case STMT_SET: check_set(v, s); return;
  case STMT_STORE: check_store(v, s); return;
  case STMT_FOR: check_for(v, s); return;
  case STMT_IF: check_if(v, s); return;
  case STMT_PREFETCH:
    if (check_place(v, s) && !base_of(v, s->pointer)) problem(v, "a prefetch does not go through a parameter");
    return;
  case STMT_RETURN:
    if (s->next) problem(v, "a statement stands behind a return");
    return;
  }
  problem(v, "no such statement");
}

static void check_block(Verifier *v, const LBlock *block) {
  for (const LStmt *s = block->first; s && v->nodes <= MAX_NODES && v->problems < MAX_PROBLEMS; s = s->next) {
    v->nodes++;
    check_stmt(v, s);
  }
}

static int by_name(const void *a, const void *b) {
  return strcmp((*(const LVar *const *)a)->name, (*(const LVar *const *)b)->name);
}

static void check_names(Verifier *v) {
  Vec(const LVar *) vars = {0};
  for (uint32_t i = 0; i < v->kernel->n_vars; i++)
    if (v->states[i].var) vec_push(&vars, v->states[i].var);
  if (vars.len) qsort(vars.data, vars.len, sizeof *vars.data, by_name);
  for (size_t i = 1; i < vars.len; i++)
    if (!strcmp(vars.data[i]->name, vars.data[i - 1]->name))
      problem(v, "two variables are named `%s`", vars.data[i]->name);
  vec_free(&vars);
}

static void define_param(Verifier *v, const LVar *p) {
  State *s = define(v, p, LVAR_PARAM);
  if (!s) return;
  s->base = p->type.pointer ? p : NULL;
  if (p->type.pointer == (p->access == ACCESS_NONE)) problem(v, "the access of `%s` does not fit its type", p->name);
}

static void check_kernel(Verifier *v, const LKernel *k) {
  v->kernel = k;
  v->nodes = 0;
  v->states = xcalloc(k->n_vars ? k->n_vars : 1, sizeof *v->states);
  define_param(v, k->begin);
  define_param(v, k->end);
  for (size_t i = 0; i < k->params.len; i++) define_param(v, k->params.data[i]);
  check_block(v, &k->body);
  if (v->nodes > MAX_NODES) problem(v, "the kernel is too large when unrolled: over %d expressions", MAX_NODES);
  check_names(v);
  vec_free(&v->scope);
  free(v->states);
  v->kernel = NULL;
}

bool loop_verify_kernel(const LProgram *p, const LKernel *k, StrBuf *problems) {
  Verifier v = {.program = p, .out = problems};
  check_kernel(&v, k);
  return !v.problems;
}

// ---- programs

static void check_arg(Verifier *v, const LPhase *phase, size_t i) {
  const LArg *a = &phase->args.data[i];
  const LVar *param = phase->kernel->params.data[i];
  if (a->dim == DIM_INVALID) problem(v, "phase %s: argument %zu is not a valid dimension", phase->name, i);
  if (!a->buffer != !param->type.pointer) {
    problem(v, "phase %s: `%s` needs a %s", phase->name, param->name, param->type.pointer ? "buffer" : "dimension");
    return;
  }
  if (!a->buffer) {
    if (param->type.dtype != DT_I64) problem(v, "phase %s: `%s` is no index", phase->name, param->name);
    return;
  }
  if (a->buffer->dtype != param->type.dtype)
    problem(v, "phase %s: `%s` is not of buffer %s's type", phase->name, param->name, a->buffer->name);
  bool constant = a->buffer->kind == BUFFER_INPUT || a->buffer->kind == BUFFER_WEIGHT;
  if (constant && param->access != ACCESS_IN)
    problem(v, "phase %s: `%s` would write to %s", phase->name, param->name, a->buffer->name);
  for (size_t j = 0; j < i; j++) {
    const LVar *other = phase->kernel->params.data[j];
    if (phase->args.data[j].buffer != a->buffer || (param->access == ACCESS_IN && other->access == ACCESS_IN)) continue;
    if (!param->aliases || !other->aliases)
      problem(v, "phase %s: `%s` and `%s` share %s and are not marked", phase->name, other->name, param->name,
              a->buffer->name);
  }
}

static void check_phase(Verifier *v, const LPhase *phase) {
  if (phase->tasks == DIM_INVALID) problem(v, "phase %s: its tasks are not a valid dimension", phase->name);
  if (phase->args.len != phase->kernel->params.len) {
    problem(v, "phase %s: %zu arguments for %zu parameters", phase->name, phase->args.len, phase->kernel->params.len);
    return;
  }
  for (size_t i = 0; i < phase->args.len; i++) check_arg(v, phase, i);
}

static void check_buffer(Verifier *v, const LBuffer *b) {
  const LProgram *p = v->program;
  if (b->bytes == DIM_INVALID || b->offset == DIM_INVALID) problem(v, "buffer %s: invalid dimension", b->name);
  if (b->kind == BUFFER_INPUT || b->kind == BUFFER_OUTPUT) {
    bool input = b->kind == BUFFER_INPUT;
    size_t n = input ? p->inputs.len : p->outputs.len;
    const LTensor *tensors = input ? p->inputs.data : p->outputs.data;
    if (b->index < 0 || (size_t)b->index >= n)
      problem(v, "buffer %s: no such %s", b->name, input ? "input" : "output");
    else if (tensors[b->index].dtype != b->dtype)
      problem(v, "buffer %s: not of its tensor's type", b->name);
    return;
  }
  if (b->kind == BUFFER_COUNT) {
    bool counts = b->index >= 0 && b->index < dim_symbol_count(p->dims) && dim_symbol_at(p->dims, b->index)->is_count;
    if (!counts) problem(v, "buffer %s: symbol %d is no count", b->name, b->index);
    if (b->dtype != DT_I64) problem(v, "buffer %s: a count is an i64", b->name);
    return;
  }
  Dim total = b->kind == BUFFER_WEIGHT ? p->weight_bytes : b->kind == BUFFER_ARENA ? p->arena_bytes : p->scratch_bytes;
  if (b->kind == BUFFER_WEIGHT && !dim_is_const(b->bytes))
    problem(v, "buffer %s: a weight's size is constant", b->name);
  if (b->offset == -1 || !dim_is_const(b->offset)) return;
  int64_t end;
  if (b->offset < 0 || b->offset % 64) problem(v, "buffer %s: its offset is no multiple of 64", b->name);
  if (!dim_is_const(b->bytes) || !dim_is_const(total)) return;
  if (b->bytes < 0 || !checked_add(b->offset, b->bytes, &end) || end > total)
    problem(v, "buffer %s: outside its base", b->name);
}

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static void check_unique(Verifier *v, const char **names, size_t n, const char *what) {
  if (n) qsort(names, n, sizeof *names, by_text);
  for (size_t i = 1; i < n; i++)
    if (!strcmp(names[i], names[i - 1])) problem(v, "two %s are named %s", what, names[i]);
}

static void check_program_names(Verifier *v) {
  const LProgram *p = v->program;
  Vec(const char *) names = {0};
  for (size_t i = 0; i < p->buffers.len; i++) vec_push(&names, p->buffers.data[i]->name);
  check_unique(v, names.data, names.len, "buffers");
  names.len = 0;
  for (size_t i = 0; i < p->kernels.len; i++) vec_push(&names, p->kernels.data[i]->name);
  check_unique(v, names.data, names.len, "kernels");
  vec_free(&names);
}

bool loop_verify(const LProgram *p, StrBuf *problems) {
  Verifier v = {.program = p, .out = problems};
  check_program_names(&v);
  for (size_t i = 0; i < p->buffers.len; i++) check_buffer(&v, p->buffers.data[i]);
  for (size_t i = 0; i < p->kernels.len; i++) check_kernel(&v, p->kernels.data[i]);
  for (size_t i = 0; i < p->phases.len; i++) check_phase(&v, p->phases.data[i]);
  return !v.problems;
}
