// Norms and softmax.
#include "frontend/onnx/nodes.h"

// Of the dimensions from `axis` on, those in `dims`; how many.
static int from_axis(int64_t axis, int rank, int64_t *dims) {
  int n = 0;
  for (int64_t i = axis; i < rank; i++) dims[n++] = i;
  return n;
}

// A value of each channel, to broadcast over x.
static Value *per_channel(Call *c, Value *v, const Value *x) { return call_insert_dims(c, v, 1, x->type->rank - 2); }

typedef struct Moments {
  Value *mean, *centered, *variance; // x less the mean; each dimension kept
} Moments;

static Moments moments(Call *c, Value *x, int n, const int64_t *dims) {
  Moments m = {call_reduced(c, OP_MEAN, x, n, dims, true), NULL, NULL};
  m.centered = call_binary(c, OP_SUB, x, m.mean);
  m.variance = call_reduced(c, OP_MEAN, call_binary(c, OP_MUL, m.centered, m.centered), n, dims, true);
  return m;
}

static Value *inverse_deviation(Call *c, Value *variance, double eps) {
  return call_unary(c, OP_RSQRT, call_with(c, OP_ADD, variance, eps), NULL);
}

// ---- over channels

// momentum of the old statistics and the rest of the new ones
static Value *updated(Call *c, Value *old, Value *now, double momentum) {
  if (!old || !now) return NULL;
  now = call_reshape(c, call_cast(c, now, old->type->dtype), old->type->rank, old->type->dims);
  return call_binary(c, OP_ADD, call_with(c, OP_MUL, old, momentum), call_with(c, OP_MUL, now, 1 - momentum));
}

// By the statistics of x itself, which also move the stated ones.
static bool train_batch_norm(Call *c, Value *x) {
  int64_t dims[MAX_RANK] = {0};
  double momentum = call_float(c, "momentum", 0.9);
  Value *scale = call_value(c, 1), *bias = call_value(c, 2);
  if (!scale || !bias) return false;
  Moments m = moments(c, x, 1 + from_axis(2, x->type->rank, dims + 1), dims);
  Value *y = call_binary(c, OP_MUL, m.centered, inverse_deviation(c, m.variance, call_float(c, "epsilon", 1e-5)));
  y = call_binary(c, OP_ADD, call_binary(c, OP_MUL, y, per_channel(c, scale, x)), per_channel(c, bias, x));
  return call_result(c, 0, y) && (c->n_out < 2 || call_result(c, 1, updated(c, call_value(c, 3), m.mean, momentum))) &&
         (c->n_out < 3 || call_result(c, 2, updated(c, call_value(c, 4), m.variance, momentum)));
}

bool convert_batch_norm(Call *c, OpKind op) {
  Value *x = call_value(c, 0);
  if (!x || x->type->rank < 2) return call_fail(c, "its operand has no channels");
  if (!call_int(c, "spatial", 1)) return call_fail(c, "statistics of each element are not known");
  if (call_int(c, "training_mode", 0)) return train_batch_norm(c, x);
  Attr *a = call_attrs(c, op);
  a[ATTR_BATCH_NORM_eps] = ATTR_F(call_float(c, "epsilon", 1e-5));
  Value *operands[] = {x, call_value(c, 1), call_value(c, 2), call_value(c, 3), call_value(c, 4)};
  return call_result(c, 0, call_node(c, op, 5, operands, a));
}

bool convert_instance_norm(Call *c, OpKind op) {
  Attr *a = call_attrs(c, op);
  a[ATTR_INSTANCE_NORM_eps] = ATTR_F(call_float(c, "epsilon", 1e-5));
  return call_result(c, 0, call_node(c, op, 3, (Value *[]){call_value(c, 0), call_value(c, 1), call_value(c, 2)}, a));
}

