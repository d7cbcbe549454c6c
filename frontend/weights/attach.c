#include "frontend/weights/weights.h"
#include <string.h>

typedef struct Misfit {
  const Weight *weight;
  const ArchiveEntry *found; // NULL: missing
} Misfit;

static bool convertible(DType from, DType to) { return from == to || (dtype_is_float(from) && dtype_is_float(to)); }

static bool fits(const Weight *w, const ArchiveEntry *e) {
  const Type *t = w->type;
  return !e->unsupported && e->rank == t->rank && convertible(e->dtype, t->dtype) &&
         (!e->rank || !memcmp(e->dims, t->dims, sizeof(Dim) * (size_t)e->rank));
}

static bool attach(Weight *w, Archive *a, const ArchiveEntry *e, Diag *d) {
  Blob *b = archive_blob(a, e, d);
  if (!b) return false;
  weight_drop_cache(w); // of a splat
  w->source = WEIGHT_FILE;
  w->stored = e->dtype;
  w->blob = b;
  return true;
}

static bool seed(const Module *m, Weight *w, uint64_t s, Diag *d) {
  if (weight_count(w) > WEIGHT_MADE_MAX) {
    diag_error_file(d, m->name, "`%s` is too large to be seeded: it has more than 2^30 elements", w->name);
    return false;
  }
  w->source = WEIGHT_INIT;
  w->seed = s;
  w->fan_in = 1;
  for (int i = w->type->rank > 1; i < w->type->rank; i++) w->fan_in *= w->type->dims[i];
  return true;
}

static void report_misfits(const Module *m, const Archive *a, const Misfit *list, size_t n, Diag *d) {
  StrBuf b = {0}, type = {0};
  int name_width = 0, type_width = 0;
  for (int pass = 0; pass < 2; pass++) {
    for (size_t i = 0; i < n; i++) {
      const Weight *w = list[i].weight;
      strbuf_clear(&type);
      type_print(m, w->type, &type);
      if (!pass) {
        if ((int)strlen(w->name) > name_width) name_width = (int)strlen(w->name);
        if ((int)type.len > type_width) type_width = (int)type.len;
        continue;
      }
      strbuf_printf(&b, "\n   %-*s   expected %-*s   ", name_width, w->name, type_width, type.s);
      if (!list[i].found)
        strbuf_puts(&b, "missing");
      else
        strbuf_puts(&b, "found "), archive_print_type(list[i].found, &b);
    }
  }
  const char *hint = a ? "" : "; name a file (`weights \"...\"` or --weights=FILE), or fill them with --init=SEED";
  size_t total = m->weights.len;
  diag_error_file(d, a ? a->name : m->name, "%zu of %zu weight%s %s%s%s", n, total, total == 1 ? "" : "s",
                  a        ? n == 1 ? "does not fit" : "do not fit"
                  : n == 1 ? "has no data"
                           : "have no data",
                  hint, strbuf_str(&b));
  for (size_t i = 0; i < n; i++) {
    strbuf_clear(&type);
    strbuf_printf(&type, "%s: ", list[i].weight->name);
    type_print(m, list[i].weight->type, &type);
    diag_expected(d, type.s);
  }
  strbuf_free(&type);
  strbuf_free(&b);
}

static bool ignored(const char *name) {
  static const char *const tails[] = {"num_batches_tracked", "relative_position_index"};
  size_t n = strlen(name);
  for (int i = 0; i < 2; i++) {
    size_t k = strlen(tails[i]);
    if (n >= k && !strcmp(name + n - k, tails[i])) return true;
  }
  return false;
}

static void report_superfluous(const Module *m, const Archive *a, Diag *d) {
  enum { SHOWN = 20 };
  StrBuf b = {0};
  int n = 0;
  for (size_t i = 0; i < a->entries.len; i++) {
    const ArchiveEntry *e = &a->entries.data[i];
    if (ignored(e->name) || graph_find_weight(m, e->name)) continue;
    if (n++ >= SHOWN) continue;
    strbuf_printf(&b, "\n   %s   ", e->name);
    archive_print_type(e, &b);
  }
  if (n > SHOWN) strbuf_printf(&b, "\n   and %d more", n - SHOWN);
  if (n)
    diag_warning_file(d, a->name, "%d weight%s the model does not use%s", n, n == 1 ? " that" : "s that",
                      strbuf_str(&b));
  strbuf_free(&b);
}

bool weights_attach(Module *m, Archive *a, const uint64_t *init_seed, Diag *d) {
  Vec(Misfit) misfits = {0};
  bool ok = true;
  for (size_t i = 0; i < m->weights.len; i++) {
    Weight *w = m->weights.data[i];
    if (w->source != WEIGHT_MISSING && w->source != WEIGHT_SPLAT) continue;
    const ArchiveEntry *e = a ? archive_find(a, w->name) : NULL;
    if (e && fits(w, e)) {
      ok &= attach(w, a, e, d);
      w->file = arena_strdup(m->arena, a->name);
      w->key = w->name;
    } else if (!e && w->source == WEIGHT_MISSING && init_seed) {
      ok &= seed(m, w, *init_seed, d);
    } else if (e || w->source == WEIGHT_MISSING) {
      vec_push(&misfits, (Misfit){w, e});
    }
  }
  if (misfits.len) report_misfits(m, a, misfits.data, misfits.len, d);
  ok &= misfits.len == 0;
  vec_free(&misfits);
  if (a) report_superfluous(m, a, d);
  return ok;
}

void weights_print_shape(const Weight *w, StrBuf *out) {
  for (int i = 0; i < w->type->rank; i++) strbuf_printf(out, "%s%lld", i ? "x" : "", (long long)w->type->dims[i]);
}

// ---- files that a text names

struct WeightFiles {
  Vec(Archive *) archives;
};

WeightFiles *weight_files_create(void) { return xcalloc(1, sizeof(WeightFiles)); }

void weight_files_destroy(WeightFiles *f) {
  if (!f) return;
  for (size_t i = 0; i < f->archives.len; i++) archive_unref(f->archives.data[i]);
  vec_free(&f->archives);
  free(f);
}

// A text has one folder, so the name alone tells its files apart.
static Archive *archive_named(WeightFiles *f, Diag *d, const char *dir, const char *file) {
  for (size_t i = 0; i < f->archives.len; i++)
    if (!strcmp(f->archives.data[i]->name, file)) return f->archives.data[i];
  Archive *a = archive_open_beneath(dir, file, d);
  if (a) vec_push(&f->archives, a);
  return a;
}

Blob *weight_files_open(void *files, Diag *d, const char *dir, const char *file, const char *key, DType *stored,
                        int *rank, Dim *dims) {
  Archive *a = archive_named(files, d, dir, file);
  if (!a) return NULL;
  const ArchiveEntry *e = archive_find(a, key);
  if (!e) return diag_error_file(d, file, "holds no `%s`", key), NULL;
  *stored = e->dtype;
  *rank = e->rank;
  memcpy(dims, e->dims, sizeof(Dim) * (size_t)e->rank);
  return archive_blob(a, e, d);
}
