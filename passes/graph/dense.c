// Cholesky's method: Golub and Van Loan, Matrix Computations, 4th ed., 4.2.5.
#include "passes/graph/dense.h"
#include "ir/core/arena.h"
#include "ir/core/checked.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

double *dense_room(int64_t rows, int64_t cols) { return xmalloc(sizeof(double) * (size_t)(rows * cols + 1)); }

// In eight sums, whatever the machine's vectors.
double dense_dot(int64_t n, const double *restrict a, const double *restrict b) {
  double s[8] = {0};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int k = 0; k < 8; k++) s[k] += a[i + k] * b[i + k];
  for (; i < n; i++) s[0] += a[i] * b[i];
  return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
}

void dense_add(int64_t n, double f, const double *restrict x, double *restrict y) {
  for (int64_t i = 0; i < n; i++) y[i] += f * x[i];
}

void dense_transpose(int64_t rows, int64_t cols, const double *a, double *out) {
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < cols; j++) out[j * rows + i] = a[i * cols + j];
}

enum { STRIP = 32 }; // rows that are multiplied while those of the other matrix are in the cache

void dense_product(int64_t n, int64_t k, int64_t m, const double *a, const double *b, double *out) {
  memset(out, 0, sizeof *out * (size_t)(n * m));
  for (int64_t at = 0; at < n; at += STRIP)
    for (int64_t j = 0; j < k; j++)
      for (int64_t i = at; i < min_i64(at + STRIP, n); i++)
        if (a[i * k + j] != 0) dense_add(m, a[i * k + j], b + j * m, out + i * m);
}

void dense_product_turned(int64_t n, int64_t k, int64_t m, const double *a, const double *b, double *out) {
  for (int64_t at = 0; at < n; at += STRIP)
    for (int64_t j = 0; j < m; j++)
      for (int64_t i = at; i < min_i64(at + STRIP, n); i++) out[i * m + j] = dense_dot(k, a + i * k, b + j * k);
}

bool dense_factor(int64_t n, double *a, double ridge) {
  double trace = 0;
  for (int64_t i = 0; i < n; i++) trace += a[i * n + i];
  for (int64_t i = 0; i < n; i++) a[i * n + i] += ridge * trace / (double)n;
  for (int64_t i = 0; i < n; i++) {
    double *row = a + i * n;
    for (int64_t j = 0; j < i; j++) row[j] = (row[j] - dense_dot(j, row, a + j * n)) / a[j * n + j];
    double square = row[i] - dense_dot(i, row, row);
    if (!(square > 0)) return false;
    row[i] = sqrt(square);
  }
  return true;
}

void dense_solve_lower(int64_t n, const double *l, int64_t rows, double *x) {
  for (int64_t k = 0; k < rows; k++)
    for (int64_t i = n - 1; i >= 0; i--) {
      double *row = x + k * n;
      row[i] /= l[i * n + i];
      dense_add(i, -row[i], l + i * n, row);
    }
}

void dense_solve(int64_t n, const double *l, int64_t rows, double *x) {
  for (int64_t k = 0; k < rows; k++) // times l^-T: l y = x, from the first on
    for (int64_t i = 0; i < n; i++) {
      double *row = x + k * n;
      row[i] = (row[i] - dense_dot(i, l + i * n, row)) / l[i * n + i];
    }
  dense_solve_lower(n, l, rows, x);
}

// The rows of l^-1 end at the diagonal; their squares are summed as they are known.
void dense_inverse(int64_t n, const double *l, double *out) {
  double *row = xmalloc(sizeof *row * (size_t)(n + 1));
  memset(out, 0, sizeof *out * (size_t)(n * n));
  for (int64_t i = 0; i < n; i++) {
    memset(row, 0, sizeof *row * (size_t)n);
    row[i] = 1;
    for (int64_t k = i; k >= 0; k--) {
      row[k] /= l[k * n + k];
      dense_add(k, -row[k], l + k * n, row);
    }
    for (int64_t k = 0; k <= i; k++) dense_add(k + 1, row[k], row, out + k * n);
  }
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < i; j++) out[j * n + i] = out[i * n + j];
  free(row);
}
