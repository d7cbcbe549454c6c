#include "frontend/onnx/known.h"
#include "frontend/onnx/import.h"
#include <math.h>
#include <string.h>

// ---- making

Known *known_new(Module *m, DType dtype, int rank, const int64_t *dims) {
  int64_t n = 1;
  for (int i = 0; i < rank; i++)
    if (dims[i] < 0 || !checked_mul(n, dims[i], &n) || n > KNOWN_MAX) return NULL;
  Known *k = arena_new(m->arena, Known);
  k->dtype = dtype;
  k->rank = rank;
  if (rank) memcpy(k->dims, dims, sizeof *dims * (size_t)rank);
  k->n = n;
  k->e = arena_array(m->arena, KnownElement, n);
  return k;
}

const Known *known_ints(Module *m, DType dtype, int n, const Dim *list) {
  Known *k = known_new(m, dtype, 1, (int64_t[]){n});
  for (int i = 0; k && i < n; i++) k->e[i].i = list[i];
  return k;
}

// Integers from 2^62 on are symbolic as Dims; as ends of slices, where they occur, they mean: as far as it goes.
Dim known_int(int64_t v) { return min_i64(v, DIM_SYMBOLIC - 1); }

const Known *known_of_weight(Module *m, Weight *w) {
  DType stored;
  const void *data = weight_count(w) <= KNOWN_MAX ? weight_data(w, &stored) : NULL;
  if (!data) return NULL;
  Known *k = known_new(m, w->type->dtype, w->type->rank, w->type->dims);
  for (int64_t i = 0; k && i < k->n; i++)
    if (dtype_is_float(k->dtype))
      k->e[i].f = dtype_load(stored, data, i);
    else
      k->e[i].i = known_int(stored == DT_I64 ? ((const int64_t *)data)[i] : (int64_t)dtype_load(stored, data, i));
  return k;
}

bool known_is_const(const Known *k) {
  for (int64_t i = 0; !dtype_is_float(k->dtype) && i < k->n; i++)
    if (!dim_is_const(k->e[i].i)) return false;
  return true;
}

// ---- into the graph

static Value *constant(Module *m, const Known *k, const char *hint) {
  Blob *b = blob_malloc((size_t)k->n * dtype_size(k->dtype));
  for (int64_t i = 0; i < k->n; i++)
    if (k->dtype == DT_I64)
      ((int64_t *)(void *)b->data)[i] = k->e[i].i;
    else
      dtype_store(k->dtype, (void *)b->data, i, dtype_is_float(k->dtype) ? k->e[i].f : (double)k->e[i].i);
  return graph_dense(m, hint, type_get(m, k->dtype, k->rank, k->dims), b)->value;
}

static Value *node(Module *m, OpKind op, int n, Value *const *operands, const Attr *attrs) {
  Node *made = graph_node(m, &(NodeSpec){.op = op, .n_operands = n, .operands = operands, .attrs = attrs});
  return made ? result(made) : NULL;
}

// An open dimension is what arange makes of it alone.
static Value *open_vector(Module *m, const Known *k) {
  Value **parts = arena_array(m->arena, Value *, k->n);
  for (int64_t i = 0; i < k->n; i++) {
    Dim *range = arena_array(m->arena, Dim, 2);
    range[0] = k->e[i].i;
    range[1] = dim_add(m->dims, k->e[i].i, 1);
    Attr attrs[] = {[ATTR_ARANGE_start] = {ATTR_DIMS, 1, .ints = range},
                    [ATTR_ARANGE_end] = {ATTR_DIMS, 1, .ints = range + 1},
                    [ATTR_ARANGE_step] = {.kind = ATTR_INT, .i = 1},
                    [ATTR_ARANGE_dtype] = {.kind = ATTR_DTYPE, .i = k->dtype}};
    if (!(parts[i] = node(m, OP_ARANGE, 0, NULL, attrs))) return NULL;
  }
  Attr dim = {.kind = ATTR_INT, .i = 0};
  return k->n == 1 ? parts[0] : node(m, OP_CONCAT, (int)k->n, parts, &dim);
}

Value *known_value(Module *m, const Known *k, const char *hint) {
  if (!k->n) {
    diag_error_file(m->diag, hint, "an empty tensor cannot be computed with");
    return NULL;
  }
  if (known_is_const(k)) return constant(m, k, hint);
  Value *v = open_vector(m, k);
  Attr shape = {ATTR_DIMS, k->rank, .ints = k->dims};
  return !v || k->rank == 1 ? v : node(m, OP_RESHAPE, 1, &v, &shape);
}

