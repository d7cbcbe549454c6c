// Every element type through what takes them all: conversions, arithmetic, comparisons, reductions, orders, copies and
// matrix products.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ir/core/dtype.h"
#include "tests/lower/cases.h"
#include <stdio.h>

static void check(Cases *cases) {
  cases_check(cases->data, cases->len);
  cases_free(cases);
}

static const char *name(int t) { return dtype_name((DType)t); }
static bool is_integer(int t) { return !dtype_is_float((DType)t) && t != DT_BOOL; }

// Inputs "u16[3, 7]^ u16[7]^" of `shapes`, two or one (the second NULL): integers are all that they can be.
static const char *inputs(char text[80], int t, const char *first, const char *second) {
  const char *mark = is_integer(t) ? "^" : "";
  if (second)
    snprintf(text, 80, "%s%s%s %s%s%s", name(t), first, mark, name(t), second, mark);
  else
    snprintf(text, 80, "%s%s%s", name(t), first, mark);
  return text;
}

static void test_casts(void **state) {
  (void)state;
  static const char *const scales[] = {"100.0", "16384.0", "2147483648.0", "9223372036854775808.0", "1.0e-7"};
  Cases cases = {0};
  char shape[40];
  for (int from = 0; from < DT_COUNT; from++)
    for (int to = 0; to < DT_COUNT; to++) {
      snprintf(shape, sizeof shape, "%s[3, 17]", name(from));
      cases_add(&cases, shape, "y = cast(a, %s)", name(to));
      snprintf(shape, sizeof shape, "%s[19]^", name(from));
      if (is_integer(from)) cases_add(&cases, shape, "y = cast(a, %s)", name(to));
    }
  for (int to = 0; to < DT_COUNT; to++) {
    cases_add(&cases, "f32[3, 17]!", "y = cast(a, %s)", name(to));
    cases_add(&cases, "f64[3, 17]!", "y = cast(a, %s)", name(to));
    cases_add(&cases, "f16[3, 17]!", "y = cast(a, %s)", name(to));
    cases_add(&cases, "u16[N, T, 2]", "y = cast(cast(a, %s), u16)", name(to));
    cases_add(&cases, "i64[3, 17]", "y = cast(a * 71777216 * 3, %s)", name(to));
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
      cases_add(&cases, "f64[3, 17]", "y = cast(a * %s, %s)", scales[i], name(to));
      if (to != DT_F64) cases_add(&cases, "f32[3, 17]", "y = cast(a * %s, %s)", scales[i], name(to));
    }
  }
  check(&cases);
}

static void test_arithmetic(void **state) {
  (void)state;
  static const char *const texts[] = {
      "clamp(a, 1.0e30)", "clamp(a, 7.0, -1.0e30)", "a + b", "a - b",  "a * b",   "a / b",
      "minimum(a, b)",    "maximum(a, b)",          "-a",    "abs(a)", "relu(a)", "clamp(a, 3.0, 100.0)",
      "clamp(a, -5.0)",   "a * 3 + b / 7 - a"};
  Cases cases = {0};
  char text[80];
  for (int t = 0; t < DT_COUNT; t++)
    for (size_t i = 0; t != DT_BOOL && i < sizeof texts / sizeof *texts; i++) {
      cases_add(&cases, inputs(text, t, "[3, 1, 19]", "[5, 19]"), "y = %s", texts[i]);
      cases_add(&cases, inputs(text, t, "[N, T]", "[N, T]"), "y = %s", texts[i]);
    }
  for (int t = 0; t < DT_COUNT; t++) {
    if (!is_integer(t)) continue;
    cases_add(&cases, inputs(text, t, "[3, 17]", "[17]"), "y = pow(a, b)");
    cases_add(&cases, inputs(text, t, "[41]", NULL), "y = pow(a, 3)");
    cases_add(&cases, inputs(text, t, "[41]", NULL), "y = pow(a, a * 0 + 5)");
    cases_add(&cases, inputs(text, t, "[41]", NULL), "y = pow(a / a, 0 - a)");
  }
  check(&cases);
}

