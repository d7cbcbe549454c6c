#include "passes/graph/cut.h"
#include "ir/core/check.h"
#include "ir/core/checked.h"

typedef struct Cut {
  Module *m;
  Channels *c;
  const bool *removed;
  Value **weights; // in the place of each old one, by id; NULL: as it was
} Cut;

int64_t cut_kept(Channels *c, const bool *removed, int64_t n, const int *numbers) {
  int64_t kept = 0;
  for (int64_t i = 0; i < n; i++) kept += !removed[channels_class(c, numbers[i])];
  return kept;
}

static int64_t kept_along(const Cut *t, const Value *v, int axis) {
  const int *numbers = channels_along(t->c, v, axis);
  return numbers ? cut_kept(t->c, t->removed, v->type->dims[axis], numbers) : v->type->dims[axis];
}

static bool shrinks(const Cut *t, const Value *v) {
  for (int i = 0; v && i < v->type->rank; i++)
    if (kept_along(t, v, i) != v->type->dims[i]) return true;
  return false;
}

// ---- weights

// Copies what stays of a weight, from one axis on; returns where to go on writing.
static int64_t gather(const Cut *t, Weight *w, int axis, int64_t from, Blob *to, int64_t at) {
  const Type *type = w->type;
  if (axis == type->rank) {
    dtype_convert(type->dtype, (void *)to->data, at, w->stored, w->blob->data, from);
    return at + 1;
  }
  const int *numbers = channels_along(t->c, w->value, axis);
  for (int64_t i = 0; i < type->dims[axis]; i++)
    if (!numbers || !t->removed[channels_class(t->c, numbers[i])])
      at = gather(t, w, axis + 1, from * type->dims[axis] + i, to, at);
  return at;
}

static Weight *smaller(const Cut *t, Weight *w) {
  Dim dims[MAX_RANK];
  int64_t n = 1;
  for (int i = 0; i < w->type->rank; i++) n *= dims[i] = kept_along(t, w->value, i);
  const Type *type = type_get(t->m, w->type->dtype, w->type->rank, dims);
  const char *name = arena_printf(t->m->arena, "%s.pruned", w->name);
  if (w->source == WEIGHT_SPLAT) return graph_splat(t->m, name, type, w->splat);
  CHECK(weight_data(w, NULL), "weight %s has no data", w->name);
  Blob *b = blob_malloc((size_t)n * dtype_size(type->dtype));
  int64_t written = gather(t, w, 0, 0, b, 0);
  CHECK(written == n, "%lld of %lld elements of %s", (long long)written, (long long)n, name);
  weight_drop_cache(w);
  return graph_dense(t->m, name, type, b);
}

static void cut_weights(Cut *t) {
  size_t n = t->m->weights.len;
  for (size_t i = 0; i < n; i++) {
    Weight *w = t->m->weights.data[i];
    if (w->value->uses && shrinks(t, w->value)) t->weights[w->value->id] = smaller(t, w)->value;
  }
}

// ---- attributes that count channels

static Attr counted(const Cut *t, const Attr *list) {
  return (Attr){
      list->kind, list->n, {.ints = arena_memdup(t->m->arena, list->ints, sizeof *list->ints * (size_t)list->n)}};
}

static void cut_slice(const Cut *t, const Node *n, Attr *attrs) {
  const Value *x = operand(n, 0);
  Attr starts = counted(t, NODE_ATTR(n, SLICE, starts)), ends = counted(t, NODE_ATTR(n, SLICE, ends));
  for (int i = 0; i < starts.n; i++) {
    int axis = (int)NODE_ATTR(n, SLICE, dims)->ints[i];
    const int *numbers = channels_along(t->c, x, axis);
    if (!numbers || !channels_along(t->c, result(n), axis)) continue; // else it begins where it is known to
    int64_t *start = (int64_t *)&starts.ints[i], *end = (int64_t *)&ends.ints[i];
    *start = cut_kept(t->c, t->removed, *start, numbers);
    *end = *start + kept_along(t, result(n), axis);
  }
  attrs[ATTR_SLICE_starts] = starts;
  attrs[ATTR_SLICE_ends] = ends;
}

static void cut_split(const Cut *t, const Node *n, Attr *attrs) {
  Attr sizes = counted(t, NODE_ATTR(n, SPLIT, sizes));
  for (int i = 0; i < sizes.n; i++)
    ((int64_t *)sizes.ints)[i] = kept_along(t, n->results[i], (int)NODE_ATTR(n, SPLIT, dim)->i);
  attrs[ATTR_SPLIT_sizes] = sizes;
}

