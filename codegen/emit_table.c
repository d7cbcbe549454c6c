// Bytes looked up in a table of 256 in memory.
#include "codegen/internal.h"
#include <string.h>

// Entries [64 i, 64 i + 64). Nothing writes to a table while a kernel runs: one load serves all lookups near it.
static LLVMValueRef quarter(Emitter *e, LLVMValueRef table, int i) {
  LLVMValueRef at = LLVMConstInt(e->i64, (uint64_t)i * 64, false);
  LLVMValueRef p = LLVMBuildGEP2(e->builder, e->i8, table, &at, 1, "");
  LLVMValueRef v = LLVMBuildLoad2(e->builder, LLVMVectorType(e->i8, 64), p, "");
  static const char name[] = "invariant.load";
  unsigned kind = LLVMGetMDKindIDInContext(e->context, name, (unsigned)strlen(name));
  LLVMSetAlignment(v, 1);
  LLVMSetMetadata(v, kind, LLVMMetadataAsValue(e->context, LLVMMDNodeInContext2(e->context, NULL, 0)));
  return v;
}

// Seven bits of the index choose of 128 entries, the eighth which 128.
static LLVMValueRef by_permutations(Emitter *e, LLVMValueRef table, LLVMValueRef index, int lanes) {
  int all[64], some[64];
  for (int i = 0; i < 64; i++) all[i] = i % lanes, some[i] = i;
  LLVMValueRef wide = lanes == 64 ? index : emit_shuffled(e, index, index, 64, all), half[2];
  for (int i = 0; i < 2; i++) {
    LLVMValueRef args[] = {quarter(e, table, 2 * i), wide, quarter(e, table, 2 * i + 1)};
    half[i] = emit_intrinsic(e, "llvm.x86.avx512.vpermi2var.qi.512", NULL, 0, args, 3);
  }
  LLVMValueRef high = LLVMBuildICmp(e->builder, LLVMIntSLT, wide, LLVMConstNull(LLVMTypeOf(wide)), "");
  LLVMValueRef v = LLVMBuildSelect(e->builder, high, half[1], half[0], "");
  return lanes == 64 ? v : emit_shuffled(e, v, v, lanes, some);
}

static LLVMValueRef one_by_one(Emitter *e, LLVMValueRef table, LLVMValueRef index, int lanes) {
  LLVMValueRef v = LLVMGetPoison(LLVMTypeOf(index));
  for (int i = 0; i < lanes; i++) {
    LLVMValueRef lane = LLVMConstInt(e->i32, (uint64_t)i, false);
    LLVMValueRef at = lanes == 1 ? index : LLVMBuildExtractElement(e->builder, index, lane, "");
    at = LLVMBuildZExt(e->builder, at, e->i64, "");
    LLVMValueRef one = LLVMBuildLoad2(e->builder, e->i8, LLVMBuildGEP2(e->builder, e->i8, table, &at, 1, ""), "");
    if (lanes == 1) return one;
    v = LLVMBuildInsertElement(e->builder, v, one, lane, "");
  }
  return v;
}

LLVMValueRef emit_table(Emitter *e, const LExpr *x) {
  Affine p = emit_index(e, x->args[0]);
  LLVMValueRef table = affine_emit(e, &p), index = emit_expr(e, x->args[1]);
  int lanes = x->type.lanes;
  return e->target->has_vbmi && lanes > 4 ? by_permutations(e, table, index, lanes)
                                          : one_by_one(e, table, index, lanes);
}
