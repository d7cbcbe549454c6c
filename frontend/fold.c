// Arithmetic of compile-time values. Integers are Dims, so that sizes open at run time fold into expressions.
#include "frontend/sema.h"
#include <math.h>
#include <string.h>

const char *fold_operator(Operator op) {
  static const char *const spelling[] = {
      "||", "&&", "==", "!=", "<", ">", "<=", ">=", "+", "-", "*", "/", "//", "%", "-", "!"};
  return spelling[op];
}

static const struct {
  const char *name;
  int min_args, max_args;
} builtins[BUILTIN_COUNT] = {
    [BUILTIN_IDENTITY] = {"identity", 1, 1}, [BUILTIN_PARAMETER] = {"parameter", 1, 1},
    [BUILTIN_CONSTANT] = {"constant", 1, 1}, [BUILTIN_MIN] = {"min", 1, 1000},
    [BUILTIN_MAX] = {"max", 1, 1000},        [BUILTIN_ABS] = {"abs", 1, 1},
    [BUILTIN_FLOOR] = {"floor", 1, 1},       [BUILTIN_CEIL] = {"ceil", 1, 1},
    [BUILTIN_ROUND] = {"round", 1, 1},       [BUILTIN_SQRT] = {"sqrt", 1, 1},
    [BUILTIN_POW] = {"pow", 2, 2},           [BUILTIN_EXP] = {"exp", 1, 1},
    [BUILTIN_LOG] = {"log", 1, 1},
};

bool builtin_from_name(const char *name, Builtin *b) {
  for (int i = 0; i < BUILTIN_COUNT; i++) {
    if (strcmp(builtins[i].name, name)) continue;
    *b = (Builtin)i;
    return true;
  }
  return false;
}

const char *builtin_name(Builtin b) { return builtins[b].name; }

// ---- results that must be values

static Val checked_int(Sema *s, Span at, Dim d) {
  if (d != DIM_INVALID) return val_int(d);
  sema_error(s, at, "this integer is too large");
  return POISON;
}

static Val checked_float(Sema *s, Span at, double f) {
  if (isfinite(f)) return val_float(f);
  sema_error(s, at, "this has no finite value");
  return POISON;
}

static Val whole(Sema *s, Span at, double f) {
  if (fabs(f) <= 9007199254740992.0) return val_int((Dim)f);
  sema_error(s, at, "this is too large for an integer");
  return POISON;
}

// ---- integers

// Floor division and remainder with the divisor's sign, as Python has them.
static Dim floordiv(DimTable *t, Dim a, Dim b) {
  if (dim_is_const(b) && b < 0) return dim_floordiv(t, dim_sub(t, 0, a), -b);
  return dim_floordiv(t, a, b);
}

// An assertion for the run: a is a multiple of b.
static void assert_whole(Sema *s, Span at, Dim a, Dim b, Dim rest) {
  StrBuf text = {0};
  dim_print(s->m->dims, a, &text);
  strbuf_puts(&text, " / ");
  dim_print(s->m->dims, b, &text);
  strbuf_puts(&text, " is not whole");
  const char *why = arena_strdup(s->m->arena, strbuf_str(&text));
  strbuf_free(&text);
  vec_push(&s->m->assertions, (Assertion){dim_eq(s->m->dims, rest, 0), why, at});
}

static Val divide(Sema *s, const Expr *e, Dim a, Dim b) {
  DimTable *t = s->m->dims;
  Span at = e->oper.op_span;
  if (b == 0) {
    sema_error(s, at, "division by zero");
    return POISON;
  }
  Dim quotient = floordiv(t, a, b), rest = dim_sub(t, a, dim_mul(t, quotient, b));
  if (e->oper.op == OPER_FLOORDIV) return checked_int(s, at, quotient);
  if (e->oper.op == OPER_MOD) return checked_int(s, at, rest);
  if (dim_is_const(rest) && rest != 0) {
    sema_error(s, at, "%lld / %lld is not whole; write // to round down, or a number with a point", (long long)a,
               (long long)b);
    return POISON;
  }
  if (!dim_is_const(rest) && rest != DIM_INVALID) assert_whole(s, at, a, b, rest);
  return checked_int(s, at, quotient);
}

