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

void ref_resize(RefTensor *t, const RefCall *c) {
  for (int k = 0; k < t->rank; k++) t->dims[k] = ref_dim(c, t->type->dims[k]);
  t->count = ref_product(t->dims, t->rank);
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

static int64_t wrap(DType d, int64_t v) {
  int64_t cell;
  dtype_store_int(d, &cell, 0, v);
  return dtype_load_int(d, &cell, 0);
}

int64_t ref_truncate(DType to, double v) {
  int64_t cell;
  dtype_store(to, &cell, 0, to == DT_BOOL ? v : trunc(v));
  return dtype_load_int(to, &cell, 0);
}

double ref_rounded(DType to, const RefTensor *t, int64_t k) {
  if (to != DT_F32 || t->type->dtype == DT_F32) return ref_at(t, k);
  if (t->f) return (double)(float)t->f[k];
  return (double)(t->type->dtype == DT_U64 ? (float)(uint64_t)t->i[k] : (float)t->i[k]);
}

void ref_settle(RefTensor *t) {
  DType d = t->type->dtype;
  uint16_t half;
  if (d == DT_F16 || d == DT_BF16)
    for (int64_t k = 0; k < t->count; k++) dtype_store(d, &half, 0, t->f[k]), t->f[k] = dtype_load(d, &half, 0);
  if (t->i && !dtype_is_wide(d))
    for (int64_t k = 0; k < t->count; k++) t->i[k] = wrap(d, t->i[k]);
}

void ref_tensor_unpack(RefTensor *t, DType stored, const void *data) {
  DType d = t->type->dtype;
  bool narrows = d == DT_F32 && stored != DT_F32;
  for (int64_t k = 0; k < t->count; k++)
    if (t->i) {
      t->i[k] = dtype_is_float(stored) ? ref_truncate(d, dtype_load(stored, data, k)) : dtype_load_int(stored, data, k);
    } else {
      double v = dtype_load(stored, data, k);
      t->f[k] = narrows ? (double)(float)v : v;
    }
  ref_settle(t);
}

void ref_tensor_pack(const RefTensor *t, DType stored, void *data) {
  for (int64_t k = 0; k < t->count; k++)
    if (dtype_is_float(stored))
      dtype_store(stored, data, k, ref_at(t, k));
    else
      dtype_store_int(stored, data, k, t->f ? ref_truncate(stored, t->f[k]) : t->i[k]);
}

bool ref_tensor_from_weight(RefTensor *t, Module *m, Weight *w) {
  DType stored;
  const void *data = weight_data(w, &stored);
  if (!data || !ref_tensor_create(t, m, w->type, NULL)) return false;
  ref_tensor_unpack(t, stored, data);
  return true;
}
