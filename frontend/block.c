// Expansion of blocks: their parameters, the dimensions that those bind, their results.
#include "frontend/sema.h"
#include "ir/core/check.h"
#include <string.h>

Frame *block_enter(Sema *s, const Item *def, Span call) {
  Frame *f = xcalloc(1, sizeof *f);
  *f = (Frame){.caller = s->frame, .def = def, .file = file_of(s, def->span.file), .call = call, .prefix = ""};
  if (s->frame) f->prefix = s->frame->prefix, f->tied = s->frame->tied, f->depth = s->frame->depth + 1;
  return s->frame = f;
}

void block_leave(Sema *s) {
  Frame *f = s->frame;
  s->frame = f->caller;
  map_free(&f->locals);
  free(f);
}

// ---- types

static void stated(Sema *s, Span at) {
  diag_note(s->diag, at, "as stated here");
  sema_chain(s);
}

static bool check_dim(Sema *s, const Expr *e, const char *name, Span at, int axis, const Value *v) {
  Dim have = v->type->dims[axis];
  if (e->kind == EXPR_NAME && !strcmp(e->text, "_")) return true;
  if (e->kind == EXPR_NAME && !env_find(s->frame, e->text) && !map_get(&s->frame->file->globals, e->text)) {
    env_bind(s, &(Name){e->text, e->span, NULL}, val_int(have), false);
    return true;
  }
  Val want = eval(s, e);
  if (want.kind != VAL_INT) {
    if (want.kind != VAL_POISON) sema_error(s, e->span, "a dimension is an integer, not %s", val_describe(s, want));
    return false;
  }
  Dim equal = dim_eq(s->m->dims, have, want.i);
  if (equal == 0) {
    StrBuf b = {0};
    dim_print(s->m->dims, want.i, &b);
    sema_mistake(s, at, "`%s` is %s, but its dimension %d has to be %s", name, type_str(s->m, v->type), axis,
                 strbuf_str(&b));
    strbuf_free(&b);
    stated(s, e->span);
    return false;
  }
  if (equal != 1) {
    const char *text = arena_printf(s->m->arena, "dimension %d of `%s` is not as stated", axis, name);
    vec_push(&s->m->assertions, (Assertion){equal, text, e->span});
  }
  return true;
}

bool block_check_type(Sema *s, const TypeExpr *type, const char *name, Span at, Val v) {
  if (v.kind == VAL_POISON) return false;
  if (v.kind != VAL_TENSOR) {
    sema_mistake(s, at, "`%s` is a tensor, not %s", name, val_describe(s, v));
    stated(s, type->span);
    return false;
  }
  const Type *t = v.tensor->type;
  DType dtype;
  if (type->dtype && !dtype_from_name(type->dtype->text, &dtype)) {
    sema_mistake(s, type->dtype->span, "unknown type `%s`", type->dtype->text);
    return false;
  }
  if (type->order) sema_mistake(s, type->order->span, "only a model's inputs have a channel order");
  int rank = 0;
  for (const Expr *e = type->dims; e; e = e->next) rank++;
  if ((type->dtype && dtype != t->dtype) || rank != t->rank) {
    sema_mistake(s, at, "`%s` is %s, but %s%s%d dimension%s %s stated", name, type_str(s->m, t),
                 type->dtype ? type->dtype->text : "", type->dtype ? " of " : "", rank, rank == 1 ? "" : "s",
                 rank == 1 ? "is" : "are");
    stated(s, type->span);
    return false;
  }
  bool ok = true;
  int axis = 0;
  for (const Expr *e = type->dims; e; e = e->next) ok &= check_dim(s, e, name, at, axis++, v.tensor);
  return ok;
}

// ---- arguments

static const ArgVal *find_argument(const Args *args, const char *name, int position) {
  for (size_t i = 0; i < args->len; i++)
    if (args->data[i].name ? !strcmp(args->data[i].name->text, name) : (int)i == position) return &args->data[i];
  return NULL;
}

