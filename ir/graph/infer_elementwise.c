// Shapes of ops that treat each element alone.
#include "ir/graph/infer_common.h"
#include <math.h>
#include <string.h>

static bool infer_unary(Infer *in) { return infer_same(in, operand_type(in, 0)); }
static bool infer_unary_float(Infer *in) { return infer_float(in, 0) && infer_unary(in); }

bool infer_relu(Infer *in) { return infer_unary(in); }
bool infer_relu6(Infer *in) { return infer_unary(in); }
bool infer_gelu(Infer *in) { return infer_unary_float(in); }
bool infer_silu(Infer *in) { return infer_unary_float(in); }
bool infer_hardswish(Infer *in) { return infer_unary_float(in); }
bool infer_hardsigmoid(Infer *in) { return infer_unary_float(in); }
bool infer_mish(Infer *in) { return infer_unary_float(in); }
bool infer_selu(Infer *in) { return infer_unary_float(in); }
bool infer_elu(Infer *in) { return infer_unary_float(in); }
bool infer_leaky_relu(Infer *in) { return infer_unary_float(in); }
bool infer_exp(Infer *in) { return infer_unary_float(in); }
bool infer_log(Infer *in) { return infer_unary_float(in); }
bool infer_sqrt(Infer *in) { return infer_unary_float(in); }
bool infer_rsqrt(Infer *in) { return infer_unary_float(in); }
bool infer_reciprocal(Infer *in) { return infer_unary_float(in); }
bool infer_erf(Infer *in) { return infer_unary_float(in); }
bool infer_sin(Infer *in) { return infer_unary_float(in); }
bool infer_cos(Infer *in) { return infer_unary_float(in); }
bool infer_atan(Infer *in) { return infer_unary_float(in); }
bool infer_floor(Infer *in) { return infer_unary_float(in); }
bool infer_ceil(Infer *in) { return infer_unary_float(in); }
bool infer_round(Infer *in) { return infer_unary_float(in); }
bool infer_abs(Infer *in) { return infer_number(in, 0) && infer_unary(in); }
bool infer_neg(Infer *in) { return infer_number(in, 0) && infer_unary(in); }
bool infer_sigmoid(Infer *in) { return infer_unary_float(in); }
bool infer_tanh(Infer *in) { return infer_unary_float(in); }

static bool infer_not_zero(Infer *in, const char *name, double v) {
  return v != 0 || infer_fail(in, "%s: `%s` is 0", op_info(in->op)->name, name);
}

bool infer_celu(Infer *in) {
  return infer_not_zero(in, "alpha", INFER_ATTR(in, CELU, alpha)->f) && infer_unary_float(in);
}

bool infer_softplus(Infer *in) {
  return infer_not_zero(in, "beta", INFER_ATTR(in, SOFTPLUS, beta)->f) && infer_unary_float(in);
}

// Bounds of integers are integers, or infinite.
bool infer_clamp(Infer *in) {
  const Attr *bounds[] = {INFER_ATTR(in, CLAMP, min), INFER_ATTR(in, CLAMP, max)};
  if (!infer_number(in, 0)) return false;
  for (int i = 0; i < 2; i++) {
    double v = bounds[i]->f;
    if (isnan(v) || (!dtype_is_float(operand_type(in, 0)->dtype) && v != floor(v)))
      return infer_fail(in, "clamp: `%s` is %g, but `%s` is %s", i ? "max" : "min", v, infer_operand_name(in, 0),
                        infer_str(in, operand_type(in, 0)));
  }
  return infer_unary(in);
}

bool infer_prelu(Infer *in) {
  const Type *x = operand_type(in, 0), *w = operand_type(in, IN_PRELU_weight);
  if (!infer_float(in, 0)) return false;
  bool one = w->rank == 1 && w->dims[0] == 1;
  if (!one && !infer_min_rank(in, 0, 2)) return false;
  if (!infer_parameter(in, IN_PRELU_weight, x->dtype, 1, one ? (Dim[]){1} : &x->dims[1])) return false;
  Dim dims[MAX_RANK]; // open channels are as many as the weight's
  memcpy(dims, x->dims, sizeof *dims * (size_t)x->rank);
  if (!one) dims[1] = w->dims[0];
  return infer_shape(in, x->dtype, x->rank, dims);
}

