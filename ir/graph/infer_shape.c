// Shapes of ops that move elements and compute nothing.
#include "ir/graph/infer_common.h"
#include <string.h>

// ---- reshape and its kin

static const char *list_str(const Infer *in, int n, const Dim *dims) {
  StrBuf b = {0};
  for (int i = 0; i < n; i++) {
    strbuf_puts(&b, i ? ", " : "[");
    dim_print(in->m->dims, dims[i], &b);
  }
  strbuf_puts(&b, n ? "]" : "[]");
  const char *s = arena_strdup(in->m->arena, strbuf_str(&b));
  strbuf_free(&b);
  return s;
}

bool infer_reshape(Infer *in) {
  const Type *x = operand_type(in, 0);
  const Attr *shape = INFER_ATTR(in, RESHAPE, shape);
  Dim dims[MAX_RANK], known = 1, total = infer_product(in, x->rank, x->dims);
  int open = -1;
  if (shape->n > MAX_RANK) return infer_fail(in, "reshape: %d dimensions, at most %d are possible", shape->n, MAX_RANK);
  for (int i = 0; i < shape->n; i++) {
    dims[i] = shape->ints[i];
    if (dims[i] == -1 && open >= 0) return infer_fail(in, "reshape: only one dimension may be -1");
    if (dims[i] == -1)
      open = i;
    else if (dim_is_const(dims[i]) && dims[i] < 1)
      return infer_fail(in, "reshape: a dimension of %lld", (long long)dims[i]);
    else
      known = mul(in, known, dims[i]);
  }
  DimTable *t = in->m->dims;
  Dim fits = open < 0 ? dim_eq(t, total, known) : dim_eq(t, dim_mod(t, total, known), 0);
  if (!infer_hold(in, fits, "%s must hold the elements of %s", list_str(in, shape->n, dims), infer_str(in, x)))
    return infer_fail(in, "reshape: the %s elements of `%s` (%s) do not fit %s", infer_dim_str(in, total),
                      infer_operand_name(in, 0), infer_str(in, x), list_str(in, shape->n, dims));
  if (open >= 0) dims[open] = divide(in, total, known);
  return infer_shape(in, x->dtype, shape->n, dims);
}

bool infer_flatten(Infer *in) {
  const Type *x = operand_type(in, 0);
  if (!x->rank) return infer_shape(in, x->dtype, 1, (Dim[]){1});
  int64_t *start = &INFER_ATTR(in, FLATTEN, start_dim)->i, *end = &INFER_ATTR(in, FLATTEN, end_dim)->i;
  if (!infer_axis(in, "start_dim", x->rank, start) || !infer_axis(in, "end_dim", x->rank, end)) return false;
  if (*start > *end)
    return infer_fail(in, "flatten: `start_dim` %lld stands after `end_dim` %lld", (long long)*start, (long long)*end);
  Dim dims[MAX_RANK];
  int rank = 0;
  for (int i = 0; i < x->rank; i++) {
    bool joined = i > *start && i <= *end;
    if (joined)
      dims[rank - 1] = mul(in, dims[rank - 1], x->dims[i]);
    else
      dims[rank++] = x->dims[i];
  }
  return infer_shape(in, x->dtype, rank, dims);
}

bool infer_squeeze(Infer *in) {
  const Type *x = operand_type(in, 0);
  Attr *list = INFER_ATTR(in, SQUEEZE, dim);
  if (!infer_axes(in, "dim", x->rank, list)) return false;
  Dim dims[MAX_RANK];
  int rank = 0;
  for (int i = 0; i < x->rank; i++) {
    bool stated = false;
    for (int k = 0; k < list->n; k++) stated |= list->ints[k] == i;
    if (stated && !dim_is_const(x->dims[i]))
      return infer_fail(in, "squeeze: dimension %d of `%s` is %s, which need not be 1", i, infer_operand_name(in, 0),
                        infer_dim_str(in, x->dims[i]));
    if (x->dims[i] != 1 || (list->n && !stated)) dims[rank++] = x->dims[i];
  }
  return infer_shape(in, x->dtype, rank, dims);
}

