#include "ir/core/dtype.h"
#include "ir/core/check.h"
#include <math.h>
#include <string.h>

static const struct {
  const char *name, *code;
  size_t size;
} types[DT_COUNT] = {
    [DT_F32] = {"f32", "F32", 4},    [DT_F16] = {"f16", "F16", 2}, [DT_BF16] = {"bf16", "BF16", 2},
    [DT_I8] = {"i8", "I8", 1},       [DT_U8] = {"u8", "U8", 1},    [DT_I32] = {"i32", "I32", 4},
    [DT_I64] = {"i64", "I64", 8},    [DT_F64] = {"f64", "F64", 8}, [DT_I16] = {"i16", "I16", 2},
    [DT_BOOL] = {"bool", "BOOL", 1}, [DT_U16] = {"u16", "U16", 2}, [DT_U32] = {"u32", "U32", 4},
    [DT_U64] = {"u64", "U64", 8},
};

size_t dtype_size(DType t) { return types[t].size; }
const char *dtype_name(DType t) { return types[t].name; }
const char *dtype_code(DType t) { return types[t].code; }
const char *dtype_list(void) { return "f32, f64, f16, bf16, i8, i16, i32, i64, u8, u16, u32, u64 and bool"; }
bool dtype_is_float(DType t) { return t == DT_F32 || t == DT_F64 || dtype_is_half(t); }
bool dtype_is_half(DType t) { return t == DT_F16 || t == DT_BF16; }
bool dtype_is_unsigned(DType t) { return t == DT_U8 || t == DT_U16 || t == DT_U32 || t == DT_U64 || t == DT_BOOL; }
bool dtype_is_wide(DType t) { return t == DT_I64 || t == DT_U64; }

int dtype_value_bits(DType t) {
  CHECK(!dtype_is_float(t), "%s", dtype_name(t));
  return t == DT_BOOL ? 1 : (int)dtype_size(t) * 8 - !dtype_is_unsigned(t);
}

double dtype_lowest(DType t) {
  if (dtype_is_float(t)) return -INFINITY;
  return dtype_is_unsigned(t) ? 0 : -ldexp(1, dtype_value_bits(t));
}

bool dtype_holds(DType t, double v) {
  if (dtype_is_float(t)) return true;
  double beyond = ldexp(1, dtype_value_bits(t));
  return v == floor(v) && v < beyond && v >= (dtype_is_unsigned(t) ? 0 : -beyond);
}

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
  enum { SMALLEST_NORMAL = 1024 }; // times 2^-24
  int exponent = h >> 10 & 31, fraction = h & 1023;
  uint64_t bits = (uint64_t)(exponent - 15 + 1023) << 52 | (uint64_t)fraction << 42;
  double v;
  memcpy(&v, &bits, 8);
  if (exponent == 31) v = fraction ? NAN : INFINITY;
  if (!exponent) v = fraction * (0x1p-14 / SMALLEST_NORMAL);
  return h & 0x8000 ? -v : v;
}

// The bits of v as a float for a second rounding to fewer bits, which must see on which side of the float v lay: where
// the float is not v its last bit is odd.
static uint32_t double_to_odd(double v) {
  float f = (float)v;
  uint32_t u;
  memcpy(&u, &f, 4);
  if (!isinf(f) && (double)f != v) {
    if (fabs((double)f) > fabs(v)) u--;
    u |= 1;
  }
  return u;
}

// To nearest even, as a carry from the bits that are dropped.
static uint32_t drop_bits(uint32_t u, int n) { return (u + (1u << (n - 1)) - 1 + (u >> n & 1)) >> n; }

