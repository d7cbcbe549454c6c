// Elementwise ops, their types, and normalizations.
#include "tests/ref/fixture.h"

// Phi(1), the tanh form of GELU at 1, sigmoid(1), tanh(1); to 17 digits, from tables.
#define PHI1 0.84134474606854293
#define GELU_TANH1 0.84119199060827676
#define SIGMOID1 0.73105857863000490
#define TANH1 0.76159415595576485

static void activations(void **state) {
  (void)state;
  expect(OP_RELU, NO_ATTRS, IN(f32(D(4), V(-1, 0, 2, NAN))), OUT(f32(D(4), V(0, 0, 2, NAN))));
  expect(OP_RELU6, NO_ATTRS, IN(f32(D(3), V(-1, 5.5, 7))), OUT(f32(D(3), V(0, 5.5, 6))));
  expect(OP_GELU, NO_ATTRS, IN(f32(D(4), V(0, 1, -1, -40))), OUT(f32(D(4), V(0, PHI1, PHI1 - 1, 0))));
  expect(OP_GELU, ATTRS(word("approximate", "tanh")), IN(f32(D(2), V(1, -1))),
         OUT(f32(D(2), V(GELU_TANH1, GELU_TANH1 - 1))));
  expect(OP_SILU, NO_ATTRS, IN(f32(D(3), V(1, -1, -1e4))), OUT(f32(D(3), V(SIGMOID1, SIGMOID1 - 1, 0))));
  expect(OP_SIGMOID, NO_ATTRS, IN(f32(D(4), V(1, -1, 1e4, -1e4))), OUT(f32(D(4), V(SIGMOID1, 1 - SIGMOID1, 1, 0))));
  expect(OP_TANH, NO_ATTRS, IN(f32(D(2), V(1, -1))), OUT(f32(D(2), V(TANH1, -TANH1))));
  expect(OP_HARDSIGMOID, NO_ATTRS, IN(f32(D(4), V(-4, 0, 1.5, 9))), OUT(f32(D(4), V(0, 0.5, 0.75, 1))));
  expect(OP_HARDSWISH, NO_ATTRS, IN(f32(D(4), V(-4, -1.5, 1.5, 9))), OUT(f32(D(4), V(0, -0.375, 1.125, 9))));
  expect(OP_DROPOUT, ATTRS(real("p", 0.9)), IN(f32(D(2), V(1, -1))), OUT(f32(D(2), V(1, -1))));
}

static void functions(void **state) {
  (void)state;
  const double e = 2.718281828459045, ln2 = 0.69314718055994531;
  expect(OP_EXP, NO_ATTRS, IN(f32(D(3), V(0, 1, -INFINITY))), OUT(f32(D(3), V(1, e, 0))));
  expect(OP_LOG, NO_ATTRS, IN(f32(D(4), V(1, 2, 0, -1))), OUT(f32(D(4), V(0, ln2, -INFINITY, NAN))));
  expect(OP_SQRT, NO_ATTRS, IN(f32(D(2), V(2.25, -1))), OUT(f32(D(2), V(1.5, NAN))));
  expect(OP_RSQRT, NO_ATTRS, IN(f32(D(2), V(4, 0))), OUT(f32(D(2), V(0.5, INFINITY))));
  expect(OP_RECIPROCAL, NO_ATTRS, IN(f32(D(2), V(4, -0.0))), OUT(f32(D(2), V(0.25, -INFINITY))));
  expect(OP_ERF, NO_ATTRS, IN(f32(D(2), V(M_SQRT1_2, -9))), OUT(f32(D(2), V(2 * PHI1 - 1, -1))));
  expect(OP_SIN, NO_ATTRS, IN(f32(D(2), V(0, M_PI / 6))), OUT(f32(D(2), V(0, 0.5))));
  expect(OP_COS, NO_ATTRS, IN(f32(D(2), V(0, M_PI / 3))), OUT(f32(D(2), V(1, 0.5))));
  expect(OP_ABS, NO_ATTRS, IN(array(DT_I8, D(3), V(-128, -3, 3))), OUT(array(DT_I8, D(3), V(-128, 3, 3))));
  expect(OP_NEG, NO_ATTRS, IN(array(DT_U8, D(2), V(1, 0))), OUT(array(DT_U8, D(2), V(255, 0))));
  expect(OP_FLOOR, NO_ATTRS, IN(f32(D(2), V(-0.5, 1.5))), OUT(f32(D(2), V(-1, 1))));
  expect(OP_CEIL, NO_ATTRS, IN(f32(D(2), V(-0.5, 1.5))), OUT(f32(D(2), V(0, 2))));
  expect(OP_ROUND, NO_ATTRS, IN(f32(D(4), V(0.5, 1.5, 2.5, -2.6))), OUT(f32(D(4), V(0, 2, 2, -3))));
  expect(OP_POW, NO_ATTRS, IN(f32(D(4), V(2, -2, -2, 0)), f32(D(4), V(-1, 3, 0.5, 0))),
         OUT(f32(D(4), V(0.5, -8, NAN, 1))));
}

