// --tune: measures what lowering otherwise estimates. The model is compiled once with each candidate in turn for all
// choices at a time, and run on seeded values kernel by kernel, so that every candidate is timed where it will work: on
// the data that the kernel before it left in the caches, with its weights as cold as they will be.
#pragma once
#include "driver/options.h"

// Answers lowering's questions, for BuildOptions.tuner; NULL after a diagnostic. With o->tune what the cache does not
// hold is measured, and said; otherwise the cache alone is read.
LowerTuner *tune_model(const char *path, const BuildOptions *o, Diag *d);
void tune_free(LowerTuner *t);
