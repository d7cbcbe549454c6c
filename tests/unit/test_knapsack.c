// The knapsack's answers beside those of trying everything.
#include "driver/knapsack.h"
#include "tests/unit/unit.h"
#include <math.h>
#include <stdlib.h>

enum { MOST = 6, ITEMS = 3 };

static double uniform(uint64_t *seed) { return (double)(unit_random(seed) >> 11) * 0x1p-53; }

static double total(const KnapsackItem *items, size_t n, const int *taken, double *cost) {
  double time = 0;
  *cost = 0;
  for (size_t i = 0; i < n; i++) {
    time += items[i * ITEMS + (size_t)taken[i]].time;
    *cost += items[i * ITEMS + (size_t)taken[i]].cost;
  }
  return time;
}

// The least time of all combinations whose costs add up to `budget` at most.
static double least_time(const KnapsackItem *items, size_t n, double budget) {
  int taken[MOST] = {0};
  double best = INFINITY, cost;
  for (;;) {
    double time = total(items, n, taken, &cost);
    if (cost <= budget && time < best) best = time;
    size_t i = 0;
    while (i < n && ++taken[i] == ITEMS) taken[i++] = 0;
    if (i == n) return best;
  }
}

static void test_random(void **state) {
  (void)state;
  uint64_t seed = 7;
  for (int round = 0; round < 200; round++) {
    size_t n = 1 + (size_t)(unit_random(&seed) % MOST);
    KnapsackItem items[MOST * ITEMS];
    for (size_t i = 0; i < n * ITEMS; i++) items[i] = (KnapsackItem){uniform(&seed), i % ITEMS ? uniform(&seed) : 0};
    double budget = uniform(&seed) * (double)n, cost;
    int taken[MOST];
    knapsack_solve(items, n, ITEMS, budget, taken);
    double time = total(items, n, taken, &cost);
    assert_true(cost <= budget + 1e-12);
    assert_true(time >= least_time(items, n, budget) - 1e-12);
    // Costs are rounded up, by a step for each group.
    assert_true(time <= least_time(items, n, budget * (1 - (double)n / KNAPSACK_STEPS)) + 1e-12);
  }
}

static void test_ends(void **state) {
  (void)state;
  const KnapsackItem items[] = {{5, 0}, {1, INFINITY}, {2, 1}, {3, 0}, {2, NAN}, {1, 0}};
  int taken[2];
  knapsack_solve(items, 2, ITEMS, 1, taken);
  assert_int_equal(taken[0], 2);
  assert_int_equal(taken[1], 2);
  knapsack_solve(items, 2, ITEMS, 0.5, taken);
  assert_int_equal(taken[0], 0);
  knapsack_solve(items, 2, ITEMS, 0, taken); // what costs nothing can be had for nothing
  assert_int_equal(taken[0], 0);
  assert_int_equal(taken[1], 2);
  knapsack_solve(items, 0, ITEMS, 1, taken);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_random), cmocka_unit_test(test_ends)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
