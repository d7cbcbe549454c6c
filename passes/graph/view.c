#include "passes/graph/view.h"
#include "ir/core/check.h"
#include <string.h>

static void begin(View *to, int rank, const View *from) {
  *to = (View){.rank = rank, .last = from->last, .start = from->start};
}

// Appends a factor to dimension i, which is the last that has any. False: there are too many.
static bool append(View *v, int i, Factor f) {
  if (f.size == 1) return true;
  if (v->begin[i + 1] == MAX_FACTORS) return false;
  v->factors[v->begin[i + 1]++] = f;
  return true;
}

static void open(View *v, int i) { v->begin[i + 1] = v->begin[i]; }

View view_whole(const Type *base) {
  View v = {.rank = base->rank, .last = base->rank - 1};
  for (int i = 0; i < base->rank; i++) {
    open(&v, i);
    append(&v, i, (Factor){base->dims[i], 1, i});
  }
  return v;
}

bool view_moves(const Node *n) { return n->op == OP_RESHAPE || n->op == OP_PERMUTE || n->op == OP_SLICE; }

void view_permute(View *v, const int64_t *dims) {
  View to;
  begin(&to, v->rank, v);
  for (int i = 0; i < v->rank; i++) {
    open(&to, i);
    for (int k = v->begin[dims[i]]; k < v->begin[dims[i] + 1]; k++)
      CHECK(append(&to, i, v->factors[k]), "a permutation has as many factors");
  }
  *v = to;
}

int view_join(DimTable *t, int n, const Factor *in, Factor *out) {
  int joined = 0;
  for (int i = 0; i < n; i++) {
    Factor f = in[i], *before = joined ? &out[joined - 1] : NULL;
    if (before && before->axis == f.axis && before->stride == dim_mul(t, f.size, f.stride))
      *before = (Factor){dim_mul(t, before->size, f.size), f.stride, f.axis};
    else
      out[joined++] = f;
  }
  return joined;
}

bool view_same_factors(int n, const Factor *a, int m, const Factor *b) {
  bool same = n == m;
  for (int i = 0; same && i < n; i++)
    same = a[i].size == b[i].size && a[i].stride == b[i].stride && a[i].axis == b[i].axis;
  return same;
}

// a / b where that is whole for sure; else 0.
static Dim quotient(DimTable *t, Dim a, Dim b) {
  Dim q = dim_floordiv(t, a, b);
  return dim_mul(t, q, b) == a ? q : 0;
}

// Takes factors off the front of the list *f until dimension i has `size` elements; the last may be taken in part.
static bool fill(DimTable *t, View *v, int i, Dim size, Factor **f, const Factor *end) {
  while (size != 1) {
    if (*f == end) return false;
    Factor *next = *f;
    Dim rest = quotient(t, size, next->size), inner = rest ? 0 : quotient(t, next->size, size);
    if (rest) {
      if (!append(v, i, *next)) return false;
      size = rest;
      ++*f;
    } else if (inner) {
      next->size = inner;
      return append(v, i, (Factor){size, dim_mul(t, next->stride, inner), next->axis});
    } else {
      return false;
    }
  }
  return true;
}

static bool reshape(DimTable *t, View *v, const Type *to) {
  Factor all[MAX_FACTORS], *f = all;
  const Factor *end = all + view_join(t, v->begin[v->rank], v->factors, all);
  begin(v, to->rank, &(View){.last = v->last, .start = v->start});
  for (int i = 0; i < to->rank; i++) {
    open(v, i);
    if (!fill(t, v, i, to->dims[i], &f, end)) return false;
  }
  return f == end;
}

// A start is known along the last axis only: elsewhere what is cut off at the end is all that can be stated.
static bool cut(Factor *f, int last, Dim start, int64_t step, Dim size, int64_t *shift) {
  bool known = dim_is_const(start) && dim_is_const(f->stride);
  if (!known || (start && f->axis != last)) return false;
  *shift += start * f->stride;
  f->stride *= step;
  f->size = size;
  return true;
}

static bool slice(View *v, const Node *n) {
  const Attr *axes = NODE_ATTR(n, SLICE, dims), *starts = NODE_ATTR(n, SLICE, starts),
             *steps = NODE_ATTR(n, SLICE, steps);
  View from = *v;
  for (int i = 0; i < axes->n; i++) {
    int64_t axis = axes->ints[i];
    int at = from.begin[axis], factors = from.begin[axis + 1] - at;
    if (!factors) continue; // one element, and some are left
    if (factors > 1 ||
        !cut(&from.factors[at], v->last, starts->ints[i], steps->ints[i], result(n)->type->dims[axis], &from.start))
      return false;
  }
  begin(v, from.rank, &from);
  for (int i = 0; i < from.rank; i++) {
    open(v, i);
    for (int k = from.begin[i]; k < from.begin[i + 1]; k++)
      CHECK(append(v, i, from.factors[k]), "a slice has no more factors");
  }
  return true;
}

bool view_move(DimTable *t, View *v, const Node *n) {
  switch (n->op) {
  case OP_RESHAPE: return reshape(t, v, result(n)->type);
  case OP_PERMUTE: return view_permute(v, NODE_ATTR(n, PERMUTE, dims)->ints), true;
  case OP_SLICE: return slice(v, n);
  default: UNREACHABLE("%s moves more than elements", op_info(n->op)->name);
  }
}
