/* nncc_rt.h: the contract between generated code and the runtime linked into it. The compiler emits one constant
 * NnccRtModel a model and thin wrappers <model>_open, _arena_bytes, _run, _submit, _wait, _close, _strerror around the
 * functions at the end. Only pointers, int64 and int32 fields stand in these structs; the offset of each is stated and
 * asserted, because codegen writes them as LLVM constants. The public structs it also writes are asserted here too. */
#ifndef NNCC_RT_H
#define NNCC_RT_H

#include "nncc.h"

/* Bits of NnccRtVariant.features: on x86-64, and on AArch64. */
enum {
#define FEATURE(number, id, name, leaf, reg, bit, state) NNCC_RT_##id = number,
#include "features.def"
  NNCC_RT_FEATURES
};
enum {
#define FEATURE(number, id, name, word, bit) NNCC_RT_ARM_##id = number,
#include "features_aarch64.def"
  NNCC_RT_ARM_FEATURES
};

/* What a task sees. arena, scratch and weights are aligned to 64 bytes; inputs and outputs to their element only. */
typedef struct NnccRtFrame {
  char *arena;           /*  0: shared by all tasks of the run: arena_bytes(dims) of the program */
  const char *weights;   /*  8: packed weights */
  const int64_t *dims;   /* 16: symbolic dimensions, checked, and behind them the counts that phases found */
  const void *const *in; /* 24: inputs */
  void *const *out;      /* 32: outputs, and where their counts go */
  char *scratch;         /* 40: this call's alone: scratch_bytes(dims), undefined on entry; NULL if none */
} NnccRtFrame;

/* Tasks [0, count) that may run in any order, on any thread, after all tasks of the phase before. run computes tasks
 * [begin, end) and returns NNCC_OK or the status that ends the run; it is called with begin < end only. */
typedef struct NnccRtPhase {
  int32_t (*run)(const NnccRtFrame *frame, int64_t begin, int64_t end); /*  0 */
  int64_t (*count)(const int64_t *dims);                                /*  8: NULL: tasks */
  int64_t tasks;                                                        /* 16: the count where it is constant */
  int64_t grain; /* 24: fewer tasks than these are not worth another thread; at least 1 */
  int64_t finds; /* 32: not 0: it writes counts, which the tasks of phases behind may depend on */
} NnccRtPhase;

/* The phases of a run, for all dimensions or for some. */
typedef struct NnccRtProgram {
  const int64_t *dims;                           /*  0: what each must be, 0: anything; NULL: anything of all */
  int64_t (*arena_bytes)(const int64_t *dims);   /*  8: negative where it overflows */
  int64_t (*scratch_bytes)(const int64_t *dims); /* 16: a thread's share; NULL: none */
  const NnccRtPhase *phases;                     /* 24 */
  const nncc_phase_info *phase_info;             /* 32: n_phases elements */
  int64_t n_phases;                              /* 40 */
} NnccRtProgram;

/* One instruction set's code. */
typedef struct NnccRtVariant {
  const char *name;              /*  0: e.g. "x86-64-v3" */
  uint64_t features;             /*  8: required, 1 << NNCC_RT_... */
  const NnccRtProgram *programs; /* 16: the first that fits a run's dimensions computes it; the last fits all */
  int64_t n_programs;            /* 24 */
} NnccRtVariant;

typedef struct NnccRtModel {
  const nncc_model_info *info;           /*  0: also the range of each dimension, the weights' size and hash */
  const void *weights;                   /*  8: embedded, 64-byte aligned; NULL: a weights file must be given */
  int32_t (*check)(const int64_t *dims); /* 16: NNCC_OK, or NNCC_E_ASSERT or NNCC_E_SHAPE; NULL: nothing to check */
  const NnccRtVariant *variants;         /* 24: best first */
  int32_t n_variants;                    /* 32 */
  int32_t max_threads;                   /* 36: more than these gain nothing; 0: no bound */
  int64_t n_counts;                      /* 40: that phases find: each run has room for them behind its dimensions */
  void (*capacity)(int64_t *dims);       /* 48: writes the most that each can be there */
  void (*report)(const int64_t *dims, void *const *out); /* 56: tells the caller's; NULL: there are none */
} NnccRtModel;