bool weights_PRELU(Infer *in, const Attr *args, const Type **out) {
  Dim count = infer_arg(in, args, "num_parameters")->i;
  if (!infer_count(in, "num_parameters", count)) return false;
  out[IN_PRELU_weight] = type_get(in->m, operand_type(in, 0)->dtype, 1, &count);
  return true;
}

bool infer_dropout(Infer *in) {
  double p = INFER_ATTR(in, DROPOUT, p)->f;
  if (!(p >= 0 && p <= 1)) return infer_fail(in, "dropout: `p` is a probability from 0 to 1, not %g", p);
  return infer_unary(in);
}

bool infer_cast(Infer *in) {
  return infer_same(in, type_with_dtype(in->m, operand_type(in, 0), (DType)INFER_ATTR(in, CAST, dtype)->i));
}

static bool infer_binary_of(Infer *in, DType result) {
  const Type *a = operand_type(in, 0), *b = operand_type(in, 1);
  Dim dims[MAX_RANK];
  int rank = infer_broadcast(in, a->rank, a->dims, b->rank, b->dims, dims);
  return rank >= 0 && infer_shape(in, result, rank, dims);
}

static bool infer_binary(Infer *in) {
  const Type *a = operand_type(in, 0);
  return infer_same_dtype(in, 1, a) && infer_binary_of(in, a->dtype);
}

static bool infer_comparison(Infer *in) {
  return infer_same_dtype(in, 1, operand_type(in, 0)) && infer_binary_of(in, DT_BOOL);
}

bool infer_add(Infer *in) { return infer_binary(in); }
bool infer_sub(Infer *in) { return infer_binary(in); }
bool infer_mul(Infer *in) { return infer_binary(in); }
bool infer_div(Infer *in) { return infer_binary(in); }
bool infer_pow(Infer *in) { return infer_number(in, 0) && infer_binary(in); }
bool infer_minimum(Infer *in) { return infer_binary(in); }
bool infer_maximum(Infer *in) { return infer_binary(in); }
bool infer_eq(Infer *in) { return infer_comparison(in); }
bool infer_ne(Infer *in) { return infer_comparison(in); }
bool infer_lt(Infer *in) { return infer_comparison(in); }
bool infer_le(Infer *in) { return infer_comparison(in); }
bool infer_gt(Infer *in) { return infer_comparison(in); }
bool infer_ge(Infer *in) { return infer_comparison(in); }
bool infer_bitwise_not(Infer *in) { return infer_integers(in, 0) && infer_unary(in); }
bool infer_bitwise_and(Infer *in) { return infer_integers(in, 0) && infer_binary(in); }
bool infer_bitwise_or(Infer *in) { return infer_integers(in, 0) && infer_binary(in); }
bool infer_bitwise_xor(Infer *in) { return infer_integers(in, 0) && infer_binary(in); }
bool infer_logical_and(Infer *in) { return infer_binary_of(in, DT_BOOL); }
bool infer_logical_or(Infer *in) { return infer_binary_of(in, DT_BOOL); }
bool infer_logical_xor(Infer *in) { return infer_binary_of(in, DT_BOOL); }
bool infer_logical_not(Infer *in) { return infer_same(in, type_with_dtype(in->m, operand_type(in, 0), DT_BOOL)); }

bool infer_where(Infer *in) {
  const Type *c = operand_type(in, IN_WHERE_condition), *a = operand_type(in, IN_WHERE_a),
             *b = operand_type(in, IN_WHERE_b);
  if (c->dtype != DT_BOOL)
    return infer_fail(in, "where: `%s` is %s, but a condition is bool; compare it with something",
                      infer_operand_name(in, IN_WHERE_condition), infer_str(in, c));
  if (!infer_same_dtype(in, IN_WHERE_b, a)) return false;
  Dim both[MAX_RANK], all[MAX_RANK];
  int rank = infer_broadcast(in, a->rank, a->dims, b->rank, b->dims, both);
  if (rank >= 0) rank = infer_broadcast(in, c->rank, c->dims, rank, both, all);
  return rank >= 0 && infer_shape(in, a->dtype, rank, all);
}
