#include "driver/compare.h"
#include <math.h>

// Strides in elements of each dimension; along the blocked axis, of whole blocks.
static void strides_of(const Type *t, const int64_t *extents, int64_t *strides) {
  int a = t->blocked_axis;
  int64_t step = a < 0 ? 1 : BLOCK;
  for (int i = t->rank - 1; i >= 0; i--) {
    if (i == a || (a > 0 && i == 0)) continue;
    strides[i] = step;
    step *= extents[i];
  }
  if (a < 0) return;
  strides[a] = step;
  if (a > 0) strides[0] = step * ceil_div(extents[a], BLOCK);
}

void compare_unpack(const Type *t, const int64_t *extents, const void *data, double *out) {
  int64_t strides[MAX_RANK], index[MAX_RANK] = {0}, n = 1;
  strides_of(t, extents, strides);
  for (int i = 0; i < t->rank; i++) n *= extents[i];
  for (int64_t k = 0; k < n; k++) {
    int64_t at = 0;
    for (int i = 0; i < t->rank; i++)
      at += i == t->blocked_axis ? index[i] / BLOCK * strides[i] + index[i] % BLOCK : index[i] * strides[i];
    out[k] = dtype_load(t->dtype, data, at);
    for (int i = t->rank - 1; i >= 0 && ++index[i] == extents[i]; i--) index[i] = 0;
  }
}

void compare_add(Comparison *c, double native, double reference) {
  double e = fabs(native - reference);
  if (!c->n++) c->first = native, c->first_expected = reference;
  c->infinite = c->infinite || !isfinite(native) || !isfinite(reference);
  c->varied = c->varied || native != c->first;
  c->expected_varied = c->expected_varied || reference != c->first_expected;
  if (e > c->max_abs) c->max_abs = e;
  c->errors += e * e;
  c->squares += reference * reference;
}

Difference compare_end(const Comparison *c) {
  Difference d = {.max_abs = c->max_abs, .finite = !c->infinite, .constant = !c->varied && c->expected_varied};
  d.nmse = c->errors > 0 ? c->errors / c->squares : 0; // a reference of zeros admits no error
  d.rel_l2 = sqrt(d.nmse);
  return d;
}

Difference compare_values(const double *native, const RefTensor *reference) {
  Comparison c = {0};
  for (int64_t i = 0; i < reference->count; i++) compare_add(&c, native[i], ref_at(reference, i));
  return compare_end(&c);
}
