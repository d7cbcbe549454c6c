// Every op that the language offers, and its constants and parameters, against what PyTorch computed.
//
//   test_conformance GOLDENS [SUBJECT...]     all subjects when none is named; then their number is checked too
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/conformance/golden.h"

enum { CASES_AT_LEAST = 300, CASES_A_SUBJECT = 5 };

// What evaluates a module. The outputs are the caller's to free.
typedef struct Engine {
  const char *name;
  bool (*run)(Module *m, const int64_t *symbols, const RefTensor *inputs, RefTensor *outputs, Diag *d);
  double relative;   // error allowed, of the expected value
  double of_largest; // and besides, of the output's largest value
  double absolute;   // and besides
} Engine;

static bool run_reference(Module *m, const int64_t *symbols, const RefTensor *inputs, RefTensor *outputs, Diag *d) {
  return ref_run(m, symbols, inputs, outputs, NULL, NULL, d);
}

// PyTorch's own error: its GELU takes 1 + erf(x), which loses what is below double's epsilon.
static const Engine engines[] = {{"reference", run_reference, 1e-6, 0, 1e-15}};

typedef struct Subject {
  const char *name, *folder;
  int cases;
} Subject;

static bool near(const Engine *e, double got, double expected, double largest) {
  if (got == expected || (isnan(got) && isnan(expected))) return true;
  return fabs(got - expected) <= e->relative * fabs(expected) + e->of_largest * largest + e->absolute;
}

static void compare(const Engine *e, const char *subject, int number, const RefTensor *got, const RefTensor *expected) {
  double largest = 0;
  for (int64_t k = 0; k < expected->count; k++) largest = fmax(largest, fabs(ref_at(expected, k)));
  for (int64_t k = 0; k < expected->count; k++) {
    bool same = expected->i ? got->i[k] == expected->i[k] : near(e, got->f[k], expected->f[k], largest);
    if (!same)
      fail_msg("%s, case %d, %s: element %ld is %.9g, not %.9g", subject, number, e->name, (long)k, ref_at(got, k),
               ref_at(expected, k));
  }
}

static void explain(const char *subject, int number, const Diag *d) {
  StrBuf text = {0};
  diag_print(d, &text, false);
  fail_msg("%s, case %d: %s", subject, number, strbuf_str(&text));
}

static void run_case(const char *subject, Archive *a, int number, Diag *d) {
  Module *m = golden_module(a, number, d);
  Golden g = {0};
  if (!m || !golden_read(&g, a, number, m, d)) explain(subject, number, d);
  for (size_t k = 0; k < sizeof engines / sizeof *engines; k++) {
    RefTensor *out = xcalloc(m->outputs.len + 1, sizeof *out);
    if (!engines[k].run(m, g.symbols, g.inputs, out, d)) explain(subject, number, d);
    for (size_t o = 0; o < m->outputs.len; o++) {
      compare(&engines[k], subject, number, &out[o], &g.expected[o]);
      ref_tensor_free(&out[o]);
    }
    free(out);
  }
  golden_free(&g, m);
  module_destroy(m);
}

static void run_subject(void **state) {
  Subject *s = *state;
  Diag *d = diag_create();
  Archive *a = golden_open(s->folder, s->name, d);
  if (!a) explain(s->name, 0, d);
  s->cases = golden_count(a);
  assert_in_range(s->cases, CASES_A_SUBJECT, INT32_MAX);
  for (int k = 0; k < s->cases; k++) run_case(s->name, a, k, d);
  archive_unref(a);
  diag_destroy(d);
}

// Its state is the array of all subjects, which ends without a name.
static void all_cases_were_found(void **state) {
  int cases = 0;
  for (const Subject *s = *state; s->name; s++) cases += s->cases;
  assert_in_range(cases, CASES_AT_LEAST, INT32_MAX);
}

static int name_all(const char **names) {
  int n = 0;
  for (int op = 0; op < OP_COUNT; op++)
    if (!op_has(op, TRAIT_INTERNAL)) names[n++] = op_info(op)->name;
  names[n++] = "parameter";
  names[n++] = "constant";
  return n;
}

int main(int argc, char **argv) {
  if (argc < 2 || argc > OP_COUNT) return 2;
  const char *names[OP_COUNT + 2];
  int n = argc == 2 ? name_all(names) : 0;
  for (int k = 2; k < argc; k++) names[n++] = argv[k];
  Subject subjects[OP_COUNT + 3] = {0};
  struct CMUnitTest tests[OP_COUNT + 3];
  for (int k = 0; k < n; k++) {
    subjects[k] = (Subject){names[k], argv[1], 0};
    tests[k] = (struct CMUnitTest){names[k], run_subject, NULL, NULL, &subjects[k]};
  }
  if (argc == 2) tests[n++] = (struct CMUnitTest){"all cases were found", all_cases_were_found, NULL, NULL, subjects};
  return _cmocka_run_group_tests("conformance", tests, (size_t)n, NULL, NULL);
}
