// Integers of 64 bits exactly, the other types at their bounds, and f64.
#include "tests/ref/fixture.h"

#define I(...) (const int64_t[]){__VA_ARGS__}, (int)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

static const double zeros[8];
static const int64_t *shape(int n) {
  static const int64_t sizes[] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
  return &sizes[n];
}

static void load(RefTensor *t, const int64_t *v) {
  for (int64_t k = 0; k < t->count; k++) t->i[k] = v[k];
}

// One node over integers of type `in`, u64 as their bits.
static void exactly(OpKind op, Settings settings, DType in, const int64_t *a, int n_a, const int64_t *b, int n_b,
                    const int64_t *want, int n) {
  Array operands[] = {array(in, 1, shape(n_a), zeros), array(in, 1, shape(n_b), zeros)};
  Fixture f = fixture_create(op, settings, (Arrays){b ? 2 : 1, operands});
  load(&f.inputs[0], a);
  if (b) load(&f.inputs[1], b);
  assert_true(fixture_run(&f));
  assert_int_equal(f.outputs[0].count, n);
  for (int k = 0; k < n; k++)
    if (f.outputs[0].i[k] != want[k])
      fail_msg("%s of %s: element %d is %lld, not %lld", op_info(op)->name, dtype_name(in), k,
               (long long)f.outputs[0].i[k], (long long)want[k]);
  fixture_free(&f);
}
#define UNARY(op, settings, type, a, want) exactly(op, settings, type, a, NULL, 0, want)
#define BINARY(op, type, a, b, want) exactly(op, NO_ATTRS, type, a, b, want)

#define BIG (INT64_C(1) << 53)
#define TOP INT64_MIN // 2^63 as the bits of a u64

static void wide_integers(void **state) {
  (void)state;
  BINARY(OP_ADD, DT_U64, I(BIG, -1), I(1, 2), I(BIG + 1, 1));
  BINARY(OP_SUB, DT_I64, I(BIG + 2, INT64_MIN), I(1, 1), I(BIG + 1, INT64_MAX));
  BINARY(OP_MUL, DT_U64, I(BIG + 1, TOP), I(3, 3), I(3 * BIG + 3, TOP));
  BINARY(OP_DIV, DT_U64, I(-1, TOP + 7), I(2, 10), I(INT64_MAX, INT64_C(922337203685477581)));
  BINARY(OP_MINIMUM, DT_U64, I(TOP, BIG), I(1, BIG + 1), I(1, BIG));
  BINARY(OP_MAXIMUM, DT_U64, I(TOP, BIG), I(1, BIG + 1), I(TOP, BIG + 1));
  BINARY(OP_LT, DT_U64, I(TOP, BIG, 1), I(1, BIG + 1, TOP), I(0, 1, 1));
  BINARY(OP_GE, DT_I64, I(TOP, BIG, 1), I(1, BIG + 1, TOP), I(0, 0, 1));
  BINARY(OP_EQ, DT_U64, I(BIG), I(BIG + 1), I(0));
  UNARY(OP_ABS, NO_ATTRS, DT_U64, I(TOP + 1), I(TOP + 1));
  UNARY(OP_RELU, NO_ATTRS, DT_U64, I(TOP + 1), I(TOP + 1));
  UNARY(OP_CLAMP, ATTRS(real("min", 2), real("max", 0x1p53)), DT_U64, I(1, BIG + 1, TOP), I(2, BIG, BIG));
  UNARY(OP_AMAX, NO_ATTRS, DT_U64, I(BIG, TOP + 1, BIG + 1), I(TOP + 1));
  UNARY(OP_AMIN, NO_ATTRS, DT_U64, I(BIG + 1, TOP + 1, BIG + 2), I(BIG + 1));
  UNARY(OP_ARGMAX, NO_ATTRS, DT_U64, I(BIG, TOP, TOP + 1, BIG), I(2));
  UNARY(OP_SUM, NO_ATTRS, DT_U32, I(UINT32_MAX, UINT32_MAX), I(2 * (int64_t)UINT32_MAX));
  BINARY(OP_MATMUL, DT_U64, I(BIG + 1, 1), I(1, 1), I(BIG + 2));
  BINARY(OP_MATMUL, DT_I16, I(300, 1), I(300, 1), I(90001 - 131072 + 65536));
}

