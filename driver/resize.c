// Pillow's antialiased resampling: separable, the filter widened by the factor of reduction, weights in fixed point
// with 22 bits, each of the two passes rounded to bytes. (Graphics Gems III, "filtered image rescaling".)
#include "driver/image.h"
#include "ir/core/check.h"
#include <math.h>
#include <string.h>

enum { PRECISION = 22 };

static double triangle(double x) {
  x = fabs(x);
  return x < 1 ? 1 - x : 0;
}

// Keys' cubic convolution with a = -1/2.
static double cubic(double x) {
  const double a = -0.5;
  x = fabs(x);
  return x < 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

// For each of `to` output positions, the first input it reads, how many, and their weights.
typedef struct Taps {
  int most; // weights a position
  int *first, *count;
  int32_t *weights;
} Taps;

static Taps taps_create(int from, int to, ImageFilter filter) {
  double scale = (double)from / to, widen = scale > 1 ? scale : 1;
  double support = (filter == FILTER_BICUBIC ? 2 : 1) * widen;
  Taps t = {.most = (int)ceil(support) * 2 + 1};
  t.first = xmalloc(sizeof(int) * (size_t)to);
  t.count = xmalloc(sizeof(int) * (size_t)to);
  t.weights = xcalloc((size_t)to * (size_t)t.most, sizeof(int32_t));
  double *w = xmalloc(sizeof(double) * (size_t)t.most);
  for (int i = 0; i < to; i++) {
    double centre = (i + 0.5) * scale, sum = 0;
    int lo = (int)(centre - support + 0.5), hi = (int)(centre + support + 0.5);
    lo = lo < 0 ? 0 : lo;
    hi = hi > from ? from : hi;
    for (int k = 0; k < hi - lo; k++) {
      double x = (lo + k - centre + 0.5) / widen;
      sum += w[k] = filter == FILTER_BICUBIC ? cubic(x) : triangle(x);
    }
    for (int k = 0; k < hi - lo; k++) t.weights[i * t.most + k] = (int32_t)lround(w[k] / sum * (1 << PRECISION));
    t.first[i] = lo;
    t.count[i] = hi - lo;
  }
  free(w);
  return t;
}

static void taps_free(Taps *t) {
  free(t->first);
  free(t->count);
  free(t->weights);
}

static uint8_t to_byte(int64_t sum) {
  sum = (sum + (1 << (PRECISION - 1))) >> PRECISION;
  return sum < 0 ? 0 : sum > 255 ? 255 : (uint8_t)sum;
}

// Resamples lines of positions `stride` bytes apart: `lines` of them at `line` bytes.
static void resample(const uint8_t *in, uint8_t *out, int to, size_t stride, const Taps *t, size_t in_line,
                     size_t out_line, int lines) {
  for (int l = 0; l < lines; l++)
    for (int i = 0; i < to; i++)
      for (size_t c = 0; c < stride; c++) {
        const uint8_t *p = in + (size_t)l * in_line + (size_t)t->first[i] * stride + c;
        int64_t sum = 0;
        for (int k = 0; k < t->count[i]; k++) sum += (int64_t)p[(size_t)k * stride] * t->weights[i * t->most + k];
        out[(size_t)l * out_line + (size_t)i * stride + c] = to_byte(sum);
      }
}

void image_resize(Image *im, int width, int height, ImageFilter filter) {
  size_t c = (size_t)im->channels;
  if (width != im->width) {
    Taps t = taps_create(im->width, width, filter);
    uint8_t *out = xmalloc((size_t)width * (size_t)im->height * c);
    resample(im->pixels, out, width, c, &t, (size_t)im->width * c, (size_t)width * c, im->height);
    taps_free(&t);
    free(im->pixels);
    im->pixels = out;
    im->width = width;
  }
  if (height != im->height) { // a column's positions are whole rows apart, so rows are the elements
    Taps t = taps_create(im->height, height, filter);
    size_t row = (size_t)im->width * c;
    uint8_t *out = xmalloc((size_t)height * row);
    resample(im->pixels, out, height, row, &t, 0, 0, 1);
    taps_free(&t);
    free(im->pixels);
    im->pixels = out;
    im->height = height;
  }
}

void image_crop(Image *im, int x, int y, int width, int height) {
  CHECK(x >= 0 && y >= 0 && width <= im->width - x && height <= im->height - y, "crop outside of the picture");
  size_t c = (size_t)im->channels;
  for (int r = 0; r < height; r++)
    memmove(im->pixels + (size_t)r * (size_t)width * c,
            im->pixels + ((size_t)(y + r) * (size_t)im->width + (size_t)x) * c, (size_t)width * c);
  im->width = width;
  im->height = height;
}
