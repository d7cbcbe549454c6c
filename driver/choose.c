#include "driver/choose.h"
#include "driver/decisions_file.h"
#include "driver/runner.h"
#include "driver/timing.h"
#include <math.h>

enum {
  LEAST_SAMPLES = 8, // so that two are held out
  FEW_LEAST = 8,     // to measure a layer's error on
  FEW_MOST = 64,
  FEW_MS = 1000, // of the model's runs on them
};
#define RACE_SECONDS 0.25 // for each network

bool choose_race(const Choose *k, const Trial *t, double most_seconds, Racer racers[2]) {
  racers[0] = (Racer){.loaded = &k->reference}, racers[1] = (Racer){.loaded = &t->loaded};
  return race_run(racers, 2, 2 * RACE_SECONDS, most_seconds, k->diag);
}

// ---- samples

static bool open_samples(Choose *k, const char *data) {
  if (!samples_open(&k->seen, data, NULL, &(SampleClasses){0}, k->diag)) return false;
  size_t n = k->seen.list.len;
  if (n < LEAST_SAMPLES) {
    diag_error_file(k->diag, data, "--max-error needs at least %d samples, one of %d to be held out; these are %zu",
                    LEAST_SAMPLES, CHOOSE_HELD_OUT, n);
    return false;
  }
  samples_hold_out(&k->seen, CHOOSE_HELD_OUT, &k->held);
  return true;
}

// Some of those that calibrate, as many as the model computes in the time.
static bool take_few(Choose *k, double ms) {
  double fitting = fmax(FEW_LEAST, fmin(FEW_MS / fmax(ms, 1e-3), FEW_MOST));
  size_t n = k->seen.list.len, every = (size_t)fmax(1, (double)n / fitting);
  samples_copy(&k->few, &k->seen, every);
  return true;
}

// ---- the model as it is

static bool has_floats(const Choose *k) {
  for (int i = 0; i < k->reference.info->n_outputs; i++)
    if (k->reference.info->outputs[i].dtype == NNCC_F32) return true;
  diag_error_file(k->diag, k->path, "--max-error needs an output of f32");
  return false;
}

static bool open_reference(Choose *k) {
  Build b;
  bool ok = build_open(&b, k->path, &k->options, k->diag) && loaded_build(&k->reference, &b, k->diag);
  build_close(&b);
  ok = ok && runner_start(&k->reference, k->diag) && has_floats(k);
  Racer racer = {.loaded = &k->reference};
  ok = ok && race_run(&racer, 1, RACE_SECONDS, 0, k->diag);
  double *us = xcalloc(k->layers.len + 1, sizeof *us);
  if (ok) choose_share_times(k, &racer, NULL, NULL, NULL, us);
  for (size_t i = 0; i < k->layers.len; i++) k->layers.data[i].of[0].us = us[i];
  free(us);
  race_free(&racer, 1);
  k->reference_ms = racer.ms;
  return ok && take_few(k, racer.ms);
}

// ---- all of it

// What was found: the ranges and moments of those measured that belong to it are its own from here on.
static Decisions *take_found(Search *s) {
  Choose *k = &s->k;
  Decisions *found = s->best.trial.decisions;
  s->best.trial.decisions = NULL;
  if (!found) {
    found = decisions_create();
    for (size_t i = 0; i < k->layers.len; i++) decisions_put(found, &k->all->list.data[i]);
  }
  for (size_t i = 0; i < k->ranges.len; i++)
    if (k->ranges.data[i].calibration == found->calibration) k->ranges.data[i].calibration = NULL;
  if (found->moments) k->moments = NULL;
  found->factors = NULL;
  return found;
}

static void report(Search *s) {
  const Choose *k = &s->k;
  const Standing *b = &s->best;
  bool own = !b->trial.choose;
  Measured m = {.ms = own ? k->reference_ms : b->ms,
                .reference_ms = own ? k->reference_ms : b->reference_ms,
                .error = own ? 0 : b->held,
                .agreement = own ? 1 : b->agreement,
                .reference_bytes = (double)k->reference.info->weights_bytes};
  m.weight_bytes = own ? m.reference_bytes : (double)b->trial.loaded.info->weights_bytes;
  choose_report(k, &m);
}

static bool search(Search *s, const char *data) {
  Choose *k = &s->k;
  if (!open_samples(k, data) || !choose_find_layers(k)) return false;
  s->taken = xcalloc(k->layers.len + 1, sizeof *s->taken);
  s->best.taken = xcalloc(k->layers.len + 1, sizeof *s->best.taken);
  return open_reference(k) && choose_time_alternatives(k) && choose_measure_errors(k) && choose_within(s, false) &&
         choose_within(s, true) && choose_settle(s);
}

// Whether what is compiled runs here, where it is timed.
static bool runs_here(const Choose *k) {
  Arena *a = arena_create();
  TargetInfo *targets;
  int n = codegen_target_infos(a, k->options.codegen.target, k->options.codegen.cpu, &targets, k->diag);
  bool any = false;
  for (int i = 0; i < n; i++) any = any || targets[i].runs_here;
  arena_destroy(a);
  if (n && !any)
    diag_error_file(k->diag, k->path, "--max-error times networks on this machine, which cannot run the code for `%s`",
                    k->options.codegen.cpu ? k->options.codegen.cpu : k->options.codegen.target);
  return any;
}

static BuildOptions options_of_trials(const BuildOptions *o) {
  BuildOptions t = *o; // silent, of code alone
  t.save_decisions = NULL;
  t.max_error = 0;
  t.verbose = t.codegen.verbose = t.codegen.dry_run = t.codegen.save_temps = t.time_passes = t.statistics = false;
  t.quiet = true;
  t.passes.remarks = t.passes.missed = t.passes.stop_after = NULL;
  t.tune = 0;
  return t;
}

static void search_free(Search *s) {
  Choose *k = &s->k;
  trial_close(&s->best.trial);
  loaded_close(&k->reference);
  samples_close(&k->seen), samples_close(&k->few), samples_close(&k->held);
  for (size_t i = 0; i < k->ranges.len; i++) {
    calibration_destroy(k->ranges.data[i].calibration);
    free(k->ranges.data[i].key);
  }
  vec_free(&k->ranges);
  calibration_destroy(k->moments);
  factor_cache_destroy(k->factors);
  vec_free(&k->layers);
  decisions_destroy(k->all);
  arena_destroy(k->arena);
  free(s->taken), free(s->best.taken);
}

Decisions *choose_decisions(const char *path, const BuildOptions *o, Diag *d) {
  Search s = {.k = {.path = path,
                    .options = options_of_trials(o),
                    .max_error = o->max_error,
                    .diag = d,
                    .arena = arena_create(),
                    .all = decisions_create(),
                    .factors = factor_cache_create(),
                    .begin_ms = timing_ms()}};
  bool ok = runs_here(&s.k) && search(&s, o->calibrate);
  Decisions *found = ok ? take_found(&s) : NULL;
  if (found) found->observer = o->passes.quantize.observer;
  if (found && o->save_decisions && !decisions_write(found, s.k.model, o->save_decisions, d)) {
    decisions_destroy(found);
    found = NULL;
  }
  if (found) report(&s);
  search_free(&s);
  return found;
}
