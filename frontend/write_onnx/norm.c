// Normalizations.
#include "frontend/write_onnx/export.h"

// An operand that may be absent, as ONNX's op must have it: [n] of one value.
static Term *or_filled(Export *e, int i, int64_t n, double v) {
  Term *t = export_in(e, i);
  return t ? t : export_filled(e, e->dtype, n, v);
}

// ---- with weights: scale and bias are operands 1 and 2

enum { SCALE = 1, BIAS = 2 };

void write_batch_norm(Export *e) {
  int64_t channels = export_type(e, IN_BATCH_NORM_running_mean)->dims[0];
  Term *scale = or_filled(e, IN_BATCH_NORM_weight, channels, 1), *bias = or_filled(e, IN_BATCH_NORM_bias, channels, 0);
  Term *mean = export_in(e, IN_BATCH_NORM_running_mean), *var = export_in(e, IN_BATCH_NORM_running_var);
  Term *y = EXPORT(e, e->row->op, export_in(e, 0), scale, bias, mean, var);
  export_float(e, "epsilon", EXPORT_ATTR(e, BATCH_NORM, eps)->f);
  export_out(e, y);
}

// ONNX's scale may be broadcast, which one of an open width needs.
void write_layer_norm(Export *e) {
  const Type *t = export_type(e, 0);
  Dim width = t->dims[t->rank - 1];
  Term *y = EXPORT(e, e->row->op, export_in(e, 0), or_filled(e, SCALE, dim_is_const(width) ? width : 1, 1),
                   export_in(e, BIAS));
  export_int(e, "axis", -1);
  export_float(e, "epsilon", EXPORT_ATTR(e, LAYER_NORM, eps)->f);
  export_out(e, y);
}

// ONNX wants something behind the channels.
void write_group_norm(Export *e) {
  const Type *t = export_type(e, 0);
  Term *x = export_in(e, 0);
  if (t->rank == 2) x = EXPORT(e, "Unsqueeze", x, export_list(e, 1, (int64_t[]){2}));
  x = EXPORT(e, e->row->op, x, or_filled(e, SCALE, t->dims[1], 1), or_filled(e, BIAS, t->dims[1], 0));
  export_int(e, "num_groups", EXPORT_ATTR(e, GROUP_NORM, num_groups)->i);
  export_float(e, "epsilon", EXPORT_ATTR(e, GROUP_NORM, eps)->f);
  if (t->rank == 2) x = EXPORT(e, "Squeeze", x, export_list(e, 1, (int64_t[]){2}));
  export_out(e, x);
}

void write_instance_norm(Export *e) {
  int64_t channels = export_type(e, 0)->dims[1];
  Term *y = EXPORT(e, e->row->op, export_in(e, 0), or_filled(e, SCALE, channels, 1), or_filled(e, BIAS, channels, 0));
  export_float(e, "epsilon", EXPORT_ATTR(e, INSTANCE_NORM, eps)->f);
  export_out(e, y);
}

// ---- without

// (x / scale - mean) / std
void write_normalize(Export *e) {
  const Attr *mean = EXPORT_ATTR(e, NORMALIZE, mean), *std = EXPORT_ATTR(e, NORMALIZE, std);
  double scale = EXPORT_ATTR(e, NORMALIZE, scale)->f;
  const Type *t = export_result_type(e);
  Term *x = export_operand(e, 0);
  if (export_type(e, 0)->dtype != t->dtype) x = export_cast(e, x, t->dtype);
  if (scale != 1) x = EXPORT(e, "Div", x, export_scalar(e, t->dtype, scale));
  x = EXPORT(e, "Sub", x, shape_per_channel(e, t->dtype, t->rank, mean->n, mean->floats));
  export_result(e, 0, EXPORT(e, "Div", x, shape_per_channel(e, t->dtype, t->rank, std->n, std->floats)));
}

void write_softmax(Export *e) {
  Term *y = EXPORT(e, e->row->op, export_in(e, 0));
  export_int(e, "axis",
             e->node->op == OP_SOFTMAX ? EXPORT_ATTR(e, SOFTMAX, dim)->i : EXPORT_ATTR(e, LOG_SOFTMAX, dim)->i);
  export_out(e, y);
}

// The mean of the squares, as a pool over [N, 1, C, the rest].
static Term *response(Export *e, Term *x, const Type *t, int64_t size) {
  Dim rest = 1;
  for (int i = 2; i < t->rank; i++) rest = dim_mul(e->m->dims, rest, t->dims[i]);
  Term *square = shape_reshape(e, EXPORT(e, "Mul", x, x), 4, (Dim[]){t->dims[0], 1, t->dims[1], rest});
  Term *mean = EXPORT(e, "AveragePool", square);
  export_ints(e, "kernel_shape", 2, (int64_t[]){size, 1});
  export_ints(e, "pads", 4, (int64_t[]){size / 2, 0, (size - 1) / 2, 0});
  export_int(e, "count_include_pad", 1);
  return shape_reshape(e, mean, t->rank, t->dims);
}

// By LRN where it computes that: its window reaches further behind a channel where its size is even, PyTorch's further
// before, and ONNX Runtime knows it of pictures alone.
void write_local_response_norm(Export *e) {
  int64_t size = EXPORT_ATTR(e, LOCAL_RESPONSE_NORM, size)->i;
  double alpha = EXPORT_ATTR(e, LOCAL_RESPONSE_NORM, alpha)->f, beta = EXPORT_ATTR(e, LOCAL_RESPONSE_NORM, beta)->f,
         k = EXPORT_ATTR(e, LOCAL_RESPONSE_NORM, k)->f;
  Term *x = export_in(e, 0), *y;
  if (size % 2 && export_type(e, 0)->rank == 4) {
    y = EXPORT(e, e->row->op, x);
    export_int(e, "size", size);
    export_float(e, "alpha", alpha);
    export_float(e, "beta", beta);
    export_float(e, "bias", k);
  } else {
    Term *scaled = EXPORT(e, "Mul", response(e, x, export_type(e, 0), size), export_scalar(e, e->dtype, alpha));
    Term *sum = EXPORT(e, "Add", scaled, export_scalar(e, e->dtype, k));
    y = EXPORT(e, "Div", x, EXPORT(e, "Pow", sum, export_scalar(e, e->dtype, beta)));
  }
  export_out(e, y);
}
