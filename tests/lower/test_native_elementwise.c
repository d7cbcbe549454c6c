// Activations, comparisons, and arithmetic with broadcasting.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/lower/cases.h"
#include <stdio.h>

static const char *const activations[] = {
    "relu", "relu6", "gelu", "gelu(approximate=\"tanh\")", "silu", "sigmoid", "tanh", "hardswish", "hardsigmoid"};

static void test_activations(void **state) {
  (void)state;
  static const char *const shapes[] = {"f32[1]", "f32[17]", "f32[3, 5, 7]", "f32[1, 64]", "f32[5000]", "f32[N, T, 3]"};
  Cases cases = {0};
  for (size_t a = 0; a < sizeof activations / sizeof *activations; a++) {
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
      cases_add(&cases, shapes[s], "y = a |> %s", activations[a]);
    cases_add(&cases, "f32[1, 3, 4, 5]", "y = a |> conv2d(19, 2) @w |> %s |> sigmoid", activations[a]);
    cases_add(&cases, "f32[41]!", "y = a |> %s", activations[a]);
    cases_add(&cases, "f32[41]", "y = (a * 100.0) |> %s", activations[a]);
  }
  cases_check(cases.data, cases.len);
  cases_free(&cases);
}

// Written out, as models do.
static void test_hard_activations(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[41]", "y = a * relu6(a + 3.0) / 6.0"},
      {"f32[41]!", "y = relu6(a + 3.0) / 6.0"},
      {"f32[41]", "t = a * 100.0\n  y = t * (relu6(t + 3.0) / 6.0)"},
      {"f32[5, 17]", "t = a |> linear(35) @q\n  y = t * relu6(t + 3.0) / 6.0"},
      {"f32[1, 3, 4, 5]", "t = a |> conv2d(19, 2) @p\n  y = (t * relu6(t + 3.0) / 6.0) |> conv2d(7, 1) @q"},
      {"f32[1, 3, 9, 7]", "t = a |> conv2d(19, 3, padding=1) @p\n  u = t * relu6(t + 3.0) / 6.0\n"
                          "  v = u |> conv2d(19, 3, padding=1, groups=19) @q\n  y = relu6(v + 3.0) / 6.0"},
      {"f32[N, 3, H, W]", "t = a |> conv2d(20, 1) @p\n  y = t * (relu6(t + 3.0) / 6.0)"},
  };
  CASES_CHECK(cases);
}

static void test_functions(void **state) {
  (void)state;
  static const char *const functions[] = {"mish",
                                          "selu",
                                          "elu",
                                          "elu(alpha=0.3)",
                                          "celu",
                                          "celu(alpha=2.5)",
                                          "celu(alpha=-1.5)",
                                          "leaky_relu",
                                          "leaky_relu(negative_slope=0.2)",
                                          "softplus",
                                          "softplus(beta=2.0, threshold=3.0)",
                                          "softplus(beta=-0.5)",
                                          "clamp(min=-1.0, max=0.5)",
                                          "clamp(min=0.25)",
                                          "clamp(max=-0.25)",
                                          "clamp(min=2.0, max=-2.0)",
                                          "clamp(min=0.0, max=6.0)",
                                          "clamp(min=0.0)",
                                          "exp",
                                          "log",
                                          "sqrt",
                                          "rsqrt",
                                          "reciprocal",
                                          "erf",
                                          "sin",
                                          "cos",
                                          "atan",
                                          "abs",
                                          "neg",
                                          "floor",
                                          "ceil",
                                          "round",
                                          "pow(2.0)",
                                          "pow(3.0)",
                                          "pow(-1.0)",
                                          "pow(-2.0)",
                                          "pow(1.0)",
                                          "pow(0.5)",
                                          "pow(-0.5)",
                                          "pow(0.3)",
                                          "pow(5.0)",

                                          "prelu @w",
                                          "maximum(0.0)"};
  Cases cases = {0};
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    const char *f = functions[i];
    cases_add(&cases, "f32[41]", "y = a |> %s", f);
    cases_add(&cases, "f32[41]!", "y = a |> %s", f);
    cases_add(&cases, "f32[3, 5, 7]", "y = (a * 20.0) |> %s", f);
    cases_add(&cases, "f32[N, T, 3]", "y = a |> %s |> sigmoid", f);
    // Not near 0, where some of these are steep.
    cases_add(&cases, "f32[1, 3, 4, 5]", "y = ((a |> conv2d(19, 2) @c |> tanh) * 0.5 + 2.0) |> %s", f);
    cases_add(&cases, "f32[2, 7]", "y = (a * a + 0.5) |> %s", f);
  }
  cases_check(cases.data, cases.len);
  cases_free(&cases);
}

