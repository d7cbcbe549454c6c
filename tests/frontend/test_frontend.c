// What the language's constructs become in the graph IR. Wrong files are tests/diag's subject.
#include "frontend/frontend.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define IMAGE "model m(x: f32[N, 3, 9, 8]) -> y {\n"

typedef struct Compiled {
  Diag *d;
  Module *m;
} Compiled;

static void write_text(const char *path, const char *text) {
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_true(fputs(text, f) >= 0);
  assert_int_equal(fclose(f), 0);
}

static Compiled compile_with(const char *text, const FrontendOptions *o) {
  char path[64];
  snprintf(path, sizeof path, "test_frontend_%d.nn", (int)getpid());
  StrBuf b = {0};
  strbuf_printf(&b, "nn 1\n%s", text);
  write_text(path, strbuf_str(&b));
  Compiled c = {.d = diag_create()};
  const char *weights;
  c.m = frontend_compile(c.d, path, o, &weights);
  strbuf_clear(&b);
  diag_print(c.d, &b, false);
  if (!c.m) fail_msg("%s", strbuf_str(&b));
  strbuf_free(&b);
  unlink(path);
  return c;
}

static Compiled compile(const char *text) { return compile_with(text, NULL); }

static void done(Compiled c) {
  module_destroy(c.m);
  diag_destroy(c.d);
}

static const Type *output_type(Compiled c, size_t i) {
  assert_true(i < c.m->outputs.len);
  return c.m->outputs.data[i].value->type;
}

static void assert_output(Compiled c, size_t i, const char *type) {
  assert_string_equal(type_str(c.m, output_type(c, i)), type);
}

// The model's only output has this type.
static void assert_type(const char *text, const char *type) {
  Compiled c = compile(text);
  assert_output(c, 0, type);
  done(c);
}

static void assert_weights(Compiled c, const char *const *names, size_t n) {
  assert_int_equal(c.m->weights.len, n);
  for (size_t i = 0; i < n; i++) assert_string_equal(c.m->weights.data[i]->name, names[i]);
}

// ---- compile-time values

static void test_arithmetic(void **state) {
  (void)state;
  assert_type(IMAGE "let k = max(8, floor(17.5 + 4) // 8 * 8)\n y = conv2d(x, k, 1) @c }", "f32[N, 16, 9, 8]");
  assert_type(IMAGE "let k = -7 // 2 + 5\n let r = -7 % 3\n y = conv2d(x, k + r, 1) @c }", "f32[N, 3, 9, 8]");
  assert_type(IMAGE "let k = 6 / 2 * 2 + pow(2, 3) - abs(-4) + round(2.5) + ceil(0.1)\n y = conv2d(x, k, 1) @c }",
              "f32[N, 13, 9, 8]");
  assert_type(IMAGE "let k = true && !(1 > 2) || x == 3 ? 4 : 5\n y = conv2d(x, k, 1) @c }", "f32[N, 4, 9, 8]");
  assert_type(IMAGE "let a, b = [[1, 2], 3]\n let l = a + [b]\n y = conv2d(x, l[-1] + l[0], 1) @c }",
              "f32[N, 4, 9, 8]");
  assert_type(IMAGE "y = conv2d(x, x.shape[1] * x.shape[2], 1) @c }", "f32[N, 27, 9, 8]");
}

static void test_statements(void **state) {
  (void)state;
  assert_type(IMAGE "let k = 0\n for (i, (a, b)) in [(1, (2, 3)), (4, (5, 6))] { let k = k + i * a + b }\n"
                    "for i in 2..5 { let k = k + i }\n y = conv2d(x, k, 1) @c }",
              "f32[N, 40, 9, 8]");
  assert_type(IMAGE "if x.shape[1] == 4 { y = x } else if x.shape[1] == 3 { y = conv2d(x, 7, 1) @c } else { y = x } }",
              "f32[N, 7, 9, 8]");
  assert_type("let k = j + 1\nlet j = 4\nparam p = k\n" IMAGE "y = conv2d(x, p, 1) @c }", "f32[N, 5, 9, 8]");
}

static void test_blocks(void **state) {
  (void)state;
  assert_type("block f(x: [N, C, H, W], wide=2 * C, act=silu) -> y { y = conv2d(x, wide, 1) @c |> act }\n" IMAGE
              "y = x |> f @a |> f(act=identity) @b |> f(wide=5, act=relu) @c }",
              "f32[N, 5, 9, 8]");
  assert_type("block two(x) -> a, b { a = relu(x)\n b = conv2d(x, 4, 1) @c }\nblock none() -> k { let k = 6 }\n" IMAGE
              "p, q = two(x) @t\n y = concat(p, q, conv2d(x, none(), 1) @n, dim=1) }",
              "f32[N, 13, 9, 8]");
  assert_type("block relu(x) -> y { y = conv2d(x, 2, 1) @c }\n" IMAGE "y = relu(x) @hides }", "f32[N, 2, 9, 8]");
  assert_type(IMAGE "let mean = [0.0, 0.0, 0.0]\n y = mean(normalize(x, mean, [1, 1, 1]), dim=1) }", "f32[N, 9, 8]");
}

