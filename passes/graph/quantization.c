#include "passes/graph/quantization.h"
#include "ir/core/checked.h"
#include <math.h>

IntegerRange quantization_range(DType t) {
  double size = exp2(dtype_value_bits(t));
  return (IntegerRange){dtype_is_unsigned(t) ? 0 : -size, size - 1};
}

// ---- scales and zero points as values that broadcast over x

static Value *expanded(Module *m, Node *n, Value *v, int rank, const Dim *dims) {
  Attr *a = rewrite_attrs(m, OP_EXPAND);
  a[ATTR_EXPAND_size] = rewrite_ints(m, ATTR_DIMS, rank, dims);
  return rewrite_before(m, n, OP_EXPAND, 1, &v, a);
}

static Value *of_shape(Module *m, Node *n, Value *v, int rank, const Dim *dims) {
  return rewrite_reshape(m, n, v, type_get(m, v->type->dtype, rank, dims));
}

// One for each block of indices along the axis, as one for each index.
static Value *by_blocks(Module *m, Node *n, Value *v, const Type *x, int axis, int64_t block) {
  Dim dims[MAX_RANK + 1];
  for (int i = 0; i <= x->rank; i++) dims[i] = i == axis + 1 ? 1 : v->type->dims[i > axis ? i - 1 : i];
  Value *apart = of_shape(m, n, v, x->rank + 1, dims);
  dims[axis + 1] = block;
  apart = expanded(m, n, apart, x->rank + 1, dims);
  for (int i = 0; i < x->rank; i++) dims[i] = x->dims[i];
  dims[axis] = dim_mul(m->dims, v->type->dims[axis], block);
  Value *whole = of_shape(m, n, apart, x->rank, dims);
  return dims[axis] == x->dims[axis] ? whole : rewrite_slice(m, n, whole, axis, 0, x->dims[axis]);
}

// Operand `i` so spread; NULL where it is absent. The attributes of both ops lie alike.
static Value *spread(Module *m, Node *n, int i) {
  const Type *x = operand(n, 0)->type;
  int axis = (int)NODE_ATTR(n, QUANTIZE_LINEAR, axis)->i;
  int64_t block = NODE_ATTR(n, QUANTIZE_LINEAR, block_size)->i;
  Value *v = operand(n, i);
  if (!v) return NULL;
  if (block) return by_blocks(m, n, v, x, axis, block);
  if (!v->type->rank || v->type->dims[0] == 1) return of_shape(m, n, v, 0, NULL);
  Dim dims[MAX_RANK];
  for (int k = 0; k < x->rank; k++) dims[k] = k == axis ? v->type->dims[0] : 1;
  return of_shape(m, n, v, x->rank, dims);
}

// ---- the ops

static Value *binary(Module *m, Node *n, OpKind op, Value *a, Value *b) {
  return rewrite_before(m, n, op, 2, (Value *[]){a, b}, NULL);
}

static Value *quantized(Module *m, Node *n) {
  DType to = (DType)NODE_ATTR(n, QUANTIZE_LINEAR, dtype)->i;
  Value *x = operand(n, 0), *zero = spread(m, n, IN_QUANTIZE_LINEAR_zero_point);
  Value *y = binary(m, n, OP_DIV, x, spread(m, n, IN_QUANTIZE_LINEAR_scale));
  y = rewrite_before(m, n, OP_ROUND, 1, &y, NULL);
  if (zero) y = binary(m, n, OP_ADD, y, rewrite_cast(m, n, zero, x->type->dtype));
  IntegerRange r = quantization_range(to);
  Attr *a = rewrite_attrs(m, OP_CLAMP);
  a[ATTR_CLAMP_min] = (Attr){.kind = ATTR_FLOAT, .f = r.low};
  a[ATTR_CLAMP_max] = (Attr){.kind = ATTR_FLOAT, .f = r.high};
  return rewrite_cast(m, n, rewrite_before(m, n, OP_CLAMP, 1, &y, a), to);
}

// The difference is exact: of up to 16 bits in f32, else in i32.
static Value *dequantized(Module *m, Node *n) {
  Value *x = operand(n, 0), *zero = spread(m, n, IN_DEQUANTIZE_LINEAR_zero_point);
  DType exact = dtype_size(x->type->dtype) < 4 ? DT_F32 : DT_I32;
  Value *y = rewrite_cast(m, n, x, exact);
  if (zero) y = binary(m, n, OP_SUB, y, rewrite_cast(m, n, zero, exact));
  Value *scale = rewrite_cast(m, n, spread(m, n, IN_DEQUANTIZE_LINEAR_scale), DT_F32);
  y = binary(m, n, OP_MUL, rewrite_cast(m, n, y, DT_F32), scale);
  return rewrite_cast(m, n, y, (DType)NODE_ATTR(n, DEQUANTIZE_LINEAR, dtype)->i);
}

bool quantization_decompose(Module *m, Node *n) {
  rewrite_replace(m, n, n->op == OP_QUANTIZE_LINEAR ? quantized(m, n) : dequantized(m, n));
  return true;
}
