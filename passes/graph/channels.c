// One visit to each node in order of execution: the rules of each op, `visit` at the end. What is not known there fixes
// all channels that it reads.
#include "passes/graph/channels.h"
#include "ir/core/checked.h"
#include "passes/graph/product.h"
#include <string.h>

enum { MOST = 1 << 20 }; // channels along an axis: more are no layer's, and each costs memory

// ---- numbers and classes

int channels_class(Channels *c, int number) {
  while (c->parent.data[number] != number) {
    c->parent.data[number] = c->parent.data[c->parent.data[number]];
    number = c->parent.data[number];
  }
  return number;
}

const FixedBy *channels_fixed(Channels *c, int number) {
  int reason = c->fixed.data[channels_class(c, number)];
  return reason ? &c->reasons.data[reason - 1] : NULL;
}

static void join(Channels *c, int a, int b) {
  a = channels_class(c, a), b = channels_class(c, b);
  if (a == b) return;
  int first = a < b ? a : b, second = a < b ? b : a;
  c->parent.data[second] = first;
  if (!c->fixed.data[first]) c->fixed.data[first] = c->fixed.data[second];
}

static void join_all(Channels *c, int64_t n, const int *a, const int *b) {
  for (int64_t i = 0; i < n; i++) join(c, a[i], b[i]);
}

// ---- axes

static bool is_countable(Dim d) { return dim_is_const(d) && d <= MOST; }

static int *along(const Channels *c, const Value *v, int axis) {
  return v->id < c->n_values && c->axes[v->id] ? c->axes[v->id][axis] : NULL;
}

const int *channels_along(const Channels *c, const Value *v, int axis) { return along(c, v, axis); }

static void set_along(Channels *c, const Value *v, int axis, int *numbers) {
  if (!numbers) return;
  if (!c->axes[v->id]) c->axes[v->id] = arena_array(c->arena, int *, v->type->rank);
  c->axes[v->id][axis] = numbers;
}

static int *fresh(Channels *c, const Value *v, int axis) {
  int64_t n = v->type->dims[axis];
  int *numbers = arena_array(c->arena, int, n);
  for (int64_t i = 0; i < n; i++) {
    numbers[i] = (int)c->parent.len;
    vec_push(&c->parent, numbers[i]);
    vec_push(&c->fixed, 0);
  }
  set_along(c, v, axis, numbers);
  return numbers;
}

// The numbers along a weight's axis, new ones where no layer has given it any.
static int *of_weight(Channels *c, const Value *w, int axis) {
  int *numbers = along(c, w, axis);
  return numbers ? numbers : fresh(c, w, axis);
}

// ---- what stays

static const char *name_of(Channels *c, const Node *n) {
  const char *op = op_info(n->op)->name;
  return n->name ? arena_printf(c->arena, "%s `%s`", op, n->name) : op;
}

static void fix_numbers(Channels *c, const Node *n, const char *why, int64_t count, const int *numbers) {
  int reason = 0;
  for (int64_t i = 0; i < count; i++) {
    int first = channels_class(c, numbers[i]);
    if (c->fixed.data[first]) continue;
    if (!reason) {
      vec_push(&c->reasons, (FixedBy){n, n ? arena_printf(c->arena, "%s %s", name_of(c, n), why) : why});
      reason = (int)c->reasons.len;
    }
    c->fixed.data[first] = reason;
  }
}

// Weights get numbers for that, so that no layer that shares them removes any.
static void fix_axis(Channels *c, const Node *n, const char *why, const Value *v, int axis) {
  int *numbers = v->kind == VALUE_WEIGHT ? of_weight(c, v, axis) : along(c, v, axis);
  if (numbers) fix_numbers(c, n, why, v->type->dims[axis], numbers);
}

static void fix_value(Channels *c, const Node *n, const char *why, const Value *v) {
  for (int i = 0; v && i < v->type->rank; i++) fix_axis(c, n, why, v, i);
}

static void fix_operands(Channels *c, const Node *n, const char *why) {
  for (int i = 0; i < n->n_operands; i++) fix_value(c, n, why, operand(n, i));
}

// ---- what meets

