// Losses.
#include "frontend/onnx/nodes.h"
#include <string.h>

// scores: [N, C, ...], target: [N, ...], a class each. False after a diagnostic.
static bool negative_log_likelihood(Call *c, Value *scores, Value *target, Value *weight) {
  if (!scores || !target) return false;
  const Type *t = scores->type;
  if (t->rank < 2 || target->type->rank != t->rank - 1) return call_fail(c, "its target does not fit its scores");
  target = call_cast(c, target, DT_I64);
  const OnnxAttribute *ignore = call_attr(c, "ignore_index");
  Value *ignored = ignore ? call_with(c, OP_EQ, target, (double)ignore->i) : NULL;
  if (ignored) target = call_where(c, ignored, call_scalar(c, DT_I64, 0), target);
  Value *picked = call_gather(c, scores, 1, call_insert_dims(c, target, 1, 1));
  if (!picked || !target) return false;
  const Type *each = target->type;
  Value *loss = call_unary(c, OP_NEG, call_reshape(c, picked, each->rank, each->dims), NULL), *by = NULL;
  if (weight) {
    Dim count = type_elements(c->im->m, each);
    by = call_index_select(c, weight, 0, call_reshape(c, target, 1, &count));
    by = call_reshape(c, by, each->rank, each->dims);
  } else if (ignored)
    by = call_expand(c, call_scalar(c, t->dtype, 1), each->rank, each->dims);
  if (ignored && by) by = call_where(c, ignored, call_scalar(c, t->dtype, 0), by);
  if (by) loss = call_binary(c, OP_MUL, loss, by);
  const char *reduction = call_text(c, "reduction", "mean");
  if (!strcmp(reduction, "none")) return call_result(c, 0, loss);
  int64_t dims[MAX_RANK];
  for (int i = 0; i < each->rank; i++) dims[i] = i;
  bool mean = !strcmp(reduction, "mean");
  if (!mean && strcmp(reduction, "sum")) return call_fail(c, "`reduction` \"%s\" is not known", reduction);
  Value *sum = call_reduced(c, mean && !by ? OP_MEAN : OP_SUM, loss, each->rank, dims, false);
  if (mean && by) sum = call_binary(c, OP_DIV, sum, call_reduced(c, OP_SUM, by, each->rank, dims, false));
  return call_result(c, 0, sum);
}

bool convert_nll_loss(Call *c, OpKind op) {
  (void)op;
  return negative_log_likelihood(c, call_value(c, 0), call_value(c, 1), call_value(c, 2));
}

bool convert_cross_entropy_loss(Call *c, OpKind op) {
  Attr *a = call_attrs(c, op);
  a[ATTR_LOG_SOFTMAX_dim] = ATTR_I(1);
  Value *scores = call_unary(c, op, call_value(c, 0), a);
  if (!negative_log_likelihood(c, scores, call_value(c, 1), call_value(c, 2))) return false;
  return call_result(c, 1, scores);
}
