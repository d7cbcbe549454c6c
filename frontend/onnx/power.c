// Powers, of integers too, and the shifts of bits that they make.
#include "frontend/onnx/nodes.h"
#include <string.h>

static bool is_integer(DType t) { return !dtype_is_float(t) && t != DT_BOOL; }

// Of integers to the power of floats: computed in f32 and truncated, a little larger so that rounding takes no whole
// number below itself.
static Value *real_power(Call *c, Value *base, Value *exponent) {
  Value *power = call_binary(c, OP_POW, call_cast(c, base, DT_F32), call_cast(c, exponent, DT_F32));
  return call_with(c, OP_MUL, power, 1 + 0x1p-21);
}

bool convert_pow(Call *c, OpKind op) {
  Value *base = call_value(c, 0), *exponent = call_value(c, 1);
  if (!base || !exponent) return false;
  DType t = base->type->dtype, wide = t == DT_U64 ? DT_U64 : DT_I64;
  if (dtype_is_float(t)) return call_result(c, 0, call_binary(c, op, base, call_cast(c, exponent, t)));
  Value *power = is_integer(exponent->type->dtype)
                     ? call_binary(c, op, call_cast(c, base, wide), call_cast(c, exponent, wide))
                     : real_power(c, base, exponent);
  return call_result(c, 0, call_cast(c, power, t));
}

bool convert_bit_shift(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0), *by = call_value(c, 1);
  const char *way = call_text(c, "direction", "");
  if (!x || !by) return false;
  bool left = !strcmp(way, "LEFT");
  if (!left && strcmp(way, "RIGHT")) return call_fail(c, "`direction` is neither LEFT nor RIGHT");
  Value *power = call_binary(c, OP_POW, call_scalar(c, x->type->dtype, 2), by);
  return call_result(c, 0, call_binary(c, left ? OP_MUL : OP_DIV, x, power));
}
