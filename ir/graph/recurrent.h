// What the recurrent layers have in common, as tables: shape inference, the reference, passes and writers read them.
#pragma once
#include "ir/graph/graph.h"

// A layer's weights of one direction, in the order of its operands; those of the reverse direction follow.
typedef enum RecurrentWeight { INPUT_WEIGHT, STATE_WEIGHT, INPUT_BIAS, STATE_BIAS, RECURRENT_WEIGHTS } RecurrentWeight;

typedef struct RecurrentCell {
  const char *name; // a choice of `cell`
  OpKind op;        // the layer
  int gates, states, functions;
  int h0, c0, lengths, peepholes; // operands of the layer; -1: it has none such
  int weights;                    // the first of them
} RecurrentCell;

const RecurrentCell *recurrent_cell(OpKind layer);
// That of a layer or of `recurrent`.
const RecurrentCell *recurrent_cell_of(OpKind op, const Attr *attrs);
// The number of the attribute of a layer or of `recurrent` that has this name; -1: it has none such.
int recurrent_attr(OpKind op, const char *name);

typedef struct RecurrentFunction {
  const char *name; // a choice of `gate`
  double alpha, beta;
} RecurrentFunction;

typedef enum RecurrentRole { OF_GATES, OF_CANDIDATE, OF_OUTPUT, RECURRENT_ROLES } RecurrentRole;

// The number of the function that has this role among the cell's, which is that of its alpha and beta; -1: none has.
int recurrent_function_index(const RecurrentCell *cell, RecurrentRole role);
// The attribute that names it.
const char *recurrent_function_attr(OpKind op, RecurrentRole role);
RecurrentFunction recurrent_function(const Node *n, RecurrentRole role);
