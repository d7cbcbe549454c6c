// Shape inference: results of every op at odd sizes and open dimensions, PyTorch's rules at their edges, and messages.
#include "ir/graph/infer.h"
#include "tests/unit/infer_cases.h"

// ---- convolution and pooling

static void test_conv(void **state) {
  CHECK_CASES(
      {"x f32[2, 3, 17, 19]; @w f32[8, 3, 7, 7]",
       "conv2d %x, @w {stride=[2, 2], padding=[3, 3, 3, 3]} : f32[2, 8, 9, 10]"},
      {"x f32[1, 3, 12, 11]; @w f32[4, 3, 3, 3]", "conv2d %x, @w {dilation=[3, 2]} : f32[1, 4, 6, 7]"},
      {"x f32[1, 6, 5, 7]; @w f32[9, 2, 3, 3]; @b f32[9]", "conv2d %x, @w, @b {groups=3} : f32[1, 9, 3, 5]"},
      {"x f32[1, 3, 10, 9]; @w f32[5, 3, 3, 3]",
       "conv2d %x, @w {stride=[2, 2], padding=[0, 1, 1, 1]} : f32[1, 5, 5, 5]"},
      {"x f32[N, 3, H, W]; @w f32[5, 3, 3, 3]",
       "conv2d %x, @w {stride=[2, 2], padding=[1, 1, 1, 1]} : f32[N, 5, (H + 1) // 2, (W + 1) // 2]"},
      {"x f32[N, 3, H, W]; @w f32[5, 3, 1, 1]", "conv2d %x, @w : f32[N, 5, H, W]"},
      {"x f32[N, 3, H, 8]; @w f32[5, 3, 7, 7]", "conv2d %x, @w : f32[N, 5, H - 6, 2]"},
      {"x f16[1, 1, 1, 1]; @w f16[1, 1, 1, 1]; r f16[1, 1, 1, 1]", "conv2d %x, @w, _, %r : f16[1, 1, 1, 1]"},
      {"x f32[2, 3, 5, 7]; @w f32[3, 4, 2, 2]; @b f32[4]",
       "conv_transpose2d %x, @w, @b {stride=[2, 2]} : f32[2, 4, 10, 14]"},
      {"x f32[N, 3, H, W]; w f32[5, 3, 3, 3]; b f32[5]", "conv2d %x, %w, %b : f32[N, 5, H - 2, W - 2]"},
      {"x i32[1, 3, 8, 8]; @w i32[4, 3, 3, 3]", "conv2d %x, @w : i32[1, 4, 6, 6]"},
      {"x f32[N, 4, 6, H, 8]; @w f32[6, 2, 3, 1, 2]; b f32[6]",
       "conv3d %x, @w, %b {stride=[2, 1, 3], padding=[1, 0, 2], dilation=[1, 1, 2], groups=2} : f32[N, 6, 3, H, 4]"},
      {"x f32[1, 1, 3, 3, 3]; @w f32[1, 1, 2, 2, 2]",
       "conv3d %x, @w {padding=[1, 0, 0, 0, 2, 0]} : f32[1, 1, 3, 4, 2]"},
      {"x f32[N, 4, 3, H, 2]; @w f32[4, 3, 2, 3, 1]; @b f32[6]",
       "conv_transpose3d %x, @w, @b {stride=[2, 1, 3], padding=[0, 1, 0], output_padding=[1, 0, 2], groups=2} : "
       "f32[N, 6, 7, H, 6]"},
      {"x f32[1, 6, 5, 7]; @w f32[6, 2, 3, 4]",
       "conv_transpose2d %x, @w {stride=[3, 2], padding=[1, 2], output_padding=[2, 1], groups=3, "
       "dilation=[2, 1]} : f32[1, 6, 17, 13]"},
      {"x f32[N, 3, H, W]; @w f32[3, 4, 3, 3]",
       "conv_transpose2d %x, @w {stride=[2, 2], padding=[1, 1], output_padding=[1, 1]} : f32[N, 4, 2*H, 2*W]"},
      {"x f32[N, 3, H, 1]; @w f32[3, 4, 1, 1]", "conv_transpose2d %x, @w {padding=[1, 0]} : f32[N, 4, H - 2, 1]"},
      {"x f32[2, 3, 12, 8]; @w f32[5, 3, 4, 4]; @b f32[5]", "patch_embed %x, @w, @b : f32[2, 6, 5]"},
      {"x f32[N, 3, 4*H, 8]; @w f32[5, 3, 4, 4]", "patch_embed %x, @w : f32[N, 2*H, 5]"}, );
}

