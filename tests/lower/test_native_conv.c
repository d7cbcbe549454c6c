// Convolution, patch embedding and pooling: every attribute, odd sizes, all layouts that they meet.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/lower/cases.h"

static void test_conv_attributes(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[1, 1, 1, 1]", "y = conv2d(a, 1, 1) @w"},
      {"f32[1, 3, 7, 9]", "y = conv2d(a, 5, 3, padding=1) @w"},
      {"f32[2, 3, 11, 13]", "y = conv2d(a, 17, [3, 5], stride=[2, 3], padding=[1, 0, 2, 3], dilation=[2, 1]) @w"},
      {"f32[2, 19, 11, 13]", "y = conv2d(a, 33, [5, 3], stride=[3, 2], padding=[0, 2, 1, 0], dilation=[1, 2]) @w"},
      {"f32[1, 17, 9, 31]", "y = conv2d(a, 37, 3, padding=[2, 1, 0, 2], dilation=[1, 3], bias=false) @w"},
      {"f32[1, 16, 12, 40]", "y = conv2d(a, 64, 3, padding=1) @w"},
      {"f32[3, 32, 5, 17]", "y = conv2d(a, 48, 3, stride=2, padding=1) @w"},
      {"f32[1, 20, 6, 7]", "y = conv2d(a, 24, 1) @w"},
      {"f32[2, 31, 7, 7]", "y = conv2d(a, 29, 1, stride=2) @w"},
      {"f32[2, 31, 7, 7]", "y = conv2d(a, 29, 1, padding=1) @w"},
      {"f32[1, 5, 7, 7]", "y = conv2d(a, 29, 1) @w"},
      {"f32[1, 18, 23, 23]", "y = conv2d(a, 7, 1) @w"},                                // 529 pixels: rows of 23
      {"f32[1, 16, 1, 521]", "y = conv2d(a, 20, 1) @w"},                               // a prime number of pixels
      {"f32[2, 40, 13, 13]", "y = a |> conv2d(48, 1) @p |> conv2d(70, 1) @q |> relu"}, // bands of 13 pixels
      {"f32[1, 200, 14, 14]", "y = a |> conv2d(272, 1) @p |> conv2d(288, 1) @q"},      // panels outside, bands of 98
      {"f32[1, 3, 2, 2]", "y = conv2d(a, 5, 5, padding=2) @w"},                        // kernel larger than the picture
      {"f32[1, 17, 1, 1]", "y = conv2d(a, 18, 7, padding=3) @w"},
      {"f32[1, 17, 3, 2]", "y = conv2d(a, 18, [3, 5], padding=[4, 4, 4, 4], dilation=[4, 2]) @w"},
      {"f32[1, 4, 6, 5]", "y = conv2d(a, 3, 2, padding=[5, 6, 7, 8]) @w"}, // windows that see nothing but padding
      {"f32[1, 17, 5, 5]", "y = conv2d(a, 3, 1, stride=4, padding=[3, 1, 2, 5]) @w"},
      {"f32[1, 7, 13, 13]", "y = conv2d(a, 9, 2, stride=5) @w"}, // stride > kernel
      {"f32[1, 18, 13, 29]", "y = conv2d(a, 9, 3, stride=7, padding=1) @w"},
      {"f32[1, 3, 20, 20]", "y = conv2d(a, 8, 3, stride=2, padding=\"same\") @w"},
      {"f32[1, 3, 9, 10]", "y = conv2d(a, 8, 4, padding=\"same\") @w"},
      {"f32[1, 12, 9, 9]", "y = conv2d(a, 8, 3, padding=\"same\", dilation=3) @w"},
      {"f32[1, 3, 15, 66]", "y = conv2d(a, 16, 7, stride=2, padding=3) @w"},
      {"f32[1, 40, 4, 4]", "y = conv2d(a, 130, 3, padding=1) @w"},
  };
  CASES_CHECK(cases);
}

