// factorize on layers of random shapes whose weights are of low rank and a little noise: what the new layers compute is
// within the error that was allowed, of the weights without data, of the outputs with it; and networks of such layers
// are in order whatever passes run before and after.
#include "passes/pass.h"
#include "tests/golden/observe.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

// cmocka.h wants the standard headers before it
#include <cmocka.h>

enum { LAYERS = 60, NETWORKS = 40, SAMPLES = 24 };

static uint32_t next(uint32_t *seed) { return (*seed = *seed * 1664525u + 1013904223u) >> 8; }
static int pick(uint32_t *seed, int n) { return (int)(next(seed) % (uint32_t)n); }
static double uniform(uint32_t *seed) { return (double)next(seed) / (1 << 23) - 1; }

// ---- layers

typedef struct Shape {
  bool linear;
  int64_t in, out, kh, kw, stride[2], padding[4], dilation[2], height, width;
} Shape;

static Shape shape_of(uint32_t *s) {
  Shape a = {.linear = pick(s, 4) == 0, .in = 8 + pick(s, 30), .out = 18 + pick(s, 40), .kh = 1, .kw = 1};
  a.stride[0] = a.stride[1] = a.dilation[0] = a.dilation[1] = 1;
  if (a.linear) return a;
  a.in = 3 + pick(s, 18);
  a.kh = 1 + pick(s, 3), a.kw = 1 + pick(s, 3);
  for (int i = 0; i < 2; i++) a.stride[i] = 1 + pick(s, 2), a.dilation[i] = 1 + pick(s, 2);
  for (int i = 0; i < 4; i++) a.padding[i] = pick(s, 3);
  a.height = 5 + pick(s, 4), a.width = 5 + pick(s, 4);
  return a;
}

// Sums of `rank` products of a part for the outputs, one for the inputs and rows, and one for columns of taps.
static Weight *low_rank_weight(Module *m, const Shape *a, int rank, double noise, uint32_t *s) {
  int64_t rows = a->in * a->kh, n = a->out * rows * a->kw;
  double *w = xcalloc((size_t)n, sizeof *w), u[64], v[256], t[4];
  for (int r = 0; r < rank; r++) {
    for (int64_t i = 0; i < a->out; i++) u[i] = uniform(s);
    for (int64_t i = 0; i < rows; i++) v[i] = uniform(s);
    for (int64_t i = 0; i < a->kw; i++) t[i] = uniform(s);
    for (int64_t i = 0; i < n; i++) w[i] += u[i / (rows * a->kw)] * v[i / a->kw % rows] * t[i % a->kw];
  }
  Blob *b = blob_malloc((size_t)n * sizeof(float));
  for (int64_t i = 0; i < n; i++) ((float *)b->data)[i] = (float)(w[i] + noise * uniform(s));
  free(w);
  const Type *type = type_get(m, DT_F32, a->linear ? 2 : 4, (Dim[]){a->out, a->in, a->kh, a->kw});
  return graph_dense(m, "w", type, b);
}

static Value *layer(Module *m, const Shape *a, Value *x, Value *w, bool biased, uint32_t *s) {
  Value *bias = NULL;
  if (biased) {
    Blob *b = blob_malloc((size_t)a->out * sizeof(float));
    for (int64_t i = 0; i < a->out; i++) ((float *)b->data)[i] = (float)uniform(s);
    bias = graph_dense(m, "b", type_get(m, DT_F32, 1, &a->out), b)->value;
  }
  Attr attrs[8] = {0};
  if (!a->linear) {
    attrs[ATTR_CONV2D_stride] = (Attr){.kind = ATTR_INTS, .n = 2, .ints = a->stride};
    attrs[ATTR_CONV2D_padding] = (Attr){.kind = ATTR_PADDING, .n = 4, .ints = a->padding};
    attrs[ATTR_CONV2D_dilation] = (Attr){.kind = ATTR_INTS, .n = 2, .ints = a->dilation};
    attrs[ATTR_CONV2D_groups] = (Attr){.kind = ATTR_INT, .i = 1};
  }
  Node *n = graph_node(
      m, &(NodeSpec){
             a->linear ? OP_LINEAR : OP_CONV2D, 3, (Value *[]){x, w, bias}, a->linear ? NULL : attrs, "layer", {0}});
  return n ? n->results[0] : NULL;
}

static Module *one_layer(Diag *d, uint32_t seed, const Shape *a, bool biased) {
  uint32_t s = seed;
  Module *m = module_create(d);
  m->name = "one";
  Value *x = graph_input(m, "x", type_get(m, DT_F32, a->linear ? 2 : 4, (Dim[]){1, a->in, a->height, a->width}));
  Weight *w = low_rank_weight(m, a, 1 + pick(&s, 4), 0.05 * pick(&s, 4), &s);
  graph_output(m, "y", layer(m, a, x, w->value, biased, &s));
  return m;
}

