#include "driver/choose.h"
#include "driver/decisions_file.h"
#include "driver/knapsack.h"
#include "driver/runner.h"
#include "driver/timing.h"
#include <math.h>
#include <string.h>

enum {
  HELD_OUT = 4,        // every so many samples one
  LEAST_SAMPLES = 8,   // so that two are held out
  MOST_SAMPLES = 1024, // more are thinned out
  FEW_LEAST = 8,       // to measure a layer's error on
  FEW_MOST = 64,
  FEW_MS = 1000,       // of the model's runs on them
  ERRORS_MS = 120000,  // to measure the errors of single layers in
  REFINING_MS = 60000, // to try layers in f32 in
  SOLVING_ROUNDS = 12,
  SPATIAL = 2, // the alternative with the largest error of factorization
};
#define RACE_SECONDS 0.25 // for each network
#define NOISE 1.003       // of the time of equally fast networks
#define WORTH 0.97        // of f32's time, to be an alternative to it

typedef struct Standing { // the best network so far
  Trial trial;
  int *taken;
  double error, held, agreement, ms, reference_ms;
} Standing;

typedef struct Search {
  Choose k;
  Standing best;  // its trial is closed where it is the model's own network
  int *taken;     // the knapsack's
  double fastest; // how many times as fast as the model the best has been
} Search;

// ---- one network at a time

static int *all_taking(const Choose *k, int a) {
  int *taken = xcalloc(k->layers.len + 1, sizeof *taken);
  for (size_t i = 0; i < k->layers.len; i++) taken[i] = k->layers.data[i].of[a].refused ? 0 : a;
  return taken;
}

static bool race_reference(const Choose *k, const Trial *t, Racer racers[2]) {
  racers[0] = (Racer){.loaded = &k->reference}, racers[1] = (Racer){.loaded = &t->loaded};
  return race_run(racers, 2, 2 * RACE_SECONDS, k->diag);
}

// ---- samples

static bool open_samples(Choose *k, const char *data) {
  if (!samples_open(&k->seen, data, NULL, &(SampleClasses){0}, k->diag)) return false;
  size_t n = k->seen.list.len;
  if (n < LEAST_SAMPLES) {
    diag_error_file(k->diag, data, "--max-error needs at least %d samples, one of %d to be held out; these are %zu",
                    LEAST_SAMPLES, HELD_OUT, n);
    return false;
  }
  samples_limit(&k->seen, MOST_SAMPLES);
  samples_part(&k->seen, HELD_OUT, &k->held);
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
  ok = ok && race_run(&racer, 1, RACE_SECONDS, k->diag);
  double *us = xcalloc(k->layers.len + 1, sizeof *us);
  if (ok) choose_share_times(k, &racer, NULL, us);
  for (size_t i = 0; i < k->layers.len; i++) k->layers.data[i].of[0].us = us[i];
  free(us);
  race_free(&racer, 1);
  k->reference_ms = racer.ms;
  return ok && take_few(k, racer.ms);
}

// ---- what alternatives take

// Times of one alternative, where all layers have it that can.
static bool time_alternative(Choose *k, int a) {
  double begin = timing_ms();
  int *taken = all_taking(k, a);
  double *us = xcalloc(2 * k->layers.len + 1, sizeof *us), *own = us + k->layers.len, error;
  Racer racers[2] = {0};
  Trial t;
  bool ok = trial_open(&t, k, taken) && trial_error(&t, &k->few, &error, NULL);
  if (a == 1) k->trial_ms = timing_ms() - begin; // factorizing takes its time
  ok = ok && race_reference(k, &t, racers);
  if (ok) choose_share_times(k, &racers[0], NULL, own), choose_share_times(k, &racers[1], taken, us);
  for (size_t i = 0; ok && i < k->layers.len; i++) {
    Alternative *of = &k->layers.data[i].of[a], *f32 = &k->layers.data[i].of[0];
    if (t.refusals[i]) of->refused = t.refusals[i];
    of->bytes = t.bytes[i];
    of->us = own[i] > 0 ? us[i] / own[i] * f32->us : us[i];
  }
  race_free(racers, 2);
  trial_close(&t);
  free(us), free(taken);
  return ok;
}

