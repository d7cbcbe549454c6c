#include "frontend/onnx/attend.h"
#include <math.h>

Value *attend_split(Call *c, Value *x, int64_t heads) {
  if (!x || x->type->rank != 3) return call_fail(c, "queries, keys and values are not of one rank"), NULL;
  const Dim *dims = x->type->dims;
  if (heads < 1 || heads > INT32_MAX || !dim_is_const(dims[2]) || dims[2] % heads)
    return call_fail(c, "its last dimension does not divide into %lld heads", (long long)heads), NULL;
  x = call_reshape(c, x, 4, (Dim[]){dims[0], dims[1], heads, dims[2] / heads});
  return call_permute(c, x, (int64_t[]){0, 2, 1, 3});
}

Value *attend_join(Call *c, Value *x) {
  if (!(x = call_permute(c, x, (int64_t[]){0, 2, 1, 3}))) return NULL;
  const Dim *dims = x->type->dims;
  return call_reshape(c, x, 3, (Dim[]){dims[0], dims[1], dim_mul(c->im->m->dims, dims[2], dims[3])});
}

// ---- masks

static Value *both(Call *c, Value *a, Value *b) { return a && b ? call_binary(c, OP_LOGICAL_AND, a, b) : a ? a : b; }

static Value *shifted(Call *c, Value *x, int64_t by) {
  return by ? call_binary(c, OP_ADD, x, call_scalar(c, DT_I64, (double)by)) : x;
}

// Which keys each query sees by their positions; NULL: all of them.
static Value *visible(Call *c, const Attend *a) {
  if (!a->causal && a->left < 0 && a->right < 0) return NULL;
  Value *key = call_arange(c, DT_I64, 0, a->k->type->dims[2], 1),
        *query = call_insert_dims(c, call_arange(c, DT_I64, 0, a->q->type->dims[2], 1), 1, 1);
  if (a->offsets)
    query = call_binary(c, OP_ADD, query, a->offsets);
  else if (a->past)
    query = call_binary(c, OP_ADD, query, call_dim(c, a->past));
  int64_t right = a->causal ? 0 : a->right;
  Value *seen = right >= 0 ? call_binary(c, OP_LE, key, shifted(c, query, right)) : NULL;
  if (a->left >= 0) seen = both(c, seen, call_binary(c, OP_LE, shifted(c, query, -a->left), key));
  return seen;
}

Value *attend_restrict(Call *c, Value *mask, Value *seen) {
  if (!mask || !seen) return mask ? mask : seen;
  if (mask->type->dtype == DT_BOOL) return both(c, mask, seen);
  Value *never = call_scalar(c, mask->type->dtype, -INFINITY);
  return call_where(c, seen, mask, never);
}

// ---- written out

static Value *times(Call *c, Value *x, double by) {
  return x && by != 1 ? call_binary(c, OP_MUL, x, call_scalar(c, x->type->dtype, by)) : x;
}

static Value *soft(Call *c, Value *scores, bool masked) {
  Attr *a = call_attrs(c, OP_SOFTMAX);
  a[ATTR_SOFTMAX_dim] = ATTR_I(-1);
  Value *p = call_unary(c, OP_SOFTMAX, scores, a);
  if (!masked || !p) return p;
  Value *most = call_reduced(c, OP_AMAX, scores, 1, (int64_t[]){3}, true), *none = call_scalar(c, p->type->dtype, 0);
  Value *empty = call_binary(c, OP_EQ, most, call_scalar(c, p->type->dtype, -INFINITY));
  return call_where(c, empty, none, p);
}

static Value *written_out(Call *c, Attend *a, Value *mask) {
  Dim depth = a->q->type->dims[3];
  if (a->scale == 0 && !dim_is_const(depth)) return call_fail(c, "the depth of its heads is open"), NULL;
  double root = sqrt(a->scale != 0 ? a->scale : 1 / sqrt((double)depth));
  Value *stages[4], *turned = call_permute(c, a->k, (int64_t[]){0, 1, 3, 2});
  stages[0] = call_binary(c, OP_MATMUL, times(c, a->q, root), times(c, turned, root));
  stages[1] = stages[0];
  if (a->softcap != 0)
    stages[1] = times(c, call_unary(c, OP_TANH, times(c, stages[0], 1 / a->softcap), NULL), a->softcap);
  if (!stages[1]) return NULL;
  stages[2] = stages[1];
  if (mask && mask->type->dtype == DT_BOOL) {
    Value *never = call_scalar(c, stages[1]->type->dtype, -INFINITY);
    stages[2] = call_where(c, mask, stages[1], never);
  } else if (mask)
    stages[2] = call_binary(c, OP_ADD, stages[1], mask);
  stages[3] = soft(c, stages[2], mask);
  if (a->shown >= 0 && a->shown < 4) a->scores = stages[a->shown];
  return call_binary(c, OP_MATMUL, stages[3], a->v);
}

// Each head of keys or values for as many queries' heads.
static Value *repeated(Call *c, Value *x, Dim heads) {
  const Dim *d = x->type->dims;
  if (d[1] == heads) return x;
  if (!dim_is_const(d[1]) || !dim_is_const(heads) || heads % d[1])
    return call_fail(c, "the numbers of heads do not fit each other"), NULL;
  Dim groups[] = {d[0], d[1], heads / d[1], d[2], d[3]}, dims[] = {d[0], heads, d[2], d[3]};
  return call_reshape(c, call_expand(c, call_insert_dims(c, x, 2, 1), 5, groups), 4, dims);
}

Value *attend(Call *c, Attend *a) {
  if (!a->q || !a->k || !a->v) return NULL;
  if (a->q->type->rank != 4 || a->k->type->rank != 4 || a->v->type->rank != 4)
    return call_fail(c, "queries, keys and values are not of one rank"), NULL;
  if (!(a->k = repeated(c, a->k, a->q->type->dims[1])) || !(a->v = repeated(c, a->v, a->q->type->dims[1]))) return NULL;
  if (!dim_is_const(a->k->type->dims[3]) || !dim_is_const(a->v->type->dims[3]))
    return call_fail(c, "the depth of its heads is open"), NULL;
  bool plain = a->causal && !a->mask && !a->past && !a->offsets && a->left < 0;
  if (a->softcap != 0 || a->shown >= 0) return written_out(c, a, attend_restrict(c, a->mask, visible(c, a)));
  Attr *attrs = call_attrs(c, OP_SCALED_DOT_PRODUCT_ATTENTION);
  attrs[ATTR_SCALED_DOT_PRODUCT_ATTENTION_is_causal] = ATTR_B(plain);
  attrs[ATTR_SCALED_DOT_PRODUCT_ATTENTION_scale] = ATTR_F(a->scale);
  Value *operands[] = {a->q, a->k, a->v, plain ? NULL : attend_restrict(c, a->mask, visible(c, a))};
  return call_node(c, OP_SCALED_DOT_PRODUCT_ATTENTION, 4, operands, attrs);
}
