#include "tests/ref/fixture.h"
#include "ir/core/check.h"
#include <string.h>

static int64_t elements(const Array *a) {
  int64_t n = 1;
  for (int k = 0; k < a->rank; k++) n *= a->dims[k];
  return n;
}

static void load(const Module *m, RefTensor *t, const Type *type, const Array *a) {
  assert_true(ref_tensor_create(t, m, type, NULL));
  for (int64_t k = 0, n = elements(a); k < n; k++)
    if (t->f)
      t->f[k] = a->v[k];
    else
      t->i[k] = (int64_t)a->v[k];
}

static Attr *make_attrs(Module *m, OpKind op, Settings settings) {
  const OpInfo *info = op_info(op);
  Attr *attrs = arena_array(m->arena, Attr, info->n_attrs + 1);
  int used = 0;
  for (int k = 0; k < info->n_attrs; k++) {
    const AttrInfo *row = op_attr(op, k);
    attrs[k] = row->fallback;
    for (int s = 0; s < settings.n; s++) {
      if (strcmp(settings.at[s].name, row->name)) continue;
      attrs[k] = settings.at[s].value;
      if (attrs[k].kind == ATTR_ENUM) attrs[k].s = intern(m->names, attrs[k].s);
      used++;
    }
  }
  assert_int_equal(used, settings.n);
  return attrs;
}

Fixture fixture_create(OpKind op, Settings settings, Arrays in) {
  Fixture f = {.diag = diag_create()};
  f.m = module_create(f.diag);
  f.inputs = xcalloc((size_t)in.n + 1, sizeof *f.inputs);
  Value **operands = arena_array(f.m->arena, Value *, in.n + 1);
  for (int k = 0; k < in.n; k++) {
    const Array *a = &in.at[k];
    if (!a->v) continue;
    const Type *type = type_get(f.m, a->dtype, a->rank, a->dims);
    load(f.m, &f.inputs[f.m->inputs.len], type, a);
    operands[k] = graph_input(f.m, arena_printf(f.m->arena, "x%d", k), type);
  }
  NodeSpec spec = {
      .op = op, .n_operands = in.n, .operands = operands, .attrs = make_attrs(f.m, op, settings), .name = "layer"};
  Node *n = graph_node(f.m, &spec);
  if (!n) {
    StrBuf text = {0};
    diag_print(f.diag, &text, false);
    fail_msg("%s does not build: %s", op_info(op)->name, strbuf_str(&text));
  }
  for (int k = 0; k < n->n_results; k++) graph_output(f.m, arena_printf(f.m->arena, "y%d", k), n->results[k]);
  f.outputs = xcalloc((size_t)n->n_results + 1, sizeof *f.outputs);
  return f;
}

void fixture_free(Fixture *f) {
  for (size_t k = 0; k < f->m->inputs.len; k++) ref_tensor_free(&f->inputs[k]);
  for (size_t k = 0; k < f->m->outputs.len; k++) ref_tensor_free(&f->outputs[k]);
  free(f->inputs);
  free(f->outputs);
  module_destroy(f->m);
  diag_destroy(f->diag);
}

bool fixture_run(Fixture *f) { return ref_run(f->m, NULL, f->inputs, f->outputs, NULL, NULL, f->diag); }

static bool near(double a, double b) {
  return (isnan(a) && isnan(b)) || a == b || fabs(a - b) <= 1e-12 * fmax(1, fmax(fabs(a), fabs(b)));
}

void compare(const RefTensor *t, const Array *e) {
  assert_string_equal(dtype_name(t->type->dtype), dtype_name(e->dtype));
  assert_int_equal(t->rank, e->rank);
  for (int k = 0; k < t->rank; k++) assert_int_equal(t->dims[k], e->dims[k]);
  for (int64_t k = 0; k < t->count; k++)
    if (!near(ref_at(t, k), e->v[k])) fail_msg("element %ld is %.17g, not %.17g", (long)k, ref_at(t, k), e->v[k]);
}

void expect(OpKind op, Settings settings, Arrays in, Arrays out) {
  Fixture f = fixture_create(op, settings, in);
  StrBuf text = {0};
  if (!fixture_run(&f)) {
    diag_print(f.diag, &text, false);
    fail_msg("%s", strbuf_str(&text));
  }
  assert_int_equal(f.m->outputs.len, out.n);
  for (int k = 0; k < out.n; k++) compare(&f.outputs[k], &out.at[k]);
  strbuf_free(&text);
  fixture_free(&f);
}

void expect_failure(OpKind op, Settings settings, Arrays in, const char *message) {
  Fixture f = fixture_create(op, settings, in);
  StrBuf text = {0};
  assert_false(fixture_run(&f));
  diag_print(f.diag, &text, false);
  if (!strstr(strbuf_str(&text), message)) fail_msg("`%s` is not in: %s", message, strbuf_str(&text));
  strbuf_free(&text);
  fixture_free(&f);
}

double *noise(int64_t n, uint64_t seed) {
  double *v = xmalloc(sizeof *v * (size_t)n);
  for (int64_t k = 0; k < n; k++) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    v[k] = (double)(int64_t)(seed >> 11) / 0x1p52 - 1;
  }
  return v;
}
