// Dense linear algebra in double, row-major: what least squares and eigenvectors are made of. Sums are formed in one
// order everywhere, so that results are the same on every machine of equal arithmetic.
#pragma once
#include <stdbool.h>
#include <stdint.h>

double *dense_room(int64_t rows, int64_t cols); // of a matrix, not set; to be freed

double dense_dot(int64_t n, const double *a, const double *b);
void dense_add(int64_t n, double f, const double *x, double *y); // y += f x

void dense_transpose(int64_t rows, int64_t cols, const double *a, double *out);
// a, n x k, times b, k x m. Zeros of `a` cost nothing.
void dense_product(int64_t n, int64_t k, int64_t m, const double *a, const double *b, double *out);
// a, n x k, times the transpose of b, m x k.
void dense_product_turned(int64_t n, int64_t k, int64_t m, const double *a, const double *b, double *out);

// The symmetric matrix a becomes its lower Cholesky factor l, a = l l^T; what stands above the diagonal is not touched.
// `ridge` times the mean of the diagonal is added to the diagonal first. False where a is still not positive definite.
bool dense_factor(int64_t n, double *a, double ridge);
// (l l^T)^-1.
void dense_inverse(int64_t n, const double *l, double *out);
// Each of the rows of x, rows x n, times l^-1; and times (l l^T)^-1.
void dense_solve_lower(int64_t n, const double *l, int64_t rows, double *x);
void dense_solve(int64_t n, const double *l, int64_t rows, double *x);