static void test_function_types(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f16[3, 7]", "y = a |> exp"},
      {"bf16[3, 7]", "y = a |> softplus"},
      {"f16[17]!", "y = a |> clamp(min=-0.5)"},
      {"i8[3, 17]", "y = a |> clamp(min=-5.0, max=300.0)"},
      {"u8[3, 17]", "y = a |> clamp(min=-5.0, max=100.0)"},
      {"i32[3, 17]", "y = a |> clamp(min=-1e30, max=-3.0)"},
      {"i64[3, 17]", "y = a |> clamp(min=7.0)"},
      {"i8[3, 17]", "y = abs(a)"},
      {"u8[17]", "y = abs(a)"},
      {"i64[17]", "y = abs(-a)"},
      {"i32[17]", "y = neg(a)"},
      {"bool[17]", "y = logical_not(a)"},
      {"i8[17]", "y = logical_not(a - 1)"},
      {"f16[17]", "y = logical_not(a)"},
      {"f32[]!", "y = a |> prelu @p"},
      {"f32[2, 18, 3, 3]", "y = a |> prelu(18) @p"},
      {"f32[2, 3, 5, 6]", "y = a |> conv2d(18, 2) @c |> prelu(18) @p |> conv2d(7, 1) @d"},
      {"f32[2, 3, 5, 6]", "y = a |> conv2d(18, 2) @c |> prelu @p |> conv2d(7, 1) @d"},
      {"f32[N, 18]!", "y = a |> prelu(18) @p"},
      {"f32[N, 3, H, W]", "y = a |> conv2d(18, 1) @c |> mish |> conv2d(18, 1) @d |> selu"},
      {"f32[N, T, 5]", "y = a |> linear(35) @c |> mish"},
  };
  CASES_CHECK(cases);
}

static void test_comparisons(void **state) {
  (void)state;
  static const char *const types[] = {"f32", "f16", "i8", "u8", "i32", "i64"};
  static const char *const texts[] = {"a < b",
                                      "a <= b",
                                      "a > b",
                                      "a >= b",
                                      "a == b",
                                      "a != b",
                                      "a == a",
                                      "minimum(a, b)",
                                      "maximum(a, b)",
                                      "logical_and(a, b)",
                                      "logical_or(a, b)",
                                      "logical_xor(a, b)",
                                      "where(a < b, a, b)",
                                      "where(a == a, 3, b)",
                                      "where(a > 2, b, 5)",
                                      "where(b < 1, 1, 0)"};
  Cases cases = {0};
  for (size_t t = 0; t < sizeof types / sizeof *types; t++)
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
      char inputs[60];
      snprintf(inputs, sizeof inputs, "%s[3, 1, 19] %s[5, 19]", types[t], types[t]);
      cases_add(&cases, inputs, "y = %s", texts[i]);
      snprintf(inputs, sizeof inputs, "%s[N, T]%s %s[N, T]", types[t], *types[t] == 'f' ? "!" : "", types[t]);
      cases_add(&cases, inputs, "y = %s", texts[i]);
    }
  static const Case more[] = {
      {"bool[3, 17] bool[17]", "y = a == b"},
      {"bool[3, 17] bool[17]", "y = logical_xor(a, b)"},
      {"bool[3, 17] bool[17]", "y = minimum(a, b)"},
      {"bool[3, 17] f32[17]", "y = logical_and(a, b)"},
      {"u8[3, 17] u8[17]", "y = bitwise_and(a, b)"},
      {"i64[3, 17] i64[3, 1]", "y = bitwise_or(a, b)"},
      {"i32[N, 17] i32[17]", "y = bitwise_xor(a, bitwise_not(b))"},
      {"i8[70]", "y = bitwise_not(a)"},
      {"u8[N]", "y = bitwise_not(a)"},
      {"bool[17]", "y = where(a, 1.5, 2)"},
      {"bool[17] bool[3, 17]", "y = where(a, b, b != a)"},
      {"bool[3, 1] f16[17] f16[1]", "y = where(a, b, c)"},
      {"f32[17] f32[17]", "y = pow(abs(a), b)"},
      {"f32[3, 17]! f32[17]", "y = pow(a, b)"},
      {"f32[3, 17] f32[17]!", "y = pow(a, b)"},
      {"f32[17]", "y = pow(2.0, a)"},
      {"f32[17] f32[17]", "y = cast(a < b, f32) * 2.0 + cast(logical_not(a < b), f32)"},
      {"f32[17] f32[17] f32[17]", "y = where(logical_and(a < b, b < c), a + b, where(a < c, b * c, a - c))"},
      {"f32[2, 3, 5, 6] f32[2, 18, 4, 5]", "t = a |> conv2d(18, 2) @p\n  y = where(t < b, t, b) |> conv2d(5, 1) @q"},
      {"f32[2, 3, 5, 6]", "t = a |> conv2d(18, 2) @p\n  y = where(t < 0.0, t * 0.25, t)"},
      {"f32[2, 3, 5, 6] bool[2, 1, 4, 5]", "t = a |> conv2d(18, 2) @p\n  y = where(b, t, 0.0)"},
      {"f32[2, 3, 5, 6] bool[5]", "t = a |> conv2d(18, 2) @p\n  y = where(b, t, 1.0)"},
      {"f32[N, 18, H, W]", "t = a |> conv2d(18, 1) @p\n  y = maximum(t, a) - minimum(t, 0.5)"},
  };
  for (size_t i = 0; i < sizeof more / sizeof *more; i++) cases_add(&cases, more[i].inputs, "%s", more[i].body);
  cases_check(cases.data, cases.len);
  cases_free(&cases);
}

