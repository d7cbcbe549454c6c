// Moments of what layers sum over, in two rounds: the largest magnitudes, then the sums, in units of those.
#include "driver/calibrate.h"
#include "driver/observed.h"
#include "driver/pairs.h"
#include "passes/moments.h"
#include <math.h>
#include <pthread.h>

typedef struct LayerTap {
  const char *name; // of the layer's result
  int output;       // its input
  MomentWindow window;
  bool odd; // a NaN or an infinity was seen
  float largest;
  Moments moments;
  pthread_mutex_t lock;
} LayerTap;

typedef struct Layers {
  Observed observed;
  Vec(LayerTap) taps;
  Arena *arena;
} Layers;

static bool tap_layers(void *user, Module *m) {
  Layers *l = user;
  const char **names = calibration_names(m, l->arena);
  int64_t room = MOMENTS_BYTES_MOST;
  for (const Node *n = m->first; n; n = n->next) {
    LayerTap t = {.name = names[result(n)->id]};
    if (!moments_window(n, &t.window)) continue;
    int64_t inputs = moments_inputs(&t.window), bytes = inputs * inputs * (int64_t)sizeof(double);
    if (bytes > room) continue; // the pass will say that it knows nothing of this layer
    room -= bytes;
    t.output = pairs_tap(m, operand(n, 0));
    vec_push(&l->taps, t);
  }
  free(names);
  for (size_t i = 0; i < l->taps.len; i++) pthread_mutex_init(&l->taps.data[i].lock, NULL);
  return true;
}

static void see_largest(void *user, size_t sample, int slot, int worker, const Session *s) {
  Layers *l = user;
  (void)sample, (void)slot, (void)worker;
  for (size_t i = 0; i < l->taps.len; i++) {
    LayerTap *t = &l->taps.data[i];
    int64_t extents[MAX_RANK];
    const float *x;
    int64_t n = observed_output(s, t->output, &x, extents);
    float largest = 0;
    bool odd = false;
    for (int64_t e = 0; e < n; e++) {
      odd |= !isfinite(x[e]);
      largest = fmaxf(largest, fabsf(x[e]));
    }
    pthread_mutex_lock(&t->lock);
    t->odd = t->odd || odd;
    t->largest = fmaxf(t->largest, largest);
    pthread_mutex_unlock(&t->lock);
  }
}

static void see_moments(void *user, size_t sample, int slot, int worker, const Session *s) {
  Layers *l = user;
  (void)slot, (void)worker;
  for (size_t i = 0; i < l->taps.len; i++) {
    LayerTap *t = &l->taps.data[i];
    int64_t extents[MAX_RANK];
    const float *x;
    observed_output(s, t->output, &x, extents);
    pthread_mutex_lock(&t->lock);
    moments_add(&t->moments, x, s->loaded->info->outputs[t->output].rank, extents, sample,
                l->observed.samples->list.len);
    pthread_mutex_unlock(&t->lock);
  }
}

static bool run(Layers *l) {
  bool ok = observed_run(&l->observed, see_largest, l);
  for (size_t i = 0; ok && i < l->taps.len; i++) {
    LayerTap *t = &l->taps.data[i];
    ok = observed_finite(&l->observed, t->odd, t->name);
    moments_init(&t->moments, &t->window, (double)t->largest);
  }
  return ok && observed_run(&l->observed, see_moments, l);
}

static Calibration *result_of(Layers *l) {
  Calibration *c = calibration_create();
  c->samples = (int64_t)l->observed.samples->list.len;
  for (size_t i = 0; i < l->taps.len; i++) {
    LayerTap *t = &l->taps.data[i];
    moments_finish(&t->moments, t->name, c);
    moments_free(&t->moments);
  }
  return c;
}

Calibration *calibrate_layers(const Build *b, const char *rest, const Samples *samples) {
  Layers l = {.arena = arena_create()};
  bool ok = observed_open(&l.observed, b, rest, samples, tap_layers, &l) && run(&l);
  Calibration *c = ok ? result_of(&l) : NULL;
  for (size_t i = 0; i < l.taps.len; i++) {
    if (!ok) moments_free(&l.taps.data[i].moments);
    pthread_mutex_destroy(&l.taps.data[i].lock);
  }
  observed_close(&l.observed);
  vec_free(&l.taps);
  arena_destroy(l.arena);
  return c;
}
