// Whole modules: open dimensions, weights, the observer, precision, and every way a run fails.
#include "tests/ref/fixture.h"
#include <string.h>

// z = relu(x) + w, with x: f32[N, 3], w: f32[3], N <= 4.
typedef struct Sum {
  Diag *diag;
  Module *m;
  RefTensor x, z;
} Sum;

static Value *node(Module *m, OpKind op, Value *a, Value *b) {
  NodeSpec spec = {.op = op, .n_operands = b ? 2 : 1, .operands = (Value *[]){a, b}};
  Node *n = graph_node(m, &spec);
  assert_non_null(n);
  return result(n);
}

static Sum make_sum(int64_t batch) {
  Sum s = {.diag = diag_create()};
  s.m = module_create(s.diag);
  Dim dims[2] = {dim_symbol(s.m->dims, "N", 4), 3};
  Value *x = graph_input(s.m, "x", type_get(s.m, DT_F32, 2, dims));
  Weight *w = graph_weight(s.m, "w", type_get(s.m, DT_F32, 1, dims + 1), WEIGHT_SPLAT);
  w->splat = 0.5;
  graph_output(s.m, "z", node(s.m, OP_ADD, node(s.m, OP_RELU, x, NULL), w->value));
  assert_true(ref_tensor_create(&s.x, s.m, x->type, &batch));
  for (int64_t k = 0; k < s.x.count; k++) s.x.f[k] = (double)k - 2;
  return s;
}

static void free_sum(Sum *s) {
  ref_tensor_free(&s->x);
  ref_tensor_free(&s->z);
  module_destroy(s->m);
  diag_destroy(s->diag);
}

static void fails(Sum *s, int64_t batch, const char *message) {
  StrBuf text = {0};
  assert_false(ref_run(s->m, &batch, &s->x, &s->z, NULL, NULL, s->diag));
  diag_print(s->diag, &text, false);
  if (!strstr(strbuf_str(&text), message)) fail_msg("`%s` is not in: %s", message, strbuf_str(&text));
  strbuf_free(&text);
}

typedef struct Seen {
  int n;
  OpKind ops[4];
  double first[4];
} Seen;

static void see(void *user, const Value *v, RefTensor *t) {
  Seen *s = user;
  s->ops[s->n] = v->node->op;
  s->first[s->n++] = t->f[0];
}

static void open_dimensions_and_observer(void **state) {
  (void)state;
  int64_t batch = 2;
  Sum s = make_sum(batch);
  Seen seen = {0};
  assert_true(ref_run(s.m, &batch, &s.x, &s.z, see, &seen, s.diag));
  Array expected = f32(D(2, 3), V(0.5, 0.5, 0.5, 1.5, 2.5, 3.5));
  compare(&s.z, &expected);
  assert_int_equal(seen.n, 2);
  assert_int_equal(seen.ops[0], OP_RELU);
  assert_int_equal(seen.ops[1], OP_ADD);
  assert_true(seen.first[0] == 0 && seen.first[1] == 0.5);
  free_sum(&s);
}

static void misfits_are_reported(void **state) {
  (void)state;
  Sum s = make_sum(2);
  fails(&s, 3, "the input `x` is not a f32[N, 3]");
  free_sum(&s);
  s = make_sum(5);
  fails(&s, 5, "N = 5 lies outside of 1 to 4");
  free_sum(&s);
}

static void assertions_are_checked(void **state) {
  (void)state;
  Sum s = make_sum(2);
  Dim even = dim_eq(s.m->dims, dim_mod(s.m->dims, dim_symbol(s.m->dims, "N", 4), 3), 0);
  vec_push(&s.m->assertions, (Assertion){.condition = even, .text = "batches come in threes"});
  fails(&s, 2, "batches come in threes");
  free_sum(&s);
}

static void weights_must_be_known(void **state) {
  (void)state;
  Sum s = make_sum(1);
  graph_find_weight(s.m, "w")->source = WEIGHT_MISSING;
  fails(&s, 1, "the weight `w` has no data");
  free_sum(&s);
}

