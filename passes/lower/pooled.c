#include "passes/lower/pooled.h"
#include "ir/core/checked.h"
#include "passes/lower/math.h"
#include <math.h>

// Rows of which a part is computed twice: at most a sixteenth of them.
enum { KERNEL_MOST = 4, TWICE = 16 };

static bool all_const(int n, const Dim *d) {
  for (int i = 0; i < n; i++)
    if (!dim_is_const(d[i])) return false;
  return true;
}

const Node *pooled_after(const Lower *lw, const Value *v) {
  const Use *u = v->uses;
  if (!u || u->next || graph_is_output(lw->m, v) || u->user->op != OP_MAX_POOL2D) return NULL;
  const Node *n = u->user;
  const int64_t *kernel = NODE_ATTR(n, MAX_POOL2D, kernel)->ints, *stride = NODE_ATTR(n, MAX_POOL2D, stride)->ints;
  const int64_t *dilation = NODE_ATTR(n, MAX_POOL2D, dilation)->ints,
                *padding = NODE_ATTR(n, MAX_POOL2D, padding)->ints;
  bool known = all_const(2, &v->type->dims[2]) && all_const(2, &result(n)->type->dims[2]);
  bool small = kernel[0] <= KERNEL_MOST && kernel[1] <= KERNEL_MOST && stride[0] <= kernel[0] && stride[1] <= kernel[1];
  bool near = padding[0] < kernel[0] && padding[1] < kernel[1]; // the first window sees a row and a column
  return known && small && near && dilation[0] == 1 && dilation[1] == 1 ? n : NULL;
}

Pooled pooled_begin(Kernel *k, const Node *n) {
  const Type *x = operand(n, 0)->type, *y = result(n)->type;
  const int64_t *kernel = NODE_ATTR(n, MAX_POOL2D, kernel)->ints, *stride = NODE_ATTR(n, MAX_POOL2D, stride)->ints,
                *padding = NODE_ATTR(n, MAX_POOL2D, padding)->ints;
  Pooled p = {.node = n,
              .w = {x->dims[2], x->dims[3], y->dims[2], y->dims[3], kernel[0], kernel[1], stride[0], stride[1], 1, 1,
                    padding[0], padding[1], padding[3]}};
  p.rows = window_band(y->dims[2], ceil_div(TWICE * (kernel[0] - stride[0]), stride[0]));
  p.source_rows = min_i64((p.rows - 1) * stride[0] + kernel[0], x->dims[2]);
  p.y = kernel_out(k, "pooled", result(n));
  int64_t width = max_i64(p.w.left + p.w.in_w, (p.w.out_w - 1) * p.w.sw + p.w.kw);
  p.line = kernel_scratch(k, "line", DT_F32, width * BLOCK * (int64_t)sizeof(float));
  return p;
}

static void fill(Kernel *k, const Pooled *p, int64_t from, int64_t to) {
  for (int64_t x = from; x < to; x++)
    loop_store(k->b, p->line, lx_int(k->b, x * BLOCK), lx_const(k->b, L_F32X(BLOCK), -INFINITY));
}

void pooled_band(Kernel *k, Pooled *p, LExpr *band, LExpr **source_count) {
  LBuilder *b = k->b;
  const Window *w = &p->w;
  p->first = loop_let(b, "pooled_first", lx_muli(b, band, p->rows));
  p->count = loop_let(b, "pooled_rows", lx_min(b, lx_int(b, p->rows), lx_sub(b, lx_int(b, w->out_h), p->first)));
  LExpr *top = lx_addi(b, lx_muli(b, p->first, w->sh), -w->top);
  LExpr *last = lx_muli(b, lx_addi(b, lx_add(b, p->first, p->count), -1), w->sh);
  p->source_first = loop_let(b, "first", lx_max(b, lx_int(b, 0), top));
  LExpr *end = lx_min(b, lx_int(b, w->in_h), lx_addi(b, last, w->kh - w->top));
  *source_count = loop_let(b, "count", lx_sub(b, end, p->source_first));
  fill(k, p, 0, w->left);
  fill(k, p, w->left + w->in_w, (w->out_w - 1) * w->sw + w->kw);
}