/* What an output is where the reference computed it: every step-th element, in row-major order. */
typedef struct NnccRtSamples {
  int64_t count, step;  /*  0 */
  const double *values; /* 16 */
  int64_t elements;     /* 24: of the output */
} NnccRtSamples;

/* Of a run on inputs that seeded.h makes, one after another, from NNCC_RT_GOLDEN_SEED. */
typedef struct NnccRtGolden {
  const int64_t *dims;          /*  0 */
  const NnccRtSamples *outputs; /*  8: of each output */
} NnccRtGolden;

#define NNCC_RT_GOLDEN_SEED 1

/* A weights file (`--emit=weights`), little-endian: this header, zeros up to NNCC_RT_WEIGHTS_OFFSET, packed bytes. */
typedef struct NnccRtWeightsHeader {
  char magic[8];  /*  0: NNCC_RT_WEIGHTS_MAGIC without its end */
  uint64_t hash;  /*  8: as in nncc_model_info */
  uint64_t bytes; /* 16 */
} NnccRtWeightsHeader;

#define NNCC_RT_WEIGHTS_MAGIC "NNCCWT01"
#define NNCC_RT_WEIGHTS_OFFSET 4096

/* On failure *m is NULL. Takes the first variant that this processor can run, or the one that the options name. */
int32_t nncc_rt_open(const NnccRtModel *desc, nncc_model **m, const nncc_options *o);
void nncc_rt_close(nncc_model *m); /* NULL is allowed */
size_t nncc_rt_arena_bytes(const nncc_model *m, const int64_t *dims);
int32_t nncc_rt_run(const nncc_model *m, void *arena, size_t arena_bytes, const int64_t *dims, const void *const *in,
                    void *const *out);
/* run in two steps. Until wait returns, the arena, which stands for the run, the inputs and the outputs are the run's;
 * dims and the arrays of pointers are the caller's again at once. */
int32_t nncc_rt_submit(const nncc_model *m, void *arena, size_t arena_bytes, const int64_t *dims, const void *const *in,
                       void *const *out);
int32_t nncc_rt_wait(const nncc_model *m, void *arena, size_t arena_bytes);    /* as they were submitted */
int32_t nncc_rt_selftest(const NnccRtModel *desc, const NnccRtGolden *golden); /* opens, runs, compares, closes */
const char *nncc_rt_strerror(int32_t status);
void nncc_rt_describe(const nncc_model *m, const int64_t *dims, nncc_model_state *state);

