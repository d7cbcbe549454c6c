#include "driver/calibrate.h"
#include "driver/choose.h"
#include "driver/evaluate.h"
#include "driver/runner.h"
#include "passes/graph/quantize_plan.h"
#include <math.h>
#include <string.h>

// ---- ranges

// All that ranges depend on: what is factorized, and how.
static char *key_of(const Decisions *d) {
  StrBuf key = {0};
  for (size_t i = 0; i < d->list.len; i++) {
    const Factorization *f = &d->list.data[i].factorize;
    if (f->method) strbuf_printf(&key, "%zu:%d:%g ", i, (int)f->method, f->error);
  }
  char *text = xstrdup(strbuf_str(&key));
  strbuf_free(&key);
  return text;
}

static Calibration *measure_ranges(const Choose *k, const BuildOptions *o) {
  Build b;
  const char *rest;
  bool ok = build_open(&b, k->path, o, k->diag) && build_until(&b, "quantize", &rest);
  Calibration *c = ok ? calibrate_on(&b, rest, &k->seen) : NULL;
  build_close(&b);
  return c;
}

// Of the network that `factorize` finds, which is the same whatever is decided.
static bool measure_moments(Choose *k, const BuildOptions *o) {
  Build b;
  const char *rest;
  bool ok = build_open(&b, k->path, o, k->diag) && build_until(&b, "factorize", &rest);
  if (ok && rest) ok = (k->moments = calibrate_layers(&b, rest, &k->seen));
  build_close(&b);
  return ok;
}

static Calibration *ranges_of(Choose *k, const Trial *t) {
  char *key = key_of(t->decisions);
  for (size_t i = 0; i < k->ranges.len; i++) {
    if (strcmp(k->ranges.data[i].key, key)) continue;
    free(key);
    return k->ranges.data[i].calibration;
  }
  Calibration *c = measure_ranges(k, &t->options);
  if (c)
    vec_push(&k->ranges, (Ranges){key, c});
  else
    free(key);
  return c;
}

// ---- building

static bool decide(Trial *t, Choose *k, const int *taken) {
  bool ranges = false, factorized = false;
  for (size_t i = 0; i < k->layers.len; i++) {
    Decision d = choose_alternative(taken[i]);
    d.layer = k->layers.data[i].name;
    decisions_put(t->decisions, &d);
    ranges = ranges || d.integers == QUANTIZE_STATIC;
    factorized = factorized || d.factorize.method;
  }
  if (factorized && !k->moments && !measure_moments(k, &t->options)) return false;
  t->decisions->moments = factorized ? k->moments : NULL;
  return !ranges || (t->decisions->calibration = ranges_of(k, t));
}

static void look(Trial *t, Choose *k, const Build *b, const int *taken) {
  for (size_t i = 0; i < k->layers.len; i++)
    if (!taken[i]) t->bytes[i] = k->layers.data[i].of[0].bytes; // an untouched network is not taken apart yet
  for (const Node *n = b->module->first; n; n = n->next) {
    int layer = quantize_is_layer(n) ? choose_layer_of(k, pass_label(n)) : -1;
    if (layer >= 0 && taken[layer]) t->bytes[layer] += choose_bytes_of(n);
  }
  for (size_t i = 0; i < b->passes.refusals.len; i++) {
    const PassRefusal *r = &b->passes.refusals.data[i];
    int layer = choose_layer_of(k, r->layer);
    if (layer >= 0 && taken[layer]) t->refusals[layer] = arena_strdup(k->arena, r->why);
  }
}

bool trial_open(Trial *t, Choose *k, const int *taken) {
  *t = (Trial){.choose = k, .decisions = decisions_create(), .options = k->options};
  t->decisions->observer = k->options.passes.quantize.observer;
  t->decisions->held_out = CHOOSE_HELD_OUT;
  t->decisions->factors = k->factors;
  t->options.decided = t->decisions;
  t->bytes = xcalloc(k->layers.len + 1, sizeof *t->bytes);
  t->refusals = xcalloc(k->layers.len + 1, sizeof *t->refusals);
  if (!decide(t, k, taken)) return false;
  Build b;
  bool ok = build_open(&b, k->path, &t->options, k->diag) && build_compress(&b);
  if (ok) look(t, k, &b, taken);
  ok = ok && loaded_build(&t->loaded, &b, k->diag);
  build_close(&b);
  k->builds++;
  return ok && runner_start(&t->loaded, k->diag);
}

void trial_close(Trial *t) {
  loaded_close(&t->loaded);
  if (t->decisions) t->decisions->calibration = t->decisions->moments = NULL;
  decisions_destroy(t->decisions);
  free(t->bytes);
  free(t->refusals);
  *t = (Trial){0};
}

// ---- judging

typedef struct Judged {
  double *errors; // by sample
  bool *agree;
} Judged;

static bool greatest_alike(const float *x, const float *y, int64_t n) {
  int64_t a = 0, b = 0;
  for (int64_t i = 1; i < n; i++) {
    if (x[i] > x[a]) a = i;
    if (y[i] > y[b]) b = i;
  }
  return a == b;
}

// Of several outputs the largest error counts, and the first one's greatest element.
static void judge(void *user, size_t sample, int slot, int worker, const Session *sessions) {
  Judged *j = user;
  (void)slot, (void)worker;
  const nncc_model_info *info = sessions[0].loaded->info;
  bool first = true;
  for (int i = 0; i < info->n_outputs; i++) {
    if (info->outputs[i].dtype != NNCC_F32) continue;
    int64_t extents[MAX_RANK], others[MAX_RANK], n = session_extents(&sessions[0], i, extents);
    bool same = session_extents(&sessions[1], i, others) == n;
    const float *x = sessions[1].outputs[i], *y = sessions[0].outputs[i];
    double error = same ? evaluate_error(x, y, n) : INFINITY;
    if (first || !(error <= j->errors[sample])) j->errors[sample] = error;
    if (first) j->agree[sample] = same && (n < 1 || greatest_alike(x, y, n));
    first = false;
  }
}

bool trial_error(const Trial *t, const Samples *samples, double *error, double *agreement) {
  const Choose *k = t->choose;
  size_t n = samples->list.len;
  Judged j = {xcalloc(n + 1, sizeof(double)), xcalloc(n + 1, sizeof(bool))};
  Loaded *models[] = {(Loaded *)&k->reference, (Loaded *)&t->loaded};
  Runner r = {.samples = samples,
              .models = models,
              .n_models = 2,
              .threads = runner_threads(0),
              .what = "judging",
              .each = judge,
              .user = &j};
  bool ok = runner_run(&r, k->diag);
  double sum = 0, agree = 0;
  for (size_t i = 0; i < n; i++) sum += j.errors[i], agree += j.agree[i];
  *error = sum / (double)n;
  if (agreement) *agreement = agree / (double)n;
  free(j.errors), free(j.agree);
  return ok;
}
