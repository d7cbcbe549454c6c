// fuse-attention: self-attention written out in small ops, or around scaled_dot_product_attention, becomes one linear
// layer and attention_core. q, k and v may be slices of one layer or layers of their own, in any order of rows; they
// are gathered, so that q, k and v of all heads lie side by side. A scale, wherever it stands, is multiplied into the
// rows, but for attention_core's own.
//
// Needs every value between the input and the result to be used there alone, and q, k and v to be layers of the same
// input, with as many channels each.
//
//   %1 = linear %x, @w, @b : f32[N, 17, 96]
//   %2 = reshape %1 {shape=[N, 17, 3, 4, 8]} : f32[N, 17, 3, 4, 8]
//   %3 = permute %2 {dims=[2, 0, 3, 1, 4]} : f32[3, N, 4, 17, 8]
//   q, k, v: slices of %3, reshaped to [N, 4, 17, 8]
//   %4 = permute %k {dims=[0, 1, 3, 2]} : f32[N, 4, 8, 17]
//   %5 = matmul %q, %4 : f32[N, 4, 17, 17]
//   %6 = mul %5, @scale : f32[N, 4, 17, 17]
//   %7 = softmax %6 {dim=3} : f32[N, 4, 17, 17]
//   %8 = matmul %7, %v : f32[N, 4, 17, 8]
//   %9 = permute %8 {dims=[0, 2, 1, 3]} : f32[N, 17, 4, 8]
//   %10 = reshape %9 {shape=[N, 17, 32]} : f32[N, 17, 32]
// becomes
//   %1 = linear %x, @w, @b : f32[N, 17, 96]
//   %2 = attention_core %1 {heads=4} : f32[N, 17, 32]
#include "ir/core/check.h"
#include "ir/core/checked.h"
#include "passes/graph/product.h"
#include "passes/graph/view.h"
#include <math.h>
#include <string.h>

enum { Q, K, V, PARTS };
enum { LONGEST = 16 }; // nodes between two of the ops that are looked for

// What one of q, k and v is: scale times channels of a linear layer.
typedef struct Part {
  const Type *type; // [batch..., T, depth]; of k before a product [batch..., depth, T]
  Dim tokens;       // T
  Product layer;
  View view;
  double scale;
  int leading; // the first factors of [batch...] that walk rows of the layer; those behind them walk heads
  int64_t heads, depth;
} Part;

typedef struct Written {
  PassContext *c;
  bool *member; // by node id: what is replaced
  uint32_t n_nodes;
  Node *end;
  Value *mask;
  Part part[PARTS];
  const char *why; // it is left alone
} Written;

static bool no(Written *w, const char *why) { return w->why = why, false; }

static Node *producer(const Value *v) { return v->kind == VALUE_RESULT ? v->node : NULL; }

// ---- scales and moves

// Whether `n` multiplies by *s.
static bool scales(const Node *n, double *s) {
  if ((n->op != OP_MUL && n->op != OP_DIV) || result(n)->type != operand(n, 0)->type) return false;
  if (!constant_uniform(operand(n, 1), s) || !isfinite(*s) || *s == 0) return false;
  if (n->op == OP_DIV) *s = 1 / *s;
  return true;
}

// From v back over scales and, where `moves`, over moves: their nodes, the last first, and what they were applied to.
static Value *back(Value *v, bool moves, Node **path, int *n, double *scale) {
  for (*n = 0; *n < LONGEST; v = operand(path[(*n)++], 0)) {
    Node *at = producer(v);
    double s = 1;
    if (!at || !(scales(at, &s) || (moves && view_moves(at)))) break;
    *scale *= s;
    path[*n] = at;
  }
  return v;
}

static bool is_member(const Written *w, const Node *n) { return n->id < w->n_nodes && w->member[n->id]; }

static void claim(Written *w, Node *const *path, int n) {
  for (int i = 0; i < n; i++) w->member[path[i]->id] = true;
}

// ---- q, k and v

