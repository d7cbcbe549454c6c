// Resampling of pictures [N, C, H, W], one axis after the other, as PyTorch defines it.
#include "ir/ref/ref_ops.h"
#include <math.h>
#include <string.h>

// What each output along one axis is made of: `taps` inputs each, with their weights.
typedef struct Axis {
  int64_t in, out, taps;
  double *weight;
  int64_t *from;
} Axis;

typedef struct Method {
  bool nearest, cubic, align_corners, antialias;
} Method;

// Keys' kernel, whose third and fourth pieces are those of distances below 1 and 2.
static double cubic(double x, double a) {
  x = fabs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((x - 5) * x + 8) * x * a - 4 * a : 0;
}

static double triangle(double x) { return fmax(0, 1 - fabs(x)); }

// PyTorch finds the nearest input in single precision.
static void nearest(Axis *a, double factor) {
  float scale = factor > 0 ? (float)(1 / factor) : (float)a->in / (float)a->out;
  for (int64_t i = 0; i < a->out; i++) {
    a->from[i] = min_i64((int64_t)floorf((float)i * scale), a->in - 1);
    a->weight[i] = 1;
  }
}

// Two or four inputs around the output's place; those past the border are the border.
static void around(Axis *a, double scale, const Method *m) {
  for (int64_t i = 0; i < a->out; i++) {
    double at = m->align_corners ? (double)i * scale : ((double)i + 0.5) * scale - 0.5;
    if (!m->cubic) at = fmax(at, 0);
    int64_t first = (int64_t)floor(at) - (m->cubic ? 1 : 0);
    for (int64_t t = 0; t < a->taps; t++) {
      double distance = at - (double)(first + t);
      a->from[i * a->taps + t] = max_i64(0, min_i64(first + t, a->in - 1));
      a->weight[i * a->taps + t] = m->cubic ? cubic(distance, -0.75) : triangle(distance);
    }
  }
}

// All inputs that the kernel covers, widened where the picture shrinks; the weights' sum is 1.
static void smoothed(Axis *a, double scale, const Method *m) {
  double wide = fmax(scale, 1);
  for (int64_t i = 0; i < a->out; i++) {
    double center = scale * ((double)i + 0.5), sum = 0, *w = a->weight + i * a->taps;
    int64_t first = (int64_t)floor(center) - a->taps / 2;
    for (int64_t t = 0; t < a->taps; t++) {
      int64_t from = first + t;
      double distance = ((double)from + 0.5 - center) / wide;
      bool inside = from >= 0 && from < a->in;
      w[t] = !inside ? 0 : m->cubic ? cubic(distance, -0.5) : triangle(distance);
      a->from[i * a->taps + t] = inside ? from : 0;
      sum += w[t];
    }
    for (int64_t t = 0; t < a->taps; t++) w[t] /= sum;
  }
}

// `factor`: 0 where the sizes alone give the scale.
static Axis axis_create(int64_t in, int64_t out, double factor, const Method *m) {
  double scale = factor > 0 ? 1 / factor : (double)in / (double)out, reach = m->cubic ? 2 : 1;
  if (m->align_corners) scale = out > 1 ? (double)(in - 1) / (double)(out - 1) : 0;
  Axis a = {.in = in, .out = out, .taps = m->nearest ? 1 : 2 * (int64_t)reach};
  if (m->antialias) a.taps = 2 * (int64_t)ceil(reach * fmax(scale, 1)) + 1;
  a.weight = xmalloc(sizeof *a.weight * (size_t)(out * a.taps));
  a.from = xmalloc(sizeof *a.from * (size_t)(out * a.taps));
  if (m->nearest)
    nearest(&a, factor);
  else if (m->antialias)
    smoothed(&a, scale, m);
  else
    around(&a, scale, m);
  return a;
}

static void axis_free(Axis *a) {
  free(a->weight);
  free(a->from);
}

static double sum_of(const Axis *a, int64_t i, const double *x, int64_t stride) {
  double sum = 0;
  for (int64_t t = i * a->taps; t < (i + 1) * a->taps; t++)
    if (a->weight[t] != 0) sum += a->weight[t] * x[a->from[t] * stride];
  return sum;
}

// One plane, whose elements are `step` apart both in x and out. `narrow`: room for rows->in * columns->out.
static void resample(const Axis *rows, const Axis *columns, const double *x, double *narrow, double *out,
                     int64_t step) {
  for (int64_t y = 0; y < rows->in; y++)
    for (int64_t z = 0; z < columns->out; z++)
      narrow[y * columns->out + z] = sum_of(columns, z, x + y * columns->in * step, step);
  for (int64_t y = 0; y < rows->out; y++)
    for (int64_t z = 0; z < columns->out; z++)
      out[(y * columns->out + z) * step] = sum_of(rows, y, narrow + z, columns->out);
}

bool ref_interpolate(RefCall *c) {
  const RefTensor *x = c->in[0];
  const Attr *factor = NODE_ATTR(c->node, INTERPOLATE, scale_factor);
  const char *mode = NODE_ATTR(c->node, INTERPOLATE, mode)->s;
  Method m = {.nearest = !strcmp(mode, "nearest"),
              .cubic = !strcmp(mode, "bicubic"),
              .align_corners = NODE_ATTR(c->node, INTERPOLATE, align_corners)->i,
              .antialias = NODE_ATTR(c->node, INTERPOLATE, antialias)->i};
  Axis rows = axis_create(x->dims[2], c->out->dims[2], factor->n ? factor->floats[0] : 0, &m),
       columns = axis_create(x->dims[3], c->out->dims[3], factor->n ? factor->floats[1] : 0, &m);
  double *narrow = xmalloc(sizeof *narrow * (size_t)(rows.in * columns.out));
  for (int64_t plane = 0; plane < x->dims[0] * x->dims[1]; plane++)
    resample(&rows, &columns, x->f + plane * rows.in * columns.in, narrow, c->out->f + plane * rows.out * columns.out,
             1);
  free(narrow);
  axis_free(&rows);
  axis_free(&columns);
  return true;
}

void ref_resample_positions(const double *x, const int64_t old_size[2], const int64_t new_size[2], int64_t prefix,
                            int64_t D, double *out) {
  const Method m = {.cubic = true, .antialias = true};
  memcpy(out, x, sizeof *out * (size_t)(prefix * D));
  Axis rows = axis_create(old_size[0], new_size[0], 0, &m), columns = axis_create(old_size[1], new_size[1], 0, &m);
  double *narrow = xmalloc(sizeof *narrow * (size_t)(rows.in * columns.out));
  for (int64_t d = 0; d < D; d++) resample(&rows, &columns, x + prefix * D + d, narrow, out + prefix * D + d, D);
  free(narrow);
  axis_free(&rows);
  axis_free(&columns);
}
