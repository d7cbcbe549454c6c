#include "tests/conformance/golden.h"
#include "frontend/frontend.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const Span NOWHERE = {0};

Archive *golden_open(const char *folder, const char *op, Diag *d) {
  StrBuf path = {0};
  strbuf_printf(&path, "%s/%s.safetensors", folder, op);
  Archive *a = archive_open(strbuf_str(&path), d);
  strbuf_free(&path);
  return a;
}

// The entry `case3.KIND.NAME`, or `case3.KIND` where name is NULL.
static const ArchiveEntry *find(const Archive *a, int number, const char *kind, const char *name) {
  StrBuf key = {0};
  strbuf_printf(&key, "case%d.%s%s%s", number, kind, name ? "." : "", name ? name : "");
  const ArchiveEntry *e = archive_find(a, strbuf_str(&key));
  strbuf_free(&key);
  return e;
}

int golden_count(const Archive *a) {
  int n = 0;
  while (find(a, n, "nn", NULL)) n++;
  return n;
}

static bool attach(Archive *a, int number, Weight *w, Diag *d) {
  const ArchiveEntry *e = find(a, number, "w", w->name);
  if (!e || e->rank != w->type->rank || memcmp(e->dims, w->type->dims, sizeof(Dim) * (size_t)e->rank) != 0) {
    diag_error(d, NOWHERE, "case %d has no weight `%s` of the model's shape", number, w->name);
    return false;
  }
  w->source = WEIGHT_DENSE;
  w->stored = e->dtype;
  w->blob = archive_blob(a, e, d);
  return w->blob != NULL;
}

// Through a file, as users compile.
static Module *compile(const Blob *text, Diag *d) {
  char path[] = "/tmp/golden-XXXXXX.nn";
  int fd = mkstemps(path, 3);
  bool written = fd >= 0 && write(fd, text->data, text->size) == (ssize_t)text->size;
  if (fd >= 0) close(fd);
  if (!written) diag_error_file(d, path, "cannot be written");
  Module *m = written ? frontend_compile(d, path, &(FrontendOptions){0}, NULL) : NULL;
  unlink(path);
  return m;
}

Module *golden_module(Archive *a, int number, Diag *d) {
  const ArchiveEntry *e = find(a, number, "nn", NULL);
  Blob *text = e ? archive_blob(a, e, d) : NULL;
  if (!text) return NULL;
  Module *m = compile(text, d);
  blob_unref(text);
  bool ok = m != NULL;
  for (size_t k = 0; ok && k < m->weights.len; k++)
    if (m->weights.data[k]->source == WEIGHT_MISSING) ok = attach(a, number, m->weights.data[k], d);
  if (m && !ok) module_destroy(m);
  return ok ? m : NULL;
}

// ---- arrays

// An open dimension takes its size from the first input that shows it bare.
static void set_symbols(Golden *g, const Archive *a, int number, const Module *m) {
  for (size_t k = 0; k < m->inputs.len; k++) {
    const Value *v = m->inputs.data[k];
    const ArchiveEntry *e = find(a, number, "in", v->name);
    for (int axis = 0; e && axis < v->type->rank && axis < e->rank; axis++) {
      int symbol = dim_symbol_index(m->dims, v->type->dims[axis]);
      if (symbol >= 0 && g->symbols[symbol] == 0) g->symbols[symbol] = e->dims[axis];
    }
  }
}

// The value's type with the array's size where a run finds how large it is; NULL: the array is none of that type.
static const Type *type_of(const Golden *g, Module *m, const Value *v, const ArchiveEntry *e) {
  bool fits = e->rank == v->type->rank && e->dtype == v->type->dtype;
  for (int i = 0; fits && i < e->rank; i++) {
    Dim d = v->type->dims[i];
    fits = dim_counts(m->dims, d) || dim_eval(m->dims, d, g->symbols) == e->dims[i];
  }
  return fits ? type_get(m, e->dtype, e->rank, e->dims) : NULL;
}

static bool read_tensor(RefTensor *t, const Golden *g, Archive *a, int number, const char *kind, const char *name,
                        const Value *v, Module *m, Diag *d) {
  const ArchiveEntry *e = find(a, number, kind, name);
  Blob *blob = e ? archive_blob(a, e, d) : NULL;
  const Type *type = blob ? type_of(g, m, v, e) : NULL;
  bool ok = type && ref_tensor_create(t, m, type, g->symbols);
  if (ok)
    ref_tensor_unpack(t, e->dtype, blob->data);
  else
    diag_error(d, NOWHERE, "case %d: the golden array `%s.%s` is missing or no %s", number, kind, name,
               type_str(m, v->type));
  blob_unref(blob);
  return ok;
}

bool golden_read(Golden *g, Archive *a, int number, Module *m, Diag *d) {
  *g = (Golden){.inputs = xcalloc(m->inputs.len + 1, sizeof *g->inputs),
                .expected = xcalloc(m->outputs.len + 1, sizeof *g->expected)};
  set_symbols(g, a, number, m);
  bool ok = true;
  for (size_t k = 0; ok && k < m->inputs.len; k++)
    ok = read_tensor(&g->inputs[k], g, a, number, "in", m->inputs.data[k]->name, m->inputs.data[k], m, d);
  for (size_t k = 0; ok && k < m->outputs.len; k++)
    ok = read_tensor(&g->expected[k], g, a, number, "out", m->outputs.data[k].name, m->outputs.data[k].value, m, d);
  return ok;
}

void golden_free(Golden *g, const Module *m) {
  for (size_t k = 0; k < m->inputs.len; k++) ref_tensor_free(&g->inputs[k]);
  for (size_t k = 0; k < m->outputs.len; k++) ref_tensor_free(&g->expected[k]);
  free(g->inputs);
  free(g->expected);
}
