// Linear layers, products of computed matrices, attention, norms, softmax and means.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/lower/cases.h"
#include <stdio.h>
#include <string.h>

static void test_linear(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[1]", "y = linear(a, 1) @w"},
      {"f32[7]", "y = linear(a, 19) @w"},
      {"f32[5, 7]", "y = linear(a, 16) @w"},
      {"f32[1, 33]", "y = linear(a, 70) @w"},
      {"f32[67, 33]", "y = linear(a, 35, bias=false) @w"},
      {"f32[2, 3, 17]", "y = linear(a, 5) @w"},
      {"f32[2, 37, 17]", "y = a |> linear(50) @p |> linear(21) @q"},
      {"f32[2, 3, 4, 17]", "y = a |> linear(50) @p |> linear(21) @q"},
      {"f32[2, 5, 17]", "t = linear(a, 40) @p\n  y = t + (t |> linear(20) @q |> gelu |> linear(40) @r)"},
      {"f32[2, 5, 17]", "y = a + (a |> linear(17) @q)"},
      {"f32[2, 5, 16]", "y = a + (a |> linear(16) @q)"},
      {"f32[5, 17]", "y = a + (a |> linear(17) @q)"},
      {"f32[5, 17]", "t = linear(a, 17) @p\n  y = t + (t |> linear(17) @q)"},
      {"f32[5, 17]", "y = a |> linear(35) @q |> silu"},
      {"f32[3, 1, 17]", "y = a |> linear(35) @q |> tanh |> flatten |> linear(3) @r"},
      {"f32[2, 4, 5, 6]", "y = a |> flatten |> linear(20) @q"},
      {"f32[N, 17]", "y = linear(a, 21) @w"},
      {"f32[N, T, 17]", "y = linear(a, 21) @w"},
      {"f32[N, T, 17]", "y = a |> linear(21) @p |> linear(33) @q |> relu"},
      {"f32[N, T, H, 17]", "y = a |> linear(21) @p |> linear(33) @q"},
  };
  CASES_CHECK(cases);
}

// Sums in several passes, which wait in the output: of 130 to 140 rows and 2,000 and more features.
static void test_linear_passes(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[1, 139, 32]", "y = a |> linear(2080) @p |> linear(83) @q |> relu"},
      {"f32[N, 137, 32]", "t = linear(a, 96) @p\n  y = t + (t |> linear(3088) @q |> gelu |> linear(96) @r)"},
      {"f32[1, 131, 32]", "y = a |> linear(2016) @p |> linear(113) @q |> silu |> linear(5) @r"},
  };
  CASES_CHECK(cases);
}

static void test_linear_features(void **state) {
  (void)state;
  Cases cases = {0};
  for (int c = 1; c <= 70; c += 3)
    cases_add(&cases, c % 2 ? "f32[2, 3, 19]" : "f32[13, 8]", "y = a |> linear(%d) @p |> linear(%d) @q", c, 71 - c);
  cases_check(cases.data, cases.len);
  cases_free(&cases);
}

