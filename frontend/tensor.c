// Operators and subscripts of tensors, as nodes.
#include "frontend/sema.h"

static Val binary_node(Sema *s, OpKind op, Span at, Value *a, Value *b) {
  Value *operands[] = {a, b};
  Node *n = a && b ? sema_node(s, &(NodeSpec){.op = op, .n_operands = 2, .operands = operands, .span = at}) : NULL;
  return n ? val_results(s, n, false) : POISON;
}

// Equal numbers share one weight.
Value *tensor_scalar(Sema *s, double v, DType dtype, Span at) {
  if (!dtype_holds(dtype, v)) {
    sema_error(s, at, "%g does not fit a tensor of %s; cast it first", v, dtype_name(dtype));
    return NULL;
  }
  StrBuf b = {0}; // a colon, which no path holds
  strbuf_printf(&b, "%s:", dtype_name(dtype));
  strbuf_double(&b, v);
  Weight *w = graph_find_weight(s->m, strbuf_str(&b));
  if (!w) w = graph_splat(s->m, strbuf_str(&b), type_get(s->m, dtype, 0, NULL), v);
  strbuf_free(&b);
  return w->value;
}

// One that a double does not hold.
static Value *wide_integer(Sema *s, int64_t v, DType dtype, Span at) {
  if (v < 0 && dtype_is_unsigned(dtype)) return tensor_scalar(s, (double)v, dtype, at); // says that it does not fit
  const char *name = arena_printf(s->arena, "%s:%lld", dtype_name(dtype), (long long)v);
  Weight *w = graph_find_weight(s->m, name);
  if (w) return w->value;
  Blob *blob = blob_malloc(dtype_size(dtype));
  dtype_store_int(dtype, (void *)blob->data, 0, v);
  return graph_dense(s->m, name, type_get(s->m, dtype, 0, NULL), blob)->value;
}

Value *tensor_number(Sema *s, Val v, DType dtype, Span at) {
  double f;
  if (!val_to_double(s, v, at, "a number beside a tensor", &f)) return NULL;
  bool wide = v.kind == VAL_INT && dtype_is_wide(dtype) && (v.i > TENSOR_EXACT || v.i < -TENSOR_EXACT);
  return wide ? wide_integer(s, v.i, dtype, at) : tensor_scalar(s, f, dtype, at);
}

Val tensor_unary(Sema *s, const Expr *e, Val a) {
  if (e->oper.op == OPER_NOT) {
    sema_error(s, e->oper.op_span, "'!' takes true or false, not %s; of tensors write logical_not", val_describe(s, a));
    return POISON;
  }
  DType dtype = a.tensor->type->dtype;
  if (dtype_is_unsigned(dtype)) // which has no -1
    return binary_node(s, OP_SUB, e->oper.op_span, tensor_scalar(s, 0, dtype, e->span), a.tensor);
  return binary_node(s, OP_MUL, e->oper.op_span, a.tensor, tensor_scalar(s, -1, dtype, e->span));
}

// PyTorch's names; an op that ops.def does not list makes the operator unknown for tensors.
static const char *operator_op(Operator op) {
  switch (op) {
  case OPER_ADD: return "add";
  case OPER_SUB: return "sub";
  case OPER_MUL: return "mul";
  case OPER_DIV: return "div";
  case OPER_FLOORDIV: return "floor_divide";
  case OPER_MOD: return "remainder";
  case OPER_EQ: return "eq";
  case OPER_NE: return "ne";
  case OPER_LT: return "lt";
  case OPER_GT: return "gt";
  case OPER_LE: return "le";
  case OPER_GE: return "ge";
  default: return NULL;
  }
}

// A number beside a tensor takes the tensor's type.
static Value *as_tensor(Sema *s, Val v, const Expr *e, DType dtype) {
  return v.kind == VAL_TENSOR ? v.tensor : tensor_number(s, v, dtype, e->span);
}

Val tensor_binary(Sema *s, const Expr *e, Val a, Val b) {
  OpKind op;
  const char *name = operator_op(e->oper.op);
  bool defined = name && op_from_name(name, &op);
  if (!defined || !(a.kind == VAL_TENSOR || val_is_number(a)) || !(b.kind == VAL_TENSOR || val_is_number(b))) {
    const char *hint = e->oper.op == OPER_AND  ? "; of tensors write logical_and(a, b)"
                       : e->oper.op == OPER_OR ? "; of tensors write logical_or(a, b)"
                                               : "";
    sema_error(s, e->oper.op_span, "'%s' does not apply to %s and %s%s", fold_operator(e->oper.op), val_describe(s, a),
               val_describe(s, b), hint);
    return POISON;
  }
  DType dtype = a.kind == VAL_TENSOR ? a.tensor->type->dtype : b.tensor->type->dtype;
  return binary_node(s, op, e->oper.op_span, as_tensor(s, a, e->oper.a, dtype), as_tensor(s, b, e->oper.b, dtype));
}

