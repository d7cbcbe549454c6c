// pool.h: a team of threads that runs one job at a time, its caller among them. Waiting spins briefly, then sleeps, so
// a barrier between busy threads costs well under a microsecond and an idle pool costs nothing.
#ifndef NNCC_RUNTIME_POOL_H
#define NNCC_RUNTIME_POOL_H

#include <stdbool.h>

typedef struct Pool Pool;
typedef void PoolJob(void *arg, int thread);

// Asks for `threads` threads, the caller counted; fewer where the system gives no more. NULL: no memory.
Pool *pool_open(int threads, int cpus);
int pool_threads(const Pool *pool);

// Calls job(arg, t) at once for every t in [0, threads), t = 0 on this thread, and returns when all have returned.
// False, with nothing done, if another job is under way, or if this process was forked and left the threads behind.
bool pool_run(Pool *pool, PoolJob *job, void *arg);

// Inside a job: every thread of the pool calls it equally often, and none passes before all have come.
void pool_barrier(Pool *pool);

void pool_close(Pool *pool); // in a forked process too; no job may be under way

#endif
