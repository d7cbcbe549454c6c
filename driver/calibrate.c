#include "driver/calibrate.h"
#include "driver/calibration_file.h"
#include "driver/observed.h"
#include "driver/pairs.h"
#include "passes/graph/quantize_plan.h"
#include <math.h>
#include <string.h>

// Sums are of integers, so that they do not depend on the order of samples: elements in units of 2^-UNIT_BITS of the
// largest magnitude. 2^32 elements of a channel fit.
enum { UNIT_BITS = 30 };

typedef struct Tap { // a value, and what was seen of it
  const char *name;
  int output, axis;
  int64_t channels;
  Histogram histogram;
  int64_t *sums, count; // of each channel; elements of one
} Tap;

typedef struct Seen { // by one thread, of one value
  double min, max;
  bool odd; // a NaN or an infinity
  int64_t *bins, *sums, count;
} Seen;

typedef struct Calibrate {
  Observed observed;
  Vec(Tap) taps;
  Seen *seen; // threads x taps
  Arena *arena;
} Calibrate;

// ---- the network with its taps

static void tap(Calibrate *k, Module *m, Value *v, const char *name) {
  const Type *t = v->type;
  int axis = calibration_axis(t);
  int64_t channels = axis >= 0 && dim_is_const(t->dims[axis]) ? t->dims[axis] : 1;
  vec_push(&k->taps, (Tap){.name = name, .axis = axis, .channels = channels, .output = pairs_tap(m, v)});
}

static bool tap_values(void *user, Module *m) {
  Calibrate *k = user;
  PassContext c = {.module = m, .diag = k->observed.b->diag};
  QuantizePlan plan;
  bool ok = quantize_plan(&plan, &c, QUANTIZE_STATIC);
  const char **names = calibration_names(m, k->arena);
  uint32_t n = m->n_values;
  for (size_t i = 0; ok && i < m->inputs.len; i++)
    if (plan.value[m->inputs.data[i]->id]) tap(k, m, m->inputs.data[i], names[m->inputs.data[i]->id]);
  for (const Node *node = m->first; ok && node; node = node->next)
    for (int i = 0; i < node->n_results; i++)
      if (node->results[i]->id < n && plan.value[node->results[i]->id])
        tap(k, m, node->results[i], names[node->results[i]->id]);
  quantize_plan_free(&plan);
  vec_free(&c.refusals);
  free(names);
  return ok;
}

// ---- what is seen

static Seen *seen_by(Calibrate *k, int worker, size_t i) { return &k->seen[(size_t)worker * k->taps.len + i]; }

static int64_t elements(const Session *s, const Tap *t, const float **x, int64_t *inner) {
  int64_t extents[MAX_RANK], n = observed_output(s, t->output, x, extents);
  *inner = 1;
  for (int i = t->axis + 1; t->channels > 1 && i < s->loaded->info->outputs[t->output].rank; i++) *inner *= extents[i];
  return n;
}

static void see_ends(void *user, size_t sample, int slot, int worker, const Session *s) {
  Calibrate *k = user;
  (void)sample, (void)slot;
  for (size_t i = 0; i < k->taps.len; i++) {
    Seen *seen = seen_by(k, worker, i);
    const float *x;
    int64_t inner, n = elements(s, &k->taps.data[i], &x, &inner);
    float min = INFINITY, max = -INFINITY;
    bool odd = false;
    for (int64_t e = 0; e < n; e++) {
      odd |= !isfinite(x[e]);
      min = x[e] < min ? x[e] : min;
      max = x[e] > max ? x[e] : max;
    }
    seen->min = fmin(seen->min, (double)min);
    seen->max = fmax(seen->max, (double)max);
    seen->odd = seen->odd || odd;
  }
}

static double unit(const Histogram *h) { return fmax(fmax(fabs(h->min), fabs(h->max)), 1e-30) / (1 << UNIT_BITS); }

