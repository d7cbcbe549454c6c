// Targets: what a cpu's name means in features. A module is always compiled for plain x86-64 plus listed features out
// of runtime/features.def, so that what a model requires of its processor is exactly what it lists; the cpu's name only
// tunes the schedule. Which features a name has is LLVM's knowledge, which the C API gives no access to but through
// inlining: a function is inlined into another only if its features are a subset.
#include "codegen/internal.h"
#include "ir/core/check.h"
#include "runtime/nncc_rt.h"
#include <llvm-c/Transforms/PassBuilder.h>
#include <stdlib.h>
#include <string.h>

static const char *const feature_names[NNCC_RT_FEATURES] = {
#define FEATURE(number, id, name, ...) [number] = name,
#include "runtime/features.def"
};

#define BIT(id) ((uint64_t)1 << NNCC_RT_##id)

enum { LEVELS = 4 };
static const char *const level_names[LEVELS] = {"x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4"};
#define V2 (BIT(SSE3) | BIT(SSSE3) | BIT(SSE41) | BIT(SSE42) | BIT(POPCNT) | BIT(CX16) | BIT(SAHF))
#define V3 (V2 | BIT(MOVBE) | BIT(LZCNT) | BIT(BMI) | BIT(BMI2) | BIT(AVX) | BIT(F16C) | BIT(FMA) | BIT(AVX2))
#define V4 (V3 | BIT(AVX512F) | BIT(AVX512DQ) | BIT(AVX512CD) | BIT(AVX512BW) | BIT(AVX512VL))
static const uint64_t levels[LEVELS] = {0, V2, V3, V4};
// Beyond the levels only what kernels have a use for: a model should not refuse a processor for want of the rest.
#define EXTRAS (BIT(AVXVNNI) | BIT(AVX512VBMI) | BIT(AVX512VNNI) | BIT(AVX512BF16))

// Processors that -mcpu= knows by name; LLVM would warn about others on stderr and go on.
static const char *const cpu_names[] = {
    "native",         "x86-64",        "x86-64-v2",      "x86-64-v3",      "x86-64-v4", "nehalem",        "westmere",
    "sandybridge",    "ivybridge",     "haswell",        "broadwell",      "skylake",   "skylake-avx512", "cascadelake",
    "cooperlake",     "cannonlake",    "icelake-client", "icelake-server", "tigerlake", "rocketlake",     "alderlake",
    "raptorlake",     "meteorlake",    "arrowlake",      "lunarlake",      "gracemont", "sierraforest",   "grandridge",
    "sapphirerapids", "emeraldrapids", "graniterapids",  "btver2",         "znver1",    "znver2",         "znver3",
    "znver4",         "znver5"};
enum { CPU_NAMES = sizeof cpu_names / sizeof *cpu_names };

static void set_string(LLVMValueRef f, const char *key, const char *value) {
  LLVMContextRef c = LLVMGetModuleContext(LLVMGetGlobalParent(f));
  unsigned n = (unsigned)strlen(key), m = (unsigned)strlen(value);
  LLVMAddAttributeAtIndex(f, LLVMAttributeFunctionIndex, LLVMCreateStringAttribute(c, key, n, value, m));
}

void codegen_version(char text[32]) {
  unsigned major, minor, patch;
  LLVMGetVersion(&major, &minor, &patch);
  snprintf(text, 32, "LLVM %u.%u.%u", major, minor, patch);
}

// ---- features of a name

static LLVMValueRef probe_function(LLVMModuleRef m, const char *name, const char *cpu, const char *feature) {
  LLVMContextRef c = LLVMGetModuleContext(m);
  LLVMValueRef f = LLVMAddFunction(m, name, LLVMFunctionType(LLVMVoidTypeInContext(c), NULL, 0, false));
  LLVMAppendBasicBlockInContext(c, f, "");
  set_string(f, "target-cpu", cpu);
  if (feature) set_string(f, "target-features", feature);
  return f;
}

// Calls one function a feature from a function compiled for the cpu, and asks the inliner which calls may go.
static uint64_t features_of(const char *triple, const char *cpu, const char *more) {
  LLVMContextRef c = LLVMContextCreate();
  LLVMModuleRef m = LLVMModuleCreateWithNameInContext("probe", c);
  LLVMBuilderRef b = LLVMCreateBuilderInContext(c);
  LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(c), NULL, 0, false);
  LLVMValueRef caller = probe_function(m, "caller", cpu, more);
  LLVMSetTarget(m, triple);
  char name[64];
  for (int i = 0; i < NNCC_RT_FEATURES; i++) {
    snprintf(name, sizeof name, "+%s", feature_names[i]);
    LLVMValueRef callee = probe_function(m, feature_names[i], "x86-64", name);
    LLVMPositionBuilderAtEnd(b, LLVMGetEntryBasicBlock(callee));
    LLVMBuildRetVoid(b);
    LLVMPositionBuilderAtEnd(b, LLVMGetEntryBasicBlock(caller));
    LLVMBuildCall2(b, type, callee, NULL, 0, "");
  }
  LLVMBuildRetVoid(b);
  LLVMTargetMachineRef machine = target_machine(&(Target){.triple = triple, .base = "x86-64"});
  LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
  LLVMErrorRef error = LLVMRunPasses(m, "cgscc(inline)", machine, options);
  CHECK(!error, "the inliner failed");
  uint64_t features = 0;
  for (int i = 0; i < NNCC_RT_FEATURES; i++)
    if (!LLVMGetFirstUse(LLVMGetNamedFunction(m, feature_names[i]))) features |= (uint64_t)1 << i;
  LLVMDisposePassBuilderOptions(options);
  LLVMDisposeTargetMachine(machine);
  LLVMDisposeBuilder(b);
  LLVMDisposeModule(m);
  LLVMContextDispose(c);
  return features;
}