static void units(void **state) {
  (void)state;
  const double ln2 = 0.69314718055994531; // e^-ln2 = 1/2
  expect(OP_ELU, ATTRS(real("alpha", 3)), IN(f32(D(3), V(2, -ln2, NAN))), OUT(f32(D(3), V(2, -1.5, NAN))));
  expect(OP_CELU, ATTRS(real("alpha", 2)), IN(f32(D(2), V(2, -2 * ln2))), OUT(f32(D(2), V(2, -1))));
  expect(OP_SELU, NO_ATTRS, IN(f32(D(2), V(1, -ln2))),
         OUT(f32(D(2), V(1.0507009873554805, -1.0507009873554805 * 1.6732632423543772 / 2))));
  expect(OP_LEAKY_RELU, ATTRS(real("negative_slope", 0.25)), IN(f32(D(2), V(2, -2))), OUT(f32(D(2), V(2, -0.5))));
  expect(OP_PRELU, NO_ATTRS, IN(f32(D(1, 2, 2), V(1, -1, 1, -1)), f32(D(2), V(0.5, 4))),
         OUT(f32(D(1, 2, 2), V(1, -0.5, 1, -4))));
  expect(OP_PRELU, NO_ATTRS, IN(f32(D(2), V(1, -1)), f32(D(1), V(0.5))), OUT(f32(D(2), V(1, -0.5))));
  expect(OP_SOFTPLUS, ATTRS(real("beta", 2), real("threshold", 9)), IN(f32(D(3), V(0, 5, -ln2))),
         OUT(f32(D(3), V(ln2 / 2, 5, 0.11157177565710488)))); // log(5/4) / 2
  expect(OP_MISH, NO_ATTRS, IN(f32(D(2), V(0, 100))), OUT(f32(D(2), V(0, 100))));
  expect(OP_MISH, NO_ATTRS, IN(f32(D(1), V(ln2))), OUT(f32(D(1), V(ln2 * 0.8)))); // (3^2 - 1) / (3^2 + 1)
  expect(OP_CLAMP, ATTRS(real("min", -1), real("max", 2)), IN(f32(D(4), V(-3, 0.5, 3, NAN))),
         OUT(f32(D(4), V(-1, 0.5, 2, NAN))));
  expect(OP_CLAMP, ATTRS(real("min", 2), real("max", -2)), IN(f32(D(1), V(0))), OUT(f32(D(1), V(-2))));
  expect(OP_CLAMP, ATTRS(real("max", 300)), IN(array(DT_U8, D(1), V(255))), OUT(array(DT_U8, D(1), V(255))));
}

