// Convolutions, as matrix products of the weights with the gathered windows of some pixels at a time.
#include "ir/ref/ref_ops.h"
#include <string.h>

enum { PIXELS = 256 }; // windows gathered at a time

typedef struct Conv {
  int64_t channels, h, w; // of one group's input
  int64_t kh, kw, oh, ow, outputs;
  int64_t stride[2], dilation[2], top, left;
} Conv;

// windows[k][t] = the input that tap k = (channel, ky, kx) sees at output pixel first + t; 0 in the padding.
static void gather(const Conv *v, const double *x, int64_t first, int64_t count, double *windows) {
  for (int64_t ch = 0; ch < v->channels; ch++, x += v->h * v->w)
    for (int64_t ky = 0; ky < v->kh; ky++)
      for (int64_t kx = 0; kx < v->kw; kx++)
        for (int64_t p = first; p < first + count; p++) {
          int64_t y = p / v->ow * v->stride[0] + ky * v->dilation[0] - v->top;
          int64_t z = p % v->ow * v->stride[1] + kx * v->dilation[1] - v->left;
          *windows++ = y >= 0 && y < v->h && z >= 0 && z < v->w ? x[y * v->w + z] : 0;
        }
}

// One group of one picture: out[outputs][oh * ow].
static void convolve(const Conv *v, const double *x, const double *weight, const double *bias, double *out) {
  int64_t taps = v->channels * v->kh * v->kw, pixels = v->oh * v->ow;
  double *windows = xmalloc(sizeof *windows * (size_t)(max_i64(taps, 1) * PIXELS));
  for (int64_t o = 0; o < v->outputs; o++)
    for (int64_t p = 0; p < pixels; p++) out[o * pixels + p] = bias ? bias[o] : 0;
  for (int64_t p = 0; p < pixels; p += PIXELS) {
    int64_t count = min_i64(PIXELS, pixels - p);
    gather(v, x, p, count, windows);
    ref_gemm_packed(v->outputs, count, taps, (RefMatrix){weight, taps, 1}, windows, out + p, pixels);
  }
  free(windows);
}

// The same of integers, modulo 2^64.
static void convolve_integers(const Conv *v, const int64_t *x, const int64_t *weight, const int64_t *bias,
                              int64_t *out) {
  int64_t taps = v->channels * v->kh * v->kw, pixels = v->oh * v->ow;
  for (int64_t o = 0; o < v->outputs; o++)
    for (int64_t p = 0; p < pixels; p++) {
      uint64_t sum = bias ? (uint64_t)bias[o] : 0;
      for (int64_t k = 0; k < taps; k++) {
        int64_t ch = k / (v->kh * v->kw), ky = k / v->kw % v->kh, kx = k % v->kw;
        int64_t y = p / v->ow * v->stride[0] + ky * v->dilation[0] - v->top,
                z = p % v->ow * v->stride[1] + kx * v->dilation[1] - v->left;
        if (y < 0 || y >= v->h || z < 0 || z >= v->w) continue;
        sum += (uint64_t)weight[o * taps + k] * (uint64_t)x[(ch * v->h + y) * v->w + z];
      }
      out[o * pixels + p] = (int64_t)sum;
    }
}

// The attributes of both ops lie alike.
static Conv conv_of(const RefCall *c) {
  const RefTensor *x = ref_in(c, IN_CONV2D_x), *weight = ref_in(c, IN_CONV2D_weight), *out = &c->out[0];
  const int64_t *stride = NODE_ATTR(c->node, CONV2D, stride)->ints,
                *dilation = NODE_ATTR(c->node, CONV2D, dilation)->ints;
  const Dim *padding = NODE_ATTR(c->node, CONV2D, padding)->ints;
  return (Conv){.channels = weight->dims[1],
                .h = x->dims[2],
                .w = x->dims[3],
                .kh = weight->dims[2],
                .kw = weight->dims[3],
                .oh = out->dims[2],
                .ow = out->dims[3],
                .outputs = weight->dims[0] / NODE_ATTR(c->node, CONV2D, groups)->i,
                .stride = {stride[0], stride[1]},
                .dilation = {dilation[0], dilation[1]},
                .top = ref_dim(c, padding[0]),
                .left = ref_dim(c, padding[1])};
}

