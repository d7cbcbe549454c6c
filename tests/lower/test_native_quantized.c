// Products of integers in native code, against the reference: every element equal where sums are left as they are,
// extreme values among them, odd sizes, borders of a zero point, on every instruction set.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/lower/native.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum Fill { NOISE, MOST, LEAST } Fill; // values: any, 255 x 127, 255 x -128

typedef struct Layer {
  int64_t images, channels, h, w, outputs; // w 0: a linear layer of `h` rows, `images` of them where that is not 0
  int64_t kernel, stride, padding, dilation;
  bool depthwise, is_signed, bias, residual, table;
  int64_t zero, y_zero;
  DType y;
  Fill fill;
} Layer;

static uint64_t seed;
static int64_t random_below(int64_t n) {
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return (int64_t)(seed >> 33) % n;
}

static Value *bytes(Module *m, const char *name, const Type *t, Fill fill) {
  int64_t n = 1;
  for (int i = 0; i < t->rank; i++) n *= t->dims[i];
  Blob *b = blob_malloc((size_t)n);
  for (int64_t i = 0; i < n; i++)
    ((int8_t *)b->data)[i] = (int8_t)(fill == MOST ? 127 : fill == LEAST ? -128 : random_below(256) - 128);
  return graph_dense(m, name, t, b)->value;
}

// Powers of two, by which sums in f32 stay exact.
static Value *powers(Module *m, const char *name, int64_t n, double scale) {
  Blob *b = blob_malloc((size_t)n * sizeof(float));
  for (int64_t i = 0; i < n; i++) ((float *)b->data)[i] = (float)ldexp(scale, (int)(i % 3));
  return graph_dense(m, name, type_get(m, DT_F32, 1, &n), b)->value;
}

static Attr integer(int64_t v) { return (Attr){.kind = ATTR_INT, .i = v}; }
static Attr real(double v) { return (Attr){.kind = ATTR_FLOAT, .f = v}; }
static Attr pair(Module *m, int64_t v) {
  int64_t two[] = {v, v};
  return (Attr){.kind = ATTR_INTS, .n = 2, .ints = arena_memdup(m->arena, two, sizeof two)};
}

