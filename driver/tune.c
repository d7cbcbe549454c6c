#include "driver/tune.h"
#include "driver/bench.h"
#include "driver/build.h"
#include "driver/peak.h"
#include "driver/table.h"
#include "driver/timing.h"
#include "driver/tune_cache.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CANDIDATES = 8, ROUNDS_MOST = 16 };
#define SECONDS 0.25 // of runs a round
#define WORTH 0.98   // of the estimate's time, for another candidate to be taken

// One choice, for all equal work.
typedef struct Question {
  char *work, *layer; // layer: the first that asks
  char *names[CANDIDATES];
  double us[CANDIDATES];    // of all layers that ask; 0: not measured
  int count, users, answer; // answer -1: not decided yet
  bool known;               // by the cache
} Question;

typedef struct Asked { // in the compilation at hand
  size_t question;
  int taken, phase;
} Asked;

typedef struct Tuner {
  LowerTuner base; // first
  TuneCache cache;
  Vec(Question) questions;
  Vec(Asked) asked;
  bool measuring;
} Tuner;

// ---- lowering asks

static size_t question_of(Tuner *t, const LowerChoice *c) {
  for (size_t i = 0; i < t->questions.len; i++)
    if (!strcmp(t->questions.data[i].work, c->work)) return i;
  Question q = {.work = xstrdup(c->work), .layer = xstrdup(c->layer), .answer = -1};
  const Tuned *known = tune_cache_find(&t->cache, c->work);
  q.count = c->count < CANDIDATES ? c->count : CANDIDATES;
  for (int i = 0; i < q.count; i++) {
    q.names[i] = xstrdup(c->candidates[i]);
    if (known && !strcmp(known->taken, q.names[i])) q.answer = i, q.known = true;
  }
  vec_push(&t->questions, q);
  return t->questions.len - 1;
}

static int fastest(const Question *q) {
  int best = 0;
  for (int i = 1; i < q->count; i++)
    if (q->us[i] > 0 && q->us[i] < q->us[best]) best = i;
  return q->us[best] < WORTH * q->us[0] ? best : 0;
}

// While measuring: the next candidate without a time, and at the end the fastest.
static int next_candidate(const Question *q) {
  for (int i = 0; i < q->count; i++)
    if (q->us[i] <= 0) return i;
  return fastest(q);
}

static int choose(LowerTuner *base, const LowerChoice *c) {
  Tuner *t = (Tuner *)base;
  size_t i = question_of(t, c);
  const Question *q = &t->questions.data[i];
  int taken = q->answer >= 0 ? q->answer : t->measuring ? next_candidate(q) : 0;
  vec_push(&t->asked, ((Asked){i, taken, c->phase}));
  return taken;
}

// ---- one round

// Milliseconds of the phases that came of the i-th choice: those of one source, up to the next choice's.
static double time_of(const Tuner *t, size_t i, const BenchResult *r) {
  const Asked *u = &t->asked.data[i];
  int end = r->n_phases;
  for (size_t k = i + 1; k < t->asked.len && end == r->n_phases; k++)
    if (t->asked.data[k].phase > u->phase) end = t->asked.data[k].phase;
  double ms = 0;
  const char *source = u->phase < end ? r->phases[u->phase].info->source : "";
  for (int p = u->phase; p < end && !strcmp(r->phases[p].info->source, source); p++) ms += r->phases[p].ms;
  return ms;
}

// Notes what each choice took; whether any candidate was measured for the first time.
static bool note_times(Tuner *t, const BenchResult *r) {
  double *us = xcalloc(t->questions.len + 1, sizeof *us);
  bool news = false;
  for (size_t i = 0; i < t->questions.len; i++) t->questions.data[i].users = 0;
  for (size_t i = 0; i < t->asked.len; i++) {
    us[t->asked.data[i].question] += 1e3 * time_of(t, i, r);
    t->questions.data[t->asked.data[i].question].users++;
  }
  for (size_t i = 0; i < t->asked.len; i++) {
    size_t question = t->asked.data[i].question;
    Question *q = &t->questions.data[question];
    double *best = &q->us[t->asked.data[i].taken];
    news |= q->answer < 0 && *best <= 0;
    if (*best <= 0 || us[question] < *best) *best = us[question];
  }
  free(us);
  return news;
}

static bool is_open(const Tuner *t) {
  for (size_t i = 0; i < t->questions.len; i++)
    if (t->questions.data[i].answer < 0) return true;
  return false;
}

// Compiles and times the model with the candidates that are due. *news: whether any was for the first time; where
// nothing was open, nothing is run.
static bool measure(Tuner *t, const char *path, const BuildOptions *o, int threads, BenchResult *r, bool *news,
                    Diag *d) {
  Build b;
  Loaded l = {0};
  BenchOptions bench = {.threads = threads, .seconds = SECONDS, .per_layer = true};
  char *library = loaded_temporary(d);
  t->asked.len = 0;
  *news = false;
  bool ok = build_open(&b, path, o, d) && build_lower(&b), runs = ok && library && is_open(t);
  ok = ok && library && (!runs || build_emit(&b, OUTPUT_SHARED, library));
  build_close(&b);
  if (ok && runs && (ok = loaded_dlopen(&l, library, d) && bench_measure(&l, &bench, r, d))) *news = note_times(t, r);
  free(r->phases);
  r->phases = NULL;
  loaded_close(&l);
  loaded_discard(library, d);
  return ok;
}

// ---- the report

