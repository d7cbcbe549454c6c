// RoiAlign, as torchvision and ONNX define it. Where samples lie is computed in the operands' type: rounding must not
// make another number of them than in native code, nor put one outside of the picture.
#include "ir/ref/ref_ops.h"
#include <math.h>
#include <string.h>

typedef struct Axis {
  int64_t size; // of the picture
  int64_t parts, samples;
  float start, part; // of the region; the size of its parts
} Axis;

typedef struct Place { // between two pixels
  bool inside;         // of the picture
  int64_t near, far;
  double past; // the near one, towards the far one
} Place;

static Axis axis_of(const RefCall *c, const double *box, int side) {
  const Node *n = c->node;
  bool aligned = NODE_ATTR(n, ROI_ALIGN, aligned)->i;
  float scale = (float)NODE_ATTR(n, ROI_ALIGN, spatial_scale)->f, shift = aligned ? 0.5f : 0;
  Axis a = {.size = c->in[IN_ROI_ALIGN_x]->dims[2 + side],
            .parts = NODE_ATTR(n, ROI_ALIGN, output_size)->ints[side],
            .samples = NODE_ATTR(n, ROI_ALIGN, sampling_ratio)->i};
  float end = (float)box[3 - side] * scale - shift;
  a.start = (float)box[1 - side] * scale - shift;
  float wide = end - a.start;
  if (!aligned && !(wide > 1)) wide = 1;
  a.part = wide / (float)a.parts;
  float all = ceilf(a.part);
  if (!a.samples && all > 0) a.samples = all < ROI_SAMPLES_MOST ? (int64_t)all : ROI_SAMPLES_MOST;
  return a;
}

static Place find(const Axis *a, int64_t part, int64_t sample) {
  float begin = a->start + (float)part * a->part;
  float at = begin + ((float)sample + 0.5f) * a->part / (float)a->samples;
  Place p = {.inside = at >= -1 && at <= (float)a->size};
  if (!p.inside) return p;
  at = at > 0 ? at : 0;
  p.near = min_i64((int64_t)at, a->size - 1);
  p.far = min_i64(p.near + 1, a->size - 1);
  p.past = p.near < p.far ? (double)at - (double)p.near : 0;
  return p;
}

typedef struct Sampled {
  const double *plane;
  int64_t width;
  bool most; // the greatest instead of the sum
} Sampled;

static double larger(double x, double y) { return isnan(x) || x > y ? x : y; }

static double sample(const Sampled *s, const Place *y, const Place *x) {
  const double *near = s->plane + y->near * s->width, *far = s->plane + y->far * s->width;
  double v[] = {(1 - y->past) * (1 - x->past) * near[x->near], (1 - y->past) * x->past * near[x->far],
                y->past * (1 - x->past) * far[x->near], y->past * x->past * far[x->far]};
  return s->most ? larger(larger(v[0], v[1]), larger(v[2], v[3])) : v[0] + v[1] + v[2] + v[3];
}

static double part_of(const Sampled *s, const Axis axes[2], int64_t i, int64_t j) {
  double sum = 0;
  bool first = true;
  for (int64_t k = 0; k < axes[0].samples; k++) {
    Place y = find(&axes[0], i, k);
    if (!y.inside && !s->most) continue;
    for (int64_t l = 0; l < axes[1].samples; l++) {
      Place x = find(&axes[1], j, l);
      double v = y.inside && x.inside ? sample(s, &y, &x) : 0;
      sum = !s->most ? sum + v : first ? v : larger(sum, v);
      first = false;
    }
  }
  int64_t count = axes[0].samples * axes[1].samples;
  return s->most ? sum : sum / (double)max_i64(count, 1);
}

bool ref_roi_align(RefCall *c) {
  const RefTensor *x = c->in[IN_ROI_ALIGN_x], *boxes = c->in[IN_ROI_ALIGN_boxes], *index = c->in[IN_ROI_ALIGN_index];
  int64_t channels = x->dims[1], pixels = x->dims[2] * x->dims[3];
  Sampled s = {.width = x->dims[3], .most = !strcmp(NODE_ATTR(c->node, ROI_ALIGN, mode)->s, "max")};
  double *out = c->out->f;
  for (int64_t r = 0; r < boxes->dims[0]; r++) {
    Axis axes[] = {axis_of(c, boxes->f + 4 * r, 0), axis_of(c, boxes->f + 4 * r, 1)};
    int64_t picture = ref_number(index, r, x->dims[0]);
    for (int64_t k = 0; k < channels; k++) {
      s.plane = x->f + (picture * channels + k) * pixels;
      for (int64_t i = 0; i < axes[0].parts; i++)
        for (int64_t j = 0; j < axes[1].parts; j++) *out++ = part_of(&s, axes, i, j);
    }
  }
  return true;
}
