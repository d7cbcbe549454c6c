#include "passes/graph/rewrite.h"
#include "ir/core/check.h"

Attr *rewrite_attrs(Module *m, OpKind op) { return arena_array(m->arena, Attr, op_info(op)->n_attrs); }

Attr rewrite_ints(Module *m, AttrKind kind, int n, const int64_t *list) {
  return (Attr){.kind = kind, .n = n, .ints = arena_memdup(m->arena, list, sizeof *list * (size_t)n)};
}

Attr rewrite_shape(Module *m, const Type *t) { return rewrite_ints(m, ATTR_DIMS, t->rank, t->dims); }

Value *rewrite_named(Module *m, Node *old, const char *name, OpKind op, int n_operands, Value *const *operands,
                     const Attr *attrs) {
  Node *n = graph_node_before(m, old, &(NodeSpec){op, n_operands, operands, attrs, name, old->span});
  CHECK(n, "rewriting %s `%s` into %s", op_info(old->op)->name, pass_label(old), op_info(op)->name);
  return result(n);
}

Value *rewrite_before(Module *m, Node *old, OpKind op, int n_operands, Value *const *operands, const Attr *attrs) {
  return rewrite_named(m, old, old->name, op, n_operands, operands, attrs);
}

Value *rewrite_cast(Module *m, Node *old, Value *x, DType dtype) {
  if (x->type->dtype == dtype) return x;
  Attr *attrs = rewrite_attrs(m, OP_CAST);
  attrs[ATTR_CAST_dtype] = (Attr){.kind = ATTR_DTYPE, .i = dtype};
  return rewrite_before(m, old, OP_CAST, 1, &x, attrs);
}

Value *rewrite_slice(Module *m, Node *old, Value *x, int64_t dim, Dim start, Dim end) {
  Attr *attrs = rewrite_attrs(m, OP_SLICE);
  attrs[ATTR_SLICE_dims] = rewrite_ints(m, ATTR_INTS, 1, &dim);
  attrs[ATTR_SLICE_starts] = rewrite_ints(m, ATTR_DIMS, 1, &start);
  attrs[ATTR_SLICE_ends] = rewrite_ints(m, ATTR_DIMS, 1, &end);
  return rewrite_before(m, old, OP_SLICE, 1, &x, attrs);
}

Value *rewrite_reshape(Module *m, Node *old, Value *x, const Type *t) {
  if (x->type == t) return x;
  Attr *attrs = rewrite_attrs(m, OP_RESHAPE);
  attrs[ATTR_RESHAPE_shape] = rewrite_shape(m, t);
  return rewrite_before(m, old, OP_RESHAPE, 1, &x, attrs);
}

Value *rewrite_permute(Module *m, Node *old, Value *x, const int64_t *dims) {
  Attr *attrs = rewrite_attrs(m, OP_PERMUTE);
  attrs[ATTR_PERMUTE_dims] = rewrite_ints(m, ATTR_INTS, x->type->rank, dims);
  return rewrite_before(m, old, OP_PERMUTE, 1, &x, attrs);
}

Value *rewrite_concat(Module *m, Node *old, int n, Value *const *parts, int64_t dim) {
  if (n == 1) return parts[0];
  Attr *attrs = rewrite_attrs(m, OP_CONCAT);
  attrs[ATTR_CONCAT_dim] = (Attr){.kind = ATTR_INT, .i = dim};
  return rewrite_before(m, old, OP_CONCAT, n, parts, attrs);
}

void rewrite_replace(Module *m, Node *old, Value *with) {
  CHECK(result(old)->type == with->type, "%s `%s` of type %s replaced by %s", op_info(old->op)->name, pass_label(old),
        type_str(m, result(old)->type), type_str(m, with->type));
  if (!with->name && with->kind == VALUE_RESULT) with->name = result(old)->name;
  graph_replace_uses(m, result(old), with);
  graph_remove(m, old);
}

void rewrite_replace_node(Module *m, Node *old, Node *with) {
  CHECK(old->n_results == with->n_results, "%s `%s` replaced by %s", op_info(old->op)->name, pass_label(old),
        op_info(with->op)->name);
  for (int i = 1; i < old->n_results; i++) {
    Value *v = with->results[i];
    if (!v->name) v->name = old->results[i]->name;
    graph_replace_uses(m, old->results[i], v);
  }
  rewrite_replace(m, old, result(with));
}

static bool is_unused(const Module *m, const Node *n) {
  for (int i = 0; i < n->n_results; i++)
    if (graph_use_count(m, n->results[i])) return false;
  return true;
}

typedef Vec(Node *) NodeVec;

// Each node once: it is looked at again when the last of its users is gone.
static void push_producer(NodeVec *v, const Value *value) {
  if (!value || value->kind != VALUE_RESULT) return;
  for (size_t i = 0; i < v->len; i++)
    if (v->data[i] == value->node) return;
  vec_push(v, value->node);
}

void rewrite_supersede(Module *m, Node *old, Value *with) {
  NodeVec left = {0};
  for (int i = 0; i < old->n_operands; i++) push_producer(&left, operand(old, i));
  rewrite_replace(m, old, with);
  while (left.len) {
    Node *n = vec_pop(&left);
    if (!is_unused(m, n)) continue;
    for (int i = 0; i < n->n_operands; i++) push_producer(&left, operand(n, i));
    graph_remove(m, n);
  }
  vec_free(&left);
}

const char *rewrite_name(Module *m, const char *base, const char *suffix) {
  return base ? arena_printf(m->arena, "%s.%s", base, suffix) : suffix;
}
