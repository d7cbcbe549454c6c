// One output from beginning to end: resolve the target, emit, link, rename into place.
#include "codegen/internal.h"
#include "ir/core/outfile.h"
#include "runtime/blob.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

typedef struct Emission {
  Arena *arena;
  Abi abi;
  KernelJobs kernels;
  OutputKind kind;
  const char *path;
  const CodegenOptions *options;
  CodegenStats *stats;
  Diag *diag;
} Emission;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool emit_header(const Emission *x) {
  StrBuf text = {0};
  header_print(x->abi.units[x->abi.n_units - 1].program, x->abi.model, x->options->golden, &text);
  bool ok = outfile_write(x->path, text.s, text.len, x->diag);
  strbuf_free(&text);
  return ok;
}

// Weights that a program read from text lacks have no hash; its IR can be shown all the same.
static bool hash_weights(Emission *x) {
  for (size_t u = 0; u < x->abi.n_units; u++) {
    const LProgram *p = x->abi.units[u].program;
    for (size_t i = 0; i < p->buffers.len; i++)
      if (p->buffers.data[i]->kind == BUFFER_WEIGHT && !p->buffers.data[i]->fill) return true;
  }
  return weights_stream(&x->abi, NULL, &x->abi.weights_hash, x->diag);
}

static bool emit_text(Emission *x) {
  if (!hash_weights(x)) return false;
  double start = now();
  LLVMContextRef context = LLVMContextCreate();
  LLVMTargetMachineRef machine = target_machine(x->abi.units[0].target);
  LLVMModuleRef m = object_whole(&x->abi, &x->kernels, context, machine);
  bool ok;
  if (x->kind == OUTPUT_LLVM) {
    char *text = LLVMPrintModuleToString(m);
    ok = outfile_write(x->path, text, strlen(text), x->diag);
    LLVMDisposeMessage(text);
  } else {
    LLVMMemoryBufferRef text = object_emit(m, machine, LLVMAssemblyFile);
    ok = outfile_write(x->path, LLVMGetBufferStart(text), LLVMGetBufferSize(text), x->diag);
    LLVMDisposeMemoryBuffer(text);
  }
  LLVMDisposeModule(m);
  LLVMDisposeTargetMachine(machine);
  LLVMContextDispose(context);
  x->stats->llvm_seconds = now() - start;
  return ok;
}

// ---- native outputs

typedef Vec(const char *) Paths;

static bool write_runtime(Emission *x, Link *l, const char *path) {
  if (!l->target->aarch64) return link_write(l, path, nncc_rt_object, nncc_rt_object_size);
  if (nncc_rt_aarch64_object_size) return link_write(l, path, nncc_rt_aarch64_object, nncc_rt_aarch64_object_size);
  diag_error_file(x->diag, x->path,
                  "this nncc was built without aarch64-linux-gnu-gcc, so it has no runtime for AArch64");
  return false;
}

static bool write_objects(Emission *x, Link *l, Paths *paths) {
  double start = now();
  ObjectVec objects = {0};
  bool ok = true;
  if (!x->options->dry_run) object_compile(&x->abi, &x->kernels, x->options->threads, &objects);
  for (size_t i = 0; i < objects.len; i++) {
    const char *path = link_path(l, arena_printf(x->arena, "k%zu.o", i));
    x->stats->code_bytes += LLVMGetBufferSize(objects.data[i]);
    ok = ok && link_write(l, path, LLVMGetBufferStart(objects.data[i]), LLVMGetBufferSize(objects.data[i]));
    vec_push(paths, path);
    LLVMDisposeMemoryBuffer(objects.data[i]);
  }
  if (x->options->dry_run)
    for (size_t i = 0; i <= x->kernels.len; i++) vec_push(paths, link_path(l, arena_printf(x->arena, "k%zu.o", i)));
  vec_free(&objects);
  const char *given = x->options->runtime, *runtime = given ? given : link_path(l, "runtime.o");
  vec_push(paths, runtime);
  x->stats->llvm_seconds = now() - start;
  return ok && (given || write_runtime(x, l, runtime));
}

