// Ops that move elements.
#include "tests/ref/fixture.h"

static const double SIX[] = {1, 2, 3, 4, 5, 6}, TWELVE[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

static void views(void **state) {
  (void)state;
  expect(OP_RESHAPE, ATTRS(dims("shape", D(3, -1))), IN(f32(D(2, 3), SIX)), OUT(f32(D(3, 2), SIX)));
  expect(OP_FLATTEN, NO_ATTRS, IN(f32(D(1, 2, 3), SIX)), OUT(f32(D(1, 6), SIX)));
  expect(OP_FLATTEN, ATTRS(number("start_dim", 0), number("end_dim", -2)), IN(f32(D(1, 2, 3), SIX)),
         OUT(f32(D(2, 3), SIX)));
  expect(OP_REORDER, NO_ATTRS, IN(f32(D(2, 3), SIX)), OUT(f32(D(2, 3), SIX)));
}

static void permute(void **state) {
  (void)state;
  Array x = f32(D(2, 3, 2), TWELVE);
  expect(OP_PERMUTE, ATTRS(list("dims", D(2, 0, 1))), IN(x),
         OUT(f32(D(2, 2, 3), V(1, 3, 5, 7, 9, 11, 2, 4, 6, 8, 10, 12))));
  expect(OP_PERMUTE, ATTRS(list("dims", D(1, 0))), IN(array(DT_I32, D(2, 3), SIX)),
         OUT(array(DT_I32, D(3, 2), V(1, 4, 2, 5, 3, 6))));
  expect(OP_TRANSPOSE, ATTRS(number("dim0", -1), number("dim1", 0)), IN(x),
         OUT(f32(D(2, 3, 2), V(1, 7, 3, 9, 5, 11, 2, 8, 4, 10, 6, 12))));
}

static void picture(void **state) {
  (void)state;
  Setting scale = reals("scale", 2, V(2, 10)), shift = reals("shift", 2, V(0, -1));
  expect(OP_PICTURE, ATTRS(word("layout", "nhwc"), scale, shift), IN(array(DT_U8, D(1, 1, 3, 2), SIX)),
         OUT(f32(D(1, 2, 1, 3), V(2, 6, 10, 19, 39, 59))));
  expect(OP_PICTURE, ATTRS(word("layout", "nchw"), scale, shift), IN(f32(D(1, 2, 3, 1), SIX)),
         OUT(f32(D(1, 2, 3, 1), V(2, 4, 6, 39, 49, 59))));
}

static void concat(void **state) {
  (void)state;
  expect(OP_CONCAT, ATTRS(number("dim", 1)),
         IN(f32(D(2, 1), V(1, 2)), f32(D(2, 2), V(3, 4, 5, 6)), f32(D(2, 1), V(7, 8))),
         OUT(f32(D(2, 4), V(1, 3, 4, 7, 2, 5, 6, 8))));
  expect(OP_CONCAT, ATTRS(number("dim", -2)), IN(f32(D(1, 2), V(1, 2)), f32(D(2, 2), V(3, 4, 5, 6))),
         OUT(f32(D(3, 2), SIX)));
}

static void split(void **state) {
  (void)state;
  expect(OP_SPLIT, ATTRS(list("sizes", D(1, 2)), number("dim", -1)), IN(f32(D(2, 3), SIX)),
         OUT(f32(D(2, 1), V(1, 4)), f32(D(2, 2), V(2, 3, 5, 6))));
  expect(OP_SPLIT, ATTRS(list("sizes", D(2))), IN(f32(D(3, 2), SIX)),
         OUT(f32(D(2, 2), V(1, 2, 3, 4)), f32(D(1, 2), V(5, 6))));
}

static void slice(void **state) {
  (void)state;
  Array x = f32(D(3, 4), TWELVE);
  expect(OP_SLICE, ATTRS(list("dims", D(0, 1)), dims("starts", D(1, 0)), dims("ends", D(3, 4)), list("steps", D(1, 3))),
         IN(x), OUT(f32(D(2, 2), V(5, 8, 9, 12))));
  expect(OP_SLICE, ATTRS(list("dims", D(-1)), dims("starts", D(-2)), dims("ends", D(-1))), IN(x),
         OUT(f32(D(3, 1), V(3, 7, 11))));
}

static void pad(void **state) {
  (void)state;
  Array x = f32(D(2, 3), SIX);
  expect(OP_PAD, ATTRS(list("pad", D(1, 0, 0, 1)), real("value", 9)), IN(x),
         OUT(f32(D(3, 4), V(9, 1, 2, 3, 9, 4, 5, 6, 9, 9, 9, 9))));
  expect(OP_PAD, ATTRS(list("pad", D(2, 1)), word("mode", "reflect")), IN(x),
         OUT(f32(D(2, 6), V(3, 2, 1, 2, 3, 2, 6, 5, 4, 5, 6, 5))));
  expect(OP_PAD, ATTRS(list("pad", D(0, 2, 1, 0)), word("mode", "replicate")), IN(x),
         OUT(f32(D(3, 5), V(1, 2, 3, 3, 3, 1, 2, 3, 3, 3, 4, 5, 6, 6, 6))));
  expect(OP_PAD, ATTRS(list("pad", D(1, 1)), real("value", 7)), IN(array(DT_I64, D(1), V(5))),
         OUT(array(DT_I64, D(3), V(7, 5, 7))));
}

static void dimensions(void **state) {
  (void)state;
  expect(OP_SQUEEZE, NO_ATTRS, IN(f32(D(1, 2, 1, 3), SIX)), OUT(f32(D(2, 3), SIX)));
  expect(OP_UNSQUEEZE, ATTRS(number("dim", -1)), IN(f32(D(2, 3), SIX)), OUT(f32(D(2, 3, 1), SIX)));
  expect(OP_EXPAND, ATTRS(dims("size", D(2, -1, 3))), IN(f32(D(2, 1), V(1, 2))),
         OUT(f32(D(2, 2, 3), V(1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2))));
  expect(OP_STACK, ATTRS(number("dim", 1)), IN(f32(D(2, 2), V(1, 2, 3, 4)), f32(D(2, 2), V(5, 6, 7, 8))),
         OUT(f32(D(2, 2, 2), V(1, 2, 5, 6, 3, 4, 7, 8))));
  expect(OP_CHUNK, ATTRS(number("chunks", 2), number("dim", 1)), IN(f32(D(2, 3), SIX)),
         OUT(f32(D(2, 2), V(1, 2, 4, 5)), f32(D(2, 1), V(3, 6))));
}

static void orders(void **state) {
  (void)state;
  Array x = f32(D(2, 3), SIX);
  expect(OP_ROLL, ATTRS(list("shifts", D(1)), list("dims", D(1))), IN(x), OUT(f32(D(2, 3), V(3, 1, 2, 6, 4, 5))));
  expect(OP_ROLL, ATTRS(list("shifts", D(-1, 3)), list("dims", D(-1, 0))), IN(x),
         OUT(f32(D(2, 3), V(5, 6, 4, 2, 3, 1))));
  expect(OP_FLIP, ATTRS(list("dims", D(0, 1))), IN(x), OUT(f32(D(2, 3), V(6, 5, 4, 3, 2, 1))));
  expect(OP_FLIP, ATTRS(list("dims", D(-1))), IN(x), OUT(f32(D(2, 3), V(3, 2, 1, 6, 5, 4))));
  Array deep = f32(D(4, 1, 3), TWELVE), wide = f32(D(1, 2, 6), V(1, 4, 2, 5, 3, 6, 7, 10, 8, 11, 9, 12));
  expect(OP_PIXEL_SHUFFLE, ATTRS(number("upscale_factor", 2)), IN(deep), OUT(wide));
  expect(OP_PIXEL_UNSHUFFLE, ATTRS(number("downscale_factor", 2)), IN(wide), OUT(deep));
  expect(OP_CHANNEL_SHUFFLE, ATTRS(number("groups", 2)), IN(f32(D(1, 6, 1), SIX)),
         OUT(f32(D(1, 6, 1), V(1, 4, 2, 5, 3, 6))));
}

static void numbers(void **state) {
  (void)state;
  expect(OP_ARANGE, ATTRS(dims("start", D(3))), NO_OPERANDS, OUT(array(DT_I64, D(3), V(0, 1, 2))));
  expect(OP_ARANGE, ATTRS(dims("start", D(5)), dims("end", D(-2)), number("step", -3)), NO_OPERANDS,
         OUT(array(DT_I64, D(3), V(5, 2, -1))));
  Array x = f32(D(3, 2), SIX), index = array(DT_I64, D(2, 2), V(2, 0, 1, 9)); // 9 stands for the last
  expect(OP_EMBEDDING, NO_ATTRS, IN(index, x), OUT(f32(D(2, 2, 2), V(5, 6, 1, 2, 3, 4, 5, 6))));
  expect(OP_INDEX_SELECT, ATTRS(number("dim", 1)), IN(x, array(DT_U8, D(3), V(1, 0, 1))),
         OUT(f32(D(3, 3), V(2, 1, 2, 4, 3, 4, 6, 5, 6))));
  expect(OP_GATHER, ATTRS(number("dim", 0)), IN(x, index), OUT(f32(D(2, 2), V(5, 2, 3, 6))));
  Array src = f32(D(2, 2), V(10, 20, 30, 40)), twice = array(DT_I64, D(2, 2), V(1, 1, 0, 0));
  expect(OP_SCATTER, ATTRS(number("dim", 0)), IN(x, index, src), OUT(f32(D(3, 2), V(1, 20, 30, 4, 10, 40))));
  expect(OP_SCATTER, ATTRS(number("dim", -1), word("reduce", "sum")), IN(x, twice, src),
         OUT(f32(D(3, 2), V(1, 32, 73, 4, 5, 6))));
}

static void bits(void **state) {
  (void)state;
  Array a = array(DT_U8, D(3), V(12, 255, 0)), b = array(DT_U8, D(3), V(10, 1, 7));
  expect(OP_BITWISE_AND, NO_ATTRS, IN(a, b), OUT(array(DT_U8, D(3), V(8, 1, 0))));
  expect(OP_BITWISE_OR, NO_ATTRS, IN(a, b), OUT(array(DT_U8, D(3), V(14, 255, 7))));
  expect(OP_BITWISE_XOR, NO_ATTRS, IN(a, b), OUT(array(DT_U8, D(3), V(6, 254, 7))));
  expect(OP_BITWISE_NOT, NO_ATTRS, IN(a), OUT(array(DT_U8, D(3), V(243, 0, 255))));
  expect(OP_BITWISE_NOT, NO_ATTRS, IN(array(DT_I32, D(2), V(0, -8))), OUT(array(DT_I32, D(2), V(-1, 7))));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(views),  cmocka_unit_test(permute), cmocka_unit_test(picture), cmocka_unit_test(concat),
      cmocka_unit_test(split),  cmocka_unit_test(slice),   cmocka_unit_test(pad),     cmocka_unit_test(dimensions),
      cmocka_unit_test(orders), cmocka_unit_test(numbers), cmocka_unit_test(bits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
