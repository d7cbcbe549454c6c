// Resampling of pictures in blocks of channels: a task first finds, for each of its output columns and rows, which
// inputs it is made of and with which weights; then it sums input rows into one row, and columns of that into outputs.
// Places are computed in integers, so that they are exact whatever the size.
#include "ir/core/checked.h"
#include "passes/lower/planes.h"
#include <math.h>
#include <string.h>

typedef struct Method {
  bool nearest, cubic, align_corners, antialias;
} Method;

// One axis. Output i stands at i * num / den of the input, or by the middle of its pixel, (i + 1/2) * num / den - 1/2.
typedef struct Axis {
  Dim in, out, num, den;
  double factor;        // 0: the sizes give the scale
  Dim reach, taps;      // inputs of an output: `reach` (antialias) and all
  LExpr *from, *weight; // tables: [outputs][taps], inputs' numbers and weights
} Axis;

typedef struct Resize {
  Kernel k;
  Method m;
  Axis rows, columns;
  Planes planes;
  LExpr *x, *y, *sums; // the task's input and output plane; one row of sums
} Resize;

static void set_scale(DimTable *dims, Axis *a, const Method *m) {
  enum { EXACT = 1024 };
  a->num = a->in, a->den = a->out;
  if (m->align_corners) {
    a->num = dim_mul(dims, dim_sub(dims, a->in, 1), dim_lt(dims, 1, a->out)); // 0 for a lone output
    a->den = dim_max(dims, dim_sub(dims, a->out, 1), 1);
  } else if (a->factor > 0 && a->factor < EXACT && a->factor * EXACT == floor(a->factor * EXACT)) {
    a->num = EXACT, a->den = (Dim)(a->factor * EXACT);
  } else if (a->factor > 0) { // to a billionth of a pixel
    a->den = INT64_C(1) << 30;
    a->num = (Dim)rint((double)a->den / a->factor);
  }
}

static Axis axis_of(Resize *r, const Node *n, int side) {
  DimTable *dims = r->k.lw->m->dims;
  const Attr *factor = NODE_ATTR(n, INTERPOLATE, scale_factor);
  Axis a = {.in = operand(n, 0)->type->dims[2 + side],
            .out = result(n)->type->dims[2 + side],
            .factor = factor->n ? factor->floats[side] : 0};
  set_scale(dims, &a, &r->m);
  int64_t least = r->m.cubic ? 2 : 1;
  a.taps = r->m.nearest ? 1 : 2 * least;
  if (!r->m.antialias) return a;
  Dim wide = dim_floordiv(dims, dim_add(dims, dim_mul(dims, a.num, least), dim_sub(dims, a.den, 1)), a.den);
  a.reach = dim_max(dims, wide, least);
  a.taps = dim_add(dims, dim_mul(dims, a.reach, 2), 1);
  return a;
}

// ---- places and weights

static LExpr *real(LBuilder *b, double v) { return lx_const(b, L_F32, v); }

// Keys' kernel at distance x, as ref_resize.c has it, in factors: (1 - x)(1 + x - (a + 2) x^2) below 1, below 2
// a (x - 1)(x - 2)^2. So nothing cancels where a weight is small.
static LExpr *cubic(LBuilder *b, LExpr *x, double a) {
  LExpr *one = real(b, 1), *two = real(b, 2), *zero = real(b, 0);
  x = loop_let(b, "d", lx_unary(b, LOOP_ABS, x));
  LExpr *square = lx_mul(b, lx_mul(b, real(b, a + 2), x), x);
  LExpr *near = lx_mul(b, lx_sub(b, one, x), lx_sub(b, lx_add(b, one, x), square));
  LExpr *past = lx_sub(b, x, two), *far = lx_mul(b, lx_mul(b, real(b, a), lx_sub(b, x, one)), lx_mul(b, past, past));
  return lx_select(b, lx_op(b, LOOP_LT, x, one), near, lx_select(b, lx_op(b, LOOP_LT, x, two), far, zero));
}