// ---- tensors

static void test_index(void **state) {
  (void)state;
  assert_type(IMAGE "y = x[:, 0] }", "f32[N, 9, 8]");
  assert_type(IMAGE "y = x[:, -1, 1::3, :-2] }", "f32[N, 3, 6]");
  assert_type(IMAGE "y = x[:, 0:2, :, 0:100] + 0 * x[:, 1:, 0:9, :] }", "f32[N, 2, 9, 8]");
}

static const Node *node_of(Compiled c, OpKind op) {
  for (const Node *n = c.m->first; n; n = n->next)
    if (n->op == op) return n;
  fail_msg("no %s", op_info(op)->name);
  return NULL;
}

static void test_operators(void **state) {
  (void)state;
  Compiled c =
      compile("model m(x: f32[N, 3], i: i64[N, 3]) -> a, b, c { a = -x * 2 + 2.0\n b = 3 - i\n c = x / x.shape[1] }");
  const Node *sub = node_of(c, OP_SUB), *div = node_of(c, OP_DIV);
  assert_int_equal(operand(sub, 0)->type->dtype, DT_I64);
  assert_int_equal(operand(sub, 0)->type->rank, 0);
  assert_true(operand(sub, 0)->weight->splat == 3);
  assert_true(operand(div, 1)->weight->splat == 3);
  assert_true(operand(node_of(c, OP_MUL), 1)->weight->splat == -1);
  assert_int_equal(c.m->weights.len, 4); // f32 -1, 2, 3; i64 3
  done(c);
}

static void test_constants(void **state) {
  (void)state;
  Compiled c = compile("model m(x: f32[N, 2]) -> y { let v = [[1, 2], [3, 4]]\n y = matmul(x, constant(v)) + "
                       "parameter([2], init=0.5) @bias }");
  Weight *dense = c.m->weights.data[0], *bias = c.m->weights.data[1];
  assert_string_equal(type_str(c.m, dense->type), "f32[2, 2]");
  assert_true(weight_at(dense, 2) == 3);
  assert_string_equal(bias->name, "bias");
  assert_int_equal(bias->source, WEIGHT_SPLAT);
  assert_true(bias->splat == 0.5);
  done(c);
}

// Integers of 64 bits keep what a double would round away; the others saturate as ever.
static void test_wide_integers(void **state) {
  (void)state;
  Compiled c =
      compile("model m(x: i64[2], z: u64[2]) -> y, w, v {\n y = x + 9007199254740993 + constant([9007199254740995, "
              "-9007199254740993], dtype=i64)\n w = maximum(z, 9007199254740993) + constant([-1, "
              "9007199254740993], dtype=u64)\n v = constant([300, -1], dtype=u8) + constant([1, 2], dtype=u8) }");
  static const struct {
    const char *type;
    int64_t values[2];
  } expected[] = {
      {"i64[]", {9007199254740993}}, {"i64[2]", {9007199254740995, -9007199254740993}},
      {"u64[]", {9007199254740993}}, {"u64[2]", {0, 9007199254740993}},
      {"u8[2]", {255, 0}},
  };
  for (int i = 0; i < 5; i++) {
    Weight *w = c.m->weights.data[i];
    DType stored;
    const void *data = weight_data(w, &stored);
    assert_string_equal(type_str(c.m, w->type), expected[i].type);
    for (int k = 0; k < weight_count(w); k++) assert_true(dtype_load_int(stored, data, k) == expected[i].values[k]);
  }
  done(c);
}

// ---- padding="same"

static void assert_padding(const char *text, const char *shape, const int64_t *expected) {
  Compiled c = compile_with(text, &(FrontendOptions){.shapes = &shape, .n_shapes = shape != NULL});
  const Node *n = c.m->first;
  int at = -1;
  for (int i = 0; i < op_info(n->op)->n_attrs; i++)
    if (n->attrs[i].kind == ATTR_PADDING) at = i;
  assert_true(at >= 0);
  for (int i = 0; i < 4; i++) assert_int_equal(n->attrs[at].ints[i], expected[i]);
  done(c);
}

