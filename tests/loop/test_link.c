// The files that come out: what a library shows and needs, objects that link together, headers, weights files,
// messages.
#include "fixture.h"
#include <dlfcn.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

// y[i] = x[i] * factor + i over N elements, the factor and the i from weights.
static LProgram *model(const char *name, float factor) {
  Built k = built_open(name, "scale");
  LBuilder *b = k.b;
  float line[64] = {0};
  for (int i = 0; i < 63; i++) line[i] = (float)i;
  line[63] = factor;
  Dim N = dim_symbol(k.p->dims, "N", 63);
  LExpr *x = built_input(&k, "x", DT_F32, N), *w = built_weight(&k, "w", DT_F32, 64, line),
        *y = built_output(&k, "y", DT_F32, N);
  LExpr *t = loop_for(b, "t", loop_begin(b), loop_end(b), 1), *f = lx_load(b, w, lx_int(b, 63), 1);
  loop_store(b, y, t, lx_fma(b, lx_load(b, x, t, 1), f, lx_load(b, w, t, 1)));
  loop_end_for(b);
  return built_close(&k, N);
}

__attribute__((format(printf, 1, 2))) static void shell(const char *fmt, ...) {
  StrBuf s = {0};
  va_list ap;
  va_start(ap, fmt);
  strbuf_vprintf(&s, fmt, ap);
  va_end(ap);
  int status = system(s.s);
  if (status) fail_msg("status %d: %s", status, s.s);
  strbuf_free(&s);
}

static void emit_to(const LProgram *p, OutputKind kind, const char *name) {
  char *path = fixture_path(name);
  fixture_emit(p, kind, path, "x86-64-v2", 2);
  free(path);
}

// The segment that holds a model's weights may only be read.
static void check_weights_segment(const char *path) {
  FILE *f = fopen(path, "rb");
  Elf64_Ehdr h;
  Elf64_Phdr segments[32];
  Elf64_Shdr sections[64];
  assert_non_null(f);
  assert_int_equal(fread(&h, sizeof h, 1, f), 1);
  assert_true(h.e_phnum <= 32 && h.e_shnum <= 64);
  assert_false(fseek(f, (long)h.e_phoff, SEEK_SET));
  assert_int_equal(fread(segments, sizeof *segments, h.e_phnum, f), h.e_phnum);
  assert_false(fseek(f, (long)h.e_shoff, SEEK_SET));
  assert_int_equal(fread(sections, sizeof *sections, h.e_shnum, f), h.e_shnum);
  int found = 0;
  for (int i = 0; i < h.e_shnum; i++)
    for (int j = 0; j < h.e_phnum && sections[i].sh_flags & 0x10000000; j++) {
      if (segments[j].p_type != PT_LOAD || sections[i].sh_addr - segments[j].p_vaddr >= segments[j].p_memsz) continue;
      assert_int_equal(segments[j].p_flags, PF_R);
      found++;
    }
  assert_int_equal(found, 1);
  fclose(f);
}

static void test_shared(void **state) {
  (void)state;
  LProgram *p = model("first", 2);
  emit_to(p, OUTPUT_SHARED, "libfirst.so");
  shell("sh %s %s/libfirst.so first", CHECK_LINKAGE, fixture_folder());
  shell("readelf -dW %s/libfirst.so | grep -q 'SONAME.*libfirst.so'", fixture_folder());
  char *path = fixture_path("libfirst.so");
  check_weights_segment(path);
  free(path);
  loop_program_destroy(p);
}

static void test_two_models(void **state) {
  (void)state;
  const char *folder = fixture_folder();
  LProgram *p = model("first", 2), *q = model("second", 3);
  emit_to(p, OUTPUT_OBJECT, "first.o");
  emit_to(p, OUTPUT_HEADER, "first.h");
  emit_to(q, OUTPUT_STATIC, "second.a");
  emit_to(q, OUTPUT_HEADER, "second.h");
  shell("cc -std=c11 -Wall -Wextra -pedantic -Werror -D_GNU_SOURCE -I%s %s -o %s/two %s/first.o %s/second.a -lpthread",
        folder, TWO_MODELS, folder, folder, folder);
  shell("%s/two > %s/two.out && grep -qx 0 %s/two.out", folder, folder, folder);
  shell("test \"$(nm -g --defined-only %s/first.o | awk '{print $3}' | sort | tr '\\n' ' ')\" = "
        "'first_arena_bytes first_close first_info first_open first_run first_strerror first_submit first_wait '",
        folder);
  loop_program_destroy(p);
  loop_program_destroy(q);
}

