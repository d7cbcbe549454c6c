#include "ir/core/checked.h"
#include "ir/graph/macs.h"
#include "passes/graph/dense.h"
#include "passes/graph/factorize.h"
#include <math.h>
#include <string.h>

enum { SIDE_MOST = 8192 }; // of the matrix's smaller side: its square must fit into memory

// Of a 3x3 window with stride 1 Winograd's algorithm F(2,3) multiplies 16 times where the sum does 36 times; one of a
// single row or column of taps it does not compute.
#define WINOGRAD_SHARE (16. / 36)

// ---- reading

static double pixel_ratio(const Node *n, int direction) {
  if (n->op != OP_CONV2D) return 1;
  Dim in = operand(n, 0)->type->dims[2 + direction], out = result(n)->type->dims[2 + direction];
  if (dim_is_const(in) && dim_is_const(out)) return (double)in / (double)out;
  return (double)NODE_ATTR(n, CONV2D, stride)->ints[direction];
}

static bool may_be_winograd(const PassContext *c, const Node *n) {
  if (n->op != OP_CONV2D || c->target.no_winograd) return false;
  const Attr *stride = NODE_ATTR(n, CONV2D, stride), *dilation = NODE_ATTR(n, CONV2D, dilation);
  const Type *x = operand(n, 0)->type;
  bool ones = true;
  for (int i = 0; i < 2; i++)
    ones = ones && stride->ints[i] == 1 && dilation->ints[i] == 1 && dim_is_const(x->dims[2 + i]);
  return ones;
}

static void read_weights(FactorLayer *l) {
  DType stored;
  const void *from = weight_data(l->p.weight, &stored);
  l->whole.w = dense_room(l->whole.out, l->n);
  for (int64_t i = 0; i < l->whole.out * l->n; i++) {
    l->whole.w[i] = dtype_load(stored, from, i);
    l->square += l->whole.w[i] * l->whole.w[i];
  }
  weight_drop_cache(l->p.weight);
}

// The mean square of the outputs: their variance, and the square of their mean.
void factor_layer_weigh(FactorLayer *l) {
  if (!l->data) return;
  l->covariance = layer_covariance(l->data, &l->prior);
  double *nothing = xcalloc((size_t)(l->whole.out * l->n), sizeof *nothing);
  l->square = factor_loss(l, nothing, false);
  free(nothing);
  for (int64_t o = 0; o < l->whole.out; o++) {
    double mean = l->p.bias ? constant_channel(l->p.bias, o) : 0;
    mean += dense_dot(l->n, l->whole.w + o * l->n, l->data->mean);
    l->square += mean * mean;
  }
}

bool factor_layer_read(FactorLayer *l, PassContext *c, Node *n, const LayerData *data, const char **why) {
  *l = (FactorLayer){.pass = c};
  *why = "its weights are computed";
  if (!product_of_node(n, &l->p)) return false;
  const Dim *d = l->p.weight->type->dims;
  bool pictures = n->op == OP_CONV2D;
  l->whole = (Stage){NULL, d[0], d[1], pictures ? d[2] : 1, pictures ? d[3] : 1, {pictures, pictures}, NULL};
  l->n = l->whole.in * l->whole.kh * l->whole.kw;
  for (int i = 0; i < 2; i++) l->ratios[i] = pixel_ratio(n, i);
  l->winograd = may_be_winograd(c, n);
  *why = "it is grouped";
  if (pictures && NODE_ATTR(n, CONV2D, groups)->i > 1) return false;
  *why = "its matrix is too large to decompose";
  if (min_i64(l->whole.out, l->n) > SIDE_MOST) return false;
  read_weights(l);
  l->data = layer_data_find(data, c, n, l->n);
  return true;
}

void factor_layer_free(FactorLayer *l) {
  free(l->whole.w), free(l->covariance);
  *l = (FactorLayer){0};
}

double *factor_tap_covariance(const FactorLayer *l, int64_t taps) {
  int64_t n = l->n / taps;
  double *c = dense_room(n, n);
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++) {
      double sum = 0;
      for (int64_t t = 0; t < taps; t++) sum += l->covariance[(i * taps + t) * l->n + j * taps + t];
      c[i * n + j] = sum / (double)taps;
    }
  return c;
}

void factor_chain_free(Chain *c) {
  for (int i = 0; i < c->n; i++) free(c->stages[i].w);
  *c = (Chain){0};
}

// ---- cost

static bool by_winograd(const FactorLayer *l, const Stage *s) {
  return l->winograd && s->kh == 3 && s->kw == 3 && s->in >= BLOCK;
}

// Kernels compute output channels a block at a time.
static double stage_cost(const FactorLayer *l, const Stage *s) {
  return (double)(round_up(s->out, BLOCK) * s->in * s->kh * s->kw) * (by_winograd(l, s) ? WINOGRAD_SHARE : 1);
}

static double stage_macs(const FactorLayer *l, const Stage *s) {
  (void)l;
  return (double)(s->out * s->in * s->kh * s->kw);
}

static double sum_over(const FactorLayer *l, const Chain *c, double (*of)(const FactorLayer *, const Stage *)) {
  double sum = 0, pixels[2] = {l->ratios[0], l->ratios[1]};
  for (int k = 0; k < c->n; k++) {
    const Stage *s = &c->stages[k];
    for (int i = 0; i < 2; i++)
      if (s->along[i]) pixels[i] = 1;
    sum += of(l, s) * pixels[0] * pixels[1];
  }
  return sum;
}

