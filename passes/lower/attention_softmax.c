// Scores to probabilities times their sum, which is divided out where y is stored. Maxima of all rows are found before
// the first exponential, so that none waits for the row's own reduction.
#include "passes/lower/attention.h"
#include "passes/lower/math.h"
#include <float.h>
#include <math.h>

enum { SUMS = 4 }; // so that a vector need not wait for the one before it

typedef struct Row {
  Scores *s;
  LExpr *p, *highest;
  LVar *acc;
} Row;

typedef void (*VectorBody)(Row *r, LExpr *offset, LExpr *sum);

// acc[j] over each vector of the row; returns the four joined by `join`.
static LExpr *over_row(Row *r, const char *name, double start, VectorBody body, LOp join) {
  LBuilder *b = r->s->k->b;
  LExpr *n = r->s->vectors, *whole = lx_sub(b, n, lx_op(b, LOOP_MOD, n, lx_int(b, SUMS)));
  r->acc = loop_local(b, name, L_F32X(BLOCK), 1, (int[]){SUMS});
  LExpr *j = loop_unroll(b, "j", 0, SUMS);
  loop_set(b, r->acc, lx_const(b, L_F32X(BLOCK), start), j);
  loop_end_for(b);
  if (whole->op != LOOP_INT || whole->i) {
    LExpr *v = loop_for(b, "v", lx_int(b, 0), whole, SUMS);
    j = loop_unroll(b, "j", 0, SUMS);
    body(r, lx_muli(b, lx_add(b, v, j), BLOCK), j);
    loop_end_for(b);
    loop_end_for(b);
  }
  if (whole->op == LOOP_INT) {
    j = loop_unroll(b, "j", 0, n->i - whole->i);
    body(r, lx_muli(b, lx_add(b, whole, j), BLOCK), j);
    loop_end_for(b);
  } else {
    body(r, lx_muli(b, loop_for(b, "v", whole, n, 1), BLOCK), lx_int(b, 0));
    loop_end_for(b);
  }
  LExpr *half[2];
  for (int i = 0; i < 2; i++) {
    LExpr *even = lx_local(b, r->acc, lx_int(b, 2 * i)), *odd = lx_local(b, r->acc, lx_int(b, 2 * i + 1));
    half[i] = loop_let(b, name, lx_op(b, join, even, odd));
  }
  return loop_let(b, name, lx_op(b, join, half[0], half[1]));
}

static void take_maximum(Row *r, LExpr *offset, LExpr *sum) {
  LBuilder *b = r->s->k->b;
  loop_set(b, r->acc, lx_max(b, lx_local(b, r->acc, sum), lx_load(b, r->p, offset, BLOCK)), sum);
}

static void exponential(Row *r, LExpr *offset, LExpr *sum) {
  LBuilder *b = r->s->k->b;
  LExpr *d = lx_sub(b, lx_load(b, r->p, offset, BLOCK), r->highest);
  LExpr *e = loop_let(b, "e", math_exp_difference(b, d, 1));
  loop_set(b, r->acc, lx_add(b, lx_local(b, r->acc, sum), e), sum);
  loop_store(b, r->p, offset, e);
}

static Row row_number(Scores *s, LExpr *i) {
  LBuilder *b = s->k->b;
  return (Row){.s = s, .p = loop_let(b, "sr", lx_add(b, s->p, lx_mul(b, i, s->pitch)))};
}

// A row whose every score is masked becomes zeros: its maximum is taken as finite, and its sum of 0 is not divided by.
void attention_softmax(Scores *s, int rows) {
  LBuilder *b = s->k->b;
  LExpr *i = loop_for(b, "r", lx_int(b, 0), lx_int(b, rows), 1), *zero = lx_const(b, L_F32, 0);
  Row r = row_number(s, i);
  LExpr *most = lx_unary(b, LOOP_REDUCE_MAX, over_row(&r, "most", -INFINITY, take_maximum, LOOP_MAX));
  loop_store(b, s->highest, i, lx_max(b, most, lx_const(b, L_F32, -FLT_MAX)));
  loop_end_for(b);
  i = loop_for(b, "r", lx_int(b, 0), lx_int(b, rows), 1);
  r = row_number(s, i);
  r.highest = loop_let(b, "highest", lx_splat(b, BLOCK, lx_load(b, s->highest, i, 1)));
  LExpr *sum = lx_unary(b, LOOP_REDUCE_ADD, over_row(&r, "sum", 0, exponential, LOOP_ADD));
  sum = loop_let(b, "sum", sum);
  LExpr *inverse = lx_op(b, LOOP_DIV, lx_const(b, L_F32, 1), sum);
  loop_store(b, s->inverse, i, lx_select(b, lx_op(b, LOOP_EQ, sum, zero), zero, inverse));
  loop_end_for(b);
}
