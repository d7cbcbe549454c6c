// Checks and arithmetic that several families of shape inference need.
#include "ir/graph/infer_common.h"
#include "ir/core/check.h"
#include <string.h>

const char *infer_operand_name(const Infer *in, int i) {
  const OpInfo *info = op_info(in->op);
  const char *own = i < in->n_operands && in->operands[i] ? in->operands[i]->name : NULL;
  return own ? own : info->operands[i < info->n_operands ? i : info->n_operands - 1].name;
}

const char *infer_str(const Infer *in, const Type *t) { return type_str(in->m, t); }

const char *infer_dim_str(const Infer *in, Dim d) {
  StrBuf b = {0};
  dim_print(in->m->dims, d, &b);
  const char *s = arena_strdup(in->m->arena, strbuf_str(&b));
  strbuf_free(&b);
  return s;
}

static const char *name_of(const Infer *in) { return op_info(in->op)->name; }

// ---- checks

bool infer_rank(Infer *in, int i, int rank) {
  const Type *t = operand_type(in, i);
  return t->rank == rank || infer_fail(in, "%s expects `%s` to have %d dimensions, but it is %s", name_of(in),
                                       infer_operand_name(in, i), rank, infer_str(in, t));
}

bool infer_min_rank(Infer *in, int i, int rank) {
  const Type *t = operand_type(in, i);
  return t->rank >= rank || infer_fail(in, "%s expects `%s` to have at least %d dimension%s, but it is %s", name_of(in),
                                       infer_operand_name(in, i), rank, rank == 1 ? "" : "s", infer_str(in, t));
}

bool infer_float(Infer *in, int i) {
  const Type *t = operand_type(in, i);
  return dtype_is_float(t->dtype) || infer_fail(in, "%s expects floating-point numbers, but `%s` is %s", name_of(in),
                                                infer_operand_name(in, i), infer_str(in, t));
}

bool infer_number(Infer *in, int i) {
  const Type *t = operand_type(in, i);
  return t->dtype != DT_BOOL || infer_fail(in, "%s expects numbers, but `%s` is %s; cast it", name_of(in),
                                           infer_operand_name(in, i), infer_str(in, t));
}

bool infer_integers(Infer *in, int i) {
  const Type *t = operand_type(in, i);
  bool integers = !dtype_is_float(t->dtype) && t->dtype != DT_BOOL;
  return integers || infer_fail(in, "%s expects integers, but `%s` is %s", op_info(in->op)->name,
                                infer_operand_name(in, i), infer_str(in, t));
}

bool infer_same_dtype(Infer *in, int i, const Type *like) {
  const Type *t = operand_type(in, i);
  if (!t || t->dtype == like->dtype) return true;
  return infer_fail(in, "%s expects operands of one type, but `%s` is %s beside %s; cast one of them", name_of(in),
                    infer_operand_name(in, i), infer_str(in, t), infer_str(in, like));
}

bool infer_count(Infer *in, const char *attr, int64_t v) {
  if (v >= 1 && v <= INT32_MAX) return true;
  return infer_fail(in, "%s: `%s` must be positive%s, not %lld", name_of(in), attr, v < 1 ? "" : " and below 2^31",
                    (long long)v);
}

bool infer_positive(Infer *in, const char *attr, const Attr *list) {
  for (int i = 0; i < list->n; i++)
    if (!infer_count(in, attr, list->ints[i])) return false;
  return true;
}

static bool is_asserted(const Module *m, Dim condition) {
  for (size_t i = 0; i < m->assertions.len; i++)
    if (m->assertions.data[i].condition == condition) return true;
  return false;
}

bool infer_hold(Infer *in, Dim condition, const char *fmt, ...) {
  if (condition == DIM_INVALID) return false;
  if (dim_is_const(condition)) return condition != 0;
  if (is_asserted(in->m, condition)) return true;
  StrBuf text = {0};
  strbuf_printf(&text, "%s: ", name_of(in));
  va_list ap;
  va_start(ap, fmt);
  strbuf_vprintf(&text, fmt, ap);
  va_end(ap);
  vec_push(&in->m->assertions, (Assertion){condition, arena_strdup(in->m->arena, strbuf_str(&text)), in->span});
  strbuf_free(&text);
  return true;
}

bool infer_may_equal(Infer *in, Dim a, Dim b, const char *what) {
  if (a == b) return a != DIM_INVALID;
  return infer_hold(in, dim_eq(in->m->dims, a, b), "%s: %s must equal %s", what, infer_dim_str(in, a),
                    infer_dim_str(in, b));
}

static bool same_dims(Infer *in, const Type *t, int rank, const Dim *dims, const char *what) {
  if (t->rank != rank) return false;
  for (int i = 0; i < rank; i++)
    if (!infer_may_equal(in, t->dims[i], dims[i], what)) return false;
  return true;
}

