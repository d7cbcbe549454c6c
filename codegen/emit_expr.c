// Expressions of the loop IR as LLVM IR.
#include "codegen/internal.h"
#include "ir/core/check.h"
#include <string.h>

bool emit_is_index(LType t) { return t.pointer || (t.dtype == DT_I64 && t.lanes == 1); }

static LLVMTypeRef element_type(Emitter *e, LType t, bool memory) {
  if (t.pointer) return e->ptr;
  switch (t.dtype) {
  case DT_F32: return e->f32;
  case DT_F64: return e->f64;
  case DT_F16:
  case DT_BF16:
  case DT_I16:
  case DT_U16: return e->i16;
  case DT_I8:
  case DT_U8: return e->i8;
  case DT_I32:
  case DT_U32: return e->i32;
  case DT_I64:
  case DT_U64: return e->i64;
  case DT_BOOL: return memory ? e->i8 : e->i1;
  default: UNREACHABLE("dtype %d", (int)t.dtype);
  }
}

static LLVMTypeRef vector_of(LLVMTypeRef element, int lanes) {
  return lanes == 1 ? element : LLVMVectorType(element, (unsigned)lanes);
}

LLVMTypeRef emit_type(Emitter *e, LType t) { return vector_of(element_type(e, t, false), t.lanes); }
LLVMTypeRef emit_memory_type(Emitter *e, LType t) { return vector_of(element_type(e, t, true), t.lanes); }

LLVMValueRef emit_const(Emitter *e, LType t, double v) {
  LLVMTypeRef element = element_type(e, t, false);
  LLVMValueRef c;
  if (emit_is_real(t.dtype)) {
    c = LLVMConstReal(element, t.dtype == DT_F32 ? (double)(float)v : v);
  } else {
    uint64_t bits = 0; // little-endian
    if (v < 0 && dtype_is_unsigned(t.dtype))
      dtype_store_int(t.dtype, &bits, 0, (int64_t)v);
    else
      dtype_store(t.dtype, &bits, 0, v);
    c = LLVMConstInt(element, bits, false);
  }
  if (t.lanes == 1) return c;
  LLVMValueRef all[64];
  for (int i = 0; i < t.lanes; i++) all[i] = c;
  return LLVMConstVector(all, t.lanes);
}

LLVMValueRef emit_intrinsic(Emitter *e, const char *name, LLVMTypeRef *types, int n_types, LLVMValueRef *args, int n) {
  unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
  CHECK(id, "%s", name);
  LLVMValueRef f = LLVMGetIntrinsicDeclaration(e->module, id, types, (size_t)n_types);
  LLVMTypeRef t = LLVMIntrinsicGetType(e->context, id, types, (size_t)n_types);
  return LLVMBuildCall2(e->builder, t, f, args, (unsigned)n, "");
}

static LLVMValueRef unary_intrinsic(Emitter *e, const char *name, LLVMValueRef v) {
  LLVMTypeRef t = LLVMTypeOf(v);
  return emit_intrinsic(e, name, &t, 1, &v, 1);
}

LLVMValueRef emit_shuffled(Emitter *e, LLVMValueRef a, LLVMValueRef b, int n, const int *lanes) {
  LLVMValueRef mask[64];
  for (int i = 0; i < n; i++) mask[i] = LLVMConstInt(e->i32, (uint64_t)lanes[i], false);
  return LLVMBuildShuffleVector(e->builder, a, b, LLVMConstVector(mask, (unsigned)n), "");
}

LLVMValueRef emit_splat(Emitter *e, LLVMValueRef scalar, int lanes) {
  LLVMTypeRef t = LLVMVectorType(LLVMTypeOf(scalar), (unsigned)lanes);
  LLVMValueRef one = LLVMBuildInsertElement(e->builder, LLVMGetPoison(t), scalar, LLVMConstInt(e->i64, 0, false), "");
  return emit_shuffled(e, one, LLVMGetPoison(t), lanes, (const int[64]){0});
}

// ---- memory

LLVMValueRef emit_address(Emitter *e, const LExpr *pointer, const LExpr *offset) {
  Affine p = emit_index(e, pointer), o = emit_index(e, offset);
  Affine at = affine_sum(e, &p, &o, (int64_t)dtype_size(pointer->type.dtype));
  return affine_emit(e, &at);
}

