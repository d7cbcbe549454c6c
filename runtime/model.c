// model.c: opens, describes and closes a compiled model. What generated code must provide stands in nncc_rt.h.
#include "model.h"

#include "cgroup.h"
#include "cpu.h"
#include "hash.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_THREADS = 1024 };

// ---- open and close

// Takes options shorter than ours (absent fields are zero), and longer ones if all that we do not know is zero.
static int32_t read_options(nncc_options *to, const nncc_options *from) {
  *to = (nncc_options)NNCC_OPTIONS_INIT;
  if (!from) return NNCC_OK;
  if (from->size < sizeof from->size || from->size > 1 << 16) return NNCC_E_OPTIONS;
  for (size_t i = sizeof *to; i < from->size; i++)
    if (((const char *)from)[i]) return NNCC_E_OPTIONS;
  memcpy(to, from, from->size < sizeof *to ? from->size : sizeof *to);
  return to->threads < 0 || to->streams < 0 ? NNCC_E_OPTIONS : NNCC_OK;
}

static bool can_run(const NnccRtVariant *v, uint64_t cpu) {
#if defined(__x86_64__)
  const uint64_t tiles = (uint64_t)1 << NNCC_RT_AMX_TILE;
  if (v->features & cpu & tiles && !os_allow_amx()) return false;
#endif
  return !(v->features & ~cpu);
}

static int32_t choose_variant(nncc_model *m, const char *isa) {
  uint64_t cpu = cpu_features();
  int32_t status = isa ? NNCC_E_OPTIONS : NNCC_E_CPU;
  for (int32_t i = 0; i < m->desc->n_variants; i++) {
    const NnccRtVariant *v = &m->desc->variants[i];
    if (isa && strcmp(isa, v->name)) continue;
    status = NNCC_E_CPU;
    if (!can_run(v, cpu)) continue;
    m->variant = v;
    return NNCC_OK;
  }
  return status;
}

static uint64_t hash_of(const void *bytes, size_t n) {
  NnccRtHash h;
  nncc_rt_hash_init(&h);
  nncc_rt_hash_update(&h, bytes, n);
  return nncc_rt_hash_final(&h);
}

static int32_t map_weights(nncc_model *m, const char *path) {
  const nncc_model_info *info = m->desc->info;
  if (!os_map(path, &m->map)) return NNCC_E_WEIGHTS;
  const NnccRtWeightsHeader *header = m->map.base;
  if (m->map.bytes < NNCC_RT_WEIGHTS_OFFSET || m->map.bytes - NNCC_RT_WEIGHTS_OFFSET != info->weights_bytes ||
      memcmp(header->magic, NNCC_RT_WEIGHTS_MAGIC, sizeof header->magic) || header->bytes != info->weights_bytes ||
      header->hash != info->weights_hash)
    return NNCC_E_WEIGHTS;
  m->weights = (const char *)m->map.base + NNCC_RT_WEIGHTS_OFFSET;
  return hash_of(m->weights, info->weights_bytes) == info->weights_hash ? NNCC_OK : NNCC_E_WEIGHTS;
}

static int32_t find_weights(nncc_model *m, const char *path) {
  if (path) return map_weights(m, path);
  m->weights = m->desc->weights;
  return m->weights || !m->desc->info->weights_bytes ? NNCC_OK : NNCC_E_WEIGHTS;
}

static int at_most(int n, int bound) { return n < bound ? n : bound; }

// As many as the system gives, or the quota that is left to each of the streams.
static int default_threads(const nncc_model *m, int cpus, int streams) {
  int useful = m->desc->max_threads > 0 ? m->desc->max_threads : MAX_THREADS;
  int quota = cgroup_cpus("/proc/self/cgroup", "/sys/fs/cgroup");
  int each = at_most(cpus, quota) / (streams ? streams : 1);
  return at_most(each ? each : 1, useful);
}

// Too few threads are no error, no memory for them is.
static int32_t start_threads(nncc_model *m, int threads, int streams) {
  int cpus = os_cpus();
  streams = at_most(streams, MAX_THREADS);
  m->threads = at_most(threads ? threads : default_threads(m, cpus, streams), MAX_THREADS / (streams ? streams : 1));
  bool pooled = m->threads > 1 && !m->parallel_for;
  if (pooled && !(m->pool = pool_open(m->threads, cpus))) return NNCC_E_MEMORY;
  if (m->pool) m->threads = pool_threads(m->pool);
  if (streams) m->streams = streams_open(streams, m->pool ? m->threads : 1, cpus);
  return NNCC_OK;
}

int32_t nncc_rt_open(const NnccRtModel *desc, nncc_model **out, const nncc_options *o) {
  if (!out) return NNCC_E_NULL;
  *out = NULL;
  nncc_options options;
  int32_t status = read_options(&options, o);
  if (status) return status;
  nncc_model *m = malloc(sizeof *m);
  if (!m) return NNCC_E_MEMORY;
  *m = (nncc_model){.desc = desc,
                    .parallel_for = options.parallel_for,
                    .parallel_user = options.parallel_user,
                    .phase_ns = options.phase_ns};
  if (!(status = choose_variant(m, options.isa)) && !(status = find_weights(m, options.weights_path)))
    status = start_threads(m, options.threads, options.streams);
  if (status) {
    nncc_rt_close(m);
    return status;
  }
  *out = m;
  return NNCC_OK;
}

void nncc_rt_close(nncc_model *m) {
  if (!m) return;
  streams_close(m->streams);
  pool_close(m->pool);
  os_unmap(&m->map);
  free(m);
}

// ---- descriptions

static bool is_for(const NnccRtProgram *p, const int64_t *dims, int32_t n_dims) {
  for (int32_t i = 0; p->dims && i < n_dims; i++)
    if (p->dims[i] && (!dims || p->dims[i] != dims[i])) return false;
  return true;
}

const NnccRtProgram *model_program(const nncc_model *m, const int64_t *dims) {
  const NnccRtProgram *p = m->variant->programs, *last = p + m->variant->n_programs - 1;
  while (p < last && !is_for(p, dims, m->desc->info->n_dims)) p++;
  return p;
}

void nncc_rt_describe(const nncc_model *m, const int64_t *dims, nncc_model_state *state) {
  const NnccRtProgram *p = model_program(m, dims);
  *state = (nncc_model_state){m->variant->name, p->phase_info, (int32_t)p->n_phases, m->threads,
                              m->streams ? streams_count(m->streams) : 0};
}

const char *nncc_rt_strerror(int32_t status) {
  switch (status) {
  case NNCC_OK: return "success";
  case NNCC_E_NULL: return "a required pointer is NULL";
  case NNCC_E_OPTIONS: return "the options have an unknown size or a senseless value";
  case NNCC_E_CPU: return "this processor lacks instructions that the model uses";
  case NNCC_E_MEMORY: return "out of memory";
  case NNCC_E_WEIGHTS: return "the weights file is absent, cut short, or not this model's";
  case NNCC_E_ARENA: return "the arena is too small or not aligned to 64 bytes";
  case NNCC_E_SHAPE: return "a dimension is out of its range";
  case NNCC_E_INDEX: return "an index lies outside its tensor";
  case NNCC_E_ASSERT: return "an assertion of the model does not hold";
  case NNCC_E_IDLE: return "no run was submitted with this arena";
  case NNCC_E_SELFTEST: return "the model does not compute what it did when it was compiled";
  default: return "unknown status";
  }
}
