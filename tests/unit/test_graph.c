// Types, the builder and its lists of uses, weights, the op tables, and the verifier against each broken invariant.
#include "tests/unit/sample.h"
#include "tests/unit/unit.h"
#include <math.h>

static Module *make_module(void) { return module_create(diag_create()); }

static Node *unary(Module *m, OpKind op, Value *x) {
  return graph_node(m, &(NodeSpec){.op = op, .n_operands = 1, .operands = &x});
}

static Node *binary(Module *m, OpKind op, Value *a, Value *b) {
  return graph_node(m, &(NodeSpec){.op = op, .n_operands = 2, .operands = (Value *[]){a, b}});
}

// ---- types

static void test_types(void **state) {
  (void)state;
  Module *m = make_module();
  Dim N = dim_symbol(m->dims, "N", 64);
  const Type *t = type_get(m, DT_F32, 4, (Dim[]){N, 20, 5, 7});
  assert_ptr_equal(t, type_get(m, DT_F32, 4, (Dim[]){N, 20, 5, 7}));
  assert_ptr_not_equal(t, type_get(m, DT_F16, 4, (Dim[]){N, 20, 5, 7}));
  assert_ptr_equal(type_with_dtype(m, type_with_dtype(m, t, DT_I8), DT_F32), t);
  const Type *blocked = type_blocked(m, t, 1);
  assert_ptr_not_equal(blocked, t);
  assert_ptr_equal(type_blocked(m, blocked, -1), t);
  assert_string_equal(type_str(m, blocked), "f32[N, 20, 5, 7]{C16@1}");
  assert_true(type_elements(m, blocked) == dim_mul(m->dims, N, 700));
  assert_true(type_bytes(m, t) == dim_mul(m->dims, N, 2800));
  assert_true(type_bytes(m, blocked) == dim_mul(m->dims, N, 32 * 35 * 4)); // 20 channels in two blocks
  assert_true(type_elements(m, type_get(m, DT_I8, 2, (Dim[]){1 << 20, 1 << 20})) == INT64_C(1) << 40);
  assert_true(type_elements(m, type_get(m, DT_I8, 2, (Dim[]){1 << 20, (1 << 20) + 1})) == DIM_INVALID);
  for (Dim i = 1; i < 1000; i++) type_get(m, DT_F32, 1, &i); // the table grows
  assert_ptr_equal(t, type_get(m, DT_F32, 4, (Dim[]){N, 20, 5, 7}));
  unit_drop(m);
}

// ---- builder

static int uses(const Value *v) {
  int n = 0;
  for (const Use *u = v->uses; u; u = u->next) n++;
  return n;
}

static void test_uses(void **state) {
  (void)state;
  Module *m = make_module();
  Value *x = graph_input(m, "x", type_get(m, DT_F32, 1, (Dim[]){3}));
  Node *a = unary(m, OP_RELU, x), *b = binary(m, OP_ADD, x, result(a)), *c = binary(m, OP_MUL, result(a), result(a));
  graph_output(m, "y", result(b));
  graph_output(m, "z", result(c));
  unit_verify(m);
  assert_int_equal(uses(x), 2);
  assert_int_equal(uses(result(a)), 3);
  assert_int_equal(graph_use_count(m, result(b)), 1);
  graph_set_operand(c, 1, x);
  assert_int_equal(uses(x), 3);
  assert_int_equal(uses(result(a)), 2);
  unit_verify(m);
  Node *d = graph_node_before(m, b, &(NodeSpec){.op = OP_SIGMOID, .n_operands = 1, .operands = &x});
  assert_ptr_equal(d->next, b);
  graph_replace_uses(m, result(a), result(d));
  assert_int_equal(uses(result(a)), 0);
  assert_ptr_equal(operand(b, 1), result(d));
  assert_ptr_equal(result(d)->origin, result(a));
  graph_remove(m, a);
  assert_ptr_equal(m->first, d);
  unit_verify(m);
  graph_replace_uses(m, result(b), x);
  assert_true(graph_is_output(m, x) && !graph_is_output(m, result(b)));
  graph_remove(m, b);
  graph_move_before(m, c, d); // c uses d: out of order now
  StrBuf problems = {0};
  assert_false(graph_verify(m, &problems));
  strbuf_free(&problems);
  graph_move_before(m, c, NULL);
  assert_ptr_equal(m->last, c);
  unit_verify(m);
  unit_drop(m);
}

