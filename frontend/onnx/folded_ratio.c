// Real numbers that exporters make of open sizes on the way to another size, as in floor(float(H) * 0.5): a quotient of
// a Dim and a positive number. They stand for what f32 holds exactly, so for sizes below 2^24.
#include "frontend/onnx/folded.h"
#include <math.h>

typedef struct Ratio {
  Dim over;
  int64_t under; // > 0
} Ratio;

bool known_is_open(const Known *k, int64_t i) {
  return dtype_is_float(k->dtype) ? k->e[i].den != 0 : !dim_is_const(k->e[i].i);
}

// False for numbers that are not multiples of 2^-20, or are too large.
static bool ratio_of(KnownElement e, Ratio *r) {
  *r = (Ratio){e.i, e.den};
  if (e.den) return true;
  double scaled = e.f;
  for (r->under = 1; r->under < 1 << 20 && scaled != trunc(scaled); r->under *= 2) scaled *= 2;
  if (scaled != trunc(scaled) || !(fabs(scaled) < 0x1p40)) return false;
  r->over = (Dim)scaled;
  return true;
}

static bool finish(Dim over, int64_t under, KnownElement *r) {
  if (over == DIM_INVALID) return false;
  *r = dim_is_const(over) ? (KnownElement){.f = (double)over / (double)under} : (KnownElement){.i = over, .den = under};
  return true;
}

static bool product(DimTable *t, Dim a, Dim b, int64_t under_a, int64_t under_b, KnownElement *r) {
  int64_t under;
  return checked_mul(under_a, under_b, &under) && finish(dim_mul(t, a, b), under, r);
}

static bool quotient(DimTable *t, Ratio a, Ratio b, KnownElement *r) {
  if (a.over == b.over) return finish(b.under, a.under, r);
  return dim_is_const(b.over) && b.over > 0 && product(t, a.over, b.under, a.under, b.over, r);
}

bool ratio_binary(DimTable *t, OpKind op, KnownElement x, KnownElement y, KnownElement *r) {
  Ratio a, b;
  int64_t under;
  if (!ratio_of(x, &a) || !ratio_of(y, &b) || !checked_mul(a.under, b.under, &under)) return false;
  if (op == OP_MUL) return product(t, a.over, b.over, a.under, b.under, r);
  if (op == OP_DIV) return quotient(t, a, b, r);
  // over one denominator
  if (a.under != b.under) {
    a.over = dim_mul(t, a.over, b.under), b.over = dim_mul(t, b.over, a.under);
    if (a.over == DIM_INVALID || b.over == DIM_INVALID) return false;
  } else
    under = a.under;
  switch (op) {
  case OP_ADD: return finish(dim_add(t, a.over, b.over), under, r);
  case OP_SUB: return finish(dim_sub(t, a.over, b.over), under, r);
  case OP_MINIMUM: return finish(dim_min(t, a.over, b.over), under, r);
  case OP_MAXIMUM: return finish(dim_max(t, a.over, b.over), under, r);
  case OP_EQ: r->i = dim_eq(t, a.over, b.over); break;
  case OP_LT: r->i = dim_lt(t, a.over, b.over); break;
  case OP_LE: r->i = dim_le(t, a.over, b.over); break;
  case OP_GT: r->i = dim_lt(t, b.over, a.over); break;
  case OP_GE: r->i = dim_le(t, b.over, a.over); break;
  default: return false;
  }
  return r->i != DIM_INVALID;
}

bool ratio_unary(DimTable *t, OpKind op, KnownElement x, KnownElement *r) {
  switch (op) {
  case OP_NEG: return finish(dim_sub(t, 0, x.i), x.den, r);
  case OP_RELU: return finish(dim_max(t, x.i, 0), x.den, r);
  case OP_FLOOR: return finish(dim_floordiv(t, x.i, x.den), 1, r);
  case OP_CEIL: return finish(dim_floordiv(t, dim_add(t, x.i, x.den - 1), x.den), 1, r);
  default: return false;
  }
}

KnownElement ratio_from(Dim size) { return (KnownElement){.i = size, .den = 1}; }

bool ratio_truncated(DimTable *t, KnownElement e, Dim *i) {
  Ratio r;
  if (!ratio_of(e, &r)) return false;
  *i = dim_floordiv(t, r.over, r.under); // sizes are not negative
  return *i != DIM_INVALID;
}

bool ratio_whole(KnownElement e, Dim *i) {
  Ratio r;
  if (!ratio_of(e, &r) || r.under != 1) return false;
  *i = r.over;
  return true;
}