// One of each group, for each of its channels.
static Value *of_groups(Call *c, Value *v, Dim channels) {
  if (!v || v->type->rank != 1 || v->type->dims[0] == channels) return v;
  Dim groups = v->type->dims[0], each = dim_floordiv(c->im->m->dims, channels, groups);
  return call_reshape(c, call_expand(c, call_insert_dims(c, v, 1, 1), 2, (Dim[]){groups, each}), 1, &channels);
}

// Until opset 20 scale and bias are of groups, then of channels.
bool convert_group_norm(Call *c, OpKind op) {
  Value *x = call_value(c, 0), *scale = call_value(c, 1), *bias = call_value(c, 2);
  if (!x || x->type->rank < 3) return call_fail(c, "its operand has no channels");
  if (c->opset < 21) scale = of_groups(c, scale, x->type->dims[1]), bias = of_groups(c, bias, x->type->dims[1]);
  Attr *a = call_attrs(c, op);
  a[ATTR_GROUP_NORM_num_groups] = ATTR_I(call_int(c, "num_groups", 1));
  a[ATTR_GROUP_NORM_eps] = ATTR_F(call_float(c, "epsilon", 1e-5));
  return call_result(c, 0, call_node(c, op, 3, (Value *[]){x, scale, bias}, a));
}

static Value *channels_flipped(Call *c, Value *x, bool flip) { return call_flip(c, x, flip, (int64_t[]){1}); }

// An even window has its odd channel behind, PyTorch's before.
bool convert_lrn(Call *c, OpKind op) {
  int64_t size = call_int(c, "size", 1);
  bool flip = size % 2 == 0;
  Attr *a = call_attrs(c, op);
  a[ATTR_LOCAL_RESPONSE_NORM_size] = ATTR_I(size);
  a[ATTR_LOCAL_RESPONSE_NORM_alpha] = ATTR_F(call_float(c, "alpha", 1e-4));
  a[ATTR_LOCAL_RESPONSE_NORM_beta] = ATTR_F(call_float(c, "beta", 0.75));
  a[ATTR_LOCAL_RESPONSE_NORM_k] = ATTR_F(call_float(c, "bias", 1));
  Value *y = call_unary(c, op, channels_flipped(c, call_value(c, 0), flip), a);
  return call_result(c, 0, channels_flipped(c, y, flip));
}

// ---- over the last dimensions

Value *call_layer_norm(Call *c, Value *x, Value *scale, Value *bias, int64_t axis, double eps) {
  if (!x || !scale) return NULL;
  const Type *t = x->type;
  Dim all = 1, dims[MAX_RANK];
  for (int i = 0; i < t->rank; i++) {
    dims[i] = t->dims[i];
    if (i >= axis) all = dim_mul(c->im->m->dims, all, t->dims[i]);
  }
  dims[axis] = all;
  Attr *a = call_attrs(c, OP_LAYER_NORM);
  a[ATTR_LAYER_NORM_eps] = ATTR_F(eps);
  Value *operands[] = {call_reshape(c, x, (int)axis + 1, dims), call_reshape(c, scale, 1, &all),
                       call_reshape(c, bias, 1, &all)};
  return call_reshape(c, call_node(c, OP_LAYER_NORM, 3, operands, a), t->rank, t->dims);
}

// Over the dimensions from `axis` on, as one. The statistics are results, too.
bool convert_layer_norm(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0);
  int64_t axis = call_int(c, "axis", -1), dims[MAX_RANK];
  double eps = call_float(c, "epsilon", 1e-5);
  if (!x || !call_axis(c, &axis, x->type->rank)) return false;
  if (!call_result(c, 0, call_layer_norm(c, x, call_value(c, 1), call_value(c, 2), axis, eps))) return false;
  if (c->n_out < 2) return true;
  Moments m = moments(c, call_cast(c, x, DT_F32), from_axis(axis, x->type->rank, dims), dims);
  return call_result(c, 1, m.mean) && (c->n_out < 3 || call_result(c, 2, inverse_deviation(c, m.variance, eps)));
}

