// Which layers go back to f32, on networks whose times are made up.
#include "driver/settle.h"
#include "tests/unit/unit.h"
#include <math.h>

enum { MOST = 12 };

typedef size_t (*Choice)(const SettledLayer *l, size_t n, bool *set);

// Fails unless the layers with an x are what is chosen.
static void expect(Choice choice, const SettledLayer *l, const char *expected) {
  bool set[MOST];
  size_t n = strlen(expected), count = 0;
  memset(set, true, sizeof set);
  for (size_t i = 0; i < n; i++) count += expected[i] == 'x';
  assert_int_equal(choice(l, n, set), count);
  for (size_t i = 0; i < n; i++)
    if (set[i] != (expected[i] == 'x')) fail_msg("layer %zu of %s: %d", i, expected, set[i]);
}

static size_t all_probes(const SettledLayer *l, size_t n, bool *set) { return settle_probes(l, n, n, set); }
static size_t one_probe(const SettledLayer *l, size_t n, bool *set) { return settle_probes(l, n, 1, set); }

static void test_allowance(void **state) {
  (void)state;
  // 3% of long layers, 0.1 us of short ones.
  assert_true(settle_excess(100, 102.9) < 0 && settle_excess(100, 103.1) > 0);
  assert_true(settle_excess(1, 1.09) < 0 && settle_excess(1, 1.11) > 0);
  assert_true(settle_excess(0, 0.09) < 0 && settle_excess(0, 0.11) > 0);
  assert_true(settle_excess(100, 50) < 0);
}

static void test_probes(void **state) {
  (void)state;
  // The worst first, no two nearer than three layers to each other.
  const SettledLayer l[] = {{10, 12, true, false}, {10, 13, true, false}, {10, 12, true, false}, {10, 9, true, false},
                            {10, 14, true, false}, {10, 9, true, false},  {10, 11, true, false}, {10, 11, true, false}};
  expect(all_probes, l, ".x..x..x");
  expect(one_probe, l, "....x...");
  const SettledLayer fine[] = {{10, 10.2, true, false}, {10, 9, true, false}, {10, 12, true, true}};
  expect(all_probes, fine, "...");
  expect(all_probes, fine, "");
  // One of f32 that is slower asks for a changed neighbour; one without such is let be.
  const SettledLayer beside[] = {{10, 9, true, false},   {10, 12, false, false}, {10, 10, false, false},
                                 {10, 20, false, false}, {10, 10, false, false}, {10, 9, true, false}};
  expect(all_probes, beside, "x.....");
}

static void test_runs(void **state) {
  (void)state;
  // The second run is slower by what the layer behind it has to convert, the first is not for all that one of it is.
  const SettledLayer l[] = {{10, 8, true, false},   {10, 11, true, false}, {10, 10, false, false},
                            {10, 9.9, true, false}, {10, 10, true, false}, {10, 14, false, false},
                            {10, 12, false, false}, {10, 12, true, false}};
  expect(settle_runs, l, "...xx..x");
  expect(settle_runs, l, "...");
  const SettledLayer f32[] = {{10, 20, false, false}, {10, 20, false, false}};
  expect(settle_runs, f32, "..");
}

static void test_in_place(void **state) {
  (void)state;
  const SettledLayer l[] = {{10, 8, true, false}, {10, 11, true, false}, {10, 8, true, false}, {10, 8, true, false}};
  const double gains[] = {8.5, 10, 8.5, 20}, loses[] = {8.5, 10, 11.5, 20};
  assert_true(fabs(settle_in_place(l, 4, 1, gains) - 11) < 1e-9);
  assert_true(fabs(settle_in_place(l, 4, 1, loses) - 14) < 1e-9);
  assert_true(fabs(settle_in_place(l, 4, 0, gains) - 7.5) < 1e-9); // at the ends there is one neighbour
  assert_true(fabs(settle_in_place(l, 4, 3, gains) - 20.5) < 1e-9);
}

// Whatever is slower: trying in f32 what is asked for, and sending it back or keeping it, comes to an end at which no
// layer that was not kept is slower, nor is one of f32 beside a layer that was not.
static void test_end(void **state) {
  (void)state;
  uint64_t seed = 11;
  for (int round = 0; round < 500; round++) {
    SettledLayer l[MOST];
    bool probe[MOST];
    size_t n = 1 + (size_t)(unit_random(&seed) % MOST), left = n;
    for (size_t i = 0; i < n; i++) l[i] = (SettledLayer){10, 8, unit_random(&seed) % 2, false};
    for (size_t i = 0; i < n; i++) l[i].after += (double)(unit_random(&seed) % 5);
    for (size_t count; (count = settle_probes(l, n, n, probe)); left -= count) {
      assert_true(count <= left);
      for (size_t i = 0; i < n; i++) {
        if (!probe[i]) continue;
        assert_true(l[i].changed && !l[i].kept);
        if (unit_random(&seed) % 2)
          l[i].kept = true;
        else
          l[i].changed = false, l[i].after = 10;
      }
    }
    for (size_t i = 0; i < n; i++) assert_true(l[i].kept || !l[i].changed || settle_excess(10, l[i].after) <= 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_allowance), cmocka_unit_test(test_probes),
                                     cmocka_unit_test(test_runs), cmocka_unit_test(test_in_place),
                                     cmocka_unit_test(test_end)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
