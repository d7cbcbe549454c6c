#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "frontend/frontend.h"
#include "ir/core/check.h"
#include "passes/pass.h"
#include "tests/lower/cases.h"
#include <math.h>
#include <string.h>
#include <unistd.h>

void cases_add(Cases *c, const char *inputs, const char *body, ...) {
  char *text;
  va_list args;
  va_start(args, body);
  if (vasprintf(&text, body, args) < 0) abort();
  va_end(args);
  vec_push(c, ((Case){strdup(inputs), text}));
}

void cases_free(Cases *c) {
  for (size_t i = 0; i < c->len; i++) free((char *)c->data[i].inputs), free((char *)c->data[i].body);
  vec_free(c);
}

// ---- the module

typedef struct Group {
  Diag *diag;
  Module *m;
  Vec(const Case *) cases; // one an output
  Vec(char) marks;         // of the inputs: behind their types, ' ' for none
  Vec(Weight *) weights;   // that are inputs behind those
} Group;

// Appends "a<k>: type, b<k>: type" to the model's inputs; the names alone, with commas, to `names`.
static void declare_inputs(Group *g, const char *types, size_t k, StrBuf *model, StrBuf *names, const char *form) {
  for (char letter = 'a'; *types; letter++) {
    size_t n = strcspn(types, "]") + 1;
    strbuf_printf(model, "%s%c%zu: %.*s", strbuf_str(model)[model->len - 1] == '(' ? "" : ", ", letter, k, (int)n,
                  types);
    strbuf_printf(names, form, letter == 'a' ? "" : ", ", letter, k);
    types += n;
    bool marked = *types && *types != ' ';
    vec_push(&g->marks, marked ? *types : ' ');
    types += marked;
    types += strspn(types, " ");
  }
}

static void write_model(Group *g, StrBuf *text) {
  StrBuf inputs = {0}, outputs = {0}, calls = {0}, blocks = {0};
  strbuf_puts(&inputs, "(");
  for (size_t k = 0; k < g->cases.len; k++) {
    const Case *c = g->cases.data[k];
    StrBuf names = {0};
    declare_inputs(g, c->inputs, k, &inputs, &names, "%s%c%zu");
    strbuf_printf(&calls, "  y%zu = block%zu(%s) @c%zu\n", k, k, strbuf_str(&names), k);
    strbuf_printf(&outputs, "%sy%zu", k ? ", " : "", k);
    strbuf_printf(&blocks, "block block%zu(", k);
    for (size_t i = 0, letters = 0; i < names.len; i++)
      if (names.s[i] >= 'a' && names.s[i] <= 'z') strbuf_printf(&blocks, "%s%c", letters++ ? ", " : "", names.s[i]);
    strbuf_printf(&blocks, ") -> y {\n  %s\n}\n", c->body);
    strbuf_free(&names);
  }
  strbuf_printf(text, "nn 1\n%smodel cases%s) -> %s {\n%s}\n", strbuf_str(&blocks), strbuf_str(&inputs),
                strbuf_str(&outputs), strbuf_str(&calls));
  strbuf_free(&inputs);
  strbuf_free(&outputs);
  strbuf_free(&calls);
  strbuf_free(&blocks);
}

static void fail_with(const Diag *d, const char *what) {
  StrBuf text = {0};
  diag_print(d, &text, false);
  print_error("%s", strbuf_str(&text));
  strbuf_free(&text);
  fail_msg("%s", what);
}

static double noise(uint64_t *seed) {
  *seed = *seed * 6364136223846793005u + 1442695040888963407u;
  return (double)(int64_t)(*seed >> 11) / 0x1p52 - 1;
}

// Every weight that has no data gets noise scaled by its fan-in, variances positive noise.
static void fill_weights(Module *m) {
  uint64_t seed = 7;
  for (size_t i = 0; i < m->weights.len; i++) {
    Weight *w = m->weights.data[i];
    if (w->source != WEIGHT_MISSING) continue;
    int64_t n = weight_count(w), fan = w->type->rank > 1 ? n / w->type->dims[0] : 1;
    size_t length = strlen(w->name);
    bool positive = length > 4 && !strcmp(w->name + length - 4, "_var");
    w->source = WEIGHT_DENSE;
    w->stored = w->type->dtype;
    w->blob = blob_malloc((size_t)n * dtype_size(w->stored));
    for (int64_t k = 0; k < n; k++) {
      double v = noise(&seed) / sqrt((double)fan);
      dtype_store(w->stored, (void *)w->blob->data, k, positive ? fabs(v) + 0.1 : v);
    }
  }
}

