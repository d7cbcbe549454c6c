// far MODEL.so NAME INPUTS OUTPUTS THREADS [DIM...]: one run of a model, its inputs and outputs as the bytes of files,
// counts behind the outputs. Compiled for another processor it is what runs there in native.c's stead; exits with the
// status of open or run.
#include "runtime/nncc.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RANK = 16, UNUSABLE = 99 };
static const size_t sizes[] = {4, 2, 2, 1, 1, 4, 8, 1, 8, 2, 2, 4, 8}; // of NNCC_F32 and so on

static size_t bytes_of(const nncc_tensor_info *t, const int64_t *dims) {
  int64_t extents[MAX_RANK], n = 1;
  if (t->extents) t->extents(dims, extents);
  for (int i = 0; i < t->rank; i++) n *= t->extents ? extents[i] : t->dims[i] >= 0 ? t->dims[i] : dims[-1 - t->dims[i]];
  return (size_t)n * sizes[t->dtype];
}

static void *array(const nncc_tensor_info *t, const int64_t *dims, FILE *from) {
  size_t bytes = bytes_of(t, dims);
  void *data = calloc(bytes + 1, 1);
  if (!data || (from && fread(data, 1, bytes, from) != bytes)) exit(UNUSABLE);
  return data;
}

int main(int argc, char **argv) {
  if (argc < 6) return UNUSABLE;
  char symbol[256];
  snprintf(symbol, sizeof symbol, "%s_info", argv[2]);
  void *library = dlopen(argv[1], RTLD_NOW);
  const nncc_model_info *info = library ? dlsym(library, symbol) : NULL;
  FILE *from = fopen(argv[3], "rb"), *to = fopen(argv[4], "wb");
  if (!info || !from || !to || info->n_dims != argc - 6) return fprintf(stderr, "%s\n", dlerror()), UNUSABLE;
  int64_t dims[MAX_RANK] = {0};
  for (int i = 0; i < info->n_dims; i++) dims[i] = atoll(argv[6 + i]);
  nncc_options options = NNCC_OPTIONS_INIT;
  options.threads = atoi(argv[5]);
  nncc_model *m;
  int status = info->open(&m, &options);
  if (status) return status;
  void **in = calloc((size_t)info->n_inputs + 1, sizeof *in),
       **out = calloc((size_t)(info->n_outputs + info->n_counts) + 1, sizeof *out);
  for (int i = 0; i < info->n_inputs; i++) in[i] = array(&info->inputs[i], dims, from);
  for (int i = 0; i < info->n_outputs; i++) out[i] = array(&info->outputs[i], dims, NULL);
  int64_t *counts = calloc((size_t)info->n_counts + 1, sizeof *counts);
  for (int i = 0; i < info->n_counts; i++) out[info->n_outputs + i] = &counts[i];
  size_t bytes = info->arena_bytes(m, dims);
  void *arena = aligned_alloc(NNCC_ARENA_ALIGN, bytes / 64 * 64 + 64);
  memset(arena, 0xff, bytes);
  status = info->run(m, arena, bytes, dims, (const void *const *)in, out);
  for (int i = 0; i < info->n_outputs && !status; i++) fwrite(out[i], 1, bytes_of(&info->outputs[i], dims), to);
  if (!status) fwrite(counts, sizeof *counts, (size_t)info->n_counts, to);
  info->close(m);
  return fclose(to) ? UNUSABLE : status;
}
