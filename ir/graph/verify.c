// The invariants of a module:
//   1. Nodes form one doubly linked list; node and value ids are unique and below n_nodes and n_values.
//   2. Every operand is an input or weight of the module, or a result of an earlier node.
//   3. Every operand slot that is set stands once in its value's list of uses, and nothing else does.
//   4. Operand counts, attribute kinds and list lengths are those of ops.def; attributes are normalised: inference
//      leaves them as they are. Every result type is the inferred one but for its layout.
//   5. What inference could not decide is among the assertions.
//   6. Inputs and outputs have names, unique among their kind; there is an output, and outputs are values of the
//   module.
//   7. Inputs and weights may have no elements; then no node reads them.
//   8. Each count is found by one node, before nodes whose attributes or results have it.
//   9. Weights have unique names and row-major types of constant dimensions; their data holds all elements.
#include "ir/graph/infer.h"
#include "ir/graph/internal.h"
#include <string.h>

typedef struct Verifier {
  Module *m;
  StrBuf *problems;
  const Value **known; // by id: the values defined so far
  bool *seen_nodes;
  uint64_t found;           // the counts of the nodes so far
  size_t n_slots, n_linked; // operand slots that are set; uses in the lists
  int n_problems;
} Verifier;

enum { MAX_PROBLEMS = 20 };

__attribute__((format(printf, 2, 3))) static void problem(Verifier *v, const char *fmt, ...) {
  if (++v->n_problems > MAX_PROBLEMS) return;
  va_list ap;
  va_start(ap, fmt);
  strbuf_vprintf(v->problems, fmt, ap);
  va_end(ap);
  strbuf_putc(v->problems, '\n');
}

static const char *node_str(const Verifier *v, const Node *n) {
  const char *op = op_info(n->op)->name;
  return n->name ? arena_printf(v->m->arena, "%s @%s", op, n->name)
                 : arena_printf(v->m->arena, "%s (node %u)", op, n->id);
}

// ---- values

static void define(Verifier *v, const Value *value, ValueKind kind, const char *what) {
  if (value->id >= v->m->n_values || v->known[value->id])
    problem(v, "%s: its value id %u is %s", what, value->id, value->id >= v->m->n_values ? "too large" : "taken");
  else
    v->known[value->id] = value;
  if (value->kind != kind) problem(v, "%s: its value is of the wrong kind", what);
  if (!value->type) problem(v, "%s: its value has no type", what);
}

static bool is_known(const Verifier *v, const Value *value) {
  return value->id < v->m->n_values && v->known[value->id] == value;
}

static void check_uses(Verifier *v, const Value *value) {
  for (const Use *u = value->uses; u; u = u->next) {
    if (u->value != value || *u->link != u) return problem(v, "value %u: its list of uses is broken", value->id);
    if (++v->n_linked > v->n_slots) return; // told once, at the end
  }
}

// ---- the module's lists

static void check_inputs(Verifier *v) {
  Module *m = v->m;
  for (size_t i = 0; i < m->inputs.len; i++) {
    const Value *input = m->inputs.data[i];
    const char *name = input->name ? input->name : "";
    if (!*name) problem(v, "input %zu has no name", i);
    define(v, input, VALUE_INPUT, name);
    if (input->index != (int)i) problem(v, "input %s: its index is %d, not %zu", name, input->index, i);
    for (size_t k = 0; k < i; k++)
      if (m->inputs.data[k]->name == input->name) problem(v, "two inputs named %s", name);
  }
}

static void check_outputs(Verifier *v) {
  Module *m = v->m;
  if (!m->outputs.len) problem(v, "the module has no output");
  for (size_t i = 0; i < m->outputs.len; i++) {
    const Output *o = &m->outputs.data[i];
    if (!o->name || !*o->name) problem(v, "output %zu has no name", i);
    if (!o->value || !is_known(v, o->value)) problem(v, "output %s is no value of the module", o->name ? o->name : "");
    for (size_t k = 0; k < i; k++)
      if (m->outputs.data[k].name == o->name) problem(v, "two outputs named %s", o->name);
  }
}

static void check_weight(Verifier *v, Weight *w) {
  define(v, w->value, VALUE_WEIGHT, w->name);
  if (graph_find_weight(v->m, w->name) != w) problem(v, "two weights named %s", w->name);
  if (w->value->weight != w || w->value->type != w->type) problem(v, "weight %s: its value does not match it", w->name);
  Dim elements = type_elements(v->m, w->type);
  if (w->type->blocked_axis >= 0 || !dim_is_const(elements))
    return problem(v, "weight %s is %s: not row-major of constant dimensions", w->name, type_str(v->m, w->type));
  if (w->blob && w->blob->size / dtype_size(w->stored) < (size_t)elements)
    problem(v, "weight %s: its data ends early", w->name);
}

// ---- nodes

