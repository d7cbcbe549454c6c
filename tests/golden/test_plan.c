// Memory plans of random programs: whatever the dimensions are, buffers that live together do not overlap, but for one
// that takes over the place of an operand that dies in a kernel that allows it.
#include "passes/pass.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

// cmocka.h wants the standard headers before it
#include <cmocka.h>

enum { PROGRAMS = 300, MOST_BUFFERS = 60 };

static uint32_t next(uint32_t *seed) { return (*seed = *seed * 1664525u + 1013904223u) >> 8; }

typedef struct Random {
  LProgram *p;
  LKernel *apart, *in_place;
  Dim N, H;
  uint32_t seed;
  bool symbolic;
  int first[MOST_BUFFERS], last[MOST_BUFFERS], n;
} Random;

static LKernel *kernel(LProgram *p, const char *name, bool aliases) {
  LBuilder *b = loop_begin_kernel(p, name);
  LVar *x = loop_param(b, "x", L_POINTER(DT_F32), ACCESS_IN), *y = loop_param(b, "y", L_POINTER(DT_F32), ACCESS_OUT);
  x->aliases = y->aliases = aliases;
  LExpr *t = loop_for(b, "t", loop_begin(b), loop_end(b), 1);
  loop_store(b, lx_var(b, y), t, lx_load(b, lx_var(b, x), t, 1));
  loop_end_for(b);
  return loop_end_kernel(b);
}

static Dim random_size(Random *r) {
  static const int units[] = {4, 64, 100, 4096, 50176, 200704};
  Dim size = units[next(&r->seed) % 6], half = dim_floordiv(r->p->dims, dim_add(r->p->dims, r->H, 1), 2);
  uint32_t kind = r->symbolic ? next(&r->seed) % 8 : 0;
  if (kind > 1) size = dim_mul(r->p->dims, size, r->N);
  if (kind == 6) size = dim_mul(r->p->dims, size, half);
  if (kind == 7) size = dim_mul(r->p->dims, size, dim_max(r->p->dims, half, 3));
  return size;
}

// Phase i makes buffer i from an earlier one, mostly the last.
static void build(Random *r) {
  r->p = loop_program_create("random", NULL);
  r->N = dim_symbol(r->p->dims, "N", INT64_MAX);
  r->H = dim_symbol(r->p->dims, "H", 600);
  r->apart = kernel(r->p, "apart", false);
  r->in_place = kernel(r->p, "in_place", true);
  LBuffer *in = loop_buffer(r->p, BUFFER_INPUT, "in", DT_F32, 4);
  r->n = 1 + (int)(next(&r->seed) % MOST_BUFFERS);
  for (int i = 0; i < r->n; i++) {
    int from = i && next(&r->seed) % 3 ? i - 1 : (int)(next(&r->seed) % (uint32_t)(i + 1)) - 1;
    bool same = from >= 0 && next(&r->seed) % 2;
    char name[16];
    snprintf(name, sizeof name, "b%d", i);
    LBuffer *b =
        loop_buffer(r->p, BUFFER_ARENA, name, DT_F32, same ? r->p->buffers.data[from + 1]->bytes : random_size(r));
    LPhase *phase = loop_phase(r->p, name, next(&r->seed) % 2 ? r->apart : r->in_place, 1);
    vec_push(&phase->args, (LArg){from < 0 ? in : r->p->buffers.data[from + 1], 0});
    vec_push(&phase->args, (LArg){b, 0});
    r->first[i] = r->last[i] = i;
    if (from >= 0) r->last[from] = i;
  }
}

// Whether j may stand in i's place.
static bool takes_over(const Random *r, int i, int j) {
  const LPhase *phase = r->p->phases.data[j];
  const LBuffer *a = r->p->buffers.data[i + 1], *b = r->p->buffers.data[j + 1];
  return r->last[i] == j && phase->kernel == r->in_place && phase->args.data[0].buffer == a && a->bytes == b->bytes &&
         a->offset == b->offset;
}

// `keep`: all buffers count as alive all the time.
static void check_at(const Random *r, int64_t N, int64_t H, bool keep) {
  int64_t symbols[] = {N, H}, total = dim_eval(r->p->dims, r->p->arena_bytes, symbols);
  int64_t begin[MOST_BUFFERS], end[MOST_BUFFERS];
  for (int i = 0; i < r->n; i++) {
    const LBuffer *b = r->p->buffers.data[i + 1];
    begin[i] = dim_eval(r->p->dims, b->offset, symbols);
    end[i] = begin[i] + dim_eval(r->p->dims, b->bytes, symbols);
    assert_true(begin[i] >= 0 && begin[i] % 64 == 0 && end[i] <= total);
    for (int j = 0; j < i; j++) {
      bool together = keep || (r->first[i] <= r->last[j] && r->first[j] <= r->last[i]);
      bool apart = end[i] <= begin[j] || end[j] <= begin[i];
      assert_true(!together || apart || (!keep && takes_over(r, j, i)));
    }
  }
  assert_true(dim_eval(r->p->dims, r->p->arena_bound, symbols) <= total);
}

// `over`: by how much all plans together exceed their bounds.
static void run(bool symbolic, bool keep_all, double *over) {
  double used = 0, bound = 0;
  for (uint32_t seed = 1; seed <= PROGRAMS; seed++) {
    Random r = {.seed = seed, .symbolic = symbolic};
    build(&r);
    PassContext c = {.program = r.p, .diag = diag_create(), .options.keep_all = keep_all};
    assert_true(plan_memory_run(&c));
    static const int64_t values[][2] = {{1, 1}, {1, 600}, {3, 2}, {7, 301}, {1000, 5}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) check_at(&r, values[i][0], values[i][1], keep_all);
    used += (double)dim_eval(r.p->dims, r.p->arena_bytes, values[1]);
    bound += (double)dim_eval(r.p->dims, r.p->arena_bound, values[1]);
    passes_free(&c);
    diag_destroy(c.diag);
    loop_program_destroy(r.p);
  }
  *over = used / bound - 1;
}

static void test_constant_sizes(void **state) {
  (void)state;
  double over;
  run(false, false, &over);
  print_message("%.3f%% above the lower bound\n", over * 100);
  assert_true(over < 0.01);
}

static void test_symbolic_sizes(void **state) {
  (void)state;
  double over;
  run(true, false, &over);
  print_message("%.3f%% above the lower bound\n", over * 100);
  assert_true(over < 0.02);
}

static void test_keep_all(void **state) {
  (void)state;
  double over;
  run(true, true, &over);
  assert_true(over > 0);
}

// What no phase uses has no place, also where an earlier plan gave it one.
static void test_unused(void **state) {
  (void)state;
  LProgram *p = loop_program_create("unused", NULL);
  LBuffer *b = loop_buffer(p, BUFFER_ARENA, "b", DT_F32, 256);
  b->offset = 0;
  p->arena_bytes = 5120;
  PassContext c = {.program = p, .diag = diag_create()};
  assert_true(plan_memory_run(&c));
  assert_int_equal(b->offset, -1);
  assert_int_equal(p->arena_bytes, 0);
  assert_true(loop_verify(p, NULL));
  passes_free(&c);
  diag_destroy(c.diag);
  loop_program_destroy(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_unused),
      cmocka_unit_test(test_constant_sizes),
      cmocka_unit_test(test_symbolic_sizes),
      cmocka_unit_test(test_keep_all),
  };
  return cmocka_run_group_tests_name("plan-memory", tests, NULL, NULL);
}
