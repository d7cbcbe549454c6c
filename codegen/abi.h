// What emit_abi.c and emit_info.c share: constants as the runtime's structs have them.
#pragma once
#include "codegen/internal.h"
#include "runtime/nncc_rt.h"

typedef struct AbiEmitter {
  Emitter *e;
  const Abi *abi;
  const Unit *unit;
  const LProgram *p; // the unit's
  Target plain;
  LLVMValueRef info, desc;
} AbiEmitter;

// Structs by their fields: p pointer, l int64, i int32; the sizes are the C ones.
typedef enum StructId {
  S_DIM,
  S_TENSOR,
  S_META,
  S_PHASE_INFO,
  S_INFO,
  S_PHASE,
  S_PROGRAM,
  S_VARIANT,
  S_SAMPLES,
  S_GOLDEN,
  S_MODEL
} StructId;

static inline LLVMValueRef abi_null(Emitter *e) { return LLVMConstNull(e->ptr); }
static inline LLVMValueRef abi_i64(Emitter *e, int64_t v) { return LLVMConstInt(e->i64, (uint64_t)v, true); }
static inline LLVMValueRef abi_i32(Emitter *e, int64_t v) { return LLVMConstInt(e->i32, (uint64_t)v, true); }
static inline LLVMValueRef *abi_values(Emitter *e, size_t n) { return arena_array(e->arena, LLVMValueRef, n ? n : 1); }

// ---- constants (emit_info.c)
LLVMTypeRef abi_struct_type(Emitter *e, StructId id);
LLVMValueRef abi_constant(Emitter *e, const char *name, LLVMValueRef value);
LLVMValueRef abi_record(Emitter *e, StructId id, LLVMValueRef *fields);
LLVMValueRef abi_array(Emitter *e, const char *name, LLVMTypeRef t, LLVMValueRef *values, size_t n); // NULL: n is 0
LLVMValueRef abi_string(Emitter *e, const char *s);

// ---- lists of nncc_model_info (emit_info.c)
LLVMValueRef info_tensors(AbiEmitter *s, const char *name, const LTensor *t, size_t n);
LLVMValueRef info_dims(AbiEmitter *s);
LLVMValueRef info_counts(AbiEmitter *s);
LLVMValueRef info_labels(AbiEmitter *s);
LLVMValueRef info_meta(AbiEmitter *s);

// ---- functions (emit_abi.c)
// A new internal function; the builder stands at its begin.
LLVMValueRef abi_begin_function(AbiEmitter *s, const char *name, LLVMTypeRef result, LLVMTypeRef *params, unsigned n);
const char *abi_numbered(AbiEmitter *s, const char *what, size_t i);
