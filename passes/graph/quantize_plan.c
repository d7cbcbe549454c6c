#include "passes/graph/quantize_plan.h"
#include "passes/graph/excluded.h"

// ---- decided layers

static const char *nearest_layer(const PassContext *c, const char *name) {
  Vec(const char *) names = {0};
  for (const Node *n = c->module->first; n; n = n->next)
    if (quantize_is_layer(n)) vec_push(&names, pass_label(n));
  const char *near = diag_nearest(name, names.data, (int)names.len);
  vec_free(&names);
  return near;
}

bool quantize_decided(PassContext *c) {
  const Decisions *d = c->options.decisions;
  bool ok = true;
  for (size_t i = 0; d && i < d->list.len; i++) {
    const Node *n = c->module->first;
    while (n && !(quantize_is_layer(n) && decisions_holds_for(&d->list.data[i], pass_label(n)))) n = n->next;
    if (n) continue;
    const char *layer = d->list.data[i].layer, *near = nearest_layer(c, layer);
    ok = false;
    if (near)
      diag_error(c->diag, (Span){0}, "the decisions name `%s`, which is no layer of the network; did you mean `%s`?",
                 layer, near);
    else
      diag_error(c->diag, (Span){0}, "the decisions name `%s`, which is no layer of the network", layer);
  }
  return ok;
}

// ---- layers

static QuantizeMethod asked(const PassContext *c, const Node *n, QuantizeMethod method) {
  const Decision *d = decisions_of(c->options.decisions, pass_label(n));
  return d ? d->integers : method;
}

// Why a layer stays in f32; NULL: it need not.
static const char *obstacle(const PassContext *c, Node *n, QuantizeMethod method) {
  Product p;
  const Value *x = operand(n, 0);
  if (excluded(c, n)) return "--exclude says so";
  if (x->type->dtype != DT_F32 || result(n)->type->dtype != DT_F32) return "it is not of f32";
  if (x->kind == VALUE_WEIGHT) return "its input is constant";
  if (n->op == OP_MATMUL) return "it multiplies two values";
  if (n->op == OP_CONV_TRANSPOSE2D) return "there are no integers for transposed convolutions";
  if (!product_of_node(n, &p)) return "its weights are computed";
  if (method == QUANTIZE_NONE) return "so it is decided";
  if (method == QUANTIZE_DYNAMIC && n->op != OP_LINEAR) return "int8,dynamic is for linear layers";
  return NULL;
}

bool quantize_is_layer(const Node *n) { return op_has(n->op, TRAIT_EPILOGUE) || n->op == OP_MATMUL; }

static void choose_layers(QuantizePlan *p, PassContext *c, QuantizeMethod method) {
  for (Node *n = c->module->first; n; n = n->next) {
    if (n->op == OP_ATTENTION_CORE || n->op == OP_SCALED_DOT_PRODUCT_ATTENTION)
      pass_refuse(c, n, "stays in f32", "its products are part of a softmax");
    if (!quantize_is_layer(n)) continue;
    QuantizeMethod own = asked(c, n, method);
    const char *why = obstacle(c, n, own);
    p->layer[n->id] = why ? QUANTIZE_NONE : own;
    if (why) pass_refuse(c, n, "stays in f32", "%s", why);
  }
}

// ---- values between them

// Ops that are as well done with integers where their results are wanted as such.
typedef enum Manner { OTHER, MOVES, COMPUTES } Manner; // MOVES: the result's integers are the operand's

static Manner manner_of(const Node *n) {
  switch (n->op) {
  case OP_MAX_POOL2D: return n->n_results == 1 ? MOVES : OTHER;
  case OP_RESHAPE:
  case OP_PERMUTE:
  case OP_SLICE:
  case OP_CONCAT: return MOVES;
  case OP_AVG_POOL2D:
  case OP_ADAPTIVE_AVG_POOL2D:
  case OP_ADAPTIVE_MAX_POOL2D:
  case OP_RELU:
  case OP_RELU6:
  case OP_HARDSWISH:
  case OP_ADD:
  case OP_MUL: return COMPUTES;
  default: return OTHER;
  }
}

