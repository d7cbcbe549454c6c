// Shapes of convolutions.
#include "ir/graph/infer_common.h"
#include <string.h>

static bool check_channels(Infer *in, const Type *x, const Type *weight, int64_t groups) {
  Dim expected = mul(in, weight->dims[1], groups);
  if (infer_may_equal(in, x->dims[1], expected, "input channels")) return true;
  return infer_fail(in, "%s expects %s input channels (weight %s, %lld group%s), but `%s` has %s (%s)",
                    op_info(in->op)->name, infer_dim_str(in, expected), infer_str(in, weight), (long long)groups,
                    groups == 1 ? "" : "s", infer_operand_name(in, 0), infer_dim_str(in, x->dims[1]), infer_str(in, x));
}

static bool check_kernel(Infer *in, int i, const Type *weight) {
  for (int k = 0; k < weight->rank; k++)
    if (!dim_is_const(weight->dims[k]) || weight->dims[k] < 1 || weight->dims[k] > INT32_MAX)
      return infer_fail(in, "%s: `%s` is %s; its dimensions must be known and positive", op_info(in->op)->name,
                        infer_operand_name(in, i), infer_str(in, weight));
  return true;
}

enum { X, WEIGHT, BIAS }; // operands of every convolution

// What convolutions of pictures and volumes, transposed or not, have in common. `channels`: what must divide.
static bool check_convolution(Infer *in, int sides, const Attr *stride, const Attr *dilation, int64_t groups,
                              const char *channels) {
  const Type *x = operand_type(in, X), *weight = operand_type(in, WEIGHT);
  bool quantized = in->op == OP_QUANTIZED_CONV2D;
  bool numbers = in->op == OP_CONV2D || quantized ? infer_number(in, X) : infer_float(in, X);
  if (!numbers || !infer_rank(in, X, 2 + sides) || !infer_rank(in, WEIGHT, 2 + sides) ||
      (!quantized && !infer_same_dtype(in, WEIGHT, x)) || !check_kernel(in, WEIGHT, weight) ||
      !infer_positive(in, "stride", stride) || !infer_positive(in, "dilation", dilation))
    return false;
  if (groups >= 1 && groups <= INT32_MAX && weight->dims[0] % groups == 0) return true;
  return infer_fail(in, "%s: %lld %s channels do not divide into %lld groups", op_info(in->op)->name,
                    (long long)weight->dims[0], channels, (long long)groups);
}

static bool infer_convolution(Infer *in, int sides, const Attr *stride, const Dim *padding, const Attr *dilation,
                              int64_t groups) {
  const Type *x = operand_type(in, X), *weight = operand_type(in, WEIGHT);
  if (!check_convolution(in, sides, stride, dilation, groups, "output") || !infer_padding(in, 2 * sides, padding) ||
      !check_channels(in, x, weight, groups))
    return false;
  Dim out[MAX_RANK] = {x->dims[0], weight->dims[0]};
  for (int k = 0; k < sides; k++) {
    Window w = {weight->dims[2 + k], stride->ints[k], dilation->ints[k], padding[k], padding[sides + k], false};
    out[2 + k] = infer_windows(in, infer_side_name(sides, k), x->dims[2 + k], w);
    if (out[2 + k] == DIM_INVALID) return false;
  }
  if (in->op == OP_QUANTIZED_CONV2D)
    return infer_scaled_integers(in, weight->dims[0], (DType)INFER_ATTR(in, QUANTIZED_CONV2D, dtype)->i) &&
           infer_shape(in, (DType)INFER_ATTR(in, QUANTIZED_CONV2D, dtype)->i, 2 + sides, out);
  return infer_parameter(in, BIAS, x->dtype, 1, weight->dims) && infer_shape(in, x->dtype, 2 + sides, out);
}

// Integers are convolved, too, and of them only these two make integers.
static bool check_act(Infer *in) {
  const char *act = INFER_ATTR(in, CONV2D, act)->s;
  bool any_number = !strcmp(act, "none") || !strcmp(act, "relu") || !strcmp(act, "relu6");
  const Type *x = operand_type(in, IN_CONV2D_x);
  return any_number || dtype_is_float(x->dtype) ||
         infer_fail(in, "conv2d: `act` \"%s\" expects floating-point numbers, but `%s` is %s", act,
                    infer_operand_name(in, IN_CONV2D_x), infer_str(in, x));
}

static bool infer_residual(Infer *in, int i) {
  const Type *residual = operand_type(in, i);
  return !residual || infer_like(in, i, type_with_dtype(in->m, in->results[0], residual->dtype));
}

bool infer_quantized_conv2d(Infer *in) {
  return infer_convolution(in, 2, INFER_ATTR(in, QUANTIZED_CONV2D, stride),
                           INFER_ATTR(in, QUANTIZED_CONV2D, padding)->ints, INFER_ATTR(in, QUANTIZED_CONV2D, dilation),
                           INFER_ATTR(in, QUANTIZED_CONV2D, groups)->i) &&
         infer_residual(in, IN_QUANTIZED_CONV2D_residual);
}

bool infer_conv2d(Infer *in) {
  return check_act(in) &&
         infer_convolution(in, 2, INFER_ATTR(in, CONV2D, stride), INFER_ATTR(in, CONV2D, padding)->ints,
                           INFER_ATTR(in, CONV2D, dilation), INFER_ATTR(in, CONV2D, groups)->i) &&
         infer_like(in, IN_CONV2D_residual, in->results[0]);
}

