// Integers that stand for real numbers, and products of them.
#include "frontend/write_onnx/padding.h"

static bool has_op(const Export *e, DType integers) {
  if (integers != DT_I32 && integers != DT_U32) return true;
  return integers == DT_I32 && e->node->op == OP_DEQUANTIZE_LINEAR;
}

// `numbers`: the type of the real ones in ONNX.
static Term *linear(Export *e, DType integers, DType numbers, int64_t axis, int64_t block) {
  Term *scale = export_operand(e, IN_QUANTIZE_LINEAR_scale), *zero = export_operand(e, IN_QUANTIZE_LINEAR_zero_point);
  if (!has_op(e, integers)) {
    diag_error(e->d, e->node->span, "%s cannot be written as ONNX: that has none of %s", op_info(e->node->op)->name,
               dtype_name(integers));
    e->failed = true;
  }
  if (export_type(e, IN_QUANTIZE_LINEAR_scale)->dtype != numbers) scale = export_cast(e, scale, numbers);
  Term *y = export_op(e, e->row->op, zero ? 3 : 2, (Term *[]){export_in(e, 0), scale, zero});
  export_int(e, "axis", axis);
  if (block) export_int(e, "block_size", block);
  return y;
}

void write_quantize_linear(Export *e) {
  DType to = export_result_type(e)->dtype;
  Term *y =
      linear(e, to, e->dtype, EXPORT_ATTR(e, QUANTIZE_LINEAR, axis)->i, EXPORT_ATTR(e, QUANTIZE_LINEAR, block_size)->i);
  if (!export_operand(e, IN_QUANTIZE_LINEAR_zero_point)) export_int(e, "output_dtype", onnx_data_type(to));
  export_result(e, 0, y);
}

void write_dequantize_linear(Export *e) {
  DType own = export_result_type(e)->dtype, made = own == DT_F64 ? DT_F32 : own;
  Term *y = linear(e, export_type(e, 0)->dtype, made, EXPORT_ATTR(e, DEQUANTIZE_LINEAR, axis)->i,
                   EXPORT_ATTR(e, DEQUANTIZE_LINEAR, block_size)->i);
  export_result(e, 0, own == made ? y : export_cast(e, y, own));
}

// The entry of each byte's bits: i8 as u8 that is 256 more where it is negative.
static Term *looked_up(Export *e, Term *bytes, DType dtype, Term *table) {
  Term *number = export_cast(e, bytes, DT_I64);
  if (dtype == DT_I8) number = EXPORT(e, "Mod", number, export_integer(e, 256));
  return EXPORT(e, "Gather", table, number);
}

void write_byte_table(Export *e) {
  Term *x = export_operand(e, IN_BYTE_TABLE_x), *table = export_operand(e, IN_BYTE_TABLE_table);
  export_result(e, 0, looked_up(e, x, export_type(e, 0)->dtype, table));
}

// ---- products: the operands of both ops lie alike

enum {
  X = IN_QUANTIZED_CONV2D_x,
  WEIGHT = IN_QUANTIZED_CONV2D_weight,
  SCALE = IN_QUANTIZED_CONV2D_scale,
  BIAS = IN_QUANTIZED_CONV2D_bias,
  RESIDUAL = IN_QUANTIZED_CONV2D_residual,
  TABLE = IN_QUANTIZED_CONV2D_table
};

typedef struct Scaling {
  double residual_scale, low, high;
  int64_t y_zero_point;
  int inner; // dimensions behind the channels
} Scaling;

// ONNX Runtime multiplies u8 only: i8 is moved up, with its zero point.
static Term *unsigned_x(Export *e, int64_t *zero_point) {
  bool is_signed = export_type(e, X)->dtype == DT_I8;
  if (is_signed) *zero_point += 128;
  Term *x = export_operand(e, X);
  if (!is_signed) return x;
  return export_cast(e, EXPORT(e, "Add", export_cast(e, x, DT_I32), export_scalar(e, DT_I32, 128)), DT_U8);
}

