// Ops that move elements and compute nothing.
#include "frontend/write_onnx/export.h"

// ---- parts that other families use too

Term *shape_reshape(Export *e, Term *x, int rank, const Dim *dims) {
  Dim list[MAX_RANK + 2];
  int open = -1, n_open = 0;
  for (int i = 0; i < rank; i++) {
    list[i] = dims[i];
    if (!dim_is_const(dims[i])) open = i, n_open++;
  }
  if (n_open == 1) list[open] = -1; // follows from the others
  return EXPORT(e, "Reshape", x, dims_list(e, rank, list));
}

Term *shape_permute(Export *e, Term *x, int rank, const int64_t *order) {
  Term *y = EXPORT(e, "Transpose", x);
  export_ints(e, "perm", rank, order);
  return y;
}

static Term *slice(Export *e, Term *x, int n, const int64_t *axes, const Dim *starts, const Dim *ends,
                   const int64_t *steps) {
  Term *from = dims_list(e, n, starts), *to = dims_list(e, n, ends);
  return EXPORT(e, "Slice", x, from, to, export_list(e, n, axes), export_list(e, n, steps));
}

Term *shape_slice(Export *e, Term *x, int64_t axis, Dim start, Dim end) {
  return slice(e, x, 1, &axis, &start, &end, (int64_t[]){1});
}

Term *shape_concat(Export *e, int n, Term *const *parts, int64_t axis) {
  Term *y = export_op(e, "Concat", n, parts);
  export_int(e, "axis", axis);
  return y;
}

Term *shape_pad(Export *e, Term *x, int rank, const Dim *before, const Dim *after, double value) {
  Dim list[2 * MAX_RANK];
  memcpy(list, before, sizeof *list * (size_t)rank);
  memcpy(list + rank, after, sizeof *list * (size_t)rank);
  return EXPORT(e, "Pad", x, dims_list(e, 2 * rank, list), export_scalar(e, e->dtype, value));
}

Term *shape_per_channel(Export *e, DType dtype, int rank, int n, const double *v) {
  int64_t dims[MAX_RANK] = {n};
  for (int i = 1; i < rank; i++) dims[i] = 1;
  return export_tensor(e, dtype, rank > 1 ? rank - 1 : 1, dims, v);
}

// ---- the same elements

void write_reshape(Export *e) {
  const Type *t = export_result_type(e);
  export_out(e, shape_reshape(e, export_in(e, 0), t->rank, t->dims));
}

void write_unsqueeze(Export *e) {
  export_out(e, EXPORT(e, e->row->op, export_in(e, 0), export_list(e, 1, &EXPORT_ATTR(e, UNSQUEEZE, dim)->i)));
}

void write_permute(Export *e) {
  export_out(e, shape_permute(e, export_in(e, 0), export_type(e, 0)->rank, EXPORT_ATTR(e, PERMUTE, dims)->ints));
}

void write_transpose(Export *e) {
  int64_t order[MAX_RANK], a = EXPORT_ATTR(e, TRANSPOSE, dim0)->i, b = EXPORT_ATTR(e, TRANSPOSE, dim1)->i;
  for (int i = 0; i < export_type(e, 0)->rank; i++) order[i] = i == a ? b : i == b ? a : i;
  export_out(e, shape_permute(e, export_in(e, 0), export_type(e, 0)->rank, order));
}

// A layout is no matter of ONNX's: put_node says it in the doc_string.
void write_reorder(Export *e) { export_out(e, EXPORT(e, e->row->op, export_in(e, 0))); }

// ---- joining and parting

static Term **all_operands(Export *e) {
  Term **parts = arena_array(e->m->arena, Term *, e->node->n_operands);
  for (int i = 0; i < e->node->n_operands; i++) parts[i] = export_in(e, i);
  return parts;
}

void write_concat(Export *e) {
  export_out(e, shape_concat(e, e->node->n_operands, all_operands(e), EXPORT_ATTR(e, CONCAT, dim)->i));
}

