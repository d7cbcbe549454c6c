// Throughput: one run a stream in flight, all of them submitted and awaited from here.
#include "driver/bench.h"
#include "driver/timing.h"
#include <stdlib.h>

enum { MOST_RUNS = 1000000, WARM_UP_MS = 100 };

typedef struct Flight {
  Session session;
  double submitted; // ms
} Flight;

// Submits and waits in turn until `end`; everything has landed on return.
static bool fly(Flight *flights, int n, const void *const *inputs, double end, double *latencies, size_t *runs,
                Diag *d) {
  bool ok = true;
  int up = 0; // flights under way, the last of them flights[next - 1]
  int next = 0;
  *runs = 0;
  for (;;) {
    while (ok && up < n && *runs + (size_t)up < MOST_RUNS && (timing_ms() < end || !*runs)) {
      Flight *f = &flights[next];
      f->submitted = timing_ms();
      if (!(ok = session_submit(&f->session, inputs, d))) break;
      next = (next + 1) % n;
      up++;
    }
    if (!up) return ok;
    Flight *oldest = &flights[(next - up + n) % n];
    ok = session_wait(&oldest->session, d) && ok;
    latencies[(*runs)++] = timing_ms() - oldest->submitted;
    up--;
  }
}

static bool measure(Loaded *l, const BenchOptions *o, const int64_t *dims, const void *const *inputs, Flight *flights,
                    BenchStreams *r, Diag *d) {
  bool ok = true;
  for (int i = 0; ok && i < o->streams; i++) ok = session_open(&flights[i].session, l, dims, d);
  double *latencies = xcalloc(MOST_RUNS, sizeof *latencies);
  size_t runs;
  ok = ok && fly(flights, o->streams, inputs, timing_ms() + WARM_UP_MS, latencies, &runs, d);
  double begin = timing_ms();
  ok = ok && fly(flights, o->streams, inputs, begin + o->seconds * 1e3, latencies, &runs, d);
  if (ok) {
    r->per_second = (double)(r->batch * (int64_t)runs) / (timing_ms() - begin) * 1e3;
    qsort(latencies, runs, sizeof *latencies, bench_ascending);
    r->runs = (int)runs;
    r->median = latencies[runs / 2];
    r->p90 = bench_quantile(latencies, runs, 0.9);
    r->p99 = bench_quantile(latencies, runs, 0.99);
  }
  free(latencies);
  return ok;
}

bool bench_streams(Loaded *l, const BenchOptions *o, BenchStreams *r, Diag *d) {
  const nncc_model_info *info = l->info;
  *r = (BenchStreams){0};
  int64_t *dims = xcalloc((size_t)info->n_dims + 1, sizeof *dims);
  Flight *flights = xcalloc((size_t)o->streams, sizeof *flights);
  nncc_options options = NNCC_OPTIONS_INIT;
  options.threads = o->threads;
  options.streams = o->streams;
  bool ok = bench_bind(l, o->batch, dims, d);
  void **inputs = ok ? bench_inputs(l, dims, 1) : NULL;
  ok = ok && loaded_start(l, &options, d);
  if (ok) {
    nncc_model_state state;
    info->describe(l->model, dims, &state);
    r->streams = state.streams;
    r->threads = state.threads;
    r->isa = state.isa;
    r->batch = info->n_dims ? dims[0] : o->batch ? o->batch : 1;
    ok = measure(l, o, dims, (const void *const *)inputs, flights, r, d);
  }
  for (int i = 0; i < o->streams; i++) session_close(&flights[i].session);
  bench_free_inputs(l, inputs);
  free(flights);
  free(dims);
  return ok;
}