static Term *per_channel(Export *e, int i, int inner) {
  Dim channels = export_type(e, i)->dims[0];
  return inner ? shape_reshape(e, export_operand(e, i), 1 + inner, (Dim[]){channels, 1, 1}) : export_operand(e, i);
}

static void write_scaled(Export *e, Term *sums, const Scaling *s) {
  DType to = export_result_type(e)->dtype;
  Term *v = EXPORT(e, "Mul", export_cast(e, sums, DT_F32), per_channel(e, SCALE, s->inner));
  if (export_operand(e, BIAS)) v = EXPORT(e, "Add", v, per_channel(e, BIAS, s->inner));
  Term *residual = export_operand(e, RESIDUAL);
  if (residual) {
    if (export_type(e, RESIDUAL)->dtype != DT_F32) residual = export_cast(e, residual, DT_F32);
    v = EXPORT(e, "Add", v, EXPORT(e, "Mul", residual, export_scalar(e, DT_F32, s->residual_scale)));
  }
  if (!dtype_is_float(to)) v = EXPORT(e, "Round", v);
  v = EXPORT(e, "Add", v, export_scalar(e, DT_F32, (double)s->y_zero_point));
  double low = s->low, high = s->high;
  if (!dtype_is_float(to)) low = fmax(low, dtype_lowest(to)), high = fmin(high, to == DT_I8 ? 127 : 255);
  v = EXPORT(e, "Clip", v, export_scalar(e, DT_F32, low), export_scalar(e, DT_F32, high));
  if (to != DT_F32) v = export_cast(e, v, to);
  Term *table = export_operand(e, TABLE);
  export_result(e, 0, table ? looked_up(e, v, to, table) : v);
}

void write_quantized_conv2d(Export *e) {
  const Attr *stride = EXPORT_ATTR(e, QUANTIZED_CONV2D, stride), *dilation = EXPORT_ATTR(e, QUANTIZED_CONV2D, dilation),
             *sides = EXPORT_ATTR(e, QUANTIZED_CONV2D, padding);
  int64_t zero_point = EXPORT_ATTR(e, QUANTIZED_CONV2D, zero_point)->i;
  Windows w = {2, export_type(e, WEIGHT)->dims + 2, stride->ints, dilation->ints, sides->ints};
  Padding padding;
  Term *x = unsigned_x(e, &zero_point);
  x = padding_settle(e, x, &w, (double)zero_point, &padding);
  Term *y = EXPORT(e, e->row->op, x, export_operand(e, WEIGHT), export_scalar(e, DT_U8, (double)zero_point));
  export_ints(e, "strides", 2, stride->ints);
  export_ints(e, "dilations", 2, dilation->ints);
  padding_attributes(e, &w, &padding);
  export_int(e, "group", EXPORT_ATTR(e, QUANTIZED_CONV2D, groups)->i);
  Scaling s = {EXPORT_ATTR(e, QUANTIZED_CONV2D, residual_scale)->f, EXPORT_ATTR(e, QUANTIZED_CONV2D, low)->f,
               EXPORT_ATTR(e, QUANTIZED_CONV2D, high)->f, EXPORT_ATTR(e, QUANTIZED_CONV2D, y_zero_point)->i, 2};
  write_scaled(e, y, &s);
}

void write_quantized_linear(Export *e) {
  int64_t zero_point = EXPORT_ATTR(e, QUANTIZED_LINEAR, zero_point)->i;
  Term *x = unsigned_x(e, &zero_point), *zero = export_scalar(e, DT_U8, (double)zero_point);
  Term *weight = shape_permute(e, export_operand(e, WEIGHT), 2, (int64_t[]){1, 0});
  Scaling s = {EXPORT_ATTR(e, QUANTIZED_LINEAR, residual_scale)->f, EXPORT_ATTR(e, QUANTIZED_LINEAR, low)->f,
               EXPORT_ATTR(e, QUANTIZED_LINEAR, high)->f, EXPORT_ATTR(e, QUANTIZED_LINEAR, y_zero_point)->i, 0};
  write_scaled(e, EXPORT(e, e->row->op, x, weight, zero), &s);
}
