// streams.c: see streams.h. A mutex of two futex calls guards the queue: it is held for a few instructions.
#include "streams.h"

#include "cpu.h"
#include "gate.h"
#include "os.h"

#include <stdlib.h>

enum { LINE = 64, SPINS = 100 };
enum { UNDER_WAY, AWAITED, DONE };                // of a job; AWAITED: somebody sleeps until it is done
enum { UNLOCKED, LOCKED, LOCKED_AND_WAITED_FOR }; // of the mutex

typedef struct Stream {
  Streams *all;
  Pool *pool; // NULL: it works alone
  OsThread thread;
} Stream;

struct Streams {
  _Alignas(2 * LINE) Gate pushed; // opens at every new job and at the end
  _Alignas(2 * LINE) atomic_uint mutex;
  Job *first, *last;
  bool closing;
  int32_t pid;
  int count;
  bool eager;
  Stream streams[];
};

static void lock(Streams *s) {
  unsigned found = UNLOCKED;
  if (atomic_compare_exchange_strong_explicit(&s->mutex, &found, LOCKED, memory_order_acquire, memory_order_relaxed))
    return;
  while (atomic_exchange_explicit(&s->mutex, LOCKED_AND_WAITED_FOR, memory_order_acquire) != UNLOCKED)
    os_wait(&s->mutex, LOCKED_AND_WAITED_FOR);
}

static void unlock(Streams *s) {
  if (atomic_exchange_explicit(&s->mutex, UNLOCKED, memory_order_release) == LOCKED_AND_WAITED_FOR)
    os_wake(&s->mutex, 1);
}

static void push(Streams *s, Job *job) {
  lock(s);
  if (s->last)
    s->last->next = job;
  else
    s->first = job;
  s->last = job;
  unlock(s);
}

static Job *pop(Streams *s, bool *closing) {
  lock(s);
  Job *job = s->first;
  if (job && !(s->first = job->next)) s->last = NULL;
  *closing = s->closing;
  unlock(s);
  return job;
}

// Once the job is done its memory may be gone: waking by an address that no longer is one does nothing.
static void finish(Job *job) {
  atomic_uint *state = &job->state;
  if (atomic_exchange_explicit(state, DONE, memory_order_acq_rel) == AWAITED) os_wake(state, GATE_ALL);
}

static void *serve(void *arg) {
  Stream *self = arg;
  Streams *s = self->all;
  for (;;) {
    unsigned epoch = gate_epoch(&s->pushed);
    bool closing;
    Job *job = pop(s, &closing);
    if (job) {
      job->run(job, self->pool);
      finish(job);
    } else if (closing) {
      return NULL;
    } else {
      gate_wait(&s->pushed, epoch, s->eager);
    }
  }
}

static bool start(Streams *s, Stream *stream, int threads, int cpus) {
  *stream = (Stream){.all = s};
  if (threads > 1 && !(stream->pool = pool_open(threads, cpus / s->count))) return false;
  if (os_thread_start(&stream->thread, serve, stream)) return true;
  pool_close(stream->pool);
  return false;
}

Streams *streams_open(int streams, int threads, int cpus) {
  size_t bytes = sizeof(Streams) + (size_t)streams * sizeof(Stream);
  Streams *s =
      aligned_alloc(_Alignof(Streams), (bytes + _Alignof(Streams) - 1) / _Alignof(Streams) * _Alignof(Streams));
  if (!s) return NULL;
  *s = (Streams){.pid = os_pid(), .count = streams, .eager = (int64_t)streams * threads <= cpus};
  int started = 0;
  while (started < streams && start(s, &s->streams[started], threads, cpus)) started++;
  s->count = started;
  if (started) return s;
  free(s);
  return NULL;
}

int streams_count(const Streams *s) { return s->count; }

bool streams_submit(Streams *s, Job *job) {
  if (s->pid != os_pid()) return false;
  job->next = NULL;
  atomic_store_explicit(&job->state, UNDER_WAY, memory_order_relaxed); // the mutex publishes it
  push(s, job);
  gate_open(&s->pushed, 1);
  return true;
}

static bool is_done(const Job *job) { return atomic_load_explicit(&job->state, memory_order_acquire) == DONE; }

bool streams_wait(Streams *s, Job *job) {
  for (int i = 0; i < SPINS && !is_done(job); i++) cpu_relax();
  if (is_done(job)) return true;
  if (s->pid != os_pid()) return false;
  unsigned found = UNDER_WAY;
  atomic_compare_exchange_strong_explicit(&job->state, &found, AWAITED, memory_order_acquire, memory_order_acquire);
  while (!is_done(job)) os_wait(&job->state, AWAITED);
  return true;
}

void streams_close(Streams *s) {
  if (!s) return;
  bool ours = s->pid == os_pid();
  if (ours) {
    lock(s);
    s->closing = true;
    unlock(s);
    gate_open(&s->pushed, GATE_ALL);
  }
  for (int i = 0; i < s->count; i++) {
    if (ours) os_thread_join(s->streams[i].thread);
    pool_close(s->streams[i].pool);
  }
  free(s);
}
