// The pass manager: pipelines, facts, options and what they print.
#include "passes/pass.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

// cmocka.h wants the standard headers before it
#include <cmocka.h>

static const char TEXT[] = "module m\n"
                           "weight @w : f32[2, 2] = dense[1.0, 2.0, 3.0, 4.0]\n"
                           "input %x : f32[1, 2]\n"
                           "%a = dropout %x {p=0.5} : f32[1, 2]\n"
                           "%b = linear %a, @w : f32[1, 2] @fc\n"
                           "%c = relu %b : f32[1, 2] @act\n"
                           "%d = relu %b : f32[1, 2]\n"
                           "%e = flatten %d {start_dim=0} : f32[2]\n"
                           "output y = %c\n"
                           "output z = %e\n";

typedef struct Fixture {
  Diag *diag;
  Module *module;
  PassContext c;
  StrBuf dumped, said;
} Fixture;

static void collect(void *user, const char *text) { strbuf_puts(user, text); }

// Runs `pipeline` over TEXT; messages into `said`, dumps into `dumped`.
static bool run(Fixture *f, const char *pipeline, const PassOptions *o) {
  *f = (Fixture){.diag = diag_create()};
  f->module = graph_read(f->diag, "m.nnir", TEXT, sizeof TEXT - 1, ".", NULL, NULL);
  assert_non_null(f->module);
  bool ok = passes_init(&f->c, f->module, NULL, f->diag, o);
  f->c.dump = collect;
  f->c.dump_user = &f->dumped;
  ok = ok && passes_run(&f->c, pipeline);
  diag_print(f->diag, &f->said, false);
  return ok;
}

static void finish(Fixture *f) {
  loop_program_destroy(f->c.program);
  passes_free(&f->c);
  module_destroy(f->module);
  diag_destroy(f->diag);
  strbuf_free(&f->dumped);
  strbuf_free(&f->said);
}

static int count_op(const Fixture *f, OpKind op) {
  int n = 0;
  for (const Node *node = f->module->first; node; node = node->next) n += node->op == op;
  return n;
}

static void expect_message(const char *pipeline, PassOptions o, const char *message) {
  Fixture f;
  assert_false(run(&f, pipeline, &o));
  assert_string_equal(strbuf_str(&f.said), message);
  finish(&f);
}

static void test_mistakes(void **state) {
  (void)state;
  PassOptions o = passes_options();
  expect_message("canonicalize,fold-batchnorm", o,
                 "error: unknown pass `fold-batchnorm`; did you mean `fold-batch-norm`?\n");
  expect_message("zzzzzz", o, "error: unknown pass `zzzzzz`\n");
  PassOptions integers = o;
  integers.quantize.method = QUANTIZE_STATIC;
  expect_message("decompose,quantize", integers,
                 "error: int8,static needs ranges: --calibrate=DATA, or a file that --save-calibration wrote\n");
  expect_message("lower", o, "error: pass `lower` needs what `decompose` does; run that before it\n");
  expect_message("plan-memory", o, "error: pass `plan-memory` needs what `lower` does; run that before it\n");
  expect_message("decompose,assign-layouts,lower,cse", o,
                 "error: pass `cse` works on the graph, which is lowered already\n");
  o.missed = "*(";
  expect_message("cse", o, "error: -Rpass-missed=*(: Invalid preceding regular expression\n");
  o = passes_options();
  o.print_after = "cse,nothing";
  expect_message("cse", o, "error: unknown pass `nothing`\n");
}

// A program's text may be read and still make no sense; passes are not to see it.
static void test_unsound_program(void **state) {
  (void)state;
  static const char text[] = "loop 1 p\n"
                             "buffer a: arena f32 bytes 4\n"
                             "kernel k(x: in f32*, y: out f32*) {\n}\n"
                             "phase \"one\" = k(a) tasks 1\n";
  Diag *d = diag_create();
  LProgram *p = loop_read(d, "p.nnir", text, sizeof text - 1);
  assert_non_null(p);
  PassContext c;
  PassOptions o = passes_options();
  assert_true(passes_init(&c, NULL, p, d, &o));
  assert_false(passes_run(&c, "plan-memory"));
  StrBuf said = {0};
  diag_print(d, &said, false);
  assert_string_equal(strbuf_str(&said),
                      "error: `p` breaks rules of the IR:\nphase one: 1 arguments for 2 parameters\n\n");
  strbuf_free(&said);
  passes_free(&c);
  loop_program_destroy(p);
  diag_destroy(d);
}

