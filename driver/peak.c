#include "driver/peak.h"
#include "driver/timing.h"
#include "ir/core/arena.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHAINS = 12, STEPS = 1000000, REPEATS = 20 }; // latency 4 at two a cycle asks for 8 chains

// One function an instruction set; the compiler contracts x * m + c to a fused multiply-add where there is one.
#define MEASURE(name, bytes, attributes)                                                                               \
  typedef float name##_vector __attribute__((vector_size(bytes)));                                                     \
  attributes static double name(float m, float c) {                                                                    \
    name##_vector x[CHAINS], vm = m - (name##_vector){0}, vc = c - (name##_vector){0};                                 \
    for (int i = 0; i < CHAINS; i++) x[i] = vc * (float)i;                                                             \
    double begin = timing_ms();                                                                                        \
    for (int k = 0; k < STEPS; k++) {                                                                                  \
      _Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; i++) x[i] = x[i] * vm + vc;                                 \
    }                                                                                                                  \
    double ms = timing_ms() - begin;                                                                                   \
    for (int i = 1; i < CHAINS; i++) x[0] += x[i];                                                                     \
    volatile float keep = x[0][0];                                                                                     \
    (void)keep;                                                                                                        \
    return 2.0 * CHAINS * STEPS * (bytes / sizeof(float)) / ms / 1e6;                                                  \
  }

#if defined(__x86_64__)
MEASURE(measure_512, 64, __attribute__((target("avx512f"), noinline)))
MEASURE(measure_256, 32, __attribute__((target("avx2,fma"), noinline)))
#endif
MEASURE(measure_128, 16, __attribute__((noinline)))

static double measure(int bits) {
#if defined(__x86_64__)
  if (bits >= 512 && __builtin_cpu_supports("avx512f")) return measure_512(0.999f, 0.001f);
  if (bits >= 256 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return measure_256(0.999f, 0.001f);
#endif
  return measure_128(0.999f, 0.001f);
}

typedef struct Runner {
  int bits;
  double best;
} Runner;

static void *runner_main(void *argument) {
  Runner *r = argument;
  for (int i = 0; i < REPEATS; i++) {
    double v = measure(r->bits);
    if (v > r->best) r->best = v;
  }
  return NULL;
}

// All threads measure at the same time, so that they share what power there is as in a run.
double peak_gflops(int threads, int bits) {
  pthread_t *ids = xcalloc((size_t)threads, sizeof *ids);
  Runner *runners = xcalloc((size_t)threads, sizeof *runners);
  int started = 1;
  for (int i = 0; i < threads; i++) runners[i].bits = bits;
  while (started < threads && !pthread_create(&ids[started], NULL, runner_main, &runners[started])) started++;
  runner_main(&runners[0]);
  double sum = runners[0].best;
  for (int i = 1; i < started; i++) {
    pthread_join(ids[i], NULL);
    sum += runners[i].best;
  }
  free(ids);
  free(runners);
  return sum;
}

const char *peak_cpu(char buffer[160]) {
  snprintf(buffer, 160, "unknown CPU");
  FILE *f = fopen("/proc/cpuinfo", "r");
  char line[256];
  while (f && fgets(line, sizeof line, f)) {
    if (strncmp(line, "model name", 10)) continue;
    char *name = strchr(line, ':');
    if (!name) continue;
    name[strcspn(name, "\n")] = 0;
    snprintf(buffer, 100, "%s", name + 2);
    break;
  }
  if (f) fclose(f);
#if defined(__x86_64__)
  size_t n = strlen(buffer);
  const char *level = __builtin_cpu_supports("avx512bf16")   ? "avx512vnni, avx512bf16"
                      : __builtin_cpu_supports("avx512vnni") ? "avx512vnni"
                      : __builtin_cpu_supports("avx512f")    ? "avx512"
                      : __builtin_cpu_supports("avx2")       ? "avx2"
                                                             : "sse2";
  snprintf(buffer + n, 160 - n, " (%s)", level);
#endif
  return buffer;
}
