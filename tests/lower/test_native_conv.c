#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/lower/cases.h"

static void test_first(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[1, 3, 7, 9]", "y = conv2d(a, 5, 3, padding=1) @w"},
      {"f32[1, 3, 7, 9]", "y = relu(a)"},
      {"f32[N, 3, H, W]", "y = conv2d(a, 5, 3, padding=1) @w"},
  };
  CASES_CHECK(cases);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_first)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
