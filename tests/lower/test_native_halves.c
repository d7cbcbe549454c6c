// Weights of bf16 and f16 in native code: one tile and many, by bands and by panels, in several passes over the
// channels, grouped and transposed, by Winograd's algorithm and row by row; odd sizes; extents that are not known.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/lower/cases.h"

static const Case cases[] = {
    // linear layers: rows that one tile holds, many, of a number that is not known
    {"f32[1, 1]", "y = a |> linear(1) @fc"},
    {"f32[1, 67]", "y = a |> linear(33, bias=false) @fc"},
    {"f32[5, 129]", "y = a |> linear(49) @fc |> relu"},
    {"f32[97, 31]", "y = a |> linear(17) @fc |> gelu"},
    {"f32[N, 75]", "y = a |> linear(100) @fc"},
    {"f32[3, 197, 48]", "y = a |> linear(80) @one |> gelu |> linear(19) @two"},
    {"f32[1, 50, 1040]", "y = a |> linear(70) @fc"},
    {"f32[2, 13, 32] f32[2, 13, 32]", "y = b + (a |> linear(32) @fc)"},
    {"f32[2, 29, 48]", "y = a |> attention(3) @attn"},
    // 1 x 1: all panels over a band of rows, all rows under a panel, in several passes, with a border, by strides
    {"f32[1, 19, 31, 29]", "y = a |> conv2d(23, 1) @c |> relu6"},
    {"f32[2, 130, 5, 7]", "y = a |> conv2d(140, 1) @c"},
    {"f32[1, 1024, 17, 17]", "y = a |> conv2d(300, 1) @c"},
    {"f32[1, 37, 6, 5]", "y = a |> conv2d(18, 1, padding=1) @c"},
    {"f32[1, 64, 14, 14]", "y = a |> conv2d(129, 1, stride=2) @c |> silu"},
    // windows: direct, of short rows, dilated, larger than Winograd's, of pictures whose size is not known
    {"f32[1, 17, 9, 7]", "y = a |> conv2d(16, 3, padding=1) @c"},
    {"f32[2, 33, 13, 31] f32[2, 50, 13, 31]", "y = relu(b + (a |> conv2d(50, 3, padding=1) @c))"},
    {"f32[1, 128, 7, 7]", "y = a |> conv2d(144, 3, padding=1) @c"},
    {"f32[1, 20, 11, 12]", "y = a |> conv2d(35, [5, 2], stride=2, padding=2, dilation=[1, 3]) @c"},
    {"f32[N, 16, H, W]", "y = a |> conv2d(19, 3, padding=1) @c |> conv2d(17, 1) @d"},
    // grouped, transposed
    {"f32[1, 32, 9, 9]", "y = a |> conv2d(48, 3, padding=1, groups=4) @c"},
    {"f32[1, 42, 5, 6]", "y = a |> conv2d(21, 1, groups=3) @c"},
    {"f32[1, 24, 6, 7]", "y = a |> conv_transpose2d(19, 3, stride=2, padding=1) @c"},
    // patches of what is no picture; a chain whose middle keeps its floats
    {"f32[1, 16, 12, 12]", "y = a |> patch_embed(33, 4) @c"},
    {"f32[1, 24, 14, 14]", "y = a |> conv2d(40, 1) @a |> relu6 |> conv2d(40, 3, padding=1, groups=40) @b |> relu6 "
                           "|> conv2d(24, 1) @c"},
};

static void test_bf16(void **state) {
  (void)state;
  cases_check_halves(cases, sizeof cases / sizeof *cases, DT_BF16);
}

static void test_f16(void **state) {
  (void)state;
  cases_check_halves(cases, sizeof cases / sizeof *cases, DT_F16);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_bf16), cmocka_unit_test(test_f16)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
