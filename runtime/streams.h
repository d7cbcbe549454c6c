// streams.h: threads that take jobs from one queue, first come, first served, each with a pool of its own for the job's
// phases.
#ifndef NNCC_RUNTIME_STREAMS_H
#define NNCC_RUNTIME_STREAMS_H

#include "pool.h"

#include <stdatomic.h>

// A job belongs to its submitter, and is the streams' from submission until it has been waited for.
typedef struct Job {
  struct Job *next;
  void (*run)(struct Job *job, Pool *pool); // pool NULL: on this thread alone
  atomic_uint state;                        // see streams.c
} Job;

typedef struct Streams Streams;

// Asks for `streams` of `threads` threads each; fewer where the system gives no more. NULL: no memory, or no thread.
Streams *streams_open(int streams, int threads, int cpus);
int streams_count(const Streams *s);

// False, with nothing done, in a process that was forked and left the threads behind.
bool streams_submit(Streams *s, Job *job);

// Returns when the job was run. False where it never will be, in a forked process.
bool streams_wait(Streams *s, Job *job);

void streams_close(Streams *s); // in a forked process too; no job may be under way

#endif
