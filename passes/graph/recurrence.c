//   %y = lstm %x, _, _, _, _, @w, @r, @b, @d : f32[T, N, 128]
// becomes
//   %1 = add @b, @d : f32[512]
//   %2 = reshape %x {shape=[N*T, 64]} : f32[N*T, 64]
//   %3 = linear %2, @w, %1 : f32[N*T, 512]
//   %4 = reshape %3 {shape=[T, N, 512]} : f32[T, N, 512]
//   %y = recurrent %4, %panels {cell="lstm", hidden_size=128} : f32[T, N, 128]
// where %panels are the rows of @r in the order in which the loop reads them. The directions' weights are joined.
#include "passes/graph/recurrence.h"
#include "ir/core/check.h"
#include "ir/core/checked.h"
#include "ir/graph/recurrent.h"
#include "passes/graph/constant.h"
#include "passes/graph/rewrite.h"
#include <string.h>

typedef struct Layer {
  Module *m;
  Node *n;
  const RecurrentCell *cell;
  int directions;
  int64_t size; // of its state
  bool apart;   // d of GRU's n stays for the loop, which multiplies it by r
} Layer;

static Value *weight(const Layer *l, int direction, RecurrentWeight which) {
  return operand(l->n, l->cell->weights + direction * RECURRENT_WEIGHTS + (int)which);
}

static Value *zeros(const Layer *l, Dim n) {
  return graph_splat(l->m, "zero", type_get(l->m, operand(l->n, 0)->type->dtype, 1, &n), 0)->value;
}

static Value *reshaped(const Layer *l, Value *v, int rank, const Dim *dims) {
  return rewrite_reshape(l->m, l->n, v, type_get(l->m, v->type->dtype, rank, dims));
}

// b + d of a direction; NULL: there is neither.
static Value *bias_of(const Layer *l, int direction) {
  Value *input = weight(l, direction, INPUT_BIAS), *state = weight(l, direction, STATE_BIAS);
  if (state && l->apart) {
    Value *gates = rewrite_slice(l->m, l->n, state, 0, 0, 2 * l->size);
    state = rewrite_concat(l->m, l->n, 2, (Value *[]){gates, zeros(l, l->size)}, 0);
  }
  if (!input || !state) return input ? input : state;
  return rewrite_before(l->m, l->n, OP_ADD, 2, (Value *[]){input, state}, NULL);
}

// One for each direction, one below the other; those that are NULL are zeros of the others' length. NULL: all are.
static Value *joined(const Layer *l, Value **parts) {
  Value *any = parts[0] ? parts[0] : parts[l->directions - 1];
  if (!any) return NULL;
  for (int d = 0; d < l->directions; d++)
    if (!parts[d]) parts[d] = zeros(l, any->type->dims[0]);
  return rewrite_concat(l->m, l->n, l->directions, parts, 0);
}

// All steps of all samples as rows of one matrix: register tiles then cross from one step to the next.
static Value *input_gates(const Layer *l) {
  Value *weights[2], *biases[2];
  for (int d = 0; d < l->directions; d++) weights[d] = weight(l, d, INPUT_WEIGHT), biases[d] = bias_of(l, d);
  const Dim *t = operand(l->n, 0)->type->dims;
  Value *rows = reshaped(l, operand(l->n, 0), 2, (Dim[]){dim_mul(l->m->dims, t[0], t[1]), t[2]});
  Value *operands[] = {rows, joined(l, weights), joined(l, biases)};
  const char *name = rewrite_name(l->m, l->n->name, "input");
  Value *gates = rewrite_named(l->m, l->n, name, OP_LINEAR, 3, operands, NULL);
  return reshaped(l, gates, 3, (Dim[]){t[0], t[1], gates->type->dims[1]});
}

