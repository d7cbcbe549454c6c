// Shape inference of elementwise ops, normalizations, reductions and orders, and its messages.
#include "tests/unit/infer_cases.h"

static void test_elementwise(void **state) {
  CHECK_CASES(
      {"x f32[N, 3]; @w f32[3]", "batch_norm %x, _, _, @w, @w : f32[N, 3]"},
      {"x f32[N, H, 19]; @w f32[19]", "layer_norm %x, @w : f32[N, H, 19]"},
      {"x u8[N, 3, H, W]", "normalize %x {mean=[0.1, 0.2, 0.3], std=[1.0], scale=255.0} : f32[N, 3, H, W]"},
      {"x f16[2, 3]", "normalize %x {mean=[0.5], std=[0.5]} : f16[2, 3]"},
      {"x f32[2, 3]", "softmax %x {dim=1} : f32[2, 3]"}, {"x i32[2, 3]", "relu %x : i32[2, 3]"},
      {"x f32[]", "gelu %x : f32[]"}, {"x f32[N]", "cast %x {dtype=bool} : bool[N]"},
      {"a f32[2, 1, 5]; b f32[3, 1]", "add %a, %b : f32[2, 3, 5]"}, {"a f32[]; b f32[N, 1]", "sub %a, %b : f32[N, 1]"},
      {"a f32[N, H]; b f32[1, H]", "mul %a, %b : f32[N, H]"},
      {"a f32[N, H]; b f32[N, 7]", "div %a, %b : f32[N, 7]"}, // with H == 7 asserted
      {"a i64[17]; b i64[2, 3, 17]", "div %a, %b : i64[2, 3, 17]"}, {"x f16[N, 3]", "exp %x : f16[N, 3]"},
      {"x u8[N, 3]", "abs %x : u8[N, 3]"}, {"x i64[N, 3]", "clamp %x {min=-3.0} : i64[N, 3]"},
      {"x f32[N, 3, H]; @w f32[3]", "prelu %x, @w : f32[N, 3, H]"},
      {"x f32[2, N, H]; @w f32[3]", "prelu %x, @w : f32[2, 3, H]"}, {"x f32[H]; @w f32[1]", "prelu %x, @w : f32[H]"},
      {"x bf16[2]", "logical_not %x : bool[2]"}, {"a f32[N, 1]; b f32[H]", "lt %a, %b : bool[N, H]"},
      {"a u8[N, 1]; b f32[H]", "logical_or %a, %b : bool[N, H]"},
      {"a i32[N, 1]; b i32[H]", "minimum %a, %b : i32[N, H]"},
      {"c bool[N, 1]; a f16[1, 7]; b f16[H, 1, 1]", "where %c, %a, %b : f16[H, N, 7]"},
      {"x u8[N, 3, H]", "sum %x {dim=[1]} : i64[N, H]"},
      {"x f16[N, 3, H]", "prod %x {dim=[-1], keepdim=true} : f16[N, 3, 1]"},
      {"x bool[N, 3]", "amax %x {dim=[0, 1]} : bool[]"}, {"x f32[N, H]", "std %x {dim=[1], correction=3} : f32[N]"},
      {"x f32[N, 3, H]", "argmax %x {dim=[1]} : i64[N, H]"},
      {"x i8[N, 3, H]", "argmin %x {keepdim=true} : i64[1, 1, 1]"},
      {"x f32[N, H]", "log_softmax %x {dim=-1} : f32[N, H]"},
      {"x f32[N, 6, H, W]; @w f32[6]", "group_norm %x, @w, @w {num_groups=3} : f32[N, 6, H, W]"},
      {"x f32[N, 6, H]", "instance_norm %x : f32[N, 6, H]"},
      {"x f32[N, H, W]", "local_response_norm %x {size=5} : f32[N, H, W]"},
      {"x f32[2, 3, 5]", "mean %x {dim=[0, 1, 2]} : f32[]"}, {"x f32[N, 3, H, W]", "mean %x {dim=[2, 3]} : f32[N, 3]"},
      {"x f32[N, 3, H, W]", "mean %x {dim=[3, -2], keepdim=true} : f32[N, 3, 1, 1]"}, );
}

