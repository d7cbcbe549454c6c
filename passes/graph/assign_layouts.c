// assign-layouts
//
// Gives every value its memory layout and inserts a `reorder` where an operand's layout is not what its user reads.
// Pictures [N, C, H, W] are kept in blocks of 16 channels, tokens [N, ..., D] in blocks of 16 features; everything that
// looks at elements one by one is row-major. Outputs of the module are row-major. Results do not change.
//
//   before  %0 = conv2d %x, @w {padding=[1, 1, 1, 1]} : f32[N, 32, 8, 8]
//           %1 = reshape %0 {shape=[N, 2048]} : f32[N, 2048]
//   after   %0 = conv2d %x, @w {padding=[1, 1, 1, 1]} : f32[N, 32, 8, 8]{C16@1}
//           %1 = reorder %0 : f32[N, 32, 8, 8]
//           %2 = reshape %1 {shape=[N, 2048]} : f32[N, 2048]
#include "ir/core/check.h"
#include "passes/pass.h"

static const char *layout_name(PassContext *c, const Type *t) {
  if (t->blocked_axis < 0) return "row-major";
  return arena_printf(c->module->arena, "blocks of %d along dimension %d", BLOCK, t->blocked_axis);
}

// Bytes are copied because of `user` (NULL: because outputs are row-major).
static void explain(PassContext *c, const Node *reorder, const Node *user) {
  if (!pass_remarks(c, true)) return;
  const Value *v = operand(reorder, 0);
  const char *what = v->kind == VALUE_RESULT ? pass_label(v->node) : v->name;
  const char *from = layout_name(c, v->type), *to = layout_name(c, result(reorder)->type);
  if (user)
    pass_remark(c, user, true, "%s is copied from %s to %s, which %s reads", what, from, to, pass_label(user));
  else
    pass_remark(c, reorder, true, "%s is copied from %s to %s, as outputs are", what, from, to);
}

// The value in the wanted layout: itself, a reorder made before, or a new one before `user` (NULL: at the end).
static Value *in_layout(PassContext *c, Value *v, int axis, Node *user) {
  Module *m = c->module;
  const Type *want = type_blocked(m, v->type, axis);
  if (v->type == want) return v;
  if (axis >= 0 && v->type->blocked_axis >= 0) v = in_layout(c, v, -1, user);
  for (Use *u = v->uses; u; u = u->next)
    if (u->user->op == OP_REORDER && result(u->user)->type == want) return result(u->user);
  Node *producer = v->kind == VALUE_RESULT ? v->node : NULL, *before = producer ? producer->next : m->first;
  NodeSpec spec = {.op = OP_REORDER,
                   .n_operands = 1,
                   .operands = &v,
                   .name = producer ? producer->name : NULL,
                   .span = user       ? user->span
                           : producer ? producer->span
                                      : (Span){0}};
  Node *n = before ? graph_node_before(m, before, &spec) : graph_node(m, &spec);
  CHECK(n, "a reorder was refused");
  result(n)->type = want;
  pass_count(c, "reorders", 1);
  explain(c, n, user);
  return result(n);
}

static void want(PassContext *c, Node *n, int i, int axis) {
  Value *v = operand(n, i);
  if (v) graph_set_operand(n, i, in_layout(c, v, axis, n));
}

static bool known(const Type *t, int axis) { return dim_is_const(t->dims[axis]); }

// The layout that elementwise operands share: that of the first blocked one, where the others can follow.
static int shared_axis(const Node *n) {
  const Type *y = result(n)->type;
  int axis = -1;
  for (int i = 0; i < n->n_operands && axis < 0; i++)
    if (operand(n, i)->kind != VALUE_WEIGHT) axis = operand(n, i)->type->blocked_axis;
  if (axis < 0) return -1;
  for (int i = 0; i < n->n_operands; i++) {
    const Value *v = operand(n, i);
    if (v->kind == VALUE_WEIGHT) continue;
    if (v->type->rank != y->rank || v->type->dims[axis] != y->dims[axis]) return -1;
  }
  return axis;
}