// The layer's rows, then `width` of its channels, as factors.
static int rows_and_channels(const Type *layer, int64_t width, Factor *out) {
  int n = 0, last = layer->rank - 1;
  for (int i = 0; i < last; i++)
    if (layer->dims[i] != 1) out[n++] = (Factor){layer->dims[i], 1, i};
  if (width != 1) out[n++] = (Factor){width, 1, last};
  return n;
}

// Whether dimensions [batch..., T, depth] are rows of the layer and heads, all rows in order, and depth.
static bool read_axes(DimTable *t, Part *p) {
  const View *v = &p->view;
  int queries = v->begin[v->rank - 2], depth = v->begin[v->rank - 1], n = 0;
  Factor rows[MAX_FACTORS], want[MAX_FACTORS];
  p->heads = p->depth = 1;
  p->leading = 0;
  for (int i = 0; i < v->begin[v->rank]; i++) {
    const Factor *f = &v->factors[i];
    bool batch = i < queries, deep = i >= depth;
    if (f->axis != v->last) {
      if (deep || (batch && p->leading < i)) return false; // rows as depth, or behind a head
      p->leading += batch;
      rows[n++] = *f;
    } else {
      if ((!batch && !deep) || !dim_is_const(f->size) || !dim_is_const(f->stride)) return false;
      *(batch ? &p->heads : &p->depth) *= f->size;
    }
  }
  return view_same_factors(view_join(t, n, rows, rows), rows, rows_and_channels(result(p->layer.node)->type, 1, want),
                           want);
}

static bool read_part(Written *w, Part *p, Value *v, bool transposed) {
  Node *path[LONGEST];
  int n;
  if (v->type->rank < 2) return no(w, "its operands are vectors");
  p->type = v->type;
  p->tokens = v->type->dims[v->type->rank - (transposed ? 1 : 2)];
  p->scale = 1;
  Value *base = back(v, true, path, &n, &p->scale);
  if (!product_of(base, &p->layer) || p->layer.node->op != OP_LINEAR)
    return no(w, "q, k and v are not all made by linear layers");
  if (p->layer.residual || product_has_act(&p->layer)) return no(w, "a linear layer does more than its product");
  p->view = view_whole(base->type);
  for (int i = n; i-- > 0;)
    if (view_moves(path[i]) && !view_move(w->c->module->dims, &p->view, path[i]))
      return no(w, "its channels are cut in an unusual way");
  if (transposed) {
    int64_t swap[MAX_RANK];
    for (int i = 0; i < p->view.rank; i++) swap[i] = i < p->view.rank - 2 ? i : 2 * p->view.rank - 3 - i;
    view_permute(&p->view, swap);
  }
  if (!read_axes(w->c->module->dims, p)) return no(w, "its rows and heads are not in attention's order");
  claim(w, path, n);
  claim(w, &p->layer.node, 1);
  return true;
}

// Whether the three have the same rows, in the same dimensions, and as many heads and channels.
static bool agree(Written *w) {
  const Part *q = &w->part[Q];
  int rank = q->type->rank;
  if (q->leading > MAX_RANK - 3) return no(w, "its batch has too many dimensions");
  for (int i = K; i < PARTS; i++) {
    const Part *p = &w->part[i];
    if (operand(p->layer.node, 0) != operand(q->layer.node, 0)) return no(w, "q, k and v are of different inputs");
    if (p->type->rank != rank || memcmp(p->type->dims, q->type->dims, sizeof(Dim) * (size_t)(rank - 2)))
      return no(w, "q, k and v are broadcast");
    if (p->heads != q->heads || p->depth != q->depth) return no(w, "q, k and v differ in heads or channels");
    if (p->tokens != q->tokens) return no(w, "keys and queries differ in number");
  }
  return true;
}

static bool read_parts(Written *w, Value *q, Value *k, bool transposed, Value *v) {
  return read_part(w, &w->part[Q], q, false) && read_part(w, &w->part[K], k, transposed) &&
         read_part(w, &w->part[V], v, false) && agree(w);
}

// ---- scores

// The product under the scores v, and the scale between.
static Node *scores_of(Written *w, Value *v, double *scale) {
  Node *path[LONGEST];
  int n;
  Node *product = producer(back(v, false, path, &n, scale));
  if (!product || product->op != OP_MATMUL) return NULL;
  claim(w, path, n);
  claim(w, &product, 1);
  return product;
}

