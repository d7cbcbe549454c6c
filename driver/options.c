#include "driver/build.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
  KEY_SHAPE = 0x100,
  KEY_MODEL,
  KEY_INPUT_FORMAT,
  KEY_TAP,
  KEY_WEIGHTS,
  KEY_INIT,
  KEY_TARGET,
  KEY_CPU,
  KEY_DRY_RUN,
  KEY_SAVE_TEMPS,
  KEY_JOBS,
  KEY_NO_WINOGRAD,
  KEY_REPRODUCIBLE,
  KEY_TUNE,
  KEY_TUNE_CACHE,
  KEY_RUNTIME,
  KEY_SANITIZE,
  KEY_FACTORIZE,
  KEY_PRUNE,
  KEY_QUANTIZE,
  KEY_PRECISION,
  KEY_EXCLUDE,
  KEY_OBSERVER,
  KEY_CALIBRATE,
  KEY_SAVE_CALIBRATION,
  KEY_MAX_ERROR,
  KEY_SAVE_DECISIONS,
  KEY_DECISIONS,
  KEY_PASSES,
  KEY_PRINT_BEFORE,
  KEY_PRINT_AFTER,
  KEY_PRINT_AFTER_ALL,
  KEY_PRINT_CHANGED,
  KEY_STOP_AFTER,
  KEY_DISABLE,
  KEY_VERIFY_EACH,
  KEY_BISECT,
  KEY_TIME_PASSES,
  KEY_STATISTICS,
  KEY_RPASS,
  KEY_RMISSED,
};

int64_t options_int(const char *option, const char *text, int64_t min, int64_t max, struct argp_state *state) {
  char *end;
  errno = 0;
  long long v = strtoll(text, &end, 10);
  if (errno || end == text || *end || v < min || v > max)
    argp_error(state, "%s takes a whole number from %lld to %lld, not `%s`", option, (long long)min, (long long)max,
               text);
  return v;
}

double options_double(const char *option, const char *text, double min, double max, struct argp_state *state) {
  char *end;
  double v = strtod(text, &end);
  if (end == text || *end || !(v >= min && v <= max))
    argp_error(state, "%s takes a number from %g to %g, not `%s`", option, min, max, text);
  return v;
}

bool options_diagnostics(const char *text, struct argp_state *state) {
  bool json = !strcmp(text, "json");
  if (!json && strcmp(text, "text")) argp_error(state, "--diagnostics takes json or text, not `%s`", text);
  return json;
}

static const struct argp_option model_rows[] = {
    {"define", 'D', "NAME=VALUE", 0, "set a `param` of the model", 0},
    {"shape", KEY_SHAPE, "INPUT=DIMS", 0,
     "fix an input's shape, e.g. image=8,3,224,224; given several times: code of its own for each, beside that for all",
     0},
    {"model", KEY_MODEL, "NAME", 0, "which of the file's models", 0},
    {"input-format", KEY_INPUT_FORMAT, "WORDS", 0,
     "pictures as the caller has them: u8 or f32, nhwc or nchw, rgb or bgr, joined by commas", 0},
    {"tap", KEY_TAP, "NAME", 0, "make the value of this layer or block a further output; repeatable", 0},
    OPTIONS_DIAGNOSTICS_ROW,
    {0},
};

static const struct argp_option data_rows[] = {
    {"weights", KEY_WEIGHTS, "FILE", 0, "take weights from this file: safetensors, npz or a PyTorch checkpoint", 0},
    {0},
};

static const struct argp_option seed_rows[] = {
    {"init", KEY_INIT, "SEED", 0, "fill missing weights with seeded values", 0},
    {0},
};

