// Shapes of matrix products.
#include "ir/graph/infer_common.h"
#include <string.h>

bool infer_linear(Infer *in) {
  const Type *x = operand_type(in, IN_LINEAR_x), *weight = operand_type(in, IN_LINEAR_weight);
  if (!infer_min_rank(in, IN_LINEAR_x, 1) || !infer_rank(in, IN_LINEAR_weight, 2) || !infer_float(in, IN_LINEAR_x) ||
      !infer_same_dtype(in, IN_LINEAR_weight, x))
    return false;
  Dim features = x->dims[x->rank - 1];
  if (!infer_may_equal(in, features, weight->dims[1], "input features"))
    return infer_fail(in, "linear expects %s input features, but `%s` has %s (%s)", infer_dim_str(in, weight->dims[1]),
                      infer_operand_name(in, IN_LINEAR_x), infer_dim_str(in, features), infer_str(in, x));
  Dim dims[MAX_RANK];
  memcpy(dims, x->dims, sizeof *dims * (size_t)x->rank);
  dims[x->rank - 1] = weight->dims[0];
  return infer_parameter(in, IN_LINEAR_bias, x->dtype, 1, weight->dims) && infer_shape(in, x->dtype, x->rank, dims) &&
         infer_like(in, IN_LINEAR_residual, in->results[0]);
}

bool infer_quantized_linear(Infer *in) {
  const Type *x = operand_type(in, IN_QUANTIZED_LINEAR_x), *weight = operand_type(in, IN_QUANTIZED_LINEAR_weight),
             *residual = operand_type(in, IN_QUANTIZED_LINEAR_residual);
  if (!infer_min_rank(in, IN_QUANTIZED_LINEAR_x, 1) || !infer_rank(in, IN_QUANTIZED_LINEAR_weight, 2)) return false;
  if (!infer_may_equal(in, x->dims[x->rank - 1], weight->dims[1], "input features"))
    return infer_fail(in, "quantized_linear expects %s input features, but `%s` is %s",
                      infer_dim_str(in, weight->dims[1]), infer_operand_name(in, IN_QUANTIZED_LINEAR_x),
                      infer_str(in, x));
  Dim dims[MAX_RANK];
  memcpy(dims, x->dims, sizeof *dims * (size_t)x->rank);
  dims[x->rank - 1] = weight->dims[0];
  return infer_scaled_integers(in, weight->dims[0], (DType)INFER_ATTR(in, QUANTIZED_LINEAR, dtype)->i) &&
         infer_shape(in, (DType)INFER_ATTR(in, QUANTIZED_LINEAR, dtype)->i, x->rank, dims) &&
         (!residual ||
          infer_like(in, IN_QUANTIZED_LINEAR_residual, type_with_dtype(in->m, in->results[0], residual->dtype)));
}

bool weights_LINEAR(Infer *in, const Attr *args, const Type **out) {
  int64_t features = infer_arg(in, args, "features")->i, stated = infer_arg(in, args, "in_features")->i;
  const Type *x = operand_type(in, 0);
  Dim inputs;
  if (!infer_min_rank(in, 0, 1) || !infer_known_dim(in, x->rank - 1, &inputs)) return false;
  if (!infer_count(in, "features", features)) return false;
  if (stated && stated != inputs)
    return infer_fail(in, "linear expects %lld input features, but `%s` has %lld (%s)", (long long)stated,
                      infer_operand_name(in, 0), (long long)inputs, infer_str(in, x));
  out[IN_LINEAR_weight] = type_get(in->m, x->dtype, 2, (Dim[]){features, inputs});
  out[IN_LINEAR_bias] = type_get(in->m, x->dtype, 1, &features);
  return true;
}

// As torch.matmul: a vector on the left is a row, one on the right a column, and its dimension of 1 is dropped.
bool infer_matmul(Infer *in) {
  const Type *a = operand_type(in, IN_MATMUL_a), *b = operand_type(in, IN_MATMUL_b);
  if (!infer_min_rank(in, IN_MATMUL_a, 1) || !infer_min_rank(in, IN_MATMUL_b, 1) ||
      !infer_same_dtype(in, IN_MATMUL_b, a))
    return false;
  bool rows = a->rank > 1, columns = b->rank > 1;
  Dim inner_a = a->dims[a->rank - 1], inner_b = b->dims[columns ? b->rank - 2 : 0], dims[MAX_RANK];
  if (!infer_may_equal(in, inner_a, inner_b, "inner dimensions"))
    return infer_fail(in, "matmul: the inner dimensions of %s and %s differ: %s and %s", infer_str(in, a),
                      infer_str(in, b), infer_dim_str(in, inner_a), infer_dim_str(in, inner_b));
  int rank = infer_broadcast(in, rows ? a->rank - 2 : 0, a->dims, columns ? b->rank - 2 : 0, b->dims, dims);
  if (rank < 0) return false;
  if (rows) dims[rank++] = a->dims[a->rank - 2];
  if (columns) dims[rank++] = b->dims[b->rank - 1];
  return infer_shape(in, a->dtype, rank, dims);
}
