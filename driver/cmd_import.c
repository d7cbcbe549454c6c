// nncc import: a model of another format as a text of the language, its weights beside it.
#include "driver/build.h"
#include "driver/commands.h"
#include "frontend/write/write.h"
#include "ir/core/outfile.h"
#include "passes/graph/fold_constants.h"
#include <string.h>

typedef struct Arguments {
  ModelOptions model;
  const char *path, *output;
} Arguments;

static const struct argp_option rows[] = {
    {"output", 'o', "FILE.nn", 0, "where to; the weights go to FILE.safetensors", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state) {
  Arguments *a = state->input;
  switch (key) {
  case ARGP_KEY_INIT: state->child_inputs[0] = state->child_inputs[1] = &a->model; return 0;
  case 'o': a->output = arg; return 0;
  case ARGP_KEY_ARG:
    if (a->path) argp_error(state, "one model at a time, not also `%s`", arg);
    a->path = arg;
    return 0;
  case ARGP_KEY_END:
    if (!a->path) argp_error(state, "no model given");
    if (!a->output || !build_has_suffix(a->output, ".nn")) argp_error(state, "-o names the file to write, FILE.nn");
    return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_child children[] = {{&options_model, 0, 0, 0}, {&options_seed, 0, 0, 0}, {0}};
const struct argp cmd_import_argp = {
    .options = rows,
    .parser = parse,
    .args_doc = "MODEL",
    .doc =
        "Writes an ONNX model as a .nn file to read and to change, and its weights as safetensors. Names are kept, as "
        "far as the language has such names, and parts that repeat become loops.",
    .children = children,
};

static bool write_weights(const Written *w, const char *path, Diag *d) {
  ArchiveArray *arrays = xcalloc(w->weights.len + 1, sizeof *arrays);
  for (size_t i = 0; i < w->weights.len; i++) {
    DType stored;
    const void *data = weight_data(w->weights.data[i].weight, &stored);
    const Type *t = w->weights.data[i].weight->type;
    arrays[i] = (ArchiveArray){w->weights.data[i].name, stored, t->rank, t->dims, data};
  }
  bool ok = !w->weights.len || archive_write(path, arrays, (int)w->weights.len, d);
  free(arrays);
  return ok;
}

static bool run(const Arguments *a, Diag *d) {
  Archive *archive = NULL; // holds the weights of a .nn
  Module *m = build_read(a->path, &a->model, &archive, d);
  if (!m) return archive_unref(archive), false;
  Written w;
  char *weights = xprintf("%.*s.safetensors", (int)strlen(a->output) - 3, a->output);
  const char *slash = strrchr(weights, '/');
  bool ok = fold_layer_weights(m, d) && write_module(m, slash ? slash + 1 : weights, &w) &&
            write_weights(&w, weights, d) && outfile_write(a->output, strbuf_str(&w.text), w.text.len, d);
  free(weights);
  write_free(&w);
  module_destroy(m);
  archive_unref(archive);
  return ok;
}

int cmd_import(int argc, char **argv) {
  Arguments a = {0};
  options_parse(&cmd_import_argp, argc, argv, &a);
  Diag *d = diag_create();
  bool ok = run(&a, d);
  build_print(d, a.model.json_diagnostics);
  diag_destroy(d);
  options_free_model(&a.model);
  return ok ? EXIT_DONE : EXIT_DIAGNOSTICS;
}
