// What pictures in blocks of channels meet between convolutions: depthwise windows, pools, values computed in the
// memory of a concatenation, slices that are read in place.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/lower/cases.h"

static void test_depthwise(void **state) {
  (void)state;
  Cases cases = {0};
  for (int kernel = 1; kernel <= 7; kernel += kernel < 3 ? 1 : 2)
    for (int stride = 1; stride <= 3; stride++) {
      cases_add(&cases, "f32[2, 17, 13, 37]", "y = conv2d(a, 17, %d, stride=%d, padding=%d, groups=17) @w", kernel,
                stride, kernel / 2);
      cases_add(&cases, "f32[1, 33, 8, 15]", "y = a |> conv2d(33, %d, stride=%d, groups=33) @w |> silu", kernel,
                stride);
      cases_add(&cases, "f32[N, 16, H, W]", "y = conv2d(a, 16, %d, stride=%d, padding=%d, groups=16) @w |> relu6",
                kernel, stride, kernel / 2);
    }
  cases_add(&cases, "f32[1, 32, 70, 90]", "y = a |> conv2d(32, 3, padding=1, groups=32) @w"); // several bands
  cases_add(&cases, "f32[1, 16, 9, 60]", "y = conv2d(a, 16, 3, padding=[0, 5, 1, 2], dilation=[2, 3], groups=16) @w");
  cases_add(&cases, "f32[N, 16, H, W]", "y = conv2d(a, 16, [1, 5], padding=[2, 9, 1, 8], groups=16) @w");
  cases_add(&cases, "f32[2, 19, 9, 30]", "y = silu(a + (conv2d(a, 19, 3, padding=1, groups=19) @w))");
  cases_check(cases.data, cases.len);
  cases_free(&cases);
}

static void test_pools(void **state) {
  (void)state;
  Cases cases = {0};
  for (int kernel = 1; kernel <= 5; kernel++)
    for (int stride = 1; stride <= 3; stride++) {
      cases_add(&cases, "f32[2, 17, 11, 31]", "y = max_pool2d(a, %d, stride=%d, padding=%d)", kernel, stride,
                kernel / 2);
      cases_add(&cases, "f32[1, 16, 12, 40]", "y = max_pool2d(a, %d, stride=%d, ceil_mode=true)", kernel, stride);
      cases_add(&cases, "f32[1, 18, 12, 33]", "y = avg_pool2d(a, %d, stride=%d, padding=%d, ceil_mode=true)", kernel,
                stride, kernel / 2);
      cases_add(&cases, "f32[N, 18, H, W]", "y = avg_pool2d(a, %d, stride=%d, padding=%d, count_include_pad=false)",
                kernel, stride, kernel / 2);
    }
  cases_add(&cases, "f32[1, 16, 9, 40]", "y = max_pool2d(a, 3, stride=1, padding=1, dilation=[2, 3])");
  cases_add(&cases, "f32[N, 3, H, W]", "y = max_pool2d(a, 3, stride=2, padding=\"same\")"); // which depends on H and W
  cases_add(&cases, "f32[N, 3, H, W]", "y = avg_pool2d(a, 3, stride=2, padding=\"same\")");
  cases_add(&cases, "f32[N, 3, H, W]", "y = avg_pool2d(a, 3, stride=2, padding=\"same\", count_include_pad=false)");
  for (int size = 1; size <= 7; size += 3) {
    cases_add(&cases, "f32[2, 18, 9, 23]", "y = adaptive_avg_pool2d(a, [%d, %d])", size, size + 2);
    cases_add(&cases, "f32[N, 18, H, W]", "y = adaptive_avg_pool2d(a, %d)", size);
  }
  cases_check(cases.data, cases.len);
  cases_free(&cases);
}

// Regions of which some lie outside of the picture, and some have no samples.
static void test_regions(void **state) {
  (void)state;
  static const char *const inputs[] = {"f32[1, 1, 1, 1]; f32[1, 4]; i64[1]", "f32[2, 17, 7, 11]; f32[5, 4]; i32[5]",
                                       "f32[3, 32, 9, 5]; f32[7, 4]; u64[7]", "f32[N, 19, H, W]; f32[T, 4]; u8[T]"};
  static const char *const arguments[] = {"1",
                                          "[3, 2], 1.0, 2",
                                          "[2, 5], 0.7, aligned=true",
                                          "2, mode=\"max\"",
                                          "[1, 3], -1.5, 3, true, \"max\"",
                                          "2, aligned=true, mode=\"max\""};
  Cases cases = {0};
  for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
    for (size_t k = 0; k < sizeof arguments / sizeof *arguments; k++)
      cases_add(&cases, inputs[i], "y = roi_align(a, b * 5, c, %s)", arguments[k]);
  cases_add(&cases, "f32[2, 16, 8, 8]; f32[9, 4]; i64[9]",
            "p = roi_align(conv2d(a, 32, 1) @p |> relu, b * 4, c, 3)\n"
            "  y = concat(p, p |> conv2d(48, 3, padding=1) @q, dim=1) |> conv2d(8, 1) @r");
  cases_add(&cases, "f32[1, 16, 90, 70]; f32[1, 4]; i64[1]", "y = roi_align(a, b * 0 + 60, c, 1, -1.0)"); // far outside
  cases_check(cases.data, cases.len);
  cases_free(&cases);
}