// Output rows so short that tiles join several: taps that only some of the rows have, a last band with fewer rows.
static void test_conv_short_rows(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[1, 32, 14, 14]", "y = a |> conv2d(64, 1) @p |> conv2d(64, 3, stride=2, padding=1) @q"},
      {"f32[2, 16, 7, 7]", "y = a |> conv2d(48, 1) @p |> conv2d(50, 5, padding=2) @q |> relu"},
      {"f32[1, 20, 5, 3]", "y = a |> conv2d(48, 1) @p |> conv2d(33, 5, padding=2) @q |> gelu"},
      {"f32[1, 16, 9, 4]", "t = conv2d(a, 32, 1) @p\n  y = t + (conv2d(t, 32, [7, 3], padding=[3, 1]) @q)"},
      {"f32[1, 16, 11, 5]", "y = a |> conv2d(32, 1) @p |> conv2d(64, 3, padding=[2, 1], dilation=[2, 1]) @q |> silu"},
      {"f32[1, 48, 13, 13]", "y = a |> conv2d(48, 1) @p |> conv2d(40, 1, stride=2) @q"},
      {"f32[1, 32, 3, 2]", "y = a |> conv2d(48, 1) @p |> conv2d(40, [3, 1], stride=[2, 1], padding=[2, 0]) @q"},
      {"f32[1, 48, 6, 6]", "y = a |> conv2d(48, 1) @p |> conv2d(96, 3, stride=2, padding=1, groups=2) @q |> relu"},
      {"f32[1, 3, 12, 12]", "y = conv2d(a, 64, 5, stride=2, padding=2) @p"},
      {"f32[2, 3, 3, 2]", "y = conv2d(a, 12, [1, 3], stride=[2, 1], padding=[0, 2, 2, 0], groups=3) @p"},
  };
  CASES_CHECK(cases);
}

// Kernel rows of so many taps that borders are loops: interiors beside them, strides, dilation, windows wider than the
// picture and beside it, rows that share a tile.
static void test_conv_wide_windows(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[1, 17, 3, 40]", "y = conv2d(a, 18, [1, 41], padding=[0, 20]) @w"},
      {"f32[1, 17, 4, 150]", "y = conv2d(a, 18, [2, 41], padding=[1, 20]) @w |> relu"},
      {"f32[2, 16, 1, 90]", "y = conv2d(a, 5, [1, 37], stride=[1, 2], padding=[0, 3, 0, 60], dilation=[1, 3]) @w"},
      {"f32[1, 16, 1, 9]", "y = conv2d(a, 40, [1, 61], padding=[0, 70]) @w"},
      {"f32[1, 33, 6, 14]", "y = conv2d(a, 33, [3, 75], padding=[1, 37], groups=3) @w"},
      {"f32[1, 16, 1, 700]", "y = conv2d(a, 16, [1, 3], padding=[0, 400], dilation=[1, 400]) @w"},
      {"f32[1, 17, 3, 60]", "y = conv2d(a, 17, [2, 61], padding=[1, 30], groups=17) @w"},
      {"f32[1, 16, 2, 100]", "y = conv2d(a, 16, [1, 65], padding=[0, 3, 0, 40], groups=16) @w"},
      {"f32[1, 16, 1, 80]",
       "y = conv2d(a, 16, [1, 70], stride=[1, 3], padding=[0, 90], dilation=[1, 2], groups=16) @w"},
      {"f32[1, 16, 2, W]", "y = conv2d(a, 16, [1, 67], padding=[0, 33], groups=16) @w"},
  };
  CASES_CHECK(cases);
}

