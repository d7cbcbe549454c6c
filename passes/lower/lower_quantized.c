// Integers of 8 bits: tables, and products: convolutions and linear layers by contract.c, four input channels of u8 or
// i8 an i32; depthwise ones by depthwise.c.
#include "ir/core/checked.h"
#include "passes/lower/contract.h"
#include "passes/lower/conv.h"
#include "passes/lower/depthwise.h"
#include "passes/lower/strided.h"

enum { QUAD = 4 };

// Strides of bytes as strides of quads.
static Dim quads(Lower *lw, Dim bytes) { return dim_floordiv(lw->m->dims, bytes, QUAD); }

bool lower_quantized_conv2d(Lower *lw, Node *n) {
  Value *x = operand(n, IN_QUANTIZED_CONV2D_x), *y = result(n);
  Scaling s = scaled_read(n);
  Phys in, out;
  phys_of_value(lw, x, &in);
  phys_of_value(lw, y, &out);
  Contraction c = {
      .window = conv_window(n),
      .images = x->type->dims[0],
      .channels_in = ceil_div(x->type->dims[1], QUAD),
      .channels_out = y->type->dims[1],
      .groups = 1,
      .block = BLOCK / QUAD,
      .in_image = quads(lw, in.strides[0]),
      .in_block = quads(lw, in.strides[1]),
      .in_row = quads(lw, in.strides[2]),
      .in_pixel = quads(lw, in.strides[3]),
      .out_image = out.strides[0],
      .out_panel = out.strides[1],
      .out_row = out.strides[2],
      .out_pixel = out.strides[3],
      .x = x,
      .y = y,
      .residual = s.residual,
      .weight = weight_operand(n, IN_QUANTIZED_CONV2D_weight),
      .act = "none",
      .scaling = &s,
  };
  if (conv_is_depthwise(n)) return depthwise(lw, n, &c.window), true;
  if (conv_is_pointwise(n)) contract_flatten(lw, &c, dim_mul(lw->m->dims, c.window.in_h, c.window.in_w));
  contract(lw, n, &c);
  return true;
}

static LExpr *looked_up(Kernel *k, void *context, LExpr *const *values, int lanes) {
  (void)lanes;
  LExpr *v = values[0];
  return lx_table(k->b, context, v->type.dtype == DT_U8 ? v : lx_bitcast(k->b, DT_U8, v));
}

bool lower_byte_table(Lower *lw, Node *n) {
  Value *x = operand(n, IN_BYTE_TABLE_x), *y = result(n);
  Kernel k = kernel_begin(lw, "table");
  Phys in, out;
  phys_of_value(lw, x, &in);
  phys_of_value(lw, y, &out);
  LExpr *table = kernel_buffer(&k, "table", pack_row_major(lw, weight_operand(n, IN_BYTE_TABLE_table)), ACCESS_IN);
  bool in_place = x->kind == VALUE_RESULT && x->type == y->type;
  LExpr *p[] = {in_place ? kernel_in_place(&k, "x", x) : kernel_in(&k, "x", x), kernel_out_in_place(&k, "y", y)};
  Strided s = {.n_operands = 2};
  for (int d = 0; d < out.rank; d++) strided_add_dim(&s, out.dims[d], (Dim[]){in.strides[d], out.strides[d]});
  kernel_finish(&k, n, strided_loops(&k, &s, p, looked_up, table), 0, "");
  return true;
}
