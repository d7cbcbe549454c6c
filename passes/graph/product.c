#include "passes/graph/product.h"
#include "ir/core/check.h"
#include <string.h>

int product_operand(OpKind op, const char *name) {
  const OpInfo *info = op_info(op);
  for (int i = 0; i < info->n_operands; i++)
    if (!strcmp(info->operands[i].name, name)) return i;
  return -1;
}

static int attr_row(OpKind op, const char *name) {
  for (int i = 0; i < op_info(op)->n_attrs; i++)
    if (!strcmp(op_attr(op, i)->name, name)) return i;
  return -1;
}

int product_act(OpKind op) { return attr_row(op, "act"); }

OpKind product_activation(Module *m, const char *act, Attr **attrs) {
  OpKind op = OP_GELU;
  bool by_tanh = !strcmp(act, "gelu_tanh");
  CHECK(by_tanh || op_from_name(act, &op), "no op computes %s", act);
  *attrs = rewrite_attrs(m, op);
  if (by_tanh) (*attrs)[ATTR_GELU_approximate] = (Attr){.kind = ATTR_ENUM, .s = intern(m->names, "tanh")};
  return op;
}

Value *product_activate(Module *m, Node *before, Value *y, const char *act) {
  Attr *attrs;
  if (!strcmp(act, "none")) return y;
  OpKind op = product_activation(m, act, &attrs);
  return rewrite_before(m, before, op, 1, &y, attrs);
}

bool product_of_node(Node *n, Product *p) {
  if (!op_has(n->op, TRAIT_EPILOGUE)) return false;
  int residual = product_operand(n->op, "residual"), bias = product_operand(n->op, "bias");
  Value *b = operand(n, bias);
  *p = (Product){
      .node = n, .weight = constant_weight(operand(n, product_operand(n->op, "weight"))), .bias = constant_weight(b)};
  p->act = n->attrs[attr_row(n->op, "act")].s;
  p->takes_residual = residual >= 0;
  p->residual = residual >= 0 ? operand(n, residual) : NULL;
  p->axis = n->op == OP_CONV2D || n->op == OP_CONV_TRANSPOSE2D ? 1 : result(n)->type->rank - 1;
  return p->weight && (p->bias || !b);
}

bool product_of(const Value *v, Product *p) { return v && v->kind == VALUE_RESULT && product_of_node(v->node, p); }

bool product_has_act(const Product *p) { return strcmp(p->act, "none") != 0; }

Node *product_rebuild(Module *m, const Product *p, Node *before) {
  enum { MOST = 8 };
  const Node *old = p->node;
  const OpInfo *info = op_info(old->op);
  CHECK(info->n_operands <= MOST, "%s has %d operands", info->name, info->n_operands);
  Value *operands[MOST] = {0};
  for (int i = 0; i < old->n_operands; i++) operands[i] = operand(old, i);
  operands[product_operand(old->op, "weight")] = p->weight->value;
  operands[product_operand(old->op, "bias")] = p->bias ? p->bias->value : NULL;
  if (p->takes_residual) operands[product_operand(old->op, "residual")] = p->residual;
  Attr *attrs = arena_memdup(m->arena, old->attrs, sizeof *attrs * (size_t)info->n_attrs);
  attrs[attr_row(old->op, "act")].s = p->act;
  Node *n = graph_node_before(m, before, &(NodeSpec){old->op, info->n_operands, operands, attrs, old->name, old->span});
  CHECK(n, "rebuilding %s `%s`", info->name, pass_label(old));
  return n;
}

// ---- new weights

// Output channels, input channels a group, elements of each pair: [O][I][K]; of a transposed convolution
// [groups][I][O / groups][K].
typedef struct Extent {
  int64_t out, in, taps, groups;
  bool transposed;
} Extent;

static Extent extent(const Product *p) {
  const Type *t = p->weight->type;
  Extent e = {t->dims[0], t->dims[1], 1, 1, p->node->op == OP_CONV_TRANSPOSE2D};
  for (int i = 2; i < t->rank; i++) e.taps *= t->dims[i];
  if (p->node->op == OP_CONV2D) e.groups = NODE_ATTR(p->node, CONV2D, groups)->i;
  if (!e.transposed) return e;
  e.groups = NODE_ATTR(p->node, CONV_TRANSPOSE2D, groups)->i;
  e.out = t->dims[1] * e.groups;
  e.in = t->dims[0] / e.groups;
  return e;
}

