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

// exp(x) / sum(exp(x)) along the axis, or its logarithm.
static bool softmax(RefCall *c, int64_t dim, bool log_of) {
  const RefTensor *x = c->in[0];
  int axis = ref_axis(dim, x->rank);
  int64_t n = x->dims[axis], inner = ref_product(x->dims + axis + 1, x->rank - axis - 1);
  for (int64_t k = 0; k < x->count; k++) {
    if (k / inner % n != 0) continue; // the first element of each row stands for it
    const double *in = x->f + k;
    double *out = c->out->f + k, max = -INFINITY, sum = 0;
    for (int64_t j = 0; j < n; j++) max = in[j * inner] > max ? in[j * inner] : max;
    for (int64_t j = 0; j < n; j++) sum += out[j * inner] = exp(in[j * inner] - max);
    for (int64_t j = 0; j < n; j++) out[j * inner] = log_of ? in[j * inner] - max - log(sum) : out[j * inner] / sum;
  }
  return true;
}

bool ref_softmax(RefCall *c) { return softmax(c, NODE_ATTR(c->node, SOFTMAX, dim)->i, false); }
bool ref_log_softmax(RefCall *c) { return softmax(c, NODE_ATTR(c->node, LOG_SOFTMAX, dim)->i, true); }

static bool group_norm(RefCall *c, int64_t groups, double eps) {
  const RefTensor *x = c->in[0], *weight = ref_in(c, IN_GROUP_NORM_weight), *bias = ref_in(c, IN_GROUP_NORM_bias);
  int64_t n = x->count / x->dims[0] / groups;
  for (int64_t first = 0; first < x->count; first += n) {
    const double *in = x->f + first;
    double mean = 0, var = 0;
    for (int64_t j = 0; j < n; j++) mean += in[j] / (double)n;
    for (int64_t j = 0; j < n; j++) var += (in[j] - mean) * (in[j] - mean) / (double)n;
    for (int64_t j = 0; j < n; j++) {
      int64_t ch = channel(x, first + j);
      c->out->f[first + j] = (in[j] - mean) / sqrt(var + eps) * (weight ? weight->f[ch] : 1) + (bias ? bias->f[ch] : 0);
    }
  }
  return true;
}

bool ref_group_norm(RefCall *c) {
  return group_norm(c, NODE_ATTR(c->node, GROUP_NORM, num_groups)->i, NODE_ATTR(c->node, GROUP_NORM, eps)->f);
}
bool ref_instance_norm(RefCall *c) {
  return group_norm(c, c->in[0]->dims[1], NODE_ATTR(c->node, INSTANCE_NORM, eps)->f);
}

bool ref_local_response_norm(RefCall *c) {
  const RefTensor *x = c->in[0];
  int64_t size = NODE_ATTR(c->node, LOCAL_RESPONSE_NORM, size)->i, plane = ref_product(x->dims + 2, x->rank - 2);
  double alpha = NODE_ATTR(c->node, LOCAL_RESPONSE_NORM, alpha)->f;
  for (int64_t k = 0; k < x->count; k++) {
    int64_t ch = channel(x, k), first = max_i64(0, ch - size / 2), end = min_i64(x->dims[1], ch + (size - 1) / 2 + 1);
    double sum = 0;
    for (int64_t other = first; other < end; other++) {
      double v = x->f[k + (other - ch) * plane];
      sum += v * v;
    }
    double base = NODE_ATTR(c->node, LOCAL_RESPONSE_NORM, k)->f + alpha * sum / (double)size;
    c->out->f[k] = x->f[k] / pow(base, NODE_ATTR(c->node, LOCAL_RESPONSE_NORM, beta)->f);
  }
  return true;
}
