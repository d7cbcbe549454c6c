// The text form: round trips, messages with places, hostile input.
#include "tests/unit/sample.h"
#include "tests/unit/unit.h"
#include <stdio.h>
#include <unistd.h>

static void test_sample_round_trips(void **state) {
  (void)state;
  Module *m = unit_read(SAMPLE);
  unit_verify(m);
  unit_round_trip(m);
  Module *copy = module_clone(m);
  StrBuf difference = {0};
  if (!graph_equal(m, copy, &difference)) fail_msg("%s", strbuf_str(&difference));
  unit_verify(copy);
  unit_round_trip(copy);
  module_destroy(copy);
  unit_drop(m);
}

static void test_sample_is_complete(void **state) {
  (void)state;
  Module *m = unit_read(SAMPLE);
  for (int op = 0; op < OP_COUNT; op++)
    for (int i = -1; i < op_info((OpKind)op)->n_attrs; i++) {
      bool found = false;
      for (Node *n = m->first; n && !found; n = n->next)
        found = n->op == (OpKind)op && (i < 0 || !attr_equal(&n->attrs[i], &op_attr(n->op, i)->fallback));
      if (!found)
        fail_msg("the sample lacks %s %s", op_info((OpKind)op)->name, i < 0 ? "" : op_attr((OpKind)op, i)->name);
    }
  unit_drop(m);
}

static void test_values_survive(void **state) {
  (void)state;
  Module *m = unit_read(SAMPLE);
  Weight *bias = graph_find_weight(m, "conv1.bias"), *big = graph_find_weight(m, "long");
  assert_true(weight_at(bias, 1) == -2.5 && weight_at(bias, 3) > 1e300 && weight_at(bias, 5) != weight_at(bias, 5));
  assert_true(((const int64_t *)weight_data(big, NULL))[1] == INT64_MAX);
  assert_true(weight_at(graph_find_weight(m, "half"), 1) == 65504);
  assert_true(weight_at(graph_find_weight(m, "positions"), 9) == 1.125);
  assert_string_equal(module_meta(m, "labels")->value.strings[1], "a \"b\"");
  assert_int_equal(module_meta(m, "resize")->value.ints[1], 224);
  assert_true(module_meta(m, "rgb")->value.i);
  assert_null(module_meta(m, "absent"));
  assert_int_equal(dim_symbol_at(m->dims, 0)->max, 64);
  assert_string_equal(m->first->next->name, "odd \"path\"");
  unit_drop(m);
}

// What the text leaves out is filled in, and what is normal is printed.
static void test_normalising(void **state) {
  (void)state;
  Module *m = unit_read("input %x : f32[2, 4, 9, 9]\n"
                        "%y = max_pool2d %x {kernel=[3, 3]} : f32[2, 4, 3, 3]\n"
                        "%7 = mean %y {dim=[-1, 1]} : f32[2, 3]\n"
                        "%y2 = slice %x {dims=[-1], starts=[-5], ends=[100]} : f32[2, 4, 9, 5]\n"
                        "output y = %7\noutput z = %y2\n");
  StrBuf out = {0};
  graph_print(m, &out, NULL);
  assert_string_equal(strbuf_str(&out), "module \"\"\n"
                                        "input %x : f32[2, 4, 9, 9]\n"
                                        "%y = max_pool2d %x {kernel=[3, 3], stride=[3, 3]} : f32[2, 4, 3, 3]\n"
                                        "%0 = mean %y {dim=[1, 3]} : f32[2, 3]\n"
                                        "%y2 = slice %x {dims=[3], starts=[4], ends=[9], steps=[1]} : f32[2, 4, 9, 5]\n"
                                        "output y = %0\noutput z = %y2\n");
  strbuf_free(&out);
  unit_drop(m);
}

static void test_repeated_names_are_numbered(void **state) {
  (void)state;
  Module *m = unit_read("input %x : f32[2]\n%a = relu %x : f32[2]\n%b = relu %a : f32[2]\noutput y = %b\n");
  m->first->next->results[0]->name = intern(m->names, "a");
  StrBuf out = {0};
  graph_print(m, &out, NULL);
  assert_non_null(strstr(strbuf_str(&out), "%a = relu %x : f32[2]\n%0 = relu %a : f32[2]\noutput y = %0\n"));
  strbuf_free(&out);
  unit_round_trip(m);
  unit_drop(m);
}