// Row-major pictures, blocked ones, and those that a linear layer blocked on another axis; residuals and activations.
static void test_conv_neighbours(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[1, 5, 6, 7]", "y = a |> conv2d(18, 3, padding=1) @p |> conv2d(21, 3, padding=1) @q"},
      {"f32[2, 5, 6, 7]", "y = a |> conv2d(5, 3, padding=1) @p |> conv2d(7, 3, stride=2) @q"},
      {"f32[2, 5, 6, 7]", "y = a |> linear(19) @p |> conv2d(7, 3, padding=1) @q"},
      {"f32[2, 18, 6, 7]", "y = a |> linear(19) @p |> conv2d(7, 3, padding=1) @q |> linear(3) @r"},
      {"f32[1, 18, 5, 6]", "t = conv2d(a, 18, 3, padding=1) @p\n  y = relu(t + a)"},
      {"f32[1, 18, 5, 6]", "y = a + (conv2d(a, 18, 3, padding=1) @p)"},
      {"f32[1, 3, 5, 6]", "y = a + (conv2d(a, 3, 3, padding=1) @p)"},
      {"f32[1, 18, 5, 6]", "t = conv2d(a, 18, 3, padding=1) @p\n  y = t + (conv2d(t, 18, 3, padding=1) @q)"},
      {"f32[1, 18, 5, 6]",
       "t = conv2d(a, 18, 1) @p\n  u = t + (conv2d(t, 18, 1) @q)\n  y = u + (conv2d(u, 18, 1, groups=18) @r)"},
      {"f32[1, 18, 5, 6]", "t = conv2d(a, 18, 1) @p\n  y = relu6((conv2d(t, 18, 5, padding=2, groups=18) @r) + t)"},
      {"f32[1, 18, 5, 6]", "y = a |> conv2d(9, 3) @p |> gelu"},
      {"f32[1, 18, 5, 6]", "y = a |> conv2d(9, 3) @p |> silu"},
      {"f32[1, 18, 5, 6]", "y = a |> conv2d(18, 3, groups=18) @p |> sigmoid"},
      {"f32[1, 18, 5, 6]", "y = a |> conv2d(18, 3, groups=3) @p |> tanh"},
      {"f32[1, 18, 5, 6]", "y = a |> conv2d(18, 1) @p |> gelu(approximate=\"tanh\")"},
      {"f32[1, 18, 5, 6]", "y = a |> conv2d(18, 3, bias=false) @p |> batch_norm @q |> relu"},
      {"f32[1, 18, 5, 6]", "y = a |> batch_norm @q |> conv2d(18, 3) @p"},
      {"f32[1, 18, 5, 6]", "y = a |> batch_norm @q |> conv2d(18, 3, padding=1) @p"},
      {"f32[1, 3, 5, 6]", "y = a |> normalize([0.1, 0.2, 0.3], [1.0, 2.0, 3.0]) |> conv2d(18, 3, padding=1) @p"},
      {"u8[2, 6, 5, 3]", "y = a |> permute([0, 3, 1, 2]) |> cast(f32) |> normalize([0.1, 0.2, 0.3], [1.0, 2.0, 3.0], "
                         "scale=255) |> conv2d(5, 3) @p"},
      {"f32[2, 18, 5, 6]", "t = conv2d(a, 18, 1) @p\n  y = t * (t |> global_avg_pool |> conv2d(4, 1) @q |> relu |> "
                           "conv2d(18, 1) @r |> sigmoid)"},
      {"f32[2, 18, 5, 6]", "t = conv2d(a, 18, 1) @p\n  y = t * (t |> mean([2, 3], keepdim=true))"},
      {"f32[2, 18, 5, 6]", "t = conv2d(a, 18, 1) @p\n  y = t - (t |> mean([1], keepdim=true))"},
      {"f32[2, 5, 3, 4]", "y = a * (parameter([1, 3, 4, 5]) @k |> conv2d(5, 2) @p)"},
      {"f32[2, 18, 3, 4]", "y = a * (parameter([1, 18, 4, 5]) @k |> conv2d(18, 2, groups=18) @p)"},
      {"f32[2, 18, 3, 4]", "y = a * (parameter([1, 18, 4, 5]) @k |> max_pool2d(2, stride=1))"},
  };
  CASES_CHECK(cases);
}

