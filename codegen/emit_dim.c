// Dimension expressions as LLVM IR, with the meaning of dim_eval except that overflow is noted instead of saturated.
#include "codegen/internal.h"
#include "ir/core/check.h"

typedef struct DimEmitter {
  Emitter *e;
  const DimTable *table;
  LLVMValueRef dims, *overflow;
} DimEmitter;

static LLVMValueRef constant(Emitter *e, int64_t v) { return LLVMConstInt(e->i64, (uint64_t)v, true); }

static LLVMValueRef truth(Emitter *e, LLVMValueRef v) {
  return LLVMBuildZExt(e->builder, LLVMBuildICmp(e->builder, LLVMIntNE, v, constant(e, 0), ""), e->i64, "");
}

static LLVMValueRef noting(DimEmitter *s, const char *intrinsic, LLVMValueRef a, LLVMValueRef b) {
  Emitter *e = s->e;
  LLVMValueRef pair = emit_intrinsic(e, intrinsic, &e->i64, 1, (LLVMValueRef[]){a, b}, 2);
  *s->overflow = LLVMBuildOr(e->builder, *s->overflow, LLVMBuildExtractValue(e->builder, pair, 1, ""), "");
  return LLVMBuildExtractValue(e->builder, pair, 0, "");
}

// Towards minus infinity; by zero it is zero. *rest, if wanted, is what is left.
static LLVMValueRef floor_divide(Emitter *e, LLVMValueRef a, LLVMValueRef b, LLVMValueRef *rest) {
  LLVMBuilderRef u = e->builder;
  LLVMValueRef zero = constant(e, 0), one = constant(e, 1), by_zero = LLVMBuildICmp(u, LLVMIntEQ, b, zero, "");
  LLVMValueRef d = LLVMBuildSelect(u, by_zero, one, b, "");
  LLVMValueRef q = LLVMBuildSDiv(u, a, d, ""), r = LLVMBuildSRem(u, a, d, "");
  LLVMValueRef inexact = LLVMBuildICmp(u, LLVMIntNE, r, zero, "");
  LLVMValueRef differ = LLVMBuildICmp(u, LLVMIntSLT, LLVMBuildXor(u, r, d, ""), zero, "");
  LLVMValueRef adjust = LLVMBuildAnd(u, inexact, differ, "");
  if (rest)
    return LLVMBuildSelect(u, by_zero, zero, LLVMBuildAdd(u, r, LLVMBuildSelect(u, adjust, d, zero, ""), ""), "");
  q = LLVMBuildSub(u, q, LLVMBuildZExt(u, adjust, e->i64, ""), "");
  return LLVMBuildSelect(u, by_zero, zero, q, "");
}

static LLVMValueRef combine(DimEmitter *s, DimOp op, LLVMValueRef a, LLVMValueRef b) {
  Emitter *e = s->e;
  LLVMValueRef rest;
  switch (op) {
  case DIM_ADD: return s->overflow ? noting(s, "llvm.sadd.with.overflow", a, b) : LLVMBuildAdd(e->builder, a, b, "");
  case DIM_MUL: return s->overflow ? noting(s, "llvm.smul.with.overflow", a, b) : LLVMBuildMul(e->builder, a, b, "");
  case DIM_FLOORDIV: return floor_divide(e, a, b, NULL);
  case DIM_MOD: return floor_divide(e, a, b, &rest);
  case DIM_MIN: return emit_intrinsic(e, "llvm.smin", &e->i64, 1, (LLVMValueRef[]){a, b}, 2);
  case DIM_MAX: return emit_intrinsic(e, "llvm.smax", &e->i64, 1, (LLVMValueRef[]){a, b}, 2);
  case DIM_EQ:
  case DIM_LT:
  case DIM_LE: {
    LLVMIntPredicate p = op == DIM_EQ ? LLVMIntEQ : op == DIM_LT ? LLVMIntSLT : LLVMIntSLE;
    return LLVMBuildZExt(e->builder, LLVMBuildICmp(e->builder, p, a, b, ""), e->i64, "");
  }
  case DIM_AND: return LLVMBuildAnd(e->builder, truth(e, a), truth(e, b), "");
  case DIM_OR: return LLVMBuildOr(e->builder, truth(e, a), truth(e, b), "");
  case DIM_NOT:
  case DIM_CONST:
  case DIM_SYMBOL: break;
  }
  UNREACHABLE("dimension operator %d", (int)op);
}

static LLVMValueRef emit(DimEmitter *s, Dim d) {
  Emitter *e = s->e;
  CHECK(d != DIM_INVALID, "an invalid dimension reached code generation");
  if (dim_is_const(d)) return constant(e, d);
  int symbol = dim_symbol_index(s->table, d), n;
  if (symbol >= 0) {
    LLVMValueRef at = constant(e, symbol), place = LLVMBuildGEP2(e->builder, e->i64, s->dims, &at, 1, "");
    return LLVMBuildLoad2(e->builder, e->i64, place, "");
  }
  const Dim *operands;
  DimOp op = dim_op(s->table, d, &n, &operands);
  LLVMValueRef v = emit(s, operands[0]);
  if (op == DIM_NOT) return LLVMBuildXor(e->builder, truth(e, v), constant(e, 1), "");
  for (int i = 1; i < n; i++) v = combine(s, op, v, emit(s, operands[i]));
  return v;
}

LLVMValueRef emit_dim(Emitter *e, const DimTable *t, Dim d, LLVMValueRef dims, LLVMValueRef *overflow) {
  return emit(&(DimEmitter){e, t, dims, overflow}, d);
}
