#include "driver/preprocess.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

// Numbers of a `meta` value, a lone one or a list; how many, at most `max`.
static int numbers(const Loaded *l, const char *key, double *out, int max) {
  const char *s = loaded_meta(l, key);
  int n = 0;
  while (s && *s && n < max) {
    char *end;
    double v = strtod(s, &end);
    if (end == s)
      s++;
    else
      out[n++] = v, s = end;
  }
  return n;
}

static bool spread(double *v, int n) { // one number stands for all channels
  if (n == 1) v[1] = v[2] = v[0];
  return n == 0 || n == 1 || n == 3;
}

static bool fits(Preprocess *p, const nncc_tensor_info *t, int index) {
  if (t->rank != 4 || (t->dtype != NNCC_F32 && t->dtype != NNCC_U8) || t->dims[0] > 1) return false;
  bool nchw = t->dims[1] == 1 || t->dims[1] == 3, nhwc = t->dims[3] == 1 || t->dims[3] == 3;
  if (!nchw && !nhwc) return false;
  p->input = t;
  p->index = index;
  p->nhwc = !nchw || (nhwc && t->dtype == NNCC_U8);
  p->channels = (int)t->dims[p->nhwc ? 3 : 1];
  int64_t h = t->dims[p->nhwc ? 1 : 2], w = t->dims[p->nhwc ? 2 : 3];
  p->height = h > 0 && h <= 1 << 15 ? (int)h : 0;
  p->width = w > 0 && w <= 1 << 15 ? (int)w : 0;
  return true;
}

bool preprocess_init(Preprocess *p, const Loaded *l, Diag *d) {
  const nncc_model_info *info = l->info;
  *p = (Preprocess){.scale = 255, .std = {1, 1, 1}};
  numbers(l, "scale", &p->scale, 1);
  for (int i = 0; i < info->n_inputs && !p->input; i++) fits(p, &info->inputs[i], i);
  if (!p->input) return diag_error_file(d, info->name, "no input of this model can be a picture"), false;
  double size[2], crop[2];
  int n_resize = numbers(l, "resize", size, 2), n_crop = numbers(l, "crop", crop, 2);
  bool ok = spread(p->mean, numbers(l, "mean", p->mean, 3)) && spread(p->std, numbers(l, "std", p->std, 3));
  for (int i = 0; i < n_resize; i++) {
    ok = ok && size[i] >= 1 && size[i] <= 1 << 15;
    p->resize[i] = ok ? (int)size[i] : 0;
  }
  for (int i = 0; i < n_crop; i++) ok = ok && crop[i] >= 1 && crop[i] <= 1 << 15;
  for (int c = 0; c < 3; c++) ok = ok && p->std[c] > 0 && isfinite(p->std[c]) && isfinite(p->mean[c]);
  ok = ok && p->scale > 0 && isfinite(p->scale);
  if (ok && n_crop && !p->height) p->height = (int)crop[0];
  if (ok && n_crop && !p->width) p->width = (int)crop[n_crop - 1];
  const char *filter = loaded_meta(l, "interpolation");
  p->filter = filter && strstr(filter, "bicubic") ? FILTER_BICUBIC : FILTER_BILINEAR;
  char key[128];
  snprintf(key, sizeof key, "order.%s", p->input->name);
  const char *order = loaded_meta(l, key);
  p->bgr = order && strstr(order, "bgr");
  if (!ok) diag_error_file(d, info->name, "`meta` has a mean, std, scale, resize or crop that makes no sense");
  return ok;
}

// torchvision's Resize and CenterCrop: the longer side is truncated, the window's corner rounded to even.
static bool fit(const Preprocess *p, Image *im) {
  double w = im->width, h = im->height;
  if (p->resize[1]) {
    h = p->resize[0], w = p->resize[1];
  } else if (p->resize[0]) {
    int shorter = im->width < im->height ? im->width : im->height, longer = im->width + im->height - shorter;
    double other = (double)((int64_t)p->resize[0] * longer / shorter);
    w = im->width == shorter ? p->resize[0] : other;
    h = im->width == shorter ? other : p->resize[0];
  } else if (p->height && p->width) {
    double scale = fmax(p->height / h, p->width / w);
    w = fmax(p->width, floor(w * scale)), h = fmax(p->height, floor(h * scale));
  }
  if (w < 1 || h < 1 || w * h > IMAGE_MAX_PIXELS) return false;
  image_resize(im, (int)w, (int)h, p->filter);
  int cw = p->width ? p->width : im->width, ch = p->height ? p->height : im->height;
  if (cw > im->width || ch > im->height) return false;
  image_crop(im, (int)nearbyint((im->width - cw) / 2.0), (int)nearbyint((im->height - ch) / 2.0), cw, ch);
  return true;
}

void *preprocess_apply(const Preprocess *p, Image *im, const char *name, int64_t *shape, Diag *d) {
  image_set_channels(im, p->channels);
  if (!fit(p, im)) {
    diag_error_file(d, name, "the picture is too small to be cropped as the model asks, or too oblong");
    image_free(im);
    return NULL;
  }
  int C = p->channels, plane = im->width * im->height;
  bool bytes = p->input->dtype == NNCC_U8;
  uint8_t *u8 = bytes ? xmalloc((size_t)plane * (size_t)C) : NULL;
  float *f32 = bytes ? NULL : xmalloc(sizeof(float) * (size_t)plane * (size_t)C);
  for (int i = 0; i < plane; i++)
    for (int c = 0; c < C; c++) {
      uint8_t v = im->pixels[i * C + (p->bgr ? C - 1 - c : c)];
      int at = p->nhwc ? i * C + c : c * plane + i;
      if (bytes)
        u8[at] = v;
      else
        f32[at] = (float)((v / p->scale - p->mean[c]) / p->std[c]);
    }
  shape[0] = 1;
  shape[p->nhwc ? 3 : 1] = C;
  shape[p->nhwc ? 1 : 2] = im->height;
  shape[p->nhwc ? 2 : 3] = im->width;
  image_free(im);
  return bytes ? (void *)u8 : (void *)f32;
}
