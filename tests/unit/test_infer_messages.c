// Messages of shape inference that need types or counts at the edge of what is possible, and the conditions that are
// left to run time.
#include "tests/unit/infer_cases.h"

static void test_attention(void **state) {
  (void)state;
  const char *x = "x f32[2, 4, 8]; @p f32[8, 8]; @f f32[24, 8]; @b f32[8]; @c f32[24]";
  check_refused(x, "attention %x, _, @f, _, _, @b, _, _, _, _, @p {heads=2}",
                "attention: `b` stands without its weight");
  check_refused(x, "attention %x, _, _, @c, @p, _, @p, _, @p, _, @p {heads=2}",
                "attention: `qkv_bias` stands without its weight");
  check_refused("x f32[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 4, 24]; m f32[4, 4]",
                "attention_core %x, %m {heads=2}", "attention_core: too many dimensions");
}

static void test_sizes(void **state) {
  (void)state;
  const char *flat = "x f32[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 4]";
  check_refused(flat, "unsqueeze %x {dim=0}",
                "unsqueeze: its result would have 17 dimensions, at most 16 are possible");
  check_refused(flat, "channel_shuffle %x {groups=1}", "channel_shuffle of 16 dimensions");
  check_refused(flat, "reshape %x {shape=[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 4]}",
                "reshape: 17 dimensions, at most 16 are possible");
  check_refused("x f32[1048576, 1]; y f32[1048577]", "add %x, %y",
                "add: its result f32[1048576, 1048577] has too many elements");
  check_refused("x f32[N, 4, 8, 8]; w f32[4, 4, H, 3]", "conv2d %x, %w",
                "conv2d: `w` is f32[4, 4, H, 3]; its dimensions must be known and positive");
  check_refused("x f32[4000]", "split %x {sizes=[1], dim=0}", "split: 4000 parts, at most 1024 are possible");
  check_refused("x f32[4000]", "chunk %x {chunks=4000, dim=0}", "chunk: 4000 parts, at most 1024 are possible");
  check_refused("x f32[2, 3]", "gelu %x {approximate=\"fast\"}",
                "gelu: `approximate` is \"fast\"; it can be none|tanh");
}

// A type that no text can name.
static void test_no_type(void **state) {
  (void)state;
  Module *m = unit_read("input %x : f32[2]\noutput y = %x\n");
  Attr dtype = {.kind = ATTR_DTYPE, .i = DT_COUNT};
  assert_null(graph_node(m, &(NodeSpec){OP_CAST, 1, m->inputs.data, &dtype, NULL, {0}}));
  StrBuf said = {0};
  diag_print(m->diag, &said, false);
  assert_string_equal(strbuf_str(&said), "error: cast: `dtype` is no type\n");
  strbuf_free(&said);
  unit_drop(m);
}

// ---- what is left to run time

typedef struct Left {
  const char *values, *node, *condition;
} Left;

static void test_conditions(void **state) {
  (void)state;
  static const Left cases[] = {
      {"x f32[N, 3, H, 8]; @w f32[4, 3, 1, 1]", "conv2d %x, @w {padding=[H - 9, 0, 0, 0]} : f32[N, 4, 2*H - 9, 8]",
       "conv2d: padding must not be negative"},
      {"x f32[N, 3, H, 1]; @w f32[3, 4, 1, 1]", "conv_transpose2d %x, @w {padding=[1, 0]} : f32[N, 4, H - 2, 1]",
       "conv_transpose2d: dimension 2 of its result must be positive"},
      {"x f32[N, 3, H, 8]; @w f32[5, 3, 4, 4]", "patch_embed %x, @w : f32[N, 2*(H//4), 5]",
       "patch_embed: H must be a multiple of 4"},
      {"x f32[H, 4]; i i64[W, 4]", "gather %x, %i {dim=1} : f32[W, 4]", "gather: dimension 0 of the index must fit x"},
      {"x f32[H, 4]; c bool[W]", "compress %x, %c : f32[compress_count, 4]", "compress: the condition must fit x"},
      {"x f32[N, H]", "topk %x {k=[3], dim=1} : f32[N, 3], i64[N, 3]", "topk: `k` is at most the size of dimension 1"},
      {"x f32[N, 3, H, 8]", "max_pool2d %x {kernel=[2, 2], padding=[H - 4, 0, 0, 0]} : f32[N, 3, H - 2, 4]",
       "max_pool2d: its padding must be at most 1"},
      {"x f32[N, H]", "reshape %x {shape=[N, 12]} : f32[N, 12]",
       "reshape: [N, 12] must hold the elements of f32[N, H]"},
      {"x f32[1, 1, H, 8]", "pad %x {pad=[0, 0, 3, 0], mode=\"reflect\"} : f32[1, 1, H + 3, 8]",
       "pad: a reflected size must exceed 3"},
      {"x f32[H, 4]", "roll %x {shifts=[2], dims=[0]} : f32[H, 4]", "roll: a size must exceed the shift of 2"},
      {"x f32[1, H, 4, 4]", "pixel_shuffle %x {upscale_factor=2} : f32[1, H//4, 8, 8]",
       "pixel_shuffle: dimension 1 must be a multiple of 4"},
      {"x f32[H]", "slice %x {dims=[0], starts=[5], ends=[9]} : f32[min(H, 9) - 5]",
       "slice: elements 5 to min(H, 9) of dimension 0 must be some"},
      {"x f32[1, H, 4]", "token %x {index=3} : f32[1, 4]", "token: there must be at least 4 tokens"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    StrBuf text = {0}, found = {0};
    declare(&text, cases[i].values);
    bool two = strstr(cases[i].node, "topk");
    strbuf_printf(&text, "%%result%s = %s\noutput result = %%result\n", two ? ", %other" : "", cases[i].node);
    Module *m = unit_read(strbuf_str(&text));
    bool holds = false;
    for (size_t k = 0; k < m->assertions.len; k++) {
      holds |= !strcmp(m->assertions.data[k].text, cases[i].condition);
      strbuf_printf(&found, "  %s\n", m->assertions.data[k].text);
    }
    if (!holds) fail_msg("%s: no `%s` in\n%s", cases[i].node, cases[i].condition, strbuf_str(&found));
    strbuf_free(&text);
    strbuf_free(&found);
    unit_drop(m);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_attention), cmocka_unit_test(test_sizes),
                                     cmocka_unit_test(test_no_type), cmocka_unit_test(test_conditions)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
