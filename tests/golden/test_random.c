// Random graphs through every pass alone, in random order, and through the whole pipeline: verified and read back after
// each pass, and computing what they did by the reference interpreter.
#include "ir/core/checked.h"
#include "passes/pass.h"
#include "tests/golden/evaluate.h"
#include "tests/onnx/through.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

// cmocka.h wants the standard headers before it
#include <cmocka.h>

enum { GRAPHS = 200, MOST_NODES = 24 };

// ---- graphs. The same seed gives the same graph.

typedef struct Builder {
  Module *m;
  Vec(Value *) values;
  uint32_t seed;
  int n_weights;
} Builder;

static uint32_t next(uint32_t *seed) { return (*seed = *seed * 1664525u + 1013904223u) >> 8; }
static int pick(Builder *b, int n) { return (int)(next(&b->seed) % (uint32_t)n); }

static Value *weight(Builder *b, int rank, const Dim *dims, double lo, double hi) {
  char name[16];
  int64_t n = 1;
  for (int i = 0; i < rank; i++) n *= dims[i];
  snprintf(name, sizeof name, "w%d", b->n_weights++);
  const Type *t = type_get(b->m, DT_F32, rank, dims);
  if (pick(b, 8) == 0) return graph_splat(b->m, name, t, pick(b, 2) ? lo : hi)->value;
  Blob *blob = blob_malloc((size_t)n * sizeof(float));
  for (int64_t i = 0; i < n; i++) ((float *)blob->data)[i] = (float)(lo + (hi - lo) * pick(b, 1000) / 999);
  return graph_dense(b->m, name, t, blob)->value;
}

static Value *node(Builder *b, OpKind op, int n, Value *const *operands, const Attr *attrs) {
  char name[16];
  snprintf(name, sizeof name, "n%u", b->m->n_nodes);
  Node *made = graph_node(b->m, &(NodeSpec){op, n, operands, attrs, name, {0}});
  return made ? made->results[pick(b, made->n_results)] : NULL;
}

static Attr ints(int n, const int64_t *list) { return (Attr){.kind = ATTR_INTS, .n = n, .ints = list}; }

static Value *convolution(Builder *b, Value *x) {
  Dim c = x->type->dims[1];
  int64_t k = pick(b, 2) ? 1 : 3, groups = pick(b, 3) ? 1 : c, border[4] = {k / 2, k / 2, k / 2, k / 2};
  Attr attrs[8] = {0};
  if (pick(b, 4)) attrs[ATTR_CONV2D_padding] = (Attr){.kind = ATTR_PADDING, .n = 4, .ints = border};
  attrs[ATTR_CONV2D_groups] = (Attr){.kind = ATTR_INT, .i = groups};
  Value *bias = pick(b, 2) ? weight(b, 1, &c, -1, 1) : NULL;
  return node(b, OP_CONV2D, 3, (Value *[]){x, weight(b, 4, (Dim[]){c, c / groups, k, k}, -0.5, 0.5), bias}, attrs);
}

static Value *batch_norm(Builder *b, Value *x) {
  Dim c = x->type->dims[1];
  Value *affine[2] = {NULL, NULL};
  if (pick(b, 2)) affine[0] = weight(b, 1, &c, 0.5, 2), affine[1] = weight(b, 1, &c, -1, 1);
  Value *operands[] = {x, affine[0], affine[1], weight(b, 1, &c, -1, 1), weight(b, 1, &c, 0.5, 2)};
  return node(b, OP_BATCH_NORM, 5, operands, NULL);
}

static Value *linear(Builder *b, Value *x) {
  Dim in = x->type->dims[x->type->rank - 1], out = pick(b, 3) ? in : 6;
  Value *bias = pick(b, 2) ? weight(b, 1, &out, -1, 1) : NULL;
  return node(b, OP_LINEAR, 3, (Value *[]){x, weight(b, 2, (Dim[]){out, in}, -0.5, 0.5), bias}, NULL);
}

