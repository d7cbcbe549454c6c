// What each alternative takes, and what error it adds.
#include "driver/choose.h"
#include "driver/timing.h"
#include <math.h>

enum {
  ERRORS_MS = 120000, // to measure the errors of single layers in
  SPATIAL = 2,        // the alternative with the largest error of factorization
};

static int *all_taking(const Choose *k, int a) {
  int *taken = xcalloc(k->layers.len + 1, sizeof *taken);
  for (size_t i = 0; i < k->layers.len; i++) taken[i] = k->layers.data[i].of[a].refused ? 0 : a;
  return taken;
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
  ok = ok && choose_race(k, &t, 0, racers);
  if (ok) choose_share_both(k, racers, taken, own, us);
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
bool choose_time_alternatives(Choose *k) {
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
  return of->us < CHOOSE_WORTH * l->of[0].us && (l->of[1].refused || of->us < CHOOSE_WORTH * l->of[1].us);
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

bool choose_measure_errors(Choose *k) {
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
