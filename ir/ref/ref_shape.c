// Ops that move elements and compute nothing.
#include "ir/core/check.h"
#include "ir/ref/ref_ops.h"
#include <string.h>

static bool same_elements(RefCall *c) {
  if (c->in[0]->count != c->out->count)
    return ref_fail(c, "%ld elements do not fit a shape of %ld", (long)c->in[0]->count, (long)c->out->count);
  ref_copy_cells(c->out, c->in[0]);
  return true;
}

bool ref_reshape(RefCall *c) { return same_elements(c); }
bool ref_flatten(RefCall *c) { return same_elements(c); }
bool ref_squeeze(RefCall *c) { return same_elements(c); }
bool ref_unsqueeze(RefCall *c) { return same_elements(c); }
bool ref_reorder(RefCall *c) { return same_elements(c); }

// out[index] = x[first + sum of index[k] * stride[k]]
static void gather(RefTensor *out, const RefTensor *x, int64_t first, const int64_t *strides) {
  RefWalk w = ref_walk(out->rank, out->dims);
  memcpy(w.stride[0], strides, sizeof *strides * (size_t)out->rank);
  for (int64_t k = 0; k < out->count; k++, ref_walk_next(&w)) ref_move(out, k, x, first + w.offset[0]);
}

bool ref_permute(RefCall *c) {
  const RefTensor *x = c->in[0];
  const int64_t *order = NODE_ATTR(c->node, PERMUTE, dims)->ints;
  int64_t strides[MAX_RANK], permuted[MAX_RANK];
  ref_strides(x, strides);
  for (int k = 0; k < x->rank; k++) permuted[k] = strides[ref_axis(order[k], x->rank)];
  gather(c->out, x, 0, permuted);
  return true;
}

bool ref_expand(RefCall *c) {
  const RefTensor *x = c->in[0];
  int added = c->out->rank - x->rank;
  int64_t strides[MAX_RANK], repeated[MAX_RANK] = {0};
  ref_strides(x, strides);
  for (int k = 0; k < x->rank; k++) {
    if (x->dims[k] != 1 && x->dims[k] != c->out->dims[added + k])
      return ref_fail(c, "a dimension of %ld does not expand to %ld", (long)x->dims[k], (long)c->out->dims[added + k]);
    repeated[added + k] = x->dims[k] == 1 ? 0 : strides[k];
  }
  gather(c->out, x, 0, repeated);
  return true;
}

// The element that each of out's takes, by its indices; x has out's rank.
typedef int64_t (*Source)(const RefCall *c, const int64_t *at, const int64_t *strides);

static bool rearrange(RefCall *c, Source source) {
  const RefTensor *x = c->in[0];
  int64_t strides[MAX_RANK];
  ref_strides(x, strides);
  RefWalk w = ref_walk(c->out->rank, c->out->dims);
  for (int64_t k = 0; k < c->out->count; k++, ref_walk_next(&w)) ref_move(c->out, k, x, source(c, w.at, strides));
  return true;
}

static int64_t offset_of(const int64_t *at, const int64_t *strides, int rank) {
  int64_t offset = 0;
  for (int i = 0; i < rank; i++) offset += at[i] * strides[i];
  return offset;
}

static int64_t rolled(const RefCall *c, const int64_t *at, const int64_t *strides) {
  const Attr *dims = NODE_ATTR(c->node, ROLL, dims), *shifts = NODE_ATTR(c->node, ROLL, shifts);
  int64_t from[MAX_RANK];
  memcpy(from, at, sizeof *from * (size_t)c->out->rank);
  for (int i = 0; i < dims->n; i++) {
    int axis = ref_axis(dims->ints[i], c->out->rank);
    int64_t size = c->out->dims[axis], place = at[axis] - shifts->ints[i];
    from[axis] = place - floor_div(place, size) * size;
  }
  return offset_of(from, strides, c->out->rank);
}

static int64_t flipped(const RefCall *c, const int64_t *at, const int64_t *strides) {
  const Attr *dims = NODE_ATTR(c->node, FLIP, dims);
  int64_t from[MAX_RANK];
  memcpy(from, at, sizeof *from * (size_t)c->out->rank);
  for (int i = 0; i < dims->n; i++) {
    int axis = ref_axis(dims->ints[i], c->out->rank);
    from[axis] = c->out->dims[axis] - 1 - at[axis];
  }
  return offset_of(from, strides, c->out->rank);
}

