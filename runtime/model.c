// model.c: opens, runs and closes a compiled model. What generated code must provide stands in nncc_rt.h.
#include "nncc_rt.h"

#include "cgroup.h"
#include "cpu.h"
#include "hash.h"
#include "os.h"
#include "pool.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_THREADS = 1024 };

struct nncc_model {
  const NnccRtModel *desc;
  const NnccRtVariant *variant;
  const char *weights;
  OsMap map;  // of the weights file, if any
  Pool *pool; // NULL: one thread, or the caller's
  int threads;
  nncc_parallel_for parallel_for;
  void *parallel_user;
  uint64_t *phase_ns;
};

// ---- open and close

// Takes options shorter than ours (absent fields are zero), and longer ones if all that we do not know is zero.
static int32_t read_options(nncc_options *to, const nncc_options *from) {
  *to = (nncc_options)NNCC_OPTIONS_INIT;
  if (!from) return NNCC_OK;
  if (from->size < sizeof from->size || from->size > 1 << 16) return NNCC_E_OPTIONS;
  for (size_t i = sizeof *to; i < from->size; i++)
    if (((const char *)from)[i]) return NNCC_E_OPTIONS;
  memcpy(to, from, from->size < sizeof *to ? from->size : sizeof *to);
  return to->threads < 0 ? NNCC_E_OPTIONS : NNCC_OK;
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

static int32_t start_threads(nncc_model *m, int wanted) {
  int cpus = os_cpus();
  int useful = m->desc->max_threads > 0 ? m->desc->max_threads : MAX_THREADS;
  int quota = wanted ? CGROUP_NONE : cgroup_cpus("/proc/self/cgroup", "/sys/fs/cgroup");
  m->threads = at_most(wanted ? wanted : at_most(at_most(cpus, quota), useful), MAX_THREADS);
  if (m->threads == 1 || m->parallel_for) return NNCC_OK;
  m->pool = pool_open(m->threads, cpus);
  if (!m->pool) return NNCC_E_MEMORY;
  m->threads = pool_threads(m->pool);
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
    status = start_threads(m, options.threads);
  if (status) {
    nncc_rt_close(m);
    return status;
  }
  *out = m;
  return NNCC_OK;
}

void nncc_rt_close(nncc_model *m) {
  if (!m) return;
  pool_close(m->pool);
  os_unmap(&m->map);
  free(m);
}

// ---- dimensions and memory

typedef struct Need {
  const NnccRtProgram *program;
  int64_t arena;   // bytes shared by all threads, a multiple of the alignment
  int64_t scratch; // bytes a thread, likewise
  int64_t total;
} Need;

static bool round_up(int64_t *bytes) {
  bool fits = *bytes >= 0 && *bytes <= INT64_MAX - NNCC_ARENA_ALIGN;
  *bytes = fits ? (*bytes + NNCC_ARENA_ALIGN - 1) / NNCC_ARENA_ALIGN * NNCC_ARENA_ALIGN : 0;
  return fits;
}

static int32_t check_dims(const NnccRtModel *desc, const int64_t *dims) {
  const nncc_model_info *info = desc->info;
  if (info->n_dims && !dims) return NNCC_E_NULL;
  for (int32_t i = 0; i < info->n_dims; i++)
    if (dims[i] < info->dims[i].min || dims[i] > info->dims[i].max) return NNCC_E_SHAPE;
  return desc->check ? desc->check(dims) : NNCC_OK;
}

static bool is_for(const NnccRtProgram *p, const int64_t *dims, int32_t n_dims) {
  for (int32_t i = 0; p->dims && i < n_dims; i++)
    if (p->dims[i] && (!dims || p->dims[i] != dims[i])) return false;
  return true;
}

// What computes runs of these dimensions; NULL: of any.
static const NnccRtProgram *program_for(const nncc_model *m, const int64_t *dims) {
  const NnccRtProgram *p = m->variant->programs, *last = p + m->variant->n_programs - 1;
  while (p < last && !is_for(p, dims, m->desc->info->n_dims)) p++;
  return p;
}

static int32_t find_need(const nncc_model *m, const int64_t *dims, Need *need) {
  int32_t status = check_dims(m->desc, dims);
  if (status) return status;
  const NnccRtProgram *p = need->program = program_for(m, dims);
  need->arena = p->arena_bytes(dims);
  need->scratch = p->scratch_bytes ? p->scratch_bytes(dims) : 0;
  bool fits = round_up(&need->arena) && round_up(&need->scratch) &&
              !__builtin_mul_overflow(need->scratch, m->threads, &need->total) &&
              !__builtin_add_overflow(need->total, need->arena, &need->total);
  return fits ? NNCC_OK : NNCC_E_SHAPE;
}

size_t nncc_rt_arena_bytes(const nncc_model *m, const int64_t *dims) {
  Need need;
  return m && find_need(m, dims, &need) == NNCC_OK ? (size_t)need.total : 0;
}

// ---- run

// A phase's tasks are dealt out as contiguous parts, one a thread and in order, so that rows stay on their thread.
typedef struct Run {
  const nncc_model *m;
  const NnccRtProgram *program;
  NnccRtFrame frame; // of part 0
  int64_t scratch;   // from one part's scratch to the next
  int parts;
  bool pooled;
  uint64_t clock; // when the phase under way began; the caller's thread alone uses it
  // The least of phase << 40 | part << 8 | status over all parts that failed: what a run on one thread, which stops at
  // its first failing task, would have met. Later phases are skipped, but their barriers kept.
  _Atomic uint64_t failure;
} Run;

#define NO_FAILURE UINT64_MAX

static void note_failure(Run *r, int64_t phase, int64_t part, int32_t status) {
  uint64_t mine = (uint64_t)phase << 40 | (uint64_t)part << 8 | (uint8_t)status;
  uint64_t least = atomic_load_explicit(&r->failure, memory_order_relaxed);
  while (mine < least && !atomic_compare_exchange_weak_explicit(&r->failure, &least, mine, memory_order_relaxed,
                                                                memory_order_relaxed)) {}
}

static bool failed_before(Run *r, int64_t phase) {
  return (int64_t)(atomic_load_explicit(&r->failure, memory_order_relaxed) >> 40) < phase;
}

static int64_t count_tasks(const Run *r, int64_t phase) {
  const NnccRtPhase *p = &r->program->phases[phase];
  return p->count ? p->count(r->frame.dims) : p->tasks;
}

static int64_t count_parts(const Run *r, int64_t tasks) { return tasks < r->parts ? tasks : r->parts; }

static int64_t part_begin(int64_t tasks, int64_t parts, int64_t part) {
  int64_t each = tasks / parts, longer = tasks % parts;
  return each * part + (part < longer ? part : longer);
}

static void run_part(Run *r, int64_t phase, int64_t tasks, int64_t part) {
  int64_t parts = count_parts(r, tasks);
  if (part >= parts || failed_before(r, phase)) return;
  NnccRtFrame frame = r->frame;
  if (r->scratch) frame.scratch += part * r->scratch;
  int32_t status =
      r->program->phases[phase].run(&frame, part_begin(tasks, parts, part), part_begin(tasks, parts, part + 1));
  if (status) note_failure(r, phase, part, status);
}

// The time up to now belongs to the phases before `phase`; phases that never ran get none.
static void stamp(Run *r, int64_t phase) {
  if (!r->m->phase_ns) return;
  uint64_t now = os_now_ns();
  if (phase > 0) r->m->phase_ns[phase - 1] = now - r->clock;
  r->clock = now;
}

// One thread's share of all phases. Between phases of at most one task, all of which are the caller's, no thread waits.
static void run_share(void *arg, int thread) {
  Run *r = arg;
  uint64_t found = cpu_enter_float();
  int64_t before = 0;
  for (int64_t phase = 0; phase < r->program->n_phases; phase++) {
    int64_t tasks = count_tasks(r, phase);
    if (r->pooled && phase > 0 && (tasks > 1 || before > 1)) pool_barrier(r->m->pool);
    if (thread == 0) stamp(r, phase);
    run_part(r, phase, tasks, thread);
    before = tasks;
  }
  cpu_leave_float(found);
}

typedef struct Dealt {
  Run *run;
  int64_t phase, tasks;
} Dealt;

static void run_dealt(void *arg, int64_t part) {
  const Dealt *d = arg;
  uint64_t found = cpu_enter_float();
  run_part(d->run, d->phase, d->tasks, part);
  cpu_leave_float(found);
}

static void run_on_callers_threads(Run *r) {
  for (int64_t phase = 0; phase < r->program->n_phases; phase++) {
    Dealt dealt = {r, phase, count_tasks(r, phase)};
    int64_t parts = count_parts(r, dealt.tasks);
    stamp(r, phase);
    if (parts > 1)
      r->m->parallel_for(r->m->parallel_user, run_dealt, &dealt, parts);
    else if (parts == 1)
      run_dealt(&dealt, 0);
  }
}

static void run_phases(Run *r) {
  const nncc_model *m = r->m;
  r->parts = m->threads;
  if (m->parallel_for && m->threads > 1) {
    run_on_callers_threads(r);
    return;
  }
  r->pooled = m->pool != NULL;
  if (r->pooled && pool_run(m->pool, run_share, r)) return;
  r->pooled = false;
  r->parts = 1;
  run_share(r, 0);
}

static bool all_set(const void *const *pointers, int32_t n) {
  if (n && !pointers) return false;
  for (int32_t i = 0; i < n; i++)
    if (!pointers[i]) return false;
  return true;
}

int32_t nncc_rt_run(const nncc_model *m, void *arena, size_t arena_bytes, const int64_t *dims, const void *const *in,
                    void *const *out) {
  if (!m) return NNCC_E_NULL;
  const nncc_model_info *info = m->desc->info;
  if (!all_set(in, info->n_inputs) || !all_set((const void *const *)out, info->n_outputs)) return NNCC_E_NULL;
  Need need;
  int32_t status = find_need(m, dims, &need);
  if (status) return status;
  if ((uintptr_t)arena % NNCC_ARENA_ALIGN || arena_bytes < (size_t)need.total || (need.total && !arena))
    return NNCC_E_ARENA;
  Run run = {.m = m,
             .program = need.program,
             .frame = {arena, m->weights, dims, in, out, need.scratch ? (char *)arena + need.arena : NULL},
             .scratch = need.scratch,
             .failure = NO_FAILURE};
  run_phases(&run);
  stamp(&run, need.program->n_phases);
  uint64_t failure = atomic_load_explicit(&run.failure, memory_order_relaxed);
  return failure == NO_FAILURE ? NNCC_OK : (int32_t)(failure & 0xff);
}

// ---- descriptions

void nncc_rt_describe(const nncc_model *m, const int64_t *dims, nncc_model_state *state) {
  const NnccRtProgram *p = program_for(m, dims);
  *state = (nncc_model_state){m->variant->name, p->phase_info, (int32_t)p->n_phases, m->threads};
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
  case NNCC_E_ASSERT: return "an assertion of the model does not hold for these dimensions";
  default: return "unknown status";
  }
}
