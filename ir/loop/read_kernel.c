// Reads kernels: expressions and statements. They are built by the builder itself, so that reading and lowering agree.
#include "ir/loop/lex.h"
#include <string.h>

enum { MAX_EXPR_DEPTH = 500, MAX_BLOCK_DEPTH = 64 };

// ---- expressions. After a failure they return any expression: nothing of it is used.

static LExpr *read_expr(Reader *r);

static LExpr *checked(Reader *r, LExpr *e) {
  if (r->builder->problem) lex_fail(r, r->builder->problem);
  return e;
}

static LExpr *nothing(Reader *r) { return lx_int(r->builder, 0); }

static LExpr *read_const(Reader *r, bool negative) {
  bool special = r->kind == TOK_NAME; // inf, nan
  double v = special ? (*r->string == 'i' ? __builtin_inf() : __builtin_nan("")) : strtod(r->string, NULL);
  if (!special && !r->suffixed) {
    bool real = strpbrk(r->string, ".e");
    if (!real) return lx_int(r->builder, lex_magnitude(r, negative));
    r->type = L_F32;
  }
  if (special) {
    lex_next(r);
    lex_expect(r, ':');
    if (r->kind != TOK_NAME || !lex_parse_type(r->string, &r->type)) lex_fail(r, "expected a type");
  }
  LType t = r->type;
  lex_next(r);
  return checked(r, lx_const(r->builder, t, negative ? -v : v));
}

static void read_indices(Reader *r, const LVar *v, LExpr **index) {
  for (int i = 0; i < v->rank; i++) {
    lex_expect(r, i ? ',' : '[');
    index[i] = read_expr(r);
  }
  if (v->rank) lex_expect(r, ']');
}

// [offset], [offset; lanes], [offset; lanes, count] behind a pointer
static void read_place(Reader *r, LExpr **offset, int *lanes, LExpr **count) {
  *lanes = 1;
  *count = NULL;
  lex_expect(r, '[');
  *offset = read_expr(r);
  if (lex_accept(r, ';')) {
    *lanes = lex_small(r);
    if (lex_accept(r, ',')) *count = read_expr(r);
  }
  lex_expect(r, ']');
}

static LExpr *read_loads(Reader *r, LExpr *e) {
  while (!r->failed && e->type.pointer && lex_is_sign(r, '[')) {
    LExpr *offset, *count;
    int lanes;
    read_place(r, &offset, &lanes, &count);
    if (!r->failed) e = checked(r, lx_load_n(r->builder, e, offset, lanes, count));
  }
  return e;
}

static LExpr *read_shuffle(Reader *r, LExpr *a, LExpr *b) {
  int lanes[64], n = 0;
  lex_expect(r, ';');
  do {
    if (n == 64) lex_fail(r, "a shuffle has up to 64 lanes");
    if (r->failed) return nothing(r);
    lanes[n++] = lex_small(r);
  } while (lex_accept(r, ','));
  return r->failed ? nothing(r) : checked(r, lx_shuffle(r->builder, a, b, n, lanes));
}

static LExpr *read_lookup(Reader *r, LExpr *index) {
  float entries[16];
  int n = 0;
  lex_expect(r, ';');
  do {
    LExpr *e = read_expr(r);
    if (r->failed) return nothing(r);
    if (n == 16)
      lex_fail(r, "a lookup has up to 16 entries");
    else if (e->op != LOOP_FLOAT || e->type.dtype != DT_F32)
      lex_fail(r, "an entry is a number such as 1.5");
    else
      entries[n++] = (float)e->f;
  } while (!r->failed && lex_accept(r, ','));
  return r->failed ? nothing(r) : checked(r, lx_lookup(r->builder, index, n, entries));
}

static LExpr *make_call(Reader *r, LOp op, LExpr **args) {
  LBuilder *b = r->builder;
  switch (op) {
  case LOOP_MIN:
  case LOOP_MAX: return lx_op(b, op, args[0], args[1]);
  case LOOP_FMA: return lx_fma(b, args[0], args[1], args[2]);
  case LOOP_DOT4: return lx_dot4(b, args[0], args[1], args[2]);
  case LOOP_SELECT: return lx_select(b, args[0], args[1], args[2]);
  case LOOP_SHUFFLE: return read_shuffle(r, args[0], args[1]);
  case LOOP_TABLE: return lx_table(b, args[0], args[1]);
  case LOOP_LOOKUP: return read_lookup(r, args[0]);
  case LOOP_EXTRACT: lex_expect(r, ';'); return lx_extract(b, args[0], lex_small(r));
  default: return lx_unary(b, op, args[0]);
  }
}

