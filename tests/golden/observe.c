#include "tests/golden/observe.h"
#include "passes/moments.h"
#include <math.h>

typedef struct Layer {
  const char *name;
  MomentWindow window;
  double largest;
  Moments moments;
} Layer;

typedef struct Observe {
  Module *m;
  Vec(Layer) layers;   // in the order of the nodes
  Vec(size_t) readers; // pairs: id of the value, number of the layer
  size_t sample, samples;
  bool adds;
} Observe;

static void see(void *user, const Value *v, RefTensor *t) {
  Observe *o = user;
  for (size_t k = 0; k < o->readers.len; k += 2) {
    if (o->readers.data[k] != v->id) continue;
    Layer *l = &o->layers.data[o->readers.data[k + 1]];
    float *x = xmalloc(sizeof *x * (size_t)t->count);
    for (int64_t i = 0; i < t->count; i++) {
      x[i] = (float)ref_at(t, i);
      l->largest = fmax(l->largest, fabs((double)x[i]));
    }
    if (o->adds) moments_add(&l->moments, x, t->rank, t->dims, o->sample, o->samples);
    free(x);
  }
}

static bool round_of(Observe *o, const int64_t *symbols, const RefTensor *inputs) {
  Module *m = o->m;
  bool ok = true;
  for (o->sample = 0; ok && o->sample < o->samples; o->sample++) {
    const RefTensor *in = inputs + o->sample * m->inputs.len;
    RefTensor *out = xcalloc(m->outputs.len, sizeof *out);
    for (size_t i = 0; i < m->inputs.len; i++) see(o, m->inputs.data[i], (RefTensor *)&in[i]);
    ok = ref_run(m, symbols, in, out, see, o, m->diag);
    for (size_t i = 0; i < m->outputs.len; i++) ref_tensor_free(&out[i]);
    free(out);
  }
  return ok;
}

Calibration *observe_moments(Module *m, const int64_t *symbols, size_t samples, const RefTensor *inputs) {
  Observe o = {.m = m, .samples = samples};
  Calibration *c = calibration_create();
  const char **names = calibration_names(m, c->arena);
  for (const Node *n = m->first; n; n = n->next) {
    Layer l = {.name = names[result(n)->id]};
    if (!moments_window(n, &l.window)) continue;
    vec_push(&o.readers, operand(n, 0)->id);
    vec_push(&o.readers, o.layers.len);
    vec_push(&o.layers, l);
  }
  bool ok = round_of(&o, symbols, inputs);
  for (size_t i = 0; i < o.layers.len; i++)
    moments_init(&o.layers.data[i].moments, &o.layers.data[i].window, o.layers.data[i].largest);
  o.adds = true;
  ok = ok && round_of(&o, symbols, inputs);
  for (size_t i = 0; i < o.layers.len; i++) {
    moments_finish(&o.layers.data[i].moments, o.layers.data[i].name, c);
    moments_free(&o.layers.data[i].moments);
  }
  free(names);
  vec_free(&o.layers);
  vec_free(&o.readers);
  if (ok) return c;
  calibration_destroy(c);
  return NULL;
}

// In [-1, 1.5], the same each time.
static double made_up(size_t sample, int64_t i) {
  uint64_t r = ((uint64_t)sample << 32 | (uint64_t)i) * 0x9e3779b97f4a7c15 + 1;
  r = (r ^ r >> 29) * 0xbf58476d1ce4e5b9;
  return (double)(r >> 40) * 0x1p-24 * 2.5 - 1;
}

Calibration *observe_made_up(Module *m, const int64_t *symbols, size_t samples) {
  size_t n = m->inputs.len;
  RefTensor *inputs = xcalloc(samples * n + 1, sizeof *inputs);
  bool ok = true;
  for (size_t k = 0; ok && k < samples * n; k++) {
    RefTensor *t = &inputs[k];
    ok = ref_tensor_create(t, m, m->inputs.data[k % n]->type, symbols);
    for (int64_t i = 0; ok && t->f && i < t->count; i++) t->f[i] = made_up(k, i);
  }
  Calibration *c = ok ? observe_moments(m, symbols, samples, inputs) : NULL;
  for (size_t k = 0; k < samples * n; k++) ref_tensor_free(&inputs[k]);
  free(inputs);
  return c;
}
