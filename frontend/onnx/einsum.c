// Einsum. Each operand becomes one whose dimensions stand in the order of its distinct labels; two of them are
// multiplied by one matrix product: labels of both that stay, labels of one, labels of both that are summed.
#include "frontend/onnx/nodes.h"
#include <ctype.h>
#include <string.h>

enum { DOTS = 1 }; // the first label of an ellipsis; the last dimension has the highest

typedef struct Term {
  int n;
  char label[MAX_RANK];
  Value *value;
} Term;

typedef struct Equation {
  int n_terms;
  Term *terms;
  Term out;
  int dots; // dimensions that an ellipsis stands for
} Equation;

static bool has(const Term *t, char label) { return memchr(t->label, label, (size_t)t->n); }

static bool push(Call *c, Term *t, char label) {
  if (t->n == MAX_RANK) return call_fail(c, "it has more than %d dimensions", MAX_RANK);
  t->label[t->n++] = label;
  return true;
}

// The labels between `s` and `end`; `dots`: dimensions of an ellipsis, negative: as many as the operand has more.
static bool read_term(Call *c, const char *s, const char *end, int dots, Term *t) {
  int letters = 0;
  for (const char *p = s; p < end; p++) letters += isalpha((unsigned char)*p) != 0;
  if (dots < 0) dots = t->value->type->rank - letters;
  for (; s < end; s++) {
    if (isspace((unsigned char)*s)) continue;
    if (isalpha((unsigned char)*s)) {
      if (!push(c, t, *s)) return false;
      continue;
    }
    if (end - s < 3 || strncmp(s, "...", 3)) return call_fail(c, "`equation` cannot be read");
    for (int i = dots; i > 0; i--)
      if (!push(c, t, (char)(DOTS + i - 1))) return false;
    s += 2;
  }
  return true;
}

static bool read_equation(Call *c, const char *text, Equation *e) {
  const char *arrow = strstr(text, "->"), *end = arrow ? arrow : text + strlen(text), *s = text;
  e->terms = arena_array(c->im->m->arena, Term, c->n_in);
  for (; e->n_terms < c->n_in; e->n_terms++) {
    Term *t = &e->terms[e->n_terms];
    const char *comma = memchr(s, ',', (size_t)(end - s)), *stop = comma ? comma : end;
    if (!(t->value = call_value(c, e->n_terms))) return false;
    if (!read_term(c, s, stop, -1, t)) return false;
    if (t->n != t->value->type->rank)
      return call_fail(c, "`equation` does not name each dimension of operand %d", e->n_terms);
    for (int i = 0; i < t->n; i++)
      if (t->label[i] < MAX_RANK + DOTS && t->label[i] > e->dots) e->dots = t->label[i];
    if (!comma != (e->n_terms == c->n_in - 1)) return call_fail(c, "`equation` is not of %d operands", c->n_in);
    s = stop + 1;
  }
  if (arrow) return read_term(c, arrow + 2, text + strlen(text), e->dots, &e->out);
  for (int i = e->dots; i > 0; i--)
    if (!push(c, &e->out, (char)i)) return false;
  for (int label = 'A'; label <= 'z'; label++) { // those that occur once, in order
    int count = 0;
    for (int i = 0; i < e->n_terms; i++)
      for (int k = 0; k < e->terms[i].n; k++) count += e->terms[i].label[k] == label;
    if (count == 1 && !push(c, &e->out, (char)label)) return false;
  }
  return true;
}

// ---- one operand

static void drop(Term *t, int at) {
  memmove(t->label + at, t->label + at + 1, (size_t)(t->n - at - 1));
  t->n--;
}

// Dimensions `i` and `k` of one label as one: every n + 1st element of both as one.
static bool take_diagonal(Call *c, Term *t, int i, int k) {
  int64_t order[MAX_RANK], at = 0, last = t->n - 2;
  for (int d = 0; d < t->n; d++)
    if (d != i && d != k) order[at++] = d;
  order[at] = i;
  order[at + 1] = k;
  Value *x = call_permute(c, t->value, order);
  if (!x) return false;
  Dim n = x->type->dims[last], dims[MAX_RANK];
  if (n != x->type->dims[last + 1] || !dim_is_const(n) || n > INT32_MAX)
    return call_fail(c, "label `%c` stands for dimensions that differ", t->label[i]);
  for (int d = 0; d < last; d++) dims[d] = x->type->dims[d];
  dims[last] = n * n;
  Attr *a = call_attrs(c, OP_SLICE);
  a[ATTR_SLICE_dims] = call_list(c, ATTR_INTS, 1, &last);
  a[ATTR_SLICE_starts] = call_list(c, ATTR_DIMS, 1, (Dim[]){0});
  a[ATTR_SLICE_ends] = call_list(c, ATTR_DIMS, 1, &dims[last]);
  a[ATTR_SLICE_steps] = call_list(c, ATTR_INTS, 1, (int64_t[]){n + 1});
  t->value = call_unary(c, OP_SLICE, call_reshape(c, x, (int)last + 1, dims), a);
  char label = t->label[i];
  drop(t, k);
  drop(t, i);
  t->label[t->n++] = label;
  return t->value;
}

static bool take_diagonals(Call *c, Term *t) {
  for (int i = 0; i < t->n; i++)
    for (int k = i + 1; k < t->n; k++)
      if (t->label[i] == t->label[k]) return take_diagonal(c, t, i, k) && take_diagonals(c, t);
  return true;
}

