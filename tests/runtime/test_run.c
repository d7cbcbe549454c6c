// test_run.c: runs of the toy model: results for every thread count, busy pools, many callers, a caller's own threads,
// failures, the floating-point state. Built a second time under ThreadSanitizer.
#include "toy.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { MOST_THREADS = 8 };

// One caller's buffers.
typedef struct Call {
  const nncc_model *m;
  void *arena;
  size_t arena_bytes;
  int64_t n;
  float x[TOY_MAX], y[TOY_MAX], s;
} Call;

static void call_init(Call *c, const nncc_model *m, int64_t n, int seed) {
  *c = (Call){.m = m, .n = n};
  c->arena_bytes = toy_info.arena_bytes(m, &n);
  assert_true(c->arena_bytes > 0);
  c->arena = aligned_alloc(NNCC_ARENA_ALIGN, c->arena_bytes);
  assert_non_null(c->arena);
  for (int64_t i = 0; i < n; i++) c->x[i] = (float)((i * 31 + seed * 17) % 23 - 11);
}

static int call_run(Call *c) {
  const void *in[] = {c->x};
  void *out[] = {c->y, &c->s};
  return toy_info.run(c->m, c->arena, c->arena_bytes, &c->n, in, out);
}

static bool call_is_right(const Call *c) {
  float y[TOY_MAX], s;
  toy_expect(c->x, c->n, y, &s);
  return !memcmp(y, c->y, (size_t)c->n * sizeof *y) && s == c->s;
}

static nncc_model *open_with(nncc_options o) {
  nncc_model *m;
  assert_int_equal(toy_info.open(&m, &o), NNCC_OK);
  return m;
}

static nncc_model *open_threads(int threads) {
  nncc_options o = NNCC_OPTIONS_INIT;
  o.threads = threads;
  return open_with(o);
}

static void results_do_not_depend_on_threads(void **state) {
  (void)state;
  for (int threads = 1; threads <= MOST_THREADS; threads++) {
    nncc_model *m = open_threads(threads);
    nncc_model_state chosen;
    toy_info.describe(m, NULL, &chosen);
    assert_int_equal(chosen.threads, threads);
    for (int64_t n = TOY_MULTIPLE; n <= TOY_MAX; n += n < 40 ? TOY_MULTIPLE : 320) {
      Call c;
      call_init(&c, m, n, threads);
      for (int again = 0; again < 20; again++) {
        memset(c.y, 0xff, sizeof c.y);
        assert_int_equal(call_run(&c), NNCC_OK);
        assert_true(call_is_right(&c));
      }
      free(c.arena);
    }
    toy_info.close(m);
  }
}

static void *call_often(void *arg) {
  Call *c = arg;
  for (int i = 0; i < 300; i++) {
    memset(c->y, 0xff, sizeof c->y);
    if (call_run(c) != NNCC_OK || !call_is_right(c)) return c;
  }
  return NULL;
}

static void many_callers_share_a_model(void **state) {
  (void)state;
  enum { CALLERS = 8 };
  nncc_model *m = open_threads(3);
  static Call calls[CALLERS];
  pthread_t threads[CALLERS];
  for (int i = 0; i < CALLERS; i++) {
    call_init(&calls[i], m, 100 + TOY_MULTIPLE * i, i);
    assert_int_equal(pthread_create(&threads[i], NULL, call_often, &calls[i]), 0);
  }
  for (int i = 0; i < CALLERS; i++) {
    void *wrong;
    pthread_join(threads[i], &wrong);
    assert_null(wrong);
    free(calls[i].arena);
  }
  toy_info.close(m);
}

static void *call_once(void *arg) { return call_run(arg) == NNCC_OK ? NULL : arg; }

static void busy_pool_leaves_a_run_to_its_own_thread(void **state) {
  (void)state;
  nncc_model *m = open_threads(2);
  Call held, other;
  call_init(&held, m, 10, 1);
  call_init(&other, m, 10, 2);
  held.x[0] = TOY_HOLD;
  atomic_store(&toy_gate, 0);
  atomic_store(&toy_held, 0);
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, call_once, &held), 0);
  while (!atomic_load(&toy_held)) sched_yield();
  assert_int_equal(call_run(&other), NNCC_OK); // would not return if it waited for the pool
  assert_true(call_is_right(&other));
  atomic_store(&toy_gate, 1);
  void *wrong;
  pthread_join(thread, &wrong);
  assert_null(wrong);
  assert_true(call_is_right(&held));
  free(held.arena);
  free(other.arena);
  toy_info.close(m);
}

static double cpu_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void idle_workers_sleep(void **state) {
  (void)state;
  nncc_model *m = open_threads(2);
  Call c;
  call_init(&c, m, 100, 0);
  assert_int_equal(call_run(&c), NNCC_OK);
  double before = cpu_seconds();
  nanosleep(&(struct timespec){.tv_nsec = 300 * 1000 * 1000}, NULL);
  assert_true(cpu_seconds() - before < 0.1); // a spinning worker would take 0.3
  assert_int_equal(call_run(&c), NNCC_OK);
  assert_true(call_is_right(&c));
  free(c.arena);
  toy_info.close(m);
}

// A caller's parallel_for: each task on a new thread, last task first, and a record of what was asked for.
typedef struct Asked {
  int calls;
  int64_t most;
} Asked;

