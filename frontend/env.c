// Names. Before ( and behind |>: local names bound to ops or blocks, then blocks, then ops, so that values never hide
// ops. Elsewhere: local names, the file's `param`s and `let`s, then blocks, ops and element types.
#include "frontend/sema.h"
#include "frontend/syntax.h"

Binding *env_find(const Frame *f, const char *name) {
  Binding *b = map_get(&f->locals, name);
  return b && b->bound ? b : NULL;
}

void env_bind(Sema *s, const Name *name, Val v, bool loop) {
  Binding *b = map_get(&s->frame->locals, name->text);
  if (!b) map_set(&s->frame->locals, name->text, b = arena_new(s->arena, Binding));
  if (b->bound && (loop || b->loop)) {
    sema_mistake(s, name->span,
                 loop ? "a loop's variable needs a new name: `%s` is bound already"
                      : "`%s` is a loop's variable and cannot be bound again",
                 name->text);
    diag_note(s->diag, b->span, "bound here");
    return;
  }
  *b = (Binding){v, name->span, true, loop};
}

const char *env_callable_name(Callable c) {
  switch (c.kind) {
  case CALLABLE_OP: return op_info(c.op)->name;
  case CALLABLE_BUILTIN: return builtin_name(c.builtin);
  case CALLABLE_BLOCK: return c.block->name->text;
  }
  return "";
}

static bool offered_op(const char *name, OpKind *op) { return op_from_name(name, op) && !op_has(*op, TRAIT_INTERNAL); }

// Blocks, then ops. A folding function that is an op as well is found as the function; call.c sends tensors to the op.
static bool find_definition(Sema *s, const char *name, Callable *c) {
  const Item *block = map_get(&s->frame->file->blocks, name);
  if (block) {
    *c = (Callable){.kind = CALLABLE_BLOCK, .block = block};
    return true;
  }
  Builtin builtin;
  OpKind op;
  if (builtin_from_name(name, &builtin))
    *c = (Callable){.kind = CALLABLE_BUILTIN, .builtin = builtin};
  else if (offered_op(name, &op))
    *c = (Callable){.kind = CALLABLE_OP, .op = op};
  else
    return false;
  return true;
}

typedef Vec(const char *) Candidates;

static void add_keys(Candidates *c, const Map *m) {
  for (size_t i = 0; i < m->cap; i++)
    if (m->table[i].key) vec_push(c, m->table[i].key);
}

static void add_locals(Sema *s, Candidates *c) {
  const Map *m = &s->frame->locals;
  for (size_t i = 0; i < m->cap; i++)
    if (m->table[i].key && env_find(s->frame, m->table[i].key)) vec_push(c, m->table[i].key);
}

static void add_callables(Sema *s, Candidates *c) {
  add_keys(c, &s->frame->file->blocks);
  for (int i = 0; i < OP_COUNT; i++)
    if (!op_has((OpKind)i, TRAIT_INTERNAL)) vec_push(c, op_info((OpKind)i)->name);
  for (int i = 0; i < BUILTIN_COUNT; i++) vec_push(c, builtin_name((Builtin)i));
}

// "; did you mean ...?" of the nearest candidate, else a hint for words of other languages, else nothing.
static const char *advice(Sema *s, const char *word, Candidates *c) {
  const char *near = word[1] ? diag_nearest(word, c->data, (int)c->len) : NULL, *hint = syntax_hint(word);
  vec_free(c);
  if (hint) return arena_printf(s->arena, "; %s", hint);
  return near ? arena_printf(s->arena, "; did you mean `%s`?", near) : "";
}

bool env_callable(Sema *s, const Name *name, Callable *c) {
  const Binding *b = env_find(s->frame, name->text);
  if (b && b->val.kind == VAL_CALLABLE) {
    *c = b->val.callable;
    return true;
  }
  if (find_definition(s, name->text, c)) return true;
  Global *g = map_get(&s->frame->file->globals, name->text);
  Val v = g ? file_global(s, g) : POISON;
  if (v.kind == VAL_CALLABLE) {
    *c = v.callable;
    return true;
  }
  if (b ? b->val.kind == VAL_POISON : g && v.kind == VAL_POISON) return false;
  if (b || g) {
    sema_error(s, name->span, "`%s` is %s, not an op or a block", name->text, val_describe(s, b ? b->val : v));
    return false;
  }
  Candidates near = {0};
  add_callables(s, &near);
  sema_mistake(s, name->span, "unknown op `%s`%s", name->text, advice(s, name->text, &near));
  return false;
}

Val env_value(Sema *s, const Name *name) {
  const Binding *b = env_find(s->frame, name->text);
  if (b) return b->val;
  Global *g = map_get(&s->frame->file->globals, name->text);
  if (g) return file_global(s, g);
  Val v = {.kind = VAL_CALLABLE};
  if (find_definition(s, name->text, &v.callable)) return v;
  v.kind = VAL_DTYPE;
  if (dtype_from_name(name->text, &v.dtype)) return v;
  if (s->frame->damaged) return POISON;
  if ((b = map_get(&s->frame->locals, name->text))) {
    sema_mistake(s, name->span, "the loop's variable `%s` ends with its loop", name->text);
    diag_note(s->diag, b->span, "bound here");
    return POISON;
  }
  Candidates near = {0};
  add_locals(s, &near);
  add_keys(&near, &s->frame->file->globals);
  add_callables(s, &near);
  sema_mistake(s, name->span, "unknown name `%s`%s", name->text, advice(s, name->text, &near));
  return POISON;
}
