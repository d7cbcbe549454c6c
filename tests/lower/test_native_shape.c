// Ops that move elements: their values come row-major or in blocks of 16, and are of all types.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/lower/cases.h"

static void test_permute(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[1]", "y = permute(a, [0])"},
      {"f32[17, 33]", "y = permute(a, [1, 0])"},
      {"f32[70, 300]", "y = permute(a, [1, 0])"},
      {"f32[2, 131, 136]", "y = permute(a, [0, 2, 1])"},
      {"f32[3, 17, 5]", "y = permute(a, [2, 0, 1])"},
      {"f32[3, 17, 5]", "y = permute(a, [0, 2, 1])"},
      {"f32[3, 17, 5]", "y = permute(a, [1, 0, 2])"},
      {"f32[2, 3, 4, 5]", "y = permute(a, [3, 2, 1, 0])"},
      {"f32[2, 3, 4, 5, 2]", "y = permute(a, [0, 3, 1, 4, 2])"},
      {"f32[1, 3, 1, 5]", "y = permute(a, [2, 3, 0, 1])"},
      {"u8[2, 6, 7, 3]", "y = permute(a, [0, 3, 1, 2])"},
      {"i64[3, 17]", "y = transpose(a, 0, 1)"},
      {"bool[3, 17]", "y = transpose(a, 0, 1)"},
      {"f16[3, 17]", "y = transpose(a, 0, 1)"},
      {"f32[2, 3, 5, 6]", "y = a |> conv2d(18, 2) @p |> permute([0, 2, 3, 1])"},
      {"f32[2, 3, 5, 6]", "y = a |> conv2d(18, 2) @p |> permute([1, 0, 3, 2])"},
      {"f32[2, 3, 5, 6]", "y = a |> permute([0, 2, 3, 1]) |> linear(5) @p |> permute([0, 3, 1, 2]) |> conv2d(7, 2) @q"},
      {"f32[2, 3, 7]", "y = a |> linear(18) @p |> transpose(1, 2)"},
      {"f32[1, 2, 2]", "y = transpose(a, 1, 2)"}, // within vectors of 4, 8 and 16
      {"f32[3, 2, 2]", "y = transpose(a, 1, 2)"},
      {"f32[5, 4, 4]", "y = transpose(a, 1, 2)"},
      {"f32[2, 2, 2, 2]", "y = permute(a, [3, 1, 2, 0])"},
      {"f32[3, 2, 4]", "y = transpose(a, 1, 2)"},
      {"f32[3, 2, 8]", "y = transpose(a, 1, 2)"},
      {"f32[2, 18, 4, 4]", "y = matmul(a, transpose(a, 2, 3)) |> conv2d(7, 2) @p"},
      {"f32[N, H, W, 3]", "y = permute(a, [0, 3, 1, 2])"},
      {"f32[N, H, W, 3]", "y = permute(a, [2, 3, 1, 0])"},
      {"f32[N, T]", "y = transpose(a, 0, 1)"},
  };
  CASES_CHECK(cases);
}

static void test_reshape(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[3, 17]", "y = reshape(a, [17, 3])"},
      {"f32[3, 17]", "y = reshape(a, [-1])"},
      {"f32[2, 3, 4, 5]", "y = flatten(a)"},
      {"f32[2, 3, 4, 5]", "y = flatten(a, 1, 2)"},
      {"f32[2, 3, 4, 5]", "y = flatten(a, 0, -1)"},
      {"f32[3, 16]", "y = reshape(a, [3, 16]) + reshape(a, [3, 16])"},
      {"f32[2, 3, 5, 6]", "y = a |> conv2d(18, 2) @p |> flatten"},
      {"f32[2, 3, 5, 6]", "y = a |> conv2d(18, 2) @p |> relu |> reshape([2, 18, 20]) |> linear(7) @q"},
      {"f32[2, 3, 5, 6]",
       "y = a |> conv2d(32, [5, 6]) @p |> flatten |> linear(7) @q"}, // both layouts are the same bytes
      {"f32[2, 3, 5, 6]", "y = a |> conv2d(32, [5, 6]) @p |> flatten"},
      {"f32[2, 3, 5, 6]", "y = a |> conv2d(32, [5, 6]) @p"},
      {"f32[2, 3, 5, 6]", "y = a |> conv2d(20, [5, 6]) @p"},
      {"f32[2, 1, 7]", "y = a |> linear(32) @p |> flatten"},
      {"f32[2, 5, 7]", "y = a |> linear(32) @p |> reshape([2, 5, 4, 8]) |> permute([0, 2, 1, 3]) |> softmax(-1)"},
      {"i8[3, 17]", "y = reshape(a, [51, 1])"},
      {"f32[N, T, 6]", "y = reshape(a, [a.shape[0], 2, 3, a.shape[1]])"},
      {"f32[N, T, 6]", "y = a |> linear(20) @p |> flatten(0, 1)"},
      {"f32[N, 3, H, W]", "y = a |> conv2d(20, 1) @p |> flatten(2)"},
  };
  CASES_CHECK(cases);
}

