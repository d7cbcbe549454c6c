// Reductions, and what finds the first elements in an order.
#include "tests/ref/fixture.h"

static void sums(void **state) {
  (void)state;
  Array x = f32(D(2, 3), V(1, 2, 3, 4, 5, 9));
  const int64_t one[] = {1}, zero[] = {0};
  expect(OP_SUM, ATTRS(list("dim", 1, one)), IN(x), OUT(f32(D(2), V(6, 18))));
  expect(OP_SUM, ATTRS(list("dim", 1, zero), flag("keepdim", true)), IN(x), OUT(f32(D(1, 3), V(5, 7, 12))));
  expect(OP_SUM, NO_ATTRS, IN(array(DT_U8, D(2), V(255, 255))), OUT(array(DT_I64, SCALAR, V(510))));
  expect(OP_SUM, NO_ATTRS, IN(array(DT_BOOL, D(3), V(1, 0, 1))), OUT(array(DT_I64, SCALAR, V(2))));
  expect(OP_PROD, ATTRS(list("dim", 1, one)), IN(x), OUT(f32(D(2), V(6, 180))));
  expect(OP_AMAX, ATTRS(list("dim", 1, zero)), IN(x), OUT(f32(D(3), V(4, 5, 9))));
  expect(OP_AMIN, NO_ATTRS, IN(f32(D(3), V(1, NAN, -2))), OUT(f32(SCALAR, V(NAN))));
  expect(OP_AMIN, NO_ATTRS, IN(array(DT_I8, D(3), V(1, -128, -2))), OUT(array(DT_I8, SCALAR, V(-128))));
}

static void spread(void **state) {
  (void)state;
  Array x = f32(D(2, 2), V(1, 5, 2, 2));
  const int64_t one[] = {1};
  expect(OP_VAR, ATTRS(list("dim", 1, one)), IN(x), OUT(f32(D(2), V(8, 0))));
  expect(OP_VAR, ATTRS(list("dim", 1, one), number("correction", 0)), IN(x), OUT(f32(D(2), V(4, 0))));
  expect(OP_STD, ATTRS(list("dim", 1, one), number("correction", 0)), IN(x), OUT(f32(D(2), V(2, 0))));
  expect(OP_VAR, NO_ATTRS, IN(f32(D(1), V(3))), OUT(f32(SCALAR, V(NAN))));
}

static void order(void **state) {
  (void)state;
  Array x = f32(D(2, 3), V(1, 7, 7, NAN, 5, NAN));
  const int64_t one[] = {1};
  expect(OP_ARGMAX, ATTRS(list("dim", 1, one)), IN(x), OUT(array(DT_I64, D(2), V(1, 0))));
  expect(OP_ARGMIN, ATTRS(list("dim", 1, one)), IN(x), OUT(array(DT_I64, D(2), V(0, 0))));
  expect(OP_ARGMAX, NO_ATTRS, IN(x), OUT(array(DT_I64, SCALAR, V(3))));
  expect(OP_TOPK, ATTRS(dims("k", 1, (const int64_t[]){2})), IN(x),
         OUT(f32(D(2, 2), V(7, 7, NAN, NAN)), array(DT_I64, D(2, 2), V(1, 2, 0, 2))));
  expect(OP_TOPK, ATTRS(dims("k", 1, (const int64_t[]){2}), flag("largest", false)), IN(x),
         OUT(f32(D(2, 2), V(1, 7, 5, NAN)), array(DT_I64, D(2, 2), V(0, 1, 1, 0))));
  expect(OP_SORT, ATTRS(number("dim", 0)), IN(array(DT_I32, D(3, 2), V(3, 1, 2, 1, 3, 0))),
         OUT(array(DT_I32, D(3, 2), V(2, 0, 3, 1, 3, 1)), array(DT_I64, D(3, 2), V(1, 2, 0, 0, 2, 1))));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(sums), cmocka_unit_test(spread), cmocka_unit_test(order)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
