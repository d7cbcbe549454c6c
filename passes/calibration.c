#include "passes/calibration.h"
#include <stdlib.h>
#include <string.h>

Calibration *calibration_create(void) {
  Calibration *c = xcalloc(1, sizeof *c);
  c->arena = arena_create();
  return c;
}

void calibration_destroy(Calibration *c) {
  if (!c) return;
  for (size_t i = 0; i < c->layers.len; i++) free(c->layers.data[i].mean), free(c->layers.data[i].second);
  vec_free(&c->layers);
  vec_free(&c->values);
  free(c->order);
  arena_destroy(c->arena);
  free(c);
}

void calibration_add(Calibration *c, const CalibrationValue *v) {
  CalibrationValue copy = *v;
  copy.name = arena_strdup(c->arena, v->name);
  copy.means = arena_memdup(c->arena, v->means, sizeof *v->means * (size_t)v->channels);
  vec_push(&c->values, copy);
  free(c->order);
  c->order = NULL;
}

typedef struct Key {
  const Calibration *c;
  size_t i;
} Key;

static int by_name(const void *a, const void *b) {
  const Key *x = a, *y = b;
  return strcmp(x->c->values.data[x->i].name, y->c->values.data[y->i].name);
}

static void sort(Calibration *c) {
  Key *keys = xmalloc(sizeof *keys * (c->values.len + 1));
  for (size_t i = 0; i < c->values.len; i++) keys[i] = (Key){c, i};
  qsort(keys, c->values.len, sizeof *keys, by_name);
  c->order = xmalloc(sizeof *c->order * (c->values.len + 1));
  for (size_t i = 0; i < c->values.len; i++) c->order[i] = keys[i].i;
  free(keys);
}

const CalibrationValue *calibration_find(Calibration *c, const char *name) {
  if (!c->order) sort(c);
  for (size_t low = 0, high = c->values.len; low < high;) {
    size_t middle = low + (high - low) / 2;
    const CalibrationValue *v = &c->values.data[c->order[middle]];
    int sign = strcmp(v->name, name);
    if (!sign) return v;
    if (sign < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

void calibration_add_layer(Calibration *c, const CalibrationLayer *l) {
  vec_push(&c->layers, *l);
  vec_last(&c->layers).name = arena_strdup(c->arena, l->name);
}

const CalibrationLayer *calibration_layer(const Calibration *c, const char *name) {
  for (size_t i = 0; i < c->layers.len; i++)
    if (!strcmp(c->layers.data[i].name, name)) return &c->layers.data[i];
  return NULL;
}

// ---- names

typedef struct Named {
  const char *name;
  uint32_t id; // of a value
} Named;

static int by_place(const void *a, const void *b) {
  const Named *x = a, *y = b;
  int sign = strcmp(x->name, y->name);
  return sign ? sign : x->id < y->id ? -1 : x->id > y->id;
}

// Values of one name are numbered from the second on. Ids are the same whenever the same passes made them.
static void make_unique(Named *named, size_t n, const char **names, Arena *arena) {
  if (n) qsort(named, n, sizeof *named, by_place);
  for (size_t i = 0, first = 0; i < n; i++) {
    if (strcmp(named[i].name, named[first].name)) first = i;
    names[named[i].id] = i == first ? named[i].name : arena_printf(arena, "%s#%zu", named[i].name, i - first + 1);
  }
}

const char **calibration_names(const Module *m, Arena *arena) {
  const char **names = xcalloc(m->n_values + 1, sizeof *names);
  Vec(Named) named = {0};
  for (size_t i = 0; i < m->inputs.len; i++) vec_push(&named, (Named){m->inputs.data[i]->name, m->inputs.data[i]->id});
  for (const Node *n = m->first; n; n = n->next)
    for (int i = 0; i < n->n_results; i++)
      vec_push(&named, (Named){n->name ? n->name : op_info(n->op)->name, n->results[i]->id});
  make_unique(named.data, named.len, names, arena);
  vec_free(&named);
  return names;
}

int calibration_axis(const Type *t) { return t->rank == 4 ? 1 : t->rank - 1; }
