#include "driver/bench.h"
#include "driver/peak.h"
#include "driver/timing.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST_RUNS = 5, MOST_RUNS = 1000000, MOST_SAMPLES = 1 << 24, WARM_UP_MS = 100 };

void **bench_inputs(const Loaded *l, const int64_t *dims, uint64_t seed) {
  const nncc_model_info *info = l->info;
  void **inputs = xcalloc((size_t)info->n_inputs + 1, sizeof *inputs);
  uint64_t state = seed * 2 + 1;
  for (int i = 0; i < info->n_inputs; i++) {
    const nncc_tensor_info *t = &info->inputs[i];
    DType type = loaded_dtype(t);
    int64_t extents[MAX_RANK], n = loaded_extents(t, dims, extents);
    inputs[i] = xcalloc((size_t)(n > 0 ? n : 0) + 1, dtype_size(type));
    for (int64_t k = 0; k < n; k++) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      double unit = (double)(state >> 11) * 0x1p-53;
      dtype_store(type, inputs[i], k,
                  dtype_is_float(type) ? 2 * unit - 1
                  : type == DT_U8      ? (double)(state >> 56)
                                       : (double)(state >> 63));
    }
  }
  return inputs;
}

void bench_free_inputs(const Loaded *l, void **inputs) {
  for (int i = 0; inputs && i < l->info->n_inputs; i++) free(inputs[i]);
  free(inputs);
}

int bench_ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double bench_quantile(const double *sorted, size_t n, double q) { return sorted[(size_t)((double)(n - 1) * q)]; }

// Runs until the caches, the clock and the threads are as they stay.
static bool warm_up(Session *s, const void *const *inputs, Diag *d) {
  double end = timing_ms() + WARM_UP_MS;
  bool ok;
  do ok = session_run(s, inputs, d);
  while (ok && timing_ms() < end);
  return ok;
}

// Whether another run is due after `done` that began at `begin`.
static bool more_runs(const BenchOptions *o, size_t done, double begin) {
  if (o->runs) return done < (size_t)o->runs;
  return done < LEAST_RUNS || (done < MOST_RUNS && timing_ms() < begin + o->seconds * 1e3);
}

static bool time_runs(Session *s, const void *const *inputs, const BenchOptions *o, BenchResult *r, Diag *d) {
  Vec(double) times = {0};
  bool ok = warm_up(s, inputs, d);
  for (double start = timing_ms(); ok && more_runs(o, times.len, start);) {
    double begin = timing_ms();
    ok = session_run(s, inputs, d);
    vec_push(&times, timing_ms() - begin);
  }
  if (ok) {
    qsort(times.data, times.len, sizeof(double), bench_ascending);
    r->runs = (int)times.len;
    r->min = times.data[0];
    r->median = times.data[times.len / 2];
    r->p90 = bench_quantile(times.data, times.len, 0.9);
    r->p99 = bench_quantile(times.data, times.len, 0.99);
  }
  vec_free(&times);
  return ok;
}

// The median of every phase over the runs; phase_ns is what a run fills.
static bool sample_phases(Session *s, const void *const *inputs, const BenchOptions *o, const uint64_t *phase_ns, int n,
                          BenchPhase *phases, Diag *d) {
  Vec(double) samples = {0}; // run after run
  size_t runs = 0;
  bool ok = warm_up(s, inputs, d);
  for (double start = timing_ms(); ok && samples.len < MOST_SAMPLES && more_runs(o, runs, start); runs++) {
    ok = session_run(s, inputs, d);
    for (int i = 0; i < n; i++) vec_push(&samples, (double)phase_ns[i] * 1e-6);
  }
  double *one = xcalloc(runs + 1, sizeof *one);
  for (int i = 0; ok && i < n; i++) {
    for (size_t k = 0; k < runs; k++) one[k] = samples.data[k * (size_t)n + (size_t)i];
    qsort(one, runs, sizeof *one, bench_ascending);
    phases[i].ms = one[runs / 2];
  }
  free(one);
  vec_free(&samples);
  return ok;
}

