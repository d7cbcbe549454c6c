// Pooling of [N, C, H, W] and [N, C, D, H, W].
#include "ir/ref/ref_ops.h"
#include <math.h>

// The rows or columns that one output coordinate sees: begin, begin + step, ... before end, where `padded` of them
// lie in the picture or its padding.
typedef struct Window {
  int64_t begin, end, step, padded;
} Window;

// As PyTorch: the window is cut at the padded border, which sets `padded`, then at the picture.
static Window window(int64_t at, int64_t size, int64_t kernel, int64_t stride, int64_t dilation, int64_t before,
                     int64_t after) {
  int64_t begin = at * stride - before, end = begin + (kernel - 1) * dilation + 1;
  Window w = {begin, min_i64(end, size), dilation, min_i64(end, size + after) - begin};
  if (begin < 0) w.begin = begin + ceil_div(-begin, dilation) * dilation;
  return w;
}

// A picture is a volume of depth 1.
typedef struct Pool {
  int64_t kernel[3], stride[3], dilation[3];
  int64_t pad[6]; // front, top, left, back, bottom, right
} Pool;

static Pool make_pool(RefCall *c, const Attr *kernel, const Attr *stride, const Attr *padding, const Attr *dilation) {
  Pool p = {{1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {0}};
  int sides = kernel->n, skip = 3 - sides;
  for (int i = 0; i < sides; i++) {
    p.kernel[skip + i] = kernel->ints[i];
    p.stride[skip + i] = (stride->n ? stride : kernel)->ints[i];
    p.dilation[skip + i] = dilation->ints[i];
    p.pad[skip + i] = ref_dim(c, padding->ints[i]);
    p.pad[3 + skip + i] = ref_dim(c, padding->ints[sides + i]);
  }
  return p;
}

static void sides_of(const RefTensor *t, int64_t *sides) {
  for (int i = 0; i < 3; i++) sides[i] = i + t->rank - 3 < 2 ? 1 : t->dims[i + t->rank - 3];
}

// Calls fn for every output element, with the first element of its input plane or volume and its window along each
// side.
typedef void (*PoolFunction)(RefCall *c, int64_t out, int64_t first, const Window *w);

static bool for_each_window(RefCall *c, const Pool *p, PoolFunction fn) {
  int64_t in[3], out[3], at[3];
  sides_of(c->in[0], in), sides_of(c->out, out);
  int64_t windows = ref_product(out, 3), size = ref_product(in, 3);
  for (int64_t o = 0; o < c->out->count; o++) {
    Window w[3];
    at[0] = o / (out[1] * out[2]) % out[0], at[1] = o / out[2] % out[1], at[2] = o % out[2];
    for (int i = 0; i < 3; i++)
      w[i] = window(at[i], in[i], p->kernel[i], p->stride[i], p->dilation[i], p->pad[i], p->pad[3 + i]);
    fn(c, o, o / windows * size, w);
  }
  return true;
}

static bool exceeds(const RefTensor *x, int64_t j, int64_t best) {
  if (x->i) return ref_key(x, j) > ref_key(x, best);
  return x->f[j] > x->f[best] || (isnan(x->f[j]) && !isnan(x->f[best]));
}

// The place of the first largest element, or of the first NaN; -1 where the window sees only padding.
static int64_t best_of(const RefTensor *x, int64_t first, const Window *w) {
  int64_t sides[3], best = -1;
  sides_of(x, sides);
  for (int64_t s = w[0].begin; s < w[0].end; s += w[0].step)
    for (int64_t y = w[1].begin; y < w[1].end; y += w[1].step)
      for (int64_t z = w[2].begin; z < w[2].end; z += w[2].step) {
        int64_t j = first + (s * sides[1] + y) * sides[2] + z;
        if (best < 0 || exceeds(x, j, best)) best = j;
      }
  return best;
}

// A window that sees only padding has the type's lowest value.
static void maximum(RefCall *c, int64_t out, int64_t first, const Window *w) {
  const RefTensor *x = c->in[0];
  int64_t best = best_of(x, first, w);
  if (best >= 0)
    ref_move(c->out, out, x, best);
  else if (c->out->f)
    c->out->f[out] = -INFINITY;
  else
    c->out->i[out] = (int64_t)dtype_lowest(x->type->dtype);
}

static void place_of_maximum(RefCall *c, int64_t out, int64_t first, const Window *w) {
  int64_t best = best_of(c->in[0], first, w);
  c->out[1].i[out] = best < 0 ? REF_NO_PLACE : best - first;
}

bool ref_max_pool2d(RefCall *c) {
  Pool p = make_pool(c, NODE_ATTR(c->node, MAX_POOL2D, kernel), NODE_ATTR(c->node, MAX_POOL2D, stride),
                     NODE_ATTR(c->node, MAX_POOL2D, padding), NODE_ATTR(c->node, MAX_POOL2D, dilation));
  return for_each_window(c, &p, maximum) &&
         (!NODE_ATTR(c->node, MAX_POOL2D, return_indices)->i || for_each_window(c, &p, place_of_maximum));
}

bool ref_max_pool3d(RefCall *c) {
  Pool p = make_pool(c, NODE_ATTR(c->node, MAX_POOL3D, kernel), NODE_ATTR(c->node, MAX_POOL3D, stride),
                     NODE_ATTR(c->node, MAX_POOL3D, padding), NODE_ATTR(c->node, MAX_POOL3D, dilation));
  return for_each_window(c, &p, maximum);
}

static int64_t taps(int64_t begin, int64_t end, int64_t step) { return max_i64(ceil_div(end - begin, step), 0); }
static int64_t extent(Window w) { return taps(w.begin, w.end, w.step); }

static double window_sum(const RefTensor *x, int64_t first, const Window *w) {
  int64_t sides[3];
  double sum = 0;
  sides_of(x, sides);
  for (int64_t s = w[0].begin; s < w[0].end; s += w[0].step)
    for (int64_t y = w[1].begin; y < w[1].end; y += w[1].step)
      for (int64_t z = w[2].begin; z < w[2].end; z += w[2].step) sum += x->f[first + (s * sides[1] + y) * sides[2] + z];
  return sum;
}

static void average(RefCall *c, int64_t out, int64_t first, const Window *w, bool count_padding) {
  int64_t n = 1;
  for (int i = 0; i < 3; i++) n *= count_padding ? taps(0, w[i].padded, w[i].step) : extent(w[i]);
  c->out->f[out] = n > 0 ? window_sum(c->in[0], first, w) / (double)n : 0;
}

static void average_all(RefCall *c, int64_t out, int64_t first, const Window *w) { average(c, out, first, w, true); }
static void average_seen(RefCall *c, int64_t out, int64_t first, const Window *w) { average(c, out, first, w, false); }

bool ref_avg_pool2d(RefCall *c) {
  Pool p = make_pool(c, NODE_ATTR(c->node, AVG_POOL2D, kernel), NODE_ATTR(c->node, AVG_POOL2D, stride),
                     NODE_ATTR(c->node, AVG_POOL2D, padding), NODE_ATTR(c->node, AVG_POOL2D, dilation));
  return for_each_window(c, &p, NODE_ATTR(c->node, AVG_POOL2D, count_include_pad)->i ? average_all : average_seen);
}

bool ref_avg_pool3d(RefCall *c) {
  Pool p = make_pool(c, NODE_ATTR(c->node, AVG_POOL3D, kernel), NODE_ATTR(c->node, AVG_POOL3D, stride),
                     NODE_ATTR(c->node, AVG_POOL3D, padding), NODE_ATTR(c->node, AVG_POOL3D, dilation));
  return for_each_window(c, &p, NODE_ATTR(c->node, AVG_POOL3D, count_include_pad)->i ? average_all : average_seen);
}

// Window `at` of n over `size`, as PyTorch cuts them: they cover the picture and overlap by at most one.
static Window adaptive(int64_t at, int64_t n, int64_t size) {
  return (Window){at * size / n, ceil_div((at + 1) * size, n), 1, 0};
}

static bool pool_adaptively(RefCall *c, PoolFunction fn) {
  const RefTensor *x = c->in[0];
  int64_t h = x->dims[2], w = x->dims[3], oh = c->out->dims[2], ow = c->out->dims[3];
  for (int64_t o = 0; o < c->out->count; o++) {
    Window windows[] = {{0, 1, 1, 0}, adaptive(o / ow % oh, oh, h), adaptive(o % ow, ow, w)};
    fn(c, o, o / (oh * ow) * h * w, windows);
  }
  return true;
}

bool ref_adaptive_avg_pool2d(RefCall *c) { return pool_adaptively(c, average_seen); }
bool ref_adaptive_max_pool2d(RefCall *c) { return pool_adaptively(c, maximum); }
bool ref_global_avg_pool(RefCall *c) { return pool_adaptively(c, average_seen); }
bool ref_global_max_pool(RefCall *c) { return pool_adaptively(c, maximum); }