static void test_matmul(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[1] f32[1]", "y = matmul(a, b)"},
      {"f32[7] f32[7]", "y = matmul(a, b)"},
      {"f32[7] f32[7, 5]", "y = matmul(a, b)"},
      {"f32[5, 7] f32[7]", "y = matmul(a, b)"},
      {"f32[5, 7] f32[7, 19]", "y = matmul(a, b)"},
      {"f32[31, 17] f32[17, 131]", "y = matmul(a, b)"},
      {"f32[1, 3] f32[3, 64]", "y = matmul(a, b)"},
      {"f32[3, 5, 7] f32[7, 19]", "y = matmul(a, b)"},
      {"f32[5, 7] f32[3, 7, 19]", "y = matmul(a, b)"},
      {"f32[3, 1, 5, 7] f32[4, 7, 18]", "y = matmul(a, b)"},
      {"f32[3, 4, 5, 7] f32[1, 4, 7, 2]", "y = matmul(a, b)"},
      {"f32[7] f32[3, 4, 7, 2]", "y = matmul(a, b)"},
      {"f32[3, 4, 2, 7] f32[7]", "y = matmul(a, b)"},
      {"f32[2, 9, 24] f32[2, 9, 24]", "y = matmul(a, transpose(b, 1, 2))"},
      {"f32[2, 9, 24]", "t = linear(a, 20) @p\n  y = matmul(t, transpose(t, -1, -2))"},
      {"f32[6, 5]", "y = matmul(a, parameter([5, 18]) @p)"},
      {"f32[5, 18]", "y = matmul(parameter([6, 5]) @p, a)"},
      {"f32[N, T, 7] f32[7, 18]", "y = matmul(a, b)"},
      {"f32[N, T, H] f32[N, H, W]", "y = matmul(a, b)"},
      {"f32[N, 1, 3, H] f32[5, H, T]", "y = matmul(a, b)"},
      {"f32[H] f32[H, W]", "y = matmul(a, b)"},
  };
  CASES_CHECK(cases);
}

static void test_sdpa(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[1, 1] f32[1, 1] f32[1, 1]", "y = scaled_dot_product_attention(a, b, c)"},
      {"f32[5, 8] f32[7, 8] f32[7, 3]", "y = scaled_dot_product_attention(a, b, c)"},
      {"f32[2, 3, 33, 16] f32[2, 3, 17, 16] f32[2, 3, 17, 32]", "y = scaled_dot_product_attention(a, b, c, scale=0.3)"},
      {"f32[2, 19, 35] f32[2, 31, 35] f32[2, 31, 21]", "y = scaled_dot_product_attention(a, b, c)"},
      {"f32[2, 19, 5] f32[2, 19, 5] f32[2, 19, 5]", "y = scaled_dot_product_attention(a, b, c, is_causal=true)"},
      {"f32[2, 19, 5] f32[2, 40, 5] f32[2, 40, 18]", "y = scaled_dot_product_attention(a, b, c, is_causal=true)"},
      {"f32[3, 9, 4] f32[3, 19, 4] f32[3, 19, 6]", "y = scaled_dot_product_attention(a, b, c, scale=-0.7)"},
      {"f32[2, 40, 5] f32[2, 19, 5] f32[2, 19, 18]", "y = scaled_dot_product_attention(a, b, c, is_causal=true)"},
      {"f32[3, 1, 9, 4] f32[2, 7, 4] f32[3, 2, 7, 4]", "y = scaled_dot_product_attention(a, b, c)"},
      {"f32[2, 9, 4] f32[2, 7, 4] f32[2, 7, 4] f32[9, 7]", "y = scaled_dot_product_attention(a, b, c, mask=d)"},
      {"f32[2, 9, 4] f32[2, 7, 4] f32[2, 7, 4] f32[2, 9, 7]", "y = scaled_dot_product_attention(a, b, c, mask=d)"},
      {"f32[2, 9, 4] f32[2, 37, 4] f32[2, 37, 4] f32[1, 9, 1]", "y = scaled_dot_product_attention(a, b, c, mask=d)"},
      {"f32[2, 9, 4] f32[2, 37, 4] f32[2, 37, 4] f32[2, 1, 37]", "y = scaled_dot_product_attention(a, b, c, mask=d)"},
      {"f32[2, 9, 4] f32[2, 37, 4] f32[2, 37, 4] f32[37]", "y = scaled_dot_product_attention(a, b, c, mask=d)"},
      {"f32[2, 9, 4] f32[2, 37, 4] f32[2, 37, 4] f32[1]", "y = scaled_dot_product_attention(a, b, c, mask=d)"},
      {"f32[2, 9, 4] f32[2, 7, 4] f32[2, 7, 4] f32[9, 7]-", "y = scaled_dot_product_attention(a, b, c, mask=d)"},
      {"f32[2, 9, 4] f32[2, 2, 4] f32[2, 2, 4] f32[9, 2]-",
       "y = scaled_dot_product_attention(a, b, c, mask=d)"}, // rows wholly masked
      {"f32[2, 9, 4] f32[2, 7, 4] f32[2, 7, 4] bool[9, 7]", "y = scaled_dot_product_attention(a, b, c, mask=d)"},
      {"f32[2, 9, 4] f32[2, 20, 4] f32[2, 20, 4] bool[2, 1, 20]", "y = scaled_dot_product_attention(a, b, c, mask=d)"},
      {"f32[2, 9, 4] f32[2, 2, 4] f32[2, 2, 4] bool[9, 1]", "y = scaled_dot_product_attention(a, b, c, mask=d)"},
      {"f32[N, 2, T, 20] f32[N, 2, W, 20] f32[N, 2, W, 7]", "y = scaled_dot_product_attention(a, b, c)"},
      {"f32[N, T, 20] f32[N, T, 20] f32[N, T, 20]", "y = scaled_dot_product_attention(a, b, c, is_causal=true)"},
      {"f32[N, T, 20] f32[N, W, 20] f32[N, W, 20] f32[T, W]", "y = scaled_dot_product_attention(a, b, c, mask=d)"},
      {"f32[N, T, 20] f32[N, W, 20] f32[N, W, 20] bool[N, 1, W]", "y = scaled_dot_product_attention(a, b, c, mask=d)"},
  };
  CASES_CHECK(cases);
}

