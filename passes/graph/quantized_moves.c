// quantized-moves: what moves dequantized integers, or takes their maxima, moves the integers instead, a quarter of the
// bytes; a concatenation that is quantized joins quantized operands. A quantize_linear of what one of the same scale
// and zero point dequantized is then nothing. Results are the same to the bit.
//
// Needs one scale and zero point, constants, of u8 or i8. Permutations that move the last dimension are left alone:
// single bytes are moved slower than floats.
//
//   %1 = dequantize_linear %q, @s, @z : f32[1, 8, 6, 6]
//   %2 = max_pool2d %1 {kernel=[2, 2]} : f32[1, 8, 3, 3]
//   %3 = quantize_linear %2, @s, @z : u8[1, 8, 3, 3]
// becomes
//   %3 = max_pool2d %q {kernel=[2, 2]} : u8[1, 8, 3, 3]
#include "passes/graph/quantization.h"

static bool moves(const Node *n) {
  switch (n->op) {
  case OP_RESHAPE:
  case OP_FLATTEN:
  case OP_SQUEEZE:
  case OP_UNSQUEEZE:
  case OP_SLICE: return true;
  case OP_MAX_POOL2D: return n->n_results == 1;
  case OP_PERMUTE: {
    const Attr *dims = NODE_ATTR(n, PERMUTE, dims);
    return dims->n && dims->ints[dims->n - 1] == dims->n - 1;
  }
  default: return false;
  }
}

static Value *dequantized_like(Module *m, Node *before, const Node *like, Value *x) {
  Value *operands[] = {x, operand(like, IN_DEQUANTIZE_LINEAR_scale), operand(like, IN_DEQUANTIZE_LINEAR_zero_point)};
  return rewrite_before(m, before, OP_DEQUANTIZE_LINEAR, 3, operands, like->attrs);
}

// f(dequantize(x)) as dequantize(f(x)).
static bool sink(PassContext *c, Node *n) {
  Module *m = c->module;
  QuantizedBy q;
  if (!moves(n) || operand(n, 0)->kind == VALUE_WEIGHT || !quantized_by(c, operand(n, 0), &q)) return false;
  const Node *source = operand(n, 0)->node;
  Value *operands[] = {q.integers};
  Value *moved = rewrite_before(m, n, n->op, 1, operands, n->attrs);
  pass_remark(c, n, false, "%s moves integers", pass_label(n));
  pass_count(c, "moves of integers", 1);
  rewrite_supersede(m, n, dequantized_like(m, n, source, moved));
  return true;
}

static bool same(const QuantizedBy *a, const QuantizedBy *b) {
  return a->scale == b->scale && a->zero == b->zero && a->integers->type->dtype == b->integers->type->dtype;
}

// x quantized as node `like` does it: what it was dequantized from, where that is the same.
static Value *quantized_like(PassContext *c, Node *like, Value *x) {
  QuantizedBy from, to;
  if (quantized_by(c, x, &from) && quantized_by_node(c, like, &to) && same(&from, &to)) return from.integers;
  Value *operands[] = {x, operand(like, IN_QUANTIZE_LINEAR_scale), operand(like, IN_QUANTIZE_LINEAR_zero_point)};
  return rewrite_before(c->module, like, OP_QUANTIZE_LINEAR, 3, operands, like->attrs);
}

// quantize(concat(x, y)) as concat(quantize(x), quantize(y)), where all are dequantized integers.
static bool hoist(PassContext *c, Node *n, Node *concat) {
  Module *m = c->module;
  QuantizedBy q;
  if (graph_use_count(m, result(concat)) != 1) return false;
  for (int i = 0; i < concat->n_operands; i++)
    if (!quantized_by(c, operand(concat, i), &q)) return false;
  Value **parts = arena_array(m->arena, Value *, concat->n_operands);
  for (int i = 0; i < concat->n_operands; i++) parts[i] = quantized_like(c, n, operand(concat, i));
  pass_remark(c, concat, false, "%s joins integers", pass_label(concat));
  pass_count(c, "moves of integers", 1);
  rewrite_supersede(m, n, rewrite_concat(m, n, concat->n_operands, parts, NODE_ATTR(concat, CONCAT, dim)->i));
  return true;
}

static void simplify(PassContext *c, Node *n) {
  QuantizedBy from, to;
  Value *x = operand(n, 0);
  if (!quantized_by_node(c, n, &to) || x->kind != VALUE_RESULT) return;
  if (quantized_by(c, x, &from) && same(&from, &to)) return rewrite_supersede(c->module, n, from.integers);
  if (x->node->op == OP_CONCAT) hoist(c, n, x->node);
}

bool quantized_moves_run(PassContext *c) {
  for (Node *n = c->module->first, *next; n; n = next) {
    next = n->next;
    if (n->op == OP_QUANTIZE_LINEAR)
      simplify(c, n);
    else
      sink(c, n);
  }
  return true;
}
