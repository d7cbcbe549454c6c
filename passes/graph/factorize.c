// factorize: a layer becomes several of lower rank, where what they compute is within the error that
// --factorize=METHOD:ERROR allows and they save work:
//   spatial   a convolution as a column of taps and then a row of taps (factorize_spatial.c)
//   channel   to fewer channels, then to all; linear layers as well (factorize_channel.c)
//   tucker2   from fewer channels to fewer channels, between windows of one pixel (factorize_tucker.c)
// The error is that of the weights, by Frobenius, where nothing is known of the data, else that of the layer's outputs
// on it, relative, by their mean square; biases then make up for the mean. Bias, residual and activation stay with the
// last of the new layers. Grouped convolutions are left alone.
//
//   %1 = conv2d %x, @w, @b {stride=[2, 2], padding=[1, 1, 1, 1]} : f32[1, 64, 28, 28] @conv
// becomes
//   %1 = conv2d %x, @w.vertical {stride=[2, 1], padding=[1, 0, 1, 0]} : f32[1, 9, 28, 56] @conv.vertical
//   %2 = conv2d %1, @w.horizontal, @b {stride=[1, 2], padding=[0, 1, 0, 1]} : f32[1, 64, 28, 28] @conv.horizontal
#include "ir/core/checked.h"
#include "ir/graph/macs.h"
#include "passes/graph/factor_cache.h"
#include <math.h>

// ---- the new layers

// The convolution's attributes in the directions that the stage takes, nothing in the others.
static void take_windows(Module *m, const Node *n, const Stage *s, Attr *attrs) {
  int64_t stride[2] = {1, 1}, dilation[2] = {1, 1}, padding[4] = {0};
  for (int i = 0; i < 2; i++) {
    if (!s->along[i]) continue;
    stride[i] = NODE_ATTR(n, CONV2D, stride)->ints[i];
    dilation[i] = NODE_ATTR(n, CONV2D, dilation)->ints[i];
    for (int k = i; k < 4; k += 2) padding[k] = NODE_ATTR(n, CONV2D, padding)->ints[k];
  }
  attrs[ATTR_CONV2D_stride] = rewrite_ints(m, ATTR_INTS, 2, stride);
  attrs[ATTR_CONV2D_dilation] = rewrite_ints(m, ATTR_INTS, 2, dilation);
  attrs[ATTR_CONV2D_padding] = rewrite_ints(m, ATTR_PADDING, 4, padding);
}

static Weight *stage_weight(Module *m, const FactorLayer *l, const Stage *s) {
  const Type *old = l->p.weight->type, *t = type_get(m, old->dtype, old->rank, (Dim[]){s->out, s->in, s->kh, s->kw});
  return constant_dense(m, rewrite_name(m, l->p.weight->name, s->name), t, s->w);
}

// What the other weights change of the outputs on average goes into the bias.
static Value *new_bias(Module *m, const FactorLayer *l, const double *composed) {
  const Node *n = l->p.node;
  int64_t out = l->whole.out;
  if (!l->data) return operand(n, product_operand(n->op, "bias"));
  double *bias = xmalloc(sizeof *bias * (size_t)out);
  for (int64_t o = 0; o < out; o++) {
    bias[o] = l->p.bias ? constant_channel(l->p.bias, o) : 0;
    for (int64_t i = 0; i < l->n; i++)
      bias[o] += (l->whole.w[o * l->n + i] - composed[o * l->n + i]) * l->data->mean[i];
  }
  const char *name = l->p.bias ? rewrite_name(m, l->p.bias->name, "fitted") : rewrite_name(m, n->name, "bias");
  Value *v = constant_dense(m, name, type_get(m, l->p.weight->type->dtype, 1, &out), bias)->value;
  free(bias);
  return v;
}

static void replace(const FactorLayer *l, const Chain *c, const double *composed, Node *made[STAGES]) {
  Module *m = l->pass->module;
  Node *n = l->p.node;
  Value *x = operand(n, 0), *bias = new_bias(m, l, composed);
  for (int k = 0; k < c->n; k++) {
    const Stage *s = &c->stages[k];
    bool last = k + 1 == c->n;
    Attr *attrs = arena_memdup(m->arena, n->attrs, sizeof *attrs * (size_t)op_info(n->op)->n_attrs);
    if (n->op == OP_CONV2D) take_windows(m, n, s, attrs);
    if (!last) attrs[product_act(n->op)] = op_attr(n->op, product_act(n->op))->fallback;
    Value *operands[] = {x, stage_weight(m, l, s)->value, last ? bias : NULL, last ? l->p.residual : NULL};
    const char *name = n->name ? rewrite_name(m, n->name, s->name) : NULL;
    x = rewrite_named(m, n, name, n->op, last ? 4 : 2, operands, attrs);
    made[k] = x->node;
  }
  rewrite_replace(m, n, x);
}