// Brings *dim, the place of a dimension to come, from [-rank - 1, rank] to [0, rank].
static bool infer_new_axis(Infer *in, int rank, int64_t *dim) {
  if (*dim < -rank - 1 || *dim > rank)
    return infer_fail(in, "%s: `dim` is %lld, but the result has %d dimension%s", op_info(in->op)->name,
                      (long long)*dim, rank + 1, rank ? "s" : "");
  if (*dim < 0) *dim += rank + 1;
  return true;
}

static void insert_dim(const Type *t, int64_t at, Dim d, Dim *out) {
  for (int i = 0; i <= t->rank; i++) out[i] = i < at ? t->dims[i] : i == at ? d : t->dims[i - 1];
}

bool infer_unsqueeze(Infer *in) {
  const Type *x = operand_type(in, 0);
  int64_t *axis = &INFER_ATTR(in, UNSQUEEZE, dim)->i;
  Dim dims[MAX_RANK + 1];
  if (!infer_new_axis(in, x->rank, axis)) return false;
  insert_dim(x, *axis, 1, dims);
  return infer_shape(in, x->dtype, x->rank + 1, dims);
}

bool infer_expand(Infer *in) {
  const Type *x = operand_type(in, 0);
  Attr *size = INFER_ATTR(in, EXPAND, size);
  int added = size->n - x->rank;
  if (added < 0 || size->n > MAX_RANK)
    return infer_fail(in, "expand: `size` lists %d dimensions for `%s`, which has %d (%s)", size->n,
                      infer_operand_name(in, 0), x->rank, infer_str(in, x));
  Dim dims[MAX_RANK];
  for (int i = 0; i < size->n; i++) {
    Dim old = i < added ? 1 : x->dims[i - added];
    dims[i] = size->ints[i] == -1 && i >= added ? old : size->ints[i];
    if (old != 1 && !infer_may_equal(in, old, dims[i], "sizes that expand"))
      return infer_fail(in, "expand: dimension %d of `%s` (%s) is %s, which does not expand to %s", i - added,
                        infer_operand_name(in, 0), infer_str(in, x), infer_dim_str(in, old),
                        infer_dim_str(in, dims[i]));
  }
  infer_set_ints(in, size, size->n, dims);
  return infer_shape(in, x->dtype, size->n, dims);
}

bool infer_permute(Infer *in) {
  const Type *x = operand_type(in, 0);
  Attr *list = INFER_ATTR(in, PERMUTE, dims);
  if (list->n != x->rank)
    return infer_fail(in, "permute: `dims` lists %d dimensions, but `%s` has %d (%s)", list->n,
                      infer_operand_name(in, 0), x->rank, infer_str(in, x));
  if (!infer_axes(in, "dims", x->rank, list)) return false;
  Dim dims[MAX_RANK];
  for (int i = 0; i < x->rank; i++) dims[i] = x->dims[list->ints[i]];
  return infer_shape(in, x->dtype, x->rank, dims);
}

bool infer_transpose(Infer *in) {
  const Type *x = operand_type(in, 0);
  int64_t *a = &INFER_ATTR(in, TRANSPOSE, dim0)->i, *b = &INFER_ATTR(in, TRANSPOSE, dim1)->i;
  if (!infer_axis(in, "dim0", x->rank, a) || !infer_axis(in, "dim1", x->rank, b)) return false;
  Dim dims[MAX_RANK];
  memcpy(dims, x->dims, sizeof *dims * (size_t)x->rank);
  dims[*a] = x->dims[*b];
  dims[*b] = x->dims[*a];
  return infer_shape(in, x->dtype, x->rank, dims);
}

bool infer_picture(Infer *in) {
  const Type *x = operand_type(in, 0);
  const Attr *scale = INFER_ATTR(in, PICTURE, scale), *shift = INFER_ATTR(in, PICTURE, shift);
  if (!infer_rank(in, 0, 4)) return false;
  if (x->dtype != DT_U8 && x->dtype != DT_F32)
    return infer_fail(in, "picture: `%s` is neither bytes nor f32 (%s)", infer_operand_name(in, 0), infer_str(in, x));
  bool last = !strcmp(INFER_ATTR(in, PICTURE, layout)->s, "nhwc");
  const Dim *d = x->dims, channels = d[last ? 3 : 1];
  if (channels != scale->n || channels != shift->n)
    return infer_fail(in, "picture: %d scales and %d shifts for %s channels", scale->n, shift->n,
                      infer_dim_str(in, channels));
  return infer_shape(in, DT_F32, 4, last ? (Dim[]){d[0], d[3], d[1], d[2]} : d);
}

