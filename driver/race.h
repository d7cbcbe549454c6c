// Timing several open models in turns, so that what else the machine does meets all of them alike; phase by phase,
// since where it does much no run is left alone from its begin to its end.
#pragma once
#include "driver/loaded.h"

typedef struct Racer {
  const Loaded *loaded; // started
  double ms;            // of all phases
  double *phase_ms;     // of each phase its fastest run
  const nncc_phase_info *phases;
  int n_phases;
} Racer;

// Runs each on seeded values, on one thread, with the least dimensions, for about `seconds`, and at least ten times;
// then on, up to `most_seconds`, until every phase's fastest runs in even and in odd rounds agree within a hundredth.
// False after a diagnostic. race_free is due either way.
bool race_run(Racer *racers, int n, double seconds, double most_seconds, Diag *d);
void race_free(Racer *racers, int n);