static void test_concat(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[1] f32[2]", "y = concat(a, b, dim=0)"},
      {"f32[3, 17] f32[3, 5] f32[3, 1]", "y = concat(a, b, c, dim=1)"},
      {"f32[3, 17] f32[5, 17]", "y = concat(a, b, dim=0)"},
      {"f32[3, 17]", "y = concat(a, a, a, dim=-1)"},
      {"f32[2, 3, 4, 5] f32[2, 3, 1, 5]", "y = concat(a, b, dim=2)"},
      {"i32[3, 17] i32[3, 5]", "y = concat(a, b, dim=1)"},
      {"bool[3, 17] bool[3, 5]", "y = concat(a, b, dim=1)"},
      {"bf16[3, 17] bf16[3, 5]", "y = concat(a, b, dim=1)"},
      {"f32[2, 3, 4, 5]", "y = concat(conv2d(a, 16, 1) @p, conv2d(a, 5, 1) @q, dim=1)"},
      {"f32[2, 3, 4, 5]", "y = concat(conv2d(a, 5, 1) @p, conv2d(a, 16, 1) @q, dim=1)"},
      {"f32[2, 3, 4, 5]",
       "y = concat(conv2d(a, 32, 1) @p, conv2d(a, 16, 1) @q, conv2d(a, 21, 1) @r, dim=1) |> conv2d(7, 3) @s"},
      {"f32[2, 3, 4, 5]", "y = concat(conv2d(a, 18, 1) @p, conv2d(a, 18, 1) @q, dim=0) |> conv2d(7, 3) @s"},
      {"f32[2, 3, 4, 5]", "y = concat(conv2d(a, 18, 1) @p, conv2d(a, 18, 1) @q, dim=2) |> conv2d(7, 3) @s"},
      {"f32[2, 3, 4, 5]", "y = concat(conv2d(a, 18, 1) @p, conv2d(a, 18, 1) @q, dim=3) |> conv2d(7, 3) @s"},
      {"f32[2, 3, 4, 5]",
       "t = conv2d(a, 16, 1) @p\n  y = concat(t, t |> conv2d(16, 3, padding=1) @q |> relu, t, dim=1)"},
      {"f32[2, 3, 4, 5]", "t = conv2d(a, 16, 1) @p\n  y = concat(t, a, dim=1)"},
      {"f32[2, 3, 4, 5]", "t = conv2d(a, 16, 1) @p\n  y = concat(a, t, dim=1)"},
      {"f32[2, 3, 4, 5]", "t = conv2d(a, 16, 1) @p\n  y = concat(t, parameter([2, 16, 4, 5]) @k, dim=1)"},
      {"f32[2, 3, 4, 5]", "t = conv2d(a, 16, 1) @p\n  y = concat(parameter([2, 16, 4, 5]) @k, t, dim=1)"},
      {"f32[2, 3, 7]", "t = linear(a, 18) @p\n  y = concat(t, parameter([2, 5, 18]) @k, dim=1) |> linear(3) @q"},
      {"f32[2, 3, 7]", "y = class_token(a) @t"},
      {"f32[2, 3, 7]", "y = a |> linear(20) @p |> class_token @t"},
      {"f32[2, 3, 7]", "y = a |> linear(20) @p |> class_token @t |> position_embedding @e |> token(1)"},
      {"f16[2, 3, 7]", "y = class_token(a) @t"},
      {"f32[N, T, 7]", "y = a |> linear(20) @p |> class_token @t |> token(0)"},
      {"f32[N, 3, H, W]", "y = concat(conv2d(a, 16, 1) @p, conv2d(a, 5, 1) @q, dim=1)"},
      {"f32[N, 3, H, W]", "y = concat(a, a, dim=2)"},
      {"f32[N, 3, H, W]", "y = concat(conv2d(a, 16, 1) @p, conv2d(a, 16, 1) @q, dim=3)"},
      {"f32[N, T] f32[N, 3] f32[N, W]", "y = concat(a, b, c, dim=1)"},
      {"f32[N, 3, 4, 5] f32[N, T, 4, 5]", "t = conv2d(a, 16, 1) @p\n  y = concat(t, b, t, dim=1)"},
      {"f32[N, 3, 4, 5] f32[N, T, 4, 5]", "t = conv2d(a, 16, 1) @p\n  y = concat(t, b, dim=1) |> relu"},
      {"f32[N, 3, 4, 5] f32[N, T, 4, 5]", "t = conv2d(a, 16, 1) @p\n  y = concat(t, b, dim=1) |> max_pool2d(2)"},
  };
  CASES_CHECK(cases);
}