bool infer_parameter(Infer *in, int i, DType dtype, int rank, const Dim *dims) {
  const Type *t = operand_type(in, i), *expected = type_get(in->m, dtype, rank, dims);
  if (!t) return true;
  if (t->dtype == dtype && same_dims(in, t, rank, dims, infer_operand_name(in, i))) return true;
  return infer_fail(in, "%s expects `%s` to be %s, but it is %s", name_of(in), infer_operand_name(in, i),
                    infer_str(in, expected), infer_str(in, t));
}

bool infer_like(Infer *in, int i, const Type *t) { return infer_parameter(in, i, t->dtype, t->rank, t->dims); }

bool infer_shape(Infer *in, DType dtype, int rank, const Dim *dims) {
  if (rank > MAX_RANK)
    return infer_fail(in, "%s: its result would have %d dimensions, at most %d are possible", name_of(in), rank,
                      MAX_RANK);
  for (int i = 0; i < rank; i++) {
    if (dims[i] == DIM_INVALID) return infer_fail(in, "%s: dimension %d of its result is too large", name_of(in), i);
    Dim least = dim_counts(in->m->dims, dims[i]) ? 0 : 1;
    if (!infer_hold(in, dim_le(in->m->dims, least, dims[i]), "dimension %d of its result must be %s", i,
                    least ? "positive" : "at least 0"))
      return infer_fail(in, "%s: dimension %d of its result would be %s", name_of(in), i, infer_dim_str(in, dims[i]));
  }
  const Type *t = type_get(in->m, dtype, rank, dims);
  if (type_elements(in->m, t) == DIM_INVALID)
    return infer_fail(in, "%s: its result %s has too many elements", name_of(in), infer_str(in, t));
  infer_result(in, t);
  return true;
}

bool infer_same(Infer *in, const Type *t) {
  infer_result(in, type_blocked(in->m, t, -1));
  return true;
}

// ---- counts

bool infer_counted(Infer *in, Attr *count, Dim capacity, Dim *found) {
  DimTable *t = in->m->dims;
  Dim most = dim_capacity(t, capacity);
  if (most == DIM_INVALID || (dim_is_const(most) && most > MAX_ELEMENTS))
    return infer_fail(in, "%s: its result may have too many elements", name_of(in));
  if (!count->n) {
    *found = dim_count(t, arena_printf(in->m->arena, "%s_count", name_of(in)), most);
    if (*found == DIM_INVALID)
      return infer_fail(in, "%s: a model has at most %d results whose length a run finds", name_of(in), MAX_COUNTS);
    infer_set_ints(in, count, 1, found);
    return true;
  }
  *found = count->ints[0];
  int symbol = dim_symbol_index(t, *found);
  if (symbol < 0 || !dim_symbol_at(t, symbol)->is_count)
    return infer_fail(in, "%s: `count` is %s, which is no count", name_of(in), infer_dim_str(in, *found));
  if (dim_symbol_at(t, symbol)->capacity != most)
    return infer_fail(in, "%s: its result has at most %s elements, but the capacity of %s is %s", name_of(in),
                      infer_dim_str(in, most), infer_dim_str(in, *found),
                      infer_dim_str(in, dim_symbol_at(t, symbol)->capacity));
  return true;
}

bool infer_takes(Infer *in, Dim size, Dim numbers) {
  DimTable *t = in->m->dims;
  return infer_hold(in, dim_or(t, dim_le(t, 1, size), dim_eq(t, numbers, 0)), "there is nothing to take from") ||
         infer_fail(in, "%s: there is nothing to take from", name_of(in));
}

// ---- dimensions and broadcasting

bool infer_axis(Infer *in, const char *attr, int rank, int64_t *dim) {
  if (*dim < -rank || *dim >= rank)
    return infer_fail(in, "%s: `%s` is %lld, but `%s` has %d dimension%s", name_of(in), attr, (long long)*dim,
                      infer_operand_name(in, 0), rank, rank == 1 ? "" : "s");
  if (*dim < 0) *dim += rank;
  return true;
}

void infer_set_ints(Infer *in, Attr *a, int n, const int64_t *ints) {
  a->n = n;
  a->ints = n ? arena_memdup(in->m->arena, ints, sizeof *ints * (size_t)n) : NULL;
}

bool infer_axes(Infer *in, const char *attr, int rank, Attr *list) {
  int64_t dims[MAX_RANK];
  bool seen[MAX_RANK] = {false};
  if (list->n > rank) return infer_fail(in, "%s: `%s` lists %d dimensions of %d", name_of(in), attr, list->n, rank);
  for (int i = 0; i < list->n; i++) {
    dims[i] = list->ints[i];
    if (!infer_axis(in, attr, rank, &dims[i])) return false;
    if (seen[dims[i]])
      return infer_fail(in, "%s: `%s` lists dimension %lld twice", name_of(in), attr, (long long)dims[i]);
    seen[dims[i]] = true;
  }
  infer_set_ints(in, list, list->n, dims);
  return true;
}

