// A module for some sizes of its inputs: the same nodes and weights, with numbers where there were symbols.
#include "ir/core/checked.h"
#include "ir/graph/internal.h"

typedef struct Specialize {
  Module *m;
  const int64_t *values; // of the symbols; 0: it stays
} Specialize;

// By operator; all are binary or, being associative, may have more operands.
static Dim (*const functions[])(DimTable *t, Dim a,
                                Dim b) = {[DIM_ADD] = dim_add, [DIM_MUL] = dim_mul, [DIM_FLOORDIV] = dim_floordiv,
                                          [DIM_MOD] = dim_mod, [DIM_MIN] = dim_min, [DIM_MAX] = dim_max,
                                          [DIM_EQ] = dim_eq,   [DIM_LT] = dim_lt,   [DIM_LE] = dim_le,
                                          [DIM_AND] = dim_and, [DIM_OR] = dim_or};

static Dim substitute(const Specialize *s, Dim d) {
  DimTable *t = s->m->dims;
  if (dim_is_const(d) || d == DIM_INVALID) return d;
  int symbol = dim_symbol_index(t, d), n;
  if (symbol >= 0) return s->values[symbol] ? s->values[symbol] : d;
  const Dim *borrowed;
  DimOp op = dim_op(t, d, &n, &borrowed);
  Dim *operands = arena_memdup(s->m->arena, borrowed, sizeof *operands * (size_t)n), r = substitute(s, operands[0]);
  if (op == DIM_NOT) return dim_not(t, r);
  for (int i = 1; i < n; i++) r = functions[op](t, r, substitute(s, operands[i]));
  return r;
}

static void specialize_value(const Specialize *s, Value *v) {
  const Type *t = v->type;
  Dim dims[MAX_RANK];
  for (int i = 0; i < t->rank; i++) dims[i] = substitute(s, t->dims[i]);
  v->type = type_blocked(s->m, type_get(s->m, t->dtype, t->rank, dims), t->blocked_axis);
}

static void specialize_node(const Specialize *s, Node *n) {
  for (int i = 0; i < n->n_results; i++) specialize_value(s, n->results[i]);
  for (int i = 0; i < op_info(n->op)->n_attrs; i++) {
    Attr *a = &n->attrs[i];
    if (a->kind != ATTR_DIMS && a->kind != ATTR_PADDING) continue;
    Dim *dims = arena_array(s->m->arena, Dim, a->n);
    for (int j = 0; j < a->n; j++) dims[j] = substitute(s, a->ints[j]);
    a->ints = dims;
  }
}

Module *module_specialize(const Module *m, const int64_t *values) {
  Specialize s = {module_clone(m), values};
  for (int i = 0; i < dim_symbol_count(m->dims); i++)
    if (dim_symbol_at(m->dims, i)->is_count)
      dim_set_capacity(s.m->dims, i, substitute(&s, dim_symbol_at(m->dims, i)->capacity));
  for (size_t i = 0; i < s.m->inputs.len; i++) specialize_value(&s, s.m->inputs.data[i]);
  for (Node *n = s.m->first; n; n = n->next) specialize_node(&s, n);
  for (size_t i = 0; i < s.m->assertions.len; i++)
    s.m->assertions.data[i].condition = substitute(&s, s.m->assertions.data[i].condition);
  return s.m;
}