static void test_defaults(void **state) {
  (void)state;
  Module *m = make_module();
  const Type *t = type_get(m, DT_F32, 4, (Dim[]){1, 3, 8, 8}), *k = type_get(m, DT_F32, 4, (Dim[]){4, 3, 3, 3});
  Value *x = graph_input(m, "x", t);
  Node *n = graph_node(
      m, &(NodeSpec){.op = OP_CONV2D, .n_operands = 2, .operands = (Value *[]){x, graph_splat(m, "k", k, 1)->value}});
  assert_int_equal(n->n_operands, 4); // bias and residual have slots
  assert_null(operand(n, IN_CONV2D_residual));
  assert_int_equal(NODE_ATTR(n, CONV2D, stride)->ints[1], 1);
  assert_int_equal(NODE_ATTR(n, CONV2D, groups)->i, 1);
  assert_string_equal(NODE_ATTR(n, CONV2D, act)->s, "none");
  graph_set_operand(n, IN_CONV2D_residual, graph_input(m, "r", result(n)->type));
  graph_output(m, "y", result(n));
  unit_verify(m);
  assert_null(unary(m, OP_CONV2D, x)); // no weight: a message, and no node
  assert_int_equal(diag_errors(m->diag), 1);
  assert_ptr_equal(m->last, n);
  unit_drop(m);
}

static void test_clone(void **state) {
  (void)state;
  Module *m = unit_read(SAMPLE);
  Module *c = module_clone(m);
  assert_int_equal(c->n_values, m->n_values);
  for (Node *a = m->first, *b = c->first; a; a = a->next, b = b->next) {
    assert_ptr_not_equal(a, b);
    assert_int_equal(result(a)->id, result(b)->id);
  }
  Weight *shared = graph_find_weight(c, "positions");
  assert_ptr_equal(shared->blob, graph_find_weight(m, "positions")->blob);
  unit_drop(m); // the copy stands alone
  c->diag = diag_create();
  unit_verify(c);
  assert_int_equal(shared->blob->refs, 1);
  unit_drop(c);
}

// ---- weights

static void test_weight_names(void **state) {
  (void)state;
  Module *m = make_module();
  const Type *t = type_get(m, DT_F32, 1, (Dim[]){2});
  for (int i = 0; i < 300; i++) graph_splat(m, "k", t, i);
  assert_string_equal(m->weights.data[2]->name, "k.2");
  assert_ptr_equal(graph_find_weight(m, "k.299"), m->weights.data[299]);
  assert_null(graph_find_weight(m, "k.300"));
  graph_output(m, "y", m->weights.data[7]->value);
  graph_drop_unused_weights(m);
  assert_int_equal(m->weights.len, 1);
  assert_non_null(graph_find_weight(m, "k.7"));
  assert_null(graph_find_weight(m, "k.8"));
  graph_splat(m, "k.8", t, 0);
  assert_non_null(graph_find_weight(m, "k.8"));
  unit_drop(m);
}

static Weight *seeded(Module *m, const char *name, int rank, const Dim *dims, uint64_t seed, int64_t fan_in) {
  Weight *w = graph_weight(m, name, type_get(m, DT_F32, rank, dims), WEIGHT_INIT);
  w->seed = seed;
  w->fan_in = fan_in;
  return w;
}

static void check_within(Weight *w, double lo, double hi) {
  double least = INFINITY, most = -INFINITY;
  for (int64_t i = 0; i < weight_count(w); i++)
    least = fmin(least, weight_at(w, i)), most = fmax(most, weight_at(w, i));
  if (least < lo || most > hi || most - least < 0.9 * (hi - lo)) fail_msg("%s lies in [%g, %g]", w->name, least, most);
}

static void check_deviation(Weight *w, double expected) {
  double sum = 0, squares = 0, n = (double)weight_count(w);
  for (int64_t i = 0; i < weight_count(w); i++) sum += weight_at(w, i), squares += weight_at(w, i) * weight_at(w, i);
  double deviation = sqrt(squares / n - sum / n * sum / n);
  if (fabs(sum / n) > 0.05 * expected || fabs(deviation / expected - 1) > 0.05)
    fail_msg("%s: mean %g, deviation %g, not %g", w->name, sum / n, deviation, expected);
}