static void test_attention(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[1, 1, 1]", "y = attention(a, 1) @w"},
      {"f32[2, 9, 32]", "y = attention(a, 2) @w"},
      {"f32[2, 9, 30]", "y = attention(a, 3) @w"},
      {"f32[2, 9, 30]", "y = attention(a, 3, names=\"separate\", bias=false) @w"},
      {"f32[2, 17, 48]", "y = attention(a, 3, names=\"in_proj\", qkv_bias=false) @w"},
      {"f32[9, 30]", "y = attention(a, 2) @w"},
      {"f32[2, 3, 9, 32]", "y = attention(a, 2) @w"},
      {"f32[2, 3, 9, 21]", "y = attention(a, 7) @w"},
      {"f32[2, 50, 64]", "y = attention(a, 4) @w"},
      {"f32[1, 197, 64]", "y = attention(a, 1) @w"},
      {"f32[2, 49, 96]", "y = attention(a, 3) @w"},
      {"f32[1, 31, 160]", "y = attention(a, 2) @w"},
      {"f32[1, 37, 96]", "y = attention(a, 1) @w"},
      {"f32[1, 16, 256]", "y = attention(a, 2) @w"},
      {"f32[2, 9, 32] f32[9, 9]", "y = attention(a, 2, mask=b) @w"},
      {"f32[2, 9, 32] f32[2, 9, 9]", "y = attention(a, 2, mask=b) @w"},
      {"f32[3, 9, 32] f32[3, 1, 9, 9]", "y = attention(a, 2, mask=b) @w"},
      {"f32[3, 9, 32] f32[3, 2, 1, 9]", "y = attention(a, 2, mask=b) @w"},
      {"f32[2, 3, 9, 32] f32[3, 2, 9, 9]", "y = attention(a, 2, mask=b) @w"},
      {"f32[2, 3, 9, 32] f32[2, 1, 1, 9, 9]", "y = attention(a, 2, mask=b) @w"},
      {"f32[2, 9, 32] bool[9, 9]", "y = attention(a, 2, mask=b) @w"},
      {"f32[2, 9, 32] f32[9, 9]-", "y = attention(a, 2, mask=b) @w"},
      {"f32[2, 7, 32]", "t = linear(a, 32) @p\n  y = t + (t |> layer_norm @n |> attention(2) @w)"},
      {"f32[2, 7, 24]", "t = class_token(a) @c\n  t = position_embedding(t) @e\n  t = t + (t |> layer_norm @n |> "
                        "attention(3) @w)\n  y = t |> layer_norm @m |> token(0) |> linear(5) @h"},
      {"f32[N, T, 32]", "y = attention(a, 2) @w"},
      {"f32[N, T, 24]", "y = attention(a, 2) @w"},
      {"f32[N, T, 24] f32[T, T]", "y = attention(a, 2, mask=b) @w"},
      {"f32[N, T, 32] f32[N, 1, T, T]", "y = attention(a, 2, mask=b) @w"},
  };
  CASES_CHECK(cases);
}