// ---- folding. Each fold_ function sees a node whose operands are all known; NULL: it declines.

typedef struct Fold {
  Call *c;
  Module *m;
  const Known **in; // NULL: absent
  int n;
} Fold;

static const Known *operand_at(const Fold *f, int i) { return i < f->n ? f->in[i] : NULL; }
static bool is_real(const Known *k) { return dtype_is_float(k->dtype); }

// As its type keeps it: wraps integers, rounds floats. A symbolic dimension stays as it is.
static KnownElement fitted(DType t, KnownElement e) {
  unsigned char room[8];
  if (dtype_is_float(t)) {
    dtype_store(t, room, 0, e.f);
    e.f = dtype_load(t, room, 0);
  } else if (dim_is_const(e.i)) {
    int bits = 8 * (int)dtype_size(t);
    uint64_t u = (uint64_t)e.i;
    if (t == DT_BOOL)
      e.i = u != 0;
    else if (bits < 64) {
      u &= (UINT64_C(1) << bits) - 1;
      e.i = dtype_load(t, &u, 0) < 0 ? (int64_t)(u | ~((UINT64_C(1) << bits) - 1)) : (int64_t)u;
    }
  }
  return e;
}

static const Known *like(const Fold *f, const Known *k, int rank, const int64_t *dims) {
  Known *r = known_new(f->m, k->dtype, rank, dims);
  if (!r || r->n != k->n) return NULL;
  r->e = k->e;
  return r;
}

// ---- elementwise

static bool broadcast(const Known *a, const Known *b, int *rank, int64_t *dims) {
  *rank = a->rank > b->rank ? a->rank : b->rank;
  for (int i = 0; i < *rank; i++) {
    int x = i - (*rank - a->rank), y = i - (*rank - b->rank);
    int64_t da = x < 0 ? 1 : a->dims[x], db = y < 0 ? 1 : b->dims[y];
    if (da != db && da != 1 && db != 1) return false;
    dims[i] = da == 1 ? db : da;
  }
  return true;
}

// The element of k that stands at element `i` of a tensor of these dimensions.
static KnownElement spread(const Known *k, int rank, const int64_t *dims, int64_t i) {
  int64_t at = 0, step = 1;
  for (int d = rank - 1; d >= 0; d--) {
    int64_t x = i % dims[d];
    i /= dims[d];
    int own = d - (rank - k->rank);
    if (own < 0) continue;
    at += (k->dims[own] == 1 ? 0 : x) * step;
    step *= k->dims[own];
  }
  return k->e[at];
}

static Dim truncated(DimTable *t, Dim a, Dim b) {
  if (!dim_is_const(a) || !dim_is_const(b)) return dim_floordiv(t, a, b); // sizes are not negative
  return b ? a / b : DIM_INVALID;
}

static Dim integer(DimTable *t, OpKind op, Dim a, Dim b) {
  switch (op) {
  case OP_ADD: return dim_add(t, a, b);
  case OP_SUB: return dim_sub(t, a, b);
  case OP_MUL: return dim_mul(t, a, b);
  case OP_DIV: return truncated(t, a, b);
  case OP_MINIMUM: return dim_min(t, a, b);
  case OP_MAXIMUM: return dim_max(t, a, b);
  case OP_EQ: return dim_eq(t, a, b);
  case OP_LT: return dim_lt(t, a, b);
  case OP_LE: return dim_le(t, a, b);
  case OP_GT: return dim_lt(t, b, a);
  case OP_GE: return dim_le(t, b, a);
  case OP_LOGICAL_AND: return dim_and(t, a, b);
  case OP_LOGICAL_OR: return dim_or(t, a, b);
  default: return DIM_INVALID;
  }
}

static bool real(OpKind op, double a, double b, double *r) {
  switch (op) {
  case OP_ADD: *r = a + b; return true;
  case OP_SUB: *r = a - b; return true;
  case OP_MUL: *r = a * b; return true;
  case OP_DIV: *r = a / b; return true;
  case OP_POW: *r = pow(a, b); return true;
  case OP_EQ: *r = a == b; return true;
  case OP_LT: *r = a < b; return true;
  case OP_LE: *r = a <= b; return true;
  case OP_GT: *r = a > b; return true;
  case OP_GE: *r = a >= b; return true;
  case OP_MINIMUM: *r = isnan(a) || a < b ? a : b; return true;
  case OP_MAXIMUM: *r = isnan(a) || a > b ? a : b; return true;
  default: return false;
  }
}

