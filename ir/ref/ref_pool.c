// Pooling of [N, C, H, W].
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

typedef struct Pool {
  const int64_t *kernel, *stride, *dilation;
  int64_t pad[4]; // top, left, bottom, right
} Pool;

static Window pool_window(const Pool *p, int axis, int64_t at, const RefTensor *x) {
  return window(at, x->dims[2 + axis], p->kernel[axis], p->stride[axis], p->dilation[axis], p->pad[axis],
                p->pad[2 + axis]);
}

static Pool make_pool(RefCall *c, const Attr *kernel, const Attr *stride, const Attr *padding,
                      const int64_t *dilation) {
  Pool p = {kernel->ints, stride->n ? stride->ints : kernel->ints, dilation, {0}};
  for (int k = 0; k < 4; k++) p.pad[k] = ref_dim(c, padding->ints[k]);
  return p;
}

// Calls fn for every output element, with the first element of its input plane and its windows.
typedef void (*PoolFunction)(RefCall *c, int64_t out, int64_t plane, Window rows, Window columns);

static bool for_each_window(RefCall *c, const Pool *p, PoolFunction fn) {
  const RefTensor *x = c->in[0];
  int64_t planes = x->dims[0] * x->dims[1], oh = c->out->dims[2], ow = c->out->dims[3], o = 0;
  for (int64_t n = 0; n < planes; n++)
    for (int64_t y = 0; y < oh; y++)
      for (int64_t z = 0; z < ow; z++)
        fn(c, o++, n * x->dims[2] * x->dims[3], pool_window(p, 0, y, x), pool_window(p, 1, z, x));
  return true;
}

static bool exceeds(const RefTensor *x, int64_t j, int64_t best) {
  return x->i ? ref_key(x, j) > ref_key(x, best) : x->f[j] > x->f[best] || isnan(x->f[j]);
}

// A window that sees only padding has the type's lowest value.
static void maximum(RefCall *c, int64_t out, int64_t plane, Window rows, Window columns) {
  const RefTensor *x = c->in[0];
  int64_t best = -1;
  for (int64_t y = rows.begin; y < rows.end; y += rows.step)
    for (int64_t z = columns.begin; z < columns.end; z += columns.step) {
      int64_t j = plane + y * x->dims[3] + z;
      if (best < 0 || exceeds(x, j, best)) best = j;
    }
  if (best >= 0)
    ref_move(c->out, out, x, best);
  else if (c->out->f)
    c->out->f[out] = -INFINITY;
  else
    c->out->i[out] = ref_truncate(x->type->dtype, -INFINITY);
}

bool ref_max_pool2d(RefCall *c) {
  Pool p = make_pool(c, NODE_ATTR(c->node, MAX_POOL2D, kernel), NODE_ATTR(c->node, MAX_POOL2D, stride),
                     NODE_ATTR(c->node, MAX_POOL2D, padding), NODE_ATTR(c->node, MAX_POOL2D, dilation)->ints);
  return for_each_window(c, &p, maximum);
}

static double window_sum(const RefTensor *x, int64_t plane, Window rows, Window columns) {
  double sum = 0;
  for (int64_t y = rows.begin; y < rows.end; y++)
    for (int64_t z = columns.begin; z < columns.end; z++) sum += x->f[plane + y * x->dims[3] + z];
  return sum;
}

static int64_t extent(Window w) { return max_i64(w.end - w.begin, 0); }

static void average(RefCall *c, int64_t out, int64_t plane, Window rows, Window columns) {
  bool padded = NODE_ATTR(c->node, AVG_POOL2D, count_include_pad)->i;
  int64_t n = padded ? rows.padded * columns.padded : extent(rows) * extent(columns);
  c->out->f[out] = n > 0 ? window_sum(c->in[0], plane, rows, columns) / (double)n : 0;
}

bool ref_avg_pool2d(RefCall *c) {
  static const int64_t undilated[2] = {1, 1};
  Pool p = make_pool(c, NODE_ATTR(c->node, AVG_POOL2D, kernel), NODE_ATTR(c->node, AVG_POOL2D, stride),
                     NODE_ATTR(c->node, AVG_POOL2D, padding), undilated);
  return for_each_window(c, &p, average);
}

// Window `at` of n over `size`, as PyTorch cuts them: they cover the picture and overlap by at most one.
static Window adaptive(int64_t at, int64_t n, int64_t size) {
  return (Window){at * size / n, ceil_div((at + 1) * size, n), 1, 0};
}

static void mean_of(RefCall *c, int64_t out, int64_t plane, Window rows, Window columns) {
  c->out->f[out] = window_sum(c->in[0], plane, rows, columns) / (double)(extent(rows) * extent(columns));
}

static bool pool_adaptively(RefCall *c, PoolFunction fn) {
  const RefTensor *x = c->in[0];
  int64_t h = x->dims[2], w = x->dims[3], oh = c->out->dims[2], ow = c->out->dims[3];
  for (int64_t o = 0; o < c->out->count; o++)
    fn(c, o, o / (oh * ow) * h * w, adaptive(o / ow % oh, oh, h), adaptive(o % ow, ow, w));
  return true;
}

bool ref_adaptive_avg_pool2d(RefCall *c) { return pool_adaptively(c, mean_of); }
bool ref_adaptive_max_pool2d(RefCall *c) { return pool_adaptively(c, maximum); }
bool ref_global_avg_pool(RefCall *c) { return pool_adaptively(c, mean_of); }
bool ref_global_max_pool(RefCall *c) { return pool_adaptively(c, maximum); }
