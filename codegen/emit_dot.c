// Sums of products of bytes, by fours: the instructions for integer products of each processor, all exact.
#include "codegen/internal.h"

typedef LLVMValueRef Value;

static Value words(Emitter *e, int n, int64_t v) {
  return emit_const(e, (LType){DT_I32, (uint8_t)n, false}, (double)v);
}

// The bytes 0 and 2 of each word, or 1 and 3, as two numbers of 16 bits.
static Value halves(Emitter *e, Value v, int n, bool odd, bool is_signed) {
  LLVMTypeRef type = LLVMVectorType(e->i16, 2 * (unsigned)n);
  LLVMValueRef eight = emit_const(e, (LType){DT_I16, (uint8_t)(2 * n), false}, 8);
  Value x = LLVMBuildBitCast(e->builder, v, type, "");
  if (!odd) x = LLVMBuildShl(e->builder, x, eight, "");
  x = is_signed ? LLVMBuildAShr(e->builder, x, eight, "") : LLVMBuildLShr(e->builder, x, eight, "");
  return x;
}

// Bytes as numbers of 16 bits, whose products are summed by twos in 32: never past them, unlike those of bytes.
static Value by_pairs(Emitter *e, const char *madd, Value a, Value b, Value c, int n) {
  for (int odd = 0; odd < 2; odd++) {
    Value args[] = {halves(e, a, n, odd, false), halves(e, b, n, odd, true)};
    c = LLVMBuildAdd(e->builder, c, emit_intrinsic(e, madd, NULL, 0, args, 2), "");
  }
  return c;
}

static Value one_by_one(Emitter *e, Value a, Value b, Value c, int n) {
  LLVMBuilderRef u = e->builder;
  for (int i = 0; i < 4; i++) {
    Value x = LLVMBuildAnd(u, LLVMBuildLShr(u, a, words(e, n, 8 * i), ""), words(e, n, 255), "");
    Value y = LLVMBuildAShr(u, LLVMBuildShl(u, b, words(e, n, 24 - 8 * i), ""), words(e, n, 24), "");
    c = LLVMBuildAdd(u, c, LLVMBuildMul(u, x, y, ""), "");
  }
  return c;
}

// Of n lanes, which fill a machine vector of integers, or are fewer.
static Value machine_dot4(Emitter *e, Value a, Value b, Value c, int n) {
  const Target *t = e->target;
  const char *fused = n == 16 ? "llvm.x86.avx512.vpdpbusd.512" : n == 8 ? "llvm.x86.avx512.vpdpbusd.256" : NULL;
  const char *pairs = n == 16  ? "llvm.x86.avx512.pmaddw.d.512"
                      : n == 8 ? "llvm.x86.avx2.pmadd.wd"
                      : n == 4 ? "llvm.x86.sse2.pmadd.wd"
                               : NULL;
  if (t->has_vnni && fused) return emit_intrinsic(e, fused, NULL, 0, (Value[]){c, a, b}, 3);
  return pairs && !t->aarch64 ? by_pairs(e, pairs, a, b, c, n) : one_by_one(e, a, b, c, n);
}

LLVMValueRef emit_dot4(Emitter *e, const LExpr *x) {
  Value v[3];
  for (int i = 0; i < 3; i++) v[i] = emit_expr(e, x->args[i]);
  const Target *t = e->target;
  int lanes = x->type.lanes, most = t->has_avx512 ? 16 : t->has_avx2 ? 8 : 4;
  if (lanes <= most) return machine_dot4(e, v[0], v[1], v[2], lanes);
  Value joined = LLVMGetPoison(emit_type(e, x->type));
  for (int done = 0; done < lanes; done += most) {
    int part[64], spread[64], into[64];
    for (int i = 0; i < most; i++) part[i] = done + i;
    for (int i = 0; i < lanes; i++) spread[i] = i % most, into[i] = i / most == done / most ? lanes + i : i;
    Value p[3];
    for (int i = 0; i < 3; i++) p[i] = emit_shuffled(e, v[i], v[i], most, part);
    Value sum = machine_dot4(e, p[0], p[1], p[2], most);
    joined = emit_shuffled(e, joined, emit_shuffled(e, sum, sum, lanes, spread), lanes, into);
  }
  return joined;
}