static void test_integer_activations(void **state) {
  (void)state;
  static const char *const types[] = {"i8", "u8", "i32", "i64"};
  Cases cases = {0};
  for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
    char shape[20];
    snprintf(shape, sizeof shape, "%s[3, 7]", types[t]);
    for (int a = 0; a < 2; a++) cases_add(&cases, shape, "y = a |> %s", activations[a]);
  }
  cases_check(cases.data, cases.len);
  cases_free(&cases);
}

static void test_arithmetic(void **state) {
  (void)state;
  static const char *const types[] = {"f32", "i8", "u8", "i32", "i64"};
  static const char *const shapes[][2] = {
      {"[1]", "[1]"},          {"[17]", "[17]"},         {"[3, 5, 19]", "[3, 5, 19]"}, {"[3, 5, 19]", "[19]"},
      {"[19]", "[3, 5, 19]"},  {"[3, 5, 19]", "[5, 1]"}, {"[3, 1, 19]", "[1, 5, 1]"},  {"[5, 1]", "[1, 33]"},
      {"[N, T, 3]", "[T, 1]"}, {"[N, 1, W]", "[H, W]"}};
  Cases cases = {0};
  for (size_t t = 0; t < sizeof types / sizeof *types; t++)
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
      for (const char *op = "+-*/"; *op; op++) {
        char inputs[60];
        snprintf(inputs, sizeof inputs, "%s%s %s%s", types[t], shapes[s][0], types[t], shapes[s][1]);
        cases_add(&cases, inputs, "y = a %c b", *op);
      }
  cases_check(cases.data, cases.len);
  cases_free(&cases);
}

