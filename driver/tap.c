#include "driver/tap.h"
#include <string.h>

static const char *title(const Module *m) { return m->name ? m->name : "model"; }
static bool is_named(const char *name, const char *wanted) { return name && !strcmp(name, wanted); }

static bool is_output(const Module *m, const char *name) {
  for (size_t i = 0; i < m->outputs.len; i++)
    if (!strcmp(m->outputs.data[i].name, name)) return true;
  return false;
}

// The names that there are, one after another, in `out` or only counted.
static int list_names(const Module *m, const char **out) {
  int n = 0;
  for (const Node *node = m->first; node; node = node->next) {
    const char *value = result(node)->name, *layer = node->name;
    if (layer && out) out[n] = layer;
    n += layer != NULL;
    if (value && out) out[n] = value;
    n += value != NULL;
  }
  return n;
}

static void report_unknown(const Module *m, const char *name, Diag *d) {
  const char **names = xcalloc((size_t)list_names(m, NULL) + 1, sizeof *names);
  const char *near = diag_nearest(name, names, list_names(m, names));
  diag_error_file(d, title(m), "there is no layer `%s` to tap%s%s%s", name, near ? "; did you mean `" : "",
                  near ? near : "", near ? "`?" : "");
  free(names);
}

Value *tap_find(const Module *m, const char *name, int *layers) {
  Value *layer = NULL, *block = NULL, *alias = NULL;
  *layers = 0;
  for (const Node *n = m->first; n; n = n->next) {
    if (is_named(n->name, name)) {
      ++*layers;
      layer = n->n_results == 1 ? result(n) : NULL;
    }
    for (int i = 0; i < n->n_results; i++) {
      if (is_named(n->results[i]->name, name)) block = n->results[i];
      if (is_named(n->results[i]->alias, name)) alias = n->results[i];
    }
  }
  if (*layers) return *layers == 1 ? layer : NULL;
  return block ? block : alias;
}

// NULL after a diagnostic.
static Value *find(const Module *m, const char *name, Diag *d) {
  int layers;
  Value *v = tap_find(m, name, &layers);
  if (layers == 1 && !v) diag_error_file(d, title(m), "the layer `%s` has several values", name);
  if (layers > 1) diag_error_file(d, title(m), "there are %d layers `%s`", layers, name);
  if (!layers && !v) report_unknown(m, name, d);
  return v;
}

bool tap_outputs(Module *m, const char *const *names, size_t n, Diag *d) {
  bool ok = true;
  for (size_t i = 0; i < n; i++) {
    if (is_output(m, names[i])) continue;
    Value *v = find(m, names[i], d);
    if (v) graph_output(m, names[i], v);
    ok = ok && v;
  }
  return ok;
}
