#include "passes/graph/constant.h"
#include "ir/core/checked.h"

enum { SMALL = 64 };

Weight *constant_weight(const Value *v) {
  return v && v->kind == VALUE_WEIGHT && v->weight->source != WEIGHT_MISSING ? v->weight : NULL;
}

bool constant_uniform(const Value *v, double *out) {
  Weight *w = constant_weight(v);
  if (!w) return false;
  int64_t n = weight_count(w);
  if (w->source == WEIGHT_SPLAT) return *out = w->splat, true;
  if (n < 1 || n > SMALL) return false;
  *out = weight_at(w, 0);
  for (int64_t i = 1; i < n; i++)
    if (weight_at(w, i) != *out) return false;
  return true;
}

bool constant_along(const Value *v, const Type *t, int axis) {
  Weight *w = constant_weight(v);
  if (!w || w->type->rank > t->rank || !dim_is_const(t->dims[axis])) return false;
  for (int i = 0; i < w->type->rank; i++) {
    int to = i + t->rank - w->type->rank;
    Dim d = w->type->dims[i];
    if (d != 1 && !(to == axis && d == t->dims[axis])) return false;
  }
  return true;
}

double constant_channel(Weight *w, int64_t i) {
  if (w->source == WEIGHT_SPLAT) return w->splat;
  return weight_at(w, weight_count(w) == 1 ? 0 : i);
}

Weight *constant_dense(Module *m, const char *hint, const Type *t, const double *elements) {
  int64_t n = 1;
  for (int i = 0; i < t->rank; i++) n *= t->dims[i];
  Blob *b = blob_malloc((size_t)n * dtype_size(t->dtype));
  for (int64_t i = 0; i < n; i++) dtype_store(t->dtype, (void *)b->data, i, elements[i]);
  return graph_dense(m, hint, t, b);
}
