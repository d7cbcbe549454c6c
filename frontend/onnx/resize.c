// Resize and Upsample. What PyTorch's interpolate computes too becomes that op; else each axis is resampled for itself,
// by a list of indices or by a matrix.
#include "frontend/onnx/nodes.h"
#include "frontend/onnx/resample.h"
#include <math.h>
#include <string.h>

typedef struct Resize {
  Resample how;
  int rank;
  bool by_scale, cropped;
  struct {
    bool resized;
    Dim in, out;
    double scale, start, end;
  } axis[MAX_RANK];
} Resize;

static bool read_mode(Call *c, Resize *r) {
  const char *mode = call_text(c, "mode", "nearest");
  bool plain = c->opset < 11 || strcmp(c->node->op_type, "Resize") != 0; // before there were ways to choose
  r->how = (Resample){.transform = call_text(c, "coordinate_transformation_mode", plain ? "asymmetric" : "half_pixel"),
                      .nearest = call_text(c, "nearest_mode", plain ? "floor" : "round_prefer_floor"),
                      .cubic_a = call_float(c, "cubic_coeff_a", -0.75),
                      .antialias = call_int(c, "antialias", 0),
                      .exclude_outside = call_int(c, "exclude_outside", 0)};
  if (!strcmp(mode, "nearest"))
    r->how.mode = RESAMPLE_NEAREST;
  else if (!strcmp(mode, "linear") || !strcmp(mode, "bilinear"))
    r->how.mode = RESAMPLE_LINEAR;
  else if (!strcmp(mode, "cubic"))
    r->how.mode = RESAMPLE_CUBIC;
  else
    return call_fail(c, "its mode `%s` is not known", mode);
  static const char *const transforms[] = {"half_pixel",    "half_pixel_symmetric", "pytorch_half_pixel",
                                           "align_corners", "asymmetric",           "tf_crop_and_resize"};
  for (size_t i = 0; i < sizeof transforms / sizeof *transforms; i++)
    if (!strcmp(transforms[i], r->how.transform)) return true;
  return call_fail(c, "its coordinates `%s` are not known", r->how.transform);
}

// What an operand or attribute says of the axes that are resized.
typedef struct Listed {
  int n; // of axes
  int64_t axes[MAX_RANK];
  const double *scales, *roi; // NULL: absent
  const int64_t *sizes;
} Listed;

static bool read_reals(Call *c, const char *name, int i, int wanted, const double **list) {
  int n;
  *list = NULL;
  if (!call_real_list(c, name, i, list, &n)) return false;
  if (n <= 0) return *list = NULL, true;
  return n == wanted || call_fail(c, "it has %d numbers where it needs %d", n, wanted);
}

static bool read_lists(Call *c, int rank, Listed *l) {
  const int64_t *axes;
  bool resize = !strcmp(c->node->op_type, "Resize"), roi = resize && c->opset >= 11;
  int n;
  *l = (Listed){.n = call_ints(c, "axes", &axes)};
  if (l->n > rank) return call_fail(c, "`axes` has %d numbers for %d dimensions", l->n, rank);
  for (int i = 0; i < l->n; i++) {
    l->axes[i] = axes[i];
    if (!call_axis(c, &l->axes[i], rank)) return false;
  }
  if (!l->n)
    for (l->n = 0; l->n < rank; l->n++) l->axes[l->n] = l->n;
  if (!read_reals(c, "scales", roi ? 2 : 1, l->n, &l->scales) ||
      !call_int_list(c, NULL, roi ? 3 : INT32_MAX, &l->sizes, &n))
    return false;
  if (n > 0 && n != l->n) return call_fail(c, "it has %d sizes where it needs %d", n, l->n);
  if (n <= 0) l->sizes = NULL;
  if (!l->scales == !l->sizes) return call_fail(c, "it needs either scales or sizes");
  bool cropped = !strcmp(call_text(c, "coordinate_transformation_mode", ""), "tf_crop_and_resize");
  if (!cropped) return true;
  return read_reals(c, NULL, 1, 2 * l->n, &l->roi) && (l->roi || call_fail(c, "the region that it crops is missing"));
}

// Of an open size only multiples of 1/1024 are exact, as for interpolate.
static bool scaled(Call *c, Dim in, double scale, Dim *out) {
  enum { EXACT = 1024 };
  if (!(scale > 0) || !isfinite(scale)) return call_fail(c, "a scale of %g", scale);
  if (dim_is_const(in)) {
    float size = floorf((float)in * (float)scale);
    if (!(size >= 1 && size < 0x1p31f)) return call_fail(c, "a dimension of %lld times %g", (long long)in, scale);
    return *out = (Dim)size, true;
  }
  if (scale * EXACT != floor(scale * EXACT) || scale >= EXACT)
    return call_fail(c, "a dimension that is open is scaled by %g, which is no multiple of 1/%d", scale, EXACT);
  DimTable *t = c->im->m->dims;
  *out = dim_floordiv(t, dim_mul(t, in, (int64_t)(scale * EXACT)), EXACT);
  return true;
}

