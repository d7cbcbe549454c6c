// Conversions between element types. f16 and bf16 live in registers as their 16 bits; where the processor cannot
// convert them, integer arithmetic does, so that no helper from a compiler's support library is called and subnormal
// halves survive a processor that flushes subnormal floats.
#include "codegen/internal.h"
#include "ir/core/check.h"

static LLVMTypeRef like(LLVMTypeRef element, int lanes) {
  return lanes == 1 ? element : LLVMVectorType(element, (unsigned)lanes);
}

static LLVMValueRef int_like(LLVMTypeRef element, int lanes, uint64_t v) {
  LLVMValueRef c = LLVMConstInt(element, v, false), all[64];
  for (int i = 0; i < lanes; i++) all[i] = c;
  return lanes == 1 ? c : LLVMConstVector(all, (unsigned)lanes);
}

static LLVMValueRef bits32(Emitter *e, int n, uint32_t v) { return int_like(e->i32, n, v); }
static LLVMValueRef as(Emitter *e, LLVMValueRef v, LLVMTypeRef element, int n) {
  return LLVMBuildBitCast(e->builder, v, like(element, n), "");
}

static LLVMValueRef bf16_to_f32(Emitter *e, LLVMValueRef v, int n) {
  LLVMValueRef wide = LLVMBuildZExt(e->builder, v, like(e->i32, n), "");
  return as(e, LLVMBuildShl(e->builder, wide, bits32(e, n, 16), ""), e->f32, n);
}

// Nearest even: adds 0x7fff plus the last bit kept. NaNs stay NaNs by their quiet bit.
static LLVMValueRef f32_to_bf16(Emitter *e, LLVMValueRef v, int n) {
  LLVMBuilderRef b = e->builder;
  LLVMValueRef x = as(e, v, e->i32, n);
  LLVMValueRef last = LLVMBuildAnd(b, LLVMBuildLShr(b, x, bits32(e, n, 16), ""), bits32(e, n, 1), "");
  LLVMValueRef rounded = LLVMBuildAdd(b, LLVMBuildAdd(b, x, bits32(e, n, 0x7fff), ""), last, "");
  LLVMValueRef quiet = LLVMBuildOr(b, x, bits32(e, n, 0x400000), "");
  LLVMValueRef nan = LLVMBuildFCmp(b, LLVMRealUNO, v, v, "");
  LLVMValueRef r = LLVMBuildLShr(b, LLVMBuildSelect(b, nan, quiet, rounded, ""), bits32(e, n, 16), "");
  return LLVMBuildTrunc(b, r, like(e->i16, n), "");
}

static LLVMValueRef f16_to_f32(Emitter *e, LLVMValueRef v, int n) {
  LLVMBuilderRef b = e->builder;
  if (e->target->has_f16c) {
    LLVMValueRef half = as(e, v, LLVMHalfTypeInContext(e->context), n);
    return LLVMBuildFPExt(b, half, like(e->f32, n), "");
  }
  LLVMTypeRef i32 = like(e->i32, n), f32 = like(e->f32, n);
  LLVMValueRef x = LLVMBuildZExt(b, v, i32, "");
  LLVMValueRef sign = LLVMBuildShl(b, LLVMBuildAnd(b, x, bits32(e, n, 0x8000), ""), bits32(e, n, 16), "");
  LLVMValueRef rest = LLVMBuildAnd(b, x, bits32(e, n, 0x7fff), "");
  LLVMValueRef shifted = LLVMBuildShl(b, rest, bits32(e, n, 13), "");
  LLVMValueRef normal = LLVMBuildAdd(b, shifted, bits32(e, n, 112u << 23), "");
  LLVMValueRef special = LLVMBuildAdd(b, shifted, bits32(e, n, 224u << 23), "");
  LLVMValueRef scale = emit_const(e, (LType){DT_F32, (uint8_t)n, false}, 0x1p-24);
  LLVMValueRef tiny = as(e, LLVMBuildFMul(b, LLVMBuildSIToFP(b, rest, f32, ""), scale, ""), e->i32, n);
  LLVMValueRef is_special = LLVMBuildICmp(b, LLVMIntUGE, rest, bits32(e, n, 0x7c00), "");
  LLVMValueRef is_tiny = LLVMBuildICmp(b, LLVMIntULT, rest, bits32(e, n, 0x400), "");
  LLVMValueRef r = LLVMBuildSelect(b, is_tiny, tiny, LLVMBuildSelect(b, is_special, special, normal, ""), "");
  return as(e, LLVMBuildOr(b, r, sign, ""), e->f32, n);
}

