// nncc inspect: the layer table.
#include "driver/build.h"
#include "driver/commands.h"
#include "driver/layers.h"
#include "driver/table.h"
#include <jansson.h>
#include <string.h>

enum { KEY_JSON = 0x200, KEY_WEIGHT_LIST };

typedef struct Arguments {
  BuildOptions build;
  const char *path;
  bool json, weights;
} Arguments;

static const struct argp_option rows[] = {
    {"json", KEY_JSON, 0, 0, "print one JSON object", 0},
    {"weights", KEY_WEIGHT_LIST, 0, 0, "print each weight's name and shape, one a line", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state) {
  Arguments *a = state->input;
  switch (key) {
  case ARGP_KEY_INIT:
    state->child_inputs[0] = state->child_inputs[1] = &a->build.model;
    state->child_inputs[2] = &a->build;
    return 0;
  case KEY_JSON: a->json = true; return 0;
  case KEY_WEIGHT_LIST: a->weights = true; return 0;
  case ARGP_KEY_ARG:
    if (a->path) argp_error(state, "one model at a time, not also `%s`", arg);
    a->path = arg;
    return 0;
  case ARGP_KEY_END:
    if (!a->path) argp_error(state, "no model given");
    return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_child children[] = {
    {&options_model, 0, 0, 0}, {&options_seed, 0, 0, 0}, {&options_compress, 0, 0, 0}, {0}};
const struct argp cmd_inspect_argp = {
    .options = rows,
    .parser = parse,
    .args_doc = "MODEL",
    .doc = "Prints a model's layers: output shape, parameters, multiply-accumulates (MACs) and receptive "
           "field, that is its size in pixels and the pixels between neighbours. Weights need not exist, but for "
           "--factorize, --prune and --quantize, with which the layers are those of the smaller network.",
    .children = children,
};

static void print_weights(const Module *m) {
  StrBuf b = {0};
  for (size_t i = 0; i < m->weights.len; i++) {
    const Weight *w = m->weights.data[i];
    if (!weight_is_parameter(w)) continue;
    strbuf_printf(&b, "%s ", w->name);
    weights_print_shape(w, &b);
    strbuf_putc(&b, '\n');
  }
  fputs(strbuf_str(&b), stdout);
  strbuf_free(&b);
}

// ---- table

static void print_shape(const Module *m, const Type *t, StrBuf *b) {
  strbuf_clear(b);
  strbuf_putc(b, '[');
  for (int i = 0; i < t->rank; i++) {
    if (i) strbuf_puts(b, ", ");
    dim_print(m->dims, t->dims[i], b);
  }
  strbuf_putc(b, ']');
}

static void print_field(Table *t, const Field *f) {
  if (f->everything) {
    table_cell(t, "all");
    table_cell(t, "%s", "");
    return;
  }
  table_cell(t, "%.0f x %.0f", f->size[0], f->size[1]);
  if (f->stride[0] == f->stride[1])
    table_cell(t, "/%.0f", f->stride[0]);
  else
    table_cell(t, "/%.0f x %.0f", f->stride[0], f->stride[1]);
}

// Of what passes made smaller.
static void print_before(const Layers *before, const Layers *all) {
  char params[32], macs[32], bytes[32];
  printf("before  %s params (%s)   %s MACs   now %.1f%% of the params, %.1f%% of the MACs\n",
         table_count((double)before->params, params), table_bytes(before->param_bytes, bytes),
         table_count(before->macs, macs), 100 * (double)all->params / (double)before->params,
         100 * all->macs / before->macs);
}

static void print_table(Module *m, const Layers *all) {
  Table t;
  StrBuf shape = {0};
  char params[32], macs[32], bytes[32], peak[32];
  table_open(&t, "lllrrrl");
  static const char *const heads[] = {"layer", "op", "output", "params", "MACs", "receptive field", ""};
  for (int i = 0; i < 7; i++) table_cell(&t, "%s", heads[i]);
  for (int i = 0; i < all->n; i++) {
    const Layer *l = &all->layers[i];
    if (!layers_shown(l)) continue;
    table_cell(&t, "%s", l->node->name ? l->node->name : "");
    table_cell(&t, "%s", op_info(l->node->op)->name);
    print_shape(m, result(l->node)->type, &shape);
    table_cell(&t, "%s", shape.s);
    table_cell(&t, "%s", table_count((double)l->params, params));
    table_cell(&t, "%s", table_count(l->macs, macs));
    print_field(&t, &l->field);
  }
  table_print(&t, 0, stdout);
  table_close(&t);
  strbuf_free(&shape);
  char field[64] = "all";
  if (!all->field.everything) snprintf(field, sizeof field, "%.0f x %.0f", all->field.size[0], all->field.size[1]);
  printf("total   %s params (%s)   %s MACs   activations peak %s   receptive field %s\n",
         table_count((double)all->params, params), table_bytes(all->param_bytes, bytes), table_count(all->macs, macs),
         table_bytes(all->peak_bytes, peak), field);
}

// ---- JSON

static json_t *json_field(const Field *f) {
  return f->everything
             ? json_null()
             : json_pack("{s:[f,f], s:[f,f]}", "size", f->size[0], f->size[1], "stride", f->stride[0], f->stride[1]);
}

static json_t *json_shape(const Module *m, const Type *t) {
  json_t *list = json_array();
  for (int i = 0; i < t->rank; i++) {
    StrBuf b = {0};
    dim_print(m->dims, t->dims[i], &b);
    json_array_append_new(list, dim_is_const(t->dims[i]) ? json_integer(t->dims[i]) : json_string(strbuf_str(&b)));
    strbuf_free(&b);
  }
  return list;
}

static void print_json(Module *m, const Layers *all, const Layers *before) {
  json_t *layers = json_array();
  for (int i = 0; i < all->n; i++) {
    const Layer *l = &all->layers[i];
    if (!layers_shown(l)) continue;
    json_array_append_new(
        layers, json_pack("{s:s, s:s, s:o, s:I, s:f, s:o}", "name", l->node->name ? l->node->name : "", "op",
                          op_info(l->node->op)->name, "output", json_shape(m, result(l->node)->type), "params",
                          (json_int_t)l->params, "macs", l->macs, "receptive_field", json_field(&l->field)));
  }
  json_t *top =
      json_pack("{s:s, s:I, s:f, s:f, s:f, s:o, s:o}", "model", m->name ? m->name : "", "params",
                (json_int_t)all->params, "param_bytes", all->param_bytes, "macs", all->macs, "activation_peak_bytes",
                all->peak_bytes, "receptive_field", json_field(&all->field), "layers", layers);
  if (before)
    json_object_set_new(top, "before",
                        json_pack("{s:I, s:f, s:f}", "params", (json_int_t)before->params, "param_bytes",
                                  before->param_bytes, "macs", before->macs));
  json_dumpf(top, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(15));
  putchar('\n');
  json_decref(top);
}

// Passes that change the network need its weights, reading its layers does not.
static bool open_model(const Arguments *a, Build *b, Diag *d) {
  if (options_lossy(&a->build)) return build_open(b, a->path, &a->build, d);
  b->module = build_read(a->path, &a->build.model, NULL, d);
  return b->module;
}

static bool print_layers(const Arguments *a, Build *b) {
  Layers before, after;
  bool lossy = options_lossy(&a->build);
  layers_compute(&before, b->module);
  bool ok = !lossy || build_compress(b);
  if (ok) {
    layers_compute(&after, b->module);
    if (a->json)
      print_json(b->module, &after, lossy ? &before : NULL);
    else
      print_table(b->module, &after);
    if (lossy && !a->json) print_before(&before, &after);
    layers_free(&after);
  }
  layers_free(&before);
  return ok;
}

int cmd_inspect(int argc, char **argv) {
  Arguments a = {0};
  options_init(&a.build);
  options_parse(&cmd_inspect_argp, argc, argv, &a);
  a.build.model.allow_missing = !options_lossy(&a.build);
  Diag *d = diag_create();
  Build b = {0};
  bool ok = open_model(&a, &b, d);
  if (ok && a.weights)
    print_weights(b.module);
  else if (ok)
    ok = print_layers(&a, &b);
  fflush(stdout);
  build_print(d, a.build.model.json_diagnostics);
  build_close(&b);
  diag_destroy(d);
  options_free(&a.build);
  return ok ? EXIT_DONE : EXIT_DIAGNOSTICS;
}
