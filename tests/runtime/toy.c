// toy.c: see toy.h. Sums of small integers, so that results are exact in any order that respects the phases.
#include "toy.h"

#include <sched.h>
#include <string.h>

const float toy_weights[16] __attribute__((aligned(64))) = {2, 3, 5, 7};

atomic_int toy_held, toy_gate, toy_floats;

static float *arena_a(const NnccRtFrame *f) { return (float *)f->arena; }
static float *arena_p(const NnccRtFrame *f) { return (float *)f->arena + TOY_MAX; }

static void check_float_state(void) {
#if defined(__x86_64__)
  enum { FLAGS = 0x3f, EXPECTED = 0x9fc0 };
  if ((__builtin_ia32_stmxcsr() & ~(unsigned)FLAGS) != EXPECTED) atomic_fetch_add(&toy_floats, 1);
#endif
}

static int32_t scale_one(float x) {
  if (x == TOY_BAD_INDEX) return NNCC_E_INDEX;
  if (x == TOY_BAD_STATUS) return 200;
  if (x != TOY_HOLD) return NNCC_OK;
  atomic_fetch_add(&toy_held, 1);
  while (!atomic_load(&toy_gate)) sched_yield();
  return NNCC_OK;
}

// Goes by way of the start of the scratch, so that two threads with one scratch would be seen.
static int32_t scale(const NnccRtFrame *f, int64_t begin, int64_t end) {
  const float *x = f->in[0], *w = (const float *)f->weights;
  float *scratch = (float *)f->scratch;
  check_float_state();
  for (int64_t i = begin; i < end; i++) {
    int32_t status = scale_one(x[i]);
    if (status) return status;
    scratch[i - begin] = x[i] * w[i % 4];
  }
  memcpy(arena_a(f) + begin, scratch, (size_t)(end - begin) * sizeof *scratch);
  return NNCC_OK;
}

static int32_t sum(const NnccRtFrame *f, int64_t begin, int64_t end) {
  float total = 0;
  (void)begin, (void)end;
  for (int64_t i = 0; i < f->dims[0]; i++) arena_p(f)[i] = total += arena_a(f)[i];
  return NNCC_OK;
}

static int32_t last(const NnccRtFrame *f, int64_t begin, int64_t end) {
  (void)begin, (void)end;
  *(float *)f->out[1] = arena_p(f)[f->dims[0] - 1] - 1;
  return NNCC_OK;
}

static int32_t mirror(const NnccRtFrame *f, int64_t begin, int64_t end) {
  const float *x = f->in[0];
  check_float_state();
  for (int64_t i = begin; i < end; i++) {
    if (x[i] == TOY_BAD_LATE) return NNCC_E_ASSERT;
    ((float *)f->out[0])[i] = arena_p(f)[i] + arena_a(f)[f->dims[0] - 1 - i];
  }
  return NNCC_OK;
}

static int64_t count(const int64_t *dims) { return dims[0]; }
static int64_t arena_bytes(const int64_t *dims) { return (void)dims, (int64_t)(2 * TOY_MAX * sizeof(float)); }
static int64_t scratch_bytes(const int64_t *dims) { return dims[0] * (int64_t)sizeof(float); }
static int32_t check(const int64_t *dims) { return dims[0] % TOY_MULTIPLE ? NNCC_E_ASSERT : NNCC_OK; }

static const NnccRtPhase phases[TOY_PHASES] = {
    {scale, count, 0, 1, 0}, {sum, NULL, 1, 1, 0}, {last, NULL, 1, 1, 0}, {mirror, count, 0, TOY_GRAIN, 0}};
static const nncc_phase_info phase_info[TOY_PHASES] = {
    {"scale", "x", "", 1, 8}, {"sum", "p", "", 0, 8}, {"last", "s", "", 0, 4}, {"mirror", "y", "", 0, 12}};

// The first variant is for a processor that does not exist, so that open has to pass it over.
static const NnccRtProgram programs[] = {{NULL, arena_bytes, scratch_bytes, phases, phase_info, TOY_PHASES}};
static const NnccRtVariant variants[] = {{"imaginary", (uint64_t)1 << 63, programs, 1}, {"baseline", 0, programs, 1}};

static const int64_t open_dim[] = {-1};
static const nncc_dim_info dims[] = {{"N", 5, TOY_MAX}};
static const nncc_tensor_info inputs[] = {{"x", NNCC_F32, 1, open_dim, NULL}};
static const nncc_tensor_info outputs[] = {{"y", NNCC_F32, 1, open_dim, NULL}, {"s", NNCC_F32, 0, NULL, NULL}};

static int toy_open(nncc_model **m, const nncc_options *o) { return nncc_rt_open(&toy, m, o); }

const nncc_model_info toy_info = {.abi_version = NNCC_ABI_VERSION,
                                  .n_dims = 1,
                                  .n_inputs = 1,
                                  .n_outputs = 2,
                                  .name = "toy",
                                  .dims = dims,
                                  .inputs = inputs,
                                  .outputs = outputs,
                                  .weights_hash = 0x88da5ca19d9b6136,
                                  .weights_bytes = sizeof toy_weights,
                                  .open = toy_open,
                                  .close = nncc_rt_close,
                                  .arena_bytes = nncc_rt_arena_bytes,
                                  .run = nncc_rt_run,
                                  .status_text = nncc_rt_strerror,
                                  .describe = nncc_rt_describe,
                                  .submit = nncc_rt_submit,
                                  .wait = nncc_rt_wait};

const NnccRtModel toy = {&toy_info, toy_weights, check, variants, 2, 0, 0, NULL, NULL};

void toy_expect(const float *x, int64_t n, float *y, float *s) {
  float a[TOY_MAX], total = 0;
  for (int64_t i = 0; i < n; i++) a[i] = x[i] * toy_weights[i % 4];
  for (int64_t i = 0; i < n; i++) y[i] = (total += a[i]) + a[n - 1 - i];
  *s = total - 1;
}