bool ref_conv2d(RefCall *c) {
  const RefTensor *x = ref_in(c, IN_CONV2D_x), *weight = ref_in(c, IN_CONV2D_weight), *bias = ref_in(c, IN_CONV2D_bias);
  RefTensor *out = &c->out[0];
  int64_t groups = NODE_ATTR(c->node, CONV2D, groups)->i;
  Conv v = conv_of(c);
  int64_t in_size = v.channels * v.h * v.w, taps = v.channels * v.kh * v.kw, out_size = v.outputs * v.oh * v.ow;
  for (int64_t i = 0; i < x->dims[0] * groups; i++) {
    int64_t first = i % groups * v.outputs; // of the group's outputs
    if (x->i)
      convolve_integers(&v, x->i + i * in_size, weight->i + first * taps, bias ? bias->i + first : NULL,
                        out->i + i * out_size);
    else
      convolve(&v, x->f + i * in_size, weight->f + first * taps, bias ? bias->f + first : NULL, out->f + i * out_size);
  }
  return x->i || ref_epilogue(c, ref_in(c, IN_CONV2D_residual), NODE_ATTR(c->node, CONV2D, act));
}

_Static_assert((int)ATTR_CONV2D_groups == (int)ATTR_QUANTIZED_CONV2D_groups &&
                   (int)IN_CONV2D_weight == (int)IN_QUANTIZED_CONV2D_weight,
               "one order for both");

bool ref_quantized_conv2d(RefCall *c) {
  const RefTensor *x = c->in[IN_QUANTIZED_CONV2D_x], *weight = c->in[IN_QUANTIZED_CONV2D_weight];
  int64_t groups = NODE_ATTR(c->node, QUANTIZED_CONV2D, groups)->i, all = c->out->count;
  Conv v = conv_of(c);
  int64_t in_size = v.channels * v.h * v.w, taps = v.channels * v.kh * v.kw, out_size = v.outputs * v.oh * v.ow;
  double *in = ref_centered(x, NODE_ATTR(c->node, QUANTIZED_CONV2D, zero_point)->i), *w = ref_centered(weight, 0);
  double *sums = xmalloc(sizeof *sums * (size_t)max_i64(all, 1));
  for (int64_t i = 0; i < x->dims[0] * groups; i++)
    convolve(&v, in + i * in_size, w + i % groups * v.outputs * taps, NULL, sums + i * out_size);
  bool ok = ref_scale(
      c, &(RefScaling){sums, v.oh * v.ow, weight->dims[0], c->in[IN_QUANTIZED_CONV2D_scale],
                       ref_in(c, IN_QUANTIZED_CONV2D_bias), ref_in(c, IN_QUANTIZED_CONV2D_residual),
                       ref_in(c, IN_QUANTIZED_CONV2D_table), NODE_ATTR(c->node, QUANTIZED_CONV2D, residual_scale),
                       NODE_ATTR(c->node, QUANTIZED_CONV2D, y_zero_point), NODE_ATTR(c->node, QUANTIZED_CONV2D, low),
                       NODE_ATTR(c->node, QUANTIZED_CONV2D, high)});
  free(in);
  free(w);
  free(sums);
  return ok;
}

// Adds what each kernel tap makes of pixels [first, first + count): columns[k][t] for tap k = (output, ky, kx).
static void scatter(const Conv *v, const double *columns, int64_t first, int64_t count, double *out) {
  for (int64_t o = 0; o < v->outputs; o++, out += v->oh * v->ow)
    for (int64_t ky = 0; ky < v->kh; ky++)
      for (int64_t kx = 0; kx < v->kw; kx++)
        for (int64_t p = first; p < first + count; p++) {
          int64_t y = p / v->w * v->stride[0] + ky * v->dilation[0] - v->top;
          int64_t z = p % v->w * v->stride[1] + kx * v->dilation[1] - v->left;
          double product = *columns++;
          if (y >= 0 && y < v->oh && z >= 0 && z < v->ow) out[y * v->ow + z] += product;
        }
}