// The lanes below `count`, or NULL when these are all.
LLVMValueRef emit_mask(Emitter *e, const LExpr *count, int lanes) {
  Affine n = emit_index(e, count);
  if (!n.n && n.constant >= lanes) return NULL;
  LLVMValueRef iota[64], zero = LLVMConstInt(e->i64, 0, false), most = LLVMConstInt(e->i64, (uint64_t)lanes, false);
  for (int i = 0; i < lanes; i++) iota[i] = LLVMConstInt(e->i32, (uint64_t)i, false);
  LLVMValueRef v = affine_emit(e, &n);
  v = LLVMBuildSelect(e->builder, LLVMBuildICmp(e->builder, LLVMIntSLT, v, most, ""), v, most, "");
  v = LLVMBuildSelect(e->builder, LLVMBuildICmp(e->builder, LLVMIntSGT, v, zero, ""), v, zero, "");
  v = LLVMBuildTrunc(e->builder, v, e->i32, "");
  if (lanes == 1) return LLVMBuildICmp(e->builder, LLVMIntSLT, iota[0], v, "");
  return LLVMBuildICmp(e->builder, LLVMIntSLT, LLVMConstVector(iota, (unsigned)lanes), emit_splat(e, v, lanes), "");
}

static LLVMValueRef masked_load(Emitter *e, LLVMTypeRef t, LLVMValueRef address, unsigned align, LLVMValueRef mask) {
  LLVMTypeRef types[] = {t, e->ptr};
  LLVMValueRef args[] = {address, LLVMConstInt(e->i32, align, false), mask, LLVMConstNull(t)};
  return emit_intrinsic(e, "llvm.masked.load", types, 2, args, 4);
}

static LLVMValueRef emit_load(Emitter *e, const LExpr *x) {
  unsigned align = (unsigned)dtype_size(x->type.dtype);
  LLVMTypeRef t = emit_memory_type(e, x->type);
  LLVMValueRef address = emit_address(e, x->args[0], x->args[1]);
  LLVMValueRef mask = x->args[2] ? emit_mask(e, x->args[2], x->type.lanes) : NULL, v;
  if (mask && x->type.lanes == 1) {
    LLVMTypeRef vector = LLVMVectorType(t, 1);
    v = masked_load(e, vector, address, align, LLVMBuildBitCast(e->builder, mask, LLVMVectorType(e->i1, 1), ""));
    v = LLVMBuildExtractElement(e->builder, v, LLVMConstInt(e->i64, 0, false), "");
  } else if (mask) {
    v = masked_load(e, t, address, align, mask);
  } else {
    v = LLVMBuildLoad2(e->builder, t, address, "");
    LLVMSetAlignment(v, align);
  }
  return x->type.dtype == DT_BOOL ? LLVMBuildICmp(e->builder, LLVMIntNE, v, LLVMConstNull(t), "") : v;
}

// ---- arithmetic

static LLVMValueRef emit_minmax(Emitter *e, const LExpr *x, LLVMValueRef a, LLVMValueRef b, bool min) {
  LType t = x->args[0]->type;
  if (emit_is_real(t.dtype)) {
    LLVMValueRef c = LLVMBuildFCmp(e->builder, min ? LLVMRealOLT : LLVMRealOGT, a, b, "");
    return LLVMBuildSelect(e->builder, c, a, b, "");
  }
  if (LLVMIsConstant(a) && LLVMIsConstant(b)) { // the builder folds these, not the intrinsics
    LLVMIntPredicate less = dtype_is_unsigned(t.dtype) ? LLVMIntULT : LLVMIntSLT;
    return LLVMBuildSelect(e->builder, LLVMBuildICmp(e->builder, less, min ? a : b, min ? b : a, ""), a, b, "");
  }
  static const char *const names[2][2] = {{"llvm.smax", "llvm.smin"}, {"llvm.umax", "llvm.umin"}};
  LLVMTypeRef type = LLVMTypeOf(a);
  return emit_intrinsic(e, names[dtype_is_unsigned(t.dtype)][min], &type, 1, (LLVMValueRef[]){a, b}, 2);
}

