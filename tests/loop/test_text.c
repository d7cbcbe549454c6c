// The text form of loop IR: it round-trips, and whatever becomes of a text, reading it ends in a program or a
// diagnostic.
#include "fixture.h"
#include <stdio.h>

// A program with every statement, expression and field.
static LProgram *everything(void) {
  Built k = built_open("every-thing", "all");
  LProgram *p = k.p;
  LBuilder *b = k.b;
  Dim N = dim_symbol(p->dims, "N", 64), H = dim_symbol(p->dims, "H", 2048);
  LExpr *x = built_input(&k, "x", DT_F32, dim_mul(p->dims, N, H)), *h = built_input(&k, "h 1", DT_F16, 64);
  LExpr *y = built_output(&k, "y", DT_F32, dim_floordiv(p->dims, dim_add(p->dims, H, 1), 2));
  LExpr *s = built_memory(&k, BUFFER_SCRATCH, "s", DT_I32, 64, ACCESS_INOUT),
        *n = built_dim(&k, "n", dim_max(p->dims, N, 4));
  LExpr *f = lx_var(b, loop_param(b, "f", L_F32, ACCESS_NONE));
  vec_push(&k.args, (LArg){NULL, 3}); // no index: the verifier objects, the text does not mind
  static const int dims[] = {3, 2, 4}, order[] = {3, 2, 1, 0, 7, 6, 5, 4};
  LExpr *t = loop_for(b, "for", loop_begin(b), loop_end(b), 2); // a reserved word is renamed
  LExpr *row = loop_let(b, "row", lx_add(b, x, lx_mul(b, t, n)));
  loop_let(b, "before", lx_addi(b, row, -16));
  LVar *acc = loop_local(b, "acc", L_F32X(8), 3, dims), *lone = loop_local(b, "lone", L_INDEX, 0, NULL);
  LExpr *i = loop_unroll(b, "i", 0, 3);
  LExpr *v = lx_load_n(b, row, lx_addi(b, lx_muli(b, i, 8), -3), 8, lx_sub(b, n, t));
  v = lx_fma(b, v, lx_const(b, L_F32X(8), 1.25), lx_splat(b, 8, f));
  loop_set(b, acc,
           lx_select(b, lx_op(b, LOOP_LT, v, lx_const(b, L_F32X(8), -INFINITY)), v, lx_const(b, L_F32X(8), NAN)), i,
           lx_int(b, 1), i);
  loop_end_for(b);
  v = lx_local(b, acc, lx_int(b, 0), lx_int(b, 1), lx_int(b, 0));
  v = loop_let(b, "v", lx_shuffle(b, v, v, 8, order));
  v = loop_let(b, "v", lx_lookup(b, lx_bitcast(b, DT_I32, v), 8, (float[]){0, -1, 2.5f, 0x1p-149f, 1e30f, 0.1f, 6, 7}));
  static const double samples[DT_COUNT] = {
      [DT_F64] = 0.1, [DT_U64] = 0x1p63, [DT_U32] = -1, [DT_I16] = -3, [DT_U16] = 7};
  for (int type = DT_F64; type < DT_COUNT; type++) {
    LExpr *c = lx_const(b, (LType){(DType)type, 4, false}, samples[type]);
    loop_let(b, "c", lx_add(b, c, c));
  }
  LExpr *quads = loop_let(b, "quads", lx_bitcast(b, DT_I32, x));
  LExpr *four = lx_load(b, quads, lx_int(b, 0), 4);
  loop_let(b, "entry", lx_table(b, lx_bitcast(b, DT_I8, x), lx_const(b, (LType){DT_U8, 16, false}, 200)));
  loop_let(b, "dot", lx_dot4(b, four, lx_const(b, four->type, 257), lx_load(b, lx_addi(b, quads, 4), t, 4)));
  loop_set(b, lone, lx_cast(b, DT_I64, lx_load(b, s, lx_int(b, 3), 1)));
  LExpr *bits = lx_op(b, LOOP_SHR, lx_bitcast(b, DT_I32, v), lx_const(b, (LType){DT_I32, 8, false}, 3));
  bits = lx_op(b, LOOP_OR, lx_op(b, LOOP_AND, bits, lx_op(b, LOOP_XOR, bits, bits)), lx_op(b, LOOP_SHL, bits, bits));
  loop_store_n(b, lx_add(b, s, t), lx_int(b, 0), bits, lx_local(b, lone));
  loop_if(b, lx_op(b, LOOP_EQ, lx_local(b, lone),
                   lx_op(b, LOOP_MOD, lx_op(b, LOOP_DIV, t, lx_add(b, n, t)), lx_int(b, 5))));
  loop_prefetch(b, lx_add(b, x, n), t, 2);
  loop_return(b, 8);
  loop_else(b);
  loop_if(b, lx_op(b, LOOP_LE, lx_sub(b, t, lx_sub(b, n, t)), lx_op(b, LOOP_MIN, t, n)));
  loop_store(b, y, t, lx_add(b, lx_extract(b, v, 5), lx_unary(b, LOOP_REDUCE_ADD, lx_unary(b, LOOP_SQRT, v))));
  loop_store(b, y, lx_addi(b, t, 1), lx_cast(b, DT_F32, lx_load(b, h, t, 1)));
  loop_end_if(b);
  loop_end_if(b);
  loop_end_for(b);
  built_add_phase(&k, dim_mul(p->dims, N, 4));
  p->phases.data[0]->detail = "6x2 \"tile\"\n";
  p->phases.data[0]->macs = 77;
  p->phases.data[0]->args.data[0].dim = dim_add(p->dims, N, 1);
  vec_push(&p->labels, "zero \\ \"x\"");
  vec_push(&p->meta, (LMeta){"mean", "[0.5]"});
  vec_push(&p->assertions, (LAssertion){dim_le(p->dims, N, H), "N <= H"});
  LBuffer *w = loop_buffer(p, BUFFER_WEIGHT, "w", DT_F32, 128);
  w->offset = 64;
  w->hash = 0xfedcba9876543210;
  p->weight_bytes = 192;
  p->arena_bytes = p->arena_bound = dim_mul(p->dims, N, 64);
  return p;
}