static void test_quantize(void **state) {
  CHECK_CASES({"x f32[N, 3, H]; s f32[]; z u8[]", "quantize_linear %x, %s, %z : u8[N, 3, H]"},
              {"x f32[3]; s f32[1]", "quantize_linear %x, %s {axis=5} : u8[3]"},
              {"x f32[N, 3, 7]; s f32[7]; z i16[7]", "quantize_linear %x, %s, %z {axis=-1, dtype=i16} : i16[N, 3, 7]"},
              {"x bf16[2, 7]; s bf16[2, 3]", "quantize_linear %x, %s {block_size=3, dtype=i8} : i8[2, 7]"},
              {"x i8[N, H]; s f32[H]; z i8[H]", "dequantize_linear %x, %s, %z : f32[N, H]"},
              {"x i32[5, 2]; s f32[1, 2]", "dequantize_linear %x, %s {axis=0, block_size=7} : f32[5, 2]"},
              {"x u8[N]; s f32[]; z u8[1]", "dequantize_linear %x, %s, %z {dtype=f16} : f16[N]"},
              {"x u8[N, 3, H, W]; @w i8[5, 3, 1, 1]; @s f32[5]; r f32[N, 5, H, W]",
               "quantized_conv2d %x, @w, @s, _, %r {dtype=i8} : i8[N, 5, H, W]"},
              {"x i8[N, 7]; @w i8[5, 7]; @s f32[5]; @b f32[5]", "quantized_linear %x, @w, @s, @b : f32[N, 5]"}, );
}

static void test_quantize_messages(void **state) {
  (void)state;
  const char *x = "x f32[2, 3]; i i32[2, 3]; s f32[3]; z u8[3]; t f32[2, 2]; one f32[]; w i64[2]";
  check_refused(x, "quantize_linear %x, %s {dtype=f16}",
                "quantize_linear: `dtype` is f16, it makes integers of up to 32 bits");
  check_refused(x, "quantize_linear %i, %s", "quantize_linear expects floating-point numbers, but `i` is i32[2, 3]");
  check_refused(
      x, "quantize_linear %x, %i",
      "quantize_linear expects operands of one type, but `i` is i32[2, 3] beside f32[2, 3]; cast one of them");
  check_refused(x, "quantize_linear %x, %s, %z {dtype=i8}", "quantize_linear: `z` is u8[3], but the integers are i8");
  check_refused(x, "quantize_linear %x, %s {axis=2}", "quantize_linear: `axis` is 2, but `x` has 2 dimensions");
  check_refused(
      x, "quantize_linear %x, %s {axis=0}",
      "quantize_linear: `s` is f32[3], which is neither one number nor one for each index along dimension 0 of "
      "f32[2, 3]");
  check_refused(x, "quantize_linear %x, %one, %z {block_size=-1}",
                "quantize_linear: `block_size` must be positive, not -1");
  check_refused(x, "quantize_linear %x, %s {block_size=2}",
                "quantize_linear: `s` is f32[3], which does not fit blocks of 2 along dimension 1 of f32[2, 3]");
  check_refused(x, "quantize_linear %x, %t {block_size=1}",
                "quantize_linear: `t` is f32[2, 2], which does not fit blocks of 1 along dimension 1 of f32[2, 3]");
  check_refused(x, "dequantize_linear %w, %one",
                "dequantize_linear expects integers of up to 32 bits, but `w` is i64[2]");
  check_refused(x, "dequantize_linear %i, %one {dtype=i8}",
                "dequantize_linear: `dtype` is i8, it makes floating-point numbers");
  x = "x u8[2, 3]; i i32[2, 3]; @w i8[4, 3]; @u u8[4, 3]; @s f32[4]; @t f32[3]; r u8[2, 3]; p u8[1, 3, 2, 2]";
  check_refused(x, "quantized_linear %i, @w, @s", "quantized_linear expects u8 or i8, but `i` is i32[2, 3]");
  check_refused(x, "quantized_linear %x, @u, @s", "quantized_linear expects weights of i8, but `u` is u8[4, 3]");
  check_refused(x, "quantized_linear %x, @w, @t", "quantized_linear expects `t` to be f32[4], but it is f32[3]");
  check_refused(x, "quantized_linear %x, @w, @s, @t", "quantized_linear expects `t` to be f32[4], but it is f32[3]");
  check_refused(x, "quantized_linear %x, @w, @s, _, %r",
                "quantized_linear expects `r` to be u8[2, 4], but it is u8[2, 3]");
  check_refused("x u8[2, 5]; @w i8[4, 3]; @s f32[4]", "quantized_linear %x, @w, @s",
                "quantized_linear expects 3 input features, but `x` is u8[2, 5]");
  check_refused(x, "byte_table %i, @u", "byte_table expects u8 or i8, but `x` is i32[2, 3] and `table` u8[4, 3]");
  check_refused(x, "byte_table %x, @u", "byte_table expects `u` to be u8[256], but it is u8[4, 3]");
  check_refused("x bool[1, 3, 2, 2]; @w i8[4, 3, 1, 1]; @s f32[4]", "quantized_conv2d %x, @w, @s",
                "quantized_conv2d expects numbers, but `x` is bool[1, 3, 2, 2]; cast it");
}

