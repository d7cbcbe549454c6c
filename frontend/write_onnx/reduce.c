// Reductions, and the first elements in an order.
#include "frontend/write_onnx/export.h"

static Term *reduce(Export *e, const char *op, Term *x, const Attr *dims, bool keep) {
  Term *y = dims->n ? EXPORT(e, op, x, export_list(e, dims->n, dims->ints)) : EXPORT(e, op, x);
  export_int(e, "keepdims", keep);
  return y;
}

// The number of elements that become one, less `correction`, as what e->dtype is divided by.
static Term *count(Export *e, const Attr *dims, int64_t correction) {
  Dim n = 1;
  for (int i = 0; i < dims->n; i++) n = dim_mul(e->m->dims, n, export_type(e, 0)->dims[dims->ints[i]]);
  n = dim_sub(e->m->dims, n, correction);
  return dim_is_const(n) ? export_scalar(e, e->dtype, (double)n) : export_cast(e, dims_number(e, n), e->dtype);
}

static Term *mean(Export *e, Term *x, const Attr *dims, bool keep, int64_t correction) {
  if (!correction) return reduce(e, "ReduceMean", x, dims, keep);
  Term *sum = reduce(e, "ReduceSum", x, dims, keep);
  return EXPORT(e, "Div", sum, count(e, dims, correction));
}

void write_mean(Export *e) {
  export_out(e, mean(e, export_in(e, 0), EXPORT_ATTR(e, MEAN, dim), EXPORT_ATTR(e, MEAN, keepdim)->i,
                     EXPORT_ATTR(e, MEAN, correction)->i));
}

// Integers are summed and multiplied as i64, which the result is.
static void write_total(Export *e, const Attr *dims, bool keep) {
  DType own = export_type(e, 0)->dtype, to = export_result_type(e)->dtype;
  Term *x = export_operand(e, 0);
  if (own != to) x = export_cast(e, x, to);
  export_result(e, 0, reduce(e, e->row->op, x, dims, keep));
}

void write_sum(Export *e) { write_total(e, EXPORT_ATTR(e, SUM, dim), EXPORT_ATTR(e, SUM, keepdim)->i); }
void write_prod(Export *e) { write_total(e, EXPORT_ATTR(e, PROD, dim), EXPORT_ATTR(e, PROD, keepdim)->i); }

void write_amax(Export *e) {
  export_out(e, reduce(e, e->row->op, export_in(e, 0), EXPORT_ATTR(e, AMAX, dim), EXPORT_ATTR(e, AMAX, keepdim)->i));
}

void write_amin(Export *e) {
  export_out(e, reduce(e, e->row->op, export_in(e, 0), EXPORT_ATTR(e, AMIN, dim), EXPORT_ATTR(e, AMIN, keepdim)->i));
}

static Term *variance(Export *e, const Attr *dims, int64_t correction, bool keep) {
  Term *x = export_in(e, 0), *distance = EXPORT(e, "Sub", x, mean(e, x, dims, true, 0));
  return mean(e, EXPORT(e, "Mul", distance, distance), dims, keep, correction);
}

void write_var(Export *e) {
  export_out(
      e, variance(e, EXPORT_ATTR(e, VAR, dim), EXPORT_ATTR(e, VAR, correction)->i, EXPORT_ATTR(e, VAR, keepdim)->i));
}

void write_std(Export *e) {
  Term *v = variance(e, EXPORT_ATTR(e, STD, dim), EXPORT_ATTR(e, STD, correction)->i, EXPORT_ATTR(e, STD, keepdim)->i);
  export_out(e, EXPORT(e, "Sqrt", v));
}

// ---- order

static Term *index_along(Export *e, Term *x, int64_t axis, bool keep) {
  Term *y = EXPORT(e, e->row->op, x);
  export_int(e, "axis", axis);
  export_int(e, "keepdims", keep);
  return y;
}

static void write_extreme(Export *e, const Attr *dim, bool keep) {
  Term *x = export_in(e, 0);
  if (dim->n) {
    export_result(e, 0, index_along(e, x, dim->ints[0], keep));
    return;
  }
  Term *flat = EXPORT(e, "Reshape", x, export_list(e, 1, (int64_t[]){-1})), *y = index_along(e, flat, 0, false);
  const Type *t = export_result_type(e);
  export_result(e, 0, t->rank ? shape_reshape(e, y, t->rank, t->dims) : y);
}

void write_argmax(Export *e) { write_extreme(e, EXPORT_ATTR(e, ARGMAX, dim), EXPORT_ATTR(e, ARGMAX, keepdim)->i); }
void write_argmin(Export *e) { write_extreme(e, EXPORT_ATTR(e, ARGMIN, dim), EXPORT_ATTR(e, ARGMIN, keepdim)->i); }

static void write_first(Export *e, int64_t k, int64_t axis, bool largest) {
  Term *values = EXPORT(e, e->row->op, export_in(e, 0), export_list(e, 1, &k)), *indices = export_further(e);
  export_int(e, "axis", axis);
  export_int(e, "largest", largest);
  export_int(e, "sorted", 1);
  export_out(e, values);
  export_result(e, 1, indices);
}

void write_topk(Export *e) {
  write_first(e, EXPORT_ATTR(e, TOPK, k)->ints[0], EXPORT_ATTR(e, TOPK, dim)->i, EXPORT_ATTR(e, TOPK, largest)->i);
}

void write_sort(Export *e) {
  int64_t axis = EXPORT_ATTR(e, SORT, dim)->i;
  write_first(e, export_type(e, 0)->dims[axis], axis, EXPORT_ATTR(e, SORT, descending)->i);
}