void write_stack(Export *e) {
  Term **parts = all_operands(e);
  int64_t axis = EXPORT_ATTR(e, STACK, dim)->i;
  for (int i = 0; i < e->node->n_operands; i++) parts[i] = EXPORT(e, "Unsqueeze", parts[i], export_list(e, 1, &axis));
  export_out(e, shape_concat(e, e->node->n_operands, parts, axis));
}

void write_split(Export *e) {
  int64_t axis = e->node->op == OP_SPLIT ? EXPORT_ATTR(e, SPLIT, dim)->i : EXPORT_ATTR(e, CHUNK, dim)->i;
  Dim *sizes = arena_array(e->m->arena, Dim, e->node->n_results);
  for (int i = 0; i < e->node->n_results; i++) sizes[i] = e->node->results[i]->type->dims[axis];
  export_result(e, 0, EXPORT(e, e->row->op, export_operand(e, 0), export_list(e, e->node->n_results, sizes)));
  export_int(e, "axis", axis);
  for (int i = 1; i < e->node->n_results; i++) export_result(e, i, export_further(e));
}

void write_slice(Export *e) {
  const Attr *axes = EXPORT_ATTR(e, SLICE, dims);
  if (!axes->n)
    export_out(e, EXPORT(e, "Identity", export_in(e, 0)));
  else
    export_out(e, slice(e, export_in(e, 0), axes->n, axes->ints, EXPORT_ATTR(e, SLICE, starts)->ints,
                        EXPORT_ATTR(e, SLICE, ends)->ints, EXPORT_ATTR(e, SLICE, steps)->ints));
}

void write_expand(Export *e) {
  const Type *t = export_result_type(e);
  export_out(e, EXPORT(e, e->row->op, export_in(e, 0), dims_list(e, t->rank, t->dims)));
}

// ---- borders

void write_pad(Export *e) {
  const Attr *pad = EXPORT_ATTR(e, PAD, pad);
  const char *mode = EXPORT_ATTR(e, PAD, mode)->s;
  int rank = export_type(e, 0)->rank;
  Dim before[MAX_RANK] = {0}, after[MAX_RANK] = {0};
  for (int i = 0; i < pad->n / 2; i++) { // from the last dimension backwards
    before[rank - 1 - i] = pad->ints[2 * i];
    after[rank - 1 - i] = pad->ints[2 * i + 1];
  }
  Term *y = shape_pad(e, export_in(e, 0), rank, before, after, EXPORT_ATTR(e, PAD, value)->f);
  export_text(e, "mode", strcmp(mode, "replicate") ? mode : "edge");
  export_out(e, y);
}

// ---- other orders

void write_roll(Export *e) {
  const Attr *shifts = EXPORT_ATTR(e, ROLL, shifts), *axes = EXPORT_ATTR(e, ROLL, dims);
  Term *x = export_in(e, 0);
  for (int i = 0; i < axes->n; i++) {
    Dim size = export_type(e, 0)->dims[axes->ints[i]];
    Dim first = shifts->ints[i] < 0 ? -shifts->ints[i] : dim_sub(e->m->dims, size, shifts->ints[i]);
    if (!shifts->ints[i]) continue;
    Term *end = shape_slice(e, x, axes->ints[i], first, size), *begin = shape_slice(e, x, axes->ints[i], 0, first);
    x = shape_concat(e, 2, (Term *[]){end, begin}, axes->ints[i]);
  }
  export_out(e, x == export_in(e, 0) ? EXPORT(e, "Identity", x) : x);
}

void write_flip(Export *e) {
  const Attr *axes = EXPORT_ATTR(e, FLIP, dims);
  int64_t last[MAX_RANK], beyond[MAX_RANK], back[MAX_RANK];
  for (int i = 0; i < axes->n; i++) last[i] = back[i] = -1, beyond[i] = INT64_MIN;
  if (!axes->n)
    export_out(e, EXPORT(e, "Identity", export_in(e, 0)));
  else
    export_out(e, slice(e, export_in(e, 0), axes->n, axes->ints, last, beyond, back));
}

