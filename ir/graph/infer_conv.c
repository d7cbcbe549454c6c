// Shapes of convolutions.
#include "ir/graph/infer_common.h"

static bool check_channels(Infer *in, const Type *x, const Type *weight, int64_t groups) {
  Dim expected = mul(in, weight->dims[1], groups);
  if (infer_may_equal(in, x->dims[1], expected, "input channels")) return true;
  return infer_fail(in, "conv2d expects %s input channels (weight %s, %lld group%s), but `%s` has %s (%s)",
                    infer_dim_str(in, expected), infer_str(in, weight), (long long)groups, groups == 1 ? "" : "s",
                    infer_operand_name(in, 0), infer_dim_str(in, x->dims[1]), infer_str(in, x));
}

static bool check_kernel(Infer *in, int i, const Type *weight) {
  for (int k = 0; k < weight->rank; k++)
    if (!dim_is_const(weight->dims[k]) || weight->dims[k] < 1 || weight->dims[k] > INT32_MAX)
      return infer_fail(in, "%s: `%s` is %s; its dimensions must be known and positive", op_info(in->op)->name,
                        infer_operand_name(in, i), infer_str(in, weight));
  return true;
}

bool infer_conv2d(Infer *in) {
  const Type *x = operand_type(in, IN_CONV2D_x), *weight = operand_type(in, IN_CONV2D_weight);
  const Attr *stride = INFER_ATTR(in, CONV2D, stride), *dilation = INFER_ATTR(in, CONV2D, dilation);
  const int64_t *padding = INFER_ATTR(in, CONV2D, padding)->ints;
  int64_t groups = INFER_ATTR(in, CONV2D, groups)->i;
  if (!infer_rank(in, IN_CONV2D_x, 4) || !infer_rank(in, IN_CONV2D_weight, 4) || !infer_float(in, IN_CONV2D_x) ||
      !infer_same_dtype(in, IN_CONV2D_weight, x) || !check_kernel(in, IN_CONV2D_weight, weight) ||
      !infer_positive(in, "stride", stride) || !infer_positive(in, "dilation", dilation) || !infer_padding(in, padding))
    return false;
  if (groups < 1 || groups > INT32_MAX || weight->dims[0] % groups)
    return infer_fail(in, "conv2d: %lld output channels do not divide into %lld groups", (long long)weight->dims[0],
                      (long long)groups);
  if (!check_channels(in, x, weight, groups)) return false;
  Dim out[4] = {x->dims[0], weight->dims[0]};
  for (int k = 0; k < 2; k++) {
    Window w = {weight->dims[2 + k], stride->ints[k], dilation->ints[k], padding[k], padding[2 + k], false};
    out[2 + k] = infer_windows(in, k ? "width" : "height", x->dims[2 + k], w);
    if (out[2 + k] == DIM_INVALID) return false;
  }
  return infer_parameter(in, IN_CONV2D_bias, x->dtype, 1, weight->dims) && infer_shape(in, x->dtype, 4, out) &&
         infer_like(in, IN_CONV2D_residual, in->results[0]);
}

bool weights_CONV2D(Infer *in, const Attr *args, const Type **out) {
  int64_t channels = infer_arg(in, args, "channels")->i, groups = infer_arg(in, args, "groups")->i;
  const Attr *kernel = infer_arg(in, args, "kernel");
  Dim inputs;
  if (!infer_rank(in, 0, 4) || !infer_known_dim(in, 1, &inputs) || !infer_positive(in, "kernel", kernel)) return false;
  if (!infer_count(in, "channels", channels)) return false;
  if (groups < 1 || inputs % groups || channels % groups)
    return infer_fail(in, "conv2d: %lld input and %lld output channels do not divide into %lld groups",
                      (long long)inputs, (long long)channels, (long long)groups);
  DType dtype = operand_type(in, 0)->dtype;
  out[IN_CONV2D_weight] =
      type_get(in->m, dtype, 4, (Dim[]){channels, inputs / groups, kernel->ints[0], kernel->ints[1]});
  out[IN_CONV2D_bias] = type_get(in->m, dtype, 1, &channels);
  return true;
}

// Of one side: what each pixel's kernel covers, less the padding. DIM_INVALID after a message.
static Dim spread(Infer *in, int side) {
  const Type *x = operand_type(in, IN_CONV_TRANSPOSE2D_x), *weight = operand_type(in, IN_CONV_TRANSPOSE2D_weight);
  int64_t stride = INFER_ATTR(in, CONV_TRANSPOSE2D, stride)->ints[side],
          dilation = INFER_ATTR(in, CONV_TRANSPOSE2D, dilation)->ints[side],
          padding = INFER_ATTR(in, CONV_TRANSPOSE2D, padding)->ints[side],
          more = INFER_ATTR(in, CONV_TRANSPOSE2D, output_padding)->ints[side];
  if (padding < 0 || padding > INT32_MAX) {
    infer_fail(in, "conv_transpose2d: a padding of %lld", (long long)padding);
    return DIM_INVALID;
  }
  if (more < 0 || (more >= stride && more >= dilation)) {
    infer_fail(in,
               "conv_transpose2d: an output padding of %lld; it is smaller than the stride %lld or the dilation %lld",
               (long long)more, (long long)stride, (long long)dilation);
    return DIM_INVALID;
  }
  Dim steps = mul(in, sub(in, x->dims[2 + side], 1), stride), extent = mul(in, weight->dims[2 + side] - 1, dilation);
  return add(in, add(in, steps, extent), more + 1 - 2 * padding);
}