bool infer_reorder(Infer *in) { return infer_same(in, operand_type(in, 0)); }

// ---- joining and parting

static bool check_joined(Infer *in, int i, int64_t axis) {
  const Type *first = operand_type(in, 0), *t = operand_type(in, i);
  bool ok = t->rank == first->rank;
  for (int k = 0; ok && k < t->rank; k++)
    ok = k == axis || infer_may_equal(in, first->dims[k], t->dims[k], "joined sizes");
  return ok || infer_fail(in, "concat: %s does not fit %s along dimension %lld", infer_str(in, t), infer_str(in, first),
                          (long long)axis);
}

bool infer_concat(Infer *in) {
  const Type *x = operand_type(in, 0);
  int64_t *axis = &INFER_ATTR(in, CONCAT, dim)->i;
  if (!infer_axis(in, "dim", x->rank, axis)) return false;
  Dim dims[MAX_RANK];
  memcpy(dims, x->dims, sizeof *dims * (size_t)x->rank);
  for (int i = 1; i < in->n_operands; i++) {
    if (!infer_same_dtype(in, i, x) || !check_joined(in, i, *axis)) return false;
    dims[*axis] = add(in, dims[*axis], operand_type(in, i)->dims[*axis]);
  }
  return infer_shape(in, x->dtype, x->rank, dims);
}

bool infer_stack(Infer *in) {
  const Type *x = operand_type(in, 0);
  int64_t *axis = &INFER_ATTR(in, STACK, dim)->i;
  if (!infer_new_axis(in, x->rank, axis)) return false;
  for (int i = 1; i < in->n_operands; i++)
    if (!infer_same_dtype(in, i, x) || !infer_like(in, i, x)) return false;
  Dim dims[MAX_RANK + 1];
  insert_dim(x, *axis, in->n_operands, dims);
  return infer_shape(in, x->dtype, x->rank + 1, dims);
}

enum { MAX_PARTS = 1024 };

// One size stands for equal parts of it, the last of what remains.
static bool spread_sizes(Infer *in, Attr *sizes, Dim whole) {
  int64_t size = sizes->ints[0], parts[MAX_PARTS];
  if (!dim_is_const(whole))
    return infer_fail(in, "split: a dimension of %s parts into an unknown number of %lld; state every size",
                      infer_dim_str(in, whole), (long long)size);
  int64_t n = ceil_div(whole, size);
  if (n > MAX_PARTS) return infer_fail(in, "split: %lld parts, at most %d are possible", (long long)n, MAX_PARTS);
  for (int64_t i = 0; i < n; i++) parts[i] = min_i64(size, whole - i * size);
  infer_set_ints(in, sizes, (int)n, parts);
  return true;
}

bool infer_split(Infer *in) {
  const Type *x = operand_type(in, 0);
  Attr *sizes = INFER_ATTR(in, SPLIT, sizes);
  int64_t *axis = &INFER_ATTR(in, SPLIT, dim)->i, sum = 0;
  if (!infer_axis(in, "dim", x->rank, axis) || !infer_positive(in, "sizes", sizes)) return false;
  if (!sizes->n || sizes->n > MAX_PARTS)
    return infer_fail(in, "split: %d parts, from 1 to %d are possible", sizes->n, MAX_PARTS);
  Dim whole = x->dims[*axis], dims[MAX_RANK];
  if (sizes->n == 1 && sizes->ints[0] != whole && !spread_sizes(in, sizes, whole)) return false;
  for (int i = 0; i < sizes->n; i++) sum += sizes->ints[i];
  if (!infer_may_equal(in, whole, sum, "the parts' sum"))
    return infer_fail(in, "split: the sizes' sum is %lld, but dimension %lld of `%s` is %s (%s)", (long long)sum,
                      (long long)*axis, infer_operand_name(in, 0), infer_dim_str(in, whole), infer_str(in, x));
  memcpy(dims, x->dims, sizeof *dims * (size_t)x->rank);
  for (int i = 0; i < sizes->n; i++) {
    dims[*axis] = sizes->ints[i];
    if (!infer_shape(in, x->dtype, x->rank, dims)) return false;
  }
  return true;
}