static LExpr *triangle(LBuilder *b, LExpr *x) {
  return lx_max(b, real(b, 0), lx_sub(b, real(b, 1), lx_unary(b, LOOP_ABS, x)));
}

static void nearest(Resize *r, const Axis *a, LExpr *i, LExpr *entry) {
  LBuilder *b = r->k.b;
  LExpr *in = kernel_dim(&r->k, a->in), *scale;
  if (a->factor > 0)
    scale = real(b, (float)(1 / a->factor));
  else if (dim_is_const(a->in) && dim_is_const(a->out))
    scale = real(b, (float)a->in / (float)a->out);
  else
    scale = lx_op(b, LOOP_DIV, lx_cast(b, DT_F32, in), lx_cast(b, DT_F32, kernel_dim(&r->k, a->out)));
  LExpr *at = lx_cast(b, DT_I64, lx_mul(b, lx_cast(b, DT_F32, i), scale));
  loop_store(b, a->from, entry, lx_min(b, at, lx_addi(b, in, -1)));
}

// Output i's place as a whole number and a fraction.
static void place(Resize *r, const Axis *a, LExpr *i, LExpr **whole, LExpr **fraction) {
  LBuilder *b = r->k.b;
  LExpr *num = kernel_dim(&r->k, a->num), *den = kernel_dim(&r->k, a->den), *top;
  bool by_corner = r->m.align_corners && !r->m.antialias;
  if (by_corner)
    top = lx_mul(b, i, num);
  else {
    top = lx_mul(b, lx_addi(b, lx_muli(b, i, 2), 1), num);
    if (!r->m.antialias && r->m.cubic) top = lx_add(b, top, den); // one more, so that it is not negative
    if (!r->m.antialias && !r->m.cubic) top = lx_max(b, lx_sub(b, top, den), lx_int(b, 0));
    den = lx_muli(b, den, 2);
  }
  top = loop_let(b, "top", top);
  *whole = loop_let(b, "whole", lx_op(b, LOOP_DIV, top, den));
  LExpr *rest = lx_cast(b, DT_F32, lx_sub(b, top, lx_mul(b, *whole, den)));
  *fraction = loop_let(b, "part", lx_op(b, LOOP_DIV, rest, lx_cast(b, DT_F32, den)));
  if (!by_corner && !r->m.antialias && r->m.cubic) *whole = lx_addi(b, *whole, -1);
}

static void around(Resize *r, const Axis *a, LExpr *i, LExpr *entry) {
  LBuilder *b = r->k.b;
  LExpr *whole, *fraction, *last = lx_addi(b, kernel_dim(&r->k, a->in), -1);
  place(r, a, i, &whole, &fraction);
  int first = r->m.cubic ? -1 : 0;
  for (int t = 0; t < a->taps; t++) {
    LExpr *distance = lx_sub(b, fraction, real(b, first + t));
    LExpr *from = lx_max(b, lx_int(b, 0), lx_min(b, lx_addi(b, whole, first + t), last));
    loop_store(b, a->from, lx_addi(b, entry, t), from);
    loop_store(b, a->weight, lx_addi(b, entry, t), r->m.cubic ? cubic(b, distance, -0.75) : triangle(b, distance));
  }
}