// Every argument belongs to one parameter.
static bool check_arguments(Sema *s, const Item *def, const Args *args) {
  enum { MOST = 64 };
  const char *names[MOST];
  int n = 0, n_params = 0;
  for (const Param *p = def->params; p; p = p->next, n_params++)
    if (n < MOST) names[n++] = p->name->text;
  for (size_t i = 0; i < args->len; i++) {
    const ArgVal *a = &args->data[i];
    if (!a->name) {
      if ((int)i < n_params) continue;
      sema_mistake(s, a->span, "too many arguments for `%s`, which takes %d", def->name->text, n_params);
      return false;
    }
    int at = 0;
    const Param *p = def->params;
    for (; p && strcmp(p->name->text, a->name->text); p = p->next) at++;
    const ArgVal *first = p ? find_argument(args, p->name->text, at) : NULL;
    if (p && first == a) continue;
    const char *near = p ? NULL : diag_nearest(a->name->text, names, n);
    if (p)
      sema_mistake(s, a->name->span, "`%s` of `%s` is given twice", a->name->text, def->name->text);
    else
      sema_mistake(s, a->name->span, "`%s` has no parameter `%s`%s%s%s", def->name->text, a->name->text,
                   near ? "; did you mean `" : "", near ? near : "", near ? "`?" : "");
    return false;
  }
  return true;
}

// In the block's frame. Defaults see the parameters before them.
static bool bind_params(Sema *s, const Item *def, const Args *args, Span call) {
  bool ok = true;
  int i = 0;
  for (const Param *p = def->params; p; p = p->next, i++) {
    const ArgVal *a = find_argument(args, p->name->text, i);
    Val v = POISON;
    if (a)
      v = a->val;
    else if (p->fallback)
      v = eval(s, p->fallback);
    else {
      sema_mistake(s, call, "`%s` needs its argument `%s`", def->name->text, p->name->text);
      return false;
    }
    ok &= v.kind != VAL_POISON;
    env_bind(s, p->name, v, false);
    if (p->type && v.kind != VAL_POISON)
      ok &= block_check_type(s, p->type, p->name->text, a ? a->span : p->name->span, v);
  }
  return ok;
}

// ---- results

bool block_results(Sema *s, const Item *def, Val *out) {
  bool ok = true;
  int i = 0;
  for (const Param *r = def->results; r; r = r->next, i++) {
    const Binding *b = env_find(s->frame, r->name->text);
    out[i] = b ? b->val : POISON;
    if (!b && !s->frame->damaged) sema_mistake(s, r->name->span, "the result `%s` is never bound", r->name->text);
    if (b && r->type && b->val.kind != VAL_POISON) ok &= block_check_type(s, r->type, r->name->text, b->span, b->val);
    ok &= out[i].kind != VAL_POISON;
  }
  return ok;
}

static Val collect(Sema *s, const Item *def) {
  int n = 0;
  for (const Param *r = def->results; r; r = r->next) n++;
  Val *results = xcalloc((size_t)n, sizeof *results);
  bool ok = block_results(s, def, results);
  Val v = !ok ? POISON : n == 1 ? results[0] : val_list(s, def->span, results, n);
  free(results);
  return v;
}

// ---- calls

static bool is_recursive(Sema *s, const Item *def, Span at) {
  const Frame *again = s->frame;
  while (again && again->def != def) again = again->caller;
  if (!again && s->frame->depth + 1 < MAX_EXPANSION) return false;
  if (!again) {
    sema_error(s, at, "blocks call each other deeper than %d", MAX_EXPANSION);
    return true;
  }
  const char *chain = def->name->text;
  for (const Frame *f = s->frame; f != again; f = f->caller)
    chain = arena_printf(s->arena, "%s -> %s", f->def->name->text, chain);
  sema_mistake(s, at, "the block `%s` contains itself: %s -> %s", def->name->text, def->name->text, chain);
  return true;
}

Val block_call(Sema *s, const Item *def, const Call *c, const Args *args) {
  Span at = c->name->span;
  for (size_t i = 0; i < args->len; i++)
    if (args->data[i].val.kind == VAL_POISON) return POISON;
  if (is_recursive(s, def, at) || !check_arguments(s, def, args)) return POISON;
  const char *path = c->suffix.path ? path_eval(s, &c->suffix) : NULL;
  if (c->suffix.path && !path) return POISON;
  Frame *f = block_enter(s, def, at);
  if (path) f->prefix = path;
  f->tied |= c->suffix.tied;
  Val v = POISON;
  if (bind_params(s, def, args, at)) {
    stmt_run(s, def->body);
    if (!s->stopped) v = collect(s, def);
    if (path && v.kind == VAL_TENSOR && !v.tensor->name) v.tensor->name = intern(s->m->names, path);
  }
  block_leave(s);
  return v;
}