static void test_slice(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[17]", "y = slice(a, [0], [3], [11])"},
      {"f32[17]", "y = slice(a, [0], [1], [17], [3])"},
      {"f32[5, 17]", "y = slice(a, [1], [-5], [-1])"},
      {"f32[5, 17]", "y = slice(a, [0, 1], [1, 2], [4, 15], [2, 5])"},
      {"f32[5, 17]", "y = slice(a, [1, 0], [0, 4], [100, 5], [16, 1])"},
      {"f32[2, 5, 3, 7]", "y = slice(a, [1, 3], [1, 0], [3, 7], [1, 2])"},
      {"i8[5, 17]", "y = slice(a, [1], [3], [9], [2])"},
      {"f32[5, 17]", "y = a[1]"},
      {"f32[5, 17]", "y = a[1:4, ::2]"},
      {"f32[5, 17]", "p, q, r = split(a, [3, 10, 4], 1)\n  y = concat(r, q, p, dim=1)"},
      {"f32[5, 17]", "p, q, r = split(a, 6, 1)\n  y = concat(r, q, p, dim=1)"},
      {"f32[2, 5, 17]", "y = token(a, 2)"},
      {"f32[2, 5, 17]", "y = a |> linear(20) @p |> token(-1)"},
      {"f32[2, 3, 4, 5]", "y = a |> conv2d(50, 1) @p |> slice([1], [16], [48]) |> conv2d(7, 3) @q"},
      {"f32[2, 3, 4, 5]", "y = a |> conv2d(50, 1) @p |> slice([1], [16], [41]) |> conv2d(7, 3) @q"},
      {"f32[2, 3, 4, 5]", "y = a |> conv2d(50, 1) @p |> slice([1], [5], [41]) |> conv2d(7, 3) @q"},
      {"f32[2, 3, 4, 5]", "y = a |> conv2d(50, 1) @p |> slice([1], [0], [41], [2]) |> conv2d(7, 3) @q"},
      {"f32[2, 3, 4, 5]", "y = a |> conv2d(50, 1) @p |> slice([0, 2], [1, 1], [2, 4], [1, 2]) |> conv2d(7, 1) @q"},
      {"f32[2, 3, 4, 5]", "y = a |> conv2d(50, 1) @p |> slice([3, 1], [1, 32], [5, 50], [3, 1]) |> conv2d(7, 1) @q"},
      {"f32[2, 3, 4, 5]", "p, q = a |> conv2d(40, 1) @p |> split([32, 8], 1)\n  y = concat(p, q, q, dim=1)"},
      {"f32[2, 6, 7]", "y = a |> linear(40) @p |> slice([1, 2], [1, 16], [6, 40], [2, 1]) |> layer_norm @n"},
      {"f32[N, T, 7]", "y = slice(a, [1], [-1], [100])"},
      {"f32[N, T, 7]", "y = slice(a, [1], [0], [a.shape[1]])"},
      {"f32[N, H, 7]", "y = slice(a, [1], [1], [a.shape[1] - 1], [2])"},
      {"f32[N, 3, H, W]", "y = a |> conv2d(20, 1) @p |> slice([2, 3], [1, 2], [a.shape[2] - 1, a.shape[3]], [1, 2])"},
  };
  CASES_CHECK(cases);
}