static void comparisons(void **state) {
  (void)state;
  Array a = f32(D(4), V(1, 2, 3, NAN)), b = f32(D(1), V(2)), h = array(DT_BOOL, D(2), V(1, 0));
  expect(OP_LT, NO_ATTRS, IN(a, b), OUT(array(DT_BOOL, D(4), V(1, 0, 0, 0))));
  expect(OP_LE, NO_ATTRS, IN(a, b), OUT(array(DT_BOOL, D(4), V(1, 1, 0, 0))));
  expect(OP_GT, NO_ATTRS, IN(a, b), OUT(array(DT_BOOL, D(4), V(0, 0, 1, 0))));
  expect(OP_GE, NO_ATTRS, IN(a, b), OUT(array(DT_BOOL, D(4), V(0, 1, 1, 0))));
  expect(OP_EQ, NO_ATTRS, IN(a, b), OUT(array(DT_BOOL, D(4), V(0, 1, 0, 0))));
  expect(OP_NE, NO_ATTRS, IN(a, b), OUT(array(DT_BOOL, D(4), V(1, 0, 1, 1))));
  expect(OP_MINIMUM, NO_ATTRS, IN(a, b), OUT(f32(D(4), V(1, 2, 2, NAN))));
  expect(OP_MAXIMUM, NO_ATTRS, IN(b, a), OUT(f32(D(4), V(2, 2, 3, NAN))));
  expect(OP_LOGICAL_AND, NO_ATTRS, IN(h, f32(D(2), V(0.5, 1))), OUT(array(DT_BOOL, D(2), V(1, 0))));
  expect(OP_LOGICAL_OR, NO_ATTRS, IN(h, f32(D(2), V(0, NAN))), OUT(array(DT_BOOL, D(2), V(1, 1))));
  expect(OP_LOGICAL_XOR, NO_ATTRS, IN(h, array(DT_I8, D(2), V(2, 0))), OUT(array(DT_BOOL, D(2), V(0, 0))));
  expect(OP_LOGICAL_NOT, NO_ATTRS, IN(f32(D(3), V(0, -0.0, 2))), OUT(array(DT_BOOL, D(3), V(1, 1, 0))));
  expect(OP_WHERE, NO_ATTRS, IN(h, f32(D(2, 1), V(3, 4)), f32(D(1), V(9))), OUT(f32(D(2, 2), V(3, 9, 4, 9))));
}

static void casts(void **state) {
  (void)state;
  Array x = f32(D(5), V(-1.9, 1.9, 300, NAN, -1e30));
  expect(OP_CAST, ATTRS(dtype("dtype", DT_I32)), IN(x), OUT(array(DT_I32, D(5), V(-1, 1, 300, 0, INT32_MIN))));
  expect(OP_CAST, ATTRS(dtype("dtype", DT_U8)), IN(x), OUT(array(DT_U8, D(5), V(0, 1, 255, 0, 0))));
  expect(OP_CAST, ATTRS(dtype("dtype", DT_BOOL)), IN(f32(D(3), V(0, 0.25, NAN))),
         OUT(array(DT_BOOL, D(3), V(0, 1, 1))));
  expect(OP_CAST, ATTRS(dtype("dtype", DT_I8)), IN(array(DT_I64, D(3), V(127, 128, -129))),
         OUT(array(DT_I8, D(3), V(127, -128, 127))));
  expect(OP_CAST, ATTRS(dtype("dtype", DT_F32)), IN(array(DT_U8, D(2), V(0, 255))), OUT(f32(D(2), V(0, 255))));
}

static void narrow_floats_round_to_even(void **state) {
  (void)state;
  Array x = f32(D(5), V(2049, 2051, 65519, 65520, 0x1p-25));
  expect(OP_CAST, ATTRS(dtype("dtype", DT_F16)), IN(x), OUT(array(DT_F16, D(5), V(2048, 2052, 65504, INFINITY, 0))));
  expect(OP_CAST, ATTRS(dtype("dtype", DT_BF16)), IN(f32(D(3), V(257, 259, 1 + 0x1p-8 + 0x1p-40))),
         OUT(array(DT_BF16, D(3), V(256, 260, 1 + 0x1p-7))));
  expect(OP_ADD, NO_ATTRS, IN(array(DT_BF16, D(1), V(256)), array(DT_BF16, D(1), V(1))),
         OUT(array(DT_BF16, D(1), V(256))));
}

