// Dimension arithmetic in normal form. Every expression is kept as a polynomial with integer coefficients over atoms
// (symbols, quotients, remainders, minima, maxima, conditions); terms stand by falling degree, then in a structural
// order that does not depend on when an expression was made. What would grow past the caps below is DIM_INVALID: only
// hostile input comes near. x // 0 and x % 0 evaluate to 0, but may have been simplified before.
#include "ir/core/checked.h"
#include "ir/core/dim_table.h"
#include <string.h>

enum { MAX_TERMS = 32, MAX_DEGREE = 16 };

typedef struct Term {
  int64_t coef;
  int degree;
  Dim atoms[MAX_DEGREE]; // sorted
} Term;

typedef struct Poly {
  int n;
  Term terms[MAX_TERMS];
} Poly;

// ---- polynomials. Functions that return bool fail on overflow or past a cap.

static int order_terms(const DimTable *t, const Term *a, const Term *b) {
  if (a->degree != b->degree) return a->degree > b->degree ? -1 : 1;
  for (int i = 0; i < a->degree; i++) {
    int c = dim_order(t, a->atoms[i], b->atoms[i]);
    if (c) return c;
  }
  return 0;
}

static bool add_term(const DimTable *t, Poly *p, const Term *term) {
  if (!term->coef) return true;
  int at = 0, c = 1;
  while (at < p->n && (c = order_terms(t, &p->terms[at], term)) < 0) at++;
  Term *place = &p->terms[at];
  if (at < p->n && c == 0) {
    if (!checked_add(place->coef, term->coef, &place->coef)) return false;
    if (place->coef) return true;
    memmove(place, place + 1, sizeof(Term) * (size_t)(--p->n - at));
    return true;
  }
  if (p->n == MAX_TERMS) return false;
  memmove(place + 1, place, sizeof(Term) * (size_t)(p->n++ - at));
  *place = *term;
  return true;
}

static Term term_of(const DimTable *t, Dim d) {
  Term r = {.coef = 1};
  if (dim_is_const(d)) return r.coef = d, r;
  const DimExpr *e = dim_expr(t, d);
  if (e->op != DIM_MUL) return r.degree = 1, r.atoms[0] = d, r;
  for (int i = 0; i < e->n; i++) {
    if (dim_is_const(e->operands[i]))
      r.coef = e->operands[i];
    else
      r.atoms[r.degree++] = e->operands[i];
  }
  return r;
}

static void poly_of(const DimTable *t, Dim d, Poly *p) {
  p->n = 0;
  if (d == 0) return;
  if (dim_is_const(d) || dim_expr(t, d)->op != DIM_ADD) {
    p->n = 1;
    p->terms[0] = term_of(t, d);
    return;
  }
  const DimExpr *e = dim_expr(t, d); // its terms are sorted already
  for (int i = 0; i < e->n; i++) p->terms[p->n++] = term_of(t, e->operands[i]);
}

static bool mul_terms(const DimTable *t, const Term *a, const Term *b, Term *r) {
  if (a->degree + b->degree > MAX_DEGREE || !checked_mul(a->coef, b->coef, &r->coef)) return false;
  r->degree = a->degree + b->degree;
  for (int i = 0, j = 0; i + j < r->degree;) {
    bool left = j == b->degree || (i < a->degree && dim_order(t, a->atoms[i], b->atoms[j]) <= 0);
    r->atoms[i + j] = left ? a->atoms[i] : b->atoms[j];
    left ? i++ : j++;
  }
  return true;
}

// p += by * q
static bool add_product(const DimTable *t, Poly *p, const Poly *q, const Term *by) {
  for (int i = 0; i < q->n; i++) {
    Term r;
    if (!mul_terms(t, &q->terms[i], by, &r) || !add_term(t, p, &r)) return false;
  }
  return true;
}

static Dim dim_of_term(DimTable *t, const Term *term) {
  if (term->coef > DIM_LIMIT || term->coef < -DIM_LIMIT) return DIM_INVALID;
  if (!term->degree) return term->coef;
  if (term->coef == 1 && term->degree == 1) return term->atoms[0];
  Dim operands[MAX_DEGREE + 1];
  int n = 0;
  if (term->coef != 1) operands[n++] = term->coef;
  for (int i = 0; i < term->degree; i++) operands[n++] = term->atoms[i];
  return dim_make(t, DIM_MUL, n, operands);
}

