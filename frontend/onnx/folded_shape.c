// Folding of what moves elements: the shape arithmetic that exporters write.
#include "frontend/onnx/folded.h"
#include <math.h>
#include <string.h>

static const Known *like(const Fold *f, const Known *k, int rank, const int64_t *dims) {
  Known *r = known_new(f->m, k->dtype, rank, dims);
  if (!r || r->n != k->n) return NULL;
  r->e = k->e;
  return r;
}

const Known *folded_same(const Fold *f, OpKind op) {
  (void)op;
  return folded_operand(f, 0);
}

static bool axes_of(const Fold *f, int rank, bool *chosen, bool *any) {
  const int64_t *list;
  int n;
  if (!call_int_list(f->c, "axes", 1, &list, &n)) return false;
  *any = n >= 0;
  for (int i = 0; i < n; i++) {
    int64_t axis = list[i] < 0 ? list[i] + rank : list[i];
    if (axis < 0 || axis >= rank) return false;
    chosen[axis] = true;
  }
  return true;
}

const Known *folded_squeeze(const Fold *f, OpKind op) {
  (void)op;
  const Known *x = folded_operand(f, 0);
  bool gone[MAX_RANK] = {false}, any;
  int64_t dims[MAX_RANK];
  int rank = 0;
  if (!x || !axes_of(f, x->rank, gone, &any)) return NULL;
  for (int i = 0; i < x->rank; i++)
    if (any ? !gone[i] : x->dims[i] != 1) dims[rank++] = x->dims[i];
  return like(f, x, rank, dims);
}

const Known *folded_unsqueeze(const Fold *f, OpKind op) {
  (void)op;
  const Known *x = folded_operand(f, 0);
  const int64_t *list;
  int n;
  bool made[2 * MAX_RANK] = {false};
  int64_t dims[2 * MAX_RANK];
  if (!x || !call_int_list(f->c, "axes", 1, &list, &n) || n < 0 || x->rank + n > MAX_RANK) return NULL;
  for (int i = 0; i < n; i++) {
    int64_t axis = list[i] < 0 ? list[i] + x->rank + n : list[i];
    if (axis < 0 || axis >= x->rank + n) return NULL;
    made[axis] = true;
  }
  for (int i = 0, k = 0; i < x->rank + n; i++) {
    if (!made[i] && k == x->rank) return NULL;
    dims[i] = made[i] ? 1 : x->dims[k++];
  }
  return like(f, x, x->rank + n, dims);
}

const Known *folded_reshape(const Fold *f, OpKind op) {
  (void)op;
  const Known *x = folded_operand(f, 0), *shape = folded_operand(f, 1);
  int64_t dims[MAX_RANK] = {0}, known = 1;
  int open = -1;
  if (!x || !shape || shape->n > MAX_RANK || !known_is_const(shape)) return NULL;
  for (int i = 0; i < shape->n; i++) {
    dims[i] = shape->e[i].i;
    if (dims[i] == 0 && !call_int(f->c, "allowzero", 0)) dims[i] = i < x->rank ? x->dims[i] : 0;
    if (dims[i] == -1)
      open = i;
    else if (!checked_mul(known, dims[i], &known))
      return NULL;
  }
  if (open >= 0) {
    if (known < 1 || x->n % known) return NULL;
    dims[open] = x->n / known;
  }
  return like(f, x, (int)shape->n, dims);
}

const Known *folded_concat(const Fold *f, OpKind op) {
  (void)op;
  const Known *first = folded_operand(f, 0);
  if (!first) return NULL;
  int64_t axis = call_int(f->c, "axis", 0), dims[MAX_RANK], outer = 1, inner = 1;
  if (axis < 0) axis += first->rank;
  if (axis < 0 || axis >= first->rank) return NULL;
  memcpy(dims, first->dims, sizeof dims);
  for (int i = 1; i < f->n; i++) {
    const Known *k = f->in[i];
    if (!k || k->rank != first->rank || k->dtype != first->dtype) return NULL;
    for (int d = 0; d < k->rank; d++)
      if (d != axis && k->dims[d] != dims[d]) return NULL;
    dims[axis] += k->dims[axis];
  }
  for (int d = 0; d < axis; d++) outer *= dims[d];
  for (int d = (int)axis + 1; d < first->rank; d++) inner *= dims[d];
  Known *r = known_new(f->m, first->dtype, first->rank, dims);
  KnownElement *to = r ? r->e : NULL;
  for (int64_t o = 0; r && o < outer; o++)
    for (int i = 0; i < f->n; i++) {
      int64_t n = f->in[i]->dims[axis] * inner;
      if (n) memcpy(to, f->in[i]->e + o * n, sizeof *to * (size_t)n);
      to += n;
    }
  return r;
}