// What refuses alternative `from` refuses `to` as well.
static void copy_refusals(Choose *k, int to, int from) {
  for (size_t i = 0; i < k->layers.len; i++) {
    Alternative *of = k->layers.data[i].of;
    if (!of[to].refused) of[to].refused = of[from].refused;
  }
}

static bool can_any(const Choose *k, int a) {
  bool any = false;
  for (size_t i = 0; i < k->layers.len; i++) any = any || !k->layers.data[i].of[a].refused;
  return any;
}

// A factorization that no layer can have at the larger error, none can at the smaller; nor its halves be integers.
static bool time_alternatives(Choose *k) {
  bool factorized = true;
  for (int a = 1; a < CHOOSE_ALTERNATIVES; a++) {
    Decision d = choose_alternative(a);
    choose_progress(k, "timing alternatives", (size_t)a, CHOOSE_ALTERNATIVES);
    if (d.factorize.method) copy_refusals(k, a, d.integers ? a - 1 : factorized ? 0 : SPATIAL);
    if (d.factorize.method && !can_any(k, a)) continue;
    if (!time_alternative(k, a)) return false;
    if (d.factorize.method && !d.integers) factorized = can_any(k, a);
  }
  choose_progress(k, NULL, 0, 0);
  return true;
}

// ---- what they cost

// Whether it may be worth its error: it is faster than f32, and than what loses less by its nature.
static bool is_candidate(const ChosenLayer *l, int a) {
  const Alternative *of = &l->of[a];
  if (of->refused) return false;
  if (a == 1) return true; // even where it does not look faster: its neighbours may gain
  return of->us < WORTH * l->of[0].us && (l->of[1].refused || of->us < WORTH * l->of[1].us);
}

// The error of neighbours [first, end) having alternative a alone, dealt out evenly over their squares.
static bool measure_error(Choose *k, int a, size_t first, size_t end) {
  int *taken = xcalloc(k->layers.len + 1, sizeof *taken), changed = 0;
  double error = 0;
  for (size_t i = first; i < end; i++)
    if (is_candidate(&k->layers.data[i], a)) taken[i] = a, changed++;
  Trial t = {0};
  bool ok = !changed || (trial_open(&t, k, taken) && trial_error(&t, &k->few, &error, NULL));
  for (size_t i = first; i < end; i++)
    if (taken[i]) k->layers.data[i].of[a].error = error / sqrt(changed);
  trial_close(&t);
  free(taken);
  return ok;
}

static bool measure_errors(Choose *k) {
  size_t n = k->layers.len, candidates = 0, done = 0;
  for (int a = 1; a < CHOOSE_ALTERNATIVES; a++)
    for (size_t i = 0; i < n; i++) candidates += is_candidate(&k->layers.data[i], a);
  size_t together = (size_t)fmax(1, ceil((double)candidates * k->trial_ms / ERRORS_MS));
  for (int a = 1; a < CHOOSE_ALTERNATIVES; a++)
    for (size_t i = 0; i < n; i += together, done++) {
      choose_progress(k, k->layers.data[i].name, i + 1, n);
      if (!measure_error(k, a, i, i + together < n ? i + together : n)) return false;
    }
  choose_progress(k, NULL, 0, 0);
  return true;
}

// ---- the best of them within the error