// An input and a weight may be outputs as they are, and a value twice.
static void outputs_are_copies(void **state) {
  (void)state;
  int64_t batch = 1;
  Sum s = make_sum(batch);
  graph_output(s.m, "x2", s.m->inputs.data[0]);
  graph_output(s.m, "w2", graph_find_weight(s.m, "w")->value);
  graph_output(s.m, "z2", s.m->outputs.data[0].value);
  RefTensor out[4];
  assert_true(ref_run(s.m, &batch, &s.x, out, NULL, NULL, s.diag));
  assert_true(out[1].f[0] == -2 && out[2].f[2] == 0.5 && out[3].f[0] == out[0].f[0] && out[3].f != out[0].f);
  for (int k = 0; k < 4; k++) ref_tensor_free(&out[k]);
  free_sum(&s);
}

static void singles_stay_unrounded(void **state) {
  (void)state;
  Fixture f = fixture_create(OP_ADD, NO_ATTRS, IN(f32(D(1), V(1)), f32(D(1), V(0x1p-40))));
  assert_true(fixture_run(&f));
  assert_true(f.outputs[0].f[0] == 1 + 0x1p-40);
  fixture_free(&f);
}

static void packing(void **state) {
  (void)state;
  Fixture f = fixture_create(OP_RELU, NO_ATTRS, IN(f32(D(4), V(1.5, -1.5, 300, 0x1.000001p0))));
  const RefTensor *t = &f.inputs[0];
  float single[4];
  int8_t byte[4];
  int64_t wide[4];
  uint16_t half[4];
  ref_tensor_pack(t, DT_F32, single);
  ref_tensor_pack(t, DT_I8, byte);
  ref_tensor_pack(t, DT_I64, wide);
  ref_tensor_pack(t, DT_F16, half);
  assert_true(single[0] == 1.5f && single[3] == 1.0f);
  assert_true(byte[0] == 1 && byte[1] == -1 && byte[2] == 127);
  assert_true(wide[1] == -1 && wide[2] == 300);
  assert_int_equal(half[0], 0x3e00);
  RefTensor back = {0};
  assert_true(ref_tensor_create(&back, f.m, t->type, NULL));
  ref_tensor_unpack(&back, DT_F16, half);
  assert_true(back.f[1] == -1.5 && back.f[2] == 300);
  ref_tensor_unpack(&back, DT_I8, byte);
  assert_true(back.f[2] == 127);
  ref_tensor_free(&back);
  fixture_free(&f);
}

static void large_integers_pack_exactly(void **state) {
  (void)state;
  Fixture f = fixture_create(OP_CAST, ATTRS(dtype("dtype", DT_I32)), IN(array(DT_I64, D(2), V(0, 0))));
  const int64_t in[2] = {INT64_MAX - 1, -INT64_MAX};
  int64_t out[2];
  ref_tensor_unpack(&f.inputs[0], DT_I64, in);
  ref_tensor_pack(&f.inputs[0], DT_I64, out);
  assert_memory_equal(in, out, sizeof in);
  fixture_free(&f);
}

static void one_node_alone(void **state) {
  (void)state;
  Sum s = make_sum(1);
  int64_t batch = 1;
  RefContext ctx = {s.m, &batch, s.diag};
  const RefTensor *in[1] = {&s.x};
  assert_true(ref_node(&ctx, s.m->first, in, &s.z));
  Array expected = f32(D(1, 3), V(0, 0, 0));
  compare(&s.z, &expected);
  free_sum(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(open_dimensions_and_observer),
      cmocka_unit_test(misfits_are_reported),
      cmocka_unit_test(assertions_are_checked),
      cmocka_unit_test(weights_must_be_known),
      cmocka_unit_test(outputs_are_copies),
      cmocka_unit_test(singles_stay_unrounded),
      cmocka_unit_test(packing),
      cmocka_unit_test(large_integers_pack_exactly),
      cmocka_unit_test(one_node_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
