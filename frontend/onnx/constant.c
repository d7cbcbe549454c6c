// Constants, shapes as numbers, and branches that they decide.
#include "frontend/onnx/nodes.h"
#include <string.h>

static bool scalar_list(Call *c, DType dtype, int rank, int64_t n, const int64_t *ints, const float *reals) {
  Known *k = known_new(c->im->m, dtype, rank, &n);
  if (!k) return call_fail(c, "its list has more than %d numbers", KNOWN_MAX);
  for (int64_t i = 0; i < k->n; i++)
    if (ints)
      k->e[i].i = known_int(ints[i]);
    else
      k->e[i].f = (double)reals[i];
  return call_result_known(c, 0, k);
}

bool convert_constant(Call *c, OpKind op) {
  (void)op;
  const OnnxAttribute *a;
  if ((a = call_attr(c, "value")) && a->t) {
    OnnxArray array;
    if (!tensor_read(c->im, call_name(c), a->t, &array)) return false;
    int64_t n = 1;
    for (int i = 0; i < array.rank; i++) n *= array.dims[i];
    if (n) return call_result(c, 0, tensor_weight(c->im, c->node->output.data[0], &array)->value);
    blob_unref(array.blob);
    return call_result_known(c, 0, known_new(c->im->m, array.dtype, array.rank, array.dims));
  }
  if ((a = call_attr(c, "value_int"))) return scalar_list(c, DT_I64, 0, 1, &a->i, NULL);
  if ((a = call_attr(c, "value_float"))) return scalar_list(c, DT_F32, 0, 1, NULL, &a->f);
  if ((a = call_attr(c, "value_ints"))) return scalar_list(c, DT_I64, 1, (int64_t)a->ints.n, a->ints.data, NULL);
  if ((a = call_attr(c, "value_floats"))) return scalar_list(c, DT_F32, 1, (int64_t)a->floats.n, NULL, a->floats.data);
  return call_fail(c, "it holds no numbers");
}

bool convert_constant_of_shape(Call *c, OpKind op) {
  (void)op;
  const Known *k = call_need_ints(c, 0);
  const OnnxAttribute *a = call_attr(c, "value");
  OnnxArray array = {.dtype = DT_F32};
  if (!k) return false;
  if (a && a->t && !tensor_read(c->im, call_name(c), a->t, &array)) return false;
  bool one = !array.blob || array.blob->size == dtype_size(array.dtype);
  double v = array.blob && one ? dtype_load(array.dtype, array.blob->data, 0) : 0;
  KnownElement element = {0};
  if (dtype_is_float(array.dtype))
    element.f = v;
  else if (one)
    element.i = known_int(dtype_load_int(array.dtype, array.blob->data, 0));
  blob_unref(array.blob);
  Dim dims[MAX_RANK];
  if (!one) return call_fail(c, "`value` is not one number");
  if (k->n > MAX_RANK) return call_fail(c, "it has more than %d dimensions", MAX_RANK);
  for (int i = 0; i < k->n; i++) dims[i] = k->e[i].i;
  Known *known = known_is_const(k) ? known_new(c->im->m, array.dtype, (int)k->n, dims) : NULL;
  for (int64_t i = 0; known && i < known->n; i++) known->e[i] = element;
  if (known) return call_result_known(c, 0, known);
  Attr *attrs = call_attrs(c, OP_EXPAND);
  attrs[ATTR_EXPAND_size] = call_list(c, ATTR_DIMS, (int)k->n, dims);
  return call_result(c, 0, call_unary(c, OP_EXPAND, call_scalar(c, array.dtype, v), attrs));
}

static int64_t clamped(int64_t at, int rank) {
  if (at < 0) at += rank;
  return max_i64(0, min_i64(at, rank));
}

bool convert_shape(Call *c, OpKind op) {
  (void)op;
  const Type *t = call_type(c, 0);
  if (!t) return false;
  int64_t start = clamped(call_int(c, "start", 0), t->rank), end = clamped(call_int(c, "end", t->rank), t->rank);
  int n = end > start ? (int)(end - start) : 0;
  return call_result_known(c, 0, known_ints(c->im->m, DT_I64, n, t->dims + start));
}

bool convert_size(Call *c, OpKind op) {
  (void)op;
  const Type *t = call_type(c, 0);
  if (!t) return false;
  Known *k = known_new(c->im->m, DT_I64, 0, NULL);
  k->e->i = 1;
  for (int i = 0; i < t->rank; i++) k->e->i = dim_mul(c->im->m->dims, k->e->i, t->dims[i]);
  return call_result_known(c, 0, k);
}

Value *call_dim(Call *c, Dim d) {
  Known *k = known_new(c->im->m, DT_I64, 0, NULL);
  k->e->i = d;
  return known_value(c->im->m, k, "size");
}
