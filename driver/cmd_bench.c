// nncc bench: latency, memory, and where the time goes.
#include "driver/bench.h"
#include "driver/build.h"
#include "driver/commands.h"
#include "driver/peak.h"
#include "driver/table.h"
#include "driver/trace.h"
#include <jansson.h>
#include <string.h>

enum {
  KEY_THREADS = 0x200,
  KEY_BATCH,
  KEY_SECONDS,
  KEY_RUNS,
  KEY_PER_LAYER,
  KEY_STREAMS,
  KEY_PROFILE,
  KEY_PEAK,
  KEY_JSON
};

typedef struct Arguments {
  BuildOptions build;
  BenchOptions bench;
  const char *profile; // NULL: none
  const char *path;
  bool json, peak;
} Arguments;

static const struct argp_option rows[] = {
    {"threads", KEY_THREADS, "N", 0, "threads of the model (default 1)", 0},
    {"batch", KEY_BATCH, "N", 0, "pictures a run (default 1)", 0},
    {"seconds", KEY_SECONDS, "S", 0, "how long to measure (default 2)", 0},
    {"runs", KEY_RUNS, "N", 0, "time exactly N runs instead", 0},
    {"streams", KEY_STREAMS, "N", 0, "pictures a second with N runs in flight, each on its own threads", 0},
    {"per-layer", KEY_PER_LAYER, 0, 0, "also the time of each kernel", 0},
    {"profile", KEY_PROFILE, "FILE", 0, "also write a timeline of a few runs for Perfetto or chrome://tracing", 0},
    {"peak", KEY_PEAK, 0, 0, "only the machine's arithmetic peak; takes no model", 0},
    {"json", KEY_JSON, 0, 0, "print one JSON object", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state) {
  Arguments *a = state->input;
  switch (key) {
  case ARGP_KEY_INIT: state->child_inputs[0] = &a->build; return 0;
  case KEY_THREADS: a->bench.threads = (int)options_int("--threads", arg, 1, 1024, state); return 0;
  case KEY_BATCH: a->bench.batch = options_int("--batch", arg, 1, 1 << 20, state); return 0;
  case KEY_SECONDS: a->bench.seconds = options_double("--seconds", arg, 0, 3600, state); return 0;
  case KEY_RUNS: a->bench.runs = (int)options_int("--runs", arg, 1, 100000000, state); return 0;
  case KEY_PROFILE: a->profile = arg; return 0;
  case KEY_PEAK: a->peak = true; return 0;
  case KEY_STREAMS: a->bench.streams = (int)options_int("--streams", arg, 1, 1024, state); return 0;
  case KEY_PER_LAYER: a->bench.per_layer = true; return 0;
  case KEY_JSON: a->json = true; return 0;
  case ARGP_KEY_ARG:
    if (a->path) argp_error(state, "one model at a time, not also `%s`", arg);
    a->path = arg;
    return 0;
  case ARGP_KEY_END:
    if (!a->path && !a->peak) argp_error(state, "no model given");
    if (a->bench.streams && a->profile) argp_error(state, "--profile times one run, not --streams");
    if (a->bench.streams && a->bench.per_layer) argp_error(state, "--per-layer times one run, not --streams");
    return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_child children[] = {{&options_build, 0, 0, 0}, {0}};
const struct argp cmd_bench_argp = {
    .options = rows,
    .parser = parse,
    .args_doc = "MODEL\n--peak",
    .doc = "Measures a model (.nn, .onnx, .nnir or .so) on seeded values.",
    .children = children,
};

static double gflops(double macs, double ms) { return ms > 0 ? 2 * macs / ms / 1e6 : 0; }

// A phase's detail is its layout, then how it is tiled where it is: "C16 14x2".
static const char *tile_of(const char *detail) {
  const char *tile = detail + strcspn(detail, " ");
  return *tile ? tile + 1 : tile;
}

static int layout_length(const char *detail) { return (int)strcspn(detail, " "); }

static void rate_cell(Table *t, const char *format, double amount, double rate) {
  if (amount > 0)
    table_cell(t, format, rate);
  else
    table_cell(t, "-");
}

static double gb_per_s(double bytes, double ms) { return ms > 0 ? bytes / ms / 1e6 : 0; }

static void work_cells(Table *t, double ms, double total, double macs, double bytes, double peak) {
  table_cell(t, "%.3f", ms);
  table_cell(t, "%.1f%%", total > 0 ? 100 * ms / total : 0);
  rate_cell(t, "%.1f", macs, gflops(macs, ms));
  rate_cell(t, "%.0f%%", macs, 100 * gflops(macs, ms) / peak);
  rate_cell(t, "%.1f", bytes, gb_per_s(bytes, ms));
}

static void print_phases(const BenchResult *r) {
  Table t;
  table_open(&t, "llrrrrrll");
  static const char *const heads[] = {"kernel",  "source", "time ms", "share", "GFLOP/s",
                                      "of peak", "GB/s",   "layout",  "tile"};
  for (int i = 0; i < 9; i++) table_cell(&t, "%s", heads[i]);
  BenchPhase sum = {0};
  for (int i = 0; i < r->n_phases; i++) {
    sum.ms += r->phases[i].ms;
    sum.macs += r->phases[i].macs;
    sum.bytes += r->phases[i].bytes;
  }
  for (int i = 0; i < r->n_phases; i++) {
    const BenchPhase *p = &r->phases[i];
    table_cell(&t, "%s", p->info->name);
    table_cell(&t, "%s", p->info->source);
    work_cells(&t, p->ms, sum.ms, p->macs, p->bytes, r->peak_gflops);
    table_cell(&t, "%.*s", layout_length(p->info->detail), p->info->detail);
    table_cell(&t, "%s", tile_of(p->info->detail));
  }
  table_cell(&t, "total");
  table_cell(&t, "%d kernels", r->n_phases);
  work_cells(&t, sum.ms, sum.ms, sum.macs, sum.bytes, r->peak_gflops);
  table_cell(&t, "%s", "");
  table_cell(&t, "%s", "");
  table_print(&t, 0, stdout);
  table_close(&t);
}

static void print_text(const char *path, const BenchResult *r) {
  char cpu[160];
  printf("%s   %s   %s   %d thread%s   batch %lld   f32   peak %.0f GFLOP/s\n", path, peak_cpu(cpu), r->isa, r->threads,
         r->threads == 1 ? "" : "s", (long long)r->batch, r->peak_gflops);
  printf("open %.1f ms   first run %.1f ms   latency  min %.3f  median %.3f  p90 %.3f  p99 %.3f ms   %.0f GFLOP/s   "
         "peak memory %.0f MB\n",
         r->open_ms, r->first_run_ms, r->min, r->median, r->p90, r->p99, gflops(r->macs, r->median), r->peak_rss_mb);
  if (r->phases) print_phases(r);
}

static void print_object(json_t *object) {
  json_dumpf(object, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
  putchar('\n');
  json_decref(object);
}

static json_t *phase_object(const BenchPhase *p, double total, double peak) {
  const char *detail = p->info->detail;
  return json_pack("{s:s, s:s, s:s%, s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "kernel", p->info->name, "source",
                   p->info->source, "layout", detail, (size_t)layout_length(detail), "tile", tile_of(detail), "ms",
                   p->ms, "share", total > 0 ? p->ms / total : 0, "macs", p->macs, "bytes", p->bytes, "gflops",
                   gflops(p->macs, p->ms), "of_peak", gflops(p->macs, p->ms) / peak, "gb_per_s",
                   gb_per_s(p->bytes, p->ms));
}

static void print_json(const char *path, const BenchResult *r) {
  char cpu[160];
  json_t *top =
      json_pack("{s:s, s:s, s:s, s:i, s:I, s:i, s:{s:f, s:f, s:f, s:f}, s:f, s:f, s:f, s:f, s:f, s:f}", "model", path,
                "cpu", peak_cpu(cpu), "isa", r->isa, "threads", r->threads, "batch", (json_int_t)r->batch, "runs",
                r->runs, "latency_ms", "min", r->min, "median", r->median, "p90", r->p90, "p99", r->p99, "macs",
                r->macs, "gflops", gflops(r->macs, r->median), "peak_gflops", r->peak_gflops, "open_ms", r->open_ms,
                "first_run_ms", r->first_run_ms, "peak_rss_mb", r->peak_rss_mb);
  json_t *layers = r->phases ? json_array() : NULL;
  double total = 0;
  for (int i = 0; i < r->n_phases; i++) total += r->phases[i].ms;
  for (int i = 0; i < r->n_phases; i++)
    json_array_append_new(layers, phase_object(&r->phases[i], total, r->peak_gflops));
  if (layers) json_object_set_new(top, "layers", layers);
  print_object(top);
}

static void print_streams(const Arguments *a, const BenchStreams *r) {
  char cpu[160];
  if (a->json)
    print_object(json_pack("{s:s, s:s, s:s, s:i, s:i, s:I, s:i, s:f, s:{s:f, s:f, s:f}}", "model", a->path, "cpu",
                           peak_cpu(cpu), "isa", r->isa, "streams", r->streams, "threads", r->threads, "batch",
                           (json_int_t)r->batch, "runs", r->runs, "images_per_s", r->per_second, "latency_ms", "median",
                           r->median, "p90", r->p90, "p99", r->p99));
  else
    printf("%s   %s   %s   %d stream%s of %d thread%s   batch %lld   f32\n"
           "%.1f images/s   latency  median %.3f  p90 %.3f  p99 %.3f ms   %d runs\n",
           a->path, peak_cpu(cpu), r->isa, r->streams, r->streams == 1 ? "" : "s", r->threads,
           r->threads == 1 ? "" : "s", (long long)r->batch, r->per_second, r->median, r->p90, r->p99, r->runs);
}

static bool measure(Loaded *l, const Arguments *a, Diag *d) {
  if (a->bench.streams) {
    BenchStreams r;
    bool ok = bench_streams(l, &a->bench, &r, d);
    if (ok) print_streams(a, &r);
    return ok;
  }
  BenchResult r = {0};
  bool ok = bench_measure(l, &a->bench, &r, d);
  if (ok) (a->json ? print_json : print_text)(a->path, &r);
  free(r.phases);
  return ok;
}

static void print_peak(const Arguments *a) {
  char cpu[160];
  double v = peak_gflops(a->bench.threads, 512);
  if (a->json)
    print_object(json_pack("{s:s, s:i, s:f}", "cpu", peak_cpu(cpu), "threads", a->bench.threads, "peak_gflops", v));
  else
    printf("%s   %d thread%s   peak %.0f GFLOP/s\n", peak_cpu(cpu), a->bench.threads, a->bench.threads == 1 ? "" : "s",
           v);
}

int cmd_bench(int argc, char **argv) {
  Arguments a = {.bench = {.threads = 1, .seconds = 2}};
  options_init(&a.build);
  options_parse(&cmd_bench_argp, argc, argv, &a);
  if (a.peak) {
    print_peak(&a);
    options_free(&a.build);
    return EXIT_DONE;
  }
  Diag *d = diag_create();
  Loaded l;
  bool ok = loaded_open(&l, a.path, &a.build, d);
  if (ok) {
    ok = measure(&l, &a, d) && (!a.profile || trace_write(&l, &a.bench, a.profile, d));
    loaded_close(&l);
  }
  fflush(stdout);
  build_print(d, a.build.model.json_diagnostics);
  diag_destroy(d);
  options_free(&a.build);
  return ok ? EXIT_DONE : EXIT_DIAGNOSTICS;
}
