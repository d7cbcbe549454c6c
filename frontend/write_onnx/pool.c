// Pools.
#include "frontend/write_onnx/export.h"

typedef struct Pool {
  const Attr *kernel, *stride, *padding, *dilation; // padding: of all first sides, then of all last ones
  bool ceil_mode;
} Pool;

#define POOL(e, OP)                                                                                                    \
  (Pool) {                                                                                                             \
    EXPORT_ATTR(e, OP, kernel), EXPORT_ATTR(e, OP, stride), EXPORT_ATTR(e, OP, padding), EXPORT_ATTR(e, OP, dilation), \
        EXPORT_ATTR(e, OP, ceil_mode)->i                                                                               \
  }

static Term *pool(Export *e, Term *x, const Pool *p, const int64_t *pads) {
  Term *y = EXPORT(e, e->row->op, x);
  export_ints(e, "kernel_shape", p->kernel->n, p->kernel->ints);
  export_ints(e, "strides", p->stride->n, p->stride->ints);
  export_ints(e, "dilations", p->dilation->n, p->dilation->ints);
  export_ints(e, "pads", p->padding->n, pads);
  export_int(e, "ceil_mode", p->ceil_mode);
  return y;
}

// With its padding in a node of its own a pool takes windows that begin behind the picture.
static Term *without_windows_outside(Export *e, Term *y, const Pool *p, const int64_t *pads) {
  const Type *t = export_result_type(e);
  for (int i = 2; i < t->rank && p->ceil_mode && pads != p->padding->ints; i++) y = shape_slice(e, y, i, 0, t->dims[i]);
  return y;
}

static Term *max_pool(Export *e, const Pool *p) {
  const int64_t *pads = p->padding->ints;
  Term *x = shape_open_padding(e, export_in(e, 0), p->kernel->n, &pads, -INFINITY);
  return without_windows_outside(e, pool(e, x, p, pads), p, pads);
}

void write_max_pool3d(Export *e) { export_out(e, max_pool(e, &POOL(e, MAX_POOL3D))); }

// ONNX numbers the elements of the whole tensor, nncc those of a plane.
static Term *within_plane(Export *e, Term *indices) {
  const Type *t = export_type(e, 0);
  return EXPORT(e, "Mod", indices, dims_number(e, dim_mul(e->m->dims, t->dims[2], t->dims[3])));
}

void write_max_pool2d(Export *e) {
  Pool p = POOL(e, MAX_POOL2D);
  if (!EXPORT_ATTR(e, MAX_POOL2D, return_indices)->i) {
    export_out(e, max_pool(e, &p));
    return;
  }
  for (int i = 0; i < p.padding->n; i++)
    if (!dim_is_const(p.padding->ints[i])) {
      export_custom(e);
      export_result(e, 1, export_further(e));
      return;
    }
  Term *y = pool(e, export_in(e, 0), &p, p.padding->ints), *indices = export_further(e);
  export_result(e, 1, within_plane(e, indices));
  export_out(e, y);
}

static Term *average(Export *e, Term *x, const Pool *p, const int64_t *pads, bool include_padding) {
  Term *y = pool(e, x, p, pads);
  export_int(e, "count_include_pad", include_padding);
  return y;
}

// What is not counted of an open padding: the mean of ones, padded alike, is the part that is.
static Term *counted(Export *e, const Pool *p) {
  const int64_t *pads = p->padding->ints;
  Term *shape = dims_list(e, export_type(e, 0)->rank, export_type(e, 0)->dims);
  Term *ones = EXPORT(e, "Expand", export_scalar(e, e->dtype, 1), shape);
  ones = shape_open_padding(e, ones, p->kernel->n, &pads, 0);
  return average(e, ones, p, pads, false);
}

static void write_average(Export *e, const Pool *p, bool include_padding) {
  const int64_t *pads = p->padding->ints;
  Term *x = shape_open_padding(e, export_in(e, 0), p->kernel->n, &pads, 0),
       *y = average(e, x, p, pads, include_padding);
  if (!include_padding && pads != p->padding->ints) y = EXPORT(e, "Div", y, counted(e, p));
  export_out(e, without_windows_outside(e, y, p, pads));
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