static void test_pad(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[17]", "y = pad(a, [3, 5])"},
      {"f32[17]", "y = pad(a, [-3, 5], value=1.5)"},
      {"f32[17]", "y = pad(a, [3, -5], value=-2.5)"},
      {"f32[17]", "y = pad(a, [-3, -5])"},
      {"f32[5, 17]", "y = pad(a, [1, 0, 2, 3])"},
      {"f32[5, 17]", "y = pad(a, [1, -2, -2, 3], value=0.5)"},
      {"f32[2, 3, 5, 7]", "y = pad(a, [1, 2, 3, 4])"},
      {"f32[2, 3, 5, 7]", "y = pad(a, [0, 0, 0, 0, 1, 2])"},
      {"f32[2, 3, 5, 7]", "y = pad(a, [0, 1, 1, 0, 0, 1, 1, 0])"},
      {"f32[3, 4, 1, 14]", "y = pad(a, [1, -1, 1, -1], value=0.75)"}, // nothing of a remains
      {"f32[4]", "y = pad(a, [2, -4])"},
      {"i8[5, 17]", "y = pad(a, [1, 2], value=-7)"},
      {"u8[5, 17]", "y = pad(a, [1, 2], value=200)"},
      {"bool[5, 17]", "y = pad(a, [1, 2], value=1)"},
      {"i64[5, 17]", "y = pad(a, [1, 2], value=3)"},
      {"f16[5, 17]", "y = pad(a, [1, 2], value=3)"},
      {"f32[17]", "y = pad(a, [3, 5], mode=\"reflect\")"},
      {"f32[5, 17]", "y = pad(a, [16, 16, 4, 4], mode=\"reflect\")"},
      {"f32[2, 3, 5, 7]", "y = pad(a, [1, 2, 3, 4], mode=\"reflect\")"},
      {"f32[2, 3, 5, 1]", "y = pad(a, [0, 0, 3, 4], mode=\"reflect\")"},
      {"u8[5, 17]", "y = pad(a, [5, 2], mode=\"reflect\")"},
      {"f32[17]", "y = pad(a, [3, 50], mode=\"replicate\")"},
      {"f32[5, 17]", "y = pad(a, [16, 36, 4, 7], mode=\"replicate\")"},
      {"f32[2, 3, 5, 7]", "y = pad(a, [1, 2, 3, 4, 5, 6], mode=\"replicate\")"},
      {"i64[5, 17]", "y = pad(a, [5, 2, 1, 0], mode=\"replicate\")"},
      {"f32[1, 3, 4, 5]", "y = a |> conv2d(18, 2) @p |> pad([1, 2, 0, 1]) |> conv2d(5, 3) @q"},
      {"f32[1, 3, 4, 5]", "y = a |> conv2d(18, 2) @p |> pad([1, 2, 0, 1], mode=\"reflect\") |> conv2d(5, 3) @q"},
      {"f32[1, 3, 4, 5]", "y = a |> conv2d(18, 2) @p |> pad([0, 0, 0, 0, 3, 2]) |> conv2d(5, 3) @q"},
      {"f32[N, T, 3]", "y = pad(a, [1, 2, 3, 4], value=2)"},
      {"f32[N, H, W]", "y = pad(a, [-1, -2, 3, -1])"},
      {"f32[N, H, W]", "y = pad(a, [1, 2, 3, 4], mode=\"reflect\")"},
      {"f32[N, H, W]", "y = pad(a, [1, 2, 3, 40], mode=\"replicate\")"},
  };
  CASES_CHECK(cases);
}

static void test_dimensions(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[1, 3, 1, 17]", "y = squeeze(a)"},
      {"f32[1, 3, 1, 17]", "y = a |> conv2d(18, 1) @p |> squeeze([0]) |> relu"},
      {"f32[3, 17]", "y = a |> unsqueeze(1) |> relu"},
      {"f32[N, T]", "y = a |> unsqueeze(-1) |> squeeze"},
      {"f32[3, 1, 17]", "y = expand(a, [3, 5, 17])"},
      {"f32[3, 1]", "y = expand(a, [2, 3, 33])"},
      {"f32[17]", "y = expand(a, [2, 3, -1])"},
      {"f32[]", "y = expand(a, [5, 19])"},
      {"u8[1, 7]", "y = expand(a, [37, 7])"},
      {"f16[5, 1]", "y = expand(a, [5, 40])"},
      {"f32[1, 3, 1, 5]", "y = a |> conv2d(18, 1) @p |> expand([2, 18, 7, 5]) |> conv2d(5, 1) @q"},
      {"f32[2, 3, 4, 5]", "y = a |> global_avg_pool |> conv2d(1, 1) @p |> expand([2, 20, 4, 5]) |> conv2d(5, 1) @q"},
      {"f32[1, T]", "y = expand(a, [6, -1])"},
      {"f32[N, T]", "y = expand(mean(a, [0], keepdim=true), [a.shape[0], -1])"},
      {"f32[3, 17] f32[3, 17]", "y = stack(a, b, a)"},
      {"f32[3, 17] f32[3, 17]", "y = stack([a, b], dim=-1)"},
      {"i64[N, 2] i64[N, 2]", "y = stack(a, b, dim=1)"},
      {"f32[] f32[]", "y = stack(a, b)"},
      {"f32[2, 35]", "p, q, r = chunk(a, 3, 1)\n  y = p + q\n  z = relu(r)"},
      {"f32[1, 3, 4, 5]", "p, q = a |> conv2d(32, 1) @p |> chunk(2, dim=1)\n  y = p * sigmoid(q)"},
      {"f32[1, 3, 4, 5]", "p, q = a |> conv2d(34, 1) @p |> chunk(2, dim=1)\n  y = p * sigmoid(q)"},
      {"f32[N, 5]", "parts = chunk(a, 7, dim=1)\n  y = parts[4]"},
  };
  CASES_CHECK(cases);
}

