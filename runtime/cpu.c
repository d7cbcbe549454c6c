// cpu.c: see cpu.h.
#include "cpu.h"

#include "nncc_rt.h"

#if defined(__x86_64__)
#include <cpuid.h>

// Registers that the system must save, as XCR0 bits: SSE and AVX; the AVX-512 masks and halves; tile configuration and
// data.
enum { STATE_NONE = 0, STATE_YMM = 0x6, STATE_ZMM = 0xe6, STATE_TILE = 0x60000 };
enum { L1, L7, L7S1, LX, LEAVES };
enum { EAX, EBX, ECX, EDX };

static const unsigned leaves[LEAVES][2] = {{1, 0}, {7, 0}, {7, 1}, {0x80000001, 0}};

static const struct {
  uint8_t leaf, reg, bit;
  uint32_t state;
} rows[NNCC_RT_FEATURES] = {
#define FEATURE(number, id, name, leaf, reg, bit, state) {leaf, reg, bit, STATE_##state},
#include "features.def"
};

static uint64_t saved_state(unsigned leaf1_ecx) {
  enum { OSXSAVE = 1 << 27 };
  if (!(leaf1_ecx & OSXSAVE)) return 0;
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t)high << 32 | low;
}

uint64_t cpu_features(void) {
  unsigned r[LEAVES][4] = {{0}}; // each leaf once: in a virtual machine cpuid is slow
  for (int i = 0; i < LEAVES; i++)
    __get_cpuid_count(leaves[i][0], leaves[i][1], &r[i][EAX], &r[i][EBX], &r[i][ECX], &r[i][EDX]);
  uint64_t found = 0, saved = saved_state(r[L1][ECX]);
  for (int i = 0; i < NNCC_RT_FEATURES; i++)
    if (!(rows[i].state & ~saved)) found |= (uint64_t)(r[rows[i].leaf][rows[i].reg] >> rows[i].bit & 1) << i;
  return found;
}
#elif defined(__aarch64__)
#include <sys/auxv.h>

enum { HWCAP, HWCAP2 };

uint64_t cpu_features(void) {
  static const struct {
    uint8_t word, bit;
  } rows[NNCC_RT_ARM_FEATURES] = {
#define FEATURE(number, id, name, word, bit) {word, bit},
#include "features_aarch64.def"
  };
  const unsigned long words[] = {getauxval(AT_HWCAP), getauxval(AT_HWCAP2)};
  uint64_t found = 0;
  for (int i = 0; i < NNCC_RT_ARM_FEATURES; i++) found |= (uint64_t)(words[rows[i].word] >> rows[i].bit & 1) << i;
  return found;
}
#else
uint64_t cpu_features(void) { return 0; }
#endif