bool infer_chunk(Infer *in) {
  const Type *x = operand_type(in, 0);
  int64_t *axis = &INFER_ATTR(in, CHUNK, dim)->i, chunks = INFER_ATTR(in, CHUNK, chunks)->i;
  if (!infer_axis(in, "dim", x->rank, axis) || !infer_count(in, "chunks", chunks)) return false;
  Dim whole = x->dims[*axis], dims[MAX_RANK];
  if (!dim_is_const(whole))
    return infer_fail(in, "chunk: a dimension of %s parts into an unknown number; use split and state every size",
                      infer_dim_str(in, whole));
  int64_t size = ceil_div(whole, chunks);
  if (ceil_div(whole, size) > MAX_PARTS)
    return infer_fail(in, "chunk: %lld parts, at most %d are possible", (long long)ceil_div(whole, size), MAX_PARTS);
  memcpy(dims, x->dims, sizeof *dims * (size_t)x->rank);
  for (int64_t at = 0; at < whole; at += size) {
    dims[*axis] = min_i64(size, whole - at);
    if (!infer_shape(in, x->dtype, x->rank, dims)) return false;
  }
  return true;
}

// ---- slices

// A bound as Python takes it: negative ones count from the end, and none is below 0. Ends are clamped to the size; a
// start past it would leave no elements, which is refused.
static Dim slice_bound(Infer *in, Dim bound, Dim size) {
  DimTable *t = in->m->dims;
  int64_t min, max;
  if (dim_is_const(bound) && bound >= MAX_ELEMENTS) return size;
  dim_range(t, bound, &min, &max);
  if (max < 0) bound = dim_is_const(bound) && bound <= -MAX_ELEMENTS ? 0 : add(in, size, bound);
  return dim_max(t, bound, 0);
}

// Whether it is what slice_end makes: a size is never below 0, also where its bounds do not tell.
static bool is_slice_end(DimTable *t, Dim d, Dim size) {
  int n;
  const Dim *operands;
  if (dim_is_const(d) || dim_op(t, d, &n, &operands) != DIM_MIN) return false;
  Dim other = operands[0] == size ? operands[1] : operands[0];
  bool of_size = operands[0] == size || operands[1] == size;
  return of_size && dim_max(t, other, 0) == other;
}

// What was inferred once stays as it is.
static Dim slice_end(Infer *in, Dim end, Dim size) {
  return is_slice_end(in->m->dims, end, size) ? end : dim_min(in->m->dims, slice_bound(in, end, size), size);
}

static bool slice_lists(Infer *in, Attr *dims, Attr *starts, Attr *ends, Attr *steps) {
  if (!steps->n && dims->n) {
    int64_t ones[MAX_RANK] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    infer_set_ints(in, steps, dims->n, ones);
  }
  if (starts->n == dims->n && ends->n == dims->n && steps->n == dims->n) return infer_positive(in, "steps", steps);
  return infer_fail(in, "slice: %d dims, %d starts, %d ends and %d steps", dims->n, starts->n, ends->n, steps->n);
}

