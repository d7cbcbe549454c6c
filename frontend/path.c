// Paths, and the weights that they name.
#include "frontend/sema.h"
#include <string.h>

static bool part(Sema *s, const PathPart *p, StrBuf *b) {
  if (p->text) {
    strbuf_puts(b, p->text);
    return true;
  }
  int64_t i;
  if (!val_to_int(s, eval(s, p->expr), p->expr->span, "a number in a path", &i)) return false;
  strbuf_printf(b, "%lld", (long long)i);
  return true;
}

// Segments joined by single dots.
static bool well_formed(const char *path) {
  size_t n = strlen(path);
  return n && path[0] != '.' && path[n - 1] != '.' && !strstr(path, "..");
}

const char *path_eval(Sema *s, const Suffix *suffix) {
  const char *prefix = s->frame->prefix, *path = NULL;
  StrBuf b = {0};
  bool ok = true;
  for (const PathPart *p = suffix->path; p && ok; p = p->next) ok = part(s, p, &b);
  if (!ok)
    path = NULL;
  else if (!strcmp(strbuf_str(&b), ".")) {
    if (*prefix)
      path = prefix;
    else
      sema_error(s, suffix->span, "'@.' is the path of the block's own call, and that has none");
  } else if (!well_formed(strbuf_str(&b))) {
    sema_mistake(s, suffix->span, "'%.60s' is no path: segments are joined by single dots", strbuf_str(&b));
  } else if (b.len + strlen(prefix) > MAX_PATH) {
    sema_error(s, suffix->span, "this path is longer than %d bytes", MAX_PATH);
  } else {
    path = arena_printf(s->arena, "%s%s%s", prefix, *prefix ? "." : "", strbuf_str(&b));
  }
  strbuf_free(&b);
  return path;
}

Value *path_weight(Sema *s, Span at, const char *name, const Type *type, bool tied) {
  const char *key = intern(s->m->names, name);
  WeightUse *use = map_get(&s->weights, key);
  if (!use) {
    use = arena_new(s->arena, WeightUse);
    *use = (WeightUse){graph_weight(s->m, key, type, WEIGHT_MISSING), at};
    map_set(&s->weights, key, use);
    return use->weight->value;
  }
  if (!tied && !s->frame->tied) {
    sema_error(s, at, "the weight `%s` exists already; write 'tied' before the path to share it", name);
  } else if (use->weight->type != type) {
    sema_error(s, at, "the shared weight `%s` is %s here, but %s where it was first used", name, type_str(s->m, type),
               type_str(s->m, use->weight->type));
  } else {
    return use->weight->value;
  }
  diag_note(s->diag, use->span, "first used here");
  return NULL;
}