static LExpr *larger(LBuilder *b, LExpr *a, LExpr *v) { return loop_let(b, "max", math_max(b, a, v)); }

static LExpr *block(LBuilder *b, LExpr *p, LExpr *at, int64_t more) {
  return loop_let(b, "v", lx_load(b, p, lx_muli(b, lx_addi(b, at, more), BLOCK), BLOCK));
}

// The largest of `rows` rows from `from`, column by column, into the line; rows NULL: the window's whole height.
static void column_maxima(Kernel *k, const Pooled *p, LExpr *from, LExpr *rows) {
  LBuilder *b = k->b;
  LExpr *x = loop_for(b, "x", lx_int(b, 0), lx_int(b, p->w.in_w), 1), *v = block(b, from, x, 0);
  LExpr *to = lx_muli(b, lx_addi(b, x, p->w.left), BLOCK);
  if (rows) {
    LVar *acc = loop_local(b, "acc", L_F32X(BLOCK), 0, NULL);
    loop_set(b, acc, v);
    LExpr *r = loop_for(b, "r", lx_int(b, 1), rows, 1), *at = lx_add(b, lx_muli(b, r, p->w.in_w), x);
    loop_set(b, acc, larger(b, lx_local(b, acc), block(b, from, at, 0)));
    loop_end_for(b);
    v = lx_local(b, acc);
  } else
    for (int64_t r = 1; r < p->w.kh; r++) v = larger(b, v, block(b, from, x, r * p->w.in_w));
  loop_store(b, p->line, to, v);
  loop_end_for(b);
}

static void row_maxima(Kernel *k, const Pooled *p, LExpr *to) {
  LBuilder *b = k->b;
  LExpr *x = loop_for(b, "x", lx_int(b, 0), lx_int(b, p->w.out_w), 1), *at = lx_muli(b, x, p->w.sw);
  LExpr *v = block(b, p->line, at, 0);
  for (int64_t kw = 1; kw < p->w.kw; kw++) v = larger(b, v, block(b, p->line, at, kw));
  loop_store(b, to, lx_muli(b, x, BLOCK), v);
  loop_end_for(b);
}

void pooled_panel(Kernel *k, const Pooled *p, LExpr *from, LExpr *image, LExpr *panel) {
  LBuilder *b = k->b;
  const Window *w = &p->w;
  Phys phys;
  phys_of_value(k->lw, result(p->node), &phys);
  LExpr *at =
      lx_add(b, lx_mul(b, image, kernel_dim(k, phys.strides[0])), lx_mul(b, panel, kernel_dim(k, phys.strides[1])));
  LExpr *to = loop_let(b, "py", lx_add(b, p->y, at));
  LExpr *y = loop_for(b, "y", lx_int(b, 0), p->count, 1), *row = loop_let(b, "row", lx_add(b, p->first, y));
  LExpr *lo, *hi;
  window_rows(k, w, row, &lo, &hi);
  LExpr *rows = loop_let(b, "rows", lx_sub(b, hi, lo));
  LExpr *top = lx_sub(b, window_row(k, w, row, lo), p->source_first);
  LExpr *source = loop_let(b, "source", lx_add(b, from, lx_muli(b, top, w->in_w * BLOCK)));
  loop_if(b, lx_op(b, LOOP_EQ, rows, lx_int(b, w->kh)));
  column_maxima(k, p, source, NULL);
  loop_else(b);
  column_maxima(k, p, source, rows);
  loop_end_if(b);
  row_maxima(k, p, loop_let(b, "to", lx_add(b, to, lx_muli(b, row, w->out_w * BLOCK))));
  loop_end_for(b);
}