static void cut_reshape(const Cut *t, const Node *n, Attr *attrs) {
  Attr shape = counted(t, NODE_ATTR(n, RESHAPE, shape));
  for (int i = 0; i < shape.n; i++)
    if (channels_along(t->c, result(n), i)) ((int64_t *)shape.ints)[i] = kept_along(t, result(n), i);
  attrs[ATTR_RESHAPE_shape] = shape;
}

// The axes that go are stated, so that none goes of which a single channel stays.
static void cut_squeeze(const Cut *t, const Node *n, Attr *attrs) {
  const Type *x = operand(n, 0)->type;
  const Attr *asked = NODE_ATTR(n, SQUEEZE, dim);
  int64_t gone[MAX_RANK];
  int count = 0;
  for (int i = 0; i < x->rank; i++) {
    bool stated = !asked->n;
    for (int k = 0; k < asked->n; k++) stated = stated || asked->ints[k] == i;
    if (stated && x->dims[i] == 1) gone[count++] = i;
  }
  attrs[ATTR_SQUEEZE_dim] = rewrite_ints(t->m, ATTR_INTS, count, gone);
}

static int64_t fewer_groups(const Cut *t, const Node *n, int64_t groups) {
  return groups * kept_along(t, operand(n, 0), 1) / operand(n, 0)->type->dims[1];
}

static Attr *cut_attrs(const Cut *t, const Node *n) {
  Attr *attrs = arena_memdup(t->m->arena, n->attrs, sizeof *attrs * (size_t)op_info(n->op)->n_attrs);
  switch (n->op) {
  case OP_CONV2D: {
    int64_t *groups = &attrs[ATTR_CONV2D_groups].i;
    if (*groups > 1) *groups = fewer_groups(t, n, *groups);
    break;
  }
  case OP_ATTENTION_CORE: {
    int64_t *heads = &attrs[ATTR_ATTENTION_CORE_heads].i, axis = result(n)->type->rank - 1;
    *heads = *heads * kept_along(t, result(n), (int)axis) / result(n)->type->dims[axis];
    break;
  }
  case OP_SLICE: cut_slice(t, n, attrs); break;
  case OP_SQUEEZE: cut_squeeze(t, n, attrs); break;
  case OP_SPLIT: cut_split(t, n, attrs); break;
  case OP_RESHAPE: cut_reshape(t, n, attrs); break;
  default: break;
  }
  return attrs;
}

// ---- nodes

static bool changes(const Cut *t, const Node *n) {
  for (int i = 0; i < n->n_operands; i++)
    if (shrinks(t, operand(n, i))) return true;
  for (int i = 0; i < n->n_results; i++)
    if (shrinks(t, n->results[i])) return true;
  return false;
}

// The node again on smaller operands, which are in place already.
static Node *again(const Cut *t, Node *n, const Attr *attrs) {
  Value **operands = xcalloc((size_t)n->n_operands + 1, sizeof *operands);
  for (int i = 0; i < n->n_operands; i++) {
    Value *v = operand(n, i), *with = v && v->id < t->c->n_values ? t->weights[v->id] : NULL;
    operands[i] = with ? with : v;
  }
  Node *made = graph_node_before(t->m, n, &(NodeSpec){n->op, n->n_operands, operands, attrs, n->name, n->span});
  CHECK(made && made->n_results == n->n_results, "%s `%s` without channels", op_info(n->op)->name, pass_label(n));
  free(operands);
  for (int i = 0; i < n->n_results; i++) {
    Value *old = n->results[i], *new = made->results[i];
    new->name = old->name;
    graph_replace_uses(t->m, old, new);
  }
  return made;
}

Node **cut_channels(Module *m, Channels *c, const bool *removed) {
  Cut t = {m, c, removed, arena_array(m->arena, Value *, c->n_values)};
  uint32_t n_nodes = m->n_nodes;
  Node **made = arena_array(m->arena, Node *, n_nodes);
  Attr **attrs = arena_array(m->arena, Attr *, n_nodes); // all of them first: they ask for the old operands
  for (const Node *n = m->first; n; n = n->next)
    if (changes(&t, n)) attrs[n->id] = cut_attrs(&t, n);
  cut_weights(&t);
  for (Node *n = m->first, *next; n; n = next) {
    next = n->next;
    if (!attrs[n->id]) continue;
    made[n->id] = again(&t, n, attrs[n->id]);
    graph_remove(m, n);
  }
  graph_drop_unused_weights(m);
  return made;
}
