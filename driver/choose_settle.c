// The last part of a search: no layer is to be slower in the network found than its f32 form. settle.h says what that
// is, and which layers are tried in f32; here they are, in networks that are timed in turns with the one that stands.
// What then stands is within the error, and as fast as before as a whole.
#include "driver/choose.h"
#include "driver/settle.h"
#include "driver/timing.h"
#include <math.h>
#include <string.h>

enum { SETTLING_MS = 120000, LAST_LOOKS = 5 };
#define CAREFUL_SECONDS 4. // at most, until phases are as fast in one half of the rounds as in the other
#define NOISE 1.005        // of the times of equally fast networks

typedef struct Settling {
  Search *s;
  SettledLayer *layers;
  bool *set, *back; // layers in f32, to be tried
  double *us;       // of layers in the network that is tried
  double end_ms;
  bool runs_stay;  // runs were tried in the network that stands
  size_t together; // so many layers are tried at once
} Settling;

typedef struct Attempt {
  Trial trial;
  Standing measured;
  bool stands;
} Attempt;

// Times and bytes of the layers in the network that stands. `again`: what was measured faster before, holds.
static bool look_at_layers(Settling *t, bool again) {
  Search *s = t->s;
  Choose *k = &s->k;
  const Trial *trial = &s->best.trial;
  size_t n = k->layers.len;
  double *us = xcalloc(2 * n + 1, sizeof *us), *own = us + n;
  Racer racers[2] = {0};
  bool ok = !trial->choose || choose_race(k, trial, CAREFUL_SECONDS, racers);
  if (ok && trial->choose) {
    choose_share_both(k, racers, s->best.taken, own, us);
    s->best.reference_ms = again ? fmin(s->best.reference_ms, racers[0].ms) : racers[0].ms;
    s->best.ms = again ? fmin(s->best.ms, racers[1].ms) : racers[1].ms;
  }
  for (size_t i = 0; i < n; i++) {
    ChosenLayer *l = &k->layers.data[i];
    l->taken = s->best.taken[i];
    l->us_before = trial->choose ? own[i] : l->of[0].us;
    l->us = trial->choose ? us[i] : l->of[0].us;
    if (again) l->us_before = fmin(l->us_before, t->layers[i].before), l->us = fmin(l->us, t->layers[i].after);
    l->bytes = trial->choose ? trial->bytes[i] : l->of[0].bytes;
    t->layers[i].before = l->us_before, t->layers[i].after = l->us, t->layers[i].changed = l->taken;
  }
  race_free(racers, 2);
  free(us);
  return ok;
}

// The three networks in turns: the model's own, the one that stands, and the attempt.
static bool race_attempt(Settling *t, Attempt *a) {
  Search *s = t->s;
  const Choose *k = &s->k;
  size_t n = k->layers.len;
  double *own = xcalloc(2 * n + 1, sizeof *own), *after = own + n;
  Racer racers[] = {{.loaded = &k->reference}, {.loaded = &s->best.trial.loaded}, {.loaded = &a->trial.loaded}};
  bool ok = race_run(racers, 3, CAREFUL_SECONDS / 4, CAREFUL_SECONDS, k->diag);
  if (ok) {
    choose_share_both(k, (Racer[]){racers[0], racers[2]}, s->taken, own, t->us);
    choose_share_both(k, racers, s->best.taken, own, after);
    for (size_t i = 0; i < n; i++) t->layers[i].before = own[i], t->layers[i].after = after[i];
    a->measured.reference_ms = racers[0].ms, a->measured.ms = racers[2].ms;
    a->stands = a->measured.error <= k->max_error && racers[2].ms <= NOISE * racers[1].ms;
  }
  race_free(racers, 3);
  free(own);
  return ok;
}

// Tries the network that stands with the layers of `set` in f32. Its trial is to be closed either way.
static bool attempt_open(Settling *t, const bool *set, Attempt *a) {
  Search *s = t->s;
  size_t n = s->k.layers.len;
  *a = (Attempt){0};
  for (size_t i = 0; i < n; i++) s->taken[i] = set[i] ? 0 : s->best.taken[i];
  return trial_open(&a->trial, &s->k, s->taken) && choose_judge(s, &a->trial, &a->measured) && race_attempt(t, a);
}