static void test_side_data(void **state) {
  (void)state;
  Module *m = unit_read("input %x : f32[65]\n%y = relu %x : f32[65]\noutput y = %y\n");
  Blob *blob = blob_malloc(65 * 4);
  ((float *)blob->data)[64] = 3;
  const Type *t = type_get(m, DT_F32, 1, (Dim[]){65});
  Weight *w = graph_dense(m, "made", t, blob);
  graph_set_operand(m->first, 0, w->value);
  char path[] = "side_XXXXXX";
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  close(fd);
  unit_round_trip(m);
  StrBuf out = {0};
  graph_print(m, &out, &(PrintOptions){.side_file = path});
  char *line = strstr(strbuf_str(&out), "weight @made : f32[65] = side(\"");
  assert_non_null(line);
  FILE *f = fopen(path, "rb");
  unsigned char bytes[512];
  size_t n = fread(bytes, 1, sizeof bytes, f), header = bytes[0] + 256u * bytes[1];
  fclose(f);
  remove(path);
  assert_int_equal(n, 8 + header + 65 * 4);
  assert_true(header % 8 == 0 && !memcmp(bytes + 8, "{\"", 2) && !memcmp(bytes + 10, strchr(line, '"') + 1, 16));
  assert_memory_equal(bytes + 8 + header, blob->data, 65 * 4);
  strbuf_free(&out);
  unit_drop(m);
}

static void test_dot(void **state) {
  (void)state;
  Module *m = unit_read(SAMPLE);
  StrBuf out = {0};
  graph_dot(m, &out);
  assert_non_null(strstr(strbuf_str(&out), "digraph \"every op\" {"));
  assert_non_null(strstr(strbuf_str(&out), "conv2d @odd \\\"path\\\"\\nstride=[2, 1]"));
  assert_non_null(strstr(strbuf_str(&out), "in0 -> n0 [label=\"f32[N, 4, 16, 16]\"];"));
  assert_non_null(strstr(strbuf_str(&out), "odd name  f32[3]"));
  strbuf_free(&out);
  unit_drop(m);
}

static void test_differences(void **state) {
  (void)state;
  static const char *const edits[][3] = {
      {"module \"every op\"", "module other     ", "module"},
      {"symbol N <= 64", "symbol N <= 65", "symbol N"},
      {"act=\"relu6\"", "act=\"relu\" ", "conv1: attribute act"},
      {"dense[0, 1]", "dense[1, 1]", "weight flags: its elements"},
      {"splat(2.0)", "splat(3.0)", "weight row8: its elements"},
      {"init(-7, 18)", "init(-8, 18)", "weight conv1.weight: its elements"},
      {"add %tall, %17", "add %tall, %tall", "add: operand 1"},
      {"@pick", "@puck", "layer pick"},
      {"output logits = %11", "output logit5 = %11", "output logits"},
      {"meta crop = 224", "meta crop = 225", "meta entry crop"},
      {"{C16@1}", "{C16@2}", "reorder: type"},
      {"sub %29", "mul %29", "op sub against mul"},
  };
  Module *m = unit_read(SAMPLE);
  for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
    const char *at = strstr(SAMPLE, edits[i][0]);
    assert_non_null(at);
    StrBuf text = {0}, difference = {0};
    strbuf_write(&text, SAMPLE, (size_t)(at - SAMPLE));
    strbuf_puts(&text, edits[i][1]);
    strbuf_puts(&text, at + strlen(edits[i][0]));
    Module *other = unit_read(strbuf_str(&text));
    assert_false(graph_equal(m, other, &difference));
    if (!strstr(strbuf_str(&difference), edits[i][2]))
      fail_msg("expected %s, found %s", edits[i][2], strbuf_str(&difference));
    strbuf_free(&text);
    strbuf_free(&difference);
    unit_drop(other);
  }
  unit_drop(m);
}

