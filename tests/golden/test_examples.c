// Every example model through every pipeline: verified and read back from its text after each pass; the small ones also
// compute what they did. The memory plan of each is within 5% of its lower bound (-O0: 10%).
#include "frontend/frontend.h"
#include "frontend/weights/weights.h"
#include "passes/pass.h"
#include "tests/golden/evaluate.h"
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// cmocka.h wants the standard headers before it
#include <cmocka.h>

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
  bool small = parameters(m) < 1e6;
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

static void test_example(void **state) {
  run_level(*state, 0);
  run_level(*state, 2);
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
