// Sums of products of bytes: exact on every processor, for extreme values too.
#include "fixture.h"

enum { STEPS = 301, WIDEST = 64, OUTPUTS = 127 }; // lanes of 1, 2, 4, ... 64 lie one behind the other

// y[lanes] = sum over STEPS of products of a's bytes and w's, for each number of lanes.
static LProgram *program(void) {
  Built k = built_open("dot", "dot");
  LBuilder *b = k.b;
  LExpr *a = built_input(&k, "a", DT_U8, 4 * WIDEST * STEPS), *w = built_input(&k, "w", DT_I8, 4 * WIDEST * STEPS);
  LExpr *y = built_output(&k, "y", DT_I32, OUTPUTS);
  LExpr *t = loop_for(b, "t", loop_begin(b), loop_end(b), 1);
  LExpr *quads = loop_let(b, "quads", lx_bitcast(b, DT_I32, a)), *signs = lx_bitcast(b, DT_I32, w);
  for (int lanes = 1; lanes <= WIDEST; lanes *= 2) {
    LVar *sum = loop_local(b, "sum", (LType){DT_I32, (uint8_t)lanes, false}, 0, NULL);
    loop_set(b, sum, lx_const(b, sum->type, -7));
    LExpr *i = lx_muli(b, loop_for(b, "i", lx_int(b, 0), lx_int(b, STEPS), 1), WIDEST);
    loop_set(b, sum, lx_dot4(b, lx_load(b, quads, i, lanes), lx_load(b, signs, i, lanes), lx_local(b, sum)));
    loop_end_for(b);
    loop_store(b, y, lx_addi(b, t, lanes - 1), lx_local(b, sum));
  }
  loop_end_for(b);
  return built_close(&k, 1);
}

typedef struct Operands {
  const LProgram *program;
  uint8_t a[4 * WIDEST * STEPS];
  int8_t w[4 * WIDEST * STEPS];
} Operands;

static void check(const Way *way, void *context) {
  const Operands *o = context;
  int32_t y[OUTPUTS];
  Loaded m = fixture_load(o->program, way->cpu, way->opt_level, way->threads, NULL);
  assert_int_equal(fixture_run(&m, NULL, (const void *[]){o->a, o->w}, (void *[]){y}), 0);
  for (int lanes = 1; lanes <= WIDEST; lanes *= 2)
    for (int l = 0; l < lanes; l++) {
      int32_t sum = -7;
      for (int i = 0; i < STEPS; i++)
        for (int j = 4 * (i * WIDEST + l), end = j + 4; j < end; j++) sum += o->a[j] * o->w[j];
      if (y[lanes - 1 + l] != sum)
        fail_msg("%s -O%d, lane %d of %d: %d, not %d", way->cpu, way->opt_level, l, lanes, y[lanes - 1 + l], sum);
    }
  fixture_unload(&m);
}

static void test_extremes(void **state) {
  (void)state;
  static Operands o;
  static const struct {
    uint8_t a;
    int8_t w;
  } all[] = {{255, 127}, {255, -128}, {128, -1}, {0, -128}};
  LProgram *p = program();
  o.program = p;
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    memset(o.a, all[i].a, sizeof o.a);
    memset(o.w, all[i].w, sizeof o.w);
    fixture_each_way(check, &o);
  }
  for (int i = 0; i < 4 * WIDEST * STEPS; i++) {
    o.a[i] = (uint8_t)(128 + 128 * fixture_noise(i));
    o.w[i] = (int8_t)(128 * fixture_noise(7 * i + 3));
  }
  fixture_each_way(check, &o);
  loop_program_destroy(p);
}

static int end(void **state) {
  (void)state;
  fixture_end();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_extremes)};
  return cmocka_run_group_tests(tests, NULL, end);
}