static void test_norms(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[1]", "y = layer_norm(a) @n"},
      {"f32[17]", "y = layer_norm(a, eps=0.1) @n"},
      {"f32[3, 16]", "y = layer_norm(a, affine=false)"},
      {"f32[2, 5, 33]", "y = layer_norm(a) @n"},
      {"f32[2, 5, 33]", "y = a |> linear(21) @p |> layer_norm @n"},
      {"f32[2, 5, 33]", "y = a |> linear(48) @p |> layer_norm(affine=false)"},
      {"f32[2, 5, 33]", "t = linear(a, 21) @p\n  y = t + (layer_norm(t) @n |> linear(21) @q)"},
      {"f32[2, 5, 4, 33]", "y = a |> linear(21) @p |> layer_norm @n |> linear(3) @q"},
      {"f32[2, 3, 5, 7]", "y = a |> conv2d(18, 3) @p |> layer_norm @n"},
      {"f32[11, 40]", "y = layer_norm(a) @n"},
      {"f32[3, 19, 32]", "y = a |> linear(48) @p |> layer_norm @n |> linear(7) @q"},
      {"f32[3, 17]!", "y = layer_norm(a) @n"},
      {"f32[H, 17, 3]", "y = layer_norm(a, affine=false)"},
      {"f32[N, T, 33]", "y = layer_norm(a) @n"},
      {"f32[N, T, 33]", "y = a |> linear(21) @p |> layer_norm @n"},
      {"f32[3, 5]", "y = batch_norm(a) @b"},
      {"f32[3, 5, 7]", "y = batch_norm(a, affine=false) @b"},
      {"f32[2, 18, 5, 7]", "y = batch_norm(a, eps=0.01) @b"},
      {"f32[2, 18, 5, 7]", "y = a |> conv2d(20, 3) @c |> relu |> batch_norm @b"},
      {"f32[2, 18, 5]", "y = a |> linear(7) @c |> batch_norm @b"},
      {"f32[N, 18, H, W]", "y = batch_norm(a) @b"},
      {"f32[2, 3, 4, 5]", "y = normalize(a, [0.1, 0.2, 0.3], [1.0, 2.0, 3.0], scale=2.0)"},
  };
  CASES_CHECK(cases);
}

static void test_softmax(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[1]", "y = softmax(a, 0)"},
      {"f32[17]", "y = softmax(a, 0)"},
      {"f32[5, 33]", "y = softmax(a, 1)"},
      {"f32[5, 33]", "y = softmax(a, 0)"},
      {"f32[2, 5, 3, 7]", "y = softmax(a, 0)"},
      {"f32[2, 5, 3, 7]", "y = softmax(a, 1)"},
      {"f32[2, 5, 3, 7]", "y = softmax(a, 2)"},
      {"f32[2, 5, 3, 7]", "y = softmax(a, -1)"},
      {"f32[2, 5, 1, 1]", "y = softmax(a, 1)"},
      {"f32[2, 3, 5, 7]", "y = a |> conv2d(18, 3) @p |> softmax(1)"},
      {"f32[2, 3, 17]", "y = a |> linear(18) @p |> softmax(-1)"},
      {"f32[2, 3, 17]", "y = a |> softmax(-1) |> linear(18) @p |> softmax(1)"},
      {"f32[19, 23]", "y = softmax(a, 1)"},
      {"f32[3, 40]-", "y = softmax(a, 1)"},
      {"f32[40, 3]-", "y = softmax(a, 0)"},
      {"f32[3, 2]!", "y = softmax(a, 1)"},
      {"f32[N, T]", "y = softmax(a, 1)"},
      {"f32[N, T]", "y = softmax(a, 0)"},
      {"f32[N, H, W, T]", "y = softmax(a, 2)"},
      {"f32[N, H, W, T]", "y = softmax(a * 100.0, 3)"},
  };
  CASES_CHECK(cases);
}