static void test_conv_messages(void **state) {
  (void)state;
  const char *x =
      "x f32[1, 3, 8, 8]; @w f32[4, 3, 3, 3]; @b f32[4]; y f32[4, 8]; i i32[1, 3, 8, 8]; t bool[1, 3, 8, 8]";
  check_refused(x, "conv2d %y, @w", "conv2d expects `y` to have 4 dimensions, but it is f32[4, 8]");
  check_refused(x, "conv2d %x, @b", "conv2d expects `b` to have 4 dimensions, but it is f32[4]");
  check_refused(x, "conv2d %t, @w", "conv2d expects numbers, but `t` is bool[1, 3, 8, 8]; cast it");
  check_refused(
      x, "conv2d %i, @w",
      "conv2d expects operands of one type, but `w` is f32[4, 3, 3, 3] beside i32[1, 3, 8, 8]; cast one of them");
  check_refused(x, "conv2d %x, @w {groups=3}", "conv2d: 4 output channels do not divide into 3 groups");
  check_refused(x, "conv2d %x, @w {groups=2}",
                "conv2d expects 6 input channels (weight f32[4, 3, 3, 3], 2 groups), but `x` has 3 (f32[1, 3, 8, 8])");
  check_refused(x, "conv2d %x, @w {stride=[0, 1]}", "conv2d: `stride` must be positive, not 0");
  check_refused(x, "conv2d %x, @w {stride=[1]}", "conv2d: `stride` has 1 elements, it needs 2");
  check_refused("x i32[1, 2, 4, 4]; @w i32[3, 2, 1, 1]", "conv2d %x, @w {act=\"silu\"}",
                "conv2d: `act` \"silu\" expects floating-point numbers, but `x` is i32[1, 2, 4, 4]");
  check_refused(x, "conv2d %x, @w {padding=[-1, 0, 0, 0]}", "conv2d: a padding of -1");
  check_refused(x, "conv2d %x, @w {dilation=[4, 1]}",
                "conv2d: a window of 9 is larger than the padded height 8 of `x`");
  check_refused(x, "conv2d %x, @w, @w", "conv2d expects `w` to be f32[4], but it is f32[4, 3, 3, 3]");
  check_refused(x, "conv2d %x, @w, @b, %x", "conv2d expects `x` to be f32[1, 4, 6, 6], but it is f32[1, 3, 8, 8]");
  const char *t = "x f32[1, 4, 8, 8]; @w f32[4, 3, 3, 3]; @b f32[4]; @v f32[6, 3, 1, 1]";
  const char *v = "x f32[1, 4, 3, 3, 3]; @w f32[2, 2, 2, 2, 2]";
  check_refused(
      v, "conv3d %x, @w",
      "conv3d expects 2 input channels (weight f32[2, 2, 2, 2, 2], 1 group), but `x` has 4 (f32[1, 4, 3, 3, 3])");
  check_refused(v, "conv3d %x, @w {padding=[1, 2], groups=2}", "conv3d: `padding` has 2 elements, it needs 1, 3 or 6");
  check_refused(v, "conv3d %x, @w {padding=[4611686018427387904], groups=2}",
                "conv3d: a padding of 4611686018427387904");
  check_refused(v, "conv3d %x, @w {dilation=[1, 3, 1], groups=2}",
                "conv3d: a window of 4 is larger than the padded height 3 of `x`");
  check_refused(
      v, "conv_transpose3d %x, @w",
      "conv_transpose3d expects 2 input channels (weight f32[2, 2, 2, 2, 2]), but `x` has 4 (f32[1, 4, 3, 3, 3])");
  check_refused(t, "conv_transpose2d %x, @v",
                "conv_transpose2d expects 6 input channels (weight f32[6, 3, 1, 1]), but `x` has 4 (f32[1, 4, 8, 8])");
  check_refused(t, "conv_transpose2d %x, @w, @b", "conv_transpose2d expects `b` to be f32[3], but it is f32[4]");
  check_refused(t, "conv_transpose2d %x, @w {groups=3}",
                "conv_transpose2d: 4 input channels do not divide into 3 groups");
  check_refused(t, "conv_transpose2d %x, @w {stride=[0, 1]}", "conv_transpose2d: `stride` must be positive, not 0");
  check_refused(t, "conv_transpose2d %x, @w {padding=[-1, 0]}", "conv_transpose2d: a padding of -1");
  check_refused(t, "conv_transpose2d %x, @w {stride=[2, 2], output_padding=[0, 2]}",
                "conv_transpose2d: an output padding of 2; it is smaller than the stride 2 or the dilation 1");
  check_refused(t, "conv_transpose2d %x, @w {padding=[5, 0]}",
                "conv_transpose2d: dimension 2 of its result would be 0");
  check_refused(x, "patch_embed %x, @w", "patch_embed: a picture of 8 x 8 does not divide into patches of 3 x 3");
  check_refused("x f32[1, 3, 8, 8]; @w f32[4, 3, 2, 4]", "patch_embed %x, @w",
                "patch_embed expects `w` to be f32[4, 3, 2, 2], but it is f32[4, 3, 2, 4]");
}

// ---- other shapes and orders, numbers

static void test_rearranged(void **state) {
  CHECK_CASES(
      {"x f32[1, 3, 1, 5]", "squeeze %x : f32[3, 5]"}, {"x f32[1, 3, 1, 5]", "squeeze %x {dim=[-2]} : f32[1, 3, 5]"},
      {"x f32[1, 3, 1, 5]", "squeeze %x {dim=[0, 1]} : f32[3, 1, 5]"}, {"x f32[1, 1]", "squeeze %x : f32[]"},
      {"x f32[N, 1, H]", "squeeze %x : f32[N, H]"}, {"x f32[3]", "unsqueeze %x {dim=-1} : f32[3, 1]"},
      {"x f32[]", "unsqueeze %x {dim=0} : f32[1]"}, {"x i8[N, H]", "unsqueeze %x {dim=1} : i8[N, 1, H]"},
      {"x f32[3, 1]", "expand %x {size=[2, 3, 4]} : f32[2, 3, 4]"},
      {"x f32[3, 1]", "expand %x {size=[-1, 4]} : f32[3, 4]"}, {"x f32[1]", "expand %x {size=[N, H]} : f32[N, H]"},
      {"x f32[N, 1]", "expand %x {size=[7, -1]} : f32[7, 1]"}, // with N == 7 asserted
      {"x f32[3, N]; y f32[3, N]; z f32[3, N]", "stack %x, %y, %z {dim=-1} : f32[3, N, 3]"},
      {"x i32[]", "stack %x, %x : i32[2]"}, {"x f32[3, 7]", "roll %x {shifts=[-9, 4], dims=[1, -2]} : f32[3, 7]"},
      {"x u8[N, H]", "roll %x {shifts=[-9], dims=[1]} : u8[N, H]"}, {"x f32[3, N]", "flip %x {dims=[-1]} : f32[3, N]"},
      {"x f32[N, 18, H, W]", "pixel_shuffle %x {upscale_factor=3} : f32[N, 2, 3*H, 3*W]"},
      {"x f32[4, 1, 5]", "pixel_shuffle %x {upscale_factor=2} : f32[1, 2, 10]"},
      {"x f32[N, 2, 3*H, 6]", "pixel_unshuffle %x {downscale_factor=3} : f32[N, 18, H, 2]"},
      {"x f32[N, 6, H, W]", "channel_shuffle %x {groups=3} : f32[N, 6, H, W]"},
      {"x f32[1]", "arange {start=[5]} : i64[5]"},
      {"x f32[1]", "arange {start=[-5], end=[H], step=3} : i64[(H + 7) // 3]"},
      {"x f32[1]", "arange {start=[7], end=[-2], step=-4, dtype=f32} : f32[3]"},
      {"x i32[N, 3]; @t f32[9, 5]", "embedding %x, @t : f32[N, 3, 5]"},
      {"x u8[]; @t f16[9, 5]", "embedding %x, @t : f16[5]"},
      {"x f32[N, 7, 3]; i i64[H]", "index_select %x, %i {dim=-2} : f32[N, H, 3]"},
      {"x f32[4, 7]; i i64[3, 9]", "gather %x, %i {dim=1} : f32[3, 9]"},
      {"x f32[4, 7]; i i64[3, 9]; s f32[3, 9]", "scatter %x, %i, %s {dim=-1} : f32[4, 7]"},
      {"x f32[N, 7]; i u8[H, 7]; s f32[H, 7]", "scatter %x, %i, %s {dim=0, reduce=\"sum\"} : f32[N, 7]"}, );
}

