// Shapes of ops that treat each element alone.
#include "ir/graph/infer_common.h"

static bool infer_unary(Infer *in) { return infer_same(in, operand_type(in, 0)); }
static bool infer_unary_float(Infer *in) { return infer_float(in, 0) && infer_unary(in); }

bool infer_relu(Infer *in) { return infer_unary(in); }
bool infer_relu6(Infer *in) { return infer_unary(in); }
bool infer_gelu(Infer *in) { return infer_unary_float(in); }
bool infer_silu(Infer *in) { return infer_unary_float(in); }
bool infer_hardswish(Infer *in) { return infer_unary_float(in); }
bool infer_hardsigmoid(Infer *in) { return infer_unary_float(in); }
bool infer_sigmoid(Infer *in) { return infer_unary_float(in); }
bool infer_tanh(Infer *in) { return infer_unary_float(in); }

bool infer_dropout(Infer *in) {
  double p = INFER_ATTR(in, DROPOUT, p)->f;
  if (!(p >= 0 && p <= 1)) return infer_fail(in, "dropout: `p` is a probability from 0 to 1, not %g", p);
  return infer_unary(in);
}

bool infer_cast(Infer *in) {
  return infer_same(in, type_with_dtype(in->m, operand_type(in, 0), (DType)INFER_ATTR(in, CAST, dtype)->i));
}

static bool infer_binary(Infer *in) {
  const Type *a = operand_type(in, 0), *b = operand_type(in, 1);
  if (!infer_same_dtype(in, 1, a)) return false;
  Dim dims[MAX_RANK];
  int rank = infer_broadcast(in, a->rank, a->dims, b->rank, b->dims, dims);
  return rank >= 0 && infer_shape(in, a->dtype, rank, dims);
}

bool infer_add(Infer *in) { return infer_binary(in); }
bool infer_sub(Infer *in) { return infer_binary(in); }
bool infer_mul(Infer *in) { return infer_binary(in); }
bool infer_div(Infer *in) { return infer_binary(in); }
