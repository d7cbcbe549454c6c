// Conversion to and from 16-bit floats: every value, every midpoint, and what lies next to each.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ir/core/dtype.h"
#include <math.h>
#include <string.h>

static double load(DType t, uint16_t bits) { return dtype_load(t, &bits, 0); }

static uint16_t store(DType t, double v) {
  uint16_t bits;
  dtype_store(t, &bits, 0, v);
  return bits;
}

// What the bits mean, by the formats' definitions.
static double meaning(uint16_t bits, int exponent_bits) {
  int fraction_bits = 15 - exponent_bits, bias = (1 << (exponent_bits - 1)) - 1;
  int exponent = bits >> fraction_bits & ((1 << exponent_bits) - 1), fraction = bits & ((1 << fraction_bits) - 1);
  double v = exponent ? ldexp(1 + ldexp(fraction, -fraction_bits), exponent - bias)
                      : ldexp(fraction, 1 - bias - fraction_bits);
  return bits & 0x8000 ? -v : v;
}

static void check(DType t, int exponent_bits) {
  uint16_t infinity = (uint16_t)(((1 << exponent_bits) - 1) << (15 - exponent_bits));
  for (uint32_t h = 0; h < infinity; h++) {
    uint16_t at = (uint16_t)h, next = (uint16_t)(h + 1), even = at & 1 ? next : at;
    double v = load(t, at), above = next == infinity ? 2 * v - load(t, at - 1) : load(t, next);
    assert_true(v == meaning(at, exponent_bits));
    double middle = v + (above - v) / 2; // exact in double
    const struct {
      double v;
      uint16_t bits;
    } cases[] = {{v, at},
                 {middle, even},
                 {nextafter(middle, 0), at},
                 {nextafter(middle, INFINITY), next},
                 {v + (middle - v) / 2, at},
                 {middle + (above - middle) / 2, next}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
      if (store(t, cases[i].v) != cases[i].bits || store(t, -cases[i].v) != (cases[i].bits | 0x8000))
        fail_msg("%s: %a becomes %04x, not %04x", dtype_name(t), cases[i].v, store(t, cases[i].v), cases[i].bits);
    }
  }
  assert_int_equal(store(t, INFINITY), infinity);
  assert_int_equal(store(t, -1e300), 0x8000 | infinity);
  assert_int_equal(store(t, 1e-300), 0);
  assert_int_equal(store(t, -0.0), 0x8000);
  assert_true(isinf(load(t, infinity)));
  assert_true(isnan(load(t, infinity + 1)));
  assert_true(isnan(load(t, store(t, NAN))));
}

static void test_f16(void **state) {
  (void)state;
  check(DT_F16, 5);
}

static void test_bf16(void **state) {
  (void)state;
  check(DT_BF16, 8);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_f16), cmocka_unit_test(test_bf16)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
