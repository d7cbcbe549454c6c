// What each alternative takes, and what error it adds.
#include "driver/choose.h"
#include "driver/timing.h"
#include <math.h>

enum { ERRORS_MS = 120000, ERRORS_MS_MOST = 2 * ERRORS_MS }; // to measure the errors of layers in: meant, and at most

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
  double ms = timing_ms() - begin;
  if (!(k->trial_ms > 0) || ms < k->trial_ms) k->trial_ms = ms; // factorizing all layers takes its time
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

// What has refused another alternative would refuse this one, which asks for more; where the other is no faster than
// f32, neither is this one, without saying.
static void rule_out(Choose *k, int to) {
  for (size_t i = 0; i < k->layers.len; i++) {
    Alternative *of = k->layers.data[i].of;
    for (int from = 1; from < to && !of[to].refused; from++) {
      if (!choose_asks_for(to, from)) continue;
      of[to].refused = of[from].refused;
      if (!of[to].refused && of[from].us >= CHOOSE_WORTH * of[0].us) of[to].refused = "";
    }
  }
}

static bool can_any(const Choose *k, int a) {
  bool any = false;
  for (size_t i = 0; i < k->layers.len; i++) any = any || !k->layers.data[i].of[a].refused;
  return any;
}

bool choose_time_alternatives(Choose *k) {
  for (int a = 1; a < CHOOSE_ALTERNATIVES; a++) {
    choose_progress(k, "timing alternatives", (size_t)a, CHOOSE_ALTERNATIVES);
    rule_out(k, a);
    if (can_any(k, a) && !time_alternative(k, a)) return false;
  }
  choose_progress(k, NULL, 0, 0);
  return true;
}

// ---- what they cost

// Whether b makes a needless: it loses less by its nature, or as much, and a is no faster.
static bool dominates(const ChosenLayer *l, int b, int a) {
  if (a == b || l->of[b].refused) return false;
  double more = choose_loss(a) - choose_loss(b);
  if (more > 0) return l->of[a].us >= CHOOSE_WORTH * l->of[b].us;
  return more == 0 && (l->of[a].us > l->of[b].us || (l->of[a].us == l->of[b].us && a > b));
}

// Whether it may be worth its error.
static bool is_candidate(const ChosenLayer *l, int a) {
  if (l->of[a].refused) return false;
  bool needless = false;
  for (int b = 0; b < CHOOSE_ALTERNATIVES; b++) needless = needless || dominates(l, b, a);
  return choose_hands_on(a) || !needless;
}

// The error of up to `together` layers, from *next on, having alternative a alone, dealt out evenly over their squares.
static bool measure_error(Choose *k, int a, size_t together, size_t *next) {
  size_t n = k->layers.len, changed = 0;
  int *taken = xcalloc(n + 1, sizeof *taken);
  double error = 0;
  for (; *next < n && changed < together; ++*next)
    if (is_candidate(&k->layers.data[*next], a)) taken[*next] = a, changed++;
  Trial t = {0};
  bool ok = !changed || (trial_open(&t, k, taken) && trial_error(&t, &k->few, &error, NULL));
  for (size_t i = 0; i < n; i++)
    if (taken[i]) k->layers.data[i].of[a].error = error / sqrt((double)changed);
  trial_close(&t);
  free(taken);
  return ok;
}

// Those that no time is left for stay unknown: they cannot be had.
bool choose_measure_errors(Choose *k) {
  size_t n = k->layers.len, candidates = 0;
  double end = timing_ms() + ERRORS_MS_MOST;
  for (int a = 1; a < CHOOSE_ALTERNATIVES; a++)
    for (size_t i = 0; i < n; i++) candidates += is_candidate(&k->layers.data[i], a);
  size_t together = (size_t)fmax(1, ceil((double)candidates * k->trial_ms / ERRORS_MS));
  for (int a = 1; a < CHOOSE_ALTERNATIVES; a++)
    for (size_t i = 0; i < n && timing_ms() < end;) {
      choose_progress(k, k->layers.data[i].name, i + 1, n);
      if (!measure_error(k, a, together, &i)) return false;
    }
  choose_progress(k, NULL, 0, 0);
  return true;
}