static Dim dim_of_poly(DimTable *t, const Poly *p) {
  if (!p->n) return 0;
  Dim operands[MAX_TERMS];
  for (int i = 0; i < p->n; i++)
    if ((operands[i] = dim_of_term(t, &p->terms[i])) == DIM_INVALID) return DIM_INVALID;
  return p->n == 1 ? operands[0] : dim_make(t, DIM_ADD, p->n, operands);
}

// ---- sums and products

static bool invalid(Dim a, Dim b) { return a == DIM_INVALID || b == DIM_INVALID || a < -DIM_LIMIT || b < -DIM_LIMIT; }

static Dim add_scaled(DimTable *t, Dim a, Dim b, int64_t scale) {
  if (invalid(a, b)) return DIM_INVALID;
  if (b == 0) return a;
  Poly p, q;
  poly_of(t, a, &p);
  poly_of(t, b, &q);
  return add_product(t, &p, &q, &(Term){.coef = scale}) ? dim_of_poly(t, &p) : DIM_INVALID;
}

Dim dim_add(DimTable *t, Dim a, Dim b) { return add_scaled(t, a, b, 1); }
Dim dim_sub(DimTable *t, Dim a, Dim b) { return add_scaled(t, a, b, -1); }

Dim dim_mul(DimTable *t, Dim a, Dim b) {
  if (invalid(a, b)) return DIM_INVALID;
  if (a == 1 || b == 1) return a == 1 ? b : a;
  Poly p, q, r;
  poly_of(t, a, &p);
  poly_of(t, b, &q);
  r.n = 0;
  for (int i = 0; i < p.n; i++)
    if (!add_product(t, &r, &q, &p.terms[i])) return DIM_INVALID;
  return dim_of_poly(t, &r);
}

// ---- quotients and remainders

static int64_t gcd(int64_t a, int64_t b) {
  while (b) {
    int64_t r = a % b;
    a = b;
    b = r;
  }
  return a < 0 ? -a : a;
}

static int64_t constant_of(const Poly *p) { return p->n && !p->terms[p->n - 1].degree ? p->terms[p->n - 1].coef : 0; }

// The greatest divisor of `g` and of the coefficients of the terms that are not constant.
static int64_t common_divisor(const Poly *p, int64_t g) {
  for (int i = 0; i < p->n; i++)
    if (p->terms[i].degree) g = gcd(g, p->terms[i].coef);
  return g;
}

// (p - its constant) / g + constant
static bool scale_down(const DimTable *t, const Poly *p, int64_t g, int64_t constant, Poly *r) {
  r->n = 0;
  for (int i = 0; i < p->n; i++) {
    if (!p->terms[i].degree) continue;
    r->terms[r->n] = p->terms[i];
    r->terms[r->n++].coef /= g;
  }
  return add_term(t, r, &(Term){.coef = constant});
}

// a / b where b's atoms all stand in a
static bool divide_terms(const DimTable *t, const Term *a, const Term *b, Term *q) {
  if (a->coef % b->coef) return false;
  *q = (Term){.coef = a->coef / b->coef};
  int j = 0;
  for (int i = 0; i < a->degree; i++) {
    if (j < b->degree && !dim_order(t, a->atoms[i], b->atoms[j]))
      j++;
    else
      q->atoms[q->degree++] = a->atoms[i];
  }
  return j == b->degree;
}

