// What is computed element by element, and the table of what can be folded.
#include "frontend/onnx/folded.h"
#include <math.h>
#include <string.h>

KnownElement known_fitted(DType t, KnownElement e) {
  unsigned char room[8];
  if (dtype_is_float(t)) {
    if (e.den) return e;
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

// ---- elementwise

bool known_broadcast(const Known *a, const Known *b, int *rank, int64_t *dims) {
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
KnownElement known_spread(const Known *k, int rank, const int64_t *dims, int64_t i) {
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
  return b == 0 ? DIM_INVALID : b == -1 ? dim_sub(t, 0, a) : a / b;
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
  case OP_LOGICAL_XOR: return dim_not(t, dim_eq(t, a, b)); // of booleans
  case OP_COUNT: return dim_is_const(b) && b > 0 ? dim_mod(t, a, b) : DIM_INVALID;
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

const Known *folded_binary(const Fold *f, OpKind op) {
  const Known *a = folded_operand(f, 0), *b = folded_operand(f, 1);
  int64_t dims[MAX_RANK];
  int rank;
  if (op == OP_COUNT && call_int(f->c, "fmod", 0)) return NULL; // of Mod
  if (!a || !b || f->n != 2 || a->dtype != b->dtype || !known_broadcast(a, b, &rank, dims)) return NULL;
  Known *r = known_new(f->m, is_question(op) ? DT_BOOL : a->dtype, rank, dims);
  for (int64_t i = 0; r && i < r->n; i++) {
    KnownElement x = known_spread(a, rank, dims, i), y = known_spread(b, rank, dims, i), e = {0};
    if (x.den || y.den) {
      if (!ratio_binary(f->m->dims, op, x, y, &e)) return NULL;
    } else if (known_is_real(a)) {
      double v;
      if (!real(op, x.f, y.f, &v)) return NULL;
      if (is_question(op))
        e.i = v != 0;
      else
        e.f = v;
    } else if ((e.i = integer(f->m->dims, op, x.i, y.i)) == DIM_INVALID)
      return NULL;
    r->e[i] = known_fitted(r->dtype, e);
  }
  return r;
}

static bool unary(DimTable *t, OpKind op, bool is_float, KnownElement x, KnownElement *r) {
  if (x.den) return ratio_unary(t, op, x, r);
  if (!is_float) switch (op) {
    case OP_NEG: r->i = dim_sub(t, 0, x.i); break;
    case OP_ABS: r->i = dim_max(t, x.i, dim_sub(t, 0, x.i)); break;
    case OP_LOGICAL_NOT: r->i = dim_not(t, x.i); break;
    case OP_RELU: r->i = dim_max(t, x.i, 0); break;
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
    case OP_RELU: r->f = x.f < 0 ? 0 : x.f; break;
    case OP_EXP: r->f = exp(x.f); break;
    case OP_LOG: r->f = log(x.f); break;
    default: return false;
    }
  return is_float || r->i != DIM_INVALID;
}

const Known *folded_unary(const Fold *f, OpKind op) {
  const Known *x = folded_operand(f, 0);
  Known *r = x && f->n == 1 ? known_new(f->m, x->dtype, x->rank, x->dims) : NULL;
  for (int64_t i = 0; r && i < r->n; i++) {
    if (!unary(f->m->dims, op, known_is_real(x), x->e[i], &r->e[i])) return NULL;
    r->e[i] = known_fitted(r->dtype, r->e[i]);
  }
  return r;
}

const Known *folded_cast(const Fold *f, OpKind op) {
  const Known *x = folded_operand(f, 0);
  DType to;
  const Type *like = op == OP_CAST && f->n > 1 ? call_type(f->c, 1) : NULL;
  if (like) to = like->dtype;
  if (!x || (!like && !tensor_dtype(call_int(f->c, "to", 0), &to))) return NULL;
  Known *r = known_new(f->m, to, x->rank, x->dims);
  for (int64_t i = 0; r && i < r->n; i++) {
    KnownElement e = x->e[i];
    if (known_is_real(x) && !dtype_is_float(to)) {
      if (e.den) {
        if (to == DT_BOOL || !ratio_truncated(f->m->dims, e, &e.i)) return NULL;
        e.den = 0;
      } else if (to == DT_BOOL)
        e.i = e.f != 0;
      else if (e.f > -0x1p53 && e.f < 0x1p53)
        e.i = (int64_t)e.f;
      else
        return NULL;
    } else if (!known_is_real(x) && dtype_is_float(to)) {
      if (dim_is_const(e.i))
        e.f = (double)e.i;
      else
        e = ratio_from(e.i);
    }
    r->e[i] = known_fitted(to, e);
  }
  return r;
}

const Known *folded_where(const Fold *f, OpKind op) {
  (void)op;
  const Known *q = folded_operand(f, 0), *a = folded_operand(f, 1), *b = folded_operand(f, 2);
  int64_t dims[MAX_RANK] = {0};
  int rank;
  if (!q || !a || !b || a->dtype != b->dtype || !known_broadcast(a, b, &rank, dims)) return NULL;
  Known shape = {.rank = rank};
  memcpy(shape.dims, dims, sizeof dims);
  if (!known_broadcast(&shape, q, &rank, dims)) return NULL;
  Known *r = known_new(f->m, a->dtype, rank, dims);
  for (int64_t i = 0; r && i < r->n; i++) {
    Dim chosen = known_spread(q, rank, dims, i).i;
    if (!dim_is_const(chosen)) return NULL;
    r->e[i] = known_spread(chosen ? a : b, rank, dims, i);
  }
  return r;
}

static const struct {
  const char *name;
  const Known *(*fold)(const Fold *f, OpKind op);
  OpKind op;
} folds[] = {
    {"Add", folded_binary, OP_ADD},
    {"Sub", folded_binary, OP_SUB},
    {"Mul", folded_binary, OP_MUL},
    {"Div", folded_binary, OP_DIV},
    {"Pow", folded_binary, OP_POW},
    {"Min", folded_binary, OP_MINIMUM},
    {"Max", folded_binary, OP_MAXIMUM},
    {"Equal", folded_binary, OP_EQ},
    {"Less", folded_binary, OP_LT},
    {"LessOrEqual", folded_binary, OP_LE},
    {"Greater", folded_binary, OP_GT},
    {"GreaterOrEqual", folded_binary, OP_GE},
    {"And", folded_binary, OP_LOGICAL_AND},
    {"Or", folded_binary, OP_LOGICAL_OR},
    {"Neg", folded_unary, OP_NEG},
    {"Abs", folded_unary, OP_ABS},
    {"Not", folded_unary, OP_LOGICAL_NOT},
    {"Floor", folded_unary, OP_FLOOR},
    {"Ceil", folded_unary, OP_CEIL},
    {"Round", folded_unary, OP_ROUND},
    {"Sqrt", folded_unary, OP_SQRT},
    {"Reciprocal", folded_unary, OP_RECIPROCAL},
    {"Relu", folded_unary, OP_RELU},
    {"Exp", folded_unary, OP_EXP},
    {"Log", folded_unary, OP_LOG},
    {"Mod", folded_binary, OP_COUNT},
    {"Xor", folded_binary, OP_LOGICAL_XOR},
    {"CastLike", folded_cast, OP_CAST},
    {"Transpose", folded_transpose, OP_COUNT},
    {"Tile", folded_tile, OP_COUNT},
    {"ReduceMax", folded_reduced, OP_AMAX},
    {"ReduceMin", folded_reduced, OP_AMIN},
    {"Cast", folded_cast, OP_CAST},
    {"Where", folded_where, OP_WHERE},
    {"Identity", folded_same, OP_COUNT},
    {"Squeeze", folded_squeeze, OP_COUNT},
    {"Unsqueeze", folded_unsqueeze, OP_COUNT},
    {"Reshape", folded_reshape, OP_COUNT},
    {"Concat", folded_concat, OP_COUNT},
    {"Gather", folded_gather, OP_COUNT},
    {"Slice", folded_slice, OP_COUNT},
    {"Range", folded_range, OP_COUNT},
    {"Expand", folded_expand, OP_COUNT},
    {"ReduceProd", folded_reduced, OP_PROD},
    {"ReduceSum", folded_reduced, OP_SUM},
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