static void test_every_level_lowers_and_plans(void **state) {
  (void)state;
  for (int level = 0; level <= 3; level++) {
    Fixture f;
    PassOptions o = passes_options();
    o.verify_each = true;
    assert_true(run(&f, passes_pipeline(level), &o));
    assert_non_null(f.c.program);
    assert_true(f.c.program->arena_bytes >= 0 && f.c.program->weight_bytes > 0);
    assert_int_equal(f.c.runs.len, level ? 29 : 10);
    finish(&f);
  }
}

static void test_stop_disable_bisect(void **state) {
  (void)state;
  Fixture f;
  PassOptions o = passes_options();
  o.stop_after = "canonicalize";
  assert_true(run(&f, "canonicalize,cse,fuse-epilogue", &o));
  assert_int_equal(count_op(&f, OP_DROPOUT), 0);
  assert_int_equal(count_op(&f, OP_RELU), 2);
  finish(&f);

  o = passes_options();
  o.disable = "cse";
  assert_true(run(&f, "canonicalize,cse,decompose", &o));
  assert_int_equal(count_op(&f, OP_RELU), 2);
  assert_int_equal(count_op(&f, OP_FLATTEN), 0);
  finish(&f);

  o = passes_options();
  o.bisect = 1; // decompose always runs and is not counted
  assert_true(run(&f, "canonicalize,decompose,cse", &o));
  assert_int_equal(count_op(&f, OP_RELU), 2);
  assert_int_equal(count_op(&f, OP_FLATTEN), 0);
  assert_string_equal(strbuf_str(&f.dumped), "# bisect: run pass 1, canonicalize\n# bisect: skip pass 2, cse\n");
  finish(&f);
}

static void test_dumps(void **state) {
  (void)state;
  Fixture f;
  PassOptions o = passes_options();
  o.print_before = "cse";
  o.print_after = "cse";
  assert_true(run(&f, "canonicalize,cse", &o));
  const char *before = strstr(strbuf_str(&f.dumped), "# before cse\nmodule m\n");
  const char *after = strstr(strbuf_str(&f.dumped), "# after cse\nmodule m\n");
  assert_true(before && after && before < after);
  assert_null(strstr(strbuf_str(&f.dumped), "canonicalize"));
  assert_non_null(strstr(before, "%d = relu"));
  assert_null(strstr(after, "%d = relu"));
  finish(&f);

  o = passes_options();
  o.print_changed = true;
  assert_true(run(&f, "canonicalize,canonicalize,decompose", &o));
  const char *text = strbuf_str(&f.dumped);
  assert_true(strstr(text, "# changed by canonicalize\nmodule m") && strstr(text, "# unchanged by canonicalize\n"));
  assert_non_null(strstr(text, "# changed by decompose\n"));
  finish(&f);
}

static void test_remarks_and_reports(void **state) {
  (void)state;
  Fixture f;
  PassOptions o = passes_options();
  o.missed = "^fuse";
  assert_true(run(&f, "canonicalize,fuse-epilogue", &o));
  assert_non_null(strstr(strbuf_str(&f.said),
                         "m.nnir:6:1: remark: act not fused into fc: its input is also used by `relu` (line 7)"));
  assert_null(strstr(strbuf_str(&f.said), "canonicalize"));
  StrBuf times = {0}, counts = {0};
  passes_times(&f.c, &times);
  passes_counts(&f.c, &counts);
  assert_non_null(strstr(strbuf_str(&times), "canonicalize"));
  assert_non_null(strstr(strbuf_str(&times), "5 -> 4"));
  assert_string_equal(strbuf_str(&counts), "       1 canonicalize       identities removed\n");
  strbuf_free(&times);
  strbuf_free(&counts);
  finish(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_mistakes),
      cmocka_unit_test(test_unsound_program),
      cmocka_unit_test(test_every_level_lowers_and_plans),
      cmocka_unit_test(test_stop_disable_bisect),
      cmocka_unit_test(test_dumps),
      cmocka_unit_test(test_remarks_and_reports),
  };
  return cmocka_run_group_tests_name("pass manager", tests, NULL, NULL);
}
