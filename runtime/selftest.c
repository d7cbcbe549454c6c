// selftest.c: runs a model on seeded inputs and compares its outputs with samples of the reference's, which the
// compiler left in the object. It allocates what it needs.
#include "nncc_rt.h"
#include "seeded.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RANK = 16 };
#define NMSE_MOST 1e-6 // of the samples: code that is wrong is wrong by far more, rounding by far less

static size_t size_of(int32_t dtype) {
  static const uint8_t sizes[] = {4, 2, 2, 1, 1, 4, 8, 1, 8, 2, 2, 4, 8};
  return sizes[dtype];
}

// `counts`: pointers to them, or NULL for their capacity.
static int64_t elements(const nncc_model_info *info, const nncc_tensor_info *t, const int64_t *dims,
                        void *const *counts) {
  int64_t extents[MAX_RANK], n = 1;
  if (t->extents) t->extents(dims, extents);
  for (int32_t i = 0; i < t->rank; i++) {
    int64_t symbol = t->dims[i] == NNCC_DIM_COMPUTED ? -1 : -1 - t->dims[i];
    if (counts && symbol >= info->n_dims)
      n *= *(const int64_t *)counts[symbol - info->n_dims];
    else
      n *= t->extents ? extents[i] : t->dims[i] >= 0 ? t->dims[i] : dims[symbol];
  }
  return n;
}

static double half(uint16_t bits) {
  double v = bits & 0x3ff;
  int exponent = bits >> 10 & 31;
  if (exponent == 31) return v > 0 ? (double)__builtin_nanf("") : __builtin_inf() * (bits >> 15 ? -1 : 1);
  for (v += exponent ? 1024 : 0, exponent += !exponent; exponent > 25; exponent--) v *= 2;
  for (; exponent < 25; exponent++) v /= 2;
  return bits >> 15 ? -v : v;
}

static double at(int32_t dtype, const void *data, int64_t i) {
  uint32_t bits;
  float f;
  switch (dtype) {
  case NNCC_F32: return ((const float *)data)[i];
  case NNCC_F16: return half(((const uint16_t *)data)[i]);
  case NNCC_BF16:
    bits = (uint32_t)((const uint16_t *)data)[i] << 16;
    memcpy(&f, &bits, sizeof f);
    return f;
  case NNCC_I8: return ((const int8_t *)data)[i];
  case NNCC_I32: return ((const int32_t *)data)[i];
  case NNCC_I64: return (double)((const int64_t *)data)[i];
  case NNCC_F64: return ((const double *)data)[i];
  case NNCC_I16: return ((const int16_t *)data)[i];
  case NNCC_U16: return ((const uint16_t *)data)[i];
  case NNCC_U32: return ((const uint32_t *)data)[i];
  case NNCC_U64: return (double)((const uint64_t *)data)[i];
  default: return ((const uint8_t *)data)[i];
  }
}

// Integers are equal, floats near.
static bool agrees(const NnccRtSamples *s, int32_t dtype, const void *data) {
  double error = 0, square = 0;
  for (int64_t i = 0; i < s->count; i++) {
    double difference = at(dtype, data, i * s->step) - s->values[i];
    error += difference * difference;
    square += s->values[i] * s->values[i];
  }
  return error <= (dtype <= NNCC_BF16 || dtype == NNCC_F64 ? NMSE_MOST * square : 0); // not so for a NaN
}

typedef struct Memory {
  nncc_model *model;
  void *arena, **tensors; // inputs, then outputs, then counts
  size_t arena_bytes;
} Memory;

static bool allocate(Memory *m, const nncc_model_info *info, const int64_t *dims) {
  int32_t n_tensors = info->n_inputs + info->n_outputs, n = n_tensors + info->n_counts;
  m->arena_bytes = (nncc_rt_arena_bytes(m->model, dims) + 63) / 64 * 64;
  m->arena = aligned_alloc(NNCC_ARENA_ALIGN, m->arena_bytes + 64);
  m->tensors = malloc(((size_t)n + 1) * sizeof *m->tensors);
  for (int32_t i = 0; m->tensors && i < n; i++) m->tensors[i] = NULL;
  bool ok = m->arena && m->tensors;
  for (int32_t i = 0; ok && i < n; i++) {
    const nncc_tensor_info *t = i < info->n_inputs ? &info->inputs[i] : &info->outputs[i - info->n_inputs];
    size_t bytes = i < n_tensors ? (size_t)elements(info, t, dims, NULL) * size_of(t->dtype) : sizeof(int64_t);
    ok = (m->tensors[i] = malloc(bytes + 1));
  }
  return ok;
}

static int32_t test(const Memory *m, const nncc_model_info *info, const NnccRtGolden *g) {
  uint64_t state = NNCC_RT_GOLDEN_SEED;
  for (int32_t i = 0; i < info->n_inputs; i++)
    nncc_rt_seeded(&state, info->inputs[i].dtype, elements(info, &info->inputs[i], g->dims, NULL), m->tensors[i]);
  void **outputs = m->tensors + info->n_inputs;
  int32_t status =
      nncc_rt_run(m->model, m->arena, m->arena_bytes, g->dims, (const void *const *)m->tensors, (void *const *)outputs);
  for (int32_t i = 0; !status && i < info->n_outputs; i++) {
    bool as_long = elements(info, &info->outputs[i], g->dims, outputs + info->n_outputs) == g->outputs[i].elements;
    if (!as_long || !agrees(&g->outputs[i], info->outputs[i].dtype, outputs[i])) status = NNCC_E_SELFTEST;
  }
  return status;
}

int32_t nncc_rt_selftest(const NnccRtModel *desc, const NnccRtGolden *g) {
  const nncc_model_info *info = desc->info;
  Memory m = {0};
  int32_t status = nncc_rt_open(desc, &m.model, NULL);
  if (status) return status;
  status = allocate(&m, info, g->dims) ? test(&m, info, g) : NNCC_E_MEMORY;
  for (int32_t i = 0; m.tensors && i < info->n_inputs + info->n_outputs + info->n_counts; i++) free(m.tensors[i]);
  free(m.tensors);
  free(m.arena);
  nncc_rt_close(m.model);
  return status;
}
