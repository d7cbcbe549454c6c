// GridSample and RoiAlign.
#include "frontend/onnx/nodes.h"
#include "frontend/onnx/sample.h"
#include <string.h>

// ---- GridSample: coordinates are positions in [-1, 1], the last axis first

typedef enum Border { ZEROS, BORDER, REFLECTION } Border;

typedef struct Grid {
  enum { NEAREST, LINEAR, CUBIC } mode;
  Border border;
  bool corners;
} Grid;

static bool read_grid(Call *c, Grid *g) {
  const char *mode = call_text(c, "mode", "linear"), *border = call_text(c, "padding_mode", "zeros");
  g->corners = call_int(c, "align_corners", 0);
  if (!strcmp(mode, "nearest"))
    g->mode = NEAREST;
  else if (!strcmp(mode, "linear") || !strcmp(mode, "bilinear"))
    g->mode = LINEAR;
  else if (!strcmp(mode, "cubic") || !strcmp(mode, "bicubic"))
    g->mode = CUBIC;
  else
    return call_fail(c, "its mode `%s` is not known", mode);
  g->border = !strcmp(border, "border") ? BORDER : !strcmp(border, "reflection") ? REFLECTION : ZEROS;
  return g->border != ZEROS || !strcmp(border, "zeros") || call_fail(c, "its padding `%s` is not known", border);
}

static Value *within(Call *c, Value *x, Dim size) { return call_clamp(c, x, 0, (double)size - 1); }

// Thrown back at either end until it is within.
static Value *reflected(Call *c, Value *x, double low, double high) {
  double range = high - low;
  if (range <= 0) return call_with(c, OP_MUL, x, 0);
  Value *d = call_unary(c, OP_ABS, call_with(c, OP_SUB, x, low), NULL);
  Value *times = call_unary(c, OP_FLOOR, call_with(c, OP_DIV, d, range), NULL);
  Value *rest = call_binary(c, OP_SUB, d, call_with(c, OP_MUL, times, range));
  Value *twice = call_with(c, OP_MUL, call_unary(c, OP_FLOOR, call_with(c, OP_MUL, times, 0.5), NULL), 2);
  Value *back = call_binary(c, OP_SUB, call_scalar(c, DT_F32, high), rest);
  return call_where(c, call_binary(c, OP_EQ, times, twice), call_with(c, OP_ADD, rest, low), back);
}

// A coordinate outside of the picture; the half pixels at its ends are not.
static Value *brought_inside(Call *c, const Grid *g, Value *x, Dim size) {
  double low = g->corners ? 0 : -0.5, high = (double)size - 1 - low;
  if (g->border == ZEROS) return x;
  Value *other = g->border == BORDER ? within(c, x, size) : reflected(c, x, low, high);
  Value *out = call_binary(c, OP_LOGICAL_OR, call_binary(c, OP_LT, x, call_scalar(c, DT_F32, low)),
                           call_binary(c, OP_LT, call_scalar(c, DT_F32, high), x));
  return call_where(c, out, other, x);
}

// Of Keys' convolution with a = -0.75, for an element `x` away, between `near` and near + 1.
static Value *cubic(Call *c, Value *x, int near) {
  static const double inner[] = {1.25, -2.25, 0, 1}, outer[] = {-0.75, 3.75, -6, 3};
  const double *k = near ? outer : inner;
  Value *y = call_with(c, OP_ADD, call_with(c, OP_MUL, x, k[0]), k[1]);
  y = call_with(c, OP_ADD, call_binary(c, OP_MUL, y, x), k[2]);
  return call_with(c, OP_ADD, call_binary(c, OP_MUL, y, x), k[3]);
}

static void cubic_taps(Call *c, Value *x, Dim size, SampleAxis *a) {
  Value *below = call_unary(c, OP_FLOOR, x, NULL), *past = call_binary(c, OP_SUB, x, below);
  *a = (SampleAxis){.size = size, .n = 4};
  for (int i = 0; i < 4; i++) {
    a->index[i] = call_with(c, OP_ADD, below, i - 1);
    Value *away =
        i < 2 ? call_with(c, OP_ADD, past, 1 - i) : call_binary(c, OP_SUB, call_scalar(c, DT_F32, i - 1), past);
    a->weight[i] = cubic(c, away, i == 0 || i == 3);
  }
}

