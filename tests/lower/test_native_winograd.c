// Winograd's convolution, forced wherever it applies: tiles that end inside and outside the picture, paddings, partial
// blocks of channels, epilogues, several pictures, more tiles in a row than a segment holds, blocks across pictures,
// inputs transformed apart and block by block. A 1x1 convolution before each makes its input blocked.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/lower/cases.h"
#include <stdio.h>

static void check(Cases *cases) {
  cases_check_winograd(cases->data, cases->len);
  cases_free(cases);
}

static void add(Cases *cases, const char *type, int from, int to, const char *options) {
  cases_add(cases, type, "y = a |> conv2d(%d, 1) @p |> conv2d(%d, 3, %s) @q", from, to, options);
}

static void test_sizes(void **state) {
  (void)state;
  Cases cases = {0};
  for (int n = 1; n <= 20; n++) {
    char type[64];
    snprintf(type, sizeof type, "f32[1, 2, %d, %d]", n, n % 2 ? n : 21 - n);
    add(&cases, type, 17, 16, "padding=1");
    if (n > 2 && n < 19) add(&cases, type, 16, 3, "bias=false");
  }
  check(&cases);
}

static void test_padding(void **state) {
  (void)state;
  static const char *const paddings[] = {"[0, 1, 1, 0]", "[1, 0, 0, 1]", "[2, 2, 2, 2]", "[0, 0, 2, 1]", "[2, 1, 0, 2]",
                                         "\"same\"",     "[3, 0, 1, 1]", "[1, 1, 5, 1]"}; // the last two are direct
  Cases cases = {0};
  for (size_t i = 0; i < sizeof paddings / sizeof *paddings; i++) {
    char options[64];
    snprintf(options, sizeof options, "padding=%s", paddings[i]);
    add(&cases, "f32[1, 2, 5, 9]", 16, 20, options);
    add(&cases, "f32[2, 2, 1, 2]", 16, 20, i < 3 ? "padding=1" : options);
  }
  check(&cases);
}

static void test_channels(void **state) {
  (void)state;
  static const int counts[] = {1, 3, 16, 17, 33, 64};
  Cases cases = {0};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
    for (size_t j = 0; j < sizeof counts / sizeof *counts; j++)
      add(&cases, "f32[1, 2, 6, 7]", counts[i], counts[j], "padding=1");
  add(&cases, "f32[1, 2, 9, 5]", 300, 20, "padding=1"); // several slabs
  check(&cases);
}

static void test_epilogues(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[1, 18, 5, 6]", "t = conv2d(a, 18, 1) @p\n  y = relu(t + (conv2d(t, 18, 3, padding=1) @q))"},
      {"f32[3, 16, 9, 6]", "t = conv2d(a, 33, 1) @p\n  y = t + (conv2d(t, 33, 3, padding=1) @q)"},
      {"f32[3, 3, 5, 6]", "y = a |> conv2d(18, 1) @p |> conv2d(9, 3) @q |> relu6"},
      {"f32[3, 3, 5, 6]", "y = a |> conv2d(18, 1) @p |> conv2d(9, 3) @q |> gelu"},
      {"f32[3, 3, 5, 6]", "y = a |> conv2d(18, 1) @p |> conv2d(9, 3, padding=1) @q |> silu"},
      {"f32[2, 3, 7, 6]",
       "y = a |> conv2d(18, 1) @p |> conv2d(18, 3, padding=1) @q |> relu |> conv2d(18, 3, padding=1) @r"},
  };
  cases_check_winograd(cases, sizeof cases / sizeof *cases);
}

static void test_pictures(void **state) {
  (void)state;
  Cases cases = {0};
  add(&cases, "f32[N, 2, 7, 7]", 40, 20, "padding=1");
  add(&cases, "f32[N, 2, 14, 13]", 20, 48, "padding=1");
  add(&cases, "f32[N, 2, 24, 70]", 64, 32, "padding=1");  // block by block, two segments across
  add(&cases, "f32[N, 2, 9, 149]", 100, 17, "padding=1"); // three, the last of fewer tiles
  add(&cases, "f32[N, 2, 38, 38]", 70, 40, "padding=1");
  add(&cases, "f32[5, 2, 38, 37]", 70, 40, "");
  add(&cases, "f32[N, 2, H, W]", 16, 16, "padding=1"); // direct
  check(&cases);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sizes),     cmocka_unit_test(test_padding),  cmocka_unit_test(test_channels),
      cmocka_unit_test(test_epilogues), cmocka_unit_test(test_pictures),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