static Group group_create(const Case *cases, size_t n) {
  Group g = {.diag = diag_create()};
  const char *only = getenv("NNCC_CASE");
  for (size_t i = 0; i < n; i++)
    if (!only || strstr(cases[i].body, only) || strstr(cases[i].inputs, only)) vec_push(&g.cases, &cases[i]);
  if (!g.cases.len) return g;
  StrBuf text = {0};
  write_model(&g, &text);
  char path[] = "cases-XXXXXX.nn";
  int fd = mkstemps(path, 3);
  CHECK(fd >= 0 && write(fd, text.s, text.len) == (ssize_t)text.len && !close(fd), "%s cannot be written", path);
  const char *weights;
  g.m = frontend_compile(g.diag, path, &(FrontendOptions){.max_errors = 5}, &weights);
  unlink(path);
  strbuf_free(&text);
  if (!g.m) fail_with(g.diag, "the cases do not build");
  fill_weights(g.m);
  return g;
}

static void group_free(Group *g) {
  if (g->m) module_destroy(g->m);
  diag_destroy(g->diag);
  vec_free(&g->cases);
  vec_free(&g->marks);
  vec_free(&g->weights);
}

static void weights_to_inputs(Group *g) {
  for (size_t i = 0; i < g->m->weights.len; i++) {
    Weight *w = g->m->weights.data[i];
    if (!weight_is_parameter(w)) continue;
    graph_replace_uses(g->m, w->value, graph_input(g->m, w->name, w->type));
    vec_push(&g->weights, w);
  }
}

// ---- values

// What an element of the type holds, exactly; never 0 as an integer.
static void set_value(RefTensor *t, int64_t k, double v, char mark, uint64_t *seed) {
  double choice = noise(seed);
  DType d = t->type->dtype;
  if (t->i) {
    bool positive = dtype_is_unsigned(d);
    int64_t whole = (int64_t)((positive ? v + 1 : v) * (positive ? 127.9 : 100)), cell;
    if (mark == '^') {
      dtype_store_int(d, &cell, 0, (int64_t)((uint64_t)(int64_t)(v * 0x1p63) + (uint64_t)(int64_t)(choice * 2048)));
      whole = dtype_load_int(d, &cell, 0);
    }
    t->i[k] = d == DT_BOOL ? choice > 0 : whole ? whole : 1;
    return;
  }
  v *= 3;
  if (mark == '-' && choice > 0.4) v = -INFINITY;
  if (mark == '!' && choice > 0.4) v = choice > 0.8 ? NAN : choice > 0.6 ? INFINITY : -INFINITY;
  double cell; // room for one of any type
  dtype_store(d, &cell, 0, v);
  t->f[k] = dtype_load(d, &cell, 0);
}

static RefTensor *make_inputs(const Group *g, const int64_t *symbols) {
  uint64_t seed = 99;
  RefTensor *in = xcalloc(g->m->inputs.len + 1, sizeof *in);
  for (size_t i = 0; i < g->m->inputs.len; i++) {
    assert_true(ref_tensor_create(&in[i], g->m, g->m->inputs.data[i]->type, symbols));
    for (int64_t k = 0; k < in[i].count; k++)
      if (i < g->marks.len)
        set_value(&in[i], k, noise(&seed), g->marks.data[i], &seed);
      else
        in[i].f[k] = weight_at(g->weights.data[i - g->marks.len], k);
  }
  return in;
}

static void free_tensors(RefTensor *t, size_t n) {
  for (size_t i = 0; i < n; i++) ref_tensor_free(&t[i]);
  free(t);
}

typedef struct Sizes {
  const char *names;
  int64_t at[4]; // N, H, W, T
} Sizes;
static const Sizes sizes[] = {
    {"N=1 H=7 W=9 T=5", {1, 7, 9, 5}}, {"N=3 H=16 W=33 T=18", {3, 16, 33, 18}}, {"N=2 H=5 W=5 T=1", {2, 5, 5, 1}}};

static void symbol_values(const Module *m, const Sizes *s, int64_t *out) {
  for (int i = 0; i < dim_open_count(m->dims); i++)
    out[i] = s->at[strchr("NHWT", *dim_symbol_at(m->dims, i)->name) - "NHWT"];
}