static void test_padding(void **state) {
  (void)state;
  assert_padding(IMAGE "y = conv2d(x, 4, 3, stride=2, padding=\"same\") @c }", NULL, (int64_t[]){1, 0, 1, 1});
  assert_padding(IMAGE "y = conv2d(x, 4, [2, 5], padding=\"same\", dilation=2) @c }", NULL, (int64_t[]){1, 4, 1, 4});
  assert_padding(IMAGE "y = max_pool2d(x, 2, padding=\"same\") }", NULL, (int64_t[]){0, 0, 1, 0});
  assert_padding(IMAGE "y = conv2d(x, 4, 5, padding=[1, 2]) @c }", NULL, (int64_t[]){1, 2, 1, 2});
  assert_padding(IMAGE "y = conv2d(x, 4, 5, padding=[1, 2, 3, 4]) @c }", NULL, (int64_t[]){1, 2, 3, 4});
  assert_padding(IMAGE "y = conv2d(x, 4, 5, padding=\"valid\") @c }", NULL, (int64_t[]){0, 0, 0, 0});
  assert_padding("model m(x: f32[N, 3, H, W]) -> y { y = conv2d(x, 4, 3, stride=2, padding=\"same\") @c }", "x=1,3,9,8",
                 (int64_t[]){1, 0, 1, 1});
}

// Open sizes: the result has ceil(H / 2) rows whatever H is.
static void test_open_padding(void **state) {
  (void)state;
  Compiled c = compile("model m(x: f32[N, 3, H<=64, W]) -> y { y = conv2d(x, 4, 3, stride=2, padding=\"same\") @c }");
  for (int64_t h = 1; h <= 64; h++) {
    int64_t values[] = {1, h, 8};
    assert_int_equal(dim_eval(c.m->dims, output_type(c, 0)->dims[2], values), (h + 1) / 2);
  }
  done(c);
}

// ---- paths

static void test_paths(void **state) {
  (void)state;
  Compiled c =
      compile("block inner(x) -> y { y = conv2d(x, 3, 1, bias=false) @. |> conv2d(3, 1, bias=false) @b-{1 + 1}.c }\n"
              "block plain(x) -> y { y = inner(x) @in }\n" IMAGE
              "y = x |> plain |> plain @{2 * 2} |> inner @a\n y = relu(y) @act }");
  assert_weights(c,
                 (const char *[]){"in.weight", "in.b-2.c.weight", "4.in.weight", "4.in.b-2.c.weight", "a.weight",
                                  "a.b-2.c.weight"},
                 6);
  assert_string_equal(c.m->first->name, "in");
  assert_string_equal(c.m->last->name, "act");
  done(c);
}

static void test_tied(void **state) {
  (void)state;
  Compiled c = compile("block f(x) -> y { y = linear(x, 3) @fc }\nmodel m(a: f32[N, 3], b: f32[N, 3]) -> p, q {\n"
                       "p = f(a) @t\n q = f(b) tied @t |> linear(3) tied @t.fc }");
  assert_weights(c, (const char *[]){"t.fc.weight", "t.fc.bias"}, 2);
  assert_int_equal(graph_use_count(c.m, c.m->weights.data[0]->value), 3);
  done(c);
}

static void test_attention_names(void **state) {
  (void)state;
  static const char *const fused[] = {"a.qkv.weight", "a.qkv.bias", "a.proj.weight", "a.proj.bias"};
  static const char *const in_proj[] = {"a.in_proj_weight", "a.out_proj.weight", "a.out_proj.bias"};
  static const char *const separate[] = {"a.q.weight", "a.k.weight", "a.v.weight", "a.proj.weight"};
  Compiled c = compile("model m(x: f32[N, 4, 8]) -> y { y = attention(x, 2) @a }");
  assert_weights(c, fused, 4);
  done(c);
  c = compile("model m(x: f32[N, 4, 8]) -> y { y = attention(x, 2, names=\"in_proj\", qkv_bias=false) @a }");
  assert_weights(c, in_proj, 3);
  done(c);
  c = compile(
      "model m(x: f32[N, 4, 8]) -> y { y = attention(x, 2, names=\"separate\", qkv_bias=false, bias=false) @a }");
  assert_weights(c, separate, 4);
  done(c);
}

// ---- the model

static void test_open_dimensions(void **state) {
  (void)state;
  Compiled c = compile("model m(a: f32[N<=32, H], b: f32[N, W]) -> y: f32[N, H] {\n"
                       "assert H % 4 == 0, \"four\"\n assert N >= 1\n let half = W / 2\n y = relu(a) }");
  assert_int_equal(dim_symbol_count(c.m->dims), 3);
  assert_int_equal(dim_symbol_at(c.m->dims, 0)->max, 32);
  assert_int_equal(c.m->assertions.len, 2); // N >= 1 is always so
  assert_string_equal(c.m->assertions.data[0].text, "four");
  assert_string_equal(c.m->assertions.data[1].text, "W / 2 is not whole");
  done(c);
}

