#include "passes/lower/place.h"

// Whether the lowering of `n` asks where its picture operands and results lie, and how far apart images are.
static bool looks(const Node *n) {
  switch (n->op) {
  case OP_CONV2D:
  case OP_QUANTIZED_CONV2D:
  case OP_BYTE_TABLE:
  case OP_CONV_TRANSPOSE2D:
  case OP_MAX_POOL2D:
  case OP_AVG_POOL2D:
  case OP_ADAPTIVE_AVG_POOL2D:
  case OP_ADAPTIVE_MAX_POOL2D:
  case OP_INTERPOLATE:
  case OP_ROI_ALIGN:
  case OP_CONCAT:
  case OP_SLICE: return true;
  case OP_REORDER: return !lower_reorder_is_view(n);
  default: return op_is_elementwise(n->op);
  }
}

// A convolution reads its residual where it writes its result: both must lie alike.
static const Value *residual_of(const Node *n) {
  if (n->op == OP_QUANTIZED_CONV2D) return operand(n, IN_QUANTIZED_CONV2D_residual);
  return n->op == OP_CONV2D ? operand(n, IN_CONV2D_residual) : NULL;
}

static bool blocked_picture(const Value *v) { return v->kind == VALUE_RESULT && v->type->blocked_axis == 1; }

static bool users_look(const Value *v) {
  for (const Use *u = v->uses; u; u = u->next)
    if (!u->user || !looks(u->user) || residual_of(u->user) == v) return false;
  return true;
}

const Value *place_root(const Lower *lw, const Value *v) {
  while (lw->places[v->id].in) v = lw->places[v->id].in;
  return v;
}

// A kernel may not write into the memory that it reads: no node but a concatenation, which then copies nothing of it,
// and a slice may have operands and a result in one place.
static bool clashes(const Lower *lw, const Value *whole) {
  for (const Node *n = lw->m->first; n; n = n->next) {
    if (n->op == OP_SLICE && lw->places[result(n)->id].in) continue;
    for (int r = 0; r < n->n_results; r++) {
      if (place_root(lw, n->results[r]) != whole) continue;
      for (int i = 0; i < n->n_operands; i++) {
        const Value *v = operand(n, i);
        if (v && place_root(lw, v) == whole && lw->places[v->id].in != result(n)) return true;
      }
    }
  }
  return false;
}

static bool try_place(Lower *lw, Value *v, Value *in, Dim at) {
  lw->places[v->id] = (Within){in, at};
  if (!clashes(lw, place_root(lw, in))) return true;
  lw->places[v->id] = (Within){0};
  return false;
}

static bool once(const Node *n, const Value *v) {
  int uses = 0;
  for (int i = 0; i < n->n_operands; i++) uses += operand(n, i) == v;
  return uses == 1;
}

static bool may_move(const Lower *lw, const Value *v) {
  return blocked_picture(v) && !lw->buffers[v->id] && !lw->places[v->id].in && v->node->op != OP_SLICE &&
         looks(v->node) && !residual_of(v->node) && users_look(v);
}

static void place_concat(Lower *lw, Node *n) {
  Value *y = result(n);
  if (!blocked_picture(y) || NODE_ATTR(n, CONCAT, dim)->i != 1 || lw->buffers[y->id]) return;
  Phys whole;
  phys_of(lw, y->type, &whole);
  Dim block = 0;
  for (int i = 0; i < n->n_operands; i++) {
    Value *x = operand(n, i);
    Dim at = dim_mul(lw->m->dims, block, whole.strides[1]);
    bool placed = may_move(lw, x) && once(n, x) && try_place(lw, x, y, at);
    if (placed) pass_count(lw->pass, "values computed in place of a concatenation", 1);
    pass_remark(lw->pass, n, !placed, "operand %d is %s", i,
                placed ? "computed where the result has it" : "copied: its memory is asked for by others as well");
    block = dim_add(lw->m->dims, block,
                    dim_floordiv(lw->m->dims, dim_add(lw->m->dims, x->type->dims[1], BLOCK - 1), BLOCK));
  }
}

// Only channels are sliced, from a whole block on, without steps.
static void place_slice(Lower *lw, Node *n) {
  Value *x = operand(n, 0), *y = result(n);
  const Attr *dims = NODE_ATTR(n, SLICE, dims), *starts = NODE_ATTR(n, SLICE, starts),
             *steps = NODE_ATTR(n, SLICE, steps);
  bool channels = dims->n == 1 && dims->ints[0] == 1 && (!steps->n || steps->ints[0] == 1);
  if (!channels || !blocked_picture(x) || !blocked_picture(y) || lw->buffers[y->id] || !users_look(y)) return;
  if (!dim_is_const(starts->ints[0]) || starts->ints[0] % BLOCK) return;
  Phys whole;
  phys_of(lw, x->type, &whole);
  if (try_place(lw, y, x, dim_mul(lw->m->dims, starts->ints[0] / BLOCK, whole.strides[1])))
    pass_count(lw->pass, "slices read in place", 1);
}

void place_run(Lower *lw) {
  for (Node *n = lw->m->first; n; n = n->next) {
    if (n->op == OP_CONCAT) place_concat(lw, n);
    if (n->op == OP_SLICE) place_slice(lw, n);
  }
}
