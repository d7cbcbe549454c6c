// First layers: pictures of few channels, as bytes or f32, planar or with channels last, normalised on the way.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/lower/cases.h"
#include <stdio.h>

#define BYTES "y = a |> permute([0, 3, 1, 2]) |> cast(f32) |> "

// Padding is zero after the normalisation: black is far from it here.
static const char *normalized(int channels) {
  switch (channels) {
  case 3: return "normalize([0.9, -0.8, 0.7], [0.2, 0.3, 0.1], scale=255)";
  case 4: return "normalize([0.9, -0.8, 0.7, 0.0], [0.2, 0.3, 0.1, 1.0], scale=255)";
  default: return "normalize([-0.5], [0.125], scale=255)";
  }
}

static void test_windows_of_bytes(void **state) {
  (void)state;
  static const int channels[] = {1, 3, 4, 15};
  Cases cases = {0};
  for (int k = 1; k <= 7; k++)
    for (int i = 0; i < 4; i++) {
      int c = channels[i], stride = 1 + (k + i) % 3, height = 7 + 3 * k % 5, width = i == 1 ? 35 : 9 + k;
      char input[64];
      snprintf(input, sizeof input, "u8[2, %d, %d, %d]", height, width, c);
      cases_add(&cases, input, BYTES "%s |> conv2d(%d, %d, stride=%d, padding=[%d, %d, %d, %d]) @w", normalized(c),
                5 + 7 * k, k, stride, k / 2, k, (k - 1) / 2, k - k / 3);
    }
  cases_check(cases.data, cases.len);
  cases_free(&cases);
}

static void test_windows_of_floats(void **state) {
  (void)state;
  Cases cases = {0};
  for (int k = 1; k <= 7; k++)
    for (int c = 1; c <= 4; c++) {
      char input[64];
      snprintf(input, sizeof input, "f32[1, %d, %d, %d]", c, 6 + k, 13 + 17 * (c % 2) + k);
      cases_add(&cases, input, "y = conv2d(a, %d, [%d, %d], stride=[%d, %d], padding=[%d, %d, 0, %d]) @w", 9 * k + c, k,
                8 - k, 1 + c % 3, 1 + k % 3, k % 3, k, 9 - k);
    }
  cases_check(cases.data, cases.len);
  cases_free(&cases);
}

// What may stand between the picture and the layer, and who else may read what.
static void test_chains(void **state) {
  (void)state;
  static const Case cases[] = {
      {"u8[2, 6, 37, 3]", BYTES "conv2d(18, 3, stride=2, padding=1) @w |> silu"},
      {"u8[2, 3, 6, 37]", "y = cast(a, f32) |> conv2d(18, 3, padding=1) @w |> gelu"},
      {"f32[2, 6, 37, 3]", "y = a |> permute([0, 3, 1, 2]) |> conv2d(64, 3, padding=1) @w |> relu"},
      {"f32[1, 3, 6, 7]",
       "y = a |> normalize([0.9, 0.1, 0.5], [0.25, 0.5, 2.0]) |> conv2d(5, 3, padding=1) @w |> relu6"},
      {"u8[1, 6, 7, 3]",
       "y = ((cast(a, f32) / 255.0 - 0.5) * 2.0) |> permute([0, 3, 1, 2]) |> conv2d(5, 3, padding=2) @w"},
      {"u8[2, 6, 7, 3]", "t = a |> permute([0, 3, 1, 2]) |> normalize([0.9], [0.25], scale=255)\n"
                         "  y = (t |> conv2d(5, 3, padding=1) @p) + (t |> conv2d(5, 5, padding=2) @q)"},
      {"u8[2, 6, 7, 3]", "t = a |> permute([0, 3, 1, 2]) |> normalize([0.9, 0.5, 0.1], [0.25], scale=255)\n"
                         "  y = t * (t |> conv2d(3, 3, padding=1) @p)"},
      {"u8[1, 9, 8, 3]",
       BYTES "normalize([0.9, 0.5, 0.1], [0.25], scale=255) |> conv2d(6, 3, padding=2, dilation=2) @p"},
      {"u8[1, 9, 8, 3]", BYTES "normalize([0.9, 0.5, 0.1], [0.25], scale=255) |> conv2d(6, 3, padding=1, groups=3) @p"},
      {"u8[1, 9, 8, 3] f32[1, 6, 9, 8]",
       "y = (a |> permute([0, 3, 1, 2]) |> cast(f32) |> conv2d(6, 3, padding=1) @p) + b"},
      {"u8[1, 9, 20, 3]", BYTES "normalize([0.9, 0.5, 0.1], [0.25], scale=255) |> max_pool2d(2) |> conv2d(6, 3) @p"},
      {"u8[2, 32, 48, 3]", BYTES "normalize([0.9, 0.5, 0.1], [0.25], scale=255) |> patch_embed(40, 16) @p"},
      {"f32[1, 3, 64, 32]", "y = patch_embed(a, 256, 16) @p |> gelu"}, // weights of several tasks
      {"f32[1, 3, 28, 42]", "y = patch_embed(a, 272, 14, bias=false) @p"},
      {"f32[1, 3, 70, 33]", "y = conv2d(a, 33, 7, stride=2, padding=3) @p |> relu"}, // several bands
  };
  CASES_CHECK(cases);
}

