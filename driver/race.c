#include "driver/race.h"
#include "driver/bench.h"
#include "driver/timing.h"
#include <math.h>
#include <stdlib.h>

enum { LEAST_ROUNDS = 10, MOST_ROUNDS = 5000 };

#define CALM 0.01    // of a phase's time: what its fastest runs may differ by
#define CALM_MS 2e-5 // or so much, about the clock's own time

typedef struct Lane { // a racer opened again, so that its phases are timed
  Loaded profiled;
  Session session;
  uint64_t *phase_ns;
  double *halves[2]; // of each phase its fastest run in even rounds, and in odd ones
  void **inputs;
} Lane;

static bool lane_open(Lane *lane, Racer *r, Diag *d) {
  const nncc_model_info *info = r->loaded->info;
  int64_t *dims = xcalloc((size_t)info->n_dims + 1, sizeof *dims);
  nncc_model_state state = {0};
  bool ok = bench_bind(r->loaded, 0, dims, d);
  if (ok) info->describe(r->loaded->model, dims, &state);
  r->phases = state.phases, r->n_phases = state.n_phases;
  r->phase_ms = xcalloc((size_t)r->n_phases + 1, sizeof *r->phase_ms);
  for (int h = 0; h < 2; h++) {
    lane->halves[h] = xcalloc((size_t)r->n_phases + 1, sizeof(double));
    for (int i = 0; i < r->n_phases; i++) lane->halves[h][i] = INFINITY;
  }
  lane->phase_ns = xcalloc((size_t)r->n_phases + 1, sizeof *lane->phase_ns);
  lane->profiled.info = info;
  nncc_options options = NNCC_OPTIONS_INIT;
  options.threads = 1;
  options.phase_ns = lane->phase_ns;
  ok = ok && loaded_start(&lane->profiled, &options, d) && session_open(&lane->session, &lane->profiled, dims, d);
  if (ok) lane->inputs = bench_inputs(r->loaded, dims, 1);
  free(dims);
  return ok;
}

static void lane_close(Lane *lane, const Racer *r) {
  session_close(&lane->session);
  bench_free_inputs(r->loaded, lane->inputs);
  if (lane->profiled.model) lane->profiled.info->close(lane->profiled.model);
  free(lane->phase_ns), free(lane->halves[0]), free(lane->halves[1]);
}

// Twice, of which the second run counts: the first finds in the caches what another network left there.
static bool lane_run(Lane *lane, const Racer *r, int round, Diag *d) {
  const void *const *inputs = (const void *const *)lane->inputs;
  if (!session_run(&lane->session, inputs, d) || !session_run(&lane->session, inputs, d)) return false;
  double *half = lane->halves[round % 2];
  for (int i = 0; i < r->n_phases; i++) half[i] = fmin(half[i], (double)lane->phase_ns[i] * 1e-6);
  return true;
}

static bool lane_calm(const Lane *lane, const Racer *r) {
  bool calm = true;
  for (int i = 0; calm && i < r->n_phases; i++) {
    double a = lane->halves[0][i], b = lane->halves[1][i];
    calm = fabs(a - b) <= fmax(CALM * fmin(a, b), CALM_MS);
  }
  return calm;
}

static void lane_finish(const Lane *lane, Racer *r) {
  r->ms = 0;
  for (int i = 0; i < r->n_phases; i++) r->ms += r->phase_ms[i] = fmin(lane->halves[0][i], lane->halves[1][i]);
}

bool race_run(Racer *racers, int n, double seconds, double most_seconds, Diag *d) {
  Lane *lanes = xcalloc((size_t)n + 1, sizeof *lanes);
  bool ok = true;
  for (int i = 0; i < n; i++) ok = ok && lane_open(&lanes[i], &racers[i], d);
  double begin = timing_ms(), end = begin + seconds * 1e3, last = begin + most_seconds * 1e3;
  bool calm = false;
  for (int round = 0; ok; round++) {
    bool due = round < LEAST_ROUNDS || (round < MOST_ROUNDS && timing_ms() < end);
    if (!due && (calm || timing_ms() >= last)) break;
    for (int i = 0; ok && i < n; i++) ok = lane_run(&lanes[i], &racers[i], round, d);
    if (round % LEAST_ROUNDS) continue;
    calm = true;
    for (int i = 0; ok && i < n; i++) calm = calm && lane_calm(&lanes[i], &racers[i]);
  }
  for (int i = 0; i < n; i++) {
    if (ok) lane_finish(&lanes[i], &racers[i]);
    lane_close(&lanes[i], &racers[i]);
  }
  free(lanes);
  return ok;
}

void race_free(Racer *racers, int n) {
  for (int i = 0; i < n; i++) free(racers[i].phase_ms);
}
