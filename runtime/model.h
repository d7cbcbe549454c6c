// model.h: an open model, as model.c makes it and run.c runs it. Nothing of it changes once it is open.
#ifndef NNCC_RUNTIME_MODEL_H
#define NNCC_RUNTIME_MODEL_H

#include "nncc_rt.h"

#include "os.h"
#include "pool.h"
#include "streams.h"

struct nncc_model {
  const NnccRtModel *desc;
  const NnccRtVariant *variant;
  const char *weights;
  OsMap map;        // of the weights file, if any
  Pool *pool;       // NULL: one thread, or the caller's
  Streams *streams; // NULL: wait computes what was submitted
  int threads;      // of a run
  nncc_parallel_for parallel_for;
  void *parallel_user;
  uint64_t *phase_ns;
};

// What computes runs of these dimensions; NULL: of any.
const NnccRtProgram *model_program(const nncc_model *m, const int64_t *dims);

#endif