static void powers(void **state) {
  (void)state;
  BINARY(OP_POW, DT_I32, I(2, -3, 7, 0, 5), I(10, 3, 0, 0, 1), I(1024, -27, 1, 1, 5));
  BINARY(OP_POW, DT_I64, I(3, 2, -2, 10), I(40, 63, 63, 19),
         I(INT64_C(-6289078614652622815), TOP, TOP, INT64_C(-8446744073709551616)));
  BINARY(OP_POW, DT_I8, I(2, 1, -1, -1, 0, 7), I(-1, -5, -5, -4, -1, 3), I(0, 1, -1, 1, 0, 87));
  BINARY(OP_POW, DT_U64, I(2, 3), I(-1, 2), I(0, 9));
}

static void casts(void **state) {
  (void)state;
#define TO(type) ATTRS(dtype("dtype", type))
  UNARY(OP_CAST, TO(DT_I64), DT_U64, I(TOP, BIG + 1), I(TOP, BIG + 1));
  UNARY(OP_CAST, TO(DT_U64), DT_I32, I(-1, 5), I(-1, 5));
  UNARY(OP_CAST, TO(DT_U32), DT_I64, I(-1, BIG + 7), I(UINT32_MAX, 7));
  UNARY(OP_CAST, TO(DT_I16), DT_U32, I(32768, 65536 + 3), I(-32768, 3));
  UNARY(OP_CAST, TO(DT_U16), DT_I8, I(-1, 3), I(65535, 3));
  UNARY(OP_CAST, TO(DT_BOOL), DT_U64, I(TOP, 0), I(1, 0));
  Array x = array(DT_F64, D(5), V(-1.9, 1e30, 0x1p63 + 0x1p11, NAN, 65535.5));
  expect(OP_CAST, TO(DT_U64), IN(x), OUT(array(DT_U64, D(5), V(0, 0x1p64, 0x1p63 + 0x1p11, 0, 65535))));
  expect(OP_CAST, TO(DT_U32), IN(x), OUT(array(DT_U32, D(5), V(0, UINT32_MAX, UINT32_MAX, 0, 65535))));
  expect(OP_CAST, TO(DT_I16), IN(x), OUT(array(DT_I16, D(5), V(-1, 32767, 32767, 0, 32767))));
  // Once from f64; by way of f32 the tie would be an even one.
  expect(OP_CAST, TO(DT_F16), IN(array(DT_F64, D(2), V(2049 + 0x1p-30, 2049))),
         OUT(array(DT_F16, D(2), V(2050, 2048))));
  expect(OP_CAST, TO(DT_F32), IN(array(DT_F64, D(1), V(0.1))), OUT(f32(D(1), V((double)0.1f))));
  expect(OP_CAST, TO(DT_F64), IN(array(DT_I32, D(1), V(INT32_MAX))), OUT(array(DT_F64, D(1), V(INT32_MAX))));
#undef TO
}

static void bounds(void **state) {
  (void)state;
  BINARY(OP_ADD, DT_I16, I(32767), I(1), I(-32768));
  BINARY(OP_ADD, DT_U16, I(65535), I(2), I(1));
  BINARY(OP_SUB, DT_U32, I(1), I(2), I(UINT32_MAX));
  UNARY(OP_NEG, NO_ATTRS, DT_U64, I(1), I(-1));
  expect_failure(OP_DIV, NO_ATTRS, IN(array(DT_U64, D(1), V(1)), array(DT_U64, D(1), V(0))), "divided by zero");
  // Numbers outside of a dimension are moved to its nearest index.
  Fixture f = fixture_create(OP_INDEX_SELECT, ATTRS(number("dim", 0)),
                             IN(array(DT_F64, D(3), V(5, 6, 7)), array(DT_U64, D(2), V(1, 1))));
  f.inputs[1].i[1] = TOP;
  assert_true(fixture_run(&f));
  assert_true(f.outputs[0].f[0] == 6 && f.outputs[0].f[1] == 7);
  fixture_free(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(wide_integers),
      cmocka_unit_test(powers),
      cmocka_unit_test(casts),
      cmocka_unit_test(bounds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
