// Shape inference of what is taken from regions of a picture, and its messages.
#include "tests/unit/infer_cases.h"

static void test_types(void **state) {
  CHECK_CASES(
      {"x f32[N, 7, H, W]; b f32[5, 4]; i i64[5]", "roi_align %x, %b, %i {output_size=[2, 3]} : f32[5, 7, 2, 3]"},
      {"x f16[1, 1, 1, 1]; b f16[N, 4]; i u8[N]",
       "roi_align %x, %b, %i {output_size=[7, 7], spatial_scale=0.0625, sampling_ratio=-1} : f16[N, 1, 7, 7]"}, );
}

static void test_messages(void **state) {
  (void)state;
  const char *x = "x f32[2, 3, 9, 9]; b f32[5, 4]; i i64[5]; h f16[5, 4]; c f32[5, 3]; j i64[4]; e f32[0, 3, 9, 9]";
  check_refused(x, "roi_align %b, %b, %i {output_size=[1, 1]}",
                "roi_align expects `b` to have 4 dimensions, but it is f32[5, 4]");
  check_refused(
      x, "roi_align %x, %h, %i {output_size=[1, 1]}",
      "roi_align expects operands of one type, but `h` is f16[5, 4] beside f32[2, 3, 9, 9]; cast one of them");
  check_refused(x, "roi_align %x, %c, %i {output_size=[1, 1]}",
                "roi_align expects boxes [R, 4] and index [R], not f32[5, 3] and i64[5]");
  check_refused(x, "roi_align %x, %b, %j {output_size=[1, 1]}",
                "roi_align expects boxes [R, 4] and index [R], not f32[5, 4] and i64[4]");
  check_refused(x, "roi_align %x, %b, %b {output_size=[1, 1]}",
                "roi_align expects `b` to have 1 dimensions, but it is f32[5, 4]");
  check_refused(x, "roi_align %x, %b, %i {output_size=[0, 1]}", "roi_align: `output_size` must be positive, not 0");
  check_refused(x, "roi_align %x, %b, %i {output_size=[1, 1], sampling_ratio=4097}",
                "roi_align: `sampling_ratio` is 4097, at most 4096");
  check_refused(x, "roi_align %e, %b, %i {output_size=[1, 1]}", "roi_align: its operand `x` has no elements");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_types), cmocka_unit_test(test_messages)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
