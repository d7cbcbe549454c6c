// Calls: what is called, its arguments, and the callables that are neither op nor block.
#include "frontend/sema.h"
#include <string.h>

bool call_no_path(Sema *s, const Call *c, const char *what) {
  if (!c->suffix.path && !c->suffix.tied) return true;
  sema_mistake(s, c->suffix.span, "%s has no weights, so a path names nothing", what);
  return false;
}

static bool gather(Sema *s, const Call *c, Val piped, Args *args) {
  if (c->piped) vec_push(args, (ArgVal){NULL, piped, c->piped->span});
  bool ok = true, named = false;
  for (const Arg *a = c->args; a && !s->stopped; a = a->next) {
    if (named && !a->name) {
      sema_mistake(s, a->value->span, "an argument without a name stands behind one with a name");
      ok = false;
    }
    named |= a->name != NULL;
    vec_push(args, (ArgVal){a->name, eval(s, a->value), a->value->span});
  }
  return ok;
}

// The argument `name`, or that at `position`; NULL where it is absent.
static const ArgVal *argument(const Args *args, const char *name, size_t position) {
  for (size_t i = 0; i < args->len; i++)
    if (args->data[i].name ? !strcmp(args->data[i].name->text, name) : i == position) return &args->data[i];
  return NULL;
}

// One value first, then the option `second`, which has to be named.
static bool check_arguments(Sema *s, const Call *c, const Args *args, const char *first, const char *second) {
  for (size_t i = 0; i < args->len; i++) {
    const Name *name = args->data[i].name;
    if (args->data[i].val.kind == VAL_POISON) return false;
    if (name ? !strcmp(name->text, first) || (second && !strcmp(name->text, second)) : i == 0) continue;
    if (name)
      sema_mistake(s, name->span, "`%s` has no argument `%s`", c->name->text, name->text);
    else
      sema_mistake(s, args->data[i].span, "`%s` takes one argument%s%s", c->name->text, second ? " and " : "",
                   second ? second : "");
    return false;
  }
  if (argument(args, first, 0)) return true;
  sema_mistake(s, c->name->span, "`%s` needs its argument `%s`", c->name->text, first);
  return false;
}

static Val identity(Sema *s, const Call *c, const Args *args) {
  if (!check_arguments(s, c, args, "x", NULL) || !call_no_path(s, c, "`identity`")) return POISON;
  return argument(args, "x", 0)->val;
}

// parameter([dims], init=0.0) @path: a weight of its own.
static Val parameter(Sema *s, const Call *c, const Args *args) {
  if (!check_arguments(s, c, args, "shape", "init")) return POISON;
  const ArgVal *shape = argument(args, "shape", 0), *init = argument(args, "init", SIZE_MAX);
  Dim dims[MAX_RANK];
  if (shape->val.kind != VAL_LIST || shape->val.list.n > MAX_RANK) {
    sema_error(s, shape->span, "a parameter's shape is a list of at most %d sizes", MAX_RANK);
    return POISON;
  }
  for (int i = 0; i < shape->val.list.n; i++)
    if (!val_to_int(s, shape->val.list.items[i], shape->span, "a parameter's size", &dims[i])) return POISON;
  for (int i = 0; i < shape->val.list.n; i++)
    if (dims[i] < 1) {
      sema_error(s, shape->span, "a parameter's sizes are positive");
      return POISON;
    }
  const Type *type = type_get(s->m, DT_F32, shape->val.list.n, dims);
  double start = 0;
  if (type_elements(s->m, type) == DIM_INVALID) {
    sema_error(s, shape->span, "this parameter is too large");
    return POISON;
  }
  if (init && type_elements(s->m, type) > WEIGHT_MADE_MAX) {
    sema_error(s, shape->span, "a parameter with `init` has at most 2^30 elements");
    return POISON;
  }
  if (init && !val_to_double(s, init->val, init->span, "a parameter's `init`", &start)) return POISON;
  if (!c->suffix.path) {
    sema_mistake(s, c->name->span, "`parameter` is a weight and needs a path: parameter(...) @name");
    return POISON;
  }
  const char *path = path_eval(s, &c->suffix);
  Value *v = path ? path_weight(s, c->name->span, path, type, c->suffix.tied) : NULL;
  if (!v) return POISON;
  if (init) { // what it is where the weights file does not have it
    v->weight->source = WEIGHT_SPLAT;
    v->weight->splat = start;
  }
  return (Val){.kind = VAL_TENSOR, .tensor = v};
}

// ---- constant([[1, 2], [3, 4]], dtype=f32)

typedef struct Dense {
  int rank;
  Dim dims[MAX_RANK];
  Vec(Val) data; // numbers
} Dense;

