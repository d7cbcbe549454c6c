#include "passes/loop/envelope.h"
#include <math.h>

enum { MOST_TERMS = 64 };

static bool add_term(Envelope *e, Dim monomial, double coef) {
  for (size_t i = 0; i < e->len; i++)
    if (e->data[i].monomial == monomial) return e->data[i].coef += coef, true;
  if (e->len == MOST_TERMS || monomial == DIM_INVALID) return false;
  vec_push(e, (Term){monomial, coef});
  return true;
}

static bool bound(DimTable *t, Dim d, Envelope *out);

static bool bound_sum(DimTable *t, const Dim *d, int n, Envelope *out) {
  bool ok = true;
  for (int i = 0; ok && i < n; i++) {
    Envelope e = {0};
    ok = bound(t, d[i], &e);
    for (size_t k = 0; ok && k < e.len; k++) ok = add_term(out, e.data[k].monomial, e.data[k].coef);
    vec_free(&e);
  }
  return ok;
}

// Factors are dimensions, so not negative in any run; then the product of their bounds bounds the product.
static bool bound_product(DimTable *t, const Dim *d, int n, Envelope *out) {
  bool ok = add_term(out, 1, 1);
  for (int i = 0; ok && i < n; i++) {
    Envelope e = {0}, product = {0};
    ok = bound(t, d[i], &e);
    for (size_t a = 0; ok && a < out->len; a++)
      for (size_t b = 0; ok && b < e.len; b++)
        ok = add_term(&product, dim_mul(t, out->data[a].monomial, e.data[b].monomial),
                      out->data[a].coef * e.data[b].coef);
    vec_free(&e);
    vec_free(out);
    *out = product;
  }
  return ok;
}

static bool bound_maximum(DimTable *t, Dim a, Dim b, Envelope *out) {
  Envelope e = {0};
  bool ok = bound(t, a, out) && bound(t, b, &e);
  for (size_t k = 0; ok && k < e.len; k++) {
    ok = add_term(out, e.data[k].monomial, 0);
    for (size_t i = 0; i < out->len; i++)
      if (out->data[i].monomial == e.data[k].monomial) out->data[i].coef = fmax(out->data[i].coef, e.data[k].coef);
  }
  vec_free(&e);
  return ok;
}

// What dim_range knows; no help where a symbol has no end.
static bool bound_range(DimTable *t, Dim d, Envelope *out) {
  int64_t min, max;
  dim_range(t, d, &min, &max);
  return max < DIM_SYMBOLIC / 2 && add_term(out, 1, (double)max);
}

static bool bound(DimTable *t, Dim d, Envelope *out) {
  if (d == DIM_INVALID) return false;
  if (dim_is_const(d)) return add_term(out, 1, (double)d);
  int n;
  const Dim *borrowed;
  DimOp op = dim_op(t, d, &n, &borrowed);
  Dim operands[MOST_TERMS];
  if (n > MOST_TERMS) return false;
  for (int i = 0; i < n; i++) operands[i] = borrowed[i];
  switch (op) {
  case DIM_SYMBOL: return add_term(out, d, 1);
  case DIM_ADD: return bound_sum(t, operands, n, out);
  case DIM_MUL:
    return dim_is_const(operands[0]) && operands[0] < 0 ? bound_range(t, d, out) : bound_product(t, operands, n, out);
  case DIM_MIN: return bound(t, operands[0], out);
  case DIM_MAX: return bound_maximum(t, operands[0], operands[1], out);
  case DIM_FLOORDIV:
    if (!bound(t, operands[0], out)) return false;
    for (size_t i = 0; dim_is_const(operands[1]) && i < out->len; i++) out->data[i].coef /= (double)operands[1];
    return true; // by a symbol: at least 1, so no more than the dividend
  default: return bound_range(t, d, out);
  }
}

static void note(Monomials *m, Dim monomial) {
  for (size_t i = 0; i < m->list.len; i++)
    if (m->list.data[i] == monomial) return;
  vec_push(&m->list, monomial);
}

bool envelope_of(Monomials *m, Dim d, Envelope *out) {
  if (!m->list.len) vec_push(&m->list, 1);
  if (!bound(m->dims, d, out)) return false;
  for (size_t i = 0; i < out->len; i++) note(m, out->data[i].monomial);
  return true;
}

void envelope_vector(const Monomials *m, const Envelope *e, int64_t multiple, double *out) {
  for (size_t i = 0; i < m->list.len; i++) out[i] = 0;
  for (size_t k = 0; k < e->len; k++) {
    double coef = fmax(e->data[k].coef, 0);
    if (coef != floor(coef)) coef *= 1 + 1e-12; // thirds and the like were rounded
    for (size_t i = 0; i < m->list.len; i++)
      if (m->list.data[i] == e->data[k].monomial) out[i] = ceil(coef / (double)multiple) * (double)multiple;
  }
}

Dim envelope_dim(const Monomials *m, const double *vector) {
  Dim sum = 0;
  for (size_t i = 0; i < m->list.len; i++) {
    if (vector[i] >= 0x1p53) return DIM_INVALID;
    sum = dim_add(m->dims, sum, dim_mul(m->dims, (Dim)vector[i], m->list.data[i]));
  }
  return sum;
}

double envelope_value(const Monomials *m, const double *vector, const int64_t *symbols) {
  double sum = 0;
  for (size_t i = 0; i < m->list.len; i++) sum += vector[i] * (double)dim_eval(m->dims, m->list.data[i], symbols);
  return sum;
}