static bool is_question(OpKind op) { return op >= OP_EQ && op <= OP_LOGICAL_XOR; }

static const Known *fold_binary(const Fold *f, OpKind op) {
  const Known *a = operand_at(f, 0), *b = operand_at(f, 1);
  int64_t dims[MAX_RANK];
  int rank;
  if (!a || !b || f->n != 2 || a->dtype != b->dtype || !broadcast(a, b, &rank, dims)) return NULL;
  Known *r = known_new(f->m, is_question(op) ? DT_BOOL : a->dtype, rank, dims);
  for (int64_t i = 0; r && i < r->n; i++) {
    KnownElement x = spread(a, rank, dims, i), y = spread(b, rank, dims, i), e;
    if (is_real(a)) {
      double v;
      if (!real(op, x.f, y.f, &v)) return NULL;
      if (is_question(op))
        e.i = v != 0;
      else
        e.f = v;
    } else if ((e.i = integer(f->m->dims, op, x.i, y.i)) == DIM_INVALID)
      return NULL;
    r->e[i] = fitted(r->dtype, e);
  }
  return r;
}

static bool unary(DimTable *t, OpKind op, bool is_float, KnownElement x, KnownElement *r) {
  if (!is_float) switch (op) {
    case OP_NEG: r->i = dim_sub(t, 0, x.i); break;
    case OP_ABS: r->i = dim_max(t, x.i, dim_sub(t, 0, x.i)); break;
    case OP_LOGICAL_NOT: r->i = dim_not(t, x.i); break;
    default: return false;
    }
  else
    switch (op) {
    case OP_NEG: r->f = -x.f; break;
    case OP_ABS: r->f = fabs(x.f); break;
    case OP_FLOOR: r->f = floor(x.f); break;
    case OP_CEIL: r->f = ceil(x.f); break;
    case OP_ROUND: r->f = nearbyint(x.f); break;
    case OP_SQRT: r->f = sqrt(x.f); break;
    case OP_RECIPROCAL: r->f = 1 / x.f; break;
    default: return false;
    }
  return is_float || r->i != DIM_INVALID;
}

static const Known *fold_unary(const Fold *f, OpKind op) {
  const Known *x = operand_at(f, 0);
  Known *r = x && f->n == 1 ? known_new(f->m, x->dtype, x->rank, x->dims) : NULL;
  for (int64_t i = 0; r && i < r->n; i++) {
    if (!unary(f->m->dims, op, is_real(x), x->e[i], &r->e[i])) return NULL;
    r->e[i] = fitted(r->dtype, r->e[i]);
  }
  return r;
}

static const Known *fold_cast(const Fold *f, OpKind op) {
  (void)op;
  const Known *x = operand_at(f, 0);
  DType to;
  if (!x || !tensor_dtype(call_int(f->c, "to", 0), &to)) return NULL;
  Known *r = known_new(f->m, to, x->rank, x->dims);
  for (int64_t i = 0; r && i < r->n; i++) {
    KnownElement e = x->e[i];
    if (is_real(x) && !dtype_is_float(to)) {
      if (to == DT_BOOL)
        e.i = e.f != 0;
      else if (e.f > -0x1p53 && e.f < 0x1p53)
        e.i = (int64_t)e.f;
      else
        return NULL;
    } else if (!is_real(x) && dtype_is_float(to)) {
      if (!dim_is_const(e.i)) return NULL;
      e.f = (double)e.i;
    }
    r->e[i] = fitted(to, e);
  }
  return r;
}

static const Known *fold_where(const Fold *f, OpKind op) {
  (void)op;
  const Known *q = operand_at(f, 0), *a = operand_at(f, 1), *b = operand_at(f, 2);
  int64_t dims[MAX_RANK] = {0};
  int rank;
  if (!q || !a || !b || a->dtype != b->dtype || !broadcast(a, b, &rank, dims)) return NULL;
  Known shape = {.rank = rank};
  memcpy(shape.dims, dims, sizeof dims);
  if (!broadcast(&shape, q, &rank, dims)) return NULL;
  Known *r = known_new(f->m, a->dtype, rank, dims);
  for (int64_t i = 0; r && i < r->n; i++) {
    Dim chosen = spread(q, rank, dims, i).i;
    if (!dim_is_const(chosen)) return NULL;
    r->e[i] = spread(chosen ? a : b, rank, dims, i);
  }
  return r;
}

