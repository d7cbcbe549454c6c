// Ops that move elements or only rename them. A row-major tensor in another shape is another name for the same bytes;
// everything else is a strided copy.
#include "ir/core/check.h"
#include "ir/core/checked.h"
#include "passes/lower/moves.h"
#include "passes/lower/pack.h"
#include "passes/lower/strided.h"
#include <string.h>

bool lower_reshape(Lower *lw, Node *n) {
  CHECK((operand(n, 0)->type->blocked_axis < 0) == (result(n)->type->blocked_axis < 0), "reshape to another layout");
  if (moves_chained(lw, n)) return true;
  lower_alias(lw, result(n), operand(n, 0));
  return true;
}

bool lower_permute(Lower *lw, Node *n) {
  Value *x = operand(n, 0), *y = result(n);
  if (moves_chained(lw, n)) return true;
  if (y->type->blocked_axis >= 0) { // only the blocked axis has moved, which is apart in memory
    lower_alias(lw, y, x);
    return true;
  }
  Dim in[MAX_RANK], out[MAX_RANK];
  row_major(lw, x->type, in);
  row_major(lw, y->type, out);
  Strided s = {.n_operands = 2};
  const int64_t *dims = NODE_ATTR(n, PERMUTE, dims)->ints;
  for (int i = 0; i < y->type->rank; i++) strided_add_dim(&s, y->type->dims[i], (Dim[]){in[dims[i]], out[i]});
  strided_copy(lw, n, &s, x, 0, y, 0);
  return true;
}

// Copies a box: `extents` physical elements from x at x_offset to y at y_offset, with the strides of both.
static void copy_box(Lower *lw, const Node *n, const Phys *box, Value *x, const Phys *px, Dim x_offset, Value *y,
                     const Phys *py, Dim y_offset) {
  Strided s = {.n_operands = 2};
  for (int i = 0; i < box->rank; i++) strided_add_dim(&s, box->dims[i], (Dim[]){px->strides[i], py->strides[i]});
  strided_copy(lw, n, &s, x, x_offset, y, y_offset);
}

bool lower_concat(Lower *lw, Node *n) {
  Value *y = result(n);
  int dim = (int)NODE_ATTR(n, CONCAT, dim)->i, at = phys_index(y->type, dim);
  Phys py, px;
  phys_of_value(lw, y, &py);
  Dim offset = 0;
  for (int i = 0; i < n->n_operands; i++) {
    Value *x = operand(n, i);
    phys_of_value(lw, x, &px);
    bool in_place = lw->places[x->id].in == y;
    if (!in_place) copy_box(lw, n, &px, x, &px, 0, y, &py, dim_mul(lw->m->dims, offset, py.strides[at]));
    offset = dim_add(lw->m->dims, offset, px.dims[at]);
  }
  return true;
}

bool lower_slice(Lower *lw, Node *n) {
  Value *x = operand(n, 0), *y = result(n);
  const Attr *dims = NODE_ATTR(n, SLICE, dims), *starts = NODE_ATTR(n, SLICE, starts),
             *steps = NODE_ATTR(n, SLICE, steps);
  if (lw->places[y->id].in) return true;
  Phys px, py;
  phys_of_value(lw, x, &px);
  phys_of_value(lw, y, &py);
  Dim offset = 0;
  for (int i = 0; i < dims->n; i++) {
    int d = (int)dims->ints[i], at = phys_index(x->type, d);
    Dim start = starts->ints[i];
    if (d == x->type->blocked_axis)
      start = dim_floordiv(lw->m->dims, start, BLOCK); // assign-layouts saw to whole blocks
    offset = dim_add(lw->m->dims, offset, dim_mul(lw->m->dims, start, px.strides[at]));
    if (steps->n) px.strides[at] = dim_mul(lw->m->dims, px.strides[at], steps->ints[i]);
  }
  copy_box(lw, n, &py, x, &px, offset, y, &py, 0);
  return true;
}

