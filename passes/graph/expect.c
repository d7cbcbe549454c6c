#include "passes/graph/expect.h"
#include <math.h>

// The mean of max(x, 0) where x is normal.
static double rectified(double mean, double deviation) {
  if (!(deviation > 0)) return fmax(mean, 0);
  double z = mean / deviation;
  return mean * 0.5 * erfc(-z / sqrt(2)) + deviation * exp(-z * z / 2) / sqrt(2 * M_PI);
}

// Of a batch norm's result, and behind an activation of it: `node` NULL, relu or relu6.
static double *of_norm(const Node *norm, const Node *activation) {
  Weight *scale = constant_weight(operand(norm, IN_BATCH_NORM_weight)),
         *bias = constant_weight(operand(norm, IN_BATCH_NORM_bias));
  if (!bias != !operand(norm, IN_BATCH_NORM_bias) || !scale != !operand(norm, IN_BATCH_NORM_weight)) return NULL;
  Dim channels = result(norm)->type->dims[1];
  double *means = xcalloc((size_t)channels, sizeof *means);
  for (int64_t i = 0; i < channels; i++) {
    double mean = bias ? constant_channel(bias, i) : 0, deviation = scale ? fabs(constant_channel(scale, i)) : 1;
    means[i] = !activation ? mean : rectified(mean, deviation);
    if (activation && activation->op == OP_RELU6) means[i] -= rectified(mean - 6, deviation);
  }
  return means;
}

static double *of_activation(const Node *n) {
  const Value *x = operand(n, 0);
  return x->kind == VALUE_RESULT && x->node->op == OP_BATCH_NORM ? of_norm(x->node, n) : NULL;
}

// Each channel's as often as it is there.
static double *of_flattened(const Channels *c, const Node *n, int axis) {
  const Value *x = operand(n, 0), *y = result(n);
  const int *from = x->type->rank > 1 ? channels_along(c, x, 1) : NULL, *to = channels_along(c, y, axis);
  double *means = from && to ? expect_means(c, x, 1) : NULL, *spread = NULL;
  if (!means) return NULL;
  int64_t channels = x->type->dims[1], inner = y->type->dims[axis] / channels;
  spread = xcalloc((size_t)y->type->dims[axis], sizeof *spread);
  for (int64_t k = 0; k < channels * inner; k++)
    if (to[k] == from[k / inner]) spread[k] = means[k / inner];
  free(means);
  return spread;
}

double *expect_means(const Channels *c, const Value *v, int axis) {
  if (v->kind != VALUE_RESULT) return NULL;
  const Node *n = v->node;
  switch (n->op) {
  case OP_FLATTEN:
  case OP_RESHAPE: return of_flattened(c, n, axis);
  case OP_DROPOUT: return expect_means(c, operand(n, 0), axis);
  default: break;
  }
  if (axis != 1) return NULL;
  switch (n->op) {
  case OP_BATCH_NORM: return of_norm(n, NULL);
  case OP_RELU:
  case OP_RELU6: return of_activation(n);
  case OP_MAX_POOL2D: // of neighbours, which are much alike
  case OP_AVG_POOL2D:
  case OP_ADAPTIVE_AVG_POOL2D:
  case OP_GLOBAL_AVG_POOL:
  case OP_INTERPOLATE: return expect_means(c, operand(n, 0), axis);
  default: return NULL;
  }
}