static void smoothed(Resize *r, const Axis *a, LExpr *i, LExpr *entry) {
  LBuilder *b = r->k.b;
  LExpr *whole, *fraction, *zero = lx_int(b, 0), *in = kernel_dim(&r->k, a->in), *taps = kernel_dim(&r->k, a->taps),
                           *reach = kernel_dim(&r->k, a->reach);
  place(r, a, i, &whole, &fraction);
  LExpr *scale =
      lx_op(b, LOOP_DIV, lx_cast(b, DT_F32, kernel_dim(&r->k, a->den)), lx_cast(b, DT_F32, kernel_dim(&r->k, a->num)));
  scale = loop_let(b, "scale", lx_min(b, scale, real(b, 1)));
  LVar *sum = loop_local(b, "sum", L_F32, 0, NULL);
  loop_set(b, sum, real(b, 0));
  LExpr *t = loop_for(b, "t", zero, taps, 1), *step = lx_sub(b, t, reach);
  LExpr *from = loop_let(b, "from", lx_add(b, whole, step));
  LExpr *distance = lx_sub(b, lx_add(b, lx_cast(b, DT_F32, step), real(b, 0.5)), fraction);
  distance = loop_let(b, "distance", lx_mul(b, distance, scale));
  LExpr *inside = lx_op(b, LOOP_AND, lx_op(b, LOOP_LE, zero, from), lx_op(b, LOOP_LT, from, in));
  inside = loop_let(b, "inside", inside);
  LExpr *w = lx_select(b, inside, r->m.cubic ? cubic(b, distance, -0.5) : triangle(b, distance), real(b, 0));
  w = loop_let(b, "w", w);
  loop_store(b, a->from, lx_add(b, entry, t), lx_select(b, inside, from, zero));
  loop_store(b, a->weight, lx_add(b, entry, t), w);
  loop_set(b, sum, lx_add(b, lx_local(b, sum), w));
  loop_end_for(b);
  LExpr *at = loop_for(b, "t", entry, lx_add(b, entry, taps), 1);
  loop_store(b, a->weight, at, lx_op(b, LOOP_DIV, lx_load(b, a->weight, at, 1), lx_local(b, sum)));
  loop_end_for(b);
}

// Fills the tables for outputs [lo, hi), the first at entry 0.
static void fill(Resize *r, const Axis *a, LExpr *lo, LExpr *hi) {
  LBuilder *b = r->k.b;
  LExpr *i = loop_for(b, "i", lo, hi, 1);
  LExpr *entry = loop_let(b, "entry", lx_mul(b, lx_sub(b, i, lo), kernel_dim(&r->k, a->taps)));
  if (r->m.nearest)
    nearest(r, a, i, entry);
  else if (r->m.antialias)
    smoothed(r, a, i, entry);
  else
    around(r, a, i, entry);
  loop_end_for(b);
}

// ---- sums

// sum over a's taps of weight * the vector that lies `stride` elements on for each input, from `base` on.
static LExpr *weighted(Resize *r, const Axis *a, LExpr *entry, LExpr *base, LExpr *stride) {
  LBuilder *b = r->k.b;
  LVar *sum = loop_local(b, "sum", L_F32X(BLOCK), 0, NULL);
  loop_set(b, sum, lx_const(b, sum->type, 0));
  bool known = dim_is_const(a->taps) && !r->m.antialias;
  LExpr *t = known ? loop_unroll(b, "t", 0, a->taps) : loop_for(b, "t", lx_int(b, 0), kernel_dim(&r->k, a->taps), 1);
  LExpr *at = lx_add(b, entry, t), *w = lx_splat(b, BLOCK, lx_load(b, a->weight, at, 1));
  LExpr *v = lx_load(b, base, lx_mul(b, lx_load(b, a->from, at, 1), stride), BLOCK);
  loop_set(b, sum, lx_fma(b, w, v, lx_local(b, sum)));
  loop_end_for(b);
  return lx_local(b, sum);
}