bool infer_conv3d(Infer *in) {
  Attr *padding = INFER_ATTR(in, CONV3D, padding);
  return infer_borders(in, 3, padding) &&
         infer_convolution(in, 3, INFER_ATTR(in, CONV3D, stride), padding->ints, INFER_ATTR(in, CONV3D, dilation),
                           INFER_ATTR(in, CONV3D, groups)->i);
}

// The weight of `channels` outputs; transposed: inputs and outputs have changed places.
static bool weights_of(Infer *in, const Attr *args, int sides, bool transposed, const Type **out) {
  int64_t channels = infer_arg(in, args, "channels")->i, groups = infer_arg(in, args, "groups")->i;
  const Attr *kernel = infer_arg(in, args, "kernel");
  Dim inputs;
  if (!infer_rank(in, 0, 2 + sides) || !infer_known_dim(in, 1, &inputs) || !infer_positive(in, "kernel", kernel))
    return false;
  if (!infer_count(in, "channels", channels)) return false;
  if (groups < 1 || inputs % groups || channels % groups)
    return infer_fail(in, "%s: %lld input and %lld output channels do not divide into %lld groups",
                      op_info(in->op)->name, (long long)inputs, (long long)channels, (long long)groups);
  DType dtype = operand_type(in, 0)->dtype;
  Dim dims[MAX_RANK] = {transposed ? inputs : channels, (transposed ? channels : inputs) / groups};
  for (int i = 0; i < sides; i++) dims[2 + i] = kernel->ints[i];
  out[WEIGHT] = type_get(in->m, dtype, 2 + sides, dims);
  out[BIAS] = type_get(in->m, dtype, 1, &channels);
  return true;
}

bool weights_CONV2D(Infer *in, const Attr *args, const Type **out) { return weights_of(in, args, 2, false, out); }
bool weights_CONV3D(Infer *in, const Attr *args, const Type **out) { return weights_of(in, args, 3, false, out); }

typedef struct Transposed {
  const Attr *stride, *padding, *output_padding, *dilation;
  int64_t groups;
} Transposed;

// Of one side: what each pixel's kernel covers, less the padding. DIM_INVALID after a message.
static Dim spread(Infer *in, const Transposed *t, int side) {
  const Type *x = operand_type(in, X), *weight = operand_type(in, WEIGHT);
  int64_t stride = t->stride->ints[side], dilation = t->dilation->ints[side], padding = t->padding->ints[side],
          more = t->output_padding->ints[side];
  const char *op = op_info(in->op)->name;
  if (padding < 0 || padding > INT32_MAX) {
    infer_fail(in, "%s: a padding of %lld", op, (long long)padding);
    return DIM_INVALID;
  }
  if (more < 0 || (more >= stride && more >= dilation)) {
    infer_fail(in, "%s: an output padding of %lld; it is smaller than the stride %lld or the dilation %lld", op,
               (long long)more, (long long)stride, (long long)dilation);
    return DIM_INVALID;
  }
  Dim steps = mul(in, sub(in, x->dims[2 + side], 1), stride), extent = mul(in, weight->dims[2 + side] - 1, dilation);
  return add(in, add(in, steps, extent), more + 1 - 2 * padding);
}

static bool infer_transposed(Infer *in, int sides, const Transposed *t) {
  const Type *x = operand_type(in, X), *weight = operand_type(in, WEIGHT);
  if (!check_convolution(in, sides, t->stride, t->dilation, t->groups, "input")) return false;
  if (!infer_may_equal(in, x->dims[1], weight->dims[0], "input channels"))
    return infer_fail(in, "%s expects %s input channels (weight %s), but `%s` has %s (%s)", op_info(in->op)->name,
                      infer_dim_str(in, weight->dims[0]), infer_str(in, weight), infer_operand_name(in, 0),
                      infer_dim_str(in, x->dims[1]), infer_str(in, x));
  Dim out[MAX_RANK] = {x->dims[0], mul(in, weight->dims[1], t->groups)};
  for (int side = 0; side < sides; side++)
    if ((out[2 + side] = spread(in, t, side)) == DIM_INVALID) return false;
  return infer_parameter(in, BIAS, x->dtype, 1, &out[1]) && infer_shape(in, x->dtype, 2 + sides, out);
}

bool infer_conv_transpose2d(Infer *in) {
  Transposed t = {INFER_ATTR(in, CONV_TRANSPOSE2D, stride), INFER_ATTR(in, CONV_TRANSPOSE2D, padding),
                  INFER_ATTR(in, CONV_TRANSPOSE2D, output_padding), INFER_ATTR(in, CONV_TRANSPOSE2D, dilation),
                  INFER_ATTR(in, CONV_TRANSPOSE2D, groups)->i};
  return infer_transposed(in, 2, &t);
}

bool infer_conv_transpose3d(Infer *in) {
  Transposed t = {INFER_ATTR(in, CONV_TRANSPOSE3D, stride), INFER_ATTR(in, CONV_TRANSPOSE3D, padding),
                  INFER_ATTR(in, CONV_TRANSPOSE3D, output_padding), INFER_ATTR(in, CONV_TRANSPOSE3D, dilation),
                  INFER_ATTR(in, CONV_TRANSPOSE3D, groups)->i};
  return infer_transposed(in, 3, &t);
}

bool weights_CONV_TRANSPOSE2D(Infer *in, const Attr *args, const Type **out) {
  return weights_of(in, args, 2, true, out);
}
bool weights_CONV_TRANSPOSE3D(Infer *in, const Attr *args, const Type **out) {
  return weights_of(in, args, 3, true, out);
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