// The axes of two values that are removed from together, the result's among them; a weight takes the other's numbers.
static int *meet(Channels *c, const Node *n, const Value *a, int axis_a, const Value *b, int axis_b) {
  int *x = along(c, a, axis_a), *y = along(c, b, axis_b);
  if (x && y) {
    join_all(c, a->type->dims[axis_a], x, y);
    return x;
  }
  if (x && b->kind == VALUE_WEIGHT) return set_along(c, b, axis_b, x), x;
  if (y && a->kind == VALUE_WEIGHT) return set_along(c, a, axis_a, y), y;
  fix_axis(c, n, "also reads a value that stays whole", a, axis_a);
  fix_axis(c, n, "also reads a value that stays whole", b, axis_b);
  return x ? x : y;
}

// ---- elementwise ops

static void same_axes(Channels *c, const Node *n, const Value *x) {
  for (int i = 0; i < x->type->rank; i++) set_along(c, result(n), i, along(c, x, i));
}

// The operand's axis that is the result's `axis`, also one that is only asserted to be as long; -1: it is broadcast
// along it.
static int broadcast_axis(const Value *v, const Type *to, int axis) {
  int i = axis - (to->rank - v->type->rank);
  return i >= 0 && (v->type->dims[i] == to->dims[axis] || !dim_is_const(v->type->dims[i])) ? i : -1;
}

static void elementwise(Channels *c, const Node *n) {
  const Type *t = result(n)->type;
  for (int i = 0; i < t->rank; i++) {
    const Value *first = NULL; // of those that are not spread along the axis
    int *numbers = NULL, axis = 0, whole = 0;
    for (int k = 0; k < n->n_operands && dim_is_const(t->dims[i]); k++) {
      const Value *v = operand(n, k);
      int at = broadcast_axis(v, t, i);
      if (at < 0) continue;
      numbers = whole++ ? meet(c, n, first, axis, v, at) : along(c, v, at);
      if (!first) first = v, axis = at;
    }
    if (whole == 1 && first->kind == VALUE_WEIGHT) fix_axis(c, n, "needs all of it", first, axis);
    set_along(c, result(n), i, numbers);
  }
}

// ---- ops that work along some axes and leave others

// What the axes become; to[i] < 0: axis i of x is needed whole.
static void carry(Channels *c, const Node *n, const int *to) {
  const Value *x = operand(n, 0);
  for (int i = 0; i < x->type->rank; i++)
    if (to[i] >= 0)
      set_along(c, result(n), to[i], along(c, x, i));
    else
      fix_axis(c, n, "needs all its channels", x, i);
}

// All axes but those of the bits in `whole` stay what they are.
static void carry_but(Channels *c, const Node *n, unsigned whole) {
  int to[MAX_RANK];
  for (int i = 0; i < operand(n, 0)->type->rank; i++) to[i] = whole >> i & 1 ? -1 : i;
  carry(c, n, to);
}

static void mean(Channels *c, const Node *n) {
  const Attr *dim = NODE_ATTR(n, MEAN, dim);
  int to[MAX_RANK], rank = operand(n, 0)->type->rank, kept = 0;
  unsigned reduced = dim->n ? 0 : ~0u;
  for (int i = 0; i < dim->n; i++) reduced |= 1u << dim->ints[i];
  bool keep = NODE_ATTR(n, MEAN, keepdim)->i;
  for (int i = 0; i < rank; i++) {
    to[i] = reduced >> i & 1 ? -1 : keep ? i : kept;
    kept += to[i] >= 0;
  }
  carry(c, n, to);
}

static void permute(Channels *c, const Node *n) {
  int to[MAX_RANK];
  const Attr *dims = NODE_ATTR(n, PERMUTE, dims);
  for (int i = 0; i < dims->n; i++) to[dims->ints[i]] = i;
  carry(c, n, to);
}

static void transpose(Channels *c, const Node *n) {
  int to[MAX_RANK], a = (int)NODE_ATTR(n, TRANSPOSE, dim0)->i, b = (int)NODE_ATTR(n, TRANSPOSE, dim1)->i;
  for (int i = 0; i < operand(n, 0)->type->rank; i++) to[i] = i == a ? b : i == b ? a : i;
  carry(c, n, to);
}

static void move(Channels *c, const Node *n, const Attr *dims) {
  unsigned moved = 0;
  for (int i = 0; i < dims->n; i++) moved |= 1u << dims->ints[i];
  carry_but(c, n, moved);
}