static void print_question(Table *table, const Question *q) {
  StrBuf tried = {0};
  for (int i = 0; i < q->count; i++)
    if (q->us[i] > 0) strbuf_printf(&tried, "%s%s %.0f", tried.len ? ", " : "", q->names[i], q->us[i]);
  table_cell(table, "%s", q->layer);
  table_cell(table, "%d", q->users);
  table_cell(table, "%s", q->names[q->answer]);
  table_cell(table, "%.0f", q->us[q->answer]);
  table_cell(table, "%.0f", q->us[0]);
  table_cell(table, "%s", strbuf_str(&tried));
  strbuf_free(&tried);
}

static void report(const Tuner *t, bool verbose, double before, double after, double seconds) {
  static const char *const heads[] = {"layer", "times", "taken", "us", "estimate's", "tried"};
  Table table;
  size_t changed = 0, known = 0, measured = 0;
  table_open(&table, "lrlrrl");
  for (int i = 0; i < 6; i++) table_cell(&table, "%s", heads[i]);
  for (size_t i = 0; i < t->questions.len; i++) {
    const Question *q = &t->questions.data[i];
    known += q->known;
    measured += !q->known && q->us[0] > 0;
    bool shown = !q->known && q->users && q->us[0] > 0; // none asks behind an algorithm that was not taken
    if (!shown || (!q->answer && !verbose)) continue;
    changed += q->answer > 0;
    print_question(&table, q);
  }
  if (table.cells.len > 6) table_print(&table, 0, stderr);
  table_close(&table);
  fprintf(stderr, "tuning    %zu choices measured, %zu known, %zu changed", measured, known, changed);
  if (measured) fprintf(stderr, "   %.3f -> %.3f ms", before, after);
  fprintf(stderr, "   %.1f s   %s\n", seconds, t->cache.path);
}

// ---- all of it

static void progress(int round) {
  if (!isatty(STDERR_FILENO)) return;
  if (round)
    fprintf(stderr, "\rtuning  round %d", round);
  else
    fprintf(stderr, "\r                \r");
}

// `helps`: with the fastest candidates the whole model was faster than with the estimate's.
static void decide(Tuner *t, bool helps) {
  for (size_t i = 0; i < t->questions.len; i++) {
    Question *q = &t->questions.data[i];
    if (q->answer >= 0) continue;
    q->answer = helps ? fastest(q) : 0;
    if (q->us[0] > 0) tune_cache_put(&t->cache, q->work, q->names[q->answer], q->us[q->answer], q->us[0]);
  }
}

static bool run_rounds(Tuner *t, const char *path, const BuildOptions *o, Diag *d) {
  BuildOptions own = *o; // silent, and answered by this tuner
  own.tuner = &t->base;
  own.verbose = own.codegen.verbose = own.codegen.dry_run = own.codegen.save_temps = own.time_passes = own.statistics =
      false;
  own.quiet = true;
  own.passes.remarks = own.passes.missed = NULL;
  BenchResult first = {0}, last = {0};
  bool ok = true, news = true;
  double begin = timing_ms();
  for (int round = 0; ok && news && round < ROUNDS_MOST; round++) {
    progress(round + 1);
    ok = measure(t, path, &own, o->tune, round ? &last : &first, &news, d);
  }
  progress(0);
  if (!ok) return false;
  bool helps = last.runs && last.min < first.min;
  decide(t, helps);
  report(t, o->verbose, first.min, helps ? last.min : first.min, (timing_ms() - begin) / 1e3);
  tune_cache_save(&t->cache, d);
  return true;
}

// What times depend on beside the work; NULL after a diagnostic.
static char *machine(const char *path, const BuildOptions *o, Diag *d) {
  Arena *a = arena_create();
  TargetInfo *targets;
  int n = codegen_target_infos(a, o->codegen.target, o->codegen.cpu, &targets, d);
  bool one = n == 1 && targets[0].runs_here && strcmp(path, "-");
  for (size_t i = 0; i < o->model.shapes.len; i++) one &= !sizes_repeat(&o->model, i);
  char cpu[160], version[32], *text = NULL;
  codegen_version(version);
  if (one)
    text = xprintf("%s, code for %s, %s, %d thread%s", peak_cpu(cpu), targets[0].asked ? targets[0].asked : "native",
                   version, o->tune ? o->tune : 1, o->tune > 1 ? "s" : "");
  if (n && !one)
    diag_error_file(d, path,
                    "--tune is for one processor, which must be this machine's, one size, and a model in a file");
  arena_destroy(a);
  return text;
}

LowerTuner *tune_model(const char *path, const BuildOptions *o, Diag *d) {
  char *name = machine(path, o, d);
  if (!name) return NULL;
  Tuner *t = xcalloc(1, sizeof *t);
  t->base.choose = choose;
  t->measuring = o->tune > 0;
  tune_cache_open(&t->cache, o->tune_cache, name);
  free(name);
  if (!t->measuring || run_rounds(t, path, o, d)) return &t->base;
  tune_free(&t->base);
  return NULL;
}

void tune_free(LowerTuner *base) {
  Tuner *t = (Tuner *)base;
  if (!t) return;
  vec_free(&t->asked);
  for (size_t i = 0; i < t->questions.len; i++) {
    Question *q = &t->questions.data[i];
    free(q->work);
    free(q->layer);
    for (int k = 0; k < q->count; k++) free(q->names[k]);
  }
  vec_free(&t->questions);
  tune_cache_close(&t->cache);
  free(t);
}
