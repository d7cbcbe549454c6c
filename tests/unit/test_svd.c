// The singular value decomposition against what is known of matrices: made of given singular values, of Hilbert's, of
// low rank, of equal singular values, of zeros; and against one-sided Jacobi rotations, another algorithm.
#include "passes/graph/svd.h"
#include "tests/unit/unit.h"
#include <math.h>

static double uniform(uint64_t *seed) { return (double)(unit_random(seed) >> 11) * 0x1p-53 * 2 - 1; }

static double *random_matrix(int64_t rows, int64_t cols, uint64_t seed) {
  double *a = xmalloc(sizeof *a * (size_t)(rows * cols));
  for (int64_t i = 0; i < rows * cols; i++) a[i] = uniform(&seed);
  return a;
}

static double norm(int64_t n, const double *a) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += a[i] * a[i];
  return sqrt(sum);
}

static int falling(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x < y) - (x > y);
}

// Hestenes 1958: rotations make the columns orthogonal; their lengths are the singular values.
static double *jacobi(int64_t rows, int64_t cols, const double *from) {
  double *a = xmalloc(sizeof *a * (size_t)(rows * cols)), *values = xcalloc((size_t)cols, sizeof *values);
  memcpy(a, from, sizeof *a * (size_t)(rows * cols));
  for (int sweep = 0; sweep < 30; sweep++)
    for (int64_t p = 0; p < cols; p++)
      for (int64_t q = p + 1; q < cols; q++) {
        double pp = 0, qq = 0, pq = 0;
        for (int64_t i = 0; i < rows; i++) {
          double x = a[i * cols + p], y = a[i * cols + q];
          pp += x * x, qq += y * y, pq += x * y;
        }
        if (fabs(pq) <= 1e-17 * sqrt(pp * qq) || pq == 0) continue;
        double zeta = (qq - pp) / (2 * pq), t = (zeta > 0 ? 1 : -1) / (fabs(zeta) + sqrt(1 + zeta * zeta));
        double c = 1 / sqrt(1 + t * t), s = c * t;
        for (int64_t i = 0; i < rows; i++) {
          double x = a[i * cols + p], y = a[i * cols + q];
          a[i * cols + p] = c * x - s * y;
          a[i * cols + q] = s * x + c * y;
        }
      }
  for (int64_t j = 0; j < cols; j++) {
    for (int64_t i = 0; i < rows; i++) values[j] += a[i * cols + j] * a[i * cols + j];
    values[j] = sqrt(values[j]);
  }
  qsort(values, (size_t)cols, sizeof *values, falling);
  free(a);
  return values;
}

// That the factors of `rank` are what they are said to be; returns their relative error.
static double check_factors(Svd *s, int64_t rows, int64_t cols, const double *a, int64_t rank) {
  double *left = xmalloc(sizeof *left * (size_t)(rows * rank + 1)), *rest = xmalloc(sizeof *a * (size_t)(rows * cols)),
         *right = xmalloc(sizeof *right * (size_t)(rank * cols + 1));
  double said = svd_factors(s, rank, left, right), whole = norm(rows * cols, a);
  memcpy(rest, a, sizeof *a * (size_t)(rows * cols));
  for (int64_t i = 0; i < rows; i++)
    for (int64_t k = 0; k < rank; k++)
      for (int64_t j = 0; j < cols; j++) rest[i * cols + j] -= left[i * rank + k] * right[k * cols + j];
  double error = whole > 0 ? norm(rows * cols, rest) / whole : 0;
  assert_true(fabs(said - error) < 1e-7);
  assert_true(fabs(svd_error(s, rank) - error) < 1e-6);
  for (int64_t k = 0; k < rank; k++) {
    double l = 0, r = norm(cols, right + k * cols), value = svd_value(s, k);
    for (int64_t i = 0; i < rows; i++) l += left[i * rank + k] * left[i * rank + k];
    if (value < 1e-4 * svd_value(s, 0)) continue;
    assert_true(fabs(l - value) <= 1e-6 * svd_value(s, 0));
    assert_true(fabs(r * r - value) <= 1e-6 * svd_value(s, 0));
  }
  free(left), free(right), free(rest);
  return error;
}