// R [gates size, size] as [1, size / 16, gates, size, 16].
static Value *panels_of(const Layer *l, int direction) {
  int64_t H = l->size, U = ceil_div(H, 16), G = l->cell->gates, rest = U * 16 - H;
  Value *v = reshaped(l, weight(l, direction, STATE_WEIGHT), 3, (Dim[]){G, H, H});
  if (rest) {
    Attr *attrs = rewrite_attrs(l->m, OP_PAD);
    attrs[ATTR_PAD_pad] = rewrite_ints(l->m, ATTR_INTS, 6, (int64_t[]){0, 0, 0, rest, 0, 0});
    v = rewrite_before(l->m, l->n, OP_PAD, 1, &v, attrs);
  }
  v = rewrite_permute(l->m, l->n, reshaped(l, v, 4, (Dim[]){G, U, 16, H}), (int64_t[]){1, 0, 3, 2});
  return reshaped(l, v, 5, (Dim[]){1, U, G, H, 16});
}

static Value *panels(const Layer *l) {
  Value *parts[2];
  for (int d = 0; d < l->directions; d++) parts[d] = panels_of(l, d);
  return rewrite_concat(l->m, l->n, l->directions, parts, 0);
}

// d of GRU's n, [directions, size].
static Value *candidate_bias(const Layer *l) {
  Value *parts[2];
  for (int d = 0; d < l->directions; d++) {
    Value *state = l->apart ? weight(l, d, STATE_BIAS) : NULL;
    parts[d] = state ? rewrite_slice(l->m, l->n, state, 0, 2 * l->size, 3 * l->size) : NULL;
  }
  Value *all = joined(l, parts);
  return all ? reshaped(l, all, 2, (Dim[]){l->directions, l->size}) : NULL;
}

// What the layer and the loop both have goes by its name.
static Attr *attributes(const Layer *l) {
  Attr *attrs = rewrite_attrs(l->m, OP_RECURRENT);
  for (int i = 0; i < op_info(l->n->op)->n_attrs; i++) {
    const char *name = op_attr(l->n->op, i)->name;
    if (!strcmp(name, "nonlinearity")) name = "candidate";
    attrs[recurrent_attr(OP_RECURRENT, name)] = l->n->attrs[i];
  }
  attrs[ATTR_RECURRENT_cell] = (Attr){.kind = ATTR_ENUM, .s = intern(l->m->names, l->cell->name)};
  attrs[ATTR_RECURRENT_hidden_size] = (Attr){.kind = ATTR_INT, .i = l->size};
  return attrs;
}

// What was made of weights alone, between the two nodes, becomes weights: layers of constants stay such.
static bool fold_weights(Module *m, Diag *d, const Node *before, const Node *last) {
  bool ok = true;
  for (Node *n = before ? before->next : m->first, *next; ok && n != last; n = next) {
    next = n->next;
    if (n->op != OP_LINEAR && constant_reads_weights(n)) ok = constant_fold(m, d, n);
  }
  graph_drop_unused_weights(m);
  return ok;
}

bool recurrence_decompose(Module *m, Diag *d, Node *n) {
  const Node *before = n->prev;
  const RecurrentCell *cell = recurrent_cell(n->op);
  Layer l = {.m = m, .n = n, .cell = cell, .size = operand(n, cell->weights + STATE_WEIGHT)->type->dims[1]};
  l.directions = operand(n, cell->weights + RECURRENT_WEIGHTS) ? 2 : 1;
  l.apart = n->op == OP_GRU && NODE_ATTR(n, GRU, reset_after)->i;
  Value *operands[IN_RECURRENT_peepholes + 1] = {[IN_RECURRENT_x] = input_gates(&l),
                                                 [IN_RECURRENT_weight] = panels(&l),
                                                 [IN_RECURRENT_bias] = candidate_bias(&l),
                                                 [IN_RECURRENT_h0] = operand(n, cell->h0),
                                                 [IN_RECURRENT_lengths] = operand(n, cell->lengths)};
  if (cell->c0 >= 0) operands[IN_RECURRENT_c0] = operand(n, cell->c0);
  if (cell->peepholes >= 0) operands[IN_RECURRENT_peepholes] = operand(n, cell->peepholes);
  Node *loop = rewrite_before(m, n, OP_RECURRENT, IN_RECURRENT_peepholes + 1, operands, attributes(&l))->node;
  rewrite_replace_node(m, n, loop);
  return fold_weights(m, d, before, loop);
}
