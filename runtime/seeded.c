// seeded.c: see seeded.h. A linear congruential generator (Knuth, The Art of Computer Programming 2, MMIX's constants).
#include "seeded.h"
#include "nncc.h"

static uint64_t next(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return *state >> 32;
}

// k / 64 for k in [-64, 63], as bits of a float with so many bits of mantissa and this bias.
static uint32_t fraction(int k, int mantissa, int bias, int sign) {
  uint32_t m = (uint32_t)(k < 0 ? -k : k);
  int exponent = 0;
  if (!m) return 0;
  while (m >> (exponent + 1)) exponent++;
  uint32_t bits = (m << (mantissa - exponent)) & ((1u << mantissa) - 1);
  return bits | (uint32_t)(exponent - 6 + bias) << mantissa | (uint32_t)(k < 0) << sign;
}

void nncc_rt_seeded(uint64_t *state, int32_t dtype, int64_t n, void *out) {
  for (int64_t i = 0; i < n; i++) {
    uint64_t v = next(state);
    int k = (int)(v >> 20 & 127) - 64;
    switch (dtype) {
    case NNCC_F32: ((uint32_t *)out)[i] = fraction(k, 23, 127, 31); break;
    case NNCC_BF16: ((uint16_t *)out)[i] = (uint16_t)(fraction(k, 7, 127, 15)); break;
    case NNCC_F16: ((uint16_t *)out)[i] = (uint16_t)fraction(k, 10, 15, 15); break;
    case NNCC_F64: ((double *)out)[i] = k / 64.0; break;
    case NNCC_I16:
    case NNCC_U16: ((uint16_t *)out)[i] = (uint16_t)(v >> 31); break;
    case NNCC_I32:
    case NNCC_U32: ((uint32_t *)out)[i] = (uint32_t)(v >> 31); break;
    case NNCC_I64:
    case NNCC_U64: ((uint64_t *)out)[i] = v >> 31; break;
    case NNCC_BOOL: ((uint8_t *)out)[i] = (uint8_t)(v >> 31); break;
    default: ((uint8_t *)out)[i] = (uint8_t)(v >> 24);
    }
  }
}