static bool link_all(Emission *x, Link *l, Paths *paths, const char *target) {
  int n = (int)paths->len;
  bool weights = x->abi.weight_bytes, real = !x->options->dry_run;
  bool archive = x->kind == OUTPUT_STATIC;
  const char *linked = archive ? link_path(l, arena_printf(x->arena, "%s.o", x->abi.model)) : target;
  bool ok = x->kind == OUTPUT_SHARED ? link_shared(l, paths->data, n, weights, linked)
                                     : link_object(l, paths->data, n, linked);
  ok = ok && (!weights || !real || weights_append(&x->abi, linked, x->diag));
  return ok && (!archive || link_archive(l, linked, target));
}

static bool copy_file(const char *path, FILE *to, Diag *d) {
  char buffer[1 << 16];
  FILE *f = fopen(path, "rb");
  for (size_t n; f && (n = fread(buffer, 1, sizeof buffer, f));) fwrite(buffer, 1, n, to);
  bool ok = f && !ferror(f);
  if (!ok) diag_error_file(d, path, "cannot be read: %s", strerror(errno));
  if (f) fclose(f);
  return ok;
}

static bool move_file(const char *path, const char *to, Diag *d) {
  bool ok = !rename(path, to);
  if (!ok) diag_error_file(d, to, "cannot be written: %s", strerror(errno));
  return ok;
}

static bool build(Emission *x, Link *l, OutFile *o) {
  bool real = !x->options->dry_run;
  Paths paths = {0};
  const char *target = real ? link_path(l, "out") : x->path; // tools leave files of their own beside it
  bool ok = write_objects(x, l, &paths);
  if (x->abi.weight_bytes) {
    const char *weights = link_path(l, "weights.o");
    ok = ok && (!real || weights_write_elf(&x->abi, name_weights(x->arena, x->abi.model), weights, x->diag));
    vec_push(&paths, weights);
  }
  double start = now();
  ok = ok && link_all(x, l, &paths, target);
  x->stats->link_seconds = now() - start;
  vec_free(&paths);
  if (!ok || !real) return ok;
  return o->temporary ? move_file(target, o->temporary, x->diag) : copy_file(target, o->file, x->diag);
}

static bool emit_native(Emission *x) {
  OutFile o = {0};
  if (!x->options->dry_run && !outfile_open(&o, x->path, x->diag)) return false;
  bool beside = x->options->dry_run || o.temporary;
  Link l = {x->arena, x->options, x->diag, NULL, x->abi.units[0].target, x->abi.model, x->path};
  bool ok = link_open(&l, beside ? x->path : "/tmp/nncc");
  if (ok) {
    ok = build(x, &l, &o);
    link_close(&l);
  }
  if (x->options->dry_run) return ok;
  if (ok) return outfile_commit(&o, x->diag);
  outfile_abandon(&o, x->diag);
  return false;
}

static bool emit(Emission *x) {
  switch (x->kind) {
  case OUTPUT_HEADER: return emit_header(x);
  case OUTPUT_WEIGHTS: return x->options->dry_run || weights_write_packed(&x->abi, x->path, x->diag);
  case OUTPUT_LLVM:
  case OUTPUT_ASM: return emit_text(x);
  case OUTPUT_OBJECT:
  case OUTPUT_SHARED:
  case OUTPUT_STATIC: return emit_native(x);
  }
  return false;
}

bool codegen_emit_all(const CodegenProgram *programs, int n, OutputKind kind, const char *path, const CodegenOptions *o,
                      CodegenStats *stats, Diag *d) {
  CodegenStats unused;
  Emission x = {
      .arena = arena_create(), .kind = kind, .path = path, .options = o, .stats = stats ? stats : &unused, .diag = d};
  bool native = kind != OUTPUT_HEADER && kind != OUTPUT_WEIGHTS;
  bool ok = units_make(x.arena, programs, n, o, native, &x.abi, &x.kernels, d);
  *x.stats = (CodegenStats){.kernels = (int)x.kernels.len, .weight_bytes = (size_t)x.abi.weight_bytes};
  ok = ok && emit(&x);
  vec_free(&x.kernels);
  arena_destroy(x.arena);
  return ok;
}

bool codegen_emit(const LProgram *p, OutputKind kind, const char *path, const CodegenOptions *o, CodegenStats *stats,
                  Diag *d) {
  CodegenProgram only = {p, o->cpu ? o->cpu : "native", NULL};
  return codegen_emit_all(&only, 1, kind, path, o, stats, d);
}
