// Reductions, and what finds the first elements in an order: every type, odd sizes, blocked operands, NaN.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/lower/cases.h"
#include <stdio.h>

static void check(Cases *cases) {
  cases_check(cases->data, cases->len);
  cases_free(cases);
}

static void test_shapes(void **state) {
  (void)state;
  static const char *const ops[] = {"mean", "sum", "prod", "amax", "amin", "var", "std"};
  static const char *const forms[][2] = {{"[]", ""},
                                         {"[1]", ""},
                                         {"[7]", "dim=0"},
                                         {"[16]", ""},
                                         {"[33]", "dim=0"},
                                         {"[3, 5, 7]", ""},
                                         {"[3, 5, 7]", "dim=2"},
                                         {"[3, 5, 7]", "dim=-2"},
                                         {"[3, 5, 7]", "dim=0"},
                                         {"[3, 5, 7]", "dim=[0, 2], keepdim=true"},
                                         {"[5, 17]", "dim=1"},
                                         {"[17, 5]", "dim=0"},
                                         {"[2, 3, 4, 19]", "dim=[1, 2]"},
                                         {"[N, T, 3]", "dim=1"},
                                         {"[N, T, 3]", "dim=2, keepdim=true"},
                                         {"[N, H, W]", "dim=[1, 2]"},
                                         {"[H, W]", "dim=0"},
                                         {"[H, W]", "dim=1"},
                                         {"[N, 2]", ""}};
  Cases cases = {0};
  for (size_t o = 0; o < sizeof ops / sizeof *ops; o++)
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
      char inputs[40];
      snprintf(inputs, sizeof inputs, "f32%s", forms[i][0]);
      bool spread = ops[o][0] == 'v' || ops[o][1] == 't';            // of one element it is no number
      const char *near_one = ops[o][0] == 'p' ? " * 0.2 + 1.0" : ""; // products neither overflow nor vanish
      cases_add(&cases, inputs, "y = %s(a%s%s%s%s)", ops[o], near_one, *forms[i][1] ? ", " : "", forms[i][1],
                spread ? ", correction=0" : "");
    }
  check(&cases);
}

static void test_types(void **state) {
  (void)state;
  static const char *const types[] = {"f16", "bf16", "i8", "u8", "i32", "i64", "bool"};
  static const char *const ops[] = {"sum", "prod", "amax", "amin"};
  Cases cases = {0};
  for (size_t t = 0; t < sizeof types / sizeof *types; t++)
    for (size_t o = 0; o < sizeof ops / sizeof *ops; o++)
      for (int dim = 0; dim < 2; dim++) {
        char inputs[40];
        snprintf(inputs, sizeof inputs, "%s[5, 19]", types[t]);
        cases_add(&cases, inputs, "y = %s(a, dim=%d)", ops[o], dim);
      }
  cases_add(&cases, "f16[5, 19]", "y = mean(a, dim=1)");
  cases_add(&cases, "bf16[5, 19]", "y = mean(a, dim=0)");
  check(&cases);
}

static void test_special(void **state) {
  (void)state;
  static const char *const ops[] = {"sum", "prod", "amax", "amin"};
  Cases cases = {0};
  for (size_t o = 0; o < sizeof ops / sizeof *ops; o++)
    for (int dim = 0; dim < 2; dim++) {
      cases_add(&cases, "f32[5, 3]!", "y = %s(a, dim=%d)", ops[o], dim);
      cases_add(&cases, "f32[3, 37]!", "y = %s(a, dim=%d)", ops[o], dim);
      cases_add(&cases, "f32[19, 37]-", "y = %s(a, dim=%d)", ops[o], dim);
    }
  cases_add(&cases, "f32[5, 19]", "y = var(a, dim=1)");
  cases_add(&cases, "f32[5, 19]", "y = std(a, dim=[0, 1], correction=3)");
  cases_add(&cases, "f32[N, T, 19]", "y = var(a, dim=[1, 2])");
  check(&cases);
}