static LLVMValueRef emit_compare(Emitter *e, const LExpr *x, LLVMValueRef a, LLVMValueRef b) {
  static const LLVMRealPredicate real[] = {LLVMRealOEQ, LLVMRealUNE, LLVMRealOLT, LLVMRealOLE};
  static const LLVMIntPredicate integer[2][4] = {{LLVMIntEQ, LLVMIntNE, LLVMIntSLT, LLVMIntSLE},
                                                 {LLVMIntEQ, LLVMIntNE, LLVMIntULT, LLVMIntULE}};
  DType t = x->args[0]->type.dtype;
  int i = (int)x->op - LOOP_EQ;
  if (emit_is_real(t)) return LLVMBuildFCmp(e->builder, real[i], a, b, "");
  return LLVMBuildICmp(e->builder, integer[dtype_is_unsigned(t)][i], a, b, "");
}

static LLVMValueRef emit_float_binary(Emitter *e, LOp op, LLVMValueRef a, LLVMValueRef b) {
  switch (op) {
  case LOOP_ADD: return LLVMBuildFAdd(e->builder, a, b, "");
  case LOOP_SUB: return LLVMBuildFSub(e->builder, a, b, "");
  case LOOP_MUL: return LLVMBuildFMul(e->builder, a, b, "");
  case LOOP_DIV: return LLVMBuildFDiv(e->builder, a, b, "");
  default: UNREACHABLE("%s of floats", loop_op_info(op)->name);
  }
}

static LLVMValueRef emit_int_binary(Emitter *e, LOp op, bool u, LLVMValueRef a, LLVMValueRef b) {
  switch (op) {
  case LOOP_ADD: return LLVMBuildAdd(e->builder, a, b, "");
  case LOOP_SUB: return LLVMBuildSub(e->builder, a, b, "");
  case LOOP_MUL: return LLVMBuildMul(e->builder, a, b, "");
  case LOOP_DIV: return u ? LLVMBuildUDiv(e->builder, a, b, "") : LLVMBuildSDiv(e->builder, a, b, "");
  case LOOP_MOD: return u ? LLVMBuildURem(e->builder, a, b, "") : LLVMBuildSRem(e->builder, a, b, "");
  case LOOP_AND: return LLVMBuildAnd(e->builder, a, b, "");
  case LOOP_OR: return LLVMBuildOr(e->builder, a, b, "");
  case LOOP_XOR: return LLVMBuildXor(e->builder, a, b, "");
  case LOOP_SHL: return LLVMBuildShl(e->builder, a, b, "");
  case LOOP_SHR: return LLVMBuildLShr(e->builder, a, b, "");
  default: UNREACHABLE("%s of integers", loop_op_info(op)->name);
  }
}

static LLVMValueRef emit_binary(Emitter *e, const LExpr *x) {
  LLVMValueRef a = emit_expr(e, x->args[0]), b = emit_expr(e, x->args[1]);
  DType t = x->args[0]->type.dtype;
  switch (x->op) {
  case LOOP_EQ:
  case LOOP_NE:
  case LOOP_LT:
  case LOOP_LE: return emit_compare(e, x, a, b);
  case LOOP_MIN:
  case LOOP_MAX: return emit_minmax(e, x, a, b, x->op == LOOP_MIN);
  default:
    return emit_is_real(t) ? emit_float_binary(e, x->op, a, b) : emit_int_binary(e, x->op, dtype_is_unsigned(t), a, b);
  }
}