const Known *folded_gather(const Fold *f, OpKind op) {
  (void)op;
  const Known *x = folded_operand(f, 0), *index = folded_operand(f, 1);
  if (!x || !index || x->rank + index->rank - 1 > MAX_RANK || !known_is_const(index)) return NULL;
  int64_t axis = call_int(f->c, "axis", 0), dims[MAX_RANK], outer = 1, inner = 1;
  if (axis < 0) axis += x->rank;
  if (axis < 0 || axis >= x->rank) return NULL;
  int rank = 0;
  for (int d = 0; d < axis; d++) outer *= dims[rank++] = x->dims[d];
  for (int d = 0; d < index->rank; d++) dims[rank++] = index->dims[d];
  for (int d = (int)axis + 1; d < x->rank; d++) inner *= dims[rank++] = x->dims[d];
  Known *r = known_new(f->m, x->dtype, rank, dims);
  KnownElement *to = r ? r->e : NULL;
  for (int64_t o = 0; r && o < outer; o++)
    for (int64_t i = 0; i < index->n; i++, to += inner) {
      int64_t at = index->e[i].i < 0 ? index->e[i].i + x->dims[axis] : index->e[i].i;
      if (at < 0 || at >= x->dims[axis]) return NULL;
      memcpy(to, x->e + (o * x->dims[axis] + at) * inner, sizeof *to * (size_t)inner);
    }
  return r;
}

// Of a dimension of `size`: where a slice begins and how many elements it has.
static int64_t slice_count(int64_t size, int64_t step, int64_t *start, int64_t end) {
  if (*start < 0) *start += size;
  if (end < 0) end += size;
  *start = max_i64(0, min_i64(*start, step > 0 ? size : size - 1));
  end = max_i64(step > 0 ? 0 : -1, min_i64(end, size));
  return max_i64(0, step > 0 ? ceil_div(end - *start, step) : ceil_div(*start - end, -step));
}

const Known *folded_slice(const Fold *f, OpKind op) {
  (void)op;
  const Known *x = folded_operand(f, 0);
  const int64_t *starts, *ends, *axes, *steps;
  int n, n_ends, n_axes, n_steps;
  if (!x || !call_int_list(f->c, "starts", 1, &starts, &n) || !call_int_list(f->c, "ends", 2, &ends, &n_ends) ||
      !call_int_list(f->c, "axes", 3, &axes, &n_axes) || !call_int_list(f->c, NULL, 4, &steps, &n_steps) || n < 0 ||
      n > x->rank || n_ends != n || (n_axes >= 0 && n_axes != n) || (n_steps >= 0 && n_steps != n))
    return NULL;
  int64_t first[MAX_RANK] = {0}, by[MAX_RANK], dims[MAX_RANK], at[MAX_RANK] = {0};
  for (int d = 0; d < x->rank; d++) by[d] = 1, dims[d] = x->dims[d];
  for (int i = 0; i < n; i++) {
    int64_t axis = n_axes >= 0 ? axes[i] : i, step = n_steps >= 0 ? steps[i] : 1;
    if (axis < 0) axis += x->rank;
    if (axis < 0 || axis >= x->rank || !step || step == INT64_MIN || !dim_is_const(starts[i]) || !dim_is_const(ends[i]))
      return NULL;
    first[axis] = starts[i];
    by[axis] = step;
    dims[axis] = slice_count(x->dims[axis], step, &first[axis], ends[i]);
  }
  Known *r = known_new(f->m, x->dtype, x->rank, dims);
  for (int64_t i = 0; r && i < r->n; i++) {
    int64_t place = 0;
    for (int d = 0; d < x->rank; d++) place = place * x->dims[d] + first[d] + at[d] * by[d];
    r->e[i] = x->e[place];
    for (int d = x->rank - 1; d >= 0 && ++at[d] == dims[d]; d--) at[d] = 0;
  }
  return r;
}

