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
  Sample s = {.x = call_cast(c, x, DT_F32), .rank = rank, .n_places = last, .join = OP_ADD};
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

// ---- RoiAlign: places are [rois, bins, samples, bins, samples]

typedef struct RoiAxis {
  Dim size;
  int64_t bins, samples;
  double scale, shift;
  bool at_least_one; // element wide
} RoiAxis;

static Value *column(Call *c, Value *rois, int64_t i) { return call_insert_dims(c, coordinate(c, rois, i), 1, 4); }

// Along axis `i` of the picture: samples at equal distances within each bin.
static void roi_taps(Call *c, const RoiAxis *r, Value *rois, int i, SampleAxis *a) {
  Value *start = call_with(c, OP_MUL, column(c, rois, 1 - i), r->scale);
  Value *wide = call_binary(c, OP_SUB, call_with(c, OP_MUL, column(c, rois, 3 - i), r->scale), start);
  if (r->at_least_one) wide = call_with(c, OP_MAXIMUM, wide, 1);
  double *at = arena_array(c->im->m->arena, double, r->bins * r->samples);
  for (int64_t k = 0; k < r->bins * r->samples; k++) at[k] = ((double)k + 0.5) / (double)(r->bins * r->samples);
  Dim dims[] = {1, i ? 1 : r->bins, i ? 1 : r->samples, i ? r->bins : 1, i ? r->samples : 1};
  Value *x = call_binary(c, OP_MUL, wide, call_constant(c, DT_F32, 5, dims, at));
  x = call_with(c, OP_SUB, call_binary(c, OP_ADD, x, start), r->shift);
  Value *inside = call_binary(c, OP_LOGICAL_AND, call_binary(c, OP_LE, call_scalar(c, DT_F32, -1), x),
                              call_binary(c, OP_LE, x, call_scalar(c, DT_F32, (double)r->size)));
  sample_linear(c, within(c, x, r->size), r->size, a);
  a->index[1] = within(c, a->index[1], r->size);
  for (int k = 0; k < 2; k++) sample_mask(c, a, k, inside);
}

bool convert_roi_align(Call *c, OpKind op) {
  (void)op;
  Value *x = call_value(c, 0), *rois = call_value(c, 1), *batch = call_value(c, 2);
  if (!x || !rois || !batch || x->type->rank != 4 || rois->type->rank != 2 || rois->type->dims[1] != 4 ||
      batch->type->rank != 1)
    return call_fail(c, "its picture, regions and their numbers do not fit each other");
  int64_t samples = call_int(c, "sampling_ratio", 0);
  if (samples < 1 || samples > 64)
    return call_fail(c, "as many samples as a region needs is not known; `sampling_ratio` must be 1 to 64");
  bool half = c->opset >= 16 && !strcmp(call_text(c, "coordinate_transformation_mode", "half_pixel"), "half_pixel");
  bool most = !strcmp(call_text(c, "mode", "avg"), "max");
  DType dtype = x->type->dtype;
  rois = call_cast(c, rois, DT_F32);
  Sample s = {.x = call_cast(c, x, DT_F32), .rank = 2, .n_places = 5, .join = most ? OP_MAXIMUM : OP_ADD};
  s.batch = call_insert_dims(c, call_cast(c, batch, DT_I64), 1, 4);
  s.places[0] = rois->type->dims[0];
  for (int i = 0; i < 2; i++) {
    RoiAxis r = {x->type->dims[2 + i],
                 call_int(c, i ? "output_width" : "output_height", 1),
                 samples,
                 call_float(c, "spatial_scale", 1),
                 half ? 0.5 : 0,
                 !half};
    if (!dim_is_const(r.size)) return call_fail(c, "the size of its picture is open");
    if (r.bins < 1 || r.bins > 4096) return call_fail(c, "a size of %lld", (long long)r.bins);
    s.places[1 + 2 * i] = r.bins;
    s.places[2 + 2 * i] = samples;
    roi_taps(c, &r, rois, i, &s.axis[i]);
  }
  Value *y = sample(c, &s);
  if (!y) return false;
  y = call_reduced(c, most ? OP_AMAX : OP_MEAN, y, 2, (int64_t[]){3, 5}, false);
  return call_result(c, 0, call_cast(c, batch_first(c, y), dtype));
}
