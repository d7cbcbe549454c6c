#include "driver/peak.h"
#include "driver/timing.h"
#include <stdio.h>
#include <string.h>

enum { CHAINS = 12, STEPS = 1000000 }; // latency 4 at two a cycle asks for 8 chains

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

static double measure(void) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return measure_512(0.999f, 0.001f);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return measure_256(0.999f, 0.001f);
#endif
  return measure_128(0.999f, 0.001f);
}

double peak_gflops(void) {
  double best = 0;
  for (int i = 0; i < 20; i++) {
    double v = measure();
    if (v > best) best = v;
  }
  return best;
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
