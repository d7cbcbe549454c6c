// Ops that treat each element alone, and the activations that layers have.
#include "frontend/write_onnx/export.h"

static Term *scalar(Export *e, double v) { return export_scalar(e, e->dtype, v); }

// ---- activations

static Term *one_op(Export *e, Term *x, const char *op) { return EXPORT(e, op, x); }
static Term *clipped_at_6(Export *e, Term *x, const char *op) { return EXPORT(e, op, x, scalar(e, 0), scalar(e, 6)); }
static Term *times_sigmoid(Export *e, Term *x, const char *op) { return EXPORT(e, op, x, EXPORT(e, "Sigmoid", x)); }

static Term *by_tanh(Export *e, Term *x, const char *op) {
  Term *y = EXPORT(e, op, x);
  export_text(e, "approximate", "tanh");
  return y;
}

static Term *a_sixth(Export *e, Term *x, const char *op) {
  Term *y = EXPORT(e, op, x);
  export_float(e, "alpha", 1.0 / 6);
  export_float(e, "beta", 0.5);
  return y;
}

static const struct Activation {
  const char *name, *op;
  Term *(*write)(Export *e, Term *x, const char *op);
} activations[] = {
    {"relu", "Relu", one_op},       {"relu6", "Clip", clipped_at_6},
    {"gelu", "Gelu", one_op},       {"gelu_tanh", "Gelu", by_tanh},
    {"silu", "Mul", times_sigmoid}, {"sigmoid", "Sigmoid", one_op},
    {"tanh", "Tanh", one_op},       {"hardswish", "HardSwish", one_op},
    {"mish", "Mish", one_op},       {"hardsigmoid", "HardSigmoid", a_sixth},
    {"selu", "Selu", one_op},
};

static Term *activate(Export *e, Term *x, const char *name) {
  const struct Activation *a = activations;
  while (strcmp(a->name, name)) a++; // the verifier knows the attribute's choices
  return a->write(e, x, a->op);
}

Term *elementwise_epilogue(Export *e, Term *x, Term *residual, const Attr *act) {
  if (residual) x = EXPORT(e, "Add", x, residual);
  return strcmp(act->s, "none") ? activate(e, x, act->s) : x;
}

void write_activation(Export *e) { export_out(e, activate(e, export_in(e, 0), op_info(e->node->op)->name)); }

void write_relu(Export *e) {
  bool is_unsigned = dtype_is_unsigned(export_type(e, 0)->dtype);
  if (is_unsigned)
    export_result(e, 0, EXPORT(e, "Identity", export_operand(e, 0)));
  else
    write_activation(e);
}

void write_gelu(Export *e) {
  bool tanh = !strcmp(EXPORT_ATTR(e, GELU, approximate)->s, "tanh");
  export_out(e, activate(e, export_in(e, 0), tanh ? "gelu_tanh" : "gelu"));
}

static void with_alpha(Export *e, double alpha) {
  Term *y = EXPORT(e, e->row->op, export_in(e, 0));
  export_float(e, "alpha", alpha);
  export_out(e, y);
}

void write_elu(Export *e) { with_alpha(e, EXPORT_ATTR(e, ELU, alpha)->f); }
void write_celu(Export *e) { with_alpha(e, EXPORT_ATTR(e, CELU, alpha)->f); }
void write_leaky_relu(Export *e) { with_alpha(e, EXPORT_ATTR(e, LEAKY_RELU, negative_slope)->f); }

void write_prelu(Export *e) {
  int rank = export_type(e, 0)->rank;
  Dim dims[MAX_RANK] = {export_type(e, IN_PRELU_weight)->dims[0]};
  for (int i = 1; i < rank - 1; i++) dims[i] = 1;
  Term *x = export_in(e, 0), *slope = export_in(e, IN_PRELU_weight);
  if (rank > 2) slope = shape_reshape(e, slope, rank - 1, dims);
  export_out(e, EXPORT(e, e->row->op, x, slope));
}

// log(1 + exp(beta x)) / beta, and x where beta x is above the threshold, from 20 on the same in any precision.
void write_softplus(Export *e) {
  double beta = EXPORT_ATTR(e, SOFTPLUS, beta)->f, threshold = EXPORT_ATTR(e, SOFTPLUS, threshold)->f;
  Term *x = export_in(e, 0), *scaled = beta == 1 ? x : EXPORT(e, "Mul", x, scalar(e, beta));
  Term *y = EXPORT(e, e->row->op, scaled);
  if (beta != 1) y = EXPORT(e, "Div", y, scalar(e, beta));
  if (threshold < 20) {
    Term *above = EXPORT(e, "Greater", scaled, scalar(e, threshold));
    y = EXPORT(e, "Where", above, x, y);
  }
  export_out(e, y);
}

void write_clamp(Export *e) {
  double min = EXPORT_ATTR(e, CLAMP, min)->f, max = EXPORT_ATTR(e, CLAMP, max)->f;
  Term *low = isinf(min) && min < 0 ? NULL : scalar(e, min), *high = isinf(max) && max > 0 ? NULL : scalar(e, max);
  export_out(e, EXPORT(e, e->row->op, export_in(e, 0), low, high));
}

// ---- other functions

// The op of all operands, whatever its result.
void write_direct(Export *e) {
  Term *operands[3] = {0};
  for (int i = 0; i < e->node->n_operands; i++) {
    bool same = export_type(e, i)->dtype == export_type(e, 0)->dtype; // not so: Where's condition
    operands[i] = e->node->op == OP_WHERE || !same ? export_operand(e, i) : export_in(e, i);
  }
  Term *y = export_op(e, e->row->op, e->node->n_operands, operands);
  if (export_result_type(e)->dtype == export_type(e, 0)->dtype && e->node->op != OP_WHERE)
    export_out(e, y);
  else
    export_result(e, 0, y);
}

void write_rsqrt(Export *e) { export_out(e, EXPORT(e, e->row->op, EXPORT(e, "Sqrt", export_in(e, 0)))); }

void write_neg(Export *e) {
  Term *x = export_in(e, 0);
  export_out(e, dtype_is_unsigned(e->dtype) ? EXPORT(e, "Sub", scalar(e, 0), x) : EXPORT(e, e->row->op, x));
}

void write_dropout(Export *e) {
  Term *x = export_in(e, 0);
  export_out(e, EXPORT(e, e->row->op, x, export_scalar(e, DT_F32, EXPORT_ATTR(e, DROPOUT, p)->f)));
}

void write_cast(Export *e) {
  export_result(e, 0, export_cast(e, export_operand(e, 0), (DType)EXPORT_ATTR(e, CAST, dtype)->i));
}

// ---- truth

// Whether operand i is not 0.
static Term *truth(Export *e, int i) {
  Term *x = export_operand(e, i);
  return export_type(e, i)->dtype == DT_BOOL ? x : export_cast(e, x, DT_BOOL);
}

void write_logical(Export *e) {
  Term *a = truth(e, 0), *b = truth(e, 1);
  export_result(e, 0, EXPORT(e, e->row->op, a, b));
}

void write_logical_not(Export *e) { export_result(e, 0, EXPORT(e, e->row->op, truth(e, 0))); }

void write_ne(Export *e) {
  Term *equal = EXPORT(e, "Equal", export_operand(e, 0), export_operand(e, 1));
  export_result(e, 0, EXPORT(e, e->row->op, equal));
}