// ---- the error of one layer

static void run(Module *m, const RefTensor *input, RefTensor *out) {
  assert_true(ref_run(m, NULL, input, out, NULL, NULL, m->diag));
}

static double relative_error(Module *before, Module *after, const RefTensor *inputs, size_t samples) {
  double missed = 0, whole = 0;
  for (size_t k = 0; k < samples; k++) {
    RefTensor a = {0}, b = {0};
    run(before, &inputs[k], &a), run(after, &inputs[k], &b);
    assert_int_equal(a.count, b.count);
    for (int64_t i = 0; i < a.count; i++) missed += (a.f[i] - b.f[i]) * (a.f[i] - b.f[i]), whole += a.f[i] * a.f[i];
    ref_tensor_free(&a), ref_tensor_free(&b);
  }
  return sqrt(missed / whole);
}

static RefTensor tensor(Module *m) {
  RefTensor t;
  assert_true(ref_tensor_create(&t, m, m->inputs.data[0]->type, NULL));
  return t;
}

// Channels that depend on each other, of unequal size, and away from zero.
static RefTensor *correlated(Module *m, const Shape *a, uint32_t *s) {
  RefTensor *inputs = xcalloc(SAMPLES, sizeof *inputs);
  double mix[64][3];
  for (int64_t c = 0; c < a->in; c++)
    for (int k = 0; k < 3; k++) mix[c][k] = uniform(s);
  for (int k = 0; k < SAMPLES; k++) {
    inputs[k] = tensor(m);
    int64_t pixels = inputs[k].count / a->in;
    for (int64_t p = 0; p < pixels; p++) {
      double source[3] = {uniform(s), uniform(s), uniform(s)};
      for (int64_t c = 0; c < a->in; c++)
        inputs[k].f[c * pixels + p] = mix[c][0] * source[0] + mix[c][1] * source[1] + mix[c][2] * source[2] +
                                      0.1 * uniform(s) + 0.3 * (c % 3 == 0);
    }
  }
  return inputs;
}

static void free_inputs(RefTensor *inputs, size_t n) {
  for (size_t k = 0; k < n; k++) ref_tensor_free(&inputs[k]);
  free(inputs);
}

static bool factorize(Module *m, FactorizeMethod method, double error, Calibration *data) {
  PassOptions o = passes_options();
  PassContext c;
  o.verify_each = true;
  o.factorize = (Factorization){method, error};
  assert_true(passes_init(&c, m, NULL, m->diag, &o));
  c.calibration = data;
  assert_true(passes_run(&c, "factorize"));
  bool any = c.counts.len;
  passes_free(&c);
  return any;
}

static const FactorizeMethod METHODS[] = {FACTORIZE_SPATIAL, FACTORIZE_CHANNEL, FACTORIZE_TUCKER2};
static const double ERRORS[] = {0.01, 0.05, 0.2, 0.5};

static void test_output_error(void **state) {
  (void)state;
  int done[3] = {0};
  for (uint32_t seed = 1; seed <= LAYERS; seed++)
    for (int k = 0; k < 12; k++) {
      Diag *d = diag_create();
      uint32_t s = seed * 7919;
      Shape a = shape_of(&s);
      Module *before = one_layer(d, s, &a, s % 2), *after = one_layer(d, s, &a, s % 2);
      RefTensor *inputs = correlated(before, &a, &s);
      Calibration *data = observe_moments(after, NULL, SAMPLES, inputs);
      assert_non_null(data);
      double allowed = ERRORS[k / 3];
      if (factorize(after, METHODS[k % 3], allowed, data)) {
        double error = relative_error(before, after, inputs, SAMPLES);
        if (error > allowed + 1e-4)
          fail_msg("layer %u, method %d: %g where %g is allowed", seed, k % 3, error, allowed);
        done[k % 3]++;
      }
      calibration_destroy(data);
      free_inputs(inputs, SAMPLES);
      module_destroy(before), module_destroy(after);
      diag_destroy(d);
    }
  for (int k = 0; k < 3; k++) assert_true(done[k] > LAYERS / 2);
}

