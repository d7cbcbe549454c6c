#include "passes/graph/integer_sums.h"
#include "passes/graph/quantization.h"
#include <string.h>

static const Node *made_by(const Value *v, OpKind op) {
  return v && v->kind == VALUE_RESULT && v->node->op == op ? v->node : NULL;
}

typedef struct Sums {
  PassContext *c;
  Node *last; // casts to f32
  const Node *product;
  Value *q, *zero;              // bytes, and what is taken from them in i32; NULL: none
  Value *weight, *ones, *minus; // the constant factor as i8, by output channel; its sums
} Sums;

static bool find(Sums *s) {
  const Node *n = s->last, *less;
  if (n->op != OP_CAST || result(n)->type->dtype != DT_F32 || operand(n, 0)->type->dtype != DT_I32) return false;
  s->product = made_by(operand(n, 0), OP_MATMUL);
  if (!s->product) s->product = made_by(operand(n, 0), OP_CONV2D);
  if (!s->product || !quantization_is_constant(operand(s->product, 1))) return false;
  if (s->product->op == OP_CONV2D && operand(s->product, IN_CONV2D_bias)) return false;
  less = made_by(operand(s->product, 0), OP_SUB);
  const Node *cast = made_by(less ? operand(less, 0) : operand(s->product, 0), OP_CAST);
  s->q = cast ? operand(cast, 0) : NULL;
  s->zero = less ? operand(less, 1) : NULL;
  return s->q && (s->q->type->dtype == DT_U8 || s->q->type->dtype == DT_I8);
}

// Weights of a convolution stand with their output channels first, those of a product of matrices last.
static bool read_weight(Sums *s) {
  Module *m = s->c->module;
  RefTensor t = {0};
  const Value *w = operand(s->product, 1);
  if (!quantization_evaluate(s->c, w, &t)) return false;
  bool matrix = s->product->op == OP_MATMUL, fits = true;
  int64_t channels = t.dims[matrix], row = t.count / channels;
  Blob *b = blob_malloc((size_t)t.count);
  double *minus = xcalloc((size_t)channels, sizeof *minus);
  for (int64_t o = 0; o < channels; o++)
    for (int64_t i = 0; i < row; i++) {
      int64_t v = t.i[matrix ? i * channels + o : o * row + i];
      fits &= v >= INT8_MIN && v <= INT8_MAX;
      ((int8_t *)b->data)[o * row + i] = (int8_t)v;
      minus[o] += (double)v;
    }
  ref_tensor_free(&t);
  if (fits) {
    const char *name = s->product->name;
    const Type *list = type_get(m, DT_F32, 1, &channels), *map = type_get(m, DT_F32, 3, (Dim[]){channels, 1, 1});
    Dim turned[] = {channels, row};
    const Type *type = matrix ? type_get(m, DT_I8, 2, turned) : type_with_dtype(m, w->type, DT_I8);
    s->weight = graph_dense(m, rewrite_name(m, name, "int8"), type, b)->value;
    s->ones = graph_splat(m, rewrite_name(m, name, "ones"), list, 1)->value;
    s->minus = constant_dense(m, rewrite_name(m, name, "sums"), matrix ? list : map, minus)->value;
  } else {
    blob_unref(b);
  }
  free(minus);
  return fits;
}

// ---- products of matrices

static const char *matrix_obstacle(const Sums *s) {
  const Type *q = s->q->type, *zero = s->zero ? s->zero->type : NULL;
  if (operand(s->product, 1)->type->rank != 2 || q->rank < 2) return "its operands are no matrices";
  if (zero && (zero->rank > q->rank || (zero->rank && zero->dims[zero->rank - 1] != 1)))
    return "its rows have several zero points";
  return q->rank < 3 && q->dims[1] % 4 ? "its rows are no whole fours" : NULL;
}

// ---- convolutions

static bool in_integers(const Sums *s) {
  const Node *n = s->product;
  int64_t groups = NODE_ATTR(n, CONV2D, groups)->i;
  const int64_t *padding = NODE_ATTR(n, CONV2D, padding)->ints;
  bool depthwise = groups == s->q->type->dims[1] && groups == operand(n, 1)->type->dims[0];
  bool pads = padding[0] || padding[1] || padding[2] || padding[3], whole = !s->zero || !s->zero->type->rank;
  return whole && !pads && (groups == 1 || depthwise);
}

static void with_floats(Sums *s) {
  Module *m = s->c->module;
  const Node *n = s->product;
  Value *operands[] = {rewrite_cast(m, s->last, operand(n, 0), DT_F32),
                       rewrite_cast(m, s->last, operand(n, 1), DT_F32)};
  Value *y = rewrite_named(m, s->last, n->name, OP_CONV2D, 2, operands, n->attrs);
  pass_remark(s->c, n, false, "%s is computed with f32 in place of i32", pass_label(n));
  rewrite_supersede(m, s->last, y);
}

static Attr *attributes(Sums *s) {
  const Node *n = s->product;
  if (n->op == OP_MATMUL) return NULL;
  Attr *a = rewrite_attrs(s->c->module, OP_QUANTIZED_CONV2D);
  a[ATTR_QUANTIZED_CONV2D_stride] = *NODE_ATTR(n, CONV2D, stride);
  a[ATTR_QUANTIZED_CONV2D_dilation] = *NODE_ATTR(n, CONV2D, dilation);
  a[ATTR_QUANTIZED_CONV2D_groups] = *NODE_ATTR(n, CONV2D, groups);
  return a;
}

bool integer_sums(PassContext *c, Node *n) {
  Module *m = c->module;
  Sums s = {.c = c, .last = n};
  if (!find(&s)) return false;
  bool matrix = s.product->op == OP_MATMUL;
  const char *why = matrix ? matrix_obstacle(&s) : NULL;
  if (!matrix && !in_integers(&s)) return with_floats(&s), true;
  if (!why && !read_weight(&s)) why = "its weights are not integers of 8 bits";
  if (why) {
    pass_remark(c, s.product, true, "%s is not computed in integers: %s", pass_label(s.product), why);
    return false;
  }
  OpKind op = matrix ? OP_QUANTIZED_LINEAR : OP_QUANTIZED_CONV2D;
  Value *y = rewrite_named(m, n, s.product->name, op, 3, (Value *[]){s.q, s.weight, s.ones}, attributes(&s));
  if (s.zero) {
    Value *shift = rewrite_before(m, n, OP_MUL, 2, (Value *[]){rewrite_cast(m, n, s.zero, DT_F32), s.minus}, NULL);
    y = rewrite_before(m, n, OP_SUB, 2, (Value *[]){y, shift}, NULL);
  }
  pass_remark(c, s.product, false, "%s is computed in integers", pass_label(s.product));
  pass_count(c, "products computed in integers", 1);
  rewrite_supersede(m, n, y);
  return true;
}
