// Conversions between element types. f16 and bf16 live in registers as their 16 bits; where the processor cannot
// convert them, integer arithmetic does, so that no helper from a compiler's support library is called and subnormal
// halves survive a processor that flushes subnormal floats.
#include "codegen/internal.h"
#include <math.h>

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
  if (emit_is_real(from)) return LLVMBuildFCmp(e->builder, LLVMRealUNE, v, emit_const(e, t, 0), "");
  return LLVMBuildICmp(e->builder, LLVMIntNE, v, emit_const(e, t, 0), "");
}

// Out of range: types of 8 and 16 bits keep the low bits of an i32, u32 those of an i64; others give anything.
static LLVMValueRef real_to_int(Emitter *e, LLVMValueRef v, DType to, int n) {
  LLVMTypeRef wanted = emit_type(e, (LType){to, (uint8_t)n, false});
  if (to == DT_U64) return LLVMBuildFPToUI(e->builder, v, wanted, "");
  LLVMTypeRef way = dtype_size(to) < 4 ? like(e->i32, n) : to == DT_U32 ? like(e->i64, n) : wanted;
  LLVMValueRef wide = LLVMBuildFPToSI(e->builder, v, way, "");
  return way == wanted ? wide : LLVMBuildTrunc(e->builder, wide, wanted, "");
}

static LLVMValueRef int_to_int(Emitter *e, LLVMValueRef v, DType from, LLVMTypeRef to) {
  size_t size = from == DT_BOOL ? 0 : dtype_size(from);
  size_t wanted = LLVMGetIntTypeWidth(LLVMGetTypeKind(to) == LLVMVectorTypeKind ? LLVMGetElementType(to) : to) / 8;
  if (size == wanted) return v;
  if (size > wanted) return LLVMBuildTrunc(e->builder, v, to, "");
  return dtype_is_unsigned(from) ? LLVMBuildZExt(e->builder, v, to, "") : LLVMBuildSExt(e->builder, v, to, "");
}

static LLVMValueRef int_to_real(Emitter *e, LLVMValueRef v, DType from, LLVMTypeRef to, int n) {
  if (from == DT_U32 || from == DT_U64) return LLVMBuildUIToFP(e->builder, v, to, "");
  return LLVMBuildSIToFP(e->builder, from == DT_I64 ? v : int_to_int(e, v, from, like(e->i32, n)), to, "");
}

// As f32 for rounding to 16 bits: to odd, so that the second rounding sees on which side of the float the double lay.
static LLVMValueRef f64_to_odd_f32(Emitter *e, LLVMValueRef v, int n) {
  LLVMBuilderRef b = e->builder;
  LLVMTypeRef f64 = like(e->f64, n);
  LLVMValueRef nearest = LLVMBuildFPTrunc(b, v, like(e->f32, n), ""), back = LLVMBuildFPExt(b, nearest, f64, "");
  LLVMValueRef magnitude = emit_intrinsic(e, "llvm.fabs", &f64, 1, &v, 1),
               reached = emit_intrinsic(e, "llvm.fabs", &f64, 1, &back, 1);
  LLVMValueRef bits = as(e, nearest, e->i32, n);
  LLVMValueRef beyond = LLVMBuildFCmp(b, LLVMRealOGT, reached, magnitude, "");
  LLVMValueRef inwards = LLVMBuildSelect(b, beyond, LLVMBuildSub(b, bits, bits32(e, n, 1), ""), bits, "");
  LLVMValueRef odd = LLVMBuildOr(b, inwards, bits32(e, n, 1), "");
  LLVMValueRef infinite =
      LLVMBuildFCmp(b, LLVMRealOEQ, reached, emit_const(e, (LType){DT_F64, (uint8_t)n, false}, INFINITY), "");
  LLVMValueRef exact = LLVMBuildOr(b, infinite, LLVMBuildFCmp(b, LLVMRealUEQ, back, v, ""), "");
  return as(e, LLVMBuildSelect(b, exact, bits, odd, ""), e->f32, n);
}

static LLVMValueRef to_real(Emitter *e, LLVMValueRef v, DType from, DType to, int n) {
  LLVMTypeRef wanted = like(to == DT_F64 ? e->f64 : e->f32, n);
  if (from == to) return v;
  if (!emit_is_real(from)) return int_to_real(e, v, from, wanted, n);
  return to == DT_F64 ? LLVMBuildFPExt(e->builder, v, wanted, "") : LLVMBuildFPTrunc(e->builder, v, wanted, "");
}

LLVMValueRef emit_cast(Emitter *e, LLVMValueRef v, LType type, DType to) {
  DType from = type.dtype;
  int n = type.lanes;
  if (from == to) return v;
  if (dtype_is_half(from)) {
    v = from == DT_F16 ? f16_to_f32(e, v, n) : bf16_to_f32(e, v, n);
    from = DT_F32;
  }
  if (to == DT_BOOL) return not_zero(e, v, from, n);
  if (dtype_is_half(to)) {
    v = from == DT_F64 ? f64_to_odd_f32(e, v, n) : to_real(e, v, from, DT_F32, n);
    return to == DT_F16 ? f32_to_f16(e, v, n) : f32_to_bf16(e, v, n);
  }
  if (emit_is_real(to)) return to_real(e, v, from, to, n);
  if (emit_is_real(from)) return real_to_int(e, v, to, n);
  return int_to_int(e, v, from, emit_type(e, (LType){to, (uint8_t)n, false}));
}
