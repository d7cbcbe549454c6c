// AArch64 as a target: the base architecture, whose processors all have NEON, in its own sixteen-byte vectors. A
// processor's name only tunes the schedule.
#include "codegen/internal.h"
#include "runtime/nncc_rt.h"
#include <string.h>

static const char *const cpu_names[] = {
    "native",     "generic",    "cortex-a35", "cortex-a53",  "cortex-a55",  "cortex-a57",  "cortex-a72",  "cortex-a73",
    "cortex-a75", "cortex-a76", "cortex-a77", "cortex-a78",  "cortex-a510", "cortex-a710", "cortex-x1",   "cortex-x2",
    "apple-m1",   "apple-m2",   "ampere1",    "neoverse-n1", "neoverse-n2", "neoverse-v1", "neoverse-v2", "a64fx"};
enum { CPU_NAMES = sizeof cpu_names / sizeof *cpu_names };

#if defined(__aarch64__)
static const bool is_here = true;
#else
static const bool is_here = false;
#endif

static const char *host_name(Arena *a) {
  char *host = LLVMGetHostCPUName();
  const char *name = arena_strdup(a, is_here ? host : "generic");
  LLVMDisposeMessage(host);
  return name;
}

bool target_resolve_aarch64(Arena *a, const char *cpu, Target *t, Diag *d) {
  int i = 0;
  while (i < CPU_NAMES && strcmp(cpu_names[i], cpu)) i++;
  if (i == CPU_NAMES) {
    target_unknown_cpu(cpu, cpu_names, CPU_NAMES, d);
    return false;
  }
  t->base = "generic";
  t->tune = i ? cpu_names[i] : host_name(a);
  t->name = "aarch64";
  t->features = "+neon";
  t->tools = is_here ? "" : "aarch64-linux-gnu-";
  t->libraries = is_here ? NULL : "/usr/aarch64-linux-gnu/lib"; // where Debian's libc6-arm64-cross is
  t->aarch64 = true;
  t->required = 1 << NNCC_RT_ARM_NEON;
  t->has_fma = t->has_f16c = true;
  t->vector_bytes = 16;
  t->vector_registers = 32;
  return true;
}