static Val integers(Sema *s, const Expr *e, Dim a, Dim b) {
  DimTable *t = s->m->dims;
  Span at = e->oper.op_span;
  switch (e->oper.op) {
  case OPER_ADD: return checked_int(s, at, dim_add(t, a, b));
  case OPER_SUB: return checked_int(s, at, dim_sub(t, a, b));
  case OPER_MUL: return checked_int(s, at, dim_mul(t, a, b));
  case OPER_EQ: return val_bool(dim_eq(t, a, b));
  case OPER_NE: return val_bool(dim_not(t, dim_eq(t, a, b)));
  case OPER_LT: return val_bool(dim_lt(t, a, b));
  case OPER_GT: return val_bool(dim_lt(t, b, a));
  case OPER_LE: return val_bool(dim_le(t, a, b));
  case OPER_GE: return val_bool(dim_le(t, b, a));
  default: return divide(s, e, a, b);
  }
}

// ---- other kinds

static Val floats(Sema *s, const Expr *e, double a, double b) {
  Span at = e->oper.op_span;
  switch (e->oper.op) {
  case OPER_ADD: return checked_float(s, at, a + b);
  case OPER_SUB: return checked_float(s, at, a - b);
  case OPER_MUL: return checked_float(s, at, a * b);
  case OPER_DIV: return checked_float(s, at, a / b);
  case OPER_FLOORDIV: return checked_float(s, at, floor(a / b));
  case OPER_MOD: return checked_float(s, at, a - b * floor(a / b));
  case OPER_EQ: return val_bool(a == b);
  case OPER_NE: return val_bool(a != b);
  case OPER_LT: return val_bool(a < b);
  case OPER_GT: return val_bool(a > b);
  case OPER_LE: return val_bool(a <= b);
  default: return val_bool(a >= b);
  }
}

static Val booleans(Sema *s, const Expr *e, Dim a, Dim b) {
  DimTable *t = s->m->dims;
  switch (e->oper.op) {
  case OPER_AND: return val_bool(dim_and(t, a, b));
  case OPER_OR: return val_bool(dim_or(t, a, b));
  case OPER_EQ: return val_bool(dim_eq(t, a, b));
  default: return val_bool(dim_not(t, dim_eq(t, a, b)));
  }
}

static Val join(Sema *s, const Expr *e, Val a, Val b) {
  int n = a.list.n + b.list.n;
  if (n > MAX_LIST) {
    sema_error(s, e->oper.op_span, "a list longer than %d", MAX_LIST);
    return POISON;
  }
  if (!sema_step(s, e->span, n)) return POISON;
  Val *items = arena_array(s->arena, Val, n + 1);
  for (int i = 0; i < n; i++) items[i] = i < a.list.n ? a.list.items[i] : b.list.items[i - a.list.n];
  short depth = a.list.depth > b.list.depth ? a.list.depth : b.list.depth;
  return (Val){.kind = VAL_LIST, .list = {items, n, depth, a.list.tensors || b.list.tensors}};
}

static bool same(Val a, Val b) {
  if (a.kind == VAL_STRING) return a.s == b.s;
  if (a.kind == VAL_DTYPE) return a.dtype == b.dtype;
  const Callable *x = &a.callable, *y = &b.callable;
  if (x->kind != y->kind) return false;
  return x->kind == CALLABLE_OP      ? x->op == y->op
         : x->kind == CALLABLE_BLOCK ? x->block == y->block
                                     : x->builtin == y->builtin;
}

Val fold_binary(Sema *s, const Expr *e, Val a, Val b) {
  Operator op = e->oper.op;
  bool logical = op == OPER_AND || op == OPER_OR, equality = op == OPER_EQ || op == OPER_NE;
  if (a.kind == VAL_INT && b.kind == VAL_INT && !logical) return integers(s, e, a.i, b.i);
  if (val_is_number(a) && val_is_number(b) && !logical) {
    double x, y;
    if (!val_to_double(s, a, e->oper.a->span, "a number beside a fraction", &x)) return POISON;
    if (!val_to_double(s, b, e->oper.b->span, "a number beside a fraction", &y)) return POISON;
    return floats(s, e, x, y);
  }
  if (a.kind == VAL_BOOL && b.kind == VAL_BOOL && (logical || equality)) return booleans(s, e, a.i, b.i);
  if (a.kind == VAL_LIST && b.kind == VAL_LIST && op == OPER_ADD) return join(s, e, a, b);
  bool plain = a.kind == VAL_STRING || a.kind == VAL_DTYPE || a.kind == VAL_CALLABLE;
  if (a.kind == b.kind && plain && equality) return val_bool(same(a, b) == (op == OPER_EQ));
  sema_error(s, e->oper.op_span, "'%s' does not apply to %s and %s", fold_operator(op), val_describe(s, a),
             val_describe(s, b));
  return POISON;
}

