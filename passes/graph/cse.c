// cse: a node that computes what an earlier one did gives way to it. Equal: op, attributes, operands (in either order
// where the op commutes), splat weights by value.
//
//   %1 = relu %x : f32[4]
//   %2 = relu %x : f32[4]
//   %3 = add %1, %2 : f32[4]
// becomes
//   %1 = relu %x : f32[4]
//   %2 = add %1, %1 : f32[4]
#include "passes/graph/rewrite.h"
#include <string.h>

typedef struct Table {
  Node **slots;
  size_t size; // a power of two
} Table;

static bool same_value(const Value *a, const Value *b) {
  if (a == b) return true;
  if (!a || !b || a->kind != VALUE_WEIGHT || b->kind != VALUE_WEIGHT || a->type != b->type) return false;
  const Weight *v = a->weight, *w = b->weight;
  return v->source == WEIGHT_SPLAT && w->source == WEIGHT_SPLAT && !memcmp(&v->splat, &w->splat, sizeof v->splat);
}

static uint64_t hash_value(const Value *v) {
  if (!v) return 1;
  if (v->kind == VALUE_WEIGHT && v->weight->source == WEIGHT_SPLAT)
    return hash_bytes(&v->weight->splat, sizeof v->weight->splat, (uintptr_t)v->type);
  return hash_bytes(&v->id, sizeof v->id, 2);
}

static uint64_t hash_node(const Node *n) {
  uint64_t h = hash_bytes(&n->op, sizeof n->op, (uint64_t)n->n_operands);
  for (int i = 0; i < op_info(n->op)->n_attrs; i++) {
    uint64_t a = attr_hash(&n->attrs[i]);
    h = hash_bytes(&a, sizeof a, h);
  }
  uint64_t commuting = 0;
  for (int i = 0; i < n->n_operands; i++) {
    uint64_t v = hash_value(operand(n, i));
    if (op_has(n->op, TRAIT_COMMUTATIVE))
      commuting += v;
    else
      h = hash_bytes(&v, sizeof v, h);
  }
  return hash_bytes(&commuting, sizeof commuting, h);
}

static bool same_operands(const Node *a, const Node *b) {
  bool straight = true;
  for (int i = 0; i < a->n_operands; i++) straight = straight && same_value(operand(a, i), operand(b, i));
  return straight || (op_has(a->op, TRAIT_COMMUTATIVE) && same_value(operand(a, 0), operand(b, 1)) &&
                      same_value(operand(a, 1), operand(b, 0)));
}

static bool same_node(const Node *a, const Node *b) {
  if (a->op != b->op || a->n_operands != b->n_operands || a->n_results != b->n_results) return false;
  for (int i = 0; i < a->n_results; i++)
    if (a->results[i]->type != b->results[i]->type) return false;
  for (int i = 0; i < op_info(a->op)->n_attrs; i++)
    if (!attr_equal(&a->attrs[i], &b->attrs[i])) return false;
  return same_operands(a, b);
}

// The equal node met before, or n itself, which is then entered.
static Node *find_or_add(Table *t, Node *n) {
  size_t i = hash_node(n) & (t->size - 1);
  for (; t->slots[i]; i = (i + 1) & (t->size - 1))
    if (same_node(t->slots[i], n)) return t->slots[i];
  return t->slots[i] = n;
}

bool cse_run(PassContext *c) {
  Table t = {NULL, 16};
  for (const Node *n = c->module->first; n; n = n->next)
    while (t.size < 2 * (size_t)n->id + 2) t.size *= 2;
  t.slots = xcalloc(t.size, sizeof(Node *));
  for (Node *n = c->module->first, *next; n; n = next) {
    next = n->next;
    Node *first = find_or_add(&t, n);
    if (first == n) continue;
    pass_remark(c, n, false, "%s computes what %s did", pass_label(n), pass_label(first));
    for (int i = 0; i < n->n_results; i++) graph_replace_uses(c->module, n->results[i], first->results[i]);
    graph_remove(c->module, n);
    pass_count(c, "repetitions removed", 1);
  }
  free(t.slots);
  return true;
}
