#include "passes/graph/constant.h"
#include "ir/core/checked.h"
#include "ir/ref/ref.h"

enum { SMALL = 64, MOST_OPERANDS = 16 };

Weight *constant_weight(const Value *v) {
  return v && v->kind == VALUE_WEIGHT && v->weight->source != WEIGHT_MISSING ? v->weight : NULL;
}

bool constant_uniform(const Value *v, double *out) {
  Weight *w = constant_weight(v);
  if (!w) return false;
  int64_t n = weight_count(w);
  if (w->source == WEIGHT_SPLAT) return *out = w->splat, true;
  if (n < 1 || n > SMALL) return false;
  *out = weight_at(w, 0);
  for (int64_t i = 1; i < n; i++)
    if (weight_at(w, i) != *out) return false;
  return true;
}

bool constant_along(const Value *v, const Type *t, int axis) {
  Weight *w = constant_weight(v);
  if (!w || w->type->rank > t->rank || !dim_is_const(t->dims[axis])) return false;
  for (int i = 0; i < w->type->rank; i++) {
    int to = i + t->rank - w->type->rank;
    Dim d = w->type->dims[i];
    if (d != 1 && !(to == axis && d == t->dims[axis])) return false;
  }
  return true;
}

double constant_channel(Weight *w, int64_t i) {
  if (w->source == WEIGHT_SPLAT) return w->splat;
  return weight_at(w, weight_count(w) == 1 ? 0 : i);
}

Weight *constant_dense(Module *m, const char *hint, const Type *t, const double *elements) {
  int64_t n = 1;
  for (int i = 0; i < t->rank; i++) n *= t->dims[i];
  Blob *b = blob_malloc((size_t)n * dtype_size(t->dtype));
  for (int64_t i = 0; i < n; i++) dtype_store(t->dtype, (void *)b->data, i, elements[i]);
  return graph_dense(m, hint, t, b);
}

// ---- nodes that become weights

bool constant_reads_weights(const Node *n) {
  if (n->n_operands > MOST_OPERANDS) return false;
  for (int i = 0; i < n->n_operands; i++)
    if (operand(n, i) && !constant_weight(operand(n, i))) return false;
  return true;
}

static Weight *weight_from(Module *m, const Node *n, const Type *t, const RefTensor *value) {
  Blob *b = blob_malloc((size_t)type_bytes(m, t));
  ref_tensor_pack(value, t->dtype, (void *)b->data);
  return graph_dense(m, n->name ? n->name : op_info(n->op)->name, t, b);
}

bool constant_fold(Module *m, Diag *d, Node *n) {
  RefTensor operands[MOST_OPERANDS] = {0};
  const RefTensor *given[MOST_OPERANDS] = {0};
  RefTensor *results = xcalloc((size_t)n->n_results, sizeof *results);
  bool ok = true;
  for (int i = 0; ok && i < n->n_operands; i++) {
    if (!operand(n, i)) continue;
    ok = ref_tensor_from_weight(&operands[i], m, operand(n, i)->weight);
    given[i] = &operands[i];
  }
  ok = ok && ref_node(&(RefContext){m, NULL, d}, n, given, results);
  for (int i = 0; ok && i < n->n_results; i++)
    graph_replace_uses(m, n->results[i], weight_from(m, n, n->results[i]->type, &results[i])->value);
  for (int i = 0; i < n->n_operands; i++) ref_tensor_free(&operands[i]);
  for (int i = 0; i < n->n_results; i++) ref_tensor_free(&results[i]);
  free(results);
  if (ok) graph_remove(m, n);
  return ok;
}
