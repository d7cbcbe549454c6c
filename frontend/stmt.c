// Statements. One that fails leaves its names poisoned, or the frame damaged, so that the rest can still be looked at.
#include "frontend/sema.h"

static void bind_target(Sema *s, const Stmt *st, const Name *name, Val v) {
  bool tensors = val_has_tensor(v), empty = v.kind == VAL_LIST && !v.list.n;
  if (v.kind != VAL_POISON && st->kind == STMT_LET && tensors) {
    sema_mistake(s, name->span, "'let' binds compile-time values; %s is bound without it", val_describe(s, v));
    v = POISON;
  } else if (v.kind != VAL_POISON && st->kind == STMT_ASSIGN && !tensors && !empty) {
    sema_mistake(s, name->span, "a compile-time value is bound by 'let': let %s = ...", name->text);
  }
  env_bind(s, name, v, false);
}

static void run_bind(Sema *s, const Stmt *st) {
  Val v = eval(s, st->bind.value);
  const Name *targets = st->bind.targets;
  if (!targets->next) {
    bind_target(s, st, targets, v);
    return;
  }
  int n = 0;
  for (const Name *t = targets; t; t = t->next) n++;
  if (v.kind != VAL_POISON && (v.kind != VAL_LIST || v.list.n != n)) {
    sema_error(s, st->bind.value->span, "%d names need a list of %d values, not %s", n, n, val_describe(s, v));
    v = POISON;
  }
  int i = 0;
  for (const Name *t = targets; t; t = t->next) bind_target(s, st, t, v.kind == VAL_LIST ? v.list.items[i++] : POISON);
}

// ---- loops

static bool bind_pattern(Sema *s, const Pattern *p, Val v) {
  if (p->name) {
    env_bind(s, p->name, v, true);
    return true;
  }
  int n = 0;
  for (const Pattern *i = p->items; i; i = i->next) n++;
  if (v.kind != VAL_LIST || v.list.n != n) {
    sema_error(s, p->span, "this tuple of %d does not match %s", n, val_describe(s, v));
    return false;
  }
  n = 0;
  for (const Pattern *i = p->items; i; i = i->next)
    if (!bind_pattern(s, i, v.list.items[n++])) return false;
  return true;
}

static void unbind_pattern(Sema *s, const Pattern *p) {
  Binding *b = p->name ? map_get(&s->frame->locals, p->name->text) : NULL;
  if (b && b->loop) b->bound = false;
  for (const Pattern *i = p->items; i; i = i->next) unbind_pattern(s, i);
}

static bool may_bind(Sema *s, const Pattern *p) {
  if (p->name) {
    const Binding *b = env_find(s->frame, p->name->text);
    if (!b) return true;
    sema_mistake(s, p->name->span, "a loop's variable needs a new name: `%s` is bound already", p->name->text);
    diag_note(s->diag, b->span, "bound here");
    return false;
  }
  bool ok = true;
  for (const Pattern *i = p->items; i; i = i->next) ok &= may_bind(s, i);
  return ok;
}

static bool iterate(Sema *s, const Stmt *st, Val v) {
  if (!sema_step(s, st->span, 1)) return false;
  bool ok = bind_pattern(s, st->loop.pattern, v);
  if (ok) stmt_run(s, st->loop.body);
  unbind_pattern(s, st->loop.pattern);
  return ok && !s->stopped;
}

static bool run_range(Sema *s, const Stmt *st, Val from) {
  int64_t begin, end;
  Val to = eval(s, st->loop.to);
  if (!val_to_int(s, from, st->loop.from->span, "a range's begin", &begin)) return false;
  if (!val_to_int(s, to, st->loop.to->span, "a range's end", &end)) return false;
  for (int64_t i = begin; i < end; i++)
    if (!iterate(s, st, val_int(i))) return false;
  return true;
}

static bool run_for(Sema *s, const Stmt *st) {
  bool free_names = may_bind(s, st->loop.pattern);
  Val v = eval(s, st->loop.from);
  if (!free_names) return false;
  if (st->loop.to) return run_range(s, st, v);
  if (v.kind != VAL_LIST) {
    if (v.kind != VAL_POISON)
      sema_error(s, st->loop.from->span, "a loop runs over a list or a range such as 0..12, not %s",
                 val_describe(s, v));
    return false;
  }
  for (int i = 0; i < v.list.n; i++)
    if (!iterate(s, st, v.list.items[i])) return false;
  return true;
}

// ---- the others

static bool run_if(Sema *s, const Stmt *st) {
  bool cond;
  if (!val_to_bool(s, eval(s, st->branch.cond), st->branch.cond->span, "a condition", &cond)) return false;
  stmt_run(s, cond ? st->branch.yes : st->branch.no);
  return true;
}

static void run_assert(Sema *s, const Stmt *st) {
  Val cond = eval(s, st->check.cond), text = {.kind = VAL_STRING, .s = "assertion failed"};
  if (st->check.text) text = eval(s, st->check.text);
  if (cond.kind == VAL_POISON || text.kind == VAL_POISON) return;
  if (cond.kind != VAL_BOOL)
    sema_error(s, st->check.cond->span, "an assertion is true or false, not %s", val_describe(s, cond));
  else if (text.kind != VAL_STRING)
    sema_error(s, st->check.text->span, "an assertion's text is a string, not %s", val_describe(s, text));
  else if (cond.i == 0)
    sema_error(s, st->check.cond->span, "%s", text.s);
  else if (!dim_is_const(cond.i))
    vec_push(&s->m->assertions, (Assertion){cond.i, arena_strdup(s->m->arena, text.s), st->check.cond->span});
}

static bool in_model(Sema *s, const Stmt *st, const char *what) {
  if (s->frame->def->kind == ITEM_MODEL) return true;
  sema_mistake(s, st->span, "'%s' stands in a model, not in a block", what);
  return false;
}

static void run_weights(Sema *s, const Stmt *st) {
  Val path = eval(s, st->weights);
  if (!in_model(s, st, "weights") || path.kind == VAL_POISON) return;
  if (path.kind != VAL_STRING) {
    sema_error(s, st->weights->span, "'weights' names a file in a string, not %s", val_describe(s, path));
  } else if (s->weights_file) {
    sema_mistake(s, st->span, "this model has its weights already");
    diag_note(s->diag, s->weights_span, "stated here");
  } else {
    s->weights_file = path.s;
    s->weights_span = st->weights->span;
  }
}

static void run(Sema *s, const Stmt *st) {
  bool ok = true;
  switch (st->kind) {
  case STMT_ASSIGN:
  case STMT_LET: run_bind(s, st); break;
  case STMT_FOR: ok = run_for(s, st); break;
  case STMT_IF: ok = run_if(s, st); break;
  case STMT_ASSERT: run_assert(s, st); break;
  case STMT_WEIGHTS: run_weights(s, st); break;
  case STMT_META:
    if (in_model(s, st, "meta")) meta_add(s, st->meta);
    break;
  }
  if (!ok) s->frame->damaged = true;
}

void stmt_run(Sema *s, const Stmt *list) {
  if (s->depth >= MAX_EVAL_DEPTH) {
    if (list) sema_error(s, list->span, "this nests too deeply");
    s->stopped = true;
    return;
  }
  s->depth++;
  for (const Stmt *st = list; st && sema_step(s, st->span, 1); st = st->next) run(s, st);
  s->depth--;
}