static void test_symbolic(void **state) {
  (void)state;
  static const Case cases[] = {
      {"u8[N, H, W, 3]",
       BYTES "normalize([0.9, 0.5, 0.1], [0.25], scale=255) |> conv2d(20, 3, stride=2, padding=1) @p"},
      {"u8[N, H, W, 1]", BYTES "conv2d(7, [1, 3], padding=[0, 2, 1, 0]) @p"},
      {"f32[N, 3, H, 19]", "y = a |> conv2d(34, 5, padding=2) @p |> relu"},
      {"f32[N, 3, 19, W]", "y = a |> conv2d(34, 5, stride=3, padding=2) @p |> silu"},
      {"u8[N, H, W, 3]",
       BYTES "normalize([0.9, 0.5, 0.1], [0.25], scale=255) |> conv2d(20, 3, padding=\"same\", stride=2) @p"},
      {"f32[N, 4, H, W]", "y = conv2d(a, 20, 2, padding=1) @p"},
  };
  CASES_CHECK(cases);
}

static void test_pooled(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[2, 3, 41, 30]",
       "y = a |> conv2d(20, 3, stride=2, padding=1) @p |> relu |> max_pool2d(3, stride=2, padding=1)"},
      {"u8[2, 70, 33, 3]", BYTES "normalize([0.9], [0.25], scale=255) |> conv2d(64, 7, stride=2, padding=3) @p |> "
                                 "max_pool2d(3, stride=2, padding=1)"},
      {"f32[1, 3, 31, 29]", "y = a |> conv2d(33, 3, stride=2) @p |> relu |> max_pool2d(3, stride=2, ceil_mode=true)"},
      {"f32[1, 3, 16, 17]", "y = a |> conv2d(7, 3) @p |> silu |> max_pool2d(2)"},
      {"f32[1, 1, 9, 40]", "y = a |> conv2d(80, 5, padding=2) @p |> max_pool2d([2, 3], stride=[1, 2], padding=[1, 0])"},
      {"f32[1, 3, 40, 9]", "y = a |> conv2d(5, 3) @p |> max_pool2d(3, stride=1, padding=1)"},
      {"f32[1, 3, 40, 9]", "y = a |> conv2d(5, 3) @p |> max_pool2d(4, stride=3, padding=2)"},
      {"f32[1, 3, 5, 5]", "y = a |> conv2d(5, 3) @p |> max_pool2d(3)"},
      {"f32[1, 3, 6, 5]!", "y = a |> conv2d(5, 2) @p |> max_pool2d(2)"},
      {"f32[N, 3, 20, 21]", "y = a |> conv2d(18, 3) @p |> max_pool2d(2)"},
      {"f32[1, 3, H, 21]", "y = a |> conv2d(18, 3) @p |> max_pool2d(2)"},
      {"f32[1, 3, 20, 21]", "y = a |> conv2d(18, 3) @p |> max_pool2d(2, stride=3)"}, // not pooled at once from here on
      {"f32[1, 3, 20, 21]", "y = a |> conv2d(18, 3) @p |> max_pool2d(3, stride=1, dilation=2)"},
      {"f32[1, 3, 20, 21]", "y = a |> conv2d(18, 3) @p |> max_pool2d(5, stride=1, padding=2)"},
      {"f32[1, 3, 20, 21]", "t = a |> conv2d(18, 3) @p\n  y = (t |> max_pool2d(3, stride=1, padding=1)) + t"},
      {"f32[2, 3, 20, 20]",
       "t = a |> conv2d(32, 3) @p |> max_pool2d(2)\n  y = concat(t, a |> conv2d(16, 3) @q |> max_pool2d(2), dim=1)"},
  };
  CASES_CHECK(cases);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_windows_of_bytes), cmocka_unit_test(test_windows_of_floats),
      cmocka_unit_test(test_chains),           cmocka_unit_test(test_symbolic),
      cmocka_unit_test(test_pooled),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
