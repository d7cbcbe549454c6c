// nncc reduce: a small model for a report, of a large one that fails.
#include "driver/commands.h"
#include "driver/nnir.h"
#include "driver/reduce.h"
#include <string.h>

enum { KEY_CHECK = 0x200, KEY_NMSE, KEY_SECONDS, KEY_TIMEOUT };

typedef struct Arguments {
  BuildOptions build;
  ReduceOptions reduce;
  const char *path;
  char *output;
} Arguments;

static const struct argp_option rows[] = {
    {"output", 'o', "FILE.nnir", 0, "where to (default: MODEL.reduced.nnir)", 0},
    {"check", KEY_CHECK, "COMMAND", 0,
     "what fails: a command of the shell that gets a .nnir as its last argument, or in place of {}, and leaves with 0 "
     "where that still fails (default: nncc itself compiles it and verifies it, with the options given here)",
     0},
    {"nmse", KEY_NMSE, "LIMIT", 0, "for verifying, as of `nncc verify`", 0},
    {"seconds", KEY_SECONDS, "N", 0, "end with the smallest so far after N seconds (default 600)", 0},
    {"timeout", KEY_TIMEOUT, "N", 0, "a check that takes longer than N seconds has failed that way (default 60)", 0},
    {0},
};

static char *default_output(const char *path) {
  char *stem = build_stem(path), *output;
  if (asprintf(&output, "%s.reduced.nnir", stem) < 0) abort();
  free(stem);
  return output;
}

static error_t parse(int key, char *arg, struct argp_state *state) {
  Arguments *a = state->input;
  switch (key) {
  case ARGP_KEY_INIT: state->child_inputs[0] = &a->build; return 0;
  case 'o':
    free(a->output);
    a->output = strdup(arg);
    return 0;
  case KEY_CHECK: a->reduce.check.command = arg; return 0;
  case KEY_NMSE: a->reduce.check.nmse = options_double("--nmse", arg, 1e-300, 1, state); return 0;
  case KEY_SECONDS: a->reduce.seconds = (int)options_int("--seconds", arg, 1, 1 << 20, state); return 0;
  case KEY_TIMEOUT: a->reduce.check.timeout = (int)options_int("--timeout", arg, 1, 1 << 20, state); return 0;
  case ARGP_KEY_ARG:
    if (a->path) argp_error(state, "one model at a time, not also `%s`", arg);
    if (build_has_suffix(arg, ".so")) argp_error(state, "reduce needs the model's source, not `%s`", arg);
    a->path = arg;
    return 0;
  case ARGP_KEY_END:
    if (!a->path) argp_error(state, "no model given");
    if (!a->output) a->output = default_output(a->path);
    if (!build_has_suffix(a->output, ".nnir")) argp_error(state, "-o names the file to write, FILE.nnir");
    return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_child children[] = {{&options_build, 0, 0, 0}, {0}};
const struct argp cmd_reduce_argp = {
    .options = rows,
    .parser = parse,
    .args_doc = "MODEL",
    .doc = "Leaves out of a model that fails whatever it fails without: layers, outputs, channels, pixels, attributes, "
           "the values of weights. What is left fails in the same way (the same message but for names and numbers, a "
           "crash, a wrong result) and is small enough for a report. What others read of a layer that is gone becomes "
           "an input. The result is the same each time.",
    .children = children,
};

static int count_data(const Module *m) {
  int n = 0;
  for (size_t i = 0; i < m->weights.len; i++)
    n += m->weights.data[i]->source == WEIGHT_FILE || m->weights.data[i]->source == WEIGHT_DENSE;
  return n;
}

static void summarize(const Arguments *a, const Reduction *r) {
  printf("%s   %d of %d nodes   values kept of %d weights   %d checks\n%s\n", a->output, r->nodes, r->nodes_before,
         count_data(r->module), r->checks, strbuf_str(&r->how));
}

// Reading and reducing have options of their own: candidates are whole without those.
static bool run(Arguments *a, Diag *d) {
  Archive *weights = NULL;
  Module *m = build_read(a->path, &a->build.model, &weights, d);
  if (!m) return archive_unref(weights), false;
  BuildOptions build = a->build;
  build.model = (ModelOptions){0};
  build.quiet = true;
  a->reduce.check.build = &build;
  Reduction r;
  bool ok = reduce_model(m, a->path, &a->reduce, &r, d) && nnir_write(r.module, a->path, false, a->output, d);
  if (ok) summarize(a, &r);
  if (ok && r.out_of_time)
    diag_warning_file(d, a->output, "is the smallest found within %d seconds (--seconds)", a->reduce.seconds);
  module_destroy(r.module);
  strbuf_free(&r.how);
  archive_unref(weights);
  return ok;
}

int cmd_reduce(int argc, char **argv) {
  Arguments a = {.reduce = {.check = {.timeout = 60}, .seconds = 600}};
  options_init(&a.build);
  options_parse(&cmd_reduce_argp, argc, argv, &a);
  Diag *d = diag_create();
  bool ok = run(&a, d);
  fflush(stdout);
  build_print(d, a.build.model.json_diagnostics);
  diag_destroy(d);
  free(a.output);
  options_free(&a.build);
  return ok ? EXIT_DONE : EXIT_DIAGNOSTICS;
}