static Value *attention(Builder *b, Value *x) {
  Dim D = x->type->dims[x->type->rank - 1];
  Value *operands[12] = {x};
  bool fused = pick(b, 2);
  for (int i = 0; i < (fused ? 1 : 3); i++) {
    Dim rows = fused ? 3 * D : D;
    int at = fused ? IN_ATTENTION_qkv_weight : IN_ATTENTION_q_weight + 2 * i;
    operands[at] = weight(b, 2, (Dim[]){rows, D}, -0.5, 0.5);
    if (pick(b, 2)) operands[at + 1] = weight(b, 1, &rows, -1, 1);
  }
  operands[IN_ATTENTION_proj_weight] = weight(b, 2, (Dim[]){D, D}, -0.5, 0.5);
  Attr heads[1] = {{.kind = ATTR_INT, .i = 2}};
  return node(b, OP_ATTENTION, 12, operands, heads);
}

static Value *reshape(Builder *b, Value *x, int rank, const Dim *dims) {
  return node(b, OP_RESHAPE, 1, &x, (Attr[]){{.kind = ATTR_DIMS, .n = rank, .ints = dims}});
}

static Value *permute(Builder *b, Value *x, int rank, const int64_t *dims) {
  return node(b, OP_PERMUTE, 1, &x, (Attr[]){ints(rank, dims)});
}

// [N, 2, T, D / 2], or with the last two exchanged: a layer of x, cut by a slice or not.
static Value *heads_of(Builder *b, Value *x, Value *layer, int part, bool transposed) {
  const Dim *d = x->type->dims, D = d[2], start = part * D, end = start + D, axis = 2;
  Value *y = layer ? layer : node(b, OP_LINEAR, 2, (Value *[]){x, weight(b, 2, (Dim[]){D, D}, -0.5, 0.5)}, NULL);
  Attr cut[4] = {
      ints(1, &axis), {.kind = ATTR_DIMS, .n = 1, .ints = &start}, {.kind = ATTR_DIMS, .n = 1, .ints = &end}};
  cut[3].kind = ATTR_INTS;
  if (layer) y = node(b, OP_SLICE, 1, &y, cut);
  y = reshape(b, y, 4, (Dim[]){d[0], d[1], 2, D / 2});
  return permute(b, y, 4, transposed ? (int64_t[]){0, 2, 3, 1} : (int64_t[]){0, 2, 1, 3});
}

// What `fuse-attention` looks for.
static Value *attention_apart(Builder *b, Value *x) {
  const Dim *d = x->type->dims, wide = 3 * d[2];
  Value *layer = NULL, *part[3];
  if (pick(b, 2)) {
    Value *operands[] = {x, weight(b, 2, (Dim[]){wide, d[2]}, -0.5, 0.5), weight(b, 1, &wide, -1, 1)};
    layer = node(b, OP_LINEAR, 3, operands, NULL);
  }
  for (int i = 0; i < 3; i++) part[i] = heads_of(b, x, layer, i, i == 1);
  Value *scale = graph_splat(b->m, "scale", type_get(b->m, DT_F32, 0, NULL), 0.5)->value;
  if (pick(b, 2)) part[0] = node(b, OP_MUL, 2, (Value *[]){part[0], scale}, NULL);
  Value *scores = node(b, OP_MATMUL, 2, part, NULL);
  if (pick(b, 2)) scores = node(b, OP_MUL, 2, (Value *[]){scores, scale}, NULL);
  Value *soft = node(b, OP_SOFTMAX, 1, &scores, (Attr[]){{.kind = ATTR_INT, .i = 3 - !pick(b, 8)}});
  Value *y = node(b, OP_MATMUL, 2, (Value *[]){soft, part[2]}, NULL);
  return reshape(b, permute(b, y, 4, (int64_t[]){0, 2, 1, 3}), 3, d);
}

static Value *activation(Builder *b, Value *x) {
  static const OpKind ops[] = {OP_RELU, OP_RELU6, OP_GELU, OP_SILU, OP_SIGMOID, OP_TANH, OP_DROPOUT};
  return node(b, ops[pick(b, 7)], 1, &x, NULL);
}