static Node *read_scores(Written *w, Value *v, double *scale) {
  Node *product = scores_of(w, v, scale), *sum = producer(v);
  if (product || !sum || sum->op != OP_ADD) return product;
  for (int i = 0; i < 2 && !product; i++) {
    *scale = 1;
    if (operand(sum, i)->type == v->type) product = scores_of(w, operand(sum, i), scale);
    w->mask = operand(sum, 1 - i);
  }
  claim(w, &sum, 1);
  return product;
}

// ---- the way back

// The last node behind the product at which the heads lie side by side again; NULL: none.
static Node *read_end(Written *w, Node *product) {
  DimTable *t = w->c->module->dims;
  const Part *q = &w->part[Q];
  View v = q->view;
  int rank = v.rank, depth = v.begin[rank - 1];
  int64_t stride = q->depth;
  v.start = 0;
  v.begin[rank] = depth + (q->depth > 1);
  if (q->depth > 1) v.factors[depth] = (Factor){q->depth, 1, v.last};
  for (int i = v.begin[rank - 2]; i-- > q->leading; stride *= v.factors[i].size) v.factors[i].stride = stride;
  Factor want[MAX_FACTORS], got[MAX_FACTORS];
  int n = rows_and_channels(result(q->layer.node)->type, q->heads * q->depth, want);
  Node *end = NULL, *path[LONGEST];
  int behind = 0, length = 0;
  for (Node *at = product;;) {
    path[length++] = at;
    if (view_same_factors(n, want, view_join(t, v.begin[v.rank], v.factors, got), got)) end = at, behind = length;
    const Value *y = result(at);
    if (length == LONGEST || graph_use_count(w->c->module, y) != 1 || !y->uses) break;
    at = y->uses->user;
    if ((at->op != OP_RESHAPE && at->op != OP_PERMUTE) || !view_move(t, &v, at)) break;
  }
  claim(w, path, behind);
  return end;
}

// ---- the pattern

// Whether nothing but what is replaced reads what is replaced.
static bool used_here_alone(Written *w) {
  Module *m = w->c->module;
  for (Node *n = w->end->prev; n; n = n->prev) {
    if (!is_member(w, n)) continue;
    if (graph_is_output(m, result(n))) return no(w, "a value within it is an output of the model");
    for (const Use *u = result(n)->uses; u; u = u->next)
      if (!is_member(w, u->user)) return no(w, "a value within it is used elsewhere too");
  }
  return true;
}

// [..., T, 3 D]
static const Type *core_type(Module *m, const Part *q) {
  const Type *layer = result(q->layer.node)->type;
  Dim dims[MAX_RANK], T = q->tokens;
  int rank = layer->rank - 2;
  bool as_it_is = rank >= 0 && layer->dims[rank] == T;
  if (!as_it_is) rank = q->leading;
  for (int i = 0; i < rank; i++) dims[i] = as_it_is ? layer->dims[i] : q->view.factors[i].size;
  dims[rank] = T;
  dims[rank + 1] = PARTS * q->heads * q->depth;
  return type_get(m, layer->dtype, rank + 2, dims);
}

// A mask of two dimensions goes with any scores, another with those of [..., heads, T, T] alone.
static bool mask_fits(Written *w, const Type *core) {
  const Part *q = &w->part[Q];
  if (!w->mask || w->mask->type->rank <= 2) return true;
  int heads = core->rank - 2;
  bool fits = q->type->rank == core->rank + 1 && q->type->dims[heads] == q->heads &&
              !memcmp(q->type->dims, core->dims, sizeof(Dim) * (size_t)heads);
  return fits || no(w, "its mask is of other dimensions than [..., heads, T, T]");
}

// From the last op of the core, q, k and v being known.
static bool read_rest(Written *w, Node *last, double scale) {
  Part *q = &w->part[Q], *k = &w->part[K];
  q->scale *= k->scale * scale * sqrt((double)q->depth); // attention_core divides by the root
  k->scale = 1;
  w->end = read_end(w, last);
  if (!w->end) return no(w, "its heads are not put side by side again");
  return used_here_alone(w) && mask_fits(w, core_type(w->c->module, q));
}

