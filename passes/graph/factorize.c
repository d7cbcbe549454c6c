// factorize: a convolution becomes two of lower rank, a column of taps and then a row of taps, where their weights are
// within the error that --factorize=spatial:ERROR allows and they save work (spatial singular value decomposition:
// Jaderberg, Vedaldi and Zisserman 2014, in the closed form of Tai et al. 2016).
//
// The weights are seen as a matrix, input channel and row of taps by output channel and column of taps; its best
// approximation of rank r is r columns and r rows. Each half takes the stride, padding and dilation of its direction,
// which is exact: the zeros of a border stay zeros in between. Bias, residual and activation stay with the second half.
// Windows of one row or one column and grouped convolutions are left alone.
//
//   %1 = conv2d %x, @w, @b {stride=[2, 2], padding=[1, 1, 1, 1]} : f32[1, 64, 28, 28] @conv
// becomes
//   %1 = conv2d %x, @w.vertical {stride=[2, 1], padding=[1, 0, 1, 0]} : f32[1, 9, 28, 56] @conv.vertical
//   %2 = conv2d %1, @w.horizontal, @b {stride=[1, 2], padding=[0, 1, 0, 1]} : f32[1, 64, 28, 28] @conv.horizontal
#include "ir/core/checked.h"
#include "ir/graph/macs.h"
#include "passes/graph/product.h"
#include "passes/graph/svd.h"
#include <string.h>

enum { SIDE_MOST = 8192 }; // of the matrix: its square must fit into memory

// Of a 3x3 window with stride 1 Winograd's algorithm F(2,3) multiplies 16 times where the sum does 36 times; one of a
// single row or column of taps it does not compute.
#define WINOGRAD_SHARE (16. / 36)

typedef struct Window { // the matrix is in * kh by out * kw
  int64_t out, in, kh, kw;
} Window;

static Window window_of(const Weight *w) {
  const Dim *d = w->type->dims;
  return (Window){d[0], d[1], d[2], d[3]};
}

// ---- what it costs

static bool by_winograd(const PassContext *c, const Node *n) {
  const Attr *stride = NODE_ATTR(n, CONV2D, stride), *dilation = NODE_ATTR(n, CONV2D, dilation);
  const Type *x = operand(n, 0)->type, *w = operand(n, IN_CONV2D_weight)->type;
  bool ones = w->dims[1] >= BLOCK;
  for (int i = 0; i < 2; i++)
    ones =
        ones && stride->ints[i] == 1 && dilation->ints[i] == 1 && w->dims[2 + i] == 3 && dim_is_const(x->dims[2 + i]);
  return ones && !c->target.no_winograd;
}

// Columns of pixels that the first half computes for one of the result.
static double columns_ratio(const Node *n) {
  Dim in = operand(n, 0)->type->dims[3], out = result(n)->type->dims[3];
  if (dim_is_const(in) && dim_is_const(out)) return (double)in / (double)out;
  return (double)NODE_ATTR(n, CONV2D, stride)->ints[1];
}

// The largest rank of which both halves together multiply less than the convolution does.
static int64_t most_rank(const PassContext *c, const Node *n, const Window *w) {
  double whole = (double)(w->out * w->in * w->kh * w->kw) * (by_winograd(c, n) ? WINOGRAD_SHARE : 1);
  double a_rank = (double)(w->in * w->kh) * columns_ratio(n) + (double)(w->out * w->kw);
  int64_t most = (int64_t)(whole / a_rank);
  return most - ((double)most * a_rank >= whole);
}

// ---- the halves

static double *matrix_of(Weight *weight, const Window *w) {
  DType stored;
  const void *from = weight_data(weight, &stored);
  double *a = xmalloc(sizeof *a * (size_t)weight_count(weight));
  int64_t at = 0;
  for (int64_t o = 0; o < w->out; o++)
    for (int64_t i = 0; i < w->in; i++)
      for (int64_t y = 0; y < w->kh; y++)
        for (int64_t x = 0; x < w->kw; x++, at++)
          a[((i * w->kh + y) * w->out + o) * w->kw + x] = dtype_load(stored, from, at);
  weight_drop_cache(weight);
  return a;
}

// [rank][in][kh] and [out][rank][kw] of the factors, (in * kh) x rank and rank x (out * kw).
static void arrange(const Window *w, int64_t rank, const double *left, const double *right, double *vertical,
                    double *horizontal) {
  for (int64_t r = 0; r < rank; r++)
    for (int64_t k = 0; k < w->in * w->kh; k++) vertical[r * w->in * w->kh + k] = left[k * rank + r];
  for (int64_t o = 0; o < w->out; o++)
    for (int64_t r = 0; r < rank; r++)
      memcpy(horizontal + (o * rank + r) * w->kw, right + (r * w->out + o) * w->kw, sizeof *right * (size_t)w->kw);
}

typedef struct Halves {
  Weight *vertical, *horizontal;
  double error; // of their product
} Halves;

static Halves make_halves(Module *m, const Weight *old, const Window *w, const Svd *s, int64_t rank) {
  size_t n_left = (size_t)(w->in * w->kh * rank), n_right = (size_t)(w->out * w->kw * rank);
  double *left = xmalloc(sizeof *left * n_left), *vertical = xmalloc(sizeof *left * n_left);
  double *right = xmalloc(sizeof *right * n_right), *horizontal = xmalloc(sizeof *right * n_right);
  Halves h = {.error = svd_factors(s, rank, left, right)};
  arrange(w, rank, left, right, vertical, horizontal);
  DType dtype = old->type->dtype;
  const Type *column = type_get(m, dtype, 4, (Dim[]){rank, w->in, w->kh, 1});
  const Type *row = type_get(m, dtype, 4, (Dim[]){w->out, rank, 1, w->kw});
  h.vertical = constant_dense(m, rewrite_name(m, old->name, "vertical"), column, vertical);
  h.horizontal = constant_dense(m, rewrite_name(m, old->name, "horizontal"), row, horizontal);
  free(left), free(right), free(vertical), free(horizontal);
  return h;
}

