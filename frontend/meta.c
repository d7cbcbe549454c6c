// What a model says of itself: labels, the preparation of pictures.
#include "frontend/sema.h"
#include <string.h>

// What the preparation of pictures and the tables read, and the kind of each.
static const struct {
  const char *key;
  AttrKind one, many;
  const char *kind;
} known[] = {
    {"labels", ATTR_NONE, ATTR_STRINGS, "a file's name or a list of strings"},
    {"mean", ATTR_NONE, ATTR_FLOATS, "a number or a list of numbers"},
    {"std", ATTR_NONE, ATTR_FLOATS, "a number or a list of numbers"},
    {"scale", ATTR_FLOAT, ATTR_FLOAT, "a number"},
    {"resize", ATTR_INT, ATTR_INTS, "an integer or a list of integers"},
    {"crop", ATTR_INT, ATTR_INTS, "an integer or a list of integers"},
    {"interpolation", ATTR_STRING, ATTR_STRING, "a string"},
    {"description", ATTR_STRING, ATTR_STRING, "a string"},
    {"license", ATTR_STRING, ATTR_STRING, "a string"},
    {"source", ATTR_STRING, ATTR_STRING, "a string"},
};
enum { N_KNOWN = sizeof known / sizeof *known };

// One label a line, in the module's arena. A file that is not there is no error: the model runs without.
static bool read_labels(Sema *s, const char *file, Span at, Attr *out) {
  enum { MOST = 4 << 20 };
  size_t size;
  const char *why;
  char *text = file_read(file_beside(s, at.file, file), MOST, &size, &why);
  if (!text) {
    diag_warning(s->diag, at, "the labels `%s` are not read: %s", file, why);
    return false;
  }
  Vec(const char *) lines = {0};
  for (char *line = text, *end; line < text + size; line = end + 1) {
    end = memchr(line, '\n', size - (size_t)(line - text));
    if (!end) end = text + size;
    size_t n = (size_t)(end - line);
    if (n && line[n - 1] == '\r') n--;
    vec_push(&lines, intern_n(s->m->names, line, n));
  }
  *out = (Attr){ATTR_STRINGS, (int)lines.len,
                .strings = arena_memdup(s->m->arena, lines.data, lines.len * sizeof(char *))};
  vec_free(&lines);
  free(text);
  return true;
}

static AttrKind kind_of(Val v) {
  switch (v.kind) {
  case VAL_INT: return dim_is_const(v.i) ? ATTR_INT : ATTR_NONE;
  case VAL_FLOAT: return ATTR_FLOAT;
  case VAL_BOOL: return dim_is_const(v.i) ? ATTR_BOOL : ATTR_NONE;
  case VAL_STRING: return ATTR_STRING;
  default: return ATTR_NONE;
  }
}

// A list of strings, of integers, or of numbers.
static bool list_attr(Sema *s, Val v, bool real, Attr *out) {
  bool all[ATTR_STRINGS + 1] = {[ATTR_INT] = !real, [ATTR_FLOAT] = true, [ATTR_STRING] = true};
  for (int i = 0; i < v.list.n; i++) {
    AttrKind k = kind_of(v.list.items[i]);
    all[ATTR_INT] &= k == ATTR_INT;
    all[ATTR_FLOAT] &= k == ATTR_INT || k == ATTR_FLOAT;
    all[ATTR_STRING] &= k == ATTR_STRING;
  }
  int64_t *ints = arena_array(s->m->arena, int64_t, v.list.n + 1);
  double *floats = arena_array(s->m->arena, double, v.list.n + 1);
  const char **words = arena_array(s->m->arena, const char *, v.list.n + 1);
  for (int i = 0; i < v.list.n; i++) {
    Val x = v.list.items[i];
    if (all[ATTR_INT])
      ints[i] = x.i;
    else if (all[ATTR_FLOAT])
      floats[i] = x.kind == VAL_INT ? (double)x.i : x.f;
    else if (all[ATTR_STRING])
      words[i] = intern(s->m->names, x.s);
  }
  if (all[ATTR_INT])
    *out = (Attr){ATTR_INTS, v.list.n, .ints = ints};
  else if (all[ATTR_FLOAT])
    *out = (Attr){ATTR_FLOATS, v.list.n, .floats = floats};
  else
    *out = (Attr){ATTR_STRINGS, v.list.n, .strings = words};
  return all[ATTR_INT] || all[ATTR_FLOAT] || all[ATTR_STRING];
}

// The entry as written; numbers that may be fractions as floats.
static bool general(Sema *s, Val v, bool real, Attr *out) {
  if (real && val_is_number(v))
    v = (Val){.kind = VAL_LIST, .list = {arena_memdup(s->arena, &v, sizeof v), 1, 1, false}};
  *out = (Attr){.kind = kind_of(v)};
  switch (out->kind) {
  case ATTR_INT:
  case ATTR_BOOL: out->i = v.i; return true;
  case ATTR_FLOAT: out->f = v.f; return true;
  case ATTR_STRING: out->s = intern(s->m->names, v.s); return true;
  default: return v.kind == VAL_LIST && list_attr(s, v, real, out);
  }
}

static bool entry(Sema *s, const MetaItem *item, Val v, Attr *out) {
  const char *key = item->name->text, *names[N_KNOWN], *wanted = "a number, a string, or a list of one of them";
  int row = -1;
  for (int i = 0; i < N_KNOWN; i++)
    if (!strcmp(names[i] = known[i].key, key)) row = i;
  if (row == 0 && v.kind == VAL_STRING) return read_labels(s, v.s, item->value->span, out);
  bool ok = general(s, v, row >= 0 && known[row].many == ATTR_FLOATS, out);
  if (ok && row >= 0 && known[row].one == ATTR_FLOAT && out->kind == ATTR_INT)
    *out = (Attr){.kind = ATTR_FLOAT, .f = (double)v.i};
  if (row >= 0) wanted = known[row].kind, ok &= out->kind == known[row].one || out->kind == known[row].many;
  if (!ok) sema_error(s, item->value->span, "`%s` is %s, not %s", key, wanted, val_describe(s, v));
  const char *near = row < 0 ? diag_nearest(key, names, N_KNOWN) : NULL;
  if (near) diag_warning(s->diag, item->name->span, "nothing reads the entry `%s`; did you mean `%s`?", key, near);
  return ok;
}

void meta_add(Sema *s, const MetaItem *items) {
  for (const MetaItem *i = items; i && !s->stopped; i = i->next) {
    Val v = eval(s, i->value);
    MetaEntry e = {.key = intern(s->m->names, i->name->text)};
    if (module_meta(s->m, e.key))
      sema_mistake(s, i->name->span, "the entry `%s` stands twice", e.key);
    else if (v.kind != VAL_POISON && entry(s, i, v, &e.value))
      vec_push(&s->m->meta, e);
  }
}
