// Numbers as small integers.
#include "ir/ref/ref_ops.h"
#include <math.h>

// The number of the scale that belongs to element k. The attributes of both ops lie alike.
static int64_t scale_of(const RefCall *c, const RefTensor *scales, int64_t k) {
  const RefTensor *x = c->in[0];
  int64_t axis = NODE_ATTR(c->node, QUANTIZE_LINEAR, axis)->i,
          block = NODE_ATTR(c->node, QUANTIZE_LINEAR, block_size)->i;
  if (scales->count == 1) return 0;
  int64_t inner = ref_product(&x->dims[axis + 1], x->rank - (int)axis - 1), extent = x->dims[axis];
  int64_t at = k / inner % extent;
  if (!block) return at;
  return (k / inner / extent * scales->dims[axis] + at / block) * inner + k % inner;
}

static double zero_at(const RefCall *c, int64_t k) {
  const RefTensor *zero = ref_in(c, IN_QUANTIZE_LINEAR_zero_point);
  return zero ? (double)zero->i[scale_of(c, zero, k)] : 0;
}

static double rounded(DType to, double v) {
  double cell; // room for any type
  dtype_store(to, &cell, 0, v);
  return dtype_load(to, &cell, 0);
}

// ref_truncate saturates. Quotients are rounded to x's type first, as ONNX has it: whether one lies just between two
// steps depends on it.
bool ref_quantize_linear(RefCall *c) {
  const RefTensor *x = c->in[0], *scale = c->in[IN_QUANTIZE_LINEAR_scale];
  for (int64_t k = 0; k < x->count; k++) {
    double steps = rint(rounded(x->type->dtype, x->f[k] / scale->f[scale_of(c, scale, k)]));
    c->out->i[k] = ref_truncate(c->out->type->dtype, steps + zero_at(c, k));
  }
  return true;
}

bool ref_dequantize_linear(RefCall *c) {
  const RefTensor *x = c->in[0], *scale = c->in[IN_DEQUANTIZE_LINEAR_scale];
  for (int64_t k = 0; k < x->count; k++)
    c->out->f[k] = ((double)x->i[k] - zero_at(c, k)) * scale->f[scale_of(c, scale, k)];
  return true;
}

static int64_t entry(const RefTensor *table, int64_t v) { return table->i[v & 255]; }

bool ref_byte_table(RefCall *c) {
  for (int64_t k = 0; k < c->out->count; k++)
    c->out->i[k] = entry(c->in[IN_BYTE_TABLE_table], c->in[IN_BYTE_TABLE_x]->i[k]);
  return true;
}

// ---- products: sums of integers are exact in double

double *ref_centered(const RefTensor *x, int64_t zero_point) {
  double *v = xmalloc(sizeof *v * (size_t)max_i64(x->count, 1));
  for (int64_t k = 0; k < x->count; k++) v[k] = (double)(x->i[k] - zero_point);
  return v;
}

bool ref_scale(RefCall *c, const RefScaling *s) {
  for (int64_t k = 0; k < c->out->count; k++) {
    int64_t channel = k / s->inner % s->channels;
    double v = s->sums[k] * s->scale->f[channel];
    if (s->bias) v += s->bias->f[channel];
    if (s->residual) v += s->residual_scale->f * ref_at(s->residual, k);
    if (!c->out->f) v = rint(v);
    v = fmin(fmax(v + (double)s->y_zero_point->i, s->low->f), s->high->f);
    if (c->out->f)
      c->out->f[k] = v;
    else
      c->out->i[k] = ref_truncate(c->out->type->dtype, v);
    if (s->table) c->out->i[k] = entry(s->table, c->out->i[k]);
  }
  return true;
}