static void test_concat_in_place(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[2, 16, 5, 6]", "p = conv2d(a, 32, 1) @p |> relu\n  q = conv2d(a, 48, 3, padding=1) @q |> silu\n"
                           "  y = concat(p, q, dim=1) |> conv2d(8, 1) @r"},
      {"f32[N, 5, H, W]", "p = conv2d(a, 32, 1) @p\n  q = conv2d(a, 20, 3, padding=1) @q\n"
                          "  y = concat(p, q, dim=1) |> conv2d(8, 3) @r"},
      {"f32[2, 5, 6, 6]", "p = conv2d(a, 20, 1) @p\n  q = conv2d(a, 32, 3, padding=1) @q\n" // not of whole blocks
                          "  y = concat(p, q, dim=1) |> conv2d(8, 3) @r"},
      {"f32[2, 5, 8, 6]",
       "s = conv2d(a, 16, 3, padding=1) @p\n" // as a U-Net: the first half is used on the way
       "  d = s |> max_pool2d(2) |> conv2d(32, 3, padding=1) @q |> avg_pool2d(1)\n"
       "  t = conv2d(s, 16, 1) @t\n  y = concat(s, t, dim=1) |> conv2d(8, 3) @r |> adaptive_avg_pool2d("
       "[4, 3])\n  y = concat(y, d, dim=1)"},
      {"f32[2, 5, 6, 6]", "p = conv2d(a, 16, 1) @p\n" // a chain that reads what lies beside the place of its result
                          "  q = concat(p, conv2d(p, 16, 3, padding=1) @q, dim=1)\n"
                          "  r = concat(q, conv2d(q, 16, 3, padding=1) @r, dim=1)\n  y = conv2d(r, 7, 1) @s"},
      {"f32[2, 5, 6, 6]", "p = conv2d(a, 16, 1) @p\n  y = concat(p, p, dim=1) |> conv2d(9, 1) @q"},
      {"f32[2, 5, 6, 6]", "p = conv2d(a, 16, 1) @p\n  q = conv2d(a, 16, 3, padding=1) @q\n"
                          "  y = (concat(p, q, dim=1) |> conv2d(9, 1) @r) + (concat(q, p, dim=1) |> conv2d(9, 1) @s)"},
      {"f32[2, 16, 6, 6]", "p = conv2d(a, 16, 1) @p\n  q = p + (conv2d(p, 16, 3, padding=1) @q)\n"
                           "  y = concat(q, p * p, relu(p), dim=1) |> conv2d(9, 1) @r"},
      {"f32[2, 5, 6, 6]", "p = conv2d(a, 32, 1) @p\n  q = conv2d(a, 32, 3, padding=1, groups=1) @q\n"
                          "  q = conv2d(q, 32, 3, padding=1, groups=32) @d |> silu\n"
                          "  y = concat(p, q, dim=1)\n  y = y * (y |> global_avg_pool |> sigmoid)"},
      {"f32[2, 5, 6, 6]", "p = conv2d(a, 32, 1) @p\n  y = concat(p, relu(p), dim=1)"},
      {"f32[2, 5, 1, 1]", "p = conv2d(a, 32, 1) @p\n  q = conv2d(a, 16, 1) @q\n  y = concat(p, q, dim=1) |> flatten"},
      {"f32[2, 5, 4, 6]",
       "p = conv2d(a, 32, 1) @p\n  q = conv2d(a, 32, 1) @q\n  y = concat(p, q, dim=2) |> conv2d(3, 1) @r"},
  };
  CASES_CHECK(cases);
}

static void test_slices_in_place(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[2, 5, 6, 7]", "p = conv2d(a, 48, 1) @p\n  y = p[:, 16:32] |> conv2d(9, 3) @q"},
      {"f32[N, 5, H, W]", "p = conv2d(a, 48, 1) @p\n  y = p[:, 16:] |> conv2d(9, 1) @q"},
      {"f32[2, 5, 6, 7]", "p = conv2d(a, 48, 1) @p\n  y = p[:, 16:41] |> conv2d(9, 1) @q"},
      {"f32[2, 5, 6, 7]", "p = conv2d(a, 48, 1) @p\n  y = p[:, 8:24] |> conv2d(9, 1) @q"},
      {"f32[2, 5, 6, 7]", "p = conv2d(a, 32, 1) @p\n  q = p[:, :16]\n" // a branch over half the channels
                          "  r = p[:, 16:] |> conv2d(16, 3, padding=1) @q |> relu\n"
                          "  y = concat(q, r, dim=1) |> conv2d(9, 1) @r"},
      {"f32[2, 5, 6, 7]", "p = conv2d(a, 32, 1) @p\n  y = p[:, :16] * sigmoid(p[:, 16:])"},
      {"f32[2, 5, 6, 7]", "p = conv2d(a, 32, 1) @p\n  y = p[:, 16:] + (p[:, 16:] |> conv2d(16, 3, padding=1) @q)"},
      {"f32[2, 5, 6, 7]", "p = conv2d(a, 32, 1) @p\n  y = p[:, 16:] |> max_pool2d(2)"},
      {"f32[2, 5, 6, 7]", "p = conv2d(a, 32, 1) @p\n  y = p[:, 16:] |> flatten"},
      {"f32[2, 5, 6, 7]", "p = conv2d(a, 32, 1) @p\n  y = p[:, 16:, 1:] |> conv2d(9, 1) @q"},
  };
  CASES_CHECK(cases);
}

