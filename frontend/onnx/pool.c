// Pools.
#include "frontend/onnx/nodes.h"
#include "frontend/onnx/window.h"

bool convert_pool(Call *c, OpKind op) {
  OnnxWindow w;
  if (c->n_out > 1 && *c->node->output.data[1]) return call_fail(c, "indices of the maxima are not known");
  if (!window_read(c, 2, NULL, call_type(c, 0), &w)) return false;
  Attr *a = call_attrs(c, op), ceil_mode = ATTR_B(call_int(c, "ceil_mode", 0) != 0);
  Attr kernel = call_list(c, ATTR_INTS, 2, w.kernel), stride = call_list(c, ATTR_INTS, 2, w.stride);
  if (op == OP_MAX_POOL2D) {
    a[ATTR_MAX_POOL2D_kernel] = kernel;
    a[ATTR_MAX_POOL2D_stride] = stride;
    a[ATTR_MAX_POOL2D_padding] = window_padding(c, &w);
    a[ATTR_MAX_POOL2D_dilation] = call_list(c, ATTR_INTS, 2, w.dilation);
    a[ATTR_MAX_POOL2D_ceil_mode] = ceil_mode;
  } else {
    a[ATTR_AVG_POOL2D_kernel] = kernel;
    a[ATTR_AVG_POOL2D_stride] = stride;
    a[ATTR_AVG_POOL2D_padding] = window_padding(c, &w);
    a[ATTR_AVG_POOL2D_ceil_mode] = ceil_mode;
    a[ATTR_AVG_POOL2D_count_include_pad] = ATTR_B(call_int(c, "count_include_pad", 0) != 0);
  }
  return call_result(c, 0, call_unary(c, op, call_value(c, 0), a));
}

// Over all dimensions behind the channels.
bool convert_global_pool(Call *c, OpKind op) {
  Value *x = call_value(c, 0);
  if (!x || x->type->rank < 3) return call_fail(c, "its operand has no picture");
  int64_t dims[MAX_RANK];
  int n = 0;
  for (int i = 2; i < x->type->rank; i++) dims[n++] = i;
  if (n == 2) return call_result(c, 0, call_unary(c, op == OP_MEAN ? OP_GLOBAL_AVG_POOL : OP_GLOBAL_MAX_POOL, x, NULL));
  return call_result(c, 0, call_reduced(c, op, x, n, dims, true));
}
