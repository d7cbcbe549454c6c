// Moments of what layers read, against plain sums over windows; the same bits whatever the order of samples; and no
// more positions than what keeps the sums exact.
#include "passes/moments.h"
#include "tests/unit/unit.h"
#include <math.h>

enum { SAMPLES = 3, C = 2, H = 7, W = 5, PICTURE = C * H * W };

static const MomentWindow WINDOW = {.channels = C,
                                    .kernel = {3, 2},
                                    .stride = {2, 1},
                                    .dilation = {1, 2},
                                    .padding = {1, 0},
                                    .behind = {2, 1},
                                    .picture = true};
static const int64_t EXTENTS[] = {1, C, H, W};

static double uniform(uint64_t *seed) { return (double)(unit_random(seed) >> 11) * 0x1p-53 * 2 - 1; }

static void make(float x[SAMPLES][PICTURE]) {
  uint64_t seed = 5;
  for (int s = 0; s < SAMPLES; s++)
    for (int i = 0; i < PICTURE; i++) x[s][i] = (float)(uniform(&seed) + 0.3);
}

static double pixel(const float *x, int64_t c, int64_t y, int64_t column) {
  return y < 0 || y >= H || column < 0 || column >= W ? 0 : (double)x[(c * H + y) * W + column];
}

static const CalibrationLayer *finished(Moments *m, Calibration *c) {
  moments_finish(m, "layer", c);
  moments_free(m);
  return calibration_layer(c, "layer");
}

static void test_windows(void **state) {
  (void)state;
  float x[SAMPLES][PICTURE];
  make(x);
  Moments m;
  moments_init(&m, &WINDOW, 1.3);
  for (size_t s = 0; s < SAMPLES; s++) moments_add(&m, x[s], 4, EXTENTS, s, SAMPLES);
  enum { N = C * 3 * 2, ROWS = 4, COLUMNS = 4 }; // (7 + 3 - 3) / 2 + 1, 5 + 1 - 2
  double mean[N] = {0}, second[N][N] = {{0}};
  for (int s = 0; s < SAMPLES; s++)
    for (int p = 0; p < ROWS * COLUMNS; p++) {
      double row[N];
      for (int i = 0; i < N; i++) row[i] = pixel(x[s], i / 6, p / COLUMNS * 2 - 1 + i / 2 % 3, p % COLUMNS + i % 2 * 2);
      for (int i = 0; i < N; i++) {
        mean[i] += row[i] / (SAMPLES * ROWS * COLUMNS);
        for (int j = 0; j < N; j++) second[i][j] += row[i] * row[j] / (SAMPLES * ROWS * COLUMNS);
      }
    }
  Calibration *c = calibration_create();
  const CalibrationLayer *l = finished(&m, c);
  assert_int_equal(l->n, N);
  assert_int_equal(l->count, SAMPLES * ROWS * COLUMNS);
  for (int i = 0; i < N; i++) {
    assert_true(fabs(l->mean[i] - mean[i]) < 1e-4);
    for (int j = 0; j < N; j++) assert_true(fabs(l->second[i * N + j] - second[i][j]) < 2e-4);
  }
  assert_null(calibration_layer(c, "other"));
  calibration_destroy(c);
}

static void test_any_order(void **state) {
  (void)state;
  float x[SAMPLES][PICTURE];
  make(x);
  Moments a, b;
  moments_init(&a, &WINDOW, 1.3), moments_init(&b, &WINDOW, 1.3);
  for (size_t s = 0; s < SAMPLES; s++) moments_add(&a, x[s], 4, EXTENTS, s, SAMPLES);
  for (size_t s = SAMPLES; s-- > 0;) moments_add(&b, x[s], 4, EXTENTS, s, SAMPLES);
  assert_memory_equal(a.sums, b.sums, sizeof *a.sums * (size_t)(a.n + a.n * a.n));
  moments_free(&a), moments_free(&b);
}

// Of tokens, each of which says which it is: a few of them, all different, and others of the next sample.
static void test_few_positions(void **state) {
  (void)state;
  enum { TOKENS = 1000, MANY = 1 << 20 }; // 2^22 positions at most: four of each sample
  float x[TOKENS];
  for (int i = 0; i < TOKENS; i++) x[i] = (float)i;
  MomentWindow tokens = {.channels = 1, .kernel = {1, 1}};
  Moments m;
  moments_init(&m, &tokens, 32768); // units of 1
  int64_t extents[] = {1, TOKENS, 1};
  moments_add(&m, x, 3, extents, 0, MANY);
  assert_int_equal(m.count, 4);
  double first = m.sums[0], squares = m.sums[1];
  assert_true(squares > first * first / 4); // not the same each time
  moments_add(&m, x, 3, extents, 1, MANY);
  assert_int_equal(m.count, 8);
  assert_true(m.sums[0] - first != first);
  moments_add(&m, x, 3, (int64_t[]){1, 0, 1}, 2, MANY); // none at all
  assert_int_equal(m.count, 8);
  moments_free(&m);
  moments_init(&m, &tokens, 32768);
  moments_add(&m, x, 3, extents, 7, 1); // all, each once
  assert_true(m.count == TOKENS && m.sums[0] == TOKENS * (TOKENS - 1) / 2);
  moments_free(&m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_windows),
      cmocka_unit_test(test_any_order),
      cmocka_unit_test(test_few_positions),
  };
  return cmocka_run_group_tests_name("moments", tests, NULL, NULL);
}
