// Products of matrices. A constant right side becomes the weight of a linear layer, [out, in].
#include "frontend/onnx/nodes.h"

static bool is_weight(const Value *v, int rank) { return v && v->kind == VALUE_WEIGHT && v->type->rank == rank; }

static Value *scaled(Call *c, Value *x, double by) {
  return !x || by == 1 ? x : call_binary(c, OP_MUL, x, call_scalar(c, x->type->dtype, by));
}

static Value *turned(Call *c, Value *x, bool turn) {
  if (!x || !turn) return x;
  return is_weight(x, 2) ? tensor_transposed(c->im, x) : call_permute(c, x, (int64_t[]){1, 0});
}

// alpha A B + beta C
bool convert_gemm(Call *c, OpKind op) {
  Value *a = call_value(c, 0), *b = call_value(c, 1), *bias = call_value(c, 2);
  double alpha = call_float(c, "alpha", 1), beta = call_float(c, "beta", 1);
  bool turn_b = call_int(c, "transB", 0);
  if (!a || !b || a->type->rank != 2 || b->type->rank != 2) return call_fail(c, "its operands are no matrices");
  a = scaled(c, turned(c, a, call_int(c, "transA", 0)), alpha);
  if (!is_weight(b, 2) || !dtype_is_float(b->type->dtype)) {
    Value *y = call_binary(c, OP_MATMUL, a, turned(c, b, turn_b));
    return call_result(c, 0, bias ? call_binary(c, OP_ADD, y, scaled(c, bias, beta)) : y);
  }
  b = turned(c, b, !turn_b);
  bool fits = bias && beta == 1 && is_weight(bias, 1) && bias->type->dims[0] == b->type->dims[0];
  Value *y = call_node(c, op, 3, (Value *[]){a, b, fits ? bias : NULL}, NULL);
  return call_result(c, 0, bias && !fits ? call_binary(c, OP_ADD, y, scaled(c, bias, beta)) : y);
}

Value *call_matmul(Call *c, Value *a, Value *b) {
  if (!a || !b) return NULL;
  if (!a->type->rank || !b->type->rank) return call_fail(c, "a product of matrices needs dimensions"), NULL;
  bool row = a->type->rank == 1, column = b->type->rank == 1;
  if (!row && is_weight(b, 2) && dtype_is_float(b->type->dtype))
    return call_binary(c, OP_LINEAR, a, tensor_transposed(c->im, b));
  if (row) a = call_insert_dims(c, a, 0, 1);
  if (column) b = call_insert_dims(c, b, 1, 1);
  Value *y = call_binary(c, OP_MATMUL, a, b);
  if (!y || (!row && !column)) return y;
  Dim dims[MAX_RANK];
  int rank = 0, n = y->type->rank;
  for (int i = 0; i < n; i++)
    if (!(row && i == n - 2) && !(column && i == n - 1)) dims[rank++] = y->type->dims[i];
  return call_reshape(c, y, rank, dims);
}

bool convert_matmul(Call *c, OpKind op) {
  (void)op;
  return call_result(c, 0, call_matmul(c, call_value(c, 0), call_value(c, 1)));
}