static void test_seeded_values(void **state) {
  (void)state;
  Module *m = make_module(), *again = make_module();
  check_within(seeded(m, "bn.running_var", 1, (Dim[]){1000}, 1, 0), 0.5, 1.5);
  check_within(seeded(m, "bn.weight", 1, (Dim[]){1000}, 1, 0), 0.9, 1.1);
  check_within(seeded(m, "bn.bias", 1, (Dim[]){1000}, 1, 0), -0.05, 0.05);
  check_deviation(seeded(m, "conv.weight", 4, (Dim[]){64, 32, 3, 3}, 1, 288), sqrt(2.0 / 288));
  check_deviation(seeded(m, "fc.weight", 2, (Dim[]){100, 200}, 1, 200), sqrt(1.0 / 200));
  const Dim dims[] = {100, 200};
  uint64_t hash = weight_hash(graph_find_weight(m, "fc.weight"));
  assert_true(weight_hash(seeded(again, "fc.weight", 2, dims, 1, 200)) == hash);
  assert_true(weight_hash(seeded(again, "fc2.weight", 2, dims, 1, 200)) != hash);
  Weight *other = seeded(again, "other", 2, dims, 1, 200);
  hash = weight_hash(other);
  other->seed = 2;
  weight_drop_cache(other);
  assert_true(weight_hash(other) != hash);
  unit_drop(m);
  unit_drop(again);
}

static void test_hash_is_of_values(void **state) {
  (void)state;
  Module *m = make_module();
  const Type *t = type_get(m, DT_F32, 1, (Dim[]){3000});
  Weight *splat = graph_splat(m, "splat", t, 0.5), *half = graph_weight(m, "half", t, WEIGHT_DENSE);
  half->stored = DT_F16;
  half->blob = blob_malloc(6000);
  for (int i = 0; i < 3000; i++) dtype_store(DT_F16, (void *)half->blob->data, i, 0.5);
  assert_true(weight_hash(splat) == weight_hash(half));
  weight_data(splat, NULL);
  assert_true(weight_hash(splat) == weight_hash(half));
  dtype_store(DT_F16, (void *)half->blob->data, 2999, 0.25);
  assert_true(weight_hash(splat) != weight_hash(half));
  float values[3000];
  weight_to_f32(half, 0, 3000, values);
  assert_true(values[0] == 0.5f && values[2999] == 0.25f);
  unit_drop(m);
}

// ---- op tables

static void test_op_tables(void **state) {
  (void)state;
  const OpInfo *conv = op_info(OP_CONV2D), *concat = op_info(OP_CONCAT);
  assert_string_equal(conv->name, "conv2d");
  assert_int_equal(conv->n_operands, 4);
  assert_int_equal(conv->operands[IN_CONV2D_bias].kind, OPERAND_WEIGHT_IF);
  assert_string_equal(conv->operands[IN_CONV2D_bias].condition, "bias");
  assert_string_equal(conv->params[0].name, "channels");
  assert_int_equal(conv->params[0].index, -1);
  assert_string_equal(op_attr(OP_CONV2D, ATTR_CONV2D_dilation)->name, "dilation");
  assert_int_equal(op_attr(OP_CONV2D, ATTR_CONV2D_padding)->fallback.n, 4);
  assert_true(op_attr(OP_BATCH_NORM, ATTR_BATCH_NORM_eps)->fallback.f == 1e-5);
  assert_int_equal(op_attr(OP_CONCAT, ATTR_CONCAT_dim)->fallback.kind, ATTR_NONE);
  assert_int_equal(concat->operands[0].kind, OPERAND_VARIADIC);
  assert_true(op_has(OP_ADD, TRAIT_BINARY | TRAIT_COMMUTATIVE) && !op_has(OP_SUB, TRAIT_BINARY | TRAIT_COMMUTATIVE));
  OpKind op;
  for (int i = 0; i < OP_COUNT; i++) assert_true(op_from_name(op_info((OpKind)i)->name, &op) && op == (OpKind)i);
  assert_false(op_from_name("conv4d", &op));
}

static void test_op_table_markdown(void **state) {
  (void)state;
  StrBuf out = {0};
  op_table_markdown(&out);
  assert_non_null(strstr(strbuf_str(&out),
                         "| `conv2d(x, channels, kernel, stride=1, padding=0, dilation=1, groups=1, bias=true)` | "
                         "`.weight`, `.bias` | 2-D convolution of [N, C, H, W] |\n"));
  assert_non_null(strstr(strbuf_str(&out), "`concat(values..., dim)`"));
  assert_non_null(strstr(strbuf_str(&out), "`.qkv.weight\\|.in_proj_weight\\|`"));
  assert_null(strstr(strbuf_str(&out), "attention_core"));
  strbuf_free(&out);
}

