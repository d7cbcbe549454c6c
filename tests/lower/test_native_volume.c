// Convolutions and pools of volumes, and maxima that are found among the windows: every attribute, odd sizes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/lower/cases.h"

static void test_places_of_maxima(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[2, 3, 7, 9]", "v, y = max_pool2d(a, 2, return_indices=true)"},
      {"f32[2, 3, 7, 9]", "y, i = max_pool2d(a, 2, return_indices=true)"},
      {"f32[2, 17, 8, 10]!", "v, y = max_pool2d(a, [3, 2], stride=2, padding=[2, 1], dilation=[2, 3], ceil_mode=true, "
                             "return_indices=true)"},
      {"f32[1, 4, 5, 5]-", "v, y = max_pool2d(a, 3, stride=2, padding=1, return_indices=true)"},
      {"f32[1, 4, 1, 1]", "v, y = max_pool2d(a, 2, stride=2, padding=1, dilation=2, return_indices=true)"},
      {"f32[N, 3, H, W]", "v, y = max_pool2d(a, 3, stride=2, padding=1, ceil_mode=true, return_indices=true)"},
      {"u8[2, 3, 7, 9]", "v, y = max_pool2d(a, 2, stride=1, return_indices=true)"},
      {"u8[2, 3, 7, 9]", "y = max_pool2d(a, 3, padding=1)"},
      {"bool[1, 3, 3, 5]", "y = max_pool2d(a, [1, 2], padding=[0, 1])"},
      {"bool[1, 1, 2, 3, 2]", "y = max_pool3d(a, [2, 1, 2], padding=[0, 0, 1])"},
      {"i8[1, 17, 7, 9]", "y = max_pool2d(a, 2, padding=1, ceil_mode=true)"},
      {"i64[1, 3, 4, 4]", "y = max_pool2d(a, 3, stride=1, padding=1)"},
      {"f16[1, 3, 4, 4]!", "y = max_pool2d(a, 2)"},
      {"f32[1, 3, 6, 5]", "t, i = max_pool2d(conv2d(a, 18, 3, padding=1) @p, 2, return_indices=true)\n"
                          "  y = t + cast(i, f32)"},
  };
  CASES_CHECK(cases);
}

static void test_windows_refused(void **state) {
  (void)state;
  static const Case padding = {"f32[1, 3, H, W]",
                               "v, y = max_pool2d(a, 3, stride=2, padding=\"same\", return_indices=true)"};
  static const Case taps = {"f32[1, 1, 5000, 1, 1]", "y = conv3d(a, 1, [5000, 1, 1]) @w"};
  static const Case border = {"f32[1, 1200, 1, 1, 1]",
                              "y = conv_transpose3d(a, 1, [2, 1, 1], padding=[536870912, 0, 0], "
                              "dilation=[1073741824, 1, 1]) @w"};
  static const Case stride = {"f32[1, 1200, 1, 1, 1]", "y = conv_transpose3d(a, 1, 1, stride=1073741824) @w"};
  // The first pools, of slices, would make 2^41 elements of 2^30; the second ones would leave few.
  static const Case slices = {"f32[1024, 1024, 1024, 1, 1]",
                              "y = max_pool3d(a, [1024, 2048, 1], stride=1, padding=[0, 2047, 0, 0, 2046, 0])"};
  cases_refused(&padding,
                "max_pool2d cannot be written out window by window: its padding depends on the picture's size");
  cases_refused(&taps, "conv3d cannot be written out window by window: its window is too large");
  cases_refused(&border, "conv_transpose3d cannot be written out window by window: they hold too many elements");
  cases_refused(&stride, "conv_transpose3d cannot be written out window by window: its stride is too large");
  cases_refused(&slices, "max_pool3d: the pools of all slices hold too many elements");
}

static void test_volumes(void **state) {
  (void)state;
  static const Case cases[] = {
      {"f32[1, 1, 1, 1, 1]", "y = conv3d(a, 1, 1) @w"},
      {"f32[2, 3, 4, 5, 7]", "y = conv3d(a, 17, 3, padding=1) @w"},
      {"f32[2, 6, 5, 6, 7]",
       "y = conv3d(a, 4, [2, 3, 1], stride=[1, 2, 3], padding=[1, 0, 2, 0, 1, 0], dilation=[3, 1, 2], "
       "groups=2, bias=false) @w"},
      {"f32[N, 3, T, H, W]", "y = conv3d(a, 5, [1, 3, 3], padding=[0, 1, 1]) @w"},
      {"f32[2, 4, 3, 5, 2]", "y = conv_transpose3d(a, 6, [2, 3, 1], stride=[2, 1, 3], padding=[1, 0, 0], "
                             "output_padding=[1, 0, 2], groups=2, dilation=[1, 2, 1]) @w"},
      {"f32[N, 3, 2, H, 3]", "y = conv_transpose3d(a, 5, 2, stride=2, bias=false) @w"},
      {"f32[2, 17, 4, 5, 7]", "y = max_pool3d(a, 2)"},
      {"f32[1, 3, 5, 6, 7]!", "y = max_pool3d(a, [2, 3, 2], stride=[1, 2, 2], padding=[1, 1, 0, 0, 0, 1], "
                              "dilation=[2, 1, 3], ceil_mode=true)"},
      {"f32[N, 3, T, H, W]", "y = max_pool3d(a, 3, stride=1, padding=1)"},
      {"f32[2, 17, 4, 5, 7]", "y = avg_pool3d(a, 2)"},
      {"f32[1, 3, 5, 6, 7]", "y = avg_pool3d(a, [2, 3, 2], stride=[1, 2, 2], padding=[1, 1, 0], ceil_mode=true)"},
      {"f32[1, 3, 5, 6, 7]", "y = avg_pool3d(a, [2, 3, 2], stride=[1, 2, 2], padding=[1, 1, 0, 0, 0, 1], "
                             "count_include_pad=false, dilation=[2, 1, 3])"},
      {"u8[1, 3, 3, 5, 4]", "y = max_pool3d(a, 2, padding=1)"},
  };
  CASES_CHECK(cases);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_places_of_maxima),
      cmocka_unit_test(test_windows_refused),
      cmocka_unit_test(test_volumes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
