// test_open.c: what open and run accept and refuse: options, variants, weights files, dimensions, arenas; failing
// threads and allocations (the linker wraps them); fork.
#include "runtime/hash.h"
#include "toy.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

// ---- faults: the call that brings the counter to zero fails, and all after it; below zero none does

static int threads_left = -1, blocks_left = -1;

static bool fails(int *left) { return *left == 0 || (*left > 0 && --*left == 0); }

bool __real_os_thread_start(uintptr_t *thread, void *(*body)(void *), void *arg);
bool __wrap_os_thread_start(uintptr_t *thread, void *(*body)(void *), void *arg);
bool __wrap_os_thread_start(uintptr_t *thread, void *(*body)(void *), void *arg) {
  return !fails(&threads_left) && __real_os_thread_start(thread, body, arg);
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size) { return fails(&blocks_left) ? NULL : __real_malloc(size); }

void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size) {
  return fails(&blocks_left) ? NULL : __real_aligned_alloc(alignment, size);
}

// ---- helpers

static _Alignas(64) char arena[1 << 20];

static int try_open(const nncc_options *o) {
  nncc_model *m;
  int status = toy_info.open(&m, o);
  assert_true((status == NNCC_OK) == (m != NULL));
  toy_info.close(m);
  return status;
}

static nncc_model *open_threads(int threads) {
  nncc_options o = NNCC_OPTIONS_INIT;
  o.threads = threads;
  nncc_model *m;
  assert_int_equal(toy_info.open(&m, &o), NNCC_OK);
  return m;
}

static int run_into(const nncc_model *m, int64_t n, void *memory, size_t bytes) {
  static float x[TOY_MAX], y[TOY_MAX], s;
  const void *in[] = {x};
  void *out[] = {y, &s};
  return toy_info.run(m, memory, bytes, &n, in, out);
}

static int thread_count(const nncc_model *m) {
  nncc_model_state state;
  toy_info.describe(m, NULL, &state);
  return state.threads;
}

// ---- options

static void options_are_checked(void **state) {
  (void)state;
  assert_int_equal(try_open(NULL), NNCC_OK);
  nncc_options o = NNCC_OPTIONS_INIT;
  assert_int_equal(try_open(&o), NNCC_OK);
  o.threads = -1;
  assert_int_equal(try_open(&o), NNCC_E_OPTIONS);
  o.threads = 0;
  o.streams = -1;
  assert_int_equal(try_open(&o), NNCC_E_OPTIONS);
  o = (nncc_options){.size = 0};
  assert_int_equal(try_open(&o), NNCC_E_OPTIONS);
  o = (nncc_options){.size = offsetof(nncc_options, parallel_for), .threads = 1, .isa = "beyond the stated size"};
  assert_int_equal(try_open(&o), NNCC_OK);
  assert_int_equal(toy_info.open(NULL, NULL), NNCC_E_NULL);
}

static void options_of_a_later_version(void **state) {
  (void)state;
  struct {
    nncc_options o;
    int64_t unknown;
  } later = {NNCC_OPTIONS_INIT, 0};
  later.o.size = sizeof later;
  assert_int_equal(try_open(&later.o), NNCC_OK);
  later.unknown = 1;
  assert_int_equal(try_open(&later.o), NNCC_E_OPTIONS);
}

static void variants_are_chosen(void **state) {
  (void)state;
  nncc_model *m = open_threads(1);
  nncc_model_state chosen;
  toy_info.describe(m, NULL, &chosen);
  assert_string_equal(chosen.isa, "baseline");
  assert_int_equal(chosen.n_phases, TOY_PHASES);
  assert_string_equal(chosen.phases[3].source, "y");
  toy_info.close(m);
  nncc_options o = NNCC_OPTIONS_INIT;
  o.isa = "baseline";
  assert_int_equal(try_open(&o), NNCC_OK);
  o.isa = "imaginary";
  assert_int_equal(try_open(&o), NNCC_E_CPU);
  o.isa = "z80";
  assert_int_equal(try_open(&o), NNCC_E_OPTIONS);
}

