// The best alternatives within the error: what the knapsack proposes, measured, until it is that.
#include "driver/choose.h"
#include "driver/knapsack.h"
#include <math.h>
#include <string.h>

enum { SOLVING_ROUNDS = 12 };

static void solve(Search *s, double budget, bool hopeful) {
  const Choose *k = &s->k;
  size_t n = k->layers.len;
  KnapsackItem *items = xcalloc(n * CHOOSE_ALTERNATIVES + 1, sizeof *items);
  for (size_t i = 0; i < n; i++)
    for (int a = 0; a < CHOOSE_ALTERNATIVES; a++) {
      const Alternative *of = &k->layers.data[i].of[a];
      double cost = of->error * of->error, time = of->us;
      if (hopeful && choose_hands_on(a)) time = fmin(time, CHOOSE_WORTH * k->layers.data[i].of[0].us);
      items[i * CHOOSE_ALTERNATIVES + (size_t)a] = (KnapsackItem){time, isfinite(cost) ? cost : INFINITY};
    }
  knapsack_solve(items, n, CHOOSE_ALTERNATIVES, budget, s->taken);
  free(items);
}

void choose_stand(Search *s, Trial *t, const int *taken, const Standing *measured) {
  trial_close(&s->best.trial);
  int *own = s->best.taken;
  s->best = *measured;
  s->best.trial = *t;
  s->best.taken = memcpy(own, taken, sizeof *own * s->k.layers.len);
  *t = (Trial){0};
}

bool choose_judge(const Search *s, const Trial *t, Standing *m) {
  double few = 0;
  *m = (Standing){0};
  bool ok = trial_error(t, &s->k.held, &m->held, &m->agreement) && trial_error(t, &s->k.few, &few, NULL);
  m->error = few > m->held || isnan(few) ? few : m->held;
  return ok;
}

static bool time_both(const Search *s, const Trial *t, Standing *m) {
  Racer racers[2] = {0};
  bool ok = choose_race(&s->k, t, 0, racers);
  m->reference_ms = racers[0].ms, m->ms = racers[1].ms;
  race_free(racers, 2);
  return ok;
}

double choose_speed(const Standing *m) { return m->ms > 0 ? m->reference_ms / m->ms : 1; }

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
  bool ok = trial_open(&t, &s->k, s->taken) && choose_judge(s, &t, &m);
  if (ok && m.error <= s->k.max_error && (ok = time_both(s, &t, &m)) && choose_speed(&m) > choose_speed(&s->best))
    choose_stand(s, &t, s->taken, &m);
  *error = ok ? m.error : 0;
  trial_close(&t);
  return ok;
}

// Squares of errors do not quite add up: the budget is put right by what a solution of it was measured to lose.
bool choose_within(Search *s, bool hopeful) {
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