static void row(Resize *r, LExpr *y) {
  LBuilder *b = r->k.b;
  LExpr *number = lx_sub(b, y, r->planes.lo), *entry = lx_mul(b, number, kernel_dim(&r->k, r->rows.taps));
  LExpr *in_row = lx_muli(b, kernel_dim(&r->k, r->columns.in), BLOCK), *zero = lx_int(b, 0);
  LExpr *from = r->sums, *taps = kernel_dim(&r->k, r->columns.taps);
  entry = loop_let(b, "entry", entry);
  if (r->m.nearest)
    from = loop_let(b, "xr", lx_add(b, r->x, lx_mul(b, lx_load(b, r->rows.from, entry, 1), in_row)));
  else {
    LExpr *column = loop_for(b, "col", zero, kernel_dim(&r->k, r->columns.in), 1);
    LExpr *at = loop_let(b, "at", lx_muli(b, column, BLOCK));
    loop_store(b, r->sums, at, weighted(r, &r->rows, entry, lx_add(b, r->x, at), in_row));
    loop_end_for(b);
  }
  LExpr *out = kernel_dim(&r->k, r->columns.out);
  LExpr *to = loop_let(b, "yr", lx_add(b, r->y, lx_mul(b, y, lx_muli(b, out, BLOCK))));
  LExpr *column = loop_for(b, "col", zero, out, 1), *v;
  if (r->m.nearest)
    v = lx_load(b, from, lx_muli(b, lx_load(b, r->columns.from, column, 1), BLOCK), BLOCK);
  else
    v = weighted(r, &r->columns, lx_mul(b, column, taps), from, lx_int(b, BLOCK));
  loop_store(b, to, lx_muli(b, column, BLOCK), v);
  loop_end_for(b);
}

// Room for the tables of `outputs` outputs.
static void tables(Resize *r, Axis *a, Dim outputs) {
  DimTable *dims = r->k.lw->m->dims;
  Dim entries = dim_mul(dims, outputs, a->taps);
  a->from = kernel_scratch(&r->k, "from", DT_I64, dim_mul(dims, entries, sizeof(int64_t)));
  if (!r->m.nearest) a->weight = kernel_scratch(&r->k, "weight", DT_F32, dim_mul(dims, entries, sizeof(float)));
}

bool lower_interpolate(Lower *lw, Node *n) {
  DimTable *dims = lw->m->dims;
  Value *x = operand(n, 0), *y = result(n);
  const char *mode = NODE_ATTR(n, INTERPOLATE, mode)->s;
  Resize r = {.k = kernel_begin(lw, "resize"),
              .m = {.nearest = !strcmp(mode, "nearest"),
                    .cubic = !strcmp(mode, "bicubic"),
                    .align_corners = NODE_ATTR(n, INTERPOLATE, align_corners)->i,
                    .antialias = NODE_ATTR(n, INTERPOLATE, antialias)->i}};
  r.rows = axis_of(&r, n, 0);
  r.columns = axis_of(&r, n, 1);
  LBuilder *b = r.k.b;
  LExpr *px = kernel_in(&r.k, "x", x), *py = kernel_out(&r.k, "y", y);
  int64_t cost = lower_estimate(lw, r.columns.out) * lower_estimate(lw, r.columns.taps) +
                 (r.m.nearest ? 0 : lower_estimate(lw, r.columns.in) * lower_estimate(lw, r.rows.taps));
  if (!r.m.nearest) r.sums = kernel_scratch(&r.k, "sums", DT_F32, dim_mul(dims, r.columns.in, BLOCK * sizeof(float)));
  tables(&r, &r.columns, r.columns.out);
  tables(&r, &r.rows, planes_rows(y->type, cost));
  r.planes = planes_begin(&r.k, y->type, cost);
  r.x = loop_let(b, "xp", lx_add(b, px, planes_origin(&r.k, &r.planes, x)));
  r.y = loop_let(b, "yp", lx_add(b, py, planes_origin(&r.k, &r.planes, y)));
  fill(&r, &r.columns, lx_int(b, 0), kernel_dim(&r.k, r.columns.out));
  fill(&r, &r.rows, r.planes.lo, r.planes.hi);
  row(&r, loop_for(b, "row", r.planes.lo, r.planes.hi, 1));
  loop_end_for(b);
  kernel_finish(&r.k, n, r.planes.tasks, 0, "C16");
  return true;
}
