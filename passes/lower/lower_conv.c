// Convolution: chooses among chain.c (together with its neighbours), contract.c (dense and grouped), winograd.c, stem.c
// and depthwise.c; patch embedding as a convolution whose output picture is read as tokens, which in the blocked layout
// is the same memory; transposed convolution as several of stride 1.
#include "ir/core/checked.h"
#include "passes/lower/chain.h"
#include "passes/lower/contract.h"
#include "passes/lower/conv.h"
#include "passes/lower/depthwise.h"
#include "passes/lower/sparse.h"
#include "passes/lower/stem.h"
#include "passes/lower/winograd.h"

Window conv_window(const Node *n) {
  const Type *x = operand(n, IN_CONV2D_x)->type, *w = operand(n, IN_CONV2D_weight)->type, *y = result(n)->type;
  const int64_t *s = NODE_ATTR(n, CONV2D, stride)->ints, *p = NODE_ATTR(n, CONV2D, padding)->ints,
                *d = NODE_ATTR(n, CONV2D, dilation)->ints;
  return (Window){x->dims[2], x->dims[3], y->dims[2], y->dims[3], w->dims[2], w->dims[3], s[0],
                  s[1],       d[0],       d[1],       p[0],       p[1],       p[3]};
}

bool conv_is_pointwise(const Node *n) {
  Window w = conv_window(n);
  const Attr *padding = NODE_ATTR(n, CONV2D, padding);
  bool one = w.kh == 1 && w.kw == 1 && w.sh == 1 && w.sw == 1;
  for (int i = 0; i < padding->n; i++) one &= padding->ints[i] == 0;
  return one;
}

bool conv_is_depthwise(const Node *n) {
  int64_t groups = NODE_ATTR(n, CONV2D, groups)->i;
  return groups > 1 && groups == operand(n, IN_CONV2D_x)->type->dims[1] && groups == result(n)->type->dims[1];
}

// Strides of a picture [N, C, H, W], row-major or in blocks of channels.
static void picture_in(Lower *lw, const Type *t, Contraction *c) {
  DimTable *dims = lw->m->dims;
  bool blocked = t->blocked_axis == 1;
  Dim pixels = dim_mul(dims, t->dims[2], t->dims[3]);
  c->images = t->dims[0];
  c->channels_in = t->dims[1];
  c->block = blocked ? BLOCK : 1;
  c->in_pixel = c->block;
  c->in_row = dim_mul(dims, t->dims[3], c->in_pixel);
  c->in_block = dim_mul(dims, pixels, c->in_pixel);
  c->in_image = dim_mul(dims, c->in_block, ceil_div(c->channels_in, c->block));
}

static void picture_out(Lower *lw, Contraction *c, int64_t channels) {
  DimTable *dims = lw->m->dims;
  c->channels_out = channels;
  c->out_pixel = BLOCK;
  c->out_row = dim_mul(dims, c->window.out_w, BLOCK);
  c->out_panel = dim_mul(dims, c->window.out_h, c->out_row);
  c->out_image = dim_mul(dims, c->out_panel, ceil_div(channels, BLOCK));
}

bool lower_conv2d(Lower *lw, Node *n) {
  if (chain_takes(lw, n)) return true;
  Value *x = operand(n, IN_CONV2D_x), *y = result(n);
  Contraction c = {
      .window = conv_window(n),
      .groups = NODE_ATTR(n, CONV2D, groups)->i,
      .x = x,
      .y = y,
      .residual = operand(n, IN_CONV2D_residual),
      .weight = weight_operand(n, IN_CONV2D_weight),
      .bias = weight_operand(n, IN_CONV2D_bias),
      .act = NODE_ATTR(n, CONV2D, act)->s,
  };
  if (conv_is_depthwise(n)) return depthwise(lw, n, &c.window), true;
  picture_in(lw, x->type, &c);
  picture_out(lw, &c, y->type->dims[1]);
  Phys in, out; // images in the memory of a concatenation lie further apart
  phys_of_value(lw, x, &in);
  phys_of_value(lw, y, &out);
  c.in_image = in.strides[0];
  c.out_image = out.strides[0];
  if (stem_takes(n)) return stem(lw, n, &c), true;
  const Window *w = &c.window;
  if (conv_is_pointwise(n)) {
    Sparse by_nonzeros;
    Dim pixels = dim_mul(lw->m->dims, w->in_h, w->in_w);
    if (sparse_choose(lw, n, &c, pixels, &by_nonzeros)) return sparse(lw, n, &c, pixels, &by_nonzeros), true;
    contract_flatten(lw, &c, pixels);
  }
  Winograd by;
  if (winograd_choose(lw, n, &c, &by))
    winograd(lw, n, &c, &by);
  else
    contract(lw, n, &c);
  return true;
}

// ---- transposed: the outputs y0, y0 + stride, ... of an axis are a convolution of stride 1 with every tap whose
// product falls on one of them. So stride_h * stride_w convolutions compute the whole, and no product is formed for
// nothing.

typedef struct Axis {
  int64_t first, step, count, dilation; // the taps, and how far apart they see the input
  Dim before, outputs;
} Axis;

static int64_t common_divisor(int64_t a, int64_t b) { return b ? common_divisor(b, a % b) : a; }

