// gate.c: see gate.h.
#include "gate.h"

#include "cpu.h"
#include "os.h"

// A waiting thread spins, for 1 to 5 us, then gives way between shorter spins, since the thread that it waits for may
// be waiting for its processor; it sleeps after some 100 to 300 us, more than the imbalance of most phases.
enum { FIRST_SPINS = 100, SPINS = 50, ROUNDS = 100 };

void gate_open(Gate *gate, int n) {
  // Sequentially consistent, as is a sleeper's count before its look at the epoch: one of the two sees the other.
  atomic_fetch_add(&gate->epoch, 1);
  if (atomic_load(&gate->sleepers)) os_wake(&gate->epoch, n);
}

// Whether the epoch ended before patience did.
static bool spin(const Gate *gate, unsigned epoch, int rounds) {
  int spins = FIRST_SPINS;
  for (int round = 0; round < rounds; round++, spins = SPINS) {
    for (int i = 0; i < spins; i++) {
      if (gate_epoch(gate) != epoch) return true;
      cpu_relax();
    }
    os_yield();
  }
  return false;
}

void gate_wait(Gate *gate, unsigned epoch, bool eager) {
  if (spin(gate, epoch, eager ? ROUNDS : 1)) return;
  atomic_fetch_add(&gate->sleepers, 1);
  while (atomic_load(&gate->epoch) == epoch) os_wait(&gate->epoch, epoch);
  atomic_fetch_sub(&gate->sleepers, 1);
}
