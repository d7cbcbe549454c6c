// The k smallest of numbers, against a sort of them: equal ones, zeros of both signs, infinities and a NaN among them.
#include "passes/graph/smallest.h"
#include "tests/unit/unit.h"
#include <math.h>

enum { MANY = 997 };

static int by_size(const void *a, const void *b) {
  double x = fabs(*(const double *)a), y = fabs(*(const double *)b);
  return (x > y) - (x < y);
}

static void take(const double *v, int n, int64_t k, bool *taken) {
  Smallest s;
  smallest_begin(&s, k);
  while (smallest_again(&s))
    for (int i = 0; i < n; i++) smallest_see(&s, v[i]);
  for (int i = 0; i < n; i++) taken[i] = smallest_takes(&s, v[i]);
  smallest_end(&s);
}

static void test_sorted(void **state) {
  (void)state;
  double v[MANY], sorted[MANY];
  bool taken[MANY];
  uint64_t seed = 11;
  for (int i = 0; i < MANY; i++) {
    double at = (double)(unit_random(&seed) >> 11) * 0x1p-53 * 2 - 1;
    v[i] = i % 7 == 0 ? 0 : i % 7 == 1 ? -0.25 : i % 7 < 4 ? (double)(float)at : at * pow(2, i % 40 - 20);
  }
  v[0] = INFINITY, v[1] = -0.0, v[2] = 5e-324;
  memcpy(sorted, v, sizeof v);
  qsort(sorted, MANY, sizeof *sorted, by_size);
  for (int k = 0; k <= MANY; k++) {
    int found = 0, equal = 0;
    bool passed_over = false; // one as large as the largest
    take(v, MANY, k, taken);
    for (int i = 0; i < MANY; i++) {
      double magnitude = fabs(v[i]), largest = k ? fabs(sorted[k - 1]) : -1;
      found += taken[i];
      assert_true(taken[i] ? magnitude <= largest : magnitude >= largest);
      if (magnitude != largest) continue;
      equal += taken[i];
      assert_false(taken[i] && passed_over); // the first ones
      passed_over = passed_over || !taken[i];
    }
    assert_int_equal(found, k);
    assert_true(!k || equal > 0);
  }
}

static void test_few(void **state) {
  (void)state;
  bool taken[3];
  take((double[]){NAN, -2, 1}, 3, 2, taken); // NaNs are the largest
  assert_true(!taken[0] && taken[1] && taken[2]);
  take((double[]){3}, 1, 1, taken);
  assert_true(taken[0]);
  take((double[]){3}, 1, 0, taken);
  assert_false(taken[0]);
  take(NULL, 0, 0, taken);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sorted),
      cmocka_unit_test(test_few),
  };
  return cmocka_run_group_tests_name("smallest", tests, NULL, NULL);
}