static void test_elementwise_messages(void **state) {
  (void)state;
  const char *x = "x f32[2, 3]; y f32[2, 4]; i i32[2, 3]; @w f32[2]";
  check_refused(x, "add %x, %y", "add: dimension 1 does not broadcast: 3 beside 4");
  check_refused(x, "add %x, %i",
                "add expects operands of one type, but `i` is i32[2, 3] beside f32[2, 3]; cast one of them");
  check_refused(x, "gelu %i", "gelu expects floating-point numbers, but `i` is i32[2, 3]");
  check_refused(x, "exp %i", "exp expects floating-point numbers, but `i` is i32[2, 3]");
  check_refused(x, "clamp %i {min=0.5}", "clamp: `min` is 0.5, but `i` is i32[2, 3]");
  check_refused(x, "clamp %x {max=nan}", "clamp: `max` is nan, but `x` is f32[2, 3]");
  check_refused(x, "celu %x {alpha=0.0}", "celu: `alpha` is 0");
  check_refused(x, "softplus %x {beta=0.0}", "softplus: `beta` is 0");
  check_refused(x, "prelu %x, @w", "prelu expects `w` to be f32[3], but it is f32[2]");
  check_refused("x bool[2]", "neg %x", "neg expects numbers, but `x` is bool[2]; cast it");
  check_refused(x, "lt %x, %i",
                "lt expects operands of one type, but `i` is i32[2, 3] beside f32[2, 3]; cast one of them");
  check_refused(x, "where %i, %x, %x", "where: `i` is i32[2, 3], but a condition is bool; compare it with something");
  check_refused("c bool[2]; x f32[2]; i i32[2]", "where %c, %x, %i",
                "where expects operands of one type, but `i` is i32[2] beside f32[2]; cast one of them");
  check_refused(x, "dropout %x {p=1.5}", "dropout: `p` is a probability from 0 to 1, not 1.5");
  check_refused(x, "dropout %x {p=nan}", "dropout: `p` is a probability from 0 to 1, not nan");
  check_refused(x, "softmax %x {dim=2}", "softmax: `dim` is 2, but `x` has 2 dimensions");
  check_refused(x, "batch_norm %x, @w, @w, @w, @w", "batch_norm expects `w` to be f32[3], but it is f32[2]");
  check_refused(x, "layer_norm %x, @w", "layer_norm expects `w` to be f32[3], but it is f32[2]");
  check_refused(x, "normalize %x {mean=[1.0, 2.0], std=[1.0]}",
                "normalize: `mean` has 2 values, but `x` has 3 channels (f32[2, 3])");
  check_refused(x, "normalize %x {mean=[1.0], std=[0.0]}", "normalize: `std` has a 0");
  check_refused(x, "normalize %x {mean=[1.0], std=[1.0], scale=0.0}", "normalize: `scale` is 0");
  check_refused(x, "mean %x {dim=[1, -1]}", "mean: `dim` lists dimension 1 twice");
  check_refused(x, "group_norm %x {num_groups=2}",
                "group_norm: 3 channels of `x` (f32[2, 3]) do not divide into 2 groups");
  check_refused(x, "group_norm %x {num_groups=0}", "group_norm: `num_groups` must be positive, not 0");
  check_refused("x f32[N, H, 2]", "group_norm %x {num_groups=1}",
                "group_norm: dimension 1 of `x` (f32[N, H, 2]) must be known");
  check_refused(x, "instance_norm %x", "instance_norm expects `x` to have at least 3 dimensions, but it is f32[2, 3]");
  check_refused(x, "local_response_norm %x {size=0}", "local_response_norm: `size` must be positive, not 0");
  check_refused(x, "argmax %x {dim=[0, 1]}", "argmax: `dim` is one dimension, not 2");
  check_refused(x, "var %x {correction=-1}", "var: `correction` is 0 or positive, not -1");
  check_refused(x, "topk %x {k=[4]}", "topk: `k` is 4, but dimension 1 of `x` has 3 (f32[2, 3])");
  check_refused(x, "topk %x {k=[0]}", "topk: `k` must be positive, not 0");
  check_refused("x bool[2]", "topk %x {k=[1]}", "topk expects numbers, but `x` is bool[2]; cast it");
  check_refused("x f32[N, H]", "sort %x", "sort: dimension 1 of `x` (f32[N, H]) must be known");
  check_refused(x, "mean %i", "mean expects floating-point numbers, but `i` is i32[2, 3]");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_elementwise), cmocka_unit_test(test_elementwise_messages),
                                     cmocka_unit_test(test_quantize), cmocka_unit_test(test_quantize_messages)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
