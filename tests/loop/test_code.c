// What the generated code looks like where speed hangs on it: register tiles without spills, folded addresses,
// contraction only where the program says fma. Judged on the assembly for named processors, so that every machine can
// run it.
#include "fixture.h"
#include <stdio.h>
#include <stdlib.h>

typedef struct Tile {
  const char *cpu;
  int rows, vectors, lanes, taps; // taps: of a window that moves by two, one loop each
  const char *fma;                // how the instruction is written
} Tile;

enum { DEPTH = 64 };

// acc[i, j] += x[2 i + tap, k] * w[tap, k, j]
static LProgram *window(const Tile *t) {
  Built k = built_open("tile", "tile");
  LBuilder *b = k.b;
  LType v = L_F32X((uint8_t)t->lanes);
  LExpr *x = built_input(&k, "x", DT_F32, 1 << 16), *w = built_input(&k, "w", DT_F32, 1 << 16),
        *y = built_output(&k, "y", DT_F32, 1 << 16);
  LExpr *task = loop_for(b, "t", loop_begin(b), loop_end(b), 1);
  LExpr *row = loop_let(b, "row", lx_add(b, x, lx_muli(b, task, 512)));
  LVar *acc = loop_local(b, "acc", v, 2, (int[]){t->rows, t->vectors});
  LExpr *i = loop_unroll(b, "i", 0, t->rows), *j = loop_unroll(b, "j", 0, t->vectors);
  loop_set(b, acc, lx_const(b, v, 0), i, j);
  loop_end_for(b);
  loop_end_for(b);
  LExpr *block = loop_for(b, "block", lx_int(b, 0), lx_int(b, DEPTH), 1);
  for (int tap = 0; tap < t->taps; tap++) {
    LExpr *c = loop_for(b, "c", lx_int(b, 0), lx_int(b, t->taps == 1 ? 16 : 1), 1);
    LVar *bv = loop_local(b, "bv", v, 1, &t->vectors);
    LExpr *from = lx_muli(b, lx_add(b, lx_muli(b, lx_add(b, lx_muli(b, block, t->taps), lx_int(b, tap)), 16), c),
                          t->vectors * t->lanes);
    j = loop_unroll(b, "j", 0, t->vectors);
    loop_set(b, bv, lx_load(b, w, lx_add(b, from, lx_muli(b, j, t->lanes)), t->lanes), j);
    loop_end_for(b);
    i = loop_unroll(b, "i", 0, t->rows);
    LExpr *at = lx_add(b, lx_add(b, lx_muli(b, i, 2), lx_addi(b, c, tap)), lx_muli(b, block, 64));
    LExpr *a = loop_let(b, "a", lx_splat(b, t->lanes, lx_load(b, row, at, 1)));
    j = loop_unroll(b, "j", 0, t->vectors);
    loop_set(b, acc, lx_fma(b, a, lx_local(b, bv, j), lx_local(b, acc, i, j)), i, j);
    loop_end_for(b);
    loop_end_for(b);
    loop_end_for(b);
  }
  loop_end_for(b);
  i = loop_unroll(b, "i", 0, t->rows);
  j = loop_unroll(b, "j", 0, t->vectors);
  LExpr *to = lx_muli(b, lx_add(b, lx_muli(b, lx_add(b, lx_muli(b, task, t->rows), i), t->vectors), j), t->lanes);
  loop_store(b, y, to, lx_local(b, acc, i, j));
  loop_end_for(b);
  loop_end_for(b);
  loop_end_for(b);
  return built_close(&k, 4);
}

static char *assembly(const LProgram *p, const char *cpu, int opt_level) {
  char *path = fixture_path("code.s"), *text = xcalloc(1, 1 << 20);
  fixture_emit(p, OUTPUT_ASM, path, cpu, opt_level);
  FILE *f = fopen(path, "rb");
  assert_non_null(f);
  assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
  fclose(f);
  free(path);
  char *end = strstr(text, "func_end0"); // the kernel comes first
  assert_non_null(end);
  *end = 0;
  return text;
}

