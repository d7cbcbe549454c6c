// Convolutions.
#include "frontend/onnx/nodes.h"
#include "frontend/onnx/window.h"

bool convert_conv(Call *c, OpKind op) {
  const Type *w = call_type(c, 1);
  if (!w || w->rank != 4) return call_fail(c, "only convolutions of pictures are known"); // and its weight is of rank 4
  OnnxWindow win;
  if (!window_read(c, 2, &w->dims[2], call_type(c, 0), &win)) return false;
  Attr *a = call_attrs(c, op);
  a[ATTR_CONV2D_stride] = call_list(c, ATTR_INTS, 2, win.stride);
  a[ATTR_CONV2D_dilation] = call_list(c, ATTR_INTS, 2, win.dilation);
  a[ATTR_CONV2D_padding] = window_padding(c, &win);
  a[ATTR_CONV2D_groups] = ATTR_I(call_int(c, "group", 1));
  return call_result(c, 0, call_node(c, op, 3, (Value *[]){call_value(c, 0), call_value(c, 1), call_value(c, 2)}, a));
}
