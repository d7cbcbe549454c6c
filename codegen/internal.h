// What the files of code generation share: the target, the state of emitting a module, and who does what:
//
//   target.c, target_aarch64.c  cpu names -> features        memo.c    value numbering, addresses as linear forms
//   units.c         a model's programs made ready            names.c   of symbols
//   emit_kernel.c   statements                               emit_expr.c    expressions; emit_cast.c  conversions
//   emit_dim.c      dimension expressions                    emit_abi.c     phases, descriptor, wrappers
//   emit_info.c     what the model says of itself
//   debug.c         DWARF                                    object.c       LLVM pipeline, object files
//   weights.c       the weights as a stream                  elf_weights.c  in objects
//   link.c          ld, objcopy, ar                          header.c       the C header
//   codegen.c       one output from beginning to end
#pragma once
#include "codegen/codegen.h"
#include "codegen/names.h"
#include <llvm-c/Core.h>
#include <llvm-c/TargetMachine.h>
#include <stdio.h>

// ---- target.c

typedef struct Target {
  const char *triple;
  const char *name;      // of the variant: a level and what goes beyond it, "x86-64-v4+avx512vnni"
  const char *base;      // LLVM's cpu name that functions are for, features aside
  const char *tune;      // the same for scheduling
  const char *features;  // LLVM's target-features, all that may be used
  uint64_t required;     // 1 << NNCC_RT_...
  const char *tools;     // what the names of its binutils begin with
  const char *libraries; // the folder of its C library; NULL: this process's own, or where ld looks
  bool aarch64;
  bool has_fma, has_f16c, has_avx2, has_avx512, has_vnni, has_vbmi;
  int vector_bytes, vector_registers;
  int opt_level;     // -1: of little code and large tables, to compile fast
  bool reproducible; // see CodegenOptions
  bool sanitize;
} Target;

bool target_resolve(Arena *a, const char *triple, const char *cpu, int opt_level, Target *t, Diag *d);
bool target_resolve_aarch64(Arena *a, const char *cpu, Target *t, Diag *d); // target_aarch64.c
void target_unknown_cpu(const char *cpu, const char *const *names, int n, Diag *d);
LLVMTargetMachineRef target_machine(const Target *t);
void target_attributes(const Target *t, LLVMValueRef function); // cpu, features and what every function of ours has

// ---- names.c

// Of a layer's own kernel: no C symbol has its dots.
const char *name_layer(Arena *a, const char *model, size_t unit, size_t phase, const char *layer);
// Of a kernel of the model's unit number `unit`.
const char *name_kernel(Arena *a, const char *model, size_t unit, const LKernel *k);
const char *name_weights(Arena *a, const char *model);
// The i-th exported symbol, NULL behind the last.
const char *name_export(Arena *a, const char *model, int i);

// ---- memo.c

enum { MAX_AFFINE_TERMS = 24 };

typedef struct AffineTerm {
  LLVMValueRef value;
  int64_t coef;
  uint32_t order; // of creation: outer loops before inner ones, so that sums of outer terms can be hoisted
} AffineTerm;

// base + constant + sum of coef * value, an i64, or a pointer (then in bytes) when base is set.
typedef struct Affine {
  LLVMValueRef base;
  int64_t constant;
  int n;
  AffineTerm terms[MAX_AFFINE_TERMS];
} Affine;

typedef struct MemoEntry {
  int op; // LLVMOpcode
  LLVMValueRef a, b, value;
  uint32_t order;
  uint32_t previous; // in the chain of its slot
} MemoEntry;

enum { MEMO_SLOTS = 1024 };

// Index arithmetic already emitted where it dominates: copies of an unrolled body share their addresses.
typedef struct Memo {
  Vec(MemoEntry) entries;
  uint32_t heads[MEMO_SLOTS]; // 1 + entry
} Memo;

typedef struct Binding { // of a variable
  Affine index;          // indices and pointers
  LLVMValueRef value;    // other scalars and vectors
  LLVMValueRef *slots;   // locals: an alloca an element
} Binding;

typedef struct Emitter {
  const Target *target;
  LLVMContextRef context;
  LLVMModuleRef module;
  LLVMBuilderRef builder;
  Arena *arena; // of this module
  LLVMValueRef function;
  LLVMBuilderRef allocas; // at the end of the entry block
  Binding *vars;          // by id
  Memo memo;
  uint32_t orders;
  LLVMTypeRef i1, i8, i16, i32, i64, f32, f64, ptr;
  LLVMMetadataRef no_unroll; // loop metadata's operand
} Emitter;

Affine affine_constant(int64_t c);
Affine affine_value(Emitter *e, LLVMValueRef v); // an i64
Affine affine_pointer(LLVMValueRef base);
Affine affine_sum(Emitter *e, const Affine *a, const Affine *b, int64_t scale); // a + scale * b; at most one base
Affine affine_scaled(const Affine *a, int64_t scale);
Affine affine_product(Emitter *e, const Affine *a, const Affine *b);
LLVMValueRef affine_emit(Emitter *e, const Affine *a);
size_t memo_mark(const Memo *m);
void memo_release(Memo *m, size_t mark);

// ---- emit_expr.c, emit_cast.c