// Means that the convolution before takes sums for, also where it is cut into bands and where others read it.
static void test_squeeze_excite(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[2, 19, 6, 7]",
       "p = conv2d(a, 19, 3, padding=1, groups=19) @p |> silu\n"
       "  y = p * (p |> global_avg_pool |> conv2d(4, 1) @q |> silu |> conv2d(19, 1) @r |> sigmoid)"},
      {"f32[1, 16, 70, 83]",
       "p = conv2d(a, 16, 3, padding=1, groups=16) @p |> relu6\n"
       "  y = p * (p |> global_avg_pool |> conv2d(4, 1) @q |> relu |> conv2d(16, 1) @r |> sigmoid)"},
      {"f32[N, 33, H, W]", "p = conv2d(a, 33, 5, stride=2, padding=2, groups=33) @p |> silu\n"
                           "  y = p * (p |> global_avg_pool |> conv2d(33, 1) @r |> sigmoid)"},
      {"f32[2, 19, 6, 7]", "p = a + (conv2d(a, 19, 3, padding=1, groups=19) @p)\n  y = p |> global_avg_pool"},
      {"f32[2, 19, 6, 7]", "p = conv2d(a, 19, 3, padding=1, groups=19) @p\n"
                           "  y = (p |> adaptive_avg_pool2d(1)) + (p |> adaptive_avg_pool2d([1, 7]))"},
      {"f32[2, 32, 6, 7]", "p = conv2d(a, 32, 3, padding=1, groups=32) @p\n  q = conv2d(a, 16, 1) @q\n"
                           "  y = (concat(q, p, dim=1) |> conv2d(32, 1) @r) * (p |> global_avg_pool)"},
  };
  CASES_CHECK(cases);
}

// Pictures read as tokens and back, which in blocks is the same memory; other orders are copied.
static void test_channels_last(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[2, 5, 6, 7]",
       "p = conv2d(a, 20, 3, padding=1) @p |> permute([0, 2, 3, 1]) |> layer_norm @n\n"
       "  y = p |> linear(40) @q |> gelu |> linear(20) @r |> permute([0, 3, 1, 2]) |> conv2d(9, 1) @s"},
      {"f32[N, 5, H, W]", "p = conv2d(a, 32, 1) @p\n  q = p |> permute([0, 2, 3, 1]) |> linear(32) @q\n"
                          "  y = p + (q |> permute([0, 3, 1, 2])) * parameter([32, 1, 1]) @k"},
      {"f32[N, 5, 6, 7]", "y = a |> conv2d(20, 1) @p |> flatten(2) |> permute([0, 2, 1]) |> linear(17) @q |> "
                          "permute([0, 2, 1]) |> reshape([-1, 17, 6, 7]) |> conv2d(3, 3) @r"},
      {"f32[2, 5, 6, 7]", "y = a |> conv2d(20, 1) @p |> permute([0, 3, 2, 1]) |> linear(9) @q"},
      {"f32[2, 5, 6, 7]", "y = a |> conv2d(20, 1) @p |> permute([1, 0, 2, 3])"},
      {"f32[2, 5, 6, 7]", "y = a |> conv2d(20, 1) @p |> permute([0, 2, 1, 3]) |> softmax(dim=1)"},
      {"f32[2, 5, 6, 7]", "y = a |> conv2d(20, 1) @p |> permute([0, 2, 3, 1])"},
      {"f32[2, 5, 6, 6]", "y = a |> conv2d(6, 1) @p |> reshape([2, 36, 6]) |> linear(9) @q"},
      {"f32[2, 5, 6, 6]", "p = conv2d(a, 32, 1) @p\n  q = conv2d(a, 16, 1) @q\n"
                          "  y = concat(p, q, dim=1) |> permute([0, 2, 3, 1]) |> linear(9) @r\n"
                          "  y = y + (q |> permute([0, 2, 3, 1]) |> linear(9) @s)"},
  };
  CASES_CHECK(cases);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_depthwise),       cmocka_unit_test(test_pools),
      cmocka_unit_test(test_regions),         cmocka_unit_test(test_concat_in_place),
      cmocka_unit_test(test_slices_in_place), cmocka_unit_test(test_squeeze_excite),
      cmocka_unit_test(test_channels_last),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