static uint64_t features_of_host(void) {
  char *text = LLVMGetHostCPUFeatures();
  uint64_t features = 0;
  for (char *at = text, *word; (word = strsep(&at, ","));)
    for (int i = 0; i < NNCC_RT_FEATURES; i++)
      if (*word == '+' && !strcmp(word + 1, feature_names[i])) features |= (uint64_t)1 << i;
  LLVMDisposeMessage(text);
  return features;
}

static int level_of(uint64_t features) {
  int level = LEVELS - 1;
  while (levels[level] & ~features) level--;
  return level;
}

// ---- resolution

// "+avx512vnni+avx512bf16" with all that these imply.
static bool add_named_features(Arena *a, const char *triple, const char *suffix, uint64_t *features, Diag *d) {
  StrBuf list = {0};
  for (size_t n; *suffix; suffix += n) {
    n = strcspn(++suffix, "+");
    const char *name = arena_strndup(a, suffix, n);
    int i = 0;
    while (i < NNCC_RT_FEATURES && strcmp(feature_names[i], name)) i++;
    if (i == NNCC_RT_FEATURES) {
      const char *near = diag_nearest(name, feature_names, NNCC_RT_FEATURES);
      diag_error(d, (Span){0}, "unknown cpu feature `%s`%s%s%s", name, near ? "; did you mean `" : "", near ? near : "",
                 near ? "`?" : "");
      break;
    }
    strbuf_printf(&list, "%s+%s", list.len ? "," : "", name);
  }
  bool ok = !*suffix;
  if (ok && list.len) *features |= features_of(triple, "x86-64", list.s);
  strbuf_free(&list);
  return ok;
}

// What belongs to a level that is not whole is left out, but for what AVX brought before there were levels.
static uint64_t usable(uint64_t features) {
  int level = level_of(features);
  return features & (levels[level] | V3 | (level == 3 ? EXTRAS : level == 2 ? BIT(AVXVNNI) : 0));
}

void target_unknown_cpu(const char *cpu, const char *const *names, int n, Diag *d) {
  const char *near = diag_nearest(cpu, names, n);
  diag_error(d, (Span){0}, "unknown cpu `%s`%s%s%s", cpu, near ? "; did you mean `" : "", near ? near : "",
             near ? "`?" : "");
}

static bool resolve_cpu(Arena *a, const char *triple, const char *cpu, uint64_t *features, const char **tune, Diag *d) {
  size_t n = strcspn(cpu, "+");
  const char *base = arena_strndup(a, cpu, n);
  int i = 0;
  while (i < CPU_NAMES && strcmp(cpu_names[i], base)) i++;
  if (i == CPU_NAMES) {
    target_unknown_cpu(base, cpu_names, CPU_NAMES, d);
    return false;
  }
  bool level = !strncmp(base, "x86-64", 6);
  if (i == 0) {
    char *host = LLVMGetHostCPUName();
    *tune = arena_strdup(a, host);
    LLVMDisposeMessage(host);
    *features = features_of_host();
  } else {
    *tune = level ? "generic" : base;
    *features = features_of(triple, base, NULL);
  }
  *features = usable(*features);
  return add_named_features(a, triple, cpu + n, features, d);
}

static void name_features(Arena *a, Target *t) {
  StrBuf list = {0}, name = {0};
  int level = level_of(t->required);
  strbuf_puts(&name, level_names[level]);
  for (int i = 0; i < NNCC_RT_FEATURES; i++) {
    if (!(t->required >> i & 1)) continue;
    strbuf_printf(&list, "%s+%s", list.len ? "," : "", feature_names[i]);
    if (!(levels[level] >> i & 1)) strbuf_printf(&name, "+%s", feature_names[i]);
  }
  t->features = arena_strdup(a, strbuf_str(&list));
  t->name = arena_strdup(a, strbuf_str(&name));
  strbuf_free(&list);
  strbuf_free(&name);
}