bool lower_expand(Lower *lw, Node *n) {
  Value *x = operand(n, 0), *y = result(n);
  Phys px, py;
  phys_of_value(lw, x, &px);
  phys_of_value(lw, y, &py);
  int added = py.rank - px.rank;
  Strided s = {.n_operands = 2};
  for (int i = 0; i < py.rank; i++) {
    bool repeated = i < added || (px.dims[i - added] == 1 && py.dims[i] != 1);
    strided_add_dim(&s, py.dims[i], (Dim[]){repeated ? 0 : px.strides[i - added], py.strides[i]});
  }
  strided_copy(lw, n, &s, x, 0, y, 0);
  return true;
}

// ---- roll, flip

// Of the rolled dimensions from the i-th on: what stays ahead of the shift, and what comes round. `from`, `to`: the
// box's first elements.
static void roll(Lower *lw, const Node *n, int i, const Phys *box, const Phys *px, Dim from, const Phys *py, Dim to) {
  DimTable *dims = lw->m->dims;
  const Attr *axes = NODE_ATTR(n, ROLL, dims);
  if (i == axes->n) return copy_box(lw, n, box, operand(n, 0), px, from, result(n), py, to);
  int at = phys_index(result(n)->type, (int)axes->ints[i]);
  int64_t by = NODE_ATTR(n, ROLL, shifts)->ints[i];
  Dim shift = by < 0 ? dim_add(dims, box->dims[at], by) : by, rest = dim_sub(dims, box->dims[at], shift);
  Phys part = *box;
  part.dims[at] = rest;
  roll(lw, n, i + 1, &part, px, from, py, dim_add(dims, to, dim_mul(dims, shift, py->strides[at])));
  part.dims[at] = shift;
  if (shift != 0) roll(lw, n, i + 1, &part, px, dim_add(dims, from, dim_mul(dims, rest, px->strides[at])), py, to);
}

bool lower_roll(Lower *lw, Node *n) {
  Phys px, py;
  phys_of_value(lw, operand(n, 0), &px);
  phys_of_value(lw, result(n), &py);
  roll(lw, n, 0, &py, &px, 0, &py, 0);
  return true;
}

bool lower_flip(Lower *lw, Node *n) {
  DimTable *dims = lw->m->dims;
  const Attr *axes = NODE_ATTR(n, FLIP, dims);
  Phys px, py;
  phys_of_value(lw, operand(n, 0), &px);
  phys_of_value(lw, result(n), &py);
  Dim last = 0;
  for (int i = 0; i < axes->n; i++) {
    int at = phys_index(result(n)->type, (int)axes->ints[i]);
    last = dim_add(dims, last, dim_mul(dims, dim_sub(dims, py.dims[at], 1), px.strides[at]));
    px.strides[at] = dim_mul(dims, px.strides[at], -1);
  }
  copy_box(lw, n, &py, operand(n, 0), &px, last, result(n), &py, 0);
  return true;
}

// ---- pad

static int64_t before(const Node *n, int dim) { // elements added before dimension dim; after: the next one
  const Attr *pad = NODE_ATTR(n, PAD, pad);
  int j = result(n)->type->rank - 1 - dim;
  return 2 * j < pad->n ? pad->ints[2 * j] : 0;
}

static int64_t after(const Node *n, int dim) {
  const Attr *pad = NODE_ATTR(n, PAD, pad);
  int j = result(n)->type->rank - 1 - dim;
  return 2 * j < pad->n ? pad->ints[2 * j + 1] : 0;
}