typedef struct Task {
  void (*task)(void *arg, int64_t i);
  void *arg;
  int64_t i;
} Task;

static void *run_task(void *arg) {
  const Task *t = arg;
  t->task(t->arg, t->i);
  return NULL;
}

static void spawn_each(void *user, void (*task)(void *arg, int64_t i), void *arg, int64_t n) {
  Asked *asked = user;
  asked->calls++;
  if (n > asked->most) asked->most = n;
  assert_true(n <= MOST_THREADS);
  Task tasks[MOST_THREADS];
  pthread_t threads[MOST_THREADS];
  for (int64_t i = n - 1; i >= 0; i--) {
    tasks[i] = (Task){task, arg, i};
    assert_int_equal(pthread_create(&threads[i], NULL, run_task, &tasks[i]), 0);
  }
  for (int64_t i = 0; i < n; i++) pthread_join(threads[i], NULL);
}

static void callers_threads_are_used(void **state) {
  (void)state;
  Asked asked = {0};
  nncc_options o = NNCC_OPTIONS_INIT;
  o.threads = 4;
  o.parallel_for = spawn_each;
  o.parallel_user = &asked;
  nncc_model *m = open_with(o);
  Call c;
  call_init(&c, m, 505, 3);
  atomic_store(&toy_floats, 0);
  assert_int_equal(call_run(&c), NNCC_OK);
  assert_true(call_is_right(&c));
  assert_int_equal(atomic_load(&toy_floats), 0);
  assert_int_equal(asked.calls, 2); // the phases of one task need no threads
  assert_int_equal(asked.most, 4);
  free(c.arena);
  asked = (Asked){0};
  call_init(&c, m, 2 * TOY_GRAIN - TOY_MULTIPLE, 4);
  assert_int_equal(call_run(&c), NNCC_OK);
  assert_true(call_is_right(&c));
  assert_int_equal(asked.calls, 1); // nor does one of less than two grains
  free(c.arena);
  toy_info.close(m);
}

// The status is the one that a run on one thread meets first, whatever the threads do; later phases do not run.
static void first_failure_is_returned(void **state) {
  (void)state;
  Asked asked = {0};
  for (int threads = 1; threads <= MOST_THREADS + 1; threads++) {
    nncc_options o = NNCC_OPTIONS_INIT;
    o.threads = threads;
    if (threads > MOST_THREADS) { // once more, on the caller's threads
      o.threads = 4;
      o.parallel_for = spawn_each;
      o.parallel_user = &asked;
    }
    nncc_model *m = open_with(o);
    Call c;
    call_init(&c, m, 400, 5);
    c.x[9] = TOY_BAD_LATE;
    assert_int_equal(call_run(&c), NNCC_E_ASSERT);
    c.x[399] = TOY_BAD_INDEX;
    c.s = -1;
    assert_int_equal(call_run(&c), NNCC_E_INDEX);
    assert_true(c.s == -1);
    c.x[200] = TOY_BAD_STATUS;
    assert_int_equal(call_run(&c), 200);
    c.x[9] = c.x[200] = c.x[399] = 1;
    assert_int_equal(call_run(&c), NNCC_OK);
    assert_true(call_is_right(&c));
    free(c.arena);
    toy_info.close(m);
  }
}

#if defined(__x86_64__)
static void floating_point_state_is_kept(void **state) {
  (void)state;
  for (int threads = 1; threads <= 3; threads++) {
    nncc_model *m = open_threads(threads);
    Call c;
    call_init(&c, m, 300, 7);
    const unsigned found = __builtin_ia32_stmxcsr();
    const unsigned odd = 0x3f81; // rounds down, denormals kept, a sticky flag set
    atomic_store(&toy_floats, 0);
    __builtin_ia32_ldmxcsr(odd);
    int status = call_run(&c);
    unsigned after = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(found);
    assert_int_equal(status, NNCC_OK);
    assert_int_equal(after, odd);
    assert_int_equal(atomic_load(&toy_floats), 0);
    assert_true(call_is_right(&c));
    free(c.arena);
    toy_info.close(m);
  }
}
#endif

static void phases_are_timed(void **state) {
  (void)state;
  uint64_t ns[TOY_PHASES];
  for (int threads = 1; threads <= 2; threads++) {
    nncc_options o = NNCC_OPTIONS_INIT;
    o.threads = threads;
    o.phase_ns = ns;
    nncc_model *m = open_with(o);
    Call c;
    call_init(&c, m, TOY_MAX, 0);
    memset(ns, 0xff, sizeof ns);
    assert_int_equal(call_run(&c), NNCC_OK);
    uint64_t total = 0;
    for (int i = 0; i < TOY_PHASES; i++) {
      assert_true(ns[i] < 10000000000u);
      total += ns[i];
    }
    assert_true(total > 0);
    free(c.arena);
    toy_info.close(m);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(results_do_not_depend_on_threads),
    cmocka_unit_test(many_callers_share_a_model),
    cmocka_unit_test(busy_pool_leaves_a_run_to_its_own_thread),
    cmocka_unit_test(idle_workers_sleep),
    cmocka_unit_test(callers_threads_are_used),
    cmocka_unit_test(first_failure_is_returned),
#if defined(__x86_64__)
    cmocka_unit_test(floating_point_state_is_kept),
#endif
    cmocka_unit_test(phases_are_timed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