static void broadcasting(void **state) {
  (void)state;
  Array column = f32(D(2, 1), V(10, 20)), row = f32(D(3), V(1, 2, 4));
  expect(OP_ADD, NO_ATTRS, IN(column, row), OUT(f32(D(2, 3), V(11, 12, 14, 21, 22, 24))));
  expect(OP_SUB, NO_ATTRS, IN(column, row), OUT(f32(D(2, 3), V(9, 8, 6, 19, 18, 16))));
  expect(OP_MUL, NO_ATTRS, IN(column, row), OUT(f32(D(2, 3), V(10, 20, 40, 20, 40, 80))));
  expect(OP_DIV, NO_ATTRS, IN(column, row), OUT(f32(D(2, 3), V(10, 5, 2.5, 20, 10, 5))));
  expect(OP_ADD, NO_ATTRS, IN(f32(SCALAR, V(1)), f32(SCALAR, V(2))), OUT(f32(SCALAR, V(3))));
}

static void integers(void **state) {
  (void)state;
  expect(OP_ADD, NO_ATTRS, IN(array(DT_U8, D(1), V(250)), array(DT_U8, D(1), V(10))), OUT(array(DT_U8, D(1), V(4))));
  expect(OP_SUB, NO_ATTRS, IN(array(DT_I8, D(1), V(-128)), array(DT_I8, D(1), V(1))), OUT(array(DT_I8, D(1), V(127))));
  expect(OP_MUL, NO_ATTRS, IN(array(DT_I32, D(1), V(65536)), array(DT_I32, D(1), V(65537))),
         OUT(array(DT_I32, D(1), V(65536))));
  expect(OP_DIV, NO_ATTRS, IN(array(DT_I32, D(4), V(7, -7, 7, INT32_MIN)), array(DT_I32, D(4), V(2, 2, -2, -1))),
         OUT(array(DT_I32, D(4), V(3, -3, -3, INT32_MIN))));
  expect_failure(OP_DIV, NO_ATTRS, IN(array(DT_I32, D(2), V(1, 1)), array(DT_I32, D(2), V(1, 0))),
                 "div @layer: an integer is divided by zero");
}

static void large_integers_are_exact(void **state) {
  (void)state;
  Fixture f = fixture_create(OP_ADD, NO_ATTRS, IN(array(DT_I64, D(1), V(0)), array(DT_I64, D(1), V(1))));
  f.inputs[0].i[0] = (INT64_C(1) << 53) + 2;
  assert_true(fixture_run(&f));
  assert_true(f.outputs[0].i[0] == (INT64_C(1) << 53) + 3);
  ref_tensor_free(&f.outputs[0]);
  f.inputs[0].i[0] = INT64_MAX;
  assert_true(fixture_run(&f));
  assert_true(f.outputs[0].i[0] == INT64_MIN);
  fixture_free(&f);
}

static void batch_norm(void **state) {
  (void)state;
  // (x - mean) / sqrt(var + eps) with var + eps of 4 and 0.25
  expect(OP_BATCH_NORM, ATTRS(real("eps", 0.25)),
         IN(f32(D(1, 2, 2), V(1, 3, 5, 7)), f32(D(2), V(10, 1)), f32(D(2), V(0.5, 0)), f32(D(2), V(1, 6)),
            f32(D(2), V(3.75, 0))),
         OUT(f32(D(1, 2, 2), V(0.5, 10.5, -2, 2))));
  expect(OP_BATCH_NORM, ATTRS(real("eps", 0)), IN(f32(D(1, 1), V(3)), ABSENT, ABSENT, f32(D(1), V(1)), f32(D(1), V(4))),
         OUT(f32(D(1, 1), V(1))));
}