// a b + c rounded once, in double. The product is exact there; the sum s and its error (Knuth's two-sum) tell the sum
// rounded to odd: truncated, its last bit set where anything is lost. Rounding that to float is then as rounding the
// exact sum, for a double has more than two bits beyond a float (Boldo and Melquiond, 2008).
static LLVMValueRef emit_exact_fma(Emitter *e, LLVMValueRef *args, int lanes) {
  LLVMBuilderRef b = e->builder;
  LLVMTypeRef real = vector_of(e->f64, lanes), word = vector_of(e->i64, lanes);
  LType words = {DT_I64, (uint8_t)lanes, false};
  LLVMValueRef wide[3];
  for (int i = 0; i < 3; i++) wide[i] = LLVMBuildFPExt(b, args[i], real, "");
  LLVMValueRef p = LLVMBuildFMul(b, wide[0], wide[1], ""), c = wide[2], s = LLVMBuildFAdd(b, p, c, "");
  LLVMValueRef from_c = LLVMBuildFSub(b, s, p, ""), from_p = LLVMBuildFSub(b, s, from_c, "");
  LLVMValueRef lost = LLVMBuildFAdd(b, LLVMBuildFSub(b, p, from_p, ""), LLVMBuildFSub(b, c, from_c, ""), "");
  LLVMValueRef bits = LLVMBuildBitCast(b, s, word, ""), zero = LLVMConstNull(word), one = emit_const(e, words, 1);
  LLVMValueRef even = LLVMBuildICmp(b, LLVMIntEQ, LLVMBuildAnd(b, bits, one, ""), zero, "");
  LLVMValueRef inexact = LLVMBuildFCmp(b, LLVMRealONE, lost, LLVMConstNull(real), "");
  LLVMValueRef apart = LLVMBuildXor(b, bits, LLVMBuildBitCast(b, lost, word, ""), ""); // negative: signs differ
  LLVMValueRef inwards = LLVMBuildICmp(b, LLVMIntSLT, apart, zero, "");
  LLVMValueRef step = LLVMBuildSelect(b, inwards, emit_const(e, words, -1), one, "");
  step = LLVMBuildSelect(b, LLVMBuildAnd(b, even, inexact, ""), step, zero, "");
  LLVMValueRef odd = LLVMBuildBitCast(b, LLVMBuildAdd(b, bits, step, ""), real, "");
  return LLVMBuildFPTrunc(b, odd, vector_of(e->f32, lanes), "");
}

// Where the target has no fma, a product and a sum, always: how a result is rounded must not depend on optimization.
static LLVMValueRef emit_fma(Emitter *e, const LExpr *x) {
  LLVMValueRef args[3];
  for (int i = 0; i < 3; i++) args[i] = emit_expr(e, x->args[i]);
  LLVMTypeRef t = LLVMTypeOf(args[0]);
  if (e->target->has_fma) return emit_intrinsic(e, "llvm.fma", &t, 1, args, 3);
  if (e->target->reproducible) return emit_exact_fma(e, args, x->type.lanes);
  return LLVMBuildFAdd(e->builder, LLVMBuildFMul(e->builder, args[0], args[1], ""), args[2], "");
}

// Halves are joined until one lane is left: the same order of additions on every target.
static LLVMValueRef emit_reduce(Emitter *e, const LExpr *x) {
  LLVMValueRef v = emit_expr(e, x->args[0]);
  bool real = emit_is_real(x->type.dtype);
  for (int n = x->args[0]->type.lanes; n > 1; n /= 2) {
    int low[32], high[32];
    for (int i = 0; i < n / 2; i++) low[i] = i, high[i] = i + n / 2;
    LLVMValueRef a = emit_shuffled(e, v, v, n / 2, low), b = emit_shuffled(e, v, v, n / 2, high);
    if (x->op == LOOP_REDUCE_ADD)
      v = real ? LLVMBuildFAdd(e->builder, a, b, "") : LLVMBuildAdd(e->builder, a, b, "");
    else
      v = emit_minmax(e, x, a, b, x->op == LOOP_REDUCE_MIN);
  }
  if (x->args[0]->type.lanes == 1) return v;
  return LLVMBuildExtractElement(e->builder, v, LLVMConstInt(e->i64, 0, false), "");
}

// To the nearest integer and converted: one instruction where there is one for vectors. LLVM sees two.
static LLVMValueRef emit_rounded(Emitter *e, const LExpr *x) {
  const LExpr *rint = x->args[0];
  bool rounds = x->op == LOOP_CAST && x->type.dtype == DT_I32 && rint->op == LOOP_RINT && rint->type.dtype == DT_F32;
  if (!rounds || x->type.lanes != 16 || !e->target->has_avx512) return NULL;
  LLVMValueRef args[] = {emit_expr(e, rint->args[0]), LLVMConstNull(emit_type(e, x->type)), LLVMConstAllOnes(e->i16),
                         LLVMConstInt(e->i32, 4, false)}; // 4: as MXCSR says, to nearest
  return emit_intrinsic(e, "llvm.x86.avx512.mask.cvtps2dq.512", NULL, 0, args, 4);
}

