// Pools.
#include "frontend/write_onnx/padding.h"

typedef struct Pool {
  Windows w;
  bool ceil_mode;
} Pool;

#define POOL(e, OP)                                                                                                    \
  (Pool) {                                                                                                             \
    {EXPORT_ATTR(e, OP, kernel)->n, EXPORT_ATTR(e, OP, kernel)->ints, EXPORT_ATTR(e, OP, stride)->ints,                \
     EXPORT_ATTR(e, OP, dilation)->ints, EXPORT_ATTR(e, OP, padding)->ints},                                           \
        EXPORT_ATTR(e, OP, ceil_mode)->i                                                                               \
  }

static Term *pool(Export *e, Term *x, const Pool *p, const Padding *padding) {
  Term *y = EXPORT(e, e->row->op, x);
  export_ints(e, "kernel_shape", p->w.sides, p->w.kernel);
  export_ints(e, "strides", p->w.sides, p->w.stride);
  export_ints(e, "dilations", p->w.sides, p->w.dilation);
  padding_attributes(e, &p->w, padding);
  export_int(e, "ceil_mode", p->ceil_mode);
  return y;
}

// With its padding in a node of its own a pool takes windows that begin behind the picture.
static Term *without_windows_outside(Export *e, Term *y, const Pool *p, const Padding *padding) {
  const Type *t = export_result_type(e);
  for (int i = 2; i < t->rank && p->ceil_mode && padding->apart; i++) y = shape_slice(e, y, i, 0, t->dims[i]);
  return y;
}

static void write_max_pool(Export *e, const Pool *p) {
  Padding padding;
  Term *x = padding_settle(e, export_in(e, 0), &p->w, -INFINITY, &padding);
  export_out(e, without_windows_outside(e, pool(e, x, p, &padding), p, &padding));
}

void write_max_pool3d(Export *e) { write_max_pool(e, &POOL(e, MAX_POOL3D)); }

// ONNX numbers the elements of the whole tensor, nncc those of a plane; of one that is padded before, without that.
static Term *within_plane(Export *e, Term *indices, const Dim *padding, bool padded) {
  DimTable *t = e->m->dims;
  Dim H = export_type(e, 0)->dims[2], W = export_type(e, 0)->dims[3], rows = H, columns = W;
  if (padded) {
    rows = dim_add(t, H, dim_add(t, padding[0], padding[2]));
    columns = dim_add(t, W, dim_add(t, padding[1], padding[3]));
  }
  Term *plane = EXPORT(e, "Mod", indices, dims_number(e, dim_mul(t, rows, columns)));
  if (!padded) return plane;
  Term *top = dims_number(e, padding[0]), *left = dims_number(e, padding[1]), *width = dims_number(e, W);
  Term *padded_width = dims_number(e, columns);
  Term *row = EXPORT(e, "Sub", EXPORT(e, "Div", plane, padded_width), top);
  Term *column = EXPORT(e, "Sub", EXPORT(e, "Mod", plane, padded_width), left);
  return EXPORT(e, "Add", EXPORT(e, "Mul", row, width), column);
}

static void write_max_pool_with_indices(Export *e, const Pool *p) {
  Padding padding;
  Term *x = padding_settle(e, export_in(e, 0), &p->w, -INFINITY, &padding);
  Term *y = pool(e, x, p, &padding), *indices = export_further(e);
  indices = without_windows_outside(e, indices, p, &padding);
  export_result(e, 1, within_plane(e, indices, p->w.padding, padding.apart));
  export_out(e, without_windows_outside(e, y, p, &padding));
}

void write_max_pool2d(Export *e) {
  Pool p = POOL(e, MAX_POOL2D);
  if (EXPORT_ATTR(e, MAX_POOL2D, return_indices)->i)
    write_max_pool_with_indices(e, &p);
  else
    write_max_pool(e, &p);
}

static Term *average(Export *e, Term *x, const Pool *p, const Padding *padding, bool include_padding) {
  Term *y = pool(e, x, p, padding);
  export_int(e, "count_include_pad", include_padding);
  return y;
}

// What is not counted of a padding before: the mean of ones, padded alike, is the part that is.
static Term *counted(Export *e, const Pool *p) {
  Padding padding;
  Term *shape = dims_list(e, export_type(e, 0)->rank, export_type(e, 0)->dims);
  Term *ones = EXPORT(e, "Expand", export_scalar(e, e->dtype, 1), shape);
  ones = padding_settle(e, ones, &p->w, 0, &padding);
  return average(e, ones, p, &padding, false);
}

