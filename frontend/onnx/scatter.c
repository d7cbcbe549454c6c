// Elements put where their numbers say.
#include "frontend/onnx/nodes.h"
#include <string.h>

Value *call_scatter(Call *c, Value *x, int64_t axis, Value *index, Value *src, const char *reduce) {
  Attr *a = call_attrs(c, OP_SCATTER);
  a[ATTR_SCATTER_dim] = ATTR_I(axis);
  a[ATTR_SCATTER_reduce] = call_word(c, reduce);
  return call_node(c, OP_SCATTER, 3, (Value *[]){x, index, src}, a);
}

// The graph's word for how elements are joined; NULL after a diagnostic.
static const char *reduction(Call *c) {
  static const char *const words[][2] = {
      {"none", "none"}, {"add", "sum"}, {"mul", "prod"}, {"max", "amax"}, {"min", "amin"}};
  const char *wanted = call_text(c, "reduction", "none");
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (!strcmp(words[i][0], wanted)) return words[i][1];
  call_fail(c, "`reduction` \"%s\" is not known", wanted);
  return NULL;
}

bool convert_scatter_elements(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0), *src = call_value(c, 2);
  const char *how = reduction(c);
  int64_t axis = call_int(c, "axis", 0);
  if (!x || !src || !how || !call_axis(c, &axis, x->type->rank)) return false;
  return call_result(c, 0, call_scatter(c, x, axis, call_wrapped_index(c, 1, x->type->dims[axis]), src, how));
}

// x as a list of its slices [elements, inner], whose numbers the rows of the index name.
bool convert_scatter_nd(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0), *index = call_value(c, 1), *src = call_value(c, 2);
  const char *how = reduction(c);
  if (!x || !index || !src || !how) return false;
  const Type *t = x->type, *it = index->type;
  if (!it->rank || !dim_is_const(it->dims[it->rank - 1]) || it->dims[it->rank - 1] > t->rank)
    return call_fail(c, "its index does not fit its operand");
  DimTable *table = c->im->m->dims;
  int n = (int)it->dims[it->rank - 1];
  Dim list[2] = {1, 1}, put[2] = {1, 1};
  for (int i = 0; i < t->rank; i++) list[i >= n] = dim_mul(table, list[i >= n], t->dims[i]);
  for (int i = 0; i < it->rank - 1; i++) put[0] = dim_mul(table, put[0], it->dims[i]);
  put[1] = list[1];
  Value *flat = call_reshape(c, call_flat_index(c, index, t, 0, n), 2, (Dim[]){put[0], 1});
  if (list[1] != 1) flat = call_expand(c, flat, 2, put);
  Value *y = call_scatter(c, call_reshape(c, x, 2, list), 0, flat, call_reshape(c, src, 2, put), how);
  return call_result(c, 0, call_reshape(c, y, t->rank, t->dims));
}

// Each sequence of the batch's update into its cache, from its own index on, `circular`: round the end.
bool convert_tensor_scatter(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0), *update = call_value(c, 1), *first = call_value(c, 2);
  int64_t axis = call_int(c, "axis", -2);
  if (!x || !update || !call_axis(c, &axis, x->type->rank)) return false;
  const Type *t = update->type;
  if (t->rank != x->type->rank) return call_fail(c, "its update does not fit its cache");
  Value *at = call_positions(c, t, (int)axis);
  if (first) at = call_binary(c, OP_ADD, at, call_insert_dims(c, call_cast(c, first, DT_I64), 1, t->rank - 1));
  if (!strcmp(call_text(c, "mode", "linear"), "circular")) {
    Value *size = call_dim(c, x->type->dims[axis]), *rounds = call_binary(c, OP_DIV, at, size);
    at = call_binary(c, OP_SUB, at, call_binary(c, OP_MUL, rounds, size));
  }
  return call_result(c, 0, call_scatter(c, x, axis, call_expand(c, at, t->rank, t->dims), update, "none"));
}

// ---- Col2Im: blocks of a picture added where they overlap

typedef struct Blocks {
  int rank;
  int64_t image[MAX_RANK], block[MAX_RANK], stride[MAX_RANK], dilation[MAX_RANK], before[MAX_RANK], windows[MAX_RANK];
  int64_t elements, taps, places; // of the picture, of a block, numbers of blocks
} Blocks;