// A picture's last three dimensions are channel, row and column.
static int64_t shuffled(const RefCall *c, const int64_t *at, const int64_t *strides) {
  int64_t r = NODE_ATTR(c->node, PIXEL_SHUFFLE, upscale_factor)->i;
  int n = c->out->rank - 3;
  int64_t channel = at[n] * r * r + at[n + 1] % r * r + at[n + 2] % r;
  return offset_of(at, strides, n) + channel * strides[n] + at[n + 1] / r * strides[n + 1] +
         at[n + 2] / r * strides[n + 2];
}

static int64_t unshuffled(const RefCall *c, const int64_t *at, const int64_t *strides) {
  int64_t r = NODE_ATTR(c->node, PIXEL_UNSHUFFLE, downscale_factor)->i;
  int n = c->out->rank - 3;
  int64_t row = at[n + 1] * r + at[n] / r % r, column = at[n + 2] * r + at[n] % r;
  return offset_of(at, strides, n) + at[n] / (r * r) * strides[n] + row * strides[n + 1] + column * strides[n + 2];
}

static int64_t dealt(const RefCall *c, const int64_t *at, const int64_t *strides) {
  int64_t groups = NODE_ATTR(c->node, CHANNEL_SHUFFLE, groups)->i, from[MAX_RANK];
  memcpy(from, at, sizeof *from * (size_t)c->out->rank);
  from[1] = at[1] % groups * (c->out->dims[1] / groups) + at[1] / groups;
  return offset_of(from, strides, c->out->rank);
}

bool ref_roll(RefCall *c) { return rearrange(c, rolled); }
bool ref_flip(RefCall *c) { return rearrange(c, flipped); }
bool ref_pixel_shuffle(RefCall *c) { return rearrange(c, shuffled); }
bool ref_pixel_unshuffle(RefCall *c) { return rearrange(c, unshuffled); }
bool ref_channel_shuffle(RefCall *c) { return rearrange(c, dealt); }

bool ref_picture(RefCall *c) {
  const RefTensor *x = c->in[0];
  const Attr *scale = NODE_ATTR(c->node, PICTURE, scale), *shift = NODE_ATTR(c->node, PICTURE, shift);
  bool last = !strcmp(NODE_ATTR(c->node, PICTURE, layout)->s, "nhwc");
  int64_t channels = c->out->dims[1], plane = c->out->dims[2] * c->out->dims[3];
  for (int64_t k = 0; k < c->out->count; k++) {
    int64_t ch = k / plane % channels, image = k / plane / channels;
    double v = ref_at(x, last ? (image * plane + k % plane) * channels + ch : k);
    c->out->f[k] = v * scale->floats[ch] + shift->floats[ch];
  }
  return true;
}

bool ref_transpose(RefCall *c) {
  const RefTensor *x = c->in[0];
  int a = ref_axis(NODE_ATTR(c->node, TRANSPOSE, dim0)->i, x->rank),
      b = ref_axis(NODE_ATTR(c->node, TRANSPOSE, dim1)->i, x->rank);
  int64_t strides[MAX_RANK];
  ref_strides(x, strides);
  int64_t t = strides[a];
  strides[a] = strides[b];
  strides[b] = t;
  gather(c->out, x, 0, strides);
  return true;
}

bool ref_slice(RefCall *c) {
  const RefTensor *x = c->in[0];
  RefTensor *out = &c->out[0];
  const Attr *dims = NODE_ATTR(c->node, SLICE, dims), *starts = NODE_ATTR(c->node, SLICE, starts),
             *steps = NODE_ATTR(c->node, SLICE, steps);
  int64_t strides[MAX_RANK], first = 0;
  ref_strides(x, strides);
  for (int k = 0; k < dims->n; k++) {
    int axis = ref_axis(dims->ints[k], x->rank);
    int64_t size = x->dims[axis], start = ref_dim(c, starts->ints[k]), step = steps->n ? steps->ints[k] : 1;
    start = max_i64(start < 0 ? start + size : start, 0);
    if (out->dims[axis] > 0 && start + (out->dims[axis] - 1) * step >= size)
      return ref_fail(c, "a slice leaves dimension %d of size %ld", axis, (long)size);
    first += start * strides[axis];
    strides[axis] *= step;
  }
  gather(out, x, first, strides);
  return true;
}