static void pad(Channels *c, const Node *n) {
  const Attr *border = NODE_ATTR(n, PAD, pad);
  unsigned padded = 0;
  for (int i = 0; i < border->n; i++)
    if (border->ints[i]) padded |= 1u << (operand(n, 0)->type->rank - 1 - i / 2);
  carry_but(c, n, padded);
}

// Vectors of a number for each channel, or of one for all.
static void by_channel(Channels *c, const Node *n) {
  const Value *x = operand(n, 0);
  same_axes(c, n, x);
  for (int i = 1; i < n->n_operands; i++) {
    const Value *v = operand(n, i);
    if (v && x->type->rank > 1 && v->type->dims[0] == x->type->dims[1])
      set_along(c, result(n), 1, meet(c, n, x, 1, v, 0));
    else
      fix_value(c, n, "needs all of it", v);
    if (v && v->type->rank && !dim_is_const(v->type->dims[0]))
      fix_value(c, n, "also reads a value that stays whole", x);
  }
}

// ---- parts

static void split(Channels *c, const Node *n) {
  const Value *x = operand(n, 0);
  int axis = (int)NODE_ATTR(n, SPLIT, dim)->i;
  int64_t at = 0;
  for (int k = 0; k < n->n_results; k++) {
    for (int i = 0; i < x->type->rank; i++) {
      int *numbers = along(c, x, i);
      set_along(c, n->results[k], i, numbers && i == axis ? numbers + at : numbers);
    }
    at += n->results[k]->type->dims[axis];
  }
}

static void slice(Channels *c, const Node *n) {
  const Attr *dims = NODE_ATTR(n, SLICE, dims), *starts = NODE_ATTR(n, SLICE, starts),
             *steps = NODE_ATTR(n, SLICE, steps);
  const Value *x = operand(n, 0);
  same_axes(c, n, x);
  for (int i = 0; i < dims->n; i++) {
    int axis = (int)dims->ints[i];
    int *numbers = along(c, x, axis);
    if (!numbers) continue;
    bool plain = dim_is_const(starts->ints[i]) && dim_is_const(result(n)->type->dims[axis]) &&
                 (!steps->n || steps->ints[i] == 1);
    if (!plain) fix_axis(c, n, "takes some of its channels", x, axis);
    c->axes[result(n)->id][axis] = plain ? numbers + starts->ints[i] : NULL;
  }
}

static void concat(Channels *c, const Node *n) {
  const Value *y = result(n);
  int axis = (int)NODE_ATTR(n, CONCAT, dim)->i;
  bool any = false;
  for (int i = 0; i < y->type->rank; i++) {
    for (int k = 0; k < n->n_operands; k++) {
      if (!is_countable(y->type->dims[i]))
        fix_axis(c, n, "joins it along a size that is open or too large", operand(n, k), i);
      else if (i != axis)
        set_along(c, y, i, meet(c, n, operand(n, 0), i, operand(n, k), i));
      else
        any = any || along(c, operand(n, k), axis);
    }
  }
  if (!any) return;
  int *numbers = arena_array(c->arena, int, y->type->dims[axis]);
  int64_t at = 0;
  for (int k = 0; k < n->n_operands; k++) {
    const Value *v = operand(n, k);
    int *part = along(c, v, axis);
    if (!part) fix_numbers(c, n, "joins a value that stays whole", v->type->dims[axis], part = fresh(c, v, axis));
    memcpy(numbers + at, part, sizeof *part * (size_t)v->type->dims[axis]);
    at += v->type->dims[axis];
  }
  set_along(c, y, axis, numbers);
}

// ---- reshapes

typedef struct Axes { // `from` to `to` - 1 of a type
  const Type *t;
  int from, to;
} Axes;

// The only axis that is not 1, the first where all are; -1: there are several.
static int only_axis(const Axes *a) {
  int only = -1;
  for (int i = a->from; i < a->to; i++) {
    if (a->t->dims[i] == 1) continue;
    if (only >= 0) return -1;
    only = i;
  }
  return only < 0 ? a->from : only;
}

