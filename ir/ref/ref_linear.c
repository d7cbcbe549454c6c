// Matrix products.
#include "ir/ref/ref_ops.h"

bool ref_linear(RefCall *c) {
  const RefTensor *x = ref_in(c, IN_LINEAR_x), *weight = ref_in(c, IN_LINEAR_weight), *bias = ref_in(c, IN_LINEAR_bias);
  int64_t rows = ref_product(x->dims, x->rank - 1);
  ref_affine(rows, x->f, weight, bias, c->out->f, weight->dims[0]);
  return ref_epilogue(c, ref_in(c, IN_LINEAR_residual), NODE_ATTR(c->node, LINEAR, act));
}

bool ref_quantized_linear(RefCall *c) {
  const RefTensor *x = c->in[IN_QUANTIZED_LINEAR_x], *weight = c->in[IN_QUANTIZED_LINEAR_weight];
  int64_t inputs = weight->dims[1], outputs = weight->dims[0], rows = ref_product(x->dims, x->rank - 1);
  double *in = ref_centered(x, NODE_ATTR(c->node, QUANTIZED_LINEAR, zero_point)->i), *w = ref_centered(weight, 0);
  double *sums = xcalloc((size_t)max_i64(c->out->count, 1), sizeof *sums);
  ref_gemm(rows, outputs, inputs, (RefMatrix){in, inputs, 1}, (RefMatrix){w, 1, inputs}, sums, outputs);
  bool ok = ref_scale(
      c, &(RefScaling){sums, 1, outputs, c->in[IN_QUANTIZED_LINEAR_scale], ref_in(c, IN_QUANTIZED_LINEAR_bias),
                       ref_in(c, IN_QUANTIZED_LINEAR_residual), ref_in(c, IN_QUANTIZED_LINEAR_table),
                       NODE_ATTR(c->node, QUANTIZED_LINEAR, residual_scale),
                       NODE_ATTR(c->node, QUANTIZED_LINEAR, y_zero_point), NODE_ATTR(c->node, QUANTIZED_LINEAR, low),
                       NODE_ATTR(c->node, QUANTIZED_LINEAR, high)});
  free(in);
  free(w);
  free(sums);
  return ok;
}

// Integers modulo 2^64, as the hardware multiplies them.
static void multiply_integers(int64_t m, int64_t n, int64_t k, const int64_t *a, const int64_t *b, int64_t *out) {
  for (int64_t i = 0; i < m; i++)
    for (int64_t p = 0; p < k; p++)
      for (int64_t j = 0; j < n; j++)
        out[i * n + j] = (int64_t)((uint64_t)out[i * n + j] + (uint64_t)a[i * k + p] * (uint64_t)b[p * n + j]);
}

// A vector on the left is a row, one on the right a column; its dimension of 1 is not in the result.
bool ref_matmul(RefCall *c) {
  const RefTensor *a = ref_in(c, IN_MATMUL_a), *b = ref_in(c, IN_MATMUL_b);
  RefTensor *out = &c->out[0];
  int64_t m = a->rank > 1 ? a->dims[a->rank - 2] : 1, k = a->dims[a->rank - 1],
          n = b->rank > 1 ? b->dims[b->rank - 1] : 1;
  if (b->dims[b->rank > 1 ? b->rank - 2 : 0] != k)
    return ref_fail(c, "the inner dimensions of a matrix product differ");
  RefWalk batch = ref_walk(out->rank - (a->rank > 1) - (b->rank > 1), out->dims);
  if (!ref_walk_broadcast(&batch, 0, c, a, 2) || !ref_walk_broadcast(&batch, 1, c, b, 2)) return false;
  for (int64_t at = 0; at < out->count; at += m * n, ref_walk_next(&batch)) {
    int64_t i = batch.offset[0], j = batch.offset[1];
    if (out->f)
      ref_gemm(m, n, k, (RefMatrix){a->f + i, k, 1}, (RefMatrix){b->f + j, n, 1}, out->f + at, n);
    else
      multiply_integers(m, n, k, a->i + i, b->i + j, out->i + at);
  }
  return true;
}