// With a constant for each channel, each column, or one for all, on either side.
static Value *constant_arithmetic(Builder *b, Value *x) {
  static const OpKind ops[] = {OP_ADD, OP_SUB, OP_MUL, OP_DIV};
  Dim dims[MAX_RANK];
  int rank = x->type->rank, along = pick(b, rank + 1);
  for (int i = 0; i < rank; i++) dims[i] = i == along && dim_is_const(x->type->dims[i]) ? x->type->dims[i] : 1;
  Value *w = pick(b, 3) ? weight(b, rank, dims, 0.5, 2)
                        : graph_splat(b->m, "c", type_get(b->m, DT_F32, 0, NULL), pick(b, 3))->value;
  OpKind op = ops[pick(b, 4)];
  bool left = op != OP_DIV && pick(b, 2);
  double zero = 1;
  if (op == OP_DIV && w->weight->source == WEIGHT_SPLAT) zero = w->weight->splat;
  return zero == 0 ? NULL : node(b, op, 2, (Value *[]){left ? w : x, left ? x : w}, NULL);
}

static bool broadcasts(const Type *a, const Type *b) {
  bool ok = a->rank == b->rank;
  for (int i = 0; ok && i < a->rank; i++) ok = a->dims[i] == b->dims[i] || a->dims[i] == 1 || b->dims[i] == 1;
  return ok;
}

static Value *combination(Builder *b, Value *x) {
  Value *y = b->values.data[pick(b, (int)b->values.len)];
  Value *twice[] = {node(b, OP_TANH, 1, &x, NULL), node(b, OP_TANH, 1, &x, NULL)};
  if (pick(b, 4) == 0) return node(b, OP_MUL, 2, twice, NULL);
  if (!broadcasts(x->type, y->type)) return NULL;
  return node(b, pick(b, 4) ? OP_ADD : OP_MUL, 2, (Value *[]){x, y}, NULL);
}

static Value *reordering(Builder *b, Value *x) {
  int rank = x->type->rank;
  int64_t dims[MAX_RANK];
  for (int i = 0; i < rank; i++) dims[i] = (i + 1) % rank;
  Attr swap[2] = {{.kind = ATTR_INT, .i = -1}, {.kind = ATTR_INT, .i = -2}};
  if (pick(b, 3) == 0) return node(b, OP_TRANSPOSE, 1, &x, swap);
  Attr order[1] = {ints(rank, dims)};
  if (pick(b, 2)) return node(b, OP_PERMUTE, 1, &x, order);
  Dim first[MAX_RANK];
  memcpy(first, x->type->dims, sizeof *first * (size_t)rank);
  Dim shape[2] = {first[0], -1};
  Attr to[1] = {{.kind = ATTR_DIMS, .n = pick(b, 2) ? 2 : rank, .ints = first}};
  if (to->n == 2) to->ints = shape;
  return node(b, OP_RESHAPE, 1, &x, to);
}

static Value *part(Builder *b, Value *x) {
  int axis = x->type->rank - 1;
  Dim size = x->type->dims[axis];
  if (!dim_is_const(size) || size < 2) return NULL;
  int64_t sizes[2] = {1, size - 1};
  if (pick(b, 2)) return node(b, OP_SPLIT, 1, &x, (Attr[]){ints(2, sizes), {.kind = ATTR_INT, .i = axis}});
  Value *both[] = {x, x};
  return node(b, OP_CONCAT, 1 + pick(b, 2), both, (Attr[]){{.kind = ATTR_INT, .i = axis}});
}

// An epsilon that keeps it from magnifying rounding errors.
static Value *layer_norm(Builder *b, Value *x) {
  return node(b, OP_LAYER_NORM, 1, &x, (Attr[]){{.kind = ATTR_FLOAT, .f = 1}});
}

// What `recognize` looks for.
static Value *written_out(Builder *b, Value *x) {
  if (x->type->rank == 4 && pick(b, 2)) {
    int64_t pixels[2] = {2, 3};
    return node(b, OP_MEAN, 1, &x, (Attr[]){ints(2, pixels), {ATTR_BOOL, .i = pick(b, 2)}, {ATTR_INT, .i = 0}});
  }
  Value *gate = node(b, OP_SIGMOID, 1, &x, NULL);
  return node(b, OP_MUL, 2, (Value *[]){x, gate}, NULL);
}