// `hopeful`: integers are never slower, whatever they were measured to be, since what is between two layers is counted
// to one of them.
static void solve(Search *s, double budget, bool hopeful) {
  const Choose *k = &s->k;
  size_t n = k->layers.len;
  KnapsackItem *items = xcalloc(n * CHOOSE_ALTERNATIVES + 1, sizeof *items);
  for (size_t i = 0; i < n; i++)
    for (int a = 0; a < CHOOSE_ALTERNATIVES; a++) {
      const Alternative *of = &k->layers.data[i].of[a];
      double cost = of->error * of->error, time = of->us;
      if (hopeful && a == 1) time = fmin(time, WORTH * k->layers.data[i].of[0].us);
      items[i * CHOOSE_ALTERNATIVES + (size_t)a] = (KnapsackItem){time, isfinite(cost) ? cost : INFINITY};
    }
  knapsack_solve(items, n, CHOOSE_ALTERNATIVES, budget, s->taken);
  free(items);
}

static void stand(Search *s, Trial *t, const int *taken, const Standing *measured) {
  trial_close(&s->best.trial);
  int *own = s->best.taken;
  s->best = *measured;
  s->best.trial = *t;
  s->best.taken = memcpy(own, taken, sizeof *own * s->k.layers.len);
  *t = (Trial){0};
}

// The larger of the errors on held-out samples and on those that were seen, so that neither is met by chance.
static bool judge(const Search *s, const Trial *t, Standing *m) {
  double few = 0;
  *m = (Standing){0};
  bool ok = trial_error(t, &s->k.held, &m->held, &m->agreement) && trial_error(t, &s->k.few, &few, NULL);
  m->error = few > m->held || isnan(few) ? few : m->held;
  return ok;
}

static bool time_both(const Search *s, const Trial *t, Standing *m) {
  Racer racers[2] = {0};
  bool ok = race_reference(&s->k, t, racers);
  m->reference_ms = racers[0].ms, m->ms = racers[1].ms;
  race_free(racers, 2);
  return ok;
}

static double speed(const Standing *m) { return m->ms > 0 ? m->reference_ms / m->ms : 1; }

typedef struct Bounds { // of the budget
  double held, broken;  // the largest within which the error was, the smallest within which it was not
} Bounds;

// The budget to try next: what the last one's error lets expect, if that lies between what is known.
static double next_budget(const Bounds *b, double expected) {
  if (expected > b->held && expected < b->broken) return expected;
  return isinf(b->broken) ? b->held * 4 : b->held > 0 ? sqrt(b->held * b->broken) : b->broken / 4;
}

// Builds what the knapsack took, and lets it stand where it is the fastest so far.
static bool try_taken(Search *s, double *error) {
  Trial t = {0};
  Standing m;
  bool ok = trial_open(&t, &s->k, s->taken) && judge(s, &t, &m);
  if (ok && m.error <= s->k.max_error && (ok = time_both(s, &t, &m)) && speed(&m) > speed(&s->best))
    stand(s, &t, s->taken, &m);
  *error = ok ? m.error : 0;
  trial_close(&t);
  return ok;
}

// Squares of errors do not quite add up: the budget is put right by what a solution of it was measured to lose.
static bool find_within(Search *s, bool hopeful) {
  const Choose *k = &s->k;
  size_t bytes = sizeof *s->taken * k->layers.len;
  double goal = k->max_error * k->max_error, budget = goal, error = 0;
  Bounds bounds = {0, INFINITY};
  int *last = xcalloc(k->layers.len + 1, sizeof *last), *none = xcalloc(k->layers.len + 1, sizeof *none);
  bool ok = true;
  for (int round = 0; ok && round < SOLVING_ROUNDS; round++) {
    choose_progress(k, "within the error", (size_t)round + 1, SOLVING_ROUNDS);
    solve(s, budget, hopeful);
    bool same = round && !memcmp(last, s->taken, bytes);
    if (!memcmp(none, s->taken, bytes) || !memcmp(s->best.taken, s->taken, bytes)) break;
    memcpy(last, s->taken, bytes);
    if (!same) ok = try_taken(s, &error);
    bool within = error <= k->max_error;
    if (within && (same || error > 0.95 * k->max_error)) break;
    *(within ? &bounds.held : &bounds.broken) = budget;
    budget = next_budget(&bounds, error > 0 ? budget * goal * 0.95 / (error * error) : INFINITY);
  }
  choose_progress(k, NULL, 0, 0);
  free(last), free(none);
  return ok;
}

