// run.c: runs of an open model: what they need, the phases and who computes them, submitted runs.
#include "cpu.h"
#include "model.h"

#include <limits.h>
#include <string.h>

// A phase's tasks are dealt out as contiguous parts, one a thread and in order, so that rows stay on their thread.
typedef struct Run {
  const nncc_model *m;
  const NnccRtProgram *program;
  NnccRtFrame frame; // of part 0
  int64_t scratch;   // from one part's scratch to the next
  int parts;
  Pool *pool;     // whose threads share it; NULL: one thread, or the caller's
  uint64_t clock; // when the phase under way began; the caller's thread alone uses it
  // The least of phase << 40 | part << 8 | status over all parts that failed: what a run on one thread, which stops at
  // its first failing task, would have met. Later phases are skipped, but their barriers kept.
  _Atomic uint64_t failure;
} Run;

// A submitted run, at the end of its arena; its dimensions and pointers, copied, stand behind it.
typedef struct Flight {
  uintptr_t tag; // tag_of(m, this flight) from submit to wait
  Run run;
  Job job;
  bool submitted; // to the streams; else wait computes it
  int32_t status; // once done
  uint64_t copies[];
} Flight;

static uintptr_t tag_of(const nncc_model *m, const Flight *f) {
  return (uintptr_t)m ^ ((uintptr_t)f * 3) ^ (uintptr_t)0x6e6e63632d72756e;
}

static int64_t flight_bytes(const nncc_model_info *info) {
  return (int64_t)sizeof(Flight) + 8 * ((int64_t)info->n_dims + info->n_inputs + info->n_outputs + info->n_counts);
}

// ---- dimensions and memory

