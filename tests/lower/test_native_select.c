// Results whose length a run finds: every attribute and type, odd sizes, nothing found, all found, and ops behind them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/lower/cases.h"
#include <stdio.h>

// A module of all would have more counts than one can have.
static void check(Cases *cases) {
  enum { MOST = 16 };
  for (size_t i = 0; i < cases->len; i += MOST)
    cases_check(cases->data + i, cases->len - i < MOST ? cases->len - i : MOST);
  cases_free(cases);
}

// Inputs a and b are of either sign and mostly below 2: boxes overlap, in part and wholly.
static void test_nms(void **state) {
  (void)state;
  static const char *const shapes[] = {"f32[1, 1, 4]; f32[1, 1, 1]",     "f32[1, 7, 4]; f32[1, 3, 7]",
                                       "f32[3, 16, 4]; f32[3, 2, 16]",   "f32[2, 61, 4]; f32[2, 5, 61]",
                                       "f32[1, 257, 4]; f32[1, 1, 257]", "f32[N, H, 4]; f32[N, 3, H]",
                                       "f32[2, W, 4]; f32[2, T, W]"};
  static const char *const arguments[] = {"1",
                                          "3, 0",
                                          "1000, 0.3",
                                          "40, 1",
                                          "17, iou_threshold=0.1, score_threshold=0.25",
                                          "5, score_threshold=1000",
                                          "33, 0.2, -1000, center=true",
                                          "9, center=true"};
  Cases cases = {0};
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
    for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++)
      cases_add(&cases, shapes[s], "y = nms(a, b, %s)", arguments[i]);
  check(&cases);
}

// Scores that are equal: the lower number is first.
static void test_equal_scores(void **state) {
  (void)state;
  Cases cases = {0};
  cases_add(&cases, "f32[1, 50, 4]; f32[1, 2, 50]", "y = nms(a, floor(b), 20, 0.1)");
  cases_add(&cases, "f32[1, 50, 4]; f32[1, 2, 50]", "y = nms(a, b * 0, 50, 0.4)");
  cases_add(&cases, "f32[1, 50, 4]; f32[1, 2, 50]", "y = nms(floor(a * 4), b, 50, 0.5)");
  cases_add(&cases, "f32[1, 50, 4]; f32[1, 2, 50]", "y = nms(a, log(b), 50, 0.4)"); // NaN is no score
  check(&cases);
}

static void test_nonzero(void **state) {
  (void)state;
  static const char *const types[] = {"f32", "f64", "f16", "bf16", "i8", "u8", "i32", "i64", "u64", "bool"};
  static const char *const shapes[] = {"[1]", "[7]", "[4097]", "[3, 5]", "[N, 17]", "[2, H, 3, W]"};
  Cases cases = {0};
  for (size_t t = 0; t < sizeof types / sizeof *types; t++)
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
      char inputs[40];
      snprintf(inputs, sizeof inputs, "%s%s", types[t], shapes[s]);
      cases_add(&cases, inputs, "y = nonzero(a)");
    }
  cases_add(&cases, "f32[3, 9000]", "y = nonzero(lt(a, 0.1))");
  cases_add(&cases, "f32[3, 9]", "y = nonzero(a * 0)");
  cases_add(&cases, "f32[N, T]", "y = nonzero(eq(a, a))");
  check(&cases);
}

static void test_compress(void **state) {
  (void)state;
  Cases cases = {0};
  cases_add(&cases, "f32[5, 7]; f32[5]", "y = compress(a, lt(b, 0))");
  cases_add(&cases, "f32[5, 7]; f32[7]", "y = compress(a, lt(b, 0), dim=1)");
  cases_add(&cases, "f32[5, 7]; f32[4]", "y = compress(a, lt(b, 0), dim=-1)");
  cases_add(&cases, "i8[3, 17, 2]; bool[17]", "y = compress(a, b, dim=1)");
  cases_add(&cases, "f32[N, H, 3]; f32[H]", "y = compress(a, lt(b, 0.5), 1)");
  cases_add(&cases, "f32[6, 4]; f32[6]", "y = compress(a, b * 0)");
  cases_add(&cases, "f32[6, 4]; f32[6]", "y = compress(a, eq(b, b))");
  check(&cases);
}

