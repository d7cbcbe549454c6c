// Timing an open model.
#pragma once
#include "driver/loaded.h"

typedef struct BenchPhase {
  const nncc_phase_info *info;
  double ms;          // median of the runs
  double macs, bytes; // of a run, scaled to the batch
} BenchPhase;

typedef struct BenchResult {
  double open_ms, first_run_ms;
  double min, median, p90, p99; // ms
  int runs, threads;
  int64_t batch;
  double macs;        // of a run
  double peak_gflops; // of these threads, in the vectors that the model uses
  double peak_rss_mb; // on top of this process before the model was opened
  const char *isa;
  BenchPhase *phases; // NULL unless asked for
  int n_phases;
} BenchResult;

typedef struct BenchOptions {
  int threads;   // 0: the model's choice
  int64_t batch; // 0: least
  double seconds;
  int runs; // exactly so many timed ones; 0: as many as fit into `seconds`
  bool per_layer;
  int streams; // of bench_streams
} BenchOptions;

typedef struct BenchStreams {
  int streams, threads, runs; // threads: of one run
  int64_t batch;
  double per_second;       // pictures
  double median, p90, p99; // ms from submission to result
  const char *isa;
} BenchStreams;

// Opens the loaded model itself. False after a diagnostic. Free r->phases.
bool bench_measure(Loaded *l, const BenchOptions *o, BenchResult *r, Diag *d);
// Keeps one run a stream in flight. As bench_measure, for o->streams.
bool bench_streams(Loaded *l, const BenchOptions *o, BenchStreams *r, Diag *d);
bool bench_bind(const Loaded *l, int64_t batch, int64_t *dims, Diag *d); // the batch is the first symbolic dimension
double bench_quantile(const double *sorted, size_t n, double q);
int bench_ascending(const void *a, const void *b); // doubles, for qsort
// Seeded values for every input: floats in [-1, 1), bytes of all values, small integers.
void **bench_inputs(const Loaded *l, const int64_t *dims, uint64_t seed);
void bench_free_inputs(const Loaded *l, void **inputs);
