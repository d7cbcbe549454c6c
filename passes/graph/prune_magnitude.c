// Pruning by magnitude: the smallest weights become zero, of those that layers multiply with (not biases, norms and
// embeddings). Shapes stay; pointwise convolutions and linear layers become faster where lowering finds zeros enough
// (lower/sparse.h). Where calibration says what a layer reads, as many of its weights go, but those that its outputs
// miss least, and the others make up for them (prune_sparse.h).
//
//   %1 = linear %x, @w : f32[1, 2] of @w = dense[1.0, -0.1, 0.2, 2.0]
// becomes, with half of the weights,
//   %1 = linear %x, @w.pruned : f32[1, 2] of @w.pruned = dense[1.0, 0.0, 0.0, 2.0]
#include "ir/core/checked.h"
#include "ir/graph/macs.h"
#include "passes/graph/product.h"
#include "passes/graph/prune.h"
#include "passes/graph/prune_sparse.h"
#include "passes/graph/rewrite.h"
#include "passes/graph/smallest.h"
#include <math.h>
#include <string.h>

typedef struct Multiplied {
  Weight *weight;
  Node *node; // the first that reads it
} Multiplied;

typedef Vec(Multiplied) Weights;

static void collect(const Module *m, Weights *to) {
  bool *seen = xcalloc(m->n_values + 1, sizeof *seen);
  for (Node *n = m->first; n; n = n->next)
    for (int i = 0; i < n->n_operands && macs_of(m, n) > 0; i++) {
      const Value *v = operand(n, i);
      bool matrix = v && v->kind == VALUE_WEIGHT && v->type->rank >= 2 && dtype_is_float(v->type->dtype);
      if (!matrix || v->weight->source == WEIGHT_MISSING || seen[v->id]) continue;
      seen[v->id] = true;
      vec_push(to, (Multiplied){v->weight, n});
    }
  free(seen);
}

// So that n weights go.
static Smallest smallest_of(const Weights *w, int64_t n) {
  Smallest s;
  smallest_begin(&s, n);
  while (smallest_again(&s))
    for (size_t k = 0; k < w->len; k++) {
      DType stored;
      Weight *weight = w->data[k].weight;
      const void *data = weight_data(weight, &stored);
      for (int64_t i = 0, count = weight_count(weight); i < count; i++) smallest_see(&s, dtype_load(stored, data, i));
      weight_drop_cache(weight);
    }
  return s;
}

// ---- zeros

typedef struct Zeros {
  int64_t count;
  double lost, all; // squares
} Zeros;

static const char *pruned_name(Module *m, const Weight *w) { return arena_printf(m->arena, "%s.pruned", w->name); }

static Blob *with_zeros(Weight *w, Smallest *s, Zeros *z) {
  DType stored, dtype = w->type->dtype;
  int64_t n = weight_count(w);
  const void *from = weight_data(w, &stored);
  Blob *b = blob_malloc((size_t)n * dtype_size(dtype));
  for (int64_t i = 0; i < n; i++) {
    double v = dtype_load(stored, from, i);
    bool goes = smallest_takes(s, v);
    z->count += goes;
    z->all += v * v;
    if (goes)
      z->lost += v * v;
    else
      dtype_store(dtype, (void *)b->data, i, v);
  }
  weight_drop_cache(w);
  return b;
}

// Every node that reads a replaced weight is made again: a value does not change what it means. `with`: by id of the
// values that there were.
static void replace(Module *m, Value *const *with, uint32_t n_values) {
  uint32_t n_nodes = m->n_nodes;
  for (Node *n = m->first, *next; n && n->id < n_nodes; n = next) {
    next = n->next;
    Value **operands = arena_array(m->arena, Value *, n->n_operands + 1);
    bool changed = false;
    for (int i = 0; i < n->n_operands; i++) {
      Value *v = operand(n, i), *other = v && v->kind == VALUE_WEIGHT && v->id < n_values ? with[v->id] : NULL;
      operands[i] = other ? other : v;
      changed = changed || other;
    }
    if (!changed) continue;
    rewrite_replace_node(m, n, rewrite_before(m, n, n->op, n->n_operands, operands, n->attrs)->node);
  }
}

