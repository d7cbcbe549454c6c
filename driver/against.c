#include "driver/against.h"
#include "driver/tap.h"
#include <stdlib.h>
#include <string.h>

bool against_open(Against *a, const char *path, double nmse, Diag *d) {
  *a = (Against){.nmse = nmse};
  if (path) a->archive = archive_open(path, d);
  return !path || a->archive;
}

void against_close(Against *a) {
  for (int i = 0; i < a->n; i++) blob_unref(a->rows[i].data);
  free(a->rows);
  archive_unref(a->archive);
  *a = (Against){0};
}

// ---- which array is which value

static int output_named(const Module *m, const char *name) {
  if (!*name && m->outputs.len == 1) return 0; // of an npy file
  for (size_t i = 0; i < m->outputs.len; i++)
    if (!strcmp(m->outputs.data[i].name, name)) return (int)i;
  return -1;
}

static bool is_input(const Module *m, const char *name) {
  for (size_t i = 0; i < m->inputs.len; i++)
    if (!strcmp(m->inputs.data[i]->name, name)) return true;
  return false;
}

static bool has_shape(const Module *m, const Type *t, const int64_t *symbols, const ArchiveEntry *e) {
  bool same = e->rank == t->rank;
  for (int i = 0; same && i < t->rank; i++) same = dim_eval(m->dims, t->dims[i], symbols) == e->dims[i];
  return same;
}

static void report_shape(const Against *a, const Module *m, const Type *t, const int64_t *symbols,
                         const ArchiveEntry *e, Diag *d) {
  StrBuf have = {0}, want = {0};
  archive_print_type(e, &have);
  for (int i = 0; i < t->rank; i++)
    strbuf_printf(&want, "%s%lld", i ? ", " : "", (long long)dim_eval(m->dims, t->dims[i], symbols));
  diag_error_file(d, a->archive->name, "`%s` is %s, but the model's %s[%s]", e->name, strbuf_str(&have),
                  dtype_name(t->dtype), strbuf_str(&want));
  strbuf_free(&have);
  strbuf_free(&want);
}

static bool add_row(Against *a, const Module *m, const ArchiveEntry *e, const Value *v, int output,
                    const int64_t *symbols, Diag *d) {
  if (!e->unsupported && !has_shape(m, v->type, symbols, e)) return report_shape(a, m, v->type, symbols, e, d), false;
  Blob *data = archive_blob(a->archive, e, d);
  if (!data) return false;
  a->rows[a->n++] = (AgainstArray){.name = *e->name ? e->name : m->outputs.data[output].name,
                                   .value = v,
                                   .output = output,
                                   .dtype = e->dtype,
                                   .data = data,
                                   .count = archive_elements(e)};
  return true;
}

static int by_order(const void *pa, const void *pb) {
  const AgainstArray *a = pa, *b = pb;
  if ((a->output < 0) != (b->output < 0)) return a->output < 0 ? -1 : 1;
  if (a->output != b->output) return a->output < b->output ? -1 : 1;
  return a->value->id < b->value->id ? -1 : a->value->id > b->value->id;
}

static void warn_of_strangers(const Against *a, const StrBuf *names, int n, Diag *d) {
  if (n)
    diag_warning_file(d, a->archive->name, "%d array%s named after no input, output or layer of the model%s", n,
                      n == 1 ? " is" : "s are", strbuf_str(names));
}

static bool warn_of_outputs(const Against *a, const Module *m, Diag *d) {
  for (size_t i = 0; i < m->outputs.len; i++) {
    bool found = false;
    for (int k = 0; k < a->n; k++) found = found || a->rows[k].output == (int)i;
    if (!found && !a->n)
      diag_error_file(d, a->archive->name, "holds no array named after an output or a layer, such as `%s`",
                      m->outputs.data[i].name);
    if (!found && !a->n) return false;
    if (!found) diag_warning_file(d, a->archive->name, "holds no array for the output `%s`", m->outputs.data[i].name);
  }
  return true;
}

bool against_bind(Against *a, const Module *m, const int64_t *symbols, Diag *d) {
  if (!a->archive) return true;
  enum { SHOWN = 20 };
  StrBuf strangers = {0};
  int n_strangers = 0;
  bool ok = true;
  a->rows = xcalloc(a->archive->entries.len + 1, sizeof *a->rows);
  for (size_t i = 0; i < a->archive->entries.len; i++) {
    const ArchiveEntry *e = &a->archive->entries.data[i];
    int layers, output = output_named(m, e->name);
    const Value *v = output >= 0 ? m->outputs.data[output].value : tap_find(m, e->name, &layers);
    if (v)
      ok = add_row(a, m, e, v, output, symbols, d) && ok;
    else if (!is_input(m, e->name) && n_strangers++ < SHOWN)
      strbuf_printf(&strangers, "%s`%s`", n_strangers > 1 ? ", " : ": ", e->name);
  }
  if (n_strangers > SHOWN) strbuf_printf(&strangers, " and %d more", n_strangers - SHOWN);
  warn_of_strangers(a, &strangers, n_strangers, d);
  strbuf_free(&strangers);
  if (a->n) qsort(a->rows, (size_t)a->n, sizeof *a->rows, by_order);
  return ok && warn_of_outputs(a, m, d);
}

// ---- comparing

static bool agrees(const Against *a, const Difference *d) { return d->finite && d->nmse <= a->nmse; }

void against_reference(Against *a, AgainstArray *row, const RefTensor *t) {
  Comparison c = {0};
  if (t->count != row->count) return;
  for (int64_t i = 0; i < row->count; i++) compare_add(&c, ref_at(t, i), dtype_load(row->dtype, row->data->data, i));
  row->reference = compare_end(&c);
  row->reference_ok = agrees(a, &row->reference);
}

void against_native(Against *a, AgainstArray *row, const double *values, int64_t count) {
  Comparison c = {0};
  if (count != row->count) return;
  for (int64_t i = 0; i < row->count; i++) compare_add(&c, values[i], dtype_load(row->dtype, row->data->data, i));
  row->native = compare_end(&c);
  row->has_native = true;
  row->ok = agrees(a, &row->native);
}

const AgainstArray *against_first_bad(const Against *a) {
  for (int i = 0; i < a->n; i++)
    if (a->rows[i].has_native ? !a->rows[i].ok : !a->rows[i].reference_ok) return &a->rows[i];
  return NULL;
}