// ---- the verifier

// Breaks a fresh module and expects one problem to say so. The break is undone by freeing the module.
typedef struct Breakage {
  const char *expected;
  void (*apply)(Module *m);
} Breakage;

static Node *nth(Module *m, int i) {
  Node *n = m->first;
  while (i--) n = n->next;
  return n;
}

static void set_type(Module *m) { result(nth(m, 1))->type = type_get(m, DT_F32, 1, (Dim[]){7}); }
static void set_dtype_only(Module *m) { result(nth(m, 1))->type = type_with_dtype(m, result(nth(m, 1))->type, DT_F16); }
static void swap_order(Module *m) { graph_move_before(m, nth(m, 1), nth(m, 0)); }
static void break_prev(Module *m) { nth(m, 1)->prev = NULL; }
static void repeat_node_id(Module *m) { nth(m, 1)->id = nth(m, 0)->id; }
static void repeat_value_id(Module *m) { result(nth(m, 1))->id = result(nth(m, 0))->id; }
static void large_value_id(Module *m) { result(nth(m, 1))->id = 1000; }
static void unlink_use(Module *m) { result(nth(m, 0))->uses = NULL; }
static void steal_use(Module *m) { nth(m, 1)->operands[0].user = nth(m, 0); }
static void rewire_without_list(Module *m) { nth(m, 1)->operands[0].value = m->inputs.data[0]; }
static void wrong_result_node(Module *m) { result(nth(m, 1))->node = nth(m, 0); }
static void drop_operand(Module *m) { graph_set_operand(nth(m, 1), 0, NULL); }
static void wrong_kind(Module *m) { nth(m, 2)->attrs[0].kind = ATTR_FLOAT; }
static void unnormal_attr(Module *m) { nth(m, 2)->attrs[0].i = -1; }
static void bad_attr(Module *m) { nth(m, 2)->attrs[0].i = 9; }
static void no_outputs(Module *m) { m->outputs.len = 0; }
static void foreign_output(Module *m) {
  Node *n = m->last;
  m->last = n->prev;
  m->last->next = NULL;
}
static void forget_node(Module *m) {
  m->outputs.data[0].value = result(m->last->prev);
  foreign_output(m);
}
static void two_outputs(Module *m) { graph_output(m, "y", m->inputs.data[0]); }
static void nameless_input(Module *m) { m->inputs.data[0]->name = NULL; }
static void repeat_input(Module *m) { graph_input(m, "x", m->inputs.data[0]->type); }
static void wrong_input_index(Module *m) { m->inputs.data[0]->index = 3; }
static void repeat_weight(Module *m) { m->weights.data[1]->name = m->weights.data[0]->name; }
static void blocked_weight(Module *m) {
  Weight *w = m->weights.data[0];
  w->type = w->value->type = type_blocked(m, w->type, 0);
}
static void short_blob(Module *m) { m->weights.data[1]->blob->size = 3; }
static void weight_mismatch(Module *m) { m->weights.data[0]->type = type_get(m, DT_F32, 1, (Dim[]){9}); }
static void lose_assertion(Module *m) { m->assertions.len = 0; }
static void empty_assertion(Module *m) { m->assertions.data[0].condition = DIM_INVALID; }
static void nameless_output(Module *m) { m->outputs.data[0].name = NULL; }
static void wrong_value_kind(Module *m) { m->inputs.data[0]->kind = VALUE_WEIGHT; }
static void lose_type(Module *m) { result(nth(m, 2))->type = NULL; }

static void repeat_count(Module *m) { nth(m, 1)->attrs[0].ints = nth(m, 0)->attrs[0].ints; }
static void count_too_late(Module *m) { graph_move_before(m, nth(m, 0), NULL); }

static bool has_line(const char *text, const char *line) {
  size_t n = strlen(line);
  for (const char *end; *text; text = *end ? end + 1 : end) {
    end = text + strcspn(text, "\n");
    if ((size_t)(end - text) == n && !memcmp(text, line, n)) return true;
  }
  return false;
}

static void break_and_verify(const char *text, const Breakage *b) {
  Module *m = unit_read(text);
  unit_verify(m);
  b->apply(m);
  StrBuf problems = {0};
  assert_false(graph_verify(m, &problems));
  if (!has_line(strbuf_str(&problems), b->expected))
    fail_msg("expected \"%s\", found\n%s", b->expected, strbuf_str(&problems));
  strbuf_free(&problems);
  unit_drop(m);
}

