// Layers fitted to the inputs that stay, against least squares solved directly: by the normal equations, with Gauss's
// elimination.
#include "passes/graph/prune_fit.h"
#include "tests/unit/unit.h"
#include <math.h>

enum { OUT = 3, CHANNELS = 6, TAPS = 2, N = CHANNELS * TAPS, POSITIONS = 400 };

static double uniform(uint64_t *seed) { return (double)(unit_random(seed) >> 11) * 0x1p-53 * 2 - 1; }

typedef struct Fixture {
  double weights[OUT * N], bias[OUT], x[POSITIONS][N], mean[N], second[N * N];
  CalibrationLayer data;
} Fixture;

// Inputs that depend on each other, away from zero.
static void make(Fixture *f, uint64_t seed) {
  double mix[N][N];
  memset(f, 0, sizeof *f);
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) mix[i][j] = uniform(&seed) * (j < 5 ? 1 : 0.1);
  for (int i = 0; i < OUT * N; i++) f->weights[i] = uniform(&seed);
  for (int o = 0; o < OUT; o++) f->bias[o] = uniform(&seed);
  for (int p = 0; p < POSITIONS; p++) {
    double source[N];
    for (int j = 0; j < N; j++) source[j] = uniform(&seed);
    for (int i = 0; i < N; i++) {
      f->x[p][i] = 0.3 * (i % 3);
      for (int j = 0; j < N; j++) f->x[p][i] += mix[i][j] * source[j];
    }
    for (int i = 0; i < N; i++) {
      f->mean[i] += f->x[p][i] / POSITIONS;
      for (int j = 0; j < N; j++) f->second[i * N + j] += f->x[p][i] * f->x[p][j] / POSITIONS;
    }
  }
  f->data = (CalibrationLayer){"layer", N, POSITIONS, f->mean, f->second};
}

// Rows of b become solutions of A x = b; A is k x k.
static void eliminate(int k, double a[N][N], double b[OUT][N]) {
  for (int i = 0; i < k; i++)
    for (int r = 0; r < k; r++) {
      double factor = a[r][i] / a[i][i];
      for (int c = 0; r != i && c < k; c++) a[r][c] -= factor * a[i][c];
      for (int o = 0; r != i && o < OUT; o++) b[o][r] -= factor * b[o][i];
    }
  for (int i = 0; i < k; i++)
    for (int o = 0; o < OUT; o++) b[o][i] /= a[i][i];
}

// W' = W C[:, kept] C[kept, kept]^-1, and what is lost: tr((W - W') C (W - W')^T).
static double directly(const Fixture *f, const bool *gone, double fitted[OUT][N]) {
  double prior, *c = layer_covariance(&f->data, &prior), a[N][N], b[OUT][N] = {0}, lost = 0;
  int kept[N], k = 0;
  for (int i = 0; i < N; i++)
    if (!gone[i / TAPS]) kept[k++] = i;
  for (int i = 0; i < k; i++) {
    for (int j = 0; j < k; j++) a[i][j] = c[kept[i] * N + kept[j]];
    for (int o = 0; o < OUT; o++)
      for (int j = 0; j < N; j++) b[o][i] += f->weights[o * N + j] * c[j * N + kept[i]];
  }
  eliminate(k, a, b);
  for (int o = 0; o < OUT; o++) {
    double change[N];
    for (int i = 0; i < N; i++) change[i] = f->weights[o * N + i], fitted[o][i] = 0;
    for (int i = 0; i < k; i++) fitted[o][kept[i]] = b[o][i], change[kept[i]] -= b[o][i];
    for (int i = 0; i < N; i++)
      for (int j = 0; j < N; j++) lost += change[i] * c[i * N + j] * change[j];
  }
  free(c);
  return lost;
}

static double square_of(const Fixture *f, double fitted[OUT][N], const PruneFit *fit, bool of_error) {
  double sum = 0;
  for (int p = 0; p < POSITIONS; p++)
    for (int o = 0; o < OUT; o++) {
      double whole = f->bias[o], now = f->bias[o] + prune_fit_bias(fit, o);
      for (int i = 0; i < N; i++) whole += f->weights[o * N + i] * f->x[p][i], now += fitted[o][i] * f->x[p][i];
      double v = of_error ? whole - now : whole;
      sum += v * v / POSITIONS;
    }
  return sum;
}

static void check(const Fixture *f, const PruneFit *fit, const bool *gone, double *lost) {
  double fitted[OUT][N];
  *lost = directly(f, gone, fitted);
  for (int o = 0; o < OUT; o++)
    for (int i = 0; i < N; i++) assert_true(fabs(prune_fit_weight(fit, o, i / TAPS, i % TAPS) - fitted[o][i]) < 1e-8);
  double whole = square_of(f, fitted, fit, false), missed = square_of(f, fitted, fit, true);
  assert_true(fabs(prune_fit_error(fit) - sqrt(missed / whole)) < 1e-8); // measured, biases and all
}

static void test_one_by_one(void **state) {
  (void)state;
  static Fixture f;
  for (uint64_t seed = 1; seed <= 20; seed++) {
    make(&f, seed);
    PruneFit *fit = prune_fit_create(OUT, CHANNELS, TAPS, f.weights, f.bias, &f.data);
    assert_non_null(fit);
    bool gone[CHANNELS] = {0};
    double before = 0, after, whole = 0, nothing[OUT][N] = {0};
    whole = square_of(&f, nothing, fit, false);
    for (int k = 0; k < CHANNELS; k++) {
      int channel = (k * 5 + (int)seed) % CHANNELS;
      double loss = prune_fit_loss(fit, 1, &channel);
      assert_true(prune_fit_has(fit, channel));
      prune_fit_remove(fit, 1, &channel);
      assert_false(prune_fit_has(fit, channel));
      gone[channel] = true;
      check(&f, fit, gone, &after);
      assert_true(fabs(loss * whole - (after - before)) < 1e-8 * whole); // as it was said beforehand
      before = after;
    }
    prune_fit_free(fit);
  }
}

static void test_together(void **state) {
  (void)state;
  static Fixture f;
  make(&f, 7);
  PruneFit *fit = prune_fit_create(OUT, CHANNELS, TAPS, f.weights, NULL, &f.data);
  bool gone[CHANNELS] = {false, true, false, true, true, false};
  double lost, fitted[OUT][N];
  prune_fit_remove(fit, 3, (int[]){4, 1, 3});
  lost = directly(&f, gone, fitted);
  assert_true(lost > 0);
  for (int o = 0; o < OUT; o++)
    for (int i = 0; i < N; i++) assert_true(fabs(prune_fit_weight(fit, o, i / TAPS, i % TAPS) - fitted[o][i]) < 1e-8);
  prune_fit_free(fit);
}

// Of inputs that are all zero nothing is lost, and nothing breaks.
static void test_zeros(void **state) {
  (void)state;
  static Fixture f;
  make(&f, 3);
  memset(f.mean, 0, sizeof f.mean), memset(f.second, 0, sizeof f.second);
  PruneFit *fit = prune_fit_create(OUT, CHANNELS, TAPS, f.weights, NULL, &f.data);
  assert_null(fit); // no covariance to invert: channels are ranked by size
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_one_by_one),
      cmocka_unit_test(test_together),
      cmocka_unit_test(test_zeros),
  };
  return cmocka_run_group_tests_name("prune fit", tests, NULL, NULL);
}
