// Reductions.
#include "frontend/onnx/nodes.h"
#include <math.h>
#include <string.h>

Value *call_reduced(Call *c, OpKind op, Value *x, int n, const int64_t *dims, bool keep) {
  Attr *a = call_attrs(c, op); // `dim` and `keepdim` are the first two of each of them
  a[0] = call_list(c, ATTR_INTS, n, dims);
  a[1] = ATTR_B(keep);
  return call_unary(c, op, x, a);
}

bool call_reduce_axes(Call *c, int rank, int *n, int64_t *dims) {
  const int64_t *list;
  if (!call_int_list(c, "axes", 1, &list, n)) return false;
  if (*n <= 0) { // all of them, or none
    *n = call_int(c, "noop_with_empty_axes", 0) ? 0 : rank;
    for (int i = 0; i < *n; i++) dims[i] = i;
    return true;
  }
  if (*n > MAX_RANK) return call_fail(c, "it reduces too many dimensions");
  for (int i = 0; i < *n; i++) {
    dims[i] = list[i];
    if (!call_axis(c, &dims[i], rank)) return false;
  }
  return true;
}

// What ReduceL1 and its kin compute of each element before, and of each result behind.
static bool is_named(const Call *c, const char *name) { return !strcmp(c->node->op_type, name); }

static Value *before(Call *c, Value *x) {
  if (is_named(c, "ReduceL1")) return call_unary(c, OP_ABS, x, NULL);
  if (is_named(c, "ReduceL2") || is_named(c, "ReduceSumSquare")) return call_binary(c, OP_MUL, x, x);
  return x;
}

static Value *behind(Call *c, Value *y) {
  if (is_named(c, "ReduceL2")) return call_unary(c, OP_SQRT, y, NULL);
  return is_named(c, "ReduceLogSum") ? call_unary(c, OP_LOG, y, NULL) : y;
}

static double of_nothing(const Call *c, OpKind op) {
  if (is_named(c, "ReduceLogSum") || is_named(c, "ReduceLogSumExp")) return -INFINITY;
  switch (op) {
  case OP_AMAX: return -INFINITY;
  case OP_AMIN: return INFINITY;
  case OP_MEAN: return NAN;
  default: return op == OP_PROD;
  }
}

// The lowest or highest number of an integer type, for infinity.
static int64_t extreme(DType t, bool low) {
  uint64_t bits = low ? UINT64_C(1) << 63 : INT64_MAX;
  if (t == DT_BOOL) return !low;
  unsigned char room[8];
  dtype_store(t, room, 0, low ? -0x1p64 : 0x1p64);
  return t == DT_I64 ? (int64_t)bits : dtype_load_int(t, room, 0);
}

// What a reduction is of.
typedef struct Reduced {
  const Type *type;   // of the operand
  const Known *empty; // the operand where it has no elements
  int n;
  int64_t dims[MAX_RANK];
  bool keep;
} Reduced;

static bool read_reduced(Call *c, Reduced *r) {
  r->type = call_type(c, 0);
  if (!r->type) return call_fail(c, "it has no operand");
  if (!call_reduce_axes(c, r->type->rank, &r->n, r->dims)) return false;
  r->keep = call_int(c, "keepdims", 1);
  const Known *known = call_known(c, 0);
  r->empty = known && !known->n ? known : NULL;
  return true;
}

// The result's dimensions; returns how many.
static int left_of(const Reduced *r, bool keep, Dim *left) {
  bool gone[MAX_RANK] = {false};
  int rank = 0;
  for (int i = 0; i < r->n; i++) gone[r->dims[i]] = true;
  for (int i = 0; i < r->type->rank; i++)
    if (!gone[i] || keep) left[rank++] = gone[i] ? 1 : r->type->dims[i];
  return rank;
}

static bool empty(Call *c, OpKind op, const Reduced *r) {
  Dim left[MAX_RANK];
  const Known *x = r->empty;
  int rank = left_of(r, r->keep, left);
  Known *y = known_new(c->im->m, x->dtype, rank, left);
  if (!y) return call_fail(c, "its result is too large");
  double v = of_nothing(c, op);
  for (int64_t i = 0; i < y->n; i++)
    if (dtype_is_float(x->dtype))
      y->e[i].f = v;
    else
      y->e[i].i = known_int(isinf(v) ? extreme(x->dtype, v < 0) : isnan(v) ? 0 : (int64_t)v);
  return call_result_known(c, 0, y);
}

bool convert_reduce(Call *c, OpKind op) {
  Reduced r;
  if (!read_reduced(c, &r)) return false;
  if (r.empty) return empty(c, op, &r);
  DType t = r.type->dtype;
  Value *y = before(c, call_value(c, 0));
  bool whole_mean = op == OP_MEAN && !dtype_is_float(t);
  if (whole_mean) y = call_cast(c, y, DT_F64);
  if (r.n) y = call_reduced(c, op, y, r.n, r.dims, r.keep);
  if (y && is_named(c, "ReduceL2") && !dtype_is_float(t)) y = call_cast(c, y, DT_F64);
  return call_result(c, 0, call_cast(c, behind(c, y), t));
}

// log(sum(exp(x - max))) + max, where max is finite.
bool convert_reduce_log_sum_exp(Call *c, OpKind op) {
  Reduced r;
  if (!read_reduced(c, &r)) return false;
  if (r.empty) return empty(c, op, &r);
  Value *x = call_value(c, 0);
  if (!r.n || !x) return call_result(c, 0, x);
  Value *most = call_reduced(c, OP_AMAX, x, r.n, r.dims, true);
  Value *finite = call_with(c, OP_LT, call_unary(c, OP_ABS, most, NULL), INFINITY);
  most = call_where(c, finite, most, call_scalar(c, r.type->dtype, 0));
  Value *sum = call_reduced(c, op, call_unary(c, OP_EXP, call_binary(c, OP_SUB, x, most), NULL), r.n, r.dims, true);
  Value *y = call_binary(c, OP_ADD, call_unary(c, OP_LOG, sum, NULL), most);
  if (!y || r.keep) return call_result(c, 0, y);
  Dim left[MAX_RANK];
  int rank = left_of(&r, false, left);
  return call_result(c, 0, call_reshape(c, y, rank, left));
}