// a = b q + r. By a constant, r's coefficients lie in [0, b); by a product, r has no term that it divides; by a sum,
// r is 0 or all of a.
static bool divide(const DimTable *t, Dim a, Dim b, Poly *q, Poly *r) {
  Poly rest, divisor;
  poly_of(t, a, &rest);
  poly_of(t, b, &divisor);
  q->n = r->n = 0;
  if (dim_is_const(b)) {
    for (int i = 0; i < rest.n; i++) {
      Term whole = rest.terms[i], part = rest.terms[i];
      whole.coef = floor_div(whole.coef, b);
      part.coef -= b * whole.coef;
      if (!add_term(t, q, &whole) || !add_term(t, r, &part)) return false;
    }
    return true;
  }
  for (int steps = 0; rest.n; steps++) {
    Term lead = rest.terms[0], quotient;
    if (divide_terms(t, &lead, &divisor.terms[0], &quotient)) {
      quotient.coef = -quotient.coef;
      if (steps > MAX_TERMS || !add_product(t, &rest, &divisor, &quotient)) return false;
      quotient.coef = -quotient.coef;
      if (!add_term(t, q, &quotient)) return false;
    } else {
      if (!add_term(t, r, &lead)) return false;
      memmove(rest.terms, rest.terms + 1, sizeof(Term) * (size_t)--rest.n);
    }
  }
  if (r->n && divisor.n > 1) {
    q->n = 0;
    poly_of(t, a, r);
  }
  return true;
}

// 0 <= rest < b wherever the symbols stand.
static bool below(const DimTable *t, Dim rest, Dim b) {
  DimRange r = dim_bounds(t, rest);
  return r.min >= 0 && r.max < dim_bounds(t, b).min;
}

// p is one atom x // c and a constant k: then p // b = (x + c k) // (c b).
static bool nested_quotient(const DimTable *t, const Poly *p, Dim *x, int64_t *c) {
  if (!p->n || p->terms[0].degree != 1 || p->terms[0].coef != 1) return false;
  if (p->n > 2 || (p->n == 2 && p->terms[1].degree)) return false;
  const DimExpr *e = dim_expr(t, p->terms[0].atoms[0]);
  if (e->op != DIM_FLOORDIV || !dim_is_const(e->operands[1]) || e->operands[1] < 1) return false;
  *x = e->operands[0];
  *c = e->operands[1];
  return true;
}

// rest // b where rest is what `divide` left.
static Dim divide_rest(DimTable *t, const Poly *rest, Dim b) {
  Dim r = dim_of_poly(t, rest);
  if (r == DIM_INVALID || r == 0 || below(t, r, b)) return r == DIM_INVALID ? r : 0;
  if (!dim_is_const(b)) return dim_make(t, DIM_FLOORDIV, 2, (Dim[]){r, b});
  int64_t g = common_divisor(rest, b), c, product;
  Poly scaled;
  Dim x;
  if (!scale_down(t, rest, g, floor_div(constant_of(rest), g), &scaled)) return DIM_INVALID;
  if (g > 1) return dim_floordiv(t, dim_of_poly(t, &scaled), b / g);
  if (nested_quotient(t, rest, &x, &c) && checked_mul(c, b, &product) && product <= DIM_LIMIT)
    return dim_floordiv(t, dim_add(t, x, dim_mul(t, c, constant_of(rest))), product);
  return dim_make(t, DIM_FLOORDIV, 2, (Dim[]){r, b});
}

Dim dim_floordiv(DimTable *t, Dim a, Dim b) {
  if (invalid(a, b) || b == 0) return DIM_INVALID;
  if (dim_is_const(b) && b < 0) return dim_floordiv(t, dim_sub(t, 0, a), -b);
  Poly whole, rest;
  if (!divide(t, a, b, &whole, &rest)) return DIM_INVALID;
  return dim_add(t, dim_of_poly(t, &whole), divide_rest(t, &rest, b));
}

Dim dim_mod(DimTable *t, Dim a, Dim b) {
  if (invalid(a, b) || b == 0) return DIM_INVALID;
  if (dim_is_const(a) && dim_is_const(b)) return dim_apply(DIM_MOD, a, b);
  Poly whole, rest;
  if (dim_is_const(b) && b < 0) return dim_sub(t, 0, dim_mod(t, dim_sub(t, 0, a), -b));
  if (!divide(t, a, b, &whole, &rest)) return DIM_INVALID;
  Dim r = dim_of_poly(t, &rest);
  if (r == DIM_INVALID || r == 0 || below(t, r, b)) return r;
  int64_t g = dim_is_const(b) ? common_divisor(&rest, b) : 1;
  if (g == 1) return dim_make(t, DIM_MOD, 2, (Dim[]){r, b});
  int64_t c = constant_of(&rest); // g x + c, modulo g b
  if (!scale_down(t, &rest, g, floor_div(c, g), &whole)) return DIM_INVALID;
  return dim_add(t, dim_mul(t, g, dim_mod(t, dim_of_poly(t, &whole), b / g)), dim_apply(DIM_MOD, c, g));
}

