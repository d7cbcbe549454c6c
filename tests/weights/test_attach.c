// Weights found by name in an archive, seeded, or reported.
#include "frontend/weights/weights.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
// cmocka.h wants the standard headers before it
#include <cmocka.h>

typedef struct Fixture {
  Diag *diag;
  Module *m;
  Archive *archive;
} Fixture;

static Weight *declare(Module *m, const char *name, int rank, const Dim *dims, WeightSource source) {
  return graph_weight(m, name, type_get(m, DT_F32, rank, dims), source);
}

static int setup(void **state) {
  Fixture *f = xcalloc(1, sizeof *f);
  f->diag = diag_create();
  f->m = module_create(f->diag);
  f->m->name = "net";
  f->archive = archive_open(DATA "/stored.npz", f->diag);
  *state = f;
  return !f->archive;
}

static int teardown(void **state) {
  Fixture *f = *state;
  archive_unref(f->archive);
  module_destroy(f->m);
  diag_destroy(f->diag);
  free(f);
  return 0;
}

static void expect_text(Fixture *f, const char *part) {
  StrBuf b = {0};
  diag_print(f->diag, &b, false);
  if (!strstr(strbuf_str(&b), part)) fail_msg("no `%s` in: %s", part, strbuf_str(&b));
  strbuf_free(&b);
}

static void finds_by_name(void **state) {
  Fixture *f = *state;
  Weight *plain = declare(f->m, "f32", 3, (Dim[]){2, 3, 4}, WEIGHT_MISSING);
  Weight *narrow = declare(f->m, "f16", 3, (Dim[]){2, 3, 4}, WEIGHT_MISSING);
  Weight *fallback = declare(f->m, "f64", 3, (Dim[]){2, 3, 4}, WEIGHT_SPLAT);
  Weight *kept = declare(f->m, "gain", 1, (Dim[]){5}, WEIGHT_SPLAT);
  assert_true(weights_attach(f->m, f->archive, NULL, f->diag));
  assert_true(weight_at(plain, 23) == 23 && weight_at(narrow, 22) == 22 && weight_at(fallback, 21) == 21);
  assert_int_equal(narrow->stored, DT_F16);
  assert_int_equal(plain->source, WEIGHT_FILE);
  assert_int_equal(kept->source, WEIGHT_SPLAT);
  expect_text(
      f,
      "stored.npz: warning: 15 weights that the model does not use\n   big   f32[2, 3, 4]\n   bool   bool[2, 3, 4]\n");
}

static void lists_all_misfits(void **state) {
  Fixture *f = *state;
  declare(f->m, "f32", 2, (Dim[]){6, 4}, WEIGHT_MISSING);
  declare(f->m, "i8", 3, (Dim[]){2, 3, 4}, WEIGHT_MISSING); // f32 wanted
  declare(f->m, "fc.bias", 1, (Dim[]){10}, WEIGHT_MISSING);
  declare(f->m, "fortran", 3, (Dim[]){2, 3, 4}, WEIGHT_MISSING);
  assert_false(weights_attach(f->m, f->archive, NULL, f->diag));
  assert_int_equal(diag_errors(f->diag), 1);
  expect_text(f, "stored.npz: error: 3 of 4 weights do not fit\n"
                 "   f32       expected f32[6, 4]      found f32[2, 3, 4]\n"
                 "   i8        expected f32[2, 3, 4]   found i8[2, 3, 4]\n"
                 "   fc.bias   expected f32[10]        missing\n");
}

static void seeds_absent_ones(void **state) {
  Fixture *f = *state;
  Weight *a = declare(f->m, "a", 2, (Dim[]){64, 400}, WEIGHT_MISSING);
  Weight *b = declare(f->m, "b", 2, (Dim[]){64, 400}, WEIGHT_MISSING);
  declare(f->m, "f32", 3, (Dim[]){2, 3, 4}, WEIGHT_MISSING);
  assert_true(weights_attach(f->m, f->archive, &(uint64_t){7}, f->diag));
  assert_int_equal(a->fan_in, 400);
  double sum = 0, squares = 0;
  int equal = 0;
  for (int i = 0; i < 64 * 400; i++) {
    double v = weight_at(a, i);
    sum += v, squares += v * v, equal += v == weight_at(b, i);
  }
  assert_true(sum * sum < 64 * 400 * 0.02 && squares > 64 * 0.2 && squares < 64 * 4); // mean 0, variance about 1/fan_in
  assert_true(equal < 100);
}

static void seeds_no_huge_ones(void **state) {
  Fixture *f = *state;
  uint64_t seed = 7;
  declare(f->m, "small", 2, (Dim[]){2, 3}, WEIGHT_MISSING);
  Weight *huge = declare(f->m, "huge", 2, (Dim[]){1 << 16, (1 << 14) + 1}, WEIGHT_MISSING);
  assert_false(weights_attach(f->m, NULL, &seed, f->diag));
  assert_int_equal(huge->source, WEIGHT_MISSING);
  expect_text(f, "`huge` is too large to be seeded: it has more than 2^30 elements");
}

static void asks_for_a_file(void **state) {
  Fixture *f = *state;
  declare(f->m, "a", 1, (Dim[]){3}, WEIGHT_MISSING);
  assert_false(weights_attach(f->m, NULL, NULL, f->diag));
  expect_text(f, "net: error: 1 of 1 weight has no data; name a file (`weights \"...\"` or --weights=FILE), or fill "
                 "them with --init=SEED\n"
                 "   a   expected f32[3]   missing\n");
}

static void opens_for_texts(void **state) {
  Fixture *f = *state;
  WeightFiles *files = weight_files_create();
  DType stored;
  int rank;
  Dim dims[MAX_RANK];
  Blob *b = weight_files_open(files, f->diag, DATA, "deflated.npz", "i32", &stored, &rank, dims);
  assert_non_null(b);
  assert_true(stored == DT_I32 && rank == 3 && dims[2] == 4);
  assert_null(weight_files_open(files, f->diag, DATA, "deflated.npz", "nothing", &stored, &rank, dims));
  expect_text(f, "deflated.npz: error: holds no `nothing`");
  weight_files_destroy(files);
  assert_int_equal(((const int32_t *)b->data)[23], 23);
  blob_unref(b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(finds_by_name, setup, teardown),
      cmocka_unit_test_setup_teardown(lists_all_misfits, setup, teardown),
      cmocka_unit_test_setup_teardown(seeds_absent_ones, setup, teardown),
      cmocka_unit_test_setup_teardown(seeds_no_huge_ones, setup, teardown),
      cmocka_unit_test_setup_teardown(asks_for_a_file, setup, teardown),
      cmocka_unit_test_setup_teardown(opens_for_texts, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