static void test_resampled_messages(void **state) {
  (void)state;
  const char *x = "x f32[2, 10, 4]; @t f32[1, 5, 4]; n f32[2, N, 4]";
  check_refused(x, "position_embedding %x, @t",
                "position_embedding expects `t` to be f32[1, 10, 4], but it is f32[1, 5, 4]");
  check_refused(x, "position_embedding %x, @t {old_size=[2, 3]}",
                "position_embedding expects `t` to be f32[1, 7, 4], but it is f32[1, 5, 4]");
  check_refused(x, "position_embedding %x, @t {old_size=[0, 3]}",
                "position_embedding: `old_size` must be positive, not 0");
  check_refused(x, "position_embedding %x, @t {new_size=[3, 3]}", "position_embedding: `new_size` needs `old_size`");
  check_refused(x, "position_embedding %x, @t {old_size=[2, 2], num_prefix_tokens=2}",
                "position_embedding: the tokens of `x` (f32[2, 10, 4]) behind 2 are no square; state `new_size`");
  check_refused(x, "position_embedding %n, @t {old_size=[2, 2]}",
                "position_embedding: the tokens of `n` (f32[2, N, 4]) behind 1 are no square; state `new_size`");
  check_refused(x, "position_embedding %x, @t {old_size=[2, 2], new_size=[3, 4]}",
                "position_embedding: a grid of 3 x 4 and 1 tokens before it are not the 10 of `x` (f32[2, 10, 4])");
  check_refused(x, "position_embedding %x, @t {old_size=[2, 2], num_prefix_tokens=-1}",
                "position_embedding: -1 tokens before the grid");
  check_refused("x i32[2, 5, 4]; @t i32[1, 5, 4]", "position_embedding %x, @t",
                "position_embedding expects floating-point numbers, but `x` is i32[2, 5, 4]");
}

static void test_rearranged_messages(void **state) {
  (void)state;
  const char *x = "x f32[2, 3, 4]; n f32[N, 3]; s f32[]; i i64[2, 3]; l i64[5]; h f16[2, 3, 4]";
  check_refused(x, "squeeze %n {dim=[0]}", "squeeze: dimension 0 of `n` is N, which need not be 1");
  check_refused(x, "squeeze %x {dim=[3]}", "squeeze: `dim` is 3, but `x` has 3 dimensions");
  check_refused(x, "unsqueeze %x {dim=4}", "unsqueeze: `dim` is 4, but the result has 4 dimensions");
  check_refused(x, "expand %x {size=[3, 4]}", "expand: `size` lists 2 dimensions for `x`, which has 3 (f32[2, 3, 4])");
  check_refused(x, "expand %x {size=[2, 6, 4]}",
                "expand: dimension 1 of `x` (f32[2, 3, 4]) is 3, which does not expand to 6");
  check_refused(x, "expand %x {size=[-1, 2, 3, 4]}", "expand: dimension 0 of its result would be -1");
  check_refused(x, "stack %x, %n", "stack expects `n` to be f32[2, 3, 4], but it is f32[N, 3]");
  check_refused(x, "stack %x, %h",
                "stack expects operands of one type, but `h` is f16[2, 3, 4] beside f32[2, 3, 4]; cast one of them");
  check_refused(x, "chunk %n {chunks=2}",
                "chunk: a dimension of N parts into an unknown number; use split and state every size");
  check_refused(x, "chunk %x {chunks=0}", "chunk: `chunks` must be positive, not 0");
  check_refused(x, "roll %x {shifts=[1], dims=[0, 1]}", "roll: 1 shifts for 2 dims");
  check_refused(x, "roll %x {shifts=[1, 1], dims=[0, 0]}", "roll: `dims` lists dimension 0 twice");
  check_refused(x, "roll %n {shifts=[70], dims=[0]}", "roll: a shift of 70 along a dimension of N");
  check_refused(x, "flip %s {dims=[0]}", "flip: `dims` lists 1 dimensions of 0");
  check_refused(x, "pixel_shuffle %x {upscale_factor=2}",
                "pixel_shuffle: dimension 0 of `x` (f32[2, 3, 4]) is no multiple of 4");
  check_refused(x, "pixel_shuffle %x {upscale_factor=40000}", "pixel_shuffle: a factor of 40000");
  check_refused(x, "pixel_unshuffle %x {downscale_factor=2}",
                "pixel_unshuffle: dimension 1 of `x` (f32[2, 3, 4]) is no multiple of 2");
  check_refused(x, "pixel_unshuffle %n {downscale_factor=2}",
                "pixel_unshuffle expects `n` to have at least 3 dimensions, but it is f32[N, 3]");
  check_refused(x, "channel_shuffle %x {groups=2}",
                "channel_shuffle: dimension 1 of `x` (f32[2, 3, 4]) is no multiple of 2");
  check_refused(x, "arange {start=[0]}", "arange: dimension 0 of its result would be 0");
  check_refused(x, "arange {start=[3], step=0}", "arange: a step of 0");
  check_refused(x, "arange {start=[3], dtype=bool}", "arange of bool; it can be any type of numbers");
  check_refused(x, "arange %x {start=[3]}", "arange takes at most 0 operands, not 1");
  check_refused(x, "embedding %n, %n", "embedding expects integers, but `n` is f32[N, 3]");
  check_refused(x, "embedding %i, %x", "embedding expects `x` to have 2 dimensions, but it is f32[2, 3, 4]");
  check_refused(x, "index_select %x, %i {dim=0}", "index_select expects `i` to have 1 dimensions, but it is i64[2, 3]");
  check_refused(x, "gather %x, %i {dim=0}", "gather expects `i` to have 3 dimensions, but it is i64[2, 3]");
  check_refused("x f32[2, 3]; i i64[2, 4]", "gather %x, %i {dim=0}",
                "gather: dimension 1 of `i` (i64[2, 4]) is larger than that of `x` (f32[2, 3])");
  check_refused("x f32[2, 3]; i i64[2, 4]; s f32[2, 4]", "scatter %x, %i, %s {dim=0}",
                "scatter: dimension 1 of `i` (i64[2, 4]) is larger than that of `x` (f32[2, 3])");
  check_refused("x f32[2, 3]; i i64[2, 3]; s f32[3, 2]", "scatter %x, %i, %s {dim=0}",
                "scatter: `s` (f32[3, 2]) is not of the shape of `i` (i64[2, 3])");
}