double factor_cost(const FactorLayer *l, const Chain *c) { return sum_over(l, c, stage_cost); }
double factor_macs(const FactorLayer *l, const Chain *c) { return sum_over(l, c, stage_macs); }
double factor_whole_cost(const FactorLayer *l) { return stage_cost(l, &l->whole); }
const char *factor_beside(const FactorLayer *l) {
  return by_winograd(l, &l->whole) ? " beside Winograd's algorithm" : "";
}

// ---- weights

// Of the second convolution behind the first; no direction has taps in both.
static Stage compose(const Stage *a, const Stage *b) {
  Stage c = {.out = b->out, .in = a->in, .kh = a->kh * b->kh, .kw = a->kw * b->kw};
  int64_t taps = c.kh * c.kw, taps_a = a->kh * a->kw, taps_b = b->kh * b->kw;
  c.w = xcalloc((size_t)(c.out * c.in * taps), sizeof *c.w);
  for (int64_t t = 0; t < taps; t++) {
    int64_t u = t / c.kw, v = t % c.kw;
    const double *at_a = a->w + (a->kh > 1 ? u : 0) * a->kw + (a->kw > 1 ? v : 0);
    const double *at_b = b->w + (b->kh > 1 ? u : 0) * b->kw + (b->kw > 1 ? v : 0);
    for (int64_t o = 0; o < c.out; o++)
      for (int64_t r = 0; r < a->out; r++)
        for (int64_t i = 0; i < c.in; i++)
          c.w[(o * c.in + i) * taps + t] += at_b[(o * b->in + r) * taps_b] * at_a[(r * a->in + i) * taps_a];
  }
  return c;
}

double *factor_composed(const FactorLayer *l, const Chain *c) {
  (void)l;
  Stage all = c->stages[0];
  for (int k = 1; k < c->n; k++) {
    Stage next = compose(&all, &c->stages[k]);
    if (k > 1) free(all.w);
    all = next;
  }
  return all.w;
}

double factor_loss(const FactorLayer *l, const double *w, bool prior) {
  int64_t size = l->whole.out * l->n;
  double *change = dense_room(l->whole.out, l->n), *seen = NULL, plain = 0, sum = 0;
  for (int64_t i = 0; i < size; i++) {
    change[i] = l->whole.w[i] - w[i];
    plain += change[i] * change[i];
  }
  if (l->covariance) {
    seen = dense_room(l->whole.out, l->n);
    dense_product(l->whole.out, l->n, l->n, change, l->covariance, seen);
    for (int64_t i = 0; i < size; i++) sum += seen[i] * change[i];
    if (!prior) sum -= l->prior * plain;
  }
  free(change), free(seen);
  return l->covariance ? sum > 0 ? sum : 0 : plain;
}

// C b^T. Most of b is zeros, which products with it make use of.
static double *seen_by(const FactorLayer *l, int64_t m, const double *b) {
  double *seen = dense_room(m, l->n), *turned = dense_room(l->n, m);
  dense_product(m, l->n, l->n, b, l->covariance, seen);
  dense_transpose(m, l->n, seen, turned);
  free(seen);
  return turned;
}

double *factor_fit(const FactorLayer *l, int64_t m, const double *b, double *gram) {
  int64_t out = l->whole.out, n = l->n;
  double *seen = seen_by(l, m, b), *factor = dense_room(m, m), *fit = dense_room(out, m);
  dense_product(out, n, m, l->whole.w, seen, fit);
  dense_product(m, n, m, b, seen, factor);
  if (gram) memcpy(gram, factor, sizeof *gram * (size_t)(m * m));
  bool ok = dense_factor(m, factor, 1e-12);
  if (ok) dense_solve(m, factor, out, fit);
  if (!ok) memset(fit, 0, sizeof *fit * (size_t)(out * m)); // b is zero throughout
  free(seen), free(factor);
  return fit;
}

// ---- the methods of one rank

static void set_rank(Chain *c, int64_t rank) { c->stages[0].out = c->stages[1].in = rank; }

// The largest rank that is cheaper than the layer: the cost grows with it.
static int64_t most_rank(const FactorLayer *l, Chain *c, int64_t limit) {
  int64_t low = 0, high = limit;
  while (low < high) {
    int64_t middle = low + (high - low + 1) / 2;
    set_rank(c, middle);
    if (factor_cost(l, c) < factor_whole_cost(l))
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

int64_t factorize_rank(const FactorLayer *l, double allowed, Chain *c, int64_t limit,
                       double (*loss)(void *user, int64_t rank), void *user, StrBuf *what) {
  const char *beside = factor_beside(l);
  int64_t most = most_rank(l, c, limit);
  if (!most) return strbuf_printf(what, "no rank saves work%s", beside), 0;
  double bound = allowed * allowed * l->square * (1 + 1e-12), least = loss(user, most);
  set_rank(c, most);
  if (!(least <= bound)) {
    double macs = macs_of(l->pass->module, l->p.node) / 1e6;
    strbuf_printf(what, "rank %lld, the most that saves work%s (%.4g of %.4g M MACs), has %s error of %.2f%%, not %g%%",
                  (long long)most, beside, macs * factor_macs(l, c) / stage_macs(l, &l->whole), macs,
                  l->covariance ? "an output" : "a weight", sqrt(least / l->square) * 100, allowed * 100);
    return 0;
  }
  int64_t low = 1, high = most;
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    if (loss(user, middle) <= bound)
      high = middle;
    else
      low = middle + 1;
  }
  set_rank(c, high);
  return high;
}