static bool dense_add(Sema *s, Val v, Span at, int depth, Dense *d) {
  if (v.kind != VAL_LIST) {
    double f;
    if (depth != d->rank)
      sema_error(s, at, "the lists of a constant are nested unevenly");
    else if (val_to_double(s, v, at, "an element of a constant", &f)) {
      vec_push(&d->data, v);
      return true;
    }
    return false;
  }
  if (depth == d->rank || v.list.n != d->dims[depth]) {
    sema_error(s, at, "the lists of a constant differ in length");
    return false;
  }
  if (!sema_step(s, at, v.list.n)) return false;
  for (int i = 0; i < v.list.n; i++)
    if (!dense_add(s, v.list.items[i], at, depth + 1, d)) return false;
  return true;
}

// Integers of 64 bits exactly; others are rounded or saturate.
static void dense_store(DType t, void *data, int64_t i, Val v) {
  if (v.kind == VAL_INT && dtype_is_wide(t))
    dtype_store_int(t, data, i, v.i < 0 && dtype_is_unsigned(t) ? 0 : v.i);
  else
    dtype_store(t, data, i, v.kind == VAL_INT ? (double)v.i : v.f);
}

static Val constant(Sema *s, const Call *c, const Args *args) {
  if (!check_arguments(s, c, args, "values", "dtype") || !call_no_path(s, c, "`constant`")) return POISON;
  const ArgVal *values = argument(args, "values", 0), *type = argument(args, "dtype", SIZE_MAX);
  if (type && type->val.kind != VAL_DTYPE) {
    sema_error(s, type->span, "`dtype` is a type such as f32, not %s", val_describe(s, type->val));
    return POISON;
  }
  Dense d = {0};
  for (Val v = values->val; v.kind == VAL_LIST && d.rank < MAX_RANK; v = v.list.items[0]) {
    d.dims[d.rank++] = v.list.n;
    if (v.list.n) continue;
    sema_error(s, values->span, "a constant has at least one element");
    return POISON;
  }
  Val result = POISON;
  if (dense_add(s, values->val, values->span, 0, &d)) {
    DType dtype = type ? type->val.dtype : DT_F32;
    Blob *blob = blob_malloc(d.data.len * dtype_size(dtype));
    for (size_t i = 0; i < d.data.len; i++) dense_store(dtype, (void *)blob->data, (int64_t)i, d.data.data[i]);
    const char *name = arena_printf(s->arena, "constant:%zu", s->m->weights.len); // weight_is_parameter: no
    Weight *w = graph_dense(s->m, name, type_get(s->m, dtype, d.rank, d.dims), blob);
    result = (Val){.kind = VAL_TENSOR, .tensor = w->value};
  }
  vec_free(&d.data);
  return result;
}

static Val call_builtin(Sema *s, Builtin fn, const Call *c, const Args *args) {
  switch (fn) {
  case BUILTIN_IDENTITY: return identity(s, c, args);
  case BUILTIN_PARAMETER: return parameter(s, c, args);
  case BUILTIN_CONSTANT: return constant(s, c, args);
  default: break;
  }
  bool tensors = false;
  for (size_t i = 0; i < args->len; i++) tensors |= args->data[i].val.kind == VAL_TENSOR || args->data[i].name;
  OpKind op;
  if (tensors && op_from_name(builtin_name(fn), &op)) return opcall(s, op, c, args);
  return call_no_path(s, c, "a function of numbers") ? fold_call(s, fn, c->name->span, args) : POISON;
}

static Val call(Sema *s, const Call *c, Val piped) {
  Callable callee;
  bool known = env_callable(s, c->name, &callee);
  Args args = {0};
  bool ok = gather(s, c, piped, &args) && known && !s->stopped;
  Val v = POISON;
  if (ok && callee.kind == CALLABLE_BUILTIN) v = call_builtin(s, callee.builtin, c, &args);
  if (ok && callee.kind == CALLABLE_OP) v = opcall(s, callee.op, c, &args);
  if (ok && callee.kind == CALLABLE_BLOCK) v = block_call(s, callee.block, c, &args);
  vec_free(&args);
  return v;
}

// A pipeline is walked without recursion, however long it is.
Val call_eval(Sema *s, const Expr *e) {
  Vec(const Expr *) stages = {0};
  for (; e && e->kind == EXPR_CALL; e = e->call.piped) vec_push(&stages, e);
  Val v = e ? eval(s, e) : POISON;
  while (stages.len) {
    e = vec_pop(&stages);
    v = sema_step(s, e->span, 1) ? call(s, &e->call, v) : POISON;
  }
  vec_free(&stages);
  return v;
}