static LLVMValueRef emit_unary(Emitter *e, const LExpr *x) {
  LLVMValueRef v = emit_rounded(e, x);
  if (v) return v;
  v = emit_expr(e, x->args[0]);
  LType from = x->args[0]->type;
  bool real = emit_is_real(from.dtype);
  switch (x->op) {
  case LOOP_NEG: return real ? LLVMBuildFNeg(e->builder, v, "") : LLVMBuildNeg(e->builder, v, "");
  case LOOP_ABS: {
    LLVMTypeRef t = LLVMTypeOf(v);
    if (real) return unary_intrinsic(e, "llvm.fabs", v);
    if (dtype_is_unsigned(from.dtype)) return v;
    return emit_intrinsic(e, "llvm.abs", &t, 1, (LLVMValueRef[]){v, LLVMConstInt(e->i1, 0, false)}, 2);
  }
  case LOOP_SQRT: return unary_intrinsic(e, "llvm.sqrt", v);
  case LOOP_FLOOR: return unary_intrinsic(e, "llvm.floor", v);
  case LOOP_RINT: return unary_intrinsic(e, "llvm.rint", v);
  case LOOP_CAST: return emit_cast(e, v, from, x->type.dtype);
  case LOOP_BITCAST: return LLVMBuildBitCast(e->builder, v, emit_type(e, x->type), "");
  case LOOP_SPLAT: return emit_splat(e, v, x->type.lanes);
  case LOOP_EXTRACT:
    return from.lanes == 1 ? v
                           : LLVMBuildExtractElement(e->builder, v, LLVMConstInt(e->i64, (uint64_t)x->i, false), "");
  default: UNREACHABLE("%s", loop_op_info(x->op)->name);
  }
}

static LLVMValueRef emit_shuffle(Emitter *e, const LExpr *x) {
  LLVMValueRef a = emit_expr(e, x->args[0]), b = emit_expr(e, x->args[1]);
  if (x->args[0]->type.lanes == 1) { // scalars as vectors of one
    LLVMTypeRef one = LLVMVectorType(LLVMTypeOf(a), 1);
    a = LLVMBuildBitCast(e->builder, a, one, "");
    b = LLVMBuildBitCast(e->builder, b, one, "");
  }
  LLVMValueRef v = emit_shuffled(e, a, b, x->n, x->lanes);
  return x->n == 1 ? LLVMBuildExtractElement(e->builder, v, LLVMConstInt(e->i64, 0, false), "") : v;
}

// ---- lookup in a table of constants

static LLVMValueRef table(Emitter *e, const LExpr *x, int from, int lanes) {
  LLVMValueRef entries[16];
  for (int i = 0; i < lanes; i++) entries[i] = LLVMConstReal(e->f32, (double)x->entries[(from + i) % x->n]);
  return LLVMConstVector(entries, (unsigned)lanes);
}

// Eight lanes: a permutation knows the low three bits; of 16 entries the fourth chooses the half.
static LLVMValueRef lookup_by_eight(Emitter *e, const LExpr *x, LLVMValueRef index) {
  LLVMValueRef half[2];
  for (int i = 0; i < x->n / 8; i++)
    half[i] = emit_intrinsic(e, "llvm.x86.avx2.permps", NULL, 0, (LLVMValueRef[]){table(e, x, i * 8, 8), index}, 2);
  if (x->n == 8) return half[0];
  LLVMValueRef top = LLVMBuildShl(e->builder, index, emit_const(e, (LType){DT_I32, 8, false}, 28), "");
  LLVMValueRef high = LLVMBuildICmp(e->builder, LLVMIntSLT, top, LLVMConstNull(LLVMTypeOf(top)), "");
  return LLVMBuildSelect(e->builder, high, half[1], half[0], "");
}

static LLVMValueRef lookup_one_by_one(Emitter *e, const LExpr *x, LLVMValueRef index) {
  int lanes = x->type.lanes;
  LLVMValueRef at = LLVMBuildAnd(e->builder, index, emit_const(e, x->args[0]->type, x->n - 1), "");
  LLVMValueRef entries = table(e, x, 0, x->n), v = LLVMGetPoison(emit_type(e, x->type));
  if (lanes == 1) return LLVMBuildExtractElement(e->builder, entries, at, "");
  for (int i = 0; i < lanes; i++) {
    LLVMValueRef lane = LLVMConstInt(e->i32, (uint64_t)i, false);
    LLVMValueRef one = LLVMBuildExtractElement(e->builder, at, lane, "");
    v = LLVMBuildInsertElement(e->builder, v, LLVMBuildExtractElement(e->builder, entries, one, ""), lane, "");
  }
  return v;
}

