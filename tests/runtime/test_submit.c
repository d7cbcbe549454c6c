// test_submit.c: runs submitted and waited for: many in flight on streams of one thread and of several, without
// streams, from several callers, across fork; what is refused. Built a second time under ThreadSanitizer.
#include "toy.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { FLIGHTS = 6, ROUNDS = 100 };

typedef struct Call {
  const nncc_model *m;
  void *arena;
  size_t arena_bytes;
  int64_t n;
  float x[TOY_MAX], y[TOY_MAX], s;
} Call;

static nncc_model *open_streams(int streams, int threads) {
  nncc_options o = NNCC_OPTIONS_INIT;
  o.threads = threads;
  o.streams = streams;
  nncc_model *m;
  assert_int_equal(toy_info.open(&m, &o), NNCC_OK);
  nncc_model_state state;
  toy_info.describe(m, NULL, &state);
  assert_int_equal(state.streams, streams);
  assert_int_equal(state.threads, threads);
  return m;
}

static void call_init(Call *c, const nncc_model *m, int64_t n) {
  *c = (Call){.m = m, .n = n};
  c->arena_bytes = toy_info.arena_bytes(m, &n) + 40; // a size that is no multiple of the alignment
  c->arena = aligned_alloc(NNCC_ARENA_ALIGN, c->arena_bytes / 64 * 64 + 64);
  assert_non_null(c->arena);
}

// The arrays of dimensions and pointers are gone when submit has returned.
static int call_submit(Call *c, int seed) {
  for (int64_t i = 0; i < c->n; i++) c->x[i] = (float)((i * 31 + seed * 17) % 23 - 11);
  memset(c->y, 0xff, sizeof c->y);
  int64_t n = c->n;
  const void *in[] = {c->x};
  void *out[] = {c->y, &c->s};
  int status = toy_info.submit(c->m, c->arena, c->arena_bytes, &n, in, out);
  n = -1, in[0] = out[0] = out[1] = NULL;
  return status;
}

static int call_wait(Call *c) { return toy_info.wait(c->m, c->arena, c->arena_bytes); }

static bool call_is_right(const Call *c) {
  float y[TOY_MAX], s;
  toy_expect(c->x, c->n, y, &s);
  return !memcmp(y, c->y, (size_t)c->n * sizeof *y) && s == c->s;
}

// Keeps FLIGHTS runs in flight. The number of wrong ones.
static int keep_flying(const nncc_model *m, Call *calls) {
  int wrong = 0;
  for (int i = 0; i < FLIGHTS; i++) call_init(&calls[i], m, 50 + TOY_MULTIPLE * i);
  for (int i = 0; i < ROUNDS * FLIGHTS; i++) {
    Call *c = &calls[i % FLIGHTS];
    if (i >= FLIGHTS) wrong += call_wait(c) != NNCC_OK || !call_is_right(c);
    wrong += call_submit(c, i) != NNCC_OK;
  }
  for (int i = 0; i < FLIGHTS; i++) {
    wrong += call_wait(&calls[i]) != NNCC_OK || !call_is_right(&calls[i]);
    free(calls[i].arena);
  }
  return wrong;
}

static void many_runs_fly(void **state) {
  (void)state;
  static Call calls[FLIGHTS];
  const int sizes[][2] = {{0, 1}, {0, 2}, {1, 1}, {2, 1}, {3, 1}, {1, 3}, {2, 2}};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    nncc_model *m = open_streams(sizes[i][0], sizes[i][1]);
    assert_int_equal(keep_flying(m, calls), 0);
    toy_info.close(m);
  }
}

static void *fly(void *model) {
  Call *calls = calloc(FLIGHTS, sizeof *calls);
  int wrong = keep_flying(model, calls);
  free(calls);
  return wrong ? model : NULL;
}

static void callers_share_the_streams(void **state) {
  (void)state;
  enum { CALLERS = 4 };
  nncc_model *m = open_streams(2, 2);
  pthread_t threads[CALLERS];
  for (int i = 0; i < CALLERS; i++) assert_int_equal(pthread_create(&threads[i], NULL, fly, m), 0);
  for (int i = 0; i < CALLERS; i++) {
    void *wrong;
    pthread_join(threads[i], &wrong);
    assert_null(wrong);
  }
  toy_info.close(m);
}

// Two held runs on two streams are both begun; one that waits behind them is not lost.
static void streams_compute_at_once(void **state) {
  (void)state;
  static Call calls[3];
  nncc_model *m = open_streams(2, 1);
  atomic_store(&toy_gate, 0);
  atomic_store(&toy_held, 0);
  for (int i = 0; i < 3; i++) {
    call_init(&calls[i], m, 10);
    for (int64_t k = 0; k < 10; k++) calls[i].x[k] = 1;
    calls[i].x[0] = TOY_HOLD;
    const void *in[] = {calls[i].x};
    void *out[] = {calls[i].y, &calls[i].s};
    assert_int_equal(toy_info.submit(m, calls[i].arena, calls[i].arena_bytes, &calls[i].n, in, out), NNCC_OK);
  }
  while (atomic_load(&toy_held) < 2) nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  atomic_store(&toy_gate, 1);
  for (int i = 2; i >= 0; i--) {
    assert_int_equal(call_wait(&calls[i]), NNCC_OK);
    assert_true(call_is_right(&calls[i]));
    free(calls[i].arena);
  }
  toy_info.close(m);
}

