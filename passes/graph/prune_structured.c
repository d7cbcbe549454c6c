// Structured pruning: whole filters are removed, with every channel that lives or dies with them (channels.h). Filters
// are ranked by their norm (Li et al. 2017), with the scale of the batch norm behind them, over the mean of their
// layer; of those that only go together the mean counts. Layers with filters in common are ranked together.
//
// With data, classes are ranked by what the layers that read them lose of their outputs when all weights that stay are
// fitted again: the least goes first, then what is the least without it (prune_fit.h; prune_rank.c); those fitted
// weights are what the layers get. Without data, what the removed inputs of a layer add to its outputs on average goes
// into its bias, where batch norm says what that average is (expect.h).
//
// The count that stays is the nearest multiple of 16 where that is within a sixteenth of the layer: memory and kernels
// hold channels in blocks of 16, so that a part of one costs as much as the whole.
//
//   %1 = conv2d %x, @w1 : f32[1, 64, 28, 28] @a          becomes  [1, 48, 28, 28] of @w1.pruned : f32[48, 3, 3, 3]
//   %2 = relu %1 : f32[1, 64, 28, 28]                    becomes  [1, 48, 28, 28]
//   %3 = conv2d %2, @w2 : f32[1, 10, 28, 28] @b          stays, of @w2.pruned : f32[10, 48, 1, 1]
//   output y = %3                                        whose filters are an output of the model
#include "passes/graph/prune_structured.h"
#include "ir/core/checked.h"
#include "ir/graph/macs.h"
#include "passes/graph/cut.h"
#include "passes/graph/expect.h"
#include "passes/graph/prune.h"
#include <math.h>
#include <string.h>

// ---- scores

// The squares of all weights of each filter.
static void filter_squares(const PruneLayer *l, double *squares) {
  Weight *w = l->at.p.weight;
  DType stored;
  const void *data = weight_data(w, &stored);
  int64_t n = weight_count(w), inner = 1;
  for (int i = l->at.out + 1; i < w->type->rank; i++) inner *= w->type->dims[i];
  for (int64_t i = 0; i < n; i++) {
    double v = dtype_load(stored, data, i);
    squares[i / inner % l->n_filters] += v * v;
  }
  weight_drop_cache(w);
}

// Where batch norm alone reads the layer's result, a filter is as large as its scale there, whatever its own norm.
static void take_norm_scale(const PruneLayer *l, double *norms) {
  const Node *n = l->at.p.node;
  const Use *use = result(n)->uses;
  bool only = use && !use->next && use->user->op == OP_BATCH_NORM && operand(use->user, 0) == result(n);
  Weight *scale = only && l->at.p.axis == 1 ? constant_weight(operand(use->user, IN_BATCH_NORM_weight)) : NULL;
  for (int64_t i = 0; scale && i < l->n_filters; i++) norms[i] = fabs(constant_channel(scale, i));
}

static void score(Prune *p, PruneLayer *l) {
  double *norms = xcalloc((size_t)l->n_filters, sizeof *norms), sum = 0;
  filter_squares(l, norms);
  for (int64_t i = 0; i < l->n_filters; i++) l->squares += norms[i], norms[i] = sqrt(norms[i]);
  take_norm_scale(l, norms);
  for (int64_t i = 0; i < l->n_filters; i++) sum += norms[i];
  double mean = sum > 0 ? sum / (double)l->n_filters : 1;
  for (int64_t i = 0; i < l->n_filters; i++) {
    PruneClass *class = &p->classes[channels_class(p->channels, l->numbers[i])];
    class->score += norms[i] / mean;
    class->filters++;
  }
  free(norms);
}

// ---- layers that are ranked together

static int group_of(Prune *p, int layer) {
  while (p->layers.data[layer].group != layer) layer = p->layers.data[layer].group;
  return layer;
}