// ---- layers that would rather be f32

// Times and bytes of the layers in the network that stands.
static bool look_at_layers(Search *s) {
  Choose *k = &s->k;
  size_t n = k->layers.len;
  double *us = xcalloc(2 * n + 1, sizeof *us), *own = us + n;
  Racer racers[2] = {0};
  bool ok = !s->best.trial.choose || race_reference(k, &s->best.trial, racers);
  if (ok && s->best.trial.choose) {
    choose_share_times(k, &racers[0], NULL, own), choose_share_times(k, &racers[1], s->best.taken, us);
    s->best.reference_ms = racers[0].ms, s->best.ms = racers[1].ms;
  }
  for (size_t i = 0; i < n; i++) {
    ChosenLayer *l = &k->layers.data[i];
    l->taken = s->best.taken[i];
    if (s->best.trial.choose) l->of[0].us = own[i];
    l->us = s->best.trial.choose ? us[i] : l->of[0].us;
    l->bytes = s->best.trial.choose ? s->best.trial.bytes[i] : l->of[0].bytes;
  }
  race_free(racers, 2);
  free(us);
  return ok;
}

// The layer that seems to lose the most by what was chosen for it; -1: none does.
static int most_doubtful(const Search *s) {
  int found = -1;
  double worst = 0;
  for (size_t i = 0; i < s->k.layers.len; i++) {
    const ChosenLayer *l = &s->k.layers.data[i];
    double loss = l->us - WORTH * l->of[0].us;
    if (l->taken && !l->tried && loss > worst) found = (int)i, worst = loss;
  }
  return found;
}

// The network without what was chosen for layer i, which stands if it is as fast within the error.
static bool try_without(Search *s, int i) {
  Choose *k = &s->k;
  memcpy(s->taken, s->best.taken, sizeof *s->taken * k->layers.len);
  s->taken[i] = 0;
  k->layers.data[i].tried = true;
  Trial t = {0};
  Standing m = {0};
  bool ok = trial_open(&t, k, s->taken) && judge(s, &t, &m);
  Racer racers[] = {{.loaded = &k->reference}, {.loaded = &s->best.trial.loaded}, {.loaded = &t.loaded}};
  ok = ok && race_run(racers, 3, 3 * RACE_SECONDS, k->diag);
  m.reference_ms = racers[0].ms, m.ms = racers[2].ms;
  s->fastest = fmax(s->fastest, racers[0].ms / racers[1].ms);
  if (ok && m.error <= k->max_error && NOISE * speed(&m) >= s->fastest) stand(s, &t, s->taken, &m);
  race_free(racers, 3);
  trial_close(&t);
  return ok;
}

static bool refine(Search *s) {
  double end = timing_ms() + REFINING_MS;
  bool ok = look_at_layers(s);
  for (int i; ok && s->best.trial.choose && timing_ms() < end && (i = most_doubtful(s)) >= 0;) {
    choose_progress(&s->k, s->k.layers.data[i].name, 1, 1);
    ok = try_without(s, i) && look_at_layers(s);
  }
  choose_progress(&s->k, NULL, 0, 0);
  if (!ok || !s->best.trial.choose || speed(&s->best) > 1) return ok;
  trial_close(&s->best.trial); // what seemed faster is not
  memset(s->best.taken, 0, sizeof *s->best.taken * s->k.layers.len);
  return look_at_layers(s);
}

// ---- all of it

// What was found: the ranges of those measured that belong to it are its own from here on.
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
  return open_reference(k) && time_alternatives(k) && measure_errors(k) && find_within(s, false) &&
         find_within(s, true) && refine(s);
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