static void statuses_come_back(void **state) {
  (void)state;
  static Call c;
  for (int streams = 0; streams < 2; streams++) {
    nncc_model *m = open_streams(streams, 1);
    call_init(&c, m, 10);
    assert_int_equal(call_wait(&c), NNCC_E_IDLE);
    for (int64_t i = 0; i < 10; i++) c.x[i] = 1;
    c.x[3] = TOY_BAD_INDEX;
    const void *in[] = {c.x};
    void *out[] = {c.y, &c.s};
    assert_int_equal(toy_info.submit(m, c.arena, c.arena_bytes, &c.n, in, out), NNCC_OK);
    assert_int_equal(call_wait(&c), NNCC_E_INDEX);
    assert_int_equal(call_wait(&c), NNCC_E_IDLE);
    c.n = 7;
    assert_int_equal(call_submit(&c, 0), NNCC_E_ASSERT);
    assert_int_equal(call_wait(&c), NNCC_E_IDLE);
    c.n = 10;
    assert_int_equal(toy_info.submit(m, c.arena, 64, &c.n, in, out), NNCC_E_ARENA);
    assert_int_equal(toy_info.submit(m, NULL, c.arena_bytes, &c.n, in, out), NNCC_E_ARENA);
    assert_int_equal(toy_info.submit(NULL, c.arena, c.arena_bytes, &c.n, in, out), NNCC_E_NULL);
    assert_int_equal(toy_info.wait(m, c.arena, 64), NNCC_E_ARENA);
    assert_int_equal(toy_info.wait(m, NULL, c.arena_bytes), NNCC_E_ARENA);
    assert_int_equal(toy_info.wait(NULL, c.arena, c.arena_bytes), NNCC_E_NULL);
    free(c.arena);
    toy_info.close(m);
  }
}

#if defined(__has_feature) // clang's way to say it
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1
#endif
#endif
#if !defined(__SANITIZE_THREAD__) // whose own threads do not survive a fork
static int child_uses(nncc_model *m, Call *begun, Call *fresh) {
  if (call_wait(begun) != NNCC_OK || !call_is_right(begun)) return 1; // computed anew, on this thread
  if (call_submit(fresh, 9) != NNCC_OK || call_wait(fresh) != NNCC_OK || !call_is_right(fresh)) return 2;
  toy_info.close(m);
  nncc_options o = NNCC_OPTIONS_INIT;
  o.streams = 2;
  if (toy_info.open(&m, &o) != NNCC_OK) return 3;
  fresh->m = m;
  if (call_submit(fresh, 8) != NNCC_OK || call_wait(fresh) != NNCC_OK || !call_is_right(fresh)) return 4;
  toy_info.close(m);
  return 0;
}

static void runs_survive_fork(void **state) {
  (void)state;
  static Call begun, fresh;
  nncc_model *m = open_streams(2, 1);
  call_init(&begun, m, 100);
  call_init(&fresh, m, 100);
  assert_int_equal(call_submit(&begun, 1), NNCC_OK);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    alarm(20); // a hang is a failure
    _exit(child_uses(m, &begun, &fresh));
  }
  int result;
  assert_int_equal(waitpid(child, &result, 0), child);
  assert_true(WIFEXITED(result));
  assert_int_equal(WEXITSTATUS(result), 0);
  assert_int_equal(call_wait(&begun), NNCC_OK);
  assert_true(call_is_right(&begun));
  free(begun.arena);
  free(fresh.arena);
  toy_info.close(m);
}
#endif

static void idle_streams_sleep(void **state) {
  (void)state;
  static Call calls[FLIGHTS];
  nncc_model *m = open_streams(2, 1);
  assert_int_equal(keep_flying(m, calls), 0);
  struct timespec before, after;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
  nanosleep(&(struct timespec){.tv_nsec = 300 * 1000 * 1000}, NULL);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
  assert_true((double)(after.tv_sec - before.tv_sec) + 1e-9 * (double)(after.tv_nsec - before.tv_nsec) < 0.1);
  toy_info.close(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(many_runs_fly),
    cmocka_unit_test(callers_share_the_streams),
    cmocka_unit_test(streams_compute_at_once),
    cmocka_unit_test(statuses_come_back),
#if !defined(__SANITIZE_THREAD__)
    cmocka_unit_test(runs_survive_fork),
#endif
    cmocka_unit_test(idle_streams_sleep),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