// One axis of the result counts all of `from`: its numbers are those of the one numbered axis, each as often as the
// axes behind it are long.
static void merge_axes(Channels *c, const Node *n, const Axes *from, int to) {
  const Value *x = operand(n, 0);
  int numbered = -1;
  bool known = is_countable(result(n)->type->dims[to]);
  int64_t inner = 1;
  for (int i = from->to - 1; i >= from->from; i--) {
    if (along(c, x, i) && numbered < 0)
      numbered = i;
    else if (along(c, x, i))
      known = false;
    if (numbered < 0 && dim_is_const(x->type->dims[i])) inner *= x->type->dims[i];
  }
  if (numbered < 0) return;
  if (!known)
    for (int i = from->from; i < from->to; i++) fix_axis(c, n, "joins its channels with what is not known here", x, i);
  if (!known) return;
  int64_t size = x->type->dims[numbered], whole = result(n)->type->dims[to];
  const int *numbers = along(c, x, numbered);
  int *out = arena_array(c->arena, int, whole);
  for (int64_t k = 0; k < whole; k++) out[k] = numbers[k / inner % size];
  set_along(c, result(n), to, out);
}

// Axes of both sides are taken together as far as their products agree.
static void reshape(Channels *c, const Node *n) {
  DimTable *t = c->m->dims;
  const Type *x = operand(n, 0)->type, *y = result(n)->type;
  Axes from = {x, 0, 0}, to = {y, 0, 0};
  while (from.to < x->rank && to.to < y->rank) {
    Dim a = x->dims[from.to++], b = y->dims[to.to++];
    while (a != b) {
      bool more_x = from.to < x->rank && (to.to == y->rank || dim_le(t, a, b) == 1);
      if (!more_x && to.to == y->rank) break;
      if (more_x)
        a = dim_mul(t, a, x->dims[from.to++]);
      else
        b = dim_mul(t, b, y->dims[to.to++]);
    }
    int only = a == b ? only_axis(&to) : -1;
    if (only >= 0)
      merge_axes(c, n, &from, only);
    else
      for (int i = from.from; i < from.to; i++) fix_axis(c, n, "divides its channels", operand(n, 0), i);
    from.from = from.to, to.from = to.to;
  }
  for (int i = from.to; i < x->rank; i++) fix_axis(c, n, "leaves its channel out", operand(n, 0), i);
}

// One that removes nothing would remove an axis of which a single channel stays.
static void squeeze(Channels *c, const Node *n) {
  if (operand(n, 0)->type->rank == result(n)->type->rank) return fix_operands(c, n, "needs all its channels");
  reshape(c, n);
}

// ---- attention

// A head goes as a whole: its part of q, of k and of v, and what it makes.
static void heads(Channels *c, const Node *n) {
  const Value *x = operand(n, 0), *mask = operand(n, 1);
  int axis = x->type->rank - 1;
  int64_t count = NODE_ATTR(n, ATTENTION_CORE, heads)->i, width = result(n)->type->dims[axis], each = width / count;
  if (mask && mask->type->rank >= 3 && mask->type->dims[mask->type->rank - 3] != 1)
    return fix_operands(c, n, "has a mask for each head");
  carry_but(c, n, 1u << (axis - 1));
  int *parts = along(c, x, axis);
  if (!parts) return;
  for (int64_t i = 0; i < 3 * width; i++) join(c, parts[i], parts[i % width / each * each]);
  set_along(c, result(n), axis, parts + 2 * width);
}

// ---- layers

bool channels_layer(Node *n, ChannelLayer *l) {
  bool transposed = n->op == OP_CONV_TRANSPOSE2D;
  *l = (ChannelLayer){.out = transposed, .in = !transposed};
  return product_of_node(n, &l->p);
}

static int64_t groups_of(const Node *n) {
  return n->op == OP_CONV2D             ? NODE_ATTR(n, CONV2D, groups)->i
         : n->op == OP_CONV_TRANSPOSE2D ? NODE_ATTR(n, CONV_TRANSPOSE2D, groups)->i
                                        : 1;
}

// Each group goes as a whole, with all that it reads and makes.
static void join_groups(Channels *c, const Node *n, const Value *w) {
  const Value *x = operand(n, 0);
  int64_t in = w->type->dims[1], groups = groups_of(n), out = w->type->dims[0] / groups;
  const int *reads = along(c, x, 1), *makes = of_weight(c, w, 0);
  fix_axis(c, n, "is grouped", w, 1);
  for (int64_t g = 0; g < groups; g++) {
    for (int64_t i = 1; i < out; i++) join(c, makes[g * out], makes[g * out + i]);
    for (int64_t i = 0; reads && i < in; i++) join(c, makes[g * out], reads[g * in + i]);
  }
  if (!reads) fix_numbers(c, n, "reads a value that stays whole", w->type->dims[0], makes);
}