// Dimensions [first, first + count) in `n` other factors, those in another order (counted from `first`), and as the
// result has it.
static void write_shuffle(Export *e, int first, int count, int n, const Dim *factors, const int *order) {
  const Type *x = export_type(e, 0), *y = export_result_type(e);
  Dim dims[MAX_RANK + 2];
  int64_t moved[MAX_RANK + 2];
  int rank = x->rank - count + n;
  for (int i = 0; i < rank; i++) {
    bool inside = i >= first && i < first + n;
    dims[i] = inside ? factors[i - first] : x->dims[i < first ? i : i - n + count];
    moved[i] = inside ? first + order[i - first] : i;
  }
  Term *parted = shape_permute(e, shape_reshape(e, export_in(e, 0), rank, dims), rank, moved);
  export_out(e, shape_reshape(e, parted, y->rank, y->dims));
}

void write_pixel_shuffle(Export *e) {
  const Type *x = export_type(e, 0);
  int64_t r = EXPORT_ATTR(e, PIXEL_SHUFFLE, upscale_factor)->i;
  int c = x->rank - 3;
  Dim factors[] = {export_result_type(e)->dims[c], r, r, x->dims[c + 1], x->dims[c + 2]};
  write_shuffle(e, c, 3, 5, factors, (int[]){0, 3, 1, 4, 2});
}

void write_pixel_unshuffle(Export *e) {
  const Type *x = export_type(e, 0), *y = export_result_type(e);
  int64_t r = EXPORT_ATTR(e, PIXEL_UNSHUFFLE, downscale_factor)->i;
  int c = x->rank - 3;
  Dim factors[] = {x->dims[c], y->dims[c + 1], r, y->dims[c + 2], r};
  write_shuffle(e, c, 3, 5, factors, (int[]){0, 2, 4, 1, 3});
}

void write_channel_shuffle(Export *e) {
  int64_t groups = EXPORT_ATTR(e, CHANNEL_SHUFFLE, groups)->i;
  Dim factors[] = {groups, dim_floordiv(e->m->dims, export_type(e, 0)->dims[1], groups)};
  write_shuffle(e, 1, 1, 2, factors, (int[]){1, 0});
}

// ---- pictures and tokens

void write_picture(Export *e) {
  const Attr *scale = EXPORT_ATTR(e, PICTURE, scale), *shift = EXPORT_ATTR(e, PICTURE, shift);
  Term *x = export_operand(e, 0);
  if (export_type(e, 0)->dtype != DT_F32) x = export_cast(e, x, DT_F32);
  if (!strcmp(EXPORT_ATTR(e, PICTURE, layout)->s, "nhwc")) x = shape_permute(e, x, 4, (int64_t[]){0, 3, 1, 2});
  x = EXPORT(e, "Mul", x, shape_per_channel(e, DT_F32, 4, scale->n, scale->floats));
  export_result(e, 0, EXPORT(e, e->row->op, x, shape_per_channel(e, DT_F32, 4, shift->n, shift->floats)));
}

void write_class_token(Export *e) {
  const Type *t = export_result_type(e);
  Term *shape = dims_list(e, 3, (Dim[]){t->dims[0], 1, t->dims[2]});
  Term *token = EXPORT(e, "Expand", export_in(e, IN_CLASS_TOKEN_token), shape);
  export_out(e, shape_concat(e, 2, (Term *[]){token, export_in(e, IN_CLASS_TOKEN_x)}, 1));
}

void write_token(Export *e) {
  Term *y = EXPORT(e, e->row->op, export_in(e, 0), export_integer(e, EXPORT_ATTR(e, TOKEN, index)->i));
  export_int(e, "axis", 1);
  export_out(e, y);
}
