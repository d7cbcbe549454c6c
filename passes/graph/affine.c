#include "passes/graph/affine.h"
#include <math.h>

static double channel_or(const Value *v, int64_t i, double absent) {
  return v ? constant_channel(v->weight, i) : absent;
}

static void read_batch_norm(const Node *n, Affine *a) {
  const Value *weight = operand(n, IN_BATCH_NORM_weight), *bias = operand(n, IN_BATCH_NORM_bias);
  const Value *mean = operand(n, IN_BATCH_NORM_running_mean), *var = operand(n, IN_BATCH_NORM_running_var);
  double eps = NODE_ATTR(n, BATCH_NORM, eps)->f;
  for (int64_t i = 0; i < a->channels; i++) {
    a->scale[i] = channel_or(weight, i, 1) / sqrt(channel_or(var, i, 1) + eps);
    a->shift[i] = channel_or(bias, i, 0) - channel_or(mean, i, 0) * a->scale[i];
  }
}

static void read_normalize(const Node *n, Affine *a) {
  const Attr *mean = NODE_ATTR(n, NORMALIZE, mean), *std = NODE_ATTR(n, NORMALIZE, std);
  double scale = NODE_ATTR(n, NORMALIZE, scale)->f;
  for (int64_t i = 0; i < a->channels; i++) {
    double deviation = std->floats[std->n == 1 ? 0 : i];
    a->scale[i] = 1 / (scale * deviation);
    a->shift[i] = -mean->floats[mean->n == 1 ? 0 : i] / deviation;
  }
}

static void read_binary(OpKind op, Weight *w, Affine *a) {
  for (int64_t i = 0; i < a->channels; i++) {
    double v = constant_channel(w, i);
    a->scale[i] = op == OP_MUL ? v : op == OP_DIV ? 1 / v : 1;
    a->shift[i] = op == OP_ADD ? v : op == OP_SUB ? -v : 0;
  }
}

// The operand that is the constant, or -1.
static int constant_operand(const Node *n, int axis) {
  const Type *t = result(n)->type;
  if (n->op != OP_ADD && n->op != OP_SUB && n->op != OP_MUL && n->op != OP_DIV) return -1;
  for (int i = 1; i >= (op_has(n->op, TRAIT_COMMUTATIVE) ? 0 : 1); i--)
    if (constant_along(operand(n, i), t, axis)) return i;
  return -1;
}

static bool weights_known(const Node *n) {
  for (int i = 1; i < n->n_operands; i++)
    if (operand(n, i) && !constant_weight(operand(n, i))) return false;
  return true;
}

bool affine_read(const Node *n, int axis, Affine *a) {
  bool by_op = n->op == OP_BATCH_NORM || n->op == OP_NORMALIZE;
  const Type *t = result(n)->type;
  if (axis < 0 || axis >= t->rank || !dtype_is_float(t->dtype) || !dim_is_const(t->dims[axis])) return false;
  if (by_op && (axis != 1 || !weights_known(n))) return false;
  int constant = by_op ? -1 : constant_operand(n, axis);
  if (!by_op && constant < 0) return false;
  *a = (Affine){.x = operand(n, by_op ? 0 : 1 - constant), .channels = t->dims[axis]};
  if (!by_op && a->x->type != t) return false;
  a->scale = xmalloc(sizeof(double) * (size_t)a->channels);
  a->shift = xmalloc(sizeof(double) * (size_t)a->channels);
  if (n->op == OP_BATCH_NORM)
    read_batch_norm(n, a);
  else if (n->op == OP_NORMALIZE)
    read_normalize(n, a);
  else
    read_binary(n->op, operand(n, constant)->weight, a);
  return true;
}

void affine_free(Affine *a) {
  free(a->scale);
  free(a->shift);
}