typedef struct Changed { // the toy with another program
  NnccRtModel desc;
  NnccRtVariant variant;
  NnccRtProgram program;
} Changed;

static void toy_with(Changed *c, int64_t (*bytes)(const int64_t *), int64_t (*scratch)(const int64_t *)) {
  c->program = (NnccRtProgram){.arena_bytes = bytes, .scratch_bytes = scratch};
  c->variant = (NnccRtVariant){.name = "baseline", .programs = &c->program, .n_programs = 1};
  c->desc = toy;
  c->desc.variants = &c->variant;
  c->desc.n_variants = 1;
}

static int64_t no_bytes(const int64_t *dims) { return (void)dims, 0; }
static int64_t small_bytes(const int64_t *dims) { return (void)dims, 64; }
static int64_t large_bytes(const int64_t *dims) { return (void)dims, 640; }

// What a submitted run keeps in its arena.
static size_t flight_bytes(void) {
  Changed changed;
  toy_with(&changed, no_bytes, NULL);
  nncc_model *m;
  assert_int_equal(nncc_rt_open(&changed.desc, &m, NULL), NNCC_OK);
  size_t bytes = nncc_rt_arena_bytes(m, (int64_t[]){10});
  nncc_rt_close(m);
  assert_true(bytes > 0 && bytes < 1024);
  return bytes;
}

// The first whose dimensions are those of the run, else the last, which says nothing of them.
static void programs_are_chosen_by_dimensions(void **state) {
  (void)state;
  static const int64_t ten[] = {10}, twenty[] = {20}, any[] = {0};
  const NnccRtProgram programs[] = {{.dims = ten, .arena_bytes = small_bytes},
                                    {.dims = twenty, .arena_bytes = no_bytes},
                                    {.dims = any, .arena_bytes = large_bytes}};
  Changed changed;
  toy_with(&changed, no_bytes, NULL);
  changed.variant.programs = programs;
  for (int32_t n = 1; n <= 3; n++) {
    changed.variant.n_programs = n;
    nncc_model *m;
    assert_int_equal(nncc_rt_open(&changed.desc, &m, NULL), NNCC_OK);
    size_t own = flight_bytes();
    assert_int_equal(nncc_rt_arena_bytes(m, (int64_t[]){10}), own + 64);
    assert_int_equal(nncc_rt_arena_bytes(m, (int64_t[]){20}), own + (n == 1 ? 64 : 0));
    assert_int_equal(nncc_rt_arena_bytes(m, (int64_t[]){15}), own + (n == 1 ? 64 : n == 2 ? 0 : 640));
    assert_int_equal(run_into(m, 10, arena, own + 63), NNCC_E_ARENA);
    assert_int_equal(run_into(m, 10, arena, own + 64), NNCC_OK);
    nncc_rt_close(m);
  }
}

static void foreign_processor_is_refused(void **state) {
  (void)state;
  NnccRtModel other = toy;
  other.n_variants = 1;
  nncc_model *m;
  assert_int_equal(nncc_rt_open(&other, &m, NULL), NNCC_E_CPU);
  assert_null(m);
}

static void threads_default_to_what_is_useful(void **state) {
  (void)state;
  NnccRtModel small = toy;
  small.max_threads = 1;
  nncc_model *m;
  assert_int_equal(nncc_rt_open(&small, &m, NULL), NNCC_OK);
  assert_int_equal(thread_count(m), 1);
  nncc_rt_close(m);
}

// ---- dimensions and arenas

static void dimensions_are_checked(void **state) {
  (void)state;
  nncc_model *m = open_threads(1);
  assert_int_equal(run_into(m, TOY_MAX, arena, sizeof arena), NNCC_OK);
  const int64_t bad[] = {0, -1, 4, TOY_MAX + 1, INT64_MAX, INT64_MIN};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_int_equal(run_into(m, bad[i], arena, sizeof arena), NNCC_E_SHAPE);
    assert_int_equal(toy_info.arena_bytes(m, &bad[i]), 0);
  }
  const int64_t odd = 7;
  assert_int_equal(run_into(m, odd, arena, sizeof arena), NNCC_E_ASSERT);
  assert_int_equal(toy_info.arena_bytes(m, &odd), 0);
  toy_info.close(m);
}

