// Shapes of ops that make numbers, or take elements by number.
#include "ir/graph/infer_common.h"
#include <string.h>

bool infer_arange(Infer *in) {
  Attr *start = INFER_ATTR(in, ARANGE, start), *end = INFER_ATTR(in, ARANGE, end);
  int64_t step = INFER_ATTR(in, ARANGE, step)->i;
  DType dtype = (DType)INFER_ATTR(in, ARANGE, dtype)->i;
  if (!end->n) {
    *end = *start;
    infer_set_ints(in, start, 1, (int64_t[]){0});
  }
  if (step == 0 || step > INT32_MAX || step < -INT32_MAX)
    return infer_fail(in, "arange: a step of %lld", (long long)step);
  if (dtype == DT_BOOL) return infer_fail(in, "arange of bool; it can be any type of numbers");
  Dim way = step > 0 ? sub(in, end->ints[0], start->ints[0]) : sub(in, start->ints[0], end->ints[0]);
  int64_t stride = step > 0 ? step : -step;
  Dim count = way == DIM_INVALID ? way : divide(in, add(in, way, stride - 1), stride);
  return infer_shape(in, dtype, 1, &count);
}

bool infer_embedding(Infer *in) {
  const Type *index = operand_type(in, IN_EMBEDDING_index), *table = operand_type(in, IN_EMBEDDING_table);
  if (!infer_integers(in, IN_EMBEDDING_index) || !infer_rank(in, IN_EMBEDDING_table, 2)) return false;
  Dim dims[MAX_RANK + 1];
  memcpy(dims, index->dims, sizeof *dims * (size_t)index->rank);
  dims[index->rank] = table->dims[1];
  if (!infer_takes(in, table->dims[0], infer_product(in, index->rank, index->dims))) return false;
  return infer_shape(in, table->dtype, index->rank + 1, dims);
}

bool infer_index_select(Infer *in) {
  const Type *x = operand_type(in, IN_INDEX_SELECT_x), *index = operand_type(in, IN_INDEX_SELECT_index);
  int64_t *axis = &INFER_ATTR(in, INDEX_SELECT, dim)->i;
  if (!infer_integers(in, IN_INDEX_SELECT_index) || !infer_rank(in, IN_INDEX_SELECT_index, 1) ||
      !infer_axis(in, "dim", x->rank, axis))
    return false;
  Dim dims[MAX_RANK];
  memcpy(dims, x->dims, sizeof *dims * (size_t)x->rank);
  dims[*axis] = index->dims[0];
  if (!infer_takes(in, x->dims[*axis], index->dims[0])) return false;
  return infer_shape(in, x->dtype, x->rank, dims);
}

// An index of x's rank, that fits x but along the axis.
static bool infer_numbers(Infer *in, int64_t *axis) {
  const Type *x = operand_type(in, 0), *index = operand_type(in, 1);
  if (!infer_integers(in, 1) || !infer_rank(in, 1, x->rank) || !infer_axis(in, "dim", x->rank, axis)) return false;
  for (int i = 0; i < x->rank; i++) {
    Dim fits = dim_le(in->m->dims, index->dims[i], x->dims[i]);
    if (i == *axis || infer_hold(in, fits, "dimension %d of the index must fit x", i)) continue;
    return infer_fail(in, "%s: dimension %d of `%s` (%s) is larger than that of `%s` (%s)", op_info(in->op)->name, i,
                      infer_operand_name(in, 1), infer_str(in, index), infer_operand_name(in, 0), infer_str(in, x));
  }
  return infer_takes(in, x->dims[*axis], infer_product(in, index->rank, index->dims));
}

bool infer_gather(Infer *in) {
  return infer_numbers(in, &INFER_ATTR(in, GATHER, dim)->i) &&
         infer_shape(in, operand_type(in, 0)->dtype, operand_type(in, 1)->rank, operand_type(in, 1)->dims);
}

bool infer_scatter(Infer *in) {
  const Type *x = operand_type(in, 0), *index = operand_type(in, 1), *src = operand_type(in, IN_SCATTER_src);
  if (!infer_numbers(in, &INFER_ATTR(in, SCATTER, dim)->i) || !infer_same_dtype(in, IN_SCATTER_src, x)) return false;
  bool fits = src->rank == index->rank;
  for (int i = 0; fits && i < src->rank; i++)
    fits = infer_may_equal(in, index->dims[i], src->dims[i], "scattered sizes");
  if (!fits)
    return infer_fail(in, "scatter: `%s` (%s) is not of the shape of `%s` (%s)", infer_operand_name(in, IN_SCATTER_src),
                      infer_str(in, src), infer_operand_name(in, 1), infer_str(in, index));
  return infer_same(in, x);
}