Val fold_unary(Sema *s, const Expr *e, Val a) {
  if (e->oper.op == OPER_NOT && a.kind == VAL_BOOL) return val_bool(dim_not(s->m->dims, a.i));
  if (e->oper.op == OPER_NEG && a.kind == VAL_INT) return checked_int(s, e->oper.op_span, dim_sub(s->m->dims, 0, a.i));
  if (e->oper.op == OPER_NEG && a.kind == VAL_FLOAT) return val_float(-a.f);
  sema_error(s, e->oper.op_span, "'%s' does not apply to %s", fold_operator(e->oper.op), val_describe(s, a));
  return POISON;
}

// ---- functions of numbers

static Val extremum(Sema *s, Builtin fn, Span at, const Args *args) {
  bool integer = true;
  for (size_t i = 0; i < args->len; i++) integer &= args->data[i].val.kind == VAL_INT;
  DimTable *t = s->m->dims;
  Val best = args->data[0].val;
  for (size_t i = 1; i < args->len && integer; i++) {
    Dim other = args->data[i].val.i;
    best = checked_int(s, at, fn == BUILTIN_MIN ? dim_min(t, best.i, other) : dim_max(t, best.i, other));
    if (best.kind == VAL_POISON) return best;
  }
  if (integer) return best;
  double found = 0, f;
  for (size_t i = 0; i < args->len; i++) {
    if (!val_to_double(s, args->data[i].val, args->data[i].span, "a number beside a fraction", &f)) return POISON;
    if (i == 0 || (fn == BUILTIN_MIN ? f < found : f > found)) found = f;
  }
  return val_float(found);
}

static Val power(Sema *s, Span at, Val a, Val b) {
  if (a.kind != VAL_INT || b.kind != VAL_INT || !dim_is_const(b.i) || b.i < 0 || b.i > 62) {
    double x, y;
    if (!val_to_double(s, a, at, "a number of pow", &x) || !val_to_double(s, b, at, "a number of pow", &y))
      return POISON;
    return checked_float(s, at, pow(x, y));
  }
  Dim r = 1;
  for (Dim i = 0; i < b.i && r != DIM_INVALID; i++) r = dim_mul(s->m->dims, r, a.i);
  return checked_int(s, at, r);
}

Val fold_call(Sema *s, Builtin fn, Span at, const Args *args) {
  int n = (int)args->len;
  if (n < builtins[fn].min_args || n > builtins[fn].max_args) {
    sema_error(s, at, "`%s` takes %s, not %d", builtins[fn].name,
               builtins[fn].max_args > 2    ? "one number or more"
               : builtins[fn].max_args == 2 ? "two numbers"
                                            : "one number",
               n);
    return POISON;
  }
  for (int i = 0; i < n; i++) {
    Val v = args->data[i].val;
    if (v.kind == VAL_POISON) return v;
    if (val_is_number(v)) continue;
    const char *hint = v.kind != VAL_TENSOR ? ""
                       : fn == BUILTIN_MAX  ? "; of tensors write maximum(a, b) or amax(x)"
                       : fn == BUILTIN_MIN  ? "; of tensors write minimum(a, b) or amin(x)"
                                            : "";
    sema_error(s, args->data[i].span, "`%s` takes numbers, not %s%s", builtins[fn].name, val_describe(s, v), hint);
    return POISON;
  }
  Val a = args->data[0].val;
  if (fn == BUILTIN_MIN || fn == BUILTIN_MAX) return extremum(s, fn, at, args);
  if (fn == BUILTIN_POW) return power(s, at, a, args->data[1].val);
  if (a.kind == VAL_INT && (fn == BUILTIN_FLOOR || fn == BUILTIN_CEIL || fn == BUILTIN_ROUND)) return a;
  if (a.kind == VAL_INT && fn == BUILTIN_ABS)
    return checked_int(s, at, dim_max(s->m->dims, a.i, dim_sub(s->m->dims, 0, a.i)));
  double f;
  if (!val_to_double(s, a, args->data[0].span, "this number", &f)) return POISON;
  switch (fn) {
  case BUILTIN_ABS: return val_float(fabs(f));
  case BUILTIN_FLOOR: return whole(s, at, floor(f));
  case BUILTIN_CEIL: return whole(s, at, ceil(f));
  case BUILTIN_ROUND: return whole(s, at, nearbyint(f)); // halves to even
  case BUILTIN_SQRT: return checked_float(s, at, sqrt(f));
  case BUILTIN_EXP: return checked_float(s, at, exp(f));
  default: return checked_float(s, at, log(f));
  }
}