static void test_arithmetic_layouts(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[3, 5]", "y = a + a"},
      {"f32[3, 5]", "y = a * a - a"},
      {"f32[3, 5]", "y = 2.5 * a"},
      {"f32[3, 5]", "y = 1.0 / a"},
      {"f32[3, 5]", "y = a - 1"},
      {"i32[3, 5]", "y = a / 7 - 3"},
      {"f32[3, 3]", "y = a + transpose(a, 0, 1)"},
      {"f32[4, 1]", "y = a + reshape(a, [1, 4])"},
      {"f32[2, 3, 5, 6] f32[18, 1, 1]", "y = (a |> conv2d(18, 2) @p) * b"},
      {"f32[2, 3, 5, 6] f32[2, 18, 4, 5]", "y = (a |> conv2d(18, 2) @p) - b"},
      {"f32[2, 3, 5, 6] f32[2, 18, 4, 5]", "y = b / (9.0 + (a |> conv2d(18, 2) @p))"},
      {"f32[2, 3, 5, 6] f32[1, 18, 1, 1]", "y = b / (9.0 + (a |> conv2d(18, 2) @p))"},
      {"f32[2, 3, 5, 6] f32[1, 1, 4, 5]", "y = b * (a |> conv2d(18, 2) @p)"},
      {"f32[2, 3, 5, 6] f32[1, 18, 4, 5]", "y = b * (a |> conv2d(1, 2) @p)"},
      {"f32[2, 3, 5, 6] f32[5]", "y = b * (a |> conv2d(18, 2) @p)"},
      {"f32[2, 3, 5, 6] f32[3, 2, 18, 4, 5]", "y = b * (a |> conv2d(18, 2) @p)"},
      {"f32[2, 3, 5, 6]", "y = (parameter([18, 1, 1]) @k) * (a |> conv2d(18, 2) @p)"},
      {"f32[2, 3, 5, 6]", "y = (parameter([1, 4, 1]) @k) + (a |> conv2d(18, 2) @p)"},
      {"f32[2, 3, 5, 6]", "y = (parameter([2, 18, 4, 5]) @k) + (a |> conv2d(18, 2) @p)"},
      {"f32[2, 3, 5, 6]", "y = (parameter([2, 1, 1, 1, 1]) @k) + (a |> conv2d(18, 2) @p)"},
      {"f32[2, 3, 5, 6]", "y = (parameter([1]) @k) - (a |> conv2d(18, 2) @p)"},
      {"f32[2, 3, 5, 6]",
       "y = (parameter([2, 18, 4, 5]) @k) + (a |> conv2d(18, 2, groups=3) @p) + (a |> conv2d(18, 2) @q)"},
      {"f32[2, 3, 7]", "y = (parameter([2, 3, 18]) @k) + (a |> linear(18) @p)"},
      {"f32[2, 3, 7]", "y = (parameter([18]) @k) + (a |> linear(18) @p)"},
      {"f32[2, 3, 7]", "y = (parameter([3, 18]) @k) + (a |> linear(18) @p)"},
      {"f32[2, 3, 7]", "y = (parameter([3, 1]) @k) + (a |> linear(18) @p)"},
      {"f32[2, 3, 7]", "y = (a |> linear(18) @p) + (a |> linear(1) @q)"},
      {"f32[2, 3, 7]", "t = linear(a, 18) @p\n  y = t * t + t"},
      {"f32[2, 3, 7]", "t = linear(a, 7) @p\n  y = cast(t * 10, i32) / cast(a * 10 + 40, i32)"},
      {"f32[2, 3, 7]", "t = cast(linear(a, 7) @p + 9, i32)\n  y = t / t"},
      {"f32[N, 18, H, W]", "y = (a |> conv2d(18, 1) @p) + a"},
      {"f32[N, 18, H, W] f32[N, 18, 1, 1]", "y = (a |> conv2d(18, 1) @p) * b"},
      {"f32[N, 18, H, W] f32[18, 1, W]", "y = (a |> conv2d(18, 1) @p) * b"},
      {"f32[N, T, 5]", "t = linear(a, 7) @p\n  y = t + (linear(t, 7) @q)"},
      {"f32[1, 18, 3, 3]!", "y = (a |> conv2d(4, 1) @p |> relu6)"},
  };
  CASES_CHECK(cases);
}

// More ops than one kernel computes.
static void test_long_chains(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[3, 19]", "t = a\n  for i in 0..200 { t = relu(t + 0.5) * 0.75 }\n  y = t"},
      {"f32[3, 19] f32[19]",
       "t = a\n  u = a\n  for i in 0..70 {\n    t = tanh(t - b)\n    u = abs(u) + b\n  }\n  y = t * u"},
  };
  CASES_CHECK(cases);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_functions),           cmocka_unit_test(test_function_types),
      cmocka_unit_test(test_comparisons),         cmocka_unit_test(test_activations),
      cmocka_unit_test(test_integer_activations), cmocka_unit_test(test_hard_activations),
      cmocka_unit_test(test_arithmetic),          cmocka_unit_test(test_arithmetic_layouts),
      cmocka_unit_test(test_long_chains),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