// ---- running

typedef struct Point { // the module at one set of sizes
  int64_t symbols[MAX_SYMBOLS];
  RefTensor *in, *want;
} Point;

static Point point_create(const Group *g, const Sizes *s) {
  Point p = {0};
  symbol_values(g->m, s, p.symbols);
  p.in = make_inputs(g, p.symbols);
  p.want = xcalloc(g->m->outputs.len + 1, sizeof *p.want);
  if (!ref_run(g->m, p.symbols, p.in, p.want, NULL, NULL, g->diag)) fail_with(g->diag, "the reference does not run");
  return p;
}

typedef struct Setting {
  const char *name;
  NativeOptions options;
} Setting;
static const Setting settings[] = {{"-O0", {.level = 0}},
                                   {"-O2", {.level = 2}},
                                   {"-O2 x86-64-v3", {.level = 2, .cpu = "x86-64-v3"}},
                                   {"-O2 x86-64-v2", {.level = 2, .cpu = "x86-64-v2"}}};
static const Setting winograd_settings[] = {{"F(2,3)", {.level = 2, .winograd = 2}},
                                            {"F(4,3)", {.level = 2, .winograd = 4}},
                                            {"F(2,3) x86-64-v3", {.level = 2, .winograd = 2, .cpu = "x86-64-v3"}},
                                            {"F(4,3) x86-64-v3", {.level = 2, .winograd = 4, .cpu = "x86-64-v3"}},
                                            {"F(4,3) x86-64-v2", {.level = 2, .winograd = 4, .cpu = "x86-64-v2"}}};
static const Setting chain_settings[] = {{"chains", {.level = 2, .chains = true}},
                                         {"chains x86-64-v3", {.level = 2, .chains = true, .cpu = "x86-64-v3"}},
                                         {"chains x86-64-v2", {.level = 2, .chains = true, .cpu = "x86-64-v2"}},
                                         {"chains --reproducible", {.level = 2, .chains = true, .reproducible = true}}};

typedef struct Place {
  const Group *g;
  const char *setting, *sizes;
  const char *differs; // what it means if results are not those of another library
} Place;

static void report(void *user, int output, const char *text) {
  const Place *p = user;
  const Case *c = output < 0 ? NULL : p->g->cases.data[output];
  if (c)
    print_error("%s at %s: {%s} {%s}: %s\n", p->setting, p->sizes, c->inputs, c->body, text);
  else
    print_error("%s at %s: %s\n", p->setting, p->sizes, text);
}

static void check(const Case *cases, size_t n, bool computed, const Setting *with, size_t n_with) {
  Group g = group_create(cases, n);
  if (!g.m) return group_free(&g);
  if (computed) weights_to_inputs(&g);
  size_t n_points = dim_open_count(g.m->dims) ? sizeof sizes / sizeof *sizes : 1;
  Point points[sizeof sizes / sizeof *sizes];
  for (size_t i = 0; i < n_points; i++) points[i] = point_create(&g, &sizes[i]);
  int bad = 0;
  for (size_t s = 0; s < n_with; s++) {
    if (!native_supports(with[s].options.cpu)) continue;
    Native native;
    if (!native_open(&native, g.m, &with[s].options, g.diag)) fail_with(g.diag, with[s].name);
    for (size_t i = 0; i < n_points; i++) {
      Place place = {&g, with[s].name, sizes[i].names, NULL};
      bad += native_judge(&native, points[i].symbols, points[i].in, points[i].want, (Allowance){1e-30, NULL}, report,
                          &place);
    }
    native_close(&native);
  }
  for (size_t i = 0; i < n_points; i++) {
    free_tensors(points[i].in, g.m->inputs.len);
    free_tensors(points[i].want, g.m->outputs.len);
  }
  group_free(&g);
  if (bad) fail_msg("%d results are wrong", bad);
}

// Where $NNCC_FAR says how programs for it run.
static const Setting far_settings[] = {{"-O2 aarch64", {.level = 2, .target = "aarch64-linux-gnu"}}};
static const Setting far_winograd_settings[] = {
    {"F(2,3) aarch64", {.level = 2, .winograd = 2, .target = "aarch64-linux-gnu"}},
    {"F(4,3) aarch64", {.level = 2, .winograd = 4, .target = "aarch64-linux-gnu"}}};
