// Native code on every sample, by all processors: what eval judges and calibration observes. Samples are run one by
// one, each on one thread, so that their results do not depend on how many threads there are.
#pragma once
#include "driver/loaded.h"
#include "driver/perturb.h"
#include "driver/samples.h"

// Samples that may be under way at once: room for as many results is enough to add them up in order.
enum { RUNNER_ROUND = 64 };

typedef struct Runner {
  const Samples *samples;
  Loaded *const *models; // with one input, started with one thread; all see the same samples
  int n_models;
  int threads;                      // of this process; see runner_threads
  const Perturbation *perturbation; // of pictures; NULL: none
  uint64_t seed;                    // of it
  const char *what;                 // for the line of progress
  // Called once a sample, in any order, by several threads at once. sessions[k] has the outputs of model k. `slot` is
  // below RUNNER_ROUND and belongs to this sample until `round` has been called; `worker` is below `threads`.
  void (*each)(void *user, size_t sample, int slot, int worker, const Session *sessions);
  // Called when samples [first, first + n) have been run, in slots 0 to n - 1, with nothing else under way. Or NULL.
  void (*round)(void *user, size_t first, size_t n);
  void *user;
} Runner;

// As many as this process may use, where `asked` is 0.
int runner_threads(int asked);
// Starts a model as the runner needs it; false after a diagnostic, also where it has not one input.
bool runner_start(Loaded *l, Diag *d);
// False after a diagnostic of the first sample that could not be run.
bool runner_run(const Runner *r, Diag *d);
