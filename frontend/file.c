// Source files: reading, `use`, and the names that each file sees.
#include "frontend/filter.h"
#include "frontend/sema.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILES = 256 };

// ---- reading

static char *read_all(int fd, size_t max, size_t *size, const char **why) {
  size_t n = 0, cap = 1 << 16;
  char *text = xmalloc(cap);
  for (;;) {
    ssize_t got = read(fd, text + n, cap - n);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      *why = strerror(errno);
    else if ((n += (size_t)got) > max)
      *why = "it is too large";
    else if (got) {
      if (n == cap) text = xrealloc(text, cap *= 2);
      continue;
    } else if (memchr(text, 0, n))
      *why = "it is not a text";
    else {
      *size = n;
      return text;
    }
    free(text);
    return NULL;
  }
}

char *file_read(const char *path, size_t max, size_t *size, const char **why) {
  if (!strcmp(path, "-")) return read_all(STDIN_FILENO, max, size, why);
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a pipe must not hang us
  struct stat st;
  char *text = NULL;
  if (fd < 0 || fstat(fd, &st))
    *why = strerror(errno);
  else if (!S_ISREG(st.st_mode))
    *why = "it is not a regular file";
  else
    text = read_all(fd, max, size, why);
  if (fd >= 0) close(fd);
  return text;
}

const char *file_beside(Sema *s, uint32_t source, const char *path) {
  const char *from = diag_source_name(s->diag, source), *slash = strrchr(from, '/');
  if (path[0] == '/' || !slash) return path;
  return arena_printf(s->arena, "%.*s/%s", (int)(slash - from), from, path);
}

// ---- the names that a file sees

SourceFile *file_of(const Sema *s, uint32_t id) {
  for (size_t i = 0; i < s->files.len; i++)
    if (s->files.data[i]->id == id) return s->files.data[i];
  return NULL;
}

static Span place_of(const SourceFile *f, const char *name) {
  const Item *block = map_get(&f->blocks, name);
  const Global *g = map_get(&f->globals, name);
  return block ? block->name->span : g->item->name->span;
}

// False, with an error at `at`, when the name means something else already.
static bool is_free(Sema *s, const SourceFile *f, const char *name, Span at, const void *meant) {
  const void *block = map_get(&f->blocks, name), *global = map_get(&f->globals, name);
  if (block == meant || global == meant || (!block && !global)) return true;
  diag_error(s->diag, at, "`%s` is defined twice", name);
  diag_note(s->diag, place_of(f, name), "defined here");
  return false;
}

static void check_params(Sema *s, const Param *params) {
  Map seen = {0};
  for (const Param *p = params; p; p = p->next) {
    if (map_get(&seen, p->name->text)) diag_error(s->diag, p->name->span, "`%s` stands twice", p->name->text);
    map_set(&seen, p->name->text, (void *)p);
  }
  map_free(&seen);
}

static void add_globals(Sema *s, SourceFile *f, const Item *item) {
  int index = 0;
  for (const Name *n = item->name; n; n = n->next) {
    Global *g = arena_new(s->arena, Global);
    *g = (Global){.item = item, .name = n->text, .index = n->next || index ? index : -1, .file = f};
    index++;
    if (is_free(s, f, n->text, n->span, g)) map_set(&f->globals, n->text, g);
  }
}

static void import(Sema *s, SourceFile *f, const Item *use, const SourceFile *from) {
  for (size_t i = 0; i < from->blocks.cap; i++) {
    struct MapEntry e = from->blocks.table[i];
    if (e.key && ((const Item *)e.value)->span.file == from->id && is_free(s, f, e.key, use->span, e.value))
      map_set(&f->blocks, e.key, e.value);
  }
  for (size_t i = 0; i < from->globals.cap; i++) {
    struct MapEntry e = from->globals.table[i];
    if (e.key && ((const Global *)e.value)->file == from && is_free(s, f, e.key, use->span, e.value))
      map_set(&f->globals, e.key, e.value);
  }
}

static void define(Sema *s, SourceFile *f) {
  Map models = {0};
  for (const Item *i = f->items; i; i = i->next) {
    if (i->kind == ITEM_PARAM || i->kind == ITEM_LET) add_globals(s, f, i);
    if (i->kind != ITEM_BLOCK && i->kind != ITEM_MODEL) continue;
    check_params(s, i->params);
    check_params(s, i->results);
    const char *name = i->name->text;
    if (i->kind == ITEM_BLOCK && is_free(s, f, name, i->name->span, i)) map_set(&f->blocks, name, (void *)i);
    if (i->kind == ITEM_MODEL && map_get(&models, name))
      diag_error(s->diag, i->name->span, "the model `%s` stands twice", name);
    if (i->kind == ITEM_MODEL) map_set(&models, name, (void *)i);
  }
  map_free(&models);
  for (const Item *i = f->items; i; i = i->next) {
    if (i->kind != ITEM_USE) continue;
    const SourceFile *used = file_load(s, file_beside(s, f->id, i->use), i);
    if (used) import(s, f, i, used);
  }
}

static void report_unread(Sema *s, const char *path, const Item *use, const char *why) {
  if (use)
    diag_error(s->diag, use->span, "`%s` is not read: %s", use->use, why);
  else
    diag_error_file(s->diag, path, "not read: %s", why);
}

