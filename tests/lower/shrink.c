#include "tests/lower/shrink.h"
#include "ir/core/checked.h"
#include <string.h>

int shrink_count_nodes(const Module *m) {
  int n = 0;
  for (const Node *k = m->first; k; k = k->next) n++;
  return n;
}

// ---- what a step leaves behind

static void remove_unused(Module *m) {
  for (Node *n = m->last, *prev; n; n = prev) {
    prev = n->prev;
    bool used = false;
    for (int i = 0; i < n->n_results; i++) used |= graph_use_count(m, n->results[i]) > 0;
    if (!used) graph_remove(m, n);
  }
  size_t kept = 0;
  for (size_t i = 0; i < m->inputs.len; i++) {
    Value *v = m->inputs.data[i];
    if (!graph_use_count(m, v)) continue;
    v->index = (int)kept;
    m->inputs.data[kept++] = v;
  }
  m->inputs.len = kept;
  graph_drop_unused_weights(m);
}

// ---- ways of making it smaller. Each changes a copy at place k and says whether there was something to change.

typedef bool (*Way)(Module *m, int k);

static Node *node_at(Module *m, int k) {
  Node *n = m->first;
  while (k-- && n) n = n->next;
  return n;
}

static bool without_output(Module *m, int k) {
  if (k >= (int)m->outputs.len || m->outputs.len < 2) return false;
  size_t behind = m->outputs.len - 1 - (size_t)k;
  memmove(&m->outputs.data[k], &m->outputs.data[k + 1], behind * sizeof *m->outputs.data);
  m->outputs.len--;
  return true;
}

static bool operand_instead(Module *m, int k) {
  Node *n = node_at(m, k);
  if (!n || n->n_results != 1) return false;
  for (int i = 0; i < n->n_operands; i++) {
    if (!operand(n, i) || operand(n, i)->type != result(n)->type) continue;
    graph_replace_uses(m, result(n), operand(n, i));
    return true;
  }
  return false;
}

static bool input_instead(Module *m, int k) {
  Node *n = node_at(m, k);
  for (int i = 0; n && i < n->n_results; i++) {
    Value *old = n->results[i];
    if (graph_use_count(m, old))
      graph_replace_uses(m, old, graph_input(m, arena_printf(m->arena, "cut%u", old->id), old->type));
  }
  return n;
}

static bool simple_weight(Module *m, int k) {
  if (k >= (int)m->weights.len || m->weights.data[k]->source == WEIGHT_SPLAT) return false;
  Weight *w = m->weights.data[k];
  graph_replace_uses(m, w->value, graph_splat(m, "w", w->type, 1)->value);
  return true;
}

// Every node anew, so that types follow from those of the inputs; false where one does not fit any more.
static bool infer_again(Module *m) {
  for (Node *n = m->first, *next; n; n = next) {
    next = n->next;
    Value **operands = arena_array(m->arena, Value *, n->n_operands);
    for (int i = 0; i < n->n_operands; i++) operands[i] = operand(n, i);
    NodeSpec spec = {n->op, n->n_operands, operands, n->attrs, n->name, n->span};
    Node *again = graph_node_before(m, n, &spec);
    if (!again || again->n_results != n->n_results) return false;
    for (int i = 0; i < n->n_results; i++) graph_replace_uses(m, n->results[i], again->results[i]);
    graph_remove(m, n);
  }
  return true;
}

static bool smaller_input(Module *m, int k) {
  size_t at = (size_t)k / (2 * MAX_RANK);
  int axis = k / 2 % MAX_RANK;
  if (at >= m->inputs.len) return false;
  Value *v = m->inputs.data[at];
  if (axis >= v->type->rank || !dim_is_const(v->type->dims[axis]) || v->type->dims[axis] < 2) return false;
  Dim dims[MAX_RANK];
  memcpy(dims, v->type->dims, sizeof *dims * (size_t)v->type->rank);
  dims[axis] = k % 2 ? dims[axis] - 1 : dims[axis] / 2;
  v->type = type_get(m, v->type->dtype, v->type->rank, dims);
  return infer_again(m);
}

static const struct {
  Way way;
  bool later; // places are tried from the last one on: much goes with a late node
} WAYS[] = {{without_output, true},
            {input_instead, true},
            {operand_instead, true},
            {simple_weight, true},
            {smaller_input, false}};

static int places(const Module *m, Way way) {
  return way == without_output  ? (int)m->outputs.len
         : way == simple_weight ? (int)m->weights.len
         : way == smaller_input ? (int)m->inputs.len * 2 * MAX_RANK
                                : shrink_count_nodes(m);
}

// What is counted must become less with each step, so that it ends.
static int64_t size(const Module *m) {
  int64_t n = 0;
  for (const Node *k = m->first; k; k = k->next) n += 1000000;
  n += 100000 * (int64_t)m->outputs.len;
  for (size_t i = 0; i < m->weights.len; i++) n += m->weights.data[i]->source != WEIGHT_SPLAT;
  for (size_t i = 0; i < m->inputs.len; i++)
    for (int d = 0; d < m->inputs.data[i]->type->rank; d++)
      n += dim_is_const(m->inputs.data[i]->type->dims[d]) ? m->inputs.data[i]->type->dims[d] : 0;
  return n;
}

static Module *step(Module *m, Way way, int k, const int64_t *symbols, ShrinkFails fails, void *user) {
  Module *less = module_clone(m);
  bool ok = way(less, k);
  diag_clear(less->diag);
  if (ok) remove_unused(less);
  ok = ok && less->outputs.len && size(less) < size(m) && fails(user, less, symbols);
  module_destroy(ok ? m : less);
  return ok ? less : m;
}

static bool smaller_symbol(Module *m, int64_t *symbols, ShrinkFails fails, void *user) {
  for (int i = 0; i < dim_symbol_count(m->dims); i++) {
    int64_t was = symbols[i];
    if (was <= dim_symbol_at(m->dims, i)->min) continue;
    symbols[i]--;
    if (fails(user, m, symbols)) return true;
    symbols[i] = was;
  }
  return false;
}

Module *shrink(Module *m, int64_t *symbols, ShrinkFails fails, void *user) {
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t w = 0; w < sizeof WAYS / sizeof *WAYS; w++)
      for (int i = 0, n = places(m, WAYS[w].way); i < n; i++) {
        Module *less = step(m, WAYS[w].way, WAYS[w].later ? n - 1 - i : i, symbols, fails, user);
        changed |= less != m;
        m = less;
      }
    changed |= smaller_symbol(m, symbols, fails, user);
  }
  return m;
}
