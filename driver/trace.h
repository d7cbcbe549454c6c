// bench --profile=FILE: runs as a timeline, in the format of Chrome's traces, which Perfetto reads.
#pragma once
#include "driver/bench.h"

// Opens the model once more, and times every phase of a few runs. The file is whole or absent; false after a
// diagnostic.
bool trace_write(const Loaded *l, const BenchOptions *o, const char *path, Diag *d);
