// Kernels for zeros, forced wherever they may be: pictures and rows of tokens whose last vector of pixels is partial,
// channels that fill no block, sums in several blocks of channels, all shares of zeros, epilogues, sizes that are not
// known. A first layer makes the input blocked. Results are also those of the dense kernels, to the bit.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/lower/cases.h"
#include <stdio.h>

static void check(Cases *cases, double zeros) {
  cases_check_sparse(cases->data, cases->len, zeros);
  cases_free(cases);
}

static void test_shares(void **state) {
  (void)state;
  static const double shares[] = {0, 0.5, 0.7, 0.9, 0.99, 1};
  static const Case cases[] = {
      {"f32[2, 3, 16, 5]", "y = a |> conv2d(131, 1) @p |> conv2d(67, 1, bias=false) @q |> relu"},
      {"f32[1, 47, 17]", "y = a |> linear(50) @p |> linear(21) @q"},
  };
  for (size_t i = 0; i < sizeof shares / sizeof *shares; i++)
    cases_check_sparse(cases, sizeof cases / sizeof *cases, shares[i]);
}

static void test_pixels(void **state) {
  (void)state;
  Cases cases = {0};
  static const int pixels[] = {1, 2, 15, 16, 17, 31, 33, 64, 97, 130, 211, 300};
  for (size_t i = 0; i < sizeof pixels / sizeof *pixels; i++) {
    char type[64];
    snprintf(type, sizeof type, i % 2 ? "f32[2, 5, %d, 1]" : "f32[2, %d, 5]", pixels[i]);
    cases_add(&cases, type,
              i % 2 ? "y = a |> conv2d(%d, 1) @p |> conv2d(18, 1) @q" : "y = a |> linear(%d) @p |> linear(18) @q",
              i % 3 ? 37 : 32);
  }
  check(&cases, 0.6);
}

static void test_channels(void **state) {
  (void)state;
  Cases cases = {0};
  for (int c = 1; c <= 70; c += 9) {
    cases_add(&cases, "f32[1, 4, 5, 5]", "y = a |> conv2d(%d, 1) @p |> conv2d(%d, 1) @q", c, 71 - c);
    cases_add(&cases, "f32[2, 18, 6]", "y = a |> linear(%d) @p |> linear(%d) @q", 71 - c, c);
  }
  check(&cases, 0.7);
}

// Several blocks of input channels, groups of panels that share what is turned, a last group of fewer.
static void test_large(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[1, 3, 14, 14]", "y = a |> conv2d(530, 1) @p |> conv2d(300, 1) @q |> relu |> conv2d(17, 1) @r"},
      {"f32[N, 3, 14, 14]", "t = a |> conv2d(272, 1) @p\n  y = relu(t + (t |> conv2d(272, 1) @q))"},
      {"f32[1, 197, 9]", "t = a |> linear(192) @p\n  y = t + (t |> linear(768) @q |> gelu |> linear(192) @r)"},
      {"f32[3, 3, 29, 31]", "y = a |> conv2d(130, 1) @p |> conv2d(144, 1) @q |> hardswish"},
  };
  cases_check_sparse(cases, sizeof cases / sizeof *cases, 0.8);
}

#define WIDE "conv2d(a, 20, 1) @p"
static void test_epilogues(void **state) {
  (void)state;
  static const char *const activations[] = {"relu", "hardswish", "silu", "gelu"};
  Cases cases = {0};
  for (size_t i = 0; i < sizeof activations / sizeof *activations; i++) {
    const char *act = activations[i];
    cases_add(&cases, "f32[2, 3, 7, 6]", "y = " WIDE " |> conv2d(33, 1) @q |> %s", act);
    cases_add(&cases, "f32[2, 3, 7, 6]", "t = " WIDE "\n  y = %s(t + (t |> conv2d(20, 1) @q))", act);
    cases_add(&cases, "f32[2, 19, 7]", "t = linear(a, 24) @p\n  y = t + (t |> linear(40) @q |> %s |> linear(24) @r)",
              act);
    cases_add(&cases, "f32[N, T, 7]", "t = linear(a, 24) @p\n  y = %s(t + (t |> linear(24) @q))", act);
  }
  check(&cases, 0.5);
}

// Values in the memory of others, layers that stay dense.
static void test_neighbours(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[2, 3, 9, 6]", "t = " WIDE "\n  y = concat([t |> conv2d(32, 1) @q, t |> conv2d(5, 1) @r], dim=1)"},
      {"f32[2, 3, 9, 6]",
       "t = conv2d(a, 48, 1) @p\n  y = slice(t, starts=[16], ends=[48], dims=[1]) |> conv2d(40, 1) @q"},
      {"f32[2, 3, 9, 6]", "y = " WIDE " |> conv2d(40, 1, stride=2) @q |> conv2d(8, 1, padding=1) @r"},
      {"f32[2, 3, 9, 6]", "y = " WIDE " |> conv2d(40, 1, groups=2) @q |> conv2d(8, 3) @r"},
      {"f32[2, 3, 9, 6]", "y = " WIDE " |> conv2d(24, 1) @q |> flatten |> linear(19) @r |> linear(5) @s"},
      {"f32[2, 3, 9, 6]",
       "t = " WIDE "\n  y = t * (t |> global_avg_pool |> conv2d(8, 1) @q |> relu |> conv2d(20, 1) @r "
       "|> sigmoid)"},
      {"f32[2, 3, 9, 6]", "t = " WIDE " |> conv2d(40, 1) @q\n  y = t |> conv2d(40, 3, padding=1, groups=40) @r |> "
                          "conv2d(20, 1) @s"},
  };
  cases_check_sparse(cases, sizeof cases / sizeof *cases, 0.6);
}

static void test_unknown_sizes(void **state) {
  (void)state;
  Cases cases = {0};
  static const char *const types[] = {"f32[N, 3, 13, 14]", "f32[1, 3, H, 14]", "f32[1, 3, 9, W]", "f32[N, 3, H, W]"};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    cases_add(&cases, types[i], "y = a |> conv2d(36, 1) @p |> conv2d(20, 1) @q |> relu");
    cases_add(&cases, types[i], "t = a |> conv2d(150, 1) @p\n  y = t + (t |> conv2d(150, 1) @q)");
  }
  cases_add(&cases, "f32[N, T, 17]", "y = a |> linear(150) @p |> linear(33) @q |> relu");
  cases_add(&cases, "f32[N, 17]", "y = a |> linear(50) @p |> linear(33) @q |> relu");
  cases_add(&cases, "f32[N, T, H, 17]", "y = a |> linear(21) @p |> linear(33) @q");
  check(&cases, 0.7);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_shares),        cmocka_unit_test(test_pixels),    cmocka_unit_test(test_channels),
      cmocka_unit_test(test_large),         cmocka_unit_test(test_epilogues), cmocka_unit_test(test_neighbours),
      cmocka_unit_test(test_unknown_sizes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
