// Observers on distributions whose best range is known, or no better than what they find.
#include "passes/observe.h"
#include "tests/unit/unit.h"
#include <math.h>

static double uniform(uint64_t *seed) { return (double)(unit_random(seed) >> 11) * 0x1p-53; }

// Sum of twelve uniform numbers: mean 0, deviation 1, at most 6.
static double bell(uint64_t *seed) {
  double sum = -6;
  for (int i = 0; i < 12; i++) sum += uniform(seed);
  return sum;
}

typedef struct Drawn {
  double *x;
  int n;
  Histogram h;
} Drawn;

static Drawn histogram_of(int n, double *x) {
  Drawn d = {.x = x, .n = n};
  d.h.min = d.h.max = x[0];
  for (int i = 0; i < n; i++) d.h.min = fmin(d.h.min, x[i]), d.h.max = fmax(d.h.max, x[i]);
  for (int i = 0; i < n; i++) d.h.bins[histogram_bin(&d.h, x[i])]++;
  return d;
}

// Of the numbers themselves, quantized.
static double mean_square(const Drawn *d, ObservedRange r) {
  Steps s = observe_steps(r);
  double sum = 0;
  for (int i = 0; i < d->n; i++) {
    double q = fmin(fmax(rint(d->x[i] / s.scale) + s.zero, 0), 255), e = (q - s.zero) * s.scale - d->x[i];
    sum += e * e;
  }
  return sum / d->n;
}

// A bell, a rectified one, either with one number far out of it.
static Drawn draw(bool rectified, bool far, uint64_t seed) {
  enum { N = 40000 };
  double *x = xmalloc(sizeof *x * N);
  for (int i = 0; i < N; i++) x[i] = bell(&seed);
  for (int i = 0; rectified && i < N; i++) x[i] = fmax(x[i], 0);
  if (far) x[17] = 200;
  return histogram_of(N, x);
}

static void test_every_range(void **state) {
  (void)state;
  for (int k = 0; k < 8; k++) {
    Drawn d = draw(k & 1, k & 2, (uint64_t)k + 1);
    double whole = mean_square(&d, observe_range(&d.h, OBSERVE_MINMAX));
    for (int o = 0; o < OBSERVERS; o++) {
      ObservedRange r = observe_range(&d.h, (Observer)o);
      assert_true(r.low <= 0 && r.high > 0 && r.low >= fmin(d.h.min, 0) && r.high <= d.h.max);
      if (k & 1) assert_true(r.low == 0);
      // Zeros that a rectifier makes are no reason to clip what is not zero.
      double inside = 0;
      for (int i = 0; i < d.n; i++) inside += d.x[i] >= r.low && d.x[i] <= r.high;
      assert_true(inside > 0.98 * d.n);
    }
    assert_true(mean_square(&d, observe_range(&d.h, OBSERVE_MSE)) <= whole * 1.0001);
    ObservedRange r = observe_range(&d.h, OBSERVE_MINMAX);
    assert_true(r.low == fmin(d.h.min, 0) && r.high == d.h.max);
    free(d.x);
  }
}

// One number in 40,000 must not cost all others their steps.
static void test_outlier(void **state) {
  (void)state;
  Drawn d = draw(true, true, 5);
  double whole = mean_square(&d, observe_range(&d.h, OBSERVE_MINMAX));
  assert_true(observe_range(&d.h, OBSERVE_PERCENTILE).high < 5);
  assert_true(observe_range(&d.h, OBSERVE_ENTROPY).high < 100);
  assert_true(mean_square(&d, observe_range(&d.h, OBSERVE_MSE)) <= whole);
  free(d.x);
}

// Of a Laplace distribution clipping pays: the optimum for 8 bits is near 9.9 times its scale (Banner et al. 2019).
static void test_mse_clips(void **state) {
  (void)state;
  enum { N = 200000 };
  uint64_t seed = 9;
  double *x = xmalloc(sizeof *x * N);
  for (int i = 0; i < N; i++) {
    double u = uniform(&seed) - 0.5;
    x[i] = -copysign(log(1 - 2 * fabs(u)), u);
  }
  x[0] = 14, x[1] = -14;
  Drawn d = histogram_of(N, x);
  ObservedRange r = observe_range(&d.h, OBSERVE_MSE);
  assert_true(r.high > 7.5 && r.high < 12 && -r.low > 7.5 && -r.low < 12);
  assert_true(mean_square(&d, r) < 0.95 * mean_square(&d, observe_range(&d.h, OBSERVE_MINMAX)));
  free(x);
}

static void test_steps(void **state) {
  (void)state;
  Steps s = observe_steps((ObservedRange){0, 0});
  assert_true(s.scale == 1 && s.zero == 0);
  s = observe_steps((ObservedRange){0, 255});
  assert_true(s.scale == 1 && s.zero == 0);
  s = observe_steps((ObservedRange){-127.5, 127.5});
  assert_true(s.scale == 1 && s.zero == 128);
  s = observe_steps((ObservedRange){-10, 0});
  assert_int_equal(s.zero, 255);
  s = observe_steps((ObservedRange){1, 2}); // zero is a number of its own
  assert_true(s.zero == 0 && fabs(s.scale - 2. / 255) < 1e-9);
}

// A value that is always the same, and one whose elements all are 0.
static void test_constants(void **state) {
  (void)state;
  for (int k = -1; k <= 1; k++) {
    double x[3] = {k, k, k};
    Drawn d = histogram_of(3, x);
    for (int o = 0; o < OBSERVERS; o++) {
      ObservedRange r = observe_range(&d.h, (Observer)o);
      assert_true(r.low == fmin(k, 0) && r.high == fmax(k, 0));
    }
  }
}

static void test_names(void **state) {
  (void)state;
  Observer o;
  StrBuf why = {0};
  for (int i = 0; i < OBSERVERS; i++) {
    assert_true(observe_read(observe_names[i], &o, &why));
    assert_int_equal(o, i);
  }
  assert_false(observe_read("max", &o, &why));
  assert_string_equal(strbuf_str(&why), "--observer takes minmax, percentile, mse or entropy, not `max`");
  strbuf_free(&why);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_range), cmocka_unit_test(test_outlier),   cmocka_unit_test(test_mse_clips),
      cmocka_unit_test(test_steps),       cmocka_unit_test(test_constants), cmocka_unit_test(test_names),
  };
  return cmocka_run_group_tests_name("observers", tests, NULL, NULL);
}
