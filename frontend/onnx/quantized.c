// ONNX Runtime's ops on integers, each an ONNX op between dequantized operands and a quantized result: QLinearAdd is
// QuantizeLinear(Add(DequantizeLinear(a), DequantizeLinear(b))). The passes find the integers in that.
#include "frontend/onnx/nodes.h"
#include "frontend/onnx/quantize.h"
#include <string.h>

enum { OPSET = 12, MOST = 1024 }; // of the ops between: the last in which ReduceMean's axes are an attribute

// `name` of the domain "", with the node's attributes, of n values. NULL after a diagnostic.
static Value *between(Call *c, const char *name, int opset, int n, Value **values) {
  const NodeRow *row = nodes_find("", name);
  Arena *arena = c->im->m->arena;
  OnnxValue *in = arena_array(arena, OnnxValue, n), out = {0};
  Call inner = *c;
  inner.in = arena_array(arena, OnnxValue *, n);
  inner.n_in = n, inner.n_out = 1, inner.out = &out, inner.opset = opset;
  for (int i = 0; i < n; i++) {
    if (!values[i]) return NULL;
    in[i].value = values[i];
    inner.in[i] = &in[i];
  }
  if (call_int(c, "channels_last", 0)) return call_fail(c, "its channels are last"), NULL;
  return row->convert(&inner, row->op) ? out.value : NULL;
}

// QLinearX(a, scale, zero, b, scale, zero, ..., scale of the result, its zero)
bool convert_qlinear(Call *c, OpKind op) {
  (void)op;
  enum { PARTS = 3, OPERANDS = 2 };
  Value *values[OPERANDS] = {0};
  int n = (c->n_in - 1) / PARTS; // zero points at the end may be left out
  const char *name = c->node->op_type + strlen("QLinear");
  if (n < 1 || n > OPERANDS) return call_fail(c, "it has %d operands", c->n_in);
  for (int i = 0; i < n; i++) values[i] = call_dequantized(c, PARTS * i, 0);
  return call_quantized(c, between(c, name, (int)call_int(c, "opset", OPSET), n, values), PARTS * n);
}

// QLinearConcat(scale of the result, its zero, a, scale, zero, b, scale, zero, ...)
bool convert_qlinear_concat(Call *c, OpKind op) {
  (void)op;
  Value *values[MOST];
  int n = (c->n_in - 2) / 3;
  if (n < 1 || n > MOST || c->n_in != 2 + 3 * n) return call_fail(c, "it has %d operands", c->n_in);
  for (int i = 0; i < n; i++) values[i] = call_dequantized(c, 2 + 3 * i, 0);
  return call_quantized(c, between(c, "Concat", OPSET, n, values), 0);
}

// QLinearWhere(condition, a, scale, zero, b, scale, zero, scale of the result, its zero)
bool convert_qlinear_where(Call *c, OpKind op) {
  (void)op;
  Value *values[] = {call_value(c, 0), call_dequantized(c, 1, 0), call_dequantized(c, 4, 0)};
  return call_quantized(c, between(c, "Where", OPSET, 3, values), 7);
}

// QGemm(a, scale, zero, b, scale, zero, bias, scale of the result, its zero): f32 where these are absent. `alpha` is
// part of the bias's scale.
bool convert_qgemm(Call *c, OpKind op) {
  (void)op;
  int columns = call_int(c, "transB", 0) ? 0 : 1;
  Value *values[] = {call_dequantized(c, 0, 0), call_dequantized(c, 3, columns), NULL};
  bool has_bias = call_has(c, 6);
  double alpha = call_float(c, "alpha", 1);
  if (has_bias) {
    values[2] = call_dequantized_bias(c, 6, 1, 4);
    if (values[2] && alpha != 1) values[2] = call_with(c, OP_MUL, values[2], alpha);
  }
  Value *y = between(c, "Gemm", OPSET, has_bias ? 3 : 2, values);
  return call_has(c, 7) ? call_quantized(c, y, 7) : call_result(c, 0, y);
}