static char *text_of(const LProgram *p) {
  StrBuf s = {0};
  loop_print(p, &s);
  return s.s;
}

static void test_round_trip(void **state) {
  (void)state;
  LProgram *p = everything();
  char *text = text_of(p), message[500];
  LProgram *q = fixture_read(text, strlen(text), message, sizeof message);
  if (!q) fail_msg("%s", message);
  char *again = text_of(q);
  assert_string_equal(text, again);
  assert_int_equal(q->buffers.data[q->buffers.len - 1]->hash, 0xfedcba9876543210);
  loop_program_destroy(p);
  loop_program_destroy(q);
  free(text);
  free(again);
}

static void test_text(void **state) {
  (void)state;
  Built k = built_open("t", "scale");
  LExpr *x = built_input(&k, "x", DT_F32, 64), *y = built_output(&k, "y", DT_F32, 64);
  LExpr *t = loop_for(k.b, "t", loop_begin(k.b), loop_end(k.b), 1), *at = lx_addi(k.b, lx_muli(k.b, t, 16), 4);
  loop_store(k.b, y, lx_addi(k.b, at, -4),
             lx_mul(k.b, lx_load(k.b, x, lx_addi(k.b, at, 0), 16), lx_const(k.b, L_F32X(16), 0.5)));
  loop_end_for(k.b);
  LProgram *p = built_close(&k, 4);
  char *text = text_of(p);
  assert_string_equal(text, "loop 1 t\n"
                            "input x: f32[64]\n"
                            "output y: f32[64]\n"
                            "arena_bytes 0\n"
                            "scratch_bytes 0\n"
                            "weight_bytes 0\n"
                            "buffer x: input 0 f32 bytes 256\n"
                            "buffer y: output 0 f32 bytes 256\n"
                            "\n"
                            "kernel scale(x: in f32*, y: out f32*) {\n"
                            "  for t in begin..end {\n"
                            "    y[t * 16; 16] = x[t * 16 + 4; 16] * 0.5f32x16\n"
                            "  }\n"
                            "}\n"
                            "\n"
                            "phase \"layer\" = scale(x, y) tasks 4\n");
  free(text);
  loop_program_destroy(p);
}

