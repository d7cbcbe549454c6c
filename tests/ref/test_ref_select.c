// Results as long as they turn out to be, worked out by hand.
#include "fixture.h"

static void boxes(void **state) {
  (void)state;
  // Box 1 lies in 0 and has half its area; 2 touches 0; 3 is 0 with its corners exchanged; 4 has no area.
  Array b = f32(D(1, 5, 4), V(0, 0, 2, 2, 0, 0, 1, 2, 2, 0, 4, 2, 2, 2, 0, 0, 1, 1, 1, 1)),
        s = f32(D(1, 2, 5), V(0.5, 0.9, 0.7, 0.5, 0.1, 0, 0, 0.25, 0, 0.125));
  const int64_t ten[] = {10}, one[] = {1};
  const double low[] = {0.2};
  expect(OP_NMS, ATTRS(dims("max_output", 1, ten)), IN(b, s), // half is not more than half
         OUT(array(DT_I64, D(8, 3), V(0, 0, 1, 0, 0, 2, 0, 0, 0, 0, 0, 4, 0, 1, 2, 0, 1, 4, 0, 1, 0, 0, 1, 1))));
  expect(OP_NMS, ATTRS(dims("max_output", 1, ten), real("iou_threshold", 0.25), reals("score_threshold", 1, low)),
         IN(b, s), OUT(array(DT_I64, D(3, 3), V(0, 0, 1, 0, 0, 2, 0, 1, 2))));
  expect(OP_NMS, ATTRS(dims("max_output", 1, one)), IN(b, s), OUT(array(DT_I64, D(2, 3), V(0, 0, 1, 0, 1, 2))));
  Array c = f32(D(1, 3, 4), V(1, 1, 2, 2, 1, 1, 2, 1, 3, 1, 2, 2)),
        t = f32(D(1, 1, 3), V(1, 3, 2)); // centres and sides
  expect(OP_NMS, ATTRS(dims("max_output", 1, ten), flag("center", true), real("iou_threshold", 0.25)), IN(c, t),
         OUT(array(DT_I64, D(2, 3), V(0, 0, 1, 0, 0, 2))));
}

static void chosen(void **state) {
  (void)state;
  expect(OP_NONZERO, NO_ATTRS, IN(f32(D(2, 3), V(0, 5, -0.0, NAN, 0, 1))),
         OUT(array(DT_I64, D(3, 2), V(0, 1, 1, 0, 1, 2))));
  expect(OP_COMPRESS, ATTRS(number("dim", 1)), IN(f32(D(2, 3), V(1, 2, 3, 4, 5, 6)), array(DT_BOOL, D(2), V(0, 1))),
         OUT(f32(D(2, 1), V(2, 5))));
}

static void different(void **state) {
  (void)state;
  Array x = f32(D(6), V(2, 1, 1, 3, 4, 3));
  expect(OP_UNIQUE, NO_ATTRS, IN(x),
         OUT(f32(D(4), V(1, 2, 3, 4)), array(DT_I64, D(4), V(1, 0, 3, 4)), array(DT_I64, D(6), V(1, 0, 0, 2, 3, 2)),
             array(DT_I64, D(4), V(2, 1, 2, 1))));
  expect(OP_UNIQUE, ATTRS(flag("sorted", false)), IN(x),
         OUT(f32(D(4), V(2, 1, 3, 4)), array(DT_I64, D(4), V(0, 1, 3, 4)), array(DT_I64, D(6), V(0, 1, 1, 2, 3, 2)),
             array(DT_I64, D(4), V(1, 2, 2, 1))));
  const int64_t one[] = {1};
  expect(OP_UNIQUE, ATTRS(list("dim", 1, one)), IN(array(DT_I32, D(2, 3), V(7, 1, 7, 2, 9, 2))),
         OUT(array(DT_I32, D(2, 2), V(1, 7, 9, 2)), array(DT_I64, D(2), V(1, 0)), array(DT_I64, D(3), V(1, 0, 1)),
             array(DT_I64, D(2), V(1, 2))));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(boxes), cmocka_unit_test(chosen), cmocka_unit_test(different)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