static const Setting far_chain_settings[] = {
    {"chains aarch64", {.level = 2, .chains = true, .target = "aarch64-linux-gnu"}}};

#define CHECK_WITH(cases, n, computed, near, far)                                                                      \
  (getenv("NNCC_FAR") ? check(cases, n, computed, far, sizeof(far) / sizeof *(far))                                    \
                      : check(cases, n, computed, near, sizeof(near) / sizeof *(near)))

void cases_check(const Case *cases, size_t n) { CHECK_WITH(cases, n, false, settings, far_settings); }

void cases_check_computed(const Case *cases, size_t n) { CHECK_WITH(cases, n, true, settings, far_settings); }

void cases_check_winograd(const Case *cases, size_t n) {
  CHECK_WITH(cases, n, false, winograd_settings, far_winograd_settings);
}

void cases_check_chains(const Case *cases, size_t n) {
  CHECK_WITH(cases, n, false, chain_settings, far_chain_settings);
}

// ---- weights that are halves

#define HALVES_PIPELINE "decompose,fold-picture,dce,assign-layouts,lower,plan-memory"
static const Setting halves_settings[] = {
    {"-O2", {.level = 2, .pipeline = HALVES_PIPELINE}},
    {"x86-64-v3", {.level = 2, .pipeline = HALVES_PIPELINE, .cpu = "x86-64-v3"}},
    {"x86-64-v2, chains", {.level = 2, .pipeline = HALVES_PIPELINE, .chains = true, .cpu = "x86-64-v2"}},
    {"F(4,3)", {.level = 2, .pipeline = HALVES_PIPELINE, .winograd = 4}},
    {"F(2,3) x86-64-v3", {.level = 2, .pipeline = HALVES_PIPELINE, .winograd = 2, .cpu = "x86-64-v3"}},
    {"chains", {.level = 2, .pipeline = HALVES_PIPELINE, .chains = true}}};
static const Setting far_halves_settings[] = {
    {"aarch64", {.level = 2, .pipeline = HALVES_PIPELINE, .target = "aarch64-linux-gnu"}}};

// The module's passes up to `precision`.
static void narrow(Group *g, DType halves) {
  PassOptions o = passes_options();
  o.precision = halves;
  const char *all = passes_pipeline(2), *rest = passes_after_lossy(all, &o);
  char *first = xstrndup(all, (size_t)(rest - all));
  PassContext c;
  int64_t made = 0;
  if (!passes_init(&c, g->m, NULL, g->diag, &o) || !passes_run(&c, first)) fail_with(g->diag, "the passes do not run");
  for (size_t i = 0; i < c.counts.len; i++)
    if (!strcmp(c.counts.data[i].what, "weights in 16 bits")) made = c.counts.data[i].n;
  passes_free(&c);
  free(first);
  if (made < (int64_t)g->cases.len) fail_msg("%d weights in 16 bits for %zu cases", (int)made, g->cases.len);
}

// How many outputs of the two differ in a bit.
static int differ(const Native *a, const Native *b, const Group *g, const Point *p, Place *place) {
  size_t n_in = g->m->inputs.len, n_out = g->m->outputs.len;
  Guarded *in = native_arrays(p->in, n_in, true), *y[2];
  const Native *both[] = {a, b};
  int bad = 0;
  for (int k = 0; k < 2; k++) {
    y[k] = native_outputs(both[k], p->symbols);
    assert_int_equal(native_run(both[k], p->symbols, 1, in, y[k]), 0);
  }
  for (size_t i = 0; i < n_out; i++) {
    if (!memcmp(y[0][i].data, y[1][i].data, y[0][i].bytes)) continue;
    bad++;
    report(place, (int)i, place->differs);
  }
  for (int k = 0; k < 2; k++) native_arrays_free(y[k], n_out);
  native_arrays_free(in, n_in);
  return bad;
}

// By `options`, beside the reference and, to the bit, a library of other options; `differs` says what if it is not.
static int check_beside(const Group *g, const char *name, const NativeOptions *options, const NativeOptions *others,
                        const char *differs, const Point *points, size_t n_points) {
  Native native, other;
  int bad = 0;
  if (!native_open(&native, g->m, options, g->diag) || !native_open(&other, g->m, others, g->diag))
    fail_with(g->diag, name);
  for (size_t i = 0; i < n_points; i++) {
    Place place = {g, name, sizes[i].names, differs};
    bad += native_judge(&native, points[i].symbols, points[i].in, points[i].want, (Allowance){1e-30, NULL}, report,
                        &place);
    if (!options->target) bad += differ(&native, &other, g, &points[i], &place);
  }
  native_close(&native);
  native_close(&other);
  return bad;
}