static void test_headers(void **state) {
  (void)state;
  const char *folder = fixture_folder();
  LProgram *p = model("first", 2);
  Built k = built_open("int", "odd"); // a keyword as a name, parameters that clash with run's own
  Dim N = dim_symbol(k.p->dims, "N", 9);
  LExpr *x = built_input(&k, "arena", DT_F16, dim_max(k.p->dims, N, 4)),
        *y = built_output(&k, "N", DT_F16, dim_mod(k.p->dims, N, 4));
  loop_store(k.b, y, lx_int(k.b, 0), lx_load(k.b, x, lx_int(k.b, 0), 1));
  LProgram *q = built_close(&k, 1);
  emit_to(p, OUTPUT_HEADER, "first.h");
  emit_to(q, OUTPUT_HEADER, "second.h");
  shell("printf '#include \"first.h\"\\n#include \"second.h\"\\n#include \"first.h\"\\nint unused;\\n' > %s/h.c && cp "
        "%s/h.c %s/h.cc",
        folder, folder, folder);
  shell("cc -std=c99 -Wall -Wextra -pedantic -Werror -fsyntax-only -I%s %s/h.c", folder, folder);
  shell("c++ -std=c++11 -Wall -Wextra -pedantic -Werror -fsyntax-only -I%s %s/h.cc", folder, folder);
  shell("grep -q 'int int__run(const int_ \\*m, void \\*arena, size_t arena_bytes, int64_t N, const uint16_t "
        "\\*arena_, uint16_t \\*N_);' %s/second.h",
        folder);
  loop_program_destroy(p);
  loop_program_destroy(q);
}

static void test_weights_file(void **state) {
  (void)state;
  LProgram *p = model("first", 2), *q = model("first", 4);
  char *own = fixture_path("own.bin"), *other = fixture_path("other.bin");
  fixture_emit(p, OUTPUT_WEIGHTS, own, NULL, 2);
  fixture_emit(q, OUTPUT_WEIGHTS, other, NULL, 2);
  int64_t n = 5;
  Loaded m = fixture_load(p, "x86-64-v2", 2, 1, &n);
  nncc_options o = NNCC_OPTIONS_INIT;
  nncc_model *mapped;
  o.weights_path = other;
  assert_int_equal(m.info->open(&mapped, &o), NNCC_E_WEIGHTS);
  o.weights_path = own;
  assert_int_equal(m.info->open(&mapped, &o), NNCC_OK);
  float x[] = {1, 2, 3, 4, 5}, y[5];
  assert_int_equal(m.info->run(mapped, m.arena, m.arena_bytes, &n, (const void *[]){x}, (void *[]){y}), NNCC_OK);
  for (int i = 0; i < 5; i++) assert_true(y[i] == 2 * x[i] + (float)i);
  m.info->close(mapped);
  fixture_unload(&m);
  free(own);
  free(other);
  loop_program_destroy(p);
  loop_program_destroy(q);
}

static void test_text_kinds(void **state) {
  (void)state;
  const char *folder = fixture_folder();
  LProgram *p = model("first", 2);
  emit_to(p, OUTPUT_LLVM, "first.ll");
  emit_to(p, OUTPUT_ASM, "first.s");
  shell("grep -q 'define hidden i32 @first_nncc_k_scale' %s/first.ll", folder);
  shell("cc -c -o %s/from_s.o %s/first.s", folder, folder);
  loop_program_destroy(p);
}

static void test_description(void **state) {
  (void)state;
  LProgram *p = model("first", 2);
  Dim N = dim_symbol(p->dims, "N", 63);
  vec_push(&p->labels, "zero");
  vec_push(&p->labels, "one \"x\"");
  vec_push(&p->meta, (LMeta){"mean", "[0.5]"});
  vec_push(&p->assertions, (LAssertion){dim_eq(p->dims, dim_mod(p->dims, N, 4), 0), "N % 4 == 0"});
  p->phases.data[0]->detail = "1x1";
  p->phases.data[0]->macs = 12;
  p->outputs.data[0].rank = 3;
  p->outputs.data[0].dims[1] = 1;
  p->outputs.data[0].dims[2] = dim_add(p->dims, N, 3);
  int64_t n = 8, extents[3];
  Loaded m = fixture_load(p, "x86-64-v3", 2, 1, &n);
  assert_int_equal(m.info->n_dims, 1);
  assert_string_equal(m.info->dims[0].name, "N");
  assert_int_equal(m.info->dims[0].max, 63);
  assert_int_equal(m.info->n_labels, 2);
  assert_string_equal(m.info->labels[1], "one \"x\"");
  assert_string_equal(m.info->meta[0].value, "[0.5]");
  const nncc_tensor_info *y = &m.info->outputs[0];
  assert_int_equal(y->dims[0], -1);
  assert_int_equal(y->dims[1], 1);
  assert_int_equal(y->dims[2], NNCC_DIM_COMPUTED);
  y->extents(&n, extents);
  assert_true(extents[0] == 8 && extents[1] == 1 && extents[2] == 11);
  nncc_model_state s;
  m.info->describe(m.model, NULL, &s);
  assert_string_equal(s.isa, "x86-64-v3");
  assert_int_equal(s.n_phases, 1);
  assert_string_equal(s.phases[0].name, "scale");
  assert_string_equal(s.phases[0].source, "layer");
  assert_string_equal(s.phases[0].detail, "1x1");
  assert_int_equal(s.phases[0].macs, 12);
  float x[63] = {0}, out[63];
  assert_int_equal(fixture_run(&m, &n, (const void *[]){x}, (void *[]){out}), NNCC_OK);
  n = 9;
  assert_int_equal(fixture_run(&m, &n, (const void *[]){x}, (void *[]){out}), NNCC_E_ASSERT);
  fixture_unload(&m);
  loop_program_destroy(p);
}