// Copies `width` slices along the axis, from x's slice `from` to out's slice `to`.
static void copy_slices(RefTensor *out, int64_t to, const RefTensor *x, int64_t from, int axis, int64_t width) {
  int64_t outer = ref_product(x->dims, axis), inner = ref_product(x->dims + axis + 1, x->rank - axis - 1);
  CHECK(from + width <= x->dims[axis] && to + width <= out->dims[axis], "slices outside of a dimension");
  for (int64_t n = 0; n < outer; n++)
    memcpy(ref_cells(out) + (n * out->dims[axis] + to) * inner, ref_cells(x) + (n * x->dims[axis] + from) * inner,
           sizeof(double) * (size_t)(width * inner));
}

bool ref_concat(RefCall *c) {
  int axis = ref_axis(NODE_ATTR(c->node, CONCAT, dim)->i, c->out->rank);
  int64_t at = 0;
  for (int k = 0; k < c->node->n_operands; at += c->in[k++]->dims[axis])
    copy_slices(c->out, at, c->in[k], 0, axis, c->in[k]->dims[axis]);
  return true;
}

// Each operand is a slice of the new dimension.
bool ref_stack(RefCall *c) {
  int axis = ref_axis(NODE_ATTR(c->node, STACK, dim)->i, c->out->rank);
  int64_t inner = ref_product(c->out->dims + axis + 1, c->out->rank - axis - 1);
  for (int64_t k = 0; k < c->out->count; k++) {
    int64_t which = k / inner % c->node->n_operands;
    ref_move(c->out, k, c->in[which], k / inner / c->node->n_operands * inner + k % inner);
  }
  return true;
}

static bool part(RefCall *c, int axis) {
  int64_t at = 0;
  for (int k = 0; k < c->node->n_results; at += c->out[k++].dims[axis])
    copy_slices(&c->out[k], 0, c->in[0], at, axis, c->out[k].dims[axis]);
  return true;
}

bool ref_split(RefCall *c) { return part(c, ref_axis(NODE_ATTR(c->node, SPLIT, dim)->i, c->in[0]->rank)); }
bool ref_chunk(RefCall *c) { return part(c, ref_axis(NODE_ATTR(c->node, CHUNK, dim)->i, c->in[0]->rank)); }

enum { OUTSIDE = -1 };

// The coordinate that a padded one takes its element from; OUTSIDE: the border's value.
static int64_t source(const char *mode, int64_t at, int64_t size) {
  if (at >= 0 && at < size) return at;
  if (!strcmp(mode, "reflect")) return at < 0 ? -at : 2 * (size - 1) - at;
  if (!strcmp(mode, "replicate")) return at < 0 ? 0 : size - 1;
  return OUTSIDE;
}

static bool border_fits(const char *mode, int64_t border, int64_t size) {
  return !strcmp(mode, "reflect") ? border < size : !strcmp(mode, "replicate") ? size > 0 : true;
}

bool ref_pad(RefCall *c) {
  const RefTensor *x = c->in[0];
  RefTensor *out = &c->out[0];
  const Attr *pad = NODE_ATTR(c->node, PAD, pad);
  const char *mode = NODE_ATTR(c->node, PAD, mode)->s;
  double value = NODE_ATTR(c->node, PAD, value)->f;
  int64_t strides[MAX_RANK], before[MAX_RANK] = {0};
  ref_strides(x, strides);
  for (int k = 0; k < pad->n / 2; k++) {
    int axis = x->rank - 1 - k;
    before[axis] = pad->ints[2 * k];
    if (!border_fits(mode, max_i64(before[axis], pad->ints[2 * k + 1]), x->dims[axis]))
      return ref_fail(c, "dimension %d, which is %ld, is too small for its %s border", axis, (long)x->dims[axis], mode);
  }
  RefWalk w = ref_walk(out->rank, out->dims);
  for (int64_t k = 0; k < out->count; k++, ref_walk_next(&w)) {
    int64_t from = 0;
    for (int axis = 0; axis < x->rank && from != OUTSIDE; axis++) {
      int64_t at = source(mode, w.at[axis] - before[axis], x->dims[axis]);
      from = at == OUTSIDE ? OUTSIDE : from + at * strides[axis];
    }
    if (from != OUTSIDE)
      ref_move(out, k, x, from);
    else if (out->f)
      out->f[k] = value;
    else
      out->i[k] = ref_truncate(out->type->dtype, value);
  }
  return true;
}
