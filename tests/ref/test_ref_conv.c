// Convolution and patch embedding: by hand, and against the defining sum written as seven loops.
#include "ir/core/arena.h"
#include "tests/ref/fixture.h"

static void one_tap(void **state) {
  (void)state;
  expect(OP_CONV2D, NO_ATTRS, IN(f32(D(1, 2, 1, 2), V(1, 2, 3, 4)), f32(D(1, 2, 1, 1), V(10, 100)), f32(D(1), V(5))),
         OUT(f32(D(1, 1, 1, 2), V(315, 425))));
}

static void padding_is_asymmetric(void **state) {
  (void)state;
  // top 1, left 0, bottom 0, right 1: the windows of a 2x2 picture are {0 0 1 2}, {0 0 2 0}, {1 2 3 4}, {2 0 4 0}
  expect(OP_CONV2D, ATTRS(padding("padding", PAD(1, 0, 0, 1))),
         IN(f32(D(1, 1, 2, 2), V(1, 2, 3, 4)), f32(D(1, 1, 2, 2), V(1, 10, 100, 1000))),
         OUT(f32(D(1, 1, 2, 2), V(2100, 200, 4321, 402))));
}

static void epilogue_adds_then_activates(void **state) {
  (void)state;
  expect(
      OP_CONV2D, ATTRS(word("act", "relu")),
      IN(f32(D(1, 1, 1, 3), V(1, 2, 3)), f32(D(1, 1, 1, 1), V(-1)), f32(D(1), V(0.5)), f32(D(1, 1, 1, 3), V(1, 1, 4))),
      OUT(f32(D(1, 1, 1, 3), V(0.5, 0, 1.5))));
}

static void halves_round_once(void **state) {
  (void)state;
  // 2049 lies between the halves 2048 and 2050: it goes to the even one; the sum 2048 + 1 + 1 is exact in double.
  expect(OP_CONV2D, NO_ATTRS,
         IN(array(DT_F16, D(1, 3, 1, 1), V(2048, 1, 1)), array(DT_F16, D(2, 3, 1, 1), V(1, 1, 0, 1, 1, 1))),
         OUT(array(DT_F16, D(1, 2, 1, 1), V(2048, 2050))));
}

typedef struct Shape {
  int64_t n, c, h, w, outputs, kh, kw, groups, stride[2], dilation[2], pad[4];
} Shape;

static double tap(const Shape *s, const double *x, int64_t n, int64_t c, int64_t y, int64_t z) {
  return y < 0 || y >= s->h || z < 0 || z >= s->w ? 0 : x[((n * s->c + c) * s->h + y) * s->w + z];
}

// One output element, by the definition.
static double defined(const Shape *s, const double *x, const double *w, const double *bias, int64_t n, int64_t o,
                      int64_t y, int64_t z) {
  int64_t per_group = s->c / s->groups, first = o / (s->outputs / s->groups) * per_group;
  double sum = bias[o];
  for (int64_t c = 0; c < per_group; c++)
    for (int64_t ky = 0; ky < s->kh; ky++)
      for (int64_t kx = 0; kx < s->kw; kx++)
        sum += w[((o * per_group + c) * s->kh + ky) * s->kw + kx] *
               tap(s, x, n, first + c, y * s->stride[0] + ky * s->dilation[0] - s->pad[0],
                   z * s->stride[1] + kx * s->dilation[1] - s->pad[1]);
  return sum;
}

static void against_the_definition(void **state) {
  (void)state;
  static const Shape shapes[] = {
      {2, 6, 9, 7, 4, 3, 2, 2, {2, 1}, {2, 3}, {1, 2, 3, 0}},
      {1, 5, 8, 8, 5, 3, 3, 5, {1, 1}, {1, 1}, {1, 1, 1, 1}},
      {1, 3, 23, 19, 7, 7, 5, 1, {2, 3}, {1, 1}, {3, 2, 3, 2}},
      {3, 4, 1, 1, 9, 1, 1, 1, {1, 1}, {1, 1}, {0, 0, 0, 0}},
  };
  for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
    const Shape *s = &shapes[k];
    int64_t oh = (s->h + s->pad[0] + s->pad[2] - (s->kh - 1) * s->dilation[0] - 1) / s->stride[0] + 1;
    int64_t ow = (s->w + s->pad[1] + s->pad[3] - (s->kw - 1) * s->dilation[1] - 1) / s->stride[1] + 1;
    double *x = noise(s->n * s->c * s->h * s->w, k), *w = noise(s->outputs * s->c / s->groups * s->kh * s->kw, k + 10);
    double *bias = noise(s->outputs, k + 20), *y = noise(s->n * s->outputs * oh * ow, 0);
    int64_t at = 0;
    for (int64_t n = 0; n < s->n; n++)
      for (int64_t o = 0; o < s->outputs; o++)
        for (int64_t p = 0; p < oh * ow; p++) y[at++] = defined(s, x, w, bias, n, o, p / ow, p % ow);
    expect(OP_CONV2D,
           ATTRS(list("stride", 2, s->stride), list("dilation", 2, s->dilation), padding("padding", s->pad),
                 number("groups", s->groups)),
           IN(f32(D(s->n, s->c, s->h, s->w), x), f32(D(s->outputs, s->c / s->groups, s->kh, s->kw), w),
              f32(D(s->outputs), bias)),
           OUT(f32(D(s->n, s->outputs, oh, ow), y)));
    free(x), free(w), free(bias), free(y);
  }
}