// A second opening, since the model that is timed shall not also be profiled.
static bool time_phases(Loaded *l, const int64_t *dims, const void *const *inputs, const BenchOptions *o,
                        const nncc_model_state *state, double scale, BenchResult *r, Diag *d) {
  Loaded profiled = {.info = l->info};
  uint64_t *ns = xcalloc((size_t)state->n_phases + 1, sizeof *ns);
  nncc_options options = NNCC_OPTIONS_INIT;
  options.threads = o->threads;
  options.phase_ns = ns;
  Session s;
  bool ok = loaded_start(&profiled, &options, d);
  if (ok && (ok = session_open(&s, &profiled, dims, d))) {
    r->phases = xcalloc((size_t)state->n_phases + 1, sizeof *r->phases);
    r->n_phases = state->n_phases;
    for (int i = 0; i < state->n_phases; i++) {
      const nncc_phase_info *info = &state->phases[i];
      r->phases[i] = (BenchPhase){info, 0, scale * (double)info->macs, scale * (double)info->bytes};
    }
    ok = sample_phases(&s, inputs, o, ns, state->n_phases, r->phases, d);
    session_close(&s);
  }
  if (profiled.model) profiled.info->close(profiled.model);
  free(ns);
  return ok;
}

// A field of /proc/self/status in MB; 0 where there is none.
static double status_mb(const char *field) {
  FILE *f = fopen("/proc/self/status", "r");
  char line[256], format[32];
  long kb = 0;
  snprintf(format, sizeof format, "%s: %%ld", field);
  while (f && fgets(line, sizeof line, f))
    if (sscanf(line, format, &kb) == 1) break;
  if (f) fclose(f);
  return (double)kb / 1024;
}

// What this process holds before the model is opened, chiefly the compiler's libraries; the peak starts anew here.
static double memory_before(void) {
  FILE *f = fopen("/proc/self/clear_refs", "w");
  if (f) {
    fputs("5", f);
    fclose(f);
  }
  return status_mb("VmRSS");
}

bool bench_bind(const Loaded *l, int64_t batch, int64_t *dims, Diag *d) {
  const nncc_model_info *info = l->info;
  if (batch && info->n_dims && batch >= info->dims[0].min && batch <= info->dims[0].max)
    dims[0] = batch;
  else if (batch > 1)
    return diag_error_file(d, info->name, "cannot run with --batch=%lld", (long long)batch), false;
  loaded_bind_rest(l, dims);
  return true;
}

// Of a variant of the model, by the level that its name begins with.
static int vector_bits(const char *isa) {
  static const struct {
    const char *level;
    int bits;
  } levels[] = {{"x86-64-v4", 512}, {"x86-64-v3", 256}};
  for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
    if (!strncmp(isa, levels[i].level, strlen(levels[i].level))) return levels[i].bits;
  return 128;
}

bool bench_measure(Loaded *l, const BenchOptions *o, BenchResult *r, Diag *d) {
  const nncc_model_info *info = l->info;
  *r = (BenchResult){0};
  int64_t *dims = xcalloc((size_t)info->n_dims + 1, sizeof *dims);
  nncc_options options = NNCC_OPTIONS_INIT;
  options.threads = o->threads;
  Session s = {0};
  void **inputs = NULL;
  bool ok = bench_bind(l, o->batch, dims, d);
  if (ok) inputs = bench_inputs(l, dims, 1);
  double before = memory_before();
  ok = ok && loaded_start(l, &options, d) && session_open(&s, l, dims, d);
  r->open_ms = l->open_ms;
  double begin = timing_ms();
  ok = ok && session_run(&s, (const void *const *)inputs, d);
  r->first_run_ms = timing_ms() - begin;
  ok = ok && time_runs(&s, (const void *const *)inputs, o, r, d);
  r->peak_rss_mb = status_mb("VmHWM") - before;
  if (ok) {
    nncc_model_state state;
    info->describe(l->model, dims, &state);
    nncc_model_state general;
    info->describe(l->model, NULL, &general); // another's phases were counted for these dimensions
    double scale = info->n_dims && state.phases == general.phases
                       ? (double)dims[0] / (double)(info->dims[0].min ? info->dims[0].min : 1)
                       : 1;
    r->batch = info->n_dims ? dims[0] : o->batch ? o->batch : 1;
    r->threads = state.threads;
    r->isa = state.isa;
    for (int i = 0; i < state.n_phases; i++) r->macs += scale * (double)state.phases[i].macs;
    r->peak_gflops = peak_gflops(r->threads, vector_bits(r->isa));
    ok = !o->per_layer || time_phases(l, dims, (const void *const *)inputs, o, &state, scale, r, d);
  }
  session_close(&s);
  bench_free_inputs(l, inputs);
  free(dims);
  return ok;
}