static bool broadcast_dim(Infer *in, Dim a, Dim b, Dim *out) {
  *out = a == 1 || (dim_is_const(b) && b != 1) ? b : a;
  return a == 1 || b == 1 || infer_may_equal(in, a, b, "sizes that broadcast");
}

int infer_broadcast(Infer *in, int rank_a, const Dim *a, int rank_b, const Dim *b, Dim *out) {
  int rank = rank_a > rank_b ? rank_a : rank_b;
  for (int i = 0; i < rank; i++) {
    int j = i - (rank - rank_a), k = i - (rank - rank_b);
    if (broadcast_dim(in, j < 0 ? 1 : a[j], k < 0 ? 1 : b[k], &out[i])) continue;
    infer_fail(in, "%s: dimension %d does not broadcast: %s beside %s", name_of(in), i, infer_dim_str(in, a[j]),
               infer_dim_str(in, b[k]));
    return -1;
  }
  return rank;
}

bool infer_broadcasts_to(Infer *in, int i, int rank, const Dim *dims) {
  const Type *t = operand_type(in, i);
  if (!t) return true;
  bool ok = t->rank <= rank;
  for (int k = 0; ok && k < t->rank; k++) {
    Dim d = t->dims[k];
    ok = d == 1 || infer_may_equal(in, d, dims[rank - t->rank + k], infer_operand_name(in, i));
  }
  if (ok) return true;
  const Type *whole = type_get(in->m, t->dtype, rank, dims);
  return infer_fail(in, "%s: `%s` is %s, which does not broadcast to %s", name_of(in), infer_operand_name(in, i),
                    infer_str(in, t), infer_str(in, whole));
}

Dim infer_product(const Infer *in, int n, const Dim *dims) {
  Dim p = 1;
  for (int i = 0; i < n; i++) p = mul(in, p, dims[i]);
  return p;
}

// ---- windows

bool infer_padding(Infer *in, int n, const Dim *padding) {
  for (int i = 0; i < n; i++) {
    bool huge = dim_is_const(padding[i]) && padding[i] > INT32_MAX;
    if (huge || !infer_hold(in, dim_le(in->m->dims, 0, padding[i]), "padding must not be negative"))
      return infer_fail(in, "%s: a padding of %s", name_of(in), infer_dim_str(in, padding[i]));
  }
  return true;
}

bool infer_borders(Infer *in, int sides, Attr *padding) {
  int64_t all[2 * MAX_RANK];
  if (padding->n != 1 && padding->n != sides && padding->n != 2 * sides)
    return infer_fail(in, "%s: `padding` has %d elements, it needs 1, %d or %d", name_of(in), padding->n, sides,
                      2 * sides);
  for (int i = 0; i < 2 * sides; i++) {
    all[i] = padding->ints[i % padding->n];
    if (all[i] < 0 || all[i] > INT32_MAX)
      return infer_fail(in, "%s: a padding of %lld", name_of(in), (long long)all[i]);
  }
  infer_set_ints(in, padding, 2 * sides, all);
  return true;
}

const char *infer_side_name(int sides, int side) {
  static const char *const names[] = {"depth", "height", "width"};
  return names[side + 3 - sides];
}

// As torch.nn.Conv2d and MaxPool2d state it. With ceil_mode the last window must begin inside the input or the padding
// before it, and may be larger than the padded input.
Dim infer_windows(Infer *in, const char *side, Dim size, Window w) {
  DimTable *t = in->m->dims;
  int64_t extent = w.dilation * (w.kernel - 1) + 1;
  Dim padded = add(in, size, add(in, w.before, w.after));
  if (!w.ceil_mode &&
      !infer_hold(in, dim_le(t, extent, padded), "the padded %s must be at least %lld", side, (long long)extent)) {
    infer_fail(in, "%s: a window of %lld is larger than the padded %s %s of `%s`", name_of(in), (long long)extent, side,
               infer_dim_str(in, padded), infer_operand_name(in, 0));
    return DIM_INVALID;
  }
  Dim slack = sub(in, padded, extent);
  if (!w.ceil_mode) return add(in, divide(in, slack, w.stride), 1);
  Dim count = add(in, divide(in, add(in, slack, w.stride - 1), w.stride), 1);
  Dim last = mul(in, sub(in, count, 1), w.stride); // where the last window begins
  return sub(in, count, dim_le(t, add(in, size, w.before), last));
}

// ---- arguments

const Attr *infer_arg(const Infer *in, const Attr *args, const char *name) {
  const OpInfo *info = op_info(in->op);
  for (int i = 0; i < info->n_params; i++)
    if (!strcmp(info->params[i].name, name)) return &args[i];
  UNREACHABLE("%s has no argument %s", info->name, name);
}

bool infer_known_dim(Infer *in, int axis, Dim *d) {
  const Type *t = operand_type(in, 0);
  *d = t->dims[axis];
  return dim_is_const(*d) || infer_fail(in, "%s: dimension %d of `%s` (%s) must be known, since a weight has it",
                                        name_of(in), axis, infer_operand_name(in, 0), infer_str(in, t));
}