static Value *step(Builder *b, Value *x) {
  int rank = x->type->rank;
  bool fixed = dim_is_const(x->type->dims[rank - 1]) && rank >= 2,
       picture = rank == 4 && dim_is_const(x->type->dims[1]);
  switch (pick(b, 12)) {
  case 0:
  case 1: return picture ? convolution(b, x) : fixed ? linear(b, x) : NULL;
  case 2:
  case 3: return picture || (rank == 2 && fixed) ? batch_norm(b, x) : fixed ? linear(b, x) : NULL;
  case 4:
    if (!fixed || rank != 3 || x->type->dims[2] % 2) return activation(b, x);
    return pick(b, 3) ? attention_apart(b, x) : attention(b, x);
  case 5: return activation(b, x);
  case 6:
  case 7: return constant_arithmetic(b, x);
  case 8: return pick(b, 2) ? combination(b, x) : written_out(b, x);
  case 9: return reordering(b, x);
  case 10: return part(b, x);
  default: return fixed ? layer_norm(b, x) : picture ? node(b, OP_GLOBAL_AVG_POOL, 1, &x, NULL) : NULL;
  }
}

static Module *graph(Diag *d, uint32_t seed) {
  Builder b = {.m = module_create(d), .seed = seed * 7919};
  b.m->name = "random";
  Dim N = pick(&b, 2) ? dim_symbol(b.m->dims, "N", 64) : 2;
  vec_push(&b.values, graph_input(b.m, "x", type_get(b.m, DT_F32, 4, (Dim[]){N, 4, 6, 6})));
  vec_push(&b.values, graph_input(b.m, "t", type_get(b.m, DT_F32, 3, (Dim[]){N, 5, 4})));
  vec_push(&b.values, weight(&b, 4, (Dim[]){1, 4, 6, 6}, -1, 1));
  for (int i = 0, n = 2 + pick(&b, MOST_NODES); i < n; i++) {
    int from = pick(&b, 3) ? (int)b.values.len - 1 : pick(&b, (int)b.values.len);
    Value *y = step(&b, b.values.data[from]);
    if (y) vec_push(&b.values, y);
  }
  graph_output(b.m, "last", vec_last(&b.values));
  for (int i = 0; i < 2; i++) graph_output(b.m, i ? "b" : "a", b.values.data[pick(&b, (int)b.values.len)]);
  vec_free(&b.values);
  diag_clear(d); // of nodes that were refused
  return b.m;
}

// ---- checks

static const char *const PASSES[] = {"canonicalize",   "fold-batch-norm", "decompose",     "fold-constants", "cse",
                                     "fuse-attention", "recognize",       "fuse-epilogue", "fold-picture",   "dce"};
enum { N_PASSES = sizeof PASSES / sizeof *PASSES };

// How often each pass did something: a test in which one did nothing shows nothing.
typedef struct Activity {
  int64_t of[N_PASSES];
} Activity;

static void note_activity(const PassContext *c, Activity *activity) {
  for (size_t i = 0; i < c->counts.len; i++)
    for (int p = 0; p < N_PASSES; p++)
      if (!strcmp(c->counts.data[i].pass->name, PASSES[p])) activity->of[p] += c->counts.data[i].n;
}

static void expect_activity(const Activity *activity) {
  for (int p = 0; p < N_PASSES; p++) {
    print_message("%-18s %lld times\n", PASSES[p], (long long)activity->of[p]);
    assert_true(activity->of[p] > GRAPHS / 20);
  }
}

static void check(uint32_t seed, const char *pipeline, double tolerance, Activity *activity) {
  Diag *d = diag_create();
  Module *before = graph(d, seed), *after = graph(d, seed);
  PassOptions o = passes_options();
  PassContext c;
  StrBuf why = {0};
  o.verify_each = true;
  bool ok = passes_init(&c, after, NULL, d, &o) && passes_run(&c, pipeline);
  if (!ok) diag_print(d, &why, false);
  if (!ok || !evaluate_same(before, after, 3, tolerance, true, &why)) {
    graph_print(before, &why, NULL);
    fail_msg("graph %u, %s: %s", seed, pipeline, strbuf_str(&why));
  }
  note_activity(&c, activity);
  passes_free(&c);
  module_destroy(before);
  module_destroy(after);
  diag_destroy(d);
}