static LKernel *small_kernel(LProgram *p, const char *name, int64_t factor) {
  LBuilder *b = loop_begin_kernel(p, name);
  LExpr *y = lx_var(b, loop_param(b, "y", L_POINTER(DT_F32), ACCESS_OUT));
  loop_store(b, y, lx_muli(b, loop_begin(b), factor), lx_const(b, L_F32, 1));
  return loop_end_kernel(b);
}

static void test_dedupe(void **state) {
  (void)state;
  LProgram *p = loop_program_create("p", NULL);
  LKernel *a = small_kernel(p, "a", 4);
  assert_ptr_equal(a, small_kernel(p, "b", 4));
  LKernel *c = small_kernel(p, "a", 5); // same name, other content
  assert_ptr_not_equal(a, c);
  assert_string_equal(c->name, "a_2");
  assert_int_equal(p->kernels.len, 2);
  loop_program_destroy(p);
}

// Names and equal kernels are found in a time that does not grow with the program: this would take minutes.
static void test_many_kernels(void **state) {
  (void)state;
  enum { MANY = 20000 };
  LProgram *p = loop_program_create("p", NULL);
  for (int i = 0; i < MANY; i++) small_kernel(p, "a", i + 2);
  assert_int_equal(p->kernels.len, MANY);
  assert_string_equal(p->kernels.data[MANY - 1]->name, "a_20000");
  assert_ptr_equal(small_kernel(p, "b", 7), p->kernels.data[5]);
  assert_ptr_equal(loop_find_kernel(p, "a_9"), p->kernels.data[8]);
  loop_program_destroy(p);
}

// Every prefix of a valid text, and the text with each byte changed, ends in a program or a diagnostic.
static void test_mutations(void **state) {
  (void)state;
  LProgram *p = everything();
  char *text = text_of(p);
  size_t n = strlen(text);
  static const char bytes[] = "\0 9-(]{\"xz";
  for (size_t i = 0; i < n; i++) {
    loop_program_destroy(fixture_read(text, i, NULL, 0));
    char kept = text[i];
    for (size_t j = 0; j < sizeof bytes - 1; j += 3) {
      text[i] = bytes[(i + j) % (sizeof bytes - 1)];
      LProgram *q = fixture_read(text, n, NULL, 0);
      StrBuf problems = {0};
      if (q) loop_verify(q, &problems);
      strbuf_free(&problems);
      loop_program_destroy(q);
    }
    text[i] = kept;
  }
  free(text);
  loop_program_destroy(p);
}

static void test_accepted(void **state) {
  (void)state;
  static const char text[] = "loop 1 x\n"
                             "buffer a: arena f32 bytes 64\n"
                             "kernel k(x: in aliases f32*, y: out aliases f32*) {\n"
                             "  local a: f32[4]\n"
                             "  for i in 0..4 unroll {\n"
                             "    let j = 3 - i # constant, too\n"
                             "    if i < 3 { a[i + 1] = x[i] }\n"
                             "    a[j] = 0.0\n"
                             "  }\n"
                             "  y[begin] = a[3]\n"
                             "  let low = begin * -9223372036854775808\n"
                             "}\n"
                             "phase \"p\" = k(a, a) tasks 1\n";
  StrBuf problems = {0};
  char message[500];
  LProgram *p = fixture_read(text, sizeof text - 1, message, sizeof message);
  if (!p) fail_msg("%s", message);
  if (!loop_verify(p, &problems)) fail_msg("%s", problems.s);
  loop_program_destroy(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip), cmocka_unit_test(test_text),
                                     cmocka_unit_test(test_dedupe),     cmocka_unit_test(test_many_kernels),
                                     cmocka_unit_test(test_mutations),  cmocka_unit_test(test_accepted)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