static void test_pool(void **state) {
  CHECK_CASES(
      {"x f32[1, 2, 13, 11]", "max_pool2d %x {kernel=[3, 3], stride=[2, 2], padding=[1, 1, 1, 1]} : f32[1, 2, 7, 6]"},
      {"x f32[1, 2, 8, 10]", "max_pool2d %x {kernel=[3, 3], stride=[2, 2], ceil_mode=true} : f32[1, 2, 4, 5]"},
      // The last window would begin in the padding after the picture: dropped.
      {"x f32[1, 2, 5, 6]", "max_pool2d %x {kernel=[2, 2], padding=[1, 1, 1, 1], ceil_mode=true} : f32[1, 2, 3, 4]"},
      {"x f32[1, 2, 3, 4]", "max_pool2d %x {kernel=[1, 1], stride=[3, 3], ceil_mode=true} : f32[1, 2, 1, 2]"},
      {"x f32[1, 2, 12, 9]", "max_pool2d %x {kernel=[3, 3], stride=[1, 1], dilation=[2, 2]} : f32[1, 2, 8, 5]"},
      {"x f32[1, 3, 6, 5]", "max_pool2d %x {kernel=[3, 3], stride=[2, 2], padding=[0, 1, 2, 0]} : f32[1, 3, 3, 2]"},
      {"x i8[1, 3, 6, 5]", "max_pool2d %x {kernel=[2, 2]} : i8[1, 3, 3, 2]"},
      {"x f32[N, 3, H, W]", "max_pool2d %x {kernel=[2, 2]} : f32[N, 3, H // 2, W // 2]"},
      {"x f32[N, 3, 2*H, W]", "max_pool2d %x {kernel=[2, 2], ceil_mode=true} : f32[N, 3, H, (W + 1) // 2]"},
      {"x f32[1, 2, 6, 8]",
       "avg_pool2d %x {kernel=[3, 3], stride=[2, 2], padding=[1, 1, 1, 1], ceil_mode=true} : f32[1, 2, 4, 5]"},
      {"x f32[1, 17, 13, 11]", "avg_pool2d %x {kernel=[3, 2]} : f32[1, 17, 4, 5]"},
      {"x f32[N, 5, H, 11]", "adaptive_avg_pool2d %x {output_size=[5, 13]} : f32[N, 5, 5, 13]"},
      {"x i8[N, 5, H, 11]", "adaptive_max_pool2d %x {output_size=[5, 13]} : i8[N, 5, 5, 13]"},
      {"x f32[2, 3, 9, 7]", "avg_pool2d %x {kernel=[3, 2], stride=[1, 2], dilation=[3, 5]} : f32[2, 3, 3, 1]"},
      {"x f32[N, 3, 4, 7, H]", "max_pool3d %x {kernel=[2, 3, 1]} : f32[N, 3, 2, 2, H]"},
      {"x f32[1, 3, 4, 7, 9]",
       "max_pool3d %x {kernel=[2, 3, 3], stride=[1, 2, 2], padding=[1], ceil_mode=true} : f32[1, 3, 5, 4, 5]"},
      {"x f32[1, 3, 4, 7, 9]", "avg_pool3d %x {kernel=[2, 3, 3], padding=[0, 1, 0, 1, 0, 0]} : f32[1, 3, 2, 2, 3]"},
      {"x f32[1, 3, 4, 7, 9]",
       "avg_pool3d %x {kernel=[2, 3, 3], stride=[1, 1, 1], padding=[1, 1, 0], dilation=[3, 1, 2]} : "
       "f32[1, 3, 3, 7, 5]"},
      {"x f32[N, 5, H, W]", "global_max_pool %x : f32[N, 5, 1, 1]"},
      {"x f32[N, 5, 7, W]", "interpolate %x {size=[3, 20]} : f32[N, 5, 3, 20]"},
      {"x f32[N, 5, 7, W]", "interpolate %x {scale_factor=[1.3, 0.25], mode=\"bilinear\"} : f32[N, 5, 9, W // 4]"},
      {"x f32[N, 5, H, W]", "global_avg_pool %x : f32[N, 5, 1, 1]"}, );
}

static void test_pool_messages(void **state) {
  (void)state;
  const char *x = "x f32[1, 3, 4, 4]; i i32[1, 3, 4, 4]";
  check_refused(x, "max_pool2d %x", "max_pool2d needs `kernel`");
  check_refused(x, "max_pool2d %x {kernel=[3, 3], padding=[2, 0, 2, 0]}",
                "max_pool2d: padding of 2 and 2 is too large for a window of 3, at most 1");
  check_refused(x, "max_pool2d %x {kernel=[3, 3], padding=[3, 0, 0, 0]}",
                "max_pool2d: padding of 3 and 0 is too large for a window of 3, at most 2");
  check_refused(x, "max_pool2d %x {kernel=[5, 5]}",
                "max_pool2d: a window of 5 is larger than the padded height 4 of `x`");
  check_refused(x, "max_pool2d %x {kernel=[0, 5]}", "max_pool2d: `kernel` must be positive, not 0");
  check_refused(x, "max_pool2d %x {kernel=[4294967296, 5]}",
                "max_pool2d: `kernel` must be positive and below 2^31, not 4294967296");
  check_refused(x, "adaptive_max_pool2d %x {output_size=[0, 1]}",
                "adaptive_max_pool2d: `output_size` must be positive, not 0");
  check_refused(x, "interpolate %x", "interpolate takes either `size` or `scale_factor`");
  check_refused(x, "interpolate %x {size=[3, 3], scale_factor=[2.0, 2.0]}",
                "interpolate takes either `size` or `scale_factor`");
  check_refused(x, "interpolate %x {size=[3, 0]}", "interpolate: dimension 3 of its result would be 0");
  check_refused(x, "interpolate %x {scale_factor=[0.2, 1.0]}", "interpolate: dimension 2 of its result would be 0");
  check_refused(x, "interpolate %x {scale_factor=[-1.0, 1.0]}", "interpolate: a factor of -1");
  check_refused(x, "interpolate %x {scale_factor=[1e300, 1.0]}", "interpolate: dimension 2 of its result is too large");
  check_refused(x, "interpolate %x {size=[3, 3], antialias=true}",
                "interpolate: `align_corners` and `antialias` need `mode` \"bilinear\" or \"bicubic\"");
  check_refused("x f32[1, 3, H, 4]", "interpolate %x {scale_factor=[1.3, 1.0]}",
                "interpolate: a dimension of H is open; its factor is a multiple of 1/1024, not 1.3");
  check_refused(x, "avg_pool2d %i {kernel=[2, 2]}",
                "avg_pool2d expects floating-point numbers, but `i` is i32[1, 3, 4, 4]");
  check_refused(x, "adaptive_avg_pool2d %x {output_size=[0, 1]}",
                "adaptive_avg_pool2d: `output_size` must be positive, not 0");
}