static void find_groups(Prune *p) {
  for (int i = 0; i < (int)p->layers.len; i++)
    for (int64_t k = 0; k < p->layers.data[i].n_filters; k++) {
      PruneClass *class = &p->classes[channels_class(p->channels, p->layers.data[i].numbers[k])];
      if (class->layer < 0) class->layer = i;
      int a = group_of(p, class->layer), b = group_of(p, i);
      p->layers.data[a > b ? a : b].group = a < b ? a : b;
    }
}

static void find_layers(Prune *p) {
  Module *m = p->pass->module;
  for (Node *n = m->first; n; n = n->next) {
    PruneLayer l = {.group = (int)p->layers.len};
    if (!channels_layer(n, &l.at)) continue;
    const Type *w = l.at.p.weight->type;
    l.numbers = channels_along(p->channels, l.at.p.weight->value, l.at.out);
    l.n_filters = w->dims[l.at.out];
    l.n_inputs = w->dims[l.at.in];
    l.macs = macs_of(m, n);
    l.bytes = (double)weight_count(l.at.p.weight) * (double)dtype_size(w->dtype);
    if (l.numbers) vec_push(&p->layers, l);
  }
  for (size_t i = 0; i < p->layers.len; i++) score(p, &p->layers.data[i]);
  prune_rank_open(p);
  find_groups(p);
}

// ---- what goes

static int by_score(const void *a, const void *b) {
  const PruneCandidate *x = a, *y = b;
  if (x->score != y->score) return x->score < y->score ? -1 : 1;
  return y->class - x->class; // of equals the last
}

// How many of n classes stay beside `fixed` others, each of `channels` channels.
static int64_t count_kept(double fraction, int64_t n, int64_t fixed, int64_t channels) {
  int64_t kept = max_i64(n - (int64_t)((double)n * fraction + 1e-9), 1), whole = kept + fixed;
  if (BLOCK % channels) return kept;
  int64_t unit = BLOCK / channels, nearest = (whole + unit / 2) / unit * unit;
  bool near = nearest > fixed && nearest <= n + fixed && 16 * llabs(nearest - whole) <= n + fixed;
  return near ? nearest - fixed : kept;
}

static void choose(Prune *p, int group) {
  Vec(PruneCandidate) free_ones = {0};
  int64_t fixed = 0, channels = 1;
  bool *seen = xcalloc(p->channels->parent.len, sizeof *seen);
  for (int i = group; i < (int)p->layers.len; i++) {
    const PruneLayer *l = &p->layers.data[i];
    if (group_of(p, i) != group) continue;
    int64_t distinct = 0;
    for (int64_t k = 0; k < l->n_filters; k++) {
      int class = channels_class(p->channels, l->numbers[k]);
      if (seen[class]) continue;
      seen[class] = true;
      distinct++;
      if (channels_fixed(p->channels, class))
        fixed++;
      else
        vec_push(&free_ones, (PruneCandidate){class, p->classes[class].score / p->classes[class].filters});
    }
    if (i == group) channels = ceil_div(l->n_filters, distinct);
  }
  int64_t n = (int64_t)free_ones.len,
          gone = n ? n - count_kept(p->pass->options.prune.fraction, n, fixed, channels) : 0;
  if (n) qsort(free_ones.data, free_ones.len, sizeof *free_ones.data, by_score);
  if (!gone || !prune_rank(p, n, free_ones.data, gone))
    for (int64_t i = 0; i < gone; i++) p->removed[free_ones.data[i].class] = true;
  vec_free(&free_ones);
  free(seen);
}

// An axis of which nothing would stay keeps its best class.
static void keep_one(Prune *p, const Value *v) {
  for (int axis = 0; v && axis < v->type->rank; axis++) {
    const int *numbers = channels_along(p->channels, v, axis);
    if (!numbers || cut_kept(p->channels, p->removed, v->type->dims[axis], numbers)) continue;
    int best = channels_class(p->channels, numbers[0]);
    for (int64_t i = 1; i < v->type->dims[axis]; i++) {
      int class = channels_class(p->channels, numbers[i]);
      if (p->classes[class].score * p->classes[best].filters > p->classes[best].score * p->classes[class].filters)
        best = class;
    }
    p->removed[best] = false;
  }
}

