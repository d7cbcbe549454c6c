// two_models_threads.c: two compiled models in one program, run from eight threads at once; every result must equal the
// first, bit by bit. FIRST and SECOND are the models' names. Built under ThreadSanitizer with objects whose runtime is
// instrumented (nncc_rt_tsan), and plainly with libraries.
#include "runtime/nncc.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define FIRST_INFO JOIN(FIRST, _info)
#define SECOND_INFO JOIN(SECOND, _info)

extern const nncc_model_info FIRST_INFO, SECOND_INFO;

enum { CALLERS = 8, RUNS = 50, MOST_TENSORS = 8, MOST_RANK = 16, MOST_DIMS = 16 };

typedef struct Buffers {
  void *of[MOST_TENSORS];
  size_t bytes[MOST_TENSORS];
  int n;
} Buffers;

typedef struct Opened {
  const nncc_model_info *info;
  nncc_model *model;
  int64_t dims[MOST_DIMS];
  Buffers in, expected;
} Opened;

typedef struct Caller {
  const Opened *opened;
  Buffers out;
  void *arena;
  size_t arena_bytes;
  const char *error;
} Caller;

static size_t dtype_bytes(int32_t dtype) {
  static const size_t bytes[] = {4, 2, 2, 1, 1, 4, 8, 1};
  return bytes[dtype];
}

static size_t tensor_bytes(const nncc_tensor_info *t, const int64_t *symbols) {
  int64_t extents[MOST_RANK];
  if (t->extents) t->extents(symbols, extents);
  size_t bytes = dtype_bytes(t->dtype);
  for (int i = 0; i < t->rank; i++)
    bytes *= (size_t)(t->extents ? extents[i] : t->dims[i] >= 0 ? t->dims[i] : symbols[-1 - t->dims[i]]);
  return bytes;
}

static void buffers_init(Buffers *b, const nncc_tensor_info *tensors, int n, const int64_t *symbols) {
  b->n = n;
  for (int i = 0; i < n; i++) {
    b->bytes[i] = tensor_bytes(&tensors[i], symbols);
    b->of[i] = calloc(1, b->bytes[i]);
    for (size_t j = 0; tensors[i].dtype == NNCC_F32 && j < b->bytes[i] / sizeof(float); j++)
      ((float *)b->of[i])[j] = (float)((j * 37 + 11) % 101) / 50.0f - 1.0f;
  }
}

static void buffers_free(Buffers *b) {
  for (int i = 0; i < b->n; i++) free(b->of[i]);
}

static void caller_init(Caller *c, const Opened *o) {
  *c = (Caller){.opened = o};
  c->arena_bytes = o->info->arena_bytes(o->model, o->dims);
  c->arena = aligned_alloc(NNCC_ARENA_ALIGN, c->arena_bytes);
  buffers_init(&c->out, o->info->outputs, o->info->n_outputs, o->dims);
}

static void caller_free(Caller *c) {
  buffers_free(&c->out);
  free(c->arena);
}

static int run(Caller *c) {
  const Opened *o = c->opened;
  return o->info->run(o->model, c->arena, c->arena_bytes, o->dims, (const void *const *)o->in.of, c->out.of);
}

static void *call(void *arg) {
  Caller *c = arg;
  const Buffers *expected = &c->opened->expected;
  for (int i = 0; i < RUNS && !c->error; i++) {
    for (int j = 0; j < expected->n; j++) memset(c->out.of[j], 0xff, expected->bytes[j]);
    int status = run(c);
    if (status) c->error = c->opened->info->status_text(status);
    for (int j = 0; j < expected->n && !c->error; j++)
      if (memcmp(c->out.of[j], expected->of[j], expected->bytes[j])) c->error = "another result than the first";
  }
  return NULL;
}

// The first result comes from one thread; all later ones from two.
static int opened_init(Opened *o, const nncc_model_info *info) {
  *o = (Opened){.info = info};
  nncc_options options = NNCC_OPTIONS_INIT;
  options.threads = 1;
  int status = info->open(&o->model, &options);
  if (status) return status;
  for (int i = 0; i < info->n_dims; i++) o->dims[i] = info->dims[i].min;
  buffers_init(&o->in, info->inputs, info->n_inputs, o->dims);
  Caller first;
  caller_init(&first, o);
  status = run(&first);
  o->expected = first.out;
  free(first.arena);
  info->close(o->model);
  options.threads = 2;
  return status ? status : info->open(&o->model, &options);
}

static bool has_two_threads(const Opened *o) {
  nncc_model_state state;
  o->info->describe(o->model, NULL, &state);
  return state.threads == 2;
}

static void opened_free(Opened *o) {
  o->info->close(o->model);
  buffers_free(&o->in);
  buffers_free(&o->expected);
}

int main(void) {
  const nncc_model_info *infos[2] = {&FIRST_INFO, &SECOND_INFO};
  Opened opened[2];
  for (int i = 0; i < 2; i++) {
    int status = opened_init(&opened[i], infos[i]);
    if (!status && has_two_threads(&opened[i])) continue;
    fprintf(stderr, "%s: %s\n", infos[i]->name, status ? infos[i]->status_text(status) : "has not two threads");
    return 1;
  }
  Caller callers[CALLERS];
  pthread_t threads[CALLERS];
  for (int i = 0; i < CALLERS; i++) {
    caller_init(&callers[i], &opened[i % 2]);
    if (pthread_create(&threads[i], NULL, call, &callers[i])) return 1;
  }
  int wrong = 0;
  for (int i = 0; i < CALLERS; i++) {
    pthread_join(threads[i], NULL);
    if (callers[i].error) fprintf(stderr, "%s: %s\n", callers[i].opened->info->name, callers[i].error);
    wrong |= callers[i].error != NULL;
    caller_free(&callers[i]);
  }
  for (int i = 0; i < 2; i++) opened_free(&opened[i]);
  return wrong;
}