static void axis_taps(Call *c, const Grid *g, Value *at, Dim size, SampleAxis *a) {
  double half = (double)(g->corners ? size - 1 : size) / 2;
  Value *x = call_with(c, OP_ADD, call_with(c, OP_MUL, at, half), ((double)size - 1) / 2);
  if (g->mode == NEAREST) x = call_unary(c, OP_ROUND, x, NULL);
  x = brought_inside(c, g, x, size);
  if (g->mode == NEAREST)
    *a = (SampleAxis){.size = size, .n = 1, .index = {x}};
  else if (g->mode == LINEAR)
    sample_linear(c, x, size, a);
  else
    cubic_taps(c, x, size, a);
  for (int i = 0; i < a->n; i++) {
    Value *inside = within(c, a->index[i], size);
    if (g->border == ZEROS) sample_mask(c, a, i, call_binary(c, OP_EQ, a->index[i], inside));
    if (g->border == REFLECTION) {
      double low = g->corners ? 0 : -0.5;
      inside = within(c, reflected(c, a->index[i], low, (double)size - 1 - low), size);
    }
    a->index[i] = inside;
  }
}

static Value *coordinate(Call *c, Value *grid, int64_t i) {
  int last = grid->type->rank - 1;
  return call_reshape(c, call_slice(c, grid, last, i, i + 1), last, grid->type->dims);
}

// [C, N, ...] as [N, C, ...]
static Value *batch_first(Call *c, Value *y) {
  int64_t order[MAX_RANK] = {1, 0};
  for (int i = 2; y && i < y->type->rank; i++) order[i] = i;
  return call_permute(c, y, order);
}

bool convert_grid_sample(Call *c, OpKind op) {
  (void)op;
  Grid g = {0};
  Value *x = call_value(c, 0), *grid = call_value(c, 1);
  if (!x || !grid || !read_grid(c, &g)) return false;
  int rank = x->type->rank - 2, last = grid->type->rank - 1;
  if (rank < 1 || rank > SAMPLE_RANK || last != rank + 1 || grid->type->dims[last] != rank)
    return call_fail(c, "its picture and grid do not fit each other");
  DType dtype = x->type->dtype;
  Sample s = {.x = call_cast(c, x, DT_F32), .rank = rank, .n_places = last};
  grid = call_cast(c, grid, DT_F32);
  for (int i = 0; i < last; i++) s.places[i] = grid->type->dims[i];
  s.batch = call_insert_dims(c, call_arange(c, DT_I64, 0, s.places[0], 1), 1, rank);
  for (int i = 0; i < rank; i++) {
    Dim size = x->type->dims[2 + i];
    if (!dim_is_const(size)) return call_fail(c, "dimension %d of its operand is open", 2 + i);
    axis_taps(c, &g, coordinate(c, grid, rank - 1 - i), size, &s.axis[i]);
  }
  return call_result(c, 0, call_cast(c, batch_first(c, sample(c, &s)), dtype));
}

// ---- RoiAlign

bool convert_roi_align(Call *c, OpKind op) {
  Value *x = call_value(c, 0), *boxes = call_value(c, 1), *index = call_value(c, 2);
  if (!x || !boxes || !index || x->type->rank != 4 || boxes->type->rank != 2 || boxes->type->dims[1] != 4 ||
      index->type->rank != 1)
    return call_fail(c, "its picture, regions and their numbers do not fit each other");
  bool half = c->opset >= 16 && !strcmp(call_text(c, "coordinate_transformation_mode", "half_pixel"), "half_pixel");
  const char *mode = call_text(c, "mode", "avg");
  if (strcmp(mode, "avg") && strcmp(mode, "max")) return call_fail(c, "its mode `%s` is not known", mode);
  int64_t size[] = {call_int(c, "output_height", 1), call_int(c, "output_width", 1)};
  for (int i = 0; i < 2; i++)
    if (size[i] < 1) return call_fail(c, "a size of %lld", (long long)size[i]);
  Attr *a = call_attrs(c, op);
  a[ATTR_ROI_ALIGN_output_size] = call_list(c, ATTR_INTS, 2, size);
  a[ATTR_ROI_ALIGN_spatial_scale] = ATTR_F(call_float(c, "spatial_scale", 1));
  a[ATTR_ROI_ALIGN_sampling_ratio] = ATTR_I(call_int(c, "sampling_ratio", 0));
  a[ATTR_ROI_ALIGN_aligned] = ATTR_B(half);
  a[ATTR_ROI_ALIGN_mode] = call_word(c, mode);
  Value *operands[] = {call_cast(c, x, DT_F32), call_cast(c, boxes, DT_F32), index};
  return call_result(c, 0, call_cast(c, call_node(c, op, 3, operands, a), x->type->dtype));
}