static void test_random(void **state) {
  (void)state;
  static const int64_t shapes[][2] = {{1, 1}, {1, 7},   {7, 1},   {2, 2},   {3, 5},
                                      {5, 3}, {17, 17}, {40, 23}, {23, 40}, {64, 65}};
  for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
    int64_t rows = shapes[k][0], cols = shapes[k][1], n = rows < cols ? rows : cols;
    double *a = random_matrix(rows, cols, k + 1), *want = jacobi(rows, cols, a);
    Svd *s = svd_create(rows, cols, a);
    assert_true(fabs(svd_norm(s) - norm(rows * cols, a)) < 1e-12 * svd_norm(s));
    for (int64_t j = 0; j < n; j++) assert_true(fabs(svd_value(s, j) - want[j]) < 1e-7 * want[0]);
    for (int64_t rank = 0; rank <= n; rank++) check_factors(s, rows, cols, a, rank);
    assert_true(check_factors(s, rows, cols, a, n) < 1e-7);
    svd_free(s), free(a), free(want);
  }
}

static double *product(int64_t rows, int64_t inner, int64_t cols, uint64_t seed) {
  double *l = random_matrix(rows, inner, seed), *r = random_matrix(inner, cols, seed + 100);
  double *a = xcalloc((size_t)(rows * cols), sizeof *a);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t k = 0; k < inner; k++)
      for (int64_t j = 0; j < cols; j++) a[i * cols + j] += l[i * inner + k] * r[k * cols + j];
  free(l), free(r);
  return a;
}

static void test_low_rank(void **state) {
  (void)state;
  for (int64_t inner = 1; inner < 12; inner++) {
    double *a = product(30, inner, 48, (uint64_t)inner);
    Svd *s = svd_create(30, 48, a);
    assert_int_equal(svd_rank(s, 1e-5, 30), inner);
    assert_int_equal(svd_rank(s, 1e-5, inner), inner);
    assert_int_equal(svd_rank(s, 1e-5, inner - 1), inner); // one more than allowed
    assert_true(check_factors(s, 30, 48, a, inner) < 1e-7);
    check_factors(s, 30, 48, a, 30); // more than there are
    svd_free(s), free(a);
  }
}

// A matrix known by its Gram matrix alone: the same singular values, and a basis of the same space.
static void test_gram(void **state) {
  (void)state;
  enum { ROWS = 21, COLS = 40, RANK = 5 };
  double *a = random_matrix(ROWS, COLS, 3), gram[ROWS * ROWS] = {0}, q[RANK * ROWS], captured = 0;
  for (int i = 0; i < ROWS; i++)
    for (int j = 0; j < ROWS; j++)
      for (int k = 0; k < COLS; k++) gram[i * ROWS + j] += a[i * COLS + k] * a[j * COLS + k];
  Svd *whole = svd_create(ROWS, COLS, a), *s = svd_create_gram(ROWS, gram);
  for (int j = 0; j < ROWS; j++) assert_true(fabs(svd_value(s, j) - svd_value(whole, j)) < 1e-9 * svd_value(whole, 0));
  svd_basis(s, RANK, q);
  for (int r = 0; r < RANK; r++) {
    for (int k = 0; k <= r; k++) {
      double product = 0;
      for (int i = 0; i < ROWS; i++) product += q[r * ROWS + i] * q[k * ROWS + i];
      assert_true(fabs(product - (r == k)) < 1e-12);
    }
    for (int k = 0; k < COLS; k++) {
      double seen = 0;
      for (int i = 0; i < ROWS; i++) seen += q[r * ROWS + i] * a[i * COLS + k];
      captured += seen * seen;
    }
  }
  double missed = svd_error(whole, RANK) * svd_norm(whole);
  assert_true(fabs(svd_norm(whole) * svd_norm(whole) - captured - missed * missed) < 1e-9 * captured);
  svd_free(s), svd_free(whole), free(a);
}

