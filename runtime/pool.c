// pool.c: see pool.h. One barrier serves as start, middle and end of a job: between jobs the workers stand at it, and
// the caller, arriving last, lets the next job begin.
#include "pool.h"

#include "cpu.h"
#include "os.h"

#include <stdlib.h>

// A waiting thread spins, for 1 to 5 us, then gives way between shorter spins, since the thread that it waits for may
// be waiting for its processor; it sleeps after some 100 to 300 us, more than the imbalance of most phases.
enum { FIRST_SPINS = 100, SPINS = 50, ROUNDS = 100, LINE = 64 };

typedef struct Worker {
  Pool *pool;
  OsThread thread;
  int number;
} Worker;

struct Pool {
  _Alignas(2 * LINE) atomic_uint epoch; // barriers passed; sleepers wait on it
  atomic_uint sleepers;
  _Alignas(2 * LINE) atomic_int arrived; // at the barrier under way
  _Alignas(2 * LINE) atomic_int threads; // settled when pool_open returns
  int rounds;
  int32_t pid;
  PoolJob *job; // NULL at the start of a job: the workers end. Written while they stand at the barrier.
  void *arg;
  _Alignas(2 * LINE) atomic_bool busy;
  Worker workers[];
};

static void let_pass(Pool *pool, unsigned epoch) {
  atomic_store_explicit(&pool->arrived, 0, memory_order_relaxed);
  // Sequentially consistent, as is a sleeper's count before its look at the epoch: one of the two sees the other.
  atomic_store(&pool->epoch, epoch + 1);
  if (atomic_load(&pool->sleepers)) os_wake_all(&pool->epoch);
}

// Whether the epoch ended before patience did.
static bool spin(Pool *pool, unsigned epoch) {
  int spins = FIRST_SPINS;
  for (int round = 0; round < pool->rounds; round++, spins = SPINS) {
    for (int i = 0; i < spins; i++) {
      if (atomic_load_explicit(&pool->epoch, memory_order_acquire) != epoch) return true;
      cpu_relax();
    }
    os_yield();
  }
  return false;
}

void pool_barrier(Pool *pool) {
  unsigned epoch = atomic_load_explicit(&pool->epoch, memory_order_relaxed);
  int before = atomic_fetch_add_explicit(&pool->arrived, 1, memory_order_acq_rel);
  if (before + 1 == atomic_load_explicit(&pool->threads, memory_order_relaxed)) {
    let_pass(pool, epoch);
    return;
  }
  if (spin(pool, epoch)) return;
  atomic_fetch_add(&pool->sleepers, 1);
  while (atomic_load(&pool->epoch) == epoch) os_wait(&pool->epoch, epoch);
  atomic_fetch_sub(&pool->sleepers, 1);
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
  *pool = (Pool){.threads = threads, .rounds = threads <= cpus ? ROUNDS : 1, .pid = os_pid()};
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