static void check_link(Verifier *v, const Node *n) {
  Module *m = v->m;
  if (n->id >= m->n_nodes || v->seen_nodes[n->id])
    problem(v, "%s: its node id is too large or taken", node_str(v, n));
  else
    v->seen_nodes[n->id] = true;
  const Node *before = n->prev ? n->prev->next : m->first, *after = n->next ? n->next->prev : m->last;
  if (before != n || after != n) problem(v, "%s: the list of nodes is broken", node_str(v, n));
}

static void check_operands(Verifier *v, const Node *n) {
  for (int i = 0; i < n->n_operands; i++) {
    const Use *u = &n->operands[i];
    if (u->user != n) problem(v, "%s: operand %d names another user", node_str(v, n), i);
    if (!u->value) continue;
    v->n_slots++;
    if (!is_known(v, u->value))
      problem(v, "%s: operand %d is not defined before", node_str(v, n), i);
    else if (!u->link || *u->link != u)
      problem(v, "%s: operand %d is not in its value's list of uses", node_str(v, n), i);
  }
}

static void check_results(Verifier *v, Node *n, const Infer *in) {
  if (in->n_results != n->n_results)
    return problem(v, "%s has %d results, not %d", node_str(v, n), n->n_results, in->n_results);
  for (int i = 0; i < n->n_results; i++) {
    const Type *t = n->results[i]->type;
    if (t && type_blocked(v->m, t, -1) != in->results[i])
      problem(v, "%s: its result is %s, not %s", node_str(v, n), type_str(v->m, t), type_str(v->m, in->results[i]));
  }
}

static void check_counts(Verifier *v, const Node *n) {
  uint64_t own = dim_counts(v->m->dims, graph_count(n));
  if (own & v->found) problem(v, "%s: its count is another node's", node_str(v, n));
  v->found |= own;
  if (graph_counts(v->m, n) & ~v->found) problem(v, "%s: it has a count that is not found before", node_str(v, n));
}

// Infers on copies; messages go to `diag`.
static void check_inference(Verifier *v, Node *n, Diag *diag) {
  Module *m = v->m;
  const OpInfo *info = op_info(n->op);
  Value **operands = xcalloc((size_t)n->n_operands + 1, sizeof *operands);
  Attr *attrs = arena_array(m->arena, Attr, info->n_attrs);
  for (int i = 0; i < n->n_operands; i++) operands[i] = operand(n, i);
  for (int i = 0; i < info->n_attrs; i++) attrs[i] = attr_clone(m, n->attrs[i]);
  Infer in = {.m = m, .op = n->op, .n_operands = n->n_operands, .operands = operands, .attrs = attrs};
  size_t asserted = m->assertions.len;
  diag_clear(diag);
  if (!infer_run(&in)) {
    StrBuf why = {0};
    diag_print(diag, &why, false);
    problem(v, "%s: %s", node_str(v, n), strbuf_str(&why));
    strbuf_free(&why);
  } else {
    check_results(v, n, &in);
    for (int i = 0; i < info->n_attrs; i++)
      if (!attr_equal(&attrs[i], &n->attrs[i]))
        problem(v, "%s: attribute %s is not normalised", node_str(v, n), op_attr(n->op, i)->name);
  }
  if (m->assertions.len > asserted) {
    problem(v, "%s: nothing asserts that %s", node_str(v, n), m->assertions.data[asserted].text);
    m->assertions.len = asserted;
  }
  free(operands);
}

static void check_nodes(Verifier *v) {
  Diag *own = v->m->diag, *diag = diag_create();
  v->m->diag = diag;
  for (Node *n = v->m->first; n && v->n_problems <= MAX_PROBLEMS; n = n->next) {
    check_link(v, n);
    check_operands(v, n);
    check_counts(v, n);
    check_inference(v, n, diag);
    for (int i = 0; i < n->n_results; i++) {
      define(v, n->results[i], VALUE_RESULT, node_str(v, n));
      if (n->results[i]->node != n || n->results[i]->index != i)
        problem(v, "%s: result %d names another node", node_str(v, n), i);
    }
  }
  v->m->diag = own;
  diag_destroy(diag);
}

bool graph_verify(Module *m, StrBuf *problems) {
  Verifier v = {.m = m, .problems = problems};
  v.known = xcalloc(m->n_values + 1, sizeof *v.known);
  v.seen_nodes = xcalloc(m->n_nodes + 1, sizeof *v.seen_nodes);
  check_inputs(&v);
  for (size_t i = 0; i < m->weights.len; i++) check_weight(&v, m->weights.data[i]);
  check_nodes(&v);
  check_outputs(&v);
  for (size_t i = 0; i < m->assertions.len; i++)
    if (m->assertions.data[i].condition == DIM_INVALID) problem(&v, "assertion %zu has no condition", i);
  for (uint32_t i = 0; i < m->n_values; i++)
    if (v.known[i]) check_uses(&v, v.known[i]);
  if (!v.n_problems && v.n_linked != v.n_slots)
    problem(&v, "%zu uses are listed for %zu operands", v.n_linked, v.n_slots);
  if (v.n_problems > MAX_PROBLEMS) strbuf_puts(problems, "...\n");
  free(v.known);
  free(v.seen_nodes);
  return v.n_problems == 0;
}