static void test_comparisons(void **state) {
  (void)state;
  static const char *const texts[] = {"a < b",
                                      "a <= b",
                                      "a > b",
                                      "a >= b",
                                      "a == b",
                                      "a != b",
                                      "a == a",
                                      "logical_and(a, b - b)",
                                      "logical_not(a)",
                                      "where(a < b, a, b)",
                                      "where(a > 2, b, 5)"};
  Cases cases = {0};
  char text[80];
  for (int t = 0; t < DT_COUNT; t++)
    for (size_t i = 0; t != DT_BOOL && i < sizeof texts / sizeof *texts; i++) {
      cases_add(&cases, inputs(text, t, "[3, 1, 19]", "[5, 19]"), "y = %s", texts[i]);
      cases_add(&cases, inputs(text, t, "[N, T]", "[N, T]"), "y = %s", texts[i]);
    }
  cases_add(&cases, "f64[3, 17]! f64[17]", "y = a < b");
  cases_add(&cases, "f64[3, 17]! f64[17]", "y = maximum(a, b)");
  cases_add(&cases, "f64[3, 17]!", "y = clamp(a, -1.0, 1.0)");
  check(&cases);
}

static void test_reductions(void **state) {
  (void)state;
  static const char *const ops[] = {"sum", "prod", "amax", "amin", "argmax", "argmin"};
  Cases cases = {0};
  char text[80];
  for (int t = 0; t < DT_COUNT; t++)
    for (int dim = 0; dim < 2; dim++) {
      for (size_t o = 0; o < sizeof ops / sizeof *ops; o++)
        if (o < 4 || t != DT_BOOL)
          cases_add(&cases, inputs(text, t, "[5, 19]", NULL), "y = %s(a, dim=%d)", ops[o], dim);
      if (t == DT_BOOL) continue;
      cases_add(&cases, inputs(text, t, "[5, 19]", NULL), "y, i = topk(a, 3, dim=%d)", dim);
      cases_add(&cases, inputs(text, t, "[5, 19]", NULL), "v, y = sort(a, dim=%d)", dim);
    }
  cases_add(&cases, "f64[5, 19]", "y = mean(a, dim=1)");
  cases_add(&cases, "f64[N, T, 3]", "y = mean(a, dim=[0, 1])");
  cases_add(&cases, "f64[5, 19]", "y = var(a, dim=0)");
  cases_add(&cases, "f64[5, 19]", "y = std(a)");
  cases_add(&cases, "f64[5, 19]!", "y = amax(a, dim=1)");
  cases_add(&cases, "f64[5, 19]!", "y = argmin(a, dim=1)");
  check(&cases);
}

static void test_copies(void **state) {
  (void)state;
  static const char *const texts[] = {"reshape(a, [5, 3, 7])",
                                      "permute(a, [2, 0, 1])",
                                      "transpose(a, 1, 2)",
                                      "a[:, 1:3, ::2]",
                                      "concat(a, a[:, :, 2:5], dim=2)",
                                      "pad(a, [1, 2, 0, 1])",
                                      "pad(a, [2, 1], value=3.0)",
                                      "pad(a, [1, 2], mode=\"reflect\")",
                                      "expand(a[:, :1, :], [-1, 4, -1])",
                                      "flip(a, [1, 2])",
                                      "roll(a, [2, -1], dims=[1, 2])",
                                      "index_select(a, arange(2, -1, -1), dim=1)",
                                      "gather(a, reshape(arange(9), [3, 3, 1]), dim=2)",
                                      "class_token(a) @t",
                                      "stack(a, a, dim=1)"};
  Cases cases = {0};
  char text[80];
  for (int t = 0; t < DT_COUNT; t++)
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
      cases_add(&cases, inputs(text, t, "[3, 5, 7]", NULL), "y = %s", texts[i]);
  for (int t = 0; t < DT_COUNT; t++) {
    cases_add(&cases, inputs(text, t, "[N, H, W]", NULL), "y = permute(a, [0, 2, 1])");
    if (t != DT_BOOL) cases_add(&cases, inputs(text, t, "[7]", NULL), "y = a * 0 + arange(-3, 4, dtype=%s)", name(t));
    if (!is_integer(t)) continue;
    snprintf(text, sizeof text, "f32[5, 3] %s[7]^", name(t)); // outside of the dimension, most of them
    cases_add(&cases, text, "y = index_select(a, b, dim=0)");
  }
  check(&cases);
}

