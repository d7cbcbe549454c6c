// nncc verify: is the native code right?
#include "driver/commands.h"
#include "driver/table.h"
#include "driver/verify.h"
#include <jansson.h>
#include <string.h>

enum { KEY_INPUT = 0x200, KEY_AGAINST, KEY_NMSE, KEY_BATCH, KEY_SEED, KEY_JSON };

typedef struct Arguments {
  BuildOptions build;
  VerifyOptions verify;
  Vec(const char *) inputs;
  const char *path;
  bool json;
} Arguments;

static const struct argp_option rows[] = {
    {"input", KEY_INPUT, "WHAT", 0, "in.npz or NAME=array.npy (default: seeded values); repeatable", 0},
    {"against", KEY_AGAINST, "FILE", 0,
     "compare with arrays that another framework computed: inputs, outputs and, as far as there are such, inner "
     "values, "
     "by name, in an npz",
     0},
    {"nmse", KEY_NMSE, "LIMIT", 0,
     "the greatest normalised mean squared error, strictly (default 1e-9, or what rounding explains)", 0},
    {"batch", KEY_BATCH, "N", 0, "value of the first open dimension (default 2; 1 for large models)", 0},
    {"seed", KEY_SEED, "N", 0, "of the inputs (default 1)", 0},
    {"json", KEY_JSON, 0, 0, "print one JSON object", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state) {
  Arguments *a = state->input;
  switch (key) {
  case ARGP_KEY_INIT: state->child_inputs[0] = &a->build; return 0;
  case KEY_INPUT: vec_push(&a->inputs, arg); return 0;
  case KEY_AGAINST: a->verify.against = arg; return 0;
  case KEY_NMSE: a->verify.nmse = options_double("--nmse", arg, 1e-300, 1, state); return 0;
  case KEY_BATCH: a->verify.batch = options_int("--batch", arg, 1, 1 << 20, state); return 0;
  case KEY_JSON: a->json = true; return 0;
  case KEY_SEED: a->verify.seed = (uint64_t)options_int("--seed", arg, 0, INT64_MAX, state); return 0;
  case ARGP_KEY_ARG:
    if (a->path) argp_error(state, "one model at a time, not also `%s`", arg);
    if (build_has_suffix(arg, ".so")) argp_error(state, "verify needs the model's source, not `%s`", arg);
    a->path = arg;
    return 0;
  case ARGP_KEY_END:
    if (!a->path) argp_error(state, "no model given");
    if (a->verify.against && options_lossy(&a->build))
      argp_error(state, "--against holds the model itself, not the smaller network of --prune or --factorize");
    return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_child children[] = {{&options_build, 0, 0, 0}, {0}};
const struct argp cmd_verify_argp = {
    .options = rows,
    .parser = parse,
    .args_doc = "MODEL",
    .doc = "Runs native code beside the reference interpreter and compares every layer. A layer is bad when "
           "its normalised mean squared error exceeds 1e-9 and is more than rounding the reference's values explains, "
           "when it holds a NaN or an infinity, or is "
           "constant, or does not change with the input, where the reference's is not or does; behind roundings to "
           "integers, which may go to either "
           "neighbour, 1e-2 is allowed. The outputs must be bitwise the same with one and "
           "with two threads. With --factorize, --prune or --quantize, layers are those of the smaller network; how "
           "far its outputs are from the model's is printed beside that. With --against the outputs, and inner values "
           "that the file names as layers or as the ONNX model does, are compared with its arrays; the reference "
           "beside them tells whether compiling is to blame.",
    .children = children,
};

static const char *verdict(const Verification *v, const VerifiedLayer *l) {
  return l->ok                    ? l->difference.nmse > v->nmse ? "ok, amplified" : "ok"
         : !l->difference.finite  ? "not finite"
         : l->difference.constant ? "constant"
         : l->unchanged           ? "ignores the input"
                                  : "differs";
}

static void print_layers(const Verification *v) {
  Table t;
  table_open(&t, "lrrrl");
  static const char *const heads[] = {"layer", "max abs", "rel L2", "NMSE", "ok"};
  for (int i = 0; i < 5; i++) table_cell(&t, "%s", heads[i]);
  for (int i = 0; i < v->n; i++) {
    const VerifiedLayer *l = &v->layers[i];
    if (!l->compared) continue;
    table_cell(&t, "%s", l->name);
    table_cell(&t, "%.1e", l->difference.max_abs);
    table_cell(&t, "%.1e", l->difference.rel_l2);
    table_cell(&t, "%.1e", l->difference.nmse);
    table_cell(&t, "%s", verdict(v, l));
  }
  table_print(&t, 0, stdout);
  table_close(&t);
}

static const char *array_verdict(const AgainstArray *r) {
  if (!r->has_native) return r->reference_ok ? "fused away" : "the reference differs";
  return r->ok ? "ok" : !r->native.finite ? "not finite" : r->reference_ok ? "differs" : "differs, the reference too";
}

static void print_arrays(const Against *a) {
  Table t;
  table_open(&t, "lrrrrl");
  static const char *const heads[] = {"array", "max abs", "rel L2", "NMSE", "reference's", "ok"};
  for (int i = 0; i < 6; i++) table_cell(&t, "%s", heads[i]);
  for (const AgainstArray *r = a->rows; r < a->rows + a->n; r++) {
    const double figures[] = {r->native.max_abs, r->native.rel_l2, r->native.nmse};
    table_cell(&t, "%s", r->name);
    for (int i = 0; i < 3; i++) r->has_native ? table_cell(&t, "%.1e", figures[i]) : table_cell(&t, "-");
    table_cell(&t, "%.1e", r->reference.nmse);
    table_cell(&t, "%s", array_verdict(r));
  }
  table_print(&t, 0, stdout);
  table_close(&t);
}

static json_t *json_of_figures(const Difference *d) {
  if (!d->finite) return json_null(); // JSON has no NaN
  return json_pack("{s:f, s:f, s:f}", "max_abs", d->max_abs, "rel_l2", d->rel_l2, "nmse", d->nmse);
}

static json_t *json_of_arrays(const Against *a) {
  json_t *arrays = json_array();
  for (const AgainstArray *r = a->rows; r < a->rows + a->n; r++)
    json_array_append_new(arrays, json_pack("{s:s, s:b, s:s, s:o, s:o}", "name", r->name, "output", r->output >= 0,
                                            "verdict", array_verdict(r), "native",
                                            r->has_native ? json_of_figures(&r->native) : json_null(), "reference",
                                            json_of_figures(&r->reference)));
  return arrays;
}

static void print_json(const Verification *v) {
  json_t *layers = json_array();
  for (int i = 0; i < v->n; i++) {
    const VerifiedLayer *l = &v->layers[i];
    if (!l->compared) continue;
    json_t *layer = json_pack("{s:s, s:b, s:s}", "name", l->name, "ok", l->ok, "verdict", verdict(v, l));
    if (l->difference.finite) json_object_update_new(layer, json_of_figures(&l->difference));
    json_array_append_new(layers, layer);
  }
  json_t *top = json_pack("{s:i, s:i, s:i, s:f, s:b, s:b, s:o}", "compared", v->compared, "agreed", v->agreed,
                          "amplified", v->amplified, "nmse_most", v->nmse, "outputs_ok", v->outputs_ok, "threads_equal",
                          v->threads_equal, "layers", layers);
  if (v->lossy) json_object_set_new(top, "compression_rel_l2", json_real(v->changed));
  if (v->against.archive) json_object_set_new(top, "arrays", json_of_arrays(&v->against));
  json_dumpf(top, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
  putchar('\n');
  json_decref(top);
}

static void print_summary(const Verification *v) {
  if (!v->compared) return;
  printf("%d of %d layers agree, NMSE at most %.0e (worst %s, %.1e); outputs %.1e, with 1 and 2 threads %s\n",
         v->agreed, v->compared, v->nmse, v->layers[v->worst].name, v->layers[v->worst].difference.nmse,
         v->outputs_nmse, v->threads_equal ? "bitwise equal" : "unequal");
  if (v->amplified)
    printf("%d of them over that, but no further than rounding alone takes the reference: this network amplifies it\n",
           v->amplified);
  if (v->against.archive) {
    int ok = 0, computed = 0;
    for (int i = 0; i < v->against.n; i++) ok += v->against.rows[i].ok, computed += v->against.rows[i].has_native;
    printf("%d of %d arrays of %s agree with native code\n", ok, computed, v->against.archive->name);
  }
  if (v->quantized)
    printf("behind roundings to integers, where an element may go to either neighbour, NMSE at most %.0e\n",
           VERIFY_NMSE_QUANTIZED);
  if (v->lossy)
    printf("compared with the smaller network, whose outputs differ from the model's by %.3g%% (rel L2)\n",
           v->changed * 100);
}

// Layers say where arrays begin to differ.
static void print_tables(const Verification *v, bool passed) {
  if (!passed || !v->against.archive) print_layers(v);
  if (v->against.archive) print_arrays(&v->against);
  print_summary(v);
}

static void report(const Verification *v, const char *path, Diag *d) {
  if (!v->compared) return diag_error_file(d, path, "no layer could be compared");
  if (v->first_bad >= 0)
    diag_error_file(d, path, "first bad layer: %s (%s)", v->layers[v->first_bad].name,
                    verdict(v, &v->layers[v->first_bad]));
  if (!v->outputs_ok)
    diag_error_file(d, path, "the outputs of the model as it is really compiled differ from the reference");
  const AgainstArray *bad = against_first_bad(&v->against);
  if (bad && bad->reference_ok)
    diag_error_file(d, path, "`%s` is not as %s has it, the reference interpreter's is: compiling is to blame",
                    bad->name, v->against.archive->name);
  else if (bad)
    diag_error_file(d, path,
                    "`%s` is the first that is not as %s has it, and the reference interpreter's is not either: those "
                    "arrays are of another network, of other weights or inputs, or it was misread",
                    bad->name, v->against.archive->name);
  if (!v->threads_equal) diag_error_file(d, path, "the outputs depend on the number of threads");
}

// Runs ever more of the optional passes until the model is wrong, and names the last one.
static const char *guilty_pass(const Arguments *a, char name[64]) {
  enum { MOST = 64 };
  for (int k = 0; k < MOST; k++) {
    BuildOptions build = a->build;
    build.passes.bisect = k;
    build.quiet = true;
    VerifyOptions o = a->verify;
    o.build = &build;
    Diag *d = diag_create();
    Verification v;
    bool right = verify_model(a->path, &o, &v, d) && verify_compiled_right(&v);
    snprintf(name, 64, "%s", k && v.last_pass ? v.last_pass : "");
    verify_free(&v);
    diag_destroy(d);
    if (!right) return name;
  }
  return NULL;
}

static void report_pass(const Arguments *a, Diag *d) {
  char name[64];
  if (a->build.passes.bisect >= 0 || !guilty_pass(a, name)) return;
  if (*name)
    diag_error_file(d, a->path, "it is wrong from pass `%s` on", name);
  else
    diag_error_file(d, a->path, "it is wrong without any optional pass: lowering or code generation is to blame");
}

int cmd_verify(int argc, char **argv) {
  Arguments a = {.verify.seed = 1};
  options_init(&a.build);
  options_parse(&cmd_verify_argp, argc, argv, &a);
  a.verify.build = &a.build;
  a.verify.inputs = a.inputs.data;
  a.verify.n_inputs = a.inputs.len;
  Diag *d = diag_create();
  Verification v;
  bool ok = verify_model(a.path, &a.verify, &v, d);
  if (ok) {
    ok = verify_passed(&v);
    if (a.json) print_json(&v);
    if (!a.json) print_tables(&v, ok);
    report(&v, a.path, d);
    if (!verify_compiled_right(&v)) report_pass(&a, d);
  }
  verify_free(&v);
  fflush(stdout);
  build_print(d, a.build.model.json_diagnostics);
  diag_destroy(d);
  vec_free(&a.inputs);
  options_free(&a.build);
  return ok ? EXIT_DONE : EXIT_DIAGNOSTICS;
}
