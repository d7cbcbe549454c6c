// Layers whose weights are inputs: every attribute, odd sizes, open dimensions.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/lower/cases.h"

static void test_convolutions(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[1, 1, 1, 1]", "y = conv2d(a, 1, 1) @w"},
      {"f32[2, 19, 6, 7]", "y = conv2d(a, 33, 1) @w |> relu"},
      {"f32[2, 3, 7, 9]", "y = conv2d(a, 5, 3, padding=1) @w"},
      {"f32[2, 3, 11, 13]", "y = conv2d(a, 17, [3, 5], stride=[2, 3], padding=[1, 0, 2, 3], dilation=[2, 1]) @w"},
      {"f32[1, 6, 11, 13]", "y = conv2d(a, 9, [5, 2], stride=[3, 2], padding=[0, 2, 1, 0], bias=false, groups=3) @w"},
      {"f32[2, 17, 5, 7]", "y = conv2d(a, 17, 3, padding=1, groups=17) @w |> silu"},
      {"f32[1, 5, 5, 7]", "y = a |> conv2d(18, 3, padding=1) @p |> conv2d(5, 1, stride=2) @q"},
      {"f32[1, 3, 9, 10]", "y = conv2d(a, 4, 4, stride=2, padding=\"same\") @w"},
      {"f32[N, 3, H, W]", "y = conv2d(a, 4, 3, padding=1) @w"},
      {"f32[N, 4, H, W]", "y = conv2d(a, 6, [2, 3], stride=2, padding=[1, 0, 2, 1], groups=2) @w"},
      {"f32[1, 18, 5, 6]", "t = conv2d(a, 18, 3, padding=1) @p\n  y = relu(t + a)"},
  };
  cases_check_computed(cases, sizeof cases / sizeof *cases);
}

static void test_transposed_convolutions(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[1, 1, 1, 1]", "y = conv_transpose2d(a, 1, 1) @w"},
      {"f32[2, 5, 6, 7]", "y = conv_transpose2d(a, 7, 3) @w |> relu"},
      {"f32[2, 5, 6, 7]", "y = conv_transpose2d(a, 7, [2, 3], stride=[2, 3], padding=[1, 0]) @w"},
      {"f32[1, 6, 5, 4]", "y = conv_transpose2d(a, 9, 4, stride=3, padding=5, output_padding=[2, 1], groups=3) @w"},
      {"f32[1, 6, 5, 4]", "y = conv_transpose2d(a, 6, 2, stride=4, dilation=[2, 3], groups=6, bias=false) @w"},
      {"f32[N, 3, H, W]", "y = conv_transpose2d(a, 4, 3, stride=2, padding=1, output_padding=1) @w"},
  };
  cases_check_computed(cases, sizeof cases / sizeof *cases);
}

static void test_products(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[7]", "y = linear(a, 5) @w"},
      {"f32[3, 19]", "y = linear(a, 33) @w |> gelu(approximate=\"tanh\")"},
      {"f32[2, 5, 19]", "y = linear(a, 17, bias=false) @w |> tanh"},
      {"f32[N, T, 18]", "y = a + (linear(a, 18) @w)"},
      {"f32[2, 3, 8, 12]", "y = patch_embed(a, 19, 4) @w"},
      {"f32[N, 3, 8, 12]", "y = patch_embed(a, 5, 2, bias=false) @w |> relu"},
      {"f32[2, 5, 12]", "y = attention(a, 3) @w"},
      {"f32[2, 5, 12]", "y = attention(a, 2, names=\"separate\") @w"},
      {"f32[2, 5, 12]", "y = attention(a, 2, names=\"separate\", qkv_bias=false) @w"},
      {"f32[2, 5, 12]", "y = class_token(a) @w"},
      {"f32[N, T, 7]", "y = class_token(a) @w"},
      {"f32[2, 5, 12]", "y = position_embedding(a) @w"},
      {"i64[2, 3]", "y = embedding(a, parameter([300, 7]) @w)"},
  };
  cases_check_computed(cases, sizeof cases / sizeof *cases);
}

static void test_norms(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[3, 7]", "y = batch_norm(a) @w"},
      {"f32[2, 7, 5]", "y = batch_norm(a, affine=false, eps=0.25) @w"},
      {"f32[2, 17, 5, 3]", "y = a |> conv2d(17, 1) @c |> batch_norm @w |> relu"},
      {"f32[N, 18, H, W]", "y = batch_norm(a) @w"},
      {"f32[2, 5, 19]", "y = layer_norm(a) @w"},
      {"f32[N, T, 33]", "y = layer_norm(a, eps=0.5) @w"},
      {"f32[2, 12, 5, 3]", "y = group_norm(a, 3) @w"},
      {"f32[N, 18, H, 3]", "y = group_norm(a, 2, eps=0.5) @w"},
      {"f32[2, 7, 5, 3]", "y = instance_norm(a, affine=true) @w"},
      {"f32[2, 7, 5]", "y = prelu(a, 7) @w"},
      {"f32[N, 7, 5, W]", "y = prelu(a) @w"},
  };
  cases_check_computed(cases, sizeof cases / sizeof *cases);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_convolutions),
      cmocka_unit_test(test_transposed_convolutions),
      cmocka_unit_test(test_products),
      cmocka_unit_test(test_norms),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