// ---- choices and conditions

// Sorted operands, a constant last.
static Dim make_sorted(DimTable *t, DimOp op, Dim a, Dim b) {
  bool in_order = dim_is_const(b) || (!dim_is_const(a) && dim_order(t, a, b) <= 0);
  return dim_make(t, op, 2, in_order ? (Dim[]){a, b} : (Dim[]){b, a});
}

// k c (x // c) as k (x - x % c): exact bounds for what rounding leaves over. False where there is no such term.
static bool expand_quotient(DimTable *t, const Poly *p, Dim *expanded) {
  for (int i = 0; i < p->n; i++) {
    const Term *term = &p->terms[i];
    const DimExpr *e = term->degree == 1 ? dim_expr(t, term->atoms[0]) : NULL;
    if (!e || e->op != DIM_FLOORDIV || !dim_is_const(e->operands[1]) || term->coef % e->operands[1]) continue;
    int64_t k = term->coef / e->operands[1];
    Dim x = e->operands[0], whole = dim_sub(t, x, dim_mod(t, x, e->operands[1]));
    Dim rest = dim_sub(t, dim_of_poly(t, p), dim_of_term(t, term));
    *expanded = dim_add(t, rest, dim_mul(t, k, whole));
    return *expanded != DIM_INVALID;
  }
  return false;
}

// The bounds of a difference, the narrowest of its forms.
static DimRange difference_range(DimTable *t, Dim d) {
  DimRange r = dim_bounds(t, d);
  for (int i = 0; i < 4 && !dim_is_const(d); i++) {
    Poly p;
    poly_of(t, d, &p);
    if (!expand_quotient(t, &p, &d)) break;
    DimRange n = dim_bounds(t, d);
    r = (DimRange){max_i64(r.min, n.min), min_i64(r.max, n.max)};
  }
  return r;
}

static bool has_operand(const DimTable *t, Dim d, DimOp op, Dim operand) {
  if (dim_is_const(d)) return false;
  const DimExpr *e = dim_expr(t, d);
  return e->op == op && (e->operands[0] == operand || e->operands[1] == operand);
}

static Dim choose(DimTable *t, DimOp op, Dim a, Dim b) {
  if (invalid(a, b)) return DIM_INVALID;
  Dim difference = dim_sub(t, a, b);
  if (difference == DIM_INVALID) return DIM_INVALID;
  DimRange d = difference_range(t, difference);
  if (d.max <= 0) return op == DIM_MIN ? a : b;
  if (d.min >= 0) return op == DIM_MIN ? b : a;
  if (has_operand(t, a, op, b)) return a;
  if (has_operand(t, b, op, a)) return b;
  return make_sorted(t, op, a, b);
}

Dim dim_min(DimTable *t, Dim a, Dim b) { return choose(t, DIM_MIN, a, b); }
Dim dim_max(DimTable *t, Dim a, Dim b) { return choose(t, DIM_MAX, a, b); }

// p == 0 or p <= 0, with positive coefficients on both sides and the constant where it reads best.
static Dim make_condition(DimTable *t, DimOp op, const Poly *p) {
  Poly sides[2] = {{0}, {0}};
  int64_t constant = constant_of(p);
  for (int i = 0; i < p->n; i++) {
    Term term = p->terms[i];
    bool right = term.coef < 0;
    if (!term.degree) continue;
    if (right) term.coef = -term.coef;
    if (!add_term(t, &sides[right], &term)) return DIM_INVALID;
  }
  bool left = !sides[0].n && constant > 0;
  if (!add_term(t, &sides[!left], &(Term){.coef = left ? constant : -constant})) return DIM_INVALID;
  Dim a = dim_of_poly(t, &sides[0]), b = dim_of_poly(t, &sides[1]);
  return invalid(a, b) ? DIM_INVALID : dim_make(t, op, 2, (Dim[]){a, b});
}

