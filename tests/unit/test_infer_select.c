// Shape inference of ops whose results are as long as a run finds, of ops behind them, and its messages.
#include "tests/unit/infer_cases.h"

static void test_counts(void **state) {
  CHECK_CASES({"b f32[N, 50, 4]; s f32[N, 3, 50]", "nms %b, %s {max_output=[7]} : i64[nms_count, 3]"},
              {"b f32[N, H, 4]; s f32[N, 3, H]", "nms %b, %s {max_output=[H], iou_threshold=1.0} : i64[nms_count, 3]"},
              {"x u8[N, 3, H]", "nonzero %x : i64[nonzero_count, 3]"},
              {"x f32[N, 9]; c bool[5]", "compress %x, %c {dim=-1} : f32[N, compress_count]"},
              {"x i16[H, 9]; c i64[W]", "compress %x, %c : i16[compress_count, 9]"}, );
}

typedef struct Behind {
  const char *node, *type;
} Behind;

// %v: f32[c, 4], where c is at most 9.
static const char head[] = "symbol N\ncount c <= 9\ninput %x : f32[9]\ninput %t : f32[9, 4]\ninput %row : i64[2]\n"
                           "%p = nonzero %x {count=[c]} : i64[c, 1]\n%i = reshape %p {shape=[-1]} : i64[c]\n"
                           "%v = index_select %t, %i {dim=0} : f32[c, 4]\n";

static void test_behind(void **state) {
  (void)state;
  static const Behind cases[] = {{"slice %v {dims=[0], starts=[0], ends=[5]}", "f32[min(c, 5), 4]"},
                                 {"slice %v {dims=[0], starts=[2], ends=[5]}", "f32[max(min(c, 5) - 2, 0), 4]"},
                                 {"concat %v, %t {dim=0}", "f32[c + 9, 4]"},
                                 {"add %v, %v", "f32[c, 4]"},
                                 {"arange {start=[c]}", "i64[c]"},
                                 {"amax %v {dim=[1]}", "f32[c]"},
                                 {"reshape %v {shape=[-1, 2]}", "f32[2*c, 2]"},
                                 {"pad %v {pad=[0, 0, 1, 0]}", "f32[c + 1, 4]"}};
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    StrBuf text = {0};
    strbuf_printf(&text, "%s%%y = %s : %s\noutput y = %%y\n", head, cases[k].node, cases[k].type);
    Module *m = unit_read(strbuf_str(&text));
    assert_int_equal(m->assertions.len, 0);
    unit_verify(m);
    unit_round_trip(m);
    strbuf_free(&text);
    unit_drop(m);
  }
}

static void asserted(const char *node, const char *type, const char *condition) {
  StrBuf text = {0};
  strbuf_printf(&text, "%s%%y = %s : %s\noutput y = %%y\n", head, node, type);
  Module *m = unit_read(strbuf_str(&text));
  assert_int_equal(m->assertions.len, 1);
  assert_string_equal(m->assertions.data[0].text, condition);
  unit_verify(m);
  strbuf_free(&text);
  unit_drop(m);
}

static void test_conditions(void **state) {
  (void)state;
  asserted("add %v, %t", "f32[9, 4]", "add: sizes that broadcast: c must equal 9");
  asserted("index_select %v, %row {dim=0}", "f32[2, 4]", "index_select: there is nothing to take from");
}

static void test_messages(void **state) {
  (void)state;
  const char *x =
      "b f32[2, 50, 4]; s f32[2, 3, 50]; t f32[2, 3, 49]; h f16[2, 3, 50]; c bool[9]; z f32[0, 4]; i i64[3]";
  check_refused(x, "nms %b, %h {max_output=[1]}",
                "nms expects boxes and scores in f32, not f32[2, 50, 4] and f16[2, 3, 50]; cast them");
  check_refused(x, "nms %b, %t {max_output=[1]}",
                "nms expects boxes [N, B, 4] and scores [N, classes, B], not f32[2, 50, 4] and f32[2, 3, 49]");
  check_refused(x, "nms %b, %s {max_output=[1], iou_threshold=1.5}", "nms: `iou_threshold` is 1.5, not from 0 to 1");
  check_refused(x, "nms %b, %s {max_output=[0]}", "nms: `max_output` must be positive, not 0");
  check_refused(x, "nms %b, %s {max_output=[1], count=[N]}", "nms: `count` is N, which is no count");
  check_refused(x, "compress %b, %c", "compress: `c` (bool[9]) is longer than dimension 0 of `b` (f32[2, 50, 4])");
  check_refused(x, "unique %b {dim=[0, 1]}", "unique: `dim` is one dimension, or none; it has 2");
  unit_refused("count c <= 4\ninput %x : f32[9]\n%y = nonzero %x {count=[c]} : i64[c, 1]\noutput y = %y\n",
               "nonzero: its result has at most 9 elements, but the capacity of c is 4");
}

// A capacity is the product of two expressions that are half as large as one may be.
static void test_large_capacity(void **state) {
  (void)state;
  StrBuf dim = {0}, text = {0};
  for (int i = 0; i < 140; i++) strbuf_putc(&dim, '(');
  strbuf_puts(&dim, "H");
  for (int i = 0; i < 140; i++) strbuf_puts(&dim, " + N)//3");
  strbuf_printf(&text, "symbol N\nsymbol H\ninput %%x : f32[%s]\n", strbuf_str(&dim));
  strbuf_puts(&text, "%a = nonzero %x : i64[nonzero_count, 1]\n%b = nonzero %x : i64[nonzero_count_1, 1]\n"
                     "%c = permute %b {dims=[1, 0]} : i64[1, nonzero_count_1]\n"
                     "%d = add %a, %c : i64[nonzero_count, nonzero_count_1]\n"
                     "%e = nonzero %d : i64[nonzero_count_2, 2]\noutput y = %e\n");
  unit_refused(strbuf_str(&text), "nonzero: its result may have too many elements");
  strbuf_free(&dim);
  strbuf_free(&text);
}

static void test_limit(void **state) {
  (void)state;
  StrBuf text = {0};
  strbuf_puts(&text, "input %x : f32[9]\n%a = nonzero %x : i64[nonzero_count, 1]\n");
  for (int i = 1; i < MAX_COUNTS; i++) strbuf_printf(&text, "%%a%d = nonzero %%x : i64[nonzero_count_%d, 1]\n", i, i);
  strbuf_puts(&text, "%b = nonzero %x : i64[c, 1]\noutput y = %b\n");
  unit_refused(strbuf_str(&text), "nonzero: a model has at most 48 results whose length a run finds");
  strbuf_free(&text);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_counts),         cmocka_unit_test(test_behind),
                                     cmocka_unit_test(test_conditions),     cmocka_unit_test(test_messages),
                                     cmocka_unit_test(test_large_capacity), cmocka_unit_test(test_limit)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
