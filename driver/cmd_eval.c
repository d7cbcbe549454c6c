// nncc eval: how good is it?
#include "driver/commands.h"
#include "driver/evaluate.h"
#include "driver/table.h"
#include "ir/core/outfile.h"
#include <jansson.h>
#include <math.h>
#include <string.h>

enum {
  KEY_DATA = 0x200,
  KEY_LABELS,
  KEY_REFERENCE,
  KEY_PERTURB,
  KEY_SEED,
  KEY_LIMIT,
  KEY_REPEAT,
  KEY_THREADS,
  KEY_LAYERS,
  KEY_CONFUSION,
  KEY_JSON
};
enum { WORST_PAIRS = 8 };

typedef struct Arguments {
  BuildOptions build;
  EvaluateOptions evaluate;
  Vec(Perturbation) perturbations;
  const char *path, *confusion;
  bool json;
} Arguments;

static const struct argp_option rows[] = {
    {"data", KEY_DATA, "WHAT", 0,
     "a folder of pictures, a folder of such folders, one a class, or an npz file with pictures or inputs `x` and "
     "labels "
     "`y`",
     0},
    {"labels", KEY_LABELS, "FILE", 0, "lines `picture.png label`; a label is the name of a class or its number, from 0",
     0},
    {"reference", KEY_REFERENCE, "MODEL", 0,
     "compare its answers with this model's (default: with those of the model itself without --factorize, --prune, "
     "--quantize, --precision and --decisions)",
     0},
    {"perturb", KEY_PERTURB, "KIND[:AMOUNT],...", 0,
     "also on perturbed pictures: shift, rotation (degrees), crop, mirror, scale, brightness, colour, or all", 0},
    {"seed", KEY_SEED, "N", 0, "of the perturbations (default 1)", 0},
    {"limit", KEY_LIMIT, "N", 0, "at most N samples, evenly spread over all", 0},
    {"repeat", KEY_REPEAT, "N", 0, "each sample N times, which are perturbed differently", 0},
    {"threads", KEY_THREADS, "N", 0, "samples at a time (default: as many as processors)", 0},
    {"layers", KEY_LAYERS, 0, 0, "signal to noise of each layer beside the model's own network, in dB", 0},
    {"confusion", KEY_CONFUSION, "FILE.csv", 0, "write how often each class was taken for each", 0},
    {"json", KEY_JSON, 0, 0, "print one JSON object", 0},
    {0},
};

static void parse_perturb(Arguments *a, const char *arg, struct argp_state *state) {
  if (!strcmp(arg, "all")) {
    for (int k = 0; k < PERTURB_KINDS; k++) vec_push(&a->perturbations, perturb_usual((PerturbKind)k));
    return;
  }
  for (const char *s = arg;; s++) {
    size_t n = strcspn(s, ",");
    Perturbation p;
    StrBuf why = {0};
    if (!perturb_read(s, n, &p, &why)) argp_error(state, "%s", strbuf_str(&why));
    vec_push(&a->perturbations, p);
    s += n;
    if (!*s) return;
  }
}

