#include "driver/perturb.h"
#include "ir/core/checked.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
  const char *name;
  double usual, max; // usual 0: it takes no amount
} kinds[PERTURB_KINDS] = {
    [PERTURB_SHIFT] = {"shift", 0.1, 0.5}, [PERTURB_ROTATION] = {"rotation", 15, 180},
    [PERTURB_CROP] = {"crop", 0.2, 0.9},   [PERTURB_MIRROR] = {"mirror", 0, 0},
    [PERTURB_SCALE] = {"scale", 0.2, 0.9}, [PERTURB_BRIGHTNESS] = {"brightness", 0.3, 1},
    [PERTURB_COLOUR] = {"colour", 0.3, 1},
};

Perturbation perturb_usual(PerturbKind kind) { return (Perturbation){kind, kinds[kind].usual, kinds[kind].name}; }

bool perturb_read(const char *text, size_t n, Perturbation *p, StrBuf *why) {
  const char *colon = memchr(text, ':', n);
  size_t length = colon ? (size_t)(colon - text) : n;
  for (int k = 0; k < PERTURB_KINDS; k++) {
    if (strlen(kinds[k].name) != length || strncmp(kinds[k].name, text, length)) continue;
    *p = perturb_usual((PerturbKind)k);
    if (!colon) return true;
    char *end;
    p->amount = strtod(colon + 1, &end);
    if (end != colon + 1 && end == text + n && p->amount > 0 && p->amount <= kinds[k].max) return true;
    if (kinds[k].max > 0)
      strbuf_printf(why, "--perturb=%s:AMOUNT takes a number above 0, at most %g, not `%.*s`", kinds[k].name,
                    kinds[k].max, (int)(n - length - 1), colon + 1);
    else
      strbuf_printf(why, "--perturb=%s takes no amount", kinds[k].name);
    return false;
  }
  strbuf_puts(why, "--perturb takes all");
  for (int k = 0; k < PERTURB_KINDS; k++)
    strbuf_printf(why, ", %s%s", kinds[k].name, kinds[k].max > 0 ? "[:AMOUNT]" : "");
  strbuf_printf(why, ", not `%.*s`", (int)n, text);
  return false;
}

void perturb_print(const Perturbation *p, StrBuf *out) {
  strbuf_puts(out, kinds[p->kind].name);
  if (p->kind == PERTURB_ROTATION)
    strbuf_printf(out, " %g degrees", p->amount);
  else if (kinds[p->kind].max > 0)
    strbuf_printf(out, " %g%%", p->amount * 100);
}

// ---- chance

// SplitMix64 (Steele, Lea and Flood 2014).
static uint64_t next(uint64_t *state) {
  uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static double between(uint64_t *state, double low, double high) {
  return low + (high - low) * (double)(next(state) >> 11) * 0x1p-53;
}

// ---- geometry

typedef struct Affine2 { // pixel (x, y) of the result is that at (a x + b y + c, d x + e y + f), centres at 0.5
  double a, b, c, d, e, f;
} Affine2;

static double clamped(double v, double max) { return fmin(fmax(v, 0), max); }

// Bilinear.
static void warp(Image *im, const Affine2 *t) {
  int w = im->width, h = im->height, n = im->channels;
  uint8_t *out = xmalloc((size_t)w * (size_t)h * (size_t)n);
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      double u = x + 0.5, v = y + 0.5;
      double fx = clamped(t->a * u + t->b * v + t->c - 0.5, w - 1),
             fy = clamped(t->d * u + t->e * v + t->f - 0.5, h - 1);
      int x0 = (int)fx, y0 = (int)fy, x1 = x0 + (x0 < w - 1), y1 = y0 + (y0 < h - 1);
      double px = fx - x0, py = fy - y0;
      for (int k = 0; k < n; k++) {
        const uint8_t *p = im->pixels + k;
        size_t row0 = (size_t)y0 * (size_t)w, row1 = (size_t)y1 * (size_t)w;
        double top = p[(row0 + (size_t)x0) * (size_t)n] * (1 - px) + p[(row0 + (size_t)x1) * (size_t)n] * px;
        double bottom = p[(row1 + (size_t)x0) * (size_t)n] * (1 - px) + p[(row1 + (size_t)x1) * (size_t)n] * px;
        out[((size_t)y * (size_t)w + (size_t)x) * (size_t)n + (size_t)k] =
            (uint8_t)(top * (1 - py) + bottom * py + 0.5);
      }
    }
  free(im->pixels);
  im->pixels = out;
}

// By the matrix (cos, sin) / zoom about the centre.
static void turn(Image *im, double radians, double zoom) {
  double c = cos(radians) / zoom, s = sin(radians) / zoom, cx = im->width / 2.0, cy = im->height / 2.0;
  warp(im, &(Affine2){c, s, cx - c * cx - s * cy, -s, c, cy + s * cx - c * cy});
}

static void crop(Image *im, double amount, uint64_t *state) {
  int w = (int)fmax(1, im->width * (1 - between(state, 0, amount)));
  int h = (int)fmax(1, im->height * (1 - between(state, 0, amount)));
  int x = (int)between(state, 0, im->width - w + 1), y = (int)between(state, 0, im->height - h + 1);
  image_crop(im, x, y, w, h);
}

// ---- values

static uint8_t level(double v) { return (uint8_t)(clamped(v, 255) + 0.5); }

static void colour(Image *im, double amount, uint64_t *state) {
  if (im->channels == 1) return;
  double saturation = between(state, 1 - amount, 1 + amount), gain[3];
  for (int k = 0; k < 3; k++) gain[k] = between(state, 1 - amount / 2, 1 + amount / 2);
  for (size_t i = 0; i < (size_t)im->width * (size_t)im->height; i++) {
    uint8_t *p = im->pixels + 3 * i;
    double grey = 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2]; // ITU-R 601
    for (int k = 0; k < 3; k++) p[k] = level((grey + (p[k] - grey) * saturation) * gain[k]);
  }
}

static void brighten(Image *im, double factor) {
  size_t n = (size_t)im->width * (size_t)im->height * (size_t)im->channels;
  for (size_t i = 0; i < n; i++) im->pixels[i] = level(im->pixels[i] * factor);
}

void perturb_apply(const Perturbation *p, uint64_t seed, uint64_t sample, Image *im) {
  uint64_t state = seed;
  state = next(&state) + sample;
  state = next(&state) + (uint64_t)p->kind;
  double a = p->amount, w = im->width;
  switch (p->kind) {
  case PERTURB_SHIFT: {
    double dx = between(&state, -a, a) * w, dy = between(&state, -a, a) * im->height;
    return warp(im, &(Affine2){1, 0, dx, 0, 1, dy});
  }
  case PERTURB_ROTATION: return turn(im, between(&state, -a, a) * M_PI / 180, 1);
  case PERTURB_CROP: return crop(im, a, &state);
  case PERTURB_MIRROR: return warp(im, &(Affine2){-1, 0, w, 0, 1, 0});
  case PERTURB_SCALE: return turn(im, 0, between(&state, 1 - a, 1 + a));
  case PERTURB_BRIGHTNESS: return brighten(im, between(&state, 1 - a, 1 + a));
  case PERTURB_COLOUR: return colour(im, a, &state);
  case PERTURB_KINDS: return;
  }
}