static bool is_callable(LOp op) {
  bool infix = *loop_op_info(op)->text;
  return !infix && op > LOOP_LOAD && op != LOOP_CAST && op != LOOP_BITCAST && op != LOOP_SPLAT;
}

static LExpr *finish_call(Reader *r, LExpr *e) {
  lex_expect(r, ')');
  return checked(r, e);
}

// An operation written as name(...), or NULL when `name` is none.
static LExpr *read_call(Reader *r, const char *name) {
  DType t;
  uint8_t lanes;
  bool cast = !strncmp(name, "cast_", 5) && dtype_from_name(name + 5, &t);
  bool bitcast = !strncmp(name, "bitcast_", 8) && dtype_from_name(name + 8, &t);
  bool splat = !strncmp(name, "splat", 5) && lex_parse_lanes(name + 5, &lanes);
  if (cast || bitcast || splat) {
    lex_next(r);
    lex_expect(r, '(');
    LExpr *a = read_expr(r);
    if (r->failed) return a;
    return finish_call(r, splat  ? lx_splat(r->builder, lanes, a)
                          : cast ? lx_cast(r->builder, t, a)
                                 : lx_bitcast(r->builder, t, a));
  }
  for (int op = 0; op < LOOP_OP_COUNT; op++) {
    const LOpInfo *info = loop_op_info((LOp)op);
    if (!is_callable((LOp)op) || strcmp(info->name, name)) continue;
    LExpr *args[3];
    lex_next(r);
    for (int i = 0; i < info->arity; i++) {
      lex_expect(r, i ? ',' : '(');
      args[i] = read_expr(r);
    }
    return r->failed ? nothing(r) : finish_call(r, make_call(r, (LOp)op, args));
  }
  return NULL;
}

static LVar *read_var(Reader *r) {
  LVar *v = builder_lookup(r->builder, r->string);
  if (!v || !builder_in_scope(r->builder, v)) {
    lex_fail(r, arena_printf(r->program->arena, "unknown variable `%s`", r->string));
    return NULL;
  }
  lex_next(r);
  return v;
}

static LExpr *read_name_expr(Reader *r) {
  if (lex_is_word(r, "inf") || lex_is_word(r, "nan")) return read_const(r, false);
  LExpr *call = read_call(r, r->string);
  if (call) return call;
  LVar *v = read_var(r);
  if (!v) return nothing(r);
  if (v->kind != LVAR_LOCAL) return lx_var(r->builder, v);
  LExpr *index[MAX_LOCAL_RANK] = {0};
  read_indices(r, v, index);
  return r->failed ? nothing(r) : checked(r, expr_local(r->builder, v, index));
}

static LExpr *read_primary(Reader *r) {
  if (lex_accept(r, '(')) {
    LExpr *e = read_expr(r);
    lex_expect(r, ')');
    return read_loads(r, e);
  }
  bool negative = lex_accept(r, '-');
  if (r->kind == TOK_NUMBER || (negative && (lex_is_word(r, "inf") || lex_is_word(r, "nan"))))
    return read_const(r, negative);
  if (negative || r->kind != TOK_NAME) {
    lex_fail(r, "expected an expression");
    return nothing(r);
  }
  return read_loads(r, read_name_expr(r));
}