// keep_aspect_ratio_policy: one scale for all axes that are listed.
static bool keep_aspect(Call *c, const Listed *l, Resize *r) {
  const char *policy = call_text(c, "keep_aspect_ratio_policy", "stretch");
  if (!l->sizes || !strcmp(policy, "stretch")) return true;
  bool smaller = !strcmp(policy, "not_larger");
  double scale = smaller ? INFINITY : 0;
  for (int i = 0; i < l->n; i++) {
    double own = r->axis[l->axes[i]].scale;
    if (own == 0) return call_fail(c, "it keeps the ratio of sizes that are open");
    scale = smaller ? fmin(scale, own) : fmax(scale, own);
  }
  for (int i = 0; i < l->n; i++) {
    r->axis[l->axes[i]].scale = scale;
    r->axis[l->axes[i]].out = (Dim)floor(scale * (double)r->axis[l->axes[i]].in + 0.5);
  }
  return true;
}

static bool read_resize(Call *c, const Type *x, Resize *r) {
  Listed l;
  if (!read_mode(c, r) || !read_lists(c, x->rank, &l)) return false;
  r->rank = x->rank;
  r->by_scale = l.scales;
  r->cropped = l.roi;
  for (int i = 0; i < r->rank; i++) {
    r->axis[i].in = r->axis[i].out = x->dims[i];
    r->axis[i].scale = 1;
    r->axis[i].end = 1;
  }
  for (int i = 0; i < l.n; i++) {
    int axis = (int)l.axes[i];
    Dim in = r->axis[axis].in, *out = &r->axis[axis].out;
    if (l.roi) r->axis[axis].start = l.roi[i], r->axis[axis].end = l.roi[l.n + i];
    if (l.scales) {
      r->axis[axis].scale = l.scales[i];
      if (!scaled(c, in, l.scales[i], out)) return false;
      continue;
    }
    *out = l.sizes[i];
    if (dim_is_const(*out) && (*out < 1 || *out > INT32_MAX)) return call_fail(c, "a size of %lld", (long long)*out);
    r->axis[axis].scale = *out == in ? 1 : dim_is_const(in) && dim_is_const(*out) ? (double)*out / (double)in : 0;
  }
  if (!keep_aspect(c, &l, r)) return false;
  for (int i = 0; i < r->rank; i++)
    r->axis[i].resized = r->axis[i].in != r->axis[i].out || fabs(r->axis[i].scale - 1) > 1e-9 ||
                         (r->cropped && (r->axis[i].start != 0 || r->axis[i].end != 1));
  return true;
}

static ResampleAxis axis_of(const Resize *r, int i) {
  return (ResampleAxis){r->axis[i].in, r->axis[i].out, r->axis[i].scale, r->axis[i].start, r->axis[i].end};
}

// ---- as interpolate

static bool is_const(const Resize *r, int axis) {
  return dim_is_const(r->axis[axis].in) && dim_is_const(r->axis[axis].out);
}

// Whether each result takes the element below i * in / out, as PyTorch's nearest does.
static bool takes_below(const Resize *r, int axis) {
  if (!is_const(r, axis)) return !strcmp(r->how.transform, "asymmetric") && !strcmp(r->how.nearest, "floor");
  ResampleAxis a = axis_of(r, axis);
  float step = (float)a.in / (float)a.out;
  for (int64_t i = 0; i < a.out; i++)
    if (resample_nearest(&r->how, &a, i) != min_i64((int64_t)floorf((float)i * step), a.in - 1)) return false;
  return true;
}

// Whether interpolate has the coordinates along this axis from the sizes alone.
static bool as_sizes_say(const Resize *r, int axis) {
  double scale = r->axis[axis].scale;
  if (!is_const(r, axis)) return !r->by_scale || scale == floor(scale) || !strcmp(r->how.transform, "half_pixel");
  return (double)r->axis[axis].out == scale * (double)r->axis[axis].in;
}

static bool has_coordinates_of_interpolate(const Resize *r) {
  const char *t = r->how.transform;
  if (strcmp(t, "pytorch_half_pixel")) return !strcmp(t, "half_pixel") || !strcmp(t, "align_corners");
  for (int i = 2; i < 4; i++)
    if (!dim_is_const(r->axis[i].out) || r->axis[i].out == 1) return false;
  return true;
}

