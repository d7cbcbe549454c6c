// Texts of decisions: each is read and printed alike, no other is taken; and of whom they hold.
#include "passes/decisions.h"
#include "tests/unit/unit.h"

static Decision read_one(const char *choice) {
  Decisions *d = decisions_create();
  StrBuf why = {0}, text = {0};
  if (!decisions_add(d, "layer", choice, &why)) fail_msg("%s is refused: %s", choice, strbuf_str(&why));
  Decision one = d->list.data[0];
  decisions_print(&one, &text);
  assert_string_equal(strbuf_str(&text), choice);
  strbuf_free(&text);
  strbuf_free(&why);
  decisions_destroy(d);
  return one;
}

static void test_read(void **state) {
  (void)state;
  static const struct {
    const char *choice;
    FactorizeMethod method;
    QuantizeMethod integers;
    DType precision;
  } cases[] = {
      {"f32", FACTORIZE_NONE, QUANTIZE_NONE, DT_F32},
      {"bf16", FACTORIZE_NONE, QUANTIZE_NONE, DT_BF16},
      {"f16", FACTORIZE_NONE, QUANTIZE_NONE, DT_F16},
      {"int8", FACTORIZE_NONE, QUANTIZE_STATIC, DT_F32},
      {"int8,dynamic", FACTORIZE_NONE, QUANTIZE_DYNAMIC, DT_F32},
      {"spatial:0.1", FACTORIZE_SPATIAL, QUANTIZE_NONE, DT_F32},
      {"channel:0.05,bf16", FACTORIZE_CHANNEL, QUANTIZE_NONE, DT_BF16},
      {"tucker2:0.25,int8", FACTORIZE_TUCKER2, QUANTIZE_STATIC, DT_F32},
      {"channel:0.05,int8,dynamic", FACTORIZE_CHANNEL, QUANTIZE_DYNAMIC, DT_F32},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    Decision d = read_one(cases[i].choice);
    assert_int_equal(d.factorize.method, cases[i].method);
    assert_int_equal(d.integers, cases[i].integers);
    assert_int_equal(d.precision, cases[i].precision);
  }
}

static void test_refused(void **state) {
  (void)state;
  static const char *const texts[] = {
      "",           "int4",         "int8,static",     "f32,int8",          "bf16,int8",
      "int8,bf16",  "spatial:0.1,", "spatial:0.1,f32", "spatial:2",         "spatial:0.1,int8,",
      "channel",    "dynamic",      ",int8",           "int8,dynamic,int8", "BF16",
      "spatial:nan"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    Decisions *d = decisions_create();
    StrBuf why = {0};
    if (decisions_add(d, "layer", texts[i], &why)) fail_msg("`%s` is taken", texts[i]);
    assert_int_equal(d->list.len, 0);
    assert_non_null(strstr(strbuf_str(&why), "or both with a comma, not `"));
    strbuf_free(&why);
    decisions_destroy(d);
  }
}

static void test_find(void **state) {
  (void)state;
  Decisions *d = decisions_create();
  StrBuf why = {0};
  assert_true(decisions_add(d, "block", "int8", &why) && decisions_add(d, "block.1.fc", "bf16", &why));
  assert_int_equal(decisions_find(d, "block.0")->integers, QUANTIZE_STATIC);
  assert_int_equal(decisions_find(d, "block.1.fc.down")->precision, DT_BF16);
  assert_null(decisions_find(d, "blocks"));
  strbuf_free(&why);
  decisions_destroy(d);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_read), cmocka_unit_test(test_refused),
                                     cmocka_unit_test(test_find)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
