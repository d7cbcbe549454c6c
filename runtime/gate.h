// gate.h: a number that threads wait to see change. Waiting spins first, since what is waited for is mostly near, then
// sleeps and costs nothing.
#ifndef NNCC_RUNTIME_GATE_H
#define NNCC_RUNTIME_GATE_H

#include <stdatomic.h>
#include <stdbool.h>

typedef struct Gate {
  atomic_uint epoch; // sleepers wait on it
  atomic_uint sleepers;
} Gate;

enum { GATE_ALL = 0x7fffffff };

static inline unsigned gate_epoch(const Gate *gate) { return atomic_load_explicit(&gate->epoch, memory_order_acquire); }

// Begins the next epoch and wakes up to `n` of those that sleep; what was written before is seen by all who wait.
void gate_open(Gate *gate, int n);

// Returns when the epoch is no longer `epoch`. `eager`: there is a processor for every thread, so that spinning for
// long takes none from the thread that is waited for.
void gate_wait(Gate *gate, unsigned epoch, bool eager);

#endif