static bool read_list(Call *c, const char *name, int i, int rank, int64_t fallback, int64_t *to) {
  const int64_t *list;
  int n;
  if (!call_int_list(c, name, i, &list, &n)) return false;
  if (n > 0 && n != rank) return call_fail(c, "its lists have not one number a dimension");
  for (int d = 0; d < rank; d++) {
    to[d] = n > 0 ? list[d] : fallback;
    if (to[d] < 0 || to[d] > INT32_MAX) return call_fail(c, "a number of its lists is not possible");
  }
  return true;
}

static bool read_blocks(Call *c, Blocks *b) {
  const Known *image = call_need_ints(c, 1);
  int64_t pads[2 * MAX_RANK];
  *b = (Blocks){.elements = 1, .taps = 1, .places = 1};
  if (!image) return false;
  if (image->n < 1 || image->n > MAX_RANK / 2) return call_fail(c, "its picture is of %d dimensions", (int)image->n);
  b->rank = (int)image->n;
  if (!read_list(c, NULL, 1, b->rank, 1, b->image) || !read_list(c, NULL, 2, b->rank, 1, b->block) ||
      !read_list(c, "strides", c->n_in, b->rank, 1, b->stride) ||
      !read_list(c, "dilations", c->n_in, b->rank, 1, b->dilation) ||
      !read_list(c, "pads", c->n_in, 2 * b->rank, 0, pads))
    return false;
  for (int d = 0; d < b->rank; d++) {
    b->before[d] = pads[d];
    int64_t room = b->image[d] + pads[d] + pads[b->rank + d] - b->dilation[d] * (b->block[d] - 1) - 1;
    if (!b->stride[d] || !b->block[d] || room < 0) return call_fail(c, "its blocks do not fit its picture");
    b->windows[d] = room / b->stride[d] + 1;
    if (!checked_mul(b->elements, b->image[d], &b->elements) || !checked_mul(b->taps, b->block[d], &b->taps) ||
        !checked_mul(b->places, b->windows[d], &b->places) || b->elements > INT32_MAX || b->taps > INT32_MAX ||
        b->places > INT32_MAX)
      return call_fail(c, "its picture is too large");
  }
  return true;
}

// Of each tap of each block its element of the picture; those outside are behind the last one.
static Value *block_numbers(Call *c, const Blocks *b) {
  int64_t count = b->taps * b->places;
  if (count > INT32_MAX) return call_fail(c, "its picture is too large"), NULL;
  Blob *blob = blob_malloc((size_t)count * sizeof(int64_t));
  int64_t *to = (int64_t *)(uintptr_t)blob->data;
  for (int64_t k = 0; k < count; k++) {
    int64_t tap = k / b->places, place = k % b->places, step = 1, at = 0;
    for (int d = b->rank - 1; d >= 0; d--) {
      int64_t x = place % b->windows[d] * b->stride[d] + tap % b->block[d] * b->dilation[d] - b->before[d];
      at = at < 0 || x < 0 || x >= b->image[d] ? -1 : at + x * step;
      tap /= b->block[d];
      place /= b->windows[d];
      step *= b->image[d];
    }
    to[k] = at < 0 ? b->elements : at;
  }
  return graph_dense(c->im->m, "blocks", type_get(c->im->m, DT_I64, 2, (Dim[]){1, count}), blob)->value;
}

bool convert_col2im(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0);
  Blocks b;
  if (!x || !read_blocks(c, &b)) return false;
  if (x->type->rank != 3 || x->type->dims[2] != b.places) return call_fail(c, "its blocks do not fit its picture");
  DimTable *table = c->im->m->dims;
  Dim channels = dim_floordiv(table, x->type->dims[1], b.taps), dims[MAX_RANK] = {x->type->dims[0], channels};
  Dim list[] = {dim_mul(table, dims[0], channels), b.taps * b.places}, all[] = {list[0], b.elements + 1};
  Value *index = block_numbers(c, &b);
  if (!index) return false;
  Value *zero = call_expand(c, call_scalar(c, x->type->dtype, 0), 2, all);
  Value *y = call_scatter(c, zero, 1, call_expand(c, index, 2, list), call_reshape(c, x, 2, list), "sum");
  for (int d = 0; d < b.rank; d++) dims[2 + d] = b.image[d];
  return call_result(c, 0, call_reshape(c, call_slice(c, y, 1, 0, b.elements), 2 + b.rank, dims));
}