// One group of one picture; weight[channels][outputs * kh * kw].
static void convolve_transposed(const Conv *v, const double *x, const double *weight, const double *bias, double *out) {
  int64_t taps = v->outputs * v->kh * v->kw, pixels = v->h * v->w;
  double *columns = xmalloc(sizeof *columns * (size_t)(max_i64(taps, 1) * PIXELS));
  for (int64_t o = 0; o < v->outputs; o++)
    for (int64_t p = 0; p < v->oh * v->ow; p++) out[o * v->oh * v->ow + p] = bias ? bias[o] : 0;
  for (int64_t p = 0; p < pixels; p += PIXELS) {
    int64_t count = min_i64(PIXELS, pixels - p);
    memset(columns, 0, sizeof *columns * (size_t)(taps * count));
    ref_gemm(taps, count, v->channels, (RefMatrix){weight, 1, taps}, (RefMatrix){x + p, pixels, 1}, columns, count);
    scatter(v, columns, p, count, out);
  }
  free(columns);
}

bool ref_conv_transpose2d(RefCall *c) {
  const RefTensor *x = ref_in(c, IN_CONV_TRANSPOSE2D_x), *weight = ref_in(c, IN_CONV_TRANSPOSE2D_weight),
                  *bias = ref_in(c, IN_CONV_TRANSPOSE2D_bias);
  RefTensor *out = &c->out[0];
  const int64_t *stride = NODE_ATTR(c->node, CONV_TRANSPOSE2D, stride)->ints,
                *dilation = NODE_ATTR(c->node, CONV_TRANSPOSE2D, dilation)->ints,
                *padding = NODE_ATTR(c->node, CONV_TRANSPOSE2D, padding)->ints;
  int64_t groups = NODE_ATTR(c->node, CONV_TRANSPOSE2D, groups)->i;
  Conv v = {.channels = weight->dims[0] / groups,
            .h = x->dims[2],
            .w = x->dims[3],
            .kh = weight->dims[2],
            .kw = weight->dims[3],
            .oh = out->dims[2],
            .ow = out->dims[3],
            .outputs = weight->dims[1],
            .stride = {stride[0], stride[1]},
            .dilation = {dilation[0], dilation[1]},
            .top = padding[0],
            .left = padding[1]};
  int64_t in_size = v.channels * v.h * v.w, taps = v.outputs * v.kh * v.kw, out_size = v.outputs * v.oh * v.ow;
  for (int64_t n = 0; n < x->dims[0]; n++)
    for (int64_t g = 0; g < groups; g++)
      convolve_transposed(&v, x->f + (n * groups + g) * in_size, weight->f + g * v.channels * taps,
                          bias ? bias->f + g * v.outputs : NULL, out->f + (n * groups + g) * out_size);
  return ref_epilogue(c, NULL, NODE_ATTR(c->node, CONV_TRANSPOSE2D, act));
}

// A convolution whose stride is its kernel, its pixels then laid out as tokens.
bool ref_patch_embed(RefCall *c) {
  const RefTensor *x = ref_in(c, IN_PATCH_EMBED_x), *weight = ref_in(c, IN_PATCH_EMBED_weight);
  const RefTensor *bias = ref_in(c, IN_PATCH_EMBED_bias);
  RefTensor *out = &c->out[0];
  int64_t kh = weight->dims[2], kw = weight->dims[3];
  Conv v = {.channels = x->dims[1],
            .h = x->dims[2],
            .w = x->dims[3],
            .kh = kh,
            .kw = kw,
            .oh = x->dims[2] / kh,
            .ow = x->dims[3] / kw,
            .outputs = weight->dims[0],
            .stride = {kh, kw},
            .dilation = {1, 1}};
  int64_t patches = v.oh * v.ow, picture = v.channels * v.h * v.w;
  if (patches != out->dims[1])
    return ref_fail(c, "%ld patches do not fill %ld tokens", (long)patches, (long)out->dims[1]);
  double *planes = xmalloc(sizeof *planes * (size_t)max_i64(v.outputs * patches, 1));
  for (int64_t n = 0; n < x->dims[0]; n++) {
    convolve(&v, x->f + n * picture, weight->f, bias ? bias->f : NULL, planes);
    for (int64_t p = 0; p < patches; p++)
      for (int64_t o = 0; o < v.outputs; o++) out->f[(n * patches + p) * v.outputs + o] = planes[o * patches + p];
  }
  free(planes);
  return ref_epilogue(c, NULL, NODE_ATTR(c->node, PATCH_EMBED, act));
}