// ---- products and attention

static void test_products(void **state) {
  CHECK_CASES({"x f32[7]; @w f32[3, 7]", "linear %x, @w : f32[3]"},
              {"x f32[N, 5, 17]; @w f32[33, 17]; @b f32[33]; r f32[N, 5, 33]",
               "linear %x, @w, @b, %r {act=\"tanh\"} : f32[N, 5, 33]"},
              {"x f32[N, H]; @w f32[33, 17]", "linear %x, @w : f32[N, 33]"}, // with H == 17 asserted
              {"a f32[2, 1, 3, 4]; b f32[5, 4, 2]", "matmul %a, %b : f32[2, 5, 3, 2]"},
              {"a f32[7, 17]; b f32[3, 17, 1]", "matmul %a, %b : f32[3, 7, 1]"},
              {"a f32[4]; b f32[4]", "matmul %a, %b : f32[]"},
              {"a f32[4]; b f32[N, 4, 3]", "matmul %a, %b : f32[N, 3]"},
              {"a f32[N, 3, 4]; b f32[4]", "matmul %a, %b : f32[N, 3]"},
              {"a i32[3, 4]; b i32[4, H]", "matmul %a, %b : i32[3, H]"}, );
}

static void test_products_messages(void **state) {
  (void)state;
  const char *x = "x f32[2, 25088]; @w f32[10, 512]; s f32[]; h f16[2, 512]";
  check_refused(x, "linear %x, @w", "linear expects 512 input features, but `x` has 25088 (f32[2, 25088])");
  check_refused(x, "linear %s, @w", "linear expects `s` to have at least 1 dimension, but it is f32[]");
  check_refused(x, "linear %h, @w",
                "linear expects operands of one type, but `w` is f32[10, 512] beside f16[2, 512]; cast one of them");
  check_refused(x, "matmul %x, @w",
                "matmul: the inner dimensions of f32[2, 25088] and f32[10, 512] differ: 25088 and 10");
  check_refused("a f32[2, 3, 4]; b f32[3, 4, 5]", "matmul %a, %b",
                "matmul: dimension 0 does not broadcast: 2 beside 3");
}

static void test_attention(void **state) {
  CHECK_CASES(
      {"x f32[N, 5, 6]; @q f32[18, 6]; @p f32[6, 6]; @b f32[18]",
       "attention %x, _, @q, @b, _, _, _, _, _, _, @p {heads=3} : f32[N, 5, 6]"},
      {"x f32[2, 3, 4, 6]; m f32[3, 1, 4, 4]; @q f32[18, 6]; @p f32[6, 6]",
       "attention %x, %m, @q, _, _, _, _, _, _, _, @p {heads=2} : f32[2, 3, 4, 6]"},
      {"x f32[N, H, 6]; m bool[H]; @q f32[18, 6]; @p f32[6, 6]",
       "attention %x, %m, @q, _, _, _, _, _, _, _, @p {heads=2} : f32[N, H, 6]"},
      {"q f32[1, 5, 8]; k f32[1, 11, 8]; v f32[1, 11, 3]", "scaled_dot_product_attention %q, %k, %v : f32[1, 5, 3]"},
      {"q f32[2, 1, 5, 8]; k f32[3, N, 8]; v f32[3, N, 7]; m bool[5, 1]",
       "scaled_dot_product_attention %q, %k, %v, %m : f32[2, 3, 5, 7]"},
      {"q f32[N, H, 24]; m f32[4, 1, H]", "attention_core %q, %m {heads=4} : f32[N, H, 8]"}, );
}

static void test_attention_messages(void **state) {
  (void)state;
  const char *x = "x f32[2, 5, 6]; @q f32[18, 6]; @p f32[6, 6]; m f32[2, 5, 5]; i i32[5, 5]; k f32[2, 5, 7]";
  check_refused(x, "attention %x, _, @q, _, _, _, _, _, _, _, @p {heads=4}",
                "attention: 6 elements of `x` do not divide into 4 heads");
  check_refused(x, "attention %x, _, @q, _, _, _, _, _, _, _, @p {heads=0}",
                "attention: 6 elements of `x` do not divide into 0 heads");
  check_refused(x, "attention %x, _, @p, _, _, _, _, _, _, _, @p {heads=2}",
                "attention expects `p` to be f32[18, 6], but it is f32[6, 6]");
  check_refused(x, "attention %x, _, _, _, _, _, _, _, _, _, @p {heads=2}",
                "attention needs either `qkv_weight` or all of `q_weight`, `k_weight` and `v_weight`");
  check_refused(x, "attention %x, _, @q, _, @p, _, _, _, _, _, @p {heads=2}",
                "attention needs either `qkv_weight` or all of `q_weight`, `k_weight` and `v_weight`");
  check_refused(x, "attention %x, %m, @q, _, _, _, _, _, _, _, @p {heads=3}",
                "attention: `m` is f32[2, 5, 5], which does not broadcast to f32[2, 3, 5, 5]");
  check_refused(x, "attention %x, %i, @q, _, _, _, _, _, _, _, @p {heads=3}",
                "attention: `i` is i32[5, 5]; a mask is of bool or of the operands' type");
  check_refused(x, "scaled_dot_product_attention %x, %k, %x",
                "scaled_dot_product_attention: q f32[2, 5, 6], k f32[2, 5, 7] and v f32[2, 5, 6] do not fit together");
  check_refused(x, "scaled_dot_product_attention %x, %x, %x, %m {is_causal=true}",
                "scaled_dot_product_attention takes `mask` or `is_causal`, not both");
  check_refused(x, "attention_core %k {heads=1}",
                "attention_core expects three parts of equal width, but `qkv` is f32[2, 5, 7]");
}

// ---- shape and tokens