static LLVMValueRef f32_to_f16(Emitter *e, LLVMValueRef v, int n) {
  LLVMBuilderRef b = e->builder;
  if (e->target->has_f16c)
    return as(e, LLVMBuildFPTrunc(b, v, like(LLVMHalfTypeInContext(e->context), n), ""), e->i16, n);
  LLVMValueRef x = as(e, v, e->i32, n);
  LLVMValueRef sign = LLVMBuildAnd(b, LLVMBuildLShr(b, x, bits32(e, n, 16), ""), bits32(e, n, 0x8000), "");
  LLVMValueRef rest = LLVMBuildAnd(b, x, bits32(e, n, 0x7fffffff), "");
  // Below 2^-14 adding 0.5 lets the float unit round at the right place: 0.5's unit in the last place is 2^-24.
  LLVMValueRef half = emit_const(e, (LType){DT_F32, (uint8_t)n, false}, 0.5);
  LLVMValueRef sum = as(e, LLVMBuildFAdd(b, as(e, rest, e->f32, n), half, ""), e->i32, n);
  LLVMValueRef tiny = LLVMBuildSub(b, sum, bits32(e, n, 0x3f000000), "");
  LLVMValueRef last = LLVMBuildAnd(b, LLVMBuildLShr(b, rest, bits32(e, n, 13), ""), bits32(e, n, 1), "");
  LLVMValueRef biased = LLVMBuildAdd(b, LLVMBuildSub(b, rest, bits32(e, n, (112u << 23) - 0xfff), ""), last, "");
  LLVMValueRef normal = LLVMBuildLShr(b, biased, bits32(e, n, 13), "");
  LLVMValueRef nan = LLVMBuildICmp(b, LLVMIntUGT, rest, bits32(e, n, 0x7f800000), "");
  LLVMValueRef kept = LLVMBuildAnd(b, LLVMBuildLShr(b, rest, bits32(e, n, 13), ""), bits32(e, n, 0x3ff), "");
  LLVMValueRef quiet = LLVMBuildOr(b, kept, bits32(e, n, 0x7e00), "");
  LLVMValueRef special = LLVMBuildSelect(b, nan, quiet, bits32(e, n, 0x7c00), "");
  LLVMValueRef r =
      LLVMBuildSelect(b, LLVMBuildICmp(b, LLVMIntULT, rest, bits32(e, n, 113u << 23), ""), tiny, normal, "");
  r = LLVMBuildSelect(b, LLVMBuildICmp(b, LLVMIntUGE, rest, bits32(e, n, 143u << 23), ""), special, r, "");
  return LLVMBuildTrunc(b, LLVMBuildOr(b, r, sign, ""), like(e->i16, n), "");
}

static LLVMValueRef not_zero(Emitter *e, LLVMValueRef v, DType from, int n) {
  LType t = {from, (uint8_t)n, false};
  if (from == DT_F32) return LLVMBuildFCmp(e->builder, LLVMRealUNE, v, emit_const(e, t, 0), "");
  return LLVMBuildICmp(e->builder, LLVMIntNE, v, emit_const(e, t, 0), "");
}

// Out of range is as on x86 through i32, except that only the low bits reach i8 and u8.
static LLVMValueRef f32_to_int(Emitter *e, LLVMValueRef v, DType to, int n) {
  LLVMValueRef wide = LLVMBuildFPToSI(e->builder, v, like(to == DT_I64 ? e->i64 : e->i32, n), "");
  return to == DT_I8 || to == DT_U8 ? LLVMBuildTrunc(e->builder, wide, like(e->i8, n), "") : wide;
}

static LLVMValueRef int_to_int(Emitter *e, LLVMValueRef v, DType from, LLVMTypeRef to) {
  size_t size = from == DT_BOOL ? 0 : dtype_size(from);
  size_t wanted = LLVMGetIntTypeWidth(LLVMGetTypeKind(to) == LLVMVectorTypeKind ? LLVMGetElementType(to) : to) / 8;
  if (size == wanted) return v;
  if (size > wanted) return LLVMBuildTrunc(e->builder, v, to, "");
  return from == DT_U8 || from == DT_BOOL ? LLVMBuildZExt(e->builder, v, to, "") : LLVMBuildSExt(e->builder, v, to, "");
}

static LLVMValueRef int_to_f32(Emitter *e, LLVMValueRef v, DType from, int n) {
  if (from == DT_I64) return LLVMBuildSIToFP(e->builder, v, like(e->f32, n), "");
  return LLVMBuildSIToFP(e->builder, int_to_int(e, v, from, like(e->i32, n)), like(e->f32, n), "");
}

LLVMValueRef emit_cast(Emitter *e, LLVMValueRef v, LType type, DType to) {
  DType from = type.dtype;
  int n = type.lanes;
  if (from == to) return v;
  if (from == DT_F16 || from == DT_BF16) {
    v = from == DT_F16 ? f16_to_f32(e, v, n) : bf16_to_f32(e, v, n);
    from = DT_F32;
  }
  if (to == DT_BOOL) return not_zero(e, v, from, n);
  if (dtype_is_float(to)) {
    if (from != DT_F32) v = int_to_f32(e, v, from, n);
    return to == DT_F16 ? f32_to_f16(e, v, n) : to == DT_BF16 ? f32_to_bf16(e, v, n) : v;
  }
  if (from == DT_F32) return f32_to_int(e, v, to, n);
  return int_to_int(e, v, from, emit_type(e, (LType){to, (uint8_t)n, false}));
}
