#include "passes/graph/narrow.h"
#include <math.h>

enum { PICTURE = 16 }; // a layer of fewer input channels reads a picture: its kernels take floats

Weight *narrow_weight(Node *n, const char **why) {
  Product p;
  *why = NULL;
  if (!op_has(n->op, TRAIT_EPILOGUE)) return NULL;
  const Value *x = operand(n, 0), *v = operand(n, product_operand(n->op, "weight"));
  const Weight *behind = weight_behind(v);
  if (x->type->dtype != DT_F32)
    *why = "it is not of f32";
  else if (behind && dtype_is_half(behind->type->dtype))
    *why = behind->type->dtype == DT_F16 ? "they are f16" : "they are bf16";
  else if (v->kind == VALUE_RESULT && v->node->op == OP_DEQUANTIZE_LINEAR)
    *why = "they are integers";
  else if (!product_of_node(n, &p))
    *why = "they are computed";
  else if (n->op != OP_LINEAR && x->type->dims[1] < PICTURE)
    *why = "it reads a picture, or little more";
  else if (n->op == OP_CONV2D && NODE_ATTR(n, CONV2D, groups)->i == x->type->dims[1])
    *why = "it is depthwise, with few of them";
  else
    return p.weight;
  return NULL;
}

Narrowed narrow_elements(Weight *w, DType to, bool exact) {
  int64_t n = weight_count(w);
  DType stored;
  const void *from = weight_data(w, &stored);
  Blob *b = blob_malloc((size_t)n * dtype_size(to));
  void *out = (void *)b->data;
  double lost = 0, all = 0;
  bool fits = true;
  for (int64_t i = 0; fits && i < n; i++) {
    double v = dtype_load(stored, from, i);
    dtype_store(to, out, i, v);
    double rounded = dtype_load(to, out, i);
    fits = exact ? rounded == v : isfinite(rounded) || !isfinite(v);
    if (!isfinite(v)) continue;
    lost += (rounded - v) * (rounded - v);
    all += v * v;
  }
  weight_drop_cache(w);
  if (fits) return (Narrowed){b, all > 0 ? sqrt(lost / all) : 0};
  blob_unref(b);
  return (Narrowed){0};
}

void narrow_replace(PassContext *c, Node *before, Weight *w, DType to, Blob *data,
                    bool (*takes)(const PassContext *c, const Node *n, DType to)) {
  Module *m = c->module;
  Weight *half = graph_dense(m, rewrite_name(m, w->name, dtype_name(to)), type_with_dtype(m, w->type, to), data);
  Value *wide = rewrite_cast(m, before, half->value, DT_F32);
  const char *why;
  for (Node *n = before; n; n = n->next)
    if (narrow_weight(n, &why) == w && takes(c, n, to)) graph_set_operand(n, product_operand(n->op, "weight"), wide);
}
