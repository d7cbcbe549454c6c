#include "passes/graph/quantization.h"
#include "ir/core/checked.h"
#include "passes/graph/constant.h"
#include <math.h>

IntegerRange quantization_range(DType t) {
  double size = exp2(dtype_value_bits(t));
  return (IntegerRange){dtype_is_unsigned(t) ? 0 : -size, size - 1};
}

// ---- scales and zero points as values that broadcast over x

static Value *expanded(Module *m, Node *n, Value *v, int rank, const Dim *dims) {
  Attr *a = rewrite_attrs(m, OP_EXPAND);
  a[ATTR_EXPAND_size] = rewrite_ints(m, ATTR_DIMS, rank, dims);
  return rewrite_before(m, n, OP_EXPAND, 1, &v, a);
}

static Value *of_shape(Module *m, Node *n, Value *v, int rank, const Dim *dims) {
  return rewrite_reshape(m, n, v, type_get(m, v->type->dtype, rank, dims));
}

// One for each block of indices along the axis, as one for each index.
static Value *by_blocks(Module *m, Node *n, Value *v, const Type *x, int axis, int64_t block) {
  Dim dims[MAX_RANK + 1];
  for (int i = 0; i <= x->rank; i++) dims[i] = i == axis + 1 ? 1 : v->type->dims[i > axis ? i - 1 : i];
  Value *apart = of_shape(m, n, v, x->rank + 1, dims);
  dims[axis + 1] = block;
  apart = expanded(m, n, apart, x->rank + 1, dims);
  for (int i = 0; i < x->rank; i++) dims[i] = x->dims[i];
  dims[axis] = dim_mul(m->dims, v->type->dims[axis], block);
  Value *whole = of_shape(m, n, apart, x->rank, dims);
  return dims[axis] == x->dims[axis] ? whole : rewrite_slice(m, n, whole, axis, 0, x->dims[axis]);
}

// Operand `i` so spread; NULL where it is absent. The attributes of both ops lie alike.
static Value *spread(Module *m, Node *n, int i) {
  const Type *x = operand(n, 0)->type;
  int axis = (int)NODE_ATTR(n, QUANTIZE_LINEAR, axis)->i;
  int64_t block = NODE_ATTR(n, QUANTIZE_LINEAR, block_size)->i;
  Value *v = operand(n, i);
  if (!v) return NULL;
  if (block) return by_blocks(m, n, v, x, axis, block);
  if (!v->type->rank || v->type->dims[0] == 1) return of_shape(m, n, v, 0, NULL);
  Dim dims[MAX_RANK];
  for (int k = 0; k < x->rank; k++) dims[k] = k == axis ? v->type->dims[0] : 1;
  return of_shape(m, n, v, x->rank, dims);
}

// ---- the ops

static Value *binary(Module *m, Node *n, OpKind op, Value *a, Value *b) {
  return rewrite_before(m, n, op, 2, (Value *[]){a, b}, NULL);
}

static Value *quantized(Module *m, Node *n) {
  DType to = (DType)NODE_ATTR(n, QUANTIZE_LINEAR, dtype)->i;
  Value *x = operand(n, 0), *zero = spread(m, n, IN_QUANTIZE_LINEAR_zero_point);
  Value *y = binary(m, n, OP_DIV, x, spread(m, n, IN_QUANTIZE_LINEAR_scale));
  y = rewrite_before(m, n, OP_ROUND, 1, &y, NULL);
  if (zero) y = binary(m, n, OP_ADD, y, rewrite_cast(m, n, zero, x->type->dtype));
  IntegerRange r = quantization_range(to);
  Attr *a = rewrite_attrs(m, OP_CLAMP);
  a[ATTR_CLAMP_min] = (Attr){.kind = ATTR_FLOAT, .f = r.low};
  a[ATTR_CLAMP_max] = (Attr){.kind = ATTR_FLOAT, .f = r.high};
  return rewrite_cast(m, n, rewrite_before(m, n, OP_CLAMP, 1, &y, a), to);
}

