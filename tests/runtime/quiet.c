// quiet.c: after its first run an open model neither allocates nor faults: run, submit and wait, on one thread and
// more. Every allocation of the process passes through the functions here, which count.
#include "runtime/nncc.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

extern const nncc_model_info cnn_info;

void *__libc_malloc(size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static atomic_long allocations;

void *malloc(size_t size) {
  atomic_fetch_add(&allocations, 1);
  return __libc_malloc(size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  atomic_fetch_add(&allocations, 1);
  return __libc_memalign(alignment, size);
}

enum { FLIGHTS = 2, RUNS = 200, IMAGE = 28 * 28, CLASSES = 10 };

static float images[IMAGE], logits[FLIGHTS][CLASSES];

static long faults(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return u.ru_minflt + u.ru_majflt;
}

static int run_all(const nncc_model *m, void **arenas, size_t bytes, bool submitted) {
  const int64_t dims[] = {1};
  const void *in[] = {images};
  int bad = 0;
  for (int i = 0; i < FLIGHTS; i++) {
    void *out[] = {logits[i]};
    bad |= (submitted ? cnn_info.submit : cnn_info.run)(m, arenas[i], bytes, dims, in, out);
  }
  for (int i = 0; submitted && i < FLIGHTS; i++) bad |= cnn_info.wait(m, arenas[i], bytes);
  return bad;
}

// A worker that comes late to one run faults for its stack in another: a round that is quiet settles it.
static bool is_quiet(const nncc_model *m, void **arenas, size_t bytes) {
  enum { TRIES = 3 };
  long blocks = 0, pages = 0;
  for (int i = 0; i < TRIES; i++) {
    blocks = -atomic_load(&allocations), pages = -faults();
    for (int k = 0; k < RUNS; k++)
      if (run_all(m, arenas, bytes, k % 2)) return false;
    blocks += atomic_load(&allocations), pages += faults();
    if (!blocks && !pages) return true;
  }
  fprintf(stderr, "%d runs: %ld allocations, %ld page faults\n", RUNS, blocks, pages);
  return false;
}

static bool check(int threads, int streams) {
  nncc_options o = NNCC_OPTIONS_INIT;
  o.threads = threads;
  o.streams = streams;
  nncc_model *m;
  if (cnn_info.open(&m, &o)) return false;
  size_t bytes = cnn_info.arena_bytes(m, (int64_t[]){1});
  void *arenas[FLIGHTS];
  for (int i = 0; i < FLIGHTS; i++) arenas[i] = aligned_alloc(NNCC_ARENA_ALIGN, bytes);
  bool ok = !run_all(m, arenas, bytes, false) && !run_all(m, arenas, bytes, true) && is_quiet(m, arenas, bytes);
  for (int i = 0; i < FLIGHTS; i++) free(arenas[i]);
  cnn_info.close(m);
  return ok;
}

int main(void) {
  bool ok = check(1, 0) && check(2, 0) && check(1, 2) && check(2, 2);
  return !(ok && atomic_load(&allocations) > 0); // what open needs shows that they are counted
}
