// Convolutions of volumes [N, C, D, H, W], by their definitions.
#include "ir/ref/ref_ops.h"

typedef struct Sides {
  int64_t at[3];
} Sides;

static Sides sides_of(const RefTensor *t) { return (Sides){{t->dims[2], t->dims[3], t->dims[4]}}; }

static int64_t volume(const Sides *s) { return s->at[0] * s->at[1] * s->at[2]; }

// Position number k in row-major order.
static Sides position(const Sides *s, int64_t k) {
  return (Sides){{k / (s->at[1] * s->at[2]), k / s->at[2] % s->at[1], k % s->at[2]}};
}

// The number of a position in row-major order; -1 outside.
static int64_t number(const Sides *s, const int64_t *at) {
  for (int i = 0; i < 3; i++)
    if (at[i] < 0 || at[i] >= s->at[i]) return -1;
  return (at[0] * s->at[1] + at[1]) * s->at[2] + at[2];
}

// Where tap t of the window over position p lies.
static int64_t seen(const Sides *in, const Sides *p, const Sides *t, const Attr *stride, const Attr *dilation,
                    const Attr *padding) {
  int64_t at[3];
  for (int i = 0; i < 3; i++) at[i] = p->at[i] * stride->ints[i] + t->at[i] * dilation->ints[i] - padding->ints[i];
  return number(in, at);
}

bool ref_conv3d(RefCall *c) {
  const RefTensor *x = ref_in(c, IN_CONV3D_x), *w = ref_in(c, IN_CONV3D_weight), *bias = ref_in(c, IN_CONV3D_bias);
  const Attr *stride = NODE_ATTR(c->node, CONV3D, stride), *dilation = NODE_ATTR(c->node, CONV3D, dilation),
             *padding = NODE_ATTR(c->node, CONV3D, padding);
  Sides in = sides_of(x), out = sides_of(c->out), kernel = sides_of(w);
  int64_t outputs = w->dims[0], each = w->dims[1], in_group = outputs / NODE_ATTR(c->node, CONV3D, groups)->i;
  for (int64_t k = 0; k < c->out->count; k++) {
    int64_t o = k / volume(&out) % outputs, n = k / volume(&out) / outputs;
    Sides p = position(&out, k % volume(&out));
    double sum = bias ? bias->f[o] : 0;
    for (int64_t i = 0; i < each; i++)
      for (int64_t t = 0; t < volume(&kernel); t++) {
        Sides tap = position(&kernel, t);
        int64_t at = seen(&in, &p, &tap, stride, dilation, padding), channel = o / in_group * each + i;
        if (at >= 0)
          sum += w->f[(o * each + i) * volume(&kernel) + t] * x->f[(n * x->dims[1] + channel) * volume(&in) + at];
      }
    c->out->f[k] = sum;
  }
  return true;
}

// Every element adds its multiple of the kernel to the result.
bool ref_conv_transpose3d(RefCall *c) {
  const RefTensor *x = ref_in(c, IN_CONV_TRANSPOSE3D_x), *w = ref_in(c, IN_CONV_TRANSPOSE3D_weight),
                  *bias = ref_in(c, IN_CONV_TRANSPOSE3D_bias);
  const Attr *stride = NODE_ATTR(c->node, CONV_TRANSPOSE3D, stride),
             *dilation = NODE_ATTR(c->node, CONV_TRANSPOSE3D, dilation),
             *padding = NODE_ATTR(c->node, CONV_TRANSPOSE3D, padding);
  Sides in = sides_of(x), out = sides_of(c->out), kernel = sides_of(w);
  int64_t channels = x->dims[1], each = w->dims[1],
          in_group = channels / NODE_ATTR(c->node, CONV_TRANSPOSE3D, groups)->i, outputs = c->out->dims[1];
  for (int64_t k = 0; bias && k < c->out->count; k++) c->out->f[k] = bias->f[k / volume(&out) % outputs];
  for (int64_t k = 0; k < x->count; k++) {
    int64_t i = k / volume(&in) % channels, n = k / volume(&in) / channels;
    Sides p = position(&in, k % volume(&in));
    for (int64_t o = 0; o < each; o++)
      for (int64_t t = 0; t < volume(&kernel); t++) {
        Sides tap = position(&kernel, t);
        int64_t at = seen(&out, &p, &tap, stride, dilation, padding), output = i / in_group * each + o;
        if (at >= 0)
          c->out->f[(n * outputs + output) * volume(&out) + at] += x->f[k] * w->f[(i * each + o) * volume(&kernel) + t];
      }
  }
  return true;
}