static error_t parse(int key, char *arg, struct argp_state *state) {
  Arguments *a = state->input;
  EvaluateOptions *o = &a->evaluate;
  switch (key) {
  case ARGP_KEY_INIT: state->child_inputs[0] = &a->build; return 0;
  case KEY_DATA: o->data = arg; return 0;
  case KEY_LABELS: o->labels = arg; return 0;
  case KEY_REFERENCE: o->reference = arg; return 0;
  case KEY_PERTURB: parse_perturb(a, arg, state); return 0;
  case KEY_SEED: o->seed = (uint64_t)options_int("--seed", arg, 0, INT64_MAX, state); return 0;
  case KEY_LIMIT: o->limit = options_int("--limit", arg, 1, INT64_MAX, state); return 0;
  case KEY_REPEAT: o->repeat = options_int("--repeat", arg, 1, 1000000, state); return 0;
  case KEY_THREADS: o->threads = (int)options_int("--threads", arg, 1, 1024, state); return 0;
  case KEY_LAYERS: o->layers = true; return 0;
  case KEY_CONFUSION: a->confusion = arg; return 0;
  case KEY_JSON: a->json = true; return 0;
  case ARGP_KEY_ARG:
    if (a->path) argp_error(state, "one model at a time, not also `%s`", arg);
    a->path = arg;
    return 0;
  case ARGP_KEY_END:
    if (!a->path) argp_error(state, "no model given");
    if (!o->data) argp_error(state, "no --data given");
    if (o->layers && (build_has_suffix(a->path, ".so") || !options_lossy(&a->build)))
      argp_error(state, "--layers compares a smaller network with the model's own: it needs the model's source and an "
                        "option that makes it smaller");
    return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_child children[] = {{&options_build, 0, 0, 0}, {0}};
const struct argp cmd_eval_argp = {
    .options = rows,
    .parser = parse,
    .args_doc = "MODEL",
    .doc =
        "Runs native code on labelled samples and counts the right answers: the most probable class (top-1), one of "
        "the five most probable (top-5), the pairs of classes that are confused most. With an option that makes "
        "another "
        "network of the model, or with --reference, also how often the answers agree, and how far the scores are from "
        "each other (relative L2, mean over the samples).",
    .children = children,
};

// ---- confusion

typedef struct Confused {
  int64_t label, answer, count;
} Confused;

// The pairs of classes that are confused most, of equal ones the first. How many.
static int worst_pairs(const Evaluation *e, Confused worst[WORST_PAIRS]) {
  int n = 0;
  for (int64_t k = 0; e->confusion && k < e->classes * e->classes; k++) {
    Confused c = {k / e->classes, k % e->classes, e->confusion[k]};
    int at = n;
    while (at && c.count > worst[at - 1].count) at--;
    if (c.label == c.answer || !c.count || at == WORST_PAIRS) continue;
    if (n < WORST_PAIRS) n++;
    memmove(&worst[at + 1], &worst[at], sizeof *worst * (size_t)(n - 1 - at));
    worst[at] = c;
  }
  return n;
}

static void class_name(const Evaluation *e, int64_t i, StrBuf *out) {
  if (e->names)
    strbuf_puts(out, e->names[i]);
  else
    strbuf_printf(out, "%lld", (long long)i);
}

static void csv_cell(const Evaluation *e, int64_t i, StrBuf *out) {
  StrBuf name = {0};
  class_name(e, i, &name);
  strbuf_putc(out, '"');
  for (const char *s = strbuf_str(&name); *s; s++) {
    if (*s == '"') strbuf_putc(out, '"');
    strbuf_putc(out, *s);
  }
  strbuf_putc(out, '"');
  strbuf_free(&name);
}

static bool write_confusion(const Evaluation *e, const char *path, Diag *d) {
  if (!e->confusion) return diag_error_file(d, path, "without labels nothing is confused"), false;
  StrBuf out = {0};
  strbuf_puts(&out, "label");
  for (int64_t i = 0; i < e->classes; i++) strbuf_putc(&out, ','), csv_cell(e, i, &out);
  strbuf_putc(&out, '\n');
  for (int64_t i = 0; i < e->classes; i++) {
    csv_cell(e, i, &out);
    for (int64_t k = 0; k < e->classes; k++) strbuf_printf(&out, ",%lld", (long long)e->confusion[i * e->classes + k]);
    strbuf_putc(&out, '\n');
  }
  bool ok = outfile_write(path, strbuf_str(&out), out.len, d);
  strbuf_free(&out);
  return ok;
}

// ---- tables

static double share(const Evaluation *e, int64_t n) { return (double)n / (double)e->samples; }

static void print_sets(const Evaluation *e) {
  Table t;
  char alignment[6] = "l";
  int columns = 1;
  for (int i = 0; i < 2 * (e->labelled + e->compared); i++) alignment[columns++] = 'r';
  alignment[columns] = 0;
  table_open(&t, alignment);
  table_cell(&t, "set");
  if (e->labelled) table_cell(&t, "top-1"), table_cell(&t, "top-5");
  if (e->compared) table_cell(&t, "agreement"), table_cell(&t, "error");
  for (size_t i = 0; i < e->sets.len; i++) {
    const EvaluatedSet *s = &e->sets.data[i];
    table_cell(&t, "%s", s->name);
    if (e->labelled) {
      table_cell(&t, "%.1f%%", 100 * share(e, s->top1));
      table_cell(&t, "%.1f%%", 100 * share(e, s->top5));
    }
    if (e->compared) {
      table_cell(&t, "%.1f%%", 100 * share(e, s->agree));
      table_cell(&t, "%.2f%%", 100 * s->error);
    }
  }
  table_print(&t, 0, stdout);
  table_close(&t);
}

static void print_confusion(const Evaluation *e) {
  Confused worst[WORST_PAIRS];
  int n = worst_pairs(e, worst);
  if (!n) return;
  Table t;
  table_open(&t, "llr");
  table_cell(&t, "label"), table_cell(&t, "taken for"), table_cell(&t, "times");
  for (int i = 0; i < n; i++) {
    StrBuf label = {0}, answer = {0};
    class_name(e, worst[i].label, &label);
    class_name(e, worst[i].answer, &answer);
    table_cell(&t, "%s", strbuf_str(&label));
    table_cell(&t, "%s", strbuf_str(&answer));
    table_cell(&t, "%lld", (long long)worst[i].count);
    strbuf_free(&label), strbuf_free(&answer);
  }
  putchar('\n');
  table_print(&t, 0, stdout);
  table_close(&t);
}

static void print_layers(const Evaluation *e) {
  if (!e->layers.len) return;
  Table t;
  table_open(&t, "llr");
  table_cell(&t, "layer"), table_cell(&t, "op"), table_cell(&t, "signal/noise");
  for (size_t i = 0; i < e->layers.len; i++) {
    const EvaluatedLayer *l = &e->layers.data[i];
    table_cell(&t, "%s", l->name);
    table_cell(&t, "%s", l->op);
    table_cell(&t, isfinite(l->snr) ? "%.1f dB" : "exact", l->snr);
  }
  putchar('\n');
  table_print(&t, 0, stdout);
  table_close(&t);
}

static void print_text(const Evaluation *e, const char *path) {
  printf("%s   %lld samples   %lld classes\n", path, (long long)e->samples, (long long)e->classes);
  print_sets(e);
  print_confusion(e);
  print_layers(e);
}

// ---- JSON

static json_t *json_class(const Evaluation *e, int64_t i) {
  StrBuf name = {0};
  class_name(e, i, &name);
  json_t *j = json_string(strbuf_str(&name));
  strbuf_free(&name);
  return j ? j : json_integer(i); // it is no UTF-8
}

static json_t *json_sets(const Evaluation *e) {
  json_t *sets = json_array();
  for (size_t i = 0; i < e->sets.len; i++) {
    const EvaluatedSet *s = &e->sets.data[i];
    json_t *set = json_pack("{s:s}", "name", s->name);
    if (e->labelled)
      json_object_update_new(set, json_pack("{s:f, s:f}", "top1", share(e, s->top1), "top5", share(e, s->top5)));
    if (e->compared) {
      json_object_set_new(set, "agreement", json_real(share(e, s->agree)));
      if (isfinite(s->error)) json_object_set_new(set, "error", json_real(s->error));
    }
    json_array_append_new(sets, set);
  }
  return sets;
}

static void json_confusion(const Evaluation *e, json_t *top) {
  Confused worst[WORST_PAIRS];
  int n = worst_pairs(e, worst);
  json_t *pairs = json_array(), *matrix = json_array();
  for (int i = 0; i < n; i++)
    json_array_append_new(pairs, json_pack("{s:o, s:o, s:I}", "label", json_class(e, worst[i].label), "taken_for",
                                           json_class(e, worst[i].answer), "times", (json_int_t)worst[i].count));
  for (int64_t i = 0; i < e->classes; i++) {
    json_t *row = json_array();
    for (int64_t k = 0; k < e->classes; k++) json_array_append_new(row, json_integer(e->confusion[i * e->classes + k]));
    json_array_append_new(matrix, row);
  }
  json_object_set_new(top, "confused", pairs);
  json_object_set_new(top, "confusion", matrix);
}

static void print_json(const Evaluation *e) {
  json_t *top = json_pack("{s:I, s:I, s:o}", "samples", (json_int_t)e->samples, "classes", (json_int_t)e->classes,
                          "sets", json_sets(e));
  if (e->confusion) json_confusion(e, top);
  json_t *layers = json_array();
  for (size_t i = 0; i < e->layers.len; i++) {
    const EvaluatedLayer *l = &e->layers.data[i];
    json_t *layer = json_pack("{s:s, s:s}", "name", l->name, "op", l->op);
    if (isfinite(l->snr)) json_object_set_new(layer, "snr_db", json_real(l->snr)); // absent: it is exact
    json_array_append_new(layers, layer);
  }
  if (e->layers.len) json_object_set(top, "layers", layers);
  json_decref(layers);
  json_dumpf(top, stdout, JSON_REAL_PRECISION(6)); // the matrix may be large: one line
  putchar('\n');
  json_decref(top);
}

int cmd_eval(int argc, char **argv) {
  Arguments a = {.evaluate.seed = 1};
  options_init(&a.build);
  options_parse(&cmd_eval_argp, argc, argv, &a);
  a.evaluate.build = &a.build;
  a.evaluate.perturbations = a.perturbations.data;
  a.evaluate.n_perturbations = a.perturbations.len;
  Diag *d = diag_create();
  Evaluation e;
  bool ok = evaluate_model(a.path, &a.evaluate, &e, d);
  if (ok && a.confusion) ok = write_confusion(&e, a.confusion, d);
  if (ok && a.json) print_json(&e);
  if (ok && !a.json) print_text(&e, a.path);
  evaluate_free(&e);
  fflush(stdout);
  build_print(d, a.build.model.json_diagnostics);
  diag_destroy(d);
  vec_free(&a.perturbations);
  options_free(&a.build);
  return ok ? EXIT_DONE : EXIT_DIAGNOSTICS;
}
