// A module compiled to a shared library and loaded into this process, to be run beside the reference interpreter.
// Arrays end where an unmapped page begins, so that code which reads or writes past them is caught.
#pragma once
#include "ir/loop/loop.h"
#include "ir/ref/ref.h"
#include "runtime/nncc.h"

typedef struct NativeOptions {
  const char *pipeline; // NULL: that of the level
  int level;            // -O
  const char *cpu;      // NULL: native
  const char *target;   // triple of another architecture, whose code $NNCC_FAR runs (far.c); NULL: this one
  bool reproducible;
  int winograd; // 2 or 4: by F(2,3) or F(4,3) wherever possible
  bool chains;  // pointwise and depthwise convolutions row by row wherever possible
  bool sparse;  // pointwise convolutions and linear layers by kernels for zeros wherever possible
} NativeOptions;

typedef struct Native {
  void *handle;
  const nncc_model_info *info;
  char *far; // the library for another architecture, with which `info` agrees; NULL: there is none
} Native;

// Compiles a copy of the module. False after a diagnostic.
bool native_open(Native *n, const Module *m, const NativeOptions *o, Diag *d);
// The same from a planned program.
bool native_open_program(Native *n, const LProgram *p, const NativeOptions *o, Diag *d);
void native_close(Native *n); // one that did not open, too

// Whether this processor runs the cpu's code.
bool native_supports(const char *cpu);

typedef struct Guarded {
  void *map, *data;
  size_t mapped, bytes;
  int64_t extents[MAX_RANK]; // of the tensor that is there
} Guarded;
Guarded guarded_create(size_t bytes, size_t alignment); // zeroed
void guarded_free(Guarded *g);

// The packed arrays of `n` tensors: their elements where `values` is set, zeros otherwise.
Guarded *native_arrays(const RefTensor *t, size_t n, bool values);
void native_arrays_free(Guarded *g, size_t n);

// Opens the model with that many threads and runs it once, in an arena full of NaN patterns. The status of open or run.
// The outputs' extents, counts as the run found them, are then stated in `outputs`.
int native_run(const Native *n, const int64_t *symbols, int threads, const Guarded *inputs, Guarded *outputs);
// Room for the outputs, counts at their capacity.
Guarded *native_outputs(const Native *n, const int64_t *symbols);

// Compiles the module and runs it once. `outputs` receives one for each of the module's, to be freed by the caller,
// also after a failure. False after a diagnostic.
bool native_evaluate(Module *m, const NativeOptions *o, const int64_t *symbols, int threads, const RefTensor *inputs,
                     RefTensor *outputs, Diag *d);

// Writes "[0, 3, 2, 8] of [1, 5, 7, 9] is 0.5, not 0.25", where `got` stands for element k of `want`.
void native_describe(const RefTensor *want, int64_t k, double got, char *text, size_t size);

// What outputs may differ by: `floor` everywhere, and element k of output i by room[i][k] more (NULL: none), INFINITY
// letting anything pass.
typedef struct Allowance {
  double floor;
  double *const *room;
} Allowance;

// The first way in which `got` (packed) is not the tensor `want`, NULL when it is near enough: integers, infinities and
// NaNs equal; floats, as far as they differ by more than `room` (or NULL), within a normalised mean squared error of
// 1e-9, and everywhere within 1e-5 (f16: 1e-3, bf16: 1e-2) of the largest magnitude or within `floor`. Written to
// `text`.
const char *native_compare(const RefTensor *want, const Guarded *got, double floor, const double *room, char *text,
                           size_t size);

// Runs with 1, 2 and 3 threads, which must agree in every bit, and compares with `want`. Calls `wrong` for each output
// that is not right, with output -1 when a run fails; returns how often.
typedef void (*NativeWrong)(void *user, int output, const char *text);
int native_judge(const Native *n, const int64_t *symbols, const RefTensor *inputs, const RefTensor *want,
                 Allowance allow, NativeWrong wrong, void *user);