// What an arena holds: what all threads share; each thread's scratch; the dimensions with room for the counts, if there
// are any; the flight, if the run is submitted.
typedef struct Need {
  const NnccRtProgram *program;
  int64_t arena, scratch, dims, flight; // bytes, multiples of the alignment; scratch: of one thread
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

static int32_t find_need(const nncc_model *m, const int64_t *dims, Need *need) {
  int32_t status = check_dims(m->desc, dims);
  if (status) return status;
  const NnccRtProgram *p = need->program = model_program(m, dims);
  need->flight = flight_bytes(m->desc->info);
  need->dims = m->desc->n_counts ? 8 * (m->desc->info->n_dims + m->desc->n_counts) : 0;
  need->arena = p->arena_bytes(dims);
  need->scratch = p->scratch_bytes ? p->scratch_bytes(dims) : 0;
  bool fits = round_up(&need->flight) && round_up(&need->dims) && round_up(&need->arena) && round_up(&need->scratch) &&
              !__builtin_mul_overflow(need->scratch, m->threads, &need->total) &&
              !__builtin_add_overflow(need->total, need->arena, &need->total) &&
              !__builtin_add_overflow(need->total, need->dims, &need->total) &&
              !__builtin_add_overflow(need->total, need->flight, &need->total);
  return fits ? NNCC_OK : NNCC_E_SHAPE;
}

size_t nncc_rt_arena_bytes(const nncc_model *m, const int64_t *dims) {
  Need need;
  return m && find_need(m, dims, &need) == NNCC_OK ? (size_t)need.total : 0;
}

// ---- run

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

// One a thread, but each of a grain at least; none where there is no task.
static int64_t count_parts(const Run *r, int64_t phase, int64_t tasks) {
  int64_t worth = tasks / r->program->phases[phase].grain;
  return worth >= r->parts ? r->parts : worth > 1 ? worth : tasks > 0;
}

static int64_t part_begin(int64_t tasks, int64_t parts, int64_t part) {
  int64_t each = tasks / parts, longer = tasks % parts;
  return each * part + (part < longer ? part : longer);
}

static void run_part(Run *r, int64_t phase, int64_t tasks, int64_t part) {
  int64_t parts = count_parts(r, phase, tasks);
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

// One thread's share of all phases. Between phases of at most one part, all of which are the caller's, no thread waits,
// unless the next one's tasks may depend on what the one before found.
static void run_share(void *arg, int thread) {
  Run *r = arg;
  uint64_t environment = cpu_enter_float();
  int64_t before = 0;
  for (int64_t phase = 0; phase < r->program->n_phases; phase++) {
    bool found = r->pool && phase > 0 && r->program->phases[phase - 1].finds;
    if (found) pool_barrier(r->pool);
    int64_t tasks = count_tasks(r, phase), parts = count_parts(r, phase, tasks);
    if (r->pool && phase > 0 && !found && (parts > 1 || before > 1)) pool_barrier(r->pool);
    if (thread == 0) stamp(r, phase);
    run_part(r, phase, tasks, thread);
    before = parts;
  }
  cpu_leave_float(environment);
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
    int64_t parts = count_parts(r, phase, dealt.tasks);
    stamp(r, phase);
    if (parts > 1)
      r->m->parallel_for(r->m->parallel_user, run_dealt, &dealt, parts);
    else if (parts == 1)
      run_dealt(&dealt, 0);
  }
}

static int32_t run_phases(Run *r, Pool *pool) {
  const nncc_model *m = r->m;
  r->parts = m->threads;
  r->pool = pool;
  if (m->parallel_for && m->threads > 1) {
    run_on_callers_threads(r);
  } else if (!pool || !pool_run(pool, run_share, r)) {
    r->pool = NULL;
    r->parts = 1;
    run_share(r, 0);
  }
  stamp(r, r->program->n_phases);
  uint64_t failure = atomic_load_explicit(&r->failure, memory_order_relaxed);
  if (failure == NO_FAILURE && m->desc->report) m->desc->report(r->frame.dims, r->frame.out);
  return failure == NO_FAILURE ? NNCC_OK : (int32_t)(failure & 0xff);
}

static bool all_set(const void *const *pointers, int32_t n) {
  if (n && !pointers) return false;
  for (int32_t i = 0; i < n; i++)
    if (!pointers[i]) return false;
  return true;
}

// Checks what a run is given; on success it can start.
static int32_t prepare(Run *r, const nncc_model *m, char *arena, size_t arena_bytes, const int64_t *dims,
                       const void *const *in, void *const *out) {
  if (!m) return NNCC_E_NULL;
  const nncc_model_info *info = m->desc->info;
  if (!all_set(in, info->n_inputs) || !all_set((const void *const *)out, info->n_outputs + info->n_counts))
    return NNCC_E_NULL;
  Need need;
  int32_t status = find_need(m, dims, &need);
  if (status) return status;
  if (!arena || (uintptr_t)arena % NNCC_ARENA_ALIGN || arena_bytes < (size_t)need.total) return NNCC_E_ARENA;
  if (need.dims) {
    int64_t *own = (int64_t *)(arena + need.arena + need.scratch * m->threads);
    if (info->n_dims) memcpy(own, dims, (size_t)info->n_dims * sizeof *own);
    m->desc->capacity(own);
    dims = own;
  }
  *r = (Run){.m = m,
             .program = need.program,
             .frame = {arena, m->weights, dims, in, out, need.scratch ? arena + need.arena : NULL},
             .scratch = need.scratch,
             .failure = NO_FAILURE};
  return NNCC_OK;
}

int32_t nncc_rt_run(const nncc_model *m, void *arena, size_t arena_bytes, const int64_t *dims, const void *const *in,
                    void *const *out) {
  Run run;
  int32_t status = prepare(&run, m, arena, arena_bytes, dims, in, out);
  return status ? status : run_phases(&run, m->pool);
}

// ---- submit and wait

// NULL: there is no room for one.
static Flight *flight_in(const nncc_model *m, void *arena, size_t bytes) {
  int64_t own = flight_bytes(m->desc->info);
  round_up(&own);
  if (!arena || (uintptr_t)arena % NNCC_ARENA_ALIGN || bytes < (size_t)own) return NULL;
  return (Flight *)((char *)arena + (bytes - (size_t)own) / NNCC_ARENA_ALIGN * NNCC_ARENA_ALIGN);
}

static Flight *flight_of(Job *job) { return (Flight *)((char *)job - offsetof(Flight, job)); }

static void run_job(Job *job, Pool *pool) {
  Flight *f = flight_of(job);
  f->status = run_phases(&f->run, pool);
}

static const void *copy(uint64_t **to, const void *from, int32_t n) {
  uint64_t *begin = *to;
  if (n) memcpy(begin, from, (size_t)n * sizeof *begin);
  *to += n;
  return begin;
}

int32_t nncc_rt_submit(const nncc_model *m, void *arena, size_t arena_bytes, const int64_t *dims, const void *const *in,
                       void *const *out) {
  Run run;
  int32_t status = prepare(&run, m, arena, arena_bytes, dims, in, out);
  if (status) return status;
  const nncc_model_info *info = m->desc->info;
  Flight *f = flight_in(m, arena, arena_bytes);
  uint64_t *at = f->copies;
  if (!m->desc->n_counts) run.frame.dims = copy(&at, dims, info->n_dims); // else the run has its own already
  run.frame.in = copy(&at, in, info->n_inputs);
  run.frame.out = (void *const *)copy(&at, out, info->n_outputs + info->n_counts);
  f->run = run;
  f->job.run = run_job;
  f->tag = tag_of(m, f);
  f->submitted = m->streams && streams_submit(m->streams, &f->job);
  return NNCC_OK;
}

int32_t nncc_rt_wait(const nncc_model *m, void *arena, size_t arena_bytes) {
  if (!m) return NNCC_E_NULL;
  Flight *f = flight_in(m, arena, arena_bytes);
  if (!f) return NNCC_E_ARENA;
  if (f->tag != tag_of(m, f)) return NNCC_E_IDLE;
  if (!f->submitted || !streams_wait(m->streams, &f->job)) run_job(&f->job, m->pool);
  f->tag = 0;
  return f->status;
}