static void pad_constant(Lower *lw, Node *n) {
  DimTable *dims = lw->m->dims;
  Value *x = operand(n, 0), *y = result(n);
  Weight *value =
      graph_splat(lw->m, "pad", type_get(lw->m, y->type->dtype, 1, (Dim[]){1}), NODE_ATTR(n, PAD, value)->f);
  Kernel k = kernel_begin(lw, "fill");
  LExpr *p[2] = {kernel_buffer(&k, "x", pack_row_major(lw, value), ACCESS_IN), kernel_out(&k, "y", y)};
  Strided s = {.n_operands = 2};
  strided_add_dim(&s, type_elements(lw->m, y->type), (Dim[]){0, 1});
  kernel_finish(&k, n, strided_loops(&k, &s, p, strided_identity, NULL), 0, "");

  Phys box, px, py;
  phys_of(lw, x->type, &box);
  px = box;
  phys_of(lw, y->type, &py);
  Dim from = 0, to = 0;
  for (int d = 0; d < y->type->rank; d++) {
    int64_t b = before(n, d), cut = max_i64(0, -b), cut_end = max_i64(0, -after(n, d));
    from = dim_add(dims, from, dim_mul(dims, cut, px.strides[d]));
    to = dim_add(dims, to, dim_mul(dims, max_i64(0, b), py.strides[d]));
    box.dims[d] = dim_sub(dims, box.dims[d], cut + cut_end);
  }
  copy_box(lw, n, &box, x, &px, from, y, &py, to);
}

// Border elements are taken from inside: mirrored at the edge, or the edge itself.
static void pad_inside(Lower *lw, Node *n, bool reflect) {
  Value *x = operand(n, 0), *y = result(n);
  int rank = y->type->rank;
  Dim in[MAX_RANK];
  row_major(lw, x->type, in);
  Kernel k = kernel_begin(lw, "pad");
  LBuilder *b = k.b;
  LExpr *px = kernel_in(&k, "x", x), *py = kernel_out(&k, "y", y), *t[MAX_RANK];
  Dim extents[MAX_RANK];
  for (int d = 0; d < rank; d++) extents[d] = d == rank - 1 ? 1 : y->type->dims[d];
  Dim tasks = kernel_tasks(&k, rank, extents, t);
  LExpr *width = kernel_dim(&k, y->type->dims[rank - 1]), *out = lx_int(b, 0), *from = lx_int(b, 0);
  for (int d = 0; d < rank - 1; d++) out = lx_add(b, lx_mul(b, out, kernel_dim(&k, y->type->dims[d])), t[d]);
  out = loop_let(b, "out", lx_mul(b, out, width));
  t[rank - 1] = loop_for(b, "i", lx_int(b, 0), width, 1);
  for (int d = 0; d < rank; d++) {
    LExpr *last = lx_addi(b, kernel_dim(&k, x->type->dims[d]), -1);
    LExpr *i = loop_let(b, "at", lx_addi(b, t[d], -before(n, d)));
    if (reflect) {
      LExpr *up = loop_let(b, "up", lx_max(b, i, lx_unary(b, LOOP_NEG, i)));
      LExpr *past = loop_let(b, "past", lx_sub(b, last, up));
      i = lx_sub(b, last, lx_max(b, past, lx_unary(b, LOOP_NEG, past)));
    } else
      i = lx_min(b, last, lx_max(b, lx_int(b, 0), i));
    from = lx_add(b, from, lx_mul(b, i, kernel_dim(&k, in[d])));
  }
  loop_store(b, py, lx_add(b, out, t[rank - 1]), lx_load(b, px, loop_let(b, "from", from), 1));
  loop_end_for(b);
  kernel_finish(&k, n, tasks, 0, "");
}

bool lower_pad(Lower *lw, Node *n) {
  const char *mode = NODE_ATTR(n, PAD, mode)->s;
  if (!strcmp(mode, "constant") || !result(n)->type->rank)
    pad_constant(lw, n);
  else
    pad_inside(lw, n, !strcmp(mode, "reflect"));
  return true;
}

// ---- reorder