// The graph after some passes, written as ONNX and read back.
static void check_onnx(uint32_t seed, const char *pipeline) {
  Diag *d = diag_create();
  Module *m = graph(d, seed);
  PassOptions o = passes_options();
  PassContext c;
  StrBuf why = {0};
  Module *read = passes_init(&c, m, NULL, d, &o) && passes_run(&c, pipeline) ? through_onnx(m, d) : NULL;
  if (!read) diag_print(d, &why, false);
  if (!read || !evaluate_same(m, read, 3, 1e-5, true, &why)) {
    graph_print(m, &why, NULL);
    fail_msg("graph %u, %s: %s", seed, pipeline, strbuf_str(&why));
  }
  passes_free(&c);
  module_destroy(m);
  module_destroy(read);
  diag_destroy(d);
}

// Ten times the tolerance, because what is rounded may be cancelled and scaled further on.
static void test_each_pass_alone(void **state) {
  (void)state;
  Activity activity = {0};
  for (uint32_t seed = 1; seed <= GRAPHS; seed++)
    for (int p = 0; p < N_PASSES; p++)
      check(seed, PASSES[p], fmax(10 * passes_find(PASSES[p])->tolerance, 1e-12), &activity);
  expect_activity(&activity);
}

static void random_order(uint32_t seed, char pipeline[256]) {
  strcpy(pipeline, "canonicalize");
  for (int i = 0; i < 6; i++) {
    strcat(pipeline, ",");
    strcat(pipeline, PASSES[next(&seed) % N_PASSES]);
  }
}

static void test_random_orders(void **state) {
  (void)state;
  Activity activity = {0};
  for (uint32_t seed = 1; seed <= GRAPHS; seed++) {
    char pipeline[256];
    random_order(seed, pipeline);
    check(seed, pipeline, 1e-4, &activity);
  }
  expect_activity(&activity);
}

static void test_written_as_onnx(void **state) {
  (void)state;
  for (uint32_t seed = 1; seed <= GRAPHS; seed++) {
    char pipeline[256];
    random_order(seed, pipeline);
    check_onnx(seed, "");
    check_onnx(seed, pipeline);
    check_onnx(seed, "canonicalize,decompose,fuse-attention,recognize,fuse-epilogue,assign-layouts");
  }
}

// Integers that are scaled as values come: every graph that passes may leave is quantized to one that is valid and,
// where no layer norm or softmax makes much of little, near.
static void test_integers(void **state) {
  (void)state;
  int64_t layers = 0;
  for (uint32_t seed = 1; seed <= GRAPHS; seed++) {
    Diag *d = diag_create();
    Module *before = graph(d, seed), *after = graph(d, seed);
    PassOptions o = passes_options();
    PassContext c;
    StrBuf why = {0};
    o.verify_each = true;
    o.quantize.method = QUANTIZE_DYNAMIC;
    bool ok =
        passes_init(&c, after, NULL, d, &o) && passes_run(&c, "decompose,fuse-epilogue,quantize,decompose,cse,dce");
    if (!ok) diag_print(d, &why, false);
    if (!ok || !evaluate_same(before, after, 3, 0.2, true, &why)) {
      graph_print(before, &why, NULL);
      fail_msg("graph %u on integers: %s", seed, strbuf_str(&why));
    }
    for (size_t i = 0; i < c.counts.len; i++)
      if (!strcmp(c.counts.data[i].pass->name, "quantize")) layers += c.counts.data[i].n;
    passes_free(&c);
    module_destroy(before);
    module_destroy(after);
    diag_destroy(d);
  }
  assert_true(layers > GRAPHS / 2);
}

static void test_whole_pipeline(void **state) {
  (void)state;
  Activity activity = {0};
  for (uint32_t seed = 1; seed <= GRAPHS; seed++)
    check(seed,
          "canonicalize,fold-constants,fold-batch-norm,decompose,canonicalize,fold-constants,cse,fuse-attention,"
          "recognize,fuse-epilogue,fold-picture,dce,assign-layouts",
          1e-4, &activity);
  expect_activity(&activity);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_each_pass_alone), cmocka_unit_test(test_random_orders),   cmocka_unit_test(test_integers),
      cmocka_unit_test(test_whole_pipeline),  cmocka_unit_test(test_written_as_onnx),
  };
  return cmocka_run_group_tests_name("random graphs", tests, NULL, NULL);
}