static void test_conv_channels(void **state) {
  (void)state;
  Cases cases = {0};
  for (int c = 1; c <= 70; c += c < 4 ? 1 : 6 - c % 2) {
    cases_add(&cases, "f32[1, 3, 4, 5]", "y = conv2d(a, %d, 3, padding=1) @w", c);
    cases_add(&cases, "f32[1, 3, 4, 5]", "y = a |> conv2d(%d, 1) @p |> conv2d(%d, [1, 2]) @q", c, 71 - c);
  }
  cases_check(cases.data, cases.len);
  cases_free(&cases);
}

static void test_conv_groups(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[1, 6, 5, 5]", "y = conv2d(a, 6, 3, padding=1, groups=2) @w"},
      {"f32[2, 9, 5, 7]", "y = conv2d(a, 15, 3, padding=1, groups=3) @w"},
      {"f32[1, 70, 4, 5]", "y = conv2d(a, 35, 3, padding=1, groups=5) @w"},
      {"f32[1, 35, 4, 5]", "y = conv2d(a, 70, [2, 3], stride=2, groups=7) @w"},
      {"f32[1, 48, 4, 5]", "y = conv2d(a, 96, 3, groups=3) @w"},
      {"f32[1, 64, 4, 5]", "y = conv2d(a, 64, 3, padding=1, groups=32) @w"},
      {"f32[1, 34, 4, 5]", "y = conv2d(a, 34, 1, groups=2) @w"},
      {"f32[1, 33, 4, 5]", "y = conv2d(a, 11, 1, groups=11) @w"},
      {"f32[1, 5, 4, 5]", "y = conv2d(a, 95, 3, groups=5) @w"}, // a multiplier of 19
      {"f32[1, 17, 4, 5]", "y = conv2d(a, 34, 3, padding=1, groups=17) @w"},
      {"f32[1, 17, 4, 5]", "y = conv2d(a, 17, 3, padding=1, groups=17) @w"},
      {"f32[1, 1, 4, 5]", "y = conv2d(a, 1, 3, padding=1, groups=1) @w"},
      {"f32[2, 32, 9, 40]", "y = conv2d(a, 32, 3, stride=2, padding=1, groups=32) @w"},
      {"f32[2, 20, 9, 41]", "y = conv2d(a, 20, [5, 7], stride=[1, 2], padding=[2, 3, 1, 2], groups=20, bias=false) @w"},
      {"f32[1, 20, 3, 2]", "y = conv2d(a, 20, 7, padding=3, groups=20) @w"},
      {"f32[1, 20, 9, 9]", "y = conv2d(a, 20, 3, padding=4, dilation=4, groups=20) @w"},
      {"f32[1, 20, 9, 9]", "y = conv2d(a, 20, 1, stride=3, groups=20) @w"},
      {"f32[1, 20, 9, 9]", "y = conv2d(a, 20, 2, stride=5, padding=[6, 5, 4, 3], groups=20) @w"},
      {"f32[1, 12, 9, 9]",
       "y = a |> conv2d(20, 3) @p |> conv2d(30, 3, padding=1, groups=10) @q |> conv2d(30, 3, groups=30) @r"},
      {"f32[N, 24, H, W]", "y = conv2d(a, 36, 3, padding=1, groups=4) @w"},
      {"f32[N, 24, H, W]", "y = conv2d(a, 24, 3, stride=2, padding=[0, 1, 1, 0], groups=24) @w"},
  };
  CASES_CHECK(cases);
}