static void test_orders(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[17]", "y = roll(a, 5, 0)"},
      {"f32[17]", "y = roll(a, -20, 0)"},
      {"f32[5, 17]", "y = roll(a, [1, -3], dims=[1, 0])"},
      {"f32[5, 17]", "y = roll(a, [0, 17], dims=[0, 1])"},
      {"i8[5, 37]", "y = roll(a, [2, 2], dims=[0, 1])"},
      {"f32[2, 14, 14, 24]", "y = roll(a, [-3, -3], dims=[1, 2])"},
      {"f32[2, 3, 7, 6]", "y = a |> conv2d(20, 1) @p |> roll([3, 2], dims=[2, 3]) |> conv2d(5, 3) @q"},
      {"f32[2, 3, 7, 6]", "y = a |> conv2d(20, 1) @p |> roll([3, 2], dims=[1, 3]) |> conv2d(5, 3) @q"},
      {"f32[N, T]", "y = roll(a, [0, 0], dims=[0, 1])"},
      {"f32[9, T]", "y = roll(a, -4, 0)"},
      {"f32[17]", "y = flip(a, 0)"},
      {"f32[5, 17]", "y = flip(a, [0])"},
      {"f32[5, 17]", "y = flip(a, [1])"},
      {"f32[5, 17]", "y = flip(a, [1, 0])"},
      {"f32[4, 16]", "y = flip(a, [0, 1])"},
      {"f32[3, 4, 8, 2]", "y = flip(a, [2])"},
      {"u8[5, 37]", "y = flip(a, [1])"},
      {"f32[2, 3, 7, 6]", "y = a |> conv2d(20, 1) @p |> flip([3]) |> conv2d(5, 3) @q"},
      {"f32[2, 3, 7, 6]", "y = a |> conv2d(20, 1) @p |> flip([1, 2]) |> conv2d(5, 3) @q"},
      {"f32[N, H, W]", "y = flip(a, [0, 2])"},
      {"f32[N, T]", "y = flip(a, [0])"},
      {"f32[2, 64, 5, 7]", "y = pixel_shuffle(a, 2)"},
      {"f32[2, 27, 5, 7]", "y = pixel_shuffle(a, 3)"},
      {"i32[16, 1, 9]", "y = pixel_shuffle(a, 4)"},
      {"f32[2, 3, 5, 17]", "y = a |> conv2d(192, 1) @p |> pixel_shuffle(2) |> conv2d(5, 3) @q"},
      {"f32[1, 3, 4, 3]", "y = a |> conv2d(72, 1) @p |> pixel_shuffle(3) |> conv2d(5, 3) @q"},
      {"f32[N, 8, H, W]", "y = pixel_shuffle(a, 2)"},
      {"f32[2, 3, 6, 9]", "y = pixel_unshuffle(a, 3)"},
      {"f32[2, 3, 6, 10]", "y = a |> conv2d(16, 1) @p |> pixel_unshuffle(2) |> conv2d(5, 1) @q"},
      {"f32[N, 3, 4, W]", "y = a |> pixel_shuffle(1) |> pixel_unshuffle(1)"},
      {"f32[2, 6, 5, 7]", "y = channel_shuffle(a, 3)"},
      {"f32[2, 12]", "y = channel_shuffle(a, 4)"},
      {"f32[1, 3, 4, 5]", "y = a |> conv2d(32, 1) @p |> channel_shuffle(2) |> conv2d(5, 1) @q"},
      {"f32[1, 3, 4, 5]", "y = a |> conv2d(58, 1) @p |> channel_shuffle(2) |> conv2d(5, 1) @q"},
      {"f32[N, 48, H, W]", "y = channel_shuffle(a, 2)"},
  };
  CASES_CHECK(cases);
}

