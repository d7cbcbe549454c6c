// Normalizations.
#include "ir/ref/ref_ops.h"
#include <math.h>

// The channel of element k of [N, C, ...].
static int64_t channel(const RefTensor *x, int64_t k) { return k / ref_product(x->dims + 2, x->rank - 2) % x->dims[1]; }

bool ref_batch_norm(RefCall *c) {
  const RefTensor *x = ref_in(c, IN_BATCH_NORM_x), *weight = ref_in(c, IN_BATCH_NORM_weight),
                  *bias = ref_in(c, IN_BATCH_NORM_bias);
  const RefTensor *mean = ref_in(c, IN_BATCH_NORM_running_mean), *var = ref_in(c, IN_BATCH_NORM_running_var);
  double eps = NODE_ATTR(c->node, BATCH_NORM, eps)->f;
  for (int64_t k = 0; k < x->count; k++) {
    int64_t ch = channel(x, k);
    double v = (x->f[k] - mean->f[ch]) / sqrt(var->f[ch] + eps);
    c->out->f[k] = v * (weight ? weight->f[ch] : 1) + (bias ? bias->f[ch] : 0);
  }
  return true;
}

bool ref_layer_norm(RefCall *c) {
  const RefTensor *x = ref_in(c, IN_LAYER_NORM_x), *weight = ref_in(c, IN_LAYER_NORM_weight),
                  *bias = ref_in(c, IN_LAYER_NORM_bias);
  double eps = NODE_ATTR(c->node, LAYER_NORM, eps)->f;
  int64_t n = x->dims[x->rank - 1];
  for (int64_t row = 0; row < x->count; row += n) {
    const double *in = x->f + row;
    double mean = 0, var = 0;
    for (int64_t j = 0; j < n; j++) mean += in[j] / (double)n;
    for (int64_t j = 0; j < n; j++) var += (in[j] - mean) * (in[j] - mean) / (double)n;
    for (int64_t j = 0; j < n; j++)
      c->out->f[row + j] = (in[j] - mean) / sqrt(var + eps) * (weight ? weight->f[j] : 1) + (bias ? bias->f[j] : 0);
  }
  return true;
}

bool ref_normalize(RefCall *c) {
  const RefTensor *x = ref_in(c, IN_NORMALIZE_x);
  const Attr *mean = NODE_ATTR(c->node, NORMALIZE, mean), *std = NODE_ATTR(c->node, NORMALIZE, std);
  double scale = NODE_ATTR(c->node, NORMALIZE, scale)->f;
  for (int64_t k = 0; k < x->count; k++) {
    int64_t ch = channel(x, k);
    c->out->f[k] = (ref_at(x, k) / scale - mean->floats[mean->n == 1 ? 0 : ch]) / std->floats[std->n == 1 ? 0 : ch];
  }
  return true;
}

bool ref_softmax(RefCall *c) {
  const RefTensor *x = ref_in(c, IN_SOFTMAX_x);
  int axis = ref_axis(NODE_ATTR(c->node, SOFTMAX, dim)->i, x->rank);
  int64_t n = x->dims[axis], inner = ref_product(x->dims + axis + 1, x->rank - axis - 1);
  for (int64_t k = 0; k < x->count; k++) {
    if (k / inner % n != 0) continue; // the first element of each row stands for it
    const double *in = x->f + k;
    double *out = c->out->f + k, max = -INFINITY, sum = 0;
    for (int64_t j = 0; j < n; j++) max = in[j * inner] > max ? in[j * inner] : max;
    for (int64_t j = 0; j < n; j++) sum += out[j * inner] = exp(in[j * inner] - max);
    for (int64_t j = 0; j < n; j++) out[j * inner] /= sum;
  }
  return true;
}