static void test_conv_symbolic(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[N, 3, 8, 9]", "y = conv2d(a, 5, 3, padding=1) @w"},
      {"f32[N, 3, H, W]", "y = conv2d(a, 20, 3, padding=1) @w"},
      {"f32[1, 3, H, 12]", "y = conv2d(a, 20, 3, stride=2, padding=1) @w"},
      {"f32[1, 3, 12, W]", "y = conv2d(a, 20, 3, stride=2, padding=1) @w"},
      {"f32[N, 18, H, W]", "y = conv2d(a, 20, [2, 4], stride=[2, 1], padding=[1, 3, 0, 2], dilation=[1, 1]) @w"},
      {"f32[N, 18, H, W]", "y = conv2d(a, 20, 3, dilation=2) @w"},
      {"f32[N, 18, H, W]", "y = conv2d(a, 20, 7, padding=3) @w"},
      {"f32[N, 18, H, W]", "y = conv2d(a, 20, 1) @w"},
      {"f32[N, 18, H, 6]", "y = conv2d(a, 20, 1) @w"},
      {"f32[N, 18, H, W]", "y = conv2d(a, 20, 1, stride=3) @w"},
      {"f32[N, 18, H, W]", "y = conv2d(a, 20, 1, padding=1) @w"},
      {"f32[N, 18, H, W]", "y = conv2d(a, 20, [3, 1], stride=2, padding=[1, 0, 1, 2]) @w"},
      {"f32[N, 3, H, W]", "y = conv2d(a, 20, [3, 1], stride=2, padding=[1, 3, 1, 0]) @w"},
      {"f32[N, 3, H, W]", "y = conv2d(a, 20, 3, stride=2, padding=\"same\") @w"},
      {"f32[N, 18, H, W]",
       "y = a |> conv2d(18, 3, padding=1) @p |> batch_norm @b |> relu\n  y = y + (conv2d(y, 18, 3, padding=1) @q)"},
      {"f32[N, 18, H, W]", "y = a |> conv2d(20, 1) @p |> flatten(2) |> permute([0, 2, 1]) |> linear(5) @q"},
  };
  CASES_CHECK(cases);
}

static void test_transposed(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[1, 1, 1, 1]", "y = conv_transpose2d(a, 1, 1) @w"},
      {"f32[2, 32, 5, 7]", "y = conv_transpose2d(a, 48, 2, stride=2) @w"},
      {"f32[1, 17, 9, 31]", "y = conv_transpose2d(a, 19, 2, stride=2) @w |> relu"},
      {"f32[1, 3, 4, 5]", "y = conv_transpose2d(a, 37, 4, stride=2, padding=1, bias=false) @w"},
      {"f32[1, 20, 6, 7]", "y = conv_transpose2d(a, 24, 3, stride=2, padding=1, output_padding=1) @w"},
      {"f32[1, 20, 6, 7]", "y = conv_transpose2d(a, 24, 3) @w"},
      {"f32[1, 20, 6, 7]", "y = conv_transpose2d(a, 24, 3, padding=1) @w"},
      {"f32[1, 18, 6, 5]",
       "y = conv_transpose2d(a, 5, [3, 5], stride=[3, 2], padding=[2, 1], output_padding=[2, 1]) @w"},
      {"f32[1, 18, 6, 5]", "y = conv_transpose2d(a, 5, 3, stride=2, dilation=2) @w"}, // half of the outputs see no tap
      {"f32[1, 18, 6, 5]", "y = conv_transpose2d(a, 5, 3, stride=2, padding=1, dilation=3, output_padding=[2, 1]) @w"},
      {"f32[1, 18, 6, 5]", "y = conv_transpose2d(a, 5, 4, stride=6, padding=1, dilation=[4, 3], output_padding=5) @w"},
      {"f32[1, 18, 6, 5]!", "y = conv_transpose2d(a, 33, 1, stride=3, output_padding=2) @w"}, // most are the bias
      {"f32[1, 4, 6, 5]", "y = conv_transpose2d(a, 3, 1, stride=2, padding=3) @w"}, // padding beyond the kernel
      {"f32[1, 4, 6, 9]", "y = conv_transpose2d(a, 3, 2, padding=[2, 4]) @w |> gelu"},
      {"f32[1, 4, 2, 2]", "y = conv_transpose2d(a, 3, 7, stride=2, padding=3, output_padding=1) @w"},
      {"f32[1, 16, 3, 2]", "y = conv_transpose2d(a, 64, 5, stride=2, padding=2, output_padding=1) @w"},
      {"f32[2, 6, 5, 5]", "y = conv_transpose2d(a, 4, 3, stride=2, groups=2) @w"},
      {"f32[1, 70, 4, 5]", "y = conv_transpose2d(a, 35, 2, stride=2, groups=5) @w"},
      {"f32[1, 17, 4, 5]", "y = conv_transpose2d(a, 17, 4, stride=2, padding=1, groups=17) @w"},
      {"f32[1, 48, 4, 5]", "y = conv_transpose2d(a, 96, 3, stride=[1, 3], groups=3) @w |> silu"},
      {"f32[1, 18, 6, 5]", "y = conv_transpose2d(a, 21, 3, stride=2, groups=3) @w |> batch_norm @b |> relu"},
      {"f32[1, 18, 6, 5]", "y = a |> batch_norm @b |> conv_transpose2d(21, 3, stride=2) @w"},
      {"f32[1, 3, 6, 8]", "x = conv2d(a, 16, 3, padding=1) @p\n  y = x |> max_pool2d(2) |> conv2d(32, 1) @q |> "
                          "conv_transpose2d(32, 2, stride=2) @u\n  y = concat(x, y, dim=1) |> conv2d(5, 3) @r"},
      {"f32[N, 18, H, W]", "y = conv_transpose2d(a, 20, 2, stride=2) @w"},
      {"f32[N, 18, H, W]", "y = conv_transpose2d(a, 20, 3, stride=2, padding=1, output_padding=1) @w"},
      {"f32[N, 18, H, W]", "y = conv_transpose2d(a, 20, [1, 4], stride=[3, 1], padding=[0, 1], dilation=[1, 2]) @w"},
      {"f32[N, 18, H, W]", "y = conv_transpose2d(a, 20, 1, stride=3, output_padding=2, groups=2) @w"},
  };
  CASES_CHECK(cases);
}

