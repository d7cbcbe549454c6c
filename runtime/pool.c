// pool.c: see pool.h. One barrier serves as start, middle and end of a job: between jobs the workers stand at it, and
// the caller, arriving last, lets the next job begin.
#include "pool.h"

#include "gate.h"
#include "os.h"

#include <stdlib.h>

enum { LINE = 64 };

typedef struct Worker {
  Pool *pool;
  OsThread thread;
  int number;
} Worker;

struct Pool {
  _Alignas(2 * LINE) Gate passed;        // its epoch: barriers passed
  _Alignas(2 * LINE) atomic_int arrived; // at the barrier under way
  _Alignas(2 * LINE) atomic_int threads; // settled when pool_open returns
  bool eager;
  int32_t pid;
  PoolJob *job; // NULL at the start of a job: the workers end. Written while they stand at the barrier.
  void *arg;
  _Alignas(2 * LINE) atomic_bool busy;
  Worker workers[];
};

void pool_barrier(Pool *pool) {
  unsigned epoch = gate_epoch(&pool->passed);
  int before = atomic_fetch_add_explicit(&pool->arrived, 1, memory_order_acq_rel);
  if (before + 1 == atomic_load_explicit(&pool->threads, memory_order_relaxed)) {
    atomic_store_explicit(&pool->arrived, 0, memory_order_relaxed);
    gate_open(&pool->passed, GATE_ALL);
  } else {
    gate_wait(&pool->passed, epoch, pool->eager);
  }
}

static void *work(void *arg) {
  const Worker *self = arg;
  Pool *pool = self->pool;
  for (;;) {
    pool_barrier(pool);
    if (!pool->job) return NULL;
    pool->job(pool->arg, self->number);
    pool_barrier(pool);
  }
}

Pool *pool_open(int threads, int cpus) {
  size_t bytes = sizeof(Pool) + (size_t)(threads - 1) * sizeof(Worker);
  Pool *pool = aligned_alloc(_Alignof(Pool), (bytes + _Alignof(Pool) - 1) / _Alignof(Pool) * _Alignof(Pool));
  if (!pool) return NULL;
  *pool = (Pool){.threads = threads, .eager = threads <= cpus, .pid = os_pid()};
  int started = 0;
  for (; started < threads - 1; started++) {
    Worker *worker = &pool->workers[started];
    *worker = (Worker){.pool = pool, .number = started + 1};
    if (!os_thread_start(&worker->thread, work, worker)) break;
  }
  // Workers may be at the barrier already. None is the last there by the old count or by this one: the caller has yet
  // to come, and a worker that comes after the caller sees this count.
  atomic_store_explicit(&pool->threads, started + 1, memory_order_relaxed);
  return pool;
}

int pool_threads(const Pool *pool) { return atomic_load_explicit(&pool->threads, memory_order_relaxed); }

bool pool_run(Pool *pool, PoolJob *job, void *arg) {
  if (pool->pid != os_pid() || atomic_exchange_explicit(&pool->busy, true, memory_order_acquire)) return false;
  pool->job = job;
  pool->arg = arg;
  pool_barrier(pool);
  job(arg, 0);
  pool_barrier(pool);
  atomic_store_explicit(&pool->busy, false, memory_order_release);
  return true;
}

void pool_close(Pool *pool) {
  if (!pool) return;
  if (pool->pid == os_pid()) {
    pool->job = NULL;
    pool_barrier(pool);
    for (int i = 0; i < pool_threads(pool) - 1; i++) os_thread_join(pool->workers[i].thread);
  }
  free(pool);
}