// Whether concat and slice along the blocked axis move whole blocks.
static bool whole_blocks(const Node *n, int axis) {
  if (n->op == OP_CONCAT) {
    if (NODE_ATTR(n, CONCAT, dim)->i != axis) return true;
    for (int i = 0; i < n->n_operands; i++) {
      Dim d = operand(n, i)->type->dims[axis];
      if (!dim_is_const(d) || (d % BLOCK && i + 1 < n->n_operands)) return false;
    }
    return true;
  }
  const Attr *dims = NODE_ATTR(n, SLICE, dims), *starts = NODE_ATTR(n, SLICE, starts),
             *steps = NODE_ATTR(n, SLICE, steps);
  for (int i = 0; i < dims->n; i++) {
    if (dims->ints[i] != axis) continue;
    bool step_one = !steps->n || steps->ints[i] == 1;
    if (!step_one || !dim_is_const(starts->ints[i]) || starts->ints[i] % BLOCK) return false;
  }
  return true;
}

// The axis that a permute of a blocked value is blocked on where it moves nothing but the blocked axis, which is apart
// in memory whatever its place: [N, C, H, W] and [N, H, W, C] are the same bytes. -1: others move.
static int permuted_axis(const Node *n) {
  const Type *x = operand(n, 0)->type;
  const int64_t *dims = NODE_ATTR(n, PERMUTE, dims)->ints;
  int axis = -1, last = 0;
  if (x->blocked_axis <= 0 || dims[0] != 0) return -1;
  for (int i = 1; i < x->rank; i++) {
    if (dims[i] == x->blocked_axis)
      axis = i;
    else if (dims[i] < last)
      return -1;
    else
      last = (int)dims[i];
  }
  return axis;
}

// The same for a reshape that leaves the images and the blocked axis alone: as much stands before and behind it.
static int reshaped_axis(PassContext *c, const Node *n) {
  const Type *x = operand(n, 0)->type, *y = result(n)->type;
  int axis = x->blocked_axis;
  if (axis <= 0 || y->rank < 3 || x->dims[0] != y->dims[0]) return -1;
  Dim before = 1, ahead = 1;
  for (int i = 1; i < axis; i++) before = dim_mul(c->module->dims, before, x->dims[i]);
  for (int i = 1; i < y->rank; i++) {
    if (ahead == before && y->dims[i] == x->dims[axis]) return i;
    ahead = dim_mul(c->module->dims, ahead, y->dims[i]);
  }
  return -1;
}

// The operand's axis unless the op moves elements along it.
static int keep_axis(PassContext *c, Node *n, const Attr *moved) {
  int axis = operand(n, 0)->type->blocked_axis;
  for (int i = 0; i < moved->n; i++)
    if (moved->ints[i] == axis) axis = -1;
  want(c, n, 0, axis);
  return axis;
}

// The axis that a reduction of a blocked value is blocked on where it keeps that axis behind another. -1: it does not.
static int reduced_axis(const Node *n) {
  const Type *x = operand(n, 0)->type, *y = result(n)->type;
  const Attr *over = &n->attrs[ATTR_MEAN_dim]; // every reduction's first
  if (x->blocked_axis < 0) return -1;
  int axis = x->blocked_axis;
  for (int i = 0; i < over->n; i++) {
    if (over->ints[i] == x->blocked_axis) return -1;
    axis -= y->rank < x->rank && over->ints[i] < x->blocked_axis;
  }
  return axis > 0 ? axis : -1;
}

// Integers are read by fours, which not every row-major row is made of.
static bool by_fours(const Node *n) {
  const Type *x = operand(n, 0)->type;
  return n->op == OP_QUANTIZED_LINEAR && x->rank >= 3 && x->dims[x->rank - 1] % 4;
}