static bool quantizable(const Value *v) {
  return v && v->kind != VALUE_WEIGHT && v->type->dtype == DT_F32 && v->type->rank;
}

// Where broadcasting makes a small operand large nothing is saved.
static bool is_whole(const Node *n, int i) {
  const Type *x = operand(n, i)->type, *y = result(n)->type;
  bool whole = x->rank == y->rank;
  for (int k = 0; whole && k < x->rank; k++) whole = x->dims[k] == y->dims[k];
  return whole || !op_is_elementwise(n->op);
}

bool quantize_reads(const QuantizePlan *p, const Node *n, int i) {
  const Value *v = operand(n, i);
  if (n->id >= p->n_nodes || !quantizable(v)) return false;
  if (p->layer[n->id] == QUANTIZE_DYNAMIC) return false;
  if (p->layer[n->id]) return i == 0 || (p->value[result(n)->id] && i == product_operand(n->op, "residual"));
  return p->comes[n->id] && p->value[result(n)->id] && is_whole(n, i);
}

static int find(QuantizePlan *p, int i) {
  while (p->parent[i] != i) i = p->parent[i] = p->parent[p->parent[i]];
  return i;
}

int quantize_class(QuantizePlan *p, const Value *v) { return find(p, (int)v->id); }

static void join(QuantizePlan *p, const Value *a, const Value *b) {
  int x = quantize_class(p, a), y = quantize_class(p, b);
  p->parent[x < y ? y : x] = x < y ? x : y;
}

// Which nodes have integers for an operand anyway, because a layer or another such node makes them. What pools, moves
// or adds floats alone does so before they are rounded: a pool leaves fewer of them.
static void find_coming(QuantizePlan *p) {
  for (const Node *n = p->m->first; n; n = n->next)
    for (int i = 0; i < n->n_operands && manner_of(n) != OTHER; i++) {
      const Value *v = operand(n, i);
      bool made = quantizable(v) && v->kind == VALUE_RESULT &&
                  (p->layer[v->node->id] == QUANTIZE_STATIC || p->comes[v->node->id]);
      p->comes[n->id] = p->comes[n->id] || made;
    }
}

// From the last node to the first: what integers are computed from may be integers as well.
static void choose_values(QuantizePlan *p) {
  find_coming(p);
  for (const Node *n = p->m->last; n; n = n->prev)
    for (int i = 0; i < n->n_operands; i++)
      if (quantize_reads(p, n, i)) p->value[operand(n, i)->id] = true;
  for (const Node *n = p->m->first; n; n = n->next)
    for (int i = 0; i < n->n_operands; i++)
      if (!p->layer[n->id] && manner_of(n) == MOVES && quantize_reads(p, n, i)) join(p, operand(n, i), result(n));
}

bool quantize_plan(QuantizePlan *p, PassContext *c, QuantizeMethod method) {
  const Module *m = c->module;
  *p = (QuantizePlan){.m = m, .n_nodes = m->n_nodes, .n_values = m->n_values};
  p->layer = xcalloc(m->n_nodes + 1, sizeof *p->layer);
  p->comes = xcalloc(m->n_nodes + 1, sizeof *p->comes);
  p->value = xcalloc(m->n_values + 1, sizeof *p->value);
  p->parent = xcalloc(m->n_values + 1, sizeof *p->parent);
  for (uint32_t i = 0; i < m->n_values; i++) p->parent[i] = (int)i;
  if (!excluded_check(c)) return false;
  choose_layers(p, c, method);
  choose_values(p);
  return true;
}

void quantize_plan_free(QuantizePlan *p) {
  free(p->layer);
  free(p->comes);
  free(p->value);
  free(p->parent);
}