SourceFile *file_load(Sema *s, const char *path, const Item *use) {
  char real[PATH_MAX];
  const char *identity = realpath(path, real) ? real : path, *why = "there are too many files";
  for (size_t i = 0; i < s->files.len; i++) {
    SourceFile *known = s->files.data[i];
    if (strcmp(known->real, identity)) continue;
    if (known->loading) diag_error(s->diag, use->span, "`%s` uses itself", use->use);
    return known->loading ? NULL : known;
  }
  size_t size;
  char *text = s->files.len < MAX_FILES ? file_read(path, MAX_SOURCE, &size, &why) : NULL;
  if (!text) {
    report_unread(s, path, use, why);
    return NULL;
  }
  SourceFile *f = arena_new(s->arena, SourceFile);
  *f = (SourceFile){.real = arena_strdup(s->arena, identity), .loading = true};
  f->id = diag_add_source(s->diag, strcmp(path, "-") ? path : "<stdin>", text, size);
  free(text);
  vec_push(&s->files, f);
  Item *items;
  filter_parse(s->diag, s->arena, s->names, f->id, s->o->max_errors, &items);
  f->items = items;
  define(s, f);
  f->loading = false;
  return f;
}

// ---- values at file level

// -Dname=text: a number, true, false, or else a string, of the kind that the default has.
static bool define_value(Sema *s, const char *text, Val like, Val *out) {
  char *end;
  *out = like;
  errno = 0;
  switch (like.kind) {
  case VAL_INT: out->i = strtoll(text, &end, 10); return !*end && end != text && !errno && out->i < DIM_SYMBOLIC;
  case VAL_FLOAT: out->f = strtod(text, &end); return !*end && end != text && !errno && out->f - out->f == 0;
  case VAL_BOOL: out->i = !strcmp(text, "true"); return out->i || !strcmp(text, "false");
  case VAL_STRING: out->s = intern(s->names, text); return true;
  default: return false;
  }
}

static Val with_define(Sema *s, const Global *g, Val v) {
  size_t n = strlen(g->name);
  for (int i = 0; i < s->o->n_defines && v.kind != VAL_POISON; i++) {
    const char *d = s->o->defines[i];
    Val given;
    if (strncmp(d, g->name, n) || d[n] != '=') continue;
    if (define_value(s, d + n + 1, v, &given)) return given;
    diag_error_file(s->diag, "-D", "`%s` is like its default, %s, not '%.60s'", g->name, val_describe(s, v), d + n + 1);
    return POISON;
  }
  return v;
}

static Val global_value(Sema *s, const Global *g) {
  const Item *item = g->item;
  Val v = eval(s, item->value);
  int n_names = 0;
  for (const Name *n = item->name; n; n = n->next) n_names++;
  if (g->index >= 0 && v.kind == VAL_LIST && v.list.n == n_names)
    v = v.list.items[g->index];
  else if (g->index >= 0 && v.kind != VAL_POISON) {
    sema_error(s, item->value->span, "%d names need a list of %d values, not %s", n_names, n_names, val_describe(s, v));
    return POISON;
  }
  if (val_has_tensor(v)) {
    sema_error(s, item->value->span, "a file's values are compile-time values, not %s", val_describe(s, v));
    return POISON;
  }
  return item->kind == ITEM_PARAM ? with_define(s, g, v) : v;
}

Val file_global(Sema *s, Global *g) {
  if (g->state == GLOBAL_DONE) return g->val;
  if (g->state == GLOBAL_BUSY) {
    sema_error(s, g->item->name->span, "the value of `%s` depends on itself", g->name);
    return POISON;
  }
  g->state = GLOBAL_BUSY;
  Frame frame = {.file = g->file, .prefix = "", .depth = s->frame ? s->frame->depth + 1 : 0}, *outer = s->frame;
  s->frame = &frame;
  g->val = global_value(s, g);
  s->frame = outer;
  map_free(&frame.locals);
  g->state = GLOBAL_DONE;
  return g->val;
}

static void check_defines(Sema *s) {
  for (int i = 0; i < s->o->n_defines; i++) {
    const char *d = s->o->defines[i];
    const char *name = intern_n(s->names, d, strcspn(d, "="));
    Vec(const char *) params = {0};
    bool found = false;
    for (size_t f = 0; f < s->files.len; f++) {
      const Map *globals = &s->files.data[f]->globals;
      for (size_t k = 0; k < globals->cap; k++) {
        const Global *g = globals->table[k].value;
        if (!globals->table[k].key || g->item->kind != ITEM_PARAM) continue;
        found |= g->name == name;
        vec_push(&params, g->name);
      }
    }
    const char *near = diag_nearest(name, params.data, (int)params.len);
    if (!strchr(d, '='))
      diag_error_file(s->diag, "-D", "'%.60s': a value is set by -Dname=value", d);
    else if (!found)
      diag_error_file(s->diag, "-D", "there is no param `%.60s`%s%s%s", name, near ? "; did you mean `" : "",
                      near ? near : "", near ? "`?" : "");
    vec_free(&params);
  }
}

void file_globals(Sema *s) {
  check_defines(s);
  for (size_t f = 0; f < s->files.len; f++)
    for (const Item *i = s->files.data[f]->items; i; i = i->next)
      for (const Name *n = i->kind == ITEM_PARAM || i->kind == ITEM_LET ? i->name : NULL; n; n = n->next)
        file_global(s, map_get(&s->files.data[f]->globals, n->text));
}
