// Programs built by hand, compiled to a shared library in a folder of their own, loaded and run through <model>_info.
#pragma once
#include "codegen/codegen.h"
#include "ir/loop/loop.h"
#include "runtime/nncc.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

typedef struct Built { // under construction: one kernel, one phase
  LProgram *p;
  LBuilder *b;
  LPhase *phase;
  Vec(LArg) args;
} Built;

Built built_open(const char *model, const char *kernel);
// Adds the tensor, its buffer, the kernel's parameter and the argument; returns the parameter's expression.
LExpr *built_input(Built *k, const char *name, DType t, Dim n);
LExpr *built_output(Built *k, const char *name, DType t, Dim n);
LExpr *built_weight(Built *k, const char *name, DType t, int64_t n, const void *content);
LExpr *built_memory(Built *k, LBufferKind kind, const char *name, DType t, Dim n, LAccess access);
LExpr *built_dim(Built *k, const char *name, Dim d);
// Ends the kernel, adds the phase, places all buffers one behind the other, verifies.
LProgram *built_close(Built *k, Dim tasks);
void built_place(LProgram *p); // for programs of several kernels
void built_add_phase(Built *k, Dim tasks);

// Reads a text; NULL when it was refused, with what is printed then in `message`, which may be NULL.
LProgram *fixture_read(const char *text, size_t size, char *message, size_t room);

typedef struct Loaded {
  void *library;
  const nncc_model_info *info;
  nncc_model *model;
  void *arena;
  size_t arena_bytes;
} Loaded;

const char *fixture_folder(void); // of this process; removed by fixture_end
void fixture_end(void);
char *fixture_path(const char *name); // to be freed
void fixture_emit(const LProgram *p, OutputKind kind, const char *path, const char *cpu, int opt_level);
Loaded fixture_load(const LProgram *p, const char *cpu, int opt_level, int threads, const int64_t *dims);
void fixture_unload(Loaded *m);
int fixture_run(Loaded *m, const int64_t *dims, const void *const *in, void *const *out);

// Calls `check` for every processor level that this machine can run, at -O0 and -O2, with 1 and 2 threads.
typedef struct Way {
  const char *cpu;
  int opt_level, threads;
} Way;
void fixture_each_way(void (*check)(const Way *way, void *context), void *context);
float fixture_noise(int i); // in [-1, 1), the same for each i