static error_t parse_model(int key, char *arg, struct argp_state *state) {
  ModelOptions *o = state->input;
  switch (key) {
  case 'D':
    if (!strchr(arg, '=')) argp_error(state, "-D takes NAME=VALUE, not `%s`", arg);
    vec_push(&o->defines, arg);
    return 0;
  case KEY_SHAPE:
    if (!strchr(arg, '=')) argp_error(state, "--shape takes INPUT=DIMS, not `%s`", arg);
    vec_push(&o->shapes, arg);
    return 0;
  case KEY_MODEL: o->model = arg; return 0;
  case KEY_INPUT_FORMAT:
    if (!input_format_parse(arg, &o->input_format))
      argp_error(state, "--input-format takes u8 or f32, nhwc or nchw, rgb or bgr, joined by commas, not `%s`", arg);
    return 0;
  case OPTIONS_KEY_DIAGNOSTICS: o->json_diagnostics = options_diagnostics(arg, state); return 0;
  case KEY_TAP: vec_push(&o->taps, arg); return 0;
  case KEY_WEIGHTS: o->weights = arg; return 0;
  case KEY_INIT:
    o->has_init = true;
    o->init = (uint64_t)options_int("--init", arg, 0, INT64_MAX, state);
    return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

const struct argp options_model = {.options = model_rows, .parser = parse_model};
const struct argp options_seed = {.options = seed_rows, .parser = parse_model};

static error_t parse_data(int key, char *arg, struct argp_state *state) {
  if (key != ARGP_KEY_INIT) return parse_model(key, arg, state);
  state->child_inputs[0] = state->input;
  return 0;
}

static const struct argp_child data_children[] = {{&options_seed, 0, 0, 0}, {0}};
static const struct argp options_data = {.options = data_rows, .parser = parse_data, .children = data_children};

static const struct argp_option compress_rows[] = {
    {"factorize", KEY_FACTORIZE, "METHOD:ERROR", 0,
     "layers of lower rank, where that saves work and changes a layer's weights by at most this error, e.g. 0.05: "
     "spatial: a convolution as a column and a row of taps; channel: layers as two, with fewer channels between them; "
     "tucker2: a convolution between fewer channels",
     0},
    {"prune", KEY_PRUNE, "METHOD:FRACTION", 0,
     "structured: remove this fraction of each layer's filters, heads and hidden neurons, and what only they need; "
     "magnitude: make this fraction of all weights zero, which makes pointwise convolutions and linear layers smaller "
     "and faster from about 0.6 on; magnitude-per-layer: of each layer's",
     0},
    {"quantize", KEY_QUANTIZE, "int8,METHOD", 0,
     "8-bit integers: static, with the ranges of values that --calibrate observes; dynamic: of linear layers and "
     "products, "
     "scaled as values come",
     0},
    {"precision", KEY_PRECISION, "TYPE", 0,
     "weights of layers stored in 16 bits, bf16 or f16, and widened to f32 where they are multiplied; f32: as they are",
     0},
    {"exclude", KEY_EXCLUDE, "PATTERN,...", 0,
     "what --quantize and --precision leave in f32: paths of layers or names of ops; * and ? stand for any characters",
     0},
    {"observer", KEY_OBSERVER, "NAME", 0,
     "how --quantize=int8,static takes a range from what was observed: minmax, percentile, mse (default) or entropy",
     0},
    {"calibrate", KEY_CALIBRATE, "DATA", 0,
     "pictures or arrays as `nncc eval --data` takes them, for --max-error, for --quantize=int8,static (also a .json "
     "that --save-calibration wrote), for --factorize, whose ERROR is then that of a layer's outputs on them, and for "
     "--prune, which then fits the weights that stay",
     0},
    {"save-calibration", KEY_SAVE_CALIBRATION, "FILE.json", 0, "keep what was observed, for other compilations", 0},
    {"decisions", KEY_DECISIONS, "FILE.json", 0,
     "make of each layer what a file of --save-decisions says; with --calibrate factorizations are fitted to the data",
     0},
    {0},
};

static const struct argp_option search_rows[] = {
    {"max-error", KEY_MAX_ERROR, "PERCENT%", 0,
     "search, layer by layer (f32, bf16, 8-bit integers, factorized), for the fastest network whose outputs differ "
     "from the model's by at most this (relative "
     "L2, mean over samples of --calibrate that the search does not use), e.g. 1%",
     0},
    {"save-decisions", KEY_SAVE_DECISIONS, "FILE.json", 0, "keep what was chosen, for --decisions", 0},
    {0},
};

static double read_error(const char *text, struct argp_state *state) {
  char *end;
  double v = strtod(text, &end);
  bool percent = end != text && !strcmp(end, "%");
  if (percent) v /= 100;
  if (end == text || (*end && !percent) || !(v >= 1e-6 && v <= 1))
    argp_error(state, "--max-error takes a share from 0.0001%% to 100%%, such as 1%% or 0.01, not `%s`", text);
  return v;
}

static error_t parse_search(int key, char *arg, struct argp_state *state) {
  BuildOptions *o = state->input;
  switch (key) {
  case KEY_MAX_ERROR: o->max_error = read_error(arg, state); return 0;
  case KEY_SAVE_DECISIONS: o->save_decisions = arg; return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

const struct argp options_search = {.options = search_rows, .parser = parse_search};

static void check_compress(const BuildOptions *o, struct argp_state *state) {
  const PassOptions *p = &o->passes;
  bool asked = passes_lossy(p), search = o->max_error > 0;
  if (search && o->decisions) argp_error(state, "--max-error searches for what --decisions says: give one of them");
  if (search && !o->calibrate) argp_error(state, "--max-error needs --calibrate=DATA");
  if (search && o->calibrate && build_has_suffix(o->calibrate, ".json"))
    argp_error(state, "--max-error needs data, which it measures errors on: `%s` holds ranges alone", o->calibrate);
  if ((search || o->decisions) && asked)
    argp_error(state, "%s decides of each layer: leave --quantize, --factorize, --prune and --precision out",
               search ? "--max-error" : "--decisions");
  if (o->decisions && o->has_observer) argp_error(state, "--decisions names the observer: leave --observer out");
  if (o->save_decisions && !search) argp_error(state, "--save-decisions is for --max-error");
  if (search && o->save_calibration)
    argp_error(state, "--save-decisions keeps what was observed as well: leave --save-calibration out");
  bool ranges = p->quantize.method == QUANTIZE_STATIC, decided = search || o->decisions;
  if (ranges && !o->calibrate) argp_error(state, "--quantize=int8,static needs --calibrate=DATA");
  if (o->calibrate && !decided && !passes_next_learning(passes_pipeline(2), p))
    argp_error(state, "--calibrate is for --quantize=int8,static, --factorize, --prune and --max-error");
  if (o->calibrate && !decided && !ranges && build_has_suffix(o->calibrate, ".json"))
    argp_error(state, "--calibrate=FILE.json has ranges for --quantize=int8,static; --factorize and --prune need "
                      "the data itself");
  if (o->save_calibration && !ranges) argp_error(state, "--save-calibration is for --quantize=int8,static");
}

static error_t parse_compress(int key, char *arg, struct argp_state *state) {
  BuildOptions *o = state->input;
  PassOptions *p = &o->passes;
  StrBuf why = {0};
  switch (key) {
  case KEY_FACTORIZE:
    if (!compress_read_factorization(arg, &p->factorize, &why)) argp_error(state, "%s", strbuf_str(&why));
    return 0;
  case KEY_PRUNE:
    if (!compress_read_pruning(arg, &p->prune, &why)) argp_error(state, "%s", strbuf_str(&why));
    return 0;
  case KEY_QUANTIZE:
    if (!compress_read_quantization(arg, &p->quantize, &why)) argp_error(state, "%s", strbuf_str(&why));
    return 0;
  case KEY_PRECISION:
    if (!compress_read_precision(arg, &p->precision, &why)) argp_error(state, "%s", strbuf_str(&why));
    return 0;
  case KEY_EXCLUDE: p->exclude = arg; return 0;
  case KEY_OBSERVER:
    if (!observe_read(arg, &p->quantize.observer, &why)) argp_error(state, "%s", strbuf_str(&why));
    o->has_observer = true;
    return 0;
  case KEY_CALIBRATE: o->calibrate = arg; return 0;
  case KEY_SAVE_CALIBRATION: o->save_calibration = arg; return 0;
  case KEY_DECISIONS: o->decisions = arg; return 0;
  case ARGP_KEY_END: check_compress(o, state); return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

const struct argp options_compress = {.options = compress_rows, .parser = parse_compress};

static const struct argp_option build_rows[] = {
    {0, 0, 0, 0, "The code:", 1},
    {0, 'O', "LEVEL", 0, "optimization, 0 to 3 (default 2)", 1},
    {0, 'g', 0, 0, "DWARF: a function for each layer, on its line of the source", 1},
    {"target", KEY_TARGET, "TRIPLE", 0, "target triple (default: this machine's)", 1},
    {"mcpu", KEY_CPU, "CPU[,CPU]", 0,
     "processor or level: native (default), x86-64-v3, znver4, ...; of several the model takes the best when opened",
     1},
    {"jobs", KEY_JOBS, "N", 0, "compile kernels on N threads (default: all processors)", 1},
    {"no-winograd", KEY_NO_WINOGRAD, 0, 0, "sum convolutions directly, never by Winograd's algorithm", 1},
    {"reproducible", KEY_REPRODUCIBLE, 0, 0, "the same bits from every instruction set", 1},
    {"tune", KEY_TUNE, "THREADS", OPTION_ARG_OPTIONAL,
     "time candidates on this machine (on 1 thread) and keep the fastest", 1},
    {"tune-cache", KEY_TUNE_CACHE, "FOLDER", 0,
     "where that is kept (default: ~/.cache/nncc); without --tune, use what it holds", 1},
    {0, 'v', 0, 0, "say what was made; given twice, also print the commands that are run", 1},
    {"###", KEY_DRY_RUN, 0, 0, "print those commands and run nothing", 1},
    {"runtime", KEY_RUNTIME, "OBJECT", OPTION_HIDDEN, "link this runtime, e.g. one compiled for a sanitizer", 1},
    {"sanitize", KEY_SANITIZE, 0, OPTION_HIDDEN, "let AddressSanitizer watch the code that is made", 1},
    {"save-temps", KEY_SAVE_TEMPS, 0, 0, "keep intermediate files beside the output", 1},
    {0, 0, 0, 0, "The passes:", 2},
    {"passes", KEY_PASSES, "NAMES", 0, "run these passes, joined by commas, instead of those of -O", 2},
    {"disable-pass", KEY_DISABLE, "NAMES", 0, "leave passes out", 2},
    {"stop-after", KEY_STOP_AFTER, "PASS", 0, "end with this pass", 2},
    {"bisect-pass", KEY_BISECT, "N", 0, "run only the first N optional passes", 2},
    {"print-before", KEY_PRINT_BEFORE, "NAMES", 0, "print the IR before passes", 2},
    {"print-after", KEY_PRINT_AFTER, "NAMES", 0, "print the IR after passes", 2},
    {"print-after-all", KEY_PRINT_AFTER_ALL, 0, 0, "print the IR after every pass", 2},
    {"print-changed", KEY_PRINT_CHANGED, 0, 0, "print the IR after passes that changed it", 2},
    {"verify-each", KEY_VERIFY_EACH, 0, 0, "check the IR and its text form after every pass", 2},
    {"time-passes", KEY_TIME_PASSES, 0, 0, "print what each pass took", 2},
    {"statistics", KEY_STATISTICS, 0, 0, "print how often each pass did something", 2},
    {"Rpass", KEY_RPASS, "REGEX", 0, "remarks of passes: what was done", 2},
    {"Rpass-missed", KEY_RMISSED, "REGEX", 0, "remarks of passes: what was not done, and why", 2},
    {0},
};

static error_t parse_build(int key, char *arg, struct argp_state *state) {
  BuildOptions *o = state->input;
  CodegenOptions *c = &o->codegen;
  PassOptions *p = &o->passes;
  switch (key) {
  case ARGP_KEY_INIT:
    state->child_inputs[0] = state->child_inputs[1] = &o->model;
    state->child_inputs[2] = o;
    return 0;
  case 'O': c->opt_level = (int)options_int("-O", arg, 0, 3, state); return 0;
  case 'v':
    c->verbose = o->verbose;
    o->verbose = true;
    return 0;
  case 'g': c->debug = true; return 0;
  case KEY_TARGET: c->target = arg; return 0;
  case KEY_CPU: c->cpu = arg; return 0;
  case KEY_JOBS: c->threads = (int)options_int("--jobs", arg, 1, 1024, state); return 0;
  case KEY_NO_WINOGRAD: o->no_winograd = true; return 0;
  case KEY_REPRODUCIBLE: o->reproducible = c->reproducible = true; return 0;
  case KEY_DRY_RUN: c->dry_run = true; return 0;
  case KEY_TUNE: o->tune = arg ? (int)options_int("--tune", arg, 1, 1024, state) : 1; return 0;
  case KEY_TUNE_CACHE: o->tune_cache = arg; return 0;
  case KEY_SANITIZE: c->sanitize = true; return 0;
  case KEY_RUNTIME: c->runtime = arg; return 0;
  case KEY_SAVE_TEMPS: c->save_temps = true; return 0;
  case KEY_PASSES: o->pipeline = arg; return 0;
  case KEY_DISABLE: p->disable = arg; return 0;
  case KEY_STOP_AFTER: p->stop_after = arg; return 0;
  case KEY_BISECT: p->bisect = (int)options_int("--bisect-pass", arg, 0, 1 << 20, state); return 0;
  case KEY_PRINT_BEFORE: p->print_before = arg; return 0;
  case KEY_PRINT_AFTER: p->print_after = arg; return 0;
  case KEY_PRINT_AFTER_ALL: p->print_after_all = true; return 0;
  case KEY_PRINT_CHANGED: p->print_changed = true; return 0;
  case KEY_VERIFY_EACH: p->verify_each = true; return 0;
  case KEY_TIME_PASSES: o->time_passes = true; return 0;
  case KEY_STATISTICS: o->statistics = true; return 0;
  case KEY_RPASS: p->remarks = arg; return 0;
  case KEY_RMISSED: p->missed = arg; return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_child build_children[] = {{&options_model, 0, "The model:", 0},
                                                   {&options_data, 0, "Its weights:", 0},
                                                   {&options_compress, 0, "Smaller networks:", 0},
                                                   {0}};
const struct argp options_build = {.options = build_rows, .parser = parse_build, .children = build_children};

void options_init(BuildOptions *o) { *o = (BuildOptions){.codegen = {.opt_level = 2}, .passes = passes_options()}; }

void options_free_model(ModelOptions *o) {
  vec_free(&o->defines);
  vec_free(&o->shapes);
  vec_free(&o->taps);
}

void options_free(BuildOptions *o) { options_free_model(&o->model); }

bool options_lossy(const BuildOptions *o) { return passes_lossy(&o->passes) || o->decisions || o->decided; }

void options_plain(BuildOptions *o) {
  o->passes.factorize = (Factorization){0};
  o->passes.prune = (Pruning){0};
  o->passes.quantize.method = QUANTIZE_NONE;
  o->passes.precision = DT_F32;
  o->decisions = NULL, o->decided = NULL;
}

void options_parse(const struct argp *argp, int argc, char **argv, void *input) {
  if (argp_parse(argp, argc, argv, ARGP_LONG_ONLY, NULL, input) == ENOMEM) out_of_memory();
}