static bool infix_op(const Reader *r, LOp *op, int *prec) {
  static const struct {
    int sign, prec;
    LOp op;
  } table[] = {{'|', 1, LOOP_OR},
               {'^', 2, LOOP_XOR},
               {'&', 3, LOOP_AND},
               {SIGN2('=', '='), 4, LOOP_EQ},
               {SIGN2('!', '='), 4, LOOP_NE},
               {'<', 5, LOOP_LT},
               {SIGN2('<', '='), 5, LOOP_LE},
               {SIGN2('<', '<'), 6, LOOP_SHL},
               {SIGN2('>', '>'), 6, LOOP_SHR},
               {'+', 7, LOOP_ADD},
               {'-', 7, LOOP_SUB},
               {'*', 8, LOOP_MUL},
               {'/', 8, LOOP_DIV},
               {'%', 8, LOOP_MOD}};
  if (r->kind != TOK_SIGN) return false;
  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    if (table[i].sign == r->sign) {
      *op = table[i].op;
      *prec = table[i].prec;
      return true;
    }
  return false;
}

// Left-associative operators of at least `least`; a chain deepens the tree as nesting does.
static LExpr *read_infix(Reader *r, int least) {
  int entered = r->depth;
  if (++r->depth > MAX_EXPR_DEPTH) lex_fail(r, "an expression is nested too deeply");
  LExpr *e = r->failed ? nothing(r) : read_primary(r);
  LOp op;
  int prec;
  while (!r->failed && infix_op(r, &op, &prec) && prec >= least) {
    if (++r->depth > MAX_EXPR_DEPTH) lex_fail(r, "an expression is nested too deeply");
    lex_next(r);
    LExpr *right = read_infix(r, prec + 1);
    if (!r->failed) e = checked(r, lx_op(r->builder, op, e, right));
  }
  r->depth = entered;
  return e;
}

static LExpr *read_expr(Reader *r) { return read_infix(r, 1); }

// ---- statements

static void read_block(Reader *r, int depth);

static const char *read_new_name(Reader *r) {
  if (r->kind == TOK_NAME && (builder_is_reserved(r->string) || builder_lookup(r->builder, r->string)))
    lex_fail(r, arena_printf(r->program->arena, "the name `%s` is taken", r->string));
  return r->kind == TOK_NAME ? lex_name(r) : (lex_fail(r, "expected a name"), "");
}

static void read_local(Reader *r) {
  int dims[MAX_LOCAL_RANK], rank = 0;
  const char *name = read_new_name(r);
  lex_expect(r, ':');
  LType t = lex_type(r);
  if (lex_accept(r, '[')) {
    do {
      if (rank == MAX_LOCAL_RANK) lex_fail(r, "a local has too many dimensions");
      if (r->failed) return;
      dims[rank++] = lex_small(r);
    } while (lex_accept(r, ','));
    lex_expect(r, ']');
  }
  if (!r->failed) loop_local(r->builder, name, t, rank, dims);
}

static void read_for(Reader *r, int depth) {
  const char *name = read_new_name(r);
  lex_expect_word(r, "in");
  LExpr *lo = read_expr(r);
  lex_expect(r, SIGN2('.', '.'));
  LExpr *hi = read_expr(r);
  int64_t step = lex_accept_word(r, "step") ? lex_int(r) : 1;
  bool unroll = lex_accept_word(r, "unroll");
  if (r->failed) return;
  if (unroll && (lo->op != LOOP_INT || hi->op != LOOP_INT || step != 1))
    lex_fail(r, "an unrolled loop has constant bounds and no step");
  if (unroll && !r->failed)
    loop_unroll(r->builder, name, lo->i, hi->i);
  else
    loop_for(r->builder, name, lo, hi, step);
  read_block(r, depth + 1);
  loop_end_for(r->builder);
}

static void read_if(Reader *r, int depth) {
  LExpr *cond = read_expr(r);
  if (r->failed) return;
  loop_if(r->builder, cond);
  read_block(r, depth + 1);
  if (lex_accept_word(r, "else")) {
    loop_else(r->builder);
    read_block(r, depth + 1);
  }
  loop_end_if(r->builder);
}

