// Numbers in order, and elements taken by number.
#include "ir/ref/ref_ops.h"

bool ref_arange(RefCall *c) {
  int64_t start = ref_dim(c, NODE_ATTR(c->node, ARANGE, start)->ints[0]), step = NODE_ATTR(c->node, ARANGE, step)->i;
  for (int64_t k = 0; k < c->out->count; k++)
    if (c->out->f)
      c->out->f[k] = (double)(start + k * step);
    else
      c->out->i[k] = start + k * step;
  return true;
}

static int64_t clamped(const RefTensor *index, int64_t k, int64_t size) {
  int64_t i = index->i[k];
  if (i < 0) return index->type->dtype == DT_U64 ? size - 1 : 0;
  return min_i64(i, size - 1);
}

// out[o][k][i] = x[o][index[k]][i], where x is [outer][size][inner].
static void select_slices(RefTensor *out, const RefTensor *x, const RefTensor *index, int64_t outer, int64_t size,
                          int64_t inner) {
  for (int64_t o = 0; o < outer; o++)
    for (int64_t k = 0; k < index->count; k++)
      for (int64_t i = 0; i < inner; i++)
        ref_move(out, (o * index->count + k) * inner + i, x, (o * size + clamped(index, k, size)) * inner + i);
}

bool ref_embedding(RefCall *c) {
  const RefTensor *table = ref_in(c, IN_EMBEDDING_table);
  select_slices(c->out, table, ref_in(c, IN_EMBEDDING_index), 1, table->dims[0], table->dims[1]);
  return true;
}

bool ref_index_select(RefCall *c) {
  const RefTensor *x = ref_in(c, IN_INDEX_SELECT_x);
  int axis = ref_axis(NODE_ATTR(c->node, INDEX_SELECT, dim)->i, x->rank);
  select_slices(c->out, x, ref_in(c, IN_INDEX_SELECT_index), ref_product(x->dims, axis), x->dims[axis],
                ref_product(x->dims + axis + 1, x->rank - axis - 1));
  return true;
}

bool ref_gather(RefCall *c) {
  const RefTensor *x = ref_in(c, IN_GATHER_x), *index = ref_in(c, IN_GATHER_index);
  int axis = ref_axis(NODE_ATTR(c->node, GATHER, dim)->i, x->rank);
  int64_t strides[MAX_RANK];
  ref_strides(x, strides);
  RefWalk w = ref_walk(index->rank, index->dims);
  for (int64_t k = 0; k < index->count; k++, ref_walk_next(&w)) {
    int64_t from = 0;
    for (int i = 0; i < x->rank; i++) from += strides[i] * (i == axis ? clamped(index, k, x->dims[axis]) : w.at[i]);
    ref_move(c->out, k, x, from);
  }
  return true;
}