static void arenas_are_checked(void **state) {
  (void)state;
  for (int threads = 1; threads <= 4; threads++) {
    nncc_model *m = open_threads(threads);
    const int64_t n = 10;
    size_t bytes = toy_info.arena_bytes(m, &n);
    assert_int_equal(bytes, (2 * TOY_MAX * sizeof(float) + 63) / 64 * 64 + (size_t)threads * 64 + flight_bytes());
    assert_int_equal(run_into(m, n, arena, bytes), NNCC_OK);
    assert_int_equal(run_into(m, n, arena, bytes - 1), NNCC_E_ARENA);
    assert_int_equal(run_into(m, n, arena, 0), NNCC_E_ARENA);
    assert_int_equal(run_into(m, n, arena + 32, bytes), NNCC_E_ARENA);
    assert_int_equal(run_into(m, n, NULL, bytes), NNCC_E_ARENA);
    toy_info.close(m);
  }
}

static int64_t negative_bytes(const int64_t *dims) { return (void)dims, -1; }
static int64_t huge_bytes(const int64_t *dims) { return (void)dims, INT64_MAX / 2; }

static void overflowing_arenas_are_refused(void **state) {
  (void)state;
  int64_t (*const sizes[][2])(const int64_t *) = {
      {negative_bytes, NULL}, {no_bytes, negative_bytes}, {huge_bytes, huge_bytes}};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    Changed changed;
    toy_with(&changed, sizes[i][0], sizes[i][1]);
    nncc_options o = NNCC_OPTIONS_INIT;
    o.threads = 2;
    nncc_model *m;
    assert_int_equal(nncc_rt_open(&changed.desc, &m, &o), NNCC_OK);
    assert_int_equal(run_into(m, 10, arena, SIZE_MAX), NNCC_E_SHAPE);
    nncc_rt_close(m);
  }
}

static void model_without_memory_or_phases_runs(void **state) {
  (void)state;
  Changed changed;
  toy_with(&changed, no_bytes, NULL);
  nncc_model *m;
  assert_int_equal(nncc_rt_open(&changed.desc, &m, NULL), NNCC_OK);
  assert_int_equal(run_into(m, 10, arena, nncc_rt_arena_bytes(m, (int64_t[]){10})), NNCC_OK);
  nncc_rt_close(m);
}

static void null_pointers_are_refused(void **state) {
  (void)state;
  nncc_model *m = open_threads(1);
  const int64_t n = 10;
  float x[10], y[10], s;
  const void *in[] = {x}, *no_in[] = {NULL};
  void *out[] = {y, &s}, *no_out[] = {y, NULL};
  assert_int_equal(toy_info.run(m, arena, sizeof arena, &n, no_in, out), NNCC_E_NULL);
  assert_int_equal(toy_info.run(m, arena, sizeof arena, &n, in, no_out), NNCC_E_NULL);
  assert_int_equal(toy_info.run(m, arena, sizeof arena, &n, NULL, out), NNCC_E_NULL);
  assert_int_equal(toy_info.run(m, arena, sizeof arena, &n, in, NULL), NNCC_E_NULL);
  assert_int_equal(toy_info.run(m, arena, sizeof arena, NULL, in, out), NNCC_E_NULL);
  assert_int_equal(toy_info.run(NULL, arena, sizeof arena, &n, in, out), NNCC_E_NULL);
  assert_int_equal(toy_info.arena_bytes(NULL, &n), 0);
  toy_info.close(m);
  toy_info.close(NULL);
}

