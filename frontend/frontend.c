#include "frontend/frontend.h"
#include "frontend/filter.h"
#include "frontend/sema.h"
#include <string.h>

enum { MAX_ERRORS = 50 };

// The model that `--model` names, or the only one.
static const Item *choose_model(Sema *s, const SourceFile *f, const char *path) {
  const Item *chosen = NULL;
  Vec(const char *) names = {0};
  for (const Item *i = f->items; i; i = i->next) {
    if (i->kind != ITEM_MODEL) continue;
    vec_push(&names, i->name->text);
    if (!s->o->model || !strcmp(s->o->model, i->name->text)) chosen = i;
  }
  StrBuf b = {0};
  for (size_t i = 0; i < names.len; i++) strbuf_printf(&b, "%s%s", i ? ", " : "", names.data[i]);
  if (!names.len)
    diag_error_file(s->diag, path, "there is no model in this file");
  else if (!chosen)
    diag_error_file(s->diag, path, "there is no model `%s`, only %s", s->o->model, strbuf_str(&b));
  else if (!s->o->model && names.len > 1) {
    diag_error_file(s->diag, path, "there are several models: %s; --model=NAME chooses", strbuf_str(&b));
    chosen = NULL;
  }
  strbuf_free(&b);
  vec_free(&names);
  return chosen;
}

static const char *resolve_weights(Sema *s) {
  const char *file = s->o->weights;
  if (!file && s->weights_file) file = file_beside(s, s->weights_span.file, s->weights_file);
  return file ? arena_strdup(s->m->arena, file) : NULL;
}

static bool compile(Sema *s, const char *path) {
  int errors = diag_errors(s->diag);
  const SourceFile *f = file_load(s, path, NULL);
  if (!f || diag_errors(s->diag) != errors) return false;
  file_globals(s);
  const Item *model = choose_model(s, f, path);
  return model && model_expand(s, model) && diag_errors(s->diag) == errors;
}

Module *frontend_compile(Diag *d, const char *path, const FrontendOptions *options, const char **weights_file) {
  FrontendOptions o = options ? *options : (FrontendOptions){0};
  if (o.max_errors <= 0) o.max_errors = MAX_ERRORS;
  o.max_errors += diag_errors(d);
  Sema s = {.diag = d, .arena = arena_create(), .o = &o, .m = module_create(d)};
  s.names = interner_create(s.arena);
  bool ok = compile(&s, path);
  if (weights_file) *weights_file = ok ? resolve_weights(&s) : NULL;
  for (size_t i = 0; i < s.files.len; i++) {
    map_free(&s.files.data[i]->globals);
    map_free(&s.files.data[i]->blocks);
  }
  vec_free(&s.files);
  map_free(&s.weights);
  interner_destroy(s.names);
  arena_destroy(s.arena);
  if (!ok) module_destroy(s.m);
  return ok ? s.m : NULL;
}

bool frontend_parse_only(Diag *d, const char *path) {
  size_t size;
  const char *why;
  char *text = file_read(path, MAX_SOURCE, &size, &why);
  if (!text) {
    diag_error_file(d, path, "not read: %s", why);
    return false;
  }
  Arena *arena = arena_create();
  Interner *names = interner_create(arena);
  Item *items;
  bool ok = filter_parse(d, arena, names, diag_add_source(d, path, text, size), diag_errors(d) + MAX_ERRORS, &items);
  free(text);
  interner_destroy(names);
  arena_destroy(arena);
  return ok;
}
