#include "driver/build.h"
#include "driver/calibrate.h"
#include "driver/decisions_file.h"
#include "driver/tap.h"
#include "driver/timing.h"
#include "driver/tune.h"
#include "frontend/frontend.h"
#include "frontend/onnx/onnx.h"
#include "passes/loop/plan_weights.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// ---- paths and texts

char *build_folder(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? xstrndup(path, slash == path ? 1 : (size_t)(slash - path)) : xstrdup(".");
}

char *build_stem(const char *path) {
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
  if (!strcmp(path, "-")) return xstrdup("model");
  return dot && dot != name ? xstrndup(name, (size_t)(dot - name)) : xstrdup(name);
}

bool build_has_suffix(const char *s, const char *suffix) {
  size_t n = strlen(s), k = strlen(suffix);
  return n > k && !strcmp(s + n - k, suffix);
}

char *build_read_text(const char *path, size_t *size, Diag *d) {
  enum { TEXT_MAX = 1 << 30 };
  FILE *in = strcmp(path, "-") ? fopen(path, "rb") : stdin;
  StrBuf b = {0};
  char chunk[1 << 16];
  size_t n;
  while (in && b.len < TEXT_MAX && (n = fread(chunk, 1, sizeof chunk, in))) strbuf_write(&b, chunk, n);
  bool ok = in && !ferror(in) && b.len < TEXT_MAX;
  if (!ok) diag_error_file(d, path, "cannot be read: %s", b.len >= TEXT_MAX ? "it is too large" : strerror(errno));
  if (in && in != stdin) fclose(in);
  if (!ok) return strbuf_free(&b), NULL;
  strbuf_puts(&b, "");
  *size = b.len;
  return b.s;
}

void build_print(const Diag *d, bool json) {
  StrBuf b = {0};
  if (json)
    diag_json(d, &b);
  else
    diag_print(d, &b, isatty(STDERR_FILENO) && !getenv("NO_COLOR"));
  if (b.len) fwrite(b.s, 1, b.len, stderr);
  strbuf_free(&b);
}

// ---- reading

// The weights that the model names, relative to its folder; they may be absent when they are to be seeded.
static Archive *open_named(const char *path, const char *file, bool optional, Diag *d) {
  char *folder = build_folder(path);
  size_t n = strlen(folder);
  if (!strncmp(file, folder, n) && file[n] == '/') file += n + 1;
  char *whole = xprintf("%s/%s", folder, file);
  bool absent = access(whole, F_OK) && errno == ENOENT;
  Archive *a = optional && absent ? NULL : archive_open_beneath(folder, file, d);
  free(whole);
  free(folder);
  return a;
}

typedef Vec(const char *) Shapes;

// Those that hold for all code; repeated ones are sizes of their own.
static Shapes fixed_shapes(const ModelOptions *o) {
  Shapes fixed = {0};
  for (size_t i = 0; i < o->shapes.len; i++)
    if (!sizes_repeat(o, i)) vec_push(&fixed, o->shapes.data[i]);
  return fixed;
}

static Module *read_onnx(const char *path, const ModelOptions *o, Diag *d) {
  Shapes fixed = fixed_shapes(o);
  Module *m = onnx_import(d, path, &(OnnxOptions){.shapes = fixed.data, .n_shapes = (int)fixed.len});
  vec_free(&fixed);
  return m;
}

static Module *read_language(const char *path, const ModelOptions *o, Archive **weights, Diag *d) {
  Shapes fixed = fixed_shapes(o);
  FrontendOptions f = {.model = o->model,
                       .defines = o->defines.data,
                       .n_defines = (int)o->defines.len,
                       .shapes = fixed.data,
                       .n_shapes = (int)fixed.len};
  const char *file = NULL;
  Module *m = frontend_compile(d, path, &f, &file);
  vec_free(&fixed);
  if (m && weights && file && !o->weights) *weights = open_named(path, file, o->has_init, d);
  return m;
}

static Module *read_text(const char *path, Diag *d) {
  size_t size;
  char *text = build_read_text(path, &size, d), *folder = build_folder(path);
  WeightFiles *files = weight_files_create();
  Module *m = text ? graph_read(d, path, text, size, folder, weight_files_open, files) : NULL;
  weight_files_destroy(files);
  free(folder);
  free(text);
  return m;
}

Module *build_read(const char *path, const ModelOptions *o, Archive **weights, Diag *d) {
  Archive *archive = NULL;
  int before = diag_errors(d);
  bool is_text = o->is_text ? !build_has_suffix(path, ".nn") : build_has_suffix(path, ".nnir");
  Module *m = is_text                           ? read_text(path, d)
              : build_has_suffix(path, ".onnx") ? read_onnx(path, o, d)
                                                : read_language(path, o, weights ? &archive : NULL, d);
  if (m && weights && o->weights) archive = archive_open(o->weights, d);
  if (m && weights && !o->allow_missing && diag_errors(d) == before)
    weights_attach(m, archive, o->has_init ? &o->init : NULL, d);
  if (weights) *weights = archive;
  if (m) tap_outputs(m, o->taps.data, o->taps.len, d);
  if (m && diag_errors(d) == before) input_format_apply(m, &o->input_format, d);
  if (m && diag_errors(d) == before) return m;
  if (m) module_destroy(m);
  return NULL;
}