const Known *folded_range(const Fold *f, OpKind op) {
  (void)op;
  const Known *a = folded_operand(f, 0), *b = folded_operand(f, 1), *s = folded_operand(f, 2);
  if (!a || !b || !s || a->n != 1 || b->n != 1 || s->n != 1 || a->dtype != b->dtype || a->dtype != s->dtype)
    return NULL;
  if (!known_is_const(a) || !known_is_const(b) || !known_is_const(s)) return NULL;
  double count = known_is_real(a) ? ceil((b->e->f - a->e->f) / s->e->f)
                 : s->e->i        ? ceil(((double)b->e->i - (double)a->e->i) / (double)s->e->i)
                                  : NAN;
  if (!(count <= KNOWN_MAX)) return NULL;
  int64_t n = count < 0 ? 0 : (int64_t)count;
  Known *r = known_new(f->m, a->dtype, 1, &n);
  for (int64_t i = 0; r && i < n; i++)
    if (known_is_real(a))
      r->e[i].f = a->e->f + (double)i * s->e->f;
    else
      r->e[i].i = (int64_t)((uint64_t)a->e->i + (uint64_t)i * (uint64_t)s->e->i);
  for (int64_t i = 0; r && i < n; i++) r->e[i] = known_fitted(r->dtype, r->e[i]);
  return r;
}

const Known *folded_expand(const Fold *f, OpKind op) {
  (void)op;
  const Known *x = folded_operand(f, 0), *shape = folded_operand(f, 1);
  if (!x || !shape || shape->n > MAX_RANK || !known_is_const(shape)) return NULL;
  Known wanted = {.rank = (int)shape->n};
  for (int i = 0; i < wanted.rank; i++) wanted.dims[i] = shape->e[i].i;
  int64_t dims[MAX_RANK];
  int rank;
  if (!known_broadcast(x, &wanted, &rank, dims)) return NULL;
  Known *r = known_new(f->m, x->dtype, rank, dims);
  for (int64_t i = 0; r && i < r->n; i++) r->e[i] = known_spread(x, rank, dims, i);
  return r;
}

const Known *folded_transpose(const Fold *f, OpKind op) {
  (void)op;
  const Known *x = folded_operand(f, 0);
  const int64_t *perm;
  int n = call_ints(f->c, "perm", &perm);
  if (!x || (n && n != x->rank)) return NULL;
  int64_t from[MAX_RANK], strides[MAX_RANK], dims[MAX_RANK], at[MAX_RANK] = {0}, step = 1;
  for (int d = x->rank - 1; d >= 0; d--) strides[d] = step, step *= x->dims[d];
  for (int d = 0; d < x->rank; d++) {
    from[d] = n ? perm[d] : x->rank - 1 - d;
    if (from[d] < 0 || from[d] >= x->rank) return NULL;
    dims[d] = x->dims[from[d]];
  }
  Known *r = known_new(f->m, x->dtype, x->rank, dims);
  if (!r || r->n != x->n) return NULL;
  for (int64_t i = 0; i < r->n; i++) {
    int64_t place = 0;
    for (int d = 0; d < x->rank; d++) place += at[d] * strides[from[d]];
    r->e[i] = x->e[place];
    for (int d = x->rank - 1; d >= 0 && ++at[d] == dims[d]; d--) at[d] = 0;
  }
  return r;
}

// Vectors only.
const Known *folded_tile(const Fold *f, OpKind op) {
  (void)op;
  const Known *x = folded_operand(f, 0), *times = folded_operand(f, 1);
  int64_t n;
  if (!x || !times || x->rank != 1 || times->n != 1 || !known_is_const(times) || times->e->i < 0 ||
      !checked_mul(x->n, times->e->i, &n))
    return NULL;
  Known *r = known_new(f->m, x->dtype, 1, &n);
  for (int64_t i = 0; r && i < n; i++) r->e[i] = x->e[i % x->n];
  return r;
}

static Dim joined(DimTable *t, OpKind op, Dim a, Dim b) {
  return op == OP_PROD   ? dim_mul(t, a, b)
         : op == OP_SUM  ? dim_add(t, a, b)
         : op == OP_AMAX ? dim_max(t, a, b)
                         : dim_min(t, a, b);
}

// Over all elements of a vector of integers, as shapes are counted.
const Known *folded_reduced(const Fold *f, OpKind op) {
  const Known *x = folded_operand(f, 0);
  if (!x || known_is_real(x) || x->rank != 1 || !x->n || call_int(f->c, "noop_with_empty_axes", 0)) return NULL;
  Dim v = x->e[0].i;
  for (int64_t i = 1; i < x->n && v != DIM_INVALID; i++) v = joined(f->m->dims, op, v, x->e[i].i);
  if (v == DIM_INVALID) return NULL;
  Known *r = known_new(f->m, x->dtype, (int)call_int(f->c, "keepdims", 1) != 0, (int64_t[]){1});
  r->e[0].i = v;
  r->e[0] = known_fitted(r->dtype, r->e[0]);
  return r;
}
