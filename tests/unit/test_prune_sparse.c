// Weights made zero where outputs miss them least: how many, what is lost beside zeros alone and beside the slow,
// greedy choice, and nothing moved where inputs have nothing to do with each other.
#include "passes/graph/dense.h"
#include "passes/graph/prune_sparse.h"
#include "tests/unit/unit.h"
#include <math.h>

enum { OUT = 5, N = 131, POSITIONS = 600 };

static double uniform(uint64_t *seed) { return (double)(unit_random(seed) >> 11) * 0x1p-53 * 2 - 1; }

typedef struct Fixture {
  double w[OUT * N], mean[N], second[N * N];
  CalibrationLayer data;
} Fixture;

// `mixed`: inputs that depend on each other, away from zero; else inputs that do not, some larger than others.
static void make(Fixture *f, bool mixed, uint64_t seed) {
  memset(f, 0, sizeof *f);
  for (int k = 0; k < OUT * N; k++) f->w[k] = uniform(&seed);
  f->data = (CalibrationLayer){"layer", N, POSITIONS, f->mean, f->second};
  for (int i = 0; i < N && !mixed; i++) f->second[i * N + i] = i % 2 ? 4 : 1;
  for (int p = 0; p < POSITIONS && mixed; p++) {
    double source[8], x[N];
    for (int j = 0; j < 8; j++) source[j] = uniform(&seed);
    for (int i = 0; i < N; i++) x[i] = source[i % 8] + 0.5 * source[i / 3 % 8] + 0.2 * uniform(&seed) + 0.3 * (i % 3);
    for (int i = 0; i < N; i++) {
      f->mean[i] += x[i] / POSITIONS;
      for (int j = 0; j < N; j++) f->second[i * N + j] += x[i] * x[j] / POSITIONS;
    }
  }
}

// The mean square of the outputs, relative to that of weights `of`, that is lost where w stands in their place.
static double loss(const Fixture *f, const double *of, const double *w) {
  double lost = 0, all = 0;
  for (int o = 0; o < OUT; o++)
    for (int i = 0; i < N; i++)
      for (int j = 0; j < N; j++) {
        double c = f->second[i * N + j] - f->mean[i] * f->mean[j];
        lost += (of[o * N + i] - w[o * N + i]) * c * (of[o * N + j] - w[o * N + j]);
        all += of[o * N + i] * c * of[o * N + j];
      }
  return sqrt(lost / all);
}

static int count_zeros(const double *w) {
  int zeros = 0;
  for (int k = 0; k < OUT * N; k++) zeros += w[k] == 0;
  return zeros;
}

static int by_size(const void *a, const void *b) {
  double x = fabs(*(const double *)a), y = fabs(*(const double *)b);
  return (x > y) - (x < y);
}

static void smallest_go(double *w, int zeros) {
  double sorted[OUT * N];
  memcpy(sorted, w, sizeof sorted);
  qsort(sorted, OUT * N, sizeof *sorted, by_size);
  for (int k = 0; k < OUT * N; k++)
    if (zeros && fabs(w[k]) <= fabs(sorted[zeros - 1])) w[k] = 0;
}

static void test_fitted(void **state) {
  (void)state;
  static const int some[] = {0, 1, 200, OUT * N / 2, OUT * N * 7 / 10, OUT * N * 9 / 10, OUT * N - 7, OUT * N};
  for (size_t k = 0; k < sizeof some / sizeof *some; k++) {
    Fixture f;
    double w[OUT * N], plain[OUT * N], bias[OUT], error;
    make(&f, true, 7 + k);
    memcpy(w, f.w, sizeof w), memcpy(plain, f.w, sizeof plain);
    assert_true(prune_sparse(&f.data, OUT, w, some[k], bias, &error));
    smallest_go(plain, some[k]);
    assert_int_equal(count_zeros(w), some[k]);
    assert_float_equal(error, loss(&f, f.w, w), 1e-6);
    assert_true(error <= loss(&f, f.w, plain) + 1e-12);
    if (some[k] >= 200 && some[k] <= OUT * N * 7 / 10) assert_true(error < 0.25 * loss(&f, f.w, plain));
    for (int o = 0; o < OUT; o++) {
      double mean = 0;
      for (int i = 0; i < N; i++) mean += (f.w[o * N + i] - w[o * N + i]) * f.mean[i];
      assert_float_equal(bias[o], mean, 1e-9);
    }
  }
}

// No weight that is kept can be moved without a loss: the gradients by them are 0, but for the prior.
static void test_least_squares(void **state) {
  (void)state;
  Fixture f;
  double w[OUT * N], bias[OUT], error, prior;
  make(&f, true, 5);
  double *h = layer_covariance(&f.data, &prior);
  memcpy(w, f.w, sizeof w);
  assert_true(prune_sparse(&f.data, OUT, w, OUT * N * 3 / 4, bias, &error));
  for (int k = 0; k < OUT * N; k++) {
    double gradient = 0, all = 0;
    for (int j = 0; j < N; j++) {
      gradient += h[k % N * N + j] * (f.w[k / N * N + j] - w[k / N * N + j]);
      all += fabs(h[k % N * N + j] * f.w[k / N * N + j]);
    }
    if (w[k] != 0) assert_true(fabs(gradient) < 1e-3 * all);
  }
  free(h);
}