// ---- x[:, 0, 1::2]

typedef struct Slices {
  int n, n_kept;
  int64_t dims[MAX_RANK], steps[MAX_RANK];
  Dim begins[MAX_RANK], ends[MAX_RANK];
  bool dropped[MAX_RANK];
} Slices;

// A position that may count from the end; `size` where it is left out.
static bool position(Sema *s, const Expr *e, Dim size, Dim fallback, Dim *out) {
  *out = fallback;
  if (!e) return true;
  Val v = eval(s, e);
  if (v.kind != VAL_INT) {
    if (v.kind != VAL_POISON) sema_error(s, e->span, "an index is an integer, not %s", val_describe(s, v));
    return false;
  }
  *out = dim_is_const(v.i) && v.i < 0 ? dim_add(s->m->dims, size, v.i) : v.i;
  return *out != DIM_INVALID;
}

static Dim clamp(DimTable *t, Dim d, Dim size) { return dim_max(t, dim_min(t, d, size), 0); }

static bool add_slice(Sema *s, const Subscript *sub, Dim size, int axis, Slices *r) {
  DimTable *t = s->m->dims;
  Dim begin, end;
  int64_t step = 1;
  if (!position(s, sub->begin, size, 0, &begin)) return false;
  if (sub->is_slice) {
    if (!position(s, sub->end, size, size, &end)) return false;
    if (sub->step && !val_to_int(s, eval(s, sub->step), sub->step->span, "a step", &step)) return false;
    if (step < 1) {
      sema_error(s, sub->step->span, "a step is positive");
      return false;
    }
    if (!sub->begin && !sub->end && step == 1) return true;
    begin = clamp(t, begin, size);
    end = clamp(t, end, size);
  } else {
    Dim inside = dim_and(t, dim_le(t, 0, begin), dim_lt(t, begin, size));
    if (inside == 0) {
      StrBuf b = {0};
      dim_print(t, size, &b);
      sema_error(s, sub->span, "this index is outside dimension %d, which has %s", axis, strbuf_str(&b));
      strbuf_free(&b);
      return false;
    }
    if (inside != 1) vec_push(&s->m->assertions, (Assertion){inside, "an index is outside its dimension", sub->span});
    end = dim_add(t, begin, 1);
    r->dropped[axis] = true;
  }
  r->dims[r->n] = axis;
  r->begins[r->n] = begin;
  r->ends[r->n] = end;
  r->steps[r->n++] = step;
  return true;
}

static Val slice_node(Sema *s, const Expr *e, Value *x, const Slices *r) {
  Attr attrs[] = {{ATTR_INTS, r->n, .ints = r->dims},
                  {ATTR_DIMS, r->n, .ints = r->begins},
                  {ATTR_DIMS, r->n, .ints = r->ends},
                  {ATTR_INTS, r->n, .ints = r->steps}};
  Node *n = sema_node(s, &(NodeSpec){.op = OP_SLICE, .n_operands = 1, .operands = &x, .attrs = attrs, .span = e->span});
  return n ? val_results(s, n, false) : POISON;
}

// Without the dimensions that were indexed by one number.
static Val drop_dims(Sema *s, const Expr *e, Value *x, const Slices *r) {
  Dim kept[MAX_RANK];
  int n = 0;
  for (int i = 0; i < x->type->rank; i++)
    if (!r->dropped[i]) kept[n++] = x->type->dims[i];
  if (n == x->type->rank) return (Val){.kind = VAL_TENSOR, .tensor = x};
  Attr shape = {ATTR_DIMS, n, .ints = kept};
  Node *node =
      sema_node(s, &(NodeSpec){.op = OP_RESHAPE, .n_operands = 1, .operands = &x, .attrs = &shape, .span = e->span});
  return node ? val_results(s, node, false) : POISON;
}

Val tensor_index(Sema *s, const Expr *e, Val tensor) {
  const Type *t = tensor.tensor->type;
  Slices r = {0};
  int axis = 0;
  for (const Subscript *sub = e->of.subscripts; sub; sub = sub->next, axis++) {
    if (axis >= t->rank) {
      sema_error(s, sub->span, "%s has only %d dimensions", val_describe(s, tensor), t->rank);
      return POISON;
    }
    if (!add_slice(s, sub, t->dims[axis], axis, &r)) return POISON;
  }
  Val sliced = r.n ? slice_node(s, e, tensor.tensor, &r) : tensor;
  return sliced.kind == VAL_TENSOR ? drop_dims(s, e, sliced.tensor, &r) : sliced;
}