static void write_average(Export *e, const Pool *p, bool include_padding) {
  Padding padding;
  Term *x = padding_settle(e, export_in(e, 0), &p->w, 0, &padding), *y = average(e, x, p, &padding, include_padding);
  if (!include_padding && padding.apart) y = EXPORT(e, "Div", y, counted(e, p));
  export_out(e, without_windows_outside(e, y, p, &padding));
}

void write_avg_pool2d(Export *e) {
  write_average(e, &POOL(e, AVG_POOL2D), EXPORT_ATTR(e, AVG_POOL2D, count_include_pad)->i);
}

void write_avg_pool3d(Export *e) {
  write_average(e, &POOL(e, AVG_POOL3D), EXPORT_ATTR(e, AVG_POOL3D, count_include_pad)->i);
}

// ---- one value a channel

void write_global_avg_pool(Export *e) { export_out(e, EXPORT(e, "GlobalAveragePool", export_in(e, 0))); }

static Term *largest(Export *e, Term *x, int64_t axis, bool keep) {
  Term *y = EXPORT(e, "ReduceMax", x, export_list(e, 1, &axis));
  export_int(e, "keepdims", keep);
  return y;
}

void write_global_max_pool(Export *e) { export_out(e, EXPORT(e, "GlobalMaxPool", export_in(e, 0))); }

// ---- windows that differ: output i of n takes inputs [i * size / n, ceil((i + 1) * size / n))

static int64_t first_of(int64_t i, int64_t size, int64_t n) { return i * size / n; }
static int64_t end_of(int64_t i, int64_t size, int64_t n) { return ceil_div((i + 1) * size, n); }

static bool is_known(const Type *x) { return dim_is_const(x->dims[2]) && dim_is_const(x->dims[3]); }

// [n, size] of the weights with which each output is the mean of its inputs; transposed: [size, n].
static Term *means(Export *e, int64_t size, int64_t n, bool transposed) {
  double *w = xcalloc((size_t)(n * size), sizeof *w);
  for (int64_t i = 0; i < n; i++)
    for (int64_t k = first_of(i, size, n), end = end_of(i, size, n); k < end; k++)
      w[transposed ? k * n + i : i * size + k] = 1.0 / (double)(end - first_of(i, size, n));
  Term *t = export_tensor(e, e->dtype, 2, transposed ? (int64_t[]){size, n} : (int64_t[]){n, size}, w);
  free(w);
  return t;
}

void write_adaptive_avg_pool2d(Export *e) {
  const int64_t *n = EXPORT_ATTR(e, ADAPTIVE_AVG_POOL2D, output_size)->ints;
  const Type *x = export_type(e, 0);
  if (n[0] == 1 && n[1] == 1)
    write_global_avg_pool(e);
  else if (!is_known(x))
    export_custom(e);
  else {
    Term *rows = EXPORT(e, "MatMul", means(e, x->dims[2], n[0], false), export_in(e, 0));
    export_out(e, EXPORT(e, "MatMul", rows, means(e, x->dims[3], n[1], true)));
  }
}

// The largest along `axis` of each output's inputs: they are gathered, the last one again where a window is shorter.
static Term *largest_of_windows(Export *e, Term *x, int64_t axis, int64_t size, int64_t n) {
  int64_t most = 0;
  for (int64_t i = 0; i < n; i++) most = max_i64(most, end_of(i, size, n) - first_of(i, size, n));
  double *index = xcalloc((size_t)(n * most), sizeof *index);
  for (int64_t i = 0; i < n; i++)
    for (int64_t k = 0; k < most; k++)
      index[i * most + k] = (double)min_i64(first_of(i, size, n) + k, end_of(i, size, n) - 1);
  Term *windows = EXPORT(e, "Gather", x, export_tensor(e, DT_I64, 2, (int64_t[]){n, most}, index));
  export_int(e, "axis", axis);
  free(index);
  return largest(e, windows, axis + 1, false);
}

void write_adaptive_max_pool2d(Export *e) {
  const int64_t *n = EXPORT_ATTR(e, ADAPTIVE_MAX_POOL2D, output_size)->ints;
  const Type *x = export_type(e, 0);
  if (n[0] == 1 && n[1] == 1)
    export_out(e, largest(e, largest(e, export_in(e, 0), 2, true), 3, true));
  else if (!is_known(x))
    export_custom(e);
  else
    export_out(e,
               largest_of_windows(e, largest_of_windows(e, export_in(e, 0), 2, x->dims[2], n[0]), 3, x->dims[3], n[1]));
}
