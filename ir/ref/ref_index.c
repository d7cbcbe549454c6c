// Numbers in order, and elements taken by number.
#include "ir/core/check.h"
#include "ir/ref/ref_ops.h"
#include <math.h>
#include <string.h>

bool ref_arange(RefCall *c) {
  int64_t start = ref_dim(c, NODE_ATTR(c->node, ARANGE, start)->ints[0]), step = NODE_ATTR(c->node, ARANGE, step)->i;
  for (int64_t k = 0; k < c->out->count; k++)
    if (c->out->f)
      c->out->f[k] = (double)(start + k * step);
    else
      c->out->i[k] = start + k * step;
  return true;
}

int64_t ref_number(const RefTensor *index, int64_t k, int64_t size) {
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
        ref_move(out, (o * index->count + k) * inner + i, x, (o * size + ref_number(index, k, size)) * inner + i);
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

// Of x the element at the walk's place, with the k-th number of the index in place of its position along the axis.
static int64_t numbered(const RefTensor *x, const int64_t *strides, const RefWalk *w, int axis, const RefTensor *index,
                        int64_t k) {
  int64_t at = 0;
  for (int i = 0; i < x->rank; i++) at += strides[i] * (i == axis ? ref_number(index, k, x->dims[axis]) : w->at[i]);
  return at;
}

bool ref_gather(RefCall *c) {
  const RefTensor *x = c->in[0], *index = c->in[1];
  int axis = ref_axis(NODE_ATTR(c->node, GATHER, dim)->i, x->rank);
  int64_t strides[MAX_RANK];
  ref_strides(x, strides);
  RefWalk w = ref_walk(index->rank, index->dims);
  for (int64_t k = 0; k < index->count; k++, ref_walk_next(&w))
    ref_move(c->out, k, x, numbered(x, strides, &w, axis, index, k));
  return true;
}

static double joined(const char *how, double a, double b) {
  if (!strcmp(how, "sum")) return a + b;
  if (!strcmp(how, "prod")) return a * b;
  if (!strcmp(how, "amax")) return isnan(a) || a > b ? a : b;
  if (!strcmp(how, "amin")) return isnan(a) || a < b ? a : b;
  CHECK(!strcmp(how, "none"), "scatter by %s", how);
  return b;
}

static int64_t joined_integers(const char *how, int64_t a, int64_t b) {
  if (!strcmp(how, "sum")) return (int64_t)((uint64_t)a + (uint64_t)b);
  if (!strcmp(how, "prod")) return (int64_t)((uint64_t)a * (uint64_t)b);
  if (!strcmp(how, "amax")) return max_i64(a, b);
  return !strcmp(how, "amin") ? min_i64(a, b) : b;
}

bool ref_scatter(RefCall *c) {
  const RefTensor *x = c->in[0], *index = c->in[1], *src = c->in[IN_SCATTER_src];
  int axis = ref_axis(NODE_ATTR(c->node, SCATTER, dim)->i, x->rank);
  const char *how = NODE_ATTR(c->node, SCATTER, reduce)->s;
  int64_t strides[MAX_RANK];
  ref_strides(x, strides);
  ref_copy_cells(c->out, x);
  RefWalk w = ref_walk(index->rank, index->dims);
  for (int64_t k = 0; k < index->count; k++, ref_walk_next(&w)) {
    int64_t at = numbered(x, strides, &w, axis, index, k);
    if (x->f)
      c->out->f[at] = joined(how, c->out->f[at], src->f[k]);
    else
      c->out->i[at] = joined_integers(how, c->out->i[at], src->i[k]);
  }
  return true;
}
