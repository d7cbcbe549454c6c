// Numbers as small integers: the integers' shape is that of the numbers.
#include "ir/graph/infer_common.h"

_Static_assert((int)IN_QUANTIZED_CONV2D_residual == (int)IN_QUANTIZED_LINEAR_residual, "one order of operands");

static bool is_one(const Type *t) { return !t || t->rank == 0 || (t->rank == 1 && t->dims[0] == 1); }

// Operand `i`, a scale or zero point of x: one, one along the axis, or one a block. False after a message.
static bool spreads(Infer *in, int i, int64_t axis, int64_t block) {
  const Type *x = operand_type(in, 0), *t = operand_type(in, i);
  if (!t || (is_one(t) && !block)) return true;
  bool fits = t->rank == (block ? x->rank : 1);
  for (int k = 0; fits && k < t->rank; k++) {
    int at = block ? k : (int)axis;
    Dim want = x->dims[at];
    if (block && k == axis) want = divide(in, add(in, want, block - 1), block);
    fits = infer_may_equal(in, t->dims[k], want, infer_operand_name(in, i));
  }
  if (fits) return true;
  if (block)
    return infer_fail(in, "%s: `%s` is %s, which does not fit blocks of %lld along dimension %lld of %s",
                      op_info(in->op)->name, infer_operand_name(in, i), infer_str(in, t), (long long)block,
                      (long long)axis, infer_str(in, x));
  return infer_fail(in, "%s: `%s` is %s, which is neither one number nor one for each index along dimension %lld of %s",
                    op_info(in->op)->name, infer_operand_name(in, i), infer_str(in, t), (long long)axis,
                    infer_str(in, x));
}

// The operands' shapes; the axis counts only where there is more than one scale. The attributes of both ops lie alike.
static bool infer_scales(Infer *in) {
  const Type *x = operand_type(in, 0), *scale = operand_type(in, IN_QUANTIZE_LINEAR_scale);
  int64_t *axis = &INFER_ATTR(in, QUANTIZE_LINEAR, axis)->i, block = INFER_ATTR(in, QUANTIZE_LINEAR, block_size)->i;
  bool one = !block && is_one(scale) && is_one(operand_type(in, IN_QUANTIZE_LINEAR_zero_point));
  if (block && !infer_count(in, "block_size", block)) return false;
  if (!one && !infer_axis(in, "axis", x->rank, axis)) return false;
  return infer_float(in, IN_QUANTIZE_LINEAR_scale) && spreads(in, IN_QUANTIZE_LINEAR_scale, *axis, block) &&
         spreads(in, IN_QUANTIZE_LINEAR_zero_point, *axis, block);
}

static bool zero_point_is(Infer *in, DType dtype) {
  const Type *zero = operand_type(in, IN_QUANTIZE_LINEAR_zero_point);
  if (!zero || zero->dtype == dtype) return true;
  return infer_fail(in, "%s: `%s` is %s, but the integers are %s", op_info(in->op)->name,
                    infer_operand_name(in, IN_QUANTIZE_LINEAR_zero_point), infer_str(in, zero), dtype_name(dtype));
}

static bool is_integer(DType t) { return !dtype_is_float(t) && t != DT_BOOL && dtype_size(t) <= 4; }

bool infer_quantize_linear(Infer *in) {
  const Type *x = operand_type(in, 0);
  DType to = (DType)INFER_ATTR(in, QUANTIZE_LINEAR, dtype)->i;
  if (!is_integer(to))
    return infer_fail(in, "quantize_linear: `dtype` is %s, it makes integers of up to 32 bits", dtype_name(to));
  return infer_float(in, 0) && infer_same_dtype(in, IN_QUANTIZE_LINEAR_scale, x) && zero_point_is(in, to) &&
         infer_scales(in) && infer_same(in, type_with_dtype(in->m, x, to));
}

bool infer_dequantize_linear(Infer *in) {
  const Type *x = operand_type(in, 0);
  DType to = (DType)INFER_ATTR(in, DEQUANTIZE_LINEAR, dtype)->i;
  if (!is_integer(x->dtype))
    return infer_fail(in, "dequantize_linear expects integers of up to 32 bits, but `%s` is %s",
                      infer_operand_name(in, 0), infer_str(in, x));
  if (!dtype_is_float(to))
    return infer_fail(in, "dequantize_linear: `dtype` is %s, it makes floating-point numbers", dtype_name(to));
  return zero_point_is(in, x->dtype) && infer_scales(in) && infer_same(in, type_with_dtype(in->m, x, to));
}

static bool is_byte(DType t) { return t == DT_U8 || t == DT_I8; }

bool infer_byte_table(Infer *in) {
  const Type *x = operand_type(in, IN_BYTE_TABLE_x), *table = operand_type(in, IN_BYTE_TABLE_table);
  if (!is_byte(x->dtype) || !is_byte(table->dtype))
    return infer_fail(in, "byte_table expects u8 or i8, but `x` is %s and `table` %s", infer_str(in, x),
                      infer_str(in, table));
  return infer_parameter(in, IN_BYTE_TABLE_table, table->dtype, 1, (Dim[]){256}) &&
         infer_same(in, type_with_dtype(in->m, x, table->dtype));
}

// ---- products: the operands of both ops lie alike

bool infer_scaled_integers(Infer *in, int64_t channels, DType result) {
  enum { X = IN_QUANTIZED_CONV2D_x, WEIGHT = IN_QUANTIZED_CONV2D_weight };
  const Type *x = operand_type(in, X), *w = operand_type(in, WEIGHT);
  if (!is_byte(x->dtype))
    return infer_fail(in, "%s expects u8 or i8, but `%s` is %s", op_info(in->op)->name, infer_operand_name(in, X),
                      infer_str(in, x));
  if (w->dtype != DT_I8)
    return infer_fail(in, "%s expects weights of i8, but `%s` is %s", op_info(in->op)->name,
                      infer_operand_name(in, WEIGHT), infer_str(in, w));
  return infer_parameter(in, IN_QUANTIZED_CONV2D_scale, DT_F32, 1, &channels) &&
         infer_parameter(in, IN_QUANTIZED_CONV2D_bias, DT_F32, 1, &channels) &&
         infer_parameter(in, IN_QUANTIZED_CONV2D_table, result, 1, (Dim[]){256});
}