static void test_patch_embed(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[1, 3, 8, 12]", "y = patch_embed(a, dim=20, patch=4) @w"},
      {"f32[2, 1, 6, 6]", "y = patch_embed(a, dim=33, patch=2) @w"},
      {"f32[2, 3, 9, 6]", "y = patch_embed(a, dim=16, patch=3) @w |> layer_norm @n"},
      {"f32[2, 3, 9, 6]", "y = patch_embed(a, dim=5, patch=3, bias=false) @w |> gelu"},
      {"f32[1, 3, 8, 8]", "y = a |> conv2d(20, 3, padding=1) @p |> patch_embed(dim=20, patch=4) @w"},
      {"f32[1, 3, 7, 7]", "y = patch_embed(a, dim=18, patch=7) @w"},
      {"f32[1, 3, 5, 7]", "y = patch_embed(a, dim=18, patch=1) @w"},
      {"f32[1, 20, 8, 8]", "y = patch_embed(a, dim=18, patch=2) @w |> class_token @t |> position_embedding @e"},
  };
  CASES_CHECK(cases);
}

static void test_pool(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[1, 1, 1, 1]", "y = max_pool2d(a, 1)"},
      {"f32[1, 3, 7, 9]", "y = max_pool2d(a, 2)"},
      {"f32[2, 17, 7, 9]", "y = max_pool2d(a, 3, stride=2, padding=1)"},
      {"f32[2, 17, 7, 9]", "y = max_pool2d(a, 3, stride=2, padding=1, ceil_mode=true)"},
      {"f32[2, 17, 8, 10]", "y = max_pool2d(a, [2, 3], stride=[3, 2], padding=[1, 0, 0, 1], ceil_mode=true)"},
      {"f32[2, 17, 8, 10]", "y = max_pool2d(a, 2, stride=5)"},
      {"f32[2, 17, 8, 10]", "y = max_pool2d(a, 3, stride=1, padding=2, dilation=2)"},
      {"f32[2, 17, 8, 10]", "y = max_pool2d(a, [3, 2], stride=2, padding=[2, 1], dilation=[2, 3], ceil_mode=true)"},
      {"f32[1, 4, 1, 1]", "y = max_pool2d(a, 2, stride=2, padding=1, dilation=2)"}, // no tap on the picture
      {"f32[1, 4, 5, 5]!", "y = max_pool2d(a, 3, stride=2, padding=1)"},
      {"f32[1, 4, 5, 5]-", "y = max_pool2d(a, 2)"},
      {"f32[1, 4, 6, 7]", "y = a |> conv2d(20, 3, padding=1) @p |> max_pool2d(2) |> conv2d(5, 3, padding=1) @q"},
      {"f32[1, 3, 7, 9]", "y = avg_pool2d(a, 2)"},
      {"f32[2, 17, 7, 9]", "y = avg_pool2d(a, 3, stride=2, padding=1)"},
      {"f32[2, 17, 7, 9]", "y = avg_pool2d(a, 3, stride=2, padding=1, count_include_pad=false)"},
      {"f32[2, 17, 7, 9]", "y = avg_pool2d(a, 3, stride=2, padding=1, ceil_mode=true)"},
      {"f32[2, 17, 8, 10]", "y = avg_pool2d(a, 3, stride=2, padding=1, ceil_mode=true, count_include_pad=false)"},
      {"f32[2, 17, 8, 10]", "y = avg_pool2d(a, [2, 3], stride=[3, 2], padding=[1, 0, 0, 1], ceil_mode=true)"},
      {"f32[2, 17, 8, 10]", "y = avg_pool2d(a, [2, 3], stride=[3, 2], padding=[1, 2, 0, 1], count_include_pad=false)"},
      {"f32[1, 3, 2, 2]", "y = avg_pool2d(a, 5, stride=1, padding=2)"},
      {"f32[1, 3, 2, 2]", "y = avg_pool2d(a, 5, stride=1, padding=2, count_include_pad=false)"},
      {"f32[1, 3, 4, 4]!", "y = avg_pool2d(a, 3, stride=1, padding=1)"},
      {"f32[2, 17, 9, 12]", "y = avg_pool2d(a, [3, 2], stride=2, padding=[2, 1], dilation=[2, 3], ceil_mode=true)"},
      {"f32[2, 17, 9, 12]", "y = avg_pool2d(a, 3, stride=[1, 3], padding=2, dilation=2, count_include_pad=false)"},
      {"f32[1, 4, 1, 1]", "y = avg_pool2d(a, 2, stride=2, padding=1, dilation=2, count_include_pad=false)"},
      {"f32[N, 5, H, W]", "y = avg_pool2d(a, 2, stride=1, dilation=3)"},
      {"f32[1, 3, 7, 9]", "y = adaptive_avg_pool2d(a, [3, 4])"},
      {"f32[2, 17, 7, 9]", "y = adaptive_avg_pool2d(a, [5, 2])"},
      {"f32[2, 17, 3, 4]", "y = adaptive_avg_pool2d(a, [7, 9])"},
      {"f32[2, 17, 7, 9]", "y = adaptive_avg_pool2d(a, 1)"},
      {"f32[2, 17, 7, 9]", "y = adaptive_avg_pool2d(a, [7, 9])"},
      {"f32[2, 17, 7, 9]", "y = global_avg_pool(a)"},
      {"f32[2, 17, 7, 9]", "y = adaptive_max_pool2d(a, [3, 4])"},
      {"f32[2, 17, 3, 4]!", "y = adaptive_max_pool2d(a, [7, 9])"},
      {"f32[1, 4, 5, 5]-", "y = adaptive_max_pool2d(a, 1)"},
      {"f32[2, 3, 7, 9]", "y = a |> conv2d(20, 3) @p |> global_max_pool |> flatten |> linear(5) @q"},
      {"f32[N, 17, H, W]", "y = adaptive_max_pool2d(a, [3, 4])"},
      {"f32[N, T, H, W]", "y = global_max_pool(a)"},
      {"f32[2, 3, 7, 9]", "y = a |> conv2d(20, 3) @p |> global_avg_pool |> flatten |> linear(5) @q"},
      {"f32[N, 17, H, W]", "y = max_pool2d(a, 3, stride=2, padding=1)"},
      {"f32[N, T, 5, 7]", "y = max_pool2d(a, 3, stride=2, padding=1)"}, // channels known at run time only
      {"f32[N, T, 5, 7]", "y = avg_pool2d(a, 3, stride=2, padding=1)"},
      {"f32[N, 17, H, W]", "y = max_pool2d(a, 2, stride=2, ceil_mode=true)"},
      {"f32[N, 17, H, W]", "y = max_pool2d(a, 2, stride=3, padding=1, dilation=2, ceil_mode=true)"},
      {"f32[N, 17, H, W]", "y = avg_pool2d(a, 3, stride=2, padding=1, ceil_mode=true)"},
      {"f32[N, 17, H, W]", "y = avg_pool2d(a, 3, stride=2, padding=1, ceil_mode=true, count_include_pad=false)"},
      {"f32[N, 17, H, W]", "y = adaptive_avg_pool2d(a, [3, 4])"},
      {"f32[N, 17, H, W]", "y = global_avg_pool(a)"},
  };
  CASES_CHECK(cases);
}