static LLVMValueRef emit_lookup(Emitter *e, const LExpr *x) {
  LLVMValueRef index = emit_expr(e, x->args[0]);
  int lanes = x->type.lanes;
  if (e->target->has_avx512 && lanes == 16)
    return emit_intrinsic(e, "llvm.x86.avx512.permvar.sf.512", NULL, 0, (LLVMValueRef[]){table(e, x, 0, 16), index}, 2);
  if (!e->target->has_avx2 || lanes % 8) return lookup_one_by_one(e, x, index);
  LLVMValueRef v = LLVMGetPoison(emit_type(e, x->type));
  for (int done = 0; done < lanes; done += 8) {
    int eight[8], repeated[64], joined[64];
    for (int i = 0; i < 8; i++) eight[i] = done + i;
    for (int i = 0; i < lanes; i++) repeated[i] = i % 8, joined[i] = i / 8 == done / 8 ? lanes + i : i;
    LLVMValueRef part = lookup_by_eight(e, x, emit_shuffled(e, index, index, 8, eight));
    v = emit_shuffled(e, v, emit_shuffled(e, part, part, lanes, repeated), lanes, joined);
  }
  return v;
}

// ---- variables and dispatch

int64_t emit_slot(Emitter *e, const LVar *local, LExpr *const *index) {
  int64_t at = 0;
  for (int i = 0; i < local->rank; i++) {
    Affine a = emit_index(e, index[i]);
    CHECK(!a.n && !a.base && a.constant >= 0 && a.constant < local->dims[i], "index of local %s", local->name);
    at = at * local->dims[i] + a.constant;
  }
  return at;
}

Affine emit_index(Emitter *e, const LExpr *x) {
  switch (x->op) {
  case LOOP_INT: return affine_constant(x->i);
  case LOOP_VAR: return e->vars[x->var->id].index;
  case LOOP_ADD:
  case LOOP_SUB: {
    Affine a = emit_index(e, x->args[0]), b = emit_index(e, x->args[1]);
    int64_t unit = x->type.pointer ? (int64_t)dtype_size(x->type.dtype) : 1;
    return affine_sum(e, &a, &b, x->op == LOOP_SUB ? -unit : unit);
  }
  case LOOP_MUL: {
    Affine a = emit_index(e, x->args[0]), b = emit_index(e, x->args[1]);
    return affine_product(e, &a, &b);
  }
  case LOOP_BITCAST:
    if (x->type.pointer) return emit_index(e, x->args[0]);
    // fall through
  default: return affine_value(e, emit_expr(e, x));
  }
}

LLVMValueRef emit_expr(Emitter *e, const LExpr *x) {
  bool linear = x->op == LOOP_INT || x->op == LOOP_VAR || x->op == LOOP_ADD || x->op == LOOP_SUB || x->op == LOOP_MUL ||
                (x->op == LOOP_BITCAST && x->type.pointer);
  if (linear && emit_is_index(x->type)) {
    Affine a = emit_index(e, x);
    return affine_emit(e, &a);
  }
  switch (x->op) {
  case LOOP_FLOAT: return emit_const(e, x->type, x->f);
  case LOOP_VAR: return e->vars[x->var->id].value;
  case LOOP_LOCAL:
    return LLVMBuildLoad2(e->builder, emit_type(e, x->type), e->vars[x->var->id].slots[emit_slot(e, x->var, x->args)],
                          "");
  case LOOP_LOAD: return emit_load(e, x);
  case LOOP_FMA: return emit_fma(e, x);
  case LOOP_DOT4: return emit_dot4(e, x);
  case LOOP_SHUFFLE: return emit_shuffle(e, x);
  case LOOP_TABLE: return emit_table(e, x);
  case LOOP_LOOKUP: return emit_lookup(e, x);
  case LOOP_SELECT: {
    LLVMValueRef c = emit_expr(e, x->args[0]);
    if (LLVMIsAConstantInt(c)) return emit_expr(e, x->args[LLVMConstIntGetZExtValue(c) ? 1 : 2]);
    LLVMValueRef yes = emit_expr(e, x->args[1]);
    return LLVMBuildSelect(e->builder, c, yes, emit_expr(e, x->args[2]), "");
  }
  case LOOP_REDUCE_ADD:
  case LOOP_REDUCE_MAX:
  case LOOP_REDUCE_MIN: return emit_reduce(e, x);
  default: return loop_op_info(x->op)->arity == 2 ? emit_binary(e, x) : emit_unary(e, x);
  }
}
