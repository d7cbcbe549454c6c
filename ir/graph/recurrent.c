#include "ir/graph/recurrent.h"
#include "ir/core/check.h"
#include <string.h>

static const RecurrentCell cells[] = {
    {"lstm", OP_LSTM, 4, 2, 3, IN_LSTM_h0, IN_LSTM_c0, IN_LSTM_lengths, IN_LSTM_peepholes, IN_LSTM_weight_ih},
    {"gru", OP_GRU, 3, 1, 2, IN_GRU_h0, -1, IN_GRU_lengths, -1, IN_GRU_weight_ih},
    {"rnn", OP_RNN, 1, 1, 1, IN_RNN_h0, -1, IN_RNN_lengths, -1, IN_RNN_weight_ih},
};
enum { CELLS = sizeof cells / sizeof *cells };

const RecurrentCell *recurrent_cell(OpKind layer) {
  for (int i = 0; i < CELLS; i++)
    if (cells[i].op == layer) return &cells[i];
  UNREACHABLE("%s is no recurrent layer", op_info(layer)->name);
}

const RecurrentCell *recurrent_cell_of(OpKind op, const Attr *attrs) {
  if (op != OP_RECURRENT) return recurrent_cell(op);
  const char *name = attrs[ATTR_RECURRENT_cell].s;
  for (int i = 0; i < CELLS; i++)
    if (!strcmp(cells[i].name, name)) return &cells[i];
  UNREACHABLE("no cell is called %s", name);
}

int recurrent_attr(OpKind op, const char *name) {
  for (int i = 0; i < op_info(op)->n_attrs; i++)
    if (!strcmp(op_attr(op, i)->name, name)) return i;
  return -1;
}

int recurrent_function_index(const RecurrentCell *cell, RecurrentRole role) {
  int index = cell->functions == 1 ? (int)role - OF_CANDIDATE : (int)role;
  return index < cell->functions ? index : -1;
}

const char *recurrent_function_attr(OpKind op, RecurrentRole role) {
  static const char *const names[RECURRENT_ROLES] = {"gate", "candidate", "output"};
  return op == OP_RNN ? "nonlinearity" : names[role];
}

RecurrentFunction recurrent_function(const Node *n, RecurrentRole role) {
  int index = recurrent_function_index(recurrent_cell_of(n->op, n->attrs), role);
  int name = recurrent_attr(n->op, recurrent_function_attr(n->op, role));
  CHECK(name >= 0 && index >= 0, "%s has no such function", op_info(n->op)->name);
  const Attr *alpha = &n->attrs[recurrent_attr(n->op, "alpha")], *beta = &n->attrs[recurrent_attr(n->op, "beta")];
  RecurrentFunction f = {.name = n->attrs[name].s};
  bool hard = !strcmp(f.name, "hard_sigmoid"), leaky = !strcmp(f.name, "leaky_relu");
  f.alpha = alpha->n ? alpha->floats[index] : hard ? 0.2 : leaky ? 0.01 : 1; // ONNX's defaults
  f.beta = beta->n ? beta->floats[index] : hard ? 0.5 : 0;
  return f;
}
