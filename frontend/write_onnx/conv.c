// Convolutions, of pictures and volumes, and patch embedding.
#include "frontend/write_onnx/padding.h"

enum { X, WEIGHT, BIAS }; // operands of each

typedef struct Convolution {
  const Attr *stride, *padding, *dilation, *output_padding; // padding: of all first sides, then of all last ones
  int64_t groups;
} Convolution;

static Term *convolve(Export *e, const Convolution *c) {
  Windows w = {c->stride->n, export_type(e, WEIGHT)->dims + 2, c->stride->ints, c->dilation->ints, c->padding->ints};
  Padding padding;
  Term *x = padding_settle(e, export_in(e, X), &w, 0, &padding);
  Term *weight = export_in(e, WEIGHT), *bias = export_in(e, BIAS);
  Term *y = EXPORT(e, e->row->op, x, weight, bias);
  export_ints(e, "strides", c->stride->n, c->stride->ints);
  export_ints(e, "dilations", c->dilation->n, c->dilation->ints);
  padding_attributes(e, &w, &padding);
  if (c->output_padding) export_ints(e, "output_padding", c->output_padding->n, c->output_padding->ints);
  export_int(e, "group", c->groups);
  return y;
}

void write_conv2d(Export *e) {
  Convolution c = {EXPORT_ATTR(e, CONV2D, stride), EXPORT_ATTR(e, CONV2D, padding), EXPORT_ATTR(e, CONV2D, dilation),
                   NULL, EXPORT_ATTR(e, CONV2D, groups)->i};
  Term *y = convolve(e, &c), *residual = export_in(e, IN_CONV2D_residual);
  export_out(e, elementwise_epilogue(e, y, residual, EXPORT_ATTR(e, CONV2D, act)));
}

void write_conv3d(Export *e) {
  Convolution c = {EXPORT_ATTR(e, CONV3D, stride), EXPORT_ATTR(e, CONV3D, padding), EXPORT_ATTR(e, CONV3D, dilation),
                   NULL, EXPORT_ATTR(e, CONV3D, groups)->i};
  export_out(e, convolve(e, &c));
}

// One number a side, taken off both of its ends.
static Attr both_ends(Export *e, const Attr *padding) {
  int n = padding->n;
  int64_t *all = arena_array(e->m->arena, int64_t, 2 * n);
  for (int i = 0; i < 2 * n; i++) all[i] = padding->ints[i % n];
  return (Attr){.kind = ATTR_INTS, .n = 2 * n, .ints = all};
}

void write_conv_transpose2d(Export *e) {
  Attr padding = both_ends(e, EXPORT_ATTR(e, CONV_TRANSPOSE2D, padding));
  Convolution c = {EXPORT_ATTR(e, CONV_TRANSPOSE2D, stride), &padding, EXPORT_ATTR(e, CONV_TRANSPOSE2D, dilation),
                   EXPORT_ATTR(e, CONV_TRANSPOSE2D, output_padding), EXPORT_ATTR(e, CONV_TRANSPOSE2D, groups)->i};
  export_out(e, elementwise_epilogue(e, convolve(e, &c), NULL, EXPORT_ATTR(e, CONV_TRANSPOSE2D, act)));
}

void write_conv_transpose3d(Export *e) {
  Attr padding = both_ends(e, EXPORT_ATTR(e, CONV_TRANSPOSE3D, padding));
  Convolution c = {EXPORT_ATTR(e, CONV_TRANSPOSE3D, stride), &padding, EXPORT_ATTR(e, CONV_TRANSPOSE3D, dilation),
                   EXPORT_ATTR(e, CONV_TRANSPOSE3D, output_padding), EXPORT_ATTR(e, CONV_TRANSPOSE3D, groups)->i};
  export_out(e, convolve(e, &c));
}

// A convolution whose stride is its kernel; its pixels then as tokens.
void write_patch_embed(Export *e) {
  Term *x = export_in(e, X), *weight = export_in(e, WEIGHT), *bias = export_in(e, BIAS);
  Term *pixels = EXPORT(e, e->row->op, x, weight, bias);
  export_ints(e, "strides", 2, export_type(e, WEIGHT)->dims + 2);
  const Dim *dims = export_result_type(e)->dims;
  Term *channels = shape_reshape(e, pixels, 3, (Dim[]){dims[0], dims[2], dims[1]});
  Term *tokens = shape_permute(e, channels, 3, (int64_t[]){0, 2, 1});
  export_out(e, elementwise_epilogue(e, tokens, NULL, EXPORT_ATTR(e, PATCH_EMBED, act)));
}