// ---- shape

static const Known *fold_same(const Fold *f, OpKind op) {
  (void)op;
  return operand_at(f, 0);
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

static const Known *fold_squeeze(const Fold *f, OpKind op) {
  (void)op;
  const Known *x = operand_at(f, 0);
  bool gone[MAX_RANK] = {false}, any;
  int64_t dims[MAX_RANK];
  int rank = 0;
  if (!x || !axes_of(f, x->rank, gone, &any)) return NULL;
  for (int i = 0; i < x->rank; i++)
    if (any ? !gone[i] : x->dims[i] != 1) dims[rank++] = x->dims[i];
  return like(f, x, rank, dims);
}

static const Known *fold_unsqueeze(const Fold *f, OpKind op) {
  (void)op;
  const Known *x = operand_at(f, 0);
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

static const Known *fold_reshape(const Fold *f, OpKind op) {
  (void)op;
  const Known *x = operand_at(f, 0), *shape = operand_at(f, 1);
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

static const Known *fold_concat(const Fold *f, OpKind op) {
  (void)op;
  const Known *first = operand_at(f, 0);
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

static const Known *fold_gather(const Fold *f, OpKind op) {
  (void)op;
  const Known *x = operand_at(f, 0), *index = operand_at(f, 1);
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

// Vectors only: what shapes are cut from.
static const Known *fold_slice(const Fold *f, OpKind op) {
  (void)op;
  const Known *x = operand_at(f, 0);
  const int64_t *starts, *ends, *axes, *steps;
  int n, n_ends, n_axes, n_steps;
  if (!x || x->rank != 1 || !call_int_list(f->c, "starts", 1, &starts, &n) ||
      !call_int_list(f->c, "ends", 2, &ends, &n_ends) || !call_int_list(f->c, "axes", 3, &axes, &n_axes) ||
      !call_int_list(f->c, NULL, 4, &steps, &n_steps) || n != 1 || n_ends != 1 || !dim_is_const(*starts) ||
      !dim_is_const(*ends))
    return NULL;
  int64_t size = x->dims[0], step = n_steps == 1 ? *steps : 1, start = *starts, end = *ends;
  if (step == 0 || step == INT64_MIN) return NULL;
  if (start < 0) start += size;
  if (end < 0) end += size;
  start = max_i64(0, min_i64(start, step > 0 ? size : size - 1));
  end = max_i64(step > 0 ? 0 : -1, min_i64(end, size));
  int64_t count = max_i64(0, step > 0 ? ceil_div(end - start, step) : ceil_div(start - end, -step));
  Known *r = known_new(f->m, x->dtype, 1, &count);
  for (int64_t i = 0; r && i < count; i++) r->e[i] = x->e[start + i * step];
  return r;
}

static const Known *fold_range(const Fold *f, OpKind op) {
  (void)op;
  const Known *a = operand_at(f, 0), *b = operand_at(f, 1), *s = operand_at(f, 2);
  if (!a || !b || !s || a->n != 1 || b->n != 1 || s->n != 1 || a->dtype != b->dtype || a->dtype != s->dtype)
    return NULL;
  if (!known_is_const(a) || !known_is_const(b) || !known_is_const(s)) return NULL;
  double count = is_real(a) ? ceil((b->e->f - a->e->f) / s->e->f)
                 : s->e->i  ? ceil(((double)b->e->i - (double)a->e->i) / (double)s->e->i)
                            : NAN;
  if (!(count <= KNOWN_MAX)) return NULL;
  int64_t n = count < 0 ? 0 : (int64_t)count;
  Known *r = known_new(f->m, a->dtype, 1, &n);
  for (int64_t i = 0; r && i < n; i++)
    if (is_real(a))
      r->e[i].f = a->e->f + (double)i * s->e->f;
    else
      r->e[i].i = a->e->i + i * s->e->i;
  for (int64_t i = 0; r && i < n; i++) r->e[i] = fitted(r->dtype, r->e[i]);
  return r;
}

static const Known *fold_expand(const Fold *f, OpKind op) {
  (void)op;
  const Known *x = operand_at(f, 0), *shape = operand_at(f, 1);
  if (!x || !shape || shape->n > MAX_RANK || !known_is_const(shape)) return NULL;
  Known wanted = {.rank = (int)shape->n};
  for (int i = 0; i < wanted.rank; i++) wanted.dims[i] = shape->e[i].i;
  int64_t dims[MAX_RANK];
  int rank;
  if (!broadcast(x, &wanted, &rank, dims)) return NULL;
  Known *r = known_new(f->m, x->dtype, rank, dims);
  for (int64_t i = 0; r && i < r->n; i++) r->e[i] = spread(x, rank, dims, i);
  return r;
}

// Over all elements of a vector, as shapes are counted.
static const Known *fold_product(const Fold *f, OpKind op) {
  const Known *x = operand_at(f, 0);
  if (!x || is_real(x) || x->rank != 1) return NULL;
  Dim v = op == OP_PROD;
  for (int64_t i = 0; i < x->n; i++)
    v = op == OP_PROD ? dim_mul(f->m->dims, v, x->e[i].i) : dim_add(f->m->dims, v, x->e[i].i);
  if (v == DIM_INVALID) return NULL;
  Known *r = known_new(f->m, x->dtype, (int)call_int(f->c, "keepdims", 1) != 0, (int64_t[]){1});
  r->e[0].i = v;
  return r;
}

static const struct {
  const char *name;
  const Known *(*fold)(const Fold *f, OpKind op);
  OpKind op;
} folds[] = {
    {"Add", fold_binary, OP_ADD},
    {"Sub", fold_binary, OP_SUB},
    {"Mul", fold_binary, OP_MUL},
    {"Div", fold_binary, OP_DIV},
    {"Pow", fold_binary, OP_POW},
    {"Min", fold_binary, OP_MINIMUM},
    {"Max", fold_binary, OP_MAXIMUM},
    {"Equal", fold_binary, OP_EQ},
    {"Less", fold_binary, OP_LT},
    {"LessOrEqual", fold_binary, OP_LE},
    {"Greater", fold_binary, OP_GT},
    {"GreaterOrEqual", fold_binary, OP_GE},
    {"And", fold_binary, OP_LOGICAL_AND},
    {"Or", fold_binary, OP_LOGICAL_OR},
    {"Neg", fold_unary, OP_NEG},
    {"Abs", fold_unary, OP_ABS},
    {"Not", fold_unary, OP_LOGICAL_NOT},
    {"Floor", fold_unary, OP_FLOOR},
    {"Ceil", fold_unary, OP_CEIL},
    {"Round", fold_unary, OP_ROUND},
    {"Sqrt", fold_unary, OP_SQRT},
    {"Reciprocal", fold_unary, OP_RECIPROCAL},
    {"Cast", fold_cast, OP_CAST},
    {"Where", fold_where, OP_WHERE},
    {"Identity", fold_same, OP_COUNT},
    {"Squeeze", fold_squeeze, OP_COUNT},
    {"Unsqueeze", fold_unsqueeze, OP_COUNT},
    {"Reshape", fold_reshape, OP_COUNT},
    {"Concat", fold_concat, OP_COUNT},
    {"Gather", fold_gather, OP_COUNT},
    {"Slice", fold_slice, OP_COUNT},
    {"Range", fold_range, OP_COUNT},
    {"Expand", fold_expand, OP_COUNT},
    {"ReduceProd", fold_product, OP_PROD},
    {"ReduceSum", fold_product, OP_SUM},
};

bool known_fold(Call *c) {
  if (!c->n_in || c->n_out != 1 || (c->node->domain && *c->node->domain && strcmp(c->node->domain, "ai.onnx")))
    return false;
  size_t i = 0, n = sizeof folds / sizeof *folds;
  while (i < n && strcmp(folds[i].name, c->node->op_type)) i++;
  if (i == n) return false;
  Fold f = {.c = c, .m = c->im->m, .in = arena_array(c->im->m->arena, const Known *, c->n_in), .n = c->n_in};
  for (int k = 0; k < c->n_in; k++)
    if (call_has(c, k) && !(f.in[k] = call_known(c, k))) return false;
  return call_result_known(c, 0, folds[i].fold(&f, folds[i].op));
}