// Sums over the labels that neither `a` nor `b` has.
static bool sum_others(Call *c, Term *t, const Term *a, const Term *b) {
  int64_t dims[MAX_RANK];
  int n = 0;
  for (int i = 0; i < t->n; i++)
    if (!has(a, t->label[i]) && !(b && has(b, t->label[i]))) dims[n++] = i;
  if (!n) return true;
  DType dtype = t->value->type->dtype;
  t->value = call_cast(c, call_reduced(c, OP_SUM, t->value, n, dims, false), dtype);
  for (int i = n - 1; i >= 0; i--) drop(t, (int)dims[i]);
  return t->value;
}

// ---- two operands

// The dimensions of x in the order of `labels`; those that it lacks are 1.
static Value *arranged(Call *c, const Term *x, int n, const char *labels) {
  int64_t order[MAX_RANK];
  Dim dims[MAX_RANK];
  int at = 0;
  for (int i = 0; i < n; i++) {
    const char *found = memchr(x->label, labels[i], (size_t)x->n);
    dims[i] = found ? x->value->type->dims[found - x->label] : 1;
    if (found) order[at++] = found - x->label;
  }
  return call_reshape(c, call_permute(c, x->value, order), n, dims);
}

static Dim product(Call *c, const Type *t, int from, int n) {
  Dim all = 1;
  for (int i = from; i < from + n; i++) all = dim_mul(c->im->m->dims, all, t->dims[i]);
  return all;
}

// x, whose dimensions are n_batch, then n_rows, then n_columns, as matrices.
static Value *as_matrices(Call *c, Value *x, int n_batch, int n_rows, int n_columns) {
  Dim dims[MAX_RANK];
  if (!x) return NULL;
  for (int i = 0; i < n_batch; i++) dims[i] = x->type->dims[i];
  dims[n_batch] = product(c, x->type, n_batch, n_rows);
  dims[n_batch + 1] = product(c, x->type, n_batch + n_rows, n_columns);
  return call_reshape(c, x, n_batch + 2, dims);
}

// The labels of `from` that are (or are not) in `in` and are (or are not) in `kept`.
static int choose(const Term *from, const Term *in, bool is_in, const Term *kept, bool is_kept, char *labels) {
  int n = 0;
  for (int i = 0; i < from->n; i++)
    if (has(in, from->label[i]) == is_in && has(kept, from->label[i]) == is_kept) labels[n++] = from->label[i];
  return n;
}

// a := a b, summed over the labels of both that are not in `kept`.
static bool multiply(Call *c, Term *a, const Term *b, const Term *kept) {
  char order[3 * MAX_RANK], columns[MAX_RANK], inner[MAX_RANK];
  int n_batch = choose(a, b, true, kept, true, order), n_rows = choose(a, b, false, kept, true, order + n_batch);
  int n_columns = choose(b, a, false, kept, true, columns), n_inner = choose(a, b, true, kept, false, inner);
  int n_lead = n_batch + n_rows;
  if (n_batch + 2 > MAX_RANK || n_lead + n_columns > MAX_RANK || n_lead + n_inner > MAX_RANK ||
      n_batch + n_inner + n_columns > MAX_RANK)
    return call_fail(c, "it has more than %d dimensions", MAX_RANK);
  memcpy(order + n_lead, inner, (size_t)n_inner);
  Value *x = as_matrices(c, arranged(c, a, n_lead + n_inner, order), n_batch, n_rows, n_inner);
  char right[3 * MAX_RANK];
  memcpy(right, order, (size_t)n_batch);
  memcpy(right + n_batch, inner, (size_t)n_inner);
  memcpy(right + n_batch + n_inner, columns, (size_t)n_columns);
  Value *y = as_matrices(c, arranged(c, b, n_batch + n_inner + n_columns, right), n_batch, n_inner, n_columns);
  Term made = {.n = n_lead + n_columns, .value = call_binary(c, OP_MATMUL, x, y)};
  if (!made.value) return false;
  memcpy(made.label, order, (size_t)n_lead);
  memcpy(made.label + n_lead, columns, (size_t)n_columns);
  Dim dims[MAX_RANK];
  for (int i = 0; i < made.n; i++) {
    const Term *from = i < n_lead ? a : b;
    dims[i] = i < n_batch
                  ? made.value->type->dims[i]
                  : from->value->type->dims[(char *)memchr(from->label, made.label[i], (size_t)from->n) - from->label];
  }
  made.value = call_reshape(c, made.value, made.n, dims);
  *a = made;
  return made.value;
}

bool convert_einsum(Call *c, OpKind op) {
  (void)op;
  Equation e = {0};
  if (!c->n_in) return call_fail(c, "it has no operand");
  if (!read_equation(c, call_text(c, "equation", ""), &e)) return false;
  for (int i = 0; i < e.out.n; i++) {
    bool known = false;
    for (int k = 0; k < e.n_terms; k++) known |= has(&e.terms[k], e.out.label[i]);
    if (!known) return call_fail(c, "`equation` has a result of a label that no operand has");
  }
  for (int i = 0; i < e.n_terms; i++)
    if (!take_diagonals(c, &e.terms[i])) return false;
  Term *all = &e.terms[0];
  for (int i = 1; i < e.n_terms; i++) {
    Term kept = e.out; // what the result or an operand that comes later has
    for (int k = i + 1; k < e.n_terms; k++)
      for (int d = 0; d < e.terms[k].n; d++)
        if (!has(&kept, e.terms[k].label[d]) && !push(c, &kept, e.terms[k].label[d])) return false;
    if (!sum_others(c, all, &kept, &e.terms[i]) || !sum_others(c, &e.terms[i], &kept, all) ||
        !multiply(c, all, &e.terms[i], &kept))
      return false;
  }
  if (!sum_others(c, all, &e.out, NULL)) return false;
  return call_result(c, 0, arranged(c, all, e.out.n, e.out.label));
}