static void test_unique(void **state) {
  (void)state;
  static const char *const types[] = {"f32", "f64", "f16", "i8", "u8", "i32", "i64", "u64", "bool"};
  static const char *const results[] = {"y, i, n, c", "v, y, n, c", "v, i, y, c", "v, i, n, y"};
  static const char *const forms[] = {"floor(a)", "floor(a), sorted=false", "floor(a), dim=0",
                                      "floor(a), dim=1, sorted=false", "floor(a), dim=-1"};
  Cases cases = {0};
  for (size_t r = 0; r < 4; r++)
    for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
      cases_add(&cases, "f32[9, 2, 3]", "%s = unique(%s)", results[r], forms[f]);
      cases_add(&cases, "f32[N, H, 2]", "%s = unique(%s)", results[r], forms[f]);
    }
  for (size_t t = 0; t < sizeof types / sizeof *types; t++)
    for (size_t r = 0; r < 4; r++) {
      char inputs[40];
      snprintf(inputs, sizeof inputs, "%s[33, 2]", types[t]);
      cases_add(&cases, inputs, "%s = unique(a)", results[r]);
      cases_add(&cases, inputs, "%s = unique(a, dim=0, sorted=false)", results[r]);
    }
  cases_add(&cases, "f32[1]", "y, i, n, c = unique(a)");
  cases_add(&cases, "f32[]", "y, i, n, c = unique(a)");
  cases_add(&cases, "f32[1000]", "v, i, y, c = unique(floor(a * 100))");
  cases_add(&cases, "f32[64]", "v, i, n, y = unique(log(floor(a)))"); // NaN equals NaN and stands last
  check(&cases);
}

// What follows has the count as a dimension.
static void test_behind(void **state) {
  (void)state;
  static const char *const picked = "p = nms(a, b, 6, 0.3)\n  k = reshape(slice(p, [1], [2], [3]), [-1])\n"
                                    "  v = index_select(reshape(a, [-1, 4]), k, 0)\n";
  static const char *const bodies[] = {"y = v",
                                       "y = relu(v) + v * 2",
                                       "y = sum(v, dim=1)",
                                       "y = sum(v)",
                                       "y = amax(v, dim=1, keepdim=true)",
                                       "y = concat([v, v * 3, reshape(a, [-1, 4])], dim=0)",
                                       "y = concat([v, -v], dim=1)",
                                       "y = permute(v, [1, 0])",
                                       "y = cast(k, f32)",
                                       "y = slice(v, [0], [0], [3])",
                                       "y = slice(v, [0, 1], [2, 1], [100, 4], [2, 2])",
                                       "y = unsqueeze(v, 0) |> expand([3, -1, -1])",
                                       "y = linear(v, 17) @f |> gelu",
                                       "y = softmax(v, dim=-1) |> layer_norm @n",
                                       "y = matmul(v, permute(v, [1, 0]))",
                                       "y = v |> reshape([-1, 1, 2, 2]) |> conv2d(19, 1) @c |> relu",
                                       "y = pad(v, [0, 0, 1, 2])",
                                       "y = flip(v, [0])",
                                       "y = nonzero(lt(v, 0.2))",
                                       "y = compress(v, lt(slice(v, [1], [0], [1]) |> reshape([-1]), 0.5))",
                                       "y, i, n, c = unique(k)",
                                       "q, i = topk(v, 2)\n  y = q",
                                       "y = argmax(v, dim=1)"};
  static const char *const shapes[] = {"f32[1, 17, 4]; f32[1, 3, 17]", "f32[1, W, 4]; f32[1, T, W]"};
  Cases cases = {0};
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
    for (size_t s = 0; s < 2; s++) cases_add(&cases, shapes[s], "%s  %s", picked, bodies[i]);
  check(&cases);
}

// The same where nothing is found.
static void test_nothing(void **state) {
  (void)state;
  static const char *const bodies[] = {
      "y = v * 2",
      "y = sum(v)",
      "y = concat([v, a], dim=0)",
      "y = softmax(v, dim=-1)",
      "y = linear(v, 9) @f",
      "y = matmul(permute(v, [1, 0]), v)",
      "y = index_select(v, reshape(nonzero(slice(v, [1], [0], [1]) |> reshape([-1])), [-1]), 0)",
      "y, i, n, c = unique(v, dim=0)",
      "y = nonzero(v)",
      "y = v |> reshape([-1, 1, 3, 3]) |> conv2d(5, 2) @c |> relu"};
  Cases cases = {0};
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
    cases_add(&cases, "f32[13, 9]; f32[13]", "v = compress(a, b * 0)\n  %s", bodies[i]);
  check(&cases);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_nms),     cmocka_unit_test(test_equal_scores),
                                     cmocka_unit_test(test_nonzero), cmocka_unit_test(test_compress),
                                     cmocka_unit_test(test_unique),  cmocka_unit_test(test_behind),
                                     cmocka_unit_test(test_nothing)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
