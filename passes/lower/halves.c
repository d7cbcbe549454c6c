#include "passes/lower/halves.h"

LExpr *halves_load(LBuilder *b, LExpr *weights, LExpr *offset, int lanes) {
  LExpr *v = lx_load(b, weights, offset, lanes);
  return dtype_is_half(v->type.dtype) ? lx_cast(b, DT_F32, v) : v;
}

LExpr *halves_scratch(Kernel *k, LExpr *weights, int64_t elements) {
  if (!dtype_is_half(weights->type.dtype)) return NULL;
  return kernel_scratch(k, "wide", DT_F32, elements * (int64_t)sizeof(float));
}

void halves_widen(Kernel *k, LExpr *to, LExpr *from, LExpr *count) {
  LBuilder *b = k->b;
  LExpr *i = loop_for(b, "i", lx_int(b, 0), count, BLOCK);
  loop_store(b, to, i, halves_load(b, from, i, BLOCK));
  loop_end_for(b);
}