// ---- each layer

static double megabytes(const Value *w) {
  return (double)weight_count(w->weight) * (double)dtype_size(w->type->dtype) / 1e6;
}

static void factorize(FactorLayer *l, const FactorEntry *e) {
  PassContext *pass = l->pass;
  const Chain *c = &e->chain;
  Node *n = l->p.node, *made[STAGES];
  double *composed = factor_composed(l, c), macs = macs_of(pass->module, n), now = 0, bytes = 0;
  double before = megabytes(l->p.weight->value);
  const char *label = pass_label(n);
  replace(l, c, composed, made);
  for (int k = 0; k < c->n; k++) now += macs_of(pass->module, made[k]), bytes += megabytes(operand(made[k], 1));
  pass_remark(pass, made[0], false, "%s as %s: %s error %.2f%%, %.4g -> %.4g M MACs, %.3g -> %.3g MB", label, e->what,
              l->data ? "output" : "weight", e->error * 100, macs / 1e6, now / 1e6, before, bytes);
  pass_count(pass, "layers factorized", 1);
  free(composed);
}

typedef bool (*Method)(const FactorLayer *l, double allowed, Chain *c, StrBuf *what);

static Method method_of(const Factorization *f) {
  switch (f->method) {
  case FACTORIZE_NONE: return NULL;
  case FACTORIZE_SPATIAL: return factorize_spatial;
  case FACTORIZE_CHANNEL: return factorize_channel;
  case FACTORIZE_TUCKER2: return factorize_tucker;
  }
  return NULL;
}

static Factorization asked(const PassContext *c, const Node *n) {
  const Decision *d = decisions_of(c->options.decisions, pass_label(n));
  return d ? d->factorize : c->options.factorize;
}

// The chain and what it loses; no stages and the reason where there is none.
static void find_chain(FactorLayer *l, FactorCache *cache, FactorEntry *e, StrBuf *what) {
  Method method = method_of(&e->asked);
  bool found = !cache || factor_cache_spend(cache, l, &e->asked, what);
  if (found) factor_layer_weigh(l);
  found = found && method(l, e->asked.error, &e->chain, what);
  if (!found) factor_chain_free(&e->chain);
  e->what = (char *)strbuf_str(what);
  if (!found) return;
  double *composed = factor_composed(l, &e->chain);
  e->error = l->square > 0 ? sqrt(factor_loss(l, composed, false) / l->square) : 0;
  free(composed);
}

static void try_layer(PassContext *c, Node *n, const LayerData *data) {
  FactorEntry own = {.node = n->id, .asked = asked(c, n)};
  bool takes = n->op == OP_CONV2D || (n->op == OP_LINEAR && own.asked.method == FACTORIZE_CHANNEL);
  if (!own.asked.method || !takes) return;
  FactorCache *cache = c->options.decisions ? c->options.decisions->factors : NULL;
  const FactorEntry *e = factor_cache_find(cache, n, &own.asked);
  FactorLayer l;
  StrBuf what = {0};
  const char *why;
  if (!factor_layer_read(&l, c, n, data, &why)) {
    pass_refuse(c, n, "stays whole", "%s", why);
  } else {
    if (!e) {
      find_chain(&l, cache, &own, &what);
      e = cache ? factor_cache_add(cache, &own) : &own;
    }
    if (e->chain.n)
      factorize(&l, e);
    else
      pass_refuse(c, n, "stays whole", "%s", e->what);
  }
  factor_chain_free(&own.chain);
  factor_layer_free(&l);
  strbuf_free(&what);
}

bool factorize_run(PassContext *c) {
  if (c->options.factorize.method == FACTORIZE_NONE) return true;
  LayerData data = layer_data_of(c);
  for (Node *n = c->module->first, *next; n; n = next) {
    next = n->next;
    try_layer(c, n, &data);
  }
  layer_data_free(&data);
  graph_drop_unused_weights(c->module);
  return true;
}
