// cpu.h: what the processor can do, and the floating-point state that compiled code runs in.
#ifndef NNCC_RUNTIME_CPU_H
#define NNCC_RUNTIME_CPU_H

#include <stdint.h>

// Features of features.def, bit 1 << NNCC_RT_..., that both the processor and the system support.
uint64_t cpu_features(void);

static inline void cpu_relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb");
#endif
}

// Rounds to nearest, takes denormals as zero, raises nothing; returns the state found, for cpu_leave_float.
static inline uint64_t cpu_enter_float(void) {
#if defined(__x86_64__)
  enum { MASK_ALL = 0x1f80, FLUSH_RESULTS = 0x8000, FLUSH_OPERANDS = 0x0040 };
  uint64_t found = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(MASK_ALL | FLUSH_RESULTS | FLUSH_OPERANDS);
  return found;
#elif defined(__aarch64__)
  uint64_t found;
  __asm__ volatile("mrs %0, fpcr" : "=r"(found));
  __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)1 << 24));
  return found;
#else
  return 0;
#endif
}

static inline void cpu_leave_float(uint64_t found) {
#if defined(__x86_64__)
  __builtin_ia32_ldmxcsr((unsigned)found);
#elif defined(__aarch64__)
  __asm__ volatile("msr fpcr, %0" : : "r"(found));
#else
  (void)found;
#endif
}

#endif