static void see_elements(void *user, size_t sample, int slot, int worker, const Session *s) {
  Calibrate *k = user;
  (void)sample, (void)slot;
  for (size_t i = 0; i < k->taps.len; i++) {
    const Tap *t = &k->taps.data[i];
    Seen *seen = seen_by(k, worker, i);
    const float *x;
    int64_t inner, n = elements(s, t, &x, &inner);
    double per_unit = 1 / unit(&t->histogram);
    for (int64_t run = 0; run < n / inner; run++, x += inner) {
      int64_t sum = 0;
      for (int64_t e = 0; e < inner; e++) {
        seen->bins[histogram_bin(&t->histogram, (double)x[e])]++;
        sum += (int64_t)((double)x[e] * per_unit);
      }
      seen->sums[run % t->channels] += sum;
    }
    seen->count += n / t->channels;
  }
}

// ---- both rounds

static bool find_ends(Calibrate *k) {
  for (size_t i = 0; i < k->taps.len * (size_t)k->observed.threads; i++)
    k->seen[i] = (Seen){.min = INFINITY, .max = -INFINITY};
  if (!observed_run(&k->observed, see_ends, k)) return false;
  for (size_t i = 0; i < k->taps.len; i++) {
    Histogram *h = &k->taps.data[i].histogram;
    h->min = INFINITY, h->max = -INFINITY;
    for (int w = 0; w < k->observed.threads; w++) {
      const Seen *seen = seen_by(k, w, i);
      h->min = fmin(h->min, seen->min), h->max = fmax(h->max, seen->max);
      if (!observed_finite(&k->observed, seen->odd, k->taps.data[i].name)) return false;
    }
  }
  return true;
}

static bool fill_histograms(Calibrate *k) {
  for (size_t i = 0; i < k->taps.len; i++)
    for (int w = 0; w < k->observed.threads; w++) {
      Seen *seen = seen_by(k, w, i);
      seen->bins = arena_array(k->arena, int64_t, HISTOGRAM_BINS);
      seen->sums = arena_array(k->arena, int64_t, k->taps.data[i].channels);
    }
  if (!observed_run(&k->observed, see_elements, k)) return false;
  for (size_t i = 0; i < k->taps.len; i++) {
    Tap *t = &k->taps.data[i];
    t->sums = arena_array(k->arena, int64_t, t->channels);
    for (int w = 0; w < k->observed.threads; w++) {
      const Seen *seen = seen_by(k, w, i);
      for (int b = 0; b < HISTOGRAM_BINS; b++) t->histogram.bins[b] += seen->bins[b];
      for (int64_t c = 0; c < t->channels; c++) t->sums[c] += seen->sums[c];
      t->count += seen->count;
    }
  }
  return true;
}

static Calibration *result_of(const Calibrate *k) {
  Calibration *c = calibration_create();
  c->samples = (int64_t)k->observed.samples->list.len;
  for (size_t i = 0; i < k->taps.len; i++) {
    const Tap *t = &k->taps.data[i];
    double *means = xcalloc((size_t)t->channels, sizeof *means);
    for (int64_t j = 0; j < t->channels; j++) means[j] = (double)t->sums[j] * unit(&t->histogram) / (double)t->count;
    CalibrationValue v = {.name = t->name, .channels = t->channels, .means = means};
    for (int o = 0; o < OBSERVERS; o++) v.ranges[o] = observe_range(&t->histogram, (Observer)o);
    calibration_add(c, &v);
    free(means);
  }
  return c;
}

Calibration *calibrate_on(const Build *b, const char *rest, const Samples *samples) {
  Calibrate k = {.arena = arena_create()};
  bool ok = observed_open(&k.observed, b, rest, samples, tap_values, &k);
  if (ok) k.seen = xcalloc(k.taps.len * (size_t)k.observed.threads + 1, sizeof *k.seen);
  ok = ok && find_ends(&k) && fill_histograms(&k);
  Calibration *c = ok ? result_of(&k) : NULL;
  observed_close(&k.observed);
  vec_free(&k.taps);
  free(k.seen);
  arena_destroy(k.arena);
  return c;
}

Calibration *calibrate(const Build *b, const char *rest) {
  const BuildOptions *o = b->options;
  Calibration *c =
      build_has_suffix(o->calibrate, ".json") ? calibration_read(o->calibrate, b->diag) : calibrate_on(b, rest, NULL);
  if (!c || !o->save_calibration || calibration_write(c, b->module->name, o->save_calibration, b->diag)) return c;
  calibration_destroy(c);
  return NULL;
}