// One pixel of the window is 1 at a time: the outputs are the weights.
static void test_weight_error(void **state) {
  (void)state;
  int done[3] = {0};
  for (uint32_t seed = 1; seed <= LAYERS; seed++)
    for (int k = 0; k < 12; k++) {
      Diag *d = diag_create();
      uint32_t s = seed * 7919;
      Shape a = shape_of(&s);
      memset(a.padding, 0, sizeof a.padding);
      a.height = (a.kh - 1) * a.dilation[0] + 1, a.width = (a.kw - 1) * a.dilation[1] + 1;
      Module *before = one_layer(d, s, &a, false), *after = one_layer(d, s, &a, false);
      size_t n = (size_t)(a.in * (a.linear ? 1 : a.height * a.width));
      RefTensor *inputs = xcalloc(n, sizeof *inputs);
      for (size_t i = 0; i < n; i++) inputs[i] = tensor(before), inputs[i].f[i] = 1;
      double allowed = ERRORS[k / 3];
      if (factorize(after, METHODS[k % 3], allowed, NULL)) {
        double error = relative_error(before, after, inputs, n);
        if (error > allowed + 1e-6)
          fail_msg("layer %u, method %d: %g where %g is allowed", seed, k % 3, error, allowed);
        done[k % 3]++;
      }
      free_inputs(inputs, n);
      module_destroy(before), module_destroy(after);
      diag_destroy(d);
    }
  for (int k = 0; k < 3; k++) assert_true(done[k] > LAYERS / 4);
}

// ---- networks

static Module *network(Diag *d, uint32_t seed) {
  uint32_t s = seed * 104729;
  Module *m = module_create(d);
  m->name = "network";
  Value *x = graph_input(m, "x", type_get(m, DT_F32, 4, (Dim[]){1, 5, 9, 8}));
  for (int i = 0; i < 4; i++) {
    Shape a = shape_of(&s);
    a.linear = false, a.in = x->type->dims[1];
    for (int k = 0; k < 2; k++) a.stride[k] = 1;
    for (int k = 0; k < 4; k++) a.padding[k] = 1;
    Value *y = layer(m, &a, x, low_rank_weight(m, &a, 2, 0.05, &s)->value, pick(&s, 2), &s);
    if (!y) continue;
    Node *act = graph_node(m, &(NodeSpec){pick(&s, 2) ? OP_RELU : OP_TANH, 1, &y, NULL, NULL, {0}});
    x = act->results[0];
  }
  Node *pooled = graph_node(m, &(NodeSpec){OP_GLOBAL_AVG_POOL, 1, &x, NULL, NULL, {0}});
  Value *flat = graph_node(m, &(NodeSpec){OP_FLATTEN, 1, pooled->results, NULL, NULL, {0}})->results[0];
  for (int i = 0; i < 2; i++) {
    Shape a = {.linear = true, .in = flat->type->dims[1], .out = i ? 10 : 40, .kh = 1, .kw = 1};
    flat = layer(m, &a, flat, low_rank_weight(m, &a, 3, 0.02, &s)->value, true, &s);
  }
  graph_output(m, "y", flat);
  diag_clear(d); // of layers that were refused
  return m;
}

static void test_any_order(void **state) {
  (void)state;
  static const char *const PASSES[] = {"canonicalize",  "decompose", "fold-constants", "cse",   "recognize",
                                       "fuse-epilogue", "dce",       "factorize",      "prune", "fold-batch-norm"};
  int64_t done = 0;
  for (uint32_t seed = 1; seed <= NETWORKS; seed++) {
    Diag *d = diag_create();
    Module *m = network(d, seed);
    PassOptions o = passes_options();
    PassContext c;
    uint32_t s = seed;
    char pipeline[256] = "canonicalize";
    for (int i = 0; i < 6; i++) strcat(strcat(pipeline, ","), PASSES[next(&s) % 10]);
    strcat(pipeline, seed % 2 ? ",factorize,decompose" : ",prune,factorize,decompose");
    o.verify_each = true;
    o.factorize = (Factorization){METHODS[seed % 3], 0.2};
    o.prune = (Pruning){PRUNE_STRUCTURED, 0.3};
    assert_true(passes_init(&c, m, NULL, d, &o));
    Calibration *data = seed % 4 ? observe_made_up(m, NULL, 3) : NULL; // soon of another network, which must not matter
    c.calibration = data;
    if (!passes_run(&c, pipeline)) fail_msg("network %u, %s", seed, pipeline);
    done += c.counts.len;
    passes_free(&c);
    Calibration *again = observe_made_up(m, NULL, 1);
    assert_non_null(again); // it still runs
    calibration_destroy(again);
    calibration_destroy(data);
    module_destroy(m);
    diag_destroy(d);
  }
  assert_true(done > NETWORKS);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_output_error),
      cmocka_unit_test(test_weight_error),
      cmocka_unit_test(test_any_order),
  };
  return cmocka_run_group_tests_name("low rank", tests, NULL, NULL);
}
