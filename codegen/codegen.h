// From loop IR to native code. The only folder that knows LLVM; its neighbours see this header alone.
#pragma once
#include "ir/loop/loop.h"

typedef enum OutputKind {
  OUTPUT_OBJECT,  // .o: kernels, weights and runtime, all but the ABI localized
  OUTPUT_SHARED,  // .so
  OUTPUT_STATIC,  // .a
  OUTPUT_LLVM,    // .ll
  OUTPUT_ASM,     // .s
  OUTPUT_HEADER,  // .h
  OUTPUT_WEIGHTS, // packed weights alone, see NnccRtWeightsHeader
} OutputKind;

// What the model compares itself with, see NnccRtGolden.
typedef struct CodegenSamples {
  int64_t count, step;
  const double *values;
  int64_t elements;
} CodegenSamples;

typedef struct CodegenGolden {
  const int64_t *dims;           // of each open dimension
  const CodegenSamples *outputs; // of each output
} CodegenGolden;

typedef struct CodegenOptions {
  const char *cpu;    // "native", "x86-64-v3", "znver4", ...; NULL: native. Several: see codegen_target_infos
  const char *target; // triple; NULL: this machine's
  int opt_level;      // 0..3
  bool reproducible;  // the same bits from every instruction set: products and sums are fused where no instruction does
  bool sanitize;      // AddressSanitizer watches what the code reads and writes; its runtime must be in the program
  bool verbose;       // print the commands that are run
  bool debug;         // DWARF: a function for each layer, on its line of the source
  const CodegenGolden *golden; // export a selftest against it; NULL: none
  bool dry_run;                // print them and run nothing (-###)
  bool save_temps;             // keep intermediate files beside the output
  int threads;                 // for compiling kernels; 0: one
  const char *runtime; // an object file to link instead of the embedded runtime, e.g. an instrumented one; NULL: that
} CodegenOptions;

typedef struct CodegenStats {
  int kernels; // distinct kernels emitted
  double llvm_seconds, link_seconds;
  size_t code_bytes, weight_bytes;
} CodegenStats;

// What the target offers lowering: asked before loop IR is made, so that tiles fit.
typedef struct TargetInfo {
  const char *triple, *cpu; // resolved names, owned by the caller's arena
  const char *asked;        // the cpu as it was named, for CodegenProgram
  int vector_bytes;         // 16, 32 or 64
  int vector_registers;     // 16 or 32
  bool has_fma;
  bool runs_here;    // this machine's processor can run it
  uint64_t required; // features, as in runtime/nncc_rt.h
} TargetInfo;

void codegen_version(char text[32]); // "LLVM 19.1.7"

// False after a diagnostic (unknown cpu or target).
bool codegen_target_info(Arena *a, const char *target, const char *cpu, TargetInfo *info, Diag *d);
// Of processors joined by commas (NULL: native): each once, those that can do more first. The number; 0 after a
// diagnostic.
int codegen_target_infos(Arena *a, const char *target, const char *cpus, TargetInfo **infos, Diag *d);

// One of a model's programs: all have the same inputs, outputs and symbolic dimensions, and their weights are planned
// together.
typedef struct CodegenProgram {
  const LProgram *program;
  const char *cpu;     // as in CodegenOptions
  const int64_t *dims; // what each symbolic dimension is in its runs, 0: anything; NULL: it serves all
} CodegenProgram;

// Writes one output of all programs: those for one cpu follow one another, the one that serves all dimensions last;
// cpus that can do more come first. Otherwise as codegen_emit.
bool codegen_emit_all(const CodegenProgram *programs, int n, OutputKind kind, const char *path, const CodegenOptions *o,
                      CodegenStats *stats, Diag *d);

// Writes one output, whole or not at all (beside its target, then renamed). `path` "-": stdout for text kinds.
// The program must be planned (offsets and sizes known). A header is not implied by the others.
bool codegen_emit(const LProgram *p, OutputKind kind, const char *path, const CodegenOptions *o, CodegenStats *stats,
                  Diag *d);