static void test_numbers(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[7]", "y = arange(7)"},
      {"f32[7]", "y = a + arange(-3, 4, dtype=f32)"},
      {"f32[3]", "y = a * arange(10, -2, -5, dtype=f32)"},
      {"f32[7]", "y = arange(9000, dtype=i32)"}, // too large to be folded
      {"f32[N, T]", "y = a * arange(a.shape[1], dtype=f32)"},
      {"f32[N, T]", "y = arange(2, 2 * a.shape[1] + 3, step=2)"},
      {"f32[N, T]", "y = cast(arange(a.shape[1]), f16)"},
      {"f32[9, 5]", "y = embedding(arange(4), a)"},
      {"i64[3, 2] f32[7, 19]", "y = embedding(a, b)"}, // numbers outside of the table too
      {"i32[5]", "y = embedding(a, parameter([7, 16]) @t)"},
      {"u8[2, 2]", "y = embedding(a, parameter([7, 1]) @t)"},
      {"i8[N, T]", "y = embedding(a, parameter([70, 33]) @t) |> layer_norm @n"},
      {"i64[]", "y = embedding(a, parameter([4, 3]) @t)"},
      {"i64[N, T] f32[N, 5]", "y = embedding(a, b)"},
      {"f32[5, 17] i64[4]", "y = index_select(a, b, 0)"},
      {"f32[5, 17] i64[4]", "y = index_select(a, b, -1)"},
      {"f32[2, 5, 3, 4] u8[9]", "y = index_select(a, b, 1)"},
      {"u8[5, 37] i32[3]", "y = index_select(a, b, 0)"},
      {"f32[2, 3, 5, 7] i64[40]", "y = a |> conv2d(18, 1) @p |> index_select(b, 1) |> conv2d(5, 1) @q"},
      {"f32[N, H, W] i64[T]", "y = index_select(a, b, 1)"},
      {"f32[9000, 3]", "y = index_select(a, arange(8999, -1, -1), 0)"},
      {"f32[5, 17] i64[4, 17]", "y = gather(a, b, 0)"},
      {"f32[5, 17] i64[3, 40]", "y = gather(a, b, 1)"},
      {"f32[5] i64[9]", "y = gather(a, b, 0)"},
      {"i8[2, 3, 4] u8[2, 1, 4]", "y = gather(a, b, dim=1)"},
      {"f32[N, H, W] i32[N, H, W]", "y = gather(a, b, -1)"},
      {"f32[5, 17] i64[4, 17] f32[4, 17]", "y = scatter(a, b, c, 0)"},
      {"f32[5, 17] i64[3, 40] f32[3, 40]", "y = scatter(a, b, c, 1, reduce=\"sum\")"},
      {"i32[5] i64[9] i32[9]", "y = scatter(a, b, c, 0, \"prod\")"},
      {"i8[2, 3, 4] u8[2, 1, 4] i8[2, 1, 4]", "y = scatter(a, b, c, dim=1, reduce=\"amin\")"},
      {"bool[7] i64[4] bool[4]", "y = scatter(a, b, c, dim=0, reduce=\"amax\")"},
      {"f16[3, 9] i64[3, 20] f16[3, 20]", "y = scatter(a, b, c, -1, reduce=\"amax\")"},
      {"f32[N, H, W] i32[N, H, W] f32[N, H, W]", "y = scatter(relu(a), b, c, -1)"},
  };
  CASES_CHECK(cases);
}

static void test_scalars(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[]", "y = relu(a)"},
      {"f32[] f32[]", "y = a * b + 1"},
      {"f32[] f32[3, 17]", "y = a - b"},
      {"i32[] i32[17]", "y = b / a"},
      {"f32[]", "y = mean(a)"},
      {"f32[3, 17]", "y = gelu(mean(a))"},
      {"f32[]", "y = reshape(a, [1, 1])"},
      {"f32[1, 1]", "y = reshape(a, [])"},
      {"f32[]", "y = permute(a, [])"},
      {"f32[]", "y = cast(a, i8)"},
      {"f32[]", "y = pad(a, [])"},
      {"f32[]", "y = pad(a, [], mode=\"replicate\")"},
      {"f32[]", "y = pad(a, [], mode=\"reflect\")"},
      {"f32[]", "y = flatten(a)"},
      {"f32[]", "y = slice(a, [], [], [])"},
      {"f32[]", "y = a + (parameter([]) @p)"},
      {"f32[5, 7] f32[7]", "y = a + matmul(b, b)"},
  };
  CASES_CHECK(cases);
}

