// The generator of random graphs itself: that its graphs have every op and every type, and can be judged.
#include "ir/core/check.h"
#include "tests/lower/generate.h"
#include "tests/lower/generator.h"
#include "tests/lower/room.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

// cmocka.h wants the standard headers before it
#include <cmocka.h>

enum { GRAPHS = 300, MORE_GRAPHS = 2000 }; // convolutions of volumes are rare

static void test_same_seed_same_graph(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 20; seed++)
    for (int kind = GENERATED_LAYERS; kind <= GENERATED_ANY; kind++) {
      Diag *d = diag_create();
      Generated a = generate((GeneratedKind)kind, seed, d), b = generate((GeneratedKind)kind, seed, d);
      StrBuf why = {0};
      if (!graph_equal(a.m, b.m, &why)) fail_msg("seed %d: %s", (int)seed, strbuf_str(&why));
      module_destroy(a.m);
      module_destroy(b.m);
      strbuf_free(&why);
      diag_destroy(d);
    }
}

// A generator that declines what it should not, or a graph whose every result rounding may change, would pass unseen.
static void test_every_op_every_type(void **state) {
  (void)state;
  int ops[OP_COUNT] = {0}, types[OP_COUNT][DT_COUNT] = {{0}}, all_types[DT_COUNT] = {0};
  for (uint64_t seed = 1; seed <= MORE_GRAPHS; seed++) {
    Diag *d = diag_create();
    Generated g = generate(GENERATED_ANY, seed, d);
    for (const Node *n = g.m->first; n; n = n->next) {
      ops[n->op]++;
      if (operand(n, 0)) types[n->op][operand(n, 0)->type->dtype]++, all_types[operand(n, 0)->type->dtype]++;
    }
    module_destroy(g.m);
    diag_destroy(d);
  }
  for (int op = 0; op < OP_COUNT; op++) {
    if (generator_leaves_out((OpKind)op)) continue;
    StrBuf line = {0};
    for (int t = 0; t < DT_COUNT; t++)
      if (types[op][t]) strbuf_printf(&line, " %s %d", dtype_name((DType)t), types[op][t]);
    print_message("%-30s %4d %s\n", op_info((OpKind)op)->name, ops[op], strbuf_str(&line));
    strbuf_free(&line);
    assert_true(ops[op] > 0);
  }
  for (int t = 0; t < DT_COUNT; t++) assert_true(all_types[t] > 10);
}

static void test_most_is_judged(void **state) {
  (void)state;
  int64_t judged = 0, all = 0;
  for (uint64_t seed = 1; seed <= GRAPHS; seed++) {
    Diag *d = diag_create();
    Generated g = generate(GENERATED_ANY, seed, d);
    RefTensor *in = generate_inputs(g.m, g.symbols, seed, false), *want = xcalloc(g.m->outputs.len + 1, sizeof *want);
    assert_true(ref_run(g.m, g.symbols, in, want, NULL, NULL, d));
    double **room = room_create(g.m, g.symbols, in, want, seed);
    for (size_t i = 0; i < g.m->outputs.len; i++) {
      double largest = 0;
      for (int64_t k = 0; k < want[i].count; k++) largest = fmax(largest, fabs(ref_at(&want[i], k)));
      for (int64_t k = 0; k < want[i].count; k++) judged += room[i][k] <= 0.01 * largest;
      all += want[i].count;
      ref_tensor_free(&want[i]);
    }
    room_free(room, g.m->outputs.len);
    generated_inputs_free(in, g.m);
    free(want);
    module_destroy(g.m);
    diag_destroy(d);
  }
  print_message("%lld of %lld elements are judged\n", (long long)judged, (long long)all);
  assert_true(judged > all / 10 * 9);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_same_seed_same_graph),
      cmocka_unit_test(test_every_op_every_type),
      cmocka_unit_test(test_most_is_judged),
  };
  return cmocka_run_group_tests_name("generator", tests, NULL, NULL);
}
