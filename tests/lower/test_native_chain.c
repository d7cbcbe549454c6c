// Pointwise and depthwise convolutions that are computed together, row by row, forced wherever they may be: windows,
// strides and paddings that make rows of the ring come and go, partial blocks of channels, epilogues, sizes that are
// not known, what must not be joined. A 1x1 convolution before each makes its input blocked, and begins most chains.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/lower/cases.h"
#include <stdio.h>

static void check(Cases *cases) {
  cases_check_chains(cases->data, cases->len);
  cases_free(cases);
}

// An inverted residual, an expansion alone and a projection alone, of one depthwise convolution.
static void add(Cases *cases, const char *type, int wide, const char *kernel) {
  cases_add(cases, type,
            "y = a |> conv2d(20, 1) @o |> conv2d(%d, 1) @p |> conv2d(%d, %s, groups=%d) @q |> conv2d(%d, 1) @r", wide,
            wide, kernel, wide, wide / 2);
  cases_add(
      cases, type,
      "t = a |> conv2d(20, 1) @o |> conv2d(%d, 1) @p |> conv2d(%d, %s, groups=%d) @q\n  y = t * (t |> global_avg_pool)",
      wide, wide, kernel, wide);
  cases_add(cases, type,
            "t = a |> conv2d(%d, 1) @p\n  u = t |> conv2d(%d, %s, groups=%d) @q |> conv2d(9, 1) @r\n"
            "  y = u + (t |> global_avg_pool |> conv2d(9, 1) @s)",
            wide, wide, kernel, wide);
}

static void test_sizes(void **state) {
  (void)state;
  Cases cases = {0};
  for (int n = 1; n <= 31; n += n < 9 ? 1 : 7) {
    char type[64];
    snprintf(type, sizeof type, "f32[1, 3, %d, %d]", n, n % 2 ? n : 33 - n);
    add(&cases, type, 18, "3, padding=1");
    add(&cases, type, 33, "3, stride=2, padding=1");
    if (n > 4 && n < 28) add(&cases, type, 16, n % 2 ? "5" : "5, stride=2");
  }
  check(&cases);
}

static void test_windows(void **state) {
  (void)state;
  static const char *const kernels[] = {
      "5, padding=2",
      "5, stride=2, padding=2",
      "7, padding=3",
      "7, stride=2, padding=3",
      "1",
      "1, stride=2",
      "2, stride=3",
      "[1, 3], padding=[0, 1]",
      "[3, 1], stride=[1, 2], padding=[1, 0]",
      "3, stride=5, padding=1",
      "3, padding=[0, 1, 2, 1]",
      "3, padding=[2, 0, 0, 2], stride=2",
      "3, dilation=2, padding=2",
      "3, dilation=[3, 1], padding=1",
      "3, padding=[4, 1, 5, 1]",
      "4, padding=\"same\"",
  };
  Cases cases = {0};
  for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
    add(&cases, i % 2 ? "f32[1, 5, 23, 15]" : "f32[2, 5, 13, 17]", i % 3 ? 34 : 32, kernels[i]);
  check(&cases);
}

static void test_channels(void **state) {
  (void)state;
  static const int counts[] = {2, 15, 16, 17, 47, 48, 65, 112, 150};
  Cases cases = {0};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    add(&cases, "f32[1, 20, 9, 7]", counts[i], "3, padding=1");
    add(&cases, "f32[1, 3, 10, 30]", counts[i], "3, stride=2, padding=1");
  }
  check(&cases);
}