static void keep_axes(Prune *p) {
  for (const Node *n = p->pass->module->first; n; n = n->next) {
    for (int i = 0; i < n->n_operands; i++) keep_one(p, operand(n, i));
    for (int i = 0; i < n->n_results; i++) keep_one(p, n->results[i]);
  }
}

// ---- what is missed

bool prune_takes_bias(const Node *n) {
  return n->op == OP_LINEAR || (n->op == OP_CONV2D && NODE_ATTR(n, CONV2D, groups)->i == 1);
}

static void find_missing(Prune *p, PruneLayer *l) {
  Node *n = l->at.p.node;
  Weight *w = l->at.p.weight;
  const int *inputs = channels_along(p->channels, w->value, l->at.in);
  bool some = inputs && cut_kept(p->channels, p->removed, l->n_inputs, inputs) < l->n_inputs;
  const Value *x = operand(n, 0);
  if (some && l->fit) return prune_rank_settle(p, l);
  double *means =
      some && prune_takes_bias(n) ? expect_means(p->channels, x, n->op == OP_LINEAR ? x->type->rank - 1 : 1) : NULL;
  if (!means) return;
  l->missing = xcalloc((size_t)l->n_filters, sizeof *l->missing);
  int64_t taps = weight_count(w) / (l->n_filters * l->n_inputs);
  for (int64_t i = 0; i < l->n_inputs; i++) {
    if (!p->removed[channels_class(p->channels, inputs[i])]) continue;
    for (int64_t o = 0; o < l->n_filters; o++)
      for (int64_t k = 0; k < taps; k++) l->missing[o] += means[i] * weight_at(w, (o * l->n_inputs + i) * taps + k);
  }
  weight_drop_cache(w);
  free(means);
}

static bool stays(Prune *p, int number) { return !p->removed[channels_class(p->channels, number)]; }

static void new_bias(Prune *p, const PruneLayer *l, Product *product) {
  Module *m = p->pass->module;
  double *bias = xcalloc((size_t)l->n_filters, sizeof *bias);
  int64_t kept = 0;
  for (int64_t o = 0; o < l->n_filters; o++) {
    if (!stays(p, l->numbers[o])) continue;
    bias[kept] = l->missing[o] + (product->bias ? constant_channel(product->bias, kept) : 0);
    kept++;
  }
  const char *name = product->bias ? product->bias->name : rewrite_name(m, product->node->name, "bias");
  const Type *t = type_get(m, product->weight->type->dtype, 1, &kept);
  product->bias = constant_dense(m, arena_printf(m->arena, "%s.compensated", name), t, bias);
  free(bias);
}

static void new_weights(Prune *p, const PruneLayer *l, Product *product) {
  const int *inputs = channels_along(p->channels, l->at.p.weight->value, l->at.in);
  int64_t n = 0, taps = weight_count(l->at.p.weight) / (l->n_filters * l->n_inputs);
  double *w = xmalloc(sizeof *w * (size_t)(weight_count(product->weight) + 1));
  for (int64_t o = 0; o < l->n_filters; o++)
    for (int64_t i = 0; i < l->n_inputs && stays(p, l->numbers[o]); i++)
      for (int64_t k = 0; k < taps && stays(p, inputs[i]); k++) w[n++] = prune_fit_weight(l->fit, o, i, k);
  const char *name = rewrite_name(p->pass->module, product->weight->name, "fitted");
  product->weight = constant_dense(p->pass->module, name, product->weight->type, w);
  free(w);
}

// The layer with weights and a bias that make up for it; the layer itself where nothing is missing.
static Node *compensate(Prune *p, const PruneLayer *l, Node *now) {
  Module *m = p->pass->module;
  Product product;
  bool any = l->fitted;
  for (int64_t o = 0; l->missing && o < l->n_filters; o++) any = any || l->missing[o] != 0;
  if (!any || !product_of_node(now, &product)) return now;
  new_bias(p, l, &product);
  if (l->fitted) new_weights(p, l, &product);
  Node *made = product_rebuild(m, &product, now);
  rewrite_replace(m, now, result(made));
  pass_count(p->pass, "layers compensated", 1);
  return made;
}

