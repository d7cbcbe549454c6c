// toy_api.c: the typed functions that codegen would emit for the toy model under the name TOY_NAME. With toy.c, renamed
// likewise, and the runtime it makes an object or a library like a compiled model's.
#include "toy.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define API(name) JOIN(TOY_NAME, name)

#pragma GCC visibility push(default)
int API(_open)(nncc_model **m, const nncc_options *o);
void API(_close)(nncc_model *m);
size_t API(_arena_bytes)(const nncc_model *m, int64_t n);
int API(_run)(const nncc_model *m, void *arena, size_t arena_bytes, int64_t n, const float *x, float *y, float *s);
int API(_submit)(const nncc_model *m, void *arena, size_t arena_bytes, int64_t n, const float *x, float *y, float *s);
int API(_wait)(const nncc_model *m, void *arena, size_t arena_bytes);
const char *API(_strerror)(int status);
#pragma GCC visibility pop

int API(_open)(nncc_model **m, const nncc_options *o) { return nncc_rt_open(&toy, m, o); }

void API(_close)(nncc_model *m) { nncc_rt_close(m); }

size_t API(_arena_bytes)(const nncc_model *m, int64_t n) { return nncc_rt_arena_bytes(m, &n); }

int API(_run)(const nncc_model *m, void *arena, size_t arena_bytes, int64_t n, const float *x, float *y, float *s) {
  const void *in[] = {x};
  void *out[] = {y, s};
  return nncc_rt_run(m, arena, arena_bytes, &n, in, out);
}

int API(_submit)(const nncc_model *m, void *arena, size_t arena_bytes, int64_t n, const float *x, float *y, float *s) {
  const void *in[] = {x};
  void *out[] = {y, s};
  return nncc_rt_submit(m, arena, arena_bytes, &n, in, out);
}

int API(_wait)(const nncc_model *m, void *arena, size_t arena_bytes) { return nncc_rt_wait(m, arena, arena_bytes); }

const char *API(_strerror)(int status) { return nncc_rt_strerror(status); }
