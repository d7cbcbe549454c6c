// RoiAlign of pictures in blocks of channels: a task is one block of one region, a sample four vectors. How many
// samples there are may depend on the region; those outside of the picture cost little.
#include "passes/lower/math.h"
#include "passes/lower/slices.h"
#include <math.h>
#include <string.h>

typedef struct Axis {
  Dim size;     // of the picture
  LExpr *limit; // the same, as f32
  int64_t parts, fixed;
  LExpr *start, *part;    // of the region; the size of its parts
  LExpr *samples, *count; // of a part; as f32
} Axis;

typedef struct Place { // between two pixels, numbers of which in `near` and `far`
  LExpr *near, *far;
  LExpr *inside, *past, *short_of; // weights of the far and of the near one
} Place;

typedef struct Regions {
  Kernel k;
  const Node *n;
  bool most; // the greatest instead of the sum
  LExpr *x, *y;
  Axis rows, columns;
  LVar *sum;
} Regions;

static LExpr *real(LBuilder *b, double v) { return lx_const(b, L_F32, v); }

// As ref_region.c has it, operation by operation.
static void axis_begin(Regions *r, Axis *a, LExpr *box, int side) {
  LBuilder *b = r->k.b;
  bool aligned = NODE_ATTR(r->n, ROI_ALIGN, aligned)->i;
  LExpr *scale = real(b, (float)NODE_ATTR(r->n, ROI_ALIGN, spatial_scale)->f), *shift = real(b, aligned ? 0.5 : 0);
  a->size = operand(r->n, IN_ROI_ALIGN_x)->type->dims[2 + side];
  a->parts = NODE_ATTR(r->n, ROI_ALIGN, output_size)->ints[side];
  a->fixed = NODE_ATTR(r->n, ROI_ALIGN, sampling_ratio)->i;
  a->limit = loop_let(b, "limit", lx_cast(b, DT_F32, kernel_dim(&r->k, a->size)));
  LExpr *end = lx_sub(b, lx_mul(b, lx_load(b, box, lx_int(b, 3 - side), 1), scale), shift);
  a->start = loop_let(b, "start", lx_sub(b, lx_mul(b, lx_load(b, box, lx_int(b, 1 - side), 1), scale), shift));
  LExpr *wide = loop_let(b, "wide", lx_sub(b, end, a->start));
  if (!aligned) wide = lx_max(b, wide, real(b, 1));
  a->part = loop_let(b, "part", lx_op(b, LOOP_DIV, wide, real(b, (double)a->parts)));
  LExpr *all = lx_unary(b, LOOP_NEG, lx_unary(b, LOOP_FLOOR, lx_unary(b, LOOP_NEG, a->part)));
  all = lx_min(b, lx_max(b, all, real(b, 0)), real(b, ROI_SAMPLES_MOST)); // of NaN none
  a->count = loop_let(b, "count", a->fixed ? real(b, (double)a->fixed) : all);
  a->samples = a->fixed ? lx_int(b, a->fixed) : loop_let(b, "samples", lx_cast(b, DT_I64, a->count));
}

static Place find(Regions *r, const Axis *a, LExpr *part, LExpr *sample) {
  LBuilder *b = r->k.b;
  Place p;
  LExpr *begin = lx_add(b, a->start, lx_mul(b, lx_cast(b, DT_F32, part), a->part));
  LExpr *step = lx_mul(b, lx_add(b, lx_cast(b, DT_F32, sample), real(b, 0.5)), a->part);
  LExpr *at = loop_let(b, "at", lx_add(b, begin, lx_op(b, LOOP_DIV, step, a->count)));
  p.inside = lx_op(b, LOOP_AND, lx_op(b, LOOP_LE, real(b, -1), at), lx_op(b, LOOP_LE, at, a->limit));
  p.inside = loop_let(b, "inside", p.inside);
  at = loop_let(b, "at", lx_min(b, lx_max(b, at, real(b, 0)), a->limit));
  LExpr *last = lx_addi(b, kernel_dim(&r->k, a->size), -1);
  p.near = loop_let(b, "near", lx_min(b, lx_cast(b, DT_I64, at), last));
  p.far = loop_let(b, "far", lx_min(b, lx_addi(b, p.near, 1), last));
  LExpr *past = lx_sub(b, at, lx_cast(b, DT_F32, p.near));
  p.past = loop_let(b, "past", lx_select(b, lx_op(b, LOOP_LT, p.near, last), past, real(b, 0)));
  p.short_of = loop_let(b, "short_of", lx_sub(b, real(b, 1), p.past));
  return p;
}

// The pixel's vector times both its weights.
static LExpr *tap(Regions *r, LExpr *row, LExpr *column, LExpr *high, LExpr *wide) {
  LBuilder *b = r->k.b;
  LExpr *v = lx_load(b, r->x, lx_muli(b, lx_add(b, row, column), BLOCK), BLOCK);
  return loop_let(b, "v", lx_mul(b, v, lx_splat(b, BLOCK, lx_mul(b, high, wide))));
}

