#include "driver/trace.h"
#include "driver/timing.h"
#include "ir/core/outfile.h"
#include <jansson.h>
#include <string.h>

enum { WARM_UPS = 3, RUNS = 8, RUN_TRACK = 1, PHASE_TRACK = 2 };

typedef struct Trace {
  json_t *events;
  const char *model;
  const nncc_phase_info *phases;
  int n;
  uint64_t *ns; // of each phase, of the last run
  double scale; // of a phase's amounts to this batch
} Trace;

// Names come from files: what is not UTF-8 is no JSON.
static json_t *text(const char *s) {
  json_t *j = json_string(s);
  return j ? j : json_string("?");
}

static void add_track(Trace *t, int track, const char *name) {
  json_array_append_new(t->events, json_pack("{s:s, s:s, s:i, s:i, s:{s:o}}", "name", "thread_name", "ph", "M", "pid",
                                             1, "tid", track, "args", "name", text(name)));
}

// Times in microseconds.
static void add_event(Trace *t, int track, const char *name, double begin, double length, json_t *args) {
  json_array_append_new(t->events, json_pack("{s:o, s:s, s:i, s:i, s:f, s:f, s:o}", "name", text(name), "ph", "X",
                                             "pid", 1, "tid", track, "ts", begin, "dur", length, "args", args));
}

// The phases of a run follow one another, whatever the number of threads: a barrier stands between them.
static void add_run(Trace *t, int run, double begin, double length) {
  double at = begin;
  add_event(t, RUN_TRACK, "run", begin, length, json_pack("{s:i}", "number", run));
  for (int i = 0; i < t->n; i++) {
    const nncc_phase_info *p = &t->phases[i];
    double us = (double)t->ns[i] * 1e-3, gflop = 2e-9 * t->scale * (double)p->macs;
    json_t *args = json_pack("{s:o, s:o, s:f, s:f}", "kernel", text(p->name), "detail", text(p->detail), "GFLOP/s",
                             us > 0 ? gflop / (us * 1e-6) : 0, "MB", 1e-6 * t->scale * (double)p->bytes);
    add_event(t, PHASE_TRACK, p->source, at, us, args);
    at += us;
  }
}

static bool record(Trace *t, Session *s, const void *const *inputs, Diag *d) {
  bool ok = true;
  double start = 0;
  for (int i = -WARM_UPS; ok && i < RUNS; i++) {
    double begin = timing_ms();
    ok = session_run(s, inputs, d);
    if (i < 0 || !ok) continue;
    if (!i) start = begin;
    add_run(t, i, 1e3 * (begin - start), 1e3 * (timing_ms() - begin));
  }
  return ok;
}

static bool write_events(Trace *t, const char *path, Diag *d) {
  json_t *top = json_pack("{s:O, s:s}", "traceEvents", t->events, "displayTimeUnit", "ms");
  char *s = json_dumps(top, JSON_COMPACT | JSON_REAL_PRECISION(9));
  bool ok = outfile_write(path, s, strlen(s), d);
  free(s);
  json_decref(top);
  return ok;
}

static bool trace(const Loaded *l, const BenchOptions *o, const int64_t *dims, const void *const *inputs,
                  const char *path, Diag *d) {
  nncc_model_state state, general;
  l->info->describe(l->model, dims, &state);
  l->info->describe(l->model, NULL, &general);
  bool counted = l->info->n_dims && state.phases == general.phases; // amounts hold at the least dimensions
  Trace t = {.events = json_array(), .model = l->info->name, .phases = state.phases, .n = state.n_phases};
  t.scale = counted ? (double)dims[0] / (double)(l->info->dims[0].min ? l->info->dims[0].min : 1) : 1;
  t.ns = xcalloc((size_t)t.n + 1, sizeof *t.ns);
  nncc_options options = NNCC_OPTIONS_INIT;
  options.threads = o->threads;
  options.phase_ns = t.ns;
  Loaded profiled = {.info = l->info};
  Session s;
  bool ok = loaded_start(&profiled, &options, d) && session_open(&s, &profiled, dims, d);
  if (ok) {
    add_track(&t, RUN_TRACK, t.model);
    add_track(&t, PHASE_TRACK, "layers");
    ok = record(&t, &s, inputs, d) && write_events(&t, path, d);
    session_close(&s);
  }
  if (profiled.model) profiled.info->close(profiled.model);
  json_decref(t.events);
  free(t.ns);
  return ok;
}

bool trace_write(const Loaded *l, const BenchOptions *o, const char *path, Diag *d) {
  int64_t *dims = xcalloc((size_t)l->info->n_dims + 1, sizeof *dims);
  bool ok = bench_bind(l, o->batch, dims, d);
  void **inputs = ok ? bench_inputs(l, dims, 1) : NULL;
  ok = ok && trace(l, o, dims, (const void *const *)inputs, path, d);
  bench_free_inputs(l, inputs);
  free(dims);
  return ok;
}