static bool let_stand(Settling *t, Attempt *a, const bool *set) {
  Search *s = t->s;
  for (size_t i = 0; i < s->k.layers.len; i++)
    if (set[i]) s->k.layers.data[i].reverted = s->best.taken[i];
  choose_stand(s, &a->trial, s->taken, &a->measured);
  t->runs_stay = false;
  return look_at_layers(t, false);
}

static bool try_runs(Settling *t) {
  Attempt a;
  bool ok = attempt_open(t, t->set, &a);
  t->runs_stay = true;
  if (ok && a.stands) ok = let_stand(t, &a, t->set);
  trial_close(&a.trial);
  return ok;
}

// Which of the probes are slower than their f32 form in place; the others stay. How many.
static size_t judge_probes(Settling *t) {
  size_t n = t->s->k.layers.len, count = 0;
  for (size_t i = 0; i < n; i++) {
    t->back[i] = false;
    if (!t->set[i]) continue;
    double here = settle_in_place(t->layers, n, i, t->us);
    t->s->k.layers.data[i].us_here = here;
    t->back[i] = settle_excess(here, t->layers[i].after) > 0;
    t->layers[i].kept = !t->back[i];
    count += t->back[i];
  }
  return count;
}

// Sends those that are to go back to f32; where that does not stand one at a time is tried, and the last one stays.
static bool send_back(Settling *t, Attempt *tried, size_t probes, size_t count) {
  Attempt own = {0}, *a = tried;
  size_t n = t->s->k.layers.len;
  bool ok = true;
  if (count < probes) ok = attempt_open(t, t->back, a = &own);
  if (ok && a->stands)
    ok = let_stand(t, a, t->back);
  else if (count == 1)
    for (size_t i = 0; i < n; i++) t->layers[i].kept = t->layers[i].kept || t->back[i];
  else
    t->together = 1;
  trial_close(&own.trial);
  return ok;
}

static bool try_probes(Settling *t, size_t probes) {
  Attempt a;
  bool ok = attempt_open(t, t->set, &a);
  size_t count = ok ? judge_probes(t) : 0;
  if (count) ok = send_back(t, &a, probes, count);
  trial_close(&a.trial);
  return ok;
}

double choose_excess(const ChosenLayer *l) {
  return settle_excess(l->taken && l->us_here > 0 ? l->us_here : l->us_before, l->us);
}

static bool any_slower(const Settling *t) {
  bool any = false;
  for (size_t i = 0; i < t->s->k.layers.len; i++) any = any || choose_excess(&t->s->k.layers.data[i]) > 0;
  return any;
}

// Where nothing is left to try, what still looks slower may be the machine's doing: it is measured again.
static bool settle_layers(Settling *t) {
  size_t n = t->s->k.layers.len, probes;
  bool ok = look_at_layers(t, false);
  for (int looks = 0; ok && t->s->best.trial.choose && looks < LAST_LOOKS;) {
    bool late = timing_ms() >= t->end_ms;
    choose_progress(&t->s->k, "no layer slower than f32", (size_t)looks, LAST_LOOKS);
    if (!late && !t->runs_stay && settle_runs(t->layers, n, t->set))
      ok = try_runs(t);
    else if (!late && (probes = settle_probes(t->layers, n, t->together, t->set)))
      ok = try_probes(t, probes);
    else if (looks && !any_slower(t))
      break;
    else
      ok = look_at_layers(t, true), looks++;
  }
  return ok;
}

static void stay_as_it_is(Search *s) { // what seemed faster is not
  trial_close(&s->best.trial);
  memset(s->best.taken, 0, sizeof *s->best.taken * s->k.layers.len);
}

bool choose_settle(Search *s) {
  size_t n = s->k.layers.len;
  Settling t = {.s = s, .end_ms = timing_ms() + SETTLING_MS, .together = n};
  t.layers = xcalloc(n + 1, sizeof *t.layers);
  t.set = xcalloc(n + 1, sizeof *t.set);
  t.back = xcalloc(n + 1, sizeof *t.back);
  t.us = xcalloc(n + 1, sizeof *t.us);
  bool ok = settle_layers(&t);
  if (ok && s->best.trial.choose && choose_speed(&s->best) <= 1) stay_as_it_is(s), ok = look_at_layers(&t, false);
  choose_progress(&s->k, NULL, 0, 0);
  free(t.layers), free(t.set), free(t.back), free(t.us);
  return ok;
}
