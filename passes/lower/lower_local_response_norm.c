// Local response norm of row-major [N, C, ...]: 16 neighbouring pixels at a time, with the squares of the channels
// around summed for each. A task is one channel of one image.
#include "passes/lower/math.h"
#include "passes/lower/rows.h"

typedef struct Response {
  Kernel *k;
  const Node *n;
  LExpr *x, *y;        // the task's channel
  LExpr *first, *last; // the channels around it that exist, from it on; last is the one behind
  LExpr *plane;        // elements from one channel to the next
} Response;

// x (k + alpha / size sum)^-beta; the most usual power by square roots.
static LExpr *divided(LBuilder *b, const Node *n, LExpr *x, LExpr *sum) {
  double scale = NODE_ATTR(n, LOCAL_RESPONSE_NORM, alpha)->f / (double)NODE_ATTR(n, LOCAL_RESPONSE_NORM, size)->i;
  double beta = NODE_ATTR(n, LOCAL_RESPONSE_NORM, beta)->f;
  LExpr *base =
      lx_fma(b, sum, lx_const(b, x->type, scale), lx_const(b, x->type, NODE_ATTR(n, LOCAL_RESPONSE_NORM, k)->f));
  base = loop_let(b, "base", base);
  LExpr *root = loop_let(b, "root", lx_unary(b, LOOP_SQRT, base));
  if (beta == 0.75) return lx_op(b, LOOP_DIV, x, lx_mul(b, root, lx_unary(b, LOOP_SQRT, root)));
  return lx_op(b, LOOP_DIV, x, math_pow(b, base, lx_const(b, x->type, beta)));
}

static void normalise(void *context, LExpr *offset, LExpr *number, LExpr *lanes) {
  const Response *r = context;
  LBuilder *b = r->k->b;
  (void)number;
  LVar *sum = loop_local(b, "sum", L_F32X(BLOCK), 0, NULL);
  loop_set(b, sum, lx_const(b, sum->type, 0));
  LExpr *c = loop_for(b, "c", r->first, r->last, 1);
  LExpr *v = loop_let(b, "v", row_load(r->k, r->x, lx_add(b, offset, lx_mul(b, c, r->plane)), lanes, NULL));
  loop_set(b, sum, lx_fma(b, v, v, lx_local(b, sum)));
  loop_end_for(b);
  LExpr *x = loop_let(b, "x", row_load(r->k, r->x, offset, lanes, NULL));
  row_store(r->k, r->y, offset, divided(b, r->n, x, loop_let(b, "sum", lx_local(b, sum))), lanes);
}

bool lower_local_response_norm(Lower *lw, Node *n) {
  const Type *t = operand(n, 0)->type;
  int64_t size = NODE_ATTR(n, LOCAL_RESPONSE_NORM, size)->i;
  Kernel k = kernel_begin(lw, "local_response_norm");
  LBuilder *b = k.b;
  LExpr *px = kernel_in(&k, "x", operand(n, 0)), *py = kernel_out(&k, "y", result(n)), *i[2];
  Dim tasks = kernel_tasks(&k, 2, (Dim[]){t->dims[0], t->dims[1]}, i);
  Response r = {.k = &k, .n = n, .plane = kernel_dim(&k, lower_product(lw, t->dims, 2, t->rank))};
  LExpr *channels = kernel_dim(&k, t->dims[1]);
  LExpr *at = loop_let(b, "at", lx_mul(b, lx_add(b, lx_mul(b, i[0], channels), i[1]), r.plane));
  LExpr *behind = lx_min(b, channels, lx_addi(b, i[1], (size - 1) / 2 + 1)), *own = i[1];
  r.x = loop_let(b, "xr", lx_add(b, px, at));
  r.y = loop_let(b, "yr", lx_add(b, py, at));
  r.first = loop_let(b, "first", lx_sub(b, lx_max(b, lx_int(b, 0), lx_addi(b, own, -(size / 2))), own));
  r.last = loop_let(b, "last", lx_sub(b, behind, own));
  row_for(&k, &(RowOf){r.x, r.plane, lx_int(b, BLOCK)}, normalise, &r);
  kernel_finish(&k, n, tasks, 0, "");
  return true;
}