#if defined(__LP64__) && !defined(__cplusplus)
#define NNCC_RT_AT(type, field, offset) _Static_assert(offsetof(type, field) == (offset), #type "." #field)
#define NNCC_RT_SIZE(type, size) _Static_assert(sizeof(type) == (size), #type)
NNCC_RT_AT(NnccRtFrame, weights, 8);
NNCC_RT_AT(NnccRtFrame, dims, 16);
NNCC_RT_AT(NnccRtFrame, in, 24);
NNCC_RT_AT(NnccRtFrame, out, 32);
NNCC_RT_AT(NnccRtFrame, scratch, 40);
NNCC_RT_SIZE(NnccRtFrame, 48);
NNCC_RT_AT(NnccRtPhase, count, 8);
NNCC_RT_AT(NnccRtPhase, tasks, 16);
NNCC_RT_AT(NnccRtPhase, grain, 24);
NNCC_RT_AT(NnccRtPhase, finds, 32);
NNCC_RT_SIZE(NnccRtPhase, 40);
NNCC_RT_AT(NnccRtProgram, arena_bytes, 8);
NNCC_RT_AT(NnccRtProgram, scratch_bytes, 16);
NNCC_RT_AT(NnccRtProgram, phases, 24);
NNCC_RT_AT(NnccRtProgram, phase_info, 32);
NNCC_RT_AT(NnccRtProgram, n_phases, 40);
NNCC_RT_SIZE(NnccRtProgram, 48);
NNCC_RT_AT(NnccRtVariant, features, 8);
NNCC_RT_AT(NnccRtVariant, programs, 16);
NNCC_RT_AT(NnccRtVariant, n_programs, 24);
NNCC_RT_SIZE(NnccRtVariant, 32);
NNCC_RT_AT(NnccRtModel, weights, 8);
NNCC_RT_AT(NnccRtModel, check, 16);
NNCC_RT_AT(NnccRtModel, variants, 24);
NNCC_RT_AT(NnccRtModel, n_variants, 32);
NNCC_RT_AT(NnccRtModel, max_threads, 36);
NNCC_RT_AT(NnccRtModel, n_counts, 40);
NNCC_RT_AT(NnccRtModel, capacity, 48);
NNCC_RT_AT(NnccRtModel, report, 56);
NNCC_RT_SIZE(NnccRtModel, 64);
NNCC_RT_AT(NnccRtSamples, values, 16);
NNCC_RT_AT(NnccRtSamples, elements, 24);
NNCC_RT_SIZE(NnccRtSamples, 32);
NNCC_RT_AT(NnccRtGolden, outputs, 8);
NNCC_RT_SIZE(NnccRtWeightsHeader, 24);
NNCC_RT_AT(nncc_dim_info, min, 8);
NNCC_RT_AT(nncc_dim_info, max, 16);
NNCC_RT_SIZE(nncc_dim_info, 24);
NNCC_RT_AT(nncc_tensor_info, dtype, 8);
NNCC_RT_AT(nncc_tensor_info, rank, 12);
NNCC_RT_AT(nncc_tensor_info, dims, 16);
NNCC_RT_AT(nncc_tensor_info, extents, 24);
NNCC_RT_SIZE(nncc_tensor_info, 32);
NNCC_RT_SIZE(nncc_meta, 16);
NNCC_RT_AT(nncc_phase_info, source, 8);
NNCC_RT_AT(nncc_phase_info, detail, 16);
NNCC_RT_AT(nncc_phase_info, macs, 24);
NNCC_RT_AT(nncc_phase_info, bytes, 32);
NNCC_RT_SIZE(nncc_phase_info, 40);
NNCC_RT_AT(nncc_model_info, n_dims, 4);
NNCC_RT_AT(nncc_model_info, n_inputs, 8);
NNCC_RT_AT(nncc_model_info, n_outputs, 12);
NNCC_RT_AT(nncc_model_info, n_labels, 16);
NNCC_RT_AT(nncc_model_info, n_meta, 20);
NNCC_RT_AT(nncc_model_info, name, 24);
NNCC_RT_AT(nncc_model_info, dims, 32);
NNCC_RT_AT(nncc_model_info, inputs, 40);
NNCC_RT_AT(nncc_model_info, outputs, 48);
NNCC_RT_AT(nncc_model_info, labels, 56);
NNCC_RT_AT(nncc_model_info, meta, 64);
NNCC_RT_AT(nncc_model_info, weights_hash, 72);
NNCC_RT_AT(nncc_model_info, weights_bytes, 80);
NNCC_RT_AT(nncc_model_info, open, 88);
NNCC_RT_AT(nncc_model_info, close, 96);
NNCC_RT_AT(nncc_model_info, arena_bytes, 104);
NNCC_RT_AT(nncc_model_info, run, 112);
NNCC_RT_AT(nncc_model_info, status_text, 120);
NNCC_RT_AT(nncc_model_info, describe, 128);
NNCC_RT_AT(nncc_model_info, submit, 136);
NNCC_RT_AT(nncc_model_info, wait, 144);
NNCC_RT_AT(nncc_model_info, counts, 152);
NNCC_RT_AT(nncc_model_info, n_counts, 160);
NNCC_RT_SIZE(nncc_model_info, 168);
#endif

#endif