static void test_shapes(void **state) {
  CHECK_CASES({"x f32[7, 4]", "reshape %x {shape=[2, -1, 7]} : f32[2, 2, 7]"},
              {"x f32[N, 6, H]", "reshape %x {shape=[N, 3, -1]} : f32[N, 3, 2*H]"},
              {"x f32[N, 6]", "reshape %x {shape=[-1]} : f32[6*N]"},
              {"x f32[N, H + 1, W]", "reshape %x {shape=[-1, H + 1]} : f32[N*W, H + 1]"},
              {"x f32[1]", "reshape %x {shape=[]} : f32[]"},
              {"x f32[N, H]", "reshape %x {shape=[8, 3]} : f32[8, 3]"}, // with N H == 24 asserted
              {"x f32[2, 3, 4, 5]", "flatten %x : f32[2, 60]"},
              {"x f32[N, 3, H, W]", "flatten %x {start_dim=2} : f32[N, 3, H*W]"},
              {"x f32[7, 2, 2]", "flatten %x {start_dim=0, end_dim=-2} : f32[14, 2]"},
              {"x f32[]", "flatten %x : f32[1]"}, {"x f32[2, N, 7]", "permute %x {dims=[-1, 0, 1]} : f32[7, 2, N]"},
              {"x f32[2, N, 7]", "transpose %x {dim0=-1, dim1=0} : f32[7, N, 2]"},
              {"a f32[N, 3]; b f32[N, H]", "concat %a, %b, %a {dim=-1} : f32[N, H + 6]"},
              {"x f32[4]", "split %x {sizes=[4]} : f32[4]"},
              {"x f32[N]", "slice %x {dims=[0], starts=[0], ends=[4]} : f32[min(N, 4)]"},
              {"x f32[N, 9]", "slice %x {dims=[0, 1], starts=[-1, 1], ends=[4611686018427387903, 8], steps=[1, 3]} : "
                              "f32[N - max(N - 1, 0), 3]"},
              {"x f32[5]", "slice %x {dims=[], starts=[], ends=[]} : f32[5]"},
              {"x f32[3, 5]", "slice %x {dims=[1], starts=[-100], ends=[-1]} : f32[3, 4]"},
              {"x f32[N, 3, 5]", "pad %x {pad=[1, 2, 3, -4]} : f32[N, 2, 8]"},
              {"x f32[N, H, W]", "pad %x {pad=[1, 2], mode=\"reflect\"} : f32[N, H, W + 3]"},
              {"x f32[N, 20]", "reorder %x : f32[N, 20]{C16@1}"},
              {"x u8[N, H, 7, 1]", "picture %x {layout=\"nhwc\", scale=[2.0], shift=[1.0]} : f32[N, 1, H, 7]"},
              {"x f32[N, 2, H, 7]", "picture %x {scale=[2.0, 3.0], shift=[1.0, 0.0]} : f32[N, 2, H, 7]"},
              {"x f32[N, 49, 16]; @t f32[1, 1, 16]", "class_token %x, @t : f32[N, 50, 16]"},
              {"x f32[N, H, 16]; @t f32[1, 1, 16]", "class_token %x, @t : f32[N, H + 1, 16]"},
              {"x f32[N, 5, 16]; @t f32[1, 5, 16]", "position_embedding %x, @t : f32[N, 5, 16]"},
              {"x f32[N, H, W]; @t f32[1, 5, 16]", "position_embedding %x, @t : f32[N, 5, 16]"},
              {"x f32[N, H, 16]; @t f32[1, 5, 16]",
               "position_embedding %x, @t {old_size=[2, 2], new_size=[3, 2]} : f32[N, 7, 16]"},
              {"x f32[N, 10, 16]; @t f32[1, 5, 16]", "position_embedding %x, @t {old_size=[2, 2]} : f32[N, 10, 16]"},
              {"x f32[N, 8, 16]; @t f32[1, 6, 16]",
               "position_embedding %x, @t {old_size=[3, 2], new_size=[2, 4], num_prefix_tokens=0} : f32[N, 8, 16]"},
              {"x f32[N, 5, 16]", "token %x {index=-5} : f32[N, 16]"},
              {"x f32[N, H, 16]", "token %x {index=-2} : f32[N, 16]"}, );
}

static void test_shape_messages(void **state) {
  (void)state;
  const char *x = "x f32[2, 3, 4]; y f32[2, 3]; n f32[N, 3]";
  const char *p = "x f32[2, 3, 4, 5]; y i8[2, 3, 4, 5]";
  check_refused(p, "picture %y {scale=[1.0, 1.0, 1.0], shift=[0.0, 0.0, 0.0]}",
                "picture: `y` is neither bytes nor f32 (i8[2, 3, 4, 5])");
  check_refused(p, "picture %x {layout=\"nhwc\", scale=[1.0, 1.0, 1.0], shift=[0.0, 0.0, 0.0]}",
                "picture: 3 scales and 3 shifts for 5 channels");
  check_refused(x, "picture %x {scale=[1.0], shift=[0.0]}",
                "picture expects `x` to have 4 dimensions, but it is f32[2, 3, 4]");
  check_refused(x, "reshape %x {shape=[5, -1]}", "reshape: the 24 elements of `x` (f32[2, 3, 4]) do not fit [5, -1]");
  check_refused(x, "reshape %x {shape=[5, 5]}", "reshape: the 24 elements of `x` (f32[2, 3, 4]) do not fit [5, 5]");
  check_refused(x, "reshape %x {shape=[-1, -1]}", "reshape: only one dimension may be -1");
  check_refused(x, "reshape %x {shape=[0, -1]}", "reshape: a dimension of 0");
  check_refused(x, "reshape %x {shape=[4611686018427387903, 8, -1]}",
                "reshape: the 24 elements of `x` (f32[2, 3, 4]) do not fit [4611686018427387903, 8, -1]");
  check_refused(x, "flatten %x {start_dim=2, end_dim=1}", "flatten: `start_dim` 2 stands after `end_dim` 1");
  check_refused(x, "flatten %x {start_dim=3}", "flatten: `start_dim` is 3, but `x` has 3 dimensions");
  check_refused(x, "permute %x {dims=[0, 1]}", "permute: `dims` lists 2 dimensions, but `x` has 3 (f32[2, 3, 4])");
  check_refused(x, "permute %x {dims=[0, 1, 1]}", "permute: `dims` lists dimension 1 twice");
  check_refused(x, "transpose %x {dim0=0, dim1=-4}", "transpose: `dim1` is -4, but `x` has 3 dimensions");
  check_refused(x, "concat %x, %y {dim=0}", "concat: f32[2, 3] does not fit f32[2, 3, 4] along dimension 0");
  check_refused(x, "concat {dim=0}", "concat needs its operand `values`");
  check_refused(x, "concat %x, _ {dim=0}", "concat needs its operand `values`");
  check_refused(x, "split %x {sizes=[1, 2], dim=2}",
                "split: the sizes' sum is 3, but dimension 2 of `x` is 4 (f32[2, 3, 4])");
  check_refused(x, "split %x {sizes=[], dim=2}", "split: 0 parts, from 1 to 1024 are possible");
  check_refused(x, "split %x {sizes=[0], dim=2}", "split: `sizes` must be positive, not 0");
  check_refused(x, "split %n {sizes=[2]}",
                "split: a dimension of N parts into an unknown number of 2; state every size");
  check_refused(x, "slice %x {dims=[0], starts=[2], ends=[9]}",
                "slice: dimension 0 of `x` (f32[2, 3, 4]) has no elements from 2 to 9");
  check_refused(x, "slice %x {dims=[0], starts=[1, 2], ends=[2]}", "slice: 1 dims, 2 starts, 1 ends and 1 steps");
  check_refused(x, "slice %x {dims=[0], starts=[0], ends=[2], steps=[-1]}", "slice: `steps` must be positive, not -1");
  check_refused(x, "pad %x {pad=[1]}", "pad: `pad` lists (before, after) for up to 3 dimensions, but has 1 values");
  check_refused("i u8[3]", "pad %i {pad=[1, 0], value=0.5}", "pad: `value` is 0.5, but `i` is u8[3]");
  check_refused("i u8[3]", "pad %i {pad=[1, 0], value=256.0}", "pad: `value` is 256, but `i` is u8[3]");
  check_refused(x, "pad %x {pad=[-2, -2]}", "pad: dimension 2 of its result would be 0");
  check_refused(x, "pad %x {pad=[4, 0], mode=\"reflect\"}", "pad: a border of 4 cannot reflect a dimension of 4");
  check_refused(x, "pad %x {pad=[-1, 0], mode=\"replicate\"}", "pad: a negative border needs `mode` \"constant\"");
  check_refused(x, "pad %x {pad=[2147483647, 2147483647, 2147483647, 0]}",
                "pad: its result f32[2, 2147483650, 4294967298] has too many elements");
  check_refused(x, "token %x {index=3}", "token 3 is not among the 3 of `x` (f32[2, 3, 4])");
  check_refused(x, "token %x {index=-9223372036854775808}",
                "token -9223372036854775808 is not among the 3 of `x` (f32[2, 3, 4])");
}

