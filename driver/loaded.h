// A compiled model in this process, reached through its exported description alone, as any dlopen user would.
#pragma once
#include "driver/options.h"
#include "ir/core/checked.h"
#include "runtime/nncc.h"

typedef struct Loaded {
  void *handle;
  const nncc_model_info *info;
  nncc_model *model; // after loaded_start
  double open_ms;
} Loaded;

// A new empty file for a library in the folder for temporary files, to be freed; NULL after a diagnostic.
char *loaded_temporary(Diag *d);
// Removes it again, and frees its name; not if that is NULL. What stays is a warning.
void loaded_discard(char *library, Diag *d);

// Loads a .so, or compiles anything else into a temporary one first, in a process of its own so that the compiler's
// memory is not counted as the model's. False after a diagnostic, here or (compiling) already printed by that process.
bool loaded_open(Loaded *l, const char *path, const BuildOptions *o, Diag *d);
bool loaded_dlopen(Loaded *l, const char *path, Diag *d);
// Compiles what a build (driver/build.h) holds and loads it; no file name leads to the library afterwards.
struct Build;
bool loaded_build(Loaded *l, struct Build *b, Diag *d);
bool loaded_start(Loaded *l, const nncc_options *o, Diag *d);
void loaded_close(Loaded *l);

static inline DType loaded_dtype(const nncc_tensor_info *t) { return (DType)t->dtype; } // NNCC_F32... are DT_F32...

// The tensor's shape for symbolic dimensions `dims`, counts at their capacity; its number of elements, -1 where that
// overflows.
int64_t loaded_extents(const nncc_tensor_info *t, const int64_t *dims, int64_t *extents);
// Learns symbolic dimensions (0: unknown yet) from the shape of an array given for the tensor. False after a diagnostic
// when they do not agree.
bool loaded_bind(const Loaded *l, const nncc_tensor_info *t, const char *array, int rank, const int64_t *shape,
                 int64_t *dims, Diag *d);
// Dimensions still unknown take small values that the model's assertions allow, or, where none are found, their least.
void loaded_bind_rest(const Loaded *l, int64_t *dims);
const char *loaded_meta(const Loaded *l, const char *key); // NULL: none

// One caller's arena, one buffer for each output, and the counts.
typedef struct Session {
  const Loaded *loaded;
  int64_t *dims; // copied
  void *arena;
  size_t arena_bytes;
  void **outputs; // behind them a pointer to each count
  int64_t *counts;
} Session;

bool session_open(Session *s, const Loaded *l, const int64_t *dims, Diag *d);
bool session_run(Session *s, const void *const *inputs, Diag *d);
bool session_submit(Session *s, const void *const *inputs, Diag *d); // then wait
bool session_wait(Session *s, Diag *d);
// The extents that output i has after a run; its number of elements.
int64_t session_extents(const Session *s, int i, int64_t *extents);
void session_close(Session *s);