static void test_verifier_of_counts(void **state) {
  (void)state;
  static const Breakage breakages[] = {
      {"nonzero (node 1): its count is another node's", repeat_count},
      {"reshape (node 2): it has a count that is not found before", count_too_late},
  };
  const char *text = "symbol N\ninput %x : f32[N, 3]\n%0 = nonzero %x : i64[nonzero_count, 2]\n"
                     "%1 = nonzero %x : i64[nonzero_count_1, 2]\n"
                     "%2 = reshape %0 {shape=[2*nonzero_count]} : i64[2*nonzero_count]\noutput y = %2\n";
  for (size_t i = 0; i < sizeof breakages / sizeof *breakages; i++) break_and_verify(text, &breakages[i]);
}

static void test_verifier(void **state) {
  (void)state;
  static const Breakage breakages[] = {
      {"add (node 1): its result is f32[7], not f32[N, 4]", set_type},
      {"add (node 1): its result is f16[N, 4], not f32[N, 4]", set_dtype_only},
      {"add (node 1): operand 0 is not defined before", swap_order},
      {"add (node 0): the list of nodes is broken", break_prev},
      {"add (node 0): its node id is too large or taken", repeat_node_id},
      {"add (node 1): its value id 3 is taken", repeat_value_id},
      {"add (node 1): its value id 1000 is too large", large_value_id},
      {"add (node 1): operand 0 is not in its value's list of uses", unlink_use},
      {"5 uses are listed for 4 operands", forget_node},
      {"add (node 1): operand 0 names another user", steal_use},
      {"value 3: its list of uses is broken", rewire_without_list},
      {"add (node 1): result 0 names another node", wrong_result_node},
      {"add (node 1): error: add needs its operand `a`", drop_operand},
      {"softmax (node 2): error: softmax: `dim` is of another kind", wrong_kind},
      {"softmax (node 2): attribute dim is not normalised", unnormal_attr},
      {"softmax (node 2): error: softmax: `dim` is 9, but `x` has 2 dimensions", bad_attr},
      {"the module has no output", no_outputs},
      {"output y is no value of the module", foreign_output},
      {"two outputs named y", two_outputs},
      {"input 0 has no name", nameless_input},
      {"two inputs named x", repeat_input},
      {"input x: its index is 3, not 0", wrong_input_index},
      {"two weights named w", repeat_weight},
      {"weight w is f32[4]{C16@0}: not row-major of constant dimensions", blocked_weight},
      {"weight d: its data ends early", short_blob},
      {"weight w: its value does not match it", weight_mismatch},
      {"add (node 0): nothing asserts that add: sizes that broadcast: H must equal 4", lose_assertion},
      {"assertion 0 has no condition", empty_assertion},
      {"output 0 has no name", nameless_output},
      {"x: its value is of the wrong kind", wrong_value_kind},
      {"softmax (node 2): its value has no type", lose_type},
  };
  const char *text = "symbol N\nsymbol H\nweight @w : f32[4] = splat(1.0)\nweight @d : f32[1] = dense[1.0]\n"
                     "input %x : f32[N, H]\n%0 = add %x, @w : f32[N, 4]\n%1 = add %0, @d : f32[N, 4]\n"
                     "%2 = softmax %1 {dim=1} : f32[N, 4]\noutput y = %2\n";
  for (size_t i = 0; i < sizeof breakages / sizeof *breakages; i++) break_and_verify(text, &breakages[i]);
}

// A layout on a result is the passes' choice.
static void test_layouts_are_free(void **state) {
  (void)state;
  Module *m = unit_read("input %x : f32[2, 20]\n%0 = relu %x : f32[2, 20]\n%1 = relu %0 : f32[2, 20]\noutput y = %1\n");
  result(m->first)->type = type_blocked(m, result(m->first)->type, 1);
  unit_verify(m);
  unit_round_trip(m);
  unit_drop(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_types),
      cmocka_unit_test(test_uses),
      cmocka_unit_test(test_defaults),
      cmocka_unit_test(test_clone),
      cmocka_unit_test(test_weight_names),
      cmocka_unit_test(test_seeded_values),
      cmocka_unit_test(test_hash_is_of_values),
      cmocka_unit_test(test_op_tables),
      cmocka_unit_test(test_op_table_markdown),
      cmocka_unit_test(test_verifier),
      cmocka_unit_test(test_verifier_of_counts),
      cmocka_unit_test(test_layouts_are_free),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