static void test_places_of_maxima(void **state) {
  (void)state;
  Module *m = unit_read("input %x : u8[2, 3, 4, 7]\n%v, %i = max_pool2d %x {kernel=[2, 3], return_indices=true} : "
                        "u8[2, 3, 2, 2], i64[2, 3, 2, 2]\noutput i = %i\n");
  unit_verify(m);
  unit_round_trip(m);
  unit_drop(m);
}

static void test_split(void **state) {
  (void)state;
  Module *m = unit_read(
      "input %x : f32[7, 2]\n%a, %b, %c = split %x {sizes=[3]} : f32[3, 2], f32[3, 2], f32[1, 2]\noutput c = %c\n");
  const Attr *sizes = NODE_ATTR(m->first, SPLIT, sizes);
  assert_true(sizes->n == 3 && sizes->ints[2] == 1);
  unit_verify(m);
  unit_round_trip(m);
  unit_drop(m);
}

// As PyTorch: of four parts of 5 elements each has 2, and three are enough.
static void test_chunk(void **state) {
  (void)state;
  Module *m = unit_read("symbol N <= 64\ninput %x : f32[N, 5]\n%a, %b, %c = chunk %x {chunks=4, dim=-1} : f32[N, 2], "
                        "f32[N, 2], f32[N, 1]\noutput c = %c\n");
  unit_verify(m);
  unit_round_trip(m);
  unit_drop(m);
}

// ---- what is left to run time

static void test_assertions(void **state) {
  (void)state;
  Module *m = unit_read("symbol N <= 64\nsymbol H <= 4096\nweight @w : f32[4, 17] = splat(1.0)\nweight @k : f32[4, 1, "
                        "7, 7] = splat(1.0)\n"
                        "input %x : f32[N, H]\ninput %i : f32[N, 1, H, 9]\n"
                        "%a = linear %x, @w : f32[N, 4]\n%b = linear %x, @w : f32[N, 4]\n"
                        "%c = conv2d %i, @k : f32[N, 4, H - 6, 3]\noutput a = %a\n");
  StrBuf conditions = {0};
  for (size_t i = 0; i < m->assertions.len; i++) {
    strbuf_printf(&conditions, "%s: ", m->assertions.data[i].text);
    dim_print(m->dims, m->assertions.data[i].condition, &conditions);
    strbuf_putc(&conditions, '\n');
  }
  assert_string_equal(strbuf_str(&conditions), "linear: input features: H must equal 17: H == 17\n"
                                               "conv2d: the padded height must be at least 7: 7 <= H\n");
  strbuf_free(&conditions);
  unit_drop(m);
}

// ---- weights that the language names

static const Attr *find_arg(OpKind op, Attr *args, const char *name) {
  for (int i = 0; i < op_info(op)->n_params; i++)
    if (!strcmp(op_info(op)->params[i].name, name)) return &args[i];
  fail_msg("no argument %s", name);
  return NULL;
}

// The weights of `op` over an operand of type t, as "suffix type, ...".
static void check_weights(Module *m, OpKind op, const Type *t, Attr *args, const char *expected) {
  const OpInfo *info = op_info(op);
  Value *x = graph_input(m, "x", t);
  const Type *out[16];
  Infer in = {.m = m, .op = op, .n_operands = 1, .operands = &x};
  assert_true(infer_weights(&in, args, out));
  StrBuf b = {0};
  for (int i = 0; i < info->n_operands; i++) {
    if (!out[i]) continue;
    const char *suffix = infer_weight_suffix(m->arena, op, i, args);
    assert_non_null(suffix);
    strbuf_printf(&b, "%s %s; ", suffix, type_str(m, out[i]));
  }
  assert_string_equal(strbuf_str(&b), expected);
  strbuf_free(&b);
}

static void fill_args(OpKind op, Attr *args) {
  for (int i = 0; i < op_info(op)->n_params; i++) args[i] = op_info(op)->params[i].fallback;
}

#define SET(name, ...) (*(Attr *)find_arg(op, args, name) = (Attr){__VA_ARGS__})