// The square lost where weights of one output go one by one, the cheapest each time and all others fitted again
// (optimal brain compression: Frantar and Alistarh 2022).
static double greedy(const double *h, int n, const double *of, int zeros) {
  double factor[N * N], inverse[N * N], w[N], lost = 0;
  memcpy(factor, h, sizeof *h * (size_t)(n * n)), memcpy(w, of, sizeof *w * (size_t)n);
  assert_true(dense_factor(n, factor, 0));
  dense_inverse(n, factor, inverse);
  for (bool gone[N] = {0}; zeros > 0; zeros--) {
    int at = -1;
    double least = INFINITY, column[N];
    for (int i = 0; i < n; i++) {
      double cost = gone[i] ? INFINITY : w[i] * w[i] / inverse[i * n + i];
      if (cost < least) least = cost, at = i;
    }
    for (int i = 0; i < n; i++) column[i] = inverse[i * n + at] / inverse[at * n + at];
    for (int i = 0; i < n; i++) {
      w[i] -= i == at ? 0 : w[at] * column[i];
      for (int j = 0; j < n; j++) inverse[i * n + j] -= i == at || j == at ? 0 : column[i] * inverse[at * n + j];
    }
    gone[at] = true, w[at] = 0, lost += least;
    for (int i = 0; i < n; i++) inverse[at * n + i] = inverse[i * n + at] = 0;
  }
  return lost;
}

// Inputs that depend on each other in as many ways as there are, some much more than others.
static void mix(Fixture *f, uint64_t seed) {
  make(f, false, seed);
  memset(f->second, 0, sizeof f->second);
  for (int k = 0; k < N; k++) {
    double way[N];
    for (int i = 0; i < N; i++) way[i] = uniform(&seed) / sqrt(1 + k);
    for (int i = 0; i < N; i++) dense_add(N, way[i], way, f->second + i * N);
  }
}

// Over some layers, hardly worse than what takes the cube of the inputs for each output.
static void test_choice(void **state) {
  (void)state;
  double sums[2] = {0};
  for (uint64_t seed = 1; seed <= 10; seed++) {
    Fixture f;
    double w[OUT * N], change[N], bias[OUT], error, prior;
    mix(&f, seed);
    double *h = layer_covariance(&f.data, &prior);
    memcpy(w, f.w, sizeof w);
    assert_true(prune_sparse(&f.data, OUT, w, OUT * N * 7 / 10, bias, &error));
    for (int o = 0; o < OUT; o++) {
      for (int i = 0; i < N; i++) change[i] = f.w[o * N + i] - w[o * N + i];
      for (int i = 0; i < N; i++) sums[0] += change[i] * dense_dot(N, h + i * N, change);
      sums[1] += greedy(h, N, f.w + o * N, N * 7 / 10);
    }
    free(h);
  }
  assert_true(sums[0] < 1.15 * sums[1]);
}

// Few inputs, or few outputs: from one of each on.
static void test_small(void **state) {
  (void)state;
  Fixture f;
  make(&f, true, 2);
  for (int n = 1; n < 12; n++)
    for (int zeros = 0; zeros <= n; zeros++) {
      double w[12], second[144], bias, error;
      for (int i = 0; i < n; i++) memcpy(second + i * n, f.second + i * N, sizeof *second * (size_t)n);
      CalibrationLayer some = {"layer", n, POSITIONS, f.mean, second};
      memcpy(w, f.w, sizeof w);
      assert_true(prune_sparse(&some, 1, w, zeros, &bias, &error));
      int found = 0;
      for (int i = 0; i < n; i++) found += w[i] == 0;
      assert_int_equal(found, zeros);
      assert_true(zeros ? error > 0 && error <= 1 : error == 0);
    }
}

static void test_independent(void **state) {
  (void)state;
  Fixture f;
  double w[OUT * N], bias[OUT], error, most = 0, least = INFINITY;
  make(&f, false, 3);
  memcpy(w, f.w, sizeof w);
  assert_true(prune_sparse(&f.data, OUT, w, OUT * N / 3, bias, &error));
  assert_int_equal(count_zeros(w), OUT * N / 3);
  for (int k = 0; k < OUT * N; k++) {
    double cost = f.w[k] * f.w[k] * f.second[k % N * N + k % N];
    if (w[k] != 0) assert_float_equal(w[k], f.w[k], 1e-12);
    if (w[k] == 0) most = fmax(most, cost);
    if (w[k] != 0) least = fmin(least, cost);
  }
  assert_true(most < least);
}

static void test_no_covariance(void **state) {
  (void)state;
  Fixture f;
  double w[OUT * N], bias[OUT], error;
  make(&f, true, 1);
  f.second[0] = NAN;
  memcpy(w, f.w, sizeof w);
  assert_false(prune_sparse(&f.data, OUT, w, 10, bias, &error));
  assert_memory_equal(w, f.w, sizeof w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_fitted), cmocka_unit_test(test_least_squares), cmocka_unit_test(test_choice),
      cmocka_unit_test(test_small),  cmocka_unit_test(test_independent),   cmocka_unit_test(test_no_covariance),
  };
  return cmocka_run_group_tests_name("prune sparse", tests, NULL, NULL);
}
