/* nncc.h: what every model compiled by nncc has in common: options, status codes, and the description that serves
 * programs which load a model without its own header. A generated model header repeats this text behind the same
 * include guard, so it stands alone and any number of them compile together. C99 and C++.
 *
 * Ownership: a model is opened, used by any number of threads at once, and closed by its opener when no call is under
 * way. Every buffer belongs to the caller; run allocates nothing, writes only the arena and the outputs, and leaves
 * the floating-point state as it was. After fork the child may run, close and open models. What was submitted is waited
 * for before its buffers are freed or the model is closed.
 *
 * Huge pages spare the first run most faults of a large arena: align it to 2 MB and madvise(MADV_HUGEPAGE) it. In a
 * program linked with -static a model has no threads but its callers'. */
#ifndef NNCC_H
#define NNCC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NNCC_ABI_VERSION 3
#define NNCC_ARENA_ALIGN 64 /* bytes; inputs and outputs need only their element's alignment */

/* What open and run return. The numbers are part of the ABI. */
enum {
  NNCC_OK = 0,
  NNCC_E_NULL = 1,     /* a required pointer is NULL */
  NNCC_E_OPTIONS = 2,  /* options of an unknown size, or a value that makes no sense */
  NNCC_E_CPU = 3,      /* this processor, or the system, lacks instructions that the model uses */
  NNCC_E_MEMORY = 4,   /* open found no memory */
  NNCC_E_WEIGHTS = 5,  /* the weights file is absent, cut short, or not this model's */
  NNCC_E_ARENA = 6,    /* the arena is too small or not aligned to NNCC_ARENA_ALIGN */
  NNCC_E_SHAPE = 7,    /* a dimension is out of its range */
  NNCC_E_INDEX = 8,    /* the data asked for an element outside a tensor */
  NNCC_E_ASSERT = 9,   /* an assert of the model does not hold for these dimensions, or for what a run found */
  NNCC_E_IDLE = 10,    /* wait: no run was submitted with this arena, or it has been waited for */
  NNCC_E_SELFTEST = 11 /* selftest: an output is not what it was when the model was compiled */
};

/* Calls task(arg, i) once for every i in [0, n), in any order, on any threads, and returns when all have returned. */
typedef void (*nncc_parallel_for)(void *user, void (*task)(void *arg, int64_t i), void *arg, int64_t n);

/* Options begin with their own size, so that a model and a program of different versions understand each other. */
typedef struct nncc_options {
  size_t size;                    /* sizeof(nncc_options) */
  int threads;                    /* 0: as many as affinity and cgroup quota allow */
  nncc_parallel_for parallel_for; /* NULL: the model keeps its own threads, which sleep between runs */
  void *parallel_user;            /* first argument of parallel_for */
  const char *weights_path;       /* NULL: the embedded weights; else a file of `nncc --emit=weights` */
  const char *isa;                /* NULL: the best variant for this processor; else the variant's name */
  uint64_t *phase_ns;             /* NULL, or an element a phase of what runs, filled by run; then one run at a time */
  int streams; /* submitted runs that compute at once, each on `threads` threads of its own; 0: wait computes them */
} nncc_options;

#define NNCC_OPTIONS_INIT                                                                                              \
  { sizeof(nncc_options), 0, 0, 0, 0, 0, 0, 0 }

enum {
  NNCC_F32 = 0,
  NNCC_F16 = 1,
  NNCC_BF16 = 2,
  NNCC_I8 = 3,
  NNCC_U8 = 4,
  NNCC_I32 = 5,
  NNCC_I64 = 6,
  NNCC_BOOL = 7, /* one byte, 0 or 1 */
  NNCC_F64 = 8,
  NNCC_I16 = 9,
  NNCC_U16 = 10,
  NNCC_U32 = 11,
  NNCC_U64 = 12
};

typedef struct nncc_model nncc_model; /* an open model, by the generic pointers below */

/* A symbolic dimension: one int64_t argument of run, in order. */
typedef struct nncc_dim_info {
  const char *name;
  int64_t min, max; /* inclusive */
} nncc_dim_info;

#define NNCC_DIM_COMPUTED INT64_MIN /* see nncc_tensor_info.extents */

typedef struct nncc_tensor_info {
  const char *name;
  int32_t dtype;
  int32_t rank;
  /* d >= 0: the extent; NNCC_DIM_COMPUTED: from extents; else symbolic dimension number -1 - d or, from n_dims on, a
   * count: number -1 - d - n_dims */
  const int64_t *dims;
  /* all `rank` extents, a count's as its capacity, for which the buffer has room; NULL: dims says all */
  void (*extents)(const int64_t *dims, int64_t *out);
} nncc_tensor_info;

/* One entry of the model's `meta`: the value in the language's spelling, e.g. "mean" and "[0.485, 0.456, 0.406]". */
typedef struct nncc_meta {
  const char *key;
  const char *value;
} nncc_meta;

/* One phase of a run, for profiles. The amounts hold where every symbolic dimension is at its minimum; 0: not known. */
typedef struct nncc_phase_info {
  const char *name;   /* the kernel */
  const char *source; /* the layers it computes */
  const char *detail; /* layout and tile, or "" */
  int64_t macs;       /* multiply-accumulates */
  int64_t bytes;      /* read and written, weights included */
} nncc_phase_info;

/* What open chose, and the phases that run for given dimensions. */
typedef struct nncc_model_state {
  const char *isa;
  const nncc_phase_info *phases;
  int32_t n_phases;
  int32_t threads; /* of one run */
  int32_t streams;
} nncc_model_state;

/* A model's description, exported as <model>_info. The pointers take what <model>_open and the rest take, with the
 * symbolic dimensions, inputs and outputs as arrays in the order given here.
 *
 * A count is an extent of outputs that a run finds, such as how many boxes are left: each has an int64_t behind the
 * outputs, so that `out` has n_outputs + n_counts pointers. Such an output is row-major for its actual extents. */
typedef struct nncc_model_info {
  int32_t abi_version; /* NNCC_ABI_VERSION */
  int32_t n_dims;
  int32_t n_inputs;
  int32_t n_outputs;
  int32_t n_labels;
  int32_t n_meta;
  const char *name;
  const nncc_dim_info *dims;
  const nncc_tensor_info *inputs;
  const nncc_tensor_info *outputs;
  const char *const *labels; /* of the classes, or NULL */
  const nncc_meta *meta;
  uint64_t weights_hash; /* XXH64, seed 0, of the packed weights */
  uint64_t weights_bytes;
  int (*open)(nncc_model **m, const nncc_options *o);
  void (*close)(nncc_model *m);
  size_t (*arena_bytes)(const nncc_model *m, const int64_t *dims); /* 0 where run would refuse the dimensions */
  int (*run)(const nncc_model *m, void *arena, size_t arena_bytes, const int64_t *dims, const void *const *in,
             void *const *out);
  const char *(*status_text)(int status);
  /* dims NULL: the phases that serve all dimensions */
  void (*describe)(const nncc_model *m, const int64_t *dims, nncc_model_state *state);
  int (*submit)(const nncc_model *m, void *arena, size_t arena_bytes, const int64_t *dims, const void *const *in,
                void *const *out);
  int (*wait)(const nncc_model *m, void *arena, size_t arena_bytes);
  const char *const *counts; /* their names */
  int32_t n_counts;
} nncc_model_info;

#ifdef __cplusplus
}
#endif

#endif
