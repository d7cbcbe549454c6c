// Every op that the language offers, and its constants and parameters, against what PyTorch computed.
//
//   test_conformance ENGINE GOLDENS [SUBJECT...]     all subjects when none is named; then their number is checked too
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/conformance/golden.h"
#include "tests/lower/native.h"
#include "tests/onnx/through.h"

enum { CASES_AT_LEAST = 300, CASES_A_SUBJECT = 5 };

// What evaluates a module. The outputs are the caller's to free.
typedef struct Engine {
  const char *name;
  bool (*run)(Module *m, const int64_t *symbols, const RefTensor *inputs, RefTensor *outputs, Diag *d);
  double relative;   // error allowed, of the expected value
  double absolute;   // and besides
  double of_largest; // and besides, of the output's largest value where values mix, which elementwise ops do not
} Engine;

static bool run_reference(Module *m, const int64_t *symbols, const RefTensor *inputs, RefTensor *outputs, Diag *d) {
  return ref_run(m, symbols, inputs, outputs, NULL, NULL, d);
}

static bool run_native(Module *m, const int64_t *symbols, const RefTensor *inputs, RefTensor *outputs, Diag *d) {
  return native_evaluate(m, &(NativeOptions){.level = 2}, symbols, 1, inputs, outputs, d);
}

// The model written as ONNX, read back, and then.
static bool run_after_onnx(Module *m, const int64_t *symbols, const RefTensor *inputs, RefTensor *outputs, Diag *d,
                           bool native) {
  int64_t of_read[MAX_SYMBOLS] = {0};
  Module *read = through_onnx(m, d);
  if (!read) return false;
  through_symbols(m, symbols, read, of_read);
  bool ok =
      read->outputs.len == m->outputs.len && (native ? run_native : run_reference)(read, of_read, inputs, outputs, d);
  module_destroy(read);
  return ok;
}

static bool run_onnx(Module *m, const int64_t *symbols, const RefTensor *inputs, RefTensor *outputs, Diag *d) {
  return run_after_onnx(m, symbols, inputs, outputs, d, false);
}

static bool run_onnx_native(Module *m, const int64_t *symbols, const RefTensor *inputs, RefTensor *outputs, Diag *d) {
  return run_after_onnx(m, symbols, inputs, outputs, d, true);
}

// The reference's `absolute` is PyTorch's own error: its GELU takes 1 + erf(x), which loses what is below double's
// epsilon. Native code is allowed 4 units in the last place of a float, its GELU and SiLU 1e-7. ONNX's attributes are
// floats.
static const Engine engines[] = {
    {"reference", run_reference, 1e-6, 1e-15, 0},
    {"native", run_native, 5e-7, 1e-7, 1e-6},
    {"onnx", run_onnx, 1e-6, 1e-7, 1e-6},
    {"onnx_native", run_onnx_native, 1e-6, 1e-7, 1e-6},
};

typedef struct Subject {
  const Engine *engine;
  const char *name, *folder;
  int cases;
} Subject;

static bool mixes_values(const char *subject) {
  OpKind op;
  return op_from_name(subject, &op) && strcmp(op_info(op)->family, "elementwise") != 0;
}

static bool near(double got, double expected, double allowed) {
  return got == expected || (isnan(got) && isnan(expected)) || fabs(got - expected) <= allowed;
}

// Prints the first element that differs too much.
static bool compare(const Subject *s, int number, const RefTensor *got, const RefTensor *expected) {
  double largest = 0;
  if (got->count != expected->count)
    return print_error("%s, case %d: %ld elements, not %ld\n", s->name, number, (long)got->count,
                       (long)expected->count),
           false;
  for (int64_t k = 0; k < expected->count && mixes_values(s->name); k++)
    largest = fmax(largest, fabs(ref_at(expected, k)));
  for (int64_t k = 0; k < expected->count; k++) {
    double want = ref_at(expected, k);
    double allowed = s->engine->relative * fabs(want) + s->engine->of_largest * largest + s->engine->absolute;
    if (expected->i ? got->i[k] == expected->i[k] : near(got->f[k], want, allowed)) continue;
    print_error("%s, case %d: element %ld is %.9g, not %.9g\n", s->name, number, (long)k, ref_at(got, k), want);
    return false;
  }
  return true;
}

static bool explain(const Subject *s, int number, Diag *d) {
  StrBuf text = {0};
  diag_print(d, &text, false);
  print_error("%s, case %d: %s", s->name, number, strbuf_str(&text));
  strbuf_free(&text);
  diag_clear(d);
  return false;
}

static bool run_engine(const Subject *s, int number, Module *m, const Golden *g, Diag *d) {
  RefTensor *out = xcalloc(m->outputs.len + 1, sizeof *out);
  bool ok = s->engine->run(m, g->symbols, g->inputs, out, d) || explain(s, number, d);
  for (size_t o = 0; o < m->outputs.len; o++) {
    ok = ok && compare(s, number, &out[o], &g->expected[o]);
    ref_tensor_free(&out[o]);
  }
  free(out);
  return ok;
}

static bool run_case(const Subject *s, Archive *a, int number, Diag *d) {
  Module *m = golden_module(a, number, d);
  if (!m) return explain(s, number, d);
  Golden g;
  bool ok = golden_read(&g, a, number, m, d) ? run_engine(s, number, m, &g, d) : explain(s, number, d);
  golden_free(&g, m);
  module_destroy(m);
  return ok;
}

static void run_subject(void **state) {
  Subject *s = *state;
  Diag *d = diag_create();
  Archive *a = golden_open(s->folder, s->name, d);
  int bad = 0;
  if (!a)
    explain(s, 0, d);
  else
    s->cases = golden_count(a);
  for (int k = 0; k < s->cases; k++) bad += !run_case(s, a, k, d);
  if (a) archive_unref(a);
  diag_destroy(d);
  assert_in_range(s->cases, CASES_A_SUBJECT, INT32_MAX);
  assert_int_equal(bad, 0);
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

static const Engine *find_engine(const char *name) {
  for (size_t k = 0; k < sizeof engines / sizeof *engines; k++)
    if (!strcmp(engines[k].name, name)) return &engines[k];
  return NULL;
}

int main(int argc, char **argv) {
  const Engine *engine = argc > 2 ? find_engine(argv[1]) : NULL;
  if (!engine || argc > OP_COUNT) return 2;
  const char *names[OP_COUNT + 2];
  int n = argc == 3 ? name_all(names) : 0;
  for (int k = 3; k < argc; k++) names[n++] = argv[k];
  Subject subjects[OP_COUNT + 3] = {0};
  struct CMUnitTest tests[OP_COUNT + 3];
  for (int k = 0; k < n; k++) {
    subjects[k] = (Subject){engine, names[k], argv[2], 0};
    tests[k] = (struct CMUnitTest){names[k], run_subject, NULL, NULL, &subjects[k]};
  }
  if (argc == 3) tests[n++] = (struct CMUnitTest){"all cases were found", all_cases_were_found, NULL, NULL, subjects};
  return _cmocka_run_group_tests("conformance", tests, (size_t)n, NULL, NULL);
}