static void test_options(void **state) {
  (void)state;
  const char *defines[] = {"k=5", "on=true", "rate=3", "s=relu"}, *shapes[] = {"x=4,3,_,8"};
  FrontendOptions o = {
      .model = "b", .defines = defines, .n_defines = 4, .shapes = shapes, .n_shapes = 1, .weights = "w.npz"};
  Compiled c = compile_with(
      "param k = 1\nparam on = false\nparam rate = 0.5\nparam s = \"\"\n"
      "model a(x: f32[N]) -> y { y = relu(x) }\n"
      "model b(x: f32[N, 3, H, 8]) -> y { y = on && rate == 3.0 && s == \"relu\" ? conv2d(x, k, 1) @c : x }",
      &o);
  assert_output(c, 0, "f32[4, 5, H, 8]");
  assert_string_equal(c.m->name, "b");
  done(c);
}

static void test_signature(void **state) {
  (void)state;
  Compiled c = compile(
      "model m(rows: u8[N, 4, 4, 3] bgr, x: f32[N, 3]) -> p, q: f32[N, 3] { q = relu(x)\n p = cast(rows, f32) }");
  assert_string_equal(c.m->inputs.data[0]->name, "rows");
  assert_int_equal(c.m->inputs.data[0]->type->dtype, DT_U8);
  assert_string_equal(c.m->outputs.data[1].name, "q");
  assert_string_equal(c.m->outputs.data[1].value->name, "q");
  assert_string_equal(module_meta(c.m, "order.rows")->value.s, "bgr");
  done(c);
}

static void test_meta(void **state) {
  (void)state;
  write_text("test_frontend_labels.txt", "one\r\ntwo words\nthree");
  Compiled c =
      compile("model m(x: f32[N]) -> y { y = relu(x)\n meta { labels = \"test_frontend_labels.txt\", mean = 0.5\n"
              "std = [1, 2] crop = 224; source = \"here\" } }");
  const Attr *labels = &module_meta(c.m, "labels")->value, *std = &module_meta(c.m, "std")->value;
  assert_int_equal(labels->n, 3);
  assert_string_equal(labels->strings[0], "one");
  assert_string_equal(labels->strings[1], "two words");
  assert_int_equal(std->kind, ATTR_FLOATS);
  assert_true(std->floats[1] == 2);
  assert_int_equal(module_meta(c.m, "mean")->value.n, 1);
  assert_int_equal(module_meta(c.m, "crop")->value.i, 224);
  done(c);
  unlink("test_frontend_labels.txt");
}

static void test_spans(void **state) {
  (void)state;
  Compiled c = compile(IMAGE "y = x\n  |> conv2d(3, 1) @c }");
  int line, col;
  diag_position(c.d, c.m->first->span, &line, &col);
  assert_int_equal(line, 4);
  assert_int_equal(col, 6);
  assert_int_equal(c.m->first->span.end - c.m->first->span.begin, strlen("conv2d"));
  done(c);
}

// Length costs no stack: a long sum, a long pipeline.
static void test_long_chains(void **state) {
  (void)state;
  StrBuf b = {0};
  strbuf_puts(&b, "model m(x: f32[N]) -> y { y = x");
  for (int i = 0; i < 20000; i++) strbuf_puts(&b, " |> relu");
  strbuf_puts(&b, "\n y = y");
  for (int i = 0; i < 20000; i++) strbuf_puts(&b, " + x");
  strbuf_puts(&b, " }");
  Compiled c = compile(strbuf_str(&b));
  assert_int_equal(c.m->n_nodes, 40000);
  done(c);
  strbuf_free(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_arithmetic),
      cmocka_unit_test(test_statements),
      cmocka_unit_test(test_blocks),
      cmocka_unit_test(test_index),
      cmocka_unit_test(test_operators),
      cmocka_unit_test(test_constants),
      cmocka_unit_test(test_wide_integers),
      cmocka_unit_test(test_padding),
      cmocka_unit_test(test_open_padding),
      cmocka_unit_test(test_paths),
      cmocka_unit_test(test_tied),
      cmocka_unit_test(test_attention_names),
      cmocka_unit_test(test_open_dimensions),
      cmocka_unit_test(test_options),
      cmocka_unit_test(test_signature),
      cmocka_unit_test(test_meta),
      cmocka_unit_test(test_spans),
      cmocka_unit_test(test_long_chains),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
