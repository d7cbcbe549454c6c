#include "passes/graph/prune_structured.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const int *inputs_of(const Prune *p, const PruneLayer *l) {
  return channels_along(p->channels, l->at.p.weight->value, l->at.in);
}

static int64_t taps_of(const PruneLayer *l) { return weight_count(l->at.p.weight) / (l->n_filters * l->n_inputs); }

static double *elements(Weight *w) {
  double *v = xmalloc(sizeof *v * (size_t)(weight_count(w) + 1));
  DType stored;
  const void *from = weight_data(w, &stored);
  for (int64_t i = 0, n = weight_count(w); i < n; i++) v[i] = dtype_load(stored, from, i);
  weight_drop_cache(w);
  return v;
}

static PruneFit *fit_of(Prune *p, const PruneLayer *l) {
  int64_t taps = taps_of(l);
  const CalibrationLayer *data = layer_data_find(&p->data, p->pass, l->at.p.node, l->n_inputs * taps);
  if (!data) return NULL;
  double *weights = elements(l->at.p.weight), *bias = l->at.p.bias ? elements(l->at.p.bias) : NULL;
  PruneFit *f = prune_fit_create(l->n_filters, l->n_inputs, taps, weights, bias, data);
  free(weights), free(bias);
  return f;
}

static bool any_free(Prune *p, const PruneLayer *l, const int *inputs) {
  for (int64_t i = 0; i < l->n_inputs; i++)
    if (!channels_fixed(p->channels, inputs[i])) return true;
  return false;
}

void prune_rank_open(Prune *p) {
  p->data = layer_data_of(p->pass);
  for (int i = (int)p->layers.len - 1; i >= 0 && p->data.calibration; i--) {
    PruneLayer *l = &p->layers.data[i];
    const int *inputs = inputs_of(p, l);
    bool grouped = l->at.p.node->op == OP_CONV2D && !prune_takes_bias(l->at.p.node); // hands its channels on
    if (!inputs || grouped || !any_free(p, l, inputs)) continue;
    l->fit = prune_takes_bias(l->at.p.node) ? fit_of(p, l) : NULL;
    for (int64_t k = l->n_inputs - 1; k >= 0; k--) {
      PruneClass *class = &p->classes[channels_class(p->channels, inputs[k])];
      class->unread = class->unread || !l->fit;
      vec_push(&p->readers, (PruneReader){i, (int)k, class->readers});
      class->readers = (int)p->readers.len - 1;
    }
  }
}

// ---- ranking

// The next layer that reads a class, from reader *at on, and its inputs; NULL: there is none.
static PruneLayer *next_layer(Prune *p, int *at, int **channels, int *n) {
  if (*at < 0) return NULL;
  int layer = p->readers.data[*at].layer;
  *n = 0;
  for (int i = *at; i >= 0 && p->readers.data[i].layer == layer; i = p->readers.data[i].next) ++*n;
  *channels = xmalloc(sizeof **channels * (size_t)*n);
  for (int k = 0; k < *n; k++, *at = p->readers.data[*at].next) (*channels)[k] = p->readers.data[*at].channel;
  return &p->layers.data[layer];
}

static double loss_without(Prune *p, int class) {
  double sum = 0;
  int at = p->classes[class].readers, n, *channels;
  for (PruneLayer *l; (l = next_layer(p, &at, &channels, &n)); free(channels))
    sum += prune_fit_loss(l->fit, n, channels);
  return sum;
}

static void take_out(Prune *p, int class) {
  int at = p->classes[class].readers, n, *channels;
  for (PruneLayer *l; (l = next_layer(p, &at, &channels, &n)); free(channels)) prune_fit_remove(l->fit, n, channels);
  p->removed[class] = true;
}

bool prune_rank(Prune *p, int64_t n, const PruneCandidate *candidates, int64_t gone) {
  for (int64_t i = 0; i < n; i++) {
    const PruneClass *class = &p->classes[candidates[i].class];
    if (class->readers < 0 || class->unread) return false;
  }
  for (; gone > 0; gone--) {
    int best = -1;
    double least = INFINITY;
    for (int64_t i = 0; i < n; i++) {
      int class = candidates[i].class;
      double loss = p->removed[class] ? INFINITY : loss_without(p, class);
      if (best >= 0 && !(loss < least)) continue;
      if (!p->removed[class]) best = class, least = loss;
    }
    take_out(p, best);
  }
  return true;
}

// ---- what came out

static bool is_settled(Prune *p, const PruneLayer *l, const int *inputs) {
  for (int64_t i = 0; i < l->n_inputs; i++)
    if (prune_fit_has(l->fit, (int)i) == p->removed[channels_class(p->channels, inputs[i])]) return false;
  return true;
}

void prune_rank_settle(Prune *p, PruneLayer *l) {
  const int *inputs = inputs_of(p, l);
  if (!is_settled(p, l, inputs)) {
    int n = 0, *channels = xmalloc(sizeof *channels * (size_t)(l->n_inputs + 1));
    for (int64_t i = 0; i < l->n_inputs; i++)
      if (p->removed[channels_class(p->channels, inputs[i])]) channels[n++] = (int)i;
    prune_fit_free(l->fit);
    l->fit = fit_of(p, l);
    if (l->fit) prune_fit_remove(l->fit, n, channels);
    free(channels);
  }
  l->fitted = l->fit;
  l->missing = xcalloc((size_t)l->n_filters, sizeof *l->missing);
  for (int64_t o = 0; l->fitted && o < l->n_filters; o++) l->missing[o] = prune_fit_bias(l->fit, o);
}