bool lower_reorder_is_view(const Node *n) {
  const Type *from = operand(n, 0)->type, *to = result(n)->type;
  if (from == to) return true;
  int axis = from->blocked_axis >= 0 ? from->blocked_axis : to->blocked_axis;
  if (!dim_is_const(to->dims[axis]) || to->dims[axis] % BLOCK) return false;
  for (int i = axis ? 1 : 0; i < to->rank; i++)
    if (i != axis && to->dims[i] != 1) return false;
  return true;
}

// Blocks [first, first + blocks) of the axis, `lanes` lanes of each, between a row-major and a blocked value.
static void reorder_blocks(Lower *lw, Node *n, const Type *blocked, Dim first, Dim blocks, Dim lanes) {
  if (blocks == 0 || lanes == 0) return;
  DimTable *dims = lw->m->dims;
  Value *x = operand(n, 0), *y = result(n);
  bool packing = y->type->blocked_axis >= 0;
  int axis = blocked->blocked_axis;
  Phys phys;
  Dim plain[MAX_RANK];
  phys_of_value(lw, packing ? y : x, &phys);
  row_major(lw, blocked, plain);
  Strided s = {.n_operands = 2};
  for (int i = 0; i < blocked->rank; i++) {
    Dim row = i == axis ? dim_mul(dims, plain[i], BLOCK) : plain[i], block = phys.strides[phys_index(blocked, i)];
    strided_add_dim(&s, i == axis ? blocks : blocked->dims[i], packing ? (Dim[]){row, block} : (Dim[]){block, row});
  }
  strided_add_dim(&s, lanes, packing ? (Dim[]){plain[axis], 1} : (Dim[]){1, plain[axis]});
  Dim row_at = dim_mul(dims, dim_mul(dims, first, BLOCK), plain[axis]),
      block_at = dim_mul(dims, first, phys.strides[phys_index(blocked, axis)]);
  strided_copy(lw, n, &s, x, packing ? row_at : block_at, y, packing ? block_at : row_at);
}

bool lower_reorder(Lower *lw, Node *n) {
  if (moves_chained(lw, n)) return true;
  if (lower_reorder_is_view(n)) {
    lower_alias(lw, result(n), operand(n, 0));
    return true;
  }
  const Type *from = operand(n, 0)->type, *to = result(n)->type, *blocked = from->blocked_axis >= 0 ? from : to;
  CHECK(from->blocked_axis < 0 || to->blocked_axis < 0, "reorder from one blocked layout to another");
  Dim channels = blocked->dims[blocked->blocked_axis], whole = dim_floordiv(lw->m->dims, channels, BLOCK);
  reorder_blocks(lw, n, blocked, 0, whole, BLOCK);
  reorder_blocks(lw, n, blocked, whole, 1, dim_mod(lw->m->dims, channels, BLOCK));
  return true;
}

// ---- class token: one row before the others

bool lower_class_token(Lower *lw, Node *n) {
  Value *x = operand(n, IN_CLASS_TOKEN_x), *y = result(n);
  int tokens = phys_index(y->type, 1);
  Phys px, py, row, token;
  phys_of(lw, x->type, &px);
  phys_of(lw, y->type, &py);
  copy_box(lw, n, &px, x, &px, 0, y, &py, py.strides[tokens]);
  LBuffer *packed = pack_broadcast(lw, weight_operand(n, IN_CLASS_TOKEN_token), y->type, &token);
  row = py;
  row.dims[tokens] = 1;
  Kernel k = kernel_begin(lw, "copy");
  LExpr *p[2] = {kernel_buffer(&k, "x", packed, ACCESS_IN), kernel_out(&k, "y", y)};
  Strided s = {.n_operands = 2};
  for (int i = 0; i < row.rank; i++) strided_add_dim(&s, row.dims[i], (Dim[]){token.strides[i], py.strides[i]});
  kernel_finish(&k, n, strided_loops(&k, &s, p, strided_identity, NULL), 0, "");
  return true;
}