static uint16_t double_to_half(double v) {
  enum { DROPPED = 13, REBIASED = (127 - 15) << 23, FIRST_NORMAL = (127 - 14) << 23, BEYOND = 0x477ff000 }; // 65520
  uint16_t sign = signbit(v) ? 0x8000 : 0;
  if (isnan(v)) return sign | 0x7e00;
  uint32_t u = double_to_odd(v) & 0x7fffffff;
  if (u >= BEYOND) return sign | 0x7c00;
  if (u < FIRST_NORMAL) return sign | (uint16_t)nearbyint(fabs(v) * 0x1p24);
  return sign | (uint16_t)drop_bits(u - REBIASED, DROPPED);
}

static uint16_t double_to_bf16(double v) { return isnan(v) ? 0x7fc0 : (uint16_t)drop_bits(double_to_odd(v), 16); }

double dtype_load(DType t, const void *data, int64_t i) {
  switch (t) {
  case DT_F32: return ((const float *)data)[i];
  case DT_F64: return ((const double *)data)[i];
  case DT_F16: return half_to_double(((const uint16_t *)data)[i]);
  case DT_BF16: {
    uint32_t u = (uint32_t)((const uint16_t *)data)[i] << 16;
    float f;
    memcpy(&f, &u, 4);
    return f;
  }
  default: return dtype_int_to_double(t, dtype_load_int(t, data, i));
  }
}

// 2^bits is the first integer that the type does not reach.
static int64_t saturate(DType t, double v) {
  int bits = dtype_value_bits(t);
  double beyond = ldexp(1, bits);
  if (isnan(v)) return 0;
  v = nearbyint(v);
  if (v >= beyond) return bits == 64 ? -1 : (int64_t)(UINT64_MAX >> (64 - bits));
  if (dtype_is_unsigned(t)) return v <= 0 ? 0 : (int64_t)(uint64_t)v;
  return v <= -beyond ? (int64_t)-beyond : (int64_t)v;
}

void dtype_store(DType t, void *data, int64_t i, double v) {
  switch (t) {
  case DT_F32: ((float *)data)[i] = (float)v; return;
  case DT_F16: ((uint16_t *)data)[i] = double_to_half(v); return;
  case DT_BF16: ((uint16_t *)data)[i] = double_to_bf16(v); return;
  case DT_F64: ((double *)data)[i] = v; return;
  case DT_BOOL: ((uint8_t *)data)[i] = v != 0; return;
  default: dtype_store_int(t, data, i, saturate(t, v));
  }
}

int64_t dtype_load_int(DType t, const void *data, int64_t i) {
  switch (t) {
  case DT_I8: return ((const int8_t *)data)[i];
  case DT_U8:
  case DT_BOOL: return ((const uint8_t *)data)[i];
  case DT_I16: return ((const int16_t *)data)[i];
  case DT_U16: return ((const uint16_t *)data)[i];
  case DT_I32: return ((const int32_t *)data)[i];
  case DT_U32: return ((const uint32_t *)data)[i];
  case DT_I64:
  case DT_U64: return ((const int64_t *)data)[i];
  default: UNREACHABLE("integers of type %d", t);
  }
}

void dtype_store_int(DType t, void *data, int64_t i, int64_t v) {
  switch (t) {
  case DT_I8:
  case DT_U8: ((uint8_t *)data)[i] = (uint8_t)v; return;
  case DT_BOOL: ((uint8_t *)data)[i] = v != 0; return;
  case DT_I16:
  case DT_U16: ((uint16_t *)data)[i] = (uint16_t)v; return;
  case DT_I32:
  case DT_U32: ((uint32_t *)data)[i] = (uint32_t)v; return;
  case DT_I64:
  case DT_U64: ((int64_t *)data)[i] = v; return;
  default: UNREACHABLE("integers of type %d", t);
  }
}

double dtype_int_to_double(DType t, int64_t v) { return t == DT_U64 ? (double)(uint64_t)v : (double)v; }

void dtype_convert(DType to, void *out, int64_t j, DType from, const void *data, int64_t i) {
  if (dtype_is_float(to) || dtype_is_float(from))
    dtype_store(to, out, j, dtype_load(from, data, i));
  else
    dtype_store_int(to, out, j, dtype_load_int(from, data, i));
}