// Checks each setting beside the same one with other options, which `other` makes of its own.
static void check_group(Group *g, const Setting *with, size_t n_with, void (*other)(NativeOptions *o),
                        const char *differs) {
  size_t n_points = dim_open_count(g->m->dims) ? sizeof sizes / sizeof *sizes : 1;
  Point points[sizeof sizes / sizeof *sizes];
  for (size_t i = 0; i < n_points; i++) points[i] = point_create(g, &sizes[i]);
  int bad = 0;
  for (size_t s = 0; s < n_with; s++) {
    NativeOptions others = with[s].options;
    other(&others);
    if (native_supports(with[s].options.cpu))
      bad += check_beside(g, with[s].name, &with[s].options, &others, differs, points, n_points);
  }
  for (size_t i = 0; i < n_points; i++) {
    free_tensors(points[i].in, g->m->inputs.len);
    free_tensors(points[i].want, g->m->outputs.len);
  }
  if (bad) fail_msg("%d results are wrong", bad);
}

static void widened_before(NativeOptions *o) { o->pipeline = "fold-constants," HALVES_PIPELINE; }

void cases_check_halves(const Case *cases, size_t n, DType halves) {
  Group g = group_create(cases, n);
  if (!g.m) return group_free(&g);
  narrow(&g, halves);
  bool far = getenv("NNCC_FAR");
  const Setting *with = far ? far_halves_settings : halves_settings;
  size_t n_with = far ? sizeof far_halves_settings / sizeof *with : sizeof halves_settings / sizeof *with;
  check_group(&g, with, n_with, widened_before, "it is not what the same weights of f32 give");
  group_free(&g);
}

// ---- weights that are mostly zeros

static const Setting sparse_settings[] = {
    {"sparse", {.level = 2, .sparse = true}},
    {"sparse x86-64-v3", {.level = 2, .sparse = true, .cpu = "x86-64-v3"}},
    {"sparse x86-64-v2", {.level = 2, .sparse = true, .cpu = "x86-64-v2"}},
    {"sparse --reproducible", {.level = 2, .sparse = true, .reproducible = true}}};
static const Setting far_sparse_settings[] = {
    {"sparse aarch64", {.level = 2, .sparse = true, .target = "aarch64-linux-gnu"}}};

// That share of each matrix, and its first row and column; all of it where the share is 1.
static void make_zeros(Module *m, double share) {
  uint64_t seed = 3;
  for (size_t i = 0; i < m->weights.len; i++) {
    Weight *w = m->weights.data[i];
    if (w->type->rank < 2 || w->source != WEIGHT_DENSE) continue;
    int64_t columns = w->type->dims[1], n = weight_count(w);
    for (int64_t k = 0; k < n; k++)
      if ((noise(&seed) + 1) / 2 < share || (share > 0 && (k < columns || k % columns == 0)))
        dtype_store(w->stored, (void *)w->blob->data, k, 0);
  }
}

static void dense(NativeOptions *o) { o->sparse = false; }

void cases_check_sparse(const Case *cases, size_t n, double zeros) {
  Group g = group_create(cases, n);
  if (!g.m) return group_free(&g);
  make_zeros(g.m, zeros);
  bool far = getenv("NNCC_FAR");
  const Setting *with = far ? far_sparse_settings : sparse_settings;
  size_t n_with = far ? sizeof far_sparse_settings / sizeof *with : sizeof sparse_settings / sizeof *with;
  check_group(&g, with, n_with, dense, "it is not what the dense kernel gives");
  group_free(&g);
}

void cases_refused(const Case *c, const char *message) {
  Group g = group_create(c, 1);
  if (!g.m) return group_free(&g);
  Native n;
  StrBuf text = {0};
  assert_false(native_open(&n, g.m, &(NativeOptions){0}, g.diag));
  diag_print(g.diag, &text, false);
  if (!strstr(strbuf_str(&text), message)) fail_msg("`%s` is not in: %s", message, strbuf_str(&text));
  strbuf_free(&text);
  group_free(&g);
}