static void test_blocked(void **state) {
  (void)state;
  static const char *const ops[] = {"mean", "sum", "prod", "amax", "amin"};
  static const char *const dims[] = {"[2, 3], keepdim=true", "[2, 3]",    "2", "3, keepdim=true", "1",
                                     "1, keepdim=true",      "[1, 2, 3]", "0", "0, keepdim=true", "[0, 2, 3]",
                                     "[0, 1, 2, 3]"};
  Cases cases = {0};
  for (size_t o = 0; o < sizeof ops / sizeof *ops; o++)
    for (size_t d = 0; d < sizeof dims / sizeof *dims; d++) {
      cases_add(&cases, "f32[2, 3, 5, 6]", "y = a |> conv2d(19, 2) @p |> %s(dim=%s)", ops[o], dims[d]);
      cases_add(&cases, "f32[N, 3, H, W]", "y = a |> conv2d(5, 1) @p |> %s(dim=%s)", ops[o], dims[d]);
    }
  static const Case more[] = {
      {"f32[2, 5, 7]", "y = a |> linear(19) @p |> amax(dim=1) |> linear(3) @q"},
      {"f32[2, 3, 5, 6]", "y = a |> conv2d(19, 2) @p |> var(dim=[2, 3])"},
      {"f32[2, 3, 5, 6]", "y = a |> conv2d(19, 2) @p |> std(dim=[1, 2, 3], keepdim=true)"},
      {"f32[2, 5, 7]", "y = a |> linear(19) @p |> sum(dim=2)"},
      {"f32[N, T, 7]", "t = a |> linear(19) @p\n  y = t - amax(t, dim=1, keepdim=true)"},
      {"f32[2, 3, 5, 6]",
       "t = a |> conv2d(19, 2) @p\n  y = (t * sigmoid(amax(t, dim=[2, 3], keepdim=true))) |> conv2d(5, 1) @q"},
      {"f32[2, 3, 5, 6]", "t = a |> conv2d(19, 2) @p\n  y = concat(amax(t, dim=1, keepdim=true), mean(t, dim=1, "
                          "keepdim=true), dim=1) |> conv2d(1, 3) @q"},
      {"f32[2, 3, 5, 6]", "y = a |> conv2d(19, 2) @p |> argmax(dim=1)"},
      {"f32[2, 3, 5, 6]", "v, i = a |> conv2d(19, 2) @p |> topk(3, dim=1)\n  y = v"},
  };
  for (size_t i = 0; i < sizeof more / sizeof *more; i++) cases_add(&cases, more[i].inputs, "%s", more[i].body);
  check(&cases);
}

static void test_order(void **state) {
  (void)state;
  static const char *const types[] = {"f32", "f16", "i8", "u8", "i32", "i64"};
  static const char *const bodies[] = {
      "y = argmax(a, dim=1)",
      "y = argmin(a, dim=1, keepdim=true)",
      "y = argmax(a, dim=0)",
      "y = argmin(a, dim=2)",
      "y = argmax(a)",
      "y = argmin(a, keepdim=true)",
      "v, y = topk(a, 3, dim=1)",
      "y, i = topk(a, 3, dim=0, largest=false)",
      "v, y = topk(a, 5)",
      "v, y = topk(a, 1, largest=false, sorted=false)",
      "y, i = sort(a, dim=0)",
      "v, y = sort(a, descending=true)",
  };
  static const char *const shapes[] = {"[3, 4, 5]", "[17, 3, 37]", "[5, 19, 5]"};
  Cases cases = {0};
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
      for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        char inputs[40];
        snprintf(inputs, sizeof inputs, "%s%s", types[t], shapes[s]);
        cases_add(&cases, inputs, "%s", bodies[i]);
      }
      char inputs[40];
      snprintf(inputs, sizeof inputs, "f32%s!", shapes[s]);
      cases_add(&cases, inputs, "%s", bodies[i]);
      snprintf(inputs, sizeof inputs, "f32%s", shapes[s]);
      cases_add(&cases, inputs, "a = floor(a)\n  %s", bodies[i]); // many are equal
    }
  static const Case more[] = {
      {"f32[1]", "y = argmax(a)"},
      {"f32[16]", "v, y = topk(a, 16)"},
      {"f32[N, T, 3]", "y = argmax(a, dim=1)"},
      {"f32[N, T, 3]", "y = argmax(a)"},
      {"f32[N, H]", "v, y = topk(a, 5)"},
      {"f32[H, W]", "y, i = topk(a, 4, dim=0)"},
      {"f32[5, 19]", "v, i = topk(a, 3)\n  y = v + cast(i, f32)"},
  };
  for (size_t i = 0; i < sizeof more / sizeof *more; i++) cases_add(&cases, more[i].inputs, "%s", more[i].body);
  check(&cases);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_shapes),  cmocka_unit_test(test_types), cmocka_unit_test(test_special),
      cmocka_unit_test(test_blocked), cmocka_unit_test(test_order),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