// Copies whose operands are contiguous along different dimensions: whole tiles, what is left of them, vectors that lie
// along several dimensions, tiles smaller than a vector, more than one task.
static void test_turns(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[16, 16]", "y = transpose(a, 0, 1)"},
      {"f32[97, 131]", "y = transpose(a, 0, 1)"},
      {"f32[8, 9]", "y = transpose(a, 0, 1)"},
      {"f32[7, 40]", "y = transpose(a, 0, 1)"},
      {"i32[33, 64]", "y = transpose(a, 0, 1)"},
      {"f32[2, 5, 32, 48]", "y = permute(a, [0, 3, 1, 2])"},
      {"f32[2, 48, 5, 32]", "y = permute(a, [3, 2, 1, 0])"},
      {"f32[3, 8, 4, 4, 5]", "y = permute(a, [0, 4, 1, 3, 2])"},
      {"f32[6, 16, 2, 2]", "y = permute(a, [0, 2, 3, 1])"},
      {"f32[5, 2, 2, 2, 2, 2, 2]", "y = permute(a, [6, 5, 4, 0, 3, 2, 1])"},
      {"f32[5, 2, 2, 2, 2, 2, 2]", "y = permute(a, [0, 6, 1, 4, 5, 3, 2])"},
      {"f32[3, 4, 4, 4]", "y = permute(a, [0, 2, 1, 3])"},
      {"f32[2, 3, 9, 7]", "y = a |> conv2d(40, 1) @p |> flatten(2)"},
      {"f32[2, 40, 9, 7]", "y = a |> conv2d(7, 3, groups=1) @p"},
      {"f32[2, 3, 1, 23]", "y = a |> conv2d(26, 1) @p"},
      {"f32[N, T]", "y = a |> reshape([a.shape[0], a.shape[1], 1]) |> linear(40) @p |> transpose(1, 2)"},
      {"f32[N, H, W, 24]", "y = permute(a, [0, 3, 1, 2])"},
      {"f32[N, 24, H, W]", "y = permute(a, [0, 2, 3, 1])"},
      {"f32[N, 48, 4, 4]", "y = permute(a, [0, 2, 3, 1])"},
  };
  CASES_CHECK(cases);
}

// Chains of moves: one copy where factors of the dimensions fit, several where they do not, or where others read.
static void test_chains(void **state) {
  (void)state;
#define SHUFFLE(n, c, h, w, r)                                                                                         \
  " |> reshape([" n ", " c ", " r ", " r ", " h ", " w "]) |> permute([0, 1, 4, 2, 5, 3]) |> reshape([" n ", " c       \
  ", " r " * " h ", " r " * " w "])"
  static const Case cases[] = {
      {"f32[2, 64, 5, 7]", "y = a" SHUFFLE("2", "16", "5", "7", "2")},
      {"f32[2, 3, 5, 7]", "y = a |> conv2d(64, 1) @p" SHUFFLE("2", "16", "5", "7", "2") " |> conv2d(5, 3) @q"},
      {"f32[2, 3, 5, 17]", "y = a |> conv2d(192, 1) @p" SHUFFLE("2", "48", "5", "17", "2") " |> conv2d(5, 3) @q"},
      {"f32[1, 3, 4, 3]", "y = a |> conv2d(144, 1) @p" SHUFFLE("1", "16", "4", "3", "3") " |> conv2d(5, 3) @q"},
      {"f32[1, 3, 4, 3]", "y = a |> conv2d(72, 1) @p" SHUFFLE("1", "8", "4", "3", "3") " |> conv2d(5, 3) @q"},
      {"f32[1, 3, 4, 3]", "y = a |> conv2d(256, 1) @p" SHUFFLE("1", "16", "4", "3", "4") " |> conv2d(5, 3) @q"},
      {"f32[1, 3, 4, 3]", "y = a |> conv2d(64, 1) @p" SHUFFLE("1", "16", "4", "3", "2") " |> relu"},
      {"f32[1, 3, 4, 3]", "t = a |> conv2d(64, 1) @p\n  y = concat(t, t, dim=2)" SHUFFLE("1", "16", "8", "3", "2")},
      {"f32[1, 3, 8, 6]", "t = a |> conv2d(16, 1) @p\n  u = a |> conv2d(64, 2, stride=2) @q" SHUFFLE(
                              "1", "16", "4", "3", "2") "\n  y = concat(t, u, dim=1) |> conv2d(7, 1) @r"},
      {"f32[N, 3, H, W]",
       "y = a |> conv2d(64, 1) @p" SHUFFLE("a.shape[0]", "16", "a.shape[2]", "a.shape[3]", "2") " |> conv2d(5, 1) @q"},
      {"f32[2, 64, 5, 7]",
       "t = reshape(a, [2, 4, 16, 5, 7]) |> permute([0, 2, 1, 3, 4])\n  y = reshape(t, [2, 64, 5, 7])"
       " |> conv2d(5, 1) @q"},
      {"f32[2, 3, 5, 7]", "y = a |> conv2d(64, 1) @p |> reshape([2, 2, 32, 5, 7]) |> permute([0, 2, 1, 3, 4])"
                          " |> reshape([2, 64, 5, 7]) |> conv2d(5, 1) @q"},
      {"f32[2, 3, 5, 7]", "y = a |> conv2d(36, 1) @p |> reshape([2, 2, 18, 5, 7]) |> permute([0, 2, 1, 3, 4])"
                          " |> reshape([2, 36, 5, 7]) |> conv2d(5, 1) @q"},
      {"f32[2, 3, 8, 12]", "t = a |> conv2d(32, 1) @p |> reshape([2, 32, 4, 2, 6, 2])\n"
                           "  y = t |> permute([0, 3, 5, 2, 4, 1]) |> reshape([2, 4, 24, 32]) |> linear(5) @q"},
      {"f32[2, 24, 6]", "y = a |> linear(32) @p |> reshape([2, 4, 6, 32]) |> permute([0, 3, 1, 2]) |> conv2d(5, 3) @q"},
      {"f32[6, 20]", "y = a |> reshape([2, 3, 20]) |> permute([2, 0, 1]) |> reshape([5, 24])"},
      {"f32[6, 20]", "y = a |> reshape([2, 3, 20]) |> permute([2, 0, 1]) |> reshape([40, 3]) |> permute([1, 0])"},
      {"f32[6, 20]", "t = a |> permute([1, 0])\n  y = t |> permute([1, 0])\n  z = reshape(t, [120])"},
  };
#undef SHUFFLE
  CASES_CHECK(cases);
}

