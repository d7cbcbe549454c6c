#include "passes/lower/pack_integers.h"
#include "ir/core/checked.h"
#include "passes/lower/pack_parts.h"

static int8_t weight_of(const Packing *p, const int8_t *w, int64_t o, int64_t c, int64_t tap) {
  return o < p->oc && c < p->ic ? w[(o * p->ic + c) * p->taps + tap] : 0;
}

static const int8_t *weights(const Packing *p) {
  DType stored;
  return weight_data(p->w, &stored);
}

static void fill_quads(void *context, int64_t first, int64_t count, void *out) {
  const Packing *p = context;
  const int8_t *w = weights(p);
  int8_t *to = out;
  int64_t quads = ceil_div(p->ic, 4);
  for (int64_t o0 = first * BLOCK; o0 < (first + count) * BLOCK; o0 += BLOCK)
    for (int64_t q0 = 0; q0 < quads; q0 += p->block)
      for (int64_t t = 0; t < p->taps; t++)
        for (int64_t q = q0; q < min_i64(q0 + p->block, quads); q++)
          for (int64_t o = o0; o < o0 + BLOCK; o++)
            for (int64_t c = 4 * q; c < 4 * q + 4; c++) *to++ = weight_of(p, w, o, c, t);
}

LBuffer *pack_quads(Lower *lw, Weight *w, int64_t block) {
  Packing p = packing_of(w, NULL);
  p.block = p.taps == 1 ? ceil_div(p.ic, 4) : block;
  const char *form = arena_printf(lw->p->arena, ".quads%s", p.block == 1 && p.ic > 4 ? "1" : "");
  return packed_panels(lw, form, DT_I32, ceil_div(p.ic, 4) * p.taps, fill_quads, p);
}

static void fill_zero_sums(void *context, int64_t first, int64_t count, void *out) {
  const Packing *p = context;
  const int8_t *w = weights(p);
  int32_t *to = out;
  int64_t each = p->taps / p->block; // taps of a sum
  for (int64_t o0 = first * BLOCK; o0 < (first + count) * BLOCK; o0 += BLOCK)
    for (int64_t t0 = 0; t0 < p->taps; t0 += each)
      for (int64_t o = o0; o < o0 + BLOCK; o++) {
        int64_t sum = 0;
        for (int64_t c = 0; c < p->ic; c++)
          for (int64_t t = t0; t < t0 + each; t++) sum += weight_of(p, w, o, c, t);
        *to++ = (int32_t)(-p->zero * sum);
      }
}

LBuffer *pack_zero_sums(Lower *lw, Weight *w, int64_t zero, bool by_taps) {
  Packing p = packing_of(w, NULL);
  p.block = by_taps ? p.taps : 1; // sums
  p.zero = zero;
  const char *form = arena_printf(lw->p->arena, ".zero%lld%s", (long long)zero, by_taps ? ".taps" : "");
  return packed_panels(lw, form, DT_I32, p.block, fill_zero_sums, p);
}
