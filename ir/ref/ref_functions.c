// Elementary functions, and activations with numbers of their own.
#include "ir/ref/ref_ops.h"
#include <math.h>

static double rsqrt(double v) { return 1 / sqrt(v); }
static double reciprocal(double v) { return 1 / v; }

static bool map(RefCall *c, double (*fn)(double)) {
  for (int64_t k = 0; k < c->out->count; k++) c->out->f[k] = fn(c->in[0]->f[k]);
  return true;
}

bool ref_exp(RefCall *c) { return map(c, exp); }
bool ref_log(RefCall *c) { return map(c, log); }
bool ref_sqrt(RefCall *c) { return map(c, sqrt); }
bool ref_rsqrt(RefCall *c) { return map(c, rsqrt); }
bool ref_reciprocal(RefCall *c) { return map(c, reciprocal); }
bool ref_erf(RefCall *c) { return map(c, erf); }
bool ref_atan(RefCall *c) { return map(c, atan); }
bool ref_sin(RefCall *c) { return map(c, sin); }
bool ref_cos(RefCall *c) { return map(c, cos); }
bool ref_floor(RefCall *c) { return map(c, floor); }
bool ref_ceil(RefCall *c) { return map(c, ceil); }
bool ref_round(RefCall *c) { return map(c, rint); }

static int64_t negated(int64_t v) { return (int64_t)(0 - (uint64_t)v); } // the lowest is its own

bool ref_abs(RefCall *c) {
  const RefTensor *x = c->in[0];
  for (int64_t k = 0; k < x->count; k++)
    if (x->f)
      c->out->f[k] = fabs(x->f[k]);
    else
      c->out->i[k] = ref_at(x, k) < 0 ? negated(x->i[k]) : x->i[k];
  return true;
}

bool ref_neg(RefCall *c) {
  const RefTensor *x = c->in[0];
  for (int64_t k = 0; k < x->count; k++)
    if (x->f)
      c->out->f[k] = -x->f[k];
    else
      c->out->i[k] = negated(x->i[k]);
  return true;
}

bool ref_clamp(RefCall *c) {
  const RefTensor *x = c->in[0];
  DType d = x->type->dtype;
  double min = NODE_ATTR(c->node, CLAMP, min)->f, max = NODE_ATTR(c->node, CLAMP, max)->f;
  if (x->f) {
    for (int64_t k = 0; k < x->count; k++) {
      double v = x->f[k] < min ? min : x->f[k];
      c->out->f[k] = v > max ? max : v;
    }
    return true;
  }
  int64_t bias = ref_bias(d), least = ref_truncate(d, min) ^ bias, most = ref_truncate(d, max) ^ bias;
  for (int64_t k = 0; k < x->count; k++) c->out->i[k] = min_i64(max_i64(ref_key(x, k), least), most) ^ bias;
  return true;
}

// ---- activations

bool ref_leaky_relu(RefCall *c) {
  double slope = NODE_ATTR(c->node, LEAKY_RELU, negative_slope)->f;
  for (int64_t k = 0; k < c->out->count; k++) {
    double v = c->in[0]->f[k];
    c->out->f[k] = v > 0 ? v : slope * v;
  }
  return true;
}

bool ref_prelu(RefCall *c) {
  const RefTensor *x = c->in[0], *w = c->in[IN_PRELU_weight];
  int64_t inner = x->rank > 2 ? ref_product(x->dims + 2, x->rank - 2) : 1;
  for (int64_t k = 0; k < x->count; k++) {
    double v = x->f[k], slope = w->f[w->count == 1 ? 0 : k / inner % x->dims[1]];
    c->out->f[k] = v > 0 ? v : slope * v;
  }
  return true;
}

static bool exponential_units(RefCall *c, double scale, double slope) {
  for (int64_t k = 0; k < c->out->count; k++) {
    double v = c->in[0]->f[k];
    c->out->f[k] = v > 0 ? v : scale * expm1(v * slope);
  }
  return true;
}

bool ref_elu(RefCall *c) { return exponential_units(c, NODE_ATTR(c->node, ELU, alpha)->f, 1); }
bool ref_celu(RefCall *c) {
  double alpha = NODE_ATTR(c->node, CELU, alpha)->f;
  return exponential_units(c, alpha, 1 / alpha);
}

bool ref_softplus(RefCall *c) {
  double beta = NODE_ATTR(c->node, SOFTPLUS, beta)->f, threshold = NODE_ATTR(c->node, SOFTPLUS, threshold)->f;
  for (int64_t k = 0; k < c->out->count; k++) {
    double v = c->in[0]->f[k], z = beta * v;
    c->out->f[k] = z > threshold ? v : ((z < 0 ? 0 : z) + log1p(exp(-fabs(z)))) / beta;
  }
  return true;
}