#define SCALING(OP)                                                                                                    \
  a[ATTR_##OP##_zero_point] = integer(l->zero), a[ATTR_##OP##_residual_scale] = real(0.25),                            \
  a[ATTR_##OP##_y_zero_point] = integer(l->y_zero), a[ATTR_##OP##_dtype] = (Attr){.kind = ATTR_DTYPE, .i = l->y},      \
  a[ATTR_##OP##_low] = real(l->y == DT_F32  ? -INFINITY                                                                \
                            : l->y == DT_I8 ? -128                                                                     \
                                            : 0),                                                                      \
  a[ATTR_##OP##_high] = real(l->y == DT_F32  ? INFINITY                                                                \
                             : l->y == DT_I8 ? 100                                                                     \
                                             : 255)

static Module *build(Diag *d, const Layer *l) {
  Module *m = module_create(d);
  m->name = "layer";
  bool conv = l->w > 0;
  int rank = conv ? 4 : l->images ? 3 : 2;
  Dim flat[] = {l->h, l->channels}, tokens[] = {l->images, l->h, l->channels},
      picture[] = {l->images, l->channels, l->h, l->w};
  DType in = l->is_signed ? DT_I8 : DT_U8;
  Value *x = graph_input(m, "x", type_get(m, in, rank, conv ? picture : l->images ? tokens : flat));
  Dim wd[] = {l->outputs, l->depthwise ? 1 : l->channels, l->kernel, l->kernel};
  double scale = l->y == DT_F32 ? 0.25 : 0.25 / (double)(l->channels * l->kernel * l->kernel);
  Value *operands[6] = {x,
                        bytes(m, "w", type_get(m, DT_I8, conv ? 4 : 2, wd), l->fill),
                        powers(m, "scale", l->outputs, l->y == DT_F32 ? 1 : ldexp(1, ilogb(scale))),
                        l->bias ? powers(m, "bias", l->outputs, 4) : NULL,
                        NULL,
                        l->table ? bytes(m, "table", type_get(m, l->y, 1, (Dim[]){256}), NOISE) : NULL};
  OpKind op = conv ? OP_QUANTIZED_CONV2D : OP_QUANTIZED_LINEAR;
  Attr *a = arena_array(m->arena, Attr, op_info(op)->n_attrs);
  if (conv) {
    a[ATTR_QUANTIZED_CONV2D_stride] = pair(m, l->stride);
    a[ATTR_QUANTIZED_CONV2D_dilation] = pair(m, l->dilation ? l->dilation : 1);
    int64_t sides[] = {l->padding, l->padding, l->padding, l->padding};
    a[ATTR_QUANTIZED_CONV2D_padding] = (Attr){ATTR_PADDING, 4, .ints = arena_memdup(m->arena, sides, sizeof sides)};
    a[ATTR_QUANTIZED_CONV2D_groups] = integer(l->depthwise ? l->channels : 1);
    SCALING(QUANTIZED_CONV2D);
  } else {
    SCALING(QUANTIZED_LINEAR);
  }
  Node *n = graph_node(m, &(NodeSpec){op, 6, operands, a, "layer", {0}});
  assert_non_null(n);
  if (l->residual) { // of the same shape, once that is known
    operands[4] = graph_input(m, "r", type_with_dtype(m, result(n)->type, l->y == DT_F32 ? DT_F32 : DT_U8));
    Node *with = graph_node(m, &(NodeSpec){op, 6, operands, a, "layer", {0}});
    graph_remove(m, n);
    n = with;
  }
  graph_output(m, "y", result(n));
  return m;
}

static void fill_input(RefTensor *t, Fill fill) {
  for (int64_t k = 0; k < t->count; k++)
    if (t->f)
      t->f[k] = (double)random_below(64);
    else
      t->i[k] = t->type->dtype == DT_I8 ? (fill == NOISE ? random_below(256) - 128 : 127)
                                        : (fill == NOISE ? random_below(256) : 255);
}

static void wrong(void *user, int output, const char *text) {
  const char *cpu = user;
  print_error("%s: output %d: %s\n", cpu, output, text);
}

// Native code for every processor beside the reference; how many results are wrong.
static int compare_filled(Module *m, Diag *d, Fill fill) {
  static const char *const cpus[] = {"native", "x86-64-v4", "x86-64-v3+avxvnni", "x86-64-v3", "x86-64-v2"};
  RefTensor in[2] = {{0}}, want[1] = {{0}};
  int bad = 0;
  for (size_t i = 0; i < m->inputs.len; i++) {
    assert_true(ref_tensor_create(&in[i], m, m->inputs.data[i]->type, NULL));
    fill_input(&in[i], fill);
  }
  assert_true(ref_run(m, NULL, in, want, NULL, NULL, d));
  bool far = getenv("NNCC_FAR") != NULL;
  for (size_t c = 0; c < (far ? 1 : sizeof cpus / sizeof *cpus); c++) {
    NativeOptions o = {.level = 2, .cpu = far ? NULL : cpus[c], .target = far ? "aarch64-linux-gnu" : NULL};
    if (!far && !native_supports(cpus[c])) continue;
    Native n;
    assert_true(native_open(&n, m, &o, d));
    bad += native_judge(&n, NULL, in, want, (Allowance){1e-30, NULL}, wrong, (void *)(far ? "aarch64" : cpus[c]));
    native_close(&n);
  }
  for (size_t i = 0; i < m->inputs.len; i++) ref_tensor_free(&in[i]);
  ref_tensor_free(want);
  return bad;
}

static void compare(Module *m, Diag *d) { assert_int_equal(compare_filled(m, d, NOISE), 0); }

static void check(const Layer *l) {
  seed = 5;
  Diag *d = diag_create();
  Module *m = build(d, l);
  if (compare_filled(m, d, l->fill))
    fail_msg("%lldx%lldx%lldx%lld to %lld, kernel %lld", (long long)l->images, (long long)l->channels, (long long)l->h,
             (long long)l->w, (long long)l->outputs, (long long)l->kernel);
  module_destroy(m);
  diag_destroy(d);
}

#define CHECK_ALL(...)                                                                                                 \
  static const Layer layers[] = {__VA_ARGS__};                                                                         \
  (void)state;                                                                                                         \
  for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) check(&layers[i])

static void test_sums(void **state) {
  CHECK_ALL({1, 1, 1, 1, 1, 1, 1, .y = DT_F32}, {1, 3, 7, 5, 17, 3, 1, 1, .y = DT_F32},
            {2, 16, 9, 11, 16, 1, 1, .y = DT_F32, .is_signed = true},
            {1, 19, 7, 6, 33, 3, 2, 1, .zero = 7, .y = DT_F32},
            {1, 37, 5, 13, 50, 5, 1, 2, .zero = 255, .y = DT_F32, .bias = true},
            {1, 4, 6, 6, 8, 3, 1, 2, 2, .zero = -128, .is_signed = true, .y = DT_F32},
            {1, 24, 14, 14, 48, 3, 1, 1, .zero = 128, .y = DT_F32, .residual = true},
            {1, 64, 4, 31, 80, 1, 1, .zero = 3, .y = DT_F32, .bias = true, .residual = true}, );
}

static void test_extremes(void **state) {
  CHECK_ALL({1, 2049, 2, 3, 17, 1, 1, .y = DT_F32, .fill = MOST}, {1, 67, 5, 5, 16, 3, 1, 1, .y = DT_F32, .fill = MOST},
            {1, 67, 5, 5, 16, 3, 1, 1, .y = DT_F32, .fill = LEAST, .zero = 11},
            {1, 33, 3, 3, 5, 3, 1, 1, .y = DT_F32, .fill = LEAST, .is_signed = true},
            {0, 4096, 3, 0, 19, 1, .y = DT_F32, .fill = MOST}, {0, 4096, 3, 0, 19, 1, .y = DT_F32, .fill = LEAST}, );
}

static void test_quantized(void **state) {
  CHECK_ALL({1, 7, 5, 9, 18, 3, 1, 1, .y = DT_U8, .y_zero = 100, .bias = true},
            {2, 32, 7, 7, 33, 1, 1, .y = DT_I8, .y_zero = -5, .zero = 9, .residual = true, .table = true},
            {1, 16, 12, 12, 16, 3, 2, 1, .y = DT_U8, .zero = -3, .is_signed = true, .residual = true, .bias = true}, );
}

static void test_depthwise(void **state) {
  CHECK_ALL(
      {1, 1, 3, 3, 1, 3, 1, 1, .y = DT_F32}, {2, 17, 9, 7, 17, 3, 1, 1, .depthwise = true, .zero = 12, .y = DT_F32},
      {1, 32, 15, 15, 32, 5, 2, 2, .depthwise = true, .y = DT_F32, .fill = MOST, .zero = 200},
      {1, 19, 8, 31, 19, 3, 2, 1, .depthwise = true, .y = DT_U8, .y_zero = 77, .bias = true, .zero = 1, .table = true},
      {1, 16, 5, 5, 16, 7, 1, 3, .depthwise = true, .is_signed = true, .y = DT_I8, .residual = true},
      {1, 48, 14, 14, 48, 3, 1, 1, .depthwise = true, .y = DT_U8, .fill = LEAST}, );
}

static void test_linear(void **state) {
  CHECK_ALL({0, 4, 1, 0, 1, 1, .y = DT_F32}, {0, 192, 7, 0, 33, 1, .y = DT_F32, .zero = 17, .bias = true},
            {1, 19, 5, 0, 23, 1, .y = DT_F32, .zero = 3},
            {2, 64, 13, 0, 48, 1, .y = DT_U8, .y_zero = 128, .residual = true},
            {1, 7, 1, 0, 16, 1, .is_signed = true, .y = DT_I8, .bias = true}, );
}

// Every byte, in shapes with tails, from either type to either.
static void test_tables(void **state) {
  (void)state;
  static const DType types[] = {DT_U8, DT_I8};
  for (int from = 0; from < 2; from++)
    for (int to = 0; to < 2; to++) {
      Diag *d = diag_create();
      Module *m = module_create(d);
      m->name = "tables";
      Value *x = graph_input(m, "x", type_get(m, types[from], 2, (Dim[]){3, 263}));
      Value *operands[] = {x, bytes(m, "table", type_get(m, types[to], 1, (Dim[]){256}), NOISE)};
      graph_output(m, "y", result(graph_node(m, &(NodeSpec){OP_BYTE_TABLE, 2, operands, NULL, "table", {0}})));
      compare(m, d);
      module_destroy(m);
      diag_destroy(d);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_sums),      cmocka_unit_test(test_extremes),
                                     cmocka_unit_test(test_quantized), cmocka_unit_test(test_depthwise),
                                     cmocka_unit_test(test_linear),    cmocka_unit_test(test_tables)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
