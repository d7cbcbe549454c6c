// Powers, of integers too, and the shifts of bits that they make.
#include "frontend/onnx/nodes.h"
#include <string.h>

static bool is_integer(DType t) { return !dtype_is_float(t) && t != DT_BOOL; }

enum { EXPONENT_BITS = 6 }; // from 2^6 on any power but of 0, 1 and -1 has left every type

// base^exponent modulo the type's range, both i64 and exponent not negative, by squaring.
static Value *whole_power(Call *c, Value *base, Value *exponent) {
  Value *power = call_scalar(c, base->type->dtype, 1), *rest = exponent;
  for (int i = 0; i < EXPONENT_BITS && rest; i++) {
    Value *half = call_with(c, OP_DIV, rest, 2);
    Value *odd = call_with(c, OP_NE, call_binary(c, OP_SUB, rest, call_with(c, OP_MUL, half, 2)), 0);
    power = call_where(c, odd, call_binary(c, OP_MUL, power, base), power);
    base = call_binary(c, OP_MUL, base, base);
    rest = half;
  }
  return power;
}

// Of integers to the power of floats: computed in f32 and truncated, a little larger so that rounding takes no whole
// number below itself.
static Value *real_power(Call *c, Value *base, Value *exponent) {
  Value *power = call_binary(c, OP_POW, call_cast(c, base, DT_F32), call_cast(c, exponent, DT_F32));
  return call_with(c, OP_MUL, power, 1 + 0x1p-21);
}

bool convert_pow(Call *c, OpKind op) {
  Value *base = call_value(c, 0), *exponent = call_value(c, 1);
  if (!base || !exponent) return false;
  DType t = base->type->dtype;
  if (dtype_is_float(t)) return call_result(c, 0, call_binary(c, op, base, call_cast(c, exponent, t)));
  Value *power = is_integer(exponent->type->dtype)
                     ? whole_power(c, call_cast(c, base, DT_I64), call_cast(c, exponent, DT_I64))
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
  Value *power = whole_power(c, call_scalar(c, x->type->dtype, 2), by);
  return call_result(c, 0, call_binary(c, left ? OP_MUL : OP_DIV, x, power));
}
