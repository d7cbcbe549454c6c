// fold-constants: a node that reads nothing but weights, or nothing, is computed now, by the reference interpreter,
// rounded to its type, and becomes a weight. Not where the result would be large and no smaller than what it is made
// of, unless a layer needs it as its weight, nor where computing it would take long.
//
//   %1 = mul @a, @b : f32[2]
//   %2 = add %x, %1 : f32[2]
// becomes
//   %1 = add %x, @mul : f32[2]
#include "passes/graph/fold_constants.h"
#include "passes/graph/constant.h"
#include "passes/graph/rewrite.h"
#include <math.h>
#include <string.h>

enum { LARGE_BYTES = 1 << 20 };
#define MOST_WORK 1e8

static bool has_constant_shape(const Type *t) {
  for (int i = 0; i < t->rank; i++)
    if (!dim_is_const(t->dims[i])) return false;
  return true;
}

// A number that is an open dimension stands in an attribute.
static bool has_open_attr(const Node *n) {
  for (int i = 0; i < op_info(n->op)->n_attrs; i++)
    for (int k = 0; n->attrs[i].kind == ATTR_DIMS && k < n->attrs[i].n; k++)
      if (!dim_is_const(n->attrs[i].ints[k])) return true;
  return false;
}

static double elements(Module *m, const Type *t) { return (double)type_elements(m, t); }

// Multiplications at most: of an M x K by a K x N matrix, M K N = sqrt(MK KN MN). Each element once where it is moved
// or treated alone.
static double work(Module *m, const Node *n) {
  double product = elements(m, result(n)->type);
  bool elementwise = op_is_elementwise(n->op) || !strcmp(op_info(n->op)->family, "shape");
  for (int i = 0; i < n->n_operands && i < 2; i++)
    if (operand(n, i))
      product =
          elementwise ? fmax(product, elements(m, operand(n, i)->type)) : product * elements(m, operand(n, i)->type);
  return elementwise ? product : sqrt(product);
}

static bool serves_layer(const Node *n, const bool *serves) {
  for (int i = 0; i < n->n_results; i++)
    if (serves[n->results[i]->id]) return true;
  return false;
}

// By value id: those that a layer has as its weights, and what these are made of.
static bool *serve_layers(const Module *m) {
  bool *serves = xcalloc(m->n_values + 1, sizeof *serves);
  for (const Node *n = m->last; n; n = n->prev) {
    const OpInfo *info = op_info(n->op);
    bool all = serves_layer(n, serves);
    for (int i = 0; i < n->n_operands; i++) {
      OperandKind kind = info->operands[i < info->n_operands ? i : info->n_operands - 1].kind;
      bool weight = kind == OPERAND_WEIGHT || kind == OPERAND_WEIGHT_IF;
      if (operand(n, i) && (all || weight)) serves[operand(n, i)->id] = true;
    }
  }
  return serves;
}

static const char *obstacle(Module *m, const Node *n, const bool *serves) {
  int64_t made = 0, used = 0;
  for (int i = 0; i < n->n_results; i++) {
    if (!has_constant_shape(n->results[i]->type)) return "its shape is not fixed";
    if (n->results[i]->type->blocked_axis >= 0) return "its result is laid out for something else to read";
    made += type_bytes(m, n->results[i]->type);
  }
  if (has_open_attr(n)) return "it depends on an open dimension";
  for (int i = 0; i < n->n_operands; i++) used += operand(n, i) ? type_bytes(m, operand(n, i)->type) : 0;
  if (made > LARGE_BYTES && made >= used && !serves_layer(n, serves))
    return "its result is large and no smaller than its operands";
  return work(m, n) > MOST_WORK ? "it takes long to compute" : NULL;
}

bool fold_constants_run(PassContext *c) {
  bool *serves = serve_layers(c->module), ok = true; // no value is added but weights, and these are not asked for
  for (Node *n = c->module->first, *next; n && ok; n = next) {
    next = n->next;
    if (!constant_reads_weights(n)) continue;
    const char *why = obstacle(c->module, n, serves);
    pass_remark(c, n, why != NULL, why ? "%s not computed now: %s" : "%s computed now%s", pass_label(n),
                why ? why : "");
    if (why) continue;
    if ((ok = constant_fold(c->module, c->diag, n))) pass_count(c, "nodes computed", 1);
  }
  free(serves);
  return ok;
}

bool fold_layer_weights(Module *m, Diag *d) {
  bool *serves = serve_layers(m), ok = true;
  for (Node *n = m->first, *next; n && ok; n = next) {
    next = n->next;
    if (serves_layer(n, serves) && constant_reads_weights(n) && !obstacle(m, n, serves)) ok = constant_fold(m, d, n);
  }
  free(serves);
  return ok;
}