static bool read_products(Written *w, Node *softmax, Node *product) {
  const Type *scores = result(softmax)->type;
  double scale = 1;
  if (NODE_ATTR(softmax, SOFTMAX, dim)->i != scores->rank - 1) return no(w, "softmax is over another dimension");
  if (scores->dtype != DT_F32 || operand(product, 0) != result(softmax) || result(product)->type->rank != scores->rank)
    return no(w, "its probabilities are no left operand of the product with v");
  Node *first = read_scores(w, operand(softmax, 0), &scale);
  if (!first || result(first)->type != scores) return no(w, "its scores are no product of q and k");
  claim(w, &softmax, 1);
  return read_parts(w, operand(first, 0), operand(first, 1), true, operand(product, 1)) && read_rest(w, product, scale);
}

static bool read_op(Written *w, Node *n) {
  double scale = NODE_ATTR(n, SCALED_DOT_PRODUCT_ATTENTION, scale)->f;
  w->mask = operand(n, IN_SCALED_DOT_PRODUCT_ATTENTION_mask);
  if (NODE_ATTR(n, SCALED_DOT_PRODUCT_ATTENTION, is_causal)->i) return no(w, "it is causal");
  if (result(n)->type->dtype != DT_F32) return no(w, "it is not of f32");
  if (!read_parts(w, operand(n, 0), operand(n, 1), false, operand(n, 2))) return false;
  return read_rest(w, n, scale != 0 ? scale : 1 / sqrt((double)w->part[Q].depth));
}

// ---- what takes its place

// The layer's channel that is channel i of all heads.
static int64_t channel_at(const Part *p, int64_t i) {
  const View *v = &p->view;
  int64_t at = v->start;
  for (int k = v->begin[v->rank]; k-- > 0;) {
    const Factor *f = &v->factors[k];
    if (f->axis != v->last) continue;
    at += i % f->size * f->stride;
    i /= f->size;
  }
  return at;
}

// Scales that differ from 1 by what rounding their constants to f32 makes of them.
static bool is_one(double scale) { return fabs(scale - 1) < 5e-7; }

static bool layer_serves(const Written *w) {
  const Part *q = &w->part[Q];
  int64_t width = q->heads * q->depth;
  bool serves = q->layer.weight->type->dims[0] == PARTS * width;
  for (int p = 0; serves && p < PARTS; p++) {
    serves = w->part[p].layer.node == q->layer.node && is_one(w->part[p].scale);
    for (int64_t i = 0; serves && i < width; i++) serves = channel_at(&w->part[p], i) == p * width + i;
  }
  return serves;
}

// The rows of three weights, or the elements of three biases; absent ones are zeros.
static Value *gathered(const Written *w, Weight *const from[PARTS], const Type *t, const char *hint) {
  int64_t width = w->part[Q].heads * w->part[Q].depth, row = t->rank > 1 ? t->dims[1] : 1, at = 0;
  Blob *b = blob_malloc((size_t)type_bytes(w->c->module, t));
  for (int64_t i = 0; i < PARTS * width; i++) {
    const Part *p = &w->part[i / width];
    Weight *source = from[i / width];
    DType stored;
    const void *data = source ? weight_data(source, &stored) : NULL;
    int64_t first = channel_at(p, i % width) * row;
    for (int64_t k = 0; k < row; k++, at++)
      if (data) dtype_store(t->dtype, (void *)b->data, at, dtype_load(stored, data, first + k) * p->scale);
  }
  for (int p = 0; p < PARTS; p++)
    if (from[p]) weight_drop_cache(from[p]);
  return graph_dense(w->c->module, hint, t, b)->value;
}

// x in shape t; where x is a reshape of such a value, that value.
static Value *reshaped(Module *m, Node *at, Value *x, const Type *t) {
  const Node *from = producer(x);
  if (from && from->op == OP_RESHAPE && operand(from, 0)->type == t) return operand(from, 0);
  return rewrite_reshape(m, at, x, t);
}