static void test_matmul(void **state) {
  (void)state;
  Cases cases = {0};
  char text[80];
  for (int t = 0; t < DT_COUNT; t++) {
    if (t == DT_F32) continue;
    cases_add(&cases, inputs(text, t, "[3, 5]", "[5, 19]"), "y = matmul(a, b)");
    cases_add(&cases, inputs(text, t, "[2, 3, 5]", "[2, 5, 16]"), "y = matmul(a, b)");
    cases_add(&cases, inputs(text, t, "[4, 1, 3, 7]", "[2, 7, 1]"), "y = matmul(a, b)");
    cases_add(&cases, inputs(text, t, "[17]", "[17]"), "y = matmul(a, b)");
    cases_add(&cases, inputs(text, t, "[17]", "[17, 3]"), "y = matmul(a, b)");
    cases_add(&cases, inputs(text, t, "[N, H, W]", "[W, T]"), "y = matmul(a, b)");
  }
  check(&cases);
}

static void test_functions(void **state) {
  (void)state;
  static const char *const functions[] = {"relu6",
                                          "silu",
                                          "sigmoid",
                                          "tanh",
                                          "hardswish",
                                          "hardsigmoid",
                                          "gelu(approximate=\"tanh\")",
                                          "mish",
                                          "selu",
                                          "elu(alpha=0.3)",
                                          "celu(alpha=2.5)",
                                          "celu(alpha=-1.5)",
                                          "leaky_relu(0.2)",
                                          "softplus(beta=2.0, threshold=3.0)",
                                          "softplus",
                                          "exp",
                                          "log",
                                          "sqrt",
                                          "rsqrt",
                                          "reciprocal",
                                          "sin",
                                          "cos",
                                          "abs",
                                          "neg",
                                          "floor",
                                          "ceil",
                                          "round"};
  Cases cases = {0};
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    cases_add(&cases, "f64[41]", "y = a |> %s", functions[i]);
    cases_add(&cases, "f64[41]!", "y = a |> %s", functions[i]);
    cases_add(&cases, "f64[3, 5, 7]", "y = (a * 20.0) |> %s", functions[i]);
    cases_add(&cases, "f64[3, 37]", "y = (a * 1.0e-5) |> %s", functions[i]);
    cases_add(&cases, "f64[N, T, 3]", "y = (a * a + 0.5) |> %s", functions[i]);
  }
  check(&cases);
}

static void test_refused(void **state) {
  (void)state;
  cases_refused(&(Case){"f64[3]", "y = erf(a)"}, "erf of f64 is not compiled yet; cast its operand to f32");
  cases_refused(&(Case){"f64[3]", "y = gelu(a)"}, "gelu of f64 is not compiled yet");
  cases_refused(&(Case){"f64[3]", "y = pow(a, 0.3)"}, "pow of f64 is not compiled yet");
  cases_refused(&(Case){"f64[2, 3]", "y = softmax(a, 1)"}, "softmax of f64 is not compiled yet");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_casts),      cmocka_unit_test(test_arithmetic), cmocka_unit_test(test_comparisons),
      cmocka_unit_test(test_reductions), cmocka_unit_test(test_copies),     cmocka_unit_test(test_matmul),
      cmocka_unit_test(test_functions),  cmocka_unit_test(test_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
