// Building and editing a module: inputs, outputs, nodes, uses.
#include "ir/core/check.h"
#include "ir/graph/infer.h"
#include "ir/graph/internal.h"
#include <string.h>

Value *value_create(Module *m, ValueKind kind, const Type *type) {
  Value *v = arena_new(m->arena, Value);
  v->kind = kind;
  v->id = m->n_values++;
  v->type = type;
  return v;
}

Value *graph_input(Module *m, const char *name, const Type *type) {
  Value *v = value_create(m, VALUE_INPUT, type);
  v->name = intern(m->names, name);
  v->index = (int)m->inputs.len;
  vec_push(&m->inputs, v);
  return v;
}

void graph_output(Module *m, const char *name, Value *v) { vec_push(&m->outputs, (Output){intern(m->names, name), v}); }

// ---- uses

static void unlink_use(Use *u) {
  if (!u->value) return;
  *u->link = u->next;
  if (u->next) u->next->link = u->link;
  *u = (Use){.user = u->user};
}

static void link_use(Use *u, Value *v) {
  u->value = v;
  if (!v) return;
  u->next = v->uses;
  u->link = &v->uses;
  if (u->next) u->next->link = &u->next;
  v->uses = u;
}

void graph_set_operand(Node *n, int i, Value *v) {
  CHECK(i >= 0 && i < n->n_operands, "%s has no operand %d", op_info(n->op)->name, i);
  unlink_use(&n->operands[i]);
  link_use(&n->operands[i], v);
}

void graph_replace_uses(Module *m, Value *old, Value *with) {
  CHECK(old != with, "a value replaced by itself");
  while (old->uses) {
    Use *u = old->uses;
    unlink_use(u);
    link_use(u, with);
  }
  for (size_t i = 0; i < m->outputs.len; i++)
    if (m->outputs.data[i].value == old) m->outputs.data[i].value = with;
  if (!with->origin) with->origin = old->origin ? old->origin : old;
}

bool graph_is_output(const Module *m, const Value *v) {
  for (size_t i = 0; i < m->outputs.len; i++)
    if (m->outputs.data[i].value == v) return true;
  return false;
}

int graph_use_count(const Module *m, const Value *v) {
  int n = 0;
  for (const Use *u = v->uses; u; u = u->next) n++;
  for (size_t i = 0; i < m->outputs.len; i++) n += m->outputs.data[i].value == v;
  return n;
}

// ---- counts

Dim graph_count(const Node *n) {
  return op_has(n->op, TRAIT_COUNTED) ? n->attrs[op_count_attr(n->op)].ints[0] : DIM_INVALID;
}

uint64_t graph_counts(const Module *m, const Node *n) {
  uint64_t counts = 0;
  for (int i = 0; i < n->n_results; i++)
    for (int k = 0; n->results[i]->type && k < n->results[i]->type->rank; k++)
      counts |= dim_counts(m->dims, n->results[i]->type->dims[k]);
  for (int i = 0; i < op_info(n->op)->n_attrs; i++)
    for (int k = 0; n->attrs[i].kind == ATTR_DIMS && k < n->attrs[i].n; k++)
      counts |= dim_counts(m->dims, n->attrs[i].ints[k]);
  return counts;
}

bool graph_count_used(const Module *m, const Node *node) {
  uint64_t count = dim_counts(m->dims, graph_count(node));
  for (const Node *n = m->first; count && n; n = n->next)
    if (n != node && graph_counts(m, n) & count) return true;
  for (size_t i = 0; count && i < m->assertions.len; i++)
    if (dim_counts(m->dims, m->assertions.data[i].condition) & count) return true;
  return false;
}

// ---- nodes

static void insert_before(Module *m, Node *n, Node *before) {
  n->next = before;
  n->prev = before ? before->prev : m->last;
  *(n->prev ? &n->prev->next : &m->first) = n;
  *(before ? &before->prev : &m->last) = n;
}

static void unlink_node(Module *m, Node *n) {
  *(n->prev ? &n->prev->next : &m->first) = n->next;
  *(n->next ? &n->next->prev : &m->last) = n->prev;
}

Node *node_create(Module *m, const NodeSpec *spec, int n_slots, const Attr *attrs, Node *before) {
  const OpInfo *info = op_info(spec->op);
  Node *n = arena_new(m->arena, Node);
  n->op = spec->op;
  n->id = m->n_nodes++;
  n->n_operands = n_slots;
  n->operands = arena_array(m->arena, Use, n_slots);
  for (int i = 0; i < n_slots; i++) {
    n->operands[i].user = n;
    link_use(&n->operands[i], i < spec->n_operands ? spec->operands[i] : NULL);
  }
  n->attrs = arena_array(m->arena, Attr, info->n_attrs);
  for (int i = 0; i < info->n_attrs; i++) n->attrs[i] = attr_clone(m, attrs[i]);
  n->name = spec->name ? intern(m->names, spec->name) : NULL;
  n->span = spec->span;
  insert_before(m, n, before);
  return n;
}

// The given attributes, defaults in place of missing ones.
static Attr *fill_attrs(Module *m, const NodeSpec *spec) {
  const OpInfo *info = op_info(spec->op);
  Attr *attrs = arena_array(m->arena, Attr, info->n_attrs);
  for (int i = 0; i < info->n_attrs; i++) {
    if (spec->attrs) attrs[i] = spec->attrs[i];
    if (attrs[i].kind == ATTR_NONE) attrs[i] = op_attr(spec->op, i)->fallback;
    attrs[i] = attr_clone(m, attrs[i]);
  }
  return attrs;
}

// Optional operands that are absent have a slot too, so that passes can set them; variadic ones are just those given.
static int slots_of(const NodeSpec *spec) {
  const OpInfo *info = op_info(spec->op);
  bool variadic = info->operands[info->n_operands - 1].kind == OPERAND_VARIADIC;
  return variadic || spec->n_operands > info->n_operands ? spec->n_operands : info->n_operands;
}

static Node *add_node(Module *m, Node *before, const NodeSpec *spec) {
  int n_slots = slots_of(spec);
  Value **operands = xcalloc((size_t)n_slots + 1, sizeof *operands);
  if (spec->n_operands) memcpy(operands, spec->operands, sizeof *operands * (size_t)spec->n_operands);
  Infer in = {.m = m,
              .op = spec->op,
              .n_operands = n_slots,
              .operands = operands,
              .attrs = fill_attrs(m, spec),
              .span = spec->span};
  bool ok = infer_run(&in);
  free(operands);
  if (!ok) return NULL;
  Node *n = node_create(m, spec, n_slots, in.attrs, before);
  n->n_results = in.n_results;
  n->results = arena_array(m->arena, Value *, in.n_results);
  for (int i = 0; i < in.n_results; i++) {
    Value *v = n->results[i] = value_create(m, VALUE_RESULT, in.results[i]);
    v->node = n;
    v->index = i;
  }
  return n;
}

Node *graph_node(Module *m, const NodeSpec *spec) { return add_node(m, NULL, spec); }
Node *graph_node_before(Module *m, Node *before, const NodeSpec *spec) { return add_node(m, before, spec); }

void graph_remove(Module *m, Node *n) {
  for (int i = 0; i < n->n_results; i++)
    CHECK(graph_use_count(m, n->results[i]) == 0, "%s is removed but its result is used", op_info(n->op)->name);
  for (int i = 0; i < n->n_operands; i++) unlink_use(&n->operands[i]);
  unlink_node(m, n);
}

void graph_move_before(Module *m, Node *n, Node *before) {
  if (n == before || n->next == before) return;
  unlink_node(m, n);
  insert_before(m, n, before);
}