static bool fits_interpolate(const Resize *r, const Type *x) {
  if (x->rank != 4 || !dtype_is_float(x->dtype) || r->axis[0].resized || r->axis[1].resized || r->cropped ||
      r->how.antialias || r->how.exclude_outside)
    return false;
  for (int i = 2; i < 4; i++)
    if (!as_sizes_say(r, i)) return false;
  if (r->how.mode == RESAMPLE_NEAREST) return takes_below(r, 2) && takes_below(r, 3);
  return has_coordinates_of_interpolate(r) && (r->how.mode == RESAMPLE_LINEAR || r->how.cubic_a == -0.75);
}

static Value *interpolated(Call *c, Value *x, const Resize *r) {
  static const char *const words[] = {"nearest", "bilinear", "bicubic"};
  Attr *a = call_attrs(c, OP_INTERPOLATE);
  bool by_factor = r->by_scale && (!is_const(r, 2) || !is_const(r, 3));
  if (by_factor)
    a[ATTR_INTERPOLATE_scale_factor] = call_reals(c, 2, (double[]){r->axis[2].scale, r->axis[3].scale});
  else
    a[ATTR_INTERPOLATE_size] = call_list(c, ATTR_DIMS, 2, (Dim[]){r->axis[2].out, r->axis[3].out});
  a[ATTR_INTERPOLATE_mode] = call_word(c, words[r->how.mode]);
  a[ATTR_INTERPOLATE_align_corners] =
      ATTR_B(r->how.mode != RESAMPLE_NEAREST && !strcmp(r->how.transform, "align_corners"));
  return call_unary(c, OP_INTERPOLATE, x, a);
}

// ---- axis by axis

static Value *selected(Call *c, Value *x, const Resize *r, int axis) {
  ResampleAxis a = axis_of(r, axis);
  double *index = arena_array(c->im->m->arena, double, a.out);
  for (int64_t i = 0; i < a.out; i++) index[i] = (double)resample_nearest(&r->how, &a, i);
  return call_index_select(c, x, axis, call_constant(c, DT_I64, 1, &a.out, index));
}

static Value *weighted(Call *c, Value *x, const Resize *r, int axis) {
  ResampleAxis a = axis_of(r, axis);
  int64_t dims[] = {a.out, a.in}, last = x ? x->type->rank - 1 : 0, turn[MAX_RANK];
  if (!x) return NULL;
  Value *matrix = call_constant(c, x->type->dtype, 2, dims, resample_matrix(&r->how, &a, c->im->m->arena));
  for (int64_t i = 0; i <= last; i++) turn[i] = i == axis ? last : i == last ? axis : i;
  x = call_permute(c, x, turn);
  return call_permute(c, call_binary(c, OP_LINEAR, x, matrix), turn);
}

// Results that lie outside along this axis have a value of their own.
static Value *bordered(Call *c, Value *x, const Resize *r, int axis) {
  ResampleAxis a = axis_of(r, axis);
  double *inside = arena_array(c->im->m->arena, double, a.out);
  bool any = false;
  for (int64_t i = 0; i < a.out; i++) {
    double at = resample_position(&r->how, &a, i);
    inside[i] = at >= 0 && at <= (double)(a.in - 1);
    any |= !inside[i];
  }
  if (!x || !any) return x;
  Dim dims[MAX_RANK];
  for (int i = 0; i < r->rank; i++) dims[i] = i == axis ? a.out : 1;
  Value *mask = call_constant(c, DT_BOOL, r->rank, dims, inside);
  Value *other = call_scalar(c, x->type->dtype, call_float(c, "extrapolation_value", 0));
  return call_where(c, mask, x, other);
}

static Value *resampled(Call *c, Value *x, const Resize *r) {
  DType dtype = x->type->dtype;
  bool nearest = r->how.mode == RESAMPLE_NEAREST;
  Value *y = nearest ? x : call_cast(c, x, DT_F32);
  for (int i = 0; i < r->rank; i++) {
    if (!r->axis[i].resized) continue;
    if (!is_const(r, i))
      return call_fail(c, "it resizes dimension %d, whose size is open, in a way of its own", i), NULL;
    int64_t room;
    if (!checked_mul(r->axis[i].in, r->axis[i].out, &room) || room > INT32_MAX)
      return call_fail(c, "dimension %d is too large", i), NULL;
    y = nearest ? selected(c, y, r, i) : weighted(c, y, r, i);
  }
  for (int i = 0; r->cropped && i < r->rank; i++) y = bordered(c, y, r, i);
  return call_cast(c, y, dtype);
}

bool convert_resize(Call *c, OpKind op) {
  (void)op;
  Resize r = {0};
  Value *x = call_value(c, 0);
  if (!x) return call_fail(c, "it has no operand");
  if (!read_resize(c, x->type, &r)) return false;
  return call_result(c, 0, fits_interpolate(&r, x->type) ? interpolated(c, x, &r) : resampled(c, x, &r));
}