Value *call_rms_norm(Call *c, Value *x, Value *scale, int64_t axis, double eps) {
  if (!x || !scale) return NULL;
  int64_t dims[MAX_RANK];
  Value *wide = call_cast(c, x, DT_F32);
  Value *square = call_binary(c, OP_MUL, wide, wide);
  square = call_reduced(c, OP_MEAN, square, from_axis(axis, x->type->rank, dims), dims, true);
  Value *y = call_cast(c, call_binary(c, OP_MUL, wide, inverse_deviation(c, square, eps)), scale->type->dtype);
  return call_binary(c, OP_MUL, y, scale);
}

bool convert_rms_norm(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0);
  int64_t axis = call_int(c, "axis", -1);
  if (!x || !call_axis(c, &axis, x->type->rank)) return false;
  return call_result(c, 0, call_rms_norm(c, x, call_value(c, 1), axis, call_float(c, "epsilon", 1e-5)));
}

// ---- without parameters

bool convert_mean_variance_norm(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0);
  const int64_t *axes;
  int n = call_ints(c, "axes", &axes);
  int64_t dims[MAX_RANK] = {0, 2, 3};
  if (!x) return false;
  if (n > MAX_RANK) return call_fail(c, "`axes` has %d numbers", n);
  for (int i = 0; i < n; i++) dims[i] = axes[i];
  if (!n) n = 3;
  for (int i = 0; i < n; i++)
    if (!call_axis(c, &dims[i], x->type->rank)) return false;
  Moments m = moments(c, x, n, dims);
  Value *deviation = call_unary(c, OP_SQRT, m.variance, NULL);
  return call_result(c, 0, call_binary(c, OP_DIV, m.centered, call_with(c, OP_ADD, deviation, 1e-9)));
}

// By the sum of magnitudes or the root of the sum of squares along an axis; where that is 0, the result is.
bool convert_lp_norm(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0);
  int64_t p = call_int(c, "p", 2), axis = call_int(c, "axis", -1);
  if (!x || !call_axis(c, &axis, x->type->rank)) return false;
  if (p != 1 && p != 2) return call_fail(c, "its `p` is neither 1 nor 2");
  Value *norm = p == 1 ? call_unary(c, OP_ABS, x, NULL) : call_binary(c, OP_MUL, x, x);
  norm = call_reduced(c, OP_SUM, norm, 1, &axis, true);
  if (p == 2) norm = call_unary(c, OP_SQRT, norm, NULL);
  Value *none = call_scalar(c, x->type->dtype, 0), *empty = call_binary(c, OP_EQ, norm, none);
  return call_result(c, 0, call_where(c, empty, none, call_binary(c, OP_DIV, x, norm)));
}

// Until opset 12 over all dimensions from `axis` on, as one.
bool convert_softmax(Call *c, OpKind op) {
  Value *x = call_value(c, 0);
  if (!x) return false;
  int64_t axis = call_int(c, "axis", c->opset < 13 ? 1 : -1);
  int rank = x->type->rank;
  if (!call_axis(c, &axis, rank)) return false;
  Attr *a = call_attrs(c, op);
  a[op == OP_SOFTMAX ? (int)ATTR_SOFTMAX_dim : (int)ATTR_LOG_SOFTMAX_dim] = ATTR_I(axis);
  if (c->opset >= 13 || axis == rank - 1) return call_result(c, 0, call_unary(c, op, x, a));
  Dim dims[MAX_RANK], all = 1;
  for (int i = 0; i < rank; i++) {
    dims[i] = x->type->dims[i];
    if (i >= axis) all = dim_mul(c->im->m->dims, all, dims[i]);
  }
  dims[axis] = all;
  Value *y = call_unary(c, op, call_reshape(c, x, (int)axis + 1, dims), a);
  return call_result(c, 0, call_reshape(c, y, rank, x->type->dims));
}
