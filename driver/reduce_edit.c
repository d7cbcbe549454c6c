#include "driver/reduce.h"
#include "ir/core/check.h"
#include <string.h>

typedef struct Rebuild {
  const Module *from;
  Module *m;
  const ReduceEdit *e;
  Value **map; // of the old values, by id; NULL: not there
  bool impossible;
} Rebuild;

// ---- extents

static bool has_symbols(const Type *t) {
  bool any = false;
  for (int i = 0; i < t->rank; i++) any = any || !dim_is_const(t->dims[i]);
  return any;
}

static Dim extent(const ReduceEdit *e, Dim d) { return e->from && !e->input && d == e->from ? e->to : d; }

static const Type *type_of(const Rebuild *r, const Type *t, int input) {
  Dim dims[MAX_RANK];
  for (int i = 0; i < t->rank; i++) dims[i] = extent(r->e, t->dims[i]);
  if (r->e->input && r->e->input == input) dims[r->e->axis] = r->e->to;
  return type_get(r->m, t->dtype, t->rank, dims);
}

// ---- values that nodes read

static bool name_is_free(const Module *m, const char *name) {
  for (size_t i = 0; i < m->inputs.len; i++)
    if (!strcmp(m->inputs.data[i]->name, name)) return false;
  return true;
}

static Value *add_input(Rebuild *r, const Value *old) {
  const char *name = old->kind == VALUE_INPUT ? old->name : NULL;
  for (int i = 0; !name || !name_is_free(r->m, name); i++) name = arena_printf(r->m->arena, "x%d", i);
  return graph_input(r->m, intern(r->m->names, name),
                     type_of(r, old->type, old->kind == VALUE_INPUT ? old->index + 1 : 0));
}

static int64_t fan_in_of(const Type *t) {
  int64_t n = 1;
  for (int i = t->rank > 1; i < t->rank; i++) n *= t->dims[i];
  return n;
}

static int weight_index(const Module *m, const Weight *w) {
  int i = 0;
  while (m->weights.data[i] != w) i++;
  return i;
}

static void strip(Weight *w) {
  blob_unref(w->blob);
  w->blob = NULL;
  w->source = dtype_is_float(w->type->dtype) ? WEIGHT_INIT : WEIGHT_SPLAT;
  w->splat = 0;
  w->seed = 1;
  w->stored = w->type->dtype;
  w->fan_in = fan_in_of(w->type);
}

static Value *add_weight(Rebuild *r, const Value *old) {
  const Weight *from = old->weight;
  const Type *t = type_of(r, from->type, 0);
  Weight *w = graph_weight(r->m, intern(r->m->names, from->name), t, from->source);
  w->file = from->file ? intern(r->m->names, from->file) : NULL;
  w->key = from->key ? intern(r->m->names, from->key) : NULL;
  w->splat = from->splat, w->seed = from->seed, w->stored = from->stored;
  bool made = from->source == WEIGHT_SPLAT || from->source == WEIGHT_INIT, resized = false;
  for (int i = 0; i < t->rank; i++) resized = resized || t->dims[i] != from->type->dims[i];
  w->fan_in = resized ? fan_in_of(t) : from->fan_in;
  if (!made && from->blob) w->blob = from->blob, w->blob->refs++;
  r->impossible = r->impossible || (resized && !made);
  int index = weight_index(r->from, from);
  if (index >= r->e->weights_from && index < r->e->weights_to && !made) strip(w);
  return w->value;
}

static Value *value_of(Rebuild *r, const Value *old) {
  if (!r->map[old->id]) r->map[old->id] = old->kind == VALUE_WEIGHT ? add_weight(r, old) : add_input(r, old);
  return r->map[old->id];
}

// ---- nodes

static Attr attr_of(const Rebuild *r, const Node *n, int i, bool reset) {
  const AttrInfo *info = op_attr(n->op, i);
  Attr a = attr_clone(r->m, reset ? info->fallback : n->attrs[i]);
  if (attr_equal(&a, &info->fallback)) return a;
  if (a.kind == ATTR_INT) a.i = extent(r->e, a.i);
  if (a.kind != ATTR_INTS && a.kind != ATTR_DIMS && a.kind != ATTR_PADDING) return a;
  int64_t *ints = arena_array(r->m->arena, int64_t, a.n);
  for (int k = 0; k < a.n; k++) ints[k] = extent(r->e, a.ints[k]);
  a.ints = ints;
  return a;
}