// x // c + k <= 0 as x <= -c k + c - 1, and k - x // c <= 0 as c k <= x; DIM_INVALID for other forms.
static Dim compare_quotient(DimTable *t, const Poly *p) {
  const Term *term = &p->terms[0];
  const DimExpr *e =
      p->n && term->degree == 1 && (term->coef == 1 || term->coef == -1) ? dim_expr(t, term->atoms[0]) : NULL;
  bool alone = p->n == 1 || (p->n == 2 && !p->terms[1].degree);
  if (!e || !alone || e->op != DIM_FLOORDIV || !dim_is_const(e->operands[1]) || e->operands[1] < 1) return DIM_INVALID;
  Dim x = e->operands[0], c = e->operands[1], bound = dim_mul(t, c, constant_of(p));
  return term->coef < 0 ? dim_le(t, bound, x) : dim_le(t, dim_add(t, x, bound), c - 1);
}

// a - b == 0 or a - b <= 0
static Dim compare(DimTable *t, DimOp op, Dim a, Dim b) {
  Dim difference = dim_sub(t, a, b);
  if (difference == DIM_INVALID) return DIM_INVALID;
  Poly p, q;
  poly_of(t, difference, &p);
  if (op == DIM_EQ && p.n && p.terms[0].coef < 0) {
    for (int i = 0; i < p.n; i++) p.terms[i].coef = -p.terms[i].coef;
  }
  int64_t g = common_divisor(&p, 0), c = constant_of(&p);
  if (g > 1) {
    if (op == DIM_EQ && c % g) return 0;
    if (!scale_down(t, &p, g, ceil_div(c, g), &q)) return DIM_INVALID;
    p = q;
  }
  difference = dim_of_poly(t, &p);
  if (difference == DIM_INVALID) return DIM_INVALID;
  DimRange d = difference_range(t, difference);
  if (d.min > 0 || (op == DIM_EQ && d.max < 0)) return 0;
  if (d.max <= 0 && (op == DIM_LE || d.min == 0)) return 1;
  Dim simpler = op == DIM_LE ? compare_quotient(t, &p) : DIM_INVALID;
  return simpler != DIM_INVALID ? simpler : make_condition(t, op, &p);
}

Dim dim_eq(DimTable *t, Dim a, Dim b) { return compare(t, DIM_EQ, a, b); }
Dim dim_le(DimTable *t, Dim a, Dim b) { return compare(t, DIM_LE, a, b); }
Dim dim_lt(DimTable *t, Dim a, Dim b) { return compare(t, DIM_LE, dim_add(t, a, 1), b); }

// d as 0 or 1
static Dim truth(DimTable *t, Dim d) {
  DimRange r = dim_bounds(t, d);
  if (r.min > 0 || r.max < 0) return 1;
  return r.min == 0 && r.max <= 1 ? d : dim_not(t, dim_eq(t, d, 0));
}

static Dim combine(DimTable *t, DimOp op, Dim a, Dim b) {
  if (invalid(a, b)) return DIM_INVALID;
  a = truth(t, a);
  b = truth(t, b);
  if (invalid(a, b)) return DIM_INVALID;
  if (a == b) return a;
  Dim neutral = op == DIM_AND;
  if (dim_is_const(a)) return a == neutral ? b : a;
  if (dim_is_const(b)) return b == neutral ? a : b;
  return make_sorted(t, op, a, b);
}

Dim dim_and(DimTable *t, Dim a, Dim b) { return combine(t, DIM_AND, a, b); }
Dim dim_or(DimTable *t, Dim a, Dim b) { return combine(t, DIM_OR, a, b); }

Dim dim_not(DimTable *t, Dim a) {
  if (invalid(a, 0)) return DIM_INVALID;
  if (dim_is_const(a)) return !a;
  const DimExpr *e = dim_expr(t, a);
  if (e->op == DIM_LE) return dim_lt(t, e->operands[1], e->operands[0]);
  if (e->op == DIM_NOT && dim_expr(t, e->operands[0])->max == 1 && dim_expr(t, e->operands[0])->min == 0)
    return e->operands[0];
  if (e->min > 0 || e->max < 0) return 0;
  return dim_make(t, DIM_NOT, 1, (Dim[]){a});
}