// The difference is exact: of up to 16 bits in f32, else in i32.
static Value *dequantized(Module *m, Node *n) {
  Value *x = operand(n, 0), *zero = spread(m, n, IN_DEQUANTIZE_LINEAR_zero_point);
  DType exact = dtype_size(x->type->dtype) < 4 ? DT_F32 : DT_I32;
  Value *y = rewrite_cast(m, n, x, exact);
  if (zero) y = binary(m, n, OP_SUB, y, rewrite_cast(m, n, zero, exact));
  DType to = (DType)NODE_ATTR(n, DEQUANTIZE_LINEAR, dtype)->i, real = to == DT_F64 ? DT_F64 : DT_F32;
  Value *scale = rewrite_cast(m, n, spread(m, n, IN_DEQUANTIZE_LINEAR_scale), real);
  y = binary(m, n, OP_MUL, rewrite_cast(m, n, y, real), scale);
  return rewrite_cast(m, n, y, to);
}

// Constant integers, with one scale or one for each index along the axis, are numbers now: layers have their weights as
// constants. NULL: not these.
static Value *dequantized_now(Module *m, Node *n) {
  Weight *x = constant_weight(operand(n, 0)), *scale = constant_weight(operand(n, IN_DEQUANTIZE_LINEAR_scale)),
         *zero = constant_weight(operand(n, IN_DEQUANTIZE_LINEAR_zero_point));
  const Type *t = result(n)->type;
  bool zero_known = zero || !operand(n, IN_DEQUANTIZE_LINEAR_zero_point);
  if (!x || !scale || !zero_known || NODE_ATTR(n, DEQUANTIZE_LINEAR, block_size)->i) return NULL;
  int axis = (int)NODE_ATTR(n, DEQUANTIZE_LINEAR, axis)->i;
  bool one = weight_count(scale) == 1 && (!zero || weight_count(zero) == 1);
  int64_t count = weight_count(x), inner = 1, extent = one ? 1 : t->dims[axis];
  for (int i = axis + 1; extent > 1 && i < t->rank; i++) inner *= t->dims[i];
  double *y = xmalloc(sizeof *y * (size_t)(count + 1));
  for (int64_t k = 0; k < count; k++) {
    int64_t at = k / inner % extent;
    y[k] = (weight_at(x, k) - (zero ? constant_channel(zero, at) : 0)) * constant_channel(scale, at);
  }
  Value *v = constant_dense(m, x->name, t, y)->value;
  free(y);
  return v;
}

bool quantization_decompose(Module *m, Node *n) {
  Value *known = n->op == OP_DEQUANTIZE_LINEAR ? dequantized_now(m, n) : NULL;
  if (known) return rewrite_replace(m, n, known), true;
  rewrite_replace(m, n, n->op == OP_QUANTIZE_LINEAR ? quantized(m, n) : dequantized(m, n));
  return true;
}

// ---- constants

enum { DEEPEST = 4, MOST_OPERANDS = 4 }; // chains of nodes that are looked through; their operands

static bool constant_within(const Value *v, int depth) {
  if (constant_weight(v)) return true;
  if (!v || v->kind != VALUE_RESULT || depth == DEEPEST) return false;
  const Node *n = v->node;
  if (n->n_operands < 1 || n->n_operands > MOST_OPERANDS || n->n_results != 1) return false;
  for (int i = 0; i < n->n_operands; i++)
    if (operand(n, i) && !constant_within(operand(n, i), depth + 1)) return false;
  return true;
}

bool quantization_is_constant(const Value *v) { return constant_within(v, 0); }

bool quantization_evaluate(PassContext *c, const Value *v, RefTensor *t) {
  if (v->kind == VALUE_WEIGHT) return ref_tensor_from_weight(t, c->module, v->weight);
  RefTensor in[MOST_OPERANDS] = {0};
  const RefTensor *given[MOST_OPERANDS] = {0};
  const Node *n = v->node;
  bool ok = true;
  for (int i = 0; i < n->n_operands && ok; i++) {
    if (!operand(n, i)) continue;
    ok = quantization_evaluate(c, operand(n, i), &in[i]);
    given[i] = &in[i];
  }
  ok = ok && ref_node(&(RefContext){c->module, NULL, c->diag}, n, given, t);
  for (int i = 0; i < n->n_operands; i++) ref_tensor_free(&in[i]);
  return ok;
}

static bool one_number(PassContext *c, const Value *v, double *out) {
  RefTensor t = {0};
  if (!v) return *out = 0, true;
  if (!quantization_is_constant(v) || type_elements(c->module, v->type) != 1) return false;
  bool ok = quantization_evaluate(c, v, &t);
  if (ok) *out = ref_at(&t, 0);
  ref_tensor_free(&t);
  return ok;
}