static void tell(PassContext *c, const Multiplied *w, const Zeros *z) {
  int64_t n = weight_count(w->weight);
  pass_remark(c, w->node, false, "%s: %lld of %lld weights (%.1f%%) are zero: weight error %.2f%%", pass_label(w->node),
              (long long)z->count, (long long)n, 100. * (double)z->count / (double)n,
              z->all > 0 ? sqrt(z->lost / z->all) * 100 : 0);
}

// ---- with data

static double *elements_of(Weight *w) {
  DType stored;
  const void *from = weight_data(w, &stored);
  int64_t n = weight_count(w);
  double *v = xmalloc(sizeof *v * (size_t)max_i64(n, 1));
  for (int64_t i = 0; i < n; i++) v[i] = dtype_load(stored, from, i);
  weight_drop_cache(w);
  return v;
}

static Weight *sum_of(Module *m, const Product *p, Weight *bias, double *added) {
  int64_t out = p->weight->type->dims[0];
  for (int64_t o = 0; o < out; o++) added[o] += bias ? constant_channel(bias, o) : 0;
  const char *name = bias ? rewrite_name(m, bias->name, "compensated") : rewrite_name(m, p->node->name, "bias");
  return constant_dense(m, name, type_get(m, p->weight->type->dtype, 1, &out), added);
}

// The layer with so many zeros in place of the node. False where there is no data of it.
static bool fit(PassContext *c, const LayerData *data, const Multiplied *w, int64_t zeros) {
  Module *m = c->module;
  Product p;
  OpKind op = w->node->op;
  bool grouped = op == OP_CONV2D && NODE_ATTR(w->node, CONV2D, groups)->i != 1;
  if (grouped || (op != OP_LINEAR && op != OP_CONV2D && op != OP_PATCH_EMBED) || !product_of_node(w->node, &p) ||
      p.weight != w->weight)
    return false;
  if (graph_use_count(m, p.weight->value) != 1) return false;
  int64_t out = p.weight->type->dims[0], n = weight_count(p.weight) / out;
  const CalibrationLayer *layer = layer_data_find(data, c, w->node, n);
  if (!layer) return false;
  double *v = elements_of(p.weight), *bias = xcalloc((size_t)out, sizeof *bias), error;
  bool fitted = prune_sparse(layer, out, v, zeros, bias, &error);
  if (fitted) {
    p.bias = sum_of(m, &p, p.bias, bias);
    p.weight = constant_dense(m, pruned_name(m, p.weight), p.weight->type, v);
    Node *made = product_rebuild(m, &p, w->node);
    rewrite_replace(m, w->node, result(made));
    pass_remark(c, made, false, "%s: %lld of %lld weights (%.1f%%) are zero, the others fitted: output error %.2f%%",
                pass_label(made), (long long)zeros, (long long)(out * n), 100. * (double)zeros / (double)(out * n),
                error * 100);
    pass_count(c, "layers compensated", 1);
  }
  free(v), free(bias);
  return fitted;
}

bool prune_magnitude(PassContext *c) {
  Weights all = {0};
  Module *m = c->module;
  bool each = c->options.prune.method == PRUNE_MAGNITUDE_PER_LAYER;
  double fraction = c->options.prune.fraction;
  collect(m, &all);
  int64_t total = 0;
  for (size_t i = 0; i < all.len; i++) total += weight_count(all.data[i].weight);
  uint32_t n_values = m->n_values;
  Value **with = xcalloc(n_values + 1, sizeof *with);
  LayerData data = layer_data_of(c);
  Smallest goes = {0};
  if (!each) goes = smallest_of(&all, llround((double)total * fraction));
  for (size_t i = 0; i < all.len; i++) {
    Weights one = {&all.data[i], 1, 1};
    Zeros z = {0};
    if (each) goes = smallest_of(&one, llround((double)weight_count(one.data->weight) * fraction));
    Weight *old = one.data->weight;
    Blob *rest = with_zeros(old, &goes, &z);
    if (each) smallest_end(&goes);
    pass_count(c, "weights made zero", z.count);
    if (fit(c, &data, one.data, z.count)) {
      blob_unref(rest);
      continue;
    }
    with[old->value->id] = graph_dense(m, pruned_name(m, old), old->type, rest)->value;
    tell(c, one.data, &z);
  }
  if (!each) smallest_end(&goes);
  replace(m, with, n_values);
  layer_data_free(&data);
  graph_drop_unused_weights(m);
  free(with);
  vec_free(&all);
  return true;
}
