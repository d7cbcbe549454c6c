// Positions and weights are those of onnx/reference/ops/op_resize.py.
#include "frontend/onnx/resample.h"
#include "ir/core/checked.h"
#include <math.h>
#include <string.h>

// The nearest element is found in single precision, as all runtimes do: ties depend on it.
static double over(const Resample *r, double x, double scale) {
  return r->mode == RESAMPLE_NEAREST ? (double)((float)x / (float)scale) : x / scale;
}

double resample_position(const Resample *r, const ResampleAxis *a, int64_t i) {
  double in = (double)a->in, wide = a->scale * in, x = (double)i; // `wide`: the result's size before it was rounded
  const char *t = r->transform;
  if (!strcmp(t, "align_corners")) return wide == 1 ? 0 : x * (in - 1) / (wide - 1);
  if (!strcmp(t, "asymmetric")) return over(r, x, a->scale);
  if (!strcmp(t, "tf_crop_and_resize")) {
    double part = (a->end - a->start) * (in - 1);
    return a->start * (in - 1) + (wide == 1 ? part / 2 : x * part / (wide - 1));
  }
  if (!strcmp(t, "pytorch_half_pixel") && wide == 1) return 0;
  double middle = over(r, x + 0.5, a->scale) - 0.5;
  if (!strcmp(t, "half_pixel_symmetric")) middle += in / 2 * (1 - (double)a->out / wide);
  return middle;
}

static int64_t clamped(const ResampleAxis *a, double at) {
  return !(at > 0) ? 0 : at > (double)(a->in - 1) ? a->in - 1 : (int64_t)at;
}

int64_t resample_nearest(const Resample *r, const ResampleAxis *a, int64_t i) {
  double at = resample_position(r, a, i), below = floor(at), past = at - below;
  bool up = !strcmp(r->nearest, "ceil")                ? past > 0
            : !strcmp(r->nearest, "round_prefer_ceil") ? past >= 0.5
            : !strcmp(r->nearest, "floor")             ? false
                                                       : past > 0.5;
  return clamped(a, below + up);
}

static double linear(double x) { return fmax(0, 1 - fabs(x)); }

static double cubic(double x, double a) {
  x = fabs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

// Positions outside count as the border's, or not at all with exclude_outside. An antialiased kernel is as much wider
// as the result is smaller, and its weights are made to sum to 1.
double *resample_matrix(const Resample *r, const ResampleAxis *a, Arena *arena) {
  double *matrix = arena_array(arena, double, a->out * a->in);
  double squeeze = r->antialias ? fmin(a->scale, 1) : 1, reach = r->mode == RESAMPLE_CUBIC ? 2 : 1;
  double first = floor(-reach / squeeze) + 1, last = 1 - first;
  for (int64_t i = 0; i < a->out; i++) {
    double at = resample_position(r, a, i), below = floor(at), sum = 0, *row = matrix + i * a->in;
    if (at == below) below--; // a position upon an element is the end of the interval before it
    for (double k = first; k <= last; k++) {
      double x = (k + below - at) * squeeze, w = r->mode == RESAMPLE_CUBIC ? cubic(x, r->cubic_a) : linear(x);
      bool outside = below + k < 0 || below + k >= (double)a->in;
      if (outside && r->exclude_outside) continue;
      row[clamped(a, below + k)] += w;
      sum += w;
    }
    for (int64_t k = 0; (r->antialias || r->exclude_outside) && sum != 0 && k < a->in; k++) row[k] /= sum;
  }
  return matrix;
}
