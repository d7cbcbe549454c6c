// Normalizations over groups of channels and over neighbouring channels, and the logarithm of softmax.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/lower/cases.h"

static void test_groups(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[1, 1, 1, 3]", "y = group_norm(a, 1) @g"},
      {"f32[2, 6, 5, 7]", "y = group_norm(a, 3) @g"},
      {"f32[2, 6, 5, 7]", "y = group_norm(a, 6, affine=false)"},
      {"f32[2, 19, 5, 7]", "y = group_norm(a, 1) @g"},
      {"f32[2, 19, 5, 7]", "y = group_norm(a, 19, eps=0.1) @g"},
      {"f32[1, 64, 4, 5]", "y = group_norm(a, 2) @g"},
      {"f32[1, 40, 4, 5]", "y = group_norm(a, 5) @g"},
      {"f32[3, 24]", "y = group_norm(a, 4) @g"},
      {"f32[3, 5, 1]", "y = group_norm(a, 1) @g"},
      {"f32[2, 9, 4, 5]", "y = group_norm(a * 2.0 + 20.0, 3) @g"},
      {"f32[2, 3, 5, 6]",
       "y = a |> conv2d(19, 2) @p |> group_norm(1) @g |> relu |> conv2d(21, 3) @q |> group_norm(7) @h"},
      {"f32[N, 3, H, W]", "y = a |> conv2d(20, 1) @p |> group_norm(4) @g |> silu |> conv2d(5, 1) @q"},
      {"f32[N, 18, T]", "y = group_norm(a, 9) @g"},
      {"f32[2, 3, 5, 6]", "y = a |> conv2d(19, 2) @p |> instance_norm |> relu"},
      {"f32[N, 5, H, W]", "y = instance_norm(a, affine=true) @i"},
      {"f32[2, 5, 4]!", "y = group_norm(a, 5) @g"},
  };
  CASES_CHECK(cases);
}

static void test_responses(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[1, 1, 3]", "y = local_response_norm(a, 5)"},
      {"f32[2, 7, 3, 5]", "y = local_response_norm(a, 5, alpha=0.5)"},
      {"f32[2, 7, 3, 5]", "y = local_response_norm(a, 4, alpha=0.5, beta=0.5, k=2.0)"},
      {"f32[2, 7, 33]", "y = local_response_norm(a, 1, alpha=3.0, beta=1.0)"},
      {"f32[2, 3, 33]", "y = local_response_norm(a, 9, alpha=3.0)"},
      {"f32[2, 3, 5, 6]", "y = a |> conv2d(19, 2) @p |> relu |> local_response_norm(5, alpha=0.1) |> max_pool2d(2)"},
      {"f32[N, 7, H, W]", "y = local_response_norm(a, 3, alpha=0.1)"},
      {"f32[2, 5, 17]!", "y = local_response_norm(a, 3, alpha=0.1)"},
  };
  CASES_CHECK(cases);
}

static void test_log_softmax(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[1]", "y = log_softmax(a, dim=0)"},
      {"f32[3, 17]", "y = log_softmax(a * 30.0, dim=1)"},
      {"f32[3, 17]", "y = log_softmax(a, dim=0)"},
      {"f32[17, 3]", "y = log_softmax(a, dim=-1)"},
      {"f32[3, 16, 5]", "y = log_softmax(a, dim=1)"},
      {"f32[3, 5, 33]", "y = log_softmax(a, dim=1)"},
      {"f32[N, T, 7]", "y = log_softmax(a, dim=1)"},
      {"f32[N, T]", "y = log_softmax(a, dim=1)"},
      {"f32[2, 3, 5, 6]", "y = a |> conv2d(19, 2) @p |> log_softmax(dim=1)"},
  };
  CASES_CHECK(cases);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_groups), cmocka_unit_test(test_responses),
                                     cmocka_unit_test(test_log_softmax)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