// Outputs that nothing computes, or that several names share.
static void test_outputs(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[3, 17]", "y = a"},
      {"i64[3, 17]", "y = a"},
      {"f32[3, 17]", "y = dropout(a)"},
      {"f32[3, 17]", "y = parameter([5, 3]) @p"},
      {"bool[1]", "y = a"},
      {"f32[N, T]", "y = a"},
      {"f32[N, T]", "y = reshape(a, [a.shape[1], a.shape[0]])"},
      {"f32[1, 3, 4, 5]", "y = a |> conv2d(3, 2) @p |> relu |> dropout(0.5)"},
  };
  CASES_CHECK(cases);
}

static void print_problem(void *user, int output, const char *text) {
  (void)user;
  print_error("output %d: %s\n", output, text);
}

// Weights, inputs and outputs are named by users, buffers by lowering.
static void test_names(void **state) {
  (void)state;
  Diag *d = diag_create();
  Module *m = module_create(d);
  m->name = "names";
  const Type *row = type_get(m, DT_F32, 1, (Dim[]){16}), *square = type_get(m, DT_F32, 2, (Dim[]){16, 16});
  Value *x = graph_input(m, "x", square), *y = x;
  static const char *const rows[] = {"in.x", "out.y", "v1", "w.panels", "tail.-inf", "scratch3"};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    Value *operands[] = {y, graph_weight(m, rows[i], row, WEIGHT_INIT)->value};
    operands[1]->weight->seed = i, operands[1]->weight->fan_in = 1;
    y = result(graph_node(m, &(NodeSpec){.op = OP_ADD, .n_operands = 2, .operands = operands}));
  }
  Value *operands[] = {y, graph_weight(m, "w", square, WEIGHT_INIT)->value};
  operands[1]->weight->seed = 9, operands[1]->weight->fan_in = 16;
  y = result(graph_node(m, &(NodeSpec){.op = OP_LINEAR, .n_operands = 2, .operands = operands}));
  graph_output(
      m, "y",
      result(graph_node(
          m, &(NodeSpec){.op = OP_SOFTMAX, .n_operands = 1, .operands = &y, .attrs = &(Attr){ATTR_INT, 0, {.i = 1}}})));
  RefTensor in, want;
  assert_true(ref_tensor_create(&in, m, square, NULL));
  assert_true(ref_run(m, NULL, &in, &want, NULL, NULL, d));
  Native n;
  assert_true(native_open(&n, m, &(NativeOptions){0}, d));
  assert_int_equal(native_judge(&n, NULL, &in, &want, (Allowance){0}, print_problem, NULL), 0);
  native_close(&n);
  ref_tensor_free(&in);
  ref_tensor_free(&want);
  module_destroy(m);
  diag_destroy(d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_permute), cmocka_unit_test(test_reshape),    cmocka_unit_test(test_concat),
      cmocka_unit_test(test_slice),   cmocka_unit_test(test_pad),        cmocka_unit_test(test_outputs),
      cmocka_unit_test(test_turns),   cmocka_unit_test(test_chains),     cmocka_unit_test(test_scalars),
      cmocka_unit_test(test_names),   cmocka_unit_test(test_dimensions), cmocka_unit_test(test_orders),
      cmocka_unit_test(test_numbers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