static void test_overflow(void **state) {
  (void)state;
  Built k = built_open("huge", "huge");
  Dim N = dim_symbol(k.p->dims, "N", INT64_MAX / 4), many = dim_mul(k.p->dims, N, dim_mul(k.p->dims, N, 1 << 20));
  LExpr *y = built_memory(&k, BUFFER_ARENA, "y", DT_F32, many, ACCESS_OUT);
  loop_store(k.b, y, lx_int(k.b, 0), lx_const(k.b, L_F32, 1));
  LProgram *p = built_close(&k, 1);
  int64_t n = 2, huge = INT64_C(1) << 40;
  Loaded m = fixture_load(p, "x86-64-v2", 0, 1, &n);
  assert_true(m.arena_bytes >= 4 * 4 << 20);
  assert_int_equal(m.info->arena_bytes(m.model, &huge), 0);
  assert_int_equal(fixture_run(&m, &huge, NULL, NULL), NNCC_E_SHAPE);
  fixture_unload(&m);
  loop_program_destroy(p);
}

static void check_refused(const LProgram *p, OutputKind kind, const char *path, const char *target, const char *cpu,
                          const char *expected) {
  Diag *d = diag_create();
  StrBuf text = {0};
  CodegenOptions o = {.cpu = cpu, .target = target, .opt_level = 2};
  assert_false(codegen_emit(p, kind, path, &o, NULL, d));
  diag_print(d, &text, false);
  StrBuf end = {0};
  strbuf_printf(&end, "error: %s\n", expected);
  if (text.len < end.len || strcmp(text.s + text.len - end.len, end.s))
    fail_msg("%s\n  expected: %s", strbuf_str(&text), expected);
  strbuf_free(&end);
  strbuf_free(&text);
  diag_destroy(d);
}

static void test_refusals(void **state) {
  (void)state;
  LProgram *p = model("first", 2);
  char *path = fixture_path("refused.so"), *nowhere = fixture_path("no/such/folder.so");
  check_refused(p, OUTPUT_SHARED, path, NULL, "znver44", "unknown cpu `znver44`; did you mean `znver4`?");
  check_refused(p, OUTPUT_SHARED, path, NULL, "x86-64-v3+avx512vnnii",
                "unknown cpu feature `avx512vnnii`; did you mean `avx512vnni`?");
  check_refused(p, OUTPUT_SHARED, path, "riscv64-linux-gnu", NULL,
                "target `riscv64-unknown-linux-gnu` is not supported; x86_64-linux-gnu and aarch64-linux-gnu are");
  check_refused(p, OUTPUT_SHARED, path, "aarch64-linux-gnu", "znver4", "unknown cpu `znver4`");
  check_refused(p, OUTPUT_SHARED, nowhere, NULL, NULL, "cannot be written: No such file or directory");
  p->buffers.data[1]->offset = -1;
  check_refused(p, OUTPUT_SHARED, path, NULL, NULL, "buffer w has no place: the program is not planned");
  p->buffers.data[1]->offset = 0;
  p->weight_bytes = INT64_MAX;
  check_refused(p, OUTPUT_SHARED, path, NULL, NULL,
                "the weights' size, 9223372036854775807, is not that of what they hold");
  p->weight_bytes = 64;
  check_refused(p, OUTPUT_SHARED, path, NULL, NULL, "weight w has no place of its own");
  p->weight_bytes = 256;
  p->buffers.data[1]->fill = NULL;
  check_refused(p, OUTPUT_SHARED, path, NULL, NULL,
                "the content of weight w is not known: a program read from text has none");
  assert_int_equal(access(path, F_OK), -1);
  free(path);
  free(nowhere);
  loop_program_destroy(p);
}