static void test_interpolate(void **state) {
  (void)state;
  Cases cases = {0};
  static const char *const methods[] = {"",
                                        ", mode=\"bilinear\"",
                                        ", mode=\"bilinear\", align_corners=true",
                                        ", mode=\"bicubic\"",
                                        ", mode=\"bicubic\", align_corners=true",
                                        ", mode=\"bilinear\", antialias=true",
                                        ", mode=\"bicubic\", antialias=true",
                                        ", mode=\"bicubic\", antialias=true, align_corners=true"};
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
    cases_add(&cases, "f32[2, 17, 5, 7]", "y = interpolate(a, scale_factor=2%s)", methods[i]);
    cases_add(&cases, "f32[1, 3, 4, 5]", "y = a |> conv2d(20, 1) @p |> interpolate([9, 3]%s) |> conv2d(5, 1) @q",
              methods[i]);
    cases_add(&cases, "f32[1, 3, 1, 30]", "y = interpolate(a, [5, 1]%s)", methods[i]);
    cases_add(&cases, "f32[1, 3, 23, 19]", "y = interpolate(a, scale_factor=[0.3, 1.7]%s)", methods[i]);
    cases_add(&cases, "f32[N, 18, H, W]", "y = interpolate(a, [6, 11]%s)", methods[i]);
    cases_add(&cases, "f32[N, 3, H, W]", "y = interpolate(a, scale_factor=[1.5, 4]%s)", methods[i]);
    cases_add(&cases, "f32[N, 3, H, W]", "y = interpolate(a, [a.shape[3], a.shape[2]]%s)", methods[i]);
  }
  cases_add(&cases, "f32[1, 16, 40, 33]", "y = interpolate(a, [121, 77], mode=\"bilinear\")"); // several bands
  cases_add(&cases, "f32[1, 3, 6, 8]",
            "x = conv2d(a, 16, 3, padding=1) @p\n  y = x |> max_pool2d(2) |> interpolate(scale_factor=2)\n"
            "  y = concat(x, y, dim=1) |> conv2d(5, 3) @r");
  cases_check(cases.data, cases.len);
  cases_free(&cases);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_conv_attributes),   cmocka_unit_test(test_conv_short_rows),
      cmocka_unit_test(test_conv_wide_windows), cmocka_unit_test(test_conv_neighbours),
      cmocka_unit_test(test_conv_channels),     cmocka_unit_test(test_conv_groups),
      cmocka_unit_test(test_conv_symbolic),     cmocka_unit_test(test_patch_embed),
      cmocka_unit_test(test_transposed),        cmocka_unit_test(test_pool),
      cmocka_unit_test(test_interpolate),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