static void test_weights(void **state) {
  (void)state;
  Diag *diag = diag_create();
  Module *m = module_create(diag);
  Attr args[16];
  const Type *image = type_get(m, DT_F32, 4, (Dim[]){1, 6, 8, 8}), *tokens = type_get(m, DT_F32, 3, (Dim[]){1, 5, 8});
  OpKind op = OP_CONV2D;
  fill_args(op, args);
  SET("channels", .kind = ATTR_INT, .i = 9);
  SET("kernel", .kind = ATTR_INTS, .n = 2, .ints = (int64_t[]){3, 5});
  SET("groups", .kind = ATTR_INT, .i = 3);
  check_weights(m, op, image, args, ".weight f32[9, 2, 3, 5]; .bias f32[9]; ");
  SET("bias", .kind = ATTR_BOOL, .i = 0);
  check_weights(m, op, image, args, ".weight f32[9, 2, 3, 5]; ");
  fill_args(op = OP_PATCH_EMBED, args);
  SET("dim", .kind = ATTR_INT, .i = 7);
  SET("patch", .kind = ATTR_INT, .i = 4);
  check_weights(m, op, image, args, ".weight f32[7, 6, 4, 4]; .bias f32[7]; ");
  fill_args(op = OP_LINEAR, args);
  SET("features", .kind = ATTR_INT, .i = 3);
  check_weights(m, op, tokens, args, ".weight f32[3, 8]; .bias f32[3]; ");
  fill_args(op = OP_ATTENTION, args);
  SET("heads", .kind = ATTR_INT, .i = 2);
  check_weights(m, op, tokens, args,
                ".qkv.weight f32[24, 8]; .qkv.bias f32[24]; .proj.weight f32[8, 8]; .proj.bias f32[8]; ");
  SET("names", .kind = ATTR_ENUM, .s = "in_proj");
  SET("bias", .kind = ATTR_BOOL, .i = 0);
  check_weights(m, op, tokens, args, ".in_proj_weight f32[24, 8]; .in_proj_bias f32[24]; .out_proj.weight f32[8, 8]; ");
  SET("names", .kind = ATTR_ENUM, .s = "separate");
  SET("qkv_bias", .kind = ATTR_BOOL, .i = 0);
  check_weights(m, op, tokens, args,
                ".q.weight f32[8, 8]; .k.weight f32[8, 8]; .v.weight f32[8, 8]; .proj.weight f32[8, 8]; ");
  fill_args(op = OP_BATCH_NORM, args);
  check_weights(m, op, image, args, ".weight f32[6]; .bias f32[6]; .running_mean f32[6]; .running_var f32[6]; ");
  SET("affine", .kind = ATTR_BOOL, .i = 0);
  check_weights(m, op, image, args, ".running_mean f32[6]; .running_var f32[6]; ");
  fill_args(op = OP_LAYER_NORM, args);
  check_weights(m, op, tokens, args, ".weight f32[8]; .bias f32[8]; ");
  fill_args(op = OP_GRU, args);
  SET("hidden_size", .kind = ATTR_INT, .i = 2);
  check_weights(m, op, tokens, args,
                ".weight_ih_l0 f32[6, 8]; .weight_hh_l0 f32[6, 2]; .bias_ih_l0 f32[6]; .bias_hh_l0 f32[6]; ");
  SET("layer", .kind = ATTR_INT, .i = 12);
  SET("bias", .kind = ATTR_BOOL, .i = 0);
  SET("bidirectional", .kind = ATTR_BOOL, .i = 1);
  check_weights(m, op, tokens, args,
                ".weight_ih_l12 f32[6, 8]; .weight_hh_l12 f32[6, 2]; .weight_ih_l12_reverse f32[6, 8]; "
                ".weight_hh_l12_reverse f32[6, 2]; ");
  fill_args(op = OP_CLASS_TOKEN, args);
  check_weights(m, op, tokens, args, " f32[1, 1, 8]; ");
  fill_args(op = OP_POSITION_EMBEDDING, args);
  check_weights(m, op, tokens, args, " f32[1, 5, 8]; ");
  fill_args(op = OP_RELU, args);
  check_weights(m, op, tokens, args, "");
  module_destroy(m);
  diag_destroy(diag);
}

static void test_weight_messages(void **state) {
  (void)state;
  Diag *diag = diag_create();
  Module *m = module_create(diag);
  Attr args[16];
  OpKind op = OP_LINEAR;
  fill_args(op, args);
  SET("features", .kind = ATTR_INT, .i = 3);
  SET("in_features", .kind = ATTR_INT, .i = 512);
  const Type *out[16];
  Value *x = graph_input(m, "x", type_get(m, DT_F32, 2, (Dim[]){1, 25088}));
  Value *open = graph_input(m, "open", type_get(m, DT_F32, 2, (Dim[]){1, dim_symbol(m->dims, "D", 9)}));
  Infer in = {.m = m, .op = op, .n_operands = 1, .operands = &x};
  assert_false(infer_weights(&in, args, out));
  SET("in_features", .kind = ATTR_INT, .i = 0);
  in.operands = &open;
  assert_false(infer_weights(&in, args, out));
  SET("features", .kind = ATTR_INT, .i = 0);
  in.operands = &x;
  assert_false(infer_weights(&in, args, out));
  StrBuf b = {0};
  diag_print(diag, &b, false);
  assert_string_equal(strbuf_str(&b),
                      "error: linear expects 512 input features, but `x` has 25088 (f32[1, 25088])\n"
                      "error: linear: dimension 1 of `open` (f32[1, D]) must be known, since a weight has it\n"
                      "error: linear: `features` must be positive, not 0\n3 errors\n");
  strbuf_free(&b);
  module_destroy(m);
  diag_destroy(diag);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_conv),
      cmocka_unit_test(test_conv_messages),
      cmocka_unit_test(test_rearranged),
      cmocka_unit_test(test_rearranged_messages),
      cmocka_unit_test(test_resampled_messages),
      cmocka_unit_test(test_pool),
      cmocka_unit_test(test_pool_messages),
      cmocka_unit_test(test_products),
      cmocka_unit_test(test_products_messages),
      cmocka_unit_test(test_attention),
      cmocka_unit_test(test_attention_messages),
      cmocka_unit_test(test_shapes),
      cmocka_unit_test(test_shape_messages),
      cmocka_unit_test(test_places_of_maxima),
      cmocka_unit_test(test_split),
      cmocka_unit_test(test_chunk),
      cmocka_unit_test(test_assertions),
      cmocka_unit_test(test_weights),
      cmocka_unit_test(test_weight_messages),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