// A failing linker: its message reaches the diagnostic, and the old file stays.
static void test_linker_failure(void **state) {
  (void)state;
  const char *folder = fixture_folder();
  LProgram *p = model("first", 2);
  char *path = fixture_path("kept.so"), *old_path = strdup(getenv("PATH"));
  shell("mkdir %s/bin && printf '#!/bin/sh\\necho no room >&2\\nexit 7\\n' > %s/bin/ld && chmod +x %s/bin/ld && echo "
        "old > %s",
        folder, folder, folder, path);
  StrBuf dirs = {0};
  strbuf_printf(&dirs, "%s/bin:%s", folder, old_path);
  setenv("PATH", dirs.s, 1);
  check_refused(p, OUTPUT_SHARED, path, NULL, NULL, "ld failed with status 7:\nno room");
  setenv("PATH", "/nowhere", 1);
  check_refused(p, OUTPUT_SHARED, path, NULL, NULL, "`ld` cannot be run: No such file or directory");
  setenv("PATH", old_path, 1);
  shell("grep -qx old %s && rm -r %s/bin", path, folder);
  strbuf_free(&dirs);
  free(path);
  free(old_path);
  loop_program_destroy(p);
}

static void test_targets(void **state) {
  (void)state;
  Arena *a = arena_create();
  Diag *d = diag_create();
  TargetInfo t;
  assert_true(codegen_target_info(a, NULL, "x86-64-v2", &t, d) && t.vector_bytes == 16 && t.vector_registers == 16 &&
              !t.has_fma);
  assert_true(codegen_target_info(a, NULL, "x86-64-v3", &t, d) && t.vector_bytes == 32 && t.vector_registers == 16 &&
              t.has_fma);
  assert_true(codegen_target_info(a, NULL, "x86-64-v4", &t, d) && t.vector_bytes == 64 && t.vector_registers == 32 &&
              t.has_fma);
  assert_true(codegen_target_info(a, NULL, "sandybridge", &t, d) && t.vector_bytes == 32 && !t.has_fma);
  assert_true(codegen_target_info(a, NULL, "znver4", &t, d));
  assert_string_equal(t.cpu, "x86-64-v4+avx512vbmi+avx512vnni+avx512bf16");
  assert_true(codegen_target_info(a, NULL, "alderlake", &t, d));
  assert_string_equal(t.cpu, "x86-64-v3+avxvnni");
  assert_true(codegen_target_info(a, NULL, "x86-64-v4+avx512vnni", &t, d));
  assert_string_equal(t.cpu, "x86-64-v4+avx512vnni");
  assert_true(codegen_target_info(a, NULL, "x86-64-v2+avx512vl", &t, d)); // what it implies comes with it
  assert_non_null(strstr(t.cpu, "+avx2"));
  assert_true(codegen_target_info(a, NULL, NULL, &t, d));
  assert_int_equal(diag_errors(d), 0);
  diag_destroy(d);
  arena_destroy(a);
}

// -### shows the commands, and neither runs them nor writes a file.
static void test_dry_run(void **state) {
  (void)state;
  LProgram *p = model("first", 2);
  Diag *d = diag_create();
  char *path = fixture_path("dry.so"), *log = fixture_path("dry.log");
  CodegenOptions o = {.opt_level = 2, .dry_run = true};
  fflush(stderr);
  int saved = dup(2);
  assert_non_null(freopen(log, "w", stderr));
  bool ok = codegen_emit(p, OUTPUT_SHARED, path, &o, NULL, d);
  fflush(stderr);
  dup2(saved, 2);
  close(saved);
  assert_true(ok);
  assert_int_equal(access(path, F_OK), -1);
  shell("grep -q '^ld -shared -soname dry.so .* -o %s ' %s", path, log);
  diag_destroy(d);
  free(path);
  free(log);
  loop_program_destroy(p);
}

// The same program gives the same bytes, whatever the number of compiling threads.
static void test_determinism(void **state) {
  (void)state;
  const char *folder = fixture_folder();
  LProgram *p = model("first", 2);
  Diag *d = diag_create();
  for (int threads = 1; threads <= 2; threads++) {
    char *path = fixture_path(threads == 1 ? "one.o" : "other.o");
    CodegenOptions o = {.opt_level = 2, .threads = threads};
    assert_true(codegen_emit(p, OUTPUT_OBJECT, path, &o, NULL, d));
    free(path);
  }
  diag_destroy(d);
  shell("cmp %s/one.o %s/other.o", folder, folder);
  loop_program_destroy(p);
}

static int end(void **state) {
  (void)state;
  fixture_end();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_shared),       cmocka_unit_test(test_two_models),  cmocka_unit_test(test_headers),
      cmocka_unit_test(test_weights_file), cmocka_unit_test(test_text_kinds),  cmocka_unit_test(test_description),
      cmocka_unit_test(test_overflow),     cmocka_unit_test(test_refusals),    cmocka_unit_test(test_linker_failure),
      cmocka_unit_test(test_targets),      cmocka_unit_test(test_determinism), cmocka_unit_test(test_dry_run)};
  return cmocka_run_group_tests(tests, NULL, end);
}