// ---- what is said of it

static double squares_of(Weight *w) {
  double sum = 0;
  for (int64_t i = 0, n = weight_count(w); i < n; i++) {
    double v = weight_at(w, i);
    sum += v * v;
  }
  return sum;
}

static void tell_kept(Prune *p, const PruneLayer *l, Node *now) {
  ChannelLayer after;
  if (!pass_remarks(p->pass, false) || !channels_layer(now, &after)) return;
  Weight *w = after.p.weight;
  double error = l->squares > 0 ? sqrt(fmax(1 - squares_of(w) / l->squares, 0)) : 0,
         bytes = (double)weight_count(w) * (double)dtype_size(w->type->dtype);
  if (l->fitted) error = prune_fit_error(l->fit);
  pass_remark(
      p->pass, now, false,
      "%s: %lld of %lld filters, %lld of %lld inputs stay: %s error %.2f%%, %.4g -> %.4g M MACs, %.3g -> %.3g MB",
      pass_label(now), (long long)w->type->dims[after.out], (long long)l->n_filters, (long long)w->type->dims[after.in],
      (long long)l->n_inputs, l->fitted ? "output" : "weight", error * 100, l->macs / 1e6,
      macs_of(p->pass->module, now) / 1e6, l->bytes / 1e6, bytes / 1e6);
}

static void tell_why_not(Prune *p, const PruneLayer *l, const Node *now) {
  const FixedBy *by = channels_fixed(p->channels, l->numbers[0]);
  int line = 0, column;
  if (by && by->node) diag_position(p->pass->diag, by->node->span, &line, &column);
  if (!by)
    pass_remark(p->pass, now, true, "%s keeps all %lld filters: %g%% of them, rounded, are none", pass_label(now),
                (long long)l->n_filters, p->pass->options.prune.fraction * 100);
  else if (line)
    pass_remark(p->pass, now, true, "%s keeps all %lld filters: %s (line %d)", pass_label(now), (long long)l->n_filters,
                by->why, line);
  else
    pass_remark(p->pass, now, true, "%s keeps all %lld filters: %s", pass_label(now), (long long)l->n_filters, by->why);
}

static void finish(Prune *p, Node *const *made) {
  for (size_t i = 0; i < p->layers.len; i++) {
    const PruneLayer *l = &p->layers.data[i];
    Node *old = l->at.p.node, *now = made[old->id] ? made[old->id] : old;
    int64_t kept = cut_kept(p->channels, p->removed, l->n_filters, l->numbers);
    now = compensate(p, l, now);
    if (now != old) tell_kept(p, l, now);
    if (kept == l->n_filters) tell_why_not(p, l, now);
    pass_count(p->pass, "filters removed", l->n_filters - kept);
  }
}

bool prune_structured(PassContext *c) {
  Prune p = {.pass = c, .channels = channels_create(c->module)};
  size_t n = p.channels->parent.len;
  p.classes = xcalloc(n + 1, sizeof *p.classes);
  p.removed = xcalloc(n + 1, sizeof *p.removed);
  for (size_t i = 0; i < n; i++) p.classes[i].layer = p.classes[i].readers = -1;
  find_layers(&p);
  for (int i = 0; i < (int)p.layers.len; i++)
    if (group_of(&p, i) == i) choose(&p, i);
  keep_axes(&p);
  for (size_t i = 0; i < p.layers.len; i++) find_missing(&p, &p.layers.data[i]);
  finish(&p, cut_channels(c->module, p.channels, p.removed));
  graph_drop_unused_weights(c->module);
  for (size_t i = 0; i < p.layers.len; i++) free(p.layers.data[i].missing), prune_fit_free(p.layers.data[i].fit);
  free(p.classes), free(p.removed);
  vec_free(&p.layers);
  vec_free(&p.readers);
  layer_data_free(&p.data);
  channels_free(p.channels);
  return true;
}