// The convolution's attributes in one direction (0: along columns, 1: along rows), nothing in the other.
static Attr *attrs_along(Module *m, const Node *n, int direction) {
  Attr *attrs = arena_memdup(m->arena, n->attrs, sizeof *attrs * (size_t)op_info(OP_CONV2D)->n_attrs);
  int64_t stride[2] = {1, 1}, dilation[2] = {1, 1}, padding[4] = {0};
  const Attr *borders = NODE_ATTR(n, CONV2D, padding);
  stride[direction] = NODE_ATTR(n, CONV2D, stride)->ints[direction];
  dilation[direction] = NODE_ATTR(n, CONV2D, dilation)->ints[direction];
  for (int i = 0; i < 2; i++) padding[direction + 2 * i] = borders->ints[direction + 2 * i];
  attrs[ATTR_CONV2D_stride] = rewrite_ints(m, ATTR_INTS, 2, stride);
  attrs[ATTR_CONV2D_dilation] = rewrite_ints(m, ATTR_INTS, 2, dilation);
  attrs[ATTR_CONV2D_padding] = rewrite_ints(m, ATTR_PADDING, 4, padding);
  if (direction == 0) attrs[ATTR_CONV2D_act] = op_attr(OP_CONV2D, ATTR_CONV2D_act)->fallback;
  return attrs;
}

static void replace(Module *m, Node *n, const Halves *h, Node *made[2]) {
  Value *column[] = {operand(n, 0), h->vertical->value};
  const char *names[] = {rewrite_name(m, n->name, "vertical"), rewrite_name(m, n->name, "horizontal")};
  Value *between = rewrite_named(m, n, n->name ? names[0] : NULL, OP_CONV2D, 2, column, attrs_along(m, n, 0));
  Value *row[] = {between, h->horizontal->value, operand(n, IN_CONV2D_bias), operand(n, IN_CONV2D_residual)};
  Value *y = rewrite_named(m, n, n->name ? names[1] : NULL, OP_CONV2D, 4, row, attrs_along(m, n, 1));
  made[0] = between->node, made[1] = y->node;
  rewrite_replace(m, n, y);
}

// ---- each convolution

static double megabytes(const Weight *w) { return (double)weight_count(w) * (double)dtype_size(w->type->dtype) / 1e6; }

static void tell(PassContext *c, const Product *p, const Window *w, const Halves *h, double macs, Node *const made[2]) {
  const Module *m = c->module;
  pass_remark(c, p->node, false,
              "%s as %lld x 1 and 1 x %lld of rank %lld: weight error %.2f%%, %.4g -> %.4g M MACs, %.3g -> %.3g MB",
              pass_label(p->node), (long long)w->kh, (long long)w->kw, (long long)h->vertical->type->dims[0],
              h->error * 100, macs / 1e6, (macs_of(m, made[0]) + macs_of(m, made[1])) / 1e6, megabytes(p->weight),
              megabytes(h->vertical) + megabytes(h->horizontal));
}

// Why it is not to be tried; NULL: it is.
static const char *unsuited(const Product *p, const Window *w) {
  if (NODE_ATTR(p->node, CONV2D, groups)->i > 1) return "it is grouped";
  if (w->kh == 1 || w->kw == 1) return "its window has a single row or column";
  if (min_i64(w->in * w->kh, w->out * w->kw) > SIDE_MOST) return "its matrix is too large to decompose";
  return NULL;
}

static void factorize(PassContext *c, const Product *p) {
  Node *n = p->node, *made[2];
  Window w = window_of(p->weight);
  const char *why = unsuited(p, &w);
  if (why) return pass_remark(c, n, true, "%s stays whole: %s", pass_label(n), why);
  double allowed = c->options.factorize.error, macs = macs_of(c->module, n), *a = matrix_of(p->weight, &w);
  int64_t most = min_i64(most_rank(c, n, &w), min_i64(w.in * w.kh, w.out * w.kw));
  Svd *s = svd_create(w.in * w.kh, w.out * w.kw, a);
  free(a);
  int64_t rank = most > 0 ? svd_rank(s, allowed, most) : 1;
  if (rank > most) {
    pass_remark(c, n, true,
                "%s stays whole: rank %lld, the most that saves work%s, has a weight error of %.2f%%, not %g%%",
                pass_label(n), (long long)most, by_winograd(c, n) ? " beside Winograd's algorithm" : "",
                (most > 0 ? svd_error(s, most) : 1) * 100, allowed * 100);
  } else {
    Halves h = make_halves(c->module, p->weight, &w, s, rank > 0 ? rank : 1);
    replace(c->module, n, &h, made);
    tell(c, p, &w, &h, macs, made);
    pass_count(c, "convolutions factorized", 1);
  }
  svd_free(s);
}

bool factorize_run(PassContext *c) {
  if (c->options.factorize.method != FACTORIZE_SPATIAL) return true;
  Product p;
  for (Node *n = c->module->first, *next; n; n = next) {
    next = n->next;
    if (n->op == OP_CONV2D && product_of_node(n, &p)) factorize(c, &p);
  }
  graph_drop_unused_weights(c->module);
  return true;
}
