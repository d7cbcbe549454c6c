// Pooling and reduction.
#include "tests/ref/fixture.h"

static const double NINE[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

static void max_pool(void **state) {
  (void)state;
  Array x = f32(D(1, 1, 3, 3), NINE);
  expect(OP_MAX_POOL2D, ATTRS(list("kernel", D(2, 2))), IN(x), OUT(f32(D(1, 1, 1, 1), V(5))));
  expect(OP_MAX_POOL2D, ATTRS(list("kernel", D(2, 2)), flag("ceil_mode", true)), IN(x),
         OUT(f32(D(1, 1, 2, 2), V(5, 6, 8, 9))));
  expect(OP_MAX_POOL2D, ATTRS(list("kernel", D(2, 2)), list("stride", D(1, 1)), list("dilation", D(2, 2))), IN(x),
         OUT(f32(D(1, 1, 1, 1), V(9))));
  expect(OP_MAX_POOL2D, ATTRS(list("kernel", D(2, 2)), list("stride", D(2, 2)), padding("padding", PAD(1, 0, 0, 1))),
         IN(x), OUT(f32(D(1, 1, 2, 2), V(2, 3, 8, 9))));
}

static void padding_never_wins(void **state) {
  (void)state;
  expect(OP_MAX_POOL2D, ATTRS(list("kernel", D(3, 3)), padding("padding", PAD(1, 1, 1, 1))),
         IN(f32(D(1, 1, 1, 1), V(-7))), OUT(f32(D(1, 1, 1, 1), V(-7))));
}

static void dilation_steps_over_the_border(void **state) {
  (void)state;
  // Taps at -1, 1 and 3 of a row of 5: the first lies in the padding.
  expect(OP_MAX_POOL2D,
         ATTRS(list("kernel", D(1, 3)), list("stride", D(1, 9)), list("dilation", D(1, 2)),
               padding("padding", PAD(0, 1, 0, 1))),
         IN(f32(D(1, 1, 1, 5), V(9, 1, 8, 2, 7))), OUT(f32(D(1, 1, 1, 1), V(2))));
}

static void nan_is_the_maximum(void **state) {
  (void)state;
  expect(OP_MAX_POOL2D, ATTRS(list("kernel", D(1, 3))), IN(f32(D(1, 1, 1, 3), V(1, NAN, 3))),
         OUT(f32(D(1, 1, 1, 1), V(NAN))));
}

static void places_of_maxima(void **state) {
  (void)state;
  Setting k = list("kernel", D(2, 2)), places = flag("return_indices", true);
  expect(
      OP_MAX_POOL2D, ATTRS(k, places, list("stride", D(1, 1)), padding("padding", PAD(1, 0, 0, 0))),
      IN(f32(D(1, 2, 2, 3), V(5, 5, 1, 5, 7, 7, 0, 0, NAN, -1, 0, 3))),
      OUT(f32(D(1, 2, 2, 2), V(5, 5, 7, 7, 0, NAN, 0, NAN)), array(DT_I64, D(1, 2, 2, 2), V(0, 1, 4, 4, 0, 2, 0, 2))));
  expect(OP_MAX_POOL2D, ATTRS(k, places), IN(array(DT_U8, D(1, 1, 2, 2), V(0, 255, 255, 1))),
         OUT(array(DT_U8, D(1, 1, 1, 1), V(255)), array(DT_I64, D(1, 1, 1, 1), V(1))));
  expect(OP_MAX_POOL2D, ATTRS(k, places, list("dilation", D(2, 2)), padding("padding", PAD(1, 1, 1, 1))),
         IN(f32(D(1, 1, 1, 1), V(3))), OUT(f32(D(1, 1, 1, 1), V(-INFINITY)), array(DT_I64, D(1, 1, 1, 1), V(0x1p40))));
}

static void regions(void **state) {
  (void)state;
  Array x = f32(D(2, 1, 3, 3), V(1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0, 0, 90, 0, 0, 0, 0));
  Setting one = list("output_size", D(1, 1)), two = list("output_size", D(1, 2)), exact = flag("aligned", true);
  Array first = array(DT_I64, D(1), V(-3)), second = array(DT_U8, D(1), V(200));
  // Samples at 0.5 and 1.5 each way; of a region of less than a pixel one at its begin and a half.
  expect(OP_ROI_ALIGN, ATTRS(one), IN(x, f32(D(1, 4), V(0, 0, 2, 2)), first), OUT(f32(D(1, 1, 1, 1), V(5))));
  expect(OP_ROI_ALIGN, ATTRS(one), IN(x, f32(D(1, 4), V(1, 0, 1.25, 0.5)), first), OUT(f32(D(1, 1, 1, 1), V(4))));
  expect(OP_ROI_ALIGN, ATTRS(two, exact), IN(x, f32(D(1, 4), V(0, 1, 2, 2)), first), OUT(f32(D(1, 1, 1, 2), V(4, 5))));
  expect(OP_ROI_ALIGN, ATTRS(one, exact, real("spatial_scale", 0.5)), IN(x, f32(D(1, 4), V(2, 2, 4, 4)), second),
         OUT(f32(D(1, 1, 1, 1), V(90))));
  // Of four samples at -1.5, 0.5, 2.5 and 4.5 two lie outside, each way; what is past the last pixel is that.
  Array large = f32(D(1, 4), V(-2.5, -2.5, 5.5, 5.5));
  Setting four = number("sampling_ratio", 4), most = word("mode", "max");
  expect(OP_ROI_ALIGN, ATTRS(one, four), IN(x, large, first), OUT(f32(D(1, 1, 1, 1), V((3 + 4.5 + 7.5 + 9) / 16))));
  expect(OP_ROI_ALIGN, ATTRS(one, four, most), IN(x, large, first), OUT(f32(D(1, 1, 1, 1), V(9))));
  // No region is below a pixel, unless aligned: then it has no samples.
  Array empty = f32(D(1, 4), V(1, 1, 0, 1));
  expect(OP_ROI_ALIGN, ATTRS(one), IN(x, empty, first), OUT(f32(D(1, 1, 1, 1), V(7))));
  expect(OP_ROI_ALIGN, ATTRS(one, exact), IN(x, empty, first), OUT(f32(D(1, 1, 1, 1), V(0))));
  expect(OP_ROI_ALIGN, ATTRS(one, exact, most), IN(x, empty, first), OUT(f32(D(1, 1, 1, 1), V(0))));
  Array odd = f32(D(1, 4), V(NAN, 0, INFINITY, 3));
  expect(OP_ROI_ALIGN, ATTRS(one), IN(x, odd, first), OUT(f32(D(1, 1, 1, 1), V(0))));
}

static void volumes(void **state) {
  (void)state;
  Array x = f32(D(1, 1, 2, 2, 3), V(1, 2, 3, 4, 5, 6, -1, -2, -3, -4, -5, 30));
  Setting k = list("kernel", D(2, 2, 2)), stride = list("stride", D(1, 1, 1));
  expect(OP_MAX_POOL3D, ATTRS(k, stride), IN(x), OUT(f32(D(1, 1, 1, 1, 2), V(5, 30))));
  expect(OP_AVG_POOL3D, ATTRS(k, stride), IN(x), OUT(f32(D(1, 1, 1, 1, 2), V(0, 4.5))));
  Setting border = list("padding", D(1, 0, 0, 0, 0, 0)), apart = list("dilation", D(1, 1, 2));
  expect(OP_MAX_POOL3D, ATTRS(k, stride, border, apart), IN(x), OUT(f32(D(1, 1, 2, 1, 1), V(6, 30))));
  expect(OP_AVG_POOL3D, ATTRS(k, stride, border, apart), IN(x), OUT(f32(D(1, 1, 2, 1, 1), V(1.75, 4.5))));
  expect(OP_AVG_POOL3D, ATTRS(k, stride, border, apart, flag("count_include_pad", false)), IN(x),
         OUT(f32(D(1, 1, 2, 1, 1), V(3.5, 4.5))));
}

static void avg_pool_of_elements_apart(void **state) {
  (void)state;
  // Taps at -1, 1 and 3, then at 2, 4 and 6 where the padding ends at 5.
  Setting k = list("kernel", D(1, 3)), stride = list("stride", D(1, 3)), apart = list("dilation", D(1, 2)),
          border = padding("padding", PAD(0, 1, 0, 1)), ceiling = flag("ceil_mode", true);
  Array x = f32(D(1, 1, 1, 5), V(1, 2, 4, 8, 16));
  expect(OP_AVG_POOL2D, ATTRS(k, stride, apart, border, ceiling), IN(x), OUT(f32(D(1, 1, 1, 2), V(10. / 3, 10))));
  expect(OP_AVG_POOL2D, ATTRS(k, stride, apart, border, ceiling, flag("count_include_pad", false)), IN(x),
         OUT(f32(D(1, 1, 1, 2), V(5, 10))));
}

static void avg_pool(void **state) {
  (void)state;
  Array x = f32(D(1, 1, 3, 3), NINE);
  expect(OP_AVG_POOL2D, ATTRS(list("kernel", D(2, 2)), list("stride", D(1, 1))), IN(x),
         OUT(f32(D(1, 1, 2, 2), V(3, 4, 6, 7))));
  expect(OP_AVG_POOL2D, ATTRS(list("kernel", D(2, 2)), padding("padding", PAD(1, 1, 0, 0))), IN(x),
         OUT(f32(D(1, 1, 2, 2), V(0.25, 1.25, 2.75, 7))));
  expect(OP_AVG_POOL2D,
         ATTRS(list("kernel", D(2, 2)), padding("padding", PAD(1, 1, 0, 0)), flag("count_include_pad", false)), IN(x),
         OUT(f32(D(1, 1, 2, 2), V(1, 2.5, 5.5, 7))));
}

static void ceil_mode_does_not_count_past_the_padding(void **state) {
  (void)state;
  // Kernel 3, stride 2 over 4 columns with a padding of 1: windows {pad 1 2}, {2 3 4}, {4 pad}, the last cut at the
  // border.
  expect(OP_AVG_POOL2D,
         ATTRS(list("kernel", D(1, 3)), list("stride", D(1, 2)), padding("padding", PAD(0, 1, 0, 1)),
               flag("ceil_mode", true)),
         IN(f32(D(1, 1, 1, 4), V(1, 2, 3, 4))), OUT(f32(D(1, 1, 1, 3), V(1, 3, 2))));
  expect(OP_AVG_POOL2D,
         ATTRS(list("kernel", D(1, 3)), list("stride", D(1, 2)), padding("padding", PAD(0, 1, 0, 1)),
               flag("ceil_mode", true), flag("count_include_pad", false)),
         IN(f32(D(1, 1, 1, 4), V(1, 2, 3, 4))), OUT(f32(D(1, 1, 1, 3), V(1.5, 3, 4))));
}

static void ceil_mode_allows_a_window_larger_than_the_picture(void **state) {
  (void)state;
  Array x = f32(D(1, 1, 1, 2), V(1, 2));
  Settings settings = ATTRS(list("kernel", D(1, 3)), list("stride", D(1, 2)), flag("ceil_mode", true));
  expect(OP_MAX_POOL2D, settings, IN(x), OUT(f32(D(1, 1, 1, 1), V(2))));
  expect(OP_AVG_POOL2D, settings, IN(x), OUT(f32(D(1, 1, 1, 1), V(1.5))));
}

static void adaptive(void **state) {
  (void)state;
  // 5 columns in 3 windows: 0-1, 1-3, 3-4; 2 rows in 1
  expect(OP_ADAPTIVE_AVG_POOL2D, ATTRS(list("output_size", D(1, 3))),
         IN(f32(D(1, 1, 2, 5), V(1, 2, 3, 4, 5, 3, 4, 5, 6, 7))), OUT(f32(D(1, 1, 1, 3), V(2.5, 4, 5.5))));
  // more windows than columns
  expect(OP_ADAPTIVE_AVG_POOL2D, ATTRS(list("output_size", D(1, 3))), IN(f32(D(1, 1, 1, 2), V(1, 3))),
         OUT(f32(D(1, 1, 1, 3), V(1, 2, 3))));
}

static void global(void **state) {
  (void)state;
  expect(OP_GLOBAL_AVG_POOL, NO_ATTRS, IN(f32(D(1, 2, 1, 3), V(1, 2, 6, 0, 0, 1.5))),
         OUT(f32(D(1, 2, 1, 1), V(3, 0.5))));
}

static void mean(void **state) {
  (void)state;
  Array x = f32(D(2, 1, 3), V(1, 2, 3, 4, 5, 9));
  expect(OP_MEAN, NO_ATTRS, IN(x), OUT(f32(SCALAR, V(4))));
  expect(OP_MEAN, ATTRS(list("dim", D(-1))), IN(x), OUT(f32(D(2, 1), V(2, 6))));
  expect(OP_MEAN, ATTRS(list("dim", D(0)), flag("keepdim", true)), IN(x), OUT(f32(D(1, 1, 3), V(2.5, 3.5, 6))));
  expect(OP_MEAN, ATTRS(list("dim", D(2, 0))), IN(x), OUT(f32(D(1), V(4))));
}

static void adaptive_maximum(void **state) {
  (void)state;
  Array x = f32(D(1, 1, 2, 5), V(1, 9, 3, 2, 5, 4, 0, 7, 8, 6));
  expect(OP_ADAPTIVE_MAX_POOL2D, ATTRS(list("output_size", D(1, 2))), IN(x), OUT(f32(D(1, 1, 1, 2), V(9, 8))));
  expect(OP_GLOBAL_MAX_POOL, NO_ATTRS, IN(x), OUT(f32(D(1, 1, 1, 1), V(9))));
}

static void interpolation(void **state) {
  (void)state;
  Array x = f32(D(1, 1, 1, 3), V(0, 8, 4));
  expect(OP_INTERPOLATE, ATTRS(dims("size", D(2, 5))), IN(x), OUT(f32(D(1, 1, 2, 5), V(0, 0, 8, 8, 4, 0, 0, 8, 8, 4))));
  expect(OP_INTERPOLATE, ATTRS(reals("scale_factor", 2, V(1, 2)), word("mode", "bilinear")), IN(x),
         OUT(f32(D(1, 1, 1, 6), V(0, 2, 6, 7, 5, 4))));
  expect(OP_INTERPOLATE, ATTRS(dims("size", D(1, 5)), word("mode", "bilinear"), flag("align_corners", true)), IN(x),
         OUT(f32(D(1, 1, 1, 5), V(0, 4, 8, 6, 4))));
  // Keys' weights half way between pixels: -3/32, 19/32, 19/32, -3/32.
  expect(OP_INTERPOLATE, ATTRS(dims("size", D(1, 5)), word("mode", "bicubic"), flag("align_corners", true)), IN(x),
         OUT(f32(D(1, 1, 1, 5), V(0, 4.375, 8, 6.75, 4))));
  expect(OP_INTERPOLATE, ATTRS(dims("size", D(1, 1)), word("mode", "bilinear"), flag("antialias", true)), IN(x),
         OUT(f32(D(1, 1, 1, 1), V(32.0 / 7))));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(max_pool),
      cmocka_unit_test(padding_never_wins),
      cmocka_unit_test(dilation_steps_over_the_border),
      cmocka_unit_test(nan_is_the_maximum),
      cmocka_unit_test(places_of_maxima),
      cmocka_unit_test(regions),
      cmocka_unit_test(volumes),
      cmocka_unit_test(avg_pool_of_elements_apart),
      cmocka_unit_test(avg_pool),
      cmocka_unit_test(ceil_mode_does_not_count_past_the_padding),
      cmocka_unit_test(ceil_mode_allows_a_window_larger_than_the_picture),
      cmocka_unit_test(adaptive),
      cmocka_unit_test(global),
      cmocka_unit_test(adaptive_maximum),
      cmocka_unit_test(interpolation),
      cmocka_unit_test(mean),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