static LExpr *sample(Regions *r, const Place *y, const Place *x, LExpr *near, LExpr *far) {
  LBuilder *b = r->k.b;
  LExpr *v[] = {tap(r, near, x->near, y->short_of, x->short_of), tap(r, near, x->far, y->short_of, x->past),
                tap(r, far, x->near, y->past, x->short_of), tap(r, far, x->far, y->past, x->past)};
  if (!r->most) return lx_add(b, lx_add(b, v[0], v[1]), lx_add(b, v[2], v[3]));
  LExpr *pairs[] = {loop_let(b, "v", math_max(b, v[0], v[1])), loop_let(b, "v", math_max(b, v[2], v[3]))};
  return loop_let(b, "v", math_max(b, pairs[0], pairs[1]));
}

static void join(Regions *r, LExpr *v) {
  LBuilder *b = r->k.b;
  LExpr *sum = lx_local(b, r->sum);
  loop_set(b, r->sum, r->most ? math_max(b, sum, v) : lx_add(b, sum, v));
}

// The samples of one row, of which those outside of the picture are zeros.
static void row(Regions *r, const Place *y, LExpr *j) {
  LBuilder *b = r->k.b;
  LExpr *width = kernel_dim(&r->k, r->columns.size), *near = loop_let(b, "near_row", lx_mul(b, y->near, width)),
        *far = loop_let(b, "far_row", lx_mul(b, y->far, width));
  LExpr *l = loop_for(b, "l", lx_int(b, 0), r->columns.samples, 1);
  Place x = find(r, &r->columns, j, l);
  loop_if(b, r->most ? lx_op(b, LOOP_AND, x.inside, y->inside) : x.inside);
  join(r, sample(r, y, &x, near, far));
  if (r->most) {
    loop_else(b);
    join(r, lx_const(b, r->sum->type, 0));
  }
  loop_end_if(b);
  loop_end_for(b);
}

static void part(Regions *r, LExpr *i, LExpr *j) {
  LBuilder *b = r->k.b;
  LType vector = L_F32X(BLOCK);
  r->sum = loop_local(b, "sum", vector, 0, NULL);
  loop_set(b, r->sum, lx_const(b, vector, r->most ? -INFINITY : 0));
  Place y = find(r, &r->rows, i, loop_for(b, "k", lx_int(b, 0), r->rows.samples, 1));
  if (!r->most) loop_if(b, y.inside);
  row(r, &y, j);
  if (!r->most) loop_end_if(b);
  loop_end_for(b);
  LExpr *count = loop_let(b, "samples", lx_mul(b, r->rows.count, r->columns.count)), *v = lx_local(b, r->sum);
  LExpr *any = lx_op(b, LOOP_LT, real(b, 0), count);
  if (r->most)
    v = lx_select(b, any, v, lx_const(b, vector, 0));
  else
    v = lx_op(b, LOOP_DIV, v, lx_splat(b, BLOCK, lx_max(b, count, real(b, 1))));
  loop_store(b, r->y, lx_muli(b, lx_add(b, lx_muli(b, i, r->columns.parts), j), BLOCK), v);
}

bool lower_roi_align(Lower *lw, Node *n) {
  DimTable *dims = lw->m->dims;
  Value *x = operand(n, IN_ROI_ALIGN_x), *y = result(n);
  Regions r = {.k = kernel_begin(lw, "roi_align"), .n = n, .most = !strcmp(NODE_ATTR(n, ROI_ALIGN, mode)->s, "max")};
  LBuilder *b = r.k.b;
  LExpr *px = kernel_in(&r.k, "x", x), *boxes = kernel_in(&r.k, "boxes", operand(n, IN_ROI_ALIGN_boxes)),
        *index = kernel_in(&r.k, "index", operand(n, IN_ROI_ALIGN_index)), *py = kernel_out(&r.k, "y", y), *t[2];
  Phys in, out;
  phys_of_value(lw, x, &in);
  phys_of_value(lw, y, &out);
  Dim blocks = dim_floordiv(dims, dim_add(dims, x->type->dims[1], BLOCK - 1), BLOCK);
  Dim tasks = kernel_tasks(&r.k, 2, (Dim[]){y->type->dims[0], blocks}, t);
  LExpr *picture = lower_number(&r.k, index, t[0], x->type->dims[0]);
  LExpr *from =
      lx_add(b, lx_mul(b, picture, kernel_dim(&r.k, in.strides[0])), lx_mul(b, t[1], kernel_dim(&r.k, in.strides[1])));
  LExpr *to =
      lx_add(b, lx_mul(b, t[0], kernel_dim(&r.k, out.strides[0])), lx_mul(b, t[1], kernel_dim(&r.k, out.strides[1])));
  r.x = loop_let(b, "xp", lx_add(b, px, from));
  r.y = loop_let(b, "yp", lx_add(b, py, to));
  LExpr *box = loop_let(b, "box", lx_add(b, boxes, lx_muli(b, t[0], 4)));
  axis_begin(&r, &r.rows, box, 0);
  axis_begin(&r, &r.columns, box, 1);
  LExpr *i = loop_for(b, "i", lx_int(b, 0), lx_int(b, r.rows.parts), 1);
  part(&r, i, loop_for(b, "j", lx_int(b, 0), lx_int(b, r.columns.parts), 1));
  loop_end_for(b);
  loop_end_for(b);
  kernel_finish(&r.k, n, tasks, 0, "C16");
  return true;
}
