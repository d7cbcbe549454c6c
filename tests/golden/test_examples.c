// Every example model through every pipeline: verified and read back from its text after each pass; the small ones also
// compute what they did. The memory plan of each is within 5% of its lower bound (-O0: 10%).
#include "frontend/frontend.h"
#include "frontend/weights/weights.h"
#include "passes/pass.h"
#include "tests/golden/evaluate.h"
#include "tests/onnx/through.h"
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// cmocka.h wants the standard headers before it
#include <cmocka.h>

#define SMALL 1e6 // parameters, of models that the reference computes in moments

static Module *compile(Diag *d, const char *path) {
  const uint64_t seed = 1;
  const char *weights;
  Module *m = frontend_compile(d, path, &(FrontendOptions){0}, &weights);
  if (m && !weights_attach(m, NULL, &seed, d)) module_destroy(m), m = NULL;
  return m;
}

static void fail_with(const char *path, const Diag *d) {
  StrBuf said = {0};
  diag_print(d, &said, false);
  fail_msg("%s: %s", path, strbuf_str(&said));
}

static double parameters(const Module *m) {
  double sum = 0;
  for (size_t i = 0; i < m->weights.len; i++) sum += (double)weight_count(m->weights.data[i]);
  return sum;
}

static double nominal(const LProgram *p, Dim d) { // where every dimension is at its minimum
  int64_t values[MAX_SYMBOLS];
  for (int i = 0; i < dim_symbol_count(p->dims); i++) values[i] = dim_symbol_at(p->dims, i)->min;
  return (double)dim_eval(p->dims, d, values);
}

// The passes on the graph, for comparing results; then lowering and the plan.
static void run_level(const char *path, int level) {
  Diag *d = diag_create();
  Module *m = compile(d, path), *before = compile(d, path);
  if (!m || !before) fail_with(path, d);
  PassOptions o = passes_options();
  PassContext c;
  StrBuf why = {0};
  o.verify_each = true;
  if (!passes_init(&c, m, NULL, d, &o) || !passes_run(&c, passes_pipeline(level))) fail_with(path, d);
  bool small = parameters(m) < SMALL;
  if (small && !evaluate_same(before, m, 2, 1e-5, false, &why)) fail_msg("%s: %s", path, strbuf_str(&why));
  assert_true(c.program->arena_bytes >= 0);
  double most = level ? 1.05 : 1.1; // without folding masks and positions take memory beside the pictures
  assert_true(nominal(c.program, c.program->arena_bytes) <= most * nominal(c.program, c.program->arena_bound));
  loop_program_destroy(c.program);
  passes_free(&c);
  module_destroy(m);
  module_destroy(before);
  diag_destroy(d);
}

// Written as ONNX and read back: the values that the graph takes and gives are the same, and what it computes.
static void check_onnx(const char *path, Module *m, const char *where) {
  StrBuf why = {0};
  Module *read = through_onnx(m, m->diag);
  if (!read) fail_with(path, m->diag);
  assert_int_equal(read->inputs.len, m->inputs.len);
  assert_int_equal(read->outputs.len, m->outputs.len);
  for (size_t i = 0; i < m->inputs.len; i++) {
    assert_string_equal(read->inputs.data[i]->name, m->inputs.data[i]->name);
    assert_string_equal(type_str(read, read->inputs.data[i]->type), type_str(m, m->inputs.data[i]->type));
  }
  for (size_t i = 0; i < m->outputs.len; i++) {
    const Output *was = &m->outputs.data[i], *is = &read->outputs.data[i];
    assert_string_equal(is->name, was->name);
    assert_string_equal(type_str(read, is->value->type), type_str(m, type_blocked(m, was->value->type, -1)));
  }
  if (parameters(m) < SMALL && !evaluate_same(m, read, 2, 1e-5, false, &why))
    fail_msg("%s %s, as ONNX: %s", path, where, strbuf_str(&why));
  module_destroy(read);
}

// At every boundary of the passes at -O2; of large models, which take their time to write, after all.
static void check_boundaries(const char *path) {
  Diag *d = diag_create();
  Module *m = compile(d, path);
  if (!m) fail_with(path, d);
  bool small = parameters(m) < SMALL;
  PassOptions o = passes_options();
  PassContext c;
  if (!passes_init(&c, m, NULL, d, &o)) fail_with(path, d);
  if (small) check_onnx(path, m, "as it was written");
  for (const char *s = passes_pipeline(2); strncmp(s, "lower", 5); s += strcspn(s, ",") + 1) {
    char pass[64];
    snprintf(pass, sizeof pass, "%.*s", (int)strcspn(s, ","), s);
    if (!passes_run(&c, pass)) fail_with(path, d);
    if (small || !strcmp(pass, "assign-layouts")) check_onnx(path, m, pass);
  }
  passes_free(&c);
  module_destroy(m);
  diag_destroy(d);
}

static void test_example(void **state) {
  run_level(*state, 0);
  run_level(*state, 2);
  check_boundaries(*state);
}

int main(int argc, char **argv) {
  const char *folder = argc > 1 ? argv[1] : "examples";
  char pattern[4096];
  snprintf(pattern, sizeof pattern, "%s/*/*.nn", folder);
  glob_t found;
  if (glob(pattern, 0, NULL, &found) != 0) return fprintf(stderr, "no examples match %s\n", pattern), 1;
  struct CMUnitTest *tests = calloc(found.gl_pathc, sizeof *tests);
  size_t n = 0;
  for (size_t i = 0; i < found.gl_pathc; i++) {
    char *path = found.gl_pathv[i];
    if (!strstr(path, "/blocks.nn"))
      tests[n++] = (struct CMUnitTest){path + strlen(folder) + 1, test_example, NULL, NULL, path};
  }
  int failed = _cmocka_run_group_tests("examples", tests, n, NULL, NULL);
  free(tests);
  globfree(&found);
  return failed;
}