bool infer_slice(Infer *in) {
  const Type *x = operand_type(in, 0);
  Attr *axes = INFER_ATTR(in, SLICE, dims), *starts = INFER_ATTR(in, SLICE, starts),
       *ends = INFER_ATTR(in, SLICE, ends), *steps = INFER_ATTR(in, SLICE, steps);
  if (!infer_axes(in, "dims", x->rank, axes) || !slice_lists(in, axes, starts, ends, steps)) return false;
  Dim dims[MAX_RANK], first[MAX_RANK], last[MAX_RANK];
  memcpy(dims, x->dims, sizeof *dims * (size_t)x->rank);
  for (int i = 0; i < axes->n; i++) {
    int64_t axis = axes->ints[i], step = steps->ints[i];
    first[i] = slice_bound(in, starts->ints[i], x->dims[axis]);
    last[i] = slice_end(in, ends->ints[i], x->dims[axis]);
    Dim some = sub(in, last[i], first[i]);
    bool counted = some != DIM_INVALID && dim_counts(in->m->dims, some); // then there may be none
    if (counted) some = dim_max(in->m->dims, some, 0);
    dims[axis] = divide(in, add(in, some, step - 1), step);
    if (!counted &&
        !infer_hold(in, dim_lt(in->m->dims, first[i], last[i]), "elements %s to %s of dimension %lld must be some",
                    infer_dim_str(in, first[i]), infer_dim_str(in, last[i]), (long long)axis))
      return infer_fail(in, "slice: dimension %lld of `%s` (%s) has no elements from %s to %s", (long long)axis,
                        infer_operand_name(in, 0), infer_str(in, x), infer_dim_str(in, starts->ints[i]),
                        infer_dim_str(in, ends->ints[i]));
  }
  infer_set_ints(in, starts, axes->n, first);
  infer_set_ints(in, ends, axes->n, last);
  return infer_shape(in, x->dtype, x->rank, dims);
}

// ---- borders

// What reflection and replication of a dimension need.
static bool check_border(Infer *in, const char *mode, Dim size, int64_t before, int64_t after) {
  int64_t most = max_i64(before, after);
  if (before < -INT32_MAX || after < -INT32_MAX || most > INT32_MAX)
    return infer_fail(in, "pad: a border of %lld", (long long)(most > INT32_MAX ? most : min_i64(before, after)));
  if (!strcmp(mode, "constant")) return true;
  if (before < 0 || after < 0) return infer_fail(in, "pad: a negative border needs `mode` \"constant\"");
  if (strcmp(mode, "reflect") ||
      infer_hold(in, dim_lt(in->m->dims, most, size), "a reflected size must exceed %lld", (long long)most))
    return true;
  return infer_fail(in, "pad: a border of %lld cannot reflect a dimension of %s", (long long)most,
                    infer_dim_str(in, size));
}

bool infer_pad(Infer *in) {
  const Type *x = operand_type(in, 0);
  const Attr *pad = INFER_ATTR(in, PAD, pad);
  if (pad->n % 2 || pad->n / 2 > x->rank)
    return infer_fail(in, "pad: `pad` lists (before, after) for up to %d dimensions, but has %d values", x->rank,
                      pad->n);
  double value = INFER_ATTR(in, PAD, value)->f;
  if (!dtype_holds(x->dtype == DT_BOOL ? DT_I32 : x->dtype, value)) // of bool any whole number is 0 or not
    return infer_fail(in, "pad: `value` is %g, but `%s` is %s", value, infer_operand_name(in, 0), infer_str(in, x));
  Dim dims[MAX_RANK];
  memcpy(dims, x->dims, sizeof *dims * (size_t)x->rank);
  for (int i = 0; i < pad->n / 2; i++) {
    Dim *d = &dims[x->rank - 1 - i];
    int64_t before = pad->ints[2 * i], after = pad->ints[2 * i + 1];
    if (!check_border(in, INFER_ATTR(in, PAD, mode)->s, *d, before, after)) return false;
    *d = add(in, *d, before + after);
  }
  return infer_shape(in, x->dtype, x->rank, dims);
}

// ---- other orders