// The first element of output channel o and input channel i of its group.
static int64_t pair(const Extent *e, int64_t o, int64_t i) {
  int64_t each = e->out / e->groups;
  return (e->transposed ? (o / each * e->in + i) * each + o % each : o * e->in + i) * e->taps;
}

static const char *folded_name(Module *m, const Product *p, const Weight *old, const char *what) {
  static const char suffix[] = ".folded";
  if (!old) return rewrite_name(m, p->node->name, what);
  size_t n = strlen(old->name), tail = sizeof suffix - 1;
  bool again = n > tail && !strcmp(old->name + n - tail, suffix);
  return again ? old->name : arena_printf(m->arena, "%s%s", old->name, suffix);
}

// W[o][i][k] out[o] in[i of o's group]; either may be NULL.
static Weight *scaled(Module *m, const Product *p, const double *out, const double *in) {
  Extent e = extent(p);
  Weight *w = p->weight;
  DType stored, dtype = w->type->dtype;
  const void *from = weight_data(w, &stored);
  Blob *b = blob_malloc((size_t)weight_count(w) * dtype_size(dtype));
  for (int64_t o = 0; o < e.out; o++) {
    const double *group_in = in ? in + o / (e.out / e.groups) * e.in : NULL;
    for (int64_t i = 0; i < e.in; i++) {
      double factor = (out ? out[o] : 1) * (group_in ? group_in[i] : 1);
      int64_t first = pair(&e, o, i);
      for (int64_t at = first; at < first + e.taps; at++)
        dtype_store(dtype, (void *)b->data, at, dtype_load(stored, from, at) * factor);
    }
  }
  const char *hint = folded_name(m, p, w, "weight");
  weight_drop_cache(w);
  return graph_dense(m, hint, w->type, b);
}

// What a shift of the input adds to output channel o: sum over i, k of W[o][i][k] shift[i of o's group].
static double shifted(const Product *p, const Extent *e, int64_t o, const double *shift) {
  DType stored;
  const void *from = weight_data(p->weight, &stored);
  const double *group_shift = shift + o / (e->out / e->groups) * e->in;
  double sum = 0;
  for (int64_t i = 0; i < e->in; i++)
    for (int64_t k = 0; k < e->taps; k++) sum += dtype_load(stored, from, pair(e, o, i) + k) * group_shift[i];
  return sum;
}

static double bias_at(const Product *p, int64_t o) { return p->bias ? constant_channel(p->bias, o) : 0; }

static Weight *biased(Module *m, const Product *p, const double *bias) {
  Dim channels = extent(p).out;
  const Type *t = type_get(m, p->weight->type->dtype, 1, &channels);
  return constant_dense(m, folded_name(m, p, p->bias, "bias"), t, bias);
}

static bool all_equal(const double *v, int64_t n, double to) {
  for (int64_t i = 0; i < n; i++)
    if (v[i] != to) return false;
  return true;
}

void product_apply_after(Module *m, Product *p, const Affine *a) {
  int64_t n = a->channels;
  double *bias = xmalloc(sizeof *bias * (size_t)n);
  for (int64_t o = 0; o < n; o++) bias[o] = bias_at(p, o) * a->scale[o] + a->shift[o];
  Weight *new_bias = p->bias || !all_equal(bias, n, 0) ? biased(m, p, bias) : NULL;
  if (!all_equal(a->scale, n, 1)) p->weight = scaled(m, p, a->scale, NULL);
  p->bias = new_bias;
  free(bias);
}

void product_apply_before(Module *m, Product *p, const Affine *a) {
  Extent e = extent(p);
  double *bias = xmalloc(sizeof *bias * (size_t)e.out);
  for (int64_t o = 0; o < e.out; o++) bias[o] = bias_at(p, o) + shifted(p, &e, o, a->shift);
  Weight *new_bias = p->bias || !all_equal(bias, e.out, 0) ? biased(m, p, bias) : NULL;
  if (!all_equal(a->scale, a->channels, 1)) p->weight = scaled(m, p, NULL, a->scale);
  p->bias = new_bias;
  free(bias);
}

// ---- users

bool product_only_use(PassContext *c, const Value *v, const Node *user, const char **why) {
  *why = "";
  Module *m = c->module;
  if (graph_is_output(m, v)) return *why = "its input is an output of the model", false;
  for (const Use *u = v->uses; u; u = u->next) {
    if (u->user == user) continue;
    if (pass_remarks(c, true)) {
      int line, col;
      diag_position(c->diag, u->user->span, &line, &col);
      *why = arena_printf(m->arena, "its input is also used by `%s` (line %d)", pass_label(u->user), line);
    }
    return false;
  }
  return true;
}
