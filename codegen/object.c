// From LLVM IR to object files. Each kernel is a module of its own, so that they compile in parallel and code
// generation stays linear; the pass pipeline is the one that PERFORMANCE.md measured, -O1 to -O3 of LLVM gained nothing
// over it.
#include "codegen/internal.h"
#include "ir/core/check.h"
#include <llvm-c/Analysis.h>
#include <llvm-c/ErrorHandling.h>
#include <llvm-c/Target.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

static void on_fatal(const char *reason) {
  fprintf(stderr, "nncc: internal error in LLVM: %s\n", reason);
  abort();
}

static void on_bad_alloc(void *data, const char *reason, bool with_diagnostic) {
  (void)data, (void)reason, (void)with_diagnostic;
  out_of_memory();
}

// Neither LLVM's C interface nor C itself has these; the names are those that the C++ ABI gives to
// llvm::install_bad_alloc_error_handler, for LLVM's malloc, and std::set_new_handler, for all its `new`.
void install_bad_alloc_handler(void (*handler)(void *, const char *, bool),
                               void *data) __asm__("_ZN4llvm31install_bad_alloc_error_handlerEPFvPvPKcbES0_");
void (*set_new_handler(void (*handler)(void)))(void) __asm__("_ZSt15set_new_handlerPFvvE");

void object_init(void) {
  install_bad_alloc_handler(on_bad_alloc, NULL);
  set_new_handler(out_of_memory);
  LLVMResetFatalErrorHandler();
  LLVMInstallFatalErrorHandler(on_fatal);
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86AsmPrinter();
  LLVMInitializeAArch64TargetInfo();
  LLVMInitializeAArch64Target();
  LLVMInitializeAArch64TargetMC();
  LLVMInitializeAArch64AsmPrinter();
}

// What AddressSanitizer's pass asks of the functions that it is to change.
static void mark_to_sanitize(LLVMModuleRef m) {
  static const char name[] = "sanitize_address";
  unsigned kind = LLVMGetEnumAttributeKindForName(name, sizeof name - 1);
  LLVMAttributeRef attribute = LLVMCreateEnumAttribute(LLVMGetModuleContext(m), kind, 0);
  for (LLVMValueRef f = LLVMGetFirstFunction(m); f; f = LLVMGetNextFunction(f))
    if (!LLVMIsDeclaration(f)) LLVMAddAttributeAtIndex(f, LLVMAttributeFunctionIndex, attribute);
}

void object_optimize(const Target *t, LLVMModuleRef m, LLVMTargetMachineRef machine) {
  char *message = NULL;
  bool broken = LLVMVerifyModule(m, LLVMReturnStatusAction, &message);
  CHECK(!broken, "malformed LLVM IR: %s", message);
  LLVMDisposeMessage(message);
  LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(machine);
  LLVMSetModuleDataLayout(m, layout);
  LLVMDisposeTargetData(layout);
  LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
  const char *passes = t->opt_level > 0 ? "function(sroa,early-cse,loop-mssa(licm),simplifycfg)" : "function(sroa)";
  LLVMErrorRef error = LLVMRunPasses(m, passes, machine, options);
  if (!error && t->sanitize) {
    mark_to_sanitize(m);
    error = LLVMRunPasses(m, "asan", machine, options);
  }
  if (error) UNREACHABLE("passes: %s", LLVMGetErrorMessage(error));
  LLVMDisposePassBuilderOptions(options);
}

LLVMMemoryBufferRef object_emit(LLVMModuleRef m, LLVMTargetMachineRef machine, LLVMCodeGenFileType kind) {
  LLVMMemoryBufferRef buffer;
  char *message = NULL;
  bool failed = LLVMTargetMachineEmitToMemoryBuffer(machine, m, kind, &message, &buffer);
  CHECK(!failed, "%s", message);
  return buffer;
}

// ---- in parallel

typedef struct Job {
  const Abi *abi;
  const KernelJobs *kernels;
  LLVMMemoryBufferRef *results; // one a kernel, then the ABI
  atomic_size_t next;
} Job;

static LLVMMemoryBufferRef compile(const Job *job, size_t i) {
  const KernelJob *k = i < job->kernels->len ? &job->kernels->data[i] : NULL;
  Target plain = *job->abi->units[0].target;
  plain.opt_level = -1;
  const Target *target = k ? k->target : &plain;
  LLVMContextRef context = LLVMContextCreate();
  LLVMTargetMachineRef machine = target_machine(target);
  Emitter e;
  emitter_open(&e, target, context, k ? k->symbol : job->abi->model);
  if (k)
    emit_kernel(&e, k);
  else
    emit_abi(&e, job->abi);
  LLVMModuleRef m = e.module;
  emitter_close(&e);
  object_optimize(target, m, machine);
  LLVMMemoryBufferRef buffer = object_emit(m, machine, LLVMObjectFile);
  LLVMDisposeModule(m);
  LLVMDisposeTargetMachine(machine);
  LLVMContextDispose(context);
  return buffer;
}

static void *work(void *argument) {
  Job *job = argument;
  size_t i;
  while ((i = atomic_fetch_add(&job->next, 1)) <= job->kernels->len) job->results[i] = compile(job, i);
  return NULL;
}

void object_compile(const Abi *abi, const KernelJobs *kernels, int threads, ObjectVec *objects) {
  enum { MAX_COMPILE_THREADS = 64 };
  size_t n = kernels->len + 1;
  vec_reserve(objects, n);
  objects->len = n;
  Job job = {.abi = abi, .kernels = kernels, .results = objects->data};
  pthread_t others[MAX_COMPILE_THREADS];
  int started = 0;
  while (started < threads - 1 && started < MAX_COMPILE_THREADS && (size_t)started + 1 < n &&
         !pthread_create(&others[started], NULL, work, &job))
    started++;
  work(&job);
  while (started > 0) pthread_join(others[--started], NULL);
}

LLVMModuleRef object_whole(const Abi *abi, const KernelJobs *kernels, LLVMContextRef context,
                           LLVMTargetMachineRef machine) {
  const Target *first = abi->units[0].target;
  Emitter e;
  emitter_open(&e, first, context, abi->model);
  for (size_t i = 0; i < kernels->len; i++) {
    e.target = kernels->data[i].target;
    emit_kernel(&e, &kernels->data[i]);
  }
  e.target = first;
  emit_abi(&e, abi);
  LLVMModuleRef m = e.module;
  emitter_close(&e);
  object_optimize(first, m, machine);
  return m;
}