// What stands beside the channels: positions, which a window mixes and a linear layer does not.
static void carry_positions(Channels *c, const Node *n) {
  const Value *x = operand(n, 0);
  bool linear = n->op == OP_LINEAR;
  int channels = linear ? x->type->rank - 1 : 1;
  for (int i = 0; i < x->type->rank; i++) {
    if (i == channels) continue;
    if (linear || i == 0)
      set_along(c, result(n), i, along(c, x, i));
    else
      fix_axis(c, n, "needs all of it", x, i);
  }
}

static void layer(Channels *c, const ChannelLayer *l) {
  const Product *p = &l->p;
  const Node *n = p->node;
  const Value *x = operand(n, 0), *w = p->weight->value, *y = result(n);
  if (groups_of(n) > 1 && n->op != OP_CONV2D) return fix_operands(c, n, "is grouped");
  carry_positions(c, n);
  for (int i = 2; i < w->type->rank; i++) fix_axis(c, n, "needs all of it", w, i);
  if (groups_of(n) > 1)
    join_groups(c, n, w);
  else
    meet(c, n, x, n->op == OP_LINEAR ? x->type->rank - 1 : 1, w, l->in);
  set_along(c, y, p->axis, of_weight(c, w, l->out));
  if (p->bias) meet(c, n, y, p->axis, p->bias->value, 0);
  for (int i = 0; p->residual && i < y->type->rank; i++)
    if (dim_is_const(y->type->dims[i])) set_along(c, y, i, meet(c, n, y, i, p->residual, i));
}

// ---- all of it

static bool in_family(const Node *n, const char *family) { return !strcmp(op_info(n->op)->family, family); }

static void visit(Channels *c, Node *n) {
  enum { PIXELS = 1 << 2 | 1 << 3 | 1 << 4 };
  ChannelLayer l;
  if (channels_layer(n, &l)) return layer(c, &l);
  if (n->op == OP_BATCH_NORM || n->op == OP_PRELU) return by_channel(c, n);
  if (in_family(n, "elementwise")) return elementwise(c, n);
  for (int i = 0; i < n->n_operands; i++)
    if (operand(n, i) && operand(n, i)->kind == VALUE_WEIGHT) fix_value(c, n, "needs all of it", operand(n, i));
  if (in_family(n, "pool") && n->n_results == 1) return carry_but(c, n, PIXELS);
  switch (n->op) {
  case OP_INTERPOLATE: return carry_but(c, n, PIXELS);
  case OP_ATTENTION_CORE: return heads(c, n);
  case OP_MEAN: return mean(c, n);
  case OP_SOFTMAX: return carry_but(c, n, 1u << NODE_ATTR(n, SOFTMAX, dim)->i);
  case OP_PERMUTE: return permute(c, n);
  case OP_TRANSPOSE: return transpose(c, n);
  case OP_PAD: return pad(c, n);
  case OP_ROLL: return move(c, n, NODE_ATTR(n, ROLL, dims));
  case OP_FLIP: return move(c, n, NODE_ATTR(n, FLIP, dims));
  case OP_SPLIT: return split(c, n);
  case OP_SLICE: return slice(c, n);
  case OP_CONCAT: return concat(c, n);
  case OP_SQUEEZE: return squeeze(c, n);
  case OP_UNSQUEEZE:
  case OP_RESHAPE:
  case OP_FLATTEN: return reshape(c, n);
  default: return fix_operands(c, n, "needs all its channels");
  }
}

Channels *channels_create(Module *m) {
  Arena *arena = arena_create();
  Channels *c = arena_new(arena, Channels);
  c->m = m;
  c->arena = arena;
  c->n_values = m->n_values;
  c->axes = arena_array(arena, int **, m->n_values);
  for (Node *n = m->first; n; n = n->next) visit(c, n);
  for (size_t i = 0; i < m->outputs.len; i++)
    fix_value(c, NULL, arena_printf(arena, "output `%s` of the model", m->outputs.data[i].name),
              m->outputs.data[i].value);
  return c;
}

void channels_free(Channels *c) {
  vec_free(&c->parent);
  vec_free(&c->fixed);
  vec_free(&c->reasons);
  arena_destroy(c->arena);
}