// The axis that the node's result is blocked on, -1 for row-major; its data operands are brought to what it reads.
static int choose(PassContext *c, Node *n) {
  const Type *x = n->n_operands ? operand(n, 0)->type : NULL, *y = result(n)->type;
  int last = y->rank - 1, axis;
  switch (n->op) {
  case OP_CONV2D: {
    bool picture = operand(n, 0)->kind == VALUE_INPUT || x->blocked_axis < 0;
    bool stem = picture && x->dims[1] < BLOCK && NODE_ATTR(n, CONV2D, groups)->i == 1;
    if (!stem) want(c, n, IN_CONV2D_x, 1);
    want(c, n, IN_CONV2D_residual, 1);
    return 1;
  }
  case OP_QUANTIZED_CONV2D:
    want(c, n, IN_QUANTIZED_CONV2D_x, 1);
    want(c, n, IN_QUANTIZED_CONV2D_residual, 1);
    return 1;
  case OP_CONV_TRANSPOSE2D: want(c, n, 0, 1); return 1;
  case OP_PATCH_EMBED:
    if (x->blocked_axis != 1) want(c, n, 0, -1);
    return 2;
  case OP_MAX_POOL2D:
  case OP_AVG_POOL2D:
  case OP_ADAPTIVE_MAX_POOL2D:
  case OP_INTERPOLATE:
  case OP_ADAPTIVE_AVG_POOL2D: want(c, n, 0, 1); return 1;
  case OP_ROI_ALIGN:
    want(c, n, IN_ROI_ALIGN_x, 1);
    want(c, n, IN_ROI_ALIGN_boxes, -1);
    want(c, n, IN_ROI_ALIGN_index, -1);
    return 1;
  case OP_LINEAR:
  case OP_QUANTIZED_LINEAR:
    axis = last >= 2 ? last : -1;
    if (x->blocked_axis != last || axis < 0) want(c, n, IN_LINEAR_x, by_fours(n) ? axis : -1);
    want(c, n, n->op == OP_LINEAR ? (int)IN_LINEAR_residual : (int)IN_QUANTIZED_LINEAR_residual, axis);
    return axis;
  case OP_ATTENTION_CORE: {
    int64_t heads = NODE_ATTR(n, ATTENTION_CORE, heads)->i;
    axis = y->rank == 3 && y->dims[last] / heads % BLOCK == 0 ? last : -1;
    want(c, n, IN_ATTENTION_CORE_qkv, axis);
    want(c, n, IN_ATTENTION_CORE_mask, -1);
    return axis;
  }
  case OP_LAYER_NORM:
    axis = x->blocked_axis == last ? last : -1;
    want(c, n, 0, axis);
    return axis;
  case OP_MEAN:
  case OP_SUM:
  case OP_PROD:
  case OP_AMAX:
  case OP_AMIN:
    axis = reduced_axis(n);
    if (axis < 0) want(c, n, 0, -1);
    return axis;
  case OP_BYTE_TABLE: return x->blocked_axis;
  case OP_GROUP_NORM: want(c, n, 0, 1); return 1;
  case OP_CLASS_TOKEN:
    axis = x->blocked_axis == 2 ? 2 : -1;
    want(c, n, 0, axis);
    return axis;
  case OP_CONCAT:
  case OP_SLICE:
    axis = x->blocked_axis;
    if (axis >= 0 && !(known(x, axis) && whole_blocks(n, axis))) axis = -1;
    for (int i = 0; i < n->n_operands; i++) want(c, n, i, axis);
    return axis;
  case OP_EXPAND:
    axis = x->blocked_axis;
    if (axis >= 0 && (x->rank != y->rank || x->dims[axis] != y->dims[axis])) axis = -1;
    want(c, n, 0, axis);
    return axis;
  case OP_ROLL: return keep_axis(c, n, NODE_ATTR(n, ROLL, dims));
  case OP_FLIP: return keep_axis(c, n, NODE_ATTR(n, FLIP, dims));
  case OP_PERMUTE:
    axis = permuted_axis(n);
    if (axis < 0) want(c, n, 0, -1);
    return axis;
  case OP_RESHAPE:
    axis = reshaped_axis(c, n);
    if (axis < 0) want(c, n, 0, -1);
    return axis;
  default:
    axis = op_is_elementwise(n->op) ? shared_axis(n) : -1;
    for (int i = 0; i < n->n_operands; i++) // constants are packed as they are read, whatever their rank
      if (operand(n, i) && operand(n, i)->kind != VALUE_WEIGHT) want(c, n, i, axis);
    return axis;
  }
}

bool assign_layouts_run(PassContext *c) {
  Module *m = c->module;
  for (Node *n = m->first, *next; n; n = next) {
    next = n->next;
    if (n->op == OP_REORDER) continue; // made here, already of its layout
    int axis = choose(c, n);
    if (axis >= 0) result(n)->type = type_blocked(m, result(n)->type, axis);
  }
  for (size_t i = 0; i < m->outputs.len; i++)
    m->outputs.data[i].value = in_layout(c, m->outputs.data[i].value, -1, NULL);
  return true;
}