static void join_weights(Written *w, Value **weight, Value **bias) {
  Module *m = w->c->module;
  Weight *weights[PARTS], *biases[PARTS];
  bool biased = false;
  for (int p = 0; p < PARTS; p++) {
    weights[p] = w->part[p].layer.weight;
    biases[p] = w->part[p].layer.bias;
    biased = biased || biases[p];
  }
  const char *name = w->part[Q].layer.node->name;
  const Type *t = weights[Q]->type;
  Dim dims[] = {PARTS * w->part[Q].heads * w->part[Q].depth, t->dims[1]};
  *weight = gathered(w, weights, type_get(m, t->dtype, 2, dims), rewrite_name(m, name, "joined.weight"));
  if (biased) *bias = gathered(w, biases, type_get(m, t->dtype, 1, dims), rewrite_name(m, name, "joined.bias"));
}

// q, k and v of all heads side by side, of the type that attention_core wants.
static Value *side_by_side(Written *w, bool serves, const Type *core) {
  Module *m = w->c->module;
  Node *layer = w->part[Q].layer.node;
  if (serves && result(layer)->type == core) return result(layer);
  Value *operands[] = {operand(layer, IN_LINEAR_x), operand(layer, IN_LINEAR_weight), operand(layer, IN_LINEAR_bias)};
  Dim dims[MAX_RANK];
  memcpy(dims, core->dims, sizeof *dims * (size_t)core->rank);
  dims[core->rank - 1] = operands[1]->type->dims[1];
  operands[0] = reshaped(m, w->end, operands[0], type_get(m, core->dtype, core->rank, dims));
  if (!serves) join_weights(w, &operands[1], &operands[2]);
  return rewrite_named(m, w->end, layer->name, OP_LINEAR, 3, operands, NULL);
}

static void replace(Written *w) {
  Module *m = w->c->module;
  const Part *q = &w->part[Q];
  bool serves = layer_serves(w);
  Value *qkv = side_by_side(w, serves, core_type(m, q));
  Attr *attrs = rewrite_attrs(m, OP_ATTENTION_CORE);
  attrs[ATTR_ATTENTION_CORE_heads] = (Attr){.kind = ATTR_INT, .i = q->heads};
  Value *core = rewrite_before(m, w->end, OP_ATTENTION_CORE, 2, (Value *[]){qkv, w->mask}, attrs);
  pass_remark(w->c, core->node, false, "attention of %lld x %lld channels, %s", (long long)q->heads,
              (long long)q->depth, serves ? "its linear layer's weights kept" : "the weights of q, k and v joined");
  pass_count(w->c, "attentions recognized", 1);
  Node *at = core->node;
  rewrite_replace(m, w->end, reshaped(m, w->end, core, result(w->end)->type));
  for (Node *before; at; at = before) {
    before = at->prev;
    if (is_member(w, at) && !graph_use_count(m, result(at))) graph_remove(m, at);
  }
}

// ---- the pass

// The product that reads the softmax `n`; NULL: none, so that it is no attention.
static Node *product_with(const Node *n) {
  for (const Use *u = result(n)->uses; u; u = u->next)
    if (u->user->op == OP_MATMUL) return u->user;
  return NULL;
}

static void visit(PassContext *c, Node *n, Node **next) {
  bool op = n->op == OP_SCALED_DOT_PRODUCT_ATTENTION;
  Node *product = n->op == OP_SOFTMAX ? product_with(n) : NULL;
  if (!op && !product) return;
  Written w = {.c = c, .n_nodes = c->module->n_nodes};
  w.member = xcalloc(w.n_nodes, sizeof *w.member);
  if (op ? read_op(&w, n) : read_products(&w, n, product)) {
    while (*next && is_member(&w, *next)) *next = (*next)->next; // these go; what stands between them stays
    replace(&w);
  } else {
    pass_remark(c, n, true, "attention at %s left as it is written: %s", pass_label(n), w.why);
  }
  free(w.member);
}

bool fuse_attention_run(PassContext *c) {
  for (Node *n = c->module->first, *next; n; n = next) {
    next = n->next;
    visit(c, n, &next);
  }
  return true;
}
