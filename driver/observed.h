// A network with inner values as further outputs, run natively on the data that --calibrate names: what calibration
// sees.
#pragma once
#include "driver/build.h"
#include "driver/runner.h"

typedef struct Observed {
  const Build *b; // whose network it is
  BuildOptions options;
  Build build; // the network with its taps
  Loaded loaded;
  const Samples *samples;
  Samples own; // where none are given
  int threads;
} Observed;

// The network as it stands in `b`, compiled by the passes of `rest`, and samples: NULL for those that --calibrate
// names. `tap` makes values of a copy of it outputs (pairs_tap). False after a diagnostic; observed_close is due either
// way.
bool observed_open(Observed *o, const Build *b, const char *rest, const Samples *samples,
                   bool (*tap)(void *user, Module *m), void *user);
void observed_close(Observed *o);
// Calls `each` for every sample, as a Runner does.
bool observed_run(Observed *o, void (*each)(void *user, size_t sample, int slot, int worker, const Session *s),
                  void *user);
// The elements of an output, and its extents. Returns how many there are.
int64_t observed_output(const Session *s, int output, const float **elements, int64_t *extents);
// False, with a diagnostic, where one is a NaN or an infinity.
bool observed_finite(const Observed *o, bool odd, const char *name);
