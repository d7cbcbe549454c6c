#include "passes/graph/quantize_weights.h"
#include "passes/graph/quantization.h"
#include <math.h>

enum { MOST = 127 };

typedef struct Rows { // of a weight: one an output channel
  int64_t n, length;
  DType stored;
  const void *data;
} Rows;

static Rows rows_of(Weight *w) {
  Rows r = {.n = w->type->dims[0]};
  r.length = weight_count(w) / r.n;
  r.data = weight_data(w, &r.stored);
  return r;
}

static double row_scale(const Rows *r, int64_t o) {
  double most = 0;
  for (int64_t k = 0; k < r->length; k++) most = fmax(most, fabs(dtype_load(r->stored, r->data, o * r->length + k)));
  double scale = (double)(float)(most / MOST);
  return scale > 0 ? scale : 1;
}

static double rounded(double v, double scale) { return fmin(fmax(rint(v / scale), -MOST), MOST); }

Value *quantize_weights(PassContext *c, const Product *p) {
  Module *m = c->module;
  Weight *w = p->weight;
  Rows r = rows_of(w);
  double *scales = xmalloc(sizeof *scales * (size_t)r.n);
  Blob *b = blob_malloc((size_t)weight_count(w));
  for (int64_t o = 0; o < r.n; o++) {
    scales[o] = row_scale(&r, o);
    for (int64_t k = o * r.length; k < (o + 1) * r.length; k++)
      dtype_store(DT_I8, (void *)b->data, k, rounded(dtype_load(r.stored, r.data, k), scales[o]));
  }
  weight_drop_cache(w);
  Dim channels = r.n;
  Weight *integers = graph_dense(m, rewrite_name(m, w->name, "int8"), type_with_dtype(m, w->type, DT_I8), b);
  Weight *scale = constant_dense(m, rewrite_name(m, w->name, "scale"), type_get(m, DT_F32, 1, &channels), scales);
  free(scales);
  Attr *a = rewrite_attrs(m, OP_DEQUANTIZE_LINEAR);
  a[ATTR_DEQUANTIZE_LINEAR_axis] = (Attr){.kind = ATTR_INT, .i = 0};
  return rewrite_named(m, p->node, NULL, OP_DEQUANTIZE_LINEAR, 2, (Value *[]){integers->value, scale->value}, a);
}

Weight *quantize_corrected_bias(PassContext *c, const Product *p, const double *means, int64_t channels) {
  Module *m = c->module;
  Rows r = rows_of(p->weight);
  int64_t groups = p->node->op == OP_CONV2D ? NODE_ATTR(p->node, CONV2D, groups)->i : 1;
  int64_t in = channels / groups, taps = r.length / in;
  double *bias = xmalloc(sizeof *bias * (size_t)r.n), most = 0;
  for (int64_t o = 0; o < r.n; o++) {
    double scale = row_scale(&r, o), change = 0;
    for (int64_t k = 0; k < r.length; k++) {
      double v = dtype_load(r.stored, r.data, o * r.length + k);
      change += (rounded(v, scale) * scale - v) * means[o / (r.n / groups) * in + k / taps];
    }
    bias[o] = (p->bias ? constant_channel(p->bias, o) : 0) - change;
    most = fmax(most, fabs(change));
  }
  weight_drop_cache(p->weight);
  Dim n = r.n;
  const char *hint = rewrite_name(m, p->bias ? p->bias->name : rewrite_name(m, p->node->name, "bias"), "corrected");
  Weight *made = most > 0 ? constant_dense(m, hint, type_get(m, DT_F32, 1, &n), bias) : NULL;
  free(bias);
  return made;
}