static void test_messages(void **state) {
  (void)state;
  static const struct {
    const char *text, *expected;
  } cases[] = {
      {"", "the module has no output"},
      {"input %x : f32[2]\n%y = rleu %x : f32[2]\noutput y = %y\n",
       "test.nnir:2:6: error: unknown op `rleu`; did you mean `relu`?\n    2 | %y = rleu %x : f32[2]\n      |      "
       "^\n"},
      {"input %x : f32[2]\n%y = relu %z : f32[2]\n", "test.nnir:2:11: error: no value `z` before this"},
      {"input %x : f32[2]\n%y = relu @w : f32[2]\n", "no weight `w`"},
      {"input %x : f32[2]\n%y = relu %x : f32[3]\n", "relu gives f32[2], not f32[3]"},
      {"input %x : f32[2]\n%y = relu %x : f16[2]\n", "relu gives f32[2], not f16[2]"},
      {"input %x : f32[2]\n%y, %z = relu %x : f32[2], f32[2]\n", "relu has 1 results, not 2"},
      {"input %x : f32[2]\n%x = relu %x : f32[2]\n", "a second value `x`"},
      {"input %x : f32[2]\n%1 = relu %x : f32[2]\n%1 = relu %x : f32[2]\n", "a second value `1`"},
      {"input %x : f32[2]\n%y = relu %x {slope=1} : f32[2]\n", "relu has no attribute `slope`"},
      {"input %x : f32[2]\n%y = dropout %x {p=0.1, p=0.2} : f32[2]\n", "`p` is given twice"},
      {"input %x : f32[2]\n%y = dropout %x {p=\"a\"} : f32[2]\n", "expected a number"},
      {"input %x : f32[2]\n%y = dropout %x {=1} : f32[2]\n", "expected an attribute"},
      {"input %x : f32[2]\n%y = mean %x {dim=[0], keepdim=3} : f32[1]\n", "expected true or false"},
      {"symbol =\n", "expected a name"},
      {"input %x : f32[2]\n%y = softmax %x : f32[2]\n", "softmax needs `dim`"},
      {"input %x : f32[2]\n%y = add %x : f32[2]\n", "add needs its operand `b`"},
      {"input %x : f32[2]\n%y = add %x, %x, %x : f32[2]\n", "add takes at most 2 operands, not 3"},
      {"input %x : f32[2]\n%y = add _, %x : f32[2]\n", "add needs its operand `a`"},
      {"input %x : f32[0]\n%y = relu %x : f32[0]\n", "relu: its operand `x` has no elements"},
      {"input %x : f32[-1]\n", "a dimension of -1"},
      {"input %x : f32[M]\n", "expected a dimension"},
      {"input %x : f33[2]\n", "expected a type such as f32"},
      {"input %x : f32[1048576, 1048577]\n", "a type of too many elements"},
      {"input %x : f32[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]\n", "more than 16 dimensions"},
      {"input %x : f32[2]{C8@0}\n", "blocks hold 16 channels, not 8"},
      {"input %x : f32[2]{C16@1}\n", "there is no dimension 1 to block"},
      {"input %7 : f32[2]\n", "an input's name of digits must be quoted"},
      {"input %\"\" : f32[2]\n", "an empty name"},
      {"input %x : f32[2]\noutput \"\" = %x\n", "an empty name"},
      {"weight @w : f32[2] = splat(0)\nweight @w : f32[2] = splat(0)\n", "a second weight `w`"},
      {"weight @w : f32[2] = dense[1.0]\n", "expected `,`"},
      {"weight @w : f32[2] = dense[1.0, 2.0, 3.0]\n", "expected `]`"},
      {"weight @w : f32[65] = dense[1.0]\n", "at most 64 elements stand in the text"},
      {"weight @w : f32[2] = file(\"w.safetensors\", \"other\")\n", "no data for `w`"},
      {"weight @w : f32[2] = file(\"w.safetensors\", \"pos_embed\")\n", "`w` is f32[2], but its data is f16[1, 17, 8]"},
      {"weight @w : f16[1, 17, 8] = file(\"w.safetensors\", \"short\")\n", "the data of `w` ends early"},
      {"weight @w : f32[2] = side(\"0123456789abcdef\")\n", "no data for `w`"},
      {"weight @w : f32[2] = zeros\n", "expected file, splat, dense, side, init or missing"},
      {"symbol N\nweight @w : f32[N] = missing\n", "a weight is row-major and of known dimensions"},
      {"weight @w : f32[1048576, 1025] = splat(0)\n", "more than 2^30 elements"},
      {"symbol N\nsymbol N\n", "a second symbol `N`"},
      {"symbol N <= 0\n", "`N` would have no value"},
      {"meta a = 1\nmeta a = 2\n", "a second meta entry `a`"},
      {"meta a = [1, \"b\"]\n", "expected an integer"},
      {"weight @w : u64[1] = dense[-1]\n", "expected an integer that is not negative"},
      {"meta a = 99999999999999999999\n", "an integer past 64 bits"},
      {"meta a = \"open\n", "expected a string in double quotes"},
      {"assert \"x\" : 1 +\n", "expected a dimension"},
      {"output y = @w\n", "no weight `w`"},
      {"input %x : f32[2]\noutput y = %x\noutput y = %x\n", "a second output `y`"},
      {"count c <= 3\nsymbol N\n", "symbols stand before counts"},
      {"count c <= 3\ncount c <= 3\n", "a second symbol `c`"},
      {"count c <= 3\ncount d <= 2*c\n", "the capacity of `d` has a count"},
      {"count c <= 3\ninput %x : f32[c]\n", "an input's dimensions are known before a run"},
      {"count c <= 3\n%a = arange {start=[c]} : i64[c]\n", "no node before this finds its count"},
      {"count c <= 3\ninput %x : f32[3]\n%a = nonzero %x {count=[c]} : i64[c, 1]\n"
       "%b = nonzero %x {count=[c]} : i64[c, 1]\n",
       "a second node finds this count"},
      {"nonsense\n", "expected module, symbol, count, assert, side, weight, meta, input, output or %value = ..."},
      {"input %x : f32[2]\n%a = relu %b : f32[2]\n%c = relu %d : f32[2]\noutput y = %x\n", "2 errors"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) unit_refused(cases[i].text, cases[i].expected);
}

static void check_limit(const char *head, const char *line, int n, const char *expected) {
  StrBuf text = {0};
  strbuf_puts(&text, head);
  for (int i = 0; i < n; i++) {
    const char *number = strchr(line, '#');
    strbuf_printf(&text, "%.*s%d%s", (int)(number - line), line, i, number + 1);
  }
  unit_refused(strbuf_str(&text), expected);
  strbuf_free(&text);
}

static void test_limits(void **state) {
  (void)state;
  check_limit("", "symbol N#\n", 17, "more than 16 symbols");
  check_limit("", "count c# <= 2\n", 49, "more than 48 counts");
  check_limit("", "meta m# = 1\n", 4097, "more than 4096 meta entries");
  check_limit("input %x : f32[2]\n", "output y# = %x\n", 4097, "more than 4096 outputs");
}

static void test_embedded_nul(void **state) {
  (void)state;
  char text[sizeof SAMPLE];
  for (size_t i = 0; i < sizeof SAMPLE - 1; i += 7) {
    memcpy(text, SAMPLE, sizeof SAMPLE);
    text[i] = 0;
    free(unit_messages(text, sizeof SAMPLE - 1));
  }
}

// One edit of a byte, of a span, or of a token taken from elsewhere.
static size_t mutate(uint64_t *seed, char *text, size_t size) {
  size_t at = unit_random(seed) % size, from = unit_random(seed) % size, n = 1 + unit_random(seed) % 12;
  if (at + n > size) n = size - at;
  if (from + n > size) n = size - from;
  switch (unit_random(seed) % 4) {
  case 0: text[at] = (char)unit_random(seed); return size;
  case 1: memmove(text + at, text + from, n); return size;
  case 2: memmove(text + at, text + at + n, size - at - n); return size - n;
  default: text[at] = "0123456789-+*/%@{}[](),=\"\n\\_:#"[unit_random(seed) % 31]; return size;
  }
}

// Whatever a text is mutated to, it is refused with messages, or it is a module in order that round-trips.
static void test_mutations(void **state) {
  (void)state;
  uint64_t seed = 99;
  int accepted = 0;
  for (int round = 0; round < 6000; round++) {
    char text[sizeof SAMPLE];
    size_t size = sizeof SAMPLE - 1;
    memcpy(text, SAMPLE, sizeof SAMPLE);
    for (uint64_t i = unit_random(&seed) % 3 + 1; i--;) size = mutate(&seed, text, size);
    char *messages = unit_messages(text, size);
    if (messages) {
      free(messages);
      continue;
    }
    accepted++;
    Diag *diag = diag_create();
    Module *m = unit_open(diag, text, size);
    unit_verify(m);
    unit_round_trip(m);
    unit_drop(m);
  }
  assert_in_range(accepted, 30, 5970);
}

static void test_long_chain(void **state) {
  (void)state;
  StrBuf text = {0};
  enum { LENGTH = 100000 };
  strbuf_puts(&text, "input %x : f32[2]\n%0 = relu %x : f32[2]\n");
  for (int i = 1; i < LENGTH; i++) strbuf_printf(&text, "%%%d = relu %%%d : f32[2]\n", i, i - 1);
  strbuf_printf(&text, "output y = %%%d\n", LENGTH - 1);
  Module *m = unit_read(strbuf_str(&text));
  unit_verify(m);
  unit_round_trip(m);
  unit_drop(m);
  strbuf_free(&text);
}

static void test_deep_expressions(void **state) {
  (void)state;
  StrBuf text = {0};
  strbuf_puts(&text, "symbol N\nassert \"deep\" : ");
  strbuf_fill(&text, '(', 100000);
  unit_refused(strbuf_str(&text), "expected a dimension");
  strbuf_clear(&text);
  strbuf_puts(&text, "symbol N\nassert \"deep\" : ");
  strbuf_fill(&text, '!', 100000);
  unit_refused(strbuf_str(&text), "expected a dimension");
  strbuf_free(&text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sample_round_trips),
      cmocka_unit_test(test_sample_is_complete),
      cmocka_unit_test(test_values_survive),
      cmocka_unit_test(test_normalising),
      cmocka_unit_test(test_repeated_names_are_numbered),
      cmocka_unit_test(test_side_data),
      cmocka_unit_test(test_dot),
      cmocka_unit_test(test_differences),
      cmocka_unit_test(test_messages),
      cmocka_unit_test(test_limits),
      cmocka_unit_test(test_embedded_nul),
      cmocka_unit_test(test_mutations),
      cmocka_unit_test(test_long_chain),
      cmocka_unit_test(test_deep_expressions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