static void test_mean(void **state) {
  (void)state;
  Cases cases = {0};
  for (int set = 1; set < 16; set++) {
    char dims[20] = "";
    for (int d = 0; d < 4; d++)
      if (set >> d & 1) snprintf(dims + strlen(dims), sizeof dims - strlen(dims), "%s%d", *dims ? ", " : "", d);
    cases_add(&cases, "f32[2, 5, 3, 19]", "y = mean(a, [%s])", dims);
    cases_add(&cases, "f32[N, H, T, W]", "y = mean(a, [%s], keepdim=true)", dims);
    cases_add(&cases, "f32[2, 3, 5, 7]", "y = a |> conv2d(18, 3) @p |> mean([%s])", dims);
  }
  cases_add(&cases, "f32[1]", "y = mean(a)");
  cases_add(&cases, "f32[3, 17]", "y = mean(a)");
  cases_add(&cases, "f32[3, 17]", "y = mean(a, [0, 1], keepdim=true)");
  cases_add(&cases, "f32[3, 17]!", "y = mean(a, 1)");
  cases_add(&cases, "f32[2, 3, 17]", "y = a |> linear(18) @p |> mean(1)");
  cases_check(cases.data, cases.len);
  cases_free(&cases);
}

// Longer than the pieces that kernels work in.
static void test_long(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[2, 5003]", "y = softmax(a, 1)"},
      {"f32[5003, 3]", "y = softmax(a, 0)"},
      {"f32[3, 9001]", "y = mean(a, 1)"},
      {"f32[9001, 3]", "y = mean(a, 0)"},
      {"f32[2, 5003]", "y = layer_norm(a) @n"},
      {"f32[3, 1031]", "y = linear(a, 131) @w"},
      {"f32[3, 1031] f32[1031, 131]", "y = matmul(a, b)"},
      {"f32[2, 3, 300] f32[2, 301, 300] f32[2, 301, 70]", "y = scaled_dot_product_attention(a, b, c)"},
      {"f32[67, 131]", "y = transpose(a, 0, 1)"},
      {"f32[67, 131] f32[67, 4]", "y = concat(a, b, dim=1)"},
      {"f32[9001] f32[1]", "y = a * b"},
      {"f32[67, 131] f32[67, 1]", "y = a * b"},
      {"f32[9001]", "y = pad(a, [1, 2])"},
      {"f32[1, 200, 3, 67]", "y = conv2d(a, 201, 3, padding=1) @w"},
  };
  CASES_CHECK(cases);
}

static void test_refused_types(void **state) {
  (void)state;
  cases_refused(&(Case){"f16[2, 3]", "y = layer_norm(a) @p"},
                "layer_norm of f16 is not compiled yet; cast its operand to f32");
  cases_refused(&(Case){"bf16[2, 3]", "y = softmax(a, 1)"}, "softmax of bf16 is not compiled yet");
  cases_refused(&(Case){"f32[2, 3, D]", "y = scaled_dot_product_attention(a, a, a)"},
                "scaled_dot_product_attention needs a known depth of q, k and v");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_linear), cmocka_unit_test(test_linear_passes), cmocka_unit_test(test_linear_features),
      cmocka_unit_test(test_matmul), cmocka_unit_test(test_sdpa),          cmocka_unit_test(test_attention),
      cmocka_unit_test(test_norms),  cmocka_unit_test(test_softmax),       cmocka_unit_test(test_mean),
      cmocka_unit_test(test_long),   cmocka_unit_test(test_refused_types),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