static void every_status_has_its_text(void **state) {
  (void)state;
  for (int i = NNCC_OK; i <= NNCC_E_SELFTEST; i++)
    for (int j = NNCC_OK; j < i; j++) assert_string_not_equal(toy_info.status_text(i), toy_info.status_text(j));
  assert_string_equal(toy_info.status_text(NNCC_E_SELFTEST + 1), "unknown status");
  assert_string_equal(toy_info.status_text(-1), "unknown status");
}

// ---- weights files

typedef struct File {
  NnccRtWeightsHeader header;
  char zeros[NNCC_RT_WEIGHTS_OFFSET - sizeof(NnccRtWeightsHeader)];
  float weights[16];
  char more;
} File;

static char path[] = "weights-XXXXXX";

static int open_file(const File *file, size_t bytes) {
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(file, 1, bytes, f), bytes);
  fclose(f);
  nncc_options o = NNCC_OPTIONS_INIT;
  o.weights_path = path;
  return try_open(&o);
}

static void weights_files_are_checked(void **state) {
  (void)state;
  const size_t whole = offsetof(File, more);
  static File good;
  good = (File){.header = {NNCC_RT_WEIGHTS_MAGIC, toy_info.weights_hash, sizeof toy_weights}};
  memcpy(good.weights, toy_weights, sizeof toy_weights);
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  close(fd);
  assert_int_equal(open_file(&good, whole), NNCC_OK);
  assert_int_equal(open_file(&good, sizeof good), NNCC_E_WEIGHTS);
  const size_t cuts[] = {0, 1, sizeof good.header, NNCC_RT_WEIGHTS_OFFSET - 1, NNCC_RT_WEIGHTS_OFFSET, whole - 1};
  for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) assert_int_equal(open_file(&good, cuts[i]), NNCC_E_WEIGHTS);
  File bad = good;
  bad.weights[3] += 1;
  assert_int_equal(open_file(&bad, whole), NNCC_E_WEIGHTS);
  bad = good, bad.header.hash++;
  assert_int_equal(open_file(&bad, whole), NNCC_E_WEIGHTS);
  bad = good, bad.header.bytes++;
  assert_int_equal(open_file(&bad, whole), NNCC_E_WEIGHTS);
  bad = good, bad.header.magic[7]++;
  assert_int_equal(open_file(&bad, whole), NNCC_E_WEIGHTS);
  unlink(path);
}

static void odd_weights_paths_are_refused(void **state) {
  (void)state;
  nncc_options o = NNCC_OPTIONS_INIT;
  o.weights_path = "/nowhere/at all";
  assert_int_equal(try_open(&o), NNCC_E_WEIGHTS);
  o.weights_path = "/";
  assert_int_equal(try_open(&o), NNCC_E_WEIGHTS);
  o.weights_path = "pipe-of-test_open";
  unlink(o.weights_path);
  assert_int_equal(mkfifo(o.weights_path, 0600), 0);
  assert_int_equal(try_open(&o), NNCC_E_WEIGHTS); // and does not wait for a writer
  unlink(o.weights_path);
}

static void mapped_weights_are_used(void **state) {
  (void)state;
  NnccRtModel bare = toy;
  bare.weights = NULL;
  nncc_model *m;
  assert_int_equal(nncc_rt_open(&bare, &m, NULL), NNCC_E_WEIGHTS);
  File file = {.header = {NNCC_RT_WEIGHTS_MAGIC, toy_info.weights_hash, sizeof toy_weights}};
  memcpy(file.weights, toy_weights, sizeof toy_weights);
  assert_int_equal(open_file(&file, offsetof(File, more)), NNCC_OK);
  nncc_options o = NNCC_OPTIONS_INIT;
  o.weights_path = path;
  o.threads = 1;
  assert_int_equal(nncc_rt_open(&bare, &m, &o), NNCC_OK);
  unlink(path);
  const int64_t n = 5;
  const float x[] = {1, 1, 1, 1, 1};
  float y[5], s;
  const void *in[] = {x};
  void *out[] = {y, &s};
  assert_int_equal(nncc_rt_run(m, arena, sizeof arena, &n, in, out), NNCC_OK);
  assert_true(s == 2 + 3 + 5 + 7 + 2 - 1);
  nncc_rt_close(m);
}