static void layer_norm(void **state) {
  (void)state;
  // mean 2, variance 1, and 1 + eps = 4; then mean 5, variance 9 - not 12: the biased one - with eps 7
  expect(OP_LAYER_NORM, ATTRS(real("eps", 3)), IN(f32(D(1, 2), V(1, 3)), f32(D(2), V(2, 4)), f32(D(2), V(0, 1))),
         OUT(f32(D(1, 2), V(-1, 3))));
  expect(OP_LAYER_NORM, ATTRS(real("eps", 7)), IN(f32(D(1, 4), V(2, 8, 2, 8))),
         OUT(f32(D(1, 4), V(-0.75, 0.75, -0.75, 0.75))));
}

static void group_norm(void **state) {
  (void)state;
  // means 2 and 6, variances 1 + 3 and 1 + 3; then of each channel alone
  expect(OP_GROUP_NORM, ATTRS(number("num_groups", 2), real("eps", 3)),
         IN(f32(D(1, 4, 1), V(1, 3, 7, 5)), f32(D(4), V(2, 4, 2, 6)), f32(D(4), V(0, 1, 0, 0))),
         OUT(f32(D(1, 4, 1), V(-1, 3, 1, -3))));
  expect(OP_INSTANCE_NORM, ATTRS(real("eps", 3)), IN(f32(D(1, 2, 2), V(1, 3, 7, 5))),
         OUT(f32(D(1, 2, 2), V(-0.5, 0.5, 0.5, -0.5))));
}

static void local_response_norm(void **state) {
  (void)state;
  // one channel before and none behind: 1 + 2 (sum of squares) / 2
  expect(OP_LOCAL_RESPONSE_NORM, ATTRS(number("size", 2), real("alpha", 2), real("beta", 0.5)),
         IN(f32(D(1, 3, 1), V(0, 4, 2))), OUT(f32(D(1, 3, 1), V(0, 4 / 4.1231056256176606, 2 / 4.5825756949558398))));
}

static void normalize(void **state) {
  (void)state;
  expect(OP_NORMALIZE, ATTRS(reals("mean", 2, V(1, 2)), reals("std", 2, V(0.5, 2)), real("scale", 10)),
         IN(f32(D(1, 2, 1, 2), V(10, 20, 10, 40))), OUT(f32(D(1, 2, 1, 2), V(0, 2, -0.5, 1))));
}

static void softmax(void **state) {
  (void)state;
  const double LN3 = 1.0986122886681098;
  Array x = f32(D(2, 2), V(0, LN3, 0, 0));
  expect(OP_SOFTMAX, ATTRS(number("dim", -1)), IN(x), OUT(f32(D(2, 2), V(0.25, 0.75, 0.5, 0.5))));
  expect(OP_LOG_SOFTMAX, ATTRS(number("dim", 1)), IN(f32(D(1, 2), V(0, LN3))),
         OUT(f32(D(1, 2), V(-1.3862943611198906, -0.28768207245178093))));
  expect(OP_SOFTMAX, ATTRS(number("dim", 0)), IN(x), OUT(f32(D(2, 2), V(0.5, 0.75, 0.5, 0.25))));
  expect(OP_SOFTMAX, ATTRS(number("dim", 0)), IN(f32(D(2), V(1e4, -1e4))), OUT(f32(D(2), V(1, 0))));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(functions),
      cmocka_unit_test(units),
      cmocka_unit_test(comparisons),
      cmocka_unit_test(group_norm),
      cmocka_unit_test(local_response_norm),
      cmocka_unit_test(activations),
      cmocka_unit_test(casts),
      cmocka_unit_test(narrow_floats_round_to_even),
      cmocka_unit_test(broadcasting),
      cmocka_unit_test(integers),
      cmocka_unit_test(large_integers_are_exact),
      cmocka_unit_test(batch_norm),
      cmocka_unit_test(layer_norm),
      cmocka_unit_test(normalize),
      cmocka_unit_test(softmax),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
