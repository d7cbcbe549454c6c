// Tensors of the reference: creation, conversion, rounding to their types.
#include "ir/core/check.h"
#include "ir/ref/ref_ops.h"
#include <math.h>
#include <string.h>

int64_t ref_product(const int64_t *dims, int n) {
  int64_t p = 1;
  for (int k = 0; k < n; k++) p *= dims[k];
  return p;
}

void ref_strides(const RefTensor *t, int64_t *strides) {
  int64_t s = 1;
  for (int k = t->rank - 1; k >= 0; s *= t->dims[k--]) strides[k] = s;
}

// Elements are counted as if no dimension were 0, so that every partial product is safe as well.
static bool count_elements(RefTensor *t) {
  int64_t bound = 1;
  for (int k = 0; k < t->rank; k++)
    if (t->dims[k] < 0 || !checked_mul(bound, max_i64(t->dims[k], 1), &bound) || bound > MAX_ELEMENTS) return false;
  t->count = ref_product(t->dims, t->rank);
  return true;
}

static bool allocate(RefTensor *t) {
  void *cells = count_elements(t) ? calloc((size_t)max_i64(t->count, 1), sizeof(double)) : NULL;
  if (!cells) {
    *t = (RefTensor){0};
    return false;
  }
  if (dtype_is_float(t->type->dtype))
    t->f = cells;
  else
    t->i = cells;
  return true;
}

bool ref_tensor_create(RefTensor *t, const Module *m, const Type *type, const int64_t *symbols) {
  *t = (RefTensor){.type = type, .rank = type->rank};
  for (int k = 0; k < type->rank; k++) {
    Dim d = type->dims[k];
    t->dims[k] = dim_is_const(d) ? d : dim_eval(m->dims, d, symbols);
  }
  return allocate(t);
}

void ref_tensor_free(RefTensor *t) {
  free(t->f);
  free(t->i);
  *t = (RefTensor){0};
}

void ref_copy_cells(RefTensor *to, const RefTensor *from) {
  CHECK(to->count == from->count && !to->f == !from->f, "copy between tensors that differ");
  memcpy(ref_cells(to), ref_cells(from), sizeof(double) * (size_t)to->count);
}

bool ref_tensor_copy(RefTensor *t, const RefTensor *from) {
  *t = *from;
  t->f = NULL;
  t->i = NULL;
  if (!allocate(t)) return false;
  ref_copy_cells(t, from);
  return true;
}

static void integer_range(DType d, int64_t *min, int64_t *max) {
  switch (d) {
  case DT_I8: *min = INT8_MIN, *max = INT8_MAX; return;
  case DT_U8: *min = 0, *max = UINT8_MAX; return;
  case DT_I32: *min = INT32_MIN, *max = INT32_MAX; return;
  case DT_BOOL: *min = 0, *max = 1; return;
  default: *min = INT64_MIN, *max = INT64_MAX; return;
  }
}

int64_t ref_truncate(DType to, double v) {
  if (to == DT_BOOL) return v != 0;
  if (isnan(v)) return 0;
  int64_t min, max;
  integer_range(to, &min, &max);
  v = trunc(v);
  return v <= (double)min ? min : v >= (double)max ? max : (int64_t)v;
}

static int64_t wrap(DType d, int64_t v) {
  switch (d) {
  case DT_I8: return (int8_t)v;
  case DT_U8: return (uint8_t)v;
  case DT_I32: return (int32_t)v;
  case DT_BOOL: return v != 0;
  default: return v;
  }
}

void ref_settle(RefTensor *t) {
  DType d = t->type->dtype;
  uint16_t half;
  if (d == DT_F16 || d == DT_BF16)
    for (int64_t k = 0; k < t->count; k++) dtype_store(d, &half, 0, t->f[k]), t->f[k] = dtype_load(d, &half, 0);
  if (t->i && d != DT_I64)
    for (int64_t k = 0; k < t->count; k++) t->i[k] = wrap(d, t->i[k]);
}

// dtype_load goes through double, which would round large i64.
static int64_t load_integer(DType d, const void *data, int64_t k) {
  return d == DT_I64 ? ((const int64_t *)data)[k] : (int64_t)dtype_load(d, data, k);
}

void ref_tensor_unpack(RefTensor *t, DType stored, const void *data) {
  DType d = t->type->dtype;
  for (int64_t k = 0; k < t->count; k++)
    if (t->f)
      t->f[k] = dtype_load(stored, data, k);
    else
      t->i[k] = dtype_is_float(stored) ? ref_truncate(d, dtype_load(stored, data, k)) : load_integer(stored, data, k);
  ref_settle(t);
}

void ref_tensor_pack(const RefTensor *t, DType stored, void *data) {
  for (int64_t k = 0; k < t->count; k++)
    if (dtype_is_float(stored))
      dtype_store(stored, data, k, ref_at(t, k));
    else {
      int64_t v = t->f ? ref_truncate(stored, t->f[k]) : wrap(stored, t->i[k]);
      if (stored == DT_I64)
        ((int64_t *)data)[k] = v;
      else
        dtype_store(stored, data, k, (double)v);
    }
}

bool ref_tensor_from_weight(RefTensor *t, Module *m, Weight *w) {
  DType stored;
  const void *data = weight_data(w, &stored);
  if (!data || !ref_tensor_create(t, m, w->type, NULL)) return false;
  ref_tensor_unpack(t, stored, data);
  return true;
}