bool build_open(Build *b, const char *path, const BuildOptions *o, Diag *d) {
  *b = (Build){.options = o, .path = path, .diag = d, .begin_ms = timing_ms()};
  b->module = build_read(path, &o->model, &b->weights, d);
  for (const Node *n = b->module ? b->module->first : NULL; n; n = n->next) b->n_ops++;
  return b->module;
}

// ---- compiling

static void dump(void *user, const char *text) {
  (void)user;
  fputs(text, stderr);
}

// Runs part of the pipeline on a module, for one processor.
static bool run_passes(Build *b, const char *pipeline, Module *m, const TargetInfo *t, const Sizes *sizes) {
  const BuildOptions *o = b->options;
  PassContext *c = &b->passes;
  c->module = m;
  c->program = NULL;
  c->target = (LowerTarget){.vector_bytes = t->vector_bytes,
                            .vector_registers = t->vector_registers,
                            .has_fma = t->has_fma,
                            .no_winograd = o->no_winograd || o->codegen.opt_level == 0,
                            .reproducible = o->reproducible,
                            .tuner = o->tuner ? o->tuner : b->tuner};
  bool ok = passes_run(c, pipeline);
  if (!c->program) return ok;
  vec_push(&b->lowered, c->program);
  vec_push(&b->programs, (CodegenProgram){c->program, t->asked, sizes ? sizes->dims : NULL});
  if (!sizes && !b->program) b->program = c->program;
  return ok;
}

// Where `lower` stands in a pipeline; its end where it does not.
static const char *find_lower(const char *pipeline) {
  const char *s = pipeline;
  while (*s && strncmp(s, "lower", strcspn(s, ","))) s += strcspn(s, ","), s += *s == ',';
  return s;
}

static const char *pipeline_of(const Build *b) {
  return b->options->pipeline ? b->options->pipeline : passes_pipeline(b->options->codegen.opt_level);
}

// The passes from `begin` to `end`, once.
static bool run_part(Build *b, const char *begin, const char *end) {
  char *part = xstrndup(begin, (size_t)(end - begin));
  bool ok = run_passes(b, part, b->module, &b->targets[0], NULL);
  free(part);
  return ok;
}

static bool begin(Build *b) {
  const BuildOptions *o = b->options;
  if (b->targets) return true;
  if (o->decisions && !b->decisions && !(b->decisions = decisions_read(o->decisions, b->diag))) return false;
  PassOptions passes = o->passes;
  passes.decisions = o->decided ? o->decided : b->decisions;
  passes_ask(&passes);
  if (!passes_init(&b->passes, b->module, NULL, b->diag, &passes)) return false;
  b->passes.dump = o->quiet ? NULL : dump;
  b->n_targets = codegen_target_infos(b->module->arena, o->codegen.target, o->codegen.cpu, &b->targets, b->diag);
  return b->n_targets;
}

static void settle_origins(Build *b) {
  b->n_stands_for = b->module->n_values;
  b->stands_for = xcalloc(b->n_stands_for + 1, sizeof *b->stands_for);
  for (uint32_t i = 0; i < b->n_stands_for; i++) b->stands_for[i] = i;
  for (const Node *n = b->module->first; n; n = n->next)
    for (int i = 0; i < n->n_results; i++) {
      Value *v = n->results[i];
      if (v->origin) b->stands_for[v->id] = v->origin->id;
      v->origin = NULL;
    }
}

// The ranges that a search has found, else those of data, else those of the file of decisions.
static bool find_ranges(Build *b, const char *end) {
  const Decisions *decided = b->passes.options.decisions;
  bool found = b->options->decided && decided->calibration;
  calibration_destroy(b->calibration);
  b->calibration = NULL;
  if (!found && b->options->calibrate && !(b->calibration = calibrate(b, end))) return false;
  b->passes.calibration = b->calibration ? b->calibration : decided ? decided->calibration : NULL;
  return true;
}

static bool any_factorized(const Decisions *d) {
  bool any = false;
  for (size_t i = 0; d && i < d->list.len; i++) any = any || d->list.data[i].factorize.method;
  return any;
}

// What layers read: of the search, else of data; of a file there are ranges alone.
static bool find_moments(Build *b, const char *at) {
  const char *data = b->options->calibrate;
  const Decisions *decided = b->passes.options.decisions;
  bool known = data && !build_has_suffix(data, ".json"), needed = decided && decided->held_out;
  if (decided && decided->moments) return b->passes.calibration = decided->moments, true;
  if (!known && needed && any_factorized(decided)) {
    diag_error_file(b->diag, b->options->decisions,
                    "its factorizations are fitted to data: --calibrate=DATA, the same");
    return false;
  }
  if (!known) return true;
  calibration_destroy(b->calibration);
  b->passes.calibration = b->calibration = calibrate_layers(b, at, NULL);
  return b->calibration;
}

