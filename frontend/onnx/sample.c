#include "frontend/onnx/sample.h"

void sample_linear(Call *c, Value *x, Dim size, SampleAxis *a) {
  Value *below = call_unary(c, OP_FLOOR, x, NULL), *past = call_binary(c, OP_SUB, x, below);
  *a = (SampleAxis){.size = size, .n = 2, .index = {below, call_with(c, OP_ADD, below, 1)}};
  a->weight[0] = call_binary(c, OP_SUB, call_scalar(c, DT_F32, 1), past);
  a->weight[1] = past;
}

void sample_mask(Call *c, SampleAxis *a, int i, Value *inside) {
  Value *w = call_cast(c, inside, DT_F32);
  a->weight[i] = a->weight[i] ? call_binary(c, OP_MUL, a->weight[i], w) : w;
}

// x as [C, N axes...], of which slices are taken.
static Value *flattened(Call *c, const Sample *s, Dim *elements) {
  const Type *t = s->x->type;
  int64_t order[MAX_RANK];
  *elements = 1;
  for (int i = 0; i < t->rank; i++) {
    order[i] = i < 2 ? 1 - i : i;
    if (i > 1) *elements = dim_mul(c->im->m->dims, *elements, t->dims[i]);
  }
  Dim dims[] = {t->dims[1], dim_mul(c->im->m->dims, *elements, t->dims[0])};
  return call_reshape(c, call_permute(c, s->x, order), 2, dims);
}

// The elements of a tap, [C, places...].
static Value *taken(Call *c, const Sample *s, Value *flat, Value *index) {
  Dim all = 1, dims[MAX_RANK + 1];
  if (!flat || s->n_places + 1 > MAX_RANK) return NULL;
  dims[0] = flat->type->dims[0];
  for (int i = 0; i < s->n_places; i++) {
    dims[1 + i] = s->places[i];
    all = dim_mul(c->im->m->dims, all, s->places[i]);
  }
  index = call_reshape(c, call_expand(c, index, s->n_places, s->places), 1, &all);
  return call_reshape(c, call_index_select(c, flat, 1, index), s->n_places + 1, dims);
}

static Value *product(Call *c, Value *a, Value *b) { return a && b ? call_binary(c, OP_MUL, a, b) : a ? a : b; }

Value *sample(Call *c, const Sample *s) {
  Dim elements, step[SAMPLE_RANK];
  Value *flat = flattened(c, s, &elements), *y = NULL, *index[SAMPLE_RANK][SAMPLE_TAPS];
  Value *base = call_binary(c, OP_MUL, s->batch, call_dim(c, elements));
  int taps = 1;
  for (int i = s->rank - 1; i >= 0; i--) {
    step[i] = i == s->rank - 1 ? 1 : dim_mul(c->im->m->dims, step[i + 1], s->axis[i + 1].size);
    taps *= s->axis[i].n;
    for (int k = 0; k < s->axis[i].n; k++)
      index[i][k] = call_binary(c, OP_MUL, call_cast(c, s->axis[i].index[k], DT_I64), call_dim(c, step[i]));
  }
  for (int tap = 0; tap < taps; tap++) {
    Value *at = base, *weight = NULL;
    for (int i = 0, rest = tap; i < s->rank; rest /= s->axis[i++].n) {
      int k = rest % s->axis[i].n;
      at = call_binary(c, OP_ADD, at, index[i][k]);
      weight = product(c, weight, s->axis[i].weight[k]);
    }
    Value *v = taken(c, s, flat, at);
    if (weight) v = call_binary(c, OP_MUL, v, weight);
    y = tap ? call_binary(c, OP_ADD, y, v) : v;
    if (!y) return NULL;
  }
  return y;
}