bool infer_roll(Infer *in) {
  const Type *x = operand_type(in, 0);
  Attr *shifts = INFER_ATTR(in, ROLL, shifts), *axes = INFER_ATTR(in, ROLL, dims);
  if (!infer_axes(in, "dims", x->rank, axes)) return false;
  if (shifts->n != axes->n) return infer_fail(in, "roll: %d shifts for %d dims", shifts->n, axes->n);
  int64_t shift[MAX_RANK];
  for (int i = 0; i < axes->n; i++) {
    Dim size = x->dims[axes->ints[i]];
    int64_t by = shift[i] = shifts->ints[i];
    if (by > INT32_MAX || by < -INT32_MAX) return infer_fail(in, "roll: a shift of %lld", (long long)by);
    if (dim_is_const(size))
      shift[i] = by - floor_div(by, size) * size;
    else if (!infer_hold(in, dim_lt(in->m->dims, by < 0 ? -by : by, size), "a size must exceed the shift of %lld",
                         (long long)by))
      return infer_fail(in, "roll: a shift of %lld along a dimension of %s", (long long)by, infer_dim_str(in, size));
  }
  infer_set_ints(in, shifts, axes->n, shift);
  return infer_same(in, x);
}

bool infer_flip(Infer *in) {
  const Type *x = operand_type(in, 0);
  return infer_axes(in, "dims", x->rank, INFER_ATTR(in, FLIP, dims)) && infer_same(in, x);
}

// A dimension that divides into parts of `by`; DIM_INVALID after a message.
static Dim parted(Infer *in, int axis, int64_t by) {
  Dim size = operand_type(in, 0)->dims[axis], whole = dim_eq(in->m->dims, dim_mod(in->m->dims, size, by), 0);
  if (infer_hold(in, whole, "dimension %d must be a multiple of %lld", axis, (long long)by))
    return divide(in, size, by);
  infer_fail(in, "%s: dimension %d of `%s` (%s) is no multiple of %lld", op_info(in->op)->name, axis,
             infer_operand_name(in, 0), infer_str(in, operand_type(in, 0)), (long long)by);
  return DIM_INVALID;
}

enum { MAX_FACTOR = 1 << 15 }; // its square is a number of channels

static bool check_factor(Infer *in, const char *attr, int64_t factor) {
  if (!infer_min_rank(in, 0, 3) || !infer_count(in, attr, factor)) return false;
  if (factor > MAX_FACTOR) return infer_fail(in, "%s: a factor of %lld", op_info(in->op)->name, (long long)factor);
  const Type *x = operand_type(in, 0);
  return x->rank + 2 <= MAX_RANK || infer_fail(in, "%s of %d dimensions", op_info(in->op)->name, x->rank);
}

bool infer_pixel_shuffle(Infer *in) {
  const Type *x = operand_type(in, 0);
  int64_t factor = INFER_ATTR(in, PIXEL_SHUFFLE, upscale_factor)->i;
  if (!check_factor(in, "upscale_factor", factor)) return false;
  Dim dims[MAX_RANK];
  int c = x->rank - 3;
  memcpy(dims, x->dims, sizeof *dims * (size_t)x->rank);
  if ((dims[c] = parted(in, c, factor * factor)) == DIM_INVALID) return false;
  for (int i = c + 1; i < x->rank; i++) dims[i] = mul(in, dims[i], factor);
  return infer_shape(in, x->dtype, x->rank, dims);
}

bool infer_pixel_unshuffle(Infer *in) {
  const Type *x = operand_type(in, 0);
  int64_t factor = INFER_ATTR(in, PIXEL_UNSHUFFLE, downscale_factor)->i;
  if (!check_factor(in, "downscale_factor", factor)) return false;
  Dim dims[MAX_RANK];
  int c = x->rank - 3;
  memcpy(dims, x->dims, sizeof *dims * (size_t)x->rank);
  dims[c] = mul(in, dims[c], factor * factor);
  for (int i = c + 1; i < x->rank; i++)
    if ((dims[i] = parted(in, i, factor)) == DIM_INVALID) return false;
  return infer_shape(in, x->dtype, x->rank, dims);
}

bool infer_channel_shuffle(Infer *in) {
  const Type *x = operand_type(in, 0);
  int64_t groups = INFER_ATTR(in, CHANNEL_SHUFFLE, groups)->i;
  if (!infer_min_rank(in, 0, 2) || !infer_count(in, "groups", groups)) return false;
  if (x->rank + 1 > MAX_RANK) return infer_fail(in, "channel_shuffle of %d dimensions", x->rank);
  return parted(in, 1, groups) != DIM_INVALID && infer_same(in, x);
}