bool target_resolve(Arena *a, const char *triple, const char *cpu, int opt_level, Target *t, Diag *d) {
  object_init();
  char *host = LLVMGetDefaultTargetTriple();
  char *normal = LLVMNormalizeTargetTriple(triple ? triple : host);
  *t = (Target){.triple = arena_strdup(a, normal), .opt_level = opt_level};
  LLVMDisposeMessage(host);
  LLVMDisposeMessage(normal);
  if (!cpu) cpu = "native";
  bool arm = !strncmp(t->triple, "aarch64-", 8);
  if ((strncmp(t->triple, "x86_64-", 7) && !arm) || !strstr(t->triple, "linux")) {
    diag_error(d, (Span){0}, "target `%s` is not supported; x86_64-linux-gnu and aarch64-linux-gnu are", t->triple);
    return false;
  }
  if (arm) return target_resolve_aarch64(a, cpu, t, d);
  if (!resolve_cpu(a, t->triple, cpu, &t->required, &t->tune, d)) return false;
  t->base = "x86-64";
  t->tools = "";
  t->has_fma = t->required & BIT(FMA);
  t->has_f16c = t->required & BIT(F16C);
  t->has_avx2 = t->required & BIT(AVX2);
  t->has_avx512 = !(V4 & ~t->required);
  t->has_vnni = t->required & (t->has_avx512 ? BIT(AVX512VNNI) : BIT(AVXVNNI));
  t->has_vbmi = t->has_avx512 && t->required & BIT(AVX512VBMI);
  t->vector_bytes = t->has_avx512 ? 64 : t->required & BIT(AVX) ? 32 : 16;
  t->vector_registers = t->has_avx512 ? 32 : 16;
  name_features(a, t);
  return true;
}

LLVMTargetMachineRef target_machine(const Target *t) {
  static const LLVMCodeGenOptLevel code_levels[] = {LLVMCodeGenLevelNone, LLVMCodeGenLevelLess, LLVMCodeGenLevelDefault,
                                                    LLVMCodeGenLevelDefault, LLVMCodeGenLevelAggressive};
  LLVMTargetRef target;
  char *message = NULL;
  CHECK(!LLVMGetTargetFromTriple(t->triple, &target, &message), "%s", message);
  int level = t->opt_level < 0 ? 0 : t->opt_level > 3 ? 4 : t->opt_level + 1;
  return LLVMCreateTargetMachine(target, t->triple, t->base, t->features ? t->features : "", code_levels[level],
                                 LLVMRelocPIC, LLVMCodeModelDefault);
}

void target_attributes(const Target *t, LLVMValueRef f) {
  LLVMContextRef c = LLVMGetModuleContext(LLVMGetGlobalParent(f));
  unsigned nounwind = LLVMGetEnumAttributeKindForName("nounwind", 8);
  LLVMAddAttributeAtIndex(f, LLVMAttributeFunctionIndex, LLVMCreateEnumAttribute(c, nounwind, 0));
  set_string(f, "target-cpu", t->base);
  set_string(f, "tune-cpu", t->tune);
  set_string(f, "target-features", t->features);
  set_string(f, "no-builtins", "");
  if (t->has_avx512) set_string(f, "prefer-vector-width", "512");
}

bool codegen_target_info(Arena *a, const char *target, const char *cpu, TargetInfo *info, Diag *d) {
  Target t;
  if (!target_resolve(a, target, cpu, 2, &t, d)) return false;
  *info = (TargetInfo){.triple = t.triple,
                       .cpu = t.name,
                       .asked = cpu ? cpu : "native",
                       .vector_bytes = t.vector_bytes,
                       .vector_registers = t.vector_registers,
                       .has_fma = t.has_fma,
                       .runs_here = !t.aarch64 && !(t.required & ~features_of_host()),
                       .required = t.required};
  return true;
}

// Before all that cannot do what it can: a superset of features has more of them.
static void insert(TargetInfo *infos, int *n, const TargetInfo *one) {
  int at = *n;
  for (int i = 0; i < *n; i++)
    if (!strcmp(infos[i].cpu, one->cpu)) return;
  while (at > 0 && __builtin_popcountll(infos[at - 1].required) < __builtin_popcountll(one->required)) at--;
  memmove(infos + at + 1, infos + at, sizeof *infos * (size_t)(*n - at));
  infos[at] = *one;
  ++*n;
}

int codegen_target_infos(Arena *a, const char *target, const char *cpus, TargetInfo **infos, Diag *d) {
  int n = 0, most = 1;
  if (!cpus) cpus = "native";
  for (const char *s = cpus; *s; s++) most += *s == ',';
  *infos = arena_array(a, TargetInfo, most);
  for (const char *s = cpus;; s++) {
    size_t length = strcspn(s, ",");
    TargetInfo one;
    if (!codegen_target_info(a, target, arena_strndup(a, s, length), &one, d)) return 0;
    insert(*infos, &n, &one);
    s += length;
    if (!*s) return n;
  }
}
