// The singular value decomposition of a real matrix, in double, as far as low-rank approximation needs it: the leading
// singular values, and the best factors of a given rank (Eckart and Young 1936).
#pragma once
#include <stdint.h>

typedef struct Svd Svd;

// Of `a`, rows x cols, row-major, which is copied. Free with svd_free.
Svd *svd_create(int64_t rows, int64_t cols, const double *a);
// Of a matrix of n rows that is known by its Gram matrix alone, n x n: all but svd_factors can be asked.
Svd *svd_create_gram(int64_t n, const double *gram);
void svd_free(Svd *s);
// The j-th largest singular value, 0 <= j < min(rows, cols); within 1e-7 of the largest one.
double svd_value(Svd *s, int64_t j);
double svd_norm(const Svd *s); // of the matrix, by Frobenius
// The smallest rank whose approximation is within `error` of the matrix, relative, by Frobenius; most + 1 where that is
// more than `most`.
int64_t svd_rank(Svd *s, double error, int64_t most);
// The relative error of the best approximation of this rank.
double svd_error(Svd *s, int64_t rank);
// The directions of the `rank` largest singular values on the smaller side, on that of rows where both are alike: one a
// row of q, orthonormal.
void svd_basis(const Svd *s, int64_t rank, double *q);
// left, rows x rank, times right, rank x cols, is the best approximation. The factors share each singular value:
// columns of `left` and rows of `right` have its square root as their length. Returns the relative error of the product
// itself.
double svd_factors(const Svd *s, int64_t rank, double *left, double *right);