static bool is_byte(DType t) { return t == DT_U8 || t == DT_I8; }

bool quantized_by_node(PassContext *c, const Node *n, QuantizedBy *q) {
  bool to = n->op == OP_QUANTIZE_LINEAR;
  Value *integers = to ? result(n) : operand(n, 0), *real = to ? operand(n, 0) : result(n);
  double zero, scale;
  if ((!to && n->op != OP_DEQUANTIZE_LINEAR) || !is_byte(integers->type->dtype) || real->type->dtype != DT_F32)
    return false;
  if (!one_number(c, operand(n, IN_QUANTIZE_LINEAR_scale), &scale) ||
      !one_number(c, operand(n, IN_QUANTIZE_LINEAR_zero_point), &zero) || !(scale > 0) || isinf(scale))
    return false;
  *q = (QuantizedBy){integers, scale, (int64_t)zero};
  return true;
}

bool quantized_by(PassContext *c, const Value *v, QuantizedBy *q) {
  return v && v->kind == VALUE_RESULT && v->node->op == OP_DEQUANTIZE_LINEAR && quantized_by_node(c, v->node, q);
}

// ---- weights

// Integers less their zero points, by output channel, as the weight of a product; NULL where one does not fit. What is
// so already is left where it is.
static Weight *centered(Module *m, Weight *w, const RefTensor *zero, int axis) {
  bool any = false;
  for (int64_t i = 0; i < zero->count; i++) any |= zero->i[i] != 0;
  if (!any && !axis && w->type->dtype == DT_I8 && w->stored == DT_I8) return w;
  RefTensor integers;
  if (!ref_tensor_from_weight(&integers, m, w)) return NULL;
  int64_t n = integers.dims[axis], row = integers.count / n;
  Blob *b = blob_malloc((size_t)integers.count);
  bool fits = true;
  for (int64_t o = 0; o < n && fits; o++)
    for (int64_t i = 0; i < row; i++) {
      int64_t at = zero->count ? zero->i[zero->count == 1 ? 0 : o] : 0,
              v = integers.i[axis ? i * n + o : o * row + i] - at;
      fits &= v >= INT8_MIN && v <= INT8_MAX;
      ((int8_t *)b->data)[o * row + i] = (int8_t)v;
    }
  ref_tensor_free(&integers);
  Dim dims[MAX_RANK];
  for (int i = 0; i < w->type->rank; i++) dims[i] = w->type->dims[axis ? w->type->rank - 1 - i : i];
  if (fits) return graph_dense(m, rewrite_name(m, w->name, "centered"), type_get(m, DT_I8, w->type->rank, dims), b);
  blob_unref(b);
  return NULL;
}

bool integer_weight(PassContext *c, const Value *v, int axis, IntegerWeight *out) {
  Module *m = c->module;
  const Node *n = v->kind == VALUE_RESULT ? v->node : NULL;
  if (!n || n->op != OP_DEQUANTIZE_LINEAR || !is_byte(operand(n, 0)->type->dtype)) return false;
  Weight *w = constant_weight(operand(n, 0));
  const Value *scale = operand(n, IN_DEQUANTIZE_LINEAR_scale), *zero = operand(n, IN_DEQUANTIZE_LINEAR_zero_point);
  bool blocks = NODE_ATTR(n, DEQUANTIZE_LINEAR, block_size)->i;
  if (!w || blocks || !quantization_is_constant(scale) || (zero && !quantization_is_constant(zero))) return false;
  bool by_axis = type_elements(m, scale->type) > 1 || (zero && type_elements(m, zero->type) > 1);
  if (by_axis && NODE_ATTR(n, DEQUANTIZE_LINEAR, axis)->i != axis) return false;
  RefTensor zeros = {0}, scales = {0};
  bool ok = (!zero || quantization_evaluate(c, zero, &zeros)) && quantization_evaluate(c, scale, &scales);
  *out = (IntegerWeight){.channels = w->type->dims[axis]};
  if (ok) out->weight = centered(m, w, &zeros, axis);
  if (out->weight) {
    out->scale = xmalloc(sizeof *out->scale * (size_t)out->channels);
    for (int64_t o = 0; o < out->channels; o++) out->scale[o] = scales.f[scales.count == 1 ? 0 : o];
  }
  ref_tensor_free(&zeros);
  ref_tensor_free(&scales);
  return out->weight;
}

void integer_weight_free(IntegerWeight *w) { free(w->scale); }