static bool add_node(Rebuild *r, const Node *n, int index) {
  int n_attrs = op_info(n->op)->n_attrs;
  Value **operands = arena_array(r->m->arena, Value *, n->n_operands + 1);
  Attr *attrs = arena_array(r->m->arena, Attr, n_attrs + 1);
  for (int i = 0; i < n->n_operands; i++)
    if (operand(n, i)) operands[i] = value_of(r, operand(n, i));
  for (int i = 0; i < n_attrs; i++) attrs[i] = attr_of(r, n, i, r->e->node == index + 1 && r->e->attr == i);
  NodeSpec spec = {n->op, n->n_operands, operands, attrs, n->name ? intern(r->m->names, n->name) : NULL, {0}};
  Node *made = r->impossible ? NULL : graph_node(r->m, &spec);
  if (!made || made->n_results != n->n_results) return false;
  for (int i = 0; i < n->n_results; i++) {
    made->results[i]->type = type_blocked(r->m, made->results[i]->type, n->results[i]->type->blocked_axis);
    r->map[n->results[i]->id] = made->results[i];
  }
  return true;
}

static bool add_nodes(Rebuild *r) {
  int index = 0;
  for (const Node *n = r->from->first; n; n = n->next, index++) {
    if (index >= r->e->drop_from && index < r->e->drop_to) continue;
    if (r->e->bypass == index + 1)
      r->map[result(n)->id] = value_of(r, operand(n, r->e->through));
    else if (!add_node(r, n, index))
      return false;
  }
  return true;
}

// ---- outputs

static bool output_is_named(const Module *m, const char *name) {
  for (size_t i = 0; i < m->outputs.len; i++)
    if (!strcmp(m->outputs.data[i].name, name)) return true;
  return false;
}

static bool is_kept(const Rebuild *r, const Value *v) { return r->map[v->id] && r->map[v->id]->kind == VALUE_RESULT; }

// Those that are left, then what nothing reads any more.
static void add_outputs(Rebuild *r) {
  for (size_t i = 0; i < r->from->outputs.len; i++) {
    const Output *o = &r->from->outputs.data[i];
    if (is_kept(r, o->value) && r->e->output != (int)i + 1)
      graph_output(r->m, intern(r->m->names, o->name), r->map[o->value->id]);
  }
  for (const Node *n = r->m->first; n; n = n->next) {
    bool used = false;
    for (int i = 0; i < n->n_results; i++) used = used || graph_use_count(r->m, n->results[i]);
    const char *name = NULL;
    for (int i = 0; !used && (!name || output_is_named(r->m, name)); i++) name = arena_printf(r->m->arena, "y%d", i);
    if (name) graph_output(r->m, name, result(n));
  }
}

// Inputs in the order of the old ones, then those that were values; the ones that nothing reads are gone.
static void sort_inputs(Rebuild *r) {
  size_t n = 0;
  Value **sorted = xcalloc(r->m->inputs.len + 1, sizeof *sorted);
  for (size_t i = 0; i < r->from->inputs.len; i++)
    if (r->map[r->from->inputs.data[i]->id]) sorted[n++] = r->map[r->from->inputs.data[i]->id];
  for (size_t i = 0; i < r->m->inputs.len; i++) {
    bool old = false;
    for (size_t k = 0; k < n; k++) old = old || sorted[k] == r->m->inputs.data[i];
    if (!old) sorted[n++] = r->m->inputs.data[i];
  }
  CHECK(n == r->m->inputs.len, "%zu inputs of %zu", n, r->m->inputs.len);
  for (size_t i = 0; i < n; i++) {
    r->m->inputs.data[i] = sorted[i];
    sorted[i]->index = (int)i;
  }
  free(sorted);
}

static bool needs_symbols(const Module *m) {
  for (size_t i = 0; i < m->inputs.len; i++)
    if (has_symbols(m->inputs.data[i]->type)) return true;
  for (const Node *n = m->first; n; n = n->next)
    for (int i = 0; i < n->n_results; i++)
      if (has_symbols(n->results[i]->type)) return true;
  return false;
}

Module *reduce_edit(const Module *m, const ReduceEdit *e, Diag *diag) {
  Rebuild r = {.from = m, .m = module_create(diag), .e = e, .map = xcalloc(m->n_values + 1, sizeof *r.map)};
  r.m->name = intern(r.m->names, m->name ? m->name : "model");
  if (needs_symbols(m)) {
    dim_table_destroy(r.m->dims);
    r.m->dims = dim_table_clone(m->dims, r.m->arena);
  }
  bool ok = add_nodes(&r) && !r.impossible && r.m->first;
  if (ok) sort_inputs(&r);
  if (ok) add_outputs(&r);
  free(r.map);
  diag_clear(diag);
  if (ok) return r.m;
  module_destroy(r.m);
  return NULL;
}
