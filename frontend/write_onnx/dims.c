// Symbolic dimensions as values of the graph: read from the inputs' shapes and computed with, each once.
#include "frontend/write_onnx/export.h"
#include "ir/core/check.h"

static Term *number(Export *e, Dim d); // i64[1]

static Term *constant(Export *e, int64_t v) { return export_list(e, 1, &v); }

// d = *factor * symbol + *rest, both constants.
static bool is_linear(DimTable *t, Dim d, Dim symbol, int index, int64_t *factor, int64_t *rest) {
  int64_t values[MAX_SYMBOLS] = {0};
  if (dim_is_const(d)) return false;
  *rest = dim_eval(t, d, values);
  values[index] = 1;
  *factor = dim_eval(t, d, values) - *rest;
  return *factor > 0 && dim_add(t, dim_mul(t, symbol, *factor), *rest) == d;
}

static Term *input_dim(Export *e, const Value *input, int axis) {
  Term *t = EXPORT(e, "Shape", e->terms[input->id]);
  export_int(e, "start", axis);
  export_int(e, "end", axis + 1);
  return t;
}

// From the dimension of an input that states it most simply.
static Term *symbol(Export *e, Dim s) {
  DimTable *t = e->m->dims;
  int index = dim_symbol_index(t, s), best_axis = 0;
  const Value *best = NULL;
  int64_t factor, rest, best_factor = 0, best_rest = 0;
  for (size_t i = 0; i < e->m->inputs.len; i++) {
    const Value *v = e->m->inputs.data[i];
    for (int axis = 0; axis < v->type->rank; axis++) {
      if (!is_linear(t, v->type->dims[axis], s, index, &factor, &rest)) continue;
      bool simplest = factor == 1 && rest == 0;
      if (best && !(simplest && (best_factor != 1 || best_rest))) continue;
      best = v, best_axis = axis, best_factor = factor, best_rest = rest;
    }
  }
  if (!best) {
    diag_error(e->d, e->node->span, "%s cannot be written as ONNX: no input's shape tells what `%s` is",
               op_info(e->node->op)->name, dim_symbol_at(t, index)->name);
    e->failed = true;
    return constant(e, 1);
  }
  Term *d = input_dim(e, best, best_axis);
  if (best_rest) d = EXPORT(e, "Sub", d, constant(e, best_rest));
  return best_factor == 1 ? d : EXPORT(e, "Div", d, constant(e, best_factor));
}

static const struct {
  DimOp op;
  const char *onnx;
  bool of_bool, gives_bool;
} ops[] = {
    {DIM_ADD, "Add", false, false}, {DIM_MUL, "Mul", false, false},       {DIM_MIN, "Min", false, false},
    {DIM_MAX, "Max", false, false}, {DIM_EQ, "Equal", false, true},       {DIM_LT, "Less", false, true},
    {DIM_MOD, "Mod", false, false}, {DIM_LE, "LessOrEqual", false, true}, {DIM_AND, "And", true, true},
    {DIM_OR, "Or", true, true},
};

static Term *joined(Export *e, DimOp op, Term *a, Term *b) {
  size_t i = 0;
  while (i < sizeof ops / sizeof *ops && ops[i].op != op) i++;
  CHECK(i < sizeof ops / sizeof *ops, "a dimension by operator %d", op);
  if (ops[i].of_bool) a = export_cast(e, a, DT_BOOL), b = export_cast(e, b, DT_BOOL);
  Term *t = EXPORT(e, ops[i].onnx, a, b);
  return ops[i].gives_bool ? export_cast(e, t, DT_I64) : t;
}

// ONNX's Div truncates, its Mod has the divisor's sign: a // b is (a - a mod b) / b.
static Term *floor_quotient(Export *e, Term *a, Term *b) {
  Term *rest = EXPORT(e, "Mod", a, b);
  return EXPORT(e, "Div", EXPORT(e, "Sub", a, rest), b);
}

static Term *compute(Export *e, Dim d) {
  int n;
  const Dim *operands;
  DimOp op = dim_op(e->m->dims, d, &n, &operands);
  if (op == DIM_SYMBOL) return symbol(e, d);
  Dim *list = arena_memdup(e->m->arena, operands, sizeof *list * (size_t)n); // the table may grow
  Term *t = number(e, list[0]);
  if (op == DIM_NOT) return export_cast(e, EXPORT(e, "Equal", t, constant(e, 0)), DT_I64);
  for (int i = 1; i < n; i++) {
    Term *next = number(e, list[i]);
    t = op == DIM_FLOORDIV ? floor_quotient(e, t, next) : joined(e, op, t, next);
  }
  return t;
}

static Term *number(Export *e, Dim d) {
  if (dim_is_const(d)) return constant(e, d);
  for (size_t i = 0; i < e->dims.len; i++)
    if (e->dims.data[i].dim == d) return e->dims.data[i].term;
  Term *t = compute(e, d);
  dims_found(e, d, t);
  return t;
}

void dims_found(Export *e, Dim d, Term *t) {
  if (!t->name) {
    StrBuf name = {0};
    dim_print(e->m->dims, d, &name);
    t->name = export_name(e, strbuf_str(&name));
    strbuf_free(&name);
  }
  vec_push(&e->dims, (ExportDim){d, t});
}

Term *dims_list(Export *e, int n, const Dim *dims) {
  bool known = true;
  for (int i = 0; i < n; i++) known &= dim_is_const(dims[i]);
  if (known) return export_list(e, n, dims);
  Term *parts[2 * MAX_RANK];
  for (int i = 0; i < n; i++) parts[i] = number(e, dims[i]);
  return n == 1 ? parts[0] : shape_concat(e, n, parts, 0);
}

Term *dims_number(Export *e, Dim d) {
  if (dim_is_const(d)) return export_integer(e, d);
  return shape_reshape(e, number(e, d), 0, NULL);
}