static Axis axis_of(Lower *lw, const Node *n, int side, int64_t y0) {
  int64_t size = operand(n, IN_CONV_TRANSPOSE2D_weight)->type->dims[2 + side],
          stride = NODE_ATTR(n, CONV_TRANSPOSE2D, stride)->ints[side],
          dilation = NODE_ATTR(n, CONV_TRANSPOSE2D, dilation)->ints[side],
          padding = NODE_ATTR(n, CONV_TRANSPOSE2D, padding)->ints[side], divisor = common_divisor(stride, dilation);
  Dim whole = result(n)->type->dims[2 + side];
  Axis a = {.step = stride / divisor, .dilation = dilation / divisor};
  a.outputs = dim_floordiv(lw->m->dims, dim_add(lw->m->dims, whole, stride - 1 - y0), stride);
  while (a.first < size && (a.first * dilation - padding - y0) % stride) a.first++;
  if (a.first < size) { // tap k of input i falls on output i * stride + k * dilation - padding
    a.count = ceil_div(size - a.first, a.step);
    a.before = (a.first * dilation - padding - y0) / stride + (a.count - 1) * a.dilation;
  } else { // none: a tap that never sees the picture
    a.first = 0, a.count = 1;
    a.before = a.outputs;
  }
  return a;
}

// The outputs (y0, x0), (y0, x0 + stride), ...
static void lower_phase(Lower *lw, const Node *n, Contraction c, int64_t y0, int64_t x0) {
  DimTable *dims = lw->m->dims;
  const Type *x = operand(n, IN_CONV_TRANSPOSE2D_x)->type;
  const int64_t *stride = NODE_ATTR(n, CONV_TRANSPOSE2D, stride)->ints;
  Axis h = axis_of(lw, n, 0, y0), w = axis_of(lw, n, 1, x0);
  if (h.outputs == 0 || w.outputs == 0) return;
  Dim reach = dim_add(dims, w.outputs, (w.count - 1) * w.dilation), seen = dim_add(dims, x->dims[3], w.before);
  Window window = {x->dims[2],
                   x->dims[3],
                   h.outputs,
                   w.outputs,
                   h.count,
                   w.count,
                   1,
                   1,
                   h.dilation,
                   w.dilation,
                   h.before,
                   w.before,
                   dim_max(dims, 0, dim_sub(dims, reach, seen))};
  Taps taps = {c.groups, {h.first, w.first}, {h.step, w.step}, {h.count, w.count}};
  c.window = window;
  c.taps = &taps;
  c.y_first = dim_mul(dims, dim_add(dims, dim_mul(dims, y0, result(n)->type->dims[3]), x0), BLOCK);
  c.out_pixel = BLOCK * stride[1];
  c.out_row = dim_mul(dims, result(n)->type->dims[3], BLOCK * stride[0]);
  contract(lw, n, &c);
}

bool lower_conv_transpose2d(Lower *lw, Node *n) {
  Value *x = operand(n, IN_CONV_TRANSPOSE2D_x), *y = result(n);
  const int64_t *stride = NODE_ATTR(n, CONV_TRANSPOSE2D, stride)->ints;
  Contraction c = {
      .groups = NODE_ATTR(n, CONV_TRANSPOSE2D, groups)->i,
      .x = x,
      .y = y,
      .weight = weight_operand(n, IN_CONV_TRANSPOSE2D_weight),
      .bias = weight_operand(n, IN_CONV_TRANSPOSE2D_bias),
      .act = NODE_ATTR(n, CONV_TRANSPOSE2D, act)->s,
  };
  picture_in(lw, x->type, &c);
  Phys in, out;
  phys_of_value(lw, x, &in);
  phys_of_value(lw, y, &out);
  c.channels_out = y->type->dims[1];
  c.in_image = in.strides[0];
  c.out_image = out.strides[0];
  c.out_panel = out.strides[1];
  for (int64_t y0 = 0; y0 < stride[0]; y0++)
    for (int64_t x0 = 0; x0 < stride[1]; x0++) lower_phase(lw, n, c, y0, x0);
  return true;
}

bool lower_patch_embed(Lower *lw, Node *n) {
  Value *x = operand(n, IN_PATCH_EMBED_x), *y = result(n);
  Weight *weight = weight_operand(n, IN_PATCH_EMBED_weight);
  int64_t kh = weight->type->dims[2], kw = weight->type->dims[3];
  Contraction c = {.groups = 1,
                   .x = x,
                   .y = y,
                   .weight = weight,
                   .bias = weight_operand(n, IN_PATCH_EMBED_bias),
                   .act = NODE_ATTR(n, PATCH_EMBED, act)->s};
  Dim in_h = x->type->dims[2], in_w = x->type->dims[3];
  c.window = (Window){
      in_h, in_w, dim_floordiv(lw->m->dims, in_h, kh), dim_floordiv(lw->m->dims, in_w, kw), kh, kw, kh, kw, 1, 1, 0,
      0,    0};
  picture_in(lw, x->type, &c);
  picture_out(lw, &c, y->type->dims[2]);
  if (stem_takes(n)) return stem(lw, n, &c), true;
  contract(lw, n, &c);
  return true;
}
