#include "ir/core/dtype.h"
#include "ir/core/check.h"
#include <math.h>
#include <string.h>

static const struct {
  const char *name;
  size_t size;
} types[DT_COUNT] = {
    [DT_F32] = {"f32", 4}, [DT_F16] = {"f16", 2}, [DT_BF16] = {"bf16", 2}, [DT_I8] = {"i8", 1},
    [DT_U8] = {"u8", 1},   [DT_I32] = {"i32", 4}, [DT_I64] = {"i64", 8},   [DT_BOOL] = {"bool", 1},
};

size_t dtype_size(DType t) { return types[t].size; }
const char *dtype_name(DType t) { return types[t].name; }
bool dtype_is_float(DType t) { return t == DT_F32 || t == DT_F16 || t == DT_BF16; }

bool dtype_from_name(const char *name, DType *t) {
  for (int i = 0; i < DT_COUNT; i++) {
    if (strcmp(types[i].name, name)) continue;
    *t = (DType)i;
    return true;
  }
  return false;
}

// IEEE 754 binary16, subnormals included.
static double half_to_double(uint16_t h) {
  int exponent = h >> 10 & 31, fraction = h & 1023;
  double v = exponent == 31 ? (fraction ? NAN : INFINITY)
             : exponent     ? ldexp(1024 + fraction, exponent - 25)
                            : ldexp(fraction, -24);
  return h & 0x8000 ? -v : v;
}

static uint16_t double_to_half(double v) {
  uint16_t sign = signbit(v) ? 0x8000 : 0;
  double a = fabs(v);
  if (isnan(v)) return sign | 0x7e00;
  if (a >= 65520.0) return sign | 0x7c00;
  if (a < ldexp(1, -14)) return sign | (uint16_t)nearbyint(ldexp(a, 24));
  int exponent;
  double m = frexp(a, &exponent); // [0.5, 1)
  unsigned bits = (unsigned)nearbyint(ldexp(m, 11));
  return sign | (uint16_t)(((unsigned)(exponent + 14) << 10) + (bits - 1024));
}

static uint16_t double_to_bf16(double v) {
  if (isnan(v)) return 0x7fc0;
  float f = (float)v;
  uint32_t u;
  memcpy(&u, &f, 4);
  // Round to odd first, so that the second rounding sees which side of f the double lay on.
  if (!isinf(f) && (double)f != v) {
    if (fabs((double)f) > fabs(v)) u--;
    u |= 1;
  }
  return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

double dtype_load(DType t, const void *data, int64_t i) {
  switch (t) {
  case DT_F32: return ((const float *)data)[i];
  case DT_F16: return half_to_double(((const uint16_t *)data)[i]);
  case DT_BF16: {
    uint32_t u = (uint32_t)((const uint16_t *)data)[i] << 16;
    float f;
    memcpy(&f, &u, 4);
    return f;
  }
  case DT_I8: return ((const int8_t *)data)[i];
  case DT_U8:
  case DT_BOOL: return ((const uint8_t *)data)[i];
  case DT_I32: return ((const int32_t *)data)[i];
  case DT_I64: return (double)((const int64_t *)data)[i];
  case DT_COUNT: break;
  }
  UNREACHABLE("dtype %d", t);
}

static int64_t saturate(double v, double lo, double hi) {
  if (isnan(v)) return 0;
  v = nearbyint(v);
  return v <= lo ? (int64_t)lo : v >= hi ? (int64_t)hi : (int64_t)v;
}

void dtype_store(DType t, void *data, int64_t i, double v) {
  switch (t) {
  case DT_F32: ((float *)data)[i] = (float)v; return;
  case DT_F16: ((uint16_t *)data)[i] = double_to_half(v); return;
  case DT_BF16: ((uint16_t *)data)[i] = double_to_bf16(v); return;
  case DT_I8: ((int8_t *)data)[i] = (int8_t)saturate(v, INT8_MIN, INT8_MAX); return;
  case DT_U8: ((uint8_t *)data)[i] = (uint8_t)saturate(v, 0, UINT8_MAX); return;
  case DT_BOOL: ((uint8_t *)data)[i] = v != 0; return;
  case DT_I32: ((int32_t *)data)[i] = (int32_t)saturate(v, INT32_MIN, INT32_MAX); return;
  case DT_I64: // 2^63 is not an int64
    ((int64_t *)data)[i] = v >= 0x1p63 ? INT64_MAX : saturate(v, -0x1p63, 0x1p62 * 1.9999999999999998);
    return;
  case DT_COUNT: break;
  }
  UNREACHABLE("dtype %d", t);
}