#define WIDE "conv2d(a, 20, 1) @p"
#define DEEP "conv2d(40, 3, padding=1, groups=40) @r"
static void test_epilogues(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[2, 3, 9, 6]", "y = " WIDE " |> conv2d(40, 1) @q |> relu6 |> " DEEP " |> relu6 |> conv2d(20, 1) @s"},
      {"f32[2, 3, 9, 6]", "y = " WIDE " |> conv2d(40, 1) @q |> silu |> " DEEP " |> silu |> conv2d(20, 1) @s |> silu"},
      {"f32[2, 3, 9, 6]", "t = " WIDE " |> conv2d(40, 1) @q\n  u = (t * relu6(t + 3.0) / 6.0) |> " DEEP
                          "\n  y = (u * relu6(u + 3.0) / 6.0) |> conv2d(8, 1) @s"},
      {"f32[2, 3, 9, 6]", "y = " WIDE " |> conv2d(40, 1) @q |> gelu |> " DEEP " |> tanh |> conv2d(8, 1) @s |> sigmoid"},
      {"f32[2, 3, 9, 6]",
       "t = " WIDE "\n  y = t + (t |> conv2d(40, 1) @q |> relu6 |> " DEEP " |> relu6 |> conv2d(20, 1) @s)"},
      {"f32[2, 3, 9, 6]",
       "t = " WIDE "\n  y = silu(t + (t |> conv2d(40, 1) @q |> silu |> " DEEP " |> silu |> conv2d(20, 1) @s))"},
      {"f32[3, 3, 9, 6]", // a residual of the expansion and of the depthwise convolution
       "t = " WIDE
       "\n  u = relu(t + (t |> conv2d(20, 1) @q))\n  v = relu(t + (u |> conv2d(20, 3, padding=1, groups=20) "
       "@r))\n  y = v |> conv2d(20, 1) @s"},
      {"f32[3, 3, 9, 6]",
       "t = " WIDE "\n  u = t + (t |> conv2d(20, 1) @q)\n  y = t + (u |> conv2d(20, 3, padding=1, groups=20) @r)"},
      {"f32[2, 3, 9, 6]", "y = " WIDE " |> conv2d(40, 1, bias=false) @q |> conv2d(40, 3, groups=40, bias=false) @r |> "
                          "conv2d(8, 1, bias=false) @s"},
      {"f32[2, 3, 9, 6]",
       "t = " WIDE " |> conv2d(40, 1) @q |> relu |> " DEEP "\n  u = t * relu6(t + 3.0) / 6.0\n  y = (u * (u |> "
       "global_avg_pool |> conv2d(8, 1) @u |> relu |> conv2d(40, 1) @v |> sigmoid)) |> conv2d(16, 1) @w"},
      {"f32[2, 3, 9, 6]",
       "t = " WIDE " |> conv2d(40, 1) @q |> silu |> " DEEP " |> silu\n  y = (t * (t |> global_avg_pool "
       "|> conv2d(8, 1) @u |> silu |> conv2d(40, 1) @v |> sigmoid)) |> conv2d(16, 1) @w"},
  };
  cases_check_chains(cases, sizeof cases / sizeof *cases);
}

// Values in the memory of others, and results that more than the next node reads.
static void test_neighbours(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[2, 3, 9, 6]",
       "t = " WIDE "\n  y = concat([t |> conv2d(40, 1) @q |> " DEEP " |> conv2d(32, 1) @s, t], dim=1)"},
      {"f32[2, 3, 9, 6]",
       "t = conv2d(a, 48, 1) @p\n  y = slice(t, starts=[16], ends=[48], dims=[1]) |> conv2d(40, 1) @q |> " DEEP
       " |> conv2d(32, 1) @s"},
      {"f32[2, 3, 9, 6]", "t = conv2d(a, 48, 1) @p |> conv2d(48, 3, padding=1, groups=48) @q\n  y = t |> "
                          "conv2d(48, 3, groups=48) @r |> conv2d(48, 1) @s |> conv2d(48, 3, groups=48) @u"},
      {"f32[2, 3, 9, 6]", "t = " WIDE " |> conv2d(40, 1) @q\n  u = t |> " DEEP "\n  y = u + t"},
      {"f32[2, 3, 9, 6]",
       "t = " WIDE " |> conv2d(40, 1) @q |> " DEEP "\n  y = (t |> conv2d(8, 1) @s) + (t |> conv2d(8, "
       "1) @u)"},
      {"f32[2, 3, 9, 6]",
       "t = " WIDE "\n  y = t |> conv2d(40, 1, groups=2) @q |> " DEEP " |> conv2d(8, 1, groups=2) @s"},
      {"f32[2, 3, 9, 6]", "y = " WIDE " |> conv2d(40, 1) @q |> conv2d(80, 3, groups=40) @r |> conv2d(8, 1) @s"},
      {"f32[2, 3, 9, 6]", "y = " WIDE " |> conv2d(40, 1, padding=1) @q |> " DEEP " |> conv2d(8, 1, stride=2) @s"},
  };
  cases_check_chains(cases, sizeof cases / sizeof *cases);
}

static void test_unknown_sizes(void **state) {
  (void)state;
  Cases cases = {0};
  add(&cases, "f32[N, 3, 13, 14]", 40, "3, padding=1");
  add(&cases, "f32[1, 3, H, 14]", 40, "3, stride=2, padding=1");
  add(&cases, "f32[1, 3, 9, W]", 18, "5, padding=2");
  add(&cases, "f32[N, 3, H, W]", 33, "3, padding=1");
  add(&cases, "f32[N, 3, H, W]", 33, "7, stride=2, padding=3");
  add(&cases, "f32[N, 3, H, W]", 16, "3, padding=\"same\", stride=2");
  check(&cases);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sizes),     cmocka_unit_test(test_windows),    cmocka_unit_test(test_channels),
      cmocka_unit_test(test_epilogues), cmocka_unit_test(test_neighbours), cmocka_unit_test(test_unknown_sizes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
