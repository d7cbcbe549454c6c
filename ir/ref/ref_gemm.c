// The matrix product in double: sums in the order of k, vectorised across columns, so nothing is reassociated.
#include "ir/ref/ref_ops.h"

enum { TILE = 256 }; // columns packed at a time; four rows of them in C stay in the first cache

void ref_gemm_packed(int64_t m, int64_t n, int64_t k, RefMatrix a, const double *b, double *c, int64_t c_row) {
  int64_t i = 0;
  for (; i + 4 <= m; i += 4) { // four rows share each load of B
    double *restrict c0 = c + i * c_row, *restrict c1 = c0 + c_row, *restrict c2 = c1 + c_row,
                     *restrict c3 = c2 + c_row;
    for (int64_t p = 0; p < k; p++) {
      const double *at = a.data + i * a.row + p * a.col, *restrict row = b + p * n;
      double a0 = at[0], a1 = at[a.row], a2 = at[2 * a.row], a3 = at[3 * a.row];
      for (int64_t j = 0; j < n; j++) {
        c0[j] += a0 * row[j];
        c1[j] += a1 * row[j];
        c2[j] += a2 * row[j];
        c3[j] += a3 * row[j];
      }
    }
  }
  for (; i < m; i++)
    for (int64_t p = 0; p < k; p++) {
      double v = a.data[i * a.row + p * a.col], *restrict to = c + i * c_row;
      const double *restrict row = b + p * n;
      for (int64_t j = 0; j < n; j++) to[j] += v * row[j];
    }
}

void ref_gemm(int64_t m, int64_t n, int64_t k, RefMatrix a, RefMatrix b, double *c, int64_t c_row) {
  double *packed = xmalloc(sizeof *packed * (size_t)(max_i64(k, 1) * min_i64(max_i64(n, 1), TILE)));
  for (int64_t j0 = 0; j0 < n; j0 += TILE) {
    int64_t width = min_i64(TILE, n - j0);
    if (b.col == 1)
      for (int64_t p = 0; p < k; p++)
        for (int64_t j = 0; j < width; j++) packed[p * width + j] = b.data[p * b.row + j0 + j];
    else
      for (int64_t j = 0; j < width; j++)
        for (int64_t p = 0; p < k; p++) packed[p * width + j] = b.data[p * b.row + (j0 + j) * b.col];
    ref_gemm_packed(m, width, k, a, packed, c + j0, c_row);
  }
  free(packed);
}

void ref_affine(int64_t rows, const double *x, const RefTensor *weight, const RefTensor *bias, double *out,
                int64_t out_row) {
  int64_t outputs = weight->dims[0], inputs = weight->dims[1];
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < outputs; j++) out[i * out_row + j] = bias ? bias->f[j] : 0;
  ref_gemm(rows, outputs, inputs, (RefMatrix){x, inputs, 1}, (RefMatrix){weight->f, 1, inputs}, out, out_row);
}