// The passes from `begin` to `end`; those that may learn of the data find what they are to know of the network as it
// then stands.
static bool run_learning(Build *b, const char *begin, const char *end) {
  const PassOptions *o = &b->passes.options;
  const char *lossy = passes_after_lossy(begin, o);
  for (const char *at = begin; (at = passes_next_learning(at, o)) && at < end; at += strcspn(at, ",")) {
    if (!run_part(b, begin, at)) return false;
    if (b->passes.stopped) return true;
    begin = at;
    if (!(passes_place(at, "quantize") == at ? find_ranges(b, lossy) : find_moments(b, at))) return false;
  }
  return run_part(b, begin, end);
}

bool build_until(Build *b, const char *pass, const char **rest) {
  if (!begin(b)) return false;
  const char *pipeline = pipeline_of(b);
  *rest = passes_place(pipeline, pass);
  return !*rest || run_learning(b, pipeline, *rest);
}

bool build_compress(Build *b) {
  if (b->compressed) return true;
  b->compressed = true;
  if (!begin(b)) return false;
  const char *pipeline = pipeline_of(b);
  if (!run_learning(b, pipeline, passes_after_lossy(pipeline, &b->passes.options))) return false;
  settle_origins(b);
  return true;
}

// The graph passes run once, what follows them for every processor and size.
static bool lower_all(Build *b, const TargetInfo *targets, int n) {
  const char *pipeline = passes_after_lossy(pipeline_of(b), &b->passes.options), *rest = find_lower(pipeline);
  bool ok = run_part(b, pipeline, rest);
  if (!ok || !*rest || b->passes.stopped) return ok;
  for (size_t s = 0; s < b->sizes.len; s++)
    vec_push(&b->specialized, module_specialize(b->module, b->sizes.data[s].dims));
  WeightTable weights = {0};
  b->passes.weights = n > 1 || b->sizes.len ? &weights : NULL;
  for (int t = 0; ok && t < n; t++) {
    for (size_t s = 0; ok && s < b->sizes.len; s++)
      ok = run_passes(b, rest, b->specialized.data[s], &targets[t], &b->sizes.data[s]);
    ok = ok && run_passes(b, rest, b->module, &targets[t], NULL);
  }
  b->passes.weights = NULL;
  weight_table_free(&weights);
  return ok;
}

// So that its values can be read out of the arena afterwards: one program, for this processor and all sizes.
static int choose_only(TargetInfo *targets, int n) {
  for (int i = 0; i < n; i++)
    if (targets[i].runs_here) return targets[0] = targets[i], 1;
  return 1;
}

bool build_lower(Build *b) {
  const BuildOptions *o = b->options;
  bool keep_all = o->passes.keep_all;
  bool tunes = !o->tuner && !keep_all && (o->tune || o->tune_cache);
  if (tunes && !(b->tuner = tune_model(b->path, o, b->diag))) return false;
  if (!begin(b) || !build_compress(b)) return false;
  if (b->passes.stopped) return true;
  bool ok = keep_all || sizes_of(&o->model, b->module, &b->sizes, b->diag);
  return ok && lower_all(b, b->targets, keep_all ? choose_only(b->targets, b->n_targets) : b->n_targets);
}

bool build_emit(Build *b, OutputKind kind, const char *path) {
  if (b->programs.len)
    return codegen_emit_all(b->programs.data, (int)b->programs.len, kind, path, &b->options->codegen,
                            kind == OUTPUT_HEADER ? NULL : &b->stats, b->diag); // a header says nothing of the code
  diag_error_file(b->diag, b->path, "the passes that were run do not lower it, so that there is no code to write");
  return false;
}

void build_report(const Build *b, FILE *to) {
  StrBuf s = {0};
  if (b->options->time_passes) passes_times(&b->passes, &s);
  if (b->options->statistics) passes_counts(&b->passes, &s);
  fputs(strbuf_str(&s), to);
  strbuf_free(&s);
}

void build_close(Build *b) {
  calibration_destroy(b->calibration);
  decisions_destroy(b->decisions);
  passes_free(&b->passes);
  for (size_t i = 0; i < b->lowered.len; i++) loop_program_destroy(b->lowered.data[i]);
  for (size_t i = 0; i < b->specialized.len; i++) module_destroy(b->specialized.data[i]);
  vec_free(&b->lowered);
  vec_free(&b->specialized);
  vec_free(&b->programs);
  vec_free(&b->sizes);
  if (b->module) module_destroy(b->module);
  tune_free(b->tuner);
  free(b->stands_for);
  archive_unref(b->weights);
  *b = (Build){0};
}