bool infer_conv_transpose2d(Infer *in) {
  const Type *x = operand_type(in, IN_CONV_TRANSPOSE2D_x), *weight = operand_type(in, IN_CONV_TRANSPOSE2D_weight);
  int64_t groups = INFER_ATTR(in, CONV_TRANSPOSE2D, groups)->i;
  if (!infer_rank(in, IN_CONV_TRANSPOSE2D_x, 4) || !infer_rank(in, IN_CONV_TRANSPOSE2D_weight, 4) ||
      !infer_float(in, IN_CONV_TRANSPOSE2D_x) || !infer_same_dtype(in, IN_CONV_TRANSPOSE2D_weight, x) ||
      !check_kernel(in, IN_CONV_TRANSPOSE2D_weight, weight) ||
      !infer_positive(in, "stride", INFER_ATTR(in, CONV_TRANSPOSE2D, stride)) ||
      !infer_positive(in, "dilation", INFER_ATTR(in, CONV_TRANSPOSE2D, dilation)))
    return false;
  if (groups < 1 || groups > INT32_MAX || weight->dims[0] % groups)
    return infer_fail(in, "conv_transpose2d: %lld input channels do not divide into %lld groups",
                      (long long)weight->dims[0], (long long)groups);
  if (!infer_may_equal(in, x->dims[1], weight->dims[0], "input channels"))
    return infer_fail(in, "conv_transpose2d expects %s input channels (weight %s), but `%s` has %s (%s)",
                      infer_dim_str(in, weight->dims[0]), infer_str(in, weight), infer_operand_name(in, 0),
                      infer_dim_str(in, x->dims[1]), infer_str(in, x));
  Dim out[4] = {x->dims[0], mul(in, weight->dims[1], groups)};
  for (int side = 0; side < 2; side++)
    if ((out[2 + side] = spread(in, side)) == DIM_INVALID) return false;
  return infer_parameter(in, IN_CONV_TRANSPOSE2D_bias, x->dtype, 1, &out[1]) && infer_shape(in, x->dtype, 4, out);
}

bool weights_CONV_TRANSPOSE2D(Infer *in, const Attr *args, const Type **out) {
  int64_t channels = infer_arg(in, args, "channels")->i, groups = infer_arg(in, args, "groups")->i;
  const Attr *kernel = infer_arg(in, args, "kernel");
  Dim inputs;
  if (!infer_rank(in, 0, 4) || !infer_known_dim(in, 1, &inputs) || !infer_positive(in, "kernel", kernel)) return false;
  if (!infer_count(in, "channels", channels)) return false;
  if (groups < 1 || inputs % groups || channels % groups)
    return infer_fail(in, "conv_transpose2d: %lld input and %lld output channels do not divide into %lld groups",
                      (long long)inputs, (long long)channels, (long long)groups);
  DType dtype = operand_type(in, 0)->dtype;
  out[IN_CONV_TRANSPOSE2D_weight] =
      type_get(in->m, dtype, 4, (Dim[]){inputs, channels / groups, kernel->ints[0], kernel->ints[1]});
  out[IN_CONV_TRANSPOSE2D_bias] = type_get(in->m, dtype, 1, &channels);
  return true;
}

bool infer_patch_embed(Infer *in) {
  const Type *x = operand_type(in, IN_PATCH_EMBED_x), *weight = operand_type(in, IN_PATCH_EMBED_weight);
  if (!infer_rank(in, IN_PATCH_EMBED_x, 4) || !infer_rank(in, IN_PATCH_EMBED_weight, 4) ||
      !infer_float(in, IN_PATCH_EMBED_x) || !check_kernel(in, IN_PATCH_EMBED_weight, weight))
    return false;
  Dim patch = weight->dims[2], count = 1;
  if (!infer_parameter(in, IN_PATCH_EMBED_weight, x->dtype, 4, (Dim[]){weight->dims[0], x->dims[1], patch, patch}) ||
      !infer_parameter(in, IN_PATCH_EMBED_bias, x->dtype, 1, weight->dims))
    return false;
  for (int k = 2; k < 4; k++) {
    Dim whole = dim_eq(in->m->dims, dim_mod(in->m->dims, x->dims[k], patch), 0);
    if (!infer_hold(in, whole, "%s must be a multiple of %lld", infer_dim_str(in, x->dims[k]), (long long)patch))
      return infer_fail(in, "patch_embed: a picture of %s x %s does not divide into patches of %lld x %lld",
                        infer_dim_str(in, x->dims[2]), infer_dim_str(in, x->dims[3]), (long long)patch,
                        (long long)patch);
    count = mul(in, count, divide(in, x->dims[k], patch));
  }
  return infer_shape(in, x->dtype, 3, (Dim[]){x->dims[0], count, weight->dims[0]});
}

bool weights_PATCH_EMBED(Infer *in, const Attr *args, const Type **out) {
  int64_t dim = infer_arg(in, args, "dim")->i, patch = infer_arg(in, args, "patch")->i;
  Dim channels;
  if (!infer_rank(in, 0, 4) || !infer_known_dim(in, 1, &channels)) return false;
  if (!infer_count(in, "dim", dim) || !infer_count(in, "patch", patch)) return false;
  DType dtype = operand_type(in, 0)->dtype;
  out[IN_PATCH_EMBED_weight] = type_get(in->m, dtype, 4, (Dim[]){dim, channels, patch, patch});
  out[IN_PATCH_EMBED_bias] = type_get(in->m, dtype, 1, &dim);
  return true;
}
