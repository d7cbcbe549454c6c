#include "tests/conformance/onnx_case.h"
#include "frontend/onnx/onnx.h"
#include "frontend/onnx/proto.h"
#include "frontend/weights/mapped.h"
#include "ir/core/check.h"
#include "tests/lower/native.h"
#include <jansson.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

typedef struct Case {
  const OnnxJudge *judge;
  Arena *arena;
  Diag *diag;
  const char *folder, *model;
  const char *light; // a light model's path without its suffix; NULL: a case with arrays of its own
  double relative, absolute;
  const OnnxGraph *graph;
  OnnxArray *in, *want;
  bool *frozen; // of each of `in`
  int n_in, n_want;
} Case;

static bool fail(Case *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool fail(Case *c, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  StrBuf text = {0};
  strbuf_vprintf(&text, fmt, ap);
  va_end(ap);
  diag_error_file(c->diag, "case", "%s", strbuf_str(&text));
  strbuf_free(&text);
  return false;
}

// ---- the case's files

// The suite's tolerance, which data.json may change, as onnx.backend.test.loader has it.
static bool describe(Case *c, const char *data) {
  c->relative = 1e-3, c->absolute = 1e-7;
  c->model = arena_printf(c->arena, "%s/model.onnx", c->folder);
  if (!access(c->model, R_OK)) return true;
  json_error_t error;
  json_t *o = json_load_file(arena_printf(c->arena, "%s/data.json", c->folder), 0, &error);
  const char *url = NULL, *below = "onnx/backend/test/data/";
  bool ok = o && !json_unpack(o, "{s:s, s?f, s?f}", "url", &url, "rtol", &c->relative, "atol", &c->absolute) &&
            !strncmp(url, below, strlen(below)) && strlen(url) > strlen(below) + strlen(".onnx");
  if (ok) {
    c->model = arena_printf(c->arena, "%s/%s", data, url + strlen(below));
    c->light = arena_strndup(c->arena, c->model, strlen(c->model) - strlen(".onnx"));
  }
  json_decref(o);
  return ok || fail(c, "it has neither model.onnx nor a data.json that names a light model");
}

// Beside the importer, which may drop inputs: arrays belong to the graph's inputs in order.
static bool read_graph(Case *c) {
  Mapped *file = mapped_open(c->model, c->diag);
  if (!file) return false;
  const char *problem = "it holds no graph";
  const OnnxModel *m = proto_read(c->arena, &proto_Model, file->data, file->size, &problem);
  mapped_unref(file);
  c->graph = m ? m->graph : NULL;
  return c->graph || fail(c, "%s", problem);
}

static bool is_initializer(const OnnxGraph *g, const char *name) {
  for (size_t i = 0; i < g->initializer.n; i++)
    if (g->initializer.data[i].name && !strcmp(g->initializer.data[i].name, name)) return true;
  return false;
}

static char *array_path(const Case *c, const char *kind, int i) {
  if (c->light) return arena_printf(c->arena, "%s_%s_%d.pb", c->light, kind, i);
  return arena_printf(c->arena, "%s/test_data_set_0/%s_%d.pb", c->folder, kind, i);
}

// What the suite's runner gives to light models: k / n at each of n elements, open dimensions 1.
static bool count_up(Case *c, const OnnxValueInfo *info, OnnxArray *a) {
  const OnnxTensorType *t = info->type ? info->type->tensor_type : NULL;
  if (!t || !t->shape || t->shape->dim.n > MAX_RANK) return fail(c, "the input `%s` is no tensor", info->name);
  *a = (OnnxArray){.dtype = DT_F32, .rank = (int)t->shape->dim.n};
  int64_t n = 1;
  for (int i = 0; i < a->rank; i++) {
    const OnnxDimension *d = &t->shape->dim.data[i];
    a->dims[i] = d->value.n ? d->value.data[0] : 1;
    n *= a->dims[i];
  }
  a->blob = blob_malloc((size_t)n * dtype_size(a->dtype));
  for (int64_t k = 0; k < n; k++) dtype_store(a->dtype, (void *)a->blob->data, k, (double)k / (double)n);
  return true;
}

// All that can be read, so that the importer's messages, which tell more, come first where some cannot.
static bool read_arrays(Case *c, Diag *d) {
  const OnnxGraph *g = c->graph;
  c->in = arena_array(c->arena, OnnxArray, g->input.n);
  c->frozen = arena_array(c->arena, bool, g->input.n);
  bool ok = true;
  for (size_t i = 0, k = 0; i < g->input.n; i++) {
    const OnnxValueInfo *info = &g->input.data[i];
    if (!info->name || is_initializer(g, info->name)) continue;
    OnnxArray *a = &c->in[c->n_in];
    const char *path = array_path(c, "input", (int)k++);
    bool have = c->light ? count_up(c, info, a) : !access(path, R_OK) && onnx_read_array(d, path, c->arena, a);
    a->name = info->name;
    c->n_in += have;
    ok &= have;
  }
  while (!access(array_path(c, "output", c->n_want), R_OK)) c->n_want++;
  c->want = arena_array(c->arena, OnnxArray, (size_t)c->n_want);
  for (int i = 0; i < c->n_want; i++) ok &= onnx_read_array(d, array_path(c, "output", i), c->arena, &c->want[i]);
  if (!c->n_want) fail(c, "it expects no outputs");
  return ok && c->n_want;
}

// ---- running

static const OnnxArray *array_of(const Case *c, const char *name) {
  for (int i = 0; i < c->n_in; i++)
    if (!strcmp(c->in[i].name, name)) return &c->in[i];
  return NULL;
}

// An open dimension takes its size from the first input that shows it bare.
static void set_symbols(const Case *c, const Module *m, int64_t *symbols) {
  for (size_t k = 0; k < m->inputs.len; k++) {
    const Value *v = m->inputs.data[k];
    const OnnxArray *a = array_of(c, v->name);
    for (int axis = 0; a && axis < v->type->rank && axis < a->rank; axis++) {
      int symbol = dim_symbol_index(m->dims, v->type->dims[axis]);
      if (symbol >= 0 && !symbols[symbol]) symbols[symbol] = a->dims[axis];
    }
  }
}

static bool give(Case *c, Module *m, const int64_t *symbols, const Value *v, RefTensor *t) {
  const OnnxArray *a = array_of(c, v->name);
  if (!a) return fail(c, "the suite has no array for the input `%s`", v->name);
  CHECK(ref_tensor_create(t, m, v->type, symbols), "no memory");
  if (a->dtype != v->type->dtype || a->rank != t->rank || memcmp(a->dims, t->dims, sizeof *t->dims * (size_t)t->rank))
    return fail(c, "the input `%s` is %s in the module, which its array is not", v->name, type_str(m, v->type));
  ref_tensor_unpack(t, a->dtype, a->blob->data);
  return true;
}

// As numpy.testing.assert_allclose has it for floats; integers are exact.
static bool near(const Case *c, const RefTensor *got, const RefTensor *want, int64_t k) {
  if (want->i) return got->i[k] == want->i[k];
  double g = got->f[k], w = want->f[k];
  return g == w || (isnan(g) && isnan(w)) || fabs(g - w) <= c->absolute + c->relative * fabs(w);
}

static bool compare(Case *c, Module *m, const OnnxArray *a, const Output *o, const RefTensor *got) {
  if (a->dtype != o->value->type->dtype)
    return fail(c, "wrong type: `%s` is of %s, not of %s", o->name, dtype_name(o->value->type->dtype),
                dtype_name(a->dtype));
  if (a->rank != got->rank || memcmp(a->dims, got->dims, sizeof *got->dims * (size_t)got->rank)) {
    const Type *t = type_get(m, a->dtype, a->rank, a->dims);
    return fail(c, "wrong shape: `%s` is not %s", o->name, type_str(m, t));
  }
  RefTensor want;
  CHECK(ref_tensor_copy(&want, got), "no memory");
  ref_tensor_unpack(&want, a->dtype, a->blob->data);
  int64_t wrong = 0, first = 0;
  for (int64_t k = got->count - 1; k >= 0; k--)
    if (!near(c, got, &want, k)) wrong++, first = k;
  char text[REASON_SIZE];
  if (wrong) native_describe(&want, first, ref_at(got, first), text, sizeof text);
  ref_tensor_free(&want);
  return !wrong || fail(c, "wrong value: `%s` at %s; %lld are wrong", o->name, text, (long long)wrong);
}

static bool run(Case *c, Module *m) {
  int64_t symbols[MAX_SYMBOLS] = {0};
  size_t n_in = m->inputs.len, n_out = m->outputs.len;
  RefTensor *in = xcalloc(n_in + 1, sizeof *in), *out = xcalloc(n_out + 1, sizeof *out);
  set_symbols(c, m, symbols);
  bool ok = n_out == (size_t)c->n_want || fail(c, "it has %zu outputs, not %d", n_out, c->n_want);
  for (size_t i = 0; ok && i < n_in; i++) ok = give(c, m, symbols, m->inputs.data[i], &in[i]);
  if (ok && c->judge->reference)
    ok = ref_run(m, symbols, in, out, NULL, NULL, c->diag);
  else if (ok)
    ok = native_evaluate(m, &(NativeOptions){.level = c->judge->level}, symbols, c->judge->threads, in, out, c->diag);
  for (size_t i = 0; ok && i < n_out; i++) ok = compare(c, m, &c->want[i], &m->outputs.data[i], &out[i]);
  for (size_t i = 0; i < n_in; i++) ref_tensor_free(&in[i]);
  for (size_t i = 0; i < n_out; i++) ref_tensor_free(&out[i]);
  free(in);
  free(out);
  return ok;
}

static bool judge(Case *c, const char *data, Diag *of_arrays) {
  if (!describe(c, data) || !read_graph(c)) return false;
  bool have = read_arrays(c, of_arrays);
  Module *m = onnx_import(c->diag, c->model, &(OnnxOptions){.values = c->in, .n_values = c->n_in, .frozen = c->frozen});
  bool ok = m && have && run(c, m);
  if (m) module_destroy(m);
  return ok;
}

// ---- what is said of it

// The first error and what stands below it in one line, without the name of its file.
static void flatten(const Diag *d, char *reason) {
  StrBuf text = {0}, line = {0};
  diag_print(d, &text, false);
  char *rest = strstr(strbuf_str(&text), "error: ");
  if (rest) rest += strlen("error: ");
  for (char *s; (s = strsep(&rest, "\n")) && !(line.len && strstr(s, "error: "));)
    for (char *word; (word = strsep(&s, " "));)
      if (*word) strbuf_printf(&line, "%s%s", line.len ? " " : "", word);
  snprintf(reason, REASON_SIZE, "%s", line.len ? line.s : "it fails without a message");
  strbuf_free(&line);
  strbuf_free(&text);
}

void onnx_case_run(const OnnxJudge *by, const char *data, const char *name, OnnxOutcome *outcome) {
  Diag *of_arrays = diag_create();
  Case c = {.judge = by, .arena = arena_create(), .diag = diag_create()};
  c.folder = arena_printf(c.arena, "%s/%s", data, name);
  outcome->passed = judge(&c, data, of_arrays);
  for (int i = 0; i < c.n_in; i++) outcome->frozen |= c.frozen[i];
  if (!outcome->passed) flatten(diag_errors(c.diag) ? c.diag : of_arrays, outcome->reason);
  for (int i = 0; i < c.n_in; i++) blob_unref(c.in[i].blob);
  for (int i = 0; i < c.n_want; i++) blob_unref(c.want[i].blob);
  arena_destroy(c.arena);
  diag_destroy(c.diag);
  diag_destroy(of_arrays);
}
