// What tuning measured, kept between compilations: one text file in a folder of the user's, a line a choice. Lines that
// are not understood are left out, so a damaged file costs no more than measuring again; several processes may write at
// once, and none loses what another wrote.
#pragma once
#include "ir/core/diag.h"
#include "ir/core/vec.h"

typedef struct Tuned {
  char *work;             // LowerChoice.work
  char *taken;            // the candidate's name
  double us, estimate_us; // its time, and that of the estimate's candidate
} Tuned;

typedef struct TuneCache {
  char *path, *machine; // of the file; what else times depend on: processor, compiler, threads
  Vec(Tuned) entries;   // of this machine, sorted by work
} TuneCache;

// `folder` NULL: $XDG_CACHE_HOME/nncc, else ~/.cache/nncc.
void tune_cache_open(TuneCache *c, const char *folder, const char *machine);
const Tuned *tune_cache_find(const TuneCache *c, const char *work);
void tune_cache_put(TuneCache *c, const char *work, const char *taken, double us, double estimate_us);
// Merges the entries into the file. Only warns where it cannot be written: nothing depends on it.
void tune_cache_save(const TuneCache *c, Diag *d);
void tune_cache_close(TuneCache *c);
