// Shapes of normalizations: the operand's own.
#include "ir/graph/infer_common.h"

bool infer_batch_norm(Infer *in) {
  const Type *x = operand_type(in, 0);
  if (!infer_min_rank(in, 0, 2) || !infer_float(in, 0)) return false;
  for (int i = 1; i < in->n_operands; i++)
    if (!infer_parameter(in, i, x->dtype, 1, &x->dims[1])) return false;
  return infer_same(in, x);
}

bool weights_BATCH_NORM(Infer *in, const Attr *args, const Type **out) {
  (void)args;
  Dim channels;
  if (!infer_min_rank(in, 0, 2) || !infer_known_dim(in, 1, &channels)) return false;
  for (int i = IN_BATCH_NORM_weight; i <= IN_BATCH_NORM_running_var; i++)
    out[i] = type_get(in->m, operand_type(in, 0)->dtype, 1, &channels);
  return true;
}

bool infer_layer_norm(Infer *in) {
  const Type *x = operand_type(in, 0);
  if (!infer_min_rank(in, 0, 1) || !infer_float(in, 0)) return false;
  const Dim *width = &x->dims[x->rank - 1];
  return infer_parameter(in, IN_LAYER_NORM_weight, x->dtype, 1, width) &&
         infer_parameter(in, IN_LAYER_NORM_bias, x->dtype, 1, width) && infer_same(in, x);
}

bool weights_LAYER_NORM(Infer *in, const Attr *args, const Type **out) {
  (void)args;
  Dim width;
  if (!infer_min_rank(in, 0, 1) || !infer_known_dim(in, operand_type(in, 0)->rank - 1, &width)) return false;
  out[IN_LAYER_NORM_weight] = out[IN_LAYER_NORM_bias] = type_get(in->m, operand_type(in, 0)->dtype, 1, &width);
  return true;
}

bool infer_normalize(Infer *in) {
  const Type *x = operand_type(in, 0);
  const Attr *lists[2] = {INFER_ATTR(in, NORMALIZE, mean), INFER_ATTR(in, NORMALIZE, std)};
  if (!infer_min_rank(in, 0, 2)) return false;
  for (int i = 0; i < 2; i++)
    if (lists[i]->n != 1 && !infer_may_equal(in, x->dims[1], lists[i]->n, "channels"))
      return infer_fail(in, "normalize: `%s` has %d values, but `%s` has %s channels (%s)", i ? "std" : "mean",
                        lists[i]->n, infer_operand_name(in, 0), infer_dim_str(in, x->dims[1]), infer_str(in, x));
  if (INFER_ATTR(in, NORMALIZE, scale)->f == 0) return infer_fail(in, "normalize: `scale` is 0");
  for (int i = 0; i < lists[1]->n; i++)
    if (lists[1]->floats[i] == 0) return infer_fail(in, "normalize: `std` has a 0");
  return infer_same(in, dtype_is_float(x->dtype) ? x : type_with_dtype(in->m, x, DT_F32));
}

bool infer_softmax(Infer *in) {
  const Type *x = operand_type(in, 0);
  return infer_float(in, 0) && infer_axis(in, "dim", x->rank, &INFER_ATTR(in, SOFTMAX, dim)->i) && infer_same(in, x);
}

bool infer_log_softmax(Infer *in) {
  const Type *x = operand_type(in, 0);
  return infer_float(in, 0) && infer_axis(in, "dim", x->rank, &INFER_ATTR(in, LOG_SOFTMAX, dim)->i) &&
         infer_same(in, x);
}

// The channels, which lie in blocks, are known; weight and bias have one element each.
static bool infer_by_channel(Infer *in) {
  const Type *x = operand_type(in, 0);
  if (!infer_min_rank(in, 0, 2) || !infer_float(in, 0)) return false;
  if (!dim_is_const(x->dims[1]))
    return infer_fail(in, "%s: dimension 1 of `%s` (%s) must be known", op_info(in->op)->name,
                      infer_operand_name(in, 0), infer_str(in, x));
  for (int i = 1; i < in->n_operands; i++)
    if (!infer_parameter(in, i, x->dtype, 1, &x->dims[1])) return false;
  return infer_same(in, x);
}

static bool weights_by_channel(Infer *in, const Type **out) {
  Dim channels;
  if (!infer_min_rank(in, 0, 2) || !infer_known_dim(in, 1, &channels)) return false;
  out[1] = out[2] = type_get(in->m, operand_type(in, 0)->dtype, 1, &channels);
  return true;
}

bool infer_group_norm(Infer *in) {
  int64_t groups = INFER_ATTR(in, GROUP_NORM, num_groups)->i;
  const Type *x = operand_type(in, 0);
  if (!infer_count(in, "num_groups", groups) || !infer_by_channel(in)) return false;
  return x->dims[1] % groups == 0 ||
         infer_fail(in, "group_norm: %s channels of `%s` (%s) do not divide into %lld groups",
                    infer_dim_str(in, x->dims[1]), infer_operand_name(in, 0), infer_str(in, x), (long long)groups);
}

bool weights_GROUP_NORM(Infer *in, const Attr *args, const Type **out) {
  (void)args;
  return weights_by_channel(in, out);
}

bool infer_instance_norm(Infer *in) { return infer_min_rank(in, 0, 3) && infer_by_channel(in); }

bool weights_INSTANCE_NORM(Infer *in, const Attr *args, const Type **out) {
  (void)args;
  return weights_by_channel(in, out);
}

bool infer_local_response_norm(Infer *in) {
  return infer_count(in, "size", INFER_ATTR(in, LOCAL_RESPONSE_NORM, size)->i) && infer_min_rank(in, 0, 3) &&
         infer_float(in, 0) && infer_same(in, operand_type(in, 0));
}
