#include "driver/race.h"
#include "driver/bench.h"
#include "driver/timing.h"
#include <math.h>
#include <stdlib.h>

enum { LEAST_ROUNDS = 10, MOST_ROUNDS = 5000 };

typedef struct Lane { // a racer opened again, so that its phases are timed
  Loaded profiled;
  Session session;
  uint64_t *phase_ns;
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
  for (int i = 0; i < r->n_phases; i++) r->phase_ms[i] = INFINITY;
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
  free(lane->phase_ns);
}

static bool lane_run(Lane *lane, Racer *r, Diag *d) {
  const void *const *inputs = (const void *const *)lane->inputs;
  if (!session_run(&lane->session, inputs, d)) return false;
  for (int i = 0; i < r->n_phases; i++) r->phase_ms[i] = fmin(r->phase_ms[i], (double)lane->phase_ns[i] * 1e-6);
  return true;
}

bool race_run(Racer *racers, int n, double seconds, Diag *d) {
  Lane *lanes = xcalloc((size_t)n + 1, sizeof *lanes);
  bool ok = true;
  for (int i = 0; i < n; i++) ok = ok && lane_open(&lanes[i], &racers[i], d);
  double end = timing_ms() + seconds * 1e3;
  for (int round = 0; ok && round < MOST_ROUNDS && (round < LEAST_ROUNDS || timing_ms() < end); round++)
    for (int i = 0; ok && i < n; i++) ok = lane_run(&lanes[i], &racers[i], d);
  for (int i = 0; i < n; i++) {
    lane_close(&lanes[i], &racers[i]);
    racers[i].ms = 0;
    for (int p = 0; ok && p < racers[i].n_phases; p++) racers[i].ms += racers[i].phase_ms[p];
  }
  free(lanes);
  return ok;
}

void race_free(Racer *racers, int n) {
  for (int i = 0; i < n; i++) free(racers[i].phase_ms);
}