static int count(const char *text, const char *what, const char *with) {
  int n = 0;
  for (const char *line = text; line; line = strchr(line + 1, '\n')) {
    char copy[200];
    size_t length = strcspn(line + 1, "\n");
    snprintf(copy, sizeof copy, "%.*s", (int)(length < 199 ? length : 199), line + 1);
    n += strstr(copy, what) && strstr(copy, with);
  }
  return n;
}

static int register_bytes(const char *cpu) {
  return !strcmp(cpu, "x86-64-v2") ? 16 : !strcmp(cpu, "x86-64-v3") ? 32 : 64;
}

static void test_tiles(void **state) {
  (void)state;
  static const Tile tiles[] = {
      {"x86-64-v4", 14, 2, 16, 1, "vfmadd231ps"}, {"x86-64-v4", 9, 3, 16, 1, "vfmadd231ps"},
      {"x86-64-v4", 6, 4, 16, 1, "vfmadd231ps"},  {"x86-64-v4", 28, 1, 16, 1, "vfmadd231ps"},
      {"x86-64-v4", 14, 2, 16, 7, "vfmadd231ps"}, {"znver4", 14, 2, 16, 3, "vfmadd231ps"},
      {"x86-64-v3", 6, 2, 8, 1, "vfmadd231ps"},   {"x86-64-v3", 6, 1, 16, 1, "vfmadd231ps"},
      {"x86-64-v3", 6, 1, 16, 3, "vfmadd231ps"},  {"x86-64-v2", 6, 2, 4, 1, "mulps"},
  };
  for (size_t i = 0; i < sizeof tiles / sizeof *tiles; i++) {
    const Tile *t = &tiles[i];
    LProgram *p = window(t);
    char *text = assembly(p, t->cpu, 2);
    int halves = t->lanes * 4 > register_bytes(t->cpu) ? 2 : 1;
    int fmas = count(text, t->fma, ""), spills = count(text, "mm", "(%rsp)");
    if (fmas != t->rows * t->vectors * t->taps * halves || spills)
      fail_msg("%s %dx%d, %d taps: %d multiplications, %d spills\n%s", t->cpu, t->rows, t->vectors, t->taps, fmas,
               spills, text);
    free(text);
    loop_program_destroy(p);
  }
}

static void test_embedded_broadcast(void **state) {
  (void)state;
  LProgram *p = window(&(Tile){"x86-64-v4", 28, 1, 16, 1, ""});
  char *text = assembly(p, "x86-64-v4", 2);
  assert_true(count(text, "vfmadd231ps", "{1to16}") >= 27); // scalars come from memory within the instruction
  free(text);
  loop_program_destroy(p);
}

static void test_no_contraction(void **state) {
  (void)state;
  Built k = built_open("plain", "plain");
  LBuilder *b = k.b;
  LExpr *x = built_input(&k, "x", DT_F32, 16), *y = built_output(&k, "y", DT_F32, 16),
        *v = loop_let(b, "v", lx_load(b, x, lx_int(b, 0), 16));
  loop_store(b, y, lx_int(b, 0), lx_add(b, lx_mul(b, v, v), v));
  LProgram *p = built_close(&k, 1);
  for (int level = 0; level <= 3; level++) {
    char *text = assembly(p, "x86-64-v4", level);
    assert_int_equal(count(text, "vfmadd", ""), 0);
    assert_int_equal(count(text, "vmulps", "%zmm"), 1);
    free(text);
  }
  loop_program_destroy(p);
}

static int end(void **state) {
  (void)state;
  fixture_end();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_tiles), cmocka_unit_test(test_embedded_broadcast),
                                     cmocka_unit_test(test_no_contraction)};
  return cmocka_run_group_tests(tests, NULL, end);
}