// local = value, local[i, j] = value, pointer[offset; lanes, count] = value
static void read_assignment(Reader *r) {
  LVar *v = r->kind == TOK_NAME ? builder_lookup(r->builder, r->string) : NULL;
  if (v && v->kind == LVAR_LOCAL && builder_in_scope(r->builder, v)) {
    LExpr *index[MAX_LOCAL_RANK] = {0};
    lex_next(r);
    read_indices(r, v, index);
    lex_expect(r, '=');
    LExpr *value = read_expr(r);
    if (!r->failed) build_set(r->builder, v, value, index);
    return;
  }
  LExpr *pointer = nothing(r), *offset, *count;
  int lanes;
  if (lex_accept(r, '(')) {
    pointer = read_expr(r);
    lex_expect(r, ')');
  } else if (r->kind == TOK_NAME && (v = read_var(r))) {
    pointer = lx_var(r->builder, v);
  } else {
    lex_fail(r, "expected a statement");
  }
  read_place(r, &offset, &lanes, &count);
  lex_expect(r, '=');
  LExpr *value = read_expr(r);
  if (r->failed) return;
  if (value->type.lanes != lanes) lex_fail(r, "a store's lanes are its value's");
  loop_store_n(r->builder, pointer, offset, value, count);
}

static void read_let(Reader *r) {
  const char *name = read_new_name(r);
  lex_expect(r, '=');
  LExpr *value = read_expr(r);
  if (r->failed) return;
  LExpr *e = loop_let(r->builder, name, value);
  if (e == value) lex_fail(r, "a let must name more than a constant or a variable");
}

static void read_prefetch(Reader *r) {
  LExpr *pointer, *offset, *count;
  int lanes;
  bool group = lex_accept(r, '(');
  pointer = group ? read_expr(r) : NULL;
  if (group) lex_expect(r, ')');
  LVar *v = !group && r->kind == TOK_NAME ? read_var(r) : NULL;
  if (!group && !v) lex_fail(r, "expected a pointer");
  if (v) pointer = checked(r, lx_var(r->builder, v));
  read_place(r, &offset, &lanes, &count);
  lex_expect(r, ',');
  int locality = lex_small(r);
  if (!r->failed) loop_prefetch(r->builder, pointer, offset, locality);
}

static void read_stmt(Reader *r, int depth) {
  if (lex_accept_word(r, "let"))
    read_let(r);
  else if (lex_accept_word(r, "local"))
    read_local(r);
  else if (lex_accept_word(r, "for"))
    read_for(r, depth);
  else if (lex_accept_word(r, "if"))
    read_if(r, depth);
  else if (lex_accept_word(r, "prefetch"))
    read_prefetch(r);
  else if (lex_accept_word(r, "return"))
    loop_return(r->builder, lex_small(r));
  else
    read_assignment(r);
  if (r->builder->problem) lex_fail(r, r->builder->problem);
}

static void read_block(Reader *r, int depth) {
  if (depth > MAX_BLOCK_DEPTH) lex_fail(r, "blocks are nested too deeply");
  lex_expect(r, '{');
  while (!r->failed && !lex_is_sign(r, '}')) read_stmt(r, depth);
  lex_expect(r, '}');
}

static void read_param(Reader *r) {
  const char *name = read_new_name(r);
  lex_expect(r, ':');
  LAccess access = lex_accept_word(r, "in")      ? ACCESS_IN
                   : lex_accept_word(r, "out")   ? ACCESS_OUT
                   : lex_accept_word(r, "inout") ? ACCESS_INOUT
                                                 : ACCESS_NONE;
  bool aliases = lex_accept_word(r, "aliases");
  LType t = lex_type(r);
  if (r->failed) return;
  loop_param(r->builder, name, t, access)->aliases = aliases;
  if (r->builder->problem) lex_fail(r, r->builder->problem);
}

void read_kernel(Reader *r) {
  const char *name = lex_name(r);
  if (loop_find_kernel(r->program, name)) lex_fail(r, "the kernel's name is taken");
  r->builder = loop_begin_kernel(r->program, name);
  r->builder->lenient = true;
  lex_expect(r, '(');
  while (!r->failed && !lex_is_sign(r, ')')) {
    if (r->builder->kernel->params.len) lex_expect(r, ',');
    read_param(r);
  }
  lex_expect(r, ')');
  read_block(r, 0);
  if (!r->failed) {
    size_t kernels = r->program->kernels.len;
    loop_end_kernel(r->builder);
    if (r->program->kernels.len == kernels) lex_fail(r, "the kernel repeats another");
  } else {
    builder_destroy_kernel(r->builder->kernel);
    builder_abandon(r->builder);
  }
  r->builder = NULL;
}
