// What a C program pays for a model: dlopen, open, first result. bench.py measures from exec on.
//   start LIBRARY MODEL THREADS   prints as JSON: the monotonic clock at the first result, and sizes
#include "runtime/nncc.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static long pss_kb(void) {
  FILE *f = fopen("/proc/self/smaps_rollup", "r");
  char line[256];
  long kb = 0;
  while (f && fgets(line, sizeof line, f))
    if (sscanf(line, "Pss: %ld", &kb) == 1) break;
  if (f) fclose(f);
  return kb;
}

// Zeros; every symbolic dimension is at its least.
static void *tensor(const nncc_tensor_info *t, const int64_t *dims) {
  int64_t extents[16], n = 8;
  if (t->extents) t->extents(dims, extents);
  for (int i = 0; i < t->rank; i++) n *= t->extents ? extents[i] : t->dims[i] < 0 ? dims[-1 - t->dims[i]] : t->dims[i];
  return calloc((size_t)n, 1);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  char symbol[256];
  snprintf(symbol, sizeof symbol, "%s_info", argv[2]);
  const nncc_model_info *info = library ? dlsym(library, symbol) : NULL;
  if (!info) return fprintf(stderr, "%s\n", dlerror()), 1;
  nncc_options options = NNCC_OPTIONS_INIT;
  options.threads = atoi(argv[3]);
  nncc_model *model;
  int status = info->open(&model, &options);
  int64_t dims[16] = {0};
  void *inputs[16], *outputs[16];
  for (int i = 0; i < info->n_dims; i++) dims[i] = info->dims[i].min;
  for (int i = 0; i < info->n_inputs; i++) inputs[i] = tensor(&info->inputs[i], dims);
  for (int i = 0; i < info->n_outputs; i++) outputs[i] = tensor(&info->outputs[i], dims);
  size_t bytes = status ? 0 : info->arena_bytes(model, dims);
  if (!status)
    status = info->run(model, aligned_alloc(64, bytes / 64 * 64 + 64), bytes, dims, (const void **)inputs, outputs);
  if (status) return fprintf(stderr, "%s\n", info->status_text(status)), 1;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  printf("{\"first\": %lld.%09ld, \"pss_kb\": %ld, \"weights_bytes\": %llu, \"arena_bytes\": %zu}\n",
         (long long)now.tv_sec, now.tv_nsec, pss_kb(), (unsigned long long)info->weights_bytes, bytes);
  return 0;
}
