// lone MODEL.so NAME OUT.npy ISA|- [DIM...]: runs a model without nncc, so that it can be emulated, on one thread and
// on made-up inputs. Prints what open chose; all outputs, f32, go to OUT.npy behind one another.
#include "runtime/nncc.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TENSORS = 16, MAX_DIMS = 16 };
static const size_t sizes[] = {4, 2, 2, 1, 1, 4, 8, 1, 8, 2, 2, 4, 8}; // of NNCC_F32 and so on

static int64_t count(const nncc_tensor_info *t, const int64_t *dims) {
  int64_t extents[MAX_DIMS], n = 1;
  if (t->extents) t->extents(dims, extents);
  for (int i = 0; i < t->rank; i++) n *= t->extents ? extents[i] : t->dims[i] >= 0 ? t->dims[i] : dims[-1 - t->dims[i]];
  return n;
}

// Of f32 between -1 and 1; other types are 0 and 1 in turns.
static void *made_up(const nncc_tensor_info *t, const int64_t *dims, uint32_t seed) {
  int64_t n = count(t, dims);
  unsigned char *bytes = calloc(n ? (size_t)n : 1, sizes[t->dtype]); // no more: a sanitizer watches it
  for (int64_t i = 0; bytes && i < n; i++) {
    seed = seed * 1664525 + 1013904223;
    if (t->dtype == NNCC_F32)
      ((float *)(void *)bytes)[i] = (float)(int32_t)seed * 0x1p-31f;
    else
      bytes[(size_t)i * sizes[t->dtype]] = seed >> 31;
  }
  return bytes;
}

static int write_npy(const char *path, const nncc_model_info *info, const int64_t *dims, void *const *out) {
  int64_t n = 0;
  char header[128];
  FILE *f = fopen(path, "wb");
  if (!f) return 1;
  for (int i = 0; i < info->n_outputs; i++)
    n += info->outputs[i].dtype == NNCC_F32 ? count(&info->outputs[i], dims) : 0;
  memset(header, ' ', sizeof header);
  memcpy(header, "\x93NUMPY\x01\x00\x76\x00", 10);
  int length = sprintf(header + 10, "{'descr': '<f4', 'fortran_order': False, 'shape': (%lld,), }", (long long)n);
  header[10 + length] = ' ';
  header[127] = '\n';
  fwrite(header, 1, sizeof header, f);
  for (int i = 0; i < info->n_outputs; i++)
    if (info->outputs[i].dtype == NNCC_F32) fwrite(out[i], 4, (size_t)count(&info->outputs[i], dims), f);
  return fclose(f) != 0;
}

static int run(const nncc_model_info *info, const nncc_model *m, const int64_t *dims, const char *path) {
  void *in[MAX_TENSORS], *out[MAX_TENSORS];
  size_t bytes = info->arena_bytes(m, dims);
  void *arena = aligned_alloc(NNCC_ARENA_ALIGN, (bytes + 63) / 64 * 64);
  for (int i = 0; i < info->n_inputs; i++) in[i] = made_up(&info->inputs[i], dims, (uint32_t)i + 1);
  for (int i = 0; i < info->n_outputs; i++) out[i] = made_up(&info->outputs[i], dims, 0);
  int status = info->run(m, arena, bytes, dims, (const void *const *)in, out);
  if (status) fprintf(stderr, "run: %s\n", info->status_text(status));
  status = status || write_npy(path, info, dims, out);
  for (int i = 0; i < info->n_inputs; i++) free(in[i]);
  for (int i = 0; i < info->n_outputs; i++) free(out[i]);
  free(arena);
  return status;
}

// What decides how floats are computed: rounding, denormals, traps.
static unsigned float_state(void) {
#if defined(__x86_64__)
  enum { EXCEPTIONS = 0x3f }; // that were raised
  return __builtin_ia32_stmxcsr() & ~(unsigned)EXCEPTIONS;
#elif defined(__aarch64__)
  return (unsigned)__builtin_aarch64_get_fpcr();
#else
  return 0;
#endif
}

int main(int argc, char **argv) {
  if (argc < 5) return 2;
  unsigned state_before = float_state();
  char symbol[256];
  snprintf(symbol, sizeof symbol, "%s_info", argv[2]);
  void *library = dlopen(argv[1], RTLD_NOW);
  unsigned state_loaded = float_state();
  const nncc_model_info *info = library ? dlsym(library, symbol) : NULL;
  if (!info || info->n_dims != argc - 5 || info->n_inputs > MAX_TENSORS || info->n_outputs > MAX_TENSORS) {
    fprintf(stderr, "%s: %s\n", argv[1], info ? "other dimensions" : dlerror());
    return 2;
  }
  int64_t dims[MAX_DIMS] = {0};
  for (int i = 0; i < info->n_dims; i++) dims[i] = atoll(argv[5 + i]);
  nncc_options options = NNCC_OPTIONS_INIT;
  options.threads = 1;
  if (strcmp(argv[4], "-")) options.isa = argv[4];
  nncc_model *m;
  int status = info->open(&m, &options);
  if (status) return fprintf(stderr, "open: %s\n", info->status_text(status)), 1;
  nncc_model_state state;
  info->describe(m, dims, &state);
  printf("%s %d phases\n", state.isa, state.n_phases);
  status = run(info, m, dims, argv[3]);
  info->close(m);
  dlclose(library);
  if (state_loaded == state_before && float_state() == state_before) return status;
  fprintf(stderr, "the floating-point state is another\n");
  return 1;
}
