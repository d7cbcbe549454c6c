// Modules: creation, destruction, deep copies.
#include "ir/core/check.h"
#include "ir/graph/internal.h"
#include <string.h>

Module *module_create(Diag *diag) {
  Arena *arena = arena_create();
  Module *m = arena_new(arena, Module);
  m->arena = arena;
  m->diag = diag;
  m->names = interner_create(arena);
  m->dims = dim_table_create(arena);
  m->types = type_table_create();
  m->name = "";
  return m;
}

void module_destroy(Module *m) {
  if (!m) return;
  for (size_t i = 0; i < m->weights.len; i++) blob_unref(m->weights.data[i]->blob);
  vec_free(&m->inputs);
  vec_free(&m->outputs);
  vec_free(&m->weights);
  vec_free(&m->meta);
  vec_free(&m->assertions);
  weight_index_destroy(m->weight_index);
  type_table_destroy(m->types);
  interner_destroy(m->names);
  dim_table_destroy(m->dims);
  arena_destroy(m->arena);
}

MetaEntry *module_meta(const Module *m, const char *key) {
  for (size_t i = 0; i < m->meta.len; i++)
    if (!strcmp(m->meta.data[i].key, key)) return &m->meta.data[i];
  return NULL;
}

Attr attr_clone(Module *m, Attr a) {
  size_t n = (size_t)a.n;
  switch (a.kind) {
  case ATTR_ENUM:
  case ATTR_STRING: a.s = intern(m->names, a.s); break;
  case ATTR_INTS:
  case ATTR_DIMS:
  case ATTR_PADDING: a.ints = n ? arena_memdup(m->arena, a.ints, n * sizeof *a.ints) : NULL; break;
  case ATTR_FLOATS: a.floats = n ? arena_memdup(m->arena, a.floats, n * sizeof *a.floats) : NULL; break;
  case ATTR_STRINGS: {
    const char **strings = arena_array(m->arena, const char *, n);
    for (size_t i = 0; i < n; i++) strings[i] = intern(m->names, a.strings[i]);
    a.strings = strings;
    break;
  }
  default: break;
  }
  return a;
}

// ---- copies. `map[id]` is the copy of the value with this id.

static const Type *clone_type(Module *m, const Type *t) {
  return type_blocked(m, type_get(m, t->dtype, t->rank, t->dims), t->blocked_axis);
}

static const char *clone_name(Module *m, const char *name) { return name ? intern(m->names, name) : NULL; }

static Value *clone_value(Module *m, const Value *v, Value **map) {
  Value *c = value_create(m, v->kind, clone_type(m, v->type));
  c->id = v->id;
  c->name = clone_name(m, v->name);
  c->alias = clone_name(m, v->alias);
  c->index = v->index;
  return map[v->id] = c;
}

static void clone_weight(Module *m, const Weight *w, Value **map) {
  Weight *c = arena_memdup(m->arena, w, sizeof *w);
  c->name = intern(m->names, w->name);
  c->type = clone_type(m, w->type);
  c->file = clone_name(m, w->file);
  c->key = clone_name(m, w->key);
  c->value = clone_value(m, w->value, map);
  c->value->weight = c;
  if (c->blob) c->blob->refs++;
  vec_push(&m->weights, c);
}

static void clone_node(Module *m, const Node *n, Value **map) {
  Value **operands = xcalloc((size_t)n->n_operands + 1, sizeof *operands);
  for (int i = 0; i < n->n_operands; i++)
    if (operand(n, i)) operands[i] = map[operand(n, i)->id];
  NodeSpec spec = {n->op, n->n_operands, operands, n->attrs, n->name, n->span};
  Node *c = node_create(m, &spec, n->n_operands, n->attrs, NULL);
  free(operands);
  c->id = n->id;
  c->n_results = n->n_results;
  c->results = arena_array(m->arena, Value *, n->n_results);
  for (int i = 0; i < n->n_results; i++) {
    c->results[i] = clone_value(m, n->results[i], map);
    c->results[i]->node = c;
  }
}

static void clone_lists(Module *c, const Module *m, Value **map) {
  for (size_t i = 0; i < m->outputs.len; i++) {
    Output o = m->outputs.data[i];
    vec_push(&c->outputs, (Output){intern(c->names, o.name), map[o.value->id]});
  }
  for (size_t i = 0; i < m->meta.len; i++) {
    MetaEntry e = m->meta.data[i];
    vec_push(&c->meta, (MetaEntry){intern(c->names, e.key), attr_clone(c, e.value)});
  }
  for (size_t i = 0; i < m->assertions.len; i++) {
    Assertion a = m->assertions.data[i];
    vec_push(&c->assertions, (Assertion){a.condition, arena_strdup(c->arena, a.text), a.span});
  }
}

Module *module_clone(const Module *m) {
  Module *c = module_create(m->diag);
  dim_table_destroy(c->dims);
  c->dims = dim_table_clone(m->dims, c->arena);
  c->name = intern(c->names, m->name);
  Value **map = xcalloc(m->n_values + 1, sizeof *map);
  for (size_t i = 0; i < m->inputs.len; i++) vec_push(&c->inputs, clone_value(c, m->inputs.data[i], map));
  for (size_t i = 0; i < m->weights.len; i++) clone_weight(c, m->weights.data[i], map);
  for (const Node *n = m->first; n; n = n->next) clone_node(c, n, map);
  clone_lists(c, m, map);
  free(map);
  c->n_values = m->n_values;
  c->n_nodes = m->n_nodes;
  return c;
}