LLVMTypeRef emit_type(Emitter *e, LType t);        // in registers: bool i1, f16 and bf16 as i16
LLVMTypeRef emit_memory_type(Emitter *e, LType t); // in memory: bool i8
LLVMValueRef emit_expr(Emitter *e, const LExpr *x);
Affine emit_index(Emitter *e, const LExpr *x); // indices and pointers
LLVMValueRef emit_address(Emitter *e, const LExpr *pointer, const LExpr *offset);
int64_t emit_slot(Emitter *e, const LVar *local, LExpr *const *index);
LLVMValueRef emit_mask(Emitter *e, const LExpr *count, int lanes);
LLVMValueRef emit_intrinsic(Emitter *e, const char *name, LLVMTypeRef *types, int n_types, LLVMValueRef *args, int n);
// Lanes of a, then of b, by number.
LLVMValueRef emit_shuffled(Emitter *e, LLVMValueRef a, LLVMValueRef b, int n, const int *lanes);
LLVMValueRef emit_table(Emitter *e, const LExpr *x);
LLVMValueRef emit_dot4(Emitter *e, const LExpr *x);
LLVMValueRef emit_splat(Emitter *e, LLVMValueRef scalar, int lanes);
LLVMValueRef emit_cast(Emitter *e, LLVMValueRef v, LType from, DType to);
LLVMValueRef emit_const(Emitter *e, LType t, double v);
static inline bool emit_is_real(DType t) { return t == DT_F32 || t == DT_F64; } // what floats are computed in
bool emit_is_index(LType t); // an i64 scalar or a pointer: kept as Affine

// ---- modules

void emitter_open(Emitter *e, const Target *t, LLVMContextRef context, const char *module_name);
void emitter_close(Emitter *e); // the module lives on
LLVMTypeRef emit_kernel_type(Emitter *e, const LKernel *k);

// One program of the model, as all of code generation sees it.
typedef struct Unit {
  const LProgram *program;
  const Target *target;
  const int64_t *dims;        // see CodegenProgram
  const char *const *symbols; // of the phases' kernels
} Unit;

// Units for the same target follow one another, the general one last; targets that can do more come first.
typedef struct Abi {
  const Unit *units;
  size_t n_units;
  const char *model; // identifier
  int64_t weight_bytes;
  uint64_t weights_hash;
  const CodegenGolden *golden; // NULL: no selftest
} Abi;
void emit_abi(Emitter *e, const Abi *abi);
// The expression at the dimensions behind `dims`; *overflow, if given, is or-ed with an i1.
LLVMValueRef emit_dim(Emitter *e, const DimTable *t, Dim d, LLVMValueRef dims, LLVMValueRef *overflow);

// ---- units.c

// A kernel to compile: equal ones of programs for the same target are one.
typedef struct KernelJob {
  const LKernel *kernel;
  const Target *target;
  const char *symbol;
  const char *layer, *file; // that it belongs to, and where that is called; NULL: to any number of layers
  int line, column;
} KernelJob;
typedef Vec(KernelJob) KernelJobs;
void emit_kernel(Emitter *e, const KernelJob *job);

// False after a diagnostic. `native`: resolve targets and fill *jobs; else only what describes the model.
bool units_make(Arena *a, const CodegenProgram *programs, int n, const CodegenOptions *o, bool native, Abi *abi,
                KernelJobs *jobs, Diag *d);

// ---- debug.c

// The function that is being emitted is the layer of the job; ends with the function.
void debug_begin(Emitter *e, const KernelJob *k);
void debug_end(Emitter *e);

// ---- object.c

void object_init(void); // LLVM's process-wide state; may be called again
void object_optimize(const Target *t, LLVMModuleRef m, LLVMTargetMachineRef machine);
LLVMMemoryBufferRef object_emit(LLVMModuleRef m, LLVMTargetMachineRef machine, LLVMCodeGenFileType kind);
// All kernels and the ABI, each module compiled on one of `threads` threads; buffers in a fixed order.
typedef Vec(LLVMMemoryBufferRef) ObjectVec;
void object_compile(const Abi *abi, const KernelJobs *kernels, int threads, ObjectVec *objects);
// One module with everything, optimized; for text.
LLVMModuleRef object_whole(const Abi *abi, const KernelJobs *kernels, LLVMContextRef context,
                           LLVMTargetMachineRef machine);

// ---- weights.c, elf_weights.c

// Fills every weight in the order of offsets into `file` (NULL: nowhere) and returns the hash of the packed bytes.
// False after a diagnostic: a weight has no content or overlaps.
bool weights_stream(const Abi *abi, FILE *file, uint64_t *hash, Diag *d);
// An object that holds the weights' symbol and size.
bool weights_write_elf(const Abi *abi, const char *symbol, const char *path, Diag *d);
// Streams the weights behind a library or object that was linked with it, and sets their hash in the model's info.
bool weights_append(const Abi *abi, const char *path, Diag *d);
bool weights_write_packed(const Abi *abi, const char *path, Diag *d); // as nncc_rt.h describes

// ---- link.c

typedef struct Link {
  Arena *arena;
  const CodegenOptions *options;
  Diag *diag;
  const char *folder; // of temporary files
  const Target *target;
  const char *model;
  const char *output; // what the user asked for, in messages
} Link;

bool link_open(Link *l, const char *path);
void link_close(Link *l); // removes the temporary files unless they are to be kept
char *link_path(const Link *l, const char *name);
bool link_write(Link *l, const char *path, const void *bytes, size_t size);
// Where there are weights, the last object says how large they are; weights_append adds them to the target.
bool link_shared(Link *l, const char *const *objects, int n, bool weights, const char *target);
bool link_object(Link *l, const char *const *objects, int n, const char *target);
bool link_archive(Link *l, const char *object, const char *target);

// ---- header.c

void header_print(const LProgram *p, const char *model, bool selftest, StrBuf *out);
