#include "passes/lower/moves.h"
#include "ir/core/check.h"
#include "ir/core/checked.h"
#include "passes/lower/place.h"
#include "passes/lower/strided.h"

// Where the elements of a tensor lie: each of its dimensions is a product of factors, outermost first, and memory is
// stepped through evenly along each of them.
typedef struct Factor {
  Dim extent, stride;
  int phys; // the physical dimension that it is, or is part of
} Factor;

enum { MOST_FACTORS = MAX_RANK + 2 };

typedef struct View {
  int rank, n[MAX_RANK];
  Factor factors[MAX_RANK][MOST_FACTORS];
} View;

static bool push(View *v, int dim, Factor f) {
  if (f.extent == 1) return true;
  if (v->n[dim] == MOST_FACTORS) return false;
  v->factors[dim][v->n[dim]++] = f;
  return true;
}

// Of a value's memory. A blocked axis must have whole blocks.
static bool view_of(Lower *lw, const Value *x, View *v) {
  const Type *t = x->type;
  Phys phys;
  phys_of_value(lw, x, &phys);
  *v = (View){.rank = t->rank};
  for (int i = 0; i < t->rank; i++) {
    int at = phys_index(t, i);
    if (i == t->blocked_axis && !(dim_is_const(t->dims[i]) && t->dims[i] % BLOCK == 0)) return false;
    if (!push(v, i, (Factor){phys.dims[at], phys.strides[at], at})) return false;
    if (i == t->blocked_axis && !push(v, i, (Factor){BLOCK, 1, phys.rank - 1})) return false;
  }
  return true;
}

static bool divides(Dim a, Dim b) { return a == b || (dim_is_const(a) && dim_is_const(b) && a > 0 && b % a == 0); }

static Dim quotient(Dim a, Dim b) { return a == b ? 1 : a / b; }

// Takes the outer `extent` of f; f keeps what is inside.
static Factor take(DimTable *dims, Factor *f, Dim extent) {
  Dim inside = quotient(f->extent, extent);
  Factor outer = {extent, dim_mul(dims, f->stride, inside), f->phys};
  f->extent = inside;
  return outer;
}

static bool reshape(DimTable *dims, const View *x, const Type *to, View *y) {
  Factor flat[MAX_RANK * MOST_FACTORS];
  int n = 0, at = 0;
  for (int d = 0; d < x->rank; d++)
    for (int i = 0; i < x->n[d]; i++) flat[n++] = x->factors[d][i];
  *y = (View){.rank = to->rank};
  for (int d = 0; d < to->rank; d++)
    for (Dim left = to->dims[d]; left != 1;) {
      if (at == n) return false;
      Factor *f = &flat[at];
      Dim part = divides(f->extent, left) ? f->extent : left;
      if (!divides(part, f->extent) || !push(y, d, take(dims, f, part))) return false;
      left = quotient(left, part);
      at += f->extent == 1;
    }
  return at == n;
}

static void permute(const View *x, const Node *n, View *y) {
  const int64_t *dims = NODE_ATTR(n, PERMUTE, dims)->ints;
  *y = (View){.rank = x->rank};
  for (int d = 0; d < x->rank; d++) {
    y->n[d] = x->n[dims[d]];
    for (int i = 0; i < y->n[d]; i++) y->factors[d][i] = x->factors[dims[d]][i];
  }
}

// What *v becomes by n; false: no factors say it.
static bool apply(Lower *lw, const Node *n, View *v) {
  View x = *v;
  if (n->op == OP_RESHAPE) return reshape(lw->m->dims, &x, result(n)->type, v);
  if (n->op == OP_PERMUTE) permute(&x, n, v);
  return true;
}

// The copy from x to y's memory, in the order of that. False: their factors do not fit each other.
static bool match(Lower *lw, const View *x, const Value *y, Strided *s) {
  DimTable *dims = lw->m->dims;
  View to;
  if (!view_of(lw, y, &to)) return false;
  Factor pairs[MOST_FACTORS][2];
  int n = 0;
  for (int d = 0; d < x->rank; d++) {
    View from = *x;
    Factor *a = from.factors[d], *b = to.factors[d], *a_end = a + from.n[d], *b_end = b + to.n[d];
    while (a < a_end && b < b_end) {
      Dim part = divides(a->extent, b->extent) ? a->extent : b->extent;
      if (!divides(part, a->extent) || !divides(part, b->extent) || n == MOST_FACTORS) return false;
      pairs[n][0] = take(dims, a, part);
      pairs[n++][1] = take(dims, b, part);
      a += a->extent == 1;
      b += b->extent == 1;
    }
    if (a < a_end || b < b_end) return false;
  }
  *s = (Strided){.n_operands = 2};
  for (int p = 0; p <= MAX_RANK; p++)
    for (int i = 0; i < n; i++)
      if (pairs[i][1].phys == p)
        strided_add_dim(s, pairs[i][0].extent, (Dim[]){pairs[i][0].stride, pairs[i][1].stride});
  return true;
}

// ---- chains

static bool is_move(const Node *n) { return n->op == OP_RESHAPE || n->op == OP_PERMUTE || n->op == OP_REORDER; }

static bool copies(const Node *n) {
  if (n->op == OP_REORDER) return !lower_reorder_is_view(n);
  return n->op == OP_PERMUTE && result(n)->type->blocked_axis < 0;
}

// The move that alone reads n's result; NULL: that must be stored.
static Node *next_of(const Lower *lw, const Node *n) {
  const Value *y = result(n);
  const Use *use = y->uses;
  if (!use || use->next || !use->user || !is_move(use->user) || graph_is_output(lw->m, y)) return NULL;
  return lw->buffers[y->id] || lw->places[y->id].in ? NULL : use->user;
}

// The last op of the chain from n on that can copy x, which n reads, at once. NULL: none.
static Node *last_of(Lower *lw, Node *n, const Value *x) {
  View v;
  Strided s;
  Node *last = NULL;
  if (!view_of(lw, x, &v)) return NULL;
  for (; n && apply(lw, n, &v); n = next_of(lw, n))
    if (copies(n) && place_root(lw, x) != place_root(lw, result(n)) && match(lw, &v, result(n), &s)) last = n;
  return last;
}

static Value *first_of(const Lower *lw, const Node *n) {
  Value *x = operand(n, 0);
  while (x->kind == VALUE_RESULT && lw->deferred[x->id]) x = operand(x->node, 0);
  return x;
}

// x as n's result has it, by way of the ops from x on.
static void follow(Lower *lw, const Node *n, const Value *x, View *v) {
  if (operand(n, 0) == x)
    view_of(lw, x, v);
  else
    follow(lw, operand(n, 0)->node, x, v);
  apply(lw, n, v);
}

static void copy(Lower *lw, Node *n, Value *x) {
  View v;
  Strided s;
  follow(lw, n, x, &v);
  CHECK(match(lw, &v, result(n), &s), "a chain of moves that is no copy");
  strided_copy(lw, n, &s, x, 0, result(n), 0);
}

bool moves_chained(Lower *lw, Node *n) {
  if (lw->deferred[result(n)->id]) return true;
  Value *x = first_of(lw, n);
  if (x != operand(n, 0)) return copy(lw, n, x), true;
  Node *last = last_of(lw, n, x);
  if (!last || last == n) return false;
  for (Node *m = n; m != last; m = result(m)->uses->user) lw->deferred[result(m)->id] = true;
  pass_remark(lw->pass, last, false, "%s and the moves up to %s are one copy", pass_label(n), pass_label(last));
  return true;
}