// ---- faults and fork

static void missing_threads_are_done_without(void **state) {
  (void)state;
  for (int granted = 0; granted < 4; granted++) {
    threads_left = granted + 1;
    nncc_model *m = open_threads(4);
    threads_left = -1;
    assert_int_equal(thread_count(m), granted < 3 ? granted + 1 : 4);
    assert_int_equal(run_into(m, 100, arena, sizeof arena), NNCC_OK);
    assert_int_equal(run_into(m, 100, arena, sizeof arena), NNCC_OK);
    toy_info.close(m);
  }
}

static void missing_memory_is_reported(void **state) {
  (void)state;
  nncc_options o = NNCC_OPTIONS_INIT;
  o.threads = 2;
  int n = 1, status = NNCC_E_MEMORY;
  for (; status == NNCC_E_MEMORY && n < 10; n++) {
    nncc_model *m;
    blocks_left = n;
    status = toy_info.open(&m, &o);
    blocks_left = -1;
    assert_true((status == NNCC_OK) == (m != NULL));
    toy_info.close(m);
  }
  assert_int_equal(status, NNCC_OK);
  assert_int_equal(n, 4); // the model and the pool were refused before
}

static int child_uses(nncc_model *m) {
  if (run_into(m, 100, arena, sizeof arena) != NNCC_OK) return 1;
  toy_info.close(m);
  nncc_options o = NNCC_OPTIONS_INIT;
  o.threads = 3;
  if (toy_info.open(&m, &o) != NNCC_OK) return 2;
  if (thread_count(m) != 3) return 3;
  if (run_into(m, 100, arena, sizeof arena) != NNCC_OK) return 4;
  toy_info.close(m);
  return 0;
}

static void model_survives_fork(void **state) {
  (void)state;
  nncc_model *m = open_threads(3);
  assert_int_equal(run_into(m, 100, arena, sizeof arena), NNCC_OK);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    alarm(20); // a hang is a failure
    _exit(child_uses(m));
  }
  int result;
  assert_int_equal(waitpid(child, &result, 0), child);
  assert_true(WIFEXITED(result));
  assert_int_equal(WEXITSTATUS(result), 0);
  assert_int_equal(run_into(m, 100, arena, sizeof arena), NNCC_OK);
  toy_info.close(m);
}

// Signals go to the program's own threads: none of the workers takes them.
static void workers_block_signals(void **state) {
  (void)state;
  sigset_t usr1, before, pending;
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  nncc_model *m = open_threads(4);
  pthread_sigmask(SIG_BLOCK, &usr1, &before);
  kill(getpid(), SIGUSR1); // would end the process if a worker took it
  assert_int_equal(run_into(m, 100, arena, sizeof arena), NNCC_OK);
  sigpending(&pending);
  assert_true(sigismember(&pending, SIGUSR1));
  int taken;
  sigwait(&usr1, &taken);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  toy_info.close(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(options_are_checked),
      cmocka_unit_test(options_of_a_later_version),
      cmocka_unit_test(variants_are_chosen),
      cmocka_unit_test(programs_are_chosen_by_dimensions),
      cmocka_unit_test(foreign_processor_is_refused),
      cmocka_unit_test(threads_default_to_what_is_useful),
      cmocka_unit_test(dimensions_are_checked),
      cmocka_unit_test(arenas_are_checked),
      cmocka_unit_test(overflowing_arenas_are_refused),
      cmocka_unit_test(model_without_memory_or_phases_runs),
      cmocka_unit_test(null_pointers_are_refused),
      cmocka_unit_test(every_status_has_its_text),
      cmocka_unit_test(weights_files_are_checked),
      cmocka_unit_test(odd_weights_paths_are_refused),
      cmocka_unit_test(mapped_weights_are_used),
      cmocka_unit_test(missing_threads_are_done_without),
      cmocka_unit_test(missing_memory_is_reported),
      cmocka_unit_test(model_survives_fork),
      cmocka_unit_test(workers_block_signals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