// The error of each rank falls, and the rank chosen is the first that is allowed.
static void test_rank(void **state) {
  (void)state;
  double *a = random_matrix(31, 31, 5);
  Svd *s = svd_create(31, 31, a);
  for (double error = 0.01; error < 1; error += 0.03) {
    int64_t rank = svd_rank(s, error, 31);
    assert_true(svd_error(s, rank) <= error);
    assert_true(rank == 0 || svd_error(s, rank - 1) > error);
  }
  svd_free(s), free(a);
}

// Equal singular values: any basis of their space will do, but it must be one.
static void test_multiple(void **state) {
  (void)state;
  enum { N = 24 };
  double a[N * N] = {0};
  for (int i = 0; i < N; i++) a[i * N + (i * 7 + 3) % N] = i < 10 ? 5 : i < 20 ? -2 : 0; // a permutation, scaled
  Svd *s = svd_create(N, N, a);
  for (int j = 0; j < N; j++) assert_true(fabs(svd_value(s, j) - (j < 10 ? 5 : j < 20 ? 2 : 0)) < 1e-6);
  assert_int_equal(svd_rank(s, 1e-4, N), 20);
  for (int rank = 0; rank <= N; rank++) check_factors(s, N, N, a, rank);
  svd_free(s);
}

// Singular values over ten orders of magnitude.
static void test_hilbert(void **state) {
  (void)state;
  enum { N = 10 };
  double a[N * N];
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) a[i * N + j] = 1. / (i + j + 1);
  double *want = jacobi(N, N, a);
  assert_true(fabs(want[0] - 1.7519196702651775) < 1e-12); // known
  Svd *s = svd_create(N, N, a);
  for (int j = 0; j < N; j++) assert_true(fabs(svd_value(s, j) - want[j]) < 1e-7 * want[0]);
  for (int rank = 1; rank <= N; rank++) check_factors(s, N, N, a, rank);
  svd_free(s), free(want);
}

static void test_extremes(void **state) {
  (void)state;
  double zeros[12] = {0};
  Svd *s = svd_create(3, 4, zeros);
  assert_int_equal(svd_rank(s, 0.05, 3), 0);
  assert_true(svd_value(s, 0) == 0);
  check_factors(s, 3, 4, zeros, 2);
  svd_free(s);
  for (int power = -60; power <= 60; power += 120) { // of any magnitude that weights may have
    double *a = product(9, 2, 8, 3);
    for (int i = 0; i < 72; i++) a[i] = ldexp(a[i], power);
    s = svd_create(9, 8, a);
    assert_int_equal(svd_rank(s, 1e-4, 8), 2);
    check_factors(s, 9, 8, a, 2);
    svd_free(s), free(a);
  }
}

// The same bits, whenever it is asked.
static void test_deterministic(void **state) {
  (void)state;
  double *a = random_matrix(33, 20, 9), first[33 * 6], second[33 * 6], right[6 * 20], again[6 * 20];
  Svd *s = svd_create(33, 20, a), *t = svd_create(33, 20, a);
  svd_value(t, 19);
  svd_factors(s, 6, first, right);
  svd_factors(t, 6, second, again);
  assert_memory_equal(first, second, sizeof first);
  assert_memory_equal(right, again, sizeof right);
  svd_free(s), svd_free(t), free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_random),        cmocka_unit_test(test_low_rank), cmocka_unit_test(test_rank),
      cmocka_unit_test(test_multiple),      cmocka_unit_test(test_hilbert),  cmocka_unit_test(test_extremes),
      cmocka_unit_test(test_deterministic), cmocka_unit_test(test_gram),
  };
  return cmocka_run_group_tests_name("svd", tests, NULL, NULL);
}