static void patches_are_tokens(void **state) {
  (void)state;
  // Patches of 2x2 in reading order; the first output sums a patch, the second takes its last pixel.
  expect(OP_PATCH_EMBED, NO_ATTRS,
         IN(f32(D(1, 1, 2, 4), V(1, 2, 3, 4, 5, 6, 7, 8)), f32(D(2, 1, 2, 2), V(1, 1, 1, 1, 0, 0, 0, 1)),
            f32(D(2), V(0, 0.25))),
         OUT(f32(D(1, 2, 2), V(14, 6.25, 22, 8.25))));
}

static void transposed(void **state) {
  (void)state;
  Array x = f32(D(1, 1, 2, 2), V(1, 2, 3, 4)), w = f32(D(1, 1, 2, 2), V(1, 10, 100, 1000));
  expect(OP_CONV_TRANSPOSE2D, NO_ATTRS, IN(x, w),
         OUT(f32(D(1, 1, 3, 3), V(1, 12, 20, 103, 1234, 2040, 300, 3400, 4000))));
  expect(OP_CONV_TRANSPOSE2D, ATTRS(list("stride", D(2, 3)), list("padding", D(1, 0)), list("output_padding", D(1, 0))),
         IN(x, w, f32(D(1), V(5))),
         OUT(f32(D(1, 1, 3, 5), V(105, 1005, 5, 205, 2005, 8, 35, 5, 9, 45, 305, 3005, 5, 405, 4005))));
  expect(OP_CONV_TRANSPOSE2D, ATTRS(number("groups", 2), list("dilation", D(1, 2))),
         IN(f32(D(1, 2, 1, 1), V(2, 3)), f32(D(2, 1, 1, 2), V(1, 10, 1, 10))),
         OUT(f32(D(1, 2, 1, 3), V(2, 0, 20, 3, 0, 30))));
}

// A volume of one slice is a picture; one of one column and row is as long as it is deep.
static void volumes(void **state) {
  (void)state;
  Array x = f32(D(1, 1, 1, 2, 2), V(1, 2, 3, 4)), w = f32(D(1, 1, 1, 2, 2), V(1, 10, 100, 1000));
  expect(OP_CONV3D, ATTRS(list("padding", D(0, 1, 0, 0, 0, 1))), IN(x, w),
         OUT(f32(D(1, 1, 1, 2, 2), V(2100, 200, 4321, 402))));
  expect(
      OP_CONV3D,
      ATTRS(list("stride", D(2, 1, 1)), list("dilation", D(3, 1, 1)), list("padding", D(1, 0, 0)), number("groups", 2)),
      IN(f32(D(1, 2, 5, 1, 1), V(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)), f32(D(2, 1, 2, 1, 1), V(1, 10, 1, 100)),
         f32(D(2), V(0.5, 0.25))),
      OUT(f32(D(1, 2, 2, 1, 1), V(30.5, 52.5, 800.25, 1007.25))));
  expect(OP_CONV_TRANSPOSE3D,
         ATTRS(list("stride", D(1, 2, 3)), list("padding", D(0, 1, 0)), list("output_padding", D(0, 1, 0))),
         IN(x, w, f32(D(1), V(5))),
         OUT(f32(D(1, 1, 1, 3, 5), V(105, 1005, 5, 205, 2005, 8, 35, 5, 9, 45, 305, 3005, 5, 405, 4005))));
  expect(OP_CONV_TRANSPOSE3D, ATTRS(number("groups", 2), list("dilation", D(2, 1, 1))),
         IN(f32(D(1, 2, 1, 1, 1), V(2, 3)), f32(D(2, 1, 2, 1, 1), V(1, 10, 1, 10))),
         OUT(f32(D(1, 2, 3, 1, 1), V(2, 0, 20, 3, 0, 30))));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_tap),
      cmocka_unit_test(padding_is_asymmetric),
      cmocka_unit_test(epilogue_adds_then_activates),
      cmocka_unit_test(halves_round_once),
      cmocka_unit_test(against_the_definition),
      cmocka_unit_test(patches_are_tokens),
      cmocka_unit_test(transposed),
      cmocka_unit_test(volumes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
